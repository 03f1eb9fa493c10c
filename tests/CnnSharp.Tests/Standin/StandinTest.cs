using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;

namespace CnnSharp.Tests.Standin;

/// <summary>An accelerator of the stand-in for each test.</summary>
public abstract class StandinTest : IDisposable
{
    protected StandinTest()
    {
        Context = Context.Create(static builder => builder.Optimize(OptimizationLevel.O2).CPU(CPUDevice.Default).EnableAlgorithms());
        Accelerator = Context.CreateCPUAccelerator(0);
    }

    protected Context Context { get; }

    protected CPUAccelerator Accelerator { get; }

    public void Dispose()
    {
        Context.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>A buffer with these values.</summary>
    protected MemoryBuffer1D<T, Stride1D.Dense> Buffer<T>(params T[] values)
        where T : unmanaged
        => Accelerator.Allocate1D(values);

    /// <summary>The values of a buffer.</summary>
    protected static T[] Values<T>(MemoryBuffer1D<T, Stride1D.Dense> buffer)
        where T : unmanaged
    {
        T[] values = new T[buffer.Length];
        buffer.CopyToCPU(values);
        return values;
    }
}
