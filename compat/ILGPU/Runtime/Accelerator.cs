using System.Diagnostics;

namespace ILGPU.Runtime;

/// <summary>Runs kernels and owns their memory.</summary>
public abstract class Accelerator : IDisposable
{
    readonly HashSet<MemoryBuffer> buffers = [];

    private protected Accelerator(Context context, Device device)
    {
        ArgumentNullException.ThrowIfNull(context);
        Context = context;
        Device = device;
        DefaultStream = new(this);
        context.Own(this);
    }

    public Context Context { get; }

    public Device Device { get; }

    public AcceleratorStream DefaultStream { get; }

    public AcceleratorType AcceleratorType => Device.AcceleratorType;

    public string Name => Device.Name;

    public long MemorySize => Device.MemorySize;

    public Index3D MaxGridSize => Device.MaxGridSize;

    public Index3D MaxGroupSize => Device.MaxGroupSize;

    public int MaxNumThreadsPerGroup => Device.MaxNumThreadsPerGroup;

    public int MaxSharedMemoryPerGroup => Device.MaxSharedMemoryPerGroup;

    public int WarpSize => Device.WarpSize;

    public int NumMultiprocessors => Device.NumMultiprocessors;

    public int MaxNumThreadsPerMultiprocessor => Device.MaxNumThreadsPerMultiprocessor;

    public int MaxNumThreads => Device.MaxNumThreads;

    public bool IsDisposed { get; private set; }

    /// <summary>One more stream; kernels are done when their launch returns, so streams never overlap.</summary>
    public AcceleratorStream CreateStream() => new(this);

    /// <summary>Returns at once: kernels are done when their launch returns.</summary>
    public void Synchronize() => ObjectDisposedException.ThrowIf(IsDisposed, this);

    /// <summary>Has no effect here: any thread may use the accelerator.</summary>
    public void Bind() => ObjectDisposedException.ThrowIf(IsDisposed, this);

    /// <summary>Takes memory for <paramref name="length"/> elements; what it holds at first is undefined.</summary>
    public MemoryBuffer1D<T, Stride1D.Dense> Allocate1D<T>(long length)
        where T : unmanaged
        => new(this, length);

    /// <summary>Takes memory and copies an array into it.</summary>
    public MemoryBuffer1D<T, Stride1D.Dense> Allocate1D<T>(T[] values)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(values);
        MemoryBuffer1D<T, Stride1D.Dense> buffer = new(this, values.Length);
        values.CopyTo(buffer.View.BaseView.AsSpan());
        return buffer;
    }

    /// <summary>Ends its threads and frees its buffers.</summary>
    public void Dispose()
    {
        if (IsDisposed)
            return;
        IsDisposed = true;
        StopThreads();
        MemoryBuffer[] remaining;
        lock (buffers)
            remaining = [.. buffers];
        foreach (MemoryBuffer buffer in remaining)
            buffer.Dispose();
    }

    internal void Own(MemoryBuffer buffer)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        lock (buffers)
            buffers.Add(buffer);
    }

    internal void Disown(MemoryBuffer buffer)
    {
        lock (buffers)
            buffers.Remove(buffer);
    }

    internal abstract void Run(CPU.Kernel kernel);

    private protected abstract void StopThreads();
}

/// <summary>A queue of launches and copies, which here are done as they are made.</summary>
public sealed class AcceleratorStream : IDisposable
{
    internal AcceleratorStream(Accelerator accelerator) => Accelerator = accelerator;

    public Accelerator Accelerator { get; }

    /// <summary>Returns at once: whatever was queued is done.</summary>
    public void Synchronize() => Accelerator.Synchronize();

    /// <summary>Marks what has been queued so far, all of which is done.</summary>
    public ProfilingMarker AddProfilingMarker() => new();

    public void Dispose()
    {
    }
}

/// <summary>A point in a stream.</summary>
public sealed class ProfilingMarker : IDisposable
{
    readonly long time = Stopwatch.GetTimestamp();

    internal ProfilingMarker()
    {
    }

    /// <summary>Returns at once: whatever was queued before is done.</summary>
    public void Synchronize()
    {
    }

    /// <summary>The time since an earlier marker.</summary>
    public TimeSpan MeasureFrom(ProfilingMarker marker)
    {
        ArgumentNullException.ThrowIfNull(marker);
        return Stopwatch.GetElapsedTime(marker.time, time);
    }

    public void Dispose()
    {
    }
}
