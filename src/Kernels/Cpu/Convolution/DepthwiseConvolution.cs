using System.Runtime.CompilerServices;

namespace CnnSharp.Kernels.Cpu;

// One input and one output channel a group: vectors run over channels. A tile is a few pixels of a row, whose sums a tap's vector of
// weights meets one after the other. Backward-data, the pixels of dx at one remainder of the stride are a grid of
// their own, as in the direct method. Taps beyond the image are left out, so nothing is padded: rows of them for a row of
// pixels, columns of them for the pixels at the sides. A task has a few cache lines of channels, so that their weights and the rows of the
// source that taps share stay in the L1.
/// <summary>Depthwise convolutions.</summary>
internal sealed unsafe class DepthwiseConvolution<V>(CpuKernels<V> kernels, ConvolutionPass pass) : ConvolutionAlgorithm<V>(kernels, "depthwise", pass)
    where V : unmanaged, IVector<V>
{
    public override bool Applies(in ConvGeometry g) => AppliesTo(g);

    /// <summary>Whether g is depthwise.</summary>
    public static bool AppliesTo(in ConvGeometry g) => g is { Groups: > 1, GroupC: 1, GroupK: 1 };

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
        work.Plan();
        Workers.Run(work, work.Tasks);
    }

    /// <summary>Task: some rows and channels of an image.</summary>
    struct DepthwiseWork : IWork
    {
        /// <summary>Multiply-adds of a task at least.</summary>
        const int FewestMultiplyAdds = 1 << 16;

        /// <summary>Pixels of the widest tile, and of the next.</summary>
        const int Wide = 8, Narrow = 4;

        public ConvGeometry Geometry;
        public float* Source, Weights, Bias, Target;
        public Epilogue Epilogue;
        public bool Transposed;
        public int Rows, Cols, SourceRows, SourceCols;

        /// <summary>Floats of the weights of a task's channels at most.</summary>
        const int MostWeights = 2048;

        /// <summary>Floats of an image that comes from the last-level cache or from memory.</summary>
        const long LargeImage = 1 << 20;

        int blocks, blockChannels, bandRows, bands;

        public int Tasks { get; private set; }

        public void Plan()
        {
            var g = Geometry;
            var most = Math.Max(64, MostWeights / (g.KernelH * g.KernelW) / LineFloats * LineFloats);
            blocks = DivideUp(g.C, most);
            blockChannels = RoundUp(DivideUp(g.C, blocks), LineFloats);
            blocks = DivideUp(g.C, blockChannels);
            var workOfRow = Math.Max(1, (long)Cols * Math.Min(g.C, blockChannels) * g.KernelH * g.KernelW);

            // Enough tasks for the threads of a large machine, but rows between two bands are read by both.
            var wanted = DivideUp(32, (int)Math.Min(32, (long)g.N * blocks));
            bandRows = (int)Math.Min(Rows, Math.Max(DivideUp(Rows, wanted), (FewestMultiplyAdds / workOfRow) + 1));
            bands = DivideUp(Rows, bandRows);
            Tasks = checked(g.N * blocks * bands);
        }

        public readonly void Run(int task, int worker)
        {
            var g = Geometry;
            var (image, part) = Math.DivRem(task, blocks * bands);
            var (band, block) = Math.DivRem(part, blocks);
            var channel = block * blockChannels;
            var (first, end) = (band * bandRows, Math.Min((band + 1) * bandRows, Rows));
            var source = Source + ((long)image * SourceRows * SourceCols * g.C) + channel;
            var target = Target + ((long)image * Rows * Cols * g.C) + channel;
            if (!Transposed)
            {
                Grid(source, new(g.KernelH, -g.PadTop, g.DilationH, 0, 1), new(g.KernelW, -g.PadLeft, g.DilationW, 0, 1), first, end, 0, target, channel);
                return;
            }

            for (var row = first; row < Math.Min(first + g.StrideH, end); row++)
            {
                var rows = TapAxis.Phase((row % g.StrideH) + g.PadTop, g.KernelH, g.StrideH, g.DilationH);
                for (var column = 0; column < Math.Min(g.StrideW, Cols); column++)
                    Grid(source, rows, TapAxis.Phase(column + g.PadLeft, g.KernelW, g.StrideW, g.DilationW), row, end, column, target, channel);
            }
        }

        /// <summary>Pixels with the same taps: all, or backward-data every one at a remainder of the stride.</summary>
        /// <param name="source">The task's channels of the image.</param>
        /// <param name="rows">The rows of taps.</param>
        /// <param name="columns">The columns of taps.</param>
        /// <param name="row">The first row.</param>
        /// <param name="end">After the last.</param>
        /// <param name="column">The first column.</param>
        /// <param name="target">The task's channels of the result.</param>
        /// <param name="channel">The first of them.</param>
        readonly void Grid(float* source, TapAxis rows, TapAxis columns, int row, int end, int column, float* target, int channel)
        {
            // From a pixel to the next, and how far it is in the source.
            var (rowStep, columnStep) = Transposed ? (Geometry.StrideH, Geometry.StrideW) : (1, 1);
            var (placeStep, step) = Transposed ? (1, 1) : (Geometry.StrideH, Geometry.StrideW);
            var channels = Geometry.C;
            var pixels = DivideUp(Cols - column, columnStep);
            var taps = new Taps
            {
                RowStride = (nint)rows.Spacing * SourceCols * channels,
                RowWeight = (nint)rows.WeightStep * Geometry.KernelW * channels,
                ColumnStride = (nint)columns.Spacing * channels,
                ColumnWeight = (nint)columns.WeightStep * channels,
                Pixel = (nint)step * channels,
                TargetPixel = (nint)columnStep * channels,
                Channel = channel,
                EndChannel = Math.Min(channel + blockChannels, channels),
            };

            // Pixels [inside, outside) read with all their columns of taps.
            var inside = Math.Min(pixels, DivideUp(Math.Max(0, -columns.First), step));
            var farthest = SourceCols - columns.First - columns.Span;
            var outside = farthest < 0 ? 0 : Math.Min(pixels, (farthest / step) + 1);
            for (var p = row / rowStep * placeStep; row < end; row += rowStep, p += placeStep)
            {
                // The first of the taps that are in the image.
                var (from, to) = rows.Inside(p, SourceRows);
                taps.Rows = to - from;
                var line = source + ((((long)(p + rows.First + (from * rows.Spacing)) * SourceCols) + columns.First) * channels);
                var weights = Weights + ((((long)(rows.Weight + (from * rows.WeightStep)) * Geometry.KernelW) + columns.Weight) * channels) + channel;
                var y = target + ((((long)row * Cols) + column) * channels);
                var next = Ahead(source, p + rows.First + rows.Span, placeStep, pixels);
                for (int j = 0, width; j < pixels; j += width, y += width * taps.TargetPixel)
                {
                    var (first, last) = (0, columns.Count);
                    if (j < inside || j >= outside)
                    {
                        (first, last) = columns.Inside(j * step, SourceCols);
                        width = 1;
                    }
                    else
                    {
                        width = outside - j >= Wide ? Wide : outside - j >= Narrow ? Narrow : 1;
                        next.Fetch();
                    }

                    taps.Columns = last - first;
                    float* x = line + (j * taps.Pixel) + (first * taps.ColumnStride), w = weights + (first * taps.ColumnWeight);
                    if (width == Wide) Tile8(taps, x, w, y);
                    else if (width == Narrow) Tile4(taps, x, w, y);
                    else Tile1(taps, x, w, y);
                    if (Epilogue.Silu) Epilogue.ApplySilu<V>(y, taps.TargetPixel, width, taps.EndChannel - channel);
                }
            }
        }

        /// <summary>The rows of the source that the next row of pixels is the first to read.</summary>
        readonly Prefetcher Ahead(float* source, int row, int count, int pixels)
        {
            var rowLength = (long)SourceCols * Geometry.C;
            return SourceRows * rowLength < LargeImage ? default : new(source + (row * rowLength), count * rowLength, DivideUp(pixels, Wide));
        }

        /// <summary>The taps of a line's pixels, distances in floats.</summary>
        struct Taps
        {
            public int Rows, Columns;
            public nint RowStride, RowWeight, ColumnStride, ColumnWeight;

            /// <summary>From a pixel to the next.</summary>
            public nint Pixel, TargetPixel;

            /// <summary>The task's channels.</summary>
            public int Channel, EndChannel;
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        readonly void Tile8(in Taps taps, float* source, float* weights, float* target)
        {
            var (step, columnStride, columnWeight) = (taps.Pixel, taps.ColumnStride, taps.ColumnWeight);
            var c = taps.Channel;
            for (; c + V.Count <= taps.EndChannel; c += V.Count, source += V.Count, weights += V.Count, target += V.Count)
            {
                var bias = Start(c, V.Count);
                V s0 = bias, s1 = bias, s2 = bias, s3 = bias, s4 = bias, s5 = bias, s6 = bias, s7 = bias;
                float* line = source, lineWeights = weights;
                for (var r = taps.Rows; r > 0; r--, line += taps.RowStride, lineWeights += taps.RowWeight)
                {
                    float* x = line, half = line + (4 * step), w = lineWeights;
                    for (var s = taps.Columns; s > 0; s--, x += columnStride, half += columnStride, w += columnWeight)
                    {
                        var weight = V.Load(w);
                        s0 = V.Fma(weight, V.Load(x), s0);
                        s1 = V.Fma(weight, V.Load(x + step), s1);
                        s2 = V.Fma(weight, V.Load(x + (2 * step)), s2);
                        s3 = V.Fma(weight, V.Load(x + (3 * step)), s3);
                        s4 = V.Fma(weight, V.Load(half), s4);
                        s5 = V.Fma(weight, V.Load(half + step), s5);
                        s6 = V.Fma(weight, V.Load(half + (2 * step)), s6);
                        s7 = V.Fma(weight, V.Load(half + (3 * step)), s7);
                    }
                }

                var next = taps.TargetPixel;
                Finish(s0, target, c, V.Count);
                Finish(s1, target + next, c, V.Count);
                Finish(s2, target + (2 * next), c, V.Count);
                Finish(s3, target + (3 * next), c, V.Count);
                Finish(s4, target + (4 * next), c, V.Count);
                Finish(s5, target + (5 * next), c, V.Count);
                Finish(s6, target + (6 * next), c, V.Count);
                Finish(s7, target + (7 * next), c, V.Count);
            }

            for (var p = 0; p < Wide && c < taps.EndChannel; p++) LastLanes(taps, source + (p * step), weights, target + (p * taps.TargetPixel), c);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        readonly void Tile4(in Taps taps, float* source, float* weights, float* target)
        {
            var (step, columnStride, columnWeight) = (taps.Pixel, taps.ColumnStride, taps.ColumnWeight);
            var c = taps.Channel;
            for (; c + V.Count <= taps.EndChannel; c += V.Count, source += V.Count, weights += V.Count, target += V.Count)
            {
                var bias = Start(c, V.Count);
                V s0 = bias, s1 = bias, s2 = bias, s3 = bias;
                float* line = source, lineWeights = weights;
                for (var r = taps.Rows; r > 0; r--, line += taps.RowStride, lineWeights += taps.RowWeight)
                {
                    float* x = line, w = lineWeights;
                    for (var s = taps.Columns; s > 0; s--, x += columnStride, w += columnWeight)
                    {
                        var weight = V.Load(w);
                        s0 = V.Fma(weight, V.Load(x), s0);
                        s1 = V.Fma(weight, V.Load(x + step), s1);
                        s2 = V.Fma(weight, V.Load(x + (2 * step)), s2);
                        s3 = V.Fma(weight, V.Load(x + (3 * step)), s3);
                    }
                }

                Finish(s0, target, c, V.Count);
                Finish(s1, target + taps.TargetPixel, c, V.Count);
                Finish(s2, target + (2 * taps.TargetPixel), c, V.Count);
                Finish(s3, target + (3 * taps.TargetPixel), c, V.Count);
            }

            for (var p = 0; p < Narrow && c < taps.EndChannel; p++) LastLanes(taps, source + (p * step), weights, target + (p * taps.TargetPixel), c);
        }

        /// <summary>One pixel. A sum waits for the one before: four vectors of channels are summed together.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        readonly void Tile1(in Taps taps, float* source, float* weights, float* target)
        {
            var (columnStride, columnWeight) = (taps.ColumnStride, taps.ColumnWeight);
            var c = taps.Channel;
            for (; c + (4 * V.Count) <= taps.EndChannel; c += 4 * V.Count, source += 4 * V.Count, weights += 4 * V.Count, target += 4 * V.Count)
            {
                V s0 = Start(c, V.Count), s1 = Start(c + V.Count, V.Count), s2 = Start(c + (2 * V.Count), V.Count), s3 = Start(c + (3 * V.Count), V.Count);
                float* line = source, lineWeights = weights;
                for (var r = taps.Rows; r > 0; r--, line += taps.RowStride, lineWeights += taps.RowWeight)
                {
                    float* x = line, w = lineWeights;
                    for (var s = taps.Columns; s > 0; s--, x += columnStride, w += columnWeight)
                    {
                        s0 = V.Fma(V.Load(x), V.Load(w), s0);
                        s1 = V.Fma(V.Load(x + V.Count), V.Load(w + V.Count), s1);
                        s2 = V.Fma(V.Load(x + (2 * V.Count)), V.Load(w + (2 * V.Count)), s2);
                        s3 = V.Fma(V.Load(x + (3 * V.Count)), V.Load(w + (3 * V.Count)), s3);
                    }
                }

                Finish(s0, target, c, V.Count);
                Finish(s1, target + V.Count, c + V.Count, V.Count);
                Finish(s2, target + (2 * V.Count), c + (2 * V.Count), V.Count);
                Finish(s3, target + (3 * V.Count), c + (3 * V.Count), V.Count);
            }

            for (; c < taps.EndChannel; c += V.Count, source += V.Count, weights += V.Count, target += V.Count) LastLanes(taps, source, weights, target, c);
        }

        /// <summary>A vector of channels of one pixel, or what is left of it.</summary>
        readonly void LastLanes(in Taps taps, float* source, float* weights, float* target, int c)
        {
            var lanes = Math.Min(V.Count, taps.EndChannel - c);
            var sum = Start(c, lanes);
            for (var r = 0; r < taps.Rows; r++)
            {
                float* x = source + (r * taps.RowStride), w = weights + (r * taps.RowWeight);
                for (var s = 0; s < taps.Columns; s++, x += taps.ColumnStride, w += taps.ColumnWeight) sum = V.Fma(LoadUpTo(x, lanes), LoadUpTo(w, lanes), sum);
            }

            Finish(sum, target, c, lanes);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        readonly V Start(int c, int count) => Bias is null ? V.Zero : LoadUpTo(Bias + c, count);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        readonly void Finish(V sum, float* target, int c, int count)
        {
            if (Epilogue.Scale is not null) sum = V.Fma(sum, V.Load(Epilogue.Scale + c), V.Load(Epilogue.Shift + c));
            if (Epilogue.Add is not null) sum += LoadUpTo(Epilogue.Add + (target - Target), count);
            if (Epilogue.Relu) sum = V.Max(sum, V.Zero);
            if (Epilogue.Upper > 0) sum = V.Min(sum, V.Create(Epilogue.Upper));
            if (Epilogue.Accumulate) sum += LoadUpTo(target, count);
            StoreUpTo(sum, target, count);
        }
    }
}
