using CnnSharp.Kernels;

namespace CnnSharp.Training;

/// <summary>Settings of <see cref="RmsProp"/>.</summary>
public sealed record RmsPropOptions : OptimizerOptions
{
    /// <summary>The defaults.</summary>
    public RmsPropOptions() => LearningRate = 1e-2;

    /// <summary>The share of the running square that is kept, within [0, 1); default 0.99.</summary>
    public double Decay { get; init; } = 0.99;

    /// <summary>Added to the root, at least 0; default 1e-8.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>The share of the velocity that is kept, within [0, 1); default 0.</summary>
    public double Momentum { get; init; }

    /// <inheritdoc/>
    public override Optimizer Create(IReadOnlyList<ParameterGroup> groups) => new RmsProp(groups, this);

    internal override void Validate()
    {
        base.Validate();
        Check((float)Decay is >= 0 and < 1, nameof(Decay), Decay, "within [0, 1)");
        Check((float)Epsilon is >= 0 and <= float.MaxValue, nameof(Epsilon), Epsilon, "at least 0");
        Check((float)Momentum is >= 0 and < 1, nameof(Momentum), Momentum, "within [0, 1)");
    }
}

/// <summary>
/// RMSProp (Hinton 2012, lecture 6e). With g' = gradient + WeightDecay w: square = Decay square + (1 - Decay) g'^2;
/// d = g' / (sqrt(square) + Epsilon); w -= rate d, with momentum v = Momentum v + d; w -= rate v.
/// </summary>
public sealed class RmsProp : Optimizer
{
    readonly RmsPropOptions options;

    /// <summary>Creates an optimizer.</summary>
    /// <exception cref="ArgumentException">A setting is out of its range, there are no parameters, or one occurs twice.</exception>
    public RmsProp(IReadOnlyList<ParameterGroup> groups, RmsPropOptions options)
        : base(groups, options, options.Momentum == 0 ? ["square"] : ["square", "velocity"]) => this.options = options;

    /// <summary>Creates an optimizer of one group; the settings are those of <see cref="RmsPropOptions"/>.</summary>
    public RmsProp(IEnumerable<Tensor> parameters, double learningRate = 1e-2, double decay = 0.99, double epsilon = 1e-8, double momentum = 0, double weightDecay = 0)
        : this([new ParameterGroup(parameters)], new RmsPropOptions { LearningRate = learningRate, Decay = decay, Epsilon = epsilon, Momentum = momentum, WeightDecay = weightDecay })
    {
    }

    /// <inheritdoc/>
    protected override bool HasMomentum => options.Momentum > 0;

    /// <inheritdoc/>
    protected override void Update(Tensor parameter, DeviceBuffer gradient, ReadOnlySpan<Tensor> state, in StepValues step)
        => Device.Kernels.Optimizers.RmsProp(
            new RmsPropStep(step.LearningRate, (float)options.Decay, (float)options.Epsilon, step.Momentum ?? (float)options.Momentum, step.WeightDecay, step.GradientScale),
            parameter.Data,
            gradient,
            state[0].Data,
            state.Length > 1 ? state[1].Data : null);
}
