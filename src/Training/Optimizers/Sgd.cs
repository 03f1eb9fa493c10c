using CnnSharp.Kernels;

namespace CnnSharp.Training;

/// <summary>Settings of <see cref="Sgd"/>.</summary>
public sealed record SgdOptions : OptimizerOptions
{
    /// <summary>The share of the velocity that is kept, within [0, 1); default 0.</summary>
    public double Momentum { get; init; }

    /// <summary>Whether the step looks ahead along the velocity (Nesterov); needs momentum. Default false.</summary>
    public bool Nesterov { get; init; }

    /// <inheritdoc/>
    public override Optimizer Create(IReadOnlyList<ParameterGroup> groups) => new Sgd(groups, this);

    internal override void Validate()
    {
        base.Validate();
        Check((float)Momentum is >= 0 and < 1, nameof(Momentum), Momentum, "within [0, 1)");
        Check(!Nesterov || Momentum > 0, nameof(Momentum), Momentum, "above 0 for Nesterov");
    }
}

/// <summary>
/// Stochastic gradient descent. With g' = gradient + WeightDecay w: v = Momentum v + g'; w -= rate v, with Nesterov
/// (Sutskever et al. 2013) w -= rate (g' + Momentum v).
/// </summary>
public sealed class Sgd : Optimizer
{
    readonly SgdOptions options;

    /// <summary>Creates an optimizer.</summary>
    /// <exception cref="ArgumentException">A setting is out of its range, there are no parameters, or one occurs twice.</exception>
    public Sgd(IReadOnlyList<ParameterGroup> groups, SgdOptions options)
        : base(groups, options, options.Momentum == 0 ? [] : ["velocity"]) => this.options = options;

    /// <summary>Creates an optimizer of one group; the settings are those of <see cref="SgdOptions"/>.</summary>
    public Sgd(IEnumerable<Tensor> parameters, double learningRate = 1e-3, double momentum = 0, bool nesterov = false, double weightDecay = 0)
        : this([new ParameterGroup(parameters)], new SgdOptions { LearningRate = learningRate, Momentum = momentum, Nesterov = nesterov, WeightDecay = weightDecay })
    {
    }

    /// <inheritdoc/>
    protected override bool HasMomentum => options.Momentum > 0;

    /// <inheritdoc/>
    protected override void Update(Tensor parameter, DeviceBuffer gradient, ReadOnlySpan<Tensor> state, in StepValues step)
        => Device.Kernels.Optimizers.Sgd(
            new SgdStep(step.LearningRate, step.Momentum ?? (float)options.Momentum, options.Nesterov, step.WeightDecay, step.GradientScale),
            parameter.Data,
            gradient,
            state.IsEmpty ? null : state[0].Data);
}
