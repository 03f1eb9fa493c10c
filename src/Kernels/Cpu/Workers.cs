using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace CnnSharp.Kernels.Cpu;

/// <summary>One call's work, cut into tasks. A struct of pointers and numbers, so that a call allocates nothing.</summary>
internal interface IWork
{
    /// <summary>Does task <paramref name="task"/>; <paramref name="worker"/> tells the threads apart (for scratch memory).</summary>
    void Run(int task, int worker);
}

/// <summary>
/// The CPU engine's own threads. The caller works too, as worker 0. Each begins with tasks of its own, the same share of every call, so
/// that it finds what it wrote in its caches, and then takes what others have left, so that a busy core delays nobody. So
/// which thread does a task is not determined; what a task does is, so results never depend on it: the partition into tasks must
/// follow from the geometry alone.
/// </summary>
internal sealed unsafe class Workers
{
    /// <summary>How long an idle worker spins before it sleeps: longer than the pause between two kernels of a step.</summary>
    const int Spins = 2_000;

    static readonly HiddenUse AllThreads = new(slack: Math.Max(64, 2 * Environment.ProcessorCount));

    // Empty until there is work for several, and again once they are stopped.
    Thread[] threads = [];
    SemaphoreSlim[] wake = [];
    volatile bool stopped;

    readonly GrowingMemory[] scratch;
    readonly GrowingMemory scratchTable = new();
    readonly GrowingMemory shared = new();
    delegate*<void*, int, int, void> body;
    void* context;
    int tasks;

    // Each on a cache line of its own. A worker's ticket is the call's number (upper half) and the next task of its share: one
    // that comes late, to a call that is over, cannot take a task of the next one by mistake, and so nobody waits for
    // workers that have no task (on a busy machine they may not run for long).
    readonly PaddedLong[] tickets;
    PaddedLong finished;

    /// <summary>Work for <paramref name="count"/> - 1 threads and the caller. They start when there is some, and run until <see cref="Stop"/>: they hold this object, so its owner has to.</summary>
    public Workers(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        Count = count;
        tickets = new PaddedLong[count];
        scratch = new GrowingMemory[count];
        for (var i = 0; i < count; i++) scratch[i] = new();
    }

    /// <summary>Threads, the caller's included.</summary>
    public int Count { get; }

    /// <summary>Scratch memory of one worker, at least <paramref name="floats"/> floats, aligned to a cache line; kept between calls, contents undefined.</summary>
    /// <remarks>One piece a worker: a second call for the same worker may move it. Cut it up if several are needed.</remarks>
    public float* Scratch(int worker, long floats) => scratch[worker].Take<float>(floats);

    /// <summary>
    /// Held by a call that needs <see cref="Shared"/> or <see cref="ScratchTable"/>, from there to the end of its last
    /// <see cref="Run{T}"/>, which takes it too.
    /// </summary>
    public Lock ScratchLock { get; } = new();

    /// <summary>One piece of memory for a call, beside the workers' own: packed weights, partial sums. Kept between calls, contents undefined.</summary>
    public float* Shared(long floats) => shared.Take<float>(floats);

    /// <summary>What the calls so far made it keep.</summary>
    public Workspace Kept => new(shared.Capacity / sizeof(float), scratch.Max(memory => memory.Capacity) / sizeof(float));

    /// <summary>As <see cref="Scratch"/>, for every worker: what tasks can look up, which hold pointers only.</summary>
    public float** ScratchTable(long floats)
    {
        var table = (float**)scratchTable.Take<nint>(Count);
        for (var i = 0; i < Count; i++) table[i] = scratch[i].Take<float>(floats);
        return table;
    }

    /// <summary>
    /// Runs every task and returns when all are done. Calls from several threads take turns (they share the scratch
    /// memory); a task must not throw and must not call <see cref="Run{T}"/>.
    /// </summary>
    public void Run<T>(in T work, int tasks)
        where T : unmanaged, IWork
    {
        if (tasks <= 0) return;
        lock (ScratchLock)
        {
            var local = work;
            if (tasks == 1 || Count == 1 || stopped)
            {
                for (var i = 0; i < tasks; i++) local.Run(i, 0);
                return;
            }

            if (threads.Length == 0) Start();

            // Closed while the fields change: whoever read a ticket before fails to take it.
            var call = Volatile.Read(ref tickets[0].Value) >> 32;
            foreach (ref var ticket in tickets.AsSpan()) Interlocked.Exchange(ref ticket.Value, (call << 32) | int.MaxValue);
            body = &Invoke<T>;
            context = &local;
            this.tasks = tasks;
            finished.Value = 0;
            for (var i = tickets.Length - 1; i >= 0; i--) Interlocked.Exchange(ref tickets[i].Value, ((call + 1) << 32) | (uint)FirstTask(i));
            foreach (var signal in wake)
            {
                if (signal.CurrentCount == 0) signal.Release();
            }

            Drain(0);
            var spinner = new SpinWait();
            while (Volatile.Read(ref finished.Value) < tasks) spinner.SpinOnce(-1);
        }
    }

    void Start()
    {
        // Engines that were dropped have threads too, until the collector finds them.
        AllThreads.MakeRoom(Count - 1);
        AllThreads.Add(Count - 1);
        var (started, signals) = (new Thread[Count - 1], new SemaphoreSlim[Count - 1]);
        for (var i = 0; i < started.Length; i++) signals[i] = new(0);
        (threads, wake) = (started, signals);
        for (var i = 0; i < started.Length; i++)
        {
            var worker = i + 1;
            started[i] = new(() => Loop(worker)) { IsBackground = true, Name = $"cnnsharp worker {worker}" };

            // Without the caller's context, which they would hold.
            started[i].UnsafeStart();
        }
    }

    /// <summary>Ends the threads. What is run afterwards, the caller does alone.</summary>
    /// <param name="wait">Whether to wait until they have ended, and before for a call that is under way; not for the finalizer.</param>
    public void Stop(bool wait)
    {
        if (!wait)
        {
            End();
            return;
        }

        lock (ScratchLock) End();
        foreach (var thread in threads) thread.Join();

        void End()
        {
            if (stopped) return;
            stopped = true;
            AllThreads.Add(-threads.Length);
            foreach (var signal in wake) signal.Release();
        }
    }

    static void Invoke<T>(void* context, int task, int worker)
        where T : unmanaged, IWork
        => Unsafe.AsRef<T>(context).Run(task, worker);

    /// <summary>Where a worker's share begins.</summary>
    int FirstTask(int worker) => (int)((long)Volatile.Read(ref tasks) * worker / tickets.Length);

    void Drain(int worker)
    {
        for (var i = 0; i < tickets.Length; i++)
        {
            var share = (worker + i) % tickets.Length;
            while (TryTake(ref tickets[share].Value, share, worker))
            {
            }
        }
    }

    /// <summary>Does the next task of a share; false: it has none left.</summary>
    bool TryTake(ref long ticket, int share, int worker)
    {
        while (true)
        {
            // What is read between the two looks at the ticket belongs to its call, or the exchange fails.
            var taken = Volatile.Read(ref ticket);
            var task = (int)taken;
            if (task >= FirstTask(share + 1)) return false;
            var (run, work) = ((nint)body, (nint)context);
            if (Interlocked.CompareExchange(ref ticket, taken + 1, taken) != taken) continue;
            ((delegate*<void*, int, int, void>)run)((void*)work, task, worker);
            Interlocked.Increment(ref finished.Value);
            return true;
        }
    }

    void Loop(int worker)
    {
        // Opened last, when all are.
        ref var first = ref tickets[0].Value;
        long seen = 0;
        while (true)
        {
            for (var i = 0; i < Spins && Volatile.Read(ref first) >> 32 == seen; i++) Thread.SpinWait(8);
            while (Volatile.Read(ref first) >> 32 == seen)
            {
                if (stopped) return;
                wake[worker - 1].Wait();
            }

            seen = Volatile.Read(ref first) >> 32;
            Drain(worker);
        }
    }

    [StructLayout(LayoutKind.Explicit, Size = 192)]
    struct PaddedLong
    {
        [FieldOffset(64)]
        public long Value;
    }
}
