namespace CnnSharp.Kernels;

/// <summary>Element-wise losses of a prediction x and a target t.</summary>
public enum LossOp
{
    /// <summary>(x - t)^2.</summary>
    MeanSquared,

    /// <summary>|x - t|; the gradient at 0 is 0.</summary>
    L1,

    /// <summary>Huber: with d = |x - t|, d^2 / 2 where d is below 1, else d - 1/2.</summary>
    SmoothL1,

    /// <summary>(1 - t) x + max(-x, 0) + log(1 + exp(-|x|)).</summary>
    BinaryCrossEntropyWithLogits,
}

/// <summary>Softmax and the losses. See <see cref="IKernels"/> for what holds of all.</summary>
public interface ILossKernels : IKernelFamily
{
    /// <summary>y = exp(x - max) / sum of exp(x - max) along each row of [rows, classes]; its logarithm if <paramref name="log"/>.</summary>
    void SoftmaxForward(long rows, int classes, bool log, DeviceBuffer x, DeviceBuffer y);

    /// <summary>dx = y (dy - sum of dy y), or with log: dx = dy - exp(y) sum of dy.</summary>
    void SoftmaxBackward(long rows, int classes, bool log, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer dx);

    /// <summary>
    /// With w the class weights (1 where null): losses[row] = (1 - smoothing) w[label] (logSumExp[row] - x[row, label])
    /// + smoothing / classes (sum over c of w[c] (logSumExp[row] - x[row, c])); 0 where the label is the one to ignore.
    /// </summary>
    /// <exception cref="LabelException">Another label is not within [0, classes). A GPU throws it where it is next waited for.</exception>
    void CrossEntropyForward(in LabelGeometry g, float smoothing, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer? weights, DeviceBuffer losses, DeviceBuffer logSumExp);

    /// <summary>
    /// With W the sum of the class weights: dx[c] = dlosses[row] (((1 - smoothing) w[label] + smoothing W / classes) exp(x[c] - logSumExp)
    /// - (1 - smoothing) w[label] [c is label] - smoothing w[c] / classes); 0 where the label is ignored, or no class.
    /// </summary>
    void CrossEntropyBackward(in LabelGeometry g, float smoothing, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer? weights, DeviceBuffer logSumExp, DeviceBuffer dlosses, DeviceBuffer dx);

    /// <summary>
    /// losses[row] = w[label] sum over j other than the label of max(0, x[j] - x[label] + margin) (Weston and Watkins), w the class
    /// weights (1 where null); 0 where the label is the one to ignore.
    /// </summary>
    /// <exception cref="LabelException">As for <see cref="CrossEntropyForward"/>.</exception>
    void MulticlassHingeForward(in LabelGeometry g, float margin, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer? weights, DeviceBuffer losses);

    /// <summary>dx[j] = w[label] dlosses[row] where the term is above 0; dx[label] = minus their number times that; 0 where the label is ignored, or no class.</summary>
    void MulticlassHingeBackward(in LabelGeometry g, float margin, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer? weights, DeviceBuffer dlosses, DeviceBuffer dx);

    /// <summary>y[row] = the weight of the row's label (1 without weights), 0 where it is ignored, or no class: what a mean over the rows divides by.</summary>
    void LabelWeights(in LabelGeometry g, DeviceBuffer labels, DeviceBuffer? weights, DeviceBuffer y);

    /// <summary>losses = op(x, target), element by element.</summary>
    void Forward(LossOp op, DeviceBuffer x, DeviceBuffer target, DeviceBuffer losses);

    /// <summary>dx = dlosses times the derivative of op by x.</summary>
    void Backward(LossOp op, DeviceBuffer x, DeviceBuffer target, DeviceBuffer dlosses, DeviceBuffer dx);
}
