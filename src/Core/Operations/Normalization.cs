using System.Diagnostics;
using CnnSharp.Kernels;

namespace CnnSharp;

/// <summary>The constants of batch normalization.</summary>
public sealed record BatchNormOptions
{
    /// <summary>Added to the variance; default 1e-5.</summary>
    public double Epsilon { get; init; } = 1e-5;

    /// <summary>The share that the running statistics take of each batch's; default 0.1.</summary>
    public double Momentum { get; init; } = 0.1;
}

/// <summary>The constants of local response normalization.</summary>
public sealed record LocalResponseNormOptions
{
    /// <summary>Channels in the window; default 5.</summary>
    public int Size { get; init; } = 5;

    /// <summary>The scale, divided by <see cref="Size"/>; default 1e-4.</summary>
    public double Alpha { get; init; } = 1e-4;

    /// <summary>The exponent; default 0.75.</summary>
    public double Beta { get; init; } = 0.75;

    /// <summary>The offset; default 2, as in the AlexNet paper (PyTorch's default is 1).</summary>
    public double K { get; init; } = 2;
}

public static partial class Functional
{
    /// <summary>
    /// y = act(weight (x - mean) / sqrt(variance + epsilon) + bias + add), each channel over the batch and its pixels
    /// (Ioffe and Szegedy 2015). In training mean and variance are this batch's and the running statistics move
    /// towards them; otherwise they are the running statistics.
    /// </summary>
    /// <param name="x">[N, ..., C].</param>
    /// <param name="weight">[C].</param>
    /// <param name="bias">[C].</param>
    /// <param name="runningMean">[C]; updated in training.</param>
    /// <param name="runningVariance">[C], unbiased; updated in training.</param>
    /// <param name="training">Whether the batch's own statistics are used.</param>
    /// <param name="options">Epsilon and momentum; null for their defaults.</param>
    /// <param name="activation">Applied to the result in the same pass.</param>
    /// <param name="add">Added before the activation in the same pass (a residual unit's shortcut), shaped like x; or null.</param>
    /// <returns>Shaped like x.</returns>
    /// <exception cref="ShapeException">The shapes do not fit, or a training batch has one value a channel.</exception>
    public static Tensor BatchNorm(Tensor x, Tensor weight, Tensor bias, Tensor runningMean, Tensor runningVariance, bool training, BatchNormOptions? options = null, Activation activation = Activation.None, Tensor? add = null)
    {
        const string Operation = "BatchNorm";
        var g = CheckBatchNorm(Operation, x.Shape, weight, bias, runningMean, runningVariance, options ?? new(), activation, add);
        CheckTogether(Operation, x, weight);
        if (training && g.Rows == 1) throw new ShapeException(Operation, $"training needs more than one value a channel, the input is {x.Shape}.");

        // A batch without values has no statistics and moves none.
        return new BatchNormOperation(g, training && g.Rows > 0).Apply(x, weight, bias, add, runningMean, runningVariance);
    }

    /// <summary>
    /// <see cref="BatchNorm"/> in inference of what <see cref="Conv2d"/> gives. Without recording in one pass over the
    /// result, where the device has one; the same values either way.
    /// </summary>
    /// <param name="x">[N, H, W, C].</param>
    /// <param name="w">[kh, kw, C / groups, K].</param>
    /// <param name="b">[K], or null.</param>
    /// <param name="options">Stride, padding, dilation, groups; null for their defaults.</param>
    /// <param name="weight">[K]; as those that follow: the normalization's.</param>
    /// <param name="bias">[K].</param>
    /// <param name="runningMean">[K].</param>
    /// <param name="runningVariance">[K].</param>
    /// <param name="normOptions">Epsilon; null for its default.</param>
    /// <param name="activation">Applied to the result in the same pass.</param>
    /// <param name="add">Added before the activation, shaped like the result; or null.</param>
    /// <returns>[N, OutH, OutW, K].</returns>
    /// <exception cref="ShapeException">The shapes and options do not fit; the message gives them.</exception>
    public static Tensor Conv2dBatchNorm(Tensor x, Tensor w, Tensor? b, Conv2dOptions? options, Tensor weight, Tensor bias, Tensor runningMean, Tensor runningVariance, BatchNormOptions? normOptions = null, Activation activation = Activation.None, Tensor? add = null)
    {
        if (Tape.IsRecording || Tape.Observer is not null) return BatchNorm(Conv2d(x, w, b, options), weight, bias, runningMean, runningVariance, training: false, normOptions, activation, add);
        options ??= new();
        var g = ConvGeometry.Create(x.Shape.AsSpan(), w.Shape.AsSpan(), options.Stride, options.Padding, options.Dilation, options.Groups);
        CheckVector("Conv2d", "bias", b, g.K);
        CheckTogether("Conv2d", x, w);
        var shape = new Shape(g.N, g.OutH, g.OutW, g.K);
        var norm = CheckBatchNorm("BatchNorm", shape, weight, bias, runningMean, runningVariance, normOptions ?? new(), activation, add);
        return new FusedConv2dOperation(g) { Norm = norm }.Apply(x, w, b, weight, bias, runningMean, runningVariance, add);
    }

    static BatchNormGeometry CheckBatchNorm(string operation, Shape x, Tensor weight, Tensor bias, Tensor runningMean, Tensor runningVariance, BatchNormOptions options, Activation activation, Tensor? add)
    {
        if (x.Rank < 2) throw new ShapeException(operation, $"expected an input [N, ..., C], got {x}.");
        var channels = x[^1];
        CheckVector(operation, "weight", weight, channels);
        CheckVector(operation, "bias", bias, channels);
        CheckVector(operation, "running mean", runningMean, channels);
        CheckVector(operation, "running variance", runningVariance, channels);
        if (add is not null && add.Shape != x) throw new ShapeException(operation, $"expected the addend to be shaped like the input {x}, got {add.Shape}.");
        return new(x.CountBefore(x.Rank - 1), channels, (float)options.Epsilon, (float)options.Momentum, activation);
    }

    /// <summary>The gradient of a [C] parameter that the kernel writes anyway: kept if wanted, else scratch. Release it after use.</summary>
    internal static DeviceBuffer VectorGradient(Tensor vector, Gradients gradients)
        => gradients.Wants(vector) ? gradients.For(vector).Retain() : vector.Device.Engine.Rent(vector.DType, vector.Count);

    /// <summary>y = x / (k + alpha / size sum of x^2 over the neighboring channels)^beta (Krizhevsky et al. 2012, section 3.3).</summary>
    /// <param name="x">[N, H, W, C].</param>
    /// <param name="options">Size, alpha, beta, k; null for their defaults.</param>
    /// <returns>Shaped like x.</returns>
    /// <exception cref="ShapeException">The window is empty or x has no channels.</exception>
    public static Tensor LocalResponseNorm(Tensor x, LocalResponseNormOptions? options = null)
    {
        options ??= new();
        if (x.Shape.Rank < 2) throw new ShapeException("LocalResponseNorm", $"expected an input [N, ..., C], got {x.Shape}.");
        if (options.Size < 1) throw new ShapeException("LocalResponseNorm", $"the window must be at least 1 channel, got {options.Size}.");
        var g = new LrnGeometry(x.Shape.CountBefore(x.Shape.Rank - 1), x.Shape[^1], options.Size, (float)options.Alpha, (float)options.Beta, (float)options.K);
        return new LocalResponseNormOperation(g).Apply(x);
    }
}

/// <summary><see cref="Functional.BatchNorm"/> of x, weight, bias, the addend or null, and the running mean and variance.</summary>
sealed record BatchNormOperation(BatchNormGeometry Geometry, bool IsTraining) : Operation
{
    /// <summary>Whether the running statistics move in training.</summary>
    bool MovesStatistics { get; init; } = true;

    internal override bool Updates(int input) => IsTraining && input is 4 or 5;

    internal override Operation WithoutEffects => IsTraining && MovesStatistics ? this with { MovesStatistics = false } : this;

    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => inputs[0]!.Shape;

    public override void Forward(ForwardContext c)
    {
        if (!IsTraining)
        {
            c.Kernels.Normalization.BatchNormInference(Geometry, c.Data(0), c.Data(1), c.Data(2), c.Data(4), c.Data(5), c.DataOrNull(3), c.Output.Data);
            return;
        }

        DeviceBuffer mean = c.Save(c[0].DType, Geometry.Channels), invStd = c.Save(c[0].DType, Geometry.Channels);
        DeviceBuffer runningMean = MovesStatistics ? c.Data(4).Retain() : Zeros(c, 4), runningVariance = MovesStatistics ? c.Data(5).Retain() : Zeros(c, 5);
        c.Kernels.Normalization.BatchNormForward(Geometry, c.Data(0), c.Data(1), c.Data(2), runningMean, runningVariance, c.DataOrNull(3), c.Output.Data, mean, invStd);
        runningMean.Release();
        runningVariance.Release();
    }

    static DeviceBuffer Zeros(ForwardContext c, int input)
    {
        var zeros = c.Output.Device.Engine.Rent(c[input].DType, c[input].Count);
        c.Kernels.Memory.Fill(zeros, 0);
        return zeros;
    }

    public override void Backward(BackwardContext c)
    {
        var (x, weight, bias, add, y, dy, gradients) = (c[0], c[1], c[2], c.Optional(3), c.Output, c.OutputGradient, c.Gradients);
        var (dw, db) = (Functional.VectorGradient(weight, gradients), Functional.VectorGradient(bias, gradients));
        var dadd = gradients.Wants(add) ? gradients.Reuse(add!, dy) : null;
        var dx = gradients.Wants(x) ? gradients.For(x) : null;
        if (IsTraining) c.Kernels.Normalization.BatchNormBackward(Geometry, x.Data, y.Data, dy, weight.Data, c.Saved(0), c.Saved(1), dx, dadd, dw, db);
        else c.Kernels.Normalization.BatchNormInferenceBackward(Geometry, x.Data, y.Data, dy, weight.Data, c[4].Data, c[5].Data, dx, dadd, dw, db);
        dw.Release();
        db.Release();
    }
}

/// <summary><see cref="Functional.LocalResponseNorm"/> of x.</summary>
sealed record LocalResponseNormOperation(LrnGeometry Geometry) : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => inputs[0]!.Shape;

    public override void Forward(ForwardContext c) => c.Kernels.Normalization.LrnForward(Geometry, c.Data(0), c.Output.Data, c.Save(c[0].DType, c[0].Count));

    public override void Backward(BackwardContext c) => c.Kernels.Normalization.LrnBackward(Geometry, c[0].Data, c.Output.Data, c.Saved(0), c.OutputGradient, c.Gradients.For(c[0]));
}
