using System.Runtime.CompilerServices;

namespace CnnSharp.Kernels.Cpu;

// A matrix product is a correlation whose pixels are the rows of a and whose one segment is the summed extent. The
// columns of b are packed into panels of v vectors, so that a tile streams through them; a is read where it lies,
// unless it is transposed, or its rows are a multiple of 2 KiB apart (a tile's rows would share a few cache sets).
internal sealed unsafe partial class CpuKernels<V>
{
    public void MatMul(in MatMulGeometry g, DeviceBuffer a, DeviceBuffer b, DeviceBuffer? bias, DeviceBuffer c, Activation activation = Activation.None, bool accumulate = false)
    {
        var pass = new MatMulPass
        {
            Geometry = g,
            A = a.Pointer<float>(),
            B = b.Pointer<float>(),
            C = c.Pointer<float>(),
            Accumulate = accumulate,
            Relu = activation == Activation.Relu,
        };
        if (g.M == 0 || g.N == 0) return;
        pass.Plan();
        var biasLength = RoundUp(g.N, V.Count);
        lock (workers.Gate)
        {
            pass.Bias = workers.Shared(biasLength + 16 + pass.PackedLength);
            pass.Packed = pass.Bias + RoundUp(biasLength, 16);
            pass.Scratch = workers.ScratchTable(pass.ScratchLength);
            Clear(pass.Bias, biasLength);
            if (bias is not null) CopyFloats(bias.Pointer<float>(), pass.Bias, g.N);

            var pack = new MatMulPack { Pass = &pass };
            if (pass.PackedLength < 64 * 1024)
            {
                for (var i = 0; i < pass.Blocks; i++) pack.Run(i, 0);
            }
            else
            {
                workers.Run(pack, pass.Blocks);
            }

            workers.Run(pass, pass.RowTasks * pass.ColumnTasks);
        }
    }

    struct MatMulPass : IWork
    {
        public MatMulGeometry Geometry;
        public float* A, B, C;
        public bool Accumulate, Relu;

        /// <summary>[N rounded up to vectors].</summary>
        public float* Bias;

        /// <summary>Panels [K, v vectors], one a block of columns.</summary>
        public float* Packed;
        public float** Scratch;

        bool copyA;
        int strideA;

        /// <summary>Whether whole panels of b are read where they lie: packing would cost as much as multiplying by a few rows.</summary>
        public bool DirectB { get; private set; }

        /// <summary>Blocks of columns, of one tile's vectors each.</summary>
        public int Blocks { get; private set; }

        public int RowTasks { get; private set; }

        public int ColumnTasks { get; private set; }

        public readonly long PackedLength => (long)(DirectB ? 3 * V.Count : RoundUp(Geometry.N, V.Count)) * Geometry.K;

        public readonly long ScratchLength => CorrelationTiles<V>.MaxTile + (copyA ? ((long)DivideUp(Geometry.M, RowTasks) + CorrelationTiles<V>.MaxHalf) * strideA : 0);

        public void Plan()
        {
            var (m, n, k, transposeA, transposeB) = Geometry;
            var vectors = DivideUp(n, V.Count);
            Blocks = 0;
            for (var left = vectors; left > 0; left -= CorrelationTiles<V>.Vectors(left)) Blocks++;
            DirectB = !transposeB && m <= 2 * CorrelationTiles<V>.MaxHalf;
            copyA = transposeA || m < CorrelationTiles<V>.MaxHalf || (k % 512 == 0 && n >= 64);
            strideA = copyA ? RoundUp(k, 16) + 16 : k;

            // Tasks of at least 2^18 multiply-adds, whose rows of a stay in the second-level cache.
            var mostTasks = Math.Max(1, (long)m * n * k / (1 << 18));
            var rows = Math.Max(4 * CorrelationTiles<V>.MaxHalf, Math.Min(DivideUp(m, 32), (64 * 1024 / Math.Max(1, k)) + 1));
            RowTasks = (int)Math.Min(mostTasks, Math.Max(1, m / rows));
            ColumnTasks = (int)Math.Clamp(Math.Min(mostTasks / RowTasks, 16 / RowTasks), 1, Blocks);
        }

        public readonly void Run(int task, int worker)
        {
            var (m, n, k, transposeA, _) = Geometry;
            var columnTask = task % ColumnTasks;
            var rowTask = task / ColumnTasks;
            var first = (int)((long)m * rowTask / RowTasks);
            var rows = (int)((long)m * (rowTask + 1) / RowTasks) - first;
            var firstBlock = (int)((long)Blocks * columnTask / ColumnTasks);
            var endBlock = (int)((long)Blocks * (columnTask + 1) / ColumnTasks);

            var temp = Scratch[worker];
            var a = transposeA ? A + first : A + ((long)first * k);
            if (copyA)
            {
                var copied = temp + CorrelationTiles<V>.MaxTile;
                PackPanel(a, transposeA ? 1 : k, transposeA ? m : 1, rows, k, strideA, copied);
                for (var i = rows; i < CorrelationTiles<V>.MaxHalf; i++) Clear(copied + ((long)i * strideA), strideA);
                a = copied;
            }

            nint offset = 0;
            var call = new CorrelationCall
            {
                PixelStride = (nint)strideA * sizeof(float),
                OutStride = n,
                Offsets = &offset,
                Segments = 1,
                Length = k,
                Accumulate = Accumulate,
                Relu = Relu,
            };
            for (var block = firstBlock; block < endBlock; block++)
            {
                Block(block, out var column, out var vectors, out var panel, out var packed);
                call.WeightStride = (packed ? vectors * V.Count : n) * sizeof(float);
                var half = CorrelationTiles<V>.Half(vectors, rows);
                var pair = new TilePair<V>(&call, half, vectors, Math.Min(vectors * V.Count, n - column), panel, Bias + column, temp);
                pair.AddRow(a, strideA, C + ((long)first * n) + column, rows);
                pair.Flush();
            }
        }

        /// <summary>The first column and the vectors of a block, and where its panel is.</summary>
        public readonly void Block(int block, out int column, out int vectors, out float* panel, out bool packed)
        {
            // All blocks before the last have two vectors.
            var total = DivideUp(Geometry.N, V.Count);
            column = block * 2 * V.Count;
            vectors = CorrelationTiles<V>.Vectors(total - (block * 2));
            packed = !DirectB || column + (vectors * V.Count) > Geometry.N;
            panel = !packed ? B + column : Packed + (DirectB ? 0 : (long)column * Geometry.K);
        }
    }

    /// <summary>Packs one block of b.</summary>
    struct MatMulPack : IWork
    {
        public MatMulPass* Pass;

        public readonly void Run(int task, int worker)
        {
            ref var pass = ref Unsafe.AsRef<MatMulPass>(Pass);
            pass.Block(task, out var column, out var vectors, out var panel, out var packed);
            if (!packed) return;
            var g = pass.Geometry;
            var width = vectors * V.Count;
            var lanes = Math.Min(width, g.N - column);
            if (g.TransposeB) PackPanel(pass.B + ((long)column * g.K), 1, g.K, g.K, lanes, width, panel);
            else PackPanel(pass.B + column, g.N, 1, g.K, lanes, width, panel);
        }
    }
}
