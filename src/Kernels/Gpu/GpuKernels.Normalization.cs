namespace CnnSharp.Kernels.Gpu;

sealed partial class GpuKernels
{
    public void BatchNormForward(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer weight, DeviceBuffer bias, DeviceBuffer runningMean, DeviceBuffer runningVariance, DeviceBuffer? add, DeviceBuffer y, DeviceBuffer mean, DeviceBuffer invStd) => throw new NotSupportedException(nameof(BatchNormForward));

    public void BatchNormBackward(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer weight, DeviceBuffer mean, DeviceBuffer invStd, DeviceBuffer? dx, DeviceBuffer? dadd, DeviceBuffer dw, DeviceBuffer db) => throw new NotSupportedException(nameof(BatchNormBackward));

    public void BatchNormInference(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer weight, DeviceBuffer bias, DeviceBuffer runningMean, DeviceBuffer runningVariance, DeviceBuffer? add, DeviceBuffer y) => throw new NotSupportedException(nameof(BatchNormInference));

    public void BatchNormInferenceBackward(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer weight, DeviceBuffer runningMean, DeviceBuffer runningVariance, DeviceBuffer? dx, DeviceBuffer? dadd, DeviceBuffer dw, DeviceBuffer db) => throw new NotSupportedException(nameof(BatchNormInferenceBackward));

    public void LrnForward(in LrnGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer scale) => throw new NotSupportedException(nameof(LrnForward));

    public void LrnBackward(in LrnGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer scale, DeviceBuffer dy, DeviceBuffer dx) => throw new NotSupportedException(nameof(LrnBackward));
}
