namespace CnnSharp.Kernels.Gpu;

sealed partial class GpuKernels
{
    public void MaxPoolForward(in PoolGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer indices) => throw new NotSupportedException(nameof(MaxPoolForward));

    public void MaxPoolBackward(in PoolGeometry g, DeviceBuffer dy, DeviceBuffer indices, DeviceBuffer dx) => throw new NotSupportedException(nameof(MaxPoolBackward));

    public void AvgPoolForward(in PoolGeometry g, DeviceBuffer x, DeviceBuffer y) => throw new NotSupportedException(nameof(AvgPoolForward));

    public void AvgPoolBackward(in PoolGeometry g, DeviceBuffer dy, DeviceBuffer dx) => throw new NotSupportedException(nameof(AvgPoolBackward));
}
