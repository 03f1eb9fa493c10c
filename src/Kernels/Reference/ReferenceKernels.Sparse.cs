namespace CnnSharp.Kernels.Reference;

internal sealed partial class ReferenceKernels<T>
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
