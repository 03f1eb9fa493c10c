using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

/// <summary>Indexing: one thread a column, which is what one (outer, inner) place has along the axis, or, where nothing is added up, an element.</summary>
sealed class IndexingKernels(GpuKernels kernels) : GpuKernelFamily(kernels), IIndexingKernels
{
    Action<Index1D, Axes, ArrayView<float>, ArrayView<int>, ArrayView<float>>? gather, scatterAdd;
    Action<Index1D, Axes, int, ArrayView<float>, ArrayView<int>>? topK;
    Action<Index1D, Axes, int, ArrayView<float>, ArrayView<float>>? cumulativeSum;

    /// <summary>The extents, as kernels get them.</summary>
    internal readonly struct Axes(in IndexGeometry g)
    {
        public readonly int Extent = g.Extent, Count = g.Count, Inner = (int)g.Inner;

        /// <summary>The first element of column c of an array with so many elements along the axis.</summary>
        public long Column(int c, int extent) => ((long)(c / Inner) * extent * Inner) + (c % Inner);
    }

    static void GatherKernel(Index1D place, Axes g, ArrayView<float> x, ArrayView<int> indices, ArrayView<float> y)
    {
        var outer = place.X / (g.Count * g.Inner);
        y[place] = x[(((long)outer * g.Extent) + indices[place]) * g.Inner + (place.X % g.Inner)];
    }

    public void Gather(in IndexGeometry g, DeviceBuffer x, DeviceBuffer indices, DeviceBuffer y)
    {
        if (y.Length == 0) return;
        gather ??= Compile<Action<Index1D, Axes, ArrayView<float>, ArrayView<int>, ArrayView<float>>>(nameof(Gather), GatherKernel);
        gather(Range(y.Length), Of(g), ReadView<float>(x), ReadView<int>(indices), View<float>(y));
    }

    static void ScatterAddKernel(Index1D c, Axes g, ArrayView<float> x, ArrayView<int> indices, ArrayView<float> y)
    {
        var source = g.Column(c, g.Count);
        var target = g.Column(c, g.Extent);
        for (var k = 0; k < g.Count; k++)
        {
            y[target + ((long)indices[source] * g.Inner)] += x[source];
            source += g.Inner;
        }
    }

    public void ScatterAdd(in IndexGeometry g, DeviceBuffer x, DeviceBuffer indices, DeviceBuffer y)
    {
        if (x.Length == 0) return;
        scatterAdd ??= Compile<Action<Index1D, Axes, ArrayView<float>, ArrayView<int>, ArrayView<float>>>(nameof(ScatterAdd), ScatterAddKernel);
        scatterAdd(Range(g.Outer * g.Inner), Of(g), ReadView<float>(x), ReadView<int>(indices), View<float>(y));
    }

    /// <summary>Keeps the best so far in order: each element moves up past those that it beats.</summary>
    static void TopKKernel(Index1D c, Axes g, int largest, ArrayView<float> x, ArrayView<int> indices)
    {
        var column = g.Column(c, g.Extent);
        var best = g.Column(c, g.Count);
        for (var j = 0; j < g.Extent; j++)
        {
            var value = x[column + ((long)j * g.Inner)];
            var place = j < g.Count ? j : g.Count;
            var moves = true;
            while (moves && place > 0)
            {
                var other = x[column + ((long)indices[best + ((long)(place - 1) * g.Inner)] * g.Inner)];
                moves = largest != 0 ? IsGreater(value, other) : IsGreater(other, value);
                if (moves)
                {
                    place--;
                    if (place + 1 < g.Count) indices[best + ((long)(place + 1) * g.Inner)] = indices[best + ((long)place * g.Inner)];
                }
            }

            if (place < g.Count) indices[best + ((long)place * g.Inner)] = j;
        }
    }

    public void TopK(in IndexGeometry g, bool largest, DeviceBuffer x, DeviceBuffer indices)
    {
        if (indices.Length == 0) return;
        topK ??= Compile<Action<Index1D, Axes, int, ArrayView<float>, ArrayView<int>>>(nameof(TopK), TopKKernel);
        topK(Range(g.Outer * g.Inner), Of(g), largest ? 1 : 0, ReadView<float>(x), View<int>(indices));
    }

    static void CumulativeSumKernel(Index1D c, Axes g, int reverse, ArrayView<float> x, ArrayView<float> y)
    {
        long step = reverse != 0 ? -g.Inner : g.Inner;
        var place = g.Column(c, g.Extent) + (reverse != 0 ? (long)(g.Extent - 1) * g.Inner : 0);
        var sum = 0f;
        for (var k = 0; k < g.Extent; k++)
        {
            sum += x[place];
            y[place] = sum;
            place += step;
        }
    }

    public void CumulativeSum(in IndexGeometry g, bool reverse, DeviceBuffer x, DeviceBuffer y)
    {
        if (y.Length == 0) return;
        cumulativeSum ??= Compile<Action<Index1D, Axes, int, ArrayView<float>, ArrayView<float>>>(nameof(CumulativeSum), CumulativeSumKernel);
        cumulativeSum(Range(g.Outer * g.Inner), Of(g), reverse ? 1 : 0, ReadView<float>(x), View<float>(y));
    }

    /// <exception cref="NotSupportedException">An array has more elements than a kernel indexes.</exception>
    static Axes Of(in IndexGeometry g)
    {
        _ = Range(g.Outer * g.Extent * g.Inner);
        return new(g);
    }
}
