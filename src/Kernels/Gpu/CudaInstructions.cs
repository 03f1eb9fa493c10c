using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using ILGPU;
using ILGPU.Backends;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.IR;
using ILGPU.IR.Intrinsics;
using ILGPU.IR.Values;
using ILGPU.Runtime.Cuda;
using HardwareRegister = ILGPU.Backends.RegisterAllocator<ILGPU.Backends.PTX.PTXRegisterKind>.HardwareRegister;
using PrimitiveRegister = ILGPU.Backends.RegisterAllocator<ILGPU.Backends.PTX.PTXRegisterKind>.PrimitiveRegister;

namespace CnnSharp.Kernels.Gpu;

/// <summary>
/// Instructions of CUDA devices that ILGPU has no name for, as functions that it compiles to a line or two of PTX each. (Inline assembly by
/// <c>CudaAsm.EmitRef</c> takes its operands by address, and so puts each into local memory first.) Those of the tensor cores exist in PTX
/// alone; copies are plain ones on other accelerators.
/// </summary>
static class CudaInstructions
{
    const string PtxOnly = "This instruction is of kernels compiled for CUDA only.";

    /// <summary>Makes the functions known to a context, ahead of its accelerators.</summary>
    [DynamicDependency(DynamicallyAccessedMemberTypes.NonPublicMethods, typeof(CudaInstructions))] // the handlers, by name
    public static Context.Builder EnableCudaInstructions(this Context.Builder builder)
    {
        Register(nameof(PackBf16), nameof(EmitPackBf16));
        Register(nameof(MultiplyTf32), nameof(EmitMultiplyTf32));
        Register(nameof(MultiplyBf16), nameof(EmitMultiplyBf16));
        Register(nameof(LoadMatrices), nameof(EmitLoadMatrices));
        Register(nameof(LoadTurned), nameof(EmitLoadTurned));
        Register(nameof(CopyQuad), nameof(EmitCopyQuad), nameof(CopyQuadAtOnce));
        Register(nameof(CopyFloat), nameof(EmitCopyFloat), nameof(CopyFloatAtOnce));
        Register(nameof(EndCopies), nameof(EmitEndCopies), nameof(NoCopiesToEnd));
        Register(nameof(WaitForCopies), nameof(EmitWaitForCopies), nameof(NoCopiesToWaitFor));
        Register(nameof(WaitForCopiesButLast), nameof(EmitWaitForCopiesButLast), nameof(NoCopiesButLast));
        return builder;

        void Register(string function, string handler, string? elsewhere = null)
        {
            var method = typeof(CudaInstructions).GetMethod(function, BindingFlags.Static | BindingFlags.Public)!;
            builder.GetIntrinsicManager().RegisterMethod(method, new PTXIntrinsic(typeof(CudaInstructions), handler, IntrinsicImplementationMode.GenerateCode));
            if (elsewhere is not null) builder.GetIntrinsicManager().RegisterMethod(method, new CLIntrinsic(typeof(CudaInstructions), elsewhere, IntrinsicImplementationMode.Redirect));
        }
    }

    // ---- Tensor cores (compute capability 8.0) ---------------------------------------------------------------------

    /// <summary>Two bfloat16, to the nearest, halves to even.</summary>
    [IntrinsicImplementation]
    public static uint PackBf16(float low, float high) => throw new NotSupportedException(PtxOnly);

    /// <summary>c + a b of a warp, 16 x 8 x 8: see <see cref="IMma"/> for who holds what.</summary>
    [IntrinsicImplementation]
    public static Float4 MultiplyTf32(float c0, float c1, float c2, float c3, uint a0, uint a1, uint a2, uint a3, uint b0, uint b1) => throw new NotSupportedException(PtxOnly);

    /// <summary>c + a b of a warp, 16 x 8 x 16.</summary>
    [IntrinsicImplementation]
    public static Float4 MultiplyBf16(float c0, float c1, float c2, float c3, uint a0, uint a1, uint a2, uint a3, uint b0, uint b1) => throw new NotSupportedException(PtxOnly);

    /// <summary>Four matrices of 8 rows of four words from shared memory. Lane l names row l mod 8 of matrix l / 8; lane (g, t) gets word t of row g of each.</summary>
    [IntrinsicImplementation]
    public static Word4 LoadMatrices(ref Float4 row) => throw new NotSupportedException(PtxOnly);

    /// <summary>The same with words taken apart and the matrices turned: lane (g, t) gets of each the halves of rows 2t and 2t + 1 in column g of eight.</summary>
    [IntrinsicImplementation]
    public static Word4 LoadTurned(ref Float4 row) => throw new NotSupportedException(PtxOnly);

    static void EmitLoadMatrices(PTXBackend backend, PTXCodeGenerator generator, Value call) => EmitLoad(generator, call, "ldmatrix.sync.aligned.m8n8.x4.shared.b16");

    static void EmitLoadTurned(PTXBackend backend, PTXCodeGenerator generator, Value call) => EmitLoad(generator, call, "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16");

    static void EmitLoad(PTXCodeGenerator generator, Value call, string instruction)
    {
        var given = Operand(generator, call[0]);
        var address = generator.AllocatePlatformRegister(out _);
        using (var convert = generator.BeginCommand("cvta.to.shared.u64"))
        {
            convert.AppendArgument(address);
            convert.AppendArgument(given);
        }

        var result = ((RegisterAllocator<PTXRegisterKind>.CompoundRegister)generator.Allocate(call)).SliceAs<PrimitiveRegister>(0, 4);
        using (var command = generator.BeginCommand(instruction))
        {
            command.AppendVectorArgument(result);
            command.AppendArgumentValue(address);
        }

        generator.FreeRegister(address);
    }

    static void EmitMultiplyTf32(PTXBackend backend, PTXCodeGenerator generator, Value call) => EmitMultiply(generator, call, "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32");

    static void EmitMultiplyBf16(PTXBackend backend, PTXCodeGenerator generator, Value call) => EmitMultiply(generator, call, "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32");

    static void EmitPackBf16(PTXBackend backend, PTXCodeGenerator generator, Value call)
    {
        var operands = Operands(generator, call);
        using var command = generator.BeginCommand("cvt.rn.bf16x2.f32");
        command.AppendArgument(generator.AllocateHardware(call));

        // The first becomes the upper half.
        command.AppendArgument(operands[1]);
        command.AppendArgument(operands[0]);
    }

    static void EmitMultiply(PTXCodeGenerator generator, Value call, string instruction)
    {
        var operands = Operands(generator, call);
        var result = ((RegisterAllocator<PTXRegisterKind>.CompoundRegister)generator.Allocate(call)).SliceAs<PrimitiveRegister>(0, 4);
        using var command = generator.BeginCommand(instruction);
        command.AppendVectorArgument(result);
        command.AppendVectorArgument(operands[4..8]);
        command.AppendVectorArgument(operands[8..10]);
        command.AppendVectorArgument(operands[..4]);
    }

    // ---- Copies from global to shared memory that the thread does not wait for; ahead of compute capability 8.0 it does ----

    /// <summary>Begins to copy 16 bytes; of them <paramref name="bytes"/>, 16 or 0, are read, the others become 0. Both addresses are multiples of 16.</summary>
    [IntrinsicImplementation]
    public static void CopyQuad(ref Float4 target, ref Float4 source, int bytes) => CopyQuadAtOnce(ref target, ref source, bytes);

    /// <summary>Begins to copy 4 bytes; of them <paramref name="bytes"/>, 4 or 0, are read, the others become 0.</summary>
    [IntrinsicImplementation]
    public static void CopyFloat(ref float target, ref float source, int bytes) => CopyFloatAtOnce(ref target, ref source, bytes);

    /// <summary>Ends a batch of copies.</summary>
    [IntrinsicImplementation]
    public static void EndCopies() => NoCopiesToEnd();

    /// <summary>Waits for all of the thread's copies.</summary>
    [IntrinsicImplementation]
    public static void WaitForCopies() => NoCopiesToWaitFor();

    /// <summary>Waits for all of the thread's copies but those of the last batch.</summary>
    [IntrinsicImplementation]
    public static void WaitForCopiesButLast() => NoCopiesButLast();

    static void CopyQuadAtOnce(ref Float4 target, ref Float4 source, int bytes) => target = bytes == 0 ? default : source;

    static void CopyFloatAtOnce(ref float target, ref float source, int bytes) => target = bytes == 0 ? 0 : source;

    // One each, as ILGPU takes a function in place of one instruction only.
    static void NoCopiesToEnd()
    {
    }

    static void NoCopiesToWaitFor()
    {
    }

    static void NoCopiesButLast()
    {
    }

    // Past the L1, as nothing is read twice by a group but from shared memory.
    static void EmitCopyQuad(PTXBackend backend, PTXCodeGenerator generator, Value call) => EmitCopy(backend, generator, call, "cp.async.cg.shared.global", 16);

    static void EmitCopyFloat(PTXBackend backend, PTXCodeGenerator generator, Value call) => EmitCopy(backend, generator, call, "cp.async.ca.shared.global", 4);

    static void EmitEndCopies(PTXBackend backend, PTXCodeGenerator generator, Value call) 
    {
        if (backend.Architecture >= CudaArchitecture.SM_80) generator.Command("cp.async.commit_group");
    }

    static void EmitWaitForCopies(PTXBackend backend, PTXCodeGenerator generator, Value call) => EmitWait(backend, generator, 0);

    static void EmitWaitForCopiesButLast(PTXBackend backend, PTXCodeGenerator generator, Value call) => EmitWait(backend, generator, 1);

    static void EmitWait(PTXBackend backend, PTXCodeGenerator generator, int batches)
    {
        if (backend.Architecture < CudaArchitecture.SM_80) return;
        using var command = generator.BeginCommand("cp.async.wait_group");
        command.AppendConstant((long)batches);
    }

    static void EmitCopy(PTXBackend backend, PTXCodeGenerator generator, Value call, string instruction, int bytes)
    {
        var (given, source, count) = (Operand(generator, call[0]), Operand(generator, call[1]), Operand(generator, call[2]));

        // Arguments by reference are generic addresses; that of global memory is the same there.
        var target = generator.AllocatePlatformRegister(out _);
        using (var convert = generator.BeginCommand("cvta.to.shared.u64"))
        {
            convert.AppendArgument(target);
            convert.AppendArgument(given);
        }

        if (backend.Architecture >= CudaArchitecture.SM_80)
        {
            using var command = generator.BeginCommand(instruction);
            command.AppendArgumentValue(target);
            command.AppendArgumentValue(source);
            command.AppendConstant((long)bytes);
            command.AppendArgument(count);
        }
        else
        {
            EmitCopyAtOnce(generator, target, source, count, bytes / 4);
        }

        generator.FreeRegister(target);
    }

    /// <summary>What older devices do instead: a load, if anything is read, and a store.</summary>
    static void EmitCopyAtOnce(PTXCodeGenerator generator, HardwareRegister target, HardwareRegister source, HardwareRegister count, int words)
    {
        var values = new HardwareRegister[words];
        for (var i = 0; i < words; i++)
        {
            values[i] = generator.AllocateInt32Register();
            using var zero = generator.BeginCommand("mov.b32");
            zero.AppendArgument(values[i]);
            zero.AppendConstant(0L);
        }

        var vector = words == 4 ? ".v4.b32" : ".b32";
        var reads = generator.ConvertValueToPredicate(count);
        using (var load = generator.BeginCommand("ld.global" + vector, new(reads, true)))
        {
            Append(load);
            load.AppendArgumentValue(source);
        }

        using (var store = generator.BeginCommand("st.shared" + vector))
        {
            store.AppendArgumentValue(target);
            Append(store);
        }

        generator.FreeRegister(reads);
        foreach (var value in values) generator.FreeRegister(value);

        void Append(PTXCodeGenerator.CommandEmitter command)
        {
            if (words == 4) command.AppendVectorArgument(values);
            else command.AppendArgument(values[0]);
        }
    }

    /// <summary>The call's arguments in registers: these instructions take no constants.</summary>
    static PrimitiveRegister[] Operands(PTXCodeGenerator generator, Value call)
    {
        var operands = new PrimitiveRegister[call.Count];
        for (var i = 0; i < operands.Length; i++) operands[i] = Operand(generator, call[i]);
        return operands;
    }

    static HardwareRegister Operand(PTXCodeGenerator generator, Value value) => generator.EnsureHardwareRegister(generator.LoadPrimitive(value));
}
