using System.Runtime.CompilerServices;

namespace CnnSharp.Kernels.Cpu;

// Vectors of channels: a pixel of dy meets the taps of a kernel row, whose sums stay in registers for a row of pixels.
/// <summary>Backward-weights of depthwise convolutions.</summary>
internal sealed unsafe class DepthwiseWeightGradient<V>(CpuKernels<V> kernels) : ConvolutionAlgorithm<V>(kernels, "depthwise", ConvolutionPass.BackwardWeights)
    where V : unmanaged, IVector<V>
{
    /// <summary>Channels of a task: four cache lines of a pixel.</summary>
    const int BlockChannels = 64;

    public override bool Applies(in ConvGeometry g) => DepthwiseConvolution<V>.AppliesTo(g);

    public override Workspace Workspace(in ConvGeometry g) => new(SumsOf(g) * ChunksOf(g), 0);

    protected override void RunLocked(in ConvolutionCall call)
    {
        var g = call.Geometry;
        var work = new LineWork
        {
            Geometry = g,
            X = call.X.ReadOnlyPointer<float>(),
            Dy = call.Y.ReadOnlyPointer<float>(),
            Partials = Workers.Shared(SumsOf(g) * ChunksOf(g)),
            SumsLength = SumsOf(g),
            Chunks = ChunksOf(g),
        };
        Workers.Run(work, checked(work.Chunks * LineWork.BlocksOf(g)));

        // The chunks in order, whatever thread made them.
        var dw = call.W.Pointer<float>();
        var count = (long)g.KernelH * g.KernelW * g.C;
        CopyFloats(work.Partials, dw, count);
        for (var chunk = 1; chunk < work.Chunks; chunk++)
        {
            var sums = work.Partials + (chunk * work.SumsLength);
            for (var i = 0L; i < count; i += V.Count)
            {
                var lanes = (int)Math.Min(V.Count, count - i);
                StoreUpTo(LoadUpTo(dw + i, lanes) + LoadUpTo(sums + i, lanes), dw + i, lanes);
            }
        }
    }

    static long SumsOf(in ConvGeometry g) => RoundUp(checked(g.KernelH * g.KernelW * g.C), 16);

    /// <summary>Pieces of all rows of dy: together with the blocks of channels enough tasks for the threads of a large machine.</summary>
    static int ChunksOf(in ConvGeometry g)
        => (int)Math.Clamp(Math.Min(DivideUp(32, LineWork.BlocksOf(g)), g.MultiplyAdds / (1 << 16)), 1, (long)g.N * g.OutH);

    /// <summary>Sums of a chunk of the rows of dy, for a block of channels: [kh, kw, C].</summary>
    struct LineWork : IWork
    {
        public ConvGeometry Geometry;
        public float* X, Dy, Partials;
        public long SumsLength;
        public int Chunks;

        public static int BlocksOf(in ConvGeometry g) => DivideUp(g.C, BlockChannels);

        public readonly void Run(int task, int worker)
        {
            var g = Geometry;
            var (chunk, block) = Math.DivRem(task, BlocksOf(g));
            var (channel, end) = (block * BlockChannels, Math.Min((block + 1) * BlockChannels, g.C));
            var sums = Partials + (chunk * SumsLength);
            for (var tap = 0; tap < g.KernelH * g.KernelW; tap++) Clear(sums + ((long)tap * g.C) + channel, end - channel);
            var lines = (long)g.N * g.OutH;
            var stop = lines * (chunk + 1) / Chunks;
            var rows = new TapAxis(g.KernelH, -g.PadTop, g.DilationH, 0, 1);
            for (var line = lines * chunk / Chunks; line < stop; line++)
            {
                var (image, i) = Math.DivRem(line, g.OutH);
                var place = (int)i * g.StrideH;
                var (from, to) = rows.Inside(place, g.H);
                for (var r = from; r < to; r++)
                {
                    var x = X + (((image * g.H) + place + rows.First + (r * rows.Spacing)) * g.W * g.C);
                    Row(x, Dy + (line * g.OutW * g.C), sums + ((long)r * g.KernelW * g.C), channel, end);
                }
            }
        }

        /// <summary>Adds the products of a row of dy with the row of x that a kernel row reads.</summary>
        readonly void Row(float* x, float* dy, float* sums, int channel, int end)
        {
            var g = Geometry;
            var reach = (g.KernelW - 1) * g.DilationW;

            // The pixels of dy that all columns of taps take from within x: they are summed together, where there are three or five columns.
            var inside = Math.Min(g.OutW, DivideUp(g.PadLeft, g.StrideW));
            var last = g.W - 1 - reach + g.PadLeft;
            var outside = Math.Max(inside, last < 0 ? 0 : Math.Min(g.OutW, (last / g.StrideW) + 1));
            var c = channel;
            if (g.KernelW is 3 or 5)
            {
                float* first = x + ((((long)inside * g.StrideW) - g.PadLeft) * g.C), second = dy + ((long)inside * g.C);
                for (; c + (2 * V.Count) <= end; c += 2 * V.Count)
                {
                    if (g.KernelW == 3) Three(first + c, second + c, sums + c, outside - inside);
                    else Five(first + c, second + c, sums + c, outside - inside);
                }
            }

            for (var s = 0; s < g.KernelW; s++)
            {
                var offset = (s * g.DilationW) - g.PadLeft;
                var from = offset >= 0 ? 0 : DivideUp(-offset, g.StrideW);
                var to = g.W - 1 - offset < 0 ? 0 : Math.Min(g.OutW, ((g.W - 1 - offset) / g.StrideW) + 1);
                float* source = x + ((long)offset * g.C), target = sums + ((long)s * g.C);
                if (c > channel)
                {
                    One(source, dy, target, channel, c, from, Math.Min(inside, to));
                    One(source, dy, target, channel, c, Math.Max(outside, from), to);
                }

                if (c < end) One(source, dy, target, c, end, from, to);
            }
        }

        /// <summary>Two vectors of channels, three columns of taps, and pixels that reach x with all.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        readonly void Three(float* x, float* dy, float* sums, int pixels)
        {
            nint channels = Geometry.C, tap = Geometry.DilationW * channels, step = Geometry.StrideW * channels;
            float* sums1 = sums + channels, sums2 = sums1 + channels;
            V a0 = V.Load(sums), a1 = V.Load(sums1), a2 = V.Load(sums2), b0 = V.Load(sums + V.Count), b1 = V.Load(sums1 + V.Count), b2 = V.Load(sums2 + V.Count);
            for (; pixels > 0; pixels--, x += step, dy += channels)
            {
                V a = V.Load(dy), b = V.Load(dy + V.Count);
                a0 = V.Fma(a, V.Load(x), a0);
                b0 = V.Fma(b, V.Load(x + V.Count), b0);
                a1 = V.Fma(a, V.Load(x + tap), a1);
                b1 = V.Fma(b, V.Load(x + tap + V.Count), b1);
                a2 = V.Fma(a, V.Load(x + (2 * tap)), a2);
                b2 = V.Fma(b, V.Load(x + (2 * tap) + V.Count), b2);
            }

            V.Store(a0, sums);
            V.Store(a1, sums1);
            V.Store(a2, sums2);
            V.Store(b0, sums + V.Count);
            V.Store(b1, sums1 + V.Count);
            V.Store(b2, sums2 + V.Count);
        }

        /// <summary>As <see cref="Three"/>, of five columns.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        readonly void Five(float* x, float* dy, float* sums, int pixels)
        {
            nint channels = Geometry.C, tap = Geometry.DilationW * channels, step = Geometry.StrideW * channels;
            float* sums1 = sums + channels, sums2 = sums1 + channels, sums3 = sums2 + channels, sums4 = sums3 + channels;
            V a0 = V.Load(sums), a1 = V.Load(sums1), a2 = V.Load(sums2), a3 = V.Load(sums3), a4 = V.Load(sums4);
            V b0 = V.Load(sums + V.Count), b1 = V.Load(sums1 + V.Count), b2 = V.Load(sums2 + V.Count), b3 = V.Load(sums3 + V.Count), b4 = V.Load(sums4 + V.Count);
            for (; pixels > 0; pixels--, x += step, dy += channels)
            {
                V a = V.Load(dy), b = V.Load(dy + V.Count);
                var far = x + (3 * tap);
                a0 = V.Fma(a, V.Load(x), a0);
                b0 = V.Fma(b, V.Load(x + V.Count), b0);
                a1 = V.Fma(a, V.Load(x + tap), a1);
                b1 = V.Fma(b, V.Load(x + tap + V.Count), b1);
                a2 = V.Fma(a, V.Load(x + (2 * tap)), a2);
                b2 = V.Fma(b, V.Load(x + (2 * tap) + V.Count), b2);
                a3 = V.Fma(a, V.Load(far), a3);
                b3 = V.Fma(b, V.Load(far + V.Count), b3);
                a4 = V.Fma(a, V.Load(far + tap), a4);
                b4 = V.Fma(b, V.Load(far + tap + V.Count), b4);
            }

            V.Store(a0, sums);
            V.Store(a1, sums1);
            V.Store(a2, sums2);
            V.Store(a3, sums3);
            V.Store(a4, sums4);
            V.Store(b0, sums + V.Count);
            V.Store(b1, sums1 + V.Count);
            V.Store(b2, sums2 + V.Count);
            V.Store(b3, sums3 + V.Count);
            V.Store(b4, sums4 + V.Count);
        }

        /// <summary>One tap, of channels [c, end) and pixels [from, to).</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        readonly void One(float* x, float* dy, float* sums, int c, int end, int from, int to)
        {
            if (from >= to) return;
            nint channels = Geometry.C, step = Geometry.StrideW * channels;
            x += from * step;
            dy += from * channels;
            for (; c + V.Count <= end; c += V.Count)
            {
                var sum = V.Load(sums + c);
                float* p = x + c, q = dy + c;
                for (var j = from; j < to; j++, p += step, q += channels) sum = V.Fma(V.Load(p), V.Load(q), sum);
                V.Store(sum, sums + c);
            }

            if (c >= end) return;
            var lanes = end - c;
            var last = V.LoadPartial(sums + c, lanes);
            x += c;
            dy += c;
            for (var j = from; j < to; j++, x += step, dy += channels) last = V.Fma(V.LoadPartial(x, lanes), V.LoadPartial(dy, lanes), last);
            V.StorePartial(last, sums + c, lanes);
        }
    }
}
