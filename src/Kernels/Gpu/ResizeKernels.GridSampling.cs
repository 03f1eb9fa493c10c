using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

// Forward: one thread an element of y. By the grid: one thread a place, which adds up the channels. By the input: one thread a row and
// channel of an image, which goes through all places of that image and takes those that read its row. So each element is added up in the
// order of the places without atomics, for N H C threads that each look at OutH OutW coordinates: sampling images of their own size costs
// N H^2 W C looks, of which few have anything to add.
sealed partial class ResizeKernels
{
    Action<Index1D, GridSizes, ArrayView<float>, ArrayView<float>, ArrayView<float>>? gridSampleForward, gridSampleBackwardInput;
    Action<Index1D, GridSizes, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>? gridSampleBackwardGrid;

    /// <summary>The axes of an image, its channels, and the places of its grid.</summary>
    internal readonly struct GridSizes(in GridGeometry g)
    {
        public readonly GridAxis Rows = new(g.H, g), Columns = new(g.W, g);
        public readonly int C = g.C, Places = g.OutH * g.OutW;

        /// <summary>The first element of row h of image n.</summary>
        public long Row(int n, int h) => (((long)n * Rows.Size) + h) * Columns.Size * C;
    }

    /// <summary>y = the sum of the pixels around the place, each times its weight.</summary>
    static void GridSampleForwardKernel(Index1D o, GridSizes g, ArrayView<float> x, ArrayView<float> grid, ArrayView<float> y)
    {
        var c = o.X % g.C;
        var place = o.X / g.C;
        var (across, _) = g.Columns.Locate(grid[2L * place]);
        var (down, _) = g.Rows.Locate(grid[(2L * place) + 1]);
        var sum = 0f;
        for (var i = 0; i < g.Rows.Taps; i++)
        {
            var (h, u, _) = g.Rows.Tap(down, i);
            if (h < 0) continue;
            var row = g.Row(place / g.Places, h) + c;
            for (var j = 0; j < g.Columns.Taps; j++)
            {
                var (w, v, _) = g.Columns.Tap(across, j);
                if (w >= 0) sum += u * v * x[row + ((long)w * g.C)];
            }
        }

        y[o] = sum;
    }

    public void GridSampleForward(in GridGeometry g, DeviceBuffer x, DeviceBuffer grid, DeviceBuffer y)
    {
        if (y.Length == 0) return;
        gridSampleForward ??= Compile<Action<Index1D, GridSizes, ArrayView<float>, ArrayView<float>, ArrayView<float>>>(nameof(GridSampleForward), GridSampleForwardKernel);
        gridSampleForward(Range(y.Length), new(g), ReadFloats(x), ReadFloats(grid), Floats(y));
    }

    /// <summary>A row and channel of dx: the sum of dy times its weight over the places that read each element.</summary>
    static void GridSampleBackwardInputKernel(Index1D t, GridSizes g, ArrayView<float> grid, ArrayView<float> dy, ArrayView<float> dx)
    {
        var c = t.X % g.C;
        var h = t.X / g.C % g.Rows.Size;
        var n = t.X / g.C / g.Rows.Size;
        var row = g.Row(n, h) + c;
        for (var w = 0; w < g.Columns.Size; w++) dx[row + ((long)w * g.C)] = 0;
        var first = (long)n * g.Places;
        for (var place = first; place < first + g.Places; place++)
        {
            var (down, _) = g.Rows.Locate(grid[(2 * place) + 1]);
            if (!g.Rows.MayRead(down, h, h + 1)) continue;
            for (var i = 0; i < g.Rows.Taps; i++)
            {
                var (read, u, _) = g.Rows.Tap(down, i);
                if (read != h) continue;
                var (across, _) = g.Columns.Locate(grid[2 * place]);
                for (var j = 0; j < g.Columns.Taps; j++)
                {
                    var (w, v, _) = g.Columns.Tap(across, j);
                    if (w >= 0) dx[row + ((long)w * g.C)] += u * v * dy[(place * g.C) + c];
                }
            }
        }
    }

    public void GridSampleBackwardInput(in GridGeometry g, DeviceBuffer grid, DeviceBuffer dy, DeviceBuffer dx)
    {
        if (dx.Length == 0) return;
        _ = Range((long)g.OutH * g.OutW);
        gridSampleBackwardInput ??= Compile<Action<Index1D, GridSizes, ArrayView<float>, ArrayView<float>, ArrayView<float>>>(nameof(GridSampleBackwardInput), GridSampleBackwardInputKernel);
        gridSampleBackwardInput(Range((long)g.N * g.H * g.C), new(g), ReadFloats(grid), ReadFloats(dy), Floats(dx));
    }

    /// <summary>dgrid of a place: the sum over its pixels and channels of x dy times the weight's derivative by the grid's x and y.</summary>
    static void GridSampleBackwardGridKernel(Index1D place, GridSizes g, ArrayView<float> x, ArrayView<float> grid, ArrayView<float> dy, ArrayView<float> dgrid)
    {
        var (across, acrossSlope) = g.Columns.Locate(grid[2L * place.X]);
        var (down, downSlope) = g.Rows.Locate(grid[(2L * place.X) + 1]);
        var upstream = (long)place.X * g.C;
        var byColumn = 0f;
        var byRow = 0f;
        for (var i = 0; i < g.Rows.Taps; i++)
        {
            var (h, u, du) = g.Rows.Tap(down, i);
            if (h < 0) continue;
            var row = g.Row(place.X / g.Places, h);
            for (var j = 0; j < g.Columns.Taps; j++)
            {
                var (w, v, dv) = g.Columns.Tap(across, j);
                if (w < 0) continue;
                var dot = 0f;
                for (var c = 0; c < g.C; c++) dot += x[row + ((long)w * g.C) + c] * dy[upstream + c];
                byColumn += u * dv * dot;
                byRow += du * v * dot;
            }
        }

        dgrid[2L * place.X] = byColumn * acrossSlope;
        dgrid[(2L * place.X) + 1] = byRow * downSlope;
    }

    public void GridSampleBackwardGrid(in GridGeometry g, DeviceBuffer x, DeviceBuffer grid, DeviceBuffer dy, DeviceBuffer dgrid)
    {
        if (dgrid.Length == 0) return;
        gridSampleBackwardGrid ??= Compile<Action<Index1D, GridSizes, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>>(nameof(GridSampleBackwardGrid), GridSampleBackwardGridKernel);
        gridSampleBackwardGrid(Range((long)g.N * g.OutH * g.OutW), new(g), ReadFloats(x), ReadFloats(grid), ReadFloats(dy), Floats(dgrid));
    }
}
