using System.Diagnostics;
using CnnSharp.Kernels;

namespace CnnSharp;

/// <summary>How a convolution steps over its input.</summary>
public sealed record Conv2dOptions
{
    /// <summary>Rows and columns of the input between two outputs; default 1.</summary>
    public Size2d Stride { get; init; } = 1;

    /// <summary>Zeros around the input, each side on its own; default 0.</summary>
    public Padding2d Padding { get; init; }

    /// <summary>Rows and columns of the input between two of the kernel; default 1.</summary>
    public Size2d Dilation { get; init; } = 1;

    /// <summary>Output channels see only the input channels of their group; default 1, depthwise at the number of channels.</summary>
    public int Groups { get; init; } = 1;
}

/// <summary>The operations on tensors, each with its gradient beside it.</summary>
public static partial class Functional
{
    /// <summary>y[n,i,j,k] = b[k] + sum over r,s,c of x[n, i stride + r dilation - top, j stride + s dilation - left, c] w[r,s,c,k].</summary>
    /// <param name="x">[N, H, W, C].</param>
    /// <param name="w">[kh, kw, C / groups, K].</param>
    /// <param name="b">[K], or null.</param>
    /// <param name="options">Stride, padding, dilation, groups; null for their defaults.</param>
    /// <param name="activation">Applied to the result in the same pass.</param>
    /// <returns>[N, OutH, OutW, K].</returns>
    /// <exception cref="ShapeException">The shapes and options do not fit; the message gives them.</exception>
    public static Tensor Conv2d(Tensor x, Tensor w, Tensor? b = null, Conv2dOptions? options = null, Activation activation = Activation.None)
    {
        options ??= new();
        var g = ConvGeometry.Create(x.Shape.AsSpan(), w.Shape.AsSpan(), options.Stride, options.Padding, options.Dilation, options.Groups);
        CheckVector("Conv2d", "bias", b, g.K);
        CheckTogether("Conv2d", x, w);
        return new Conv2dOperation(g, activation).Apply(x, w, b);
    }

    /// <summary>The gradient before a fused activation, in a buffer to release after use.</summary>
    internal static DeviceBuffer ThroughActivation(Activation activation, BackwardContext c)
    {
        var dy = c.OutputGradient;
        if (activation == Activation.None) return dy.Retain();
        var dz = c.Gradients.Writable(dy);
        c.Kernels.Elementwise.UnaryBackward(UnaryOp.Relu, 0, c.Output.Data, c.Output.Data, dy, dz);
        return dz;
    }

    static void CheckVector(string operation, string what, Tensor? vector, int length)
    {
        if (vector is not null && (vector.Shape.Rank != 1 || vector.Shape[0] != length))
            throw new ShapeException(operation, $"expected the {what} to be [{length}], got {vector.Shape}.");
    }

    /// <summary>That an input and what it is computed with are on one device, and of one type.</summary>
    internal static void CheckTogether(string operation, Tensor x, Tensor other, string what = "weights")
    {
        // An input without elements asks a model on any device for its shapes.
        if (!x.Device.Engine.HasElements) return;
        if (x.Device.Engine != other.Device.Engine)
            throw new ShapeException(operation, $"the input {x.Shape} is on {x.Device}, the {what} {other.Shape} on {other.Device}; Tensor.To brings one to the other's device.");
        if (x.DType != other.DType)
            throw new ShapeException(operation, $"the input {x.Shape} is {x.DType}, the {what} {other.Shape} {other.DType}.");
    }
}

/// <summary><see cref="Functional.Conv2d"/> of x, w and, if there is one, b.</summary>
sealed record Conv2dOperation(ConvGeometry Geometry, Activation Activation) : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => new(Geometry.N, Geometry.OutH, Geometry.OutW, Geometry.K);

    public override void Forward(ForwardContext c) => c.Kernels.Convolution.Forward(Geometry, c.Data(0), c.Data(1), c.DataOrNull(2), c.Output.Data, Activation);

    public override void Backward(BackwardContext c)
    {
        var (x, w, b, gradients) = (c[0], c[1], c.Optional(2), c.Gradients);
        var dz = Functional.ThroughActivation(Activation, c);
        if (gradients.Wants(w)) c.Kernels.Convolution.BackwardWeight(Geometry, x.Data, dz, gradients.For(w));
        if (gradients.Wants(b)) c.Kernels.Convolution.BackwardBias((long)Geometry.N * Geometry.OutH * Geometry.OutW, Geometry.K, dz, gradients.For(b!));
        if (gradients.Wants(x)) c.Kernels.Convolution.BackwardInput(Geometry, dz, w.Data, gradients.For(x, out var accumulate), accumulate);
        dz.Release();
    }
}

/// <summary>
/// A convolution and what follows it in inference, where nothing is recorded: x, w, b or null; weight, bias, running mean and variance of
/// its normalization, or nulls; addend or null.
/// </summary>
sealed record FusedConv2dOperation(ConvGeometry Geometry) : Operation
{
    const int FirstOfNorm = 3, Add = 7;

    /// <summary>The normalization.</summary>
    public BatchNormGeometry? Norm { get; init; }

    /// <summary>After the addend.</summary>
    public UnaryOp? Function { get; init; }

    /// <summary>The function's parameter.</summary>
    public float Parameter { get; init; }

    /// <summary>What the result is clamped to.</summary>
    public (float Min, float Max)? Bounds { get; init; }

    /// <summary>Whether nothing follows the sums, or the normalization, or the addend yet.</summary>
    public bool EndsLinear => Norm?.Activation is null or Activation.None && Function is null && Bounds is null;

    /// <summary>What a convolution reads, and nothing else.</summary>
    public static Tensor?[] Alone(Tensor?[] inputs) => [inputs[0], inputs[1], inputs[2], null, null, null, null, null];

    /// <summary>With a normalization of the sums.</summary>
    public static Tensor?[] WithNorm(Tensor?[] inputs, ReadOnlySpan<Tensor?> norm) => [.. inputs.AsSpan(0, FirstOfNorm), norm[1], norm[2], norm[4], norm[5], norm[3]];

    /// <summary>Whether something is added.</summary>
    public static bool HasAdd(Tensor?[] inputs) => inputs[Add] is not null;

    /// <summary>With an addend; null if there is none, or one already.</summary>
    public static Tensor?[]? WithAdd(Tensor?[] inputs, Tensor? addend) => addend is null || HasAdd(inputs) ? null : [.. inputs.AsSpan(0, Add), addend];

    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => new(Geometry.N, Geometry.OutH, Geometry.OutW, Geometry.K);

    public override void Forward(ForwardContext c)
        => c.Kernels.Convolution.ForwardFused(
            Geometry,
            c.Data(0),
            c.Data(1),
            c.DataOrNull(2),
            new()
            {
                Norm = Norm is { } norm ? new(norm, c.Data(FirstOfNorm), c.Data(FirstOfNorm + 1), c.Data(FirstOfNorm + 2), c.Data(FirstOfNorm + 3)) : null,
                Add = c.DataOrNull(Add),
                Function = Function,
                Parameter = Parameter,
                Bounds = Bounds,
            },
            c.Output.Data);

    public override void Backward(BackwardContext c) => throw new UnreachableException("Nothing is recorded here.");
}
