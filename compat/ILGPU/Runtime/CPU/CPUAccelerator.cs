using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace ILGPU.Runtime.CPU;

/// <summary>
/// Runs kernels on the CPU, while the launching thread waits. That thread does the work itself, with others where it is
/// long, except for groups that wait at barriers: their threads are best kept on one processor, which is not for us to
/// do to a caller's thread.
/// </summary>
public sealed class CPUAccelerator : Accelerator
{
    /// <summary>A launch that takes longer than this on the launching thread is shared with others.</summary>
    static readonly long Patience = Stopwatch.Frequency / 10_000;

    /// <summary>The launching thread's, then one for each of the threads.</summary>
    readonly Multiprocessor[] multiprocessors;
    readonly Thread?[] threads;
    readonly SemaphoreSlim work = new(0);
    readonly ManualResetEventSlim done = new();

    Kernel? kernel;
    long items;
    long claimed;
    int busy;
    bool stopping;
    Exception? failure;
    long failed;

    internal CPUAccelerator(Context context, CPUDevice device)
        : base(context, device)
    {
        threads = new Thread?[Environment.ProcessorCount];
        multiprocessors = new Multiprocessor[threads.Length + 1];
        for (int i = 0; i < multiprocessors.Length; i++)
            multiprocessors[i] = new(device.MaxNumThreadsPerGroup, device.MaxSharedMemoryPerGroup);
    }

    /// <summary>Operating-system threads that belong to it and have not ended.</summary>
    internal int LiveThreads => threads.Count(static thread => thread is { IsAlive: true }) + multiprocessors.Sum(static multiprocessor => multiprocessor.LiveThreads);

    internal override void Run(Kernel kernel)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        this.kernel = kernel;
        items = kernel.Items;
        claimed = 0;
        failure = null;
        busy = 1;
        done.Reset();
        bool isShared = false;
        long patience = Stopwatch.GetTimestamp() + Patience;
        for (long item; !kernel.TakesTurns && (item = Claim()) < items;)
        {
            RunItem(multiprocessors[0], item);
            if (!isShared && items - item > 1 && Stopwatch.GetTimestamp() > patience)
                isShared = Share(threads.Length - 1);
        }

        if (!kernel.TakesTurns)
        {
            // Whoever has not come by now need not come: on a busy machine that would be a long wait.
            while (Volatile.Read(ref busy) > 1 && work.Wait(0))
                Interlocked.Decrement(ref busy);
        }
        else if (!isShared)
        {
            Share(threads.Length);
        }

        if (Interlocked.Decrement(ref busy) > 0)
            done.Wait();
        if (failure is not null)
            ExceptionDispatchInfo.Throw(failure);
    }

    private protected override void StopThreads()
    {
        stopping = true;
        work.Release(threads.Length);
        foreach (Thread? thread in threads)
            thread?.Join();
        foreach (Multiprocessor multiprocessor in multiprocessors)
            multiprocessor.Dispose();
        work.Dispose();
        done.Dispose();
    }

    long Claim() => Interlocked.Increment(ref claimed) - 1;

    /// <summary>Lets so many threads, at the most, take part in what is left. Whether any does.</summary>
    bool Share(int most)
    {
        int others = (int)Math.Min(most, items - Volatile.Read(ref claimed));
        if (others < 1)
            return false;
        for (int i = 0; i < threads.Length; i++)
        {
            if (threads[i] is not null)
                continue;
            threads[i] = new(Serve) { IsBackground = true, Name = $"multiprocessor {i + 1}" };
            threads[i]!.Start(i);
        }

        Interlocked.Add(ref busy, others);
        work.Release(others);
        return true;
    }

    void Serve(object? index)
    {
        Affinity.Keep((int)index!);
        Multiprocessor multiprocessor = multiprocessors[(int)index + 1];
        for (; ; )
        {
            work.Wait();
            if (stopping)
                return;
            for (long item; (item = Claim()) < items;)
                RunItem(multiprocessor, item);
            if (Interlocked.Decrement(ref busy) == 0)
                done.Set();
        }
    }

    /// <summary>
    /// Runs an item. A failure ends the launch; items are claimed in order and those claimed are finished, so that the
    /// failure of the first item that fails is told, whoever ran it.
    /// </summary>
    void RunItem(Multiprocessor multiprocessor, long item)
    {
        try
        {
            kernel!.Run(multiprocessor, item);
        }
        catch (KernelException e)
        {
            Interlocked.Exchange(ref claimed, items);
            lock (work)
            {
                if (failure is null || item < failed)
                    (failure, failed) = (e, item);
            }
        }
    }
}
