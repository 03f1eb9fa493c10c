using System.Runtime.CompilerServices;

namespace CnnSharp.Kernels;

/// <summary>
/// Grid sampling along one axis, as the CPU and the GPU engine compute it: the formula is at <see cref="IResizeKernels.GridSampleForward"/>.
/// Kernels get it as a parameter, so it has no bool and calls no library.
/// </summary>
internal readonly struct GridAxis(int size, in GridGeometry g)
{
    /// <summary>Places are kept within this many pixels, so that each is a whole number and a rest.</summary>
    const float Far = 1 << 29;

    /// <summary>The parameter of Keys' cubic.</summary>
    const float A = -0.75f;

    /// <summary>Pixels of the axis, and how many of them a place reads.</summary>
    public readonly int Size = size, Taps = g.Taps;

    readonly int padding = (int)g.Padding, aligned = g.AlignCorners ? 1 : 0;

    /// <summary>Where a coordinate is, in pixels, and the derivative of that.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (float Position, float Slope) Locate(float coordinate)
    {
        var scale = (Size - aligned) * 0.5f;
        var at = ((coordinate + 1) * scale) - (aligned != 0 ? 0 : 0.5f);
        at = at > -Far ? at : -Far; // NaN too
        at = at < Far ? at : Far;
        if (Taps == 4 || padding == (int)GridPadding.Zeros) return (at, scale);
        if (padding == (int)GridPadding.Reflection)
        {
            // Every second of the lengths between the mirrors is reversed.
            if (Size == aligned) return (0, 0);
            var low = aligned != 0 ? 0 : -0.5f;
            var length = (float)(Size - aligned);
            var away = at - low;
            if (away < 0) (away, scale) = (-away, -scale);
            var flips = (int)(away / length);
            var rest = away - (flips * length);
            at = (flips & 1) == 0 ? low + rest : low + length - rest;
            if ((flips & 1) != 0) scale = -scale;
        }

        return at <= 0 ? (0, 0) : at >= Size - 1 ? (Size - 1, 0) : (at, scale);
    }

    /// <summary>Whether a position may read pixels from <paramref name="first"/> up to, not including, <paramref name="end"/>: what is passed over soon is cheap.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool MayRead(float position, int first, int end) => Taps == 4 || (position >= first - 1 && position <= end);

    /// <summary>The pixel that a position reads as number <paramref name="tap"/>, or -1 where there is none, its weight, and the derivative of that.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (int Pixel, float Weight, float Slope) Tap(float position, int tap)
    {
        var first = (int)position;
        if (first > position) first--;
        var t = position - first;
        if (Taps == 1) return (Within(t > 0.5f || (t == 0.5f && (first & 1) != 0) ? first + 1 : first), 1, 0);
        if (Taps == 2) return tap == 0 ? (Within(first), 1 - t, -1) : (Within(first + 1), t, 1);

        // The distance of the pixel, which grows with the position for the two before it.
        var distance = tap < 2 ? t + (1 - tap) : tap - 1 - t;
        var sign = tap < 2 ? 1 : -1;
        var pixel = Padded(first + tap - 1);
        return tap is 1 or 2
            ? (pixel, ((((A + 2) * distance) - (A + 3)) * distance * distance) + 1, sign * ((3 * (A + 2) * distance) - (2 * (A + 3))) * distance)
            : (pixel, ((((distance - 5) * distance) + 8) * distance - 4) * A, sign * ((((3 * distance) - 10) * distance) + 8) * A);
    }

    int Within(int pixel) => pixel >= 0 && pixel < Size ? pixel : -1;

    /// <summary>The pixel itself, or that which stands for it outside.</summary>
    int Padded(int pixel)
    {
        if (padding == (int)GridPadding.Zeros || (pixel >= 0 && pixel < Size)) return Within(pixel);
        if (padding == (int)GridPadding.Border) return pixel < 0 ? 0 : Size - 1;
        if (Size == aligned) return 0;
        var period = 2 * (Size - aligned);
        var place = pixel % period;
        if (place < 0) place += period;
        return place < Size ? place : period - 1 + aligned - place;
    }
}
