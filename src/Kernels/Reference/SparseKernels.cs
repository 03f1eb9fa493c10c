using System.Numerics;

namespace CnnSharp.Kernels.Reference;

/// <summary>Sparse matrices as plain loops.</summary>
/// <typeparam name="T">float or double.</typeparam>
sealed class SparseKernels<T> : ReferenceKernelFamily<T>, ISparseKernels
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public void Multiply(in SparseGeometry g, DeviceBuffer offsets, DeviceBuffer columns, DeviceBuffer values, DeviceBuffer x, DeviceBuffer y)
    {
        Elements weights = new(values), input = new(x);
        WritableElements output = new(y);
        ReadOnlySpan<int> first = offsets.ReadOnlySpan<int>(), column = columns.ReadOnlySpan<int>();
        for (var o = 0; o < g.Outer; o++)
        {
            for (var i = 0; i < g.Rows; i++)
            {
                for (var c = 0; c < g.Inner; c++)
                {
                    var sum = 0.0;
                    for (var e = first[i]; e < first[i + 1]; e++) sum += weights[e] * input[((((long)o * g.Columns) + column[e]) * g.Inner) + c];
                    output[((((long)o * g.Rows) + i) * g.Inner) + c] = sum;
                }
            }
        }
    }
}
