namespace CnnSharp.Kernels;

/// <summary>
/// What follows a convolution in inference, in this order, each where it is given: a batch normalization, an addend, a function, bounds.
/// See <see cref="IConvolutionKernels.ForwardFused"/>.
/// </summary>
public readonly record struct ConvolutionEpilogue
{
    /// <summary>The normalization of the sums; its activation comes after the addend.</summary>
    public BatchNormFactors? Norm { get; init; }

    /// <summary>Added, shaped as the result.</summary>
    public DeviceBuffer? Add { get; init; }

    /// <summary>A function of one number.</summary>
    public UnaryOp? Function { get; init; }

    /// <summary>The function's parameter.</summary>
    public float Parameter { get; init; }

    /// <summary>What the result is clamped to.</summary>
    public (float Min, float Max)? Bounds { get; init; }

    /// <summary>Does it to a convolution's result, one after the other.</summary>
    /// <param name="kernels">The device's primitives.</param>
    /// <param name="y">The result.</param>
    internal void Apply(IKernels kernels, DeviceBuffer y)
    {
        if (Norm is { } norm) kernels.Normalization.BatchNormInference(norm.Geometry, y, norm.Weight, norm.Bias, norm.RunningMean, norm.RunningVariance, Add, y);
        else if (Add is not null) kernels.Elementwise.AddScaled(1, Add, y);
        if (Function is { } function) kernels.Elementwise.Unary(function, Parameter, y, y);
        if (Bounds is var (min, max)) kernels.Elementwise.Clamp(min, max, y, y);
    }
}

/// <summary>What <see cref="INormalizationKernels.BatchNormInference"/> reads beside its input.</summary>
/// <param name="Geometry">Of the normalization.</param>
/// <param name="Weight">[Channels], as those that follow.</param>
/// <param name="Bias">After the weight.</param>
/// <param name="RunningMean">The statistics.</param>
/// <param name="RunningVariance">Their variance.</param>
public readonly record struct BatchNormFactors(BatchNormGeometry Geometry, DeviceBuffer Weight, DeviceBuffer Bias, DeviceBuffer RunningMean, DeviceBuffer RunningVariance);
