using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace CnnSharp.Kernels.Cpu;

// Backward-data with three channels of x (the first layer of most networks): three channels would fill no vector, but those of
// dy do. So each value of dx is a vector of partial sums over the taps, one lane a channel of dy (modulo the lanes), and
// the lanes are added up at the end, as many values at once as there are lanes. For 16 channels of dy and 3 x 3 taps that
// is 27 multiply-adds a pixel and 7 shuffles and additions on the same ports: four fifths of the peak FLOP/s at best.
/// <summary>Backward-data to 3 channels: lanes are channels of dy.</summary>
internal sealed unsafe class ThreeChannelsConvolution<V>(CpuKernels<V> kernels) : ConvolutionAlgorithm<V>(kernels, "three-channels", ConvolutionPass.BackwardData)
    where V : unmanaged, IVector<V>
{
    public override bool Applies(in ConvGeometry g)
        => typeof(V) == typeof(V512)
            && g is { Groups: 1, C: 3, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1 }
            && g.K % V512.Count == 0 && g.KernelH * g.KernelW > 1;

    public override Workspace Workspace(in ConvGeometry g)
    {
        var pass = new ThreeChannelsPass { Geometry = g };
        pass.Plan();
        return new((3 * V512.Count) + ((long)g.KernelH * pass.WeightsOfRow), 3 * ThreeChannelsPass.Segment * V512.Count);
    }

    protected override void RunLocked(in ConvolutionCall call)
    {
        var pass = new ThreeChannelsPass { Geometry = call.Geometry, Dy = call.Y.ReadOnlyPointer<float>(), Dx = call.X.Pointer<float>(), Accumulate = call.Epilogue.Accumulate };
        pass.Plan();
        var (shared, perThread) = Workspace(call.Geometry);
        pass.Bias = Workers.Shared(shared);
        pass.Packed = pass.Bias + (3 * V512.Count);
        pass.Scratch = Workers.ScratchTable(perThread);
        var bias = call.Bias.ReadOnlyPointerOrNull<float>();
        for (var i = 0; i < 3 * V512.Count; i++) pass.Bias[i] = bias is null ? 0 : bias[i % 3];
        pass.Pack(call.W.ReadOnlyPointer<float>(), call.Layout.Exchanged);
        Workers.Run(pass, pass.Tasks);
    }

    struct ThreeChannelsPass : IWork
    {
        /// <summary>Pixels whose partial sums are kept at once, a multiple of the lanes: they stay in the L1.</summary>
        public const int Segment = 64;

        // Pixels whose partial sums are made together, in registers.
        const int Tile = 6;

        public ConvGeometry Geometry;
        public float* Dy, Dx;
        public bool Accumulate;

        /// <summary>The three channels' bias as it lies in dx: 3 vectors.</summary>
        public float* Bias;

        /// <summary>[kernel rows, kernel columns from the last to the first, vectors of K, 3 channels, lanes]: in the order in which a row of dy is read.</summary>
        public float* Packed;
        public float** Scratch;

        int bandRows, bands;

        // Floats of the pixels of dy that a row of the kernel meets.
        int window;

        public readonly int WeightsOfRow => 3 * window;

        public int Tasks { get; private set; }

        public void Plan()
        {
            var g = Geometry;
            window = g.KernelW * g.K;

            // Enough tasks for the threads of a large machine.
            bandRows = Math.Min(g.H, Math.Max(8, DivideUp(g.H, DivideUp(32, g.N))));
            bands = DivideUp(g.H, bandRows);
            Tasks = checked(g.N * bands);
        }

        public readonly void Pack(float* w, in WeightLayout layout)
        {
            var g = Geometry;
            var target = Packed;
            for (var r = 0; r < g.KernelH; r++)
            {
                for (var s = g.KernelW - 1; s >= 0; s--)
                {
                    for (var k = 0; k < g.K; k += V512.Count)
                    {
                        for (var c = 0; c < 3; c++)
                        {
                            for (var lane = 0; lane < V512.Count; lane++)
                                *target++ = w[((k + lane) * layout.InStride) + (((r * g.KernelW) + s) * layout.TapStride) + (c * layout.OutStride)];
                        }
                    }
                }
            }
        }

        public readonly void Run(int task, int worker)
        {
            var g = Geometry;
            var image = task / bands;
            var first = task % bands * bandRows;
            var rowLength = (long)g.OutW * g.K;
            var dy = Dy + (image * g.OutH * rowLength);
            for (var h = first; h < Math.Min(first + bandRows, g.H); h++)
            {
                // Kernel row r meets row h + PadTop - r of dy.
                var r = Math.Max(0, h + g.PadTop - g.OutH + 1);
                var rows = Math.Min(g.KernelH - 1, h + g.PadTop) - r + 1;
                var weights = Packed + ((long)r * WeightsOfRow);
                var top = dy + ((h + g.PadTop - r) * rowLength);
                var target = Dx + ((((long)image * g.H) + h) * g.W * 3);
                for (var x = 0; x < g.W; x += Segment)
                {
                    var end = Math.Min(x + Segment, g.W);
                    Row(top, weights, rows, x, end, Scratch[worker]);
                    Add(Scratch[worker], target + (x * 3), (end - x) * 3);
                }
            }
        }

        /// <summary>The partial sums of pixels <paramref name="x"/> to <paramref name="end"/> of a row of dx.</summary>
        readonly void Row(float* top, float* weights, int rows, int x, int end, float* sums)
        {
            // The window of pixel x begins at column x + PadLeft - KernelW + 1 of dy.
            var g = Geometry;
            var shift = g.PadLeft - g.KernelW + 1;
            var (inside, outside) = (Math.Clamp(-shift, x, end), Math.Clamp(g.OutW - g.PadLeft, x, end));
            if (outside - inside < Tile) inside = outside = end;

            for (; x < inside; x++, sums += 3 * V512.Count) OnePixel(top + ((long)(x + shift) * g.K), weights, rows, x + shift, sums);
            for (; x < outside; x += Tile, sums += 3 * Tile * V512.Count)
            {
                // The last ones may be computed twice.
                var back = Math.Max(0, x + Tile - outside);
                x -= back;
                sums -= back * 3 * V512.Count;
                SixPixels(top + ((long)(x + shift) * g.K), weights, rows, sums);
            }

            for (; x < end; x++, sums += 3 * V512.Count) OnePixel(top + ((long)(x + shift) * g.K), weights, rows, x + shift, sums);
        }

        /// <summary>A pixel whose window, which begins at <paramref name="column"/>, may stand out of the row.</summary>
        readonly void OnePixel(float* y, float* weights, int rows, int column, float* sums)
        {
            var from = Math.Min(Math.Max(0, -column), Geometry.KernelW) * Geometry.K;
            var to = Math.Min(Geometry.KernelW, Geometry.OutW - column) * Geometry.K;
            V512 a = V512.Zero, b = V512.Zero, c = V512.Zero;
            for (var row = 0; row < rows; row++)
            {
                var w = weights + (3L * from);
                for (var i = from; i < to; i += V512.Count, w += 3 * V512.Count)
                    Multiply(V512.Load(y + i), V512.Load(w), V512.Load(w + V512.Count), V512.Load(w + (2 * V512.Count)), ref a, ref b, ref c);

                y -= (long)Geometry.OutW * Geometry.K;
                weights += WeightsOfRow;
            }

            StoreLanes(a, b, c, sums);
        }

        /// <summary>Six pixels whose windows lie within the row.</summary>
        readonly void SixPixels(float* y, float* weights, int rows, float* sums)
        {
            V512 a0 = V512.Zero, b0 = V512.Zero, c0 = V512.Zero, a1 = V512.Zero, b1 = V512.Zero, c1 = V512.Zero, a2 = V512.Zero, b2 = V512.Zero, c2 = V512.Zero;
            V512 a3 = V512.Zero, b3 = V512.Zero, c3 = V512.Zero, a4 = V512.Zero, b4 = V512.Zero, c4 = V512.Zero, a5 = V512.Zero, b5 = V512.Zero, c5 = V512.Zero;
            nint pixel = Geometry.K, rowLength = (nint)Geometry.OutW * pixel;

            // What the row below needs of dy comes nearer meanwhile.
            var ahead = y + rowLength + window - pixel;
            for (nint i = 0; i < Tile * pixel; i += V512.Count) Sse.Prefetch0(ahead + i);
            var w = weights;
            for (var row = 0; row < rows; row++)
            {
                float* left = y, right = y + (3 * pixel);
                for (var rowEnd = w + WeightsOfRow; w < rowEnd; w += 3 * V512.Count)
                {
                    var (wa, wb, wc) = (V512.Load(w), V512.Load(w + V512.Count), V512.Load(w + (2 * V512.Count)));
                    Multiply(V512.Load(left), wa, wb, wc, ref a0, ref b0, ref c0);
                    Multiply(V512.Load(left + pixel), wa, wb, wc, ref a1, ref b1, ref c1);
                    Multiply(V512.Load(left + (2 * pixel)), wa, wb, wc, ref a2, ref b2, ref c2);
                    Multiply(V512.Load(right), wa, wb, wc, ref a3, ref b3, ref c3);
                    Multiply(V512.Load(right + pixel), wa, wb, wc, ref a4, ref b4, ref c4);
                    Multiply(V512.Load(right + (2 * pixel)), wa, wb, wc, ref a5, ref b5, ref c5);
                    left += V512.Count;
                    right += V512.Count;
                }

                y -= rowLength;
            }

            StoreLanes(a0, b0, c0, sums);
            StoreLanes(a1, b1, c1, sums + (3 * V512.Count));
            StoreLanes(a2, b2, c2, sums + (6 * V512.Count));
            StoreLanes(a3, b3, c3, sums + (9 * V512.Count));
            StoreLanes(a4, b4, c4, sums + (12 * V512.Count));
            StoreLanes(a5, b5, c5, sums + (15 * V512.Count));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void Multiply(V512 y, V512 wa, V512 wb, V512 wc, ref V512 a, ref V512 b, ref V512 c)
        {
            a = V512.Fma(y, wa, a);
            b = V512.Fma(y, wb, b);
            c = V512.Fma(y, wc, c);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void StoreLanes(V512 a, V512 b, V512 c, float* sums)
        {
            V512.Store(a, sums);
            V512.Store(b, sums + V512.Count);
            V512.Store(c, sums + (2 * V512.Count));
        }

        /// <summary>Adds up the lanes of the partial sums of <paramref name="count"/> values of dx, and the bias.</summary>
        readonly void Add(float* sums, float* target, int count)
        {
            var bias = 0;
            for (; count > 0; count -= V512.Count, sums += V512.Count * V512.Count, target += V512.Count)
            {
                var values = SumsOfLanes(sums) + V512.Load(Bias + bias);
                bias = bias == 2 * V512.Count ? 0 : bias + V512.Count;
                var lanes = Math.Min(V512.Count, count);
                if (Accumulate) values += CpuKernelFamily<V512>.LoadUpTo(target, lanes);
                CpuKernelFamily<V512>.StoreUpTo(values, target, lanes);
            }
        }

        /// <summary>Lane i: the sum of the lanes of the i-th of 16 vectors, one after the other.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static V512 SumsOfLanes(float* vectors)
        {
            var ab = PairsOf(Quarters(vectors), Quarters(vectors + 64));
            var cd = PairsOf(Quarters(vectors + 128), Quarters(vectors + 192));

            // Four lanes hold the sums of every fourth vector.
            return new(Avx512F.PermuteVar16x32(Avx512F.UnpackLow(ab, cd).AsSingle() + Avx512F.UnpackHigh(ab, cd).AsSingle(), Vector512.Create(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)));

            // Four lanes of each of four vectors.
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            static Vector512<float> Quarters(float* v)
            {
                var (a, b) = (Halves(v), Halves(v + 32));
                return Avx512F.Shuffle4x128(a, b, 0b10_00_10_00) + Avx512F.Shuffle4x128(a, b, 0b11_01_11_01);
            }

            // Eight lanes of each of two vectors, which takes no shuffle: the upper half of the first and the lower half of the second lie together.
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            static Vector512<float> Halves(float* v)
            {
                var middle = Vector512.Load(v + 8);
                return Avx512F.BlendVariable(middle + Vector512.Load(v), middle + Vector512.Load(v + 16), Vector512.Create(0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1).AsSingle());
            }

            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            static Vector512<double> PairsOf(Vector512<float> a, Vector512<float> b) => (Avx512F.UnpackLow(a, b) + Avx512F.UnpackHigh(a, b)).AsDouble();
        }
    }
}
