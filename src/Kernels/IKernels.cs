namespace CnnSharp.Kernels;

/// <summary>Element-wise functions of one input. <c>a</c> is the function's parameter.</summary>
public enum UnaryOp
{
    /// <summary>max(x, 0).</summary>
    Relu,

    /// <summary>x where x > 0, else a x.</summary>
    LeakyRelu,

    /// <summary>x where x > 0, else a (exp(x) - 1).</summary>
    Elu,

    /// <summary>1 / (1 + exp(-x)).</summary>
    Sigmoid,

    /// <summary>tanh(x).</summary>
    Tanh,

    /// <summary>x Phi(x), Phi the normal distribution function (by erf).</summary>
    Gelu,

    /// <summary>x sigmoid(x).</summary>
    Silu,

    /// <summary>log(1 + exp(x)).</summary>
    Softplus,

    /// <summary>exp(x).</summary>
    Exp,

    /// <summary>Natural logarithm.</summary>
    Log,

    /// <summary>Square root.</summary>
    Sqrt,

    /// <summary>|x|.</summary>
    Abs,

    /// <summary>x x.</summary>
    Square,

    /// <summary>a x.</summary>
    MultiplyScalar,

    /// <summary>x + a.</summary>
    AddScalar,

    /// <summary>The error function.</summary>
    Erf,

    /// <summary>The largest whole number that is not above x. Its gradient is 0.</summary>
    Floor,

    /// <summary>The smallest whole number that is not below x. Its gradient is 0.</summary>
    Ceiling,

    /// <summary>The nearest whole number, of two the even one. Its gradient is 0.</summary>
    Round,

    /// <summary>-1, 0 or 1. Its gradient is 0.</summary>
    Sign,

    /// <summary>sin(x).</summary>
    Sin,

    /// <summary>cos(x).</summary>
    Cos,

    /// <summary>tan(x).</summary>
    Tan,

    /// <summary>The angle between -pi/2 and pi/2 whose sine is x.</summary>
    Asin,

    /// <summary>The angle between 0 and pi whose cosine is x.</summary>
    Acos,

    /// <summary>The angle between -pi/2 and pi/2 whose tangent is x.</summary>
    Atan,

    /// <summary>(exp(x) - exp(-x)) / 2.</summary>
    Sinh,

    /// <summary>(exp(x) + exp(-x)) / 2.</summary>
    Cosh,

    /// <summary>The inverse of sinh.</summary>
    Asinh,

    /// <summary>The inverse of cosh, for x of at least 1.</summary>
    Acosh,

    /// <summary>The inverse of tanh, for x between -1 and 1.</summary>
    Atanh,
}

/// <summary>Element-wise functions of two inputs.</summary>
public enum BinaryOp
{
    /// <summary>a + b.</summary>
    Add,

    /// <summary>a - b.</summary>
    Subtract,

    /// <summary>a b.</summary>
    Multiply,

    /// <summary>a / b.</summary>
    Divide,

    /// <summary>The greater of a and b; NaN if either is.</summary>
    Maximum,

    /// <summary>The minimum of a and b; NaN if either is.</summary>
    Minimum,

    /// <summary>a to the power of b.</summary>
    Power,

    /// <summary>The derivative of a^b by a: b a^(b - 1), 0 where b is 0.</summary>
    PowerByBase,

    /// <summary>The derivative of a^b by b: a^b log(a), 0 where a is 0 and b is not below 0.</summary>
    PowerByExponent,

    /// <summary>a - b n, n the whole part of a / b: with the sign of a, as C's fmod.</summary>
    Remainder,

    /// <summary>1 where a > b, else 0.</summary>
    Greater,

    /// <summary>1 where a >= b, else 0.</summary>
    GreaterOrEqual,

    /// <summary>1 where a equals b, else 0.</summary>
    Equal,

    /// <summary>The derivative of the greater of a and b by a: 1 where a > b, 1/2 where they are equal, else 0.</summary>
    GreaterShare,

    /// <summary>a where b is not 0, else 0.</summary>
    Where,

    /// <summary>a where b is 0, else 0.</summary>
    WhereNot,
}

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

/// <summary>A stochastic gradient step. g' = GradientScale g + WeightDecay w.</summary>
/// <param name="LearningRate">lr.</param>
/// <param name="Momentum">m; 0 needs no velocity.</param>
/// <param name="Nesterov">Whether the step looks ahead.</param>
/// <param name="WeightDecay">L2, added to the gradient.</param>
/// <param name="GradientScale">Applied to the gradient first (clipping).</param>
public readonly record struct SgdStep(float LearningRate, float Momentum, bool Nesterov, float WeightDecay, float GradientScale = 1f);

/// <summary>An AdaGrad step. g' = GradientScale g + WeightDecay w.</summary>
/// <param name="LearningRate">lr.</param>
/// <param name="Epsilon">Added to the root.</param>
/// <param name="WeightDecay">L2, added to the gradient.</param>
/// <param name="GradientScale">Applied to the gradient first (clipping).</param>
public readonly record struct AdaGradStep(float LearningRate, float Epsilon, float WeightDecay, float GradientScale = 1f);

/// <summary>An RMSProp step. g' = GradientScale g + WeightDecay w.</summary>
/// <param name="LearningRate">lr.</param>
/// <param name="Decay">The share of the running square that is kept.</param>
/// <param name="Epsilon">Added to the root.</param>
/// <param name="Momentum">m; 0 needs no velocity.</param>
/// <param name="WeightDecay">L2, added to the gradient.</param>
/// <param name="GradientScale">Applied to the gradient first (clipping).</param>
public readonly record struct RmsPropStep(float LearningRate, float Decay, float Epsilon, float Momentum, float WeightDecay, float GradientScale = 1f);

/// <summary>An Adam or AdamW step. Corrections are 1 - Beta^t for step t (from 1), worked out by the caller in double precision.</summary>
/// <param name="LearningRate">lr.</param>
/// <param name="Beta1">Share of the running mean that is kept.</param>
/// <param name="Beta2">Share of the running square that is kept.</param>
/// <param name="Epsilon">Added to the root.</param>
/// <param name="WeightDecay">Added to the gradient, or, decoupled, taken off the weight.</param>
/// <param name="Decoupled">AdamW: w -= lr WeightDecay w first, and the gradient is left alone.</param>
/// <param name="Correction1">1 - Beta1^t.</param>
/// <param name="Correction2">1 - Beta2^t.</param>
/// <param name="GradientScale">Applied to the gradient first (clipping).</param>
public readonly record struct AdamStep(float LearningRate, float Beta1, float Beta2, float Epsilon, float WeightDecay, bool Decoupled, double Correction1, double Correction2, float GradientScale = 1f);

/// <summary>
/// Every primitive, once: what an engine implements. Buffers are contiguous; images are [N, H, W, C], "rows" are all
/// axes before the channels. Float buffers have the engine's <see cref="Engine.FloatType"/>, labels and indices are
/// Int32, images UInt8. Results are overwritten unless a flag says they are added to. Inputs and results must not be
/// the same buffer except where "in place" is said. Callers have validated shapes.
/// </summary>
/// <remarks>
/// Determinism: for given inputs, every engine returns the same bytes whatever the number of threads. Reductions have a
/// partition and an order that depend on the geometry alone.
/// </remarks>
public interface IKernels
{
    // ---- Memory -------------------------------------------------------------------------------------------------

    /// <summary>y = value, every element; y may be of any type.</summary>
    void Fill(DeviceBuffer y, double value);

    /// <summary>y = x, buffers of one type and length.</summary>
    void Copy(DeviceBuffer x, DeviceBuffer y);

    /// <summary>target[TargetOffset + i T] = source[SourceOffset + i S] for every index i of the box; added if <paramref name="accumulate"/>.</summary>
    void CopyRegion(in RegionGeometry g, DeviceBuffer source, DeviceBuffer target, bool accumulate = false);

    // ---- Convolution --------------------------------------------------------------------------------------------

    /// <summary>y[n,i,j,k] = act(b[k] + sum over r,s,c of x[n, i stride + r dilation - top, j stride + s dilation - left, c] w[r,s,c,k]).</summary>
    void ConvForward(in ConvGeometry g, DeviceBuffer x, DeviceBuffer w, DeviceBuffer? b, DeviceBuffer y, Activation activation = Activation.None);

    /// <summary>dx[n,h,w,c] = sum of dy[n,i,j,k] w[r,s,c,k] over all (i,j,r,s,k) that read x[n,h,w,c].</summary>
    void ConvBackwardInput(in ConvGeometry g, DeviceBuffer dy, DeviceBuffer w, DeviceBuffer dx, bool accumulate = false);

    /// <summary>dw[r,s,c,k] = sum over n,i,j of x[n, i stride + r dilation - top, j stride + s dilation - left, c] dy[n,i,j,k].</summary>
    void ConvBackwardWeight(in ConvGeometry g, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw);

    /// <summary>db[k] = sum over the rows of dy [rows, k].</summary>
    void BiasBackward(long rows, int channels, DeviceBuffer dy, DeviceBuffer db);

    /// <summary>
    /// Transposed convolution of x [N, g.OutH, g.OutW, g.K] with w [kh, kw, g.K / groups, g.C] to y [N, g.H, g.W, g.C]:
    /// y = b + the backward-data pass of convolution g, given x as upstream gradient (its weights are w with the last two axes exchanged within a group).
    /// </summary>
    void ConvTransposeForward(in ConvGeometry g, DeviceBuffer x, DeviceBuffer w, DeviceBuffer? b, DeviceBuffer y);

    /// <summary>dx of <see cref="ConvTransposeForward"/>: convolution g of dy.</summary>
    void ConvTransposeBackwardInput(in ConvGeometry g, DeviceBuffer dy, DeviceBuffer w, DeviceBuffer dx, bool accumulate = false);

    /// <summary>dw [kh, kw, g.K / groups, g.C] of <see cref="ConvTransposeForward"/>.</summary>
    void ConvTransposeBackwardWeight(in ConvGeometry g, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw);

    // ---- Linear -------------------------------------------------------------------------------------------------

    /// <summary>c = act(op(a) op(b) + bias), bias [N] repeated down the rows; c += if <paramref name="accumulate"/>. A batch of more than one product has no bias.</summary>
    void MatMul(in MatMulGeometry g, DeviceBuffer a, DeviceBuffer b, DeviceBuffer? bias, DeviceBuffer c, Activation activation = Activation.None, bool accumulate = false);

    // ---- Pooling ------------------------------------------------------------------------------------------------

    /// <summary>y = the maximum of each window (the first of equals, NaN wins); indices: its index h W + w within the image, Int32, shaped like y.</summary>
    void MaxPoolForward(in PoolGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer indices);

    /// <summary>dx = the sum of dy over the windows whose maximum this was.</summary>
    void MaxPoolBackward(in PoolGeometry g, DeviceBuffer dy, DeviceBuffer indices, DeviceBuffer dx);

    /// <summary>y = the mean of each window: divided by its padded size if CountIncludePad, else by its elements of x.</summary>
    void AvgPoolForward(in PoolGeometry g, DeviceBuffer x, DeviceBuffer y);

    /// <summary>dx = the sum of dy / divisor over the windows that hold the element.</summary>
    void AvgPoolBackward(in PoolGeometry g, DeviceBuffer dy, DeviceBuffer dx);

    // ---- Normalization ------------------------------------------------------------------------------------------

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
    /// <see cref="ConvForward"/>, then <see cref="BatchNormInference"/> of its result: the same values, in one pass over y
    /// where an engine has one.
    /// </summary>
    void ConvBatchNormInference(in ConvGeometry g, in BatchNormGeometry norm, DeviceBuffer x, DeviceBuffer w, DeviceBuffer? b, DeviceBuffer weight, DeviceBuffer bias, DeviceBuffer runningMean, DeviceBuffer runningVariance, DeviceBuffer? add, DeviceBuffer y)
    {
        ConvForward(g, x, w, b, y);
        BatchNormInference(norm, y, weight, bias, runningMean, runningVariance, add, y);
    }

    /// <summary>
    /// The gradients of <see cref="BatchNormInference"/> (frozen statistics): dx = weight invStd g'; dw = sum g' h; db = sum g'; dadd = g'.
    /// <paramref name="dadd"/> may be <paramref name="dy"/> (in place).
    /// </summary>
    void BatchNormInferenceBackward(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer weight, DeviceBuffer runningMean, DeviceBuffer runningVariance, DeviceBuffer? dx, DeviceBuffer? dadd, DeviceBuffer dw, DeviceBuffer db);

    /// <summary>scale = K + Alpha / Size (sum of x^2 over the window of channels); y = x scale^-Beta.</summary>
    void LrnForward(in LrnGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer scale);

    /// <summary>dx[c] = dy[c] scale[c]^-Beta - 2 Alpha Beta / Size x[c] sum over the c' whose window holds c of dy[c'] y[c'] / scale[c'].</summary>
    void LrnBackward(in LrnGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer scale, DeviceBuffer dy, DeviceBuffer dx);

    // ---- Element-wise -------------------------------------------------------------------------------------------

    /// <summary>y = op(x, a). In place allowed.</summary>
    void Unary(UnaryOp op, float a, DeviceBuffer x, DeviceBuffer y);

    /// <summary>dx = dy op'(x), given x and y = op(x). dx may be dy.</summary>
    void UnaryBackward(UnaryOp op, float a, DeviceBuffer x, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer dx);

    /// <summary>y = min(max(x, least), most); NaN where x is. Infinities bound nothing. In place allowed.</summary>
    void Clamp(float least, float most, DeviceBuffer x, DeviceBuffer y);

    /// <summary>dx = dy where least &lt;= x &lt;= most, else 0 (also where x is NaN). dx may be dy.</summary>
    void ClampBackward(float least, float most, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dx);

    /// <summary>y = op(a, b), each read along its strides. In place allowed where both are read element by element.</summary>
    void Binary(BinaryOp op, in BroadcastGeometry g, DeviceBuffer a, DeviceBuffer b, DeviceBuffer y);

    /// <summary>y += scale x.</summary>
    void AddScaled(float scale, DeviceBuffer x, DeviceBuffer y);

    /// <summary>y = x where x > 0, else w[c] x, over x [rows, channels]; w has one value a channel, or one for all.</summary>
    void PReluForward(long rows, int channels, DeviceBuffer x, DeviceBuffer w, DeviceBuffer y);

    /// <summary>dx = dy where x > 0, else w[c] dy.</summary>
    void PReluBackwardInput(long rows, int channels, DeviceBuffer x, DeviceBuffer w, DeviceBuffer dy, DeviceBuffer dx);

    /// <summary>dw[c] = sum of dy x over the rows where x is not above 0 (over all channels too if w has one value).</summary>
    void PReluBackwardWeight(long rows, int channels, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw);

    /// <summary>y[row, c] = the maximum of x[row, c pieces + p]; indices: which p (the first of equals), Int32.</summary>
    void MaxoutForward(long rows, int channels, int pieces, DeviceBuffer x, DeviceBuffer y, DeviceBuffer indices);

    /// <summary>dx[row, c pieces + p] = dy[row, c] for the maximum, else 0.</summary>
    void MaxoutBackward(long rows, int channels, int pieces, DeviceBuffer dy, DeviceBuffer indices, DeviceBuffer dx);

    /// <summary>
    /// y[i] = x[i] / (1 - probability) where <see cref="Philox.At"/>(seed, stream, i) is at least probability 2^32 (rounded
    /// down to a whole number), else 0. Applied to dy with the same key it is its own gradient. In place allowed.
    /// </summary>
    void Dropout(float probability, ulong seed, ulong stream, DeviceBuffer x, DeviceBuffer y);

    // ---- Softmax and losses -------------------------------------------------------------------------------------

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
    void LossForward(LossOp op, DeviceBuffer x, DeviceBuffer target, DeviceBuffer losses);

    /// <summary>dx = dlosses times the derivative of op by x.</summary>
    void LossBackward(LossOp op, DeviceBuffer x, DeviceBuffer target, DeviceBuffer dlosses, DeviceBuffer dx);

    // ---- Reductions ---------------------------------------------------------------------------------------------

    /// <summary>y[o, i] = scale sum over r of x[o, r, i].</summary>
    void ReduceSum(in ReduceGeometry g, float scale, DeviceBuffer x, DeviceBuffer y);

    /// <summary>dx[o, r, i] = scale dy[o, i]: the gradient of <see cref="ReduceSum"/>.</summary>
    void Expand(in ReduceGeometry g, float scale, DeviceBuffer dy, DeviceBuffer dx);

    /// <summary>y[0] = the sum of x^2.</summary>
    void SumOfSquares(DeviceBuffer x, DeviceBuffer y);

    /// <summary>indices[row] = the place of the maximum of x [rows, classes] (the first of equals), Int32.</summary>
    void ArgMax(long rows, int classes, DeviceBuffer x, DeviceBuffer indices);

    // ---- Upsampling ---------------------------------------------------------------------------------------------

    /// <summary>y[n,i,j] = x[n, floor(i H / OutH), floor(j W / OutW)].</summary>
    void UpsampleNearestForward(in UpsampleGeometry g, DeviceBuffer x, DeviceBuffer y);

    /// <summary>dx = the sum of dy over the outputs that read the element.</summary>
    void UpsampleNearestBackward(in UpsampleGeometry g, DeviceBuffer dy, DeviceBuffer dx);

    /// <summary>Bilinear weights at the source position (i + 1/2) H / OutH - 1/2, clipped at 0, or i (H - 1) / (OutH - 1) with AlignCorners.</summary>
    void UpsampleBilinearForward(in UpsampleGeometry g, DeviceBuffer x, DeviceBuffer y);

    /// <summary>dx = the sum of dy times its weight over the outputs that read the element.</summary>
    void UpsampleBilinearBackward(in UpsampleGeometry g, DeviceBuffer dy, DeviceBuffer dx);

    // ---- Sparse matrices ----------------------------------------------------------------------------------------

    /// <summary>
    /// y[o, i, c] = sum over the entries e of row i, from offsets[i] up to, not including, offsets[i + 1], of values[e]
    /// x[o, columns[e], c]: a matrix in compressed sparse rows times the middle axis of x [Outer, Columns, Inner]. Offsets and
    /// columns are Int32 and within bounds. A row without entries gives 0. The transposed matrix gives the gradient.
    /// </summary>
    void SparseMatMul(in SparseGeometry g, DeviceBuffer offsets, DeviceBuffer columns, DeviceBuffer values, DeviceBuffer x, DeviceBuffer y);

    // ---- Images -----------------------------------------------------------------------------------------------

    /// <summary>
    /// y[n,i,j,c] = p scaleOffset[c] + scaleOffset[C + c] with p = images[image, top + i, left + j', c], j' = OutW - 1 - j if
    /// flip else j, and p = 0 outside the image; y = 0 inside the cutout square [ctop, ctop + Cutout) x [cleft, cleft + Cutout)
    /// of the batch image where ctop is not Int32.MinValue. placements: Int32 [N, 6] = image, top, left, flip, ctop, cleft.
    /// </summary>
    void GatherImages(in ImageGeometry g, DeviceBuffer images, DeviceBuffer placements, DeviceBuffer scaleOffset, DeviceBuffer y);

    // ---- Optimizer steps (w and the state are updated in place) ---------------------------------------------------

    /// <summary>v = Momentum v + g'; w -= lr (Nesterov: g' + Momentum v; else v); without momentum w -= lr g' and v is null. v starts at 0.</summary>
    void Sgd(in SgdStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer? velocity);

    /// <summary>sum += g'^2; w -= lr g' / (sqrt(sum) + Epsilon).</summary>
    void AdaGrad(in AdaGradStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer sum);

    /// <summary>square = Decay square + (1 - Decay) g'^2; d = g' / (sqrt(square) + Epsilon); with momentum v = Momentum v + d, w -= lr v; else w -= lr d.</summary>
    void RmsProp(in RmsPropStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer square, DeviceBuffer? velocity);

    /// <summary>mean = Beta1 mean + (1 - Beta1) g'; square = Beta2 square + (1 - Beta2) g'^2; w -= lr / Correction1 mean / (sqrt(square / Correction2) + Epsilon).</summary>
    void Adam(in AdamStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer mean, DeviceBuffer square);
}
