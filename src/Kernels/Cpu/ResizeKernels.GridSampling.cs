using System.Runtime.CompilerServices;

namespace CnnSharp.Kernels.Cpu;

// Lanes are channels. Forward and by the grid a task has pixels of the result. By the input a task has a band of an image's rows, and
// goes through all places of that image: each element is added up in their order by one thread.
sealed unsafe partial class ResizeKernels<V>
    where V : unmanaged, IVector<V>
{
    /// <summary>The most pixels that a place reads: 4 by 4.</summary>
    const int MostTaps = 16;

    /// <summary>What finding a place costs beside its channels, in elements.</summary>
    const int PlaceCost = 16;

    /// <summary>The taps of one place along an axis, and the place's derivative.</summary>
    struct GridTaps
    {
        public fixed int Pixels[4];
        public fixed float Weights[4];
        public fixed float Slopes[4];

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Set(in GridAxis axis, (float Position, float Slope) place)
        {
            var (position, slope) = place;
            for (var tap = 0; tap < axis.Taps; tap++)
            {
                var (pixel, weight, derivative) = axis.Tap(position, tap);
                Pixels[tap] = pixel;
                Weights[tap] = weight;
                Slopes[tap] = derivative * slope;
            }
        }
    }

    /// <inheritdoc/>
    public void GridSampleForward(in GridGeometry g, DeviceBuffer x, DeviceBuffer grid, DeviceBuffer y)
        => Workers.Run(new GridSampleWork(g, x.ReadOnlyPointer<float>(), grid.ReadOnlyPointer<float>(), y.Pointer<float>()), RowTasks((long)g.N * g.OutH * g.OutW, g.C + PlaceCost));

    readonly struct GridSampleWork(in GridGeometry g, float* x, float* grid, float* y) : IWork
    {
        readonly GridGeometry g = g;
        readonly GridAxis rows = new(g.H, g), columns = new(g.W, g);
        readonly float* x = x, grid = grid, y = y;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var offsets = stackalloc long[MostTaps];
            var weights = stackalloc float[MostTaps];
            var perTask = RowsPerTask(g.C + PlaceCost);
            var end = Math.Min((long)g.N * g.OutH * g.OutW, (task + 1) * perTask);
            GridTaps down = default, across = default;
            for (var p = task * perTask; p < end; p++)
            {
                down.Set(rows, rows.Locate(grid[(2 * p) + 1]));
                across.Set(columns, columns.Locate(grid[2 * p]));
                var count = 0;
                for (var i = 0; i < g.Taps; i++)
                {
                    if (down.Pixels[i] < 0) continue;
                    for (var j = 0; j < g.Taps; j++)
                    {
                        if (across.Pixels[j] < 0) continue;
                        offsets[count] = (((long)down.Pixels[i] * g.W) + across.Pixels[j]) * g.C;
                        weights[count++] = down.Weights[i] * across.Weights[j];
                    }
                }

                var image = x + (p / ((long)g.OutH * g.OutW) * g.H * g.W * g.C);
                var target = y + (p * g.C);
                for (var c = 0; c < g.C; c += V.Count)
                {
                    var lanes = Math.Min(V.Count, g.C - c);
                    var sum = V.Zero;
                    for (var k = 0; k < count; k++) sum = V.Fma(V.Create(weights[k]), LoadUpTo(image + offsets[k] + c, lanes), sum);
                    StoreUpTo(sum, target + c, lanes);
                }
            }
        }
    }

    /// <summary>Bands of an image's rows: with few images more, though each band goes through all places, so that there is work for several threads.</summary>
    static int GridBands(in GridGeometry g) => Math.Clamp(16 / g.N, 1, g.H);

    /// <inheritdoc/>
    public void GridSampleBackwardInput(in GridGeometry g, DeviceBuffer grid, DeviceBuffer dy, DeviceBuffer dx)
    {
        if (dx.Length == 0) return;
        Workers.Run(new GridSampleBackwardWork(g, grid.ReadOnlyPointer<float>(), dy.ReadOnlyPointer<float>(), dx.Pointer<float>()), checked(g.N * GridBands(g)));
    }

    readonly struct GridSampleBackwardWork(in GridGeometry g, float* grid, float* dy, float* dx) : IWork
    {
        readonly GridGeometry g = g;
        readonly GridAxis rows = new(g.H, g), columns = new(g.W, g);
        readonly float* grid = grid, dy = dy, dx = dx;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var bands = GridBands(g);
            var (image, band) = (task / bands, task % bands);
            int top = (int)((long)band * g.H / bands), bottom = (int)((band + 1L) * g.H / bands);
            long row = (long)g.W * g.C, places = (long)g.OutH * g.OutW;
            var target = dx + (image * g.H * row);
            Clear(target + (top * row), (bottom - top) * row);
            GridTaps down = default, across = default;
            for (var p = image * places; p < (image + 1) * places; p++)
            {
                var place = rows.Locate(grid[(2 * p) + 1]);
                if (!rows.MayRead(place.Position, top, bottom)) continue;
                down.Set(rows, place);
                var isKnown = false;
                for (var i = 0; i < g.Taps; i++)
                {
                    if (down.Pixels[i] < top || down.Pixels[i] >= bottom) continue;
                    if (!isKnown) across.Set(columns, columns.Locate(grid[2 * p]));
                    isKnown = true;
                    for (var j = 0; j < g.Taps; j++)
                    {
                        if (across.Pixels[j] >= 0) Add(down.Weights[i] * across.Weights[j], dy + (p * g.C), target + (down.Pixels[i] * row) + ((long)across.Pixels[j] * g.C));
                    }
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Add(float weight, float* source, float* sums)
        {
            var factor = V.Create(weight);
            for (var c = 0; c < g.C; c += V.Count)
            {
                var lanes = Math.Min(V.Count, g.C - c);
                StoreUpTo(V.Fma(factor, LoadUpTo(source + c, lanes), LoadUpTo(sums + c, lanes)), sums + c, lanes);
            }
        }
    }

    /// <inheritdoc/>
    public void GridSampleBackwardGrid(in GridGeometry g, DeviceBuffer x, DeviceBuffer grid, DeviceBuffer dy, DeviceBuffer dgrid)
        => Workers.Run(new GridSampleBackwardGridWork(g, x.ReadOnlyPointer<float>(), grid.ReadOnlyPointer<float>(), dy.ReadOnlyPointer<float>(), dgrid.Pointer<float>()), RowTasks((long)g.N * g.OutH * g.OutW, g.C + PlaceCost));

    readonly struct GridSampleBackwardGridWork(in GridGeometry g, float* x, float* grid, float* dy, float* dgrid) : IWork
    {
        readonly GridGeometry g = g;
        readonly GridAxis rows = new(g.H, g), columns = new(g.W, g);
        readonly float* x = x, grid = grid, dy = dy, dgrid = dgrid;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var perTask = RowsPerTask(g.C + PlaceCost);
            var end = Math.Min((long)g.N * g.OutH * g.OutW, (task + 1) * perTask);
            GridTaps down = default, across = default;
            for (var p = task * perTask; p < end; p++)
            {
                down.Set(rows, rows.Locate(grid[(2 * p) + 1]));
                across.Set(columns, columns.Locate(grid[2 * p]));
                var image = x + (p / ((long)g.OutH * g.OutW) * g.H * g.W * g.C);
                float byColumn = 0, byRow = 0;
                for (var i = 0; i < g.Taps; i++)
                {
                    if (down.Pixels[i] < 0) continue;
                    for (var j = 0; j < g.Taps; j++)
                    {
                        if (across.Pixels[j] < 0) continue;
                        var dot = Dot(image + ((((long)down.Pixels[i] * g.W) + across.Pixels[j]) * g.C), dy + (p * g.C), g.C);
                        byColumn += down.Weights[i] * across.Slopes[j] * dot;
                        byRow += down.Slopes[i] * across.Weights[j] * dot;
                    }
                }

                dgrid[2 * p] = byColumn;
                dgrid[(2 * p) + 1] = byRow;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static float Dot(float* a, float* b, int channels)
        {
            var sum = V.Zero;
            for (var c = 0; c < channels; c += V.Count)
            {
                var lanes = Math.Min(V.Count, channels - c);
                sum = V.Fma(LoadUpTo(a + c, lanes), LoadUpTo(b + c, lanes), sum);
            }

            return V.Sum(sum);
        }
    }
}
