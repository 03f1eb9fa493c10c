namespace CnnSharp.Kernels.Gpu;

sealed partial class GpuKernels
{
    public void ReduceSum(in ReduceGeometry g, float scale, DeviceBuffer x, DeviceBuffer y) => throw new NotSupportedException(nameof(ReduceSum));

    public void Expand(in ReduceGeometry g, float scale, DeviceBuffer dy, DeviceBuffer dx) => throw new NotSupportedException(nameof(Expand));

    public void SumOfSquares(DeviceBuffer x, DeviceBuffer y) => throw new NotSupportedException(nameof(SumOfSquares));

    public void ArgMax(long rows, int classes, DeviceBuffer x, DeviceBuffer indices) => throw new NotSupportedException(nameof(ArgMax));
}
