using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace CnnSharp.Kernels.Cpu;

/// <summary>
/// Memory that is read next, asked for by the tiles that compute meanwhile, so that it is in the L2 by then. A
/// copy alone waits for the last-level cache, as a core has 16 lines under way at most; and many lines asked for at once keep a
/// tile's own from coming, so the steps are small and many. Only a hint: the lines need not exist.
/// </summary>
internal unsafe struct Ahead
{
    const int Line = 64;

    byte* next;

    /// <summary><paramref name="count"/> floats from <paramref name="start"/>, in about <paramref name="steps"/> steps.</summary>
    public Ahead(float* start, long count, long steps)
    {
        next = (byte*)start;
        Step = (nint)(count * sizeof(float) / Math.Max(1, steps)) + 1;
    }

    /// <summary>Bytes of a step; 0: there is nothing to ask for.</summary>
    public nint Step { get; }

    /// <summary>Where the next step begins, for a loop that asks itself: one line a step. Without any, memory that is in use anyway.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly byte* Next(void* inUse) => Step == 0 ? (byte*)inUse : next;

    /// <summary>Where such a loop has come to.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Continue(byte* at) => next = at;

    /// <summary>Asks for all lines of a step.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Fetch()
    {
        if (!Sse.IsSupported) return;
        for (var stop = next + Step; next < stop; next += Line) Sse.Prefetch1(next);
    }
}
