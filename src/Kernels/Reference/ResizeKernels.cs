using System.Numerics;

namespace CnnSharp.Kernels.Reference;

/// <summary>Resizing and sampling as plain loops.</summary>
/// <typeparam name="T">float or double.</typeparam>
sealed partial class ResizeKernels<T> : ReferenceKernelFamily<T>, IResizeKernels
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public void NearestForward(in UpsampleGeometry g, DeviceBuffer x, DeviceBuffer y)
    {
        Elements input = new(x);
        WritableElements output = new(y);
        for (long o = 0; o < output.Length; o++) output[o] = input[NearestSource(g, o)];
    }

    public void NearestBackward(in UpsampleGeometry g, DeviceBuffer dy, DeviceBuffer dx)
    {
        var upstream = new Elements(dy);
        var sums = Sums(dx.Length);
        for (long o = 0; o < upstream.Length; o++) sums[NearestSource(g, o)] += upstream[o];
        Store(sums, dx);
    }

    /// <summary>The element of x that element <paramref name="o"/> of y is a copy of.</summary>
    static long NearestSource(in UpsampleGeometry g, long o)
    {
        var (n, i, j, c) = OutputPlace(g, o);
        return ((((n * g.H) + (i * g.H / g.OutH)) * g.W) + (j * g.W / g.OutW)) * g.C + c;
    }

    public void BilinearForward(in UpsampleGeometry g, DeviceBuffer x, DeviceBuffer y)
    {
        Elements input = new(x);
        WritableElements output = new(y);
        for (long o = 0; o < output.Length; o++)
        {
            var (n, i, j, c) = OutputPlace(g, o);
            var rows = Neighbors(i, g.H, g.OutH, g.AlignCorners);
            var columns = Neighbors(j, g.W, g.OutW, g.AlignCorners);
            var upper = Blend(input[At(g, n, rows.First, columns.First, c)], input[At(g, n, rows.First, columns.Second, c)], columns.SecondWeight);
            var lower = Blend(input[At(g, n, rows.Second, columns.First, c)], input[At(g, n, rows.Second, columns.Second, c)], columns.SecondWeight);
            output[o] = Blend(upper, lower, rows.SecondWeight);
        }
    }

    public void BilinearBackward(in UpsampleGeometry g, DeviceBuffer dy, DeviceBuffer dx)
    {
        var upstream = new Elements(dy);
        var sums = Sums(dx.Length);
        for (long o = 0; o < upstream.Length; o++)
        {
            var (n, i, j, c) = OutputPlace(g, o);
            var rows = Neighbors(i, g.H, g.OutH, g.AlignCorners);
            var columns = Neighbors(j, g.W, g.OutW, g.AlignCorners);
            sums[At(g, n, rows.First, columns.First, c)] += (1 - rows.SecondWeight) * (1 - columns.SecondWeight) * upstream[o];
            sums[At(g, n, rows.First, columns.Second, c)] += (1 - rows.SecondWeight) * columns.SecondWeight * upstream[o];
            sums[At(g, n, rows.Second, columns.First, c)] += rows.SecondWeight * (1 - columns.SecondWeight) * upstream[o];
            sums[At(g, n, rows.Second, columns.Second, c)] += rows.SecondWeight * columns.SecondWeight * upstream[o];
        }

        Store(sums, dx);
    }

    /// <summary>The two source rows (or columns) of output o, one and the same at the far edge, and the share of the second.</summary>
    static (long First, long Second, double SecondWeight) Neighbors(long o, int size, int outSize, bool alignCorners)
    {
        // With a single output there is no second corner to align: it reads the first.
        var position = alignCorners
            ? outSize > 1 ? (double)o * (size - 1) / (outSize - 1) : 0
            : Math.Max(((o + 0.5) * size / outSize) - 0.5, 0);
        var first = Math.Min((long)position, size - 1);
        return (first, Math.Min(first + 1, size - 1), position - first);
    }

    static double Blend(double first, double second, double secondWeight) => ((1 - secondWeight) * first) + (secondWeight * second);

    static long At(in UpsampleGeometry g, long n, long h, long w, long c) => (((((n * g.H) + h) * g.W) + w) * g.C) + c;

    static (long N, long I, long J, long C) OutputPlace(in UpsampleGeometry g, long o)
        => (o / g.C / g.OutW / g.OutH, o / g.C / g.OutW % g.OutH, o / g.C % g.OutW, o % g.C);
}
