namespace CnnSharp.Kernels.Cpu;

// Backward-data with few channels of x (the first layers), a vector of result channels would be mostly empty. So each pixel
// of dy is multiplied by the weights of all taps at once, whose R S C values fill the lanes, and the products are added
// up where they belong afterwards: in rows first, then, as the S C values of a kernel row are contiguous in dx, in
// columns. Windows S columns apart do not overlap but touch, so those of one remainder are stored one after the other in
// a row of their own, and S such rows added make the row of dx: nothing is read back that was just written elsewhere
// (an overlapping load right after a store waits for the L1).
/// <summary>Backward-data to few channels: lanes are taps and channels.</summary>
internal sealed unsafe class FewChannelsConvolution<V>(CpuKernels<V> kernels) : ConvolutionAlgorithm<V>(kernels, "few-channels", ConvolutionPass.BackwardData)
    where V : unmanaged, IVector<V>
{
    /// <summary>A tile reads half its pixels of a row at least; the columns must follow each other without a gap.</summary>
    public override bool Applies(in ConvGeometry g)
        => g is { Groups: 1, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1 } && g.OutW >= CorrelationTiles<V>.MaxHalfTilePixels && (long)g.KernelH * g.KernelW * g.C <= 4096;

    public override bool Pays(in ConvGeometry g)
    {
        // Vectors of multiply-adds and of sums for a pixel; a sum is a load, an add and their share of a store.
        long taps = (long)g.KernelH * g.KernelW, lanes = taps * g.C;
        var direct = taps * DivideUp(g.C, V.Count) * g.K;
        var few = ((lanes + V.Count - 1) / V.Count * g.K) + (2L * (g.KernelH + 1) * DivideUp(g.KernelW * g.C, V.Count));
        return few * 4 < direct * 3;
    }

    public override Workspace Workspace(in ConvGeometry g)
    {
        var pass = new FewChannelsPass { Geometry = g };
        pass.Plan();
        return new(FewChannelsPass.ZeroLength + pass.BiasLength + ((long)pass.Width * g.K), pass.ScratchLength);
    }

    protected override void RunLocked(in ConvolutionCall call)
    {
        var g = call.Geometry;
        var pass = new FewChannelsPass { Geometry = g, Dy = call.Y.ReadOnlyPointer<float>(), Dx = call.X.Pointer<float>(), Accumulate = call.Epilogue.Accumulate };
        pass.Plan();
        pass.Zeros = Workers.Shared(FewChannelsPass.ZeroLength + pass.BiasLength + ((long)pass.Width * g.K));
        pass.Bias = pass.Zeros + FewChannelsPass.ZeroLength;
        pass.Packed = pass.Bias + pass.BiasLength;
        pass.Scratch = Workers.ScratchTable(pass.ScratchLength);
        Clear(pass.Zeros, FewChannelsPass.ZeroLength);
        var bias = call.Bias.ReadOnlyPointerOrNull<float>();
        for (var i = 0; i < g.W * g.C; i++) pass.Bias[i] = bias is null ? 0 : bias[i % g.C];
        pass.Pack(call.W.ReadOnlyPointer<float>(), call.Layout.Exchanged);
        Workers.Run(pass, pass.Tasks);
    }

    struct FewChannelsPass : IWork
    {
        /// <summary>Floats of products kept at once: they, dy and the weights should stay in the L1.</summary>
        const int MostProducts = 6 * 1024;

        public ConvGeometry Geometry;
        public float* Dy, Dx;
        public bool Accumulate;

        /// <summary>The bias of the products.</summary>
        public float* Zeros;

        /// <summary>What a row of dx starts with: [W, C].</summary>
        public float* Bias;

        /// <summary>Weights [blocks of v vectors][K, v vectors], all taps' channels one after the other.</summary>
        public float* Packed;
        public float** Scratch;

        // Rows of dx that are made together, rows of products that these read, floats of one of the S rows to be added.
        int step, ring, partLength;
        int bandRows, bands, images;

        /// <summary>Floats of a pixel's products: R S C, rounded up to vectors.</summary>
        public int Width { get; private set; }

        public int Tasks { get; private set; }

        /// <summary>Floats of <see cref="Zeros"/>, and of <see cref="Bias"/>.</summary>
        public static int ZeroLength => RoundUp(3 * V.Count, 16);

        public readonly int BiasLength => RoundUp((Geometry.W * Geometry.C) + V.Count, 16);

        readonly long RingLength => ((long)ring * Geometry.OutW * Width) + RoundUp(Geometry.KernelW * Geometry.C, V.Count) + V.Count;

        public readonly long ScratchLength => CorrelationTiles<V>.MaxTile + ((long)Geometry.KernelW * partLength) + RingLength;

        public void Plan()
        {
            var g = Geometry;
            Width = RoundUp(g.KernelH * g.KernelW * g.C, V.Count);
            var row = g.OutW * Width;
            step = Math.Min(g.H, Math.Clamp((MostProducts / row) - g.KernelH + 1, 2, 8));
            ring = step + g.KernelH - 1;
            partLength = RoundUp(((g.OutW + g.KernelW) * g.C) + RoundUp(g.KernelW * g.C, V.Count) + V.Count, 16);

            // Enough tasks for the threads of a large machine, but bands compute the rows between them twice.
            bandRows = Math.Min(g.H, Math.Max(DivideUp(g.H, DivideUp(32, g.N)), 4 * g.KernelH));
            bands = DivideUp(g.H, bandRows);
            images = bands > 1 ? 1 : (int)Math.Clamp((1 << 18) / Math.Max(1, (long)g.H * row * g.K), 1, g.N);
            Tasks = checked(DivideUp(g.N, images) * bands);
        }

        public readonly void Pack(float* w, in WeightLayout layout)
        {
            var (taps, c) = (Geometry.KernelH * Geometry.KernelW, Geometry.C);
            var target = Packed;
            for (int first = 0, left = Width / V.Count; left > 0;)
            {
                var vectors = CorrelationTiles<V>.Vectors(left);
                for (var k = 0; k < Geometry.K; k++)
                {
                    var source = w + (k * layout.InStride);
                    var (tap, channel) = (first / c, first % c);
                    for (var lane = 0; lane < vectors * V.Count; lane++)
                    {
                        *target++ = tap < taps ? source[(tap * layout.TapStride) + (channel * layout.OutStride)] : 0;
                        if (++channel < c) continue;
                        channel = 0;
                        tap++;
                    }
                }

                first += vectors * V.Count;
                left -= vectors;
            }
        }

        public readonly void Run(int task, int worker)
        {
            var band = task % bands;
            var firstImage = task / bands * images;
            var lastImage = Math.Min(firstImage + images, Geometry.N);
            var first = band * bandRows;
            var end = Math.Min(first + bandRows, Geometry.H);
            var temp = Scratch[worker];
            var parts = temp + CorrelationTiles<V>.MaxTile;
            var products = parts + ((long)Geometry.KernelW * partLength);

            // What lies before a remainder's first window stays zero.
            for (var q = 0; q < Geometry.KernelW; q++) Clear(parts + ((long)q * partLength), q * Geometry.C);
            for (var image = firstImage; image < lastImage; image++)
            {
                // Row h of dx reads rows h + PadTop - r of dy.
                var done = Math.Max(0, first + Geometry.PadTop - Geometry.KernelH + 1);
                for (var h = first; h < end; h += step)
                {
                    var stop = Math.Min(h + step, end);
                    var wanted = Math.Min(stop + Geometry.PadTop, Geometry.OutH);
                    // At a band's start there are R - 1 rows more, for which the ring has room.
                    if (wanted > done) Multiply(image, done, wanted, products, temp);
                    done = Math.Max(done, wanted);
                    for (var row = h; row < stop; row++)
                    {
                        AddRows(row, products, parts);
                        AddColumns(parts, Dx + ((((long)image * Geometry.H) + row) * Geometry.W * Geometry.C));
                    }
                }
            }
        }

        /// <summary>The products of rows [first, end) of dy with all taps: row i in place i mod ring.</summary>
        readonly void Multiply(int image, int first, int end, float* products, float* temp)
        {
            nint offset = 0;
            var call = new CorrelationCall
            {
                PixelStride = (nint)Geometry.K * sizeof(float),
                OutStride = Width,
                Offsets = &offset,
                Segments = 1,
                Length = Geometry.K,
            };
            var weights = Packed;
            var rowLength = (long)Geometry.OutW * Geometry.K;
            var source = Dy + ((long)image * Geometry.OutH * rowLength);
            for (int k = 0, left = Width / V.Count; left > 0;)
            {
                var vectors = CorrelationTiles<V>.Vectors(left);
                call.WeightStride = vectors * V.Count * sizeof(float);
                var pair = new TilePair<V>(&call, CorrelationTiles<V>.HalfTilePixels(vectors, Geometry.OutW, end - first), vectors, vectors * V.Count, weights, Zeros, temp);
                for (var row = first; row < end; row++)
                {
                    pair.AddRow(source + (row * rowLength), Geometry.K, products + ((long)(row % ring) * Geometry.OutW * Width) + k, Geometry.OutW);
                }

                pair.Flush();
                weights += (long)vectors * V.Count * Geometry.K;
                k += vectors * V.Count;
                left -= vectors;
            }
        }

        /// <summary>For row h of dx and each column of dy, the sum of all kernel rows' products, in the row of its remainder by S.</summary>
        readonly void AddRows(int h, float* products, float* parts)
        {
            var window = Geometry.KernelW * Geometry.C;
            var (from, to) = (Math.Max(0, h + Geometry.PadTop - Geometry.OutH + 1), Math.Min(Geometry.KernelH, h + Geometry.PadTop + 1));
            var rowLength = (long)Geometry.OutW * Width;
            for (var q = 0; q < Geometry.KernelW; q++)
            {
                var part = parts + ((long)q * partLength);
                var target = part + (q * Geometry.C);
                // What a window's last vector has after its end, the next window's vectors replace: they are written in order.
                if (window <= V.Count && to - from == 3)
                {
                    var i = h + Geometry.PadTop - from;
                    var a = products + (i % ring * rowLength) + (from * window) + (q * (long)Width);
                    var b = products + ((i - 1) % ring * rowLength) + ((from + 1) * window) + (q * (long)Width);
                    var c = products + ((i - 2) % ring * rowLength) + ((from + 2) * window) + (q * (long)Width);
                    var next = (nint)Geometry.KernelW * Width;
                    for (var j = q; j < Geometry.OutW; j += Geometry.KernelW, a += next, b += next, c += next, target += window)
                    {
                        V.Store(V.Load(a) + V.Load(b) + V.Load(c), target);
                    }
                }
                else
                {
                    for (var j = q; j < Geometry.OutW; j += Geometry.KernelW, target += window)
                    {
                        for (var v = 0; v < window; v += V.Count)
                        {
                            var sum = V.Zero;
                            for (var r = from; r < to; r++)
                            {
                                sum += V.Load(products + ((h + Geometry.PadTop - r) % ring * rowLength) + ((long)j * Width) + (r * window) + v);
                            }

                            V.Store(sum, target + v);
                        }
                    }
                }

                // After the last window are zeros again.
                for (var last = part + ((Geometry.OutW + Geometry.KernelW - 1) * Geometry.C); target < last; target += V.Count) V.Store(V.Zero, target);
            }
        }

        /// <summary>Adds the S rows: a row of dx.</summary>
        readonly void AddColumns(float* parts, float* target)
        {
            var length = Geometry.W * Geometry.C;
            var source = parts + (Geometry.PadLeft * Geometry.C);
            for (var x = 0; x < length; x += V.Count)
            {
                var sum = V.Load(Bias + x);
                for (var q = 0; q < Geometry.KernelW; q++) sum += V.Load(source + ((long)q * partLength) + x);
                var valid = length - x;
                if (valid >= V.Count)
                {
                    if (Accumulate) sum += V.Load(target + x);
                    V.Store(sum, target + x);
                }
                else
                {
                    if (Accumulate) sum += V.LoadPartial(target + x, valid);
                    V.StorePartial(sum, target + x, valid);
                }
            }
        }
    }
}
