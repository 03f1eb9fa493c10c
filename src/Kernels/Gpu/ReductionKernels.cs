using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

/// <summary>Sums, their opposite, and the place of the maximum.</summary>
sealed class ReductionKernels(GpuKernels kernels) : GpuKernelFamily(kernels), IReductionKernels
{
    ColumnReduction<Value, ScaledSum>? columnSums;
    ColumnReduction<Squared, ScaledSum>? sumOfSquares;
    Action<Index1D, int, int, float, ArrayView<float>, ArrayView<float>>? expand;
    Action<Index1D, int, ArrayView<float>, ArrayView<int>>? argMax;

    /// <summary>y[c] = sum over the rows of x [rows, channels].</summary>
    internal void ColumnSums(long rows, int channels, DeviceBuffer x, DeviceBuffer y) => Sum(new(1, rows, channels), 1, x, y);

    public void Sum(in ReduceGeometry g, float scale, DeviceBuffer x, DeviceBuffer y)
        => (columnSums ??= new(Kernels)).Run(g.Outer, g.Reduced, Range(g.Inner), new(ReadFloats(x)), new(scale, Floats(y)));

    /// <summary>dx[o, r, i] = scale dy[o, i].</summary>
    static void ExpandKernel(Index1D i, int outerStride, int inner, float scale, ArrayView<float> dy, ArrayView<float> dx)
        => dx[i] = scale * dy[(i.X / outerStride * inner) + (i.X % inner)];

    public void Expand(in ReduceGeometry g, float scale, DeviceBuffer dy, DeviceBuffer dx)
    {
        if (dx.Length == 0) return;
        expand ??= Compile<Action<Index1D, int, int, float, ArrayView<float>, ArrayView<float>>>(nameof(Expand), ExpandKernel);
        expand(Range(dx.Length), (int)(g.Reduced * g.Inner), (int)g.Inner, scale, ReadFloats(dy), Floats(dx));
    }

    /// <summary>Adds up the squares of x.</summary>
    internal readonly struct Squared(ArrayView<float> x) : IColumnTerm
    {
        readonly ArrayView<float> x = x;

        public float Center(int column) => 0;

        public SumPair At(long i, float center) => new(x[i] * x[i], 0);
    }

    public void SumOfSquares(DeviceBuffer x, DeviceBuffer y) => (sumOfSquares ??= new(Kernels)).Run(1, x.Length, 1, new(ReadFloats(x)), new(1, Floats(y)));

    /// <summary>One thread a row. NaN is above everything, and of equals the first stays.</summary>
    static void ArgMaxKernel(Index1D row, int classes, ArrayView<float> x, ArrayView<int> indices)
    {
        var first = (long)row.X * classes;
        var maximum = x[first];
        var place = 0;
        for (var c = 1; c < classes; c++)
        {
            var value = x[first + c];
            if (!IsGreater(value, maximum)) continue;
            maximum = value;
            place = c;
        }

        indices[row] = place;
    }

    public void ArgMax(long rows, int classes, DeviceBuffer x, DeviceBuffer indices)
    {
        if (rows == 0) return;
        argMax ??= Compile<Action<Index1D, int, ArrayView<float>, ArrayView<int>>>(nameof(ArgMax), ArgMaxKernel);
        argMax(Range(rows), classes, ReadFloats(x), View<int>(indices));
    }
}
