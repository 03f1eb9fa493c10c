using CnnSharp.Kernels;

namespace CnnSharp.Training;

/// <summary>Settings of <see cref="AdaMax"/>. The learning rate is 2e-3 by default.</summary>
public sealed record AdaMaxOptions : OptimizerOptions
{
    /// <summary>The defaults.</summary>
    public AdaMaxOptions() => LearningRate = 2e-3;

    /// <summary>The share of the running mean that is kept, within [0, 1); default 0.9.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>The share of the running maximum that is kept, within [0, 1); default 0.999.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the size of the gradient, above 0; default 1e-8.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <inheritdoc/>
    public override Optimizer Create(IReadOnlyList<ParameterGroup> groups) => new AdaMax(groups, this);

    internal override void Validate()
    {
        base.Validate();
        Check((float)Beta1 is >= 0 and < 1, nameof(Beta1), Beta1, "within [0, 1)");
        Check((float)Beta2 is >= 0 and < 1, nameof(Beta2), Beta2, "within [0, 1)");
        Check((float)Epsilon is > 0 and <= float.MaxValue, nameof(Epsilon), Epsilon, "above 0");
    }
}

/// <summary>
/// AdaMax (Kingma and Ba 2015, section 7.1): Adam by the largest gradient in place of the mean square. With g' = gradient + WeightDecay w:
/// mean = Beta1 mean + (1 - Beta1) g'; most = max(Beta2 most, |g'| + Epsilon); at step t w -= rate / (1 - Beta1^t) mean / most.
/// </summary>
public sealed class AdaMax : Optimizer
{
    readonly AdaMaxOptions options;

    /// <summary>Creates an optimizer.</summary>
    /// <exception cref="ArgumentException">A setting is out of its range, there are no parameters, or one occurs twice.</exception>
    public AdaMax(IReadOnlyList<ParameterGroup> groups, AdaMaxOptions options)
        : base(groups, options, "mean", "most") => this.options = options;

    /// <summary>Creates an optimizer of one group; the settings are those of <see cref="AdaMaxOptions"/>.</summary>
    public AdaMax(IEnumerable<Tensor> parameters, double learningRate = 2e-3, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8, double weightDecay = 0)
        : this([new ParameterGroup(parameters)], new AdaMaxOptions { LearningRate = learningRate, Beta1 = beta1, Beta2 = beta2, Epsilon = epsilon, WeightDecay = weightDecay })
    {
    }

    /// <inheritdoc/>
    protected override bool HasMomentum => true;

    /// <inheritdoc/>
    protected override void Update(Tensor parameter, DeviceBuffer gradient, ReadOnlySpan<Tensor> state, in StepValues step)
    {
        var beta1 = step.Momentum ?? (float)options.Beta1;
        Device.Kernels.Optimizers.AdaMax(
            new AdaMaxStep(step.LearningRate, beta1, (float)options.Beta2, (float)options.Epsilon, step.WeightDecay, 1 - Math.Pow(beta1, step.Number), step.GradientScale),
            parameter.Data,
            gradient,
            state[0].Data,
            state[1].Data);
    }
}
