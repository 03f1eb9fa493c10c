using CnnSharp.Layers;
using Xunit;

namespace CnnSharp.Tests;

public sealed class InitializerTests
{
    static readonly Device Device = Device.Reference;

    public static TheoryData<string, IInitializer, double, double> Spreads => new()
    {
        // Fan in 200, fan out 800: the standard deviation, and the bound of an even distribution (0: none).
        { "He normal", Initializers.HeNormal(), Math.Sqrt(2 / 200.0), 0 },
        { "He normal, fan out", Initializers.HeNormal(Fan.Out), Math.Sqrt(2 / 800.0), 0 },
        { "He uniform", Initializers.HeUniform(), Math.Sqrt(2 / 200.0), Math.Sqrt(6 / 200.0) },
        { "Xavier normal", Initializers.XavierNormal(), Math.Sqrt(2 / 1000.0), 0 },
        { "Xavier uniform, gain 2", Initializers.XavierUniform(2), 2 * Math.Sqrt(2 / 1000.0), 2 * Math.Sqrt(6 / 1000.0) },
        { "default", Initializers.Default, 1 / Math.Sqrt(3 * 200), 1 / Math.Sqrt(200) },
        { "normal", Initializers.Normal(0, 3), 3, 0 },
        { "uniform", Initializers.Uniform(-1, 1), 1 / Math.Sqrt(3), 1 },
    };

    [Theory]
    [MemberData(nameof(Spreads))]
    public void RandomWeightsHaveTheirSpread(string name, IInitializer initializer, double std, double bound)
    {
        var weights = Tensor.Zeros(new(100_000), Device);
        initializer.Fill(weights, 200, 800, new Generator(5));
        var values = weights.ToArray<double>();
        var mean = values.Average();
        var measured = Math.Sqrt(values.Average(v => (v - mean) * (v - mean)));
        Assert.True(Math.Abs(mean) < 4 * std / Math.Sqrt(values.Length), $"{name}: mean {mean}");
        Assert.InRange(measured, std * 0.99, std * 1.01);
        if (bound > 0) Assert.InRange(values.Max(Math.Abs), bound * 0.999, bound * 1.000001);
        else Assert.InRange(values.Max(Math.Abs), 3.5 * std, 6.7 * std);
    }

    [Fact]
    public void ADiracConvolutionHandsItsInputOn()
    {
        var x = Tensor.From([.. Enumerable.Range(0, 36).Select(i => (float)i)], new(1, 3, 3, 4), Device);
        Assert.Equal(x.ToArray(), new Conv2d(4, 4, 3, padding: 1, bias: false, initializer: Initializers.Dirac, device: Device).Forward(x).ToArray());
        Assert.Equal(x.ToArray(), new Conv2d(4, 4, 3, padding: 1, groups: 2, bias: false, initializer: Initializers.Dirac, device: Device).Forward(x).ToArray());
    }

    [Fact]
    public void ABilinearTransposedConvolutionInterpolates()
    {
        var x = Tensor.From([0f, 4, 8, 12], new(1, 1, 4, 1), Device);
        var y = new ConvTranspose2d(1, 1, (1, 4), stride: (1, 2), padding: (0, 1), bias: false, initializer: Initializers.Bilinear, device: Device).Forward(x);

        // As bilinear enlargement by 2 in the middle; beyond the ends there are zeros.
        Assert.Equal([0f, 1, 3, 5, 7, 9, 11, 9], y.ToArray());
    }

    [Fact]
    public void AGeneratorContinuesFromItsPosition()
    {
        var generator = new Generator(3);
        for (var i = 0; i < 5; i++) generator.NextUInt32();
        var next = generator.NextUInt64();
        Assert.Equal(7ul, generator.Position);
        Assert.Equal(next, new Generator(3) { Position = 5 }.NextUInt64());
        Assert.NotEqual(next, new Generator(4) { Position = 5 }.NextUInt64());
        Assert.NotEqual(next, new Generator(3, 1) { Position = 5 }.NextUInt64());
    }
}
