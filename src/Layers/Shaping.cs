using CnnSharp.Kernels;

namespace CnnSharp.Layers;

/// <summary>All axes from one on as one: [N, H, W, C] to [N, H W C].</summary>
/// <param name="start">The first axis that is merged; default 1.</param>
public sealed class Flatten(int start = 1) : Layer
{
    /// <summary>The first axis that is merged.</summary>
    public int Start { get; } = start;

    /// <inheritdoc/>
    protected override string Describe() => Start == 1 ? "" : $"from axis {Start}";

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.Flatten(x, Start);
}

/// <summary>Rows and columns of a constant around each image: [N, H, W, C] to [N, H + top + bottom, W + left + right, C].</summary>
/// <param name="padding">How many on each side; negative ones crop.</param>
/// <param name="value">The constant; default 0.</param>
public sealed class Pad2d(Padding2d padding, double value = 0) : Layer
{
    /// <summary>How many on each side.</summary>
    public Padding2d Padding { get; } = padding;

    /// <summary>The constant.</summary>
    public double Value { get; } = value;

    /// <inheritdoc/>
    protected override string Describe() => FormattableString.Invariant($"{Padding}, value {Value}");

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.Pad2d(x, Padding, Value);
}

/// <summary>Hands its input on.</summary>
public sealed class Identity : Layer
{
    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => x;
}

/// <summary>A function of tensors as a layer; it has no parameters.</summary>
/// <param name="function">What <see cref="Layer.Forward"/> computes.</param>
public sealed class Lambda(Func<Tensor, Tensor> function) : Layer
{
    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => function(x);
}
