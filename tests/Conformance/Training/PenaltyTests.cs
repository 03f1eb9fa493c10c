using CnnSharp.Kernels;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests.Training;

/// <summary>LARS, L1, elastic net and max-norm on every device, against their formulas in double precision.</summary>
[Collection(DeviceTests.Name)]
public sealed class PenaltyTests
{
    static readonly Shape[] Shapes = [new(5, 12), new(3, 3, 4, 6), new(1, 1, 3, 16), new(9)];

    static readonly OptimizerOptions[] Settings =
    [
        new LarsOptions { LearningRate = 20, WeightDecay = 1e-2 },
        new LarsOptions { LearningRate = 50, Momentum = 0, TrustCoefficient = 0.01, VectorRateScale = 0.1, MaxGradientNorm = 1 },
        new LarsOptions { LearningRate = 20, L1 = 0.1, MaxNorm = 1 },
        new SgdOptions { LearningRate = 0.1, L1 = 0.2, WeightDecay = 0.1, MaxGradientNorm = 0.5 },
        new SgdOptions { LearningRate = 0.1, Momentum = 0.9, L1 = 0.2, DecayVectors = false },
        new SgdOptions { LearningRate = 0.1, MaxNorm = 1.5 },
    ];

    public static TheoryData<string> AllDevices => Devices.All;

    [Theory]
    [MemberData(nameof(AllDevices))]
    public void StepsAreThoseOfTheFormula(string deviceName)
    {
        var device = Devices.Open(deviceName);
        foreach (var options in Settings)
        {
            foreach (var shape in Shapes)
            {
                var random = new Generator(3);
                var start = Numbers(random, shape.Count);
                using var parameter = Tensor.From(start, shape, device);
                parameter.RequiresGrad = true;
                var optimizer = options.Create([parameter]);
                var (w, v) = (Array.ConvertAll(start, x => (double)x), new double[start.Length]);
                long allocations = 0;
                for (var step = 0; step < 20; step++)
                {
                    var gradient = Numbers(random, shape.Count);
                    using var direction = Tensor.From(gradient, shape, device);
                    using var loss = Functional.Sum(parameter * direction);
                    loss.Backward();
                    optimizer.Step();
                    Step(options, shape, w, v, gradient);
                    if (step == 1) allocations = device.Engine.Pool.Allocations;
                }

                Assert.All(w.Zip(parameter.ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-5 * Math.Max(1, Math.Abs(pair.First))));
                Assert.Equal(allocations, device.Engine.Pool.Allocations);
            }
        }
    }

    /// <summary>A norm of 0 has no direction to trust: the step is SGD's.</summary>
    [Theory]
    [MemberData(nameof(AllDevices))]
    public void LarsMovesWeightsOfZeros(string deviceName)
    {
        var device = Devices.Open(deviceName);
        using var parameter = Tensor.Zeros(new(2, 2), device);
        parameter.RequiresGrad = true;
        using var gradient = Tensor.From<float>([1, 2, 3, 4], new(2, 2), device);
        using var loss = Functional.Sum(parameter * gradient);
        loss.Backward();
        new Lars([parameter], learningRate: 0.5).Step();
        Assert.Equal([-0.5f, -1, -1.5f, -2], parameter.ToArray());
    }

    /// <summary>The column of norm 5 comes to 2, those within the limit keep their bits, and a column of zeros stays.</summary>
    [Theory]
    [MemberData(nameof(AllDevices))]
    public void MaxNormScalesAUnitsIncomingWeights(string deviceName)
    {
        var device = Devices.Open(deviceName);
        using var weight = Tensor.From<float>([3, 0.1f, 0, 4, 0.7f, 0], new(2, 1, 3), device);
        using var bias = Tensor.From<float>([30, 40], new(2), device);
        weight.RequiresGrad = bias.RequiresGrad = true;
        using var loss = Functional.Sum(weight * 0) + Functional.Sum(bias * 0);
        loss.Backward();
        new SgdOptions { MaxNorm = 2 }.Create([weight, bias]).Step();
        var actual = weight.ToArray();
        Assert.Equal(1.2, actual[0], 1e-6);
        Assert.Equal(1.6, actual[3], 1e-6);
        Assert.Equal([0.1f, 0, 0.7f, 0], [actual[1], actual[2], actual[4], actual[5]]);
        Assert.Equal([30, 40], bias.ToArray());
    }

    /// <summary>AdamW takes L1 off the weight: without a gradient a step shortens it by rate times L1, and 0 stays 0.</summary>
    [Fact]
    public void ADecoupledPenaltyIsTakenOffTheWeight()
    {
        var device = Devices.Open("reference");
        using var parameter = Tensor.From<float>([1, -1, 0], new(3), device);
        parameter.RequiresGrad = true;
        using var loss = Functional.Sum(parameter * 0);
        loss.Backward();
        new AdamWOptions { LearningRate = 0.1, WeightDecay = 0, L1 = 0.5 }.Create([parameter]).Step();
        Assert.Equal([0.95f, -0.95f, 0], parameter.ToArray(), (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Fact]
    public void SettingsOutOfRangeAreRefused()
    {
        using var parameter = Tensor.Zeros(new(2, 2), Devices.Open("reference"));
        Assert.Contains("LarsOptions: TrustCoefficient must be above 0", Assert.Throws<ArgumentOutOfRangeException>(() => new Lars([parameter], trustCoefficient: 0)).Message, StringComparison.Ordinal);
        Assert.Contains("SgdOptions: L1 must be at least 0", Assert.Throws<ArgumentOutOfRangeException>(() => new SgdOptions { L1 = -1 }.Create([parameter])).Message, StringComparison.Ordinal);
        Assert.Contains("SgdOptions: MaxNorm must be above 0", Assert.Throws<ArgumentOutOfRangeException>(() => new SgdOptions { MaxNorm = 0 }.Create([parameter])).Message, StringComparison.Ordinal);
    }

    static float[] Numbers(Generator random, long count)
    {
        var values = new float[count];
        random.FillNormal(values, 0, 1);
        return values;
    }

    static void Step(OptimizerOptions options, Shape shape, double[] w, double[] v, float[] gradient)
    {
        var isVector = shape.Rank < 2;
        var (decay, l1) = isVector && !options.DecayVectors ? (0, 0) : (options.WeightDecay, options.L1);
        var clip = Math.Min(1, (options.MaxGradientNorm ?? double.PositiveInfinity) / Norm(gradient.Select(g => (double)g)));
        var g = gradient.Select((value, i) => (clip * value) + (l1 * Math.Sign(w[i]))).ToArray();
        var lars = options as LarsOptions;
        var momentum = lars?.Momentum ?? ((SgdOptions)options).Momentum;
        var local = lars is null || isVector ? 1 : lars.TrustCoefficient * Norm(w) / (Norm(g) + (decay * Norm(w)));
        for (var i = 0; i < w.Length; i++)
        {
            var direction = g[i] + (decay * w[i]);
            if (lars is not null && !isVector)
            {
                v[i] = (momentum * v[i]) + (lars.LearningRate * local * direction);
                w[i] -= v[i];
                continue;
            }

            v[i] = (momentum * v[i]) + direction;
            w[i] -= options.LearningRate * (lars?.VectorRateScale ?? 1) * v[i];
        }

        if (isVector || options.MaxNorm is not { } limit) return;
        for (var unit = 0; unit < shape[^1]; unit++)
        {
            var norm = Norm(w.Where((_, i) => i % shape[^1] == unit));
            for (var i = unit; i < w.Length; i += shape[^1]) w[i] *= Math.Min(1, limit / norm);
        }
    }

    static double Norm(IEnumerable<double> values) => Math.Sqrt(values.Sum(value => value * value));
}
