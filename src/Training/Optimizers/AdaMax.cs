using CnnSharp.Kernels;

namespace CnnSharp.Training;

/// <summary>
/// Settings of <see cref="AdaMax"/>: those of Adam, with a learning rate of 2e-3 by default. Beta2 is the share of the running maximum that is kept,
/// Epsilon, which must be above 0, is added to the size of the gradient.
/// </summary>
public sealed record AdaMaxOptions : AdamOptions
{
    /// <summary>The defaults.</summary>
    public AdaMaxOptions() => LearningRate = 2e-3;

    /// <inheritdoc/>
    public override Optimizer Create(IReadOnlyList<ParameterGroup> groups) => new AdaMax(groups, this);

    internal override void Validate()
    {
        base.Validate();
        Check((float)Epsilon > 0, nameof(Epsilon), Epsilon, "above 0");
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
