namespace CnnSharp.Kernels.Cpu;

/// <summary>
/// The taps of a pass along one axis: tap t reads the source at First + t Spacing from the pixel's own place, and has
/// the weights of kernel row (column) Weight + t WeightStep.
/// </summary>
internal readonly record struct TapAxis(int Count, int First, int Spacing, int Weight, int WeightStep)
{
    /// <summary>From the first to the last source row that the taps touch.</summary>
    public int Span => Count == 0 ? 0 : ((Count - 1) * Spacing) + 1;

    /// <summary>
    /// The taps that reach pixel <paramref name="place"/> (padding included) of a strided convolution's input, and those
    /// stride, 2 stride, ... after it. Kernel row r reaches it from output row (place - r dilation) / stride, where that
    /// divides; such r follow each other at stride / gcd(stride, dilation). The largest comes first: its row is the smallest.
    /// </summary>
    public static TapAxis Phase(int place, int kernel, int stride, int dilation)
    {
        int first = -1, last = -1, count = 0, step = 0;
        for (var r = 0; r < kernel; r++)
        {
            if ((place - (r * dilation)) % stride != 0) continue;
            if (count == 1) step = r - first;
            if (count++ == 0) first = r;
            last = r;
        }

        return count == 0 ? default : new(count, (place - (last * dilation)) / stride, count == 1 ? 1 : step * dilation / stride, last, -step);
    }

    /// <summary>The taps [from, to) with which the pixel that stands at <paramref name="place"/> of the source reads places of 0 to <paramref name="extent"/> - 1.</summary>
    public (int From, int To) Inside(int place, int extent)
    {
        var (from, to) = (0, Count);
        while (from < to && place + First + (from * Spacing) < 0) from++;
        while (from < to && place + First + ((to - 1) * Spacing) >= extent) to--;
        return (from, to);
    }
}
