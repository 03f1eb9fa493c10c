using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

/// <summary>One thread an element of y, which gathers along its row of the matrix.</summary>
sealed class SparseKernels(GpuKernels kernels) : GpuKernelFamily(kernels), ISparseKernels
{
    Action<Index1D, SparseGeometry, ArrayView<int>, ArrayView<int>, ArrayView<float>, ArrayView<float>, ArrayView<float>>? sparseMatMul;

    /// <summary>y[o, i, c] = sum over the entries e of row i of values[e] x[o, columns[e], c].</summary>
    static void SparseMatMulKernel(Index1D index, SparseGeometry g, ArrayView<int> offsets, ArrayView<int> columns, ArrayView<float> values, ArrayView<float> x, ArrayView<float> y)
    {
        var c = index.X % g.Inner;
        var row = index.X / g.Inner;
        var source = ((long)(row / g.Rows) * g.Columns * g.Inner) + c;
        var end = offsets[(row % g.Rows) + 1];
        var sum = 0f;
        for (var e = offsets[row % g.Rows]; e < end; e++) sum += values[e] * x[source + ((long)columns[e] * g.Inner)];
        y[index] = sum;
    }

    void ISparseKernels.Multiply(in SparseGeometry g, DeviceBuffer offsets, DeviceBuffer columns, DeviceBuffer values, DeviceBuffer x, DeviceBuffer y)
    {
        if (y.Length == 0) return;
        sparseMatMul ??= Compile<Action<Index1D, SparseGeometry, ArrayView<int>, ArrayView<int>, ArrayView<float>, ArrayView<float>, ArrayView<float>>>("SparseMultiply", SparseMatMulKernel);
        sparseMatMul(Range(y.Length), g, ReadView<int>(offsets), ReadView<int>(columns), ReadFloats(values), ReadFloats(x), Floats(y));
    }
}
