using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace CnnSharp.Kernels.Cpu;

// Backward-data with three channels of x, sixteen of dy and rows of about 32 pixels (the first layer of networks for CIFAR, the last
// one of their decoders). Rows of dy are turned into planes, one a channel, so that a vector of sums is a channel of sixteen
// pixels and no lanes remain to be added up, as ThreeChannelsConvolution has to. On the way they go through Winograd's algorithm (Lavin
// and Gray 2016) in its smallest form, F(2, 3) down the columns: two rows of dx come of four sums of products where the direct
// method takes six,
//   m0 = (d0 - d2) g0,  m1 = (d1 + d2) (g0 + g1 + g2) / 2,  m2 = (d2 - d1) (g0 - g1 + g2) / 2,  m3 = (d1 - d3) g2,
//   upper row = m0 + m1 + m2,  lower row = m1 - m2 - m3
// for rows d of dy and g of the kernel: exact on whole numbers, which are only halved. With 3 x 3 taps that is 18 multiply-adds
// a pixel, and 7 shuffles and additions on the same ports, in place of 27 and 9. The planes stay in the L1; those
// of more channels or longer rows would not, and ThreeChannelsConvolution is faster there.
/// <summary>Backward-data from 16 channels to 3 by F(2, 3) down the columns.</summary>
internal sealed unsafe class ThreeChannelsWinogradConvolution<V>(CpuKernels<V> kernels) : ConvolutionAlgorithm<V>(kernels, "three-channels-winograd", ConvolutionPass.BackwardData)
    where V : unmanaged, IVector<V>
{
    public override bool Applies(in ConvGeometry g)
        => typeof(V) == typeof(V512)
            && g is { Groups: 1, C: 3, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1 }
            && ThreeChannelsWinogradPass.Fits(g);

    /// <summary>The planes have to be filled.</summary>
    public override bool Pays(in ConvGeometry g) => g.W >= 28;

    public override Workspace Workspace(in ConvGeometry g) => new(3 + new ThreeChannelsWinogradPass { Geometry = g }.PackedFloats, ThreeChannelsWinogradPass.ScratchFloats);

    protected override void RunLocked(in ConvolutionCall call)
    {
        var pass = new ThreeChannelsWinogradPass { Geometry = call.Geometry, Dy = call.Y.ReadOnlyPointer<float>(), Dx = call.X.Pointer<float>(), Accumulate = call.Epilogue.Accumulate };
        pass.Plan();
        pass.Bias = Workers.Shared(3 + pass.PackedFloats);
        pass.Packed = pass.Bias + 3;
        pass.Scratch = Workers.ScratchTable(ThreeChannelsWinogradPass.ScratchFloats);
        var bias = call.Bias.ReadOnlyPointerOrNull<float>();
        for (var c = 0; c < 3; c++) pass.Bias[c] = bias is null ? 0 : bias[c];
        pass.Pack(call.W.ReadOnlyPointer<float>(), call.Layout.Exchanged);
        Workers.Run(pass, pass.Tasks);
    }

    struct ThreeChannelsWinogradPass : IWork
    {
        const int Lanes = 16;

        // A tile of dx: two pairs of rows. A row of it is a row of dx.
        const int TileRows = 4, TileColumns = 2 * Lanes;

        // Of the four sums of products of a tile two are in registers at once: [2, pairs, vectors, 3 channels, lanes].
        const int HalfOfSums = 2 * 2 * 2 * 3 * Lanes;

        // The transformed rows of a tile: [4, pairs, 16 channels, Plane]. The zeros on the right of a row are also on the left of
        // the next one.
        const int Plane = TileColumns + Lanes, Row = Lanes * Plane;

        // The last two rows of dy: [2 blocks of columns, 16 channels, 2 rows, lanes].
        const int Kept = 2 * Lanes * 2 * Lanes;

        // A block of two rows of dy, with zeros for what is beyond it.
        const int Blocks = 2 * Lanes * Lanes;

        public const int ScratchFloats = (2 * HalfOfSums) + Blocks + Kept + Lanes + (8 * Row);

        public ConvGeometry Geometry;
        public float* Dy, Dx;
        public bool Accumulate;

        /// <summary>Of the three channels.</summary>
        public float* Bias;

        /// <summary>[halves, 16, kernel columns from the last to the first, 2, 3 channels]: the transformed weights in the order in which they are needed.</summary>
        public float* Packed;
        public float** Scratch;

        int bandRows, bands;

        /// <summary>Whether a row has the two vectors of a plane, and no more.</summary>
        public static bool Fits(in ConvGeometry g)
            => g is { KernelH: 3, K: Lanes, W: > Lanes and <= TileColumns, OutW: <= TileColumns } && g.KernelW <= Lanes && g.PadLeft < g.KernelW;

        public readonly int PackedFloats => 12 * Lanes * Geometry.KernelW;

        public int Tasks { get; private set; }

        public void Plan()
        {
            // Enough tasks for the threads of a large machine.
            var g = Geometry;
            bandRows = RoundUp(Math.Min(g.H, Math.Max(2 * TileRows, DivideUp(g.H, DivideUp(32, g.N)))), TileRows);
            bands = DivideUp(g.H, bandRows);
            Tasks = checked(g.N * bands);
        }

        public readonly void Pack(float* w, in WeightLayout layout)
        {
            var target = Packed;
            var rowStride = Geometry.KernelW * layout.TapStride;
            for (var i = 0; i < 2 * Lanes; i++)
            {
                var (half, k) = (i / Lanes, i % Lanes);
                for (var s = Geometry.KernelW - 1; s >= 0; s--, target += 6)
                {
                    for (var c = 0; c < 3; c++)
                    {
                        // Rows of dx meet those of dy in the opposite order.
                        var tap = w + (k * layout.InStride) + (s * layout.TapStride) + (c * layout.OutStride);
                        var (g0, g1, g2) = (tap[2 * rowStride], tap[rowStride], *tap);
                        target[c] = half == 0 ? g0 : 0.5f * (g0 - g1 + g2);
                        target[3 + c] = half == 0 ? 0.5f * (g0 + g1 + g2) : g2;
                    }
                }
            }
        }

        public readonly void Run(int task, int worker)
        {
            var g = Geometry;
            var image = task / bands;
            var first = task % bands * bandRows;
            var last = Math.Min(first + bandRows, g.H);
            var rowLength = (long)g.OutW * Lanes;
            var dy = Dy + (image * g.OutH * rowLength);
            var dx = Dx + ((((long)image * g.H) + first) * g.W * 3);

            var sums = Scratch[worker];
            var block = sums + (2 * HalfOfSums);
            var kept = block + Blocks;
            var rows = kept + Kept + Lanes;
            for (var i = -1; i < 8 * Lanes; i++) Vector512<float>.Zero.Store(rows + (i * Plane) + TileColumns);

            // Rows h and h + 1 of dx meet four rows of dy, from h + PadTop - 2 on. The first turn is only for what it keeps.
            var next = first + g.PadTop - 2;
            new Span<float>(kept, Kept).Clear();
            TransformRows(dy, next, block, kept, rows);
            next += 2;
            for (var h = first; h < last; h += TileRows, next += TileRows, dx += 3L * TileRows * g.W)
            {
                TransformRows(dy, next, block, kept, rows);
                TransformRows(dy, next + 2, block, kept, rows + Row);
                var ahead = dy + (Math.Min(next + TileRows, g.OutH) * rowLength);
                Multiply(rows, Packed, ahead, sums);
                Multiply(rows + (4 * Row), Packed + (PackedFloats / 2), ahead + (2 * rowLength), sums + HalfOfSums);
                StoreLanes(sums, dx, last - h);
            }
        }

        /// <summary>Two more rows of dy into transformed ones: with the two before them they are those that a pair of rows of dx meets.</summary>
        readonly void TransformRows(float* dy, int from, float* block, float* kept, float* target)
        {
            for (var x = 0; x < TileColumns; x += Lanes, kept += Kept / 2)
                TransformRows(Block(dy, from, x, block), Block(dy, from + 1, x, block + (Lanes * Lanes)), kept, target + x);
        }

        /// <summary>Where sixteen columns of a row of dy begin: in a copy, with zeros, if some are beyond it.</summary>
        readonly float* Block(float* dy, int row, int x, float* copy)
        {
            var g = Geometry;
            var count = row >= 0 && row < g.OutH ? g.OutW - x : 0;
            var y = dy + ((((long)row * g.OutW) + x) * Lanes);
            if (count >= Lanes) return y;
            for (var i = 0; i < Lanes; i++) (i < count ? Vector512.Load(y + (i * Lanes)) : default).Store(copy + (i * Lanes));
            return copy;
        }

        static void TransformRows(float* a, float* b, float* kept, float* target)
        {
            for (var k = 0; k < Lanes; k += 4, a += 4, b += 4)
            {
                // Four channels of every fourth pixel, then within each quarter of the vectors.
                Vector512<float> a0 = Four(a), a1 = Four(a + Lanes), a2 = Four(a + (2 * Lanes)), a3 = Four(a + (3 * Lanes));
                Vector512<double> a01 = Low(a0, a1), a23 = Low(a2, a3), a45 = High(a0, a1), a67 = High(a2, a3);
                Vector512<float> b0 = Four(b), b1 = Four(b + Lanes), b2 = Four(b + (2 * Lanes)), b3 = Four(b + (3 * Lanes));
                Vector512<double> b01 = Low(b0, b1), b23 = Low(b2, b3), b45 = High(b0, b1), b67 = High(b2, b3);
                Transform(Avx512F.UnpackLow(a01, a23), Avx512F.UnpackLow(b01, b23), ref kept, ref target);
                Transform(Avx512F.UnpackHigh(a01, a23), Avx512F.UnpackHigh(b01, b23), ref kept, ref target);
                Transform(Avx512F.UnpackLow(a45, a67), Avx512F.UnpackLow(b45, b67), ref kept, ref target);
                Transform(Avx512F.UnpackHigh(a45, a67), Avx512F.UnpackHigh(b45, b67), ref kept, ref target);
            }

            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            static Vector512<float> Four(float* y)
            {
                var v = Vector128.Load(y).ToVector256Unsafe().ToVector512Unsafe();
                v = Avx512F.InsertVector128(v, Vector128.Load(y + (4 * Lanes)), 1);
                v = Avx512F.InsertVector128(v, Vector128.Load(y + (8 * Lanes)), 2);
                return Avx512F.InsertVector128(v, Vector128.Load(y + (12 * Lanes)), 3);
            }

            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            static Vector512<double> Low(Vector512<float> a, Vector512<float> b) => Avx512F.UnpackLow(a, b).AsDouble();

            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            static Vector512<double> High(Vector512<float> a, Vector512<float> b) => Avx512F.UnpackHigh(a, b).AsDouble();

            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            static void Transform(Vector512<double> third, Vector512<double> fourth, ref float* kept, ref float* target)
            {
                Vector512<float> d0 = Vector512.Load(kept), d1 = Vector512.Load(kept + Lanes), d2 = third.AsSingle(), d3 = fourth.AsSingle();
                d2.Store(kept);
                d3.Store(kept + Lanes);
                (d0 - d2).Store(target);
                (d1 + d2).Store(target + (2 * Row));
                (d2 - d1).Store(target + (4 * Row));
                (d1 - d3).Store(target + (6 * Row));
                kept += 2 * Lanes;
                target += Plane;
            }
        }

        /// <summary>
        /// Two of the four sums of products for two pairs of rows of dx, from four transformed rows (the first two meet other
        /// weights than the last two), while what the next tile needs of dy comes nearer.
        /// </summary>
        readonly void Multiply(float* rows, float* w, float* ahead, float* sums)
        {
            Vector512<float> a0 = default, b0 = default, c0 = default, a1 = default, b1 = default, c1 = default, a2 = default, b2 = default, c2 = default;
            Vector512<float> a3 = default, b3 = default, c3 = default, d0 = default, e0 = default, f0 = default, d1 = default, e1 = default, f1 = default;
            Vector512<float> d2 = default, e2 = default, f2 = default, d3 = default, e3 = default, f3 = default;
            nint kernelW = Geometry.KernelW, aheadRow = Geometry.OutW * Lanes;

            // The window of the first pixel.
            var y = rows + Geometry.PadLeft - kernelW + 1;
            for (var k = Lanes; k > 0; k--, y += Plane - kernelW, ahead += 2 * Lanes)
            {
                Sse.Prefetch0(ahead);
                Sse.Prefetch0(ahead + Lanes);
                Sse.Prefetch0(ahead + aheadRow);
                Sse.Prefetch0(ahead + aheadRow + Lanes);
                for (var s = kernelW; s > 0; s--, y++, w += 6)
                {
                    var (wa, wb, wc) = (Vector512.Create(w[0]), Vector512.Create(w[1]), Vector512.Create(w[2]));
                    Multiply(Vector512.Load(y), wa, wb, wc, ref a0, ref b0, ref c0);
                    Multiply(Vector512.Load(y + Lanes), wa, wb, wc, ref d0, ref e0, ref f0);
                    Multiply(Vector512.Load(y + Row), wa, wb, wc, ref a1, ref b1, ref c1);
                    Multiply(Vector512.Load(y + Row + Lanes), wa, wb, wc, ref d1, ref e1, ref f1);
                    (wa, wb, wc) = (Vector512.Create(w[3]), Vector512.Create(w[4]), Vector512.Create(w[5]));
                    Multiply(Vector512.Load(y + (2 * Row)), wa, wb, wc, ref a2, ref b2, ref c2);
                    Multiply(Vector512.Load(y + (2 * Row) + Lanes), wa, wb, wc, ref d2, ref e2, ref f2);
                    Multiply(Vector512.Load(y + (3 * Row)), wa, wb, wc, ref a3, ref b3, ref c3);
                    Multiply(Vector512.Load(y + (3 * Row) + Lanes), wa, wb, wc, ref d3, ref e3, ref f3);
                }
            }

            StoreLanes(a0, b0, c0, sums);
            StoreLanes(d0, e0, f0, sums + (3 * Lanes));
            StoreLanes(a1, b1, c1, sums + (6 * Lanes));
            StoreLanes(d1, e1, f1, sums + (9 * Lanes));
            StoreLanes(a2, b2, c2, sums + (12 * Lanes));
            StoreLanes(d2, e2, f2, sums + (15 * Lanes));
            StoreLanes(a3, b3, c3, sums + (18 * Lanes));
            StoreLanes(d3, e3, f3, sums + (21 * Lanes));

            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            static void Multiply(
                Vector512<float> y, Vector512<float> wa, Vector512<float> wb, Vector512<float> wc, ref Vector512<float> a, ref Vector512<float> b, ref Vector512<float> c)
            {
                a = Avx512F.FusedMultiplyAdd(y, wa, a);
                b = Avx512F.FusedMultiplyAdd(y, wb, b);
                c = Avx512F.FusedMultiplyAdd(y, wc, c);
            }

            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            static void StoreLanes(Vector512<float> a, Vector512<float> b, Vector512<float> c, float* sums)
            {
                a.Store(sums);
                b.Store(sums + Lanes);
                c.Store(sums + (2 * Lanes));
            }
        }

        /// <summary>A tile of dx from its sums of products, as many rows as it has.</summary>
        readonly void StoreLanes(float* sums, float* dx, int rows)
        {
            var g = Geometry;
            for (var pair = 0; pair < 2 && 2 * pair < rows; pair++, dx += 6L * g.W)
            {
                for (var x = 0; x < g.W; x += Lanes, sums += 3 * Lanes)
                {
                    Sums(sums, Bias[0], out var a0, out var a1);
                    Sums(sums + Lanes, Bias[1], out var b0, out var b1);
                    Sums(sums + (2 * Lanes), Bias[2], out var c0, out var c1);
                    var count = Math.Min(Lanes, g.W - x);
                    StoreLanes(a0, b0, c0, dx + (3 * x), 3 * count);
                    if (rows > (2 * pair) + 1) StoreLanes(a1, b1, c1, dx + (3L * (x + g.W)), 3 * count);
                }
            }

            // A channel of two rows of dx.
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            static void Sums(float* m, float bias, out Vector512<float> upper, out Vector512<float> lower)
            {
                Vector512<float> m1 = Vector512.Load(m + (HalfOfSums / 2)) + Vector512.Create(bias), m2 = Vector512.Load(m + HalfOfSums);
                upper = Vector512.Load(m) + m1 + m2;
                lower = m1 - m2 - Vector512.Load(m + (3 * HalfOfSums / 2));
            }
        }

        /// <summary>Three channels of 16 pixels as they lie in dx, side by side: <paramref name="count"/> values of them.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        readonly void StoreLanes(Vector512<float> a, Vector512<float> b, Vector512<float> c, float* dx, int count)
        {
            // First two channels, with any value where the third comes.
            var ab = Avx512F.PermuteVar16x32x2(a, Vector512.Create(0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5), b);
            StoreLanes(Avx512F.PermuteVar16x32x2(ab, Vector512.Create(0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15), c), dx, count);
            ab = Avx512F.PermuteVar16x32x2(a, Vector512.Create(21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26), b);
            StoreLanes(Avx512F.PermuteVar16x32x2(ab, Vector512.Create(0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15), c), dx + Lanes, count - Lanes);
            ab = Avx512F.PermuteVar16x32x2(a, Vector512.Create(0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0), b);
            StoreLanes(Avx512F.PermuteVar16x32x2(ab, Vector512.Create(26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31), c), dx + (2 * Lanes), count - (2 * Lanes));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        readonly void StoreLanes(Vector512<float> values, float* dx, int count)
        {
            if (count >= Lanes)
            {
                (Accumulate ? Vector512.Load(dx) + values : values).Store(dx);
            }
            else if (count > 0)
            {
                V512.StorePartial(Accumulate ? V512.LoadPartial(dx, count) + new V512(values) : new(values), dx, count);
            }
        }
    }
}
