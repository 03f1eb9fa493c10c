using System.Runtime.CompilerServices;

namespace CnnSharp.Kernels.Cpu;

// Forward and backward-data passes are one kernel: a correlation of a source image with a list of taps, written to a grid
// of target pixels (ConvPass). Forward, the source is x and the grid is y. Backward-data, the source is dy and every phase
// of the stride (the pixels of dx at one remainder of h and w) is a grid of its own with its own taps, so that nothing
// is multiplied by the zeros between strides.
//
// A task takes a few rows of an image, or a few small images, and runs the register tiles over them, one block of
// output channels after the other. The image is read in place: rows above and below it are left out, and only what the
// columns at its sides read is copied, with zeros around it. Narrow images, few channels, groups and the padded dy of a
// strided convolution (whose phases differ at the sides, which would cut their rows into narrower tiles) are copied whole.
// Every sum is made by one tile in the order rows of taps, columns of taps, channels, so that it does not depend on how
// the work was cut.
/// <summary>The direct method, for any convolution: register tiles over pixels and output channels.</summary>
internal sealed unsafe class DirectConvolution<V>(CpuKernels<V> kernels, ConvolutionPass pass) : ConvolutionAlgorithm<V>(kernels, "direct", pass)
    where V : unmanaged, IVector<V>
{
    /// <summary>Bytes that a phase of the stride takes.</summary>
    public static int PhaseBytes => sizeof(Phase);

    public override bool Applies(in ConvGeometry g) => true;

    public override Workspace Workspace(in ConvGeometry g)
    {
        lock (Workers.ScratchLock)
        {
            var pass = Describe(g, default);
            var shared = pass.Reserve(Workers, null, Phases(g));
            AddPhases(ref pass, g);
            if (pass.HasTaps) pass.Plan();
            return new(shared, pass.HasTaps ? pass.ScratchLength : 0);
        }
    }

    protected override void RunLocked(in ConvolutionCall call)
    {
        var g = call.Geometry;
        var (source, target) = Pass == ConvolutionPass.Forward ? (call.X, call.Y) : (call.Y, call.X);
        var pass = Describe(g, Pass == ConvolutionPass.Forward ? call.Layout : call.Layout.Exchanged);
        pass.Source = source.ReadOnlyPointer<float>();
        pass.Target = target.Pointer<float>();
        pass.Weights = call.W.ReadOnlyPointer<float>();
        pass.Epilogue = call.Epilogue;

        // The weights of backward-data change before the next call.
        pass.Reserve(Workers, Pass == ConvolutionPass.Forward ? call.W : null, Phases(g));
        AddPhases(ref pass, g);
        if (!pass.HasTaps)
        {
            // Every tap lands between the pixels of dy or in the padding.
            call.Epilogue.StoreEmptySums(call.Bias, target, g.C);
            return;
        }

        var bias = call.Bias.ReadOnlyPointerOrNull<float>();
        pass.Plan();
        pass.Scratch = Workers.ScratchTable(pass.ScratchLength);
        for (var group = 0; group < pass.Groups; group++)
        {
            for (var k = 0; k < pass.PaddedOut; k++) pass.Bias[(group * pass.PaddedOut) + k] = bias is null || k >= pass.Out ? 0 : bias[(group * pass.Out) + k];
        }

        if (!pass.WeightsReady)
        {
            var pack = new PackWork { Pass = &pass };
            var panels = pass.Groups * pass.Blocks;
            if (pass.PackedLength * pass.Groups < 64 * 1024)
            {
                for (var i = 0; i < panels; i++) pack.Run(i, 0);
            }
            else
            {
                Workers.Run(pack, panels);
            }
        }

        Workers.Run(pass, pass.Tasks);
    }

    /// <summary>The pass without its tensors and phases.</summary>
    ConvPass Describe(in ConvGeometry g, in WeightLayout layout)
    {
        var pass = new ConvPass { N = g.N, Groups = g.Groups, KernelH = g.KernelH, KernelW = g.KernelW, Layout = layout };
        if (Pass == ConvolutionPass.Forward)
        {
            (pass.SourceH, pass.SourceW, pass.In) = (g.H, g.W, g.GroupC);
            (pass.TargetH, pass.TargetW, pass.Out) = (g.OutH, g.OutW, g.GroupK);
            (pass.TargetStepH, pass.TargetStepW, pass.StepH, pass.StepW) = (1, 1, g.StrideH, g.StrideW);
        }
        else
        {
            (pass.SourceH, pass.SourceW, pass.In) = (g.OutH, g.OutW, g.GroupK);
            (pass.TargetH, pass.TargetW, pass.Out) = (g.H, g.W, g.GroupC);
            (pass.TargetStepH, pass.TargetStepW, pass.StepH, pass.StepW) = (g.StrideH, g.StrideW, 1, 1);
        }

        return pass;
    }

    int Phases(in ConvGeometry g) => Pass == ConvolutionPass.Forward ? 1 : checked(Math.Min(g.StrideH, g.H) * Math.Min(g.StrideW, g.W));

    void AddPhases(ref ConvPass pass, in ConvGeometry g)
    {
        if (Pass == ConvolutionPass.Forward)
        {
            pass.Add(new()
            {
                Rows = g.OutH,
                Cols = g.OutW,
                TapRows = new(g.KernelH, -g.PadTop, g.DilationH, 0, 1),
                TapCols = new(g.KernelW, -g.PadLeft, g.DilationW, 0, 1),
            });
            return;
        }

        for (var row = 0; row < Math.Min(g.StrideH, g.H); row++)
        {
            for (var column = 0; column < Math.Min(g.StrideW, g.W); column++)
            {
                pass.Add(new()
                {
                    TargetRow = row,
                    TargetCol = column,
                    Rows = DivideUp(g.H - row, g.StrideH),
                    Cols = DivideUp(g.W - column, g.StrideW),
                    TapRows = TapAxis.Phase(row + g.PadTop, g.KernelH, g.StrideH, g.DilationH),
                    TapCols = TapAxis.Phase(column + g.PadLeft, g.KernelW, g.StrideW, g.DilationW),
                });
            }
        }
    }

    /// <summary>A grid of target pixels and the taps that reach it: one forward, one for each remainder of the stride backward-data.</summary>
    struct Phase
    {
        public int TargetRow, TargetCol, Rows, Cols;
        public TapAxis TapRows, TapCols;

        /// <summary>Bytes from a pixel to the start of each segment.</summary>
        public nint* Offsets;

        /// <summary>The same in a strip.</summary>
        public nint* StripOffsets;

        /// <summary>Columns whose taps reach beyond the image's sides, where it is read in place.</summary>
        public int Left, Right;

        public int Segments;

        /// <summary>Values of a segment: all columns' channels where the columns touch, else one column's.</summary>
        public int Length;

        /// <summary>The taps of all phases before: where this one's weights start in a block.</summary>
        public int FirstTap;

        public readonly int Taps => TapRows.Count * TapCols.Count;

        /// <summary>Segments of a row of taps.</summary>
        public readonly int RowSegments => Segments == TapRows.Count ? 1 : TapCols.Count;
    }

    /// <summary>A correlation of source images with taps, written to grids of target pixels.</summary>
    struct ConvPass : IWork
    {
        /// <summary>Channels from which on an image is read in place: fewer are copied in no time.</summary>
        const int ManyChannels = 8;

        /// <summary>Floats of weights beyond which they come from the last-level cache for every task, so that it should hold more images.</summary>
        const long ManyWeights = 256 * 1024;

        /// <summary>Floats of weights beyond which they should not be read again for every few rows.</summary>
        const long MediumWeights = 64 * 1024;

        /// <summary>Floats of weights that stay in the L1 beside a step's rows.</summary>
        const long FewWeights = 6 * 1024;

        /// <summary>Floats of copied rows that stay in the L1 beside few weights.</summary>
        const long StepLength = 6 * 1024;

        public int N, Groups;

        /// <summary>[N, SourceH, SourceW, Groups In].</summary>
        public float* Source;
        public int SourceH, SourceW, In;

        /// <summary>[N, TargetH, TargetW, Groups Out].</summary>
        public float* Target;
        public int TargetH, TargetW, Out;

        /// <summary>Target rows and columns between two pixels of a grid.</summary>
        public int TargetStepH, TargetStepW;

        /// <summary>Source rows and columns between two pixels of a grid.</summary>
        public int StepH, StepW;

        public float* Weights;
        public int KernelH, KernelW;
        public WeightLayout Layout;
        public Epilogue Epilogue;
        public float** Scratch;

        Phase* phases;
        int phaseCount, taps;
        nint* offsets;

        // What Plan works out. The block of source pixels that a band of the grids reads starts at (firstRow, firstCol) from
        // the band's own place, and is bandHeight by blockWidth.
        bool copy;
        int rows, bandRows, bands, taskImages, stepImages, imageBlocks, stepRows, blockTasks;
        int firstRow, firstCol, lastRow, blockWidth;
        long bandLength;

        // Read in place: what the columns at the sides read of a band, [bandHeight, stripWidth, In] a side, the right side's from
        // grid column rightStart on, rightStrip floats after the left one's.
        bool copyLeft, copyRight;
        int stripWidth, rightStart;
        long rightStrip, imageStrips;

        /// <summary>Packed weights [groups, blocks, taps of all phases, In, v vectors].</summary>
        public float* Packed { get; private set; }

        /// <summary>Whether the weights were packed by a call before.</summary>
        public bool WeightsReady { get; private set; }

        /// <summary>[groups, PaddedOut].</summary>
        public float* Bias { get; private set; }

        /// <summary>Blocks of output channels.</summary>
        public readonly int Blocks => CorrelationTiles<V>.Blocks(PaddedOut / V.Count);

        public int Tasks { get; private set; }

        /// <summary>Whether anything is multiplied.</summary>
        public readonly bool HasTaps => taps > 0;

        /// <summary>Output channels of a group, rounded up to vectors.</summary>
        public readonly int PaddedOut => RoundUp(Out, V.Count);

        /// <summary>Floats of packed weights, a group: every tap belongs to at most one phase.</summary>
        public readonly long PackedLength => (long)PaddedOut * KernelH * KernelW * In;

        public readonly long ScratchLength => CorrelationTiles<V>.MaxTile + (taskImages * (copy ? bandLength : imageStrips)) + Slack;

        /// <summary>What a tile may read after the last pixel, where a row (of a strip: a column) has fewer than its pixels.</summary>
        readonly long Slack => (long)CorrelationTiles<V>.MaxHalfTilePixels * (copy ? StepW : StepH * stripWidth) * In;

        /// <summary>Takes memory for everything that the tasks share.</summary>
        /// <param name="workers">Whose.</param>
        /// <param name="kept">The buffer of the weights, if they are to be kept as packed.</param>
        /// <param name="phases">How many there will be.</param>
        /// <returns>Floats of it.</returns>
        public long Reserve(Workers workers, DeviceBuffer? kept, int phases)
        {
            var phaseLength = RoundUp(phases * sizeof(Phase) / sizeof(float), 16);
            var offsetLength = RoundUp(2 * KernelH * KernelW * (sizeof(nint) / sizeof(float)), 16);
            var biasLength = RoundUp(Groups * PaddedOut, 16);
            var packedLength = Groups * PackedLength;
            var ready = false;
            var keptAt = kept is null ? null : PackedWeights.GetOrPack(kept, new(false, Groups, In, Out, KernelH, KernelW, Layout), packedLength, out ready);
            WeightsReady = ready;
            var length = phaseLength + offsetLength + biasLength + (keptAt is null ? packedLength : 0);
            var shared = workers.Shared(length);
            this.phases = (Phase*)shared;
            offsets = (nint*)(shared + phaseLength);
            Bias = shared + phaseLength + offsetLength;
            Packed = keptAt is null ? Bias + biasLength : keptAt;
            return length;
        }

        /// <summary>Adds a phase. One that no tap reaches writes zeros (or the bias), or, accumulating, nothing.</summary>
        public void Add(Phase phase)
        {
            if (phase.Taps == 0)
            {
                if (Epilogue.Accumulate) return;
                phase.TapRows = phase.TapCols = default;
            }

            var merged = phase.TapCols.Spacing == 1 || phase.TapCols.Count <= 1;
            phase.Segments = merged ? phase.TapRows.Count : phase.Taps;
            phase.Length = merged ? phase.TapCols.Count * In : In;
            phase.Offsets = offsets + taps;
            phase.StripOffsets = phase.Offsets + (KernelH * KernelW);
            phase.FirstTap = taps;
            taps += phase.Taps;
            phases[phaseCount++] = phase;
        }

        public void Plan()
        {
            // What all phases together read.
            (firstRow, lastRow, firstCol, rightStart) = (int.MaxValue, int.MinValue, int.MaxValue, int.MaxValue);
            var (lastCol, cols, fewestCols, left) = (int.MinValue, 0, int.MaxValue, 0);
            for (var i = 0; i < phaseCount; i++)
            {
                ref var phase = ref phases[i];
                rows = Math.Max(rows, phase.Rows);
                cols = Math.Max(cols, phase.Cols);
                if (phase.Taps > 0)
                {
                    var fromRight = SourceW - (phase.TapCols.First + phase.TapCols.Span - 1);
                    phase.Left = Math.Min(phase.Cols, DivideUp(Math.Max(0, -phase.TapCols.First), StepW));
                    phase.Right = phase.Cols - Math.Min(phase.Cols, DivideUp(Math.Max(0, fromRight), StepW));
                    left = Math.Max(left, phase.Left);
                    if (phase.Right > 0) rightStart = Math.Min(rightStart, phase.Cols - phase.Right);
                }

                fewestCols = Math.Min(fewestCols, phase.Cols - phase.Left - phase.Right);
                if (phase.Taps == 0) continue;
                firstRow = Math.Min(firstRow, phase.TapRows.First);
                firstCol = Math.Min(firstCol, phase.TapCols.First);
                lastRow = Math.Max(lastRow, phase.TapRows.First + phase.TapRows.Span - 1);
                lastCol = Math.Max(lastCol, phase.TapCols.First + phase.TapCols.Span - 1);
            }

            var inside = firstRow >= 0 && firstCol >= 0 && ((rows - 1) * StepH) + lastRow < SourceH && ((cols - 1) * StepW) + lastCol < SourceW;
            copy = !(Groups == 1 && fewestCols >= CorrelationTiles<V>.MaxHalfTilePixels && (inside || (phaseCount == 1 && In >= ManyChannels)));
            blockWidth = ((cols - 1) * StepW) + lastCol - firstCol + 1;

            // Enough tasks for the threads of a large machine, but none below 2^18 multiply-adds; what a task reads should
            // stay in the L2 together with a block of weights. With few images and more weights than that
            // cache should hold, a task has some of the output channels, not some of the rows: every row would read all weights.
            var workPerRow = Math.Max(1, (long)cols * Out * In * taps);
            var byChannels = PackedLength > MediumWeights;
            var images = (long)N * Groups;
            var wanted = byChannels || images >= 32 ? 1 : Math.Min(rows, DivideUp(32, (int)images));
            var rowLength = (long)blockWidth * In;
            var mostRows = Math.Max(4, (192 * 1024 / Math.Max(1, rowLength * StepH)) + 1);
            bandRows = (int)Math.Min(rows, Math.Min(mostRows, Math.Max(DivideUp(rows, wanted), ((1 << 18) / workPerRow) + 1)));
            bands = DivideUp(rows, bandRows);
            bandRows = DivideUp(rows, bands);
            bands = DivideUp(rows, bandRows);
            bandLength = BandHeight(bandRows) * rowLength;
            var right = rightStart < cols ? cols - rightStart : 0;
            (copyLeft, copyRight) = (left > 0, right > 0);
            var sides = (copyLeft ? 1 : 0) + (copyRight ? 1 : 0);
            stripWidth = sides == 0 ? 0 : ((Math.Max(left, right) - 1) * StepW) + lastCol - firstCol + 1;
            var stripLength = (long)BandHeight(bandRows) * stripWidth * In;
            rightStrip = copyLeft ? stripLength : 0;
            imageStrips = sides * stripLength;
            taskImages = 1;
            if (bands == 1)
            {
                // In place, several images also share what fills no tile.
                var most = !copy || PackedLength > ManyWeights ? 128 * 1024 : 32 * 1024;
                // No more than the batch has, however many groups there are: each has its own tasks.
                taskImages = (int)Math.Clamp(most / Math.Max(1, bandLength), 1, Math.Clamp(images / 32, 1, N));
                taskImages = (int)Math.Clamp((1 << 18) / (workPerRow * rows), taskImages, N);
            }

            // With few weights, a task copies and computes a few rows at a time, even in number so that halves of tiles find each
            // other: the copy then never leaves the L1.
            stepRows = bandRows;
            if (copy && PackedLength <= FewWeights)
            {
                var most = (StepLength / rowLength) - BandHeight(1);
                stepRows = Math.Min(bandRows, Math.Max(2, (int)((most / StepH) + 1) / 2 * 2));
            }

            // Image by image, so that the next one is prefetched meanwhile, unless several fill tiles that one does not.
            stepImages = workPerRow * rows < 1 << 18 ? taskImages : 1;
            imageBlocks = DivideUp(N, taskImages);
            blockTasks = byChannels ? (int)Math.Clamp(32 / ((long)Groups * imageBlocks * bands), 1, Blocks) : 1;
            Tasks = checked(Groups * imageBlocks * bands * blockTasks);

            long width = copy ? blockWidth : SourceW;
            for (var i = 0; i < phaseCount; i++)
            {
                ref var phase = ref phases[i];
                var columns = phase.RowSegments;
                for (var t = 0; t < phase.Segments; t++)
                {
                    var row = phase.TapRows.First - firstRow + (t / columns * phase.TapRows.Spacing);
                    var column = phase.TapCols.First - firstCol + (t % columns * phase.TapCols.Spacing);
                    phase.Offsets[t] = (nint)(((row * width) + column) * In * sizeof(float));
                    phase.StripOffsets[t] = (nint)((((long)row * stripWidth) + column) * In * sizeof(float));
                }
            }
        }

        readonly int BandHeight(int gridRows) => ((gridRows - 1) * StepH) + lastRow - firstRow + 1;

        public readonly void Run(int task, int worker)
        {
            var blocks = Blocks;
            var blockTask = task % blockTasks;
            var (firstBlock, endBlock) = ((int)((long)blocks * blockTask / blockTasks), (int)((long)blocks * (blockTask + 1) / blockTasks));
            task /= blockTasks;
            var band = task % bands;
            var block = task / bands % imageBlocks;
            var group = task / bands / imageBlocks;
            var first = band * bandRows;
            var end = Math.Min(first + bandRows, rows);
            var firstImage = block * taskImages;
            var count = Math.Min(taskImages, N - firstImage);
            if (!copy)
            {
                CorrelateInPlace(firstBlock, endBlock, firstImage, count, first, end, worker);
                return;
            }

            if (stepRows >= bandRows)
            {
                for (var p = 0; p < count; p += stepImages) Correlate(group, firstBlock, endBlock, firstImage + p, Math.Min(stepImages, count - p), first, end, worker);
                return;
            }

            for (var p = 0; p < count; p++)
            {
                for (var row = first; row < end; row += stepRows) Correlate(group, firstBlock, endBlock, firstImage + p, 1, row, Math.Min(row + stepRows, end), worker);
            }
        }

        /// <summary>Rows [first, end) of the grids, of <paramref name="count"/> images, copied first, in some blocks of output channels.</summary>
        readonly void Correlate(int group, int firstBlock, int endBlock, int firstImage, int count, int first, int end, int worker)
        {
            var temp = Scratch[worker];
            var padded = temp + CorrelationTiles<V>.MaxTile;
            for (var p = 0; p < count; p++) CopyBand(firstImage + p, group, first, end - first, padded + (p * bandLength));

            // The block that pixel (image, row, column) of the band reads starts at
            // padded + image bandLength + row rowStride + column pixelStride.
            var pixelStride = (long)StepW * In;
            var rowStride = (long)StepH * blockWidth * In;
            var targetC = Groups * Out;
            var call = new CorrelationCall
            {
                PixelStride = (nint)(pixelStride * sizeof(float)),
                OutStride = (nint)TargetStepW * targetC,
            };
            var weights = Packed + (group * PackedLength) + ((long)firstBlock * 2 * V.Count * KernelH * KernelW * In);
            if (stepRows < bandRows) call.Next = PrefetchRows(firstImage, firstBlock, endBlock, first, end);
            else if (bands == 1 && Groups == 1) call.Next = PrefetchImages(firstImage + count, firstBlock, endBlock, end, count);
            for (var block = firstBlock; block < endBlock; block++)
            {
                // All blocks before the last have two vectors, or one is all.
                var k = block * 2 * V.Count;
                var vectors = CorrelationTiles<V>.Vectors((PaddedOut - k) / V.Count);
                var lanes = Math.Min(vectors * V.Count, Out - k);
                call.WeightStride = vectors * V.Count * sizeof(float);
                Epilogue.Set(ref call, Target, (group * Out) + k);
                for (var i = 0; i < phaseCount; i++)
                {
                    ref var phase = ref phases[i];
                    call.Offsets = phase.Offsets;
                    call.Segments = phase.Segments;
                    call.Length = phase.Length;
                    var phaseEnd = Math.Min(end, phase.Rows);
                    var pair = new TilePair<V>(
                        &call,
                        CorrelationTiles<V>.HalfTilePixels(vectors, phase.Cols, (long)count * Math.Max(0, phaseEnd - first)),
                        vectors,
                        lanes,
                        weights + ((long)phase.FirstTap * In * vectors * V.Count),
                        Bias + ((long)group * PaddedOut) + k,
                        temp);
                    for (var p = 0; p < count; p++)
                    {
                        for (var row = first; row < phaseEnd; row++)
                        {
                            var target = ((((long)(firstImage + p) * TargetH) + phase.TargetRow + ((long)row * TargetStepH)) * TargetW) + phase.TargetCol;
                            pair.AddRow(padded + (p * bandLength) + ((row - first) * rowStride), pixelStride, Target + (target * targetC) + ((long)group * Out) + k, phase.Cols);
                        }
                    }

                    pair.Flush();
                }

                weights += (long)vectors * V.Count * KernelH * KernelW * In;
            }
        }

        /// <summary>Rows [first, end) of the grids, of <paramref name="count"/> images, without groups, in some blocks of output channels.</summary>
        readonly void CorrelateInPlace(int firstBlock, int endBlock, int firstImage, int count, int first, int end, int worker)
        {
            var temp = Scratch[worker];
            var strips = temp + CorrelationTiles<V>.MaxTile;

            // The block that pixel (image, row, column) reads starts at
            // origin + image imageStride + row rowStride + column pixelStride; its rows above the image are not read.
            var pixelStride = (long)StepW * In;
            var rowStride = (long)StepH * SourceW * In;
            var imageStride = (long)SourceH * SourceW * In;
            var origin = Source + (firstImage * imageStride) + ((((long)firstRow * SourceW) + firstCol) * In);
            var stripStride = (long)StepH * stripWidth * In;
            var call = new CorrelationCall
            {
                PixelStride = (nint)(pixelStride * sizeof(float)),
                OutStride = (nint)TargetStepW * Out,
            };

            // At the sides a tile's pixels lie below each other.
            var side = call with { PixelStride = (nint)(stripStride * sizeof(float)), OutStride = (nint)TargetStepH * TargetW * Out };
            var weights = Packed + ((long)firstBlock * 2 * V.Count * KernelH * KernelW * In);
            var copied = false;
            call.Next = PrefetchImages(firstImage + 1, firstBlock, endBlock, end - first, count);
            for (var block = firstBlock; block < endBlock; block++)
            {
                var k = block * 2 * V.Count;
                var vectors = CorrelationTiles<V>.Vectors((PaddedOut - k) / V.Count);
                var lanes = Math.Min(vectors * V.Count, Out - k);
                call.WeightStride = side.WeightStride = vectors * V.Count * sizeof(float);
                Epilogue.Set(ref call, Target, k);
                Epilogue.Set(ref side, Target, k);
                for (var i = 0; i < phaseCount; i++)
                {
                    ref var phase = ref phases[i];
                    call.Length = side.Length = phase.Length;
                    var phaseWeights = weights + ((long)phase.FirstTap * In * vectors * V.Count);
                    var phaseEnd = Math.Min(end, phase.Rows);
                    var target = Target + (((((long)firstImage * TargetH) + phase.TargetRow) * TargetW) + phase.TargetCol) * Out + k;
                    var targetRow = (long)TargetStepH * TargetW * Out;
                    var targetImage = (long)TargetH * TargetW * Out;
                    var columns = phase.Cols - phase.Left - phase.Right;
                    for (int row = first, stop; row < phaseEnd; row = stop)
                    {
                        // Rows that the same rows of taps reach.
                        var (from, to) = TapRowsInside(phase, row);
                        stop = row + 1;
                        while (stop < phaseEnd && TapRowsInside(phase, stop) == (from, to)) stop++;
                        call.Offsets = phase.Offsets + (from * phase.RowSegments);
                        call.Segments = (to - from) * phase.RowSegments;
                        var pair = new TilePair<V>(
                            &call,
                            CorrelationTiles<V>.HalfTilePixels(vectors, columns, (long)count * (stop - row)),
                            vectors,
                            lanes,
                            phaseWeights + ((long)from * phase.TapCols.Count * In * vectors * V.Count),
                            Bias + k,
                            temp);
                        for (var p = 0; p < count; p++)
                        {
                            for (var h = row; h < stop; h++)
                            {
                                pair.AddRow(
                                    origin + (p * imageStride) + (h * rowStride) + (phase.Left * pixelStride),
                                    pixelStride,
                                    target + (p * targetImage) + (h * targetRow) + (phase.Left * call.OutStride),
                                    columns);
                            }
                        }

                        pair.Flush();
                    }

                    if (phase.Left + phase.Right == 0 || phaseEnd <= first) continue;
                    if (!copied)
                    {
                        // Not before: by now the images are in the L2.
                        CopyStrips(firstImage, count, first, end - first, strips);
                        copied = true;
                    }

                    side.Offsets = phase.StripOffsets;
                    side.Segments = phase.Segments;
                    var sidePair = new TilePair<V>(&side, CorrelationTiles<V>.HalfTilePixels(vectors, phaseEnd - first, count * (phase.Left + phase.Right)), vectors, lanes, phaseWeights, Bias + k, temp);
                    for (var p = 0; p < count; p++)
                    {
                        var strip = strips + (p * imageStrips);
                        var sideTarget = target + (p * targetImage) + (first * targetRow);
                        for (var j = 0; j < phase.Left; j++)
                        {
                            sidePair.AddRow(strip + (j * pixelStride), stripStride, sideTarget + (j * call.OutStride), phaseEnd - first);
                        }

                        for (var j = phase.Cols - phase.Right; j < phase.Cols; j++)
                        {
                            sidePair.AddRow(strip + rightStrip + ((j - rightStart) * pixelStride), stripStride, sideTarget + (j * call.OutStride), phaseEnd - first);
                        }
                    }

                    sidePair.Flush();
                }

                weights += (long)vectors * V.Count * KernelH * KernelW * In;
            }
        }

        /// <summary>What the columns at the sides read for rows [first, first + gridRows) of the grids, of some images.</summary>
        readonly void CopyStrips(int firstImage, int count, int first, int gridRows, float* strips)
        {
            var (top, height) = ((first * StepH) + firstRow, BandHeight(gridRows));
            for (var p = 0; p < count; p++)
            {
                var strip = strips + (p * imageStrips);
                var image = Source + ((firstImage + p) * (long)SourceH * SourceW * In);
                if (copyLeft) CopyStrip(image, SourceH, SourceW, In, top, firstCol, height, stripWidth, strip);
                if (copyRight) CopyStrip(image, SourceH, SourceW, In, top, firstCol + (rightStart * StepW), height, stripWidth, strip + rightStrip);
            }
        }

        /// <summary>The rows of taps [from, to) with which row <paramref name="row"/> of a grid reads rows of the image.</summary>
        readonly (int From, int To) TapRowsInside(in Phase phase, int row)
            => phase.TapRows.Inside(row * StepH, SourceH);

        /// <summary>The source rows that follow those which rows [first, end) of the grids read, and that the next step reads.</summary>
        readonly Prefetcher PrefetchRows(int image, int firstBlock, int endBlock, int first, int end)
        {
            var sourceLength = (long)SourceW * Groups * In;
            var next = ((long)image * SourceH) + ((end - 1) * StepH) + lastRow + 1;
            return new(Source + (next * sourceLength), (end - first) * StepH * sourceLength, PrefetchSteps(firstBlock, endBlock, end - first));
        }

        /// <summary>As many images from <paramref name="image"/> on as are computed meanwhile, <paramref name="gridRows"/> rows of each.</summary>
        readonly Prefetcher PrefetchImages(int image, int firstBlock, int endBlock, int gridRows, int count)
        {
            var imageLength = (long)SourceH * SourceW * In;
            return new(Source + (image * imageLength), count * imageLength, count * PrefetchSteps(firstBlock, endBlock, gridRows));
        }

        /// <summary>About how many steps the tiles of some rows of the grids of an image take: segments, or, with more than one vector, their values.</summary>
        readonly long PrefetchSteps(int firstBlock, int endBlock, int gridRows)
        {
            var steps = 0L;
            for (var block = firstBlock; block < endBlock; block++)
            {
                var vectors = CorrelationTiles<V>.Vectors((PaddedOut / V.Count) - (2 * block));
                for (var i = 0; i < phaseCount; i++)
                {
                    ref var phase = ref phases[i];
                    var columns = phase.Cols - phase.Left - phase.Right;
                    if (columns <= 0) continue;
                    var halves = (long)DivideUp(columns, CorrelationTiles<V>.HalfTilePixels(vectors, columns, gridRows)) * gridRows;
                    steps += (halves + 1) / 2 * phase.Segments * (vectors == 1 ? 1 : phase.Length);
                }
            }

            return steps;
        }

        /// <summary>The source rows that <paramref name="gridRows"/> rows of the grids read, zeros around them: [height, blockWidth, In].</summary>
        readonly void CopyBand(int image, int group, int gridRow, int gridRows, float* target)
        {
            var height = BandHeight(gridRows);
            var top = (gridRow * StepH) + firstRow;
            var sourceC = (long)Groups * In;

            // Columns [before, before + inside) of the block are in the image.
            var before = Math.Clamp(-firstCol, 0, blockWidth);
            var inside = Math.Clamp(Math.Min(SourceW - firstCol, blockWidth) - before, 0, blockWidth - before);
            for (var i = 0; i < height; i++, target += (long)blockWidth * In)
            {
                var h = top + i;
                if ((uint)h >= (uint)SourceH || inside == 0)
                {
                    Clear(target, (long)blockWidth * In);
                    continue;
                }

                var source = Source + ((((((long)image * SourceH) + h) * SourceW) + before + firstCol) * sourceC) + ((long)group * In);
                ClearSide(target, before * In);
                if (Groups == 1)
                {
                    CopyRow(source, target + ((long)before * In), (long)inside * In);
                }
                else
                {
                    for (var j = 0; j < inside; j++) CopyFloats(source + (j * sourceC), target + ((long)(before + j) * In), In);
                }

                ClearSide(target + ((long)(before + inside) * In), (blockWidth - before - inside) * In);
            }
        }

        /// <summary>Packs one block of a group's weights, zeros in the lanes after the last output channel.</summary>
        public readonly void Pack(int group, int block)
        {
            // All blocks before the last have two vectors, or one is all.
            var k = block * 2 * V.Count;
            var width = CorrelationTiles<V>.Vectors((PaddedOut - k) / V.Count) * V.Count;
            var lanes = Math.Min(width, Out - k);
            var target = Packed + (group * PackedLength) + ((long)k * KernelH * KernelW * In);
            for (var i = 0; i < phaseCount; i++)
            {
                ref var phase = ref phases[i];
                for (var r = 0; r < phase.TapRows.Count; r++)
                {
                    for (var s = 0; s < phase.TapCols.Count; s++, target += (long)In * width)
                    {
                        var tap = ((long)(phase.TapRows.Weight + (r * phase.TapRows.WeightStep)) * KernelW) + phase.TapCols.Weight + (s * phase.TapCols.WeightStep);
                        var source = Weights + (tap * Layout.TapStride) + (group * Layout.GroupStride) + (k * Layout.OutStride);
                        PackPanel(source, Layout.InStride, Layout.OutStride, In, lanes, width, target);
                    }
                }
            }
        }
    }

    /// <summary>Packs the weights. Task = group Blocks + block.</summary>
    struct PackWork : IWork
    {
        public ConvPass* Pass;

        public readonly void Run(int task, int worker) => Pass->Pack(task / Pass->Blocks, task % Pass->Blocks);
    }
}
