namespace CnnSharp.Kernels.Cpu;

// Backward-data of the convolutions that halve an image (3 by 3, stride 2, padding 1) with few channels: the phases of the stride
// have 1, 2, 2 and 4 taps, too few multiply-adds for what a tile's call costs, so one tile makes all four. dy is read in
// place; its last column, which has none to its right, is copied with zeros beside and below it.
/// <summary>Backward-data of 3x3 at stride 2 with few channels: all four phases in one tile.</summary>
internal sealed unsafe class PhasesConvolution<V>(CpuKernels<V> kernels) : ConvolutionAlgorithm<V>(kernels, "phases", ConvolutionPass.BackwardData)
    where V : unmanaged, IVector<V>
{
    public override bool Applies(in ConvGeometry g)
        => V.Registers >= 32
            && g is { Groups: 1, KernelH: 3, KernelW: 3, StrideH: 2, StrideW: 2, DilationH: 1, DilationW: 1, PadTop: 1, PadLeft: 1 }
            && g.H == 2 * g.OutH && g.W == 2 * g.OutW && g.OutW > 1 && g.C % V.Count == 0;

    public override bool Pays(in ConvGeometry g) => g.OutW > PhaseTiles<V>.MaxPixels && g.C <= 2 * V.Count && g.K <= 64;

    public override Workspace Workspace(in ConvGeometry g)
    {
        var pass = new PhasesPass { Geometry = g };
        pass.Plan();
        return new(g.C + (9L * g.K * g.C), pass.ScratchLength);
    }

    protected override void RunLocked(in ConvolutionCall call)
    {
        var g = call.Geometry;
        var pass = new PhasesPass { Geometry = g, Dy = call.Y.ReadOnlyPointer<float>(), Dx = call.X.Pointer<float>(), Accumulate = call.Epilogue.Accumulate };
        pass.Plan();
        pass.Bias = Workers.Shared(g.C + (9L * g.K * g.C));
        pass.Packed = pass.Bias + g.C;
        pass.Scratch = Workers.ScratchTable(pass.ScratchLength);
        var bias = call.Bias.ReadOnlyPointerOrNull<float>();
        for (var c = 0; c < g.C; c++) pass.Bias[c] = bias is null ? 0 : bias[c];
        pass.Pack(call.W.ReadOnlyPointer<float>(), call.Layout.Exchanged);
        Workers.Run(pass, pass.Tasks);
    }

    struct PhasesPass : IWork
    {
        public ConvGeometry Geometry;
        public float* Dy, Dx;
        public bool Accumulate;

        /// <summary>[C].</summary>
        public float* Bias;

        /// <summary>Weights [C / vector][9 K, vector], in the order of <see cref="PhaseTiles{V}"/>.</summary>
        public float* Packed;
        public float** Scratch;

        int bandRows, bands;

        public int Tasks { get; private set; }

        /// <summary>The last column of a band and of the row below, each pixel with zeros beside it.</summary>
        public readonly long ScratchLength => (bandRows + 1L) * 2 * Geometry.K;

        public void Plan()
        {
            // Enough tasks for the threads of a large machine.
            bandRows = DivideUp(Geometry.OutH, Math.Min(Geometry.OutH, DivideUp(32, Geometry.N)));
            bands = DivideUp(Geometry.OutH, bandRows);
            Tasks = checked(Geometry.N * bands);
        }

        public readonly void Pack(float* w, in WeightLayout layout)
        {
            var taps = PhaseTiles<V>.Taps;
            var target = Packed;
            for (var c = 0; c < Geometry.C; c += V.Count)
            {
                for (var (first, end) = (0, 6); first < 9; (first, end) = (end, 9))
                {
                    for (var k = 0; k < Geometry.K; k++)
                    {
                        for (var t = first; t < end; t++, target += V.Count)
                        {
                            var source = w + (taps[t] * layout.TapStride) + (k * layout.InStride) + (c * layout.OutStride);
                            for (var lane = 0; lane < V.Count; lane++) target[lane] = source[lane * layout.OutStride];
                        }
                    }
                }
            }
        }

        public readonly void Run(int task, int worker)
        {
            var g = Geometry;
            var (image, first) = (task / bands, task % bands * bandRows);
            var end = Math.Min(first + bandRows, g.OutH);
            long rowDy = (long)g.OutW * g.K, rowDx = (long)g.W * g.C;
            var dy = Dy + (image * g.OutH * rowDy);
            var dx = Dx + (image * g.H * rowDx);
            var strip = Scratch[worker];
            CopyStrip(dy, g.OutH, g.OutW, g.K, first, g.OutW - 1, end - first + 1, 2, strip);
            var row = new PhaseCall
            {
                PixelStride = (nint)g.K * sizeof(float),
                Right = (nint)g.K * sizeof(float),
                Down = (nint)rowDy * sizeof(float),
                Length = g.K,
                Next = new(dy + (end * rowDy), (end - first) * rowDy, (end - first) * (g.C / V.Count) * 2L * DivideUp(g.OutW - 1, PhaseTiles<V>.MaxPixels)),
                OutStride = 2 * g.C,
                OutRight = g.C,
                OutDown = (nint)rowDx,
                Accumulate = Accumulate,
            };

            // The last column's pixels lie below each other.
            var column = row with { Next = default, PixelStride = 2 * row.Right, Down = 2 * row.Right, OutStride = (nint)(2 * rowDx) };
            var weights = Packed;
            for (var c = 0; c < g.C; c += V.Count, weights += 9L * g.K * V.Count)
            {
                row.Bias = column.Bias = Bias + c;
                for (var i = first; i < end; i++)
                {
                    AddPixels(&row, dy + (i * rowDy), g.K, weights, dx + (2 * i * rowDx) + c, g.OutW - 1, i + 1 < g.OutH);
                }

                AddPixels(&column, strip, 2 * g.K, weights, dx + (2 * first * rowDx) + (2L * (g.OutW - 1) * g.C) + c, end - first, true);
            }
        }

        /// <summary>A line of pixels, in tiles of about the same size; <paramref name="stride"/>: floats between two.</summary>
        static void AddPixels(PhaseCall* call, float* dy, long stride, float* weights, float* dx, int pixels, bool down)
        {
            for (var tiles = DivideUp(pixels, PhaseTiles<V>.MaxPixels); tiles > 0; tiles--)
            {
                var count = DivideUp(pixels, tiles);
                PhaseTiles<V>.Tile(count)(call, dy, weights, dx, down);
                dy += count * stride;
                dx += count * call->OutStride;
                pixels -= count;
            }
        }
    }
}
