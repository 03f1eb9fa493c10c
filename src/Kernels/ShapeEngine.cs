namespace CnnSharp.Kernels;

/// <summary>
/// An engine without memory and arithmetic: its buffers have lengths but no elements, and its kernels do nothing. A model
/// built on it has its shapes, and running it shows those of its results, whatever its size.
/// </summary>
public sealed class ShapeEngine : Engine
{
    /// <inheritdoc/>
    public override string Name => "shapes";

    /// <inheritdoc/>
    public override string Description => "shapes alone, no elements";

    /// <inheritdoc/>
    public override bool HasElements => false;

    /// <inheritdoc/>
    public override IKernels Kernels { get; } = new ShapeKernels();

    /// <inheritdoc/>
    public override void Synchronize()
    {
    }

    /// <inheritdoc/>
    protected override MemoryBlock Allocate(long capacity) => new NoMemory(capacity);

    /// <inheritdoc/>
    protected override void CopyIn(ReadOnlySpan<byte> source, MemoryBlock destination)
    {
    }

    /// <inheritdoc/>
    protected override void CopyOut(MemoryBlock source, long start, Span<byte> destination)
        => throw new InvalidOperationException($"The engine '{Name}' has no elements to read.");

    sealed class NoMemory(long capacity) : MemoryBlock(capacity)
    {
        protected internal override void Free()
        {
        }
    }
}

/// <summary>Every primitive, doing nothing.</summary>
sealed class ShapeKernels : IKernels, IMemoryKernels, IConvolutionKernels, IMatMulKernels, IPoolingKernels, INormalizationKernels, IElementwiseKernels, ILossKernels, IReductionKernels, IResizeKernels, ISparseKernels, IImageKernels, IOptimizerKernels
{
    IMemoryKernels IKernels.Memory => this;

    IConvolutionKernels IKernels.Convolution => this;

    IMatMulKernels IKernels.MatMul => this;

    IPoolingKernels IKernels.Pooling => this;

    INormalizationKernels IKernels.Normalization => this;

    IElementwiseKernels IKernels.Elementwise => this;

    ILossKernels IKernels.Losses => this;

    IReductionKernels IKernels.Reductions => this;

    IResizeKernels IKernels.Resize => this;

    ISparseKernels IKernels.Sparse => this;

    IImageKernels IKernels.Images => this;

    IOptimizerKernels IKernels.Optimizers => this;

    public void Fill(DeviceBuffer y, double value)
    {
    }

    public void Copy(DeviceBuffer x, DeviceBuffer y)
    {
    }

    public void CopyRegion(in RegionGeometry g, DeviceBuffer source, DeviceBuffer target, bool accumulate = false)
    {
    }

    public void Forward(in ConvGeometry g, DeviceBuffer x, DeviceBuffer w, DeviceBuffer? b, DeviceBuffer y, Activation activation = Activation.None)
    {
    }

    public void BackwardInput(in ConvGeometry g, DeviceBuffer dy, DeviceBuffer w, DeviceBuffer dx, bool accumulate = false)
    {
    }

    public void BackwardWeight(in ConvGeometry g, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw)
    {
    }

    public void BackwardBias(long rows, int channels, DeviceBuffer dy, DeviceBuffer db)
    {
    }

    public void TransposeForward(in ConvGeometry g, DeviceBuffer x, DeviceBuffer w, DeviceBuffer? b, DeviceBuffer y)
    {
    }

    public void TransposeBackwardInput(in ConvGeometry g, DeviceBuffer dy, DeviceBuffer w, DeviceBuffer dx, bool accumulate = false)
    {
    }

    public void TransposeBackwardWeight(in ConvGeometry g, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw)
    {
    }

    public void Multiply(in MatMulGeometry g, DeviceBuffer a, DeviceBuffer b, DeviceBuffer? bias, DeviceBuffer c, Activation activation = Activation.None, bool accumulate = false)
    {
    }

    public void MaxForward(in PoolGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer indices)
    {
    }

    public void MaxBackward(in PoolGeometry g, DeviceBuffer dy, DeviceBuffer indices, DeviceBuffer dx)
    {
    }

    public void AverageForward(in PoolGeometry g, DeviceBuffer x, DeviceBuffer y)
    {
    }

    public void AverageBackward(in PoolGeometry g, DeviceBuffer dy, DeviceBuffer dx)
    {
    }

    public void BatchNormForward(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer weight, DeviceBuffer bias, DeviceBuffer runningMean, DeviceBuffer runningVariance, DeviceBuffer? add, DeviceBuffer y, DeviceBuffer mean, DeviceBuffer invStd)
    {
    }

    public void BatchNormBackward(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer weight, DeviceBuffer mean, DeviceBuffer invStd, DeviceBuffer? dx, DeviceBuffer? dadd, DeviceBuffer dw, DeviceBuffer db)
    {
    }

    public void BatchNormInference(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer weight, DeviceBuffer bias, DeviceBuffer runningMean, DeviceBuffer runningVariance, DeviceBuffer? add, DeviceBuffer y)
    {
    }

    public void BatchNormInferenceBackward(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer weight, DeviceBuffer runningMean, DeviceBuffer runningVariance, DeviceBuffer? dx, DeviceBuffer? dadd, DeviceBuffer dw, DeviceBuffer db)
    {
    }

    public void LrnForward(in LrnGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer scale)
    {
    }

    public void LrnBackward(in LrnGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer scale, DeviceBuffer dy, DeviceBuffer dx)
    {
    }

    public void Unary(UnaryOp op, float a, DeviceBuffer x, DeviceBuffer y)
    {
    }

    public void UnaryBackward(UnaryOp op, float a, DeviceBuffer x, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer dx)
    {
    }

    public void Clamp(float least, float most, DeviceBuffer x, DeviceBuffer y)
    {
    }

    public void ClampBackward(float least, float most, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dx)
    {
    }

    public void Binary(BinaryOp op, in BroadcastGeometry g, DeviceBuffer a, DeviceBuffer b, DeviceBuffer y)
    {
    }

    public void AddScaled(float scale, DeviceBuffer x, DeviceBuffer y)
    {
    }

    public void PReluForward(long rows, int channels, DeviceBuffer x, DeviceBuffer w, DeviceBuffer y)
    {
    }

    public void PReluBackwardInput(long rows, int channels, DeviceBuffer x, DeviceBuffer w, DeviceBuffer dy, DeviceBuffer dx)
    {
    }

    public void PReluBackwardWeight(long rows, int channels, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw)
    {
    }

    public void MaxoutForward(long rows, int channels, int pieces, DeviceBuffer x, DeviceBuffer y, DeviceBuffer indices)
    {
    }

    public void MaxoutBackward(long rows, int channels, int pieces, DeviceBuffer dy, DeviceBuffer indices, DeviceBuffer dx)
    {
    }

    public void Dropout(float probability, ulong seed, ulong stream, DeviceBuffer x, DeviceBuffer y)
    {
    }

    public void SoftmaxForward(long rows, int classes, bool log, DeviceBuffer x, DeviceBuffer y)
    {
    }

    public void SoftmaxBackward(long rows, int classes, bool log, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer dx)
    {
    }

    public void CrossEntropyForward(in LabelGeometry g, float smoothing, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer? weights, DeviceBuffer losses, DeviceBuffer logSumExp)
    {
    }

    public void CrossEntropyBackward(in LabelGeometry g, float smoothing, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer? weights, DeviceBuffer logSumExp, DeviceBuffer dlosses, DeviceBuffer dx)
    {
    }

    public void MulticlassHingeForward(in LabelGeometry g, float margin, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer? weights, DeviceBuffer losses)
    {
    }

    public void MulticlassHingeBackward(in LabelGeometry g, float margin, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer? weights, DeviceBuffer dlosses, DeviceBuffer dx)
    {
    }

    public void LabelWeights(in LabelGeometry g, DeviceBuffer labels, DeviceBuffer? weights, DeviceBuffer y)
    {
    }

    public void Forward(LossOp op, DeviceBuffer x, DeviceBuffer target, DeviceBuffer losses)
    {
    }

    public void Backward(LossOp op, DeviceBuffer x, DeviceBuffer target, DeviceBuffer dlosses, DeviceBuffer dx)
    {
    }

    public void Sum(in ReduceGeometry g, float scale, DeviceBuffer x, DeviceBuffer y)
    {
    }

    public void Expand(in ReduceGeometry g, float scale, DeviceBuffer dy, DeviceBuffer dx)
    {
    }

    public void SumOfSquares(DeviceBuffer x, DeviceBuffer y)
    {
    }

    public void ArgMax(long rows, int classes, DeviceBuffer x, DeviceBuffer indices)
    {
    }

    public void NearestForward(in UpsampleGeometry g, DeviceBuffer x, DeviceBuffer y)
    {
    }

    public void NearestBackward(in UpsampleGeometry g, DeviceBuffer dy, DeviceBuffer dx)
    {
    }

    public void BilinearForward(in UpsampleGeometry g, DeviceBuffer x, DeviceBuffer y)
    {
    }

    public void BilinearBackward(in UpsampleGeometry g, DeviceBuffer dy, DeviceBuffer dx)
    {
    }

    public void Multiply(in SparseGeometry g, DeviceBuffer offsets, DeviceBuffer columns, DeviceBuffer values, DeviceBuffer x, DeviceBuffer y)
    {
    }

    public void Gather(in ImageGeometry g, DeviceBuffer images, DeviceBuffer placements, DeviceBuffer scaleOffset, DeviceBuffer y)
    {
    }

    public void Sgd(in SgdStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer? velocity)
    {
    }

    public void AdaGrad(in AdaGradStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer sum)
    {
    }

    public void RmsProp(in RmsPropStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer square, DeviceBuffer? velocity)
    {
    }

    public void Adam(in AdamStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer mean, DeviceBuffer square)
    {
    }

    public void ForwardBatchNorm(in ConvGeometry g, in BatchNormGeometry norm, DeviceBuffer x, DeviceBuffer w, DeviceBuffer? b, DeviceBuffer weight, DeviceBuffer bias, DeviceBuffer runningMean, DeviceBuffer runningVariance, DeviceBuffer? add, DeviceBuffer y)
    {
    }
}
