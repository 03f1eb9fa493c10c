using CnnSharp.Kernels;

namespace CnnSharp.Training;

/// <summary>Settings of <see cref="NAdam"/>: those of Adam, with a learning rate of 2e-3 by default, and how its momentum grows.</summary>
public sealed record NAdamOptions : AdamOptions
{
    /// <summary>The defaults.</summary>
    public NAdamOptions() => LearningRate = 2e-3;

    /// <summary>How soon the momentum grows from half of Beta1 to all of it, at least 0; default 4e-3.</summary>
    public double MomentumDecay { get; init; } = 4e-3;

    /// <inheritdoc/>
    public override Optimizer Create(IReadOnlyList<ParameterGroup> groups) => new NAdam(groups, this);

    internal override void Validate()
    {
        base.Validate();
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

    // products[t] = mu(1) ... mu(t), as far as they are above 0: of the steps so far, computed anew by a run that is resumed.
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
        var t = step.Number;
        var settings = new AdamStep(
            step.LearningRate,
            (float)options.Beta1,
            (float)options.Beta2,
            (float)options.Epsilon,
            step.WeightDecay,
            Decoupled: false,
            Correction1: (1 - Product(t + 1)) / Mu(t + 1),
            Correction2: 1 - Math.Pow(options.Beta2, t),
            step.GradientScale,
            GradientShare: (1 - Mu(t)) / (1 - Product(t)));
        Device.Kernels.Optimizers.Adam(settings, parameter.Data, gradient, state[0].Data, state[1].Data);
    }

    double Product(long t)
    {
        while (products.Count <= t && products[^1] > 0) products.Add(products[^1] * Mu(products.Count));
        return t < products.Count ? products[(int)t] : 0;
    }

    double Mu(long t) => options.Beta1 * (1 - (0.5 * Math.Pow(0.96, t * options.MomentumDecay)));
}
