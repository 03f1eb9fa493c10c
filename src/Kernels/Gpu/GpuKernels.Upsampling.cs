namespace CnnSharp.Kernels.Gpu;

sealed partial class GpuKernels
{
    public void UpsampleNearestForward(in UpsampleGeometry g, DeviceBuffer x, DeviceBuffer y) => throw new NotSupportedException(nameof(UpsampleNearestForward));

    public void UpsampleNearestBackward(in UpsampleGeometry g, DeviceBuffer dy, DeviceBuffer dx) => throw new NotSupportedException(nameof(UpsampleNearestBackward));

    public void UpsampleBilinearForward(in UpsampleGeometry g, DeviceBuffer x, DeviceBuffer y) => throw new NotSupportedException(nameof(UpsampleBilinearForward));

    public void UpsampleBilinearBackward(in UpsampleGeometry g, DeviceBuffer dy, DeviceBuffer dx) => throw new NotSupportedException(nameof(UpsampleBilinearBackward));
}
