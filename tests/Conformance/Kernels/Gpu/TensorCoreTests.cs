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
    /// A tile's 32 multiplications and 12 128-bit reads of shared memory, no local memory (as inline assembly would use), no
    /// call, and tiles within the 48 KB that ILGPU's launcher allows.
    /// </summary>
    [Fact]
    public void KernelsAreTensorCoreInstructions()
    {
        using var context = Context.Create(builder => Accelerators.Configure(builder).EnableTensorCores());
        using var backend = new PTXBackend(context, new CudaCapabilityContext(CudaArchitecture.SM_80), CudaArchitecture.SM_80, CudaInstructionSet.ISA_80, null);
        Operands<TensorCoreTf32>(backend, "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", "cvt.rna.tf32.f32");
        Operands<TensorCoreBf16>(backend, "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", "cvt.rn.bf16x2.f32");
    }

    // Forward; backward-data; backward-weights, in parts; matrix products.
    static void Operands<TMma>(PTXBackend backend, string multiply, string convert)
        where TMma : struct, IMma
    {
        Compile<WarpTile128x128, TMma, Patches<Vectors>, TapWeights<Vectors>, RowResults<Vectors>>(backend, multiply, convert);
        Compile<WarpTile128x128, TMma, Patches<Vectors>, TurnedTapWeights<Vectors>, PixelResults<Vectors>>(backend, multiply, convert);
        Compile<WarpTile128x128, TMma, PatchColumns<Vectors>, ColumnMatrix<Vectors>, PartialResults>(backend, multiply, convert);
        Compile<WarpTile128x64, TMma, RowMatrix<Vectors>, ColumnMatrix<Vectors>, RowResults<Vectors>>(backend, multiply, convert);
        Compile<WarpTile64x64, TMma, ColumnMatrix<Scalars>, RowMatrix<Scalars>, RowResults<Scalars>>(backend, multiply, convert);
    }

    static void Compile<TTile, TMma, TLeft, TRight, TResults>(PTXBackend backend, string multiply, string convert)
        where TTile : struct, IWarpTile
        where TMma : struct, IMma
        where TLeft : struct, IOperand
        where TRight : struct, IOperand
        where TResults : struct, IResults
    {
        var method = ((Action<TLeft, TRight, TResults, GemmShape>)MmaGemm.Multiply<TTile, TMma, TLeft, TRight, TResults>).Method;
        var ptx = ((PTXCompiledKernel)backend.Compile(EntryPointDescription.FromExplicitlyGroupedKernel(method), KernelSpecialization.Empty)).PTXAssembly;

        // A thread rounds four words a quad; its quads are the tile's over the threads, written once ahead of the loop and once in it.
        var words = 4 * MmaGemm.Words / 4 * (MmaGemm.Rows<TTile>() + MmaGemm.Columns<TTile>()) / MmaGemm.Threads<TTile>();
        Assert.Equal(32, Count(multiply));
        Assert.Equal(2 * words, Count(convert));
        Assert.Equal(12, Count("ld.shared.v4.b32"));
        Assert.Equal(12, Count("ld.shared"));
        Assert.Equal(2 * words / 4, Count("st.shared.v4.b32"));
        Assert.Equal(2 * words / 4, Count("st.shared"));
        Assert.Equal(0, Count(".local"));
        Assert.Equal(0, Count("call"));
        Assert.InRange(SharedAllocation().Matches(ptx).Sum(match => int.Parse(match.Groups[1].Value, null)), 1, 48 * 1024);

        int Count(string text) => ptx.Split(text).Length - 1;
    }

    [GeneratedRegex(@"\.shared \.align \d+ \.b8 \w+\[(\d+)\]")]
    private static partial Regex SharedAllocation();
}
