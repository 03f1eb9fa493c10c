using System.Runtime.CompilerServices;

namespace CnnSharp.Kernels.Cpu;

// A matrix product is a correlation whose pixels are the rows of a and whose one segment is the summed extent. The
// columns of b are packed into panels of v vectors, so that a tile streams through them; a is read where it lies, unless
// it is transposed, pixels are left out, or its rows fill no tile. (Rows a multiple of 2 KiB apart share a few cache sets;
// to copy them for that was a loss all the same, of up to 15% of the time with 8 images and 39% with one.)
/// <summary>Matrix products.</summary>
sealed unsafe partial class MatMulKernels<V>(CpuKernels<V> kernels) : CpuKernelFamily<V>(kernels), IMatMulKernels
    where V : unmanaged, IVector<V>
{
    public void Multiply(in MatMulGeometry g, DeviceBuffer a, DeviceBuffer b, DeviceBuffer? bias, DeviceBuffer c, Activation activation = Activation.None, bool accumulate = false)
        => Multiply(new() { Geometry = g, Epilogue = new() { Relu = activation == Activation.Relu, Accumulate = accumulate } }, a, b, bias, c);

    /// <summary>A convolution g whose kernel is one pixel: its rows of a are the pixels that it reads.</summary>
    internal void MultiplyPixels(in ConvGeometry g, DeviceBuffer x, DeviceBuffer w, in WeightLayout layout, DeviceBuffer? b, DeviceBuffer y, in Epilogue epilogue)
    {
        // A product counts its rows in 32 bits: more pixels than that are several products. Dense pixels follow each other
        // whatever rows and images they belong to; of others, some rows of one image, or all rows of some images.
        var dense = PointwiseConvolution<V>.IsDense(g);
        var line = dense ? 1L : g.OutW;
        var lines = dense ? (long)g.N * g.OutH * g.OutW : (long)g.N * g.OutH;
        var pixels = dense ? default : new PixelRows(g.OutH, g.OutW, (long)g.H * g.W * g.C, (long)g.StrideH * g.W * g.C, (long)g.StrideW * g.C);
        for (long first = 0, count; first < lines; first += count)
        {
            count = Math.Min(lines - first, Math.Max(1, MostPixels / line));
            if (!dense && count < lines) count = count >= g.OutH && first % g.OutH == 0 ? count / g.OutH * g.OutH : Math.Min(count, g.OutH - (first % g.OutH));
            var skipped = first * line * g.K;
            Multiply(
                new()
                {
                    Geometry = new((int)(count * line), g.K, g.C, TransposeB: layout.OutStride != 1),
                    Pixels = pixels,
                    Epilogue = epilogue with { Add = epilogue.Add is null ? null : epilogue.Add + skipped },
                },
                x,
                w,
                b,
                y,
                dense ? first * g.C : pixels.Offset(first),
                skipped);
        }
    }

    /// <summary>What memory <see cref="MultiplyPixels"/> takes, packed weights included.</summary>
    internal Workspace WorkspaceOfPixels(in ConvGeometry g)
    {
        var dense = PointwiseConvolution<V>.IsDense(g);
        var pass = new MatMulPass { Geometry = new((int)Math.Min((long)g.N * g.OutH * g.OutW, MostPixels), g.K, g.C), Pixels = dense ? default : new PixelRows(g.OutH, g.OutW, 0, 0, 0) };
        if (FewRows(pass)) return new(0, (long)pass.Geometry.M * FewRowsWork.ColumnsOf(pass.Geometry, Workers.Count));
        pass.Plan();
        return new(RoundUp(RoundUp(g.K, V.Count), 16) + pass.SharedLength + pass.PackedLength, pass.ScratchLength);
    }

    /// <summary>Pixels of a product.</summary>
    const long MostPixels = 1 << 30;

    /// <summary>The product of a, from its element <paramref name="firstA"/> on, and b, to c from <paramref name="firstC"/> on.</summary>
    void Multiply(MatMulPass pass, DeviceBuffer a, DeviceBuffer b, DeviceBuffer? bias, DeviceBuffer c, long firstA = 0, long firstC = 0)
    {
        var g = pass.Geometry;
        if (g.M == 0 || g.N == 0) return;
        pass.A = a.ReadOnlyPointer<float>() + firstA;
        pass.B = b.ReadOnlyPointer<float>();
        pass.C = c.Pointer<float>() + firstC;
        if (g.K == 0)
        {
            pass.Epilogue.StoreEmptySums(bias, c, g.N);
            return;
        }

        if (g.Batch != 1)
        {
            MultiplyBatch(pass);
            return;
        }

        if (FewRows(pass))
        {
            MultiplyFewRows(pass, bias.ReadOnlyPointerOrNull<float>());
            return;
        }

        pass.Plan();
        var biasLength = RoundUp(RoundUp(g.N, V.Count), 16);
        lock (Workers.ScratchLock)
        {
            var kept = PackedWeights.GetOrPack(b, pass.PackedLayout, pass.PackedLength, out var ready);
            pass.Bias = Workers.Shared(biasLength + pass.SharedLength + (kept is null ? pass.PackedLength : 0));
            pass.SharedA = pass.Bias + biasLength;
            pass.Packed = kept is null ? pass.SharedA + pass.SharedLength : kept;
            pass.Scratch = Workers.ScratchTable(pass.ScratchLength);
            Clear(pass.Bias, biasLength);
            if (bias is not null) CopyFloats(bias.ReadOnlyPointer<float>(), pass.Bias, g.N);

            var pack = new MatMulPack { Pass = &pass };
            if (ready)
            {
                // Packed by a call before.
            }
            else if (pass.PackedLength < 64 * 1024)
            {
                for (var i = 0; i < pass.Blocks; i++) pack.Run(i, 0);
            }
            else
            {
                Workers.Run(pack, pass.Blocks);
            }

            if (pass.SharesA) Workers.Run(new MatMulCopy { Pass = &pass }, DivideUp(g.M, MatMulCopy.Rows));
            Workers.Run(pass, pass.RowTasks * pass.ColumnTasks);
        }
    }

    /// <summary>Products of a batch: a task each, which packs its b into its worker's own memory; large ones are cut up like any other.</summary>
    void MultiplyBatch(MatMulPass pass)
    {
        var g = pass.Geometry;
        pass.Plan();
        lock (Workers.ScratchLock)
        {
            if (pass.RowTasks * pass.ColumnTasks == 1)
            {
                var biasLength = RoundUp(RoundUp(g.N, V.Count), 16);
                pass.Bias = Workers.Shared(biasLength);
                Clear(pass.Bias, biasLength);
                pass.Scratch = Workers.ScratchTable(pass.ScratchLength + pass.PackedLength);
                Workers.Run(new MatMulBatch { Pass = &pass }, g.Batch);
                return;
            }

            for (var i = 0; i < g.Batch; i++)
            {
                var biasLength = RoundUp(RoundUp(g.N, V.Count), 16);
                pass.Bias = Workers.Shared(biasLength + pass.SharedLength + pass.PackedLength);
                pass.SharedA = pass.Bias + biasLength;
                pass.Packed = pass.SharedA + pass.SharedLength;
                pass.Scratch = Workers.ScratchTable(pass.ScratchLength);
                Clear(pass.Bias, biasLength);
                Workers.Run(new MatMulPack { Pass = &pass }, pass.Blocks);
                if (pass.SharesA) Workers.Run(new MatMulCopy { Pass = &pass }, DivideUp(g.M, MatMulCopy.Rows));
                Workers.Run(pass, pass.RowTasks * pass.ColumnTasks);
                pass.A += (long)g.M * g.K;
                pass.B += (long)g.K * g.N;
                pass.C += (long)g.M * g.N;
            }
        }
    }

    /// <summary>Task: one product of a batch.</summary>
    struct MatMulBatch : IWork
    {
        public MatMulPass* Pass;

        public readonly void Run(int task, int worker)
        {
            var pass = *Pass;
            var g = pass.Geometry;
            pass.A += (long)task * g.M * g.K;
            pass.B += (long)task * g.K * g.N;
            pass.C += (long)task * g.M * g.N;
            pass.Packed = pass.Scratch[worker] + pass.ScratchLength;
            var pack = new MatMulPack { Pass = &pass };
            for (var i = 0; i < pass.Blocks; i++) pack.Run(i, worker);
            pass.Run(0, worker);
        }
    }

    /// <summary>Where row i of a lies, if not after row i - 1: at the pixel that result pixel i of a strided convolution reads. Strides in floats.</summary>
    readonly record struct PixelRows(int OutH, int OutW, long ImageStride, long RowStride, long ColumnStride)
    {
        public bool Any => OutW > 0;

        /// <summary>Where the pixel of a row begins, counted from the first one.</summary>
        public long Offset(int pixel)
        {
            var (line, column) = Math.DivRem(pixel, OutW);
            return Offset((long)line) + (column * ColumnStride);
        }

        /// <summary>Where the first pixel of line <paramref name="line"/> of all images begins.</summary>
        public long Offset(long line)
        {
            var (image, row) = Math.DivRem(line, (long)OutH);
            return (image * ImageStride) + (row * RowStride);
        }
    }

    struct MatMulPass : IWork
    {
        public MatMulGeometry Geometry;
        public float* A, B, C;
        public Epilogue Epilogue;

        /// <summary>[N rounded up to vectors].</summary>
        public float* Bias;

        /// <summary>Panels [K, v vectors], one a block of columns.</summary>
        public float* Packed;
        public float** Scratch;

        /// <summary>Rows of a that are pixels of an image, some left out; else none.</summary>
        public PixelRows Pixels;

        /// <summary>The copy of a, if all tasks share one.</summary>
        public float* SharedA;

        /// <summary>Floats of b beyond which it should not be read again for every few rows.</summary>
        const long MediumWeights = 48 * 1024;

        /// <summary>Floats of two ways of the L1: the 14 rows of a tile that lie multiples of it apart share one set. Of 12 lines it holds enough.</summary>
        const int TwoWays = 2 * L1Cache.WaySize / sizeof(float);

        /// <summary>Columns from which it pays to copy such rows to where they do not.</summary>
        const int CopiedColumns = 64;

        bool copyA;
        int strideA;
        int tileRows;

        /// <summary>Whether a is copied once for all tasks: several multiply the same rows by different columns.</summary>
        public readonly bool SharesA => copyA && ColumnTasks > 1;

        /// <summary>Blocks of columns, of one tile's vectors each.</summary>
        public int Blocks { get; private set; }

        public int RowTasks { get; private set; }

        public int ColumnTasks { get; private set; }

        /// <summary>How the packed panels lie.</summary>
        public readonly PackedWeightLayout PackedLayout => new(false, 1, Geometry.K, Geometry.N, 1, 1, Geometry.TransposeB ? new(0, 1, Geometry.K, 0) : new(0, Geometry.N, 1, 0));

        public readonly long PackedLength => (long)RoundUp(Geometry.N, V.Count) * Geometry.K;

        public readonly long ScratchLength => CorrelationTiles<V>.MaxTile + (copyA && !SharesA ? CopyLength(Math.Min(Geometry.M, DivideUp(DivideUp(Geometry.M, tileRows), RowTasks) * tileRows)) : 0);

        public readonly long SharedLength => SharesA ? CopyLength(Geometry.M) : 0;

        /// <summary>Floats of a copy of rows of a, whole cache lines, and of what a tile may read after them.</summary>
        readonly long CopyLength(int rows) => ((long)rows + CorrelationTiles<V>.MaxHalfTilePixels) * strideA;

        public void Plan()
        {
            var (m, n, k, transposeA, _) = Geometry;
            var vectors = DivideUp(n, V.Count);
            Blocks = CorrelationTiles<V>.Blocks(vectors);
            tileRows = CorrelationTiles<V>.TilePixels(CorrelationTiles<V>.Vectors(vectors));
            copyA = transposeA || Pixels.Any || m < CorrelationTiles<V>.MaxHalfTilePixels || (V.Registers >= 32 && L1Cache.Ways <= 8 && k % TwoWays == 0 && n >= CopiedColumns);
            strideA = copyA ? RoundUp(k, 16) + 16 : k;

            // Tasks of at least 2^18 multiply-adds, whose rows of a stay in the L2. Where b is large, as many
            // rows as that allows, and tasks for some of the columns each: every task reads its part of b once.
            var mostTasks = Math.Max(1, (long)m * n * k / (1 << 18));
            var mostRows = (64 * 1024 / Math.Max(1, k)) + 1;
            var rows = Math.Max(4 * CorrelationTiles<V>.MaxHalfTilePixels, (long)n * k > MediumWeights ? mostRows : Math.Min(DivideUp(m, 32), mostRows));
            RowTasks = (int)Math.Min(mostTasks, Math.Max(1, m / rows));
            ColumnTasks = (int)Math.Clamp(Math.Min(mostTasks / RowTasks, 32 / RowTasks), 1, Blocks);
        }

        /// <summary>Copies rows of a, each to strideA floats.</summary>
        public readonly void CopyRows(int first, int rows, float* target)
        {
            var (m, _, k, transposeA, _) = Geometry;
            if (!Pixels.Any)
            {
                PackPanel(transposeA ? A + first : A + ((long)first * k), transposeA ? 1 : k, transposeA ? m : 1, rows, k, strideA, target);
                return;
            }

            for (var i = 0; i < rows; i++, target += strideA)
            {
                CopyRow(A + Pixels.Offset(first + i), target, k);
                Clear(target + k, strideA - k);
            }
        }

        /// <summary>Where the rows of a task begin: at a whole tile.</summary>
        readonly int FirstRow(int rowTask) => (int)Math.Min(Geometry.M, DivideUp((long)Geometry.M, tileRows) * rowTask / RowTasks * tileRows);

        /// <summary>Where the copy of a row lies in a copy of all.</summary>
        public readonly float* CopiedRow(int row) => SharedA + ((long)row * strideA);

        public readonly void Run(int task, int worker)
        {
            var (m, n, k, _, _) = Geometry;
            var columnTask = task % ColumnTasks;
            var rowTask = task / ColumnTasks;
            var first = FirstRow(rowTask);
            var rows = FirstRow(rowTask + 1) - first;
            var firstBlock = (int)((long)Blocks * columnTask / ColumnTasks);
            var endBlock = (int)((long)Blocks * (columnTask + 1) / ColumnTasks);

            var temp = Scratch[worker];
            var a = A + ((long)first * k);
            if (SharesA)
            {
                a = CopiedRow(first);
            }
            else if (copyA)
            {
                a = temp + CorrelationTiles<V>.MaxTile;
                CopyRows(first, rows, a);
                for (var i = rows; i < CorrelationTiles<V>.MaxHalfTilePixels; i++) Clear(a + ((long)i * strideA), strideA);
            }

            nint offset = 0;
            var call = new CorrelationCall
            {
                PixelStride = (nint)strideA * sizeof(float),
                OutStride = n,
                Offsets = &offset,
                Segments = 1,
                Length = k,
            };
            for (var block = firstBlock; block < endBlock; block++)
            {
                Block(block, out var column, out var vectors, out var panel);
                call.WeightStride = vectors * V.Count * sizeof(float);
                Epilogue.Set(ref call, C, column);
                var half = CorrelationTiles<V>.HalfTilePixels(vectors, rows, 1);
                call.Next = block == firstBlock ? Ahead(a, rows, half, vectors) : default;
                var pair = new TilePair<V>(&call, half, vectors, Math.Min(vectors * V.Count, n - column), panel, Bias + column, temp);
                pair.AddRow(a, strideA, C + ((long)first * n) + column, rows);
                pair.Flush();
            }
        }

        /// <summary>The rows after each tile's, while the first block is computed.</summary>
        readonly Prefetcher Ahead(float* a, int rows, int half, int vectors)
        {
            if (copyA) return default;
            var tiles = DivideUp(rows, 2 * half);
            return new(a + ((long)2 * half * strideA), (long)rows * strideA, vectors == 1 ? tiles : (long)tiles * Geometry.K);
        }

        /// <summary>The first column and the vectors of a block, and where its panel is.</summary>
        public readonly void Block(int block, out int column, out int vectors, out float* panel)
        {
            // All blocks before the last have two vectors.
            var total = DivideUp(Geometry.N, V.Count);
            column = block * 2 * V.Count;
            vectors = CorrelationTiles<V>.Vectors(total - (block * 2));
            panel = Packed + ((long)column * Geometry.K);
        }
    }

    /// <summary>Copies some rows of a for all tasks.</summary>
    struct MatMulCopy : IWork
    {
        public const int Rows = 16;

        public MatMulPass* Pass;

        public readonly void Run(int task, int worker)
        {
            var first = task * Rows;
            var m = Pass->Geometry.M;
            Pass->CopyRows(first, Math.Min(Rows, m - first), Pass->CopiedRow(first));
        }
    }

    /// <summary>Packs one block of b.</summary>
    struct MatMulPack : IWork
    {
        public MatMulPass* Pass;

        public readonly void Run(int task, int worker)
        {
            ref var pass = ref Unsafe.AsRef<MatMulPass>(Pass);
            pass.Block(task, out var column, out var vectors, out var panel);
            var g = pass.Geometry;
            var width = vectors * V.Count;
            var lanes = Math.Min(width, g.N - column);
            if (g.TransposeB) PackPanel(pass.B + ((long)column * g.K), 1, g.K, g.K, lanes, width, panel);
            else PackPanel(pass.B + column, g.N, 1, g.K, lanes, width, panel);
        }
    }
}
