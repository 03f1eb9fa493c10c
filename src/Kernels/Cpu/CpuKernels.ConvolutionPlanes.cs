using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace CnnSharp.Kernels.Cpu;

// By input of a 3 x 3 convolution of three channels (the first layer of most networks), with AVX-512: neither channels nor
// taps fill a vector without waste, but the pixels of a row do. Rows of dy are turned into a plane for each of their
// channels, the sums of 32 pixels of two rows of dx are made in 12 registers, a plane for each of the three channels, and
// interleaved as they are stored. For 16 channels of dy the turning of two rows costs 128 shuffles and 192 inserted lanes beside
// 1,728 multiply-adds. 53-58% of the FMA ceiling at 3->16@32x32.
internal sealed unsafe partial class CpuKernels<V>
{
    /// <summary>Whether <see cref="PlanesPass"/> computes the gradient by input of g.</summary>
    static bool ThreeChannels(in ConvGeometry g)
        => typeof(V) == typeof(V512)
            && g is { Groups: 1, C: 3, KernelH: 3, KernelW: 3, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1 }
            && g.K % 16 == 0 && g.W >= 16 && g.PadTop <= 2 && g.PadLeft <= 2;

    void RunPlanes(in ConvGeometry g, float* dy, float* w, in WeightLayout layout, float* bias, float* dx, bool accumulate)
    {
        if (g.N == 0 || g.H == 0) return;
        var pass = new PlanesPass { Geometry = g, Dy = dy, Dx = dx, Accumulate = accumulate };
        pass.Plan();
        lock (workers.Gate)
        {
            var rowLength = (long)pass.Stride * g.K;
            pass.Zeros = workers.Shared(rowLength + 16 + ((long)g.K * PlanesPass.WeightsOfChannel));
            pass.Bias = pass.Zeros + rowLength;
            pass.Packed = pass.Bias + 16;
            pass.Scratch = workers.ScratchTable(PlanesPass.Ring * rowLength);
            Clear(pass.Zeros, rowLength);
            for (var c = 0; c < 3; c++) pass.Bias[c] = bias is null ? 0 : bias[c];
            pass.Pack(w, layout);
            workers.Run(pass, pass.Tasks);
        }
    }

    struct PlanesPass : IWork
    {
        /// <summary>Turned rows of dy that two rows of dx read.</summary>
        public const int Ring = 4;

        /// <summary>For each of the three columns of the kernel: 3 weights of the topmost row of dy, 6, 6, and 3 of the last.</summary>
        public const int WeightsOfChannel = 3 * 18;

        // Columns of zeros before a plane; behind it there are at least as many.
        const int Margin = 16;

        public ConvGeometry Geometry;
        public float* Dy, Dx;
        public bool Accumulate;

        /// <summary>A turned row of dy that lies outside the picture.</summary>
        public float* Zeros;

        /// <summary>[3].</summary>
        public float* Bias;

        /// <summary>[K, <see cref="WeightsOfChannel"/>].</summary>
        public float* Packed;
        public float** Scratch;

        int bandRows, bands, pictures;

        /// <summary>Floats of a plane's row.</summary>
        public int Stride { get; private set; }

        // Floats of a turned row.
        long rowLength;

        public int Tasks { get; private set; }

        public void Plan()
        {
            var g = Geometry;

            Stride = Margin + RoundUp(Math.Max(g.W, g.OutW), 32) + (2 * Margin);
            rowLength = (long)Stride * g.K;

            // Enough tasks for the threads of a large machine, in pairs of rows.
            bandRows = Math.Min(RoundUp(g.H, 2), Math.Max(8, RoundUp(DivideUp(g.H, DivideUp(32, g.N)), 2)));
            bands = DivideUp(g.H, bandRows);
            pictures = bands > 1 ? 1 : Math.Clamp(g.N / 32, 1, 8);
            Tasks = checked(DivideUp(g.N, pictures) * bands);
        }

        public readonly void Pack(float* w, in WeightLayout layout)
        {
            var target = Packed;
            for (var k = 0; k < Geometry.K; k++)
            {
                for (var s = 0; s < 3; s++)
                {
                    // Row j of the four serves the upper row of dx with kernel row 2 - j and the lower one with 3 - j.
                    for (var j = 0; j < Ring; j++)
                    {
                        for (var lower = 0; lower < 2; lower++)
                        {
                            var r = 2 + lower - j;
                            if (r is < 0 or > 2) continue;
                            for (var c = 0; c < 3; c++) *target++ = w[(k * layout.InStride) + (((r * 3) + s) * layout.TapStride) + (c * layout.OutStride)];
                        }
                    }
                }
            }
        }

        public readonly void Run(int task, int worker)
        {
            var g = Geometry;
            var first = task % bands * bandRows;
            var end = Math.Min(first + bandRows, g.H);
            var firstPicture = task / bands * pictures;
            var ring = Scratch[worker];

            // Planes stay zero beside the pictures.
            Clear(ring, Ring * rowLength);
            for (var picture = firstPicture; picture < Math.Min(firstPicture + pictures, g.N); picture++) Run(picture, first, end, ring);
        }

        readonly void Run(int picture, int first, int end, float* ring)
        {
            var g = Geometry;

            // Rows h and h + 1 of dx read rows h + PadTop - 2 to h + PadTop + 1 of dy.
            var turned = Math.Max(0, first + g.PadTop - 2);
            for (var h = first; h < end; h += 2)
            {
                var top = h + g.PadTop - 2;
                for (; turned < Math.Min(top + Ring, g.OutH); turned++) Turn(Dy + ((((long)picture * g.OutH) + turned) * g.OutW * g.K), ring + (turned % Ring * rowLength));

                // The two rows that are turned next come nearer meanwhile.
                var next = Dy + ((((long)picture * g.OutH) + turned) * g.OutW * g.K);
                for (var ahead = next; ahead < next + (2L * g.OutW * g.K) && turned + 1 < g.OutH; ahead += 16) Sse.Prefetch0(ahead);

                var target = Dx + ((((long)picture * g.H) + h) * g.W * 3);
                for (var x = 0; x < g.W; x += 32)
                {
                    Tile(Row(top, ring), Row(top + 1, ring), Row(top + 2, ring), Row(top + 3, ring), x + Margin + g.PadLeft, target + (x * 3), Math.Min(32, g.W - x), h + 1 < end);
                }
            }
        }

        /// <summary>A turned row of dy, in its place of the ring.</summary>
        readonly float* Row(int i, float* ring) => i < 0 || i >= Geometry.OutH ? Zeros : ring + (i % Ring * rowLength);

        /// <summary>A row of dy [OutW, K] to planes [K, Stride].</summary>
        readonly void Turn(float* source, float* target)
        {
            target += Margin;
            var x = 0;
            for (; x <= Geometry.OutW - 16; x += 16)
            {
                for (var k = 0; k < Geometry.K; k += 16) Transpose(source + ((long)x * Geometry.K) + k, Geometry.K, target + ((long)k * Stride) + x, Stride);
            }

            for (; x < Geometry.OutW; x++)
            {
                for (var k = 0; k < Geometry.K; k++) target[((long)k * Stride) + x] = source[((long)x * Geometry.K) + k];
            }
        }

        /// <summary>Two rows of up to 32 pixels of dx; <paramref name="column"/>: that of dy which the leftmost kernel column meets at the first pixel.</summary>
        readonly void Tile(float* y0, float* y1, float* y2, float* y3, int column, float* target, int pixels, bool hasLower)
        {
            var (b0, b1, b2) = (Vector512.Create(Bias[0]), Vector512.Create(Bias[1]), Vector512.Create(Bias[2]));
            Vector512<float> u00 = b0, u01 = b0, u10 = b1, u11 = b1, u20 = b2, u21 = b2;
            Vector512<float> l00 = b0, l01 = b0, l10 = b1, l11 = b1, l20 = b2, l21 = b2;
            var weights = Packed;
            var stride = Stride;
            y0 += column;
            y1 += column;
            y2 += column;
            y3 += column;
            for (var k = Geometry.K; k > 0; k--)
            {
                for (var s = 0; s < 3; s++)
                {
                    var (a, b) = (Vector512.Load(y0 - s), Vector512.Load(y0 - s + 16));
                    var (w0, w1, w2) = (Vector512.Create(weights[0]), Vector512.Create(weights[1]), Vector512.Create(weights[2]));
                    u00 = Avx512F.FusedMultiplyAdd(w0, a, u00);
                    u01 = Avx512F.FusedMultiplyAdd(w0, b, u01);
                    u10 = Avx512F.FusedMultiplyAdd(w1, a, u10);
                    u11 = Avx512F.FusedMultiplyAdd(w1, b, u11);
                    u20 = Avx512F.FusedMultiplyAdd(w2, a, u20);
                    u21 = Avx512F.FusedMultiplyAdd(w2, b, u21);

                    (a, b) = (Vector512.Load(y1 - s), Vector512.Load(y1 - s + 16));
                    (w0, w1, w2) = (Vector512.Create(weights[3]), Vector512.Create(weights[4]), Vector512.Create(weights[5]));
                    var (v0, v1, v2) = (Vector512.Create(weights[6]), Vector512.Create(weights[7]), Vector512.Create(weights[8]));
                    u00 = Avx512F.FusedMultiplyAdd(w0, a, u00);
                    u01 = Avx512F.FusedMultiplyAdd(w0, b, u01);
                    u10 = Avx512F.FusedMultiplyAdd(w1, a, u10);
                    u11 = Avx512F.FusedMultiplyAdd(w1, b, u11);
                    u20 = Avx512F.FusedMultiplyAdd(w2, a, u20);
                    u21 = Avx512F.FusedMultiplyAdd(w2, b, u21);
                    l00 = Avx512F.FusedMultiplyAdd(v0, a, l00);
                    l01 = Avx512F.FusedMultiplyAdd(v0, b, l01);
                    l10 = Avx512F.FusedMultiplyAdd(v1, a, l10);
                    l11 = Avx512F.FusedMultiplyAdd(v1, b, l11);
                    l20 = Avx512F.FusedMultiplyAdd(v2, a, l20);
                    l21 = Avx512F.FusedMultiplyAdd(v2, b, l21);

                    (a, b) = (Vector512.Load(y2 - s), Vector512.Load(y2 - s + 16));
                    (w0, w1, w2) = (Vector512.Create(weights[9]), Vector512.Create(weights[10]), Vector512.Create(weights[11]));
                    (v0, v1, v2) = (Vector512.Create(weights[12]), Vector512.Create(weights[13]), Vector512.Create(weights[14]));
                    u00 = Avx512F.FusedMultiplyAdd(w0, a, u00);
                    u01 = Avx512F.FusedMultiplyAdd(w0, b, u01);
                    u10 = Avx512F.FusedMultiplyAdd(w1, a, u10);
                    u11 = Avx512F.FusedMultiplyAdd(w1, b, u11);
                    u20 = Avx512F.FusedMultiplyAdd(w2, a, u20);
                    u21 = Avx512F.FusedMultiplyAdd(w2, b, u21);
                    l00 = Avx512F.FusedMultiplyAdd(v0, a, l00);
                    l01 = Avx512F.FusedMultiplyAdd(v0, b, l01);
                    l10 = Avx512F.FusedMultiplyAdd(v1, a, l10);
                    l11 = Avx512F.FusedMultiplyAdd(v1, b, l11);
                    l20 = Avx512F.FusedMultiplyAdd(v2, a, l20);
                    l21 = Avx512F.FusedMultiplyAdd(v2, b, l21);

                    (a, b) = (Vector512.Load(y3 - s), Vector512.Load(y3 - s + 16));
                    (v0, v1, v2) = (Vector512.Create(weights[15]), Vector512.Create(weights[16]), Vector512.Create(weights[17]));
                    l00 = Avx512F.FusedMultiplyAdd(v0, a, l00);
                    l01 = Avx512F.FusedMultiplyAdd(v0, b, l01);
                    l10 = Avx512F.FusedMultiplyAdd(v1, a, l10);
                    l11 = Avx512F.FusedMultiplyAdd(v1, b, l11);
                    l20 = Avx512F.FusedMultiplyAdd(v2, a, l20);
                    l21 = Avx512F.FusedMultiplyAdd(v2, b, l21);
                    weights += 18;
                }

                y0 += stride;
                y1 += stride;
                y2 += stride;
                y3 += stride;
            }

            Interleave(u00, u10, u20, target, pixels);
            Interleave(u01, u11, u21, target + 48, pixels - 16);
            if (!hasLower) return;
            target += (long)Geometry.W * 3;
            Interleave(l00, l10, l20, target, pixels);
            Interleave(l01, l11, l21, target + 48, pixels - 16);
        }

        /// <summary>Up to 16 pixels of three planes, stored as [pixels, 3].</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        readonly void Interleave(Vector512<float> c0, Vector512<float> c1, Vector512<float> c2, float* target, int pixels)
        {
            // Lane i of vector v holds place p = 16 v + i: channel p % 3 of pixel p / 3. First channels 0 and 1, then 2 among them (16 and up: the second operand).
            var first = Avx512F.PermuteVar16x32x2(c0, Vector512.Create(0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5), c1);
            var second = Avx512F.PermuteVar16x32x2(c0, Vector512.Create(21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26), c1);
            var third = Avx512F.PermuteVar16x32x2(c0, Vector512.Create(0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0), c1);
            first = Avx512F.PermuteVar16x32x2(first, Vector512.Create(0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15), c2);
            second = Avx512F.PermuteVar16x32x2(second, Vector512.Create(0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15), c2);
            third = Avx512F.PermuteVar16x32x2(third, Vector512.Create(26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31), c2);
            Put(new(first), target, pixels * 3);
            Put(new(second), target + 16, (pixels * 3) - 16);
            Put(new(third), target + 32, (pixels * 3) - 32);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        readonly void Put(V512 values, float* target, int count)
        {
            if (count >= 16)
            {
                V512.Store(Accumulate ? values + V512.Load(target) : values, target);
            }
            else if (count > 0)
            {
                V512.StorePartial(Accumulate ? values + V512.LoadPartial(target, count) : values, target, count);
            }
        }

        /// <summary>[16 pixels, 16 channels of a row] to [16 channels, 16 pixels]. Lanes are gathered as they are loaded, which the ports that add can do too: half the shuffles.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void Transpose(float* source, nint sourceStride, float* target, nint targetStride)
        {
            for (var channel = 0; channel < 16; channel += 4, source += 4, target += 4 * targetStride)
            {
                var a = EveryFourth(source, sourceStride);
                var b = EveryFourth(source + sourceStride, sourceStride);
                var c = EveryFourth(source + (2 * sourceStride), sourceStride);
                var d = EveryFourth(source + (3 * sourceStride), sourceStride);
                var abLow = Avx512F.UnpackLow(a, b).AsDouble();
                var cdLow = Avx512F.UnpackLow(c, d).AsDouble();
                var abHigh = Avx512F.UnpackHigh(a, b).AsDouble();
                var cdHigh = Avx512F.UnpackHigh(c, d).AsDouble();
                Avx512F.UnpackLow(abLow, cdLow).AsSingle().Store(target);
                Avx512F.UnpackHigh(abLow, cdLow).AsSingle().Store(target + targetStride);
                Avx512F.UnpackLow(abHigh, cdHigh).AsSingle().Store(target + (2 * targetStride));
                Avx512F.UnpackHigh(abHigh, cdHigh).AsSingle().Store(target + (3 * targetStride));
            }
        }

        /// <summary>Four channels of the first pixel and of the fourth, eighth and twelfth behind it.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector512<float> EveryFourth(float* source, nint stride)
        {
            var lanes = Vector128.Load(source).ToVector256Unsafe().ToVector512Unsafe();
            lanes = Avx512F.InsertVector128(lanes, Vector128.Load(source + (4 * stride)), 1);
            lanes = Avx512F.InsertVector128(lanes, Vector128.Load(source + (8 * stride)), 2);
            return Avx512F.InsertVector128(lanes, Vector128.Load(source + (12 * stride)), 3);
        }
    }
}
