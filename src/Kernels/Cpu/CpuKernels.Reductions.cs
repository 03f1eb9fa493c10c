using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace CnnSharp.Kernels.Cpu;

// Sums over the rows of [rows, channels]. A task sums a piece of the rows in float lanes, no more than RowsPerBlock
// additions a lane, then in double; the pieces are added in double and in order. So a result depends on the extents and
// the vector's width, never on the threads.
//
// So that lanes stay full for any number of channels, narrow rows are joined: Joined(channels) rows side by side fill
// whole groups of four vectors (lcm(channels, 4 Count) lanes, lane l belonging to channel l % channels).
internal sealed unsafe partial class CpuKernels<V>
{
    /// <summary>Elements of a piece of a reduction: it stays in the L1 where it is read twice.</summary>
    const int PieceElements = 8 * 1024;

    /// <summary>Additions in float before a lane's sum moves to double.</summary>
    const int RowsPerBlock = 128;

    readonly GrowingMemory memory = new();

    /// <summary>What is summed: one or two terms an element, given vector by vector.</summary>
    interface ITerms
    {
        /// <summary>1 or 2; with 1 the second term is ignored.</summary>
        static abstract int Sums { get; }

        /// <summary>
        /// The terms of <paramref name="count"/> elements (Count, a constant once inlined, but for tails) from index
        /// <paramref name="i"/>, which are lanes <paramref name="lane"/> and on of the joined rows; further lanes' terms must be 0.
        /// </summary>
        void Get(long i, int lane, int count, out V first, out V second);
    }

    /// <summary>Loads a whole vector where <paramref name="count"/> is Count, else its first lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static V LoadUpTo(float* p, int count) => count == V.Count ? V.Load(p) : V.LoadPartial(p, count);

    /// <summary>Stores a whole vector where <paramref name="count"/> is Count, else its first lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void StoreUpTo(V v, float* p, int count)
    {
        if (count == V.Count) V.Store(v, p);
        else V.StorePartial(v, p, count);
    }

    /// <summary>Rows that are joined into one of full vectors.</summary>
    static int Joined(int channels)
    {
        var group = 4 * V.Count;
        if (channels >= group) return 1;
        var (a, b) = (channels, group);
        while (b != 0) (a, b) = (b, a % b);
        return group / a;
    }

    /// <summary>Rows of a piece: a multiple of the joined rows, at least 64, so that partial sums are few beside what they sum.</summary>
    static long PieceRows(int channels)
    {
        var joined = Joined(channels);
        return RoundUp(Math.Max(PieceElements / Math.Max(1, channels), 64), joined);
    }

    static int Pieces(long rows, int channels) => checked((int)((rows + PieceRows(channels) - 1) / PieceRows(channels)));

    /// <summary>
    /// Adds the terms of <paramref name="rows"/> rows, <paramref name="stride"/> elements apart, to
    /// <paramref name="sums"/> [T.Sums][channels]. <paramref name="scratch"/> has <see cref="SumScratch"/> floats.
    /// </summary>
    static void AddRows<T>(in T terms, long at, long rows, int channels, long stride, double* sums, float* scratch)
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
    static int SumScratch => 8 * V.Count;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void AddBlock<T>(in T terms, long at, int rows, int lanes, long stride, int channels, double* sums, float* scratch)
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
    static void AddLanes(float* values, int lane, int count, int channels, double* sums)
    {
        var c = lane % channels;
        for (var i = 0; i < count; i++)
        {
            sums[c] += values[i];
            if (++c == channels) c = 0;
        }
    }

    /// <summary>first[c] = the sum of the first terms over all rows; second likewise where wanted. One pass.</summary>
    void SumRows<T>(in T terms, long rows, int channels, float* first, float* second, double scale = 1)
        where T : unmanaged, ITerms
    {
        lock (workers.ScratchLock)
        {
            var sums = SumRows(terms, rows, channels);
            for (var c = 0; c < channels; c++)
            {
                first[c] = (float)(scale * sums[c]);
                if (second != null) second[c] = (float)(scale * sums[channels + c]);
            }
        }
    }

    /// <summary>The sums [T.Sums][channels], in <see cref="memory"/>, used under the workers' gate, which the caller holds.</summary>
    double* SumRows<T>(in T terms, long rows, int channels)
        where T : unmanaged, ITerms
    {
        var pieces = Pieces(rows, channels);
        var width = T.Sums * channels;
        var sums = memory.Take<double>((long)(pieces + 1) * width);
        NativeMemory.Clear(sums, (nuint)width * sizeof(double));
        workers.Run(new SumRowsWork<T>(terms, rows, channels, sums + width), pieces);
        for (var piece = 0; piece < pieces; piece++)
        {
            var partial = sums + ((piece + 1L) * width);
            for (var c = 0; c < width; c++) sums[c] += partial[c];
        }

        return sums;
    }

    readonly struct SumRowsWork<T>(in T terms, long rows, int channels, double* partials) : IWork
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
    readonly struct ValueTerms(float* x) : ITerms
    {
        readonly float* x = x;

        public static int Sums => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Get(long i, int lane, int count, out V first, out V second) => (first, second) = (LoadUpTo(x + i, count), V.Zero);
    }

    readonly struct SquareTerms(float* x) : ITerms
    {
        readonly float* x = x;

        public static int Sums => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Get(long i, int lane, int count, out V first, out V second)
        {
            var value = LoadUpTo(x + i, count);
            (first, second) = (value * value, V.Zero);
        }
    }

    /// <inheritdoc/>
    public void BackwardBias(long rows, int channels, DeviceBuffer dy, DeviceBuffer db)
        => SumRows(new ValueTerms(dy.ReadOnlyPointer<float>()), rows, channels, db.Pointer<float>(), null);

    /// <inheritdoc/>
    public void SumOfSquares(DeviceBuffer x, DeviceBuffer y)
        => SumRows(new SquareTerms(x.ReadOnlyPointer<float>()), x.Length, 1, y.Pointer<float>(), null);

    /// <inheritdoc/>
    public void Sum(in ReduceGeometry g, float scale, DeviceBuffer x, DeviceBuffer y)
    {
        float* from = x.ReadOnlyPointer<float>(), to = y.Pointer<float>();
        if (g.Outer >= 8 || g.Inner >= 8 * ReduceWork.Columns)
        {
            var work = new ReduceWork(g, scale, from, to);
            workers.Run(work, work.Tasks);
            return;
        }

        // Few results of many elements each: cut along the reduced axis.
        for (long outer = 0; outer < g.Outer; outer++)
        {
            SumRows(new ValueTerms(from + (outer * g.Reduced * g.Inner)), g.Reduced, (int)g.Inner, to + (outer * g.Inner), null, scale);
        }
    }

    /// <summary>Many results: a task has some of them whole, a block of columns of one outer index or several indices.</summary>
    readonly struct ReduceWork(in ReduceGeometry g, float scale, float* x, float* y) : IWork
    {
        public const int Columns = 256;

        readonly ReduceGeometry g = g;
        readonly float scale = scale;
        readonly float* x = x, y = y;
        readonly long blocks = Math.Max(1, (g.Inner + Columns - 1) / Columns);
        readonly long perTask = Math.Max(1, Chunk / Math.Max(1, g.Reduced * Math.Min(g.Inner, Columns)));

        public int Tasks => checked((int)(((g.Outer * blocks) + perTask - 1) / perTask));

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var scratch = stackalloc float[SumScratch];
            var sums = stackalloc double[Columns];
            var terms = new ValueTerms(x);
            var end = Math.Min(g.Outer * blocks, (task + 1) * perTask);
            for (var i = task * perTask; i < end; i++)
            {
                var outer = i / blocks;
                var first = i % blocks * Columns;
                var width = (int)Math.Min(Columns, g.Inner - first);
                NativeMemory.Clear(sums, (nuint)width * sizeof(double));
                AddRows(terms, (outer * g.Reduced * g.Inner) + first, g.Reduced, width, g.Inner, sums, scratch);
                var target = y + (outer * g.Inner) + first;
                for (var c = 0; c < width; c++) target[c] = (float)(scale * sums[c]);
            }
        }
    }

    /// <inheritdoc/>
    public void Expand(in ReduceGeometry g, float scale, DeviceBuffer dy, DeviceBuffer dx)
        => workers.Run(new ExpandWork(g, scale, dy.ReadOnlyPointer<float>(), dx.Pointer<float>()), Chunks(g.Outer * g.Reduced * g.Inner));

    /// <summary>A task has Chunk elements of dx, cut into runs that read dy once: along the inner axis, or along the reduced one where the inner has one element.</summary>
    readonly struct ExpandWork(in ReduceGeometry g, float scale, float* dy, float* dx) : IWork
    {
        readonly ReduceGeometry g = g;
        readonly float scale = scale;
        readonly float* dy = dy, dx = dx;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var at = task * Chunk;
            var end = Math.Min(at + Chunk, g.Outer * g.Reduced * g.Inner);
            var factor = V.Create(scale);
            while (at < end)
            {
                if (g.Inner == 1)
                {
                    var outer = at / g.Reduced;
                    var run = Math.Min(end, (outer + 1) * g.Reduced) - at;
                    new Span<float>(dx + at, (int)run).Fill(scale * dy[outer]);
                    at += run;
                }
                else
                {
                    var inner = at % g.Inner;
                    var run = Math.Min(end - at, g.Inner - inner);
                    var source = dy + (at / (g.Reduced * g.Inner) * g.Inner) + inner;
                    long i = 0;
                    for (; i <= run - V.Count; i += V.Count) V.Store(factor * V.Load(source + i), dx + at + i);
                    var rest = (int)(run - i);
                    if (rest > 0) V.StorePartial(factor * V.LoadPartial(source + i, rest), dx + at + i, rest);
                    at += run;
                }
            }
        }
    }

    /// <inheritdoc/>
    public void ArgMax(long rows, int classes, DeviceBuffer x, DeviceBuffer indices)
        => workers.Run(new ArgMaxWork(x.ReadOnlyPointer<float>(), indices.Pointer<int>(), rows, classes), RowTasks(rows, classes));

    readonly struct ArgMaxWork(float* x, int* indices, long rows, int classes) : IWork
    {
        readonly float* x = x;
        readonly int* indices = indices;
        readonly long rows = rows;
        readonly int classes = classes;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var end = Math.Min(rows, (task + 1) * RowsPerTask(classes));
            for (var row = task * RowsPerTask(classes); row < end; row++) indices[row] = FirstGreatest(x + (row * classes), classes);
        }
    }
}
