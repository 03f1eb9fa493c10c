namespace CnnSharp.Kernels.Cpu;

/// <summary>Backward-weights of depthwise convolutions: vectors of channels, a tap after the other.</summary>
internal sealed unsafe class DepthwiseWeightGradient<V>(CpuKernels<V> kernels) : ConvolutionAlgorithm<V>(kernels, "depthwise", ConvolutionPass.BackwardWeights)
    where V : unmanaged, IVector<V>
{
    public override bool Applies(in ConvGeometry g) => g is { Groups: > 1, GroupC: 1, GroupK: 1 };

    public override Workspace Workspace(in ConvGeometry g) => new((long)LengthOf(g) * ChunksOf(g), 0);

    protected override void RunLocked(in ConvolutionCall call)
    {
        var g = call.Geometry;
        var (length, chunks) = (LengthOf(g), ChunksOf(g));
        var partials = Workers.Shared((long)length * chunks);
        var dw = call.W.Pointer<float>();
        Workers.Run(new DepthwiseWeightWork { Geometry = g, X = call.X.ReadOnlyPointer<float>(), Dy = call.Y.ReadOnlyPointer<float>(), Partials = partials, Chunks = chunks, Length = length }, chunks);

        // The chunks in order, whatever thread made them.
        CopyFloats(partials, dw, (long)g.KernelH * g.KernelW * g.C);
        for (var chunk = 1; chunk < chunks; chunk++)
        {
            for (var i = 0; i < g.KernelH * g.KernelW * g.C; i++) dw[i] += partials[((long)chunk * length) + i];
        }
    }

    static int LengthOf(in ConvGeometry g) => RoundUp(checked(g.KernelH * g.KernelW * g.C), 16);

    static int ChunksOf(in ConvGeometry g) => (int)Math.Clamp(Math.Min(32, g.MultiplyAdds / (1 << 16)), 1, g.N);

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
