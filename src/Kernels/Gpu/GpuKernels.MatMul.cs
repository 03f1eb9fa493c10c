namespace CnnSharp.Kernels.Gpu;

sealed partial class GpuKernels
{
    public void MatMul(in MatMulGeometry g, DeviceBuffer a, DeviceBuffer b, DeviceBuffer? bias, DeviceBuffer c, Activation activation = Activation.None, bool accumulate = false) => throw new NotSupportedException(nameof(MatMul));
}
