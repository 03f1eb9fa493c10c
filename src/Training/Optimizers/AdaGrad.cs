using CnnSharp.Kernels;

namespace CnnSharp.Training;

/// <summary>Settings of <see cref="AdaGrad"/>.</summary>
public sealed record AdaGradOptions : OptimizerOptions
{
    /// <summary>The defaults.</summary>
    public AdaGradOptions() => LearningRate = 1e-2;

    /// <summary>Added to the root, at least 0; default 1e-10.</summary>
    public double Epsilon { get; init; } = 1e-10;

    /// <inheritdoc/>
    public override Optimizer Create(IReadOnlyList<ParameterGroup> groups) => new AdaGrad(groups, this);

    internal override void Validate()
    {
        base.Validate();
        Check((float)Epsilon is >= 0 and <= float.MaxValue, nameof(Epsilon), Epsilon, "at least 0");
    }
}

/// <summary>AdaGrad (Duchi et al. 2011). With g' = gradient + WeightDecay w: sum += g'^2; w -= rate g' / (sqrt(sum) + Epsilon).</summary>
public sealed class AdaGrad : Optimizer
{
    readonly AdaGradOptions options;

    /// <summary>Creates an optimizer.</summary>
    /// <exception cref="ArgumentException">A setting is out of its range, there are no parameters, or one occurs twice.</exception>
    public AdaGrad(IReadOnlyList<ParameterGroup> groups, AdaGradOptions options)
        : base(groups, options, "sum") => this.options = options;

    /// <summary>Creates an optimizer of one group; the settings are those of <see cref="AdaGradOptions"/>.</summary>
    public AdaGrad(IEnumerable<Tensor> parameters, double learningRate = 1e-2, double epsilon = 1e-10, double weightDecay = 0)
        : this([new ParameterGroup(parameters)], new AdaGradOptions { LearningRate = learningRate, Epsilon = epsilon, WeightDecay = weightDecay })
    {
    }

    /// <inheritdoc/>
    protected override void Update(Tensor parameter, DeviceBuffer gradient, ReadOnlySpan<Tensor> state, in StepValues step)
        => Device.Kernels.Optimizers.AdaGrad(new AdaGradStep(step.LearningRate, (float)options.Epsilon, step.WeightDecay, step.GradientScale), parameter.Data, gradient, state[0].Data);
}
