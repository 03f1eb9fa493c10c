using ILGPU.Runtime.CPU;

namespace ILGPU;

/// <summary>Memory that the threads of a group share; what it holds at first is undefined (not-a-number here).</summary>
public static class SharedMemory
{
    /// <summary>Takes <paramref name="extent"/> elements. Every thread of a group must take the same ones in the same order.</summary>
    public static unsafe ArrayView<T> Allocate<T>(int extent)
        where T : unmanaged
    {
        SharedBlock block = Lane.Grouped.AllocateShared(checked((long)extent * sizeof(T)));
        return new(block.Pointer, extent, block);
    }
}

/// <summary>Memory of one thread; what it holds at first is undefined (not-a-number here).</summary>
public static class LocalMemory
{
    /// <summary>Takes <paramref name="extent"/> elements until the thread leaves the kernel.</summary>
    public static unsafe ArrayView<T> Allocate<T>(int extent)
        where T : unmanaged
        => new(Lane.Current.AllocateLocal(checked((long)extent * sizeof(T))), extent);
}

/// <summary>Orders a thread's memory accesses for other threads.</summary>
public static class MemoryFence
{
    public static void GroupLevel() => Interlocked.MemoryBarrier();

    public static void DeviceLevel() => Interlocked.MemoryBarrier();

    public static void SystemLevel() => Interlocked.MemoryBarrier();
}
