namespace CnnSharp.Data;

/// <summary>
/// A turn for images that may be far larger decoded than in their files: animations, documents, screens of one color. Such a
/// file costs nobody anything, so threads that decode several must not add up to much memory: they take turns under a budget.
/// Photographs, which compress less, are decoded by all threads at once.
/// </summary>
static class DecodeTurn
{
    /// <summary>Decoded bytes that such images take together; one that is larger is decoded alone.</summary>
    const long Budget = 32 << 20;

    /// <summary>Decoded bytes below which an image is small.</summary>
    const long Least = 4 << 20;

    /// <summary>Decoded bytes for each byte of the file from which on an image takes a turn. Photographs as JPEG stay below 30.</summary>
    const long Ratio = 50;

    static readonly Lock Gate = new();
    static readonly Queue<Waiting> Line = new();
    static long taken;

    /// <summary>Waits for the turn, in the order of the calls; disposing of the result ends it.</summary>
    /// <param name="decoded">Bytes of the decoded pixels.</param>
    /// <param name="file">Bytes of the file.</param>
    /// <param name="hasFrames">Whether its format has frames or pages, of which the first is decoded: then the file's size says little.</param>
    /// <returns>The turn; null for an image that needs none.</returns>
    public static IDisposable? Take(long decoded, long file, bool hasFrames)
    {
        if (decoded < Least || (!hasFrames && decoded / Ratio < file)) return null;
        var waiting = new Waiting(decoded);
        lock (Gate)
        {
            Line.Enqueue(waiting);
            Admit();
        }

        waiting.Admitted.Wait();
        return waiting;
    }

    static void Admit()
    {
        while (Line.TryPeek(out var next) && (taken == 0 || taken + next.Bytes <= Budget))
        {
            taken += Line.Dequeue().Bytes;
            next.Admitted.Set();
        }
    }

    sealed class Waiting(long bytes) : IDisposable
    {
        public long Bytes { get; } = bytes;

        public ManualResetEventSlim Admitted { get; } = new();

        public void Dispose()
        {
            Admitted.Dispose();
            lock (Gate)
            {
                taken -= Bytes;
                Admit();
            }
        }
    }
}
