using System.Runtime.CompilerServices;

namespace CnnSharp.Kernels.Cpu;

// Lanes are channels. Forward, a task has some rows of y; backward, whole images of dx, for windows may overlap.
/// <summary>Pooling.</summary>
sealed unsafe class PoolingKernels<V>(CpuKernels<V> kernels) : CpuKernelFamily<V>(kernels), IPoolingKernels
    where V : unmanaged, IVector<V>
{
    /// <inheritdoc/>
    public void MaxForward(in PoolGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer indices)
    {
        var work = new MaxPoolWork(g, x.ReadOnlyPointer<float>(), y.Pointer<float>(), (float*)indices.Pointer<int>());
        Workers.Run(work, RowTasks((long)g.N * g.OutH, PoolRowElements(g)));
    }

    /// <inheritdoc/>
    public void MaxBackward(in PoolGeometry g, DeviceBuffer dy, DeviceBuffer indices, DeviceBuffer dx)
        => Workers.Run(new MaxPoolBackwardWork(g, dy.ReadOnlyPointer<float>(), (float*)indices.ReadOnlyPointer<int>(), dx.Pointer<float>()), g.N);

    /// <inheritdoc/>
    public void AverageForward(in PoolGeometry g, DeviceBuffer x, DeviceBuffer y)
        => Workers.Run(new AvgPoolWork(g, x.ReadOnlyPointer<float>(), y.Pointer<float>()), RowTasks((long)g.N * g.OutH, PoolRowElements(g)));

    /// <inheritdoc/>
    public void AverageBackward(in PoolGeometry g, DeviceBuffer dy, DeviceBuffer dx)
        => Workers.Run(new AvgPoolBackwardWork(g, dy.ReadOnlyPointer<float>(), dx.Pointer<float>()), g.N);

    /// <summary>Elements of x after a row of y.</summary>
    static int PoolRowElements(in PoolGeometry g) => (int)Math.Min(int.MaxValue, (long)DivideUp(g.H, g.OutH) * g.W * g.C);

    /// <summary>Whether each element of x is in one window, so that a gradient is stored and not added.</summary>
    static bool Tiles(in PoolGeometry g) => g.Padding == default && (g.KernelH == 0
        ? g.H % g.OutH == 0 && g.W % g.OutW == 0
        : g.KernelH == g.StrideH && g.KernelW == g.StrideW && g.OutH * g.StrideH == g.H && g.OutW * g.StrideW == g.W);

    /// <summary>A place as the bits of a float: such lanes are selected, compared by bits and stored, never computed with.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static V IndexLanes(int place) => V.Create(BitConverter.Int32BitsToSingle(place));

    readonly struct MaxPoolWork(in PoolGeometry g, float* x, float* y, float* indices) : IWork
    {
        readonly PoolGeometry g = g;
        readonly float* x = x, y = y, indices = indices;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var perTask = RowsPerTask(PoolRowElements(g));
            var end = Math.Min((long)g.N * g.OutH, (task + 1) * perTask);
            for (var row = task * perTask; row < end; row++)
            {
                var image = x + (row / g.OutH * g.H * g.W * g.C);
                var (top, bottom, _) = g.RowWindow((int)(row % g.OutH));
                for (var o = 0; o < g.OutW; o++)
                {
                    var (left, right, _) = g.ColumnWindow(o);
                    var target = ((row * g.OutW) + o) * g.C;
                    var c = 0;
                    for (; c <= g.C - V.Count; c += V.Count) Window(image + c, top, bottom, left, right, target + c, V.Count);
                    if (c < g.C) Window(image + c, top, bottom, left, right, target + c, g.C - c);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Window(float* image, int top, int bottom, int left, int right, long target, int count)
        {
            var place = (top * g.W) + left;
            var p = image + ((long)place * g.C);
            var maximum = LoadUpTo(p, count);
            var maximumIndex = IndexLanes(place);
            if (bottom - top == 2 && right - left == 2)
            {
                // Most windows: without loops, three quarters of the time.
                var below = p + ((long)g.W * g.C);
                Take(LoadUpTo(p + g.C, count), IndexLanes(place + 1), ref maximum, ref maximumIndex);
                Take(LoadUpTo(below, count), IndexLanes(place + g.W), ref maximum, ref maximumIndex);
                Take(LoadUpTo(below + g.C, count), IndexLanes(place + g.W + 1), ref maximum, ref maximumIndex);
            }
            else
            {
                for (var h = top; h < bottom; h++)
                {
                    place = (h * g.W) + left;
                    p = image + ((long)place * g.C);
                    for (var w = left; w < right; w++, place++, p += g.C) Take(LoadUpTo(p, count), IndexLanes(place), ref maximum, ref maximumIndex);
                }
            }

            StoreUpTo(maximum, y + target, count);
            StoreUpTo(maximumIndex, indices + target, count);
        }

        /// <summary>The first of equals stays; a NaN replaces any number, and nothing replaces a NaN.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void Take(V value, V index, ref V maximum, ref V maximumIndex)
        {
            var wins = V.Select(V.IsNaN(maximum), V.Zero, V.GreaterThan(value, maximum) | V.IsNaN(value));
            maximum = V.Select(wins, value, maximum);
            maximumIndex = V.Select(wins, index, maximumIndex);
        }
    }

    /// <summary>Each window passes over its elements again and gives dy to the one whose place was stored: no scatter lane by lane.</summary>
    readonly struct MaxPoolBackwardWork(in PoolGeometry g, float* dy, float* indices, float* dx) : IWork
    {
        readonly PoolGeometry g = g;
        readonly float* dy = dy, indices = indices, dx = dx;
        readonly bool tiles = Tiles(g);

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var image = dx + ((long)task * g.H * g.W * g.C);
            if (!tiles) Clear(image, (long)g.H * g.W * g.C);
            for (var i = 0; i < g.OutH; i++)
            {
                var (top, bottom, _) = g.RowWindow(i);
                for (var o = 0; o < g.OutW; o++)
                {
                    var (left, right, _) = g.ColumnWindow(o);
                    var source = ((((long)task * g.OutH) + i) * g.OutW + o) * g.C;
                    var c = 0;
                    for (; c <= g.C - V.Count; c += V.Count) Window(image + c, top, bottom, left, right, source + c, V.Count);
                    if (c < g.C) Window(image + c, top, bottom, left, right, source + c, g.C - c);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Window(float* image, int top, int bottom, int left, int right, long source, int count)
        {
            var gradient = LoadUpTo(dy + source, count);
            var maximumIndex = LoadUpTo(indices + source, count);
            if (tiles && bottom - top == 2 && right - left == 2)
            {
                // As forward.
                var place = (top * g.W) + left;
                float* p = image + ((long)place * g.C), below = p + ((long)g.W * g.C);
                StoreUpTo(V.SameBits(maximumIndex, IndexLanes(place)) & gradient, p, count);
                StoreUpTo(V.SameBits(maximumIndex, IndexLanes(place + 1)) & gradient, p + g.C, count);
                StoreUpTo(V.SameBits(maximumIndex, IndexLanes(place + g.W)) & gradient, below, count);
                StoreUpTo(V.SameBits(maximumIndex, IndexLanes(place + g.W + 1)) & gradient, below + g.C, count);
                return;
            }

            for (var h = top; h < bottom; h++)
            {
                var place = (h * g.W) + left;
                var p = image + ((long)place * g.C);
                for (var w = left; w < right; w++, place++, p += g.C)
                {
                    var share = V.SameBits(maximumIndex, IndexLanes(place)) & gradient;
                    StoreUpTo(tiles ? share : LoadUpTo(p, count) + share, p, count);
                }
            }
        }
    }

    /// <summary>What an average over a window divides by.</summary>
    static V Divisor(in PoolGeometry g, (int Start, int End, int Padded) rows, (int Start, int End, int Padded) columns)
        => V.Create((float)(g.CountIncludePad ? (long)rows.Padded * columns.Padded : (long)(rows.End - rows.Start) * (columns.End - columns.Start)));

    readonly struct AvgPoolWork(in PoolGeometry g, float* x, float* y) : IWork
    {
        readonly PoolGeometry g = g;
        readonly float* x = x, y = y;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var perTask = RowsPerTask(PoolRowElements(g));
            var end = Math.Min((long)g.N * g.OutH, (task + 1) * perTask);
            for (var row = task * perTask; row < end; row++)
            {
                var image = x + (row / g.OutH * g.H * g.W * g.C);
                var rows = g.RowWindow((int)(row % g.OutH));
                for (var o = 0; o < g.OutW; o++)
                {
                    var columns = g.ColumnWindow(o);
                    var divisor = Divisor(g, rows, columns);
                    var target = y + (((row * g.OutW) + o) * g.C);
                    var c = 0;
                    for (; c <= g.C - V.Count; c += V.Count) Window(image + c, rows.Start, rows.End, columns.Start, columns.End, divisor, target + c, V.Count);
                    if (c < g.C) Window(image + c, rows.Start, rows.End, columns.Start, columns.End, divisor, target + c, g.C - c);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Window(float* image, int top, int bottom, int left, int right, V divisor, float* target, int count)
        {
            var sum = V.Zero;
            for (var h = top; h < bottom; h++)
            {
                var p = image + ((((long)h * g.W) + left) * g.C);
                for (var w = left; w < right; w++, p += g.C) sum += LoadUpTo(p, count);
            }

            StoreUpTo(sum / divisor, target, count);
        }
    }

    readonly struct AvgPoolBackwardWork(in PoolGeometry g, float* dy, float* dx) : IWork
    {
        readonly PoolGeometry g = g;
        readonly float* dy = dy, dx = dx;
        readonly bool tiles = Tiles(g);

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var image = dx + ((long)task * g.H * g.W * g.C);
            if (!tiles) Clear(image, (long)g.H * g.W * g.C);
            for (var i = 0; i < g.OutH; i++)
            {
                var rows = g.RowWindow(i);
                for (var o = 0; o < g.OutW; o++)
                {
                    var columns = g.ColumnWindow(o);
                    var divisor = Divisor(g, rows, columns);
                    var source = dy + (((((long)task * g.OutH) + i) * g.OutW + o) * g.C);
                    var c = 0;
                    for (; c <= g.C - V.Count; c += V.Count) Window(image + c, rows.Start, rows.End, columns.Start, columns.End, divisor, source + c, V.Count);
                    if (c < g.C) Window(image + c, rows.Start, rows.End, columns.Start, columns.End, divisor, source + c, g.C - c);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Window(float* image, int top, int bottom, int left, int right, V divisor, float* source, int count)
        {
            var share = LoadUpTo(source, count) / divisor;
            for (var h = top; h < bottom; h++)
            {
                var p = image + ((((long)h * g.W) + left) * g.C);
                for (var w = left; w < right; w++, p += g.C) StoreUpTo(tiles ? share : LoadUpTo(p, count) + share, p, count);
            }
        }
    }
}
