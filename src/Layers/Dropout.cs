using CnnSharp.Kernels;

namespace CnnSharp.Layers;

/// <summary>
/// In training zeroes each element with a probability and scales the rest by 1 / (1 - probability) (Srivastava et al. 2014);
/// in inference hands its input on. Any shape.
/// </summary>
/// <remarks>
/// The mask is a function of (seed, step, layer), the same on every device. <see cref="Layer.ManualSeed"/> sets them for a
/// whole model; until then the seed comes from <see cref="Generator.Default"/>. The step counts on with each training Forward.
/// </remarks>
public sealed class Dropout : Layer, IRandomized
{
    ulong seed = Generator.Default.NextUInt64();
    ulong step;
    uint layer;

    /// <summary>Creates the layer.</summary>
    /// <param name="probability">Of an element to be dropped: at least 0, less than 1; default 0.5.</param>
    /// <exception cref="ArgumentOutOfRangeException">The probability is outside [0, 1).</exception>
    public Dropout(double probability = 0.5)
    {
        if (!((float)probability is >= 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(probability), probability, "Dropout: the probability must be at least 0 and less than 1.");
        Probability = probability;
    }

    /// <summary>Of an element to be dropped.</summary>
    public double Probability { get; }

    /// <inheritdoc/>
    public void ManualSeed(ulong seed, ulong step, uint layer) => (this.seed, this.step, this.layer) = (seed, step, layer);

    /// <inheritdoc/>
    public (ulong Seed, ulong Step, uint Layer) Drawing => (seed, step, layer);

    /// <inheritdoc/>
    protected override string Describe() => FormattableString.Invariant($"{Probability}");

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
        => IsTraining && Probability > 0 ? Functional.Dropout(x, Probability, seed, Philox.Stream(step++, layer)) : x;
}
