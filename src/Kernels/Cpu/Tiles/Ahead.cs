using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace CnnSharp.Kernels.Cpu;

/// <summary>
/// Memory that is read next, asked for a few lines at a time by the tiles that compute meanwhile, so that it is in the
/// second-level cache by then. A copy alone waits for the outer cache, as a core has 16 lines under way at most; and many
/// lines at once keep a tile's own from coming. Only a hint: the lines need not exist.
/// </summary>
internal unsafe struct Ahead
{
    const int Line = 64;

    byte* next;
    byte* end;
    nint step;

    /// <summary><paramref name="count"/> floats from <paramref name="start"/>, in about <paramref name="calls"/> calls of <see cref="Fetch"/>.</summary>
    public Ahead(float* start, long count, long calls)
    {
        next = (byte*)start;
        end = (byte*)(start + count);
        step = (nint)((count * sizeof(float) / Math.Max(1, calls)) + Line - 1) / Line * Line;
    }

    /// <summary>Asks for the next lines; without any, or where there is no such instruction, for nothing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Fetch()
    {
        if (!Sse.IsSupported) return;
        var line = next;
        if (line >= end) return;
        var stop = line + step;
        do
        {
            Sse.Prefetch1(line);
            line += Line;
        }
        while (line < stop);
        next = line;
    }
}
