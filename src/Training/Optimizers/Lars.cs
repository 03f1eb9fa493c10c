using CnnSharp.Kernels;

namespace CnnSharp.Training;

/// <summary>Settings of <see cref="Lars"/>. The learning rate is 1 by default: it is for weights whose step has been brought to the trust coefficient's share of them.</summary>
public sealed record LarsOptions : OptimizerOptions
{
    /// <summary>The defaults.</summary>
    public LarsOptions() => LearningRate = 1;

    /// <summary>The share of the velocity that is kept, within [0, 1); default 0.9.</summary>
    public double Momentum { get; init; } = 0.9;

    /// <summary>The share of its own norm by which a weight moves at a rate of 1, above 0; default 0.001.</summary>
    public double TrustCoefficient { get; init; } = 0.001;

    /// <summary>Parameters of one axis (biases, norms) take SGD's step with the same momentum, at the rate times this; at least 0. Default 0.01.</summary>
    public double VectorRateScale { get; init; } = 0.01;

    /// <inheritdoc/>
    public override Optimizer Create(IReadOnlyList<ParameterGroup> groups) => new Lars(groups, this);

    internal override void Validate()
    {
        base.Validate();
        Check((float)Momentum is >= 0 and < 1, nameof(Momentum), Momentum, "within [0, 1)");
        Check((float)TrustCoefficient is > 0 and <= float.MaxValue, nameof(TrustCoefficient), TrustCoefficient, "above 0 and finite");
        Check((float)VectorRateScale is >= 0 and <= float.MaxValue, nameof(VectorRateScale), VectorRateScale, "at least 0 and finite");
    }
}

/// <summary>
/// LARS (You et al. 2017, "Large batch training of convolutional networks", algorithm 1): each weight has a rate by its own
/// norm, so that large batches at a high rate do not diverge. local = TrustCoefficient |w| / (|gradient| + WeightDecay |w|),
/// 1 where a norm is 0; v = Momentum v + rate local (gradient + WeightDecay w); w -= v. Parameters of one axis take SGD's
/// step: v = Momentum v + gradient + WeightDecay w; w -= rate VectorRateScale v.
/// </summary>
public sealed class Lars : Optimizer
{
    readonly LarsOptions options;

    /// <summary>Creates an optimizer.</summary>
    /// <exception cref="ArgumentException">A setting is out of its range, there are no parameters, or one occurs twice.</exception>
    public Lars(IReadOnlyList<ParameterGroup> groups, LarsOptions options)
        : base(groups, options, "velocity") => this.options = options;

    /// <summary>Creates an optimizer of one group; the settings are those of <see cref="LarsOptions"/>.</summary>
    public Lars(IEnumerable<Tensor> parameters, double learningRate = 1, double momentum = 0.9, double trustCoefficient = 0.001, double weightDecay = 0)
        : this([new ParameterGroup(parameters)], new LarsOptions { LearningRate = learningRate, Momentum = momentum, TrustCoefficient = trustCoefficient, WeightDecay = weightDecay })
    {
    }

    /// <inheritdoc/>
    protected override bool HasMomentum => options.Momentum > 0;

    /// <inheritdoc/>
    protected override void Update(Tensor parameter, DeviceBuffer gradient, ReadOnlySpan<Tensor> state, in StepValues step)
    {
        var momentum = step.Momentum ?? (float)options.Momentum;
        if (parameter.Shape.Rank < 2)
        {
            Device.Kernels.Optimizers.Sgd(new SgdStep((float)(step.LearningRate * options.VectorRateScale), momentum, false, step.WeightDecay, step.GradientScale), parameter.Data, gradient, state[0].Data);
            return;
        }

        // The norms stay on the device: nobody waits for them.
        using var scope = Tape.NoGrad();
        using var slope = parameter.Gradient!;
        var scaled = slope * step.GradientScale;
        var (weightNorm, gradientNorm) = (Norm(parameter), Norm(scaled));
        var isOrdinary = Functional.Sign(weightNorm) * Functional.Sign(gradientNorm);
        var otherwise = 1 - isOrdinary;
        var local = (isOrdinary * weightNorm * options.TrustCoefficient / (gradientNorm + (weightNorm * step.WeightDecay) + otherwise)) + otherwise;
        var direction = (scaled + (parameter * step.WeightDecay)) * local;
        Device.Kernels.Optimizers.Sgd(new SgdStep(1, momentum, false, 0, step.LearningRate), parameter.Data, direction.Data, state[0].Data);
    }
}
