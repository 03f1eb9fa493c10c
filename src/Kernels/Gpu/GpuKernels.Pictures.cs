namespace CnnSharp.Kernels.Gpu;

sealed partial class GpuKernels
{
    public void GatherPictures(in PictureGeometry g, DeviceBuffer pictures, DeviceBuffer placements, DeviceBuffer scaleOffset, DeviceBuffer y) => throw new NotSupportedException(nameof(GatherPictures));
}
