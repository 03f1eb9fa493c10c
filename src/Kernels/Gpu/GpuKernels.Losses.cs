namespace CnnSharp.Kernels.Gpu;

sealed partial class GpuKernels
{
    public void SoftmaxForward(long rows, int classes, bool log, DeviceBuffer x, DeviceBuffer y) => throw new NotSupportedException(nameof(SoftmaxForward));

    public void SoftmaxBackward(long rows, int classes, bool log, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer dx) => throw new NotSupportedException(nameof(SoftmaxBackward));

    public void CrossEntropyForward(long rows, int classes, float smoothing, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer losses, DeviceBuffer logSumExp) => throw new NotSupportedException(nameof(CrossEntropyForward));

    public void CrossEntropyBackward(long rows, int classes, float smoothing, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer logSumExp, DeviceBuffer dlosses, DeviceBuffer dx) => throw new NotSupportedException(nameof(CrossEntropyBackward));

    public void MulticlassHingeForward(long rows, int classes, float margin, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer losses) => throw new NotSupportedException(nameof(MulticlassHingeForward));

    public void MulticlassHingeBackward(long rows, int classes, float margin, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer dlosses, DeviceBuffer dx) => throw new NotSupportedException(nameof(MulticlassHingeBackward));

    public void LossForward(LossOp op, DeviceBuffer x, DeviceBuffer target, DeviceBuffer losses) => throw new NotSupportedException(nameof(LossForward));

    public void LossBackward(LossOp op, DeviceBuffer x, DeviceBuffer target, DeviceBuffer dlosses, DeviceBuffer dx) => throw new NotSupportedException(nameof(LossBackward));
}
