namespace CnnSharp.Kernels.Gpu;

// A transposed convolution is the gradient with respect to the input of the convolution that describes it, so its three passes are that
// convolution's backward-data, forward and backward-weights passes with weights whose last two axes are exchanged.
sealed partial class ConvolutionKernels
{
    public void TransposeForward(in ConvGeometry g, DeviceBuffer x, DeviceBuffer w, DeviceBuffer? b, DeviceBuffer y)
    {
        if (IsNarrow(g) || x.Length == 0) NarrowBackward(g, x, w, turned: false, b, y, accumulate: false);
        else CorrelateBackward(g, x, w, turned: false, b, y, accumulate: false);
    }

    public void TransposeBackwardInput(in ConvGeometry g, DeviceBuffer dy, DeviceBuffer w, DeviceBuffer dx, bool accumulate = false)
    {
        if (IsNarrow(g) || dy.Length == 0) NarrowForward(g, dy, w, turned: true, null, dx, relu: false, accumulate);
        else CorrelateForward(g, dy, w, turned: true, null, dx, relu: false, accumulate);
    }

    public void TransposeBackwardWeight(in ConvGeometry g, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw)
    {
        if (x.Length == 0 || dy.Length == 0) Kernels.Memory.Fill(dw, 0);
        else if (IsNarrow(g)) NarrowWeight(g, dy, x, dw, exchanged: true);
        else WeightGradient(g, dy, x, dw, exchanged: true);
    }
}
