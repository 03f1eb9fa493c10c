using CnnSharp.Kernels;

namespace CnnSharp.Training;

/// <summary>Settings of <see cref="Adam"/>.</summary>
public record AdamOptions : OptimizerOptions
{
    /// <summary>The share of the running mean that is kept, within [0, 1); default 0.9.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>The share of the running square that is kept, within [0, 1); default 0.999.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the root, at least 0; default 1e-8.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <inheritdoc/>
    public override Optimizer Create(IReadOnlyList<ParameterGroup> groups) => new Adam(groups, this);

    internal override void Validate()
    {
        base.Validate();
        Check((float)Beta1 is >= 0 and < 1, nameof(Beta1), Beta1, "within [0, 1)");
        Check((float)Beta2 is >= 0 and < 1, nameof(Beta2), Beta2, "within [0, 1)");
        Check((float)Epsilon is >= 0 and <= float.MaxValue, nameof(Epsilon), Epsilon, "at least 0");
    }
}

/// <summary>Settings of <see cref="AdamW"/>: those of Adam, with a weight decay of 1e-2 by default.</summary>
public sealed record AdamWOptions : AdamOptions
{
    /// <summary>The defaults.</summary>
    public AdamWOptions() => WeightDecay = 1e-2;

    /// <inheritdoc/>
    public override Optimizer Create(IReadOnlyList<ParameterGroup> groups) => new AdamW(groups, this);
}

/// <summary>
/// Adam (Kingma and Ba 2015). With g' = gradient + WeightDecay w: mean = Beta1 mean + (1 - Beta1) g';
/// square = Beta2 square + (1 - Beta2) g'^2; at step t
/// w -= rate / (1 - Beta1^t) mean / (sqrt(square / (1 - Beta2^t)) + Epsilon).
/// </summary>
public class Adam : Optimizer
{
    readonly AdamOptions options;

    /// <summary>Creates an optimizer.</summary>
    /// <exception cref="ArgumentException">A setting is out of its range, there are no parameters, or one occurs twice.</exception>
    public Adam(IReadOnlyList<ParameterGroup> groups, AdamOptions options)
        : base(groups, options, "mean", "square") => this.options = options;

    /// <summary>Creates an optimizer of one group; the settings are those of <see cref="AdamOptions"/>.</summary>
    public Adam(IEnumerable<Tensor> parameters, double learningRate = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8, double weightDecay = 0)
        : this([new ParameterGroup(parameters)], new AdamOptions { LearningRate = learningRate, Beta1 = beta1, Beta2 = beta2, Epsilon = epsilon, WeightDecay = weightDecay })
    {
    }

    private protected virtual bool Decoupled => false;

    /// <inheritdoc/>
    protected override bool HasMomentum => true;

    /// <inheritdoc/>
    protected override void Update(Tensor parameter, DeviceBuffer gradient, ReadOnlySpan<Tensor> state, in StepValues step)
    {
        var beta1 = step.Momentum ?? (float)options.Beta1;
        var settings = new AdamStep(
            step.LearningRate,
            beta1,
            (float)options.Beta2,
            (float)options.Epsilon,
            step.WeightDecay,
            Decoupled,
            1 - Math.Pow(beta1, step.Number),
            1 - Math.Pow(options.Beta2, step.Number),
            step.GradientScale);
        Device.Kernels.Optimizers.Adam(settings, parameter.Data, gradient, state[0].Data, state[1].Data);
    }
}

/// <summary>AdamW (Loshchilov and Hutter 2019): Adam whose weight decay is taken off the weight, w -= rate WeightDecay w, and not added to the gradient.</summary>
public sealed class AdamW : Adam
{
    /// <summary>Creates an optimizer.</summary>
    /// <exception cref="ArgumentException">A setting is out of its range, there are no parameters, or one occurs twice.</exception>
    public AdamW(IReadOnlyList<ParameterGroup> groups, AdamWOptions options)
        : base(groups, options)
    {
    }

    /// <summary>Creates an optimizer of one group; the settings are those of <see cref="AdamWOptions"/>.</summary>
    public AdamW(IEnumerable<Tensor> parameters, double learningRate = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8, double weightDecay = 1e-2)
        : this([new ParameterGroup(parameters)], new AdamWOptions { LearningRate = learningRate, Beta1 = beta1, Beta2 = beta2, Epsilon = epsilon, WeightDecay = weightDecay })
    {
    }

    private protected override bool Decoupled => true;

    private protected override bool IsDecoupled(Tensor parameter) => true;
}
