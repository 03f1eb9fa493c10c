namespace CnnSharp.Kernels.Cpu;

// The gradient by weight is a matrix product over pixels: dw[(r, s, c), k] = sum of x[pixel, (r, s, c)] dy[pixel, k].
// In a row of the padded picture the values (s, c) of a pixel lie next to each other, so for each kernel row the tiles
// run over S C rows by all K columns, a few picture rows at a time, so that x and dy stay in the first caches.
//
// The batch is cut into chunks with partial sums of their own, added up in order afterwards: how many follows from the
// geometry alone. Where dw is large, its columns are cut instead, so that the sums stay in the second-level cache and
// their memory is bounded.
internal sealed unsafe partial class CpuKernels<V>
{
    public void ConvBackwardWeight(in ConvGeometry g, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw)
        => WeightGradient(g, x.Pointer<float>(), dy.Pointer<float>(), dw.Pointer<float>(), exchanged: false);

    /// <summary>dw of convolution g; <paramref name="exchanged"/>: laid out [kh, kw, K / groups, C].</summary>
    void WeightGradient(in ConvGeometry g, float* x, float* dy, float* dw, bool exchanged)
    {
        if (IsDepthwise(g))
        {
            DepthwiseWeightGradient(g, x, dy, dw);
            return;
        }

        var pass = new WeightPass { Geometry = g, X = x, Dy = dy, Dw = dw, Exchanged = exchanged };
        pass.Plan();
        lock (workers.Gate)
        {
            pass.Partials = workers.Shared(pass.PartialLength * pass.Chunks * g.Groups);
            pass.Scratch = workers.ScratchTable(pass.ScratchLength);
            workers.Run(pass, pass.Tasks);
            var sum = new WeightSum { Pass = &pass };
            if (pass.PartialLength * pass.Chunks < 16 * 1024)
            {
                for (var i = 0; i < sum.Tasks; i++) sum.Run(i, 0);
            }
            else
            {
                workers.Run(sum, sum.Tasks);
            }
        }
    }

    struct WeightPass : IWork
    {
        /// <summary>Floats of sums that a task runs over again and again: half the second-level cache.</summary>
        const long SumsPerTask = 160 * 1024;

        /// <summary>Floats that all chunks together may take, unless one takes more.</summary>
        const long SumsTogether = 2 * 1024 * 1024;

        /// <summary>
        /// Chunks, where dw is not cut: each clears its sums and adds them up, which at 64@8x8 took 4% of the time with 32.
        /// </summary>
        const int MostChunks = 16;

        /// <summary>Floats of sums that stay in the first-level cache beside a band.</summary>
        const long FewSums = 6 * 1024;

        /// <summary>Floats of a band's copy of x that stay in the first-level cache beside few sums.</summary>
        const int BandLength = 3584;

        /// <summary>Columns of the widest tile.</summary>
        static int MaxPanel => 3 * V.Count;

        public ConvGeometry Geometry;
        public float* X, Dy, Dw;
        public bool Exchanged;

        /// <summary>[groups, chunks, PartialLength].</summary>
        public float* Partials;
        public float** Scratch;

        bool copyX, packDy, merged;
        int splits;
        int bandRows, bands, pictures;
        int blockWidth, bandHeight;
        long bandX;

        /// <summary>Runs of neighbouring rows (r, s, c): one a kernel row, or one a tap where the kernel's columns do not touch.</summary>
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
            => OffsetLength + PaddedXLength + (packDy ? (long)pictures * bandRows * Geometry.OutW * MaxPanel : 0);

        /// <summary>Scratch memory of the segments' offsets.</summary>
        readonly int OffsetLength => RoundUp(pictures * bandRows * (sizeof(nint) / sizeof(float)), 16);

        /// <summary>Scratch memory of the padded x, with what the last tile reads behind it.</summary>
        readonly long PaddedXLength => copyX ? ((pictures * bandX) + OuterProductTiles<V>.MaxRows + 15) / 16 * 16 : 0;

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
            var wanted = Math.Min(DivideUp(MostChunks, splits * g.Groups), SumsTogether / (PartialLength * g.Groups));
            wanted = Math.Min(wanted, g.MultiplyAdds / (1 << 19));
            Chunks = (int)Math.Clamp(wanted, 1, g.N);
            Tasks = checked(g.Groups * Chunks * splits);

            blockWidth = ((g.OutW - 1) * g.StrideW) + ((g.KernelW - 1) * g.DilationW) + 1;
            var inside = g.PadTop == 0 && g.PadLeft == 0 && blockWidth <= g.W
                && ((g.OutH - 1) * g.StrideH) + ((g.KernelH - 1) * g.DilationH) + 1 <= g.H;
            var surplus = false;
            for (var v = 1; v <= 3; v++) surplus |= RunLength % OuterProductTiles<V>.Rows(v, RunLength) != 0;
            copyX = !inside || g.Groups > 1 || surplus;

            // dy is packed where its vectors are not whole, and where its rows are so far apart that a tile's columns of
            // them would share a few cache sets, unless only a few tiles would use them.
            packDy = g.GroupK % V.Count != 0 || (g.K > 2 * V.Count && Runs * RunLength >= 64);

            // About 128 pixels between loading and storing the sums, or fewer, where they load fast, so that what is copied does
            // not leave the first-level cache (16->32@32x32 at stride 2: 71% to 77%).
            bandRows = Math.Min(g.OutH, DivideUp(128, g.OutW));
            if (copyX && PartialLength <= FewSums)
            {
                var most = (BandLength / (blockWidth * g.GroupC)) - ((g.KernelH - 1) * g.DilationH) - 1;
                bandRows = Math.Clamp((most / g.StrideH) + 1, Math.Min(2, bandRows), bandRows);
            }

            bands = DivideUp(g.OutH, bandRows);
            bandRows = DivideUp(g.OutH, bands);
            bands = DivideUp(g.OutH, bandRows);
            pictures = bands > 1 ? 1 : Math.Clamp(128 / (g.OutH * g.OutW), 1, g.N);
            bandHeight = ((bandRows - 1) * g.StrideH) + ((g.KernelH - 1) * g.DilationH) + 1;
            bandX = (long)bandHeight * blockWidth * g.GroupC;
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
            var paddedX = Scratch[worker] + OffsetLength;
            var panel = paddedX + PaddedXLength;
            var call = new OuterProductCall
            {
                XStride = (nint)g.StrideW * g.GroupC * sizeof(float),
                Offsets = offsets,
                Length = g.OutW,
            };

            // A band's rows of x lie at the same places in every band.
            var pictureX = copyX ? bandX : (long)g.H * g.W * g.C;
            var rowX = g.StrideH * (copyX ? blockWidth * (long)g.GroupC : g.W * (long)g.C);
            for (var segment = 0; segment < pictures * bandRows; segment++)
                offsets[segment] = (nint)(((segment / bandRows * pictureX) + (segment % bandRows * rowX)) * sizeof(float));

            var calls = 0;
            for (var v = firstVector; v < endVector;)
            {
                var vectors = OuterProductTiles<V>.Vectors(endVector - v);
                calls += Runs * DivideUp(RunLength, OuterProductTiles<V>.Rows(vectors, RunLength));
                v += vectors;
            }

            for (var picture = first; picture < end; picture += pictures)
            {
                var count = Math.Min(pictures, end - picture);
                for (var band = 0; band < bands; band++)
                {
                    var firstRow = band * bandRows;
                    var rows = Math.Min(bandRows, g.OutH - firstRow);
                    for (var p = 0; p < count && copyX; p++) CopyX(picture + p, group, firstRow, rows, paddedX + (p * bandX));
                    var x = copyX ? paddedX : X + ((((long)picture * g.H) + ((long)firstRow * g.StrideH)) * g.W * g.C);
                    var dy = Dy + ((((long)picture * g.OutH) + firstRow) * g.OutW * g.K) + (group * g.GroupK);
                    call.Segments = count * rows;

                    // The next band's rows follow in memory.
                    var (pixels, rowsX) = ((long)call.Segments * g.OutW, (long)count * rows * g.StrideH);
                    var nextX = new Ahead(X + (((((long)(picture + count - 1) * g.H) + ((long)(firstRow + rows) * g.StrideH)) * g.W) * g.C), rowsX * g.W * g.C, calls);
                    var nextDy = new Ahead(dy + (pixels * g.K), pixels * g.K, calls);
                    Multiply(&call, x, dy, sums, firstVector, endVector, panel, ref nextX, ref nextDy);
                }
            }
        }

        /// <summary>Adds a band's products to the sums of vectors [first, end).</summary>
        readonly void Multiply(OuterProductCall* call, float* x, float* dy, float* sums, int first, int end, float* panel, ref Ahead nextX, ref Ahead nextDy)
        {
            var width = copyX ? blockWidth : Geometry.W;
            for (var v = first; v < end;)
            {
                var vectors = OuterProductTiles<V>.Vectors(end - v);
                var tileRows = OuterProductTiles<V>.Rows(vectors, RunLength);
                var tile = OuterProductTiles<V>.Tile(tileRows, vectors);
                var lanes = vectors * V.Count;
                var columns = dy + ((long)v * V.Count);
                call->DyStride = (nint)Geometry.K * sizeof(float);
                if (packDy)
                {
                    PackPanel(columns, Geometry.K, 1, call->Segments * call->Length, Math.Min(lanes, Geometry.GroupK - (v * V.Count)), lanes, panel);
                    columns = panel;
                    call->DyStride = lanes * sizeof(float);
                }

                var whole = merged && vectors == 1 ? OuterProductTiles<V>.Whole(Runs, RunLength) : null;
                if (whole is not null)
                {
                    call->RunStride = (nint)Geometry.DilationH * width * Geometry.GroupC * sizeof(float);
                    call->RunLength = RunRows * lanes;
                    whole(call, x, columns, sums);
                }

                for (var run = 0; run < Runs && whole is null; run++)
                {
                    var r = merged ? run : run / Geometry.KernelW;
                    var s = merged ? 0 : run % Geometry.KernelW;
                    var source = x + ((((long)r * Geometry.DilationH * width) + ((long)s * Geometry.DilationW)) * Geometry.GroupC);
                    var target = sums + ((long)run * RunRows * lanes);
                    for (var row = 0; row < RunLength; row += tileRows)
                    {
                        nextX.Fetch();
                        nextDy.Fetch();
                        tile(call, source + row, columns, target + ((long)row * lanes));
                    }
                }

                sums += (long)Runs * RunRows * lanes;
                v += vectors;
            }
        }

        readonly void CopyX(int picture, int group, int firstRow, int rows, float* target)
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

                var source = X + ((((long)picture * g.H) + h) * g.W * g.C) + (group * g.GroupC);
                Clear(target, (long)before * g.GroupC);
                if (g.Groups == 1)
                {
                    CopyRow(source, target + ((long)before * g.C), (long)inside * g.C);
                }
                else
                {
                    for (var j = 0; j < inside; j++) CopyFloats(source + ((long)j * g.C), target + ((long)(before + j) * g.GroupC), g.GroupC);
                }

                Clear(target + ((long)(before + inside) * g.GroupC), (long)(blockWidth - before - inside) * g.GroupC);
            }
        }
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
                        if (pass.Exchanged)
                        {
                            var tap = q / g.GroupC;
                            var c = (group * g.GroupC) + (q % g.GroupC);
                            V.Store(sum, lane);
                            for (var i = 0; i < count; i++) pass.Dw[(((tap * g.GroupK) + k + j + i) * g.C) + c] = lane[i];
                            continue;
                        }

                        var target = pass.Dw + (q * g.K) + (group * g.GroupK) + k + j;
                        if (count == V.Count) V.Store(sum, target);
                        else V.StorePartial(sum, target, count);
                    }
                }

                partial += (long)pass.Runs * pass.RunRows * lanes;
                v += vectors;
            }
        }
    }
}
