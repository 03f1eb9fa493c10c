using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests.Training;

/// <summary>Twenty steps of every optimizer against its formula, written again in double precision.</summary>
public class OptimizerTests
{
    const int Steps = 20, Count = 37;

    public static TheoryData<OptimizerOptions> Settings() =>
    [
        new SgdOptions { LearningRate = 0.05f },
        new SgdOptions { LearningRate = 0.05f, WeightDecay = 0.01f },
        new SgdOptions { LearningRate = 0.05f, Momentum = 0.9f, WeightDecay = 5e-4f },
        new SgdOptions { LearningRate = 0.05f, Momentum = 0.9f, Nesterov = true, WeightDecay = 5e-4f },
        new SgdOptions { LearningRate = 0.05f, Momentum = 0.9f, MaxGradientNorm = 2 },
        new AdaGradOptions { LearningRate = 0.1f, WeightDecay = 0.01f },
        new RmsPropOptions { WeightDecay = 0.01f },
        new RmsPropOptions { Momentum = 0.9f },
        new AdamOptions { LearningRate = 0.05f, WeightDecay = 0.01f },
        new AdamOptions { LearningRate = 0.05f, MaxGradientNorm = 1 },
        new AdamWOptions { LearningRate = 0.05f },
        new NAdamOptions { LearningRate = 0.05f, WeightDecay = 0.01f },
        new AdaMaxOptions { LearningRate = 0.05f, WeightDecay = 0.01f },
        new AdadeltaOptions { WeightDecay = 0.01f },
        new AdadeltaOptions { MaxGradientNorm = 1, Rho = 0.5 },
        new LionOptions { LearningRate = 0.01f, WeightDecay = 0.1f },
        new RmsPropOptions { WeightDecay = 0.01f, L1 = 0.1 },
        new AdamOptions { LearningRate = 0.05f, MaxGradientNorm = 1, L1 = 0.1 },
        new AdamWOptions { LearningRate = 0.05f, L1 = 0.1 },
        new LionOptions { LearningRate = 0.01f, WeightDecay = 0.1f, L1 = 0.1, MaxGradientNorm = 1 },
    ];

    [Theory]
    [MemberData(nameof(Settings))]
    public void Follows_its_formula(OptimizerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var random = new Random(7);
        var start = Values(random, Count);
        var parameter = Parameter(start);
        var optimizer = options.Create([parameter]);
        var expected = new Formula(options, start);

        for (var t = 1; t <= Steps; t++)
        {
            var gradient = Values(random, Count);
            SetGradient(parameter, gradient);
            optimizer.Step();
            expected.Step(gradient, t);
            Assert.Null(parameter.Gradient);
        }

        var actual = parameter.ToArray();
        for (var i = 0; i < Count; i++) Assert.Equal(expected.Weights[i], actual[i], 1e-5 + (1e-4 * Math.Abs(expected.Weights[i])));
    }

    /// <summary>Two steps of one weight, w = 1, with gradients 0.5 and -0.25.</summary>
    [Fact]
    public void First_steps_are_those_worked_out_by_hand()
    {
        // SGD: v = 0.5; w = 1 - 0.1 0.5 = 0.95; v = 0.9 0.5 - 0.25 = 0.2; w = 0.93.
        Assert.Equal([0.95f, 0.93f], Trace(new SgdOptions { LearningRate = 0.1f, Momentum = 0.9f }), Close);

        // Nesterov: w = 1 - 0.1 (0.5 + 0.9 0.5) = 0.905; v = 0.2; w = 0.905 - 0.1 (-0.25 + 0.18) = 0.912.
        Assert.Equal([0.905f, 0.912f], Trace(new SgdOptions { LearningRate = 0.1f, Momentum = 0.9f, Nesterov = true }), Close);

        // AdaGrad: sums 0.25 and 0.3125: w = 1 - 0.1; w += 0.1 0.25 / 0.559017.
        Assert.Equal([0.9f, 0.9447214f], Trace(new AdaGradOptions { LearningRate = 0.1f }), Close);

        // Adam's first step is the rate itself; its second: mean 0.02, square 3.12250e-4, corrections 0.19, 1.999e-3.
        Assert.Equal([0.9f, 0.8733663f], Trace(new AdamOptions { LearningRate = 0.1f }), Close);

        // AdamW with decay 0.1: each step first takes a hundredth off the weight.
        Assert.Equal([0.89f, 0.8544663f], Trace(new AdamWOptions { LearningRate = 0.1f, WeightDecay = 0.1f }), Close);
    }

    [Fact]
    public void A_parameter_without_a_gradient_is_left_alone()
    {
        var (trained, frozen) = (Parameter([1, 2]), Parameter([3, 4]));
        (trained.Name, frozen.Name) = ("trained", "frozen");
        var optimizer = new Adam([trained, frozen], weightDecay: 0.1f);
        SetGradient(trained, [1, 1]);
        optimizer.Step();

        Assert.Equal([3f, 4f], frozen.ToArray());
        Assert.NotEqual([1f, 2f], trained.ToArray());
        Assert.Equal(["mean/trained", "square/trained"], optimizer.StateTensors().Select(s => s.Name));
    }

    [Fact]
    public void Groups_scale_the_rate_and_replace_the_decay()
    {
        var (a, b) = (Parameter([1]), Parameter([1]));
        var optimizer = new Sgd(
            [new ParameterGroup([a]), new ParameterGroup([b]) { LearningRateScale = 0.5f, WeightDecay = 0 }],
            new SgdOptions { LearningRate = 0.1f, WeightDecay = 1 });
        SetGradient(a, [1]);
        SetGradient(b, [1]);
        optimizer.Step();

        Assert.Equal(1 - (0.1 * 2), a.ToArray()[0], 1e-6);
        Assert.Equal(1 - (0.05 * 1), b.ToArray()[0], 1e-6);
    }

    [Fact]
    public void Vectors_can_be_spared_the_decay()
    {
        var vector = Parameter([1, 1]);
        var matrix = Tensor.From<float>([1f, 1f], new(1, 2), Device.Reference);
        matrix.RequiresGrad = true;
        var optimizer = new SgdOptions { LearningRate = 0.1f, WeightDecay = 1, DecayVectors = false }.Create([vector, matrix]);
        SetGradient(vector, [0, 0]);
        SetGradient(matrix, [0, 0]);
        optimizer.Step();

        Assert.Equal([1f, 1f], vector.ToArray());
        Assert.Equal([0.9f, 0.9f], matrix.ToArray(), Close);
    }

    [Fact]
    public void Clipping_bounds_the_norm_of_all_gradients_together()
    {
        var (a, b) = (Parameter([0]), Parameter([0]));
        var optimizer = new SgdOptions { LearningRate = 1, MaxGradientNorm = 1 }.Create([a, b]);
        SetGradient(a, [3]);
        SetGradient(b, [4]);
        optimizer.Step();
        Assert.Equal([-0.6f, -0.8f], [a.ToArray()[0], b.ToArray()[0]], Close);

        SetGradient(a, [0.3f]);
        SetGradient(b, [0.4f]);
        optimizer.Step();
        Assert.Equal([-0.9f, -1.2f], [a.ToArray()[0], b.ToArray()[0]], Close);
    }

    /// <summary>A step on a result would be undone by the next forward pass: PyTorch's "can't optimize a non-leaf Tensor".</summary>
    [Fact]
    public void What_no_step_can_train_is_refused()
    {
        using var w = Tensor.Ones([2], Device.Reference);
        w.RequiresGrad = true;
        using var doubled = w * 2;
        doubled.Name = "doubled";
        Assert.StartsWith("Sgd: 'doubled' [2] is the result of an operation", Assert.Throws<ArgumentException>(() => new Sgd([doubled], 0.1)).Message, StringComparison.Ordinal);
        using var labels = Tensor.From(new[] { 1, 2 }, Device.Reference);
        Assert.StartsWith("Adam: [2] holds Int32; only floating-point tensors are trained.", Assert.Throws<ArgumentException>(() => new Adam([labels])).Message, StringComparison.Ordinal);
        Assert.StartsWith("Sgd: parameter [2] occurs twice.", Assert.Throws<ArgumentException>(() => new Sgd([w, w], 0.1)).Message, StringComparison.Ordinal);

        // What is frozen now may be trained later.
        using var frozen = Tensor.Ones([3], Device.Reference);
        Assert.Equal("Sgd(2 parameters, 5 weights, learning rate 0.1)", new Sgd([w, frozen], 0.1).ToString());
    }

    [Fact]
    public void Settings_out_of_range_are_refused()
    {
        var parameter = Parameter([1]);
        Assert.Contains("SgdOptions: Momentum must be within [0, 1)", Assert.Throws<ArgumentOutOfRangeException>(() => new Sgd([parameter], momentum: 1)).Message, StringComparison.Ordinal);
        Assert.Contains("above 0 for Nesterov", Assert.Throws<ArgumentOutOfRangeException>(() => new Sgd([parameter], nesterov: true)).Message, StringComparison.Ordinal);
        Assert.Contains("LearningRate must be at least 0", Assert.Throws<ArgumentOutOfRangeException>(() => new Adam([parameter], learningRate: float.NaN)).Message, StringComparison.Ordinal);
        Assert.Contains("no parameters", Assert.Throws<ArgumentException>(() => new Sgd([])).Message, StringComparison.Ordinal);
        Assert.Contains("occurs twice", Assert.Throws<ArgumentException>(() => new Sgd([parameter, parameter])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_schedule_s_momentum_needs_an_optimizer_that_has_one()
    {
        var parameter = Parameter([1]);
        foreach (var options in new OptimizerOptions[] { new SgdOptions(), new RmsPropOptions(), new AdaGradOptions(), new NAdamOptions(), new AdadeltaOptions() })
            Assert.Contains("has no momentum for a schedule to change", Assert.Throws<NotSupportedException>(() => options.Create([parameter]).Momentum = 0.9).Message, StringComparison.Ordinal);
        foreach (var options in new OptimizerOptions[] { new SgdOptions { Momentum = 0.5f }, new RmsPropOptions { Momentum = 0.5f }, new AdamWOptions(), new AdaMaxOptions(), new LionOptions() })
        {
            var optimizer = options.Create([parameter]);
            optimizer.Momentum = 0.9;
            Assert.Equal(0.9, optimizer.Momentum);
        }
    }

    [Fact]
    public void Steps_after_the_first_allocate_nothing()
    {
        var device = new Device(new Kernels.Reference.ReferenceEngine<float>());
        var parameter = Tensor.Full(new(64), 1, device);
        parameter.RequiresGrad = true;
        var optimizer = new AdamWOptions { MaxGradientNorm = 1 }.Create([parameter]);
        long allocations = 0, used = 0;
        for (var step = 0; step < 20; step++)
        {
            var loss = Functional.Sum(Functional.Square(parameter));
            loss.Backward();
            loss.Dispose();
            optimizer.Step();
            if (step == 1) (allocations, used) = (device.Engine.Pool.Allocations, device.Engine.Pool.UsedBytes);
        }

        Assert.Equal((allocations, used), (device.Engine.Pool.Allocations, device.Engine.Pool.UsedBytes));
    }

    static bool Close(float expected, float actual) => Math.Abs(expected - actual) <= 1e-6;

    static float[] Trace(OptimizerOptions options)
    {
        var parameter = Parameter([1]);
        var optimizer = options.Create([parameter]);
        return [.. new[] { 0.5f, -0.25f }.Select(gradient =>
        {
            SetGradient(parameter, [gradient]);
            optimizer.Step();
            return parameter.ToArray()[0];
        })];
    }

    static Tensor Parameter(float[] values)
    {
        var parameter = Tensor.From(values, new(values.Length), Device.Reference);
        parameter.RequiresGrad = true;
        return parameter;
    }

    /// <summary>The gradient of sum(g w) by w is g.</summary>
    static void SetGradient(Tensor parameter, float[] gradient)
        => Functional.Sum(Functional.Multiply(parameter, Tensor.From(gradient, parameter.Shape, Device.Reference))).Backward();

    static float[] Values(Random random, int count)
    {
        var values = new float[count];
        for (var i = 0; i < count; i++) values[i] = (float)((random.NextDouble() * 4) - 2);
        return values;
    }

    /// <summary>The published formulas, element by element, with nothing shared with the engines.</summary>
    sealed class Formula(OptimizerOptions options, float[] start)
    {
        readonly double[] first = new double[start.Length];
        readonly double[] second = new double[start.Length];

        public double[] Weights { get; } = Array.ConvertAll(start, v => (double)v);

        public void Step(float[] gradient, int t)
        {
            var norm = Math.Sqrt(gradient.Sum(g => (double)g * g));
            var scale = options.MaxGradientNorm is { } limit && norm > limit ? limit / norm : 1;
            for (var i = 0; i < gradient.Length; i++) Move(ref Weights[i], ref first[i], ref second[i], gradient[i] * scale, t);
        }

        void Move(ref double w, ref double a, ref double b, double g, int t)
        {
            var rate = options.LearningRate;
            var isDecoupled = options is AdamWOptions or LionOptions;
            if (isDecoupled) w -= rate * options.L1 * Math.Sign(w);
            else g += (options.WeightDecay * w) + (options.L1 * Math.Sign(w));
            if (isDecoupled) w -= rate * options.WeightDecay * w;
            switch (options)
            {
                case SgdOptions o:
                    a = (o.Momentum * a) + g;
                    w -= rate * (o.Nesterov ? g + (o.Momentum * a) : a);
                    break;
                case AdaGradOptions o:
                    a += g * g;
                    w -= rate * g / (Math.Sqrt(a) + o.Epsilon);
                    break;
                case RmsPropOptions o:
                    a = (o.Decay * a) + ((1 - o.Decay) * g * g);
                    b = (o.Momentum * b) + (g / (Math.Sqrt(a) + o.Epsilon));
                    w -= rate * b;
                    break;
                case NAdamOptions o:
                    a = (o.Beta1 * a) + ((1 - o.Beta1) * g);
                    b = (o.Beta2 * b) + ((1 - o.Beta2) * g * g);
                    double Mu(int step) => o.Beta1 * (1 - (0.5 * Math.Pow(0.96, step * o.MomentumDecay)));
                    double Product(int steps) => Enumerable.Range(1, steps).Aggregate(1.0, (product, step) => product * Mu(step));
                    w -= rate * ((Mu(t + 1) / (1 - Product(t + 1)) * a) + ((1 - Mu(t)) / (1 - Product(t)) * g)) / (Math.Sqrt(b / (1 - Math.Pow(o.Beta2, t))) + o.Epsilon);
                    break;
                case AdaMaxOptions o:
                    a = (o.Beta1 * a) + ((1 - o.Beta1) * g);
                    b = Math.Max(o.Beta2 * b, Math.Abs(g) + o.Epsilon);
                    w -= rate / (1 - Math.Pow(o.Beta1, t)) * a / b;
                    break;
                case AdadeltaOptions o:
                    a = (o.Rho * a) + ((1 - o.Rho) * g * g);
                    var d = Math.Sqrt(b + o.Epsilon) / Math.Sqrt(a + o.Epsilon) * g;
                    b = (o.Rho * b) + ((1 - o.Rho) * d * d);
                    w -= rate * d;
                    break;
                case LionOptions o:
                    w -= rate * Math.Sign((o.Beta1 * a) + ((1 - o.Beta1) * g));
                    a = (o.Beta2 * a) + ((1 - o.Beta2) * g);
                    break;
                case AdamOptions o:
                    a = (o.Beta1 * a) + ((1 - o.Beta1) * g);
                    b = (o.Beta2 * b) + ((1 - o.Beta2) * g * g);
                    w -= rate * (a / (1 - Math.Pow(o.Beta1, t))) / (Math.Sqrt(b / (1 - Math.Pow(o.Beta2, t))) + o.Epsilon);
                    break;
            }
        }
    }
}
