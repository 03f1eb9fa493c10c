using CnnSharp.Kernels;

namespace CnnSharp.Layers;

/// <summary>max(x, 0). Fused into the convolution, linear layer, batch normalization or addition of a shortcut before it. Any shape.</summary>
public sealed class Relu : Layer
{
    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.Relu(x);
}

/// <summary>x where x > 0, else slope x (Maas et al. 2013). Any shape.</summary>
/// <param name="negativeSlope">Default 0.01.</param>
public sealed class LeakyRelu(double negativeSlope = 0.01) : Layer
{
    /// <summary>Default 0.01.</summary>
    public double NegativeSlope { get; } = negativeSlope;

    /// <inheritdoc/>
    protected override string Describe() => FormattableString.Invariant($"{NegativeSlope}");

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.LeakyRelu(x, NegativeSlope);
}

/// <summary>x where x > 0, else alpha (exp(x) - 1) (Clevert et al. 2015). Any shape.</summary>
/// <param name="alpha">Default 1.</param>
public sealed class Elu(double alpha = 1) : Layer
{
    /// <summary>Default 1.</summary>
    public double Alpha { get; } = alpha;

    /// <inheritdoc/>
    protected override string Describe() => FormattableString.Invariant($"{Alpha}");

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.Elu(x, Alpha);
}

/// <summary>1 / (1 + exp(-x)). Any shape.</summary>
public sealed class Sigmoid : Layer
{
    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.Sigmoid(x);
}

/// <summary>tanh(x). Any shape.</summary>
public sealed class Tanh : Layer
{
    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.Tanh(x);
}

/// <summary>x Phi(x), Phi the normal distribution function (Hendrycks and Gimpel 2016). Any shape.</summary>
public sealed class Gelu : Layer
{
    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.Gelu(x);
}

/// <summary>x sigmoid(x), also called swish (Ramachandran et al. 2017). Any shape.</summary>
public sealed class Silu : Layer
{
    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.Silu(x);
}

/// <summary>log(1 + exp(x)). Any shape.</summary>
public sealed class Softplus : Layer
{
    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.Softplus(x);
}

/// <summary>The maximum of each group of neighboring channels (Goodfellow et al. 2013): [N, ..., C pieces] to [N, ..., C].</summary>
/// <param name="pieces">Channels a group has.</param>
public sealed class Maxout(int pieces) : Layer
{
    /// <summary>Channels a group has.</summary>
    public int Pieces { get; } = pieces;

    /// <inheritdoc/>
    protected override string Describe() => $"{Pieces}";

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.Maxout(x, Pieces);
}

/// <summary>x where x > 0, else w x with a learned slope (He et al. 2015, "Delving deep into rectifiers"). Parameter: weight [C] or [1].</summary>
public sealed class PRelu : Layer
{
    /// <summary>Creates the layer.</summary>
    /// <param name="channels">C for a slope a channel; default 1, one for all.</param>
    /// <param name="slope">Where the slopes begin; default 0.25.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <exception cref="ShapeException">There is no channel.</exception>
    public PRelu(int channels = 1, double slope = 0.25, Device? device = null)
    {
        if (channels < 1) throw new ShapeException("PRelu", $"expected at least 1 channel, got {channels}.");
        Weight = Initializers.Constant(slope).Parameter(new(channels), 1, 1, device);
    }

    /// <summary>[C] or [1].</summary>
    public Tensor Weight { get; }

    /// <inheritdoc/>
    protected override string Describe() => $"{Weight.Count}";

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.PRelu(x, Weight);
}
