namespace CnnSharp.Kernels;

/// <summary>Convolutions and transposed convolutions. See <see cref="IKernels"/> for what holds of all.</summary>
public interface IConvolutionKernels : IKernelFamily
{
    /// <summary>y[n,i,j,k] = act(b[k] + sum over r,s,c of x[n, i stride + r dilation - top, j stride + s dilation - left, c] w[r,s,c,k]).</summary>
    void Forward(in ConvGeometry g, DeviceBuffer x, DeviceBuffer w, DeviceBuffer? b, DeviceBuffer y, Activation activation = Activation.None);

    /// <summary>dx[n,h,w,c] = sum of dy[n,i,j,k] w[r,s,c,k] over all (i,j,r,s,k) that read x[n,h,w,c].</summary>
    void BackwardInput(in ConvGeometry g, DeviceBuffer dy, DeviceBuffer w, DeviceBuffer dx, bool accumulate = false);

    /// <summary>dw[r,s,c,k] = sum over n,i,j of x[n, i stride + r dilation - top, j stride + s dilation - left, c] dy[n,i,j,k].</summary>
    void BackwardWeight(in ConvGeometry g, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw);

    /// <summary>db[k] = sum over the rows of dy [rows, k].</summary>
    void BackwardBias(long rows, int channels, DeviceBuffer dy, DeviceBuffer db);

    /// <summary>
    /// <see cref="Forward"/>, then what the epilogue says: the same values as one after the other, in one pass over y where an engine has one
    /// (the CPU's for normalization, addend, ReLU, bounds from 0 and SiLU).
    /// </summary>
    void ForwardFused(in ConvGeometry g, DeviceBuffer x, DeviceBuffer w, DeviceBuffer? b, in ConvolutionEpilogue epilogue, DeviceBuffer y);

    /// <summary>
    /// Transposed convolution of x [N, g.OutH, g.OutW, g.K] with w [kh, kw, g.K / groups, g.C] to y [N, g.H, g.W, g.C]:
    /// y = b + the backward-data pass of convolution g, given x as upstream gradient (its weights are w with the last two axes exchanged within a group).
    /// </summary>
    void TransposeForward(in ConvGeometry g, DeviceBuffer x, DeviceBuffer w, DeviceBuffer? b, DeviceBuffer y);

    /// <summary>dx of <see cref="TransposeForward"/>: convolution g of dy.</summary>
    void TransposeBackwardInput(in ConvGeometry g, DeviceBuffer dy, DeviceBuffer w, DeviceBuffer dx, bool accumulate = false);

    /// <summary>dw [kh, kw, g.K / groups, g.C] of <see cref="TransposeForward"/>.</summary>
    void TransposeBackwardWeight(in ConvGeometry g, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw);
}
