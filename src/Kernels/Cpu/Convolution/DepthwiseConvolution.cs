namespace CnnSharp.Kernels.Cpu;

// One input and one output channel a group. Vectors run over channels, four at a time, and each meets the taps that lie
// within the image, so nothing is padded. Bound by loads: two a multiply-add.
/// <summary>Depthwise convolutions.</summary>
internal sealed unsafe class DepthwiseConvolution<V>(CpuKernels<V> kernels, ConvolutionPass pass) : ConvolutionAlgorithm<V>(kernels, "depthwise", pass)
    where V : unmanaged, IVector<V>
{
    public override bool Applies(in ConvGeometry g) => g is { Groups: > 1, GroupC: 1, GroupK: 1 };

    public override Workspace Workspace(in ConvGeometry g) => default;

    protected override void RunLocked(in ConvolutionCall call)
    {
        var g = call.Geometry;
        var transposed = Pass == ConvolutionPass.BackwardData;
        var (source, target) = transposed ? (call.Y, call.X) : (call.X, call.Y);
        var work = new DepthwiseWork
        {
            Geometry = g,
            Source = source.ReadOnlyPointer<float>(),
            Weights = call.W.ReadOnlyPointer<float>(),
            Bias = call.Bias.ReadOnlyPointerOrNull<float>(),
            Target = target.Pointer<float>(),
            Epilogue = call.Epilogue,
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
        public Epilogue Epilogue;
        public bool Transposed;
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

                Finish(s0, target + c, c, V.Count);
                Finish(s1, target + c + V.Count, c + V.Count, V.Count);
                Finish(s2, target + c + (2 * V.Count), c + (2 * V.Count), V.Count);
                Finish(s3, target + c + (3 * V.Count), c + (3 * V.Count), V.Count);
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

                Finish(sum, target + c, c, count);
            }
        }

        readonly V Start(int c, int count)
            => Bias is null ? V.Zero : count == V.Count ? V.Load(Bias + c) : V.LoadPartial(Bias + c, count);

        readonly void Finish(V sum, float* target, int c, int count)
        {
            if (Epilogue.Scale is not null) sum = V.Fma(sum, V.Load(Epilogue.Scale + c), V.Load(Epilogue.Shift + c));
            if (Epilogue.Add is not null) sum += LoadUpTo(Epilogue.Add + (target - Target), count);
            if (Epilogue.Relu) sum = V.Max(sum, V.Zero);
            if (Epilogue.Accumulate) sum += LoadUpTo(target, count);
            StoreUpTo(sum, target, count);
        }
    }
}
