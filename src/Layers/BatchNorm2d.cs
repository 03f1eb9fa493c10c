using CnnSharp.Kernels;

namespace CnnSharp.Layers;

/// <summary>
/// Batch normalization (Ioffe and Szegedy 2015): [N, ..., C] to the same shape, each channel scaled to mean 0 and
/// variance 1 over the batch and its pixels, then by a learned weight and bias. In inference the running statistics are
/// used. Parameters: weight [C] from 1, bias [C] from 0; buffers: runningMean [C] from 0, runningVariance [C] from 1.
/// </summary>
public sealed class BatchNorm2d : Layer
{
    /// <summary>Creates the layer.</summary>
    /// <param name="channels">C.</param>
    /// <param name="options">Epsilon and momentum; null for their defaults.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <exception cref="ShapeException">There is no channel.</exception>
    public BatchNorm2d(int channels, BatchNormOptions? options = null, Device? device = null)
    {
        if (channels < 1) throw new ShapeException("BatchNorm2d", $"expected at least 1 channel, got {channels}.");
        device ??= Device.Best();
        Options = options ?? new();
        Weight = Initializers.Ones.Parameter(new(channels), 1, 1, device);
        Bias = Initializers.Zeros.Parameter(new(channels), 1, 1, device);
        RunningMean = Tensor.Zeros(new(channels), device);
        RunningVariance = Tensor.Full(new(channels), 1, device);
    }

    /// <summary>[C].</summary>
    public Tensor Weight { get; }

    /// <summary>[C].</summary>
    public Tensor Bias { get; }

    /// <summary>[C]; moves towards each training batch's.</summary>
    public Tensor RunningMean { get; }

    /// <summary>[C], unbiased; moves towards each training batch's.</summary>
    public Tensor RunningVariance { get; }

    /// <summary>Epsilon and momentum.</summary>
    public BatchNormOptions Options { get; }

    /// <inheritdoc/>
    protected override string Describe() => FormattableString.Invariant($"{Weight.Count}, epsilon {Options.Epsilon}, momentum {Options.Momentum}");

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.BatchNorm(x, Weight, Bias, RunningMean, RunningVariance, IsTraining, Options);
}
