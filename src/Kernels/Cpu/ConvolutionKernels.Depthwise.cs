namespace CnnSharp.Kernels.Cpu;

// Depthwise convolution: one input and one output channel a group. Vectors run over channels, four at a time, and each
// meets the taps that lie within the image, so nothing is padded. Bound by loads: two a multiply-add.
sealed unsafe partial class ConvolutionKernels<V>
    where V : unmanaged, IVector<V>
{
    bool IsDepthwise(in ConvGeometry g) => May(ConvolutionAlgorithms.Depthwise) && g.Groups > 1 && g.GroupC == 1 && g.GroupK == 1;

    void Depthwise(in ConvGeometry g, float* source, float* w, float* bias, float* target, Activation activation, bool accumulate, bool transposed)
    {
        var work = new DepthwiseWork
        {
            Geometry = g,
            Source = source,
            Weights = w,
            Bias = bias,
            Target = target,
            Accumulate = accumulate,
            Relu = activation == Activation.Relu,
            Transposed = transposed,
            Rows = transposed ? g.H : g.OutH,
            Cols = transposed ? g.W : g.OutW,
            SourceRows = transposed ? g.OutH : g.H,
            SourceCols = transposed ? g.OutW : g.W,
        };
        var workPerRow = Math.Max(1, (long)work.Cols * g.C * g.KernelH * g.KernelW);
        work.BandRows = (int)Math.Clamp((1 << 16) / workPerRow, 1, work.Rows);
        Workers.Run(work, checked(g.N * DivideUp(work.Rows, work.BandRows)));
    }

    /// <summary>Forward, and backward-data if Transposed: each target pixel gathers the source pixels its taps reach. Task: a few rows of an image.</summary>
    struct DepthwiseWork : IWork
    {
        public ConvGeometry Geometry;
        public float* Source, Weights, Bias, Target;
        public bool Accumulate, Relu, Transposed;
        public int Rows, Cols, SourceRows, SourceCols, BandRows;

        public readonly void Run(int task, int worker)
        {
            var bands = DivideUp(Rows, BandRows);
            var image = task / bands;
            var first = task % bands * BandRows;
            var end = Math.Min(first + BandRows, Rows);
            var channels = Geometry.C;
            var source = Source + ((long)image * SourceRows * SourceCols * channels);
            for (var i = first; i < end; i++)
            {
                var target = Target + ((((long)image * Rows) + i) * Cols * channels);
                for (var j = 0; j < Cols; j++, target += channels) Pixel(source, i, j, target);
            }
        }

        /// <summary>The source row (column) that kernel row r reaches from a target row, or -1.</summary>
        readonly int Reach(int place, int r, int stride, int pad, int dilation, int extent)
        {
            if (!Transposed)
            {
                var at = (place * stride) + (r * dilation) - pad;
                return (uint)at < (uint)extent ? at : -1;
            }

            var distance = place + pad - (r * dilation);
            return distance >= 0 && distance % stride == 0 && distance / stride < extent ? distance / stride : -1;
        }

        readonly void Pixel(float* source, int i, int j, float* target)
        {
            var g = Geometry;
            var channels = g.C;
            var c = 0;
            for (; c + (4 * V.Count) <= channels; c += 4 * V.Count)
            {
                V s0 = Start(c, V.Count), s1 = Start(c + V.Count, V.Count), s2 = Start(c + (2 * V.Count), V.Count), s3 = Start(c + (3 * V.Count), V.Count);
                for (var r = 0; r < g.KernelH; r++)
                {
                    var h = Reach(i, r, g.StrideH, g.PadTop, g.DilationH, SourceRows);
                    if (h < 0) continue;
                    for (var s = 0; s < g.KernelW; s++)
                    {
                        var column = Reach(j, s, g.StrideW, g.PadLeft, g.DilationW, SourceCols);
                        if (column < 0) continue;
                        var x = source + ((((long)h * SourceCols) + column) * channels) + c;
                        var w = Weights + ((((long)r * g.KernelW) + s) * channels) + c;
                        s0 = V.Fma(V.Load(x), V.Load(w), s0);
                        s1 = V.Fma(V.Load(x + V.Count), V.Load(w + V.Count), s1);
                        s2 = V.Fma(V.Load(x + (2 * V.Count)), V.Load(w + (2 * V.Count)), s2);
                        s3 = V.Fma(V.Load(x + (3 * V.Count)), V.Load(w + (3 * V.Count)), s3);
                    }
                }

                Finish(s0, target + c, V.Count);
                Finish(s1, target + c + V.Count, V.Count);
                Finish(s2, target + c + (2 * V.Count), V.Count);
                Finish(s3, target + c + (3 * V.Count), V.Count);
            }

            for (; c < channels; c += V.Count)
            {
                var count = Math.Min(V.Count, channels - c);
                var sum = Start(c, count);
                for (var r = 0; r < g.KernelH; r++)
                {
                    var h = Reach(i, r, g.StrideH, g.PadTop, g.DilationH, SourceRows);
                    if (h < 0) continue;
                    for (var s = 0; s < g.KernelW; s++)
                    {
                        var column = Reach(j, s, g.StrideW, g.PadLeft, g.DilationW, SourceCols);
                        if (column < 0) continue;
                        var x = source + ((((long)h * SourceCols) + column) * channels) + c;
                        var w = Weights + ((((long)r * g.KernelW) + s) * channels) + c;
                        sum = count == V.Count ? V.Fma(V.Load(x), V.Load(w), sum) : V.Fma(V.LoadPartial(x, count), V.LoadPartial(w, count), sum);
                    }
                }

                Finish(sum, target + c, count);
            }
        }

        readonly V Start(int c, int count)
            => Bias is null ? V.Zero : count == V.Count ? V.Load(Bias + c) : V.LoadPartial(Bias + c, count);

        readonly void Finish(V sum, float* target, int count)
        {
            if (Relu) sum = V.Max(sum, V.Zero);
            if (count == V.Count)
            {
                V.Store(Accumulate ? sum + V.Load(target) : sum, target);
            }
            else
            {
                V.StorePartial(Accumulate ? sum + V.LoadPartial(target, count) : sum, target, count);
            }
        }
    }

    void DepthwiseWeightGradient(in ConvGeometry g, float* x, float* dy, float* dw)
    {
        var length = RoundUp(checked(g.KernelH * g.KernelW * g.C), 16);
        var chunks = (int)Math.Clamp(Math.Min(32, g.MultiplyAdds / (1 << 16)), 1, g.N);
        lock (Workers.ScratchLock)
        {
            var partials = Workers.Shared((long)length * chunks);
            Workers.Run(new DepthwiseWeightWork { Geometry = g, X = x, Dy = dy, Partials = partials, Chunks = chunks, Length = length }, chunks);

            // The chunks in order, whatever thread made them.
            CopyFloats(partials, dw, (long)g.KernelH * g.KernelW * g.C);
            for (var chunk = 1; chunk < chunks; chunk++)
            {
                for (var i = 0; i < g.KernelH * g.KernelW * g.C; i++) dw[i] += partials[((long)chunk * length) + i];
            }
        }
    }

    /// <summary>Sums of a chunk of images, [kh, kw, C].</summary>
    struct DepthwiseWeightWork : IWork
    {
        public ConvGeometry Geometry;
        public float* X, Dy, Partials;
        public int Chunks, Length;

        public readonly void Run(int task, int worker)
        {
            var g = Geometry;
            var first = (int)((long)g.N * task / Chunks);
            var end = (int)((long)g.N * (task + 1) / Chunks);
            var sums = Partials + ((long)task * Length);
            Clear(sums, Length);
            for (var image = first; image < end; image++)
            {
                for (var r = 0; r < g.KernelH; r++)
                {
                    for (var s = 0; s < g.KernelW; s++) Tap(image, r, s, sums + ((((long)r * g.KernelW) + s) * g.C));
                }
            }
        }

        readonly void Tap(int image, int r, int s, float* sums)
        {
            var g = Geometry;
            var rowOffset = (r * g.DilationH) - g.PadTop;
            var colOffset = (s * g.DilationW) - g.PadLeft;

            // The columns of dy whose tap lies within x.
            var firstCol = colOffset >= 0 ? 0 : DivideUp(-colOffset, g.StrideW);
            var lastCol = g.W - 1 - colOffset < 0 ? -1 : Math.Min(g.OutW - 1, (g.W - 1 - colOffset) / g.StrideW);
            for (var i = 0; i < g.OutH; i++)
            {
                var h = (i * g.StrideH) + rowOffset;
                if ((uint)h >= (uint)g.H || firstCol > lastCol) continue;
                var x = X + (((((long)image * g.H) + h) * g.W) + ((long)firstCol * g.StrideW) + colOffset) * g.C;
                var dy = Dy + (((((long)image * g.OutH) + i) * g.OutW) + firstCol) * g.C;
                var pixels = lastCol - firstCol + 1;
                var step = (long)g.StrideW * g.C;
                var c = 0;
                for (; c + (2 * V.Count) <= g.C; c += 2 * V.Count)
                {
                    V s0 = V.Load(sums + c), s1 = V.Load(sums + c + V.Count);
                    float* p = x + c, q = dy + c;
                    for (var j = 0; j < pixels; j++, p += step, q += g.C)
                    {
                        s0 = V.Fma(V.Load(p), V.Load(q), s0);
                        s1 = V.Fma(V.Load(p + V.Count), V.Load(q + V.Count), s1);
                    }

                    V.Store(s0, sums + c);
                    V.Store(s1, sums + c + V.Count);
                }

                for (; c < g.C; c += V.Count)
                {
                    var count = Math.Min(V.Count, g.C - c);
                    var sum = V.LoadPartial(sums + c, count);
                    float* p = x + c, q = dy + c;
                    for (var j = 0; j < pixels; j++, p += step, q += g.C) sum = V.Fma(V.LoadPartial(p, count), V.LoadPartial(q, count), sum);
                    V.StorePartial(sum, sums + c, count);
                }
            }
        }
    }
}
