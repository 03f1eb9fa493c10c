namespace CnnSharp.Kernels.Cpu;

// The gradient with respect to the weights is a matrix product over pixels: dw[(r, s, c), k] = sum of x[pixel, (r, s, c)] dy[pixel, k].
// In a row of the padded image the values (s, c) of a pixel lie next to each other, so for each kernel row the tiles
// run over S C rows by all K columns, a few image rows at a time, so that x and dy stay in the first caches. The image
// is read in place: rows above and below it are left out, and what the columns at its sides read is copied, with zeros
// around it, for a few images at once. Few channels, groups and runs that fill no tiles are copied whole.
//
// The batch is cut into chunks with partial sums of their own, added up in order afterwards: how many follows from the
// geometry alone. Where dw is large, its columns are cut instead, so that the sums stay in the L2 and
// their memory is bounded.
/// <summary>The direct method: outer products of pixels, in register tiles.</summary>
internal sealed unsafe class DirectWeightGradient<V>(CpuKernels<V> kernels) : ConvolutionAlgorithm<V>(kernels, "direct", ConvolutionPass.BackwardWeights)
    where V : unmanaged, IVector<V>
{
    public override bool Applies(in ConvGeometry g) => true;

    public override Workspace Workspace(in ConvGeometry g)
    {
        var pass = new WeightPass { Geometry = g };
        pass.Plan();
        return new(pass.PartialLength * pass.Chunks * g.Groups, pass.ScratchLength);
    }

    protected override void RunLocked(in ConvolutionCall call)
    {
        var g = call.Geometry;
        var pass = new WeightPass { Geometry = g, X = call.X.ReadOnlyPointer<float>(), Dy = call.Y.ReadOnlyPointer<float>(), Dw = call.W.Pointer<float>(), Layout = call.Layout };
        pass.Plan();
        pass.Partials = Workers.Shared(pass.PartialLength * pass.Chunks * g.Groups);
        pass.Scratch = Workers.ScratchTable(pass.ScratchLength);
        Workers.Run(pass, pass.Tasks);
        var sum = new WeightSum { Pass = &pass };
        if (pass.PartialLength * pass.Chunks < 16 * 1024)
        {
            for (var i = 0; i < sum.Tasks; i++) sum.Run(i, 0);
        }
        else
        {
            Workers.Run(sum, sum.Tasks);
        }
    }

    struct WeightPass : IWork
    {
        /// <summary>Floats of sums that a task runs over again and again: half the L2.</summary>
        const long SumsPerTask = 160 * 1024;

        /// <summary>Floats that all chunks together may take, unless one takes more.</summary>
        const long SumsTogether = 2 * 1024 * 1024;

        /// <summary>
        /// Chunks, where dw is not cut: each clears its sums and adds them up, which at 64@8x8 took 4% of the time with 32.
        /// </summary>
        const int MostChunks = 16;

        /// <summary>Floats of sums that stay in the L1 beside a band.</summary>
        const long FewSums = 6 * 1024;

        /// <summary>Floats of a band's copy of x that stay in the L1 beside few sums.</summary>
        const int BandLength = 3584;

        /// <summary>Channels from which on an image is read in place: fewer are copied in no time.</summary>
        const int ManyChannels = 8;

        /// <summary>Pixels between loading and storing the sums.</summary>
        const int Pixels = 128;

        /// <summary>Columns of the widest tile.</summary>
        static int MaxPanel => 3 * V.Count;

        public ConvGeometry Geometry;
        public float* X, Dy, Dw;

        /// <summary>Where a weight's sum goes.</summary>
        public WeightLayout Layout;

        /// <summary>[groups, chunks, PartialLength].</summary>
        public float* Partials;
        public float** Scratch;

        bool copyX, packDy, merged;
        int splits;
        int bandRows, bands, images;
        int blockWidth, bandHeight;
        long bandX;

        // In place: the columns at the sides, and what they read of an image, [stripHeight, stripWidth, C] a side.
        int left, right, stripWidth, stripHeight, stripImages;

        /// <summary>Runs of neighboring rows (r, s, c): one a kernel row, or one a tap where the kernel's columns do not touch.</summary>
        public int Runs { get; private set; }

        public int RunLength { get; private set; }

        /// <summary>Rows of sums that a run has: room for the last tile's surplus.</summary>
        public int RunRows { get; private set; }

        /// <summary>Floats of one chunk's sums, a group: [blocks, Runs, RunRows, v vectors].</summary>
        public long PartialLength { get; private set; }

        public int Chunks { get; private set; }

        /// <summary>Vectors of columns that a task has.</summary>
        public int SplitVectors { get; private set; }

        public int Tasks { get; private set; }

        public readonly long ScratchLength
            => (2 * OffsetLength) + PaddedXLength + (Math.Max(packDy ? (long)images * bandRows * Geometry.OutW : 0, (long)stripImages * Geometry.OutH) * MaxPanel);

        /// <summary>Scratch memory of the segments' offsets in x, and of those in dy.</summary>
        readonly int OffsetLength => RoundUp(Math.Max(images * bandRows, stripImages) * (sizeof(nint) / sizeof(float)), 16);

        /// <summary>Scratch memory of the padded x, with what the last tile reads after it, or of one side's strips.</summary>
        readonly long PaddedXLength => ((copyX ? (images * bandX) + OuterProductTiles<V>.MaxRows : stripImages * StripLength) + 15) / 16 * 16;

        readonly long StripLength => (long)stripHeight * stripWidth * Geometry.C;

        public void Plan()
        {
            ref var g = ref Geometry;
            merged = g.DilationW == 1 || g.KernelW == 1;
            Runs = merged ? g.KernelH : g.KernelH * g.KernelW;
            RunLength = merged ? g.KernelW * g.GroupC : g.GroupC;
            RunRows = RunLength + OuterProductTiles<V>.MaxRows;
            var vectors = DivideUp(g.GroupK, V.Count);
            PartialLength = (long)Runs * RunRows * vectors * V.Count;

            // Splits of the columns are multiples of two vectors, a tile's width.
            splits = (int)Math.Min(DivideUp(vectors, 2), (PartialLength + SumsPerTask - 1) / SumsPerTask);
            SplitVectors = splits == 1 ? vectors : RoundUp(DivideUp(vectors, splits), 2);
            splits = DivideUp(vectors, SplitVectors);
            var wanted = Math.Min((long)DivideUp(MostChunks, splits * g.Groups), SumsTogether / (PartialLength * g.Groups));
            wanted = Math.Min(wanted, g.MultiplyAdds / (1 << 19));

            // As few as leave the largest no larger: 8 of 2 images, not 3 of 2 and 10 of 1.
            Chunks = (int)Math.Clamp(wanted, 1, g.N);
            Chunks = DivideUp(g.N, DivideUp(g.N, Chunks));
            Tasks = checked(g.Groups * Chunks * splits);

            blockWidth = ((g.OutW - 1) * g.StrideW) + ((g.KernelW - 1) * g.DilationW) + 1;
            var inside = g.PadTop == 0 && g.PadLeft == 0 && blockWidth <= g.W
                && ((g.OutH - 1) * g.StrideH) + ((g.KernelH - 1) * g.DilationH) + 1 <= g.H;
            var surplus = false;
            for (var v = 1; v <= 3; v++) surplus |= RunLength % OuterProductTiles<V>.Rows(v, RunLength) != 0;
            left = Math.Min(g.OutW, DivideUp(g.PadLeft, g.StrideW));
            right = g.OutW - Math.Min(g.OutW, DivideUp(Math.Max(0, g.W + g.PadLeft - ((g.KernelW - 1) * g.DilationW)), g.StrideW));
            copyX = g.Groups > 1 || surplus || (!inside && (g.C < ManyChannels || left + right > g.OutW / 2));
            if (copyX) left = right = 0;

            // dy is packed where its vectors are not whole, and where its rows are so far apart that a tile's columns of
            // them would share a few cache sets, unless only a few tiles would use them.
            packDy = g.GroupK % V.Count != 0 || (g.K > 4 * V.Count && Runs * RunLength >= 64);

            // Fewer pixels where the sums load fast, so that what is copied does not leave the L1.
            bandRows = Math.Min(g.OutH, DivideUp(Pixels, g.OutW));
            if (copyX && PartialLength <= FewSums)
            {
                var most = (BandLength / (blockWidth * g.GroupC)) - ((g.KernelH - 1) * g.DilationH) - 1;
                bandRows = Math.Clamp((most / g.StrideH) + 1, Math.Min(2, bandRows), bandRows);
            }

            bands = DivideUp(g.OutH, bandRows);
            bandRows = DivideUp(g.OutH, bands);
            bands = DivideUp(g.OutH, bandRows);
            images = bands > 1 ? 1 : Math.Clamp(Pixels / (g.OutH * g.OutW), 1, g.N);
            bandHeight = ((bandRows - 1) * g.StrideH) + ((g.KernelH - 1) * g.DilationH) + 1;
            bandX = (long)bandHeight * blockWidth * g.GroupC;
            if (left + right == 0) return;
            stripWidth = ((Math.Max(left, right) - 1) * g.StrideW) + ((g.KernelW - 1) * g.DilationW) + 1;
            stripHeight = ((g.OutH - 1) * g.StrideH) + ((g.KernelH - 1) * g.DilationH) + 1;
            stripImages = Math.Clamp(Pixels / g.OutH, 1, DivideUp(g.N, Chunks));
        }

        public readonly void Run(int task, int worker)
        {
            var g = Geometry;
            var split = task % splits;
            var chunk = task / splits % Chunks;
            var group = task / splits / Chunks;
            var first = (int)((long)g.N * chunk / Chunks);
            var end = (int)((long)g.N * (chunk + 1) / Chunks);
            var firstVector = split * SplitVectors;
            var endVector = Math.Min(firstVector + SplitVectors, DivideUp(g.GroupK, V.Count));

            var sums = Partials + ((((long)group * Chunks) + chunk) * PartialLength) + ((long)firstVector * V.Count * Runs * RunRows);
            Clear(sums, (long)(endVector - firstVector) * V.Count * Runs * RunRows);

            var offsets = (nint*)Scratch[worker];
            var paddedX = Scratch[worker] + (2 * OffsetLength);
            var panel = paddedX + PaddedXLength;
            var call = new OuterProductCall { Offsets = offsets, DyOffsets = (nint*)(Scratch[worker] + OffsetLength) };
            var calls = 0;
            for (var v = firstVector; v < endVector;)
            {
                var vectors = OuterProductTiles<V>.Vectors(endVector - v);
                calls += Runs * DivideUp(RunLength, OuterProductTiles<V>.Rows(vectors, RunLength));
                v += vectors;
            }

            long imageX = (long)g.H * g.W * g.C, imageDy = (long)g.OutH * g.OutW * g.K;
            var width = copyX ? blockWidth : g.W;
            var block = new PixelBlock
            {
                Width = width,
                PixelX = (long)g.StrideW * g.GroupC,
                RowX = (long)g.StrideH * width * g.GroupC,
                ImageX = copyX ? bandX : imageX,
                PixelDy = g.K,
                RowDy = (long)g.OutW * g.K,
                ImageDy = imageDy,
                Length = g.OutW - left - right,
                Height = copyX ? int.MaxValue : g.H,
                Pack = packDy,
            };
            for (var image = first; image < end; image += images)
            {
                block.Images = Math.Min(images, end - image);
                for (var band = 0; band < bands; band++)
                {
                    var firstRow = band * bandRows;
                    var rows = Math.Min(bandRows, g.OutH - firstRow);
                    block.Rows = rows;
                    block.Dy = Dy + (image * imageDy) + (((firstRow * (long)g.OutW) + left) * g.K) + (group * g.GroupK);
                    if (copyX)
                    {
                        for (var p = 0; p < block.Images; p++) CopyX(image + p, group, firstRow, rows, paddedX + (p * bandX));
                        block.X = paddedX;
                    }
                    else
                    {
                        block.Top = (firstRow * g.StrideH) - g.PadTop;
                        block.X = X + (image * imageX) + ((((long)block.Top * g.W) + (left * g.StrideW) - g.PadLeft) * g.C);
                    }

                    // The next band's rows follow in memory.
                    var (lastImage, count) = (image + block.Images - 1, (long)block.Images * rows);
                    call.NextX = new(X + (lastImage * imageX) + ((long)(firstRow + rows) * g.StrideH * g.W * g.C), count * g.StrideH * g.W * g.C, calls * count * block.Length);
                    call.NextDy = new(Dy + (lastImage * imageDy) + ((firstRow + rows) * block.RowDy), count * block.RowDy, calls * count * block.Length);
                    Multiply(&call, block, sums, firstVector, endVector, panel);
                }
            }

            for (var image = first; image < end && left + right > 0; image += stripImages)
            {
                var count = Math.Min(stripImages, end - image);
                if (left > 0) MultiplySide(&call, image, count, 0, left, sums, firstVector, endVector, paddedX, panel);
                if (right > 0) MultiplySide(&call, image, count, g.OutW - right, g.OutW, sums, firstVector, endVector, paddedX, panel);
            }
        }

        /// <summary>Adds the products of columns [firstColumn, endColumn) at a side of a few images, without groups.</summary>
        readonly void MultiplySide(OuterProductCall* call, int image, int count, int firstColumn, int endColumn, float* sums, int first, int end, float* strips, float* panel)
        {
            var g = Geometry;
            for (var p = 0; p < count; p++)
            {
                CopyStrip(X + ((long)(image + p) * g.H * g.W * g.C), g.H, g.W, g.C, -g.PadTop, (firstColumn * g.StrideW) - g.PadLeft, stripHeight, stripWidth, strips + (p * StripLength));
            }

            // A column of an image is a segment.
            var block = new PixelBlock
            {
                Width = stripWidth,
                PixelX = (long)g.StrideH * stripWidth * g.C,
                ImageX = StripLength,
                PixelDy = (long)g.OutW * g.K,
                ImageDy = (long)g.OutH * g.OutW * g.K,
                Images = count,
                Rows = 1,
                Length = g.OutH,
                Height = int.MaxValue,
                Pack = true,
            };
            call->NextX = call->NextDy = default;
            for (var j = firstColumn; j < endColumn; j++)
            {
                block.X = strips + ((long)(j - firstColumn) * g.StrideW * g.C);
                block.Dy = Dy + (image * block.ImageDy) + ((long)j * g.K);
                Multiply(call, block, sums, first, end, panel);
            }
        }

        /// <summary>Adds a block's products to the sums of vectors [first, end).</summary>
        readonly void Multiply(OuterProductCall* call, in PixelBlock block, float* sums, int first, int end, float* panel)
        {
            call->XStride = (nint)(block.PixelX * sizeof(float));
            call->Length = block.Length;
            for (var v = first; v < end;)
            {
                var vectors = OuterProductTiles<V>.Vectors(end - v);
                var tileRows = OuterProductTiles<V>.Rows(vectors, RunLength);
                var tile = OuterProductTiles<V>.Tile(tileRows, vectors);
                var lanes = vectors * V.Count;
                var columns = block.Dy + ((long)v * V.Count);
                var (pixelDy, rowDy, imageDy) = (block.PixelDy, block.RowDy, block.ImageDy);
                if (block.Pack)
                {
                    (pixelDy, rowDy, imageDy) = (lanes, (long)block.Length * lanes, (long)block.Rows * block.Length * lanes);
                    for (var p = 0; p < block.Images; p++)
                    {
                        for (var i = 0; i < block.Rows; i++)
                        {
                            var source = columns + (p * block.ImageDy) + (i * block.RowDy);
                            PackPanel(source, block.PixelDy, 1, block.Length, Math.Min(lanes, Geometry.GroupK - (v * V.Count)), lanes, panel + (p * imageDy) + (i * rowDy));
                        }
                    }

                    columns = panel;
                }

                call->DyStride = (nint)(pixelDy * sizeof(float));
                var whole = copyX && merged && vectors == 1 ? OuterProductTiles<V>.KernelRows(Runs, RunLength) : null;
                if (whole is not null)
                {
                    SetSegments(call, block, 0, rowDy, imageDy);
                    call->RunStride = (nint)Geometry.DilationH * block.Width * Geometry.GroupC * sizeof(float);
                    call->RunLength = RunRows * lanes;
                    whole(call, block.X, columns, sums);
                }
                else
                {
                    for (var run = 0; run < Runs; run++)
                    {
                        var r = merged ? run : run / Geometry.KernelW;
                        var s = merged ? 0 : run % Geometry.KernelW;
                        var source = block.X + ((((long)r * Geometry.DilationH * block.Width) + ((long)s * Geometry.DilationW)) * Geometry.GroupC);
                        var target = sums + ((long)run * RunRows * lanes);
                        SetSegments(call, block, r, rowDy, imageDy);
                        for (var row = 0; row < RunLength; row += tileRows)
                        {
                            tile(call, source + row, columns, target + ((long)row * lanes));
                        }
                    }
                }

                sums += (long)Runs * RunRows * lanes;
                v += vectors;
            }
        }

        /// <summary>A segment for each of the block's rows whose row of x, for kernel row <paramref name="r"/>, is in the image.</summary>
        readonly void SetSegments(OuterProductCall* call, in PixelBlock block, int r, long rowDy, long imageDy)
        {
            var top = block.Top + (r * Geometry.DilationH);
            var count = 0;
            for (var p = 0; p < block.Images; p++)
            {
                for (var i = 0; i < block.Rows; i++)
                {
                    var h = top + (i * Geometry.StrideH);
                    if (h < 0 || h >= block.Height) continue;
                    call->Offsets[count] = (nint)(((p * block.ImageX) + (i * block.RowX)) * sizeof(float));
                    call->DyOffsets[count++] = (nint)(((p * imageDy) + (i * rowDy)) * sizeof(float));
                }
            }

            call->Segments = count;
        }

        readonly void CopyX(int image, int group, int firstRow, int rows, float* target)
        {
            var g = Geometry;
            var height = ((rows - 1) * g.StrideH) + ((g.KernelH - 1) * g.DilationH) + 1;
            var top = (firstRow * g.StrideH) - g.PadTop;
            var before = Math.Min(g.PadLeft, blockWidth);
            var inside = Math.Clamp(Math.Min(g.W + g.PadLeft, blockWidth) - before, 0, blockWidth - before);
            for (var i = 0; i < height; i++, target += (long)blockWidth * g.GroupC)
            {
                var h = top + i;
                if ((uint)h >= (uint)g.H || inside == 0)
                {
                    Clear(target, (long)blockWidth * g.GroupC);
                    continue;
                }

                var source = X + ((((long)image * g.H) + h) * g.W * g.C) + (group * g.GroupC);
                ClearSide(target, before * g.GroupC);
                if (g.Groups == 1)
                {
                    CopyRow(source, target + ((long)before * g.C), (long)inside * g.C);
                }
                else
                {
                    for (var j = 0; j < inside; j++) CopyFloats(source + ((long)j * g.C), target + ((long)(before + j) * g.GroupC), g.GroupC);
                }

                ClearSide(target + ((long)(before + inside) * g.GroupC), (blockWidth - before - inside) * g.GroupC);
            }
        }
    }

    /// <summary>Pixels of dy and what they meet of x: rows of one or more images. Strides in floats.</summary>
    struct PixelBlock
    {
        /// <summary>What the first pixel's first tap reads, the first pixel's first column of the group.</summary>
        public float* X, Dy;

        /// <summary>Pixels of a row of x.</summary>
        public int Width;

        public long PixelX, RowX, ImageX, PixelDy, RowDy, ImageDy;
        public int Images, Rows, Length;

        /// <summary>The row of x that the first tap of the first row reads.</summary>
        public int Top;

        /// <summary>Rows [0, Height) of x are there.</summary>
        public int Height;

        /// <summary>Whether dy is packed.</summary>
        public bool Pack;
    }

    /// <summary>dw = the chunks' sums, added in order. Task: one run of one group.</summary>
    struct WeightSum : IWork
    {
        public WeightPass* Pass;

        public readonly int Tasks => Pass->Geometry.Groups * Pass->Runs;

        public readonly void Run(int task, int worker)
        {
            ref var pass = ref *Pass;
            var g = pass.Geometry;
            var group = task / pass.Runs;
            var run = task % pass.Runs;
            var partial = pass.Partials + ((long)group * pass.Chunks * pass.PartialLength);
            var lane = stackalloc float[V.Count];
            var total = DivideUp(g.GroupK, V.Count);
            for (var v = 0; v < total;)
            {
                var splitEnd = Math.Min(total, ((v / pass.SplitVectors) + 1) * pass.SplitVectors);
                var vectors = OuterProductTiles<V>.Vectors(splitEnd - v);
                var k = v * V.Count;
                var lanes = vectors * V.Count;
                for (var row = 0; row < pass.RunLength; row++)
                {
                    var source = partial + ((((long)run * pass.RunRows) + row) * lanes);
                    var q = ((long)run * pass.RunLength) + row;
                    for (var j = 0; j < lanes; j += V.Count)
                    {
                        var count = Math.Min(V.Count, g.GroupK - k - j);
                        if (count <= 0) break;
                        var sum = V.Load(source + j);
                        for (var chunk = 1; chunk < pass.Chunks; chunk++) sum += V.Load(source + j + (chunk * pass.PartialLength));
                        var (tap, c) = Math.DivRem(q, g.GroupC);
                        var target = pass.Dw + (tap * pass.Layout.TapStride) + (c * pass.Layout.InStride) + (group * pass.Layout.GroupStride) + ((k + j) * pass.Layout.OutStride);
                        if (pass.Layout.OutStride == 1)
                        {
                            StoreUpTo(sum, target, count);
                            continue;
                        }

                        V.Store(sum, lane);
                        for (var i = 0; i < count; i++) target[i * pass.Layout.OutStride] = lane[i];
                    }
                }

                partial += (long)pass.Runs * pass.RunRows * lanes;
                v += vectors;
            }
        }
    }
}
