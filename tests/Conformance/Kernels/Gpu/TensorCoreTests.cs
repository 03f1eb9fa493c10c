using System.Reflection;
using System.Text.RegularExpressions;
using CnnSharp.Kernels.Gpu;
using ILGPU;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>The kernels of the tensor cores, compiled to PTX for compute capability 8.0; that takes no device.</summary>
public sealed partial class TensorCoreTests
{
    /// <summary>
    /// A tile's 16 or 32 multiplications and 12 128-bit reads of shared memory; copies to it that pass no register, but ahead of compute
    /// capability 8.0; no local memory (as inline assembly would use), no call, and tiles within the 48 KB that ILGPU's launcher allows.
    /// </summary>
    [Fact]
    public void KernelsAreTensorCoreInstructions()
    {
        using var context = Context.Create(builder => Accelerators.Configure(builder));
        Operands<TensorCoreTf32>(context, "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", 32, 0);
        Operands<TensorCoreBf16>(context, "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", 16, 24);
    }

    /// <summary>Factors that are pairs of bfloat16 already: nothing is converted, and a tile's 32 multiplications take 12 reads of four matrices each, turned where pairs lie across the rows.</summary>
    [Fact]
    public void PairsAreMultipliedAsTheyAre()
    {
        using var context = Context.Create(builder => Accelerators.Configure(builder));
        Words<WarpTile128x128, Patches<Vectors>, RowMatrix<Vectors>, RowResults<Vectors>>(context);
        Words<WarpTile128x64, Patches<Vectors>, TurnedTapWeights<Vectors>, PixelResults<Vectors>>(context);
        Words<WarpTile128x32, Patches<Vectors>, RowMatrix<Vectors>, RowResults<Vectors>>(context);
        Words<WarpTile128x128, PatchColumns<Vectors>, ColumnMatrix<Vectors>, PartialResults>(context);
        Words<WarpTile64x64, PatchColumns<Vectors>, ColumnMatrix<Vectors>, WeightResults<Vectors>>(context);
    }

    /// <summary>Older devices copy through registers, at once.</summary>
    [Fact]
    public void OlderDevicesCopyAtOnce()
    {
        using var context = Context.Create(builder => Accelerators.Configure(builder));
        var method = ((Action<Patches<Vectors>, ColumnMatrix<Scalars>, RowResults<Vectors>, GemmShape>)Gemm.Multiply<Tile128x64, Patches<Vectors>, ColumnMatrix<Scalars>, RowResults<Vectors>>).Method;
        var ptx = Ptx(context, CudaArchitecture.SM_75, method);
        Assert.DoesNotContain("cp.async", ptx, StringComparison.Ordinal);

        // 4 quads of the left tile and 2 x 4 floats of the right one, ahead of the loop and in it.
        Assert.Equal(2 * 4, Count(ptx, "st.shared.v4.b32"));
        Assert.Equal(2 * 8, Count(ptx, "st.shared.b32"));
        Assert.Equal(2 * 4, Count(ptx, "ld.global.v4.b32"));
        Assert.Equal(2 * 8, Count(ptx, "ld.global.b32"));
    }

    // Forward; backward-data; backward-weights, in parts; matrix products.
    static void Operands<TMma>(Context context, string multiply, int multiplications, int conversions)
        where TMma : struct, IMma
    {
        Compile<WarpTile128x128, TMma, Patches<Vectors>, ColumnMatrix<Vectors>, RowResults<Vectors>>(context, multiply, multiplications, conversions);
        Compile<WarpTile128x128, TMma, Patches<Vectors>, TurnedTapWeights<Vectors>, PixelResults<Vectors>>(context, multiply, multiplications, conversions);
        Compile<WarpTile128x128, TMma, PatchColumns<Vectors>, ColumnMatrix<Vectors>, PartialResults>(context, multiply, multiplications, conversions);
        Compile<WarpTile128x64, TMma, RowMatrix<Vectors>, ColumnMatrix<Vectors>, RowResults<Vectors>>(context, multiply, multiplications, conversions);
        Compile<WarpTile64x64, TMma, ColumnMatrix<Scalars>, RowMatrix<Scalars>, RowResults<Scalars>>(context, multiply, multiplications, conversions);
    }

    static void Compile<TTile, TMma, TLeft, TRight, TResults>(Context context, string multiply, int multiplications, int conversions)
        where TTile : struct, IWarpTile
        where TMma : struct, IMma
        where TLeft : struct, IOperand
        where TRight : struct, IOperand
        where TResults : struct, IResults
    {
        var ptx = Ptx(context, CudaArchitecture.SM_80, ((Action<TLeft, TRight, TResults, GemmShape>)MmaGemm.Multiply<TTile, TMma, TLeft, TRight, TResults>).Method);
        Assert.Equal(multiplications, Count(ptx, multiply));
        Assert.Equal(conversions, Count(ptx, "cvt.rn.bf16x2.f32"));
        Assert.Equal(12, Count(ptx, "ld.shared.v4.f32"));
        Assert.Equal(12, Count(ptx, "ld.shared"));
        Copies<TTile, TLeft>(ptx);
    }

    static void Words<TTile, TLeft, TRight, TResults>(Context context)
        where TTile : struct, IWarpTile
        where TLeft : struct, IOperand
        where TRight : struct, IOperand
        where TResults : struct, IResults
    {
        var ptx = Ptx(context, CudaArchitecture.SM_80, ((Action<TLeft, TRight, TResults, GemmShape>)MmaGemm.Multiply<TTile, TensorCoreBf16Pairs, TLeft, TRight, TResults>).Method);
        Assert.Equal(32, Count(ptx, "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"));
        Assert.Equal(12, Count(ptx, default(TLeft).AlongDepth ? "ldmatrix.sync.aligned.m8n8.x4.shared.b16" : "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16"));
        Assert.Equal(0, Count(ptx, "cvt.rn.bf16x2.f32"));
        Assert.Equal(0, Count(ptx, "ld.shared"));
        Copies<TTile, TLeft>(ptx);
    }

    static void Copies<TTile, TLeft>(string ptx)
        where TTile : struct, IWarpTile
        where TLeft : struct, IOperand
    {
        Assert.Equal(0, Count(ptx, "st.shared"));

        // Ahead of the loop (itself a loop) and in it.
        var quads = SharedTile.Floats(MmaGemm.Rows<TTile>() + MmaGemm.Columns<TTile>()) / 4 / MmaGemm.Threads<TTile>();
        var isScalar = typeof(TLeft) == typeof(ColumnMatrix<Scalars>);
        Assert.Equal(2 * quads * (isScalar ? 4 : 1), Count(ptx, isScalar ? "cp.async.ca" : "cp.async.cg"));
        Assert.Equal(0, Count(ptx, ".local"));
        Assert.Equal(0, Count(ptx, "call"));
        Assert.InRange(SharedAllocation().Matches(ptx).Sum(match => int.Parse(match.Groups[1].Value, null)), 1, 48 * 1024);
    }

    static string Ptx(Context context, CudaArchitecture architecture, MethodInfo kernel)
    {
        using var backend = new PTXBackend(context, new CudaCapabilityContext(architecture), architecture, CudaInstructionSet.ISA_80, null);
        return ((PTXCompiledKernel)backend.Compile(EntryPointDescription.FromExplicitlyGroupedKernel(kernel), KernelSpecialization.Empty)).PTXAssembly;
    }

    static int Count(string ptx, string text) => ptx.Split(text).Length - 1;

    [GeneratedRegex(@"\.shared \.align \d+ \.b8 \w+\[(\d+)\]")]
    private static partial Regex SharedAllocation();
}
