using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace CnnSharp.Kernels.Cpu;

// Sums over the rows of [rows, channels]. A task sums a piece of the rows in float lanes, no more than RowsPerBlock
// additions a lane, then in double; the pieces are added in double and in order. So a result depends on the extents and
// the vector's width, never on the threads.
//
// So that lanes stay full for any number of channels, narrow rows are joined: Joined(channels) rows side by side fill
// whole groups of four vectors (lcm(channels, 4 Count) lanes, lane l belonging to channel l % channels).
abstract unsafe partial class CpuKernelFamily<V>
    where V : unmanaged, IVector<V>
{
    /// <summary>Elements of a piece of a reduction: it stays in the L1 where it is read twice.</summary>
    protected const int PieceElements = 8 * 1024;

    /// <summary>Additions in float before a lane's sum moves to double.</summary>
    protected const int RowsPerBlock = 128;

    /// <summary>What is summed: one or two terms an element, given vector by vector.</summary>
    protected interface ITerms
    {
        /// <summary>1 or 2; with 1 the second term is ignored.</summary>
        static abstract int Sums { get; }

        /// <summary>
        /// The terms of <paramref name="count"/> elements (Count, a constant once inlined, but for tails) from index
        /// <paramref name="i"/>, which are lanes <paramref name="lane"/> and on of the joined rows; further lanes' terms must be 0.
        /// </summary>
        void Get(long i, int lane, int count, out V first, out V second);
    }

    /// <summary>Rows that are joined into one of full vectors.</summary>
    protected static int Joined(int channels)
    {
        var group = 4 * V.Count;
        if (channels >= group) return 1;
        var (a, b) = (channels, group);
        while (b != 0) (a, b) = (b, a % b);
        return group / a;
    }

    /// <summary>Rows of a piece: a multiple of the joined rows, at least 64, so that partial sums are few beside what they sum.</summary>
    protected static long PieceRows(int channels)
    {
        var joined = Joined(channels);
        return RoundUp(Math.Max(PieceElements / Math.Max(1, channels), 64), joined);
    }

    protected static int Pieces(long rows, int channels) => checked((int)((rows + PieceRows(channels) - 1) / PieceRows(channels)));

    /// <summary>
    /// Adds the terms of <paramref name="rows"/> rows, <paramref name="stride"/> elements apart, to
    /// <paramref name="sums"/> [T.Sums][channels]. <paramref name="scratch"/> has <see cref="SumScratch"/> floats.
    /// </summary>
    protected static void AddRows<T>(in T terms, long at, long rows, int channels, long stride, double* sums, float* scratch)
        where T : struct, ITerms
    {
        var joined = stride == channels ? Joined(channels) : 1;
        var lanes = joined * channels;
        var wholeRows = rows / joined;
        for (long row = 0; row < wholeRows; row += RowsPerBlock)
        {
            AddBlock(terms, at + (row * joined * stride), (int)Math.Min(RowsPerBlock, wholeRows - row), lanes, stride * joined, channels, sums, scratch);
        }

        var restRows = (int)(rows % joined);
        if (restRows > 0) AddBlock(terms, at + (wholeRows * joined * stride), 1, restRows * channels, 0, channels, sums, scratch);
    }

    /// <summary>Floats that <see cref="AddRows"/> needs: two sums of four vectors.</summary>
    protected static int SumScratch => 8 * V.Count;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    protected static void AddBlock<T>(in T terms, long at, int rows, int lanes, long stride, int channels, double* sums, float* scratch)
        where T : struct, ITerms
    {
        var lane = 0;
        for (; lane <= lanes - (4 * V.Count); lane += 4 * V.Count)
        {
            V a0 = V.Zero, a1 = V.Zero, a2 = V.Zero, a3 = V.Zero, b0 = V.Zero, b1 = V.Zero, b2 = V.Zero, b3 = V.Zero;
            var i = at + lane;
            for (var row = 0; row < rows; row++, i += stride)
            {
                terms.Get(i, lane, V.Count, out var first0, out var second0);
                terms.Get(i + V.Count, lane + V.Count, V.Count, out var first1, out var second1);
                terms.Get(i + (2 * V.Count), lane + (2 * V.Count), V.Count, out var first2, out var second2);
                terms.Get(i + (3 * V.Count), lane + (3 * V.Count), V.Count, out var first3, out var second3);
                a0 += first0;
                a1 += first1;
                a2 += first2;
                a3 += first3;
                if (T.Sums == 1) continue;
                b0 += second0;
                b1 += second1;
                b2 += second2;
                b3 += second3;
            }

            V.Store(a0, scratch);
            V.Store(a1, scratch + V.Count);
            V.Store(a2, scratch + (2 * V.Count));
            V.Store(a3, scratch + (3 * V.Count));
            AddLanes(scratch, lane, 4 * V.Count, channels, sums);
            if (T.Sums == 1) continue;
            V.Store(b0, scratch);
            V.Store(b1, scratch + V.Count);
            V.Store(b2, scratch + (2 * V.Count));
            V.Store(b3, scratch + (3 * V.Count));
            AddLanes(scratch, lane, 4 * V.Count, channels, sums + channels);
        }

        for (; lane < lanes; lane += V.Count)
        {
            V a = V.Zero, b = V.Zero;
            var count = Math.Min(V.Count, lanes - lane);
            var i = at + lane;
            for (var row = 0; row < rows; row++, i += stride)
            {
                terms.Get(i, lane, count, out var first, out var second);
                a += first;
                b += second;
            }

            V.Store(a, scratch);
            V.Store(b, scratch + V.Count);
            AddLanes(scratch, lane, count, channels, sums);
            if (T.Sums == 2) AddLanes(scratch + V.Count, lane, count, channels, sums + channels);
        }
    }

    /// <summary>Adds lanes <paramref name="lane"/> and on to their channels' sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    protected static void AddLanes(float* values, int lane, int count, int channels, double* sums)
    {
        var c = lane % channels;
        for (var i = 0; i < count; i++)
        {
            sums[c] += values[i];
            if (++c == channels) c = 0;
        }
    }

    /// <summary>first[c] = the sum of the first terms over all rows; second likewise where wanted. One pass.</summary>
    protected void SumRows<T>(in T terms, long rows, int channels, float* first, float* second, double scale = 1)
        where T : unmanaged, ITerms
    {
        lock (Workers.ScratchLock)
        {
            var sums = SumRows(terms, rows, channels);
            for (var c = 0; c < channels; c++)
            {
                first[c] = (float)(scale * sums[c]);
                if (second != null) second[c] = (float)(scale * sums[channels + c]);
            }
        }
    }

    /// <summary>The sums [T.Sums][channels], in <see cref="CpuKernelFamily{V}.Scratch"/>, used under the Workers' gate, which the caller holds.</summary>
    protected double* SumRows<T>(in T terms, long rows, int channels)
        where T : unmanaged, ITerms
    {
        var pieces = Pieces(rows, channels);
        var width = T.Sums * channels;
        var sums = Scratch.Take<double>((long)(pieces + 1) * width);
        NativeMemory.Clear(sums, (nuint)width * sizeof(double));
        Workers.Run(new SumRowsWork<T>(terms, rows, channels, sums + width), pieces);
        for (var piece = 0; piece < pieces; piece++)
        {
            var partial = sums + ((piece + 1L) * width);
            for (var c = 0; c < width; c++) sums[c] += partial[c];
        }

        return sums;
    }

    protected readonly struct SumRowsWork<T>(in T terms, long rows, int channels, double* partials) : IWork
        where T : unmanaged, ITerms
    {
        readonly T terms = terms;
        readonly long rows = rows;
        readonly int channels = channels;
        readonly double* partials = partials;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var start = task * PieceRows(channels);
            var sums = partials + ((long)task * T.Sums * channels);
            NativeMemory.Clear(sums, (nuint)(T.Sums * channels) * sizeof(double));
            var scratch = stackalloc float[SumScratch];
            AddRows(terms, start * channels, Math.Min(PieceRows(channels), rows - start), channels, channels, sums, scratch);
        }
    }

    /// <summary>x itself.</summary>
    protected readonly struct ValueTerms(float* x) : ITerms
    {
        readonly float* x = x;

        public static int Sums => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Get(long i, int lane, int count, out V first, out V second) => (first, second) = (LoadUpTo(x + i, count), V.Zero);
    }
}
