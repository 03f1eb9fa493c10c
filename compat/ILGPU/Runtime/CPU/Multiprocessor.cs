using System.Runtime.ExceptionServices;

namespace ILGPU.Runtime.CPU;

/// <summary>Runs groups of threads, one group at a time.</summary>
/// <remarks>
/// The threads of a group take turns: one runs until it leaves the kernel or waits at a barrier, then the next. Any
/// such order is one that a device may choose too, it is the same every time, and it needs no operating-system
/// thread for a kernel thread that meets no barrier: those run one after the other on the caller's. Whoever meets a
/// barrier stays on the thread it is on, and another one, kept from earlier groups, goes on with the rest. The last to
/// arrive at a barrier runs on; the others follow round the ring.
/// </remarks>
internal sealed unsafe class Multiprocessor : IDisposable
{
    readonly int maxShared;
    readonly Lane caller;
    readonly List<Thread> threads = [];
    readonly Stack<Lane> idle = [];
    readonly List<SharedBlock> shared = [];

    // All below belongs to whoever has the turn.
    readonly Lane?[] waiting;
    GroupedKernel? kernel;
    Index3D group;
    int count;
    int started;
    int arrived;
    int left;
    int sharedCount;
    string? barrier;
    int barrierLine;
    Exception? failure;
    bool stopping;

    public Multiprocessor(int maxThreads, int maxShared)
    {
        this.maxShared = maxShared;
        waiting = new Lane?[maxThreads];
        caller = new(this);
    }

    /// <summary>Threads, of those kept for groups, that have not ended.</summary>
    public int LiveThreads => threads.Count(static thread => thread.IsAlive);

    /// <summary>The linear index of the thread whose turn it is.</summary>
    public int RunningThread { get; private set; }

    /// <summary>Counts the spans between barriers, over all groups ever run.</summary>
    public long Interval { get; private set; }

    /// <summary>The group's first <see cref="Interval"/>.</summary>
    public long FirstInterval { get; private set; }

    /// <summary>Runs a part of a kernel's range on the calling thread.</summary>
    public void RunRange(IndexedKernel kernel, long begin, long end)
    {
        Lane? before = caller.Enter();
        caller.StartRange(kernel);
        try
        {
            kernel.Invoke(caller, begin, end);
        }
        catch (Exception e) when (e is not KernelException)
        {
            throw KernelException.At(caller, e.Message.TrimEnd('.'), e);
        }
        finally
        {
            caller.Stop();
            Lane.Leave(before);
        }
    }

    /// <summary>Runs one group, starting on the calling thread.</summary>
    public void RunGroup(GroupedKernel kernel, Index3D group)
    {
        this.kernel = kernel;
        this.group = group;
        count = kernel.Config.GroupDim.Size;
        started = arrived = left = sharedCount = 0;
        failure = null;
        FirstInterval = ++Interval;
        Lane? before = caller.Enter();
        if (!RunThreads(caller))
            caller.Turn.Wait();
        Lane.Leave(before);
        if (failure is not null)
            ExceptionDispatchInfo.Throw(failure);
    }

    /// <summary>Waits, in the turn of the others, until all threads of the group have arrived.</summary>
    public void Barrier(Lane lane, string member, int line)
    {
        if (left > 0)
            throw KernelException.At(lane, $"waits at the barrier of {member}, line {line}, for {left} of {count} threads that have left the kernel");
        if (arrived > 0 && (barrierLine != line || barrier != member))
            throw KernelException.At(lane, $"waits at the barrier of {member}, line {line}, while {arrived} of {count} threads wait at that of {barrier}, line {barrierLine}");
        barrier = member;
        barrierLine = line;
        if (++arrived == count)
        {
            arrived = 0;
            Interval++;
            return;
        }

        kernel!.HasWaited = true;
        int thread = lane.LinearThread;
        waiting[thread] = lane;
        Lane next = started < count ? TakeIdle() : waiting[(thread + 1) % count]!;
        next.Turn.Give();
        lane.Turn.Wait();
        waiting[thread] = null;
        RunningThread = thread;
        if (failure is not null)
            throw new AbandonedException();
    }

    /// <summary>The allocation that the threads of the group make with their <paramref name="call"/>-th call.</summary>
    public SharedBlock AllocateShared(int call, long bytes)
    {
        if (call < sharedCount)
        {
            return shared[call].Bytes == bytes
                ? shared[call]
                : throw KernelException.Here($"allocation {call} of shared memory is {bytes} bytes, but {shared[call].Bytes} for another thread of the group");
        }

        long total = bytes;
        for (int i = 0; i < sharedCount; i++)
            total += shared[i].Bytes;
        if (total > maxShared)
            throw KernelException.Here($"{total} bytes of shared memory are more than the {maxShared} that a group may have");
        if (call == shared.Count)
            shared.Add(new(this));
        shared[call].Start(bytes);
        sharedCount++;
        return shared[call];
    }

    /// <summary>Tells the race check about an atomic change.</summary>
    public void Settle(void* address, int size)
    {
        for (int i = 0; i < sharedCount; i++)
        {
            if (shared[i].Settle(address, size))
                return;
        }
    }

    public void Dispose()
    {
        stopping = true;
        foreach (Lane lane in idle)
            lane.Turn.Give();
        foreach (Thread thread in threads)
            thread.Join();
        foreach (Lane lane in idle)
            lane.Dispose();
        caller.Dispose();
        foreach (SharedBlock block in shared)
            block.Dispose();
    }

    /// <summary>Starts threads of the group until all are, then passes the turn on. Whether the group is done.</summary>
    bool RunThreads(Lane lane)
    {
        while (started < count)
        {
            int thread = started++;
            RunningThread = thread;
            lane.StartThread(kernel!, group, thread);
            try
            {
                kernel!.Invoke();
            }
            catch (AbandonedException)
            {
                // The failure that ended the others is the one to tell.
            }
            catch (Exception e)
            {
                Fail(e as KernelException ?? KernelException.At(lane, e.Message.TrimEnd('.'), e));
            }

            left++;
            if (arrived > 0)
                Fail(KernelException.At(lane, $"has left the kernel while {arrived} of {count} threads wait for it at the barrier of {barrier}, line {barrierLine}"));
        }

        if (left == count)
        {
            FinishGroup();
            lane.Stop();
            return true;
        }

        int last = lane.LinearThread;
        lane.Stop();
        if (lane != caller)
            idle.Push(lane);
        Lane? next = null;
        for (int i = 1; next is null; i++)
            next = waiting[(last + i) % count];
        next.Turn.Give();
        return false;
    }

    /// <summary>Keeps the first failure, and lets the threads that have not started yet count as left.</summary>
    void Fail(Exception e)
    {
        if (failure is not null)
            return;
        failure = e;
        arrived = 0;
        left += count - started;
        started = count;
    }

    void FinishGroup()
    {
        try
        {
            for (int i = 0; i < sharedCount && failure is null; i++)
                shared[i].Finish();
        }
        catch (KernelException e)
        {
            failure = e;
        }
    }

    Lane TakeIdle()
    {
        if (idle.TryPop(out Lane? lane))
            return lane;
        lane = new(this);
        Thread thread = new(Serve) { IsBackground = true, Name = $"kernel thread {threads.Count + 1}" };
        threads.Add(thread);
        thread.Start(lane);
        return lane;
    }

    void Serve(object? state)
    {
        Lane lane = (Lane)state!;
        lane.Enter();
        for (; ; )
        {
            lane.Turn.Wait();
            if (stopping)
                return;
            if (RunThreads(lane))
            {
                idle.Push(lane);
                caller.Turn.Give();
            }
        }
    }

    /// <summary>Takes a waiting thread out of a kernel that another thread has failed in.</summary>
    sealed class AbandonedException : Exception;
}
