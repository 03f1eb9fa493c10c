namespace CnnSharp.Kernels.Gpu;

sealed partial class GpuKernels
{
    public void Sgd(in SgdStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer? velocity) => throw new NotSupportedException(nameof(Sgd));

    public void AdaGrad(in AdaGradStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer sum) => throw new NotSupportedException(nameof(AdaGrad));

    public void RmsProp(in RmsPropStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer square, DeviceBuffer? velocity) => throw new NotSupportedException(nameof(RmsProp));

    public void Adam(in AdamStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer mean, DeviceBuffer square) => throw new NotSupportedException(nameof(Adam));
}
