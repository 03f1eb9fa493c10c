using CnnSharp.Kernels;

namespace CnnSharp.Training;

/// <summary>Settings of <see cref="Muon"/>. The learning rate is 0.02 by default.</summary>
public sealed record MuonOptions : OptimizerOptions
{
    /// <summary>The defaults.</summary>
    public MuonOptions() => LearningRate = 0.02;

    /// <summary>The share of the velocity that is kept, within [0, 1); default 0.95.</summary>
    public double Momentum { get; init; } = 0.95;

    /// <summary>Whether the step looks ahead along the velocity (Nesterov); default true.</summary>
    public bool Nesterov { get; init; } = true;

    /// <summary>Newton-Schulz steps, at least 1; default 5. More make the singular values of a step more alike.</summary>
    public int NewtonSchulzSteps { get; init; } = 5;

    /// <summary>Whether a matrix is scaled to a norm of the root of its outputs before each step, for networks whose normalizations make its size meaningless; default false.</summary>
    public bool NormalizesWeights { get; init; }

    /// <summary>Parameters of one axis (biases, norms) take SGD's step with the same momentum, at the rate times this; at least 0. Default 1.</summary>
    public double VectorRateScale { get; init; } = 1;

    /// <inheritdoc/>
    public override Optimizer Create(IReadOnlyList<ParameterGroup> groups) => new Muon(groups, this);

    internal override void Validate()
    {
        base.Validate();
        Check((float)Momentum is >= 0 and < 1, nameof(Momentum), Momentum, "within [0, 1)");
        Check(!Nesterov || Momentum > 0, nameof(Momentum), Momentum, "above 0 for Nesterov");
        Check(NewtonSchulzSteps >= 1, nameof(NewtonSchulzSteps), NewtonSchulzSteps, "at least 1");
        Check((float)VectorRateScale is >= 0 and <= float.MaxValue, nameof(VectorRateScale), VectorRateScale, "at least 0 and finite");
    }
}

/// <summary>
/// Muon (Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"): a step in which every direction counts alike. The velocity v = Momentum v + gradient (with Nesterov
/// gradient + Momentum v) as a matrix [outputs, rest] is brought near the orthogonal matrix next to it by Newton-Schulz steps: X = v / |v|, then A = X X', X = a X + (b A + c A A) X with
/// a = 3.4445, b = -4.7750, c = 2.0315; w -= rate WeightDecay w; w -= rate sqrt(max(1, outputs / rest)) X. Parameters of one axis take SGD's step.
/// </summary>
public sealed class Muon : Optimizer
{
    const double A = 3.4445, B = -4.7750, C = 2.0315, Epsilon = 1e-7;

    readonly MuonOptions options;

    /// <summary>Creates an optimizer.</summary>
    /// <exception cref="ArgumentException">A setting is out of its range, there are no parameters, or one occurs twice.</exception>
    public Muon(IReadOnlyList<ParameterGroup> groups, MuonOptions options)
        : base(groups, options, "velocity") => this.options = options;

    /// <summary>Creates an optimizer of one group; the settings are those of <see cref="MuonOptions"/>.</summary>
    public Muon(IEnumerable<Tensor> parameters, double learningRate = 0.02, double momentum = 0.95, double weightDecay = 0)
        : this([new ParameterGroup(parameters)], new MuonOptions { LearningRate = learningRate, Momentum = momentum, WeightDecay = weightDecay })
    {
    }

    /// <inheritdoc/>
    protected override bool HasMomentum => options.Momentum > 0;

    private protected override bool IsDecoupled(Tensor parameter) => parameter.Shape.Rank > 1;

    /// <inheritdoc/>
    protected override void Update(Tensor parameter, DeviceBuffer gradient, ReadOnlySpan<Tensor> state, in StepValues step)
    {
        var k = Device.Kernels;
        var (velocity, momentum) = (state[0], step.Momentum ?? (float)options.Momentum);
        if (parameter.Shape.Rank < 2)
        {
            k.Optimizers.Sgd(new SgdStep((float)(step.LearningRate * options.VectorRateScale), momentum, options.Nesterov, step.WeightDecay, step.GradientScale), parameter.Data, gradient, velocity.Data);
            return;
        }

        using var scope = Tape.NoGrad();
        k.Elementwise.Unary(UnaryOp.MultiplyScalar, momentum, velocity.Data, velocity.Data);
        k.Elementwise.AddScaled(step.GradientScale, gradient, velocity.Data);
        using var slope = parameter.Gradient!;
        var ahead = options.Nesterov ? (slope * step.GradientScale) + (velocity * momentum) : velocity;

        // Weights lie [..., outputs]; a matrix and its transpose have one orthogonal matrix, so the smaller product is taken.
        var outputs = parameter.Shape[^1];
        var rest = checked((int)(parameter.Count / outputs));
        var matrix = Functional.Reshape(ahead, new(rest, outputs));
        var turned = rest > outputs;
        var near = Orthogonal(turned ? Functional.Permute(matrix, 1, 0) : matrix);
        var direction = turned ? Functional.Permute(near, 1, 0) : near;
        if (options.NormalizesWeights)
        {
            var scaled = parameter * (Math.Sqrt(outputs) / (Norm(parameter) + Epsilon));
            k.Elementwise.Unary(UnaryOp.MultiplyScalar, 1, scaled.Data, parameter.Data);
        }

        if (step.WeightDecay != 0) k.Elementwise.Unary(UnaryOp.MultiplyScalar, (float)(1 - ((double)step.LearningRate * step.WeightDecay)), parameter.Data, parameter.Data);
        k.Elementwise.AddScaled((float)(-step.LearningRate * Math.Sqrt(Math.Max(1, (double)outputs / rest))), direction.Data, parameter.Data);
    }

    /// <summary>Near the orthogonal matrix next to one of no more rows than columns.</summary>
    Tensor Orthogonal(Tensor matrix)
    {
        var x = matrix / (Norm(matrix) + Epsilon);
        for (var i = 0; i < options.NewtonSchulzSteps; i++)
        {
            var a = Functional.MatMul(x, Functional.Permute(x, 1, 0));
            x = (x * A) + Functional.MatMul((a * B) + (Functional.MatMul(a, a) * C), x);
        }

        return x;
    }
}
