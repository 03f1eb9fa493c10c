using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using ILGPU;
using ILGPU.Backends;
using ILGPU.Backends.PTX;
using ILGPU.IR;
using ILGPU.IR.Intrinsics;
using ILGPU.IR.Values;

namespace CnnSharp.Kernels.Gpu;

/// <summary>
/// Instructions of CUDA's tensor cores, as functions that ILGPU compiles to one line of PTX each. (Inline assembly by
/// <c>CudaAsm.EmitRef</c> takes its operands by address, and so puts each into local memory first.) They exist in PTX alone.
/// </summary>
static class TensorCores
{
    const string PtxOnly = "Tensor cores are used by kernels compiled for CUDA only.";

    /// <summary>Makes the functions known to a context, ahead of its accelerators.</summary>
    [DynamicDependency(DynamicallyAccessedMemberTypes.NonPublicMethods, typeof(TensorCores))] // the handlers, by name
    public static Context.Builder EnableTensorCores(this Context.Builder builder)
    {
        Register(nameof(RoundTf32), nameof(EmitRoundTf32));
        Register(nameof(PackBf16), nameof(EmitPackBf16));
        Register(nameof(MultiplyTf32), nameof(EmitMultiplyTf32));
        Register(nameof(MultiplyBf16), nameof(EmitMultiplyBf16));
        return builder;

        void Register(string function, string handler)
            => builder.GetIntrinsicManager().RegisterMethod(
                typeof(TensorCores).GetMethod(function, BindingFlags.Static | BindingFlags.Public)!,
                new PTXIntrinsic(typeof(TensorCores), handler, IntrinsicImplementationMode.GenerateCode));
    }

    /// <summary>TensorFloat-32, to the nearest, halves away from zero.</summary>
    [IntrinsicImplementation]
    public static uint RoundTf32(float value) => throw new NotSupportedException(PtxOnly);

    /// <summary>Two bfloat16, to the nearest, halves to even.</summary>
    [IntrinsicImplementation]
    public static uint PackBf16(float low, float high) => throw new NotSupportedException(PtxOnly);

    /// <summary>c + a b of a warp, 16 x 8 x 8: see <see cref="IMma"/> for who holds what.</summary>
    [IntrinsicImplementation]
    public static Float4 MultiplyTf32(float c0, float c1, float c2, float c3, uint a0, uint a1, uint a2, uint a3, uint b0, uint b1) => throw new NotSupportedException(PtxOnly);

    /// <summary>c + a b of a warp, 16 x 8 x 16.</summary>
    [IntrinsicImplementation]
    public static Float4 MultiplyBf16(float c0, float c1, float c2, float c3, uint a0, uint a1, uint a2, uint a3, uint b0, uint b1) => throw new NotSupportedException(PtxOnly);

    static void EmitRoundTf32(PTXBackend backend, PTXCodeGenerator generator, Value call) => EmitConversion(generator, call, "cvt.rna.tf32.f32");

    // The first operand becomes the upper half.
    static void EmitPackBf16(PTXBackend backend, PTXCodeGenerator generator, Value call) => EmitConversion(generator, call, "cvt.rn.bf16x2.f32");

    static void EmitMultiplyTf32(PTXBackend backend, PTXCodeGenerator generator, Value call) => EmitMultiply(generator, call, "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32");

    static void EmitMultiplyBf16(PTXBackend backend, PTXCodeGenerator generator, Value call) => EmitMultiply(generator, call, "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32");

    static void EmitConversion(PTXCodeGenerator generator, Value call, string instruction)
    {
        var operands = Operands(generator, call);
        Array.Reverse(operands);
        var result = generator.AllocateHardware(call);
        using var command = generator.BeginCommand(instruction);
        command.AppendArgument(result);
        foreach (var operand in operands) command.AppendArgument(operand);
    }

    static void EmitMultiply(PTXCodeGenerator generator, Value call, string instruction)
    {
        var operands = Operands(generator, call);
        var result = ((RegisterAllocator<PTXRegisterKind>.CompoundRegister)generator.Allocate(call)).SliceAs<RegisterAllocator<PTXRegisterKind>.PrimitiveRegister>(0, 4);
        using var command = generator.BeginCommand(instruction);
        command.AppendVectorArgument(result);
        command.AppendVectorArgument(operands[4..8]);
        command.AppendVectorArgument(operands[8..10]);
        command.AppendVectorArgument(operands[..4]);
    }

    /// <summary>The call's arguments in registers: these instructions take no constants.</summary>
    static RegisterAllocator<PTXRegisterKind>.PrimitiveRegister[] Operands(PTXCodeGenerator generator, Value call)
    {
        var operands = new RegisterAllocator<PTXRegisterKind>.PrimitiveRegister[call.Count];
        for (var i = 0; i < operands.Length; i++) operands[i] = generator.EnsureHardwareRegister(generator.LoadPrimitive(call[i]));
        return operands;
    }
}

/// <summary>TensorFloat-32 on tensor cores.</summary>
readonly struct TensorCoreTf32 : IMma
{
    public int WordDepth => 1;

    public uint Word(float low, float high) => TensorCores.RoundTf32(low);

    public ArrayView<float> Scratch(int warps) => default;

    public Float4 Multiply(Float4 c, Word4 a, uint b0, uint b1, ArrayView<float> scratch) => TensorCores.MultiplyTf32(c.X, c.Y, c.Z, c.W, a.X, a.Y, a.Z, a.W, b0, b1);
}

/// <summary>bfloat16 on tensor cores.</summary>
readonly struct TensorCoreBf16 : IMma
{
    public int WordDepth => 2;

    public uint Word(float low, float high) => TensorCores.PackBf16(low, high);

    public ArrayView<float> Scratch(int warps) => default;

    public Float4 Multiply(Float4 c, Word4 a, uint b0, uint b1, ArrayView<float> scratch) => TensorCores.MultiplyBf16(c.X, c.Y, c.Z, c.W, a.X, a.Y, a.Z, a.W, b0, b1);
}
