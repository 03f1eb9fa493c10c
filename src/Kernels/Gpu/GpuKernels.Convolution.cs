namespace CnnSharp.Kernels.Gpu;

sealed partial class GpuKernels
{
    public void ConvForward(in ConvGeometry g, DeviceBuffer x, DeviceBuffer w, DeviceBuffer? b, DeviceBuffer y, Activation activation = Activation.None) => throw new NotSupportedException(nameof(ConvForward));

    public void ConvBackwardInput(in ConvGeometry g, DeviceBuffer dy, DeviceBuffer w, DeviceBuffer dx, bool accumulate = false) => throw new NotSupportedException(nameof(ConvBackwardInput));

    public void ConvBackwardWeight(in ConvGeometry g, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw) => throw new NotSupportedException(nameof(ConvBackwardWeight));

    public void BiasBackward(long rows, int channels, DeviceBuffer dy, DeviceBuffer db) => throw new NotSupportedException(nameof(BiasBackward));

    public void ConvTransposeForward(in ConvGeometry g, DeviceBuffer x, DeviceBuffer w, DeviceBuffer? b, DeviceBuffer y) => throw new NotSupportedException(nameof(ConvTransposeForward));

    public void ConvTransposeBackwardInput(in ConvGeometry g, DeviceBuffer dy, DeviceBuffer w, DeviceBuffer dx, bool accumulate = false) => throw new NotSupportedException(nameof(ConvTransposeBackwardInput));

    public void ConvTransposeBackwardWeight(in ConvGeometry g, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw) => throw new NotSupportedException(nameof(ConvTransposeBackwardWeight));
}
