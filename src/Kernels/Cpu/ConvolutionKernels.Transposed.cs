namespace CnnSharp.Kernels.Cpu;

// A transposed convolution is the gradient with respect to the input of the convolution that describes it, so its three passes are that
// convolution's backward-data, forward and backward-weights passes with weights whose last two axes are exchanged.
sealed unsafe partial class ConvolutionKernels<V>
    where V : unmanaged, IVector<V>
{
    public void TransposeForward(in ConvGeometry g, DeviceBuffer x, DeviceBuffer w, DeviceBuffer? b, DeviceBuffer y)
        => CorrelateTransposed(g, x, w, WeightLayout.OutIn(g).Exchanged, b, y, accumulate: false);

    public void TransposeBackwardInput(in ConvGeometry g, DeviceBuffer dy, DeviceBuffer w, DeviceBuffer dx, bool accumulate = false)
        => Correlate(g, dy, w, WeightLayout.OutIn(g), null, dx, new Epilogue { Accumulate = accumulate });

    public void TransposeBackwardWeight(in ConvGeometry g, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw)
        => WeightGradient(g, dy, x, dw, exchanged: true);
}
