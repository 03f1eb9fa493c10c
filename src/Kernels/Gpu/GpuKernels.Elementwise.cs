namespace CnnSharp.Kernels.Gpu;

sealed partial class GpuKernels
{
    public void Unary(UnaryOp op, float a, DeviceBuffer x, DeviceBuffer y) => throw new NotSupportedException(nameof(Unary));

    public void UnaryBackward(UnaryOp op, float a, DeviceBuffer x, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer dx) => throw new NotSupportedException(nameof(UnaryBackward));

    public void Binary(BinaryOp op, in BroadcastGeometry g, DeviceBuffer a, DeviceBuffer b, DeviceBuffer y) => throw new NotSupportedException(nameof(Binary));

    public void AddScaled(float scale, DeviceBuffer x, DeviceBuffer y) => throw new NotSupportedException(nameof(AddScaled));

    public void PReluForward(long rows, int channels, DeviceBuffer x, DeviceBuffer w, DeviceBuffer y) => throw new NotSupportedException(nameof(PReluForward));

    public void PReluBackwardInput(long rows, int channels, DeviceBuffer x, DeviceBuffer w, DeviceBuffer dy, DeviceBuffer dx) => throw new NotSupportedException(nameof(PReluBackwardInput));

    public void PReluBackwardWeight(long rows, int channels, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw) => throw new NotSupportedException(nameof(PReluBackwardWeight));

    public void MaxoutForward(long rows, int channels, int pieces, DeviceBuffer x, DeviceBuffer y, DeviceBuffer indices) => throw new NotSupportedException(nameof(MaxoutForward));

    public void MaxoutBackward(long rows, int channels, int pieces, DeviceBuffer dy, DeviceBuffer indices, DeviceBuffer dx) => throw new NotSupportedException(nameof(MaxoutBackward));

    public void Dropout(float probability, ulong seed, ulong stream, DeviceBuffer x, DeviceBuffer y) => throw new NotSupportedException(nameof(Dropout));
}
