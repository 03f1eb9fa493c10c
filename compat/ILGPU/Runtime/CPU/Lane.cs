using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace ILGPU.Runtime.CPU;

/// <summary>What an operating-system thread knows of the kernel thread that it runs.</summary>
internal sealed unsafe class Lane(Multiprocessor multiprocessor) : IDisposable
{
    [ThreadStatic]
    static Lane? running;

    readonly List<Scratch> local = [];
    int localCalls;
    int sharedCalls;
    Kernel? kernel;
    bool isGrouped;

    /// <summary>The lane of the calling thread, if it runs a kernel.</summary>
    public static Lane? Running => running is { kernel: not null } ? running : null;

    /// <summary>The lane of the calling thread, which must run a kernel.</summary>
    public static Lane Current => Running ?? throw new InvalidOperationException("This can only be used inside a kernel.");

    /// <summary>The lane of the calling thread, which must run a kernel that was launched in groups.</summary>
    public static Lane Grouped
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            Lane? lane = running;
            if (lane is null || !lane.isGrouped)
                NotGrouped();
            return lane;
        }
    }

    public Index3D GridDim { get; private set; }

    public Index3D GroupDim { get; private set; }

    public Index3D Group { get; private set; }

    public Index3D Thread { get; private set; }

    public int LinearThread { get; private set; }

    /// <summary>The linear index of a kernel that was launched on a range.</summary>
    public long Position { get; set; }

    /// <summary>Signalled to give the group's turn to this lane.</summary>
    public Turn Turn { get; } = new();

    /// <summary>Makes this the calling thread's lane and returns the one before.</summary>
    public Lane? Enter()
    {
        Lane? before = running;
        running = this;
        return before;
    }

    /// <summary>Ends <see cref="Enter"/>.</summary>
    public static void Leave(Lane? before) => running = before;

    public void StartThread(GroupedKernel kernel, Index3D group, int thread)
    {
        this.kernel = kernel;
        isGrouped = true;
        GridDim = kernel.Config.GridDim;
        GroupDim = kernel.Config.GroupDim;
        Group = group;
        LinearThread = thread;
        Thread = Index3D.At(thread, GroupDim);
        sharedCalls = 0;
        localCalls = 0;
    }

    public void StartRange(IndexedKernel kernel)
    {
        this.kernel = kernel;
        localCalls = 0;
    }

    public void Stop()
    {
        kernel = null;
        isGrouped = false;
    }

    public void Barrier(string member, int line) => multiprocessor.Barrier(this, member, line);

    public SharedBlock AllocateShared(long bytes) => multiprocessor.AllocateShared(sharedCalls++, bytes);

    public void* AllocateLocal(long bytes)
    {
        if (localCalls == local.Count)
            local.Add(new());
        Scratch scratch = local[localCalls++];
        scratch.Take(bytes);
        return scratch.Pointer;
    }

    public void Settle(void* address, int size)
    {
        if (isGrouped)
            multiprocessor.Settle(address, size);
    }

    public override string ToString() => kernel switch
    {
        IndexedKernel indexed => $"{kernel.Name}, index {indexed.Describe(Position)}",
        GroupedKernel => $"{kernel.Name}, group {Group} of {GridDim}, thread {Thread} of {GroupDim}",
        _ => "No kernel",
    };

    public void Dispose()
    {
        foreach (Scratch scratch in local)
            scratch.Dispose();
    }

    [DoesNotReturn]
    static void NotGrouped() => throw (Running is { } lane
        ? KernelException.At(lane, "groups, barriers and shared memory need a kernel loaded with LoadStreamKernel or LoadKernel")
        : new InvalidOperationException("Groups, barriers and shared memory can only be used inside a kernel."));
}
