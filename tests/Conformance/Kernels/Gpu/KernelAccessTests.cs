using CnnSharp.Kernels;
using CnnSharp.Kernels.Gpu;
using ILGPU;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>
/// That accesses outside a view are found: by ILGPU's CPU accelerator always, which ends the process, so every test of a kernel
/// on <c>ilgpu-cpu</c> is one of its accesses too; on CUDA where asked for. Barriers that not all threads reach and
/// races are what <c>bench/gpu/run.sh</c> looks for.
/// </summary>
public sealed class KernelAccessTests
{
    [Fact]
    public void AWriteOnePastAViewEndsTheProcess() => AssertFound(WriteOnePast, "Index out of range");

    [Fact]
    public void AReadPastSharedMemoryEndsTheProcess() => AssertFound(ReadPastShared, "Index out of range");

    [Fact]
    public void ASubviewThatDoesNotFitEndsTheProcess() => AssertFound(TakeTooLongASubview, "Sub view out of range");

    /// <summary>Views end where a buffer's elements do, not where its block of the pool does, which is longer.</summary>
    [Fact]
    public void APrimitiveThatReadsPastItsBufferEndsTheProcess() => AssertFound(ReadPastABuffer, "Index out of range");

    [Fact]
    public void KernelsWithinTheirViewsRun()
    {
        var (exitCode, output) = ChildProcess.Run(StayInside);
        Assert.Equal((0, "7 6 5 4 3 2 1 0"), (exitCode, output.Trim()));
    }

    /// <summary>CUDA's assertions stand in the compiled code where they are asked for, and only there.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void OnCudaAccessesAreCheckedWhereAskedFor(bool asserts)
    {
        using var context = Context.Create(builder => Accelerators.Configure(builder, asserts));
        using var backend = new PTXBackend(context, new CudaCapabilityContext(CudaArchitecture.SM_80), CudaArchitecture.SM_80, CudaInstructionSet.ISA_80, null);
        var method = ((Action<ArrayView<int>>)Reverse).Method;
        var ptx = ((PTXCompiledKernel)backend.Compile(EntryPointDescription.FromExplicitlyGroupedKernel(method), KernelSpecialization.Empty)).PTXAssembly;
        Assert.Equal(asserts, ptx.Contains("__assertfail", StringComparison.Ordinal));
    }

    static void AssertFound(Action wrong, string message)
    {
        var (exitCode, output) = ChildProcess.Run(wrong);
        Assert.NotEqual(0, exitCode);
        Assert.Contains(message, output, StringComparison.Ordinal);
    }

    static void WriteOnePast() => Launch(OnePast);

    static void ReadPastShared() => Launch(PastShared);

    static void TakeTooLongASubview() => Launch(TooLongASubview);

    static void StayInside() => Launch(Reverse);

    static void ReadPastABuffer()
    {
        var engine = Device.Parse("ilgpu-cpu").Engine;
        var (x, y) = (engine.Rent(DType.Float32, 96), engine.Rent(DType.Float32, 100));
        engine.Kernels.Memory.Fill(x, -1);
        engine.Kernels.Elementwise.Unary(UnaryOp.Relu, 0, x, y);
        engine.Synchronize();
    }

    internal static void OnePast(ArrayView<int> data) => data[Group.IdxX + 93] = 1;

    internal static void PastShared(ArrayView<int> data)
    {
        var shared = SharedMemory.Allocate<int>(8);
        data[Group.IdxX] = shared[Group.IdxX + (int)data.Length - 99];
    }

    internal static void TooLongASubview(ArrayView<int> data) => data.SubView(95, 6)[0] = 1;

    internal static void Reverse(ArrayView<int> data)
    {
        var shared = SharedMemory.Allocate<int>(8);
        shared[Group.IdxX] = Group.IdxX;
        Group.Barrier();
        data[Group.IdxX] = shared[7 - Group.IdxX];
    }

    /// <summary>Runs a kernel as a group of eight on a view of 100 elements, and writes the first eight of them.</summary>
    static void Launch(Action<ArrayView<int>> kernel)
    {
        using var context = Context.Create(builder => Accelerators.Configure(builder).CPU(new CPUDevice(4, 4, 1)));
        using var accelerator = context.CreateCPUAccelerator(0);
        using var data = accelerator.Allocate1D<int>(100);
        accelerator.LoadStreamKernel(kernel)((1, 8), data.View.BaseView);
        accelerator.Synchronize();
        Console.WriteLine(string.Join(' ', data.GetAsArray1D().Take(8)));
    }
}
