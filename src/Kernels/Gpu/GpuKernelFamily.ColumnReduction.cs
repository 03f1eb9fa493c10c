using System.Numerics;
using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

abstract partial class GpuKernelFamily
{
    /// <summary>Two sums that are taken in one pass; where one is enough, the second stays 0.</summary>
    internal readonly struct SumPair(float first, float second)
    {
        public readonly float First = first;
        public readonly float Second = second;

        public static SumPair operator +(SumPair a, SumPair b) => new(a.First + b.First, a.Second + b.Second);
    }

    /// <summary>What a column reduction adds up.</summary>
    internal interface IColumnTerm
    {
        /// <summary>What all terms of a column have in common (its mean, where the terms are taken around it); read once.</summary>
        float Center(int column);

        /// <summary>The terms of element <paramref name="i"/> of [outer, rows, columns].</summary>
        SumPair At(long i, float center);
    }

    /// <summary>What becomes of a column's sums.</summary>
    internal interface IColumnResult
    {
        /// <summary>Takes the sums of element <paramref name="i"/> of [outer, columns], which lies in <paramref name="column"/>.</summary>
        void Set(long i, int column, SumPair sums);
    }

    /// <summary>How [outer, rows, columns] is divided into groups of threads.</summary>
    /// <param name="Rows">Rows that are added up.</param>
    /// <param name="Columns">Sums of an outer index.</param>
    /// <param name="Width">Columns of a group, a power of two. Its threads are Width side by side and the rest in depth, which take the rows in turns.</param>
    /// <param name="Blocks">Groups that the columns need.</param>
    /// <param name="Chunks">Parts that the rows are cut into, a group each.</param>
    /// <param name="ChunkRows">Rows of a part; the last ones may have fewer, or none.</param>
    internal readonly record struct ColumnPartition(long Rows, int Columns, int Width, int Blocks, int Chunks, long ChunkRows);

    /// <summary>
    /// result[o, c] = sum over r of term[o, r, c], with c contiguous: threads side by side read addresses side by side. Each
    /// adds up its share of a chunk of rows, a tree in shared memory adds up the group's, and where there is more than one
    /// chunk, a second launch adds up the chunks in the same way. Partition and order follow from the extents and
    /// <see cref="GroupSize"/> alone.
    /// </summary>
    internal sealed class ColumnReduction<TTerm, TResult>(GpuKernels kernels)
        where TTerm : struct, IColumnTerm
        where TResult : struct, IColumnResult
    {
        /// <summary>The most columns of a group: a warp then reads 128 bytes of a row.</summary>
        const int MaxWidth = 32;

        /// <summary>Rows that are worth a thread; with fewer, another group costs more than it saves.</summary>
        const int RowsOfThread = 16;

        /// <summary>Groups that keep the largest device busy.</summary>
        const int MaxGroups = 1024;

        Action<KernelConfig, ColumnPartition, TTerm, TResult>? atOnce;
        Action<KernelConfig, ColumnPartition, TTerm, Partials>? chunkwise;
        Action<KernelConfig, ColumnPartition, Partials, TResult>? ofChunks;

        /// <summary>Queues the reduction.</summary>
        public void Run(long outer, long rows, int columns, TTerm term, TResult result)
        {
            if (outer == 0 || columns == 0) return;
            var width = (int)Math.Min(BitOperations.RoundUpToPowerOf2((uint)columns), Math.Min(MaxWidth, kernels.GroupSize));
            var depth = kernels.GroupSize / width;
            var blocks = (columns + width - 1) / width;
            var chunks = (int)Math.Clamp(rows / (depth * RowsOfThread), 1, Math.Max(MaxGroups / (outer * blocks), 1));
            if (chunks == 1)
            {
                atOnce ??= Compile<TTerm, TResult>();
                atOnce(Groups(outer, rows, width, depth, blocks, 1), new(rows, columns, width, blocks, 1, rows), term, result);
                return;
            }

            var count = outer * chunks * columns;
            var scratch = kernels.Engine.Rent(DType.Float32, 2 * count);
            var partials = new Partials(Floats(scratch).SubView(0, count), Floats(scratch).SubView(count, count));
            var chunkRows = (rows + chunks - 1) / chunks;
            chunkwise ??= Compile<TTerm, Partials>();
            chunkwise(Groups(outer, chunkRows, width, depth, blocks, chunks), new(rows, columns, width, blocks, chunks, chunkRows), term, partials);
            ofChunks ??= Compile<Partials, TResult>();
            ofChunks(Groups(outer, chunks, width, depth, blocks, 1), new(chunks, columns, width, blocks, 1, chunks), partials, result);
            scratch.Release();
        }

        Action<KernelConfig, ColumnPartition, T, R> Compile<T, R>()
            where T : struct, IColumnTerm
            where R : struct, IColumnResult
            => kernels.CompileGrouped<Action<KernelConfig, ColumnPartition, T, R>>($"sums of {typeof(T).Name} to {typeof(R).Name}", ReduceColumns<T, R>);

        // Few rows need no deep group.
        static KernelConfig Groups(long outer, long rows, int width, int depth, int blocks, int chunks)
        {
            var used = (int)Math.Min(BitOperations.RoundUpToPowerOf2((ulong)Math.Max(rows, 1)), (ulong)depth);
            return new(new Index2D(Range(outer * blocks), chunks), new Index2D(width * used, 1));
        }
    }

    /// <summary>The kernel of <see cref="ColumnReduction{TTerm, TResult}"/>: group (o Blocks + block, chunk).</summary>
    protected static void ReduceColumns<TTerm, TResult>(ColumnPartition p, TTerm term, TResult result)
        where TTerm : struct, IColumnTerm
        where TResult : struct, IColumnResult
    {
        var first = SharedMemory.Allocate<float>(GpuKernels.MaxGroupSize);
        var second = SharedMemory.Allocate<float>(GpuKernels.MaxGroupSize);
        var thread = Group.IdxX;
        var depth = Group.DimX / p.Width;
        var column = (Grid.IdxX % p.Blocks * p.Width) + (thread % p.Width);
        long outer = Grid.IdxX / p.Blocks;
        var chunk = Grid.IdxY;

        var sums = new SumPair(0, 0);
        if (column < p.Columns)
        {
            var row = (chunk * p.ChunkRows) + (thread / p.Width);
            var end = Math.Min((chunk + 1) * p.ChunkRows, p.Rows);
            var i = (((outer * p.Rows) + row) * p.Columns) + column;
            var step = (long)depth * p.Columns;
            var center = term.Center(column);

            // Four rows at a time: their loads are under way together.
            for (; row + (3 * depth) < end; row += 4 * depth)
            {
                sums += (term.At(i, center) + term.At(i + step, center)) + (term.At(i + (2 * step), center) + term.At(i + (3 * step), center));
                i += 4 * step;
            }

            for (; row < end; row += depth)
            {
                sums += term.At(i, center);
                i += step;
            }
        }

        first[thread] = sums.First;
        second[thread] = sums.Second;
        for (var half = Group.DimX / 2; half >= p.Width; half /= 2)
        {
            Group.Barrier();
            if (thread < half)
            {
                first[thread] += first[thread + half];
                second[thread] += second[thread + half];
            }
        }

        if (thread < p.Width && column < p.Columns)
            result.Set((((outer * p.Chunks) + chunk) * p.Columns) + column, column, new(first[thread], second[thread]));
    }

    /// <summary>The sums of the chunks: result of the first launch, term of the second.</summary>
    internal readonly struct Partials(ArrayView<float> first, ArrayView<float> second) : IColumnTerm, IColumnResult
    {
        readonly ArrayView<float> first = first;
        readonly ArrayView<float> second = second;

        public float Center(int column) => 0;

        public SumPair At(long i, float center) => new(first[i], second[i]);

        public void Set(long i, int column, SumPair sums)
        {
            first[i] = sums.First;
            second[i] = sums.Second;
        }
    }

    /// <summary>Adds up the elements of x.</summary>
    internal readonly struct Value(ArrayView<float> x) : IColumnTerm
    {
        readonly ArrayView<float> x = x;

        public float Center(int column) => 0;

        public SumPair At(long i, float center) => new(x[i], 0);
    }

    /// <summary>y = scale sum.</summary>
    internal readonly struct ScaledSum(float scale, ArrayView<float> y) : IColumnResult
    {
        readonly float scale = scale;
        readonly ArrayView<float> y = y;

        public void Set(long i, int column, SumPair sums) => y[i] = scale * sums.First;
    }
}
