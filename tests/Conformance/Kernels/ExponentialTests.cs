using CnnSharp.Kernels;
using CnnSharp.Kernels.Cpu;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>The exponential function of every SIMD level, by which sigmoid, SiLU, softmax and others are computed.</summary>
public sealed class ExponentialTests
{
    public static TheoryData<SimdLevel> Levels => [.. Enum.GetValues<SimdLevel>()];

    /// <summary>Within two units in the last place, wherever the result is a normal number.</summary>
    [Theory]
    [MemberData(nameof(Levels))]
    public void IsAccurate(SimdLevel level)
    {
        var random = new Random(1);
        float[] x = [.. Enumerable.Range(0, 200_000).Select(_ => (float)((random.NextDouble() * 175) - 87)), .. Enumerable.Range(0, 50_000).Select(_ => (float)((random.NextDouble() * 2) - 1))];
        var y = Exp(level, x);
        for (var i = 0; i < x.Length; i++)
        {
            var expected = Math.Exp(x[i]);
            Assert.True(Math.Abs(y[i] - expected) <= 2.4e-7 * expected, $"exp({x[i]:R}) = {y[i]:R}, expected {expected:R}");
        }
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void EndsAreThoseOfMathF(SimdLevel level)
    {
        float[] x = [0, -0f, 88.72f, 88.73f, 89, 1000, float.MaxValue, float.PositiveInfinity, -103, -104, -1000, float.MinValue, float.NegativeInfinity, float.NaN, float.Epsilon, -88, -95];
        var y = Exp(level, x);
        for (var i = 0; i < x.Length; i++)
        {
            // Denormal numbers within two of the smallest.
            var expected = MathF.Exp(x[i]);
            if (float.IsNaN(expected) || float.IsInfinity(expected)) Assert.Equal(expected, y[i]);
            else Assert.Equal(expected, y[i], (expected * 2.4e-7f) + (2 * float.Epsilon));
        }
    }

    static float[] Exp(SimdLevel level, float[] x)
    {
        using var device = Devices.Cpu(level, 1);
        var results = new Array[] { x, new float[x.Length] };
        KernelCall.InPlace(device, (k, b) => k.Elementwise.Unary(UnaryOp.Exp, 0, b[0], b[1]), results);
        return (float[])results[1];
    }
}
