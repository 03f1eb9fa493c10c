using System.Runtime.CompilerServices;

namespace CnnSharp.Kernels.Cpu;

// Lanes are channels. Nearest: a task has rows of the result, forward and backward (a row of dx gathers from the rows of
// dy that read it). Bilinear backward adds to four elements an output, so a task has whole images.
/// <summary>Resizing and sampling.</summary>
sealed unsafe partial class ResizeKernels<V>(CpuKernels<V> kernels) : CpuKernelFamily<V>(kernels), IResizeKernels
    where V : unmanaged, IVector<V>
{
    /// <inheritdoc/>
    public void NearestForward(in UpsampleGeometry g, DeviceBuffer x, DeviceBuffer y)
        => Workers.Run(new NearestWork(g, x.ReadOnlyPointer<float>(), y.Pointer<float>()), RowTasks((long)g.N * g.OutH, g.OutW * g.C));

    readonly struct NearestWork(in UpsampleGeometry g, float* x, float* y) : IWork
    {
        readonly UpsampleGeometry g = g;
        readonly float* x = x, y = y;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var perTask = RowsPerTask(g.OutW * g.C);
            var end = Math.Min((long)g.N * g.OutH, (task + 1) * perTask);
            for (var row = task * perTask; row < end; row++)
            {
                var h = row % g.OutH * g.H / g.OutH;
                var source = x + (((row / g.OutH * g.H) + h) * g.W * g.C);
                var target = y + (row * g.OutW * g.C);
                for (var j = 0; j < g.OutW; j++, target += g.C) CopyChannels(source + ((long)j * g.W / g.OutW * g.C), target, g.C);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void CopyChannels(float* source, float* target, int channels)
    {
        var c = 0;
        for (; c <= channels - V.Count; c += V.Count) V.Store(V.Load(source + c), target + c);
        if (c < channels) V.StorePartial(V.LoadPartial(source + c, channels - c), target + c, channels - c);
    }

    /// <inheritdoc/>
    public void NearestBackward(in UpsampleGeometry g, DeviceBuffer dy, DeviceBuffer dx)
    {
        if (dx.Length == 0) return;
        Workers.Run(new NearestBackwardWork(g, dy.ReadOnlyPointer<float>(), dx.Pointer<float>()), RowTasks((long)g.N * g.H, DivideUp(g.OutH, g.H) * g.OutW * g.C));
    }

    readonly struct NearestBackwardWork(in UpsampleGeometry g, float* dy, float* dx) : IWork
    {
        readonly UpsampleGeometry g = g;
        readonly float* dy = dy, dx = dx;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var perTask = RowsPerTask(DivideUp(g.OutH, g.H) * g.OutW * g.C);
            var end = Math.Min((long)g.N * g.H, (task + 1) * perTask);
            for (var row = task * perTask; row < end; row++)
            {
                var image = dy + (row / g.H * g.OutH * g.OutW * g.C);
                var (top, bottom) = Readers(row % g.H, g.H, g.OutH);
                for (var w = 0; w < g.W; w++)
                {
                    var (left, right) = Readers(w, g.W, g.OutW);
                    var target = dx + (((row * g.W) + w) * g.C);
                    for (var c = 0; c < g.C; c += V.Count)
                    {
                        var count = Math.Min(V.Count, g.C - c);
                        var sum = V.Zero;
                        for (var i = top; i < bottom; i++)
                        {
                            var p = image + (((i * g.OutW) + left) * g.C) + c;
                            for (var j = left; j < right; j++, p += g.C) sum += LoadUpTo(p, count);
                        }

                        StoreUpTo(sum, target + c, count);
                    }
                }
            }
        }

        /// <summary>The outputs o with floor(o size / outSize) = <paramref name="place"/>: from the first to before the last.</summary>
        static (long First, long End) Readers(long place, long size, long outSize)
            => (DivideUp(place * outSize, size), DivideUp((place + 1) * outSize, size));
    }

    /// <inheritdoc/>
    public void BilinearForward(in UpsampleGeometry g, DeviceBuffer x, DeviceBuffer y)
        => Workers.Run(new BilinearWork(g, x.ReadOnlyPointer<float>(), y.Pointer<float>()), RowTasks((long)g.N * g.OutH, g.OutW * g.C));

    /// <summary>The two places that output <paramref name="o"/> lies between along an axis, and the second's weight.</summary>
    static (int First, int Second, float Weight) Between(int o, int size, int outSize, bool alignCorners)
    {
        var position = alignCorners
            ? outSize > 1 ? (double)o * (size - 1) / (outSize - 1) : 0
            : Math.Max(0, ((o + 0.5) * size / outSize) - 0.5);
        var first = Math.Min((int)position, size - 1);
        return (first, Math.Min(first + 1, size - 1), (float)(position - first));
    }

    readonly struct BilinearWork(in UpsampleGeometry g, float* x, float* y) : IWork
    {
        readonly UpsampleGeometry g = g;
        readonly float* x = x, y = y;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var perTask = RowsPerTask(g.OutW * g.C);
            var end = Math.Min((long)g.N * g.OutH, (task + 1) * perTask);
            for (var row = task * perTask; row < end; row++)
            {
                var (top, bottom, down) = Between((int)(row % g.OutH), g.H, g.OutH, g.AlignCorners);
                var image = x + (row / g.OutH * g.H * g.W * g.C);
                float* upper = image + ((long)top * g.W * g.C), lower = image + ((long)bottom * g.W * g.C);
                var target = y + (row * g.OutW * g.C);
                for (var j = 0; j < g.OutW; j++, target += g.C)
                {
                    var (left, right, across) = Between(j, g.W, g.OutW, g.AlignCorners);
                    V w00 = V.Create((1 - down) * (1 - across)), w01 = V.Create((1 - down) * across), w10 = V.Create(down * (1 - across)), w11 = V.Create(down * across);
                    for (var c = 0; c < g.C; c += V.Count)
                    {
                        var count = Math.Min(V.Count, g.C - c);
                        var value = w00 * LoadUpTo(upper + ((long)left * g.C) + c, count);
                        value = V.Fma(w01, LoadUpTo(upper + ((long)right * g.C) + c, count), value);
                        value = V.Fma(w10, LoadUpTo(lower + ((long)left * g.C) + c, count), value);
                        value = V.Fma(w11, LoadUpTo(lower + ((long)right * g.C) + c, count), value);
                        StoreUpTo(value, target + c, count);
                    }
                }
            }
        }
    }

    /// <inheritdoc/>
    public void BilinearBackward(in UpsampleGeometry g, DeviceBuffer dy, DeviceBuffer dx)
        => Workers.Run(new BilinearBackwardWork(g, dy.ReadOnlyPointer<float>(), dx.Pointer<float>()), g.N);

    readonly struct BilinearBackwardWork(in UpsampleGeometry g, float* dy, float* dx) : IWork
    {
        readonly UpsampleGeometry g = g;
        readonly float* dy = dy, dx = dx;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var image = dx + ((long)task * g.H * g.W * g.C);
            var source = dy + ((long)task * g.OutH * g.OutW * g.C);
            Clear(image, (long)g.H * g.W * g.C);
            for (var i = 0; i < g.OutH; i++)
            {
                var (top, bottom, down) = Between(i, g.H, g.OutH, g.AlignCorners);
                float* upper = image + ((long)top * g.W * g.C), lower = image + ((long)bottom * g.W * g.C);
                for (var j = 0; j < g.OutW; j++, source += g.C)
                {
                    var (left, right, across) = Between(j, g.W, g.OutW, g.AlignCorners);
                    Add((1 - down) * (1 - across), source, upper + ((long)left * g.C));
                    Add((1 - down) * across, source, upper + ((long)right * g.C));
                    Add(down * (1 - across), source, lower + ((long)left * g.C));
                    Add(down * across, source, lower + ((long)right * g.C));
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Add(float weight, float* source, float* target)
        {
            var factor = V.Create(weight);
            for (var c = 0; c < g.C; c += V.Count)
            {
                var count = Math.Min(V.Count, g.C - c);
                StoreUpTo(V.Fma(factor, LoadUpTo(source + c, count), LoadUpTo(target + c, count)), target + c, count);
            }
        }
    }
}
