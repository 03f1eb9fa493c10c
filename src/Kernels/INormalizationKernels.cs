namespace CnnSharp.Kernels;

/// <summary>Batch normalization and local response normalization. See <see cref="IKernels"/> for what holds of all.</summary>
public interface INormalizationKernels : IKernelFamily
{
    /// <summary>
    /// y = act(weight (x - mean) invStd + bias + add), mean and (biased) variance of each channel of this batch, in two passes;
    /// invStd = 1 / sqrt(variance + Epsilon); both are written for the backward pass. The running statistics move by
    /// Momentum towards the batch's mean and unbiased variance.
    /// </summary>
    void BatchNormForward(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer weight, DeviceBuffer bias, DeviceBuffer runningMean, DeviceBuffer runningVariance, DeviceBuffer? add, DeviceBuffer y, DeviceBuffer mean, DeviceBuffer invStd);

    /// <summary>
    /// The gradients of <see cref="BatchNormForward"/>. With g' = dy where the activation let y through, h = (x - mean) invStd:
    /// db = sum g'; dw = sum g' h; dx = weight invStd (g' - db / Rows - h dw / Rows); dadd = g'.
    /// dx and dadd are wanted only where not null. <paramref name="dadd"/> may be <paramref name="dy"/> (in place).
    /// </summary>
    void BatchNormBackward(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer weight, DeviceBuffer mean, DeviceBuffer invStd, DeviceBuffer? dx, DeviceBuffer? dadd, DeviceBuffer dw, DeviceBuffer db);

    /// <summary>y = act(weight (x - runningMean) / sqrt(runningVariance + Epsilon) + bias + add). In place (y = x) allowed.</summary>
    void BatchNormInference(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer weight, DeviceBuffer bias, DeviceBuffer runningMean, DeviceBuffer runningVariance, DeviceBuffer? add, DeviceBuffer y);

    /// <summary>
    /// The gradients of <see cref="BatchNormInference"/> (frozen statistics): dx = weight invStd g'; dw = sum g' h; db = sum g'; dadd = g'.
    /// <paramref name="dadd"/> may be <paramref name="dy"/> (in place).
    /// </summary>
    void BatchNormInferenceBackward(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer weight, DeviceBuffer runningMean, DeviceBuffer runningVariance, DeviceBuffer? dx, DeviceBuffer? dadd, DeviceBuffer dw, DeviceBuffer db);

    /// <summary>scale = K + Alpha / Size (sum of x^2 over the window of channels); y = x scale^-Beta.</summary>
    void LrnForward(in LrnGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer scale);

    /// <summary>dx[c] = dy[c] scale[c]^-Beta - 2 Alpha Beta / Size x[c] sum over the c' whose window holds c of dy[c'] y[c'] / scale[c'].</summary>
    void LrnBackward(in LrnGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer scale, DeviceBuffer dy, DeviceBuffer dx);
}
