using CnnSharp.Kernels;

namespace CnnSharp.Training;

/// <summary>Settings of <see cref="Lion"/>. The learning rate is 1e-4 by default: a third to a tenth of AdamW's, with a weight decay as many times larger.</summary>
public sealed record LionOptions : OptimizerOptions
{
    /// <summary>The defaults.</summary>
    public LionOptions() => LearningRate = 1e-4;

    /// <summary>The share of the running mean in what a step is the sign of, within [0, 1); default 0.9.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>The share of the running mean that is kept, within [0, 1); default 0.99.</summary>
    public double Beta2 { get; init; } = 0.99;

    /// <inheritdoc/>
    public override Optimizer Create(IReadOnlyList<ParameterGroup> groups) => new Lion(groups, this);

    internal override void Validate()
    {
        base.Validate();
        Check((float)Beta1 is >= 0 and < 1, nameof(Beta1), Beta1, "within [0, 1)");
        Check((float)Beta2 is >= 0 and < 1, nameof(Beta2), Beta2, "within [0, 1)");
    }
}

/// <summary>
/// Lion (Chen et al. 2023, "Symbolic discovery of optimization algorithms", arXiv 2302.06675): every weight moves as far. w -= rate WeightDecay w;
/// w -= rate sign(Beta1 mean + (1 - Beta1) gradient); mean = Beta2 mean + (1 - Beta2) gradient.
/// </summary>
public sealed class Lion : Optimizer
{
    readonly LionOptions options;

    /// <summary>Creates an optimizer.</summary>
    /// <exception cref="ArgumentException">A setting is out of its range, there are no parameters, or one occurs twice.</exception>
    public Lion(IReadOnlyList<ParameterGroup> groups, LionOptions options)
        : base(groups, options, "mean") => this.options = options;

    /// <summary>Creates an optimizer of one group; the settings are those of <see cref="LionOptions"/>.</summary>
    public Lion(IEnumerable<Tensor> parameters, double learningRate = 1e-4, double beta1 = 0.9, double beta2 = 0.99, double weightDecay = 0)
        : this([new ParameterGroup(parameters)], new LionOptions { LearningRate = learningRate, Beta1 = beta1, Beta2 = beta2, WeightDecay = weightDecay })
    {
    }

    /// <inheritdoc/>
    protected override bool HasMomentum => true;

    private protected override bool IsDecoupled(Tensor parameter) => true;

    /// <inheritdoc/>
    protected override void Update(Tensor parameter, DeviceBuffer gradient, ReadOnlySpan<Tensor> state, in StepValues step)
        => Device.Kernels.Optimizers.Lion(
            new LionStep(step.LearningRate, step.Momentum ?? (float)options.Beta1, (float)options.Beta2, step.WeightDecay, step.GradientScale),
            parameter.Data,
            gradient,
            state[0].Data);
}
