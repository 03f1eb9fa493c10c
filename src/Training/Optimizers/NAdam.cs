using CnnSharp.Kernels;

namespace CnnSharp.Training;

/// <summary>Settings of <see cref="NAdam"/>. The learning rate is 2e-3 by default.</summary>
public sealed record NAdamOptions : OptimizerOptions
{
    /// <summary>The defaults.</summary>
    public NAdamOptions() => LearningRate = 2e-3;

    /// <summary>The share of the running mean that is kept, within [0, 1); default 0.9.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>The share of the running square that is kept, within [0, 1); default 0.999.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the root, at least 0; default 1e-8.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>How soon the momentum grows from half of Beta1 to all of it, at least 0; default 4e-3.</summary>
    public double MomentumDecay { get; init; } = 4e-3;

    /// <inheritdoc/>
    public override Optimizer Create(IReadOnlyList<ParameterGroup> groups) => new NAdam(groups, this);

    internal override void Validate()
    {
        base.Validate();
        Check((float)Beta1 is >= 0 and < 1, nameof(Beta1), Beta1, "within [0, 1)");
        Check((float)Beta2 is >= 0 and < 1, nameof(Beta2), Beta2, "within [0, 1)");
        Check((float)Epsilon is >= 0 and <= float.MaxValue, nameof(Epsilon), Epsilon, "at least 0");
        Check(MomentumDecay is >= 0 and < double.PositiveInfinity, nameof(MomentumDecay), MomentumDecay, "at least 0");
    }
}

/// <summary>
/// Adam with Nesterov's momentum (Dozat 2016). With g' = gradient + WeightDecay w, mean and square as in <see cref="Adam"/>, and
/// mu(t) = Beta1 (1 - 0.96^(t MomentumDecay) / 2), p(t) = mu(1) ... mu(t), at step t
/// w -= rate (mu(t + 1) / (1 - p(t + 1)) mean + (1 - mu(t)) / (1 - p(t)) g') / (sqrt(square / (1 - Beta2^t)) + Epsilon).
/// </summary>
public sealed class NAdam : Optimizer
{
    readonly NAdamOptions options;

    // products[t] = mu(1) ... mu(t): of the steps so far, computed anew by a run that is resumed.
    readonly List<double> products = [1];

    /// <summary>Creates an optimizer.</summary>
    /// <exception cref="ArgumentException">A setting is out of its range, there are no parameters, or one occurs twice.</exception>
    public NAdam(IReadOnlyList<ParameterGroup> groups, NAdamOptions options)
        : base(groups, options, "mean", "square") => this.options = options;

    /// <summary>Creates an optimizer of one group; the settings are those of <see cref="NAdamOptions"/>.</summary>
    public NAdam(IEnumerable<Tensor> parameters, double learningRate = 2e-3, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8, double weightDecay = 0, double momentumDecay = 4e-3)
        : this([new ParameterGroup(parameters)], new NAdamOptions { LearningRate = learningRate, Beta1 = beta1, Beta2 = beta2, Epsilon = epsilon, WeightDecay = weightDecay, MomentumDecay = momentumDecay })
    {
    }

    /// <inheritdoc/>
    protected override void Update(Tensor parameter, DeviceBuffer gradient, ReadOnlySpan<Tensor> state, in StepValues step)
    {
        var t = (int)Math.Min(step.Number, int.MaxValue - 2);
        while (products.Count <= t + 1) products.Add(products[^1] * Mu(products.Count));
        var settings = new AdamStep(
            step.LearningRate,
            (float)options.Beta1,
            (float)options.Beta2,
            (float)options.Epsilon,
            step.WeightDecay,
            Decoupled: false,
            Correction1: (1 - products[t + 1]) / Mu(t + 1),
            Correction2: 1 - Math.Pow(options.Beta2, step.Number),
            step.GradientScale,
            GradientShare: (1 - Mu(t)) / (1 - products[t]));
        Device.Kernels.Optimizers.Adam(settings, parameter.Data, gradient, state[0].Data, state[1].Data);
    }

    double Mu(int t) => options.Beta1 * (1 - (0.5 * Math.Pow(0.96, t * options.MomentumDecay)));
}
