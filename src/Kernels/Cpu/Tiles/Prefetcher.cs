using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace CnnSharp.Kernels.Cpu;

/// <summary>
/// Software prefetch into the L2 of memory that is read next, issued by the tiles that compute meanwhile. A copy that is not
/// prefetched waits for the last-level cache, as a core has at most 16 lines in flight; many prefetches at once would delay a tile's
/// own loads, so the steps are small and many. Only a hint: the lines need not exist.
/// </summary>
internal unsafe struct Prefetcher
{
    const int Line = 64;

    byte* next;

    /// <summary><paramref name="count"/> floats from <paramref name="start"/>, in about <paramref name="steps"/> steps.</summary>
    public Prefetcher(float* start, long count, long steps)
    {
        next = (byte*)start;
        Step = (nint)(count * sizeof(float) / Math.Max(1, steps)) + 1;
    }

    /// <summary>Bytes of a step; 0: there is nothing to prefetch.</summary>
    public nint Step { get; }

    /// <summary>Where the next step begins, for a loop that prefetches by itself, one line a step. With nothing to prefetch, memory that is in use anyway.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly byte* Next(void* inUse) => Step == 0 ? (byte*)inUse : next;

    /// <summary>Where such a loop ended.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Continue(byte* at) => next = at;

    /// <summary>Prefetches all lines of a step.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Fetch()
    {
        if (!Sse.IsSupported) return;
        for (var stop = next + Step; next < stop; next += Line) Sse.Prefetch1(next);
    }
}
