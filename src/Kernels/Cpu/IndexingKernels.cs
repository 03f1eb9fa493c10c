using System.Runtime.CompilerServices;

namespace CnnSharp.Kernels.Cpu;

/// <summary>
/// Indexing. A column is what one (outer, inner) place has along the axis; a task has columns, neighbors in memory, so that
/// each is added up in its order by one thread.
/// </summary>
sealed unsafe class IndexingKernels(Workers workers) : IIndexingKernels
{
    /// <summary>Elements of a task.</summary>
    const long TaskElements = 32 * 1024;

    readonly Workers workers = workers;

    interface IColumns
    {
        /// <summary>Columns <paramref name="first"/> to, not including, <paramref name="end"/> of one outer place.</summary>
        void Run(in IndexGeometry g, long outer, long first, long end);
    }

    public void Gather(in IndexGeometry g, DeviceBuffer x, DeviceBuffer indices, DeviceBuffer y)
        => Run(g, g.Count, new GatherColumns(x.ReadOnlyPointer<float>(), indices.ReadOnlyPointer<int>(), y.Pointer<float>()));

    public void ScatterAdd(in IndexGeometry g, DeviceBuffer x, DeviceBuffer indices, DeviceBuffer y)
        => Run(g, g.Count, new ScatterColumns(x.ReadOnlyPointer<float>(), indices.ReadOnlyPointer<int>(), y.Pointer<float>()));

    public void TopK(in IndexGeometry g, bool largest, DeviceBuffer x, DeviceBuffer indices)
        => Run(g, g.Extent * (long)Math.Max(g.Count, 1), new TopColumns(largest, x.ReadOnlyPointer<float>(), indices.Pointer<int>()));

    public void CumulativeSum(in IndexGeometry g, bool reverse, DeviceBuffer x, DeviceBuffer y)
        => Run(g, g.Extent, new SumColumns(reverse, x.ReadOnlyPointer<float>(), y.Pointer<float>()));

    /// <summary>Cuts the columns, each of so many elements, into tasks: parts of one outer place, or several whole ones.</summary>
    void Run<T>(in IndexGeometry g, long elements, in T columns)
        where T : unmanaged, IColumns
    {
        if (g.Outer == 0 || g.Inner == 0) return;
        var perTask = Math.Max(1, TaskElements / Math.Max(elements, 1));
        var parts = (g.Inner + perTask - 1) / perTask;
        var places = Math.Max(1, perTask / g.Inner);
        workers.Run(new Work<T>(g, columns, perTask, parts, places), checked((int)(parts > 1 ? g.Outer * parts : (g.Outer + places - 1) / places)));
    }

    readonly struct Work<T>(in IndexGeometry g, in T columns, long perTask, long parts, long places) : IWork
        where T : unmanaged, IColumns
    {
        readonly IndexGeometry g = g;
        readonly T columns = columns;
        readonly long perTask = perTask, parts = parts, places = places;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            if (parts > 1)
            {
                var first = task % parts * perTask;
                columns.Run(g, task / parts, first, Math.Min(first + perTask, g.Inner));
                return;
            }

            var end = Math.Min((task + 1) * places, g.Outer);
            for (var outer = task * places; outer < end; outer++) columns.Run(g, outer, 0, g.Inner);
        }
    }

    readonly struct GatherColumns(float* x, int* indices, float* y) : IColumns
    {
        readonly float* x = x, y = y;
        readonly int* indices = indices;

        public void Run(in IndexGeometry g, long outer, long first, long end)
        {
            var source = x + (outer * g.Extent * g.Inner);
            for (var k = 0; k < g.Count; k++)
            {
                var row = ((outer * g.Count) + k) * g.Inner;
                for (var i = first; i < end; i++) y[row + i] = source[(indices[row + i] * g.Inner) + i];
            }
        }
    }

    readonly struct ScatterColumns(float* x, int* indices, float* y) : IColumns
    {
        readonly float* x = x, y = y;
        readonly int* indices = indices;

        public void Run(in IndexGeometry g, long outer, long first, long end)
        {
            var target = y + (outer * g.Extent * g.Inner);
            for (var k = 0; k < g.Count; k++)
            {
                var row = ((outer * g.Count) + k) * g.Inner;
                for (var i = first; i < end; i++) target[(indices[row + i] * g.Inner) + i] += x[row + i];
            }
        }
    }

    readonly struct SumColumns(bool reverse, float* x, float* y) : IColumns
    {
        readonly bool reverse = reverse;
        readonly float* x = x, y = y;

        /// <summary>Adds up in double, so that the error does not grow along the axis.</summary>
        public void Run(in IndexGeometry g, long outer, long first, long end)
        {
            const int Block = 256;
            var sums = stackalloc double[Block];
            for (; first < end; first += Block)
            {
                var count = (int)Math.Min(Block, end - first);
                new Span<double>(sums, count).Clear();
                for (var step = 0; step < g.Extent; step++)
                {
                    var row = (((outer * g.Extent) + (reverse ? g.Extent - 1 - step : step)) * g.Inner) + first;
                    for (var i = 0; i < count; i++) y[row + i] = (float)(sums[i] += x[row + i]);
                }
            }
        }
    }

    readonly struct TopColumns(bool largest, float* x, int* indices) : IColumns
    {
        readonly bool largest = largest;
        readonly float* x = x;
        readonly int* indices = indices;

        /// <summary>Keeps the best so far in order: each element moves up past those that it beats.</summary>
        public void Run(in IndexGeometry g, long outer, long first, long end)
        {
            for (var i = first; i < end; i++)
            {
                var column = x + (outer * g.Extent * g.Inner) + i;
                var best = indices + (outer * g.Count * g.Inner) + i;
                for (var j = 0; j < g.Extent; j++)
                {
                    var value = column[j * g.Inner];
                    var place = Math.Min(j, g.Count);
                    if (place == g.Count && (place == 0 || !Beats(value, column[best[(place - 1) * g.Inner] * g.Inner]))) continue;
                    if (place == g.Count) place--;
                    for (; place > 0 && Beats(value, column[best[(place - 1) * g.Inner] * g.Inner]); place--) best[place * g.Inner] = best[(place - 1) * g.Inner];
                    best[place * g.Inner] = j;
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        bool Beats(float value, float other) => largest ? IsGreater(value, other) : IsGreater(other, value);

        static bool IsGreater(float a, float b) => a > b || (float.IsNaN(a) && !float.IsNaN(b));
    }
}
