namespace CnnSharp.Kernels;

/// <summary>
/// Counts what finalizers give back and the collector cannot see, native memory or threads: to it, a graph of gigabytes is
/// a few kilobytes of objects. So before more is taken than was in use after the last collection and a quarter of that (at
/// least the slack), it is asked to collect. A program that drops nothing has a number of collections that grows with the logarithm of
/// its use, and none once it is warm.
/// </summary>
/// <param name="slack">What may be taken without a collection.</param>
sealed class HiddenUse(long slack)
{
    // A finalizer of the program may wait for what the caller holds; then what is dropped comes back later.
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    readonly Lock collecting = new();
    readonly long slack = slack;
    long held;
    long limit = slack;
    long live;
    long collections;

    /// <summary>What is held: in use, idle, or dropped and not collected.</summary>
    public long Held => Interlocked.Read(ref held);

    /// <summary>How often a collection was asked for.</summary>
    public long Collections => Interlocked.Read(ref collections);

    /// <summary>Counts what is taken, or, below 0, given back.</summary>
    public void Add(long amount) => Interlocked.Add(ref held, amount);

    /// <summary>Collects, if it is time to, before more is taken.</summary>
    /// <param name="amount">What is to be taken.</param>
    /// <param name="pool">Whose pooled memory is idle and no reason to collect; null: nothing is.</param>
    /// <returns>Whether it collected, so that something may have come back.</returns>
    public bool MakeRoom(long amount, BufferPool? pool = null)
    {
        var (before, all) = (InUse(pool), Held);

        // What went back to the system since counts no more.
        if (before + amount <= Math.Min(Interlocked.Read(ref limit), all + (all / 4) + slack)) return false;

        // Whoever comes meanwhile goes on: a finalizer, say, that is waited for.
        if (!collecting.TryEnter()) return false;
        try
        {
            // Most of what is dropped is young. Where that is not it, everything is looked at.
            Collect(young: true);
            if (InUse(pool) > (live + before) / 2) Collect(young: false);
            live = InUse(pool);
            Interlocked.Exchange(ref limit, live + Math.Max(slack, live / 4));
            Interlocked.Increment(ref collections);
            return true;
        }
        finally
        {
            collecting.Exit();
        }
    }

    /// <summary>Collects and waits for the finalizers, as long as that makes sense.</summary>
    public static void Collect(bool young)
    {
        GC.Collect(young ? 1 : GC.MaxGeneration, GCCollectionMode.Forced, blocking: true);
        var finalizers = new Thread(GC.WaitForPendingFinalizers) { IsBackground = true, Name = "CnnSharp waits for finalizers" };
        finalizers.UnsafeStart();
        finalizers.Join(Patience);
    }

    long InUse(BufferPool? pool) => Held - (pool?.PooledBytes ?? 0);
}
