using System.Numerics;

namespace CnnSharp.Kernels.Reference;

sealed partial class ResizeKernels<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public void GridSampleForward(in GridGeometry g, DeviceBuffer x, DeviceBuffer grid, DeviceBuffer y)
    {
        Elements input = new(x), places = new(grid);
        WritableElements output = new(y);
        for (long p = 0; p < (long)g.N * g.OutH * g.OutW; p++)
        {
            var readings = Readings(g, places, p);
            for (var c = 0; c < g.C; c++)
            {
                var sum = 0.0;
                foreach (var (pixel, weight, _, _) in readings) sum += weight * input[(pixel * g.C) + c];
                output[(p * g.C) + c] = sum;
            }
        }
    }

    public void GridSampleBackwardInput(in GridGeometry g, DeviceBuffer grid, DeviceBuffer dy, DeviceBuffer dx)
    {
        Elements places = new(grid), upstream = new(dy);
        var sums = Sums(dx.Length);
        for (long p = 0; p < (long)g.N * g.OutH * g.OutW; p++)
        {
            foreach (var (pixel, weight, _, _) in Readings(g, places, p))
            {
                for (var c = 0; c < g.C; c++) sums[(pixel * g.C) + c] += weight * upstream[(p * g.C) + c];
            }
        }

        Store(sums, dx);
    }

    public void GridSampleBackwardGrid(in GridGeometry g, DeviceBuffer x, DeviceBuffer grid, DeviceBuffer dy, DeviceBuffer dgrid)
    {
        Elements input = new(x), places = new(grid), upstream = new(dy);
        WritableElements gradient = new(dgrid);
        for (long p = 0; p < (long)g.N * g.OutH * g.OutW; p++)
        {
            double across = 0, down = 0;
            foreach (var (pixel, _, byColumn, byRow) in Readings(g, places, p))
            {
                for (var c = 0; c < g.C; c++)
                {
                    var product = input[(pixel * g.C) + c] * upstream[(p * g.C) + c];
                    across += byColumn * product;
                    down += byRow * product;
                }
            }

            gradient[2 * p] = across;
            gradient[(2 * p) + 1] = down;
        }
    }

    /// <summary>The pixels that output pixel <paramref name="p"/> reads, their weights, and the derivatives of those by the grid's x and y.</summary>
    static List<(long Pixel, double Weight, double ByColumn, double ByRow)> Readings(in GridGeometry g, Elements grid, long p)
    {
        var readings = new List<(long, double, double, double)>();
        var columns = Along(g, g.W, grid[2 * p]);
        foreach (var (h, u, du) in Along(g, g.H, grid[(2 * p) + 1]))
        {
            foreach (var (w, v, dv) in columns) readings.Add(((((p / g.OutH / g.OutW * g.H) + h) * g.W) + w, u * v, u * dv, du * v));
        }

        return readings;
    }

    /// <summary>The pixels that a coordinate reads along an axis, their weights, and the derivatives of those by the coordinate.</summary>
    static List<(long Pixel, double Weight, double Slope)> Along(in GridGeometry g, int size, double coordinate)
    {
        var (padding, aligned) = (g.Padding, g.AlignCorners);
        var slope = aligned ? (size - 1) / 2.0 : size / 2.0;
        var position = aligned ? (coordinate + 1) / 2 * (size - 1) : (((coordinate + 1) * size) - 1) / 2;
        position = double.IsNaN(position) ? -1e9 : Math.Clamp(position, -1e9, 1e9);
        if (g.Taps != 4 && padding != GridPadding.Zeros)
        {
            if (padding == GridPadding.Reflection) (position, slope) = Mirrored(position, slope);
            if (position <= 0 || position >= size - 1) (position, slope) = (Math.Clamp(position, 0, size - 1), 0);
        }

        var first = Math.Floor(position);
        var t = position - first;
        var found = new List<(long, double, double)>();
        switch (g.Taps)
        {
            case 1:
                Add(Math.Round(position, MidpointRounding.ToEven), 1, 0);
                break;
            case 2:
                Add(first, 1 - t, -1);
                Add(first + 1, t, 1);
                break;
            default:
                for (var tap = -1; tap <= 2; tap++)
                {
                    var place = first + tap;
                    if (padding == GridPadding.Reflection) place = Mirrored(place, 0).Position;
                    if (padding != GridPadding.Zeros) place = Math.Clamp(place, 0, size - 1);
                    var (weight, derivative) = Cubic(Math.Abs(t - tap));
                    Add(place, weight, Math.Sign(t - tap) * derivative);
                }

                break;
        }

        return found;

        void Add(double pixel, double weight, double derivative)
        {
            if (pixel >= 0 && pixel < size) found.Add(((long)pixel, weight, derivative * slope));
        }

        (double Position, double Slope) Mirrored(double at, double derivative)
        {
            double low = aligned ? 0 : -0.5, length = aligned ? size - 1 : size;
            if (length == 0) return (0, 0);
            var away = at - low;
            if (away < 0) (away, derivative) = (-away, -derivative);
            var rest = away % length;
            return Math.Floor(away / length) % 2 == 0 ? (low + rest, derivative) : (low + length - rest, -derivative);
        }

        static (double Weight, double Derivative) Cubic(double s)
        {
            const double A = -0.75;
            return s <= 1
                ? ((((A + 2) * s) - (A + 3)) * s * s + 1, ((3 * (A + 2) * s) - (2 * (A + 3))) * s)
                : ((((((s - 5) * s) + 8) * s) - 4) * A, ((((3 * s) - 10) * s) + 8) * A);
        }
    }
}
