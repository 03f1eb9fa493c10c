using System.Numerics;

namespace CnnSharp.Kernels.Reference;

/// <summary>Indexing as plain loops.</summary>
/// <typeparam name="T">float or double.</typeparam>
sealed class IndexingKernels<T> : ReferenceKernelFamily<T>, IIndexingKernels
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public void Gather(in IndexGeometry g, DeviceBuffer x, DeviceBuffer indices, DeviceBuffer y)
    {
        Elements input = new(x);
        WritableElements output = new(y);
        var places = indices.ReadOnlySpan<int>();
        for (long place = 0; place < output.Length; place++) output[place] = input[At(g, place, places[(int)place])];
    }

    public void ScatterAdd(in IndexGeometry g, DeviceBuffer x, DeviceBuffer indices, DeviceBuffer y)
    {
        Elements input = new(x);
        WritableElements output = new(y);
        var places = indices.ReadOnlySpan<int>();
        for (long place = 0; place < input.Length; place++) output[At(g, place, places[(int)place])] += input[place];
    }

    public void TopK(in IndexGeometry g, bool largest, DeviceBuffer x, DeviceBuffer indices)
    {
        Elements input = new(x);
        var places = indices.Span<int>();
        for (long o = 0; o < g.Outer; o++)
        {
            for (long i = 0; i < g.Inner; i++)
            {
                var geometry = g;
                var order = Enumerable.Range(0, g.Extent).ToArray();
                MemoryExtensions.Sort(order.AsSpan(), (a, b) =>
                {
                    double first = input[At(geometry, o, a, i)], second = input[At(geometry, o, b, i)];
                    if (!largest) (first, second) = (second, first);
                    return IsGreater(first, second) ? -1 : IsGreater(second, first) ? 1 : a - b;
                });
                for (var k = 0; k < g.Count; k++) places[(int)((((o * g.Count) + k) * g.Inner) + i)] = order[k];
            }
        }
    }

    public void CumulativeSum(in IndexGeometry g, bool reverse, DeviceBuffer x, DeviceBuffer y)
    {
        Elements input = new(x);
        WritableElements output = new(y);
        for (long o = 0; o < g.Outer; o++)
        {
            for (long i = 0; i < g.Inner; i++)
            {
                var sum = 0.0;
                for (var step = 0; step < g.Extent; step++)
                {
                    var place = At(g, o, reverse ? g.Extent - 1 - step : step, i);
                    output[place] = sum += input[place];
                }
            }
        }
    }

    static long At(in IndexGeometry g, long o, long k, long i) => (((o * g.Extent) + k) * g.Inner) + i;

    /// <summary>The element of x [Outer, Extent, Inner] that a place of the indices [Outer, Count, Inner] names.</summary>
    static long At(in IndexGeometry g, long place, int index) => At(g, place / (g.Count * g.Inner), index, place % g.Inner);
}
