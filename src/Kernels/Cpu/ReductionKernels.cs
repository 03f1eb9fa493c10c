using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace CnnSharp.Kernels.Cpu;

/// <summary>Sums, their opposite, and the place of the maximum.</summary>
sealed unsafe class ReductionKernels<V>(CpuKernels<V> kernels) : CpuKernelFamily<V>(kernels), IReductionKernels
    where V : unmanaged, IVector<V>
{
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
    public void SumOfSquares(DeviceBuffer x, DeviceBuffer y)
        => SumRows(new SquareTerms(x.ReadOnlyPointer<float>()), x.Length, 1, y.Pointer<float>(), null);

    /// <inheritdoc/>
    public void Sum(in ReduceGeometry g, float scale, DeviceBuffer x, DeviceBuffer y)
    {
        float* from = x.ReadOnlyPointer<float>(), to = y.Pointer<float>();
        if (g.Outer >= 8 || g.Inner >= 8 * ReduceWork.Columns)
        {
            var work = new ReduceWork(g, scale, from, to);
            Workers.Run(work, work.Tasks);
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
        => Workers.Run(new ExpandWork(g, scale, dy.ReadOnlyPointer<float>(), dx.Pointer<float>()), Chunks(g.Outer * g.Reduced * g.Inner));

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
        => Workers.Run(new ArgMaxWork(x.ReadOnlyPointer<float>(), indices.Pointer<int>(), rows, classes), RowTasks(rows, classes));

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
