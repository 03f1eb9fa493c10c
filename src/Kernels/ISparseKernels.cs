namespace CnnSharp.Kernels;

/// <summary>Products with sparse matrices. See <see cref="IKernels"/> for what holds of all.</summary>
public interface ISparseKernels : IKernelFamily
{
    /// <summary>
    /// y[o, i, c] = sum over the entries e of row i, from offsets[i] up to, not including, offsets[i + 1], of values[e]
    /// x[o, columns[e], c]: a matrix in compressed sparse rows times the middle axis of x [Outer, Columns, Inner]. Offsets and
    /// columns are Int32 and within bounds. A row without entries gives 0. The transposed matrix gives the gradient.
    /// </summary>
    void Multiply(in SparseGeometry g, DeviceBuffer offsets, DeviceBuffer columns, DeviceBuffer values, DeviceBuffer x, DeviceBuffer y);
}
