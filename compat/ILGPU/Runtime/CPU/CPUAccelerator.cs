using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace ILGPU.Runtime.CPU;

/// <summary>Runs kernels on the CPU, while the launching thread waits.</summary>
public sealed class CPUAccelerator : Accelerator
{
    /// <summary>A launch that takes longer than this on the launching thread is shared with others.</summary>
    static readonly long Patience = Stopwatch.Frequency / 10_000;

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

    internal CPUAccelerator(Context context, CPUDevice device)
        : base(context, device)
    {
        multiprocessors = new Multiprocessor[Environment.ProcessorCount];
        for (int i = 0; i < multiprocessors.Length; i++)
            multiprocessors[i] = new(device.MaxNumThreadsPerGroup, device.MaxSharedMemoryPerGroup);
        threads = new Thread?[multiprocessors.Length];
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
        long patience = Stopwatch.GetTimestamp() + Patience;
        for (long item; (item = Claim()) < items;)
        {
            RunItem(multiprocessors[0], item);
            if (busy == 1 && items - item > 1 && Stopwatch.GetTimestamp() > patience)
                Share();
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

    /// <summary>Lets the other multiprocessors take part in what is left.</summary>
    void Share()
    {
        int others = (int)Math.Min(threads.Length - 1, items - Volatile.Read(ref claimed));
        if (others < 1)
            return;
        Interlocked.Add(ref busy, others);
        for (int i = 1; i < threads.Length; i++)
        {
            if (threads[i] is not null)
                continue;
            threads[i] = new(Serve) { IsBackground = true, Name = $"multiprocessor {i}" };
            threads[i]!.Start(multiprocessors[i]);
        }

        work.Release(others);
    }

    void Serve(object? multiprocessor)
    {
        for (; ; )
        {
            work.Wait();
            if (stopping)
                return;
            for (long item; (item = Claim()) < items;)
                RunItem((Multiprocessor)multiprocessor!, item);
            if (Interlocked.Decrement(ref busy) == 0)
                done.Set();
        }
    }

    /// <summary>Runs an item; a failure is kept for the launching thread and ends the launch.</summary>
    void RunItem(Multiprocessor multiprocessor, long item)
    {
        try
        {
            kernel!.Run(multiprocessor, item);
        }
        catch (KernelException e)
        {
            Interlocked.CompareExchange(ref failure, e, null);
            Volatile.Write(ref claimed, items);
        }
    }
}
