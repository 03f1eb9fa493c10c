using CnnSharp.Kernels;

namespace CnnSharp.Layers;

/// <summary>
/// Decides whether training runs a branch of a residual network (Huang et al. 2016, "Deep networks with stochastic depth",
/// arXiv 1603.09382): once for a whole batch, so that what is dropped costs nothing. The network asks <see cref="Drops"/>
/// before it runs the branch and hands the branch's result through Forward, which in inference multiplies it by the
/// probability of survival. Any shape.
/// </summary>
/// <remarks>What is drawn is a function of (seed, step, layer), as for <see cref="Dropout"/>.</remarks>
public sealed class StochasticDepth : Layer, IRandomized
{
    ulong seed = Generator.Default.NextUInt64();
    ulong step;
    uint layer;

    /// <summary>Creates the layer.</summary>
    /// <param name="survival">The probability that the branch is run.</param>
    /// <exception cref="ArgumentOutOfRangeException">The probability is not above 0 and at most 1.</exception>
    public StochasticDepth(double survival)
    {
        if (!((float)survival is > 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(survival), survival, "StochasticDepth: the probability of survival must be above 0 and at most 1.");
        Survival = survival;
    }

    /// <summary>The probability that the branch is run.</summary>
    public double Survival { get; }

    /// <inheritdoc/>
    public void ManualSeed(ulong seed, ulong step, uint layer) => (this.seed, this.step, this.layer) = (seed, step, layer);

    /// <inheritdoc/>
    public (ulong Seed, ulong Step, uint Layer) Drawing => (seed, step, layer);

    /// <summary>Draws, in training: whether this step goes without the branch. Never in inference.</summary>
    public bool Drops() => IsTraining && new Generator(seed, Philox.Stream(step++, layer)).Uniform() >= Survival;

    /// <inheritdoc/>
    protected override string Describe() => FormattableString.Invariant($"{Survival}");

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => IsTraining ? x : Functional.MultiplyScalar(x, Survival);
}
