using System.Runtime.CompilerServices;

namespace CnnSharp.Kernels.Cpu;

// Forward and by-input passes are one kernel: a correlation of a source picture with a list of taps, written to a grid
// of target pixels (ConvPass). Forward, the source is x and the grid is y. By input, the source is dy and every phase
// of the stride (the pixels of dx at one remainder of h and w) is a grid of its own with its own taps, so that nothing
// is multiplied by the zeros between strides.
//
// A task takes a few rows of a picture, or a few small pictures, copies what they read into its scratch memory with the
// padding around it (unless there is none), and runs the register tiles over it, one block of output channels after
// the other. Every sum is made by one tile in the order rows of taps, columns of taps, channels, so that it does not
// depend on how the work was cut.
internal sealed unsafe partial class CpuKernels<V>
{
    public void ConvForward(in ConvGeometry g, DeviceBuffer x, DeviceBuffer w, DeviceBuffer? b, DeviceBuffer y, Activation activation = Activation.None)
        => Correlate(g, x, w, WeightLayout.InOut(g), b, y, activation);

    public void ConvBackwardInput(in ConvGeometry g, DeviceBuffer dy, DeviceBuffer w, DeviceBuffer dx, bool accumulate = false)
        => CorrelateTransposed(g, dy, w, WeightLayout.InOut(g).Exchanged, null, dx, accumulate);

    /// <summary>Convolution g, for weights of any layout.</summary>
    void Correlate(in ConvGeometry g, DeviceBuffer x, DeviceBuffer w, in WeightLayout layout, DeviceBuffer? b, DeviceBuffer y, Activation activation, bool accumulate = false)
    {
        if (IsDepthwise(g))
        {
            Depthwise(g, x.Pointer<float>(), w.Pointer<float>(), b.PointerOrNull<float>(), y.Pointer<float>(), activation, accumulate, transposed: false);
            return;
        }

        if (IsPointwise(g))
        {
            MatMul(new(checked(g.N * g.H * g.W), g.K, g.C, TransposeB: layout.OutStride != 1), x, w, b, y, activation, accumulate);
            return;
        }

        var pass = new ConvPass
        {
            N = g.N,
            Groups = g.Groups,
            Source = x.Pointer<float>(),
            SourceH = g.H,
            SourceW = g.W,
            In = g.GroupC,
            Target = y.Pointer<float>(),
            TargetH = g.OutH,
            TargetW = g.OutW,
            Out = g.GroupK,
            Rows = g.OutH,
            Cols = g.OutW,
            TargetStepH = 1,
            TargetStepW = 1,
            StepH = g.StrideH,
            StepW = g.StrideW,
            TapRows = new(g.KernelH, -g.PadTop, g.DilationH, 0, 1),
            TapCols = new(g.KernelW, -g.PadLeft, g.DilationW, 0, 1),
            KernelW = g.KernelW,
            Weights = w.Pointer<float>(),
            Layout = layout,
            Accumulate = accumulate,
            Relu = activation == Activation.Relu,
        };
        Run(ref pass, b.PointerOrNull<float>());
    }

    /// <summary>The gradient by input of convolution g, plus b, for weights of any layout.</summary>
    void CorrelateTransposed(in ConvGeometry g, DeviceBuffer dy, DeviceBuffer w, in WeightLayout layout, DeviceBuffer? b, DeviceBuffer dx, bool accumulate)
    {
        if (IsDepthwise(g))
        {
            Depthwise(g, dy.Pointer<float>(), w.Pointer<float>(), b.PointerOrNull<float>(), dx.Pointer<float>(), Activation.None, accumulate, transposed: true);
            return;
        }

        if (IsPointwise(g))
        {
            MatMul(new(checked(g.N * g.H * g.W), g.C, g.K, TransposeB: layout.OutStride != 1), dy, w, b, dx, Activation.None, accumulate);
            return;
        }

        var pass = new ConvPass
        {
            N = g.N,
            Groups = g.Groups,
            Source = dy.Pointer<float>(),
            SourceH = g.OutH,
            SourceW = g.OutW,
            In = g.GroupK,
            Target = dx.Pointer<float>(),
            TargetH = g.H,
            TargetW = g.W,
            Out = g.GroupC,
            TargetStepH = g.StrideH,
            TargetStepW = g.StrideW,
            StepH = 1,
            StepW = 1,
            KernelW = g.KernelW,
            Weights = w.Pointer<float>(),
            Layout = layout,
            Accumulate = accumulate,
        };
        for (var h = 0; h < Math.Min(g.StrideH, g.H); h++)
        {
            for (var column = 0; column < Math.Min(g.StrideW, g.W); column++)
            {
                pass.TargetRow = h;
                pass.TargetCol = column;
                pass.Rows = DivideUp(g.H - h, g.StrideH);
                pass.Cols = DivideUp(g.W - column, g.StrideW);
                pass.TapRows = TapAxis.Phase(h + g.PadTop, g.KernelH, g.StrideH, g.DilationH);
                pass.TapCols = TapAxis.Phase(column + g.PadLeft, g.KernelW, g.StrideW, g.DilationW);
                if (pass.TapRows.Count == 0 || pass.TapCols.Count == 0) pass.TapRows = pass.TapCols = default;
                Run(ref pass, b.PointerOrNull<float>());
            }
        }
    }

    static bool IsPointwise(in ConvGeometry g)
        => g is { KernelH: 1, KernelW: 1, StrideH: 1, StrideW: 1, PadTop: 0, PadLeft: 0, Groups: 1 } && g.OutH == g.H && g.OutW == g.W;

    void Run(ref ConvPass pass, float* bias)
    {
        if (pass.Accumulate && pass.TapRows.Count == 0) return;
        pass.Plan();
        var offsets = RoundUp(pass.Segments * (sizeof(nint) / sizeof(float)), 16);
        var biasLength = RoundUp(pass.Out, V.Count);
        lock (workers.Gate)
        {
            var shared = workers.Shared(offsets + ((long)pass.Groups * (biasLength + pass.PackedLength)));
            pass.Offsets = (nint*)shared;
            pass.Bias = shared + offsets;
            pass.Packed = pass.Bias + ((long)pass.Groups * biasLength);
            pass.Scratch = workers.ScratchTable(pass.ScratchLength);
            pass.FillOffsets();
            for (var group = 0; group < pass.Groups; group++)
            {
                for (var k = 0; k < biasLength; k++) pass.Bias[(group * biasLength) + k] = bias is null || k >= pass.Out ? 0 : bias[(group * pass.Out) + k];
            }

            var pack = new PackWork { Pass = (ConvPass*)Unsafe.AsPointer(ref pass) };
            var blocks = pass.Groups * pass.Blocks;
            if (pass.PackedLength * pass.Groups < 64 * 1024)
            {
                for (var i = 0; i < blocks; i++) pack.Run(i, 0);
            }
            else
            {
                workers.Run(pack, blocks);
            }

            workers.Run(pass, pass.Tasks);
        }
    }

    /// <summary>Where weight (tap, in, out) of a group lies: all strides in floats.</summary>
    readonly record struct WeightLayout(long TapStride, long InStride, long OutStride, long GroupStride)
    {
        /// <summary>[kh, kw, C / groups, K], read as weights from C to K channels.</summary>
        public static WeightLayout InOut(in ConvGeometry g) => new((long)g.GroupC * g.K, g.K, 1, g.GroupK);

        /// <summary>[kh, kw, K / groups, C], the weights of a transposed convolution, read as weights from C to K channels.</summary>
        public static WeightLayout OutIn(in ConvGeometry g) => new((long)g.GroupK * g.C, 1, g.C, g.GroupC);

        /// <summary>The same weights, read from K to C channels.</summary>
        public WeightLayout Exchanged => this with { InStride = OutStride, OutStride = InStride };
    }

    /// <summary>
    /// The taps of a pass along one axis: tap t reads the source at First + t Spacing from the pixel's own place, and has
    /// the weights of kernel row (column) Weight + t WeightStep.
    /// </summary>
    readonly record struct TapAxis(int Count, int First, int Spacing, int Weight, int WeightStep)
    {
        /// <summary>From the first to the last source row that the taps touch.</summary>
        public int Span => Count == 0 ? 0 : ((Count - 1) * Spacing) + 1;

        /// <summary>
        /// The taps that reach pixel <paramref name="place"/> (padding included) of a strided convolution's input, and those
        /// stride, 2 stride, ... behind it. Kernel row r reaches it from output row (place - r dilation) / stride, where that
        /// divides; such r follow each other at stride / gcd(stride, dilation). The greatest comes first: its row is the smallest.
        /// </summary>
        public static TapAxis Phase(int place, int kernel, int stride, int dilation)
        {
            int first = -1, last = -1, count = 0, step = 0;
            for (var r = 0; r < kernel; r++)
            {
                if ((place - (r * dilation)) % stride != 0) continue;
                if (count == 1) step = r - first;
                if (count++ == 0) first = r;
                last = r;
            }

            return count == 0 ? default : new(count, (place - (last * dilation)) / stride, count == 1 ? 1 : step * dilation / stride, last, -step);
        }
    }

    /// <summary>A correlation of source pictures with taps, written to a grid of target pixels.</summary>
    struct ConvPass : IWork
    {
        /// <summary>Floats of weights beyond which they come from the outer cache for every task, so that it should hold more pictures.</summary>
        const long ManyWeights = 256 * 1024;

        public int N, Groups;

        /// <summary>[N, SourceH, SourceW, Groups In].</summary>
        public float* Source;
        public int SourceH, SourceW, In;

        /// <summary>[N, TargetH, TargetW, Groups Out].</summary>
        public float* Target;
        public int TargetH, TargetW, Out;

        /// <summary>The grid: Rows by Cols target pixels from (TargetRow, TargetCol) at these steps.</summary>
        public int Rows, Cols, TargetRow, TargetCol, TargetStepH, TargetStepW;

        /// <summary>Source rows and columns between two pixels of the grid.</summary>
        public int StepH, StepW;

        public TapAxis TapRows, TapCols;
        public float* Weights;
        public int KernelW;
        public WeightLayout Layout;
        public bool Accumulate, Relu;

        // What Plan works out.
        bool copy;
        int bandRows, bands, pictures, pictureBlocks;
        int blockWidth, bandHeight;
        long bandLength;

        /// <summary>Packed weights [groups, blocks, taps, In, v vectors]; bias [groups, Out rounded up to vectors].</summary>
        public float* Packed, Bias;
        public nint* Offsets;
        public float** Scratch;

        public int Segments { get; private set; }

        /// <summary>Values of a segment: all columns' channels where the columns touch, else one column's.</summary>
        public int Length { get; private set; }

        /// <summary>Blocks of output channels.</summary>
        public int Blocks { get; private set; }

        public int Tasks { get; private set; }

        /// <summary>Floats of packed weights, a group.</summary>
        public readonly long PackedLength => (long)RoundUp(Out, V.Count) * TapRows.Count * TapCols.Count * In;

        public readonly long ScratchLength => CorrelationTiles<V>.MaxTile + (copy ? pictures * bandLength : 0) + Slack;

        /// <summary>What a tile may read behind the last pixel, where a row has fewer than its pixels.</summary>
        readonly long Slack => (long)CorrelationTiles<V>.MaxHalf * StepW * In;

        public void Plan()
        {
            var merged = TapCols.Spacing == 1 || TapCols.Count <= 1;
            Segments = merged ? TapRows.Count : TapRows.Count * TapCols.Count;
            Length = merged ? TapCols.Count * In : In;
            Blocks = 0;
            for (var left = DivideUp(Out, V.Count); left > 0; left -= CorrelationTiles<V>.Vectors(left)) Blocks++;

            var inside = TapRows.First >= 0 && TapCols.First >= 0
                && ((Rows - 1) * StepH) + TapRows.First + TapRows.Span <= SourceH
                && ((Cols - 1) * StepW) + TapCols.First + TapCols.Span <= SourceW;
            copy = TapRows.Count > 0 && !(inside && Groups == 1 && Cols >= CorrelationTiles<V>.MaxHalf);

            // Enough tasks for the threads of a large machine, but none below 2^18 multiply-adds; what a task reads should
            // stay in the second-level cache together with a block of weights.
            var workPerRow = Math.Max(1, (long)Cols * Out * In * TapRows.Count * TapCols.Count);
            var wanted = (int)Math.Min(Rows, Math.Max(1, DivideUp(32, N * Groups)));
            bandRows = (int)Math.Min(Rows, Math.Max(DivideUp(Rows, wanted), ((1 << 18) / workPerRow) + 1));
            blockWidth = ((Cols - 1) * StepW) + TapCols.Span;
            var rowLength = (long)blockWidth * In;
            var mostRows = Math.Max(4, (192 * 1024 / Math.Max(1, rowLength * StepH)) + 1);
            bandRows = (int)Math.Min(bandRows, mostRows);
            bands = DivideUp(Rows, bandRows);
            bandRows = DivideUp(Rows, bands);
            bands = DivideUp(Rows, bandRows);
            bandHeight = ((bandRows - 1) * StepH) + TapRows.Span;
            bandLength = bandHeight * rowLength;
            pictures = 1;
            if (bands == 1)
            {
                var most = PackedLength > ManyWeights ? 128 * 1024 : 32 * 1024;
                pictures = (int)Math.Clamp(most / Math.Max(1, bandLength), 1, Math.Max(1, (long)N * Groups / 32));
                pictures = Math.Min(N, Math.Max(pictures, (int)((1 << 18) / (workPerRow * Rows))));
            }

            pictures = Math.Max(pictures, 1);
            pictureBlocks = DivideUp(N, pictures);
            Tasks = checked(Groups * pictureBlocks * bands);
        }

        public readonly void FillOffsets()
        {
            long width = copy ? blockWidth : SourceW;
            var columns = Segments == TapRows.Count ? 1 : TapCols.Count;
            for (var r = 0; r < TapRows.Count; r++)
            {
                for (var s = 0; s < columns; s++)
                    Offsets[(r * columns) + s] = (nint)(((r * TapRows.Spacing * width) + (s * TapCols.Spacing)) * In * sizeof(float));
            }
        }

        public readonly void Run(int task, int worker)
        {
            var band = task % bands;
            var block = task / bands % pictureBlocks;
            var group = task / bands / pictureBlocks;
            var firstRow = band * bandRows;
            var rows = Math.Min(bandRows, Rows - firstRow);
            var firstPicture = block * pictures;
            var count = Math.Min(pictures, N - firstPicture);

            var temp = Scratch[worker];
            var padded = temp + CorrelationTiles<V>.MaxTile;
            if (copy)
            {
                for (var p = 0; p < count; p++) CopyBand(firstPicture + p, group, firstRow, rows, padded + (p * bandLength));
            }

            // Pixel (picture, row, column) of the band is at origin + picture pictureStride + row rowStride + column pixelStride.
            long pixelStride = (long)StepW * In;
            long rowStride, pictureStride;
            float* origin;
            if (copy)
            {
                rowStride = (long)StepH * blockWidth * In;
                pictureStride = bandLength;
                origin = padded;
            }
            else
            {
                rowStride = (long)StepH * SourceW * In;
                pictureStride = (long)SourceH * SourceW * In;
                origin = TapRows.Count == 0 ? Source : Source + (firstPicture * pictureStride) + (firstRow * rowStride) + ((((long)TapRows.First * SourceW) + TapCols.First) * In);
            }

            var pixelC = Groups * Out;
            var call = new CorrelationCall
            {
                PixelStride = (nint)(pixelStride * sizeof(float)),
                OutStride = TargetStepW * pixelC,
                Offsets = Offsets,
                Segments = Segments,
                Length = Length,
                Accumulate = Accumulate,
                Relu = Relu,
            };
            var weights = Packed + (group * PackedLength);
            var bias = Bias + ((long)group * RoundUp(Out, V.Count));
            for (int k = 0, left = DivideUp(Out, V.Count); left > 0;)
            {
                var vectors = CorrelationTiles<V>.Vectors(left);
                var lanes = Math.Min(vectors * V.Count, Out - k);
                var half = CorrelationTiles<V>.Half(vectors, Cols);
                call.WeightStride = vectors * V.Count * sizeof(float);
                var pair = new TilePair<V>(&call, half, vectors, lanes, weights, bias + k, temp);
                for (var p = 0; p < count; p++)
                {
                    for (var i = 0; i < rows; i++)
                    {
                        var x = origin + (p * pictureStride) + (i * rowStride);
                        var y = Target + ((((((long)(firstPicture + p) * TargetH) + TargetRow + ((long)(firstRow + i) * TargetStepH)) * TargetW) + TargetCol) * pixelC) + (group * Out) + k;
                        pair.AddRow(x, pixelStride, y, Cols);
                    }
                }

                pair.Flush();
                weights += (long)vectors * V.Count * TapRows.Count * TapCols.Count * In;
                k += vectors * V.Count;
                left -= vectors;
            }
        }

        /// <summary>The source rows that <paramref name="rows"/> rows of the grid read, zeros around them: [bandHeight, blockWidth, In].</summary>
        readonly void CopyBand(int picture, int group, int firstRow, int rows, float* target)
        {
            var height = ((rows - 1) * StepH) + TapRows.Span;
            var top = (firstRow * StepH) + TapRows.First;
            var sourceC = (long)Groups * In;

            // Columns [before, before + inside) of the block are in the picture.
            var before = Math.Clamp(-TapCols.First, 0, blockWidth);
            var inside = Math.Clamp(Math.Min(SourceW - TapCols.First, blockWidth) - before, 0, blockWidth - before);
            for (var i = 0; i < height; i++, target += (long)blockWidth * In)
            {
                var h = top + i;
                if ((uint)h >= (uint)SourceH || inside == 0)
                {
                    Clear(target, (long)blockWidth * In);
                    continue;
                }

                var source = Source + (((((long)picture * SourceH) + h) * SourceW) + before + TapCols.First) * sourceC + ((long)group * In);
                Clear(target, (long)before * In);
                if (Groups == 1)
                {
                    CopyFloats(source, target + ((long)before * In), (long)inside * In);
                }
                else
                {
                    for (var j = 0; j < inside; j++) CopyFloats(source + (j * sourceC), target + ((long)(before + j) * In), In);
                }

                Clear(target + ((long)(before + inside) * In), (long)(blockWidth - before - inside) * In);
            }
        }
    }

    static void Clear(float* target, long count) => new Span<float>(target, checked((int)count)).Clear();

    static void CopyFloats(float* source, float* target, long count)
        => new ReadOnlySpan<float>(source, checked((int)count)).CopyTo(new Span<float>(target, checked((int)count)));

    /// <summary>Packs one block of a group's weights, zeros in the lanes behind the last output channel. Task = group Blocks + block.</summary>
    struct PackWork : IWork
    {
        public ConvPass* Pass;

        public readonly void Run(int task, int worker)
        {
            ref var pass = ref *Pass;
            var group = task / pass.Blocks;
            var block = task % pass.Blocks;
            var k = 0;
            var left = DivideUp(pass.Out, V.Count);
            for (var i = 0; i < block; i++)
            {
                var passed = CorrelationTiles<V>.Vectors(left);
                k += passed * V.Count;
                left -= passed;
            }

            var width = CorrelationTiles<V>.Vectors(left) * V.Count;
            var lanes = Math.Min(width, pass.Out - k);
            var target = pass.Packed + (group * pass.PackedLength) + ((long)k * pass.TapRows.Count * pass.TapCols.Count * pass.In);
            for (var r = 0; r < pass.TapRows.Count; r++)
            {
                for (var s = 0; s < pass.TapCols.Count; s++, target += (long)pass.In * width)
                {
                    var tap = ((long)(pass.TapRows.Weight + (r * pass.TapRows.WeightStep)) * pass.KernelW) + pass.TapCols.Weight + (s * pass.TapCols.WeightStep);
                    var source = pass.Weights + (tap * pass.Layout.TapStride) + (group * pass.Layout.GroupStride) + (k * pass.Layout.OutStride);
                    PackPanel(source, pass.Layout.InStride, pass.Layout.OutStride, pass.In, lanes, width, target);
                }
            }
        }
    }

    /// <summary>target[i, j] = source[i rowStride + j columnStride] for i below rows and j below lanes, and 0 for j from there to width.</summary>
    static void PackPanel(float* source, long rowStride, long columnStride, long rows, int lanes, int width, float* target)
    {
        if (columnStride == 1)
        {
            for (var i = 0L; i < rows; i++, source += rowStride, target += width)
            {
                for (var j = 0; j < width; j += V.Count)
                {
                    var count = lanes - j;
                    V.Store(count >= V.Count ? V.Load(source + j) : V.LoadPartial(source + j, Math.Max(count, 0)), target + j);
                }
            }

            return;
        }

        for (var j = lanes; j < width; j++)
        {
            for (var i = 0L; i < rows; i++) target[(i * width) + j] = 0;
        }

        // A piece of rows at a time, so that what is written stays in the first-level cache.
        for (var first = 0L; first < rows; first += 64)
        {
            var end = Math.Min(rows, first + 64);
            for (var j = 0; j < lanes; j++)
            {
                var column = source + (j * columnStride);
                for (var i = first; i < end; i++) target[(i * width) + j] = column[i * rowStride];
            }
        }
    }
}
