using CnnSharp.Kernels;

namespace CnnSharp.Training;

/// <summary>Settings of <see cref="Adadelta"/>. The learning rate is 1 by default: the method has none of its own.</summary>
public sealed record AdadeltaOptions : OptimizerOptions
{
    /// <summary>The defaults.</summary>
    public AdadeltaOptions() => LearningRate = 1;

    /// <summary>The share of both running squares that is kept, within [0, 1); default 0.9.</summary>
    public double Rho { get; init; } = 0.9;

    /// <summary>Added under both roots, above 0; default 1e-6.</summary>
    public double Epsilon { get; init; } = 1e-6;

    /// <inheritdoc/>
    public override Optimizer Create(IReadOnlyList<ParameterGroup> groups) => new Adadelta(groups, this);

    internal override void Validate()
    {
        base.Validate();
        Check((float)Rho is >= 0 and < 1, nameof(Rho), Rho, "within [0, 1)");
        Check((float)Epsilon is > 0 and <= float.MaxValue, nameof(Epsilon), Epsilon, "above 0");
    }
}

/// <summary>
/// Adadelta (Zeiler 2012). With g' = gradient + WeightDecay w: square = Rho square + (1 - Rho) g'^2;
/// d = sqrt(moved + Epsilon) / sqrt(square + Epsilon) g'; moved = Rho moved + (1 - Rho) d^2; w -= rate d.
/// </summary>
public sealed class Adadelta : Optimizer
{
    readonly AdadeltaOptions options;

    /// <summary>Creates an optimizer.</summary>
    /// <exception cref="ArgumentException">A setting is out of its range, there are no parameters, or one occurs twice.</exception>
    public Adadelta(IReadOnlyList<ParameterGroup> groups, AdadeltaOptions options)
        : base(groups, options, "square", "moved") => this.options = options;

    /// <summary>Creates an optimizer of one group; the settings are those of <see cref="AdadeltaOptions"/>.</summary>
    public Adadelta(IEnumerable<Tensor> parameters, double learningRate = 1, double rho = 0.9, double epsilon = 1e-6, double weightDecay = 0)
        : this([new ParameterGroup(parameters)], new AdadeltaOptions { LearningRate = learningRate, Rho = rho, Epsilon = epsilon, WeightDecay = weightDecay })
    {
    }

    /// <inheritdoc/>
    protected override void Update(Tensor parameter, DeviceBuffer gradient, ReadOnlySpan<Tensor> state, in StepValues step)
        => Device.Kernels.Optimizers.Adadelta(
            new AdadeltaStep(step.LearningRate, (float)options.Rho, (float)options.Epsilon, step.WeightDecay, step.GradientScale),
            parameter.Data,
            gradient,
            state[0].Data,
            state[1].Data);
}
