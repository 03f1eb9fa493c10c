using CnnSharp.Kernels;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests;

/// <summary><see cref="Functional.Clamp"/> at the values where differences cancel, and what is built on it. The expected values are those of <c>torch.clamp</c> of PyTorch 2.6.</summary>
[Collection(DeviceTests.Name)]
public sealed class ClampTests
{
    const float Inf = float.PositiveInfinity, NaN = float.NaN;

    public static TheoryData<string> DeviceNames => [.. Devices.SinglePrecision];

    [Theory]
    [MemberData(nameof(DeviceNames))]
    public void ValuesAndGradients(string name)
    {
        var device = Devices.Open(name);
        float[] x = [NaN, -Inf, Inf, -1, 1, 0.5f, -0f, 1e4f, -1e6f, 1e30f, float.MaxValue, float.Epsilon, -1.0000001f, 1.0000001f, 0.01f, -0.01f, 1e-30f];
        Check(-1, 1, [NaN, -1, 1, -1, 1, 0.5f, -0f, 1, -1, 1, 1, float.Epsilon, -1, 1, 0.01f, -0.01f, 1e-30f], [0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 0, 0, 1, 1, 1]);
        Check(-0.01f, 0.01f, [NaN, -0.01f, 0.01f, -0.01f, 0.01f, 0.01f, -0f, 0.01f, -0.01f, 0.01f, 0.01f, float.Epsilon, -0.01f, 0.01f, 0.01f, -0.01f, 1e-30f], [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1, 1, 1]);
        Check(-1, Inf, [NaN, -1, Inf, -1, 1, 0.5f, -0f, 1e4f, -1, 1e30f, float.MaxValue, float.Epsilon, -1, 1.0000001f, 0.01f, -0.01f, 1e-30f], [0, 0, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 1]);
        Check(-Inf, 1, [NaN, -Inf, 1, -1, 1, 0.5f, -0f, 1, -1e6f, 1, 1, float.Epsilon, -1.0000001f, 1, 0.01f, -0.01f, 1e-30f], [0, 1, 0, 1, 1, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 1, 1]);
        Check(2, 1, [NaN, .. Enumerable.Repeat(1f, x.Length - 1)], new float[x.Length]);

        void Check(float least, float most, float[] expected, float[] gradient)
        {
            // Whole vectors and a rest, at every level.
            foreach (var copies in new[] { 1, 9 })
            {
                var values = Enumerable.Repeat(x, copies).SelectMany(v => v).ToArray();
                using var input = Tensor.From(values, new(values.Length), device);
                input.RequiresGrad = true;
                using var y = Functional.Clamp(input, least, most).Keep();
                Assert.Equal(Enumerable.Repeat(expected, copies).SelectMany(v => v), y.ToArray());
                using var ones = Tensor.Full(y.Shape, 1, device);
                y.Backward(ones);
                using var dx = input.Gradient!;
                Assert.Equal(Enumerable.Repeat(gradient, copies).SelectMany(v => v), dx.ToArray());
            }
        }
    }

    /// <summary>In one pass with the convolution before it the values are those of the two, NaN and infinities too: 3x3, 1x1, depthwise, ReLU6 and other bounds.</summary>
    [Theory]
    [MemberData(nameof(DeviceNames))]
    public void AfterAConvolution(string name)
    {
        var device = Devices.Open(name);
        foreach (var (kernel, channels, outputs, groups) in new[] { (3, 3, 20, 1), (1, 16, 37, 1), (3, 24, 24, 24), (3, 32, 32, 1) })
        {
            var g = ConvGeometry.Create([2, 9, 8, channels], [kernel, kernel, channels / groups, outputs], 1, kernel / 2, 1, groups);
            var random = new Random(3);
            float[] x = GpuRun.Real(random, (long)g.N * g.H * g.W * g.C), w = GpuRun.Real(random, (long)kernel * kernel * g.GroupC * g.K), b = GpuRun.Real(random, g.K);
            (x[5 * g.C], x[40 * g.C], x[60 * g.C]) = (NaN, Inf, -Inf);
            foreach (var (least, most) in new[] { (0f, 0.5f), (0f, Inf), (-0.25f, 0.5f) })
            {
                float[] together = new float[(long)g.N * g.OutH * g.OutW * g.K], apart = new float[together.Length];
                KernelCall.InPlace(device, (k, a) => k.Convolution.ForwardFused(g, a[0], a[1], a[2], new() { Bounds = (least, most) }, a[3]), x, w, b, together);
                KernelCall.InPlace(
                    device,
                    (k, a) =>
                    {
                        k.Convolution.Forward(g, a[0], a[1], a[2], a[3]);
                        k.Elementwise.Clamp(least, most, a[3], a[3]);
                    },
                    x,
                    w,
                    b,
                    apart);
                Assert.Contains(apart, float.IsNaN);
                Assert.Contains(most, apart);
                Assert.Equal(apart, together);
            }

            // A function of one input, likewise: SiLU, which the CPU has in the pass, and another.
            foreach (var op in new[] { UnaryOp.Silu, UnaryOp.LeakyRelu })
            {
                float[] together = new float[(long)g.N * g.OutH * g.OutW * g.K], apart = new float[together.Length];
                KernelCall.InPlace(device, (k, a) => k.Convolution.ForwardFused(g, a[0], a[1], a[2], new() { Function = op, Parameter = 0.3f }, a[3]), x, w, b, together);
                KernelCall.InPlace(
                    device,
                    (k, a) =>
                    {
                        k.Convolution.Forward(g, a[0], a[1], a[2], a[3]);
                        k.Elementwise.Unary(op, 0.3f, a[3], a[3]);
                    },
                    x,
                    w,
                    b,
                    apart);
                Assert.Contains(apart, float.IsNaN);
                Assert.Contains(apart, value => value < 0);
                Assert.Equal(apart, together);
            }
        }
    }

    /// <summary>The clipping that canceled was wrong from 1e4 on, and NaN at infinity.</summary>
    [Theory]
    [MemberData(nameof(DeviceNames))]
    public void ClipByValueIsExact(string name)
    {
        var device = Devices.Open(name);
        foreach (var most in new[] { 0.01f, 1f, 1e5f })
        {
            float[] gradients = [1e4f, -1e4f, 1e6f, -1e6f, 1e30f, -1e30f, Inf, -Inf, most, -most, most / 2, 0];
            using var w = Tensor.Zeros(new(gradients.Length), device);
            w.RequiresGrad = true;
            Functional.Sum(w * Tensor.From(gradients, w.Shape, device)).Backward();
            var optimizer = new SgdOptions { LearningRate = 1, Momentum = 0, WeightDecay = 0, MaxGradientValue = most }.Create([w]);
            optimizer.Step();
            Assert.Equal(gradients.Select(g => -Math.Clamp(g, -most, most)), w.ToArray());
        }
    }

    /// <summary>The square of 1e30 is beyond a float, its norm is not.</summary>
    [Theory]
    [MemberData(nameof(DeviceNames))]
    public void ClipByNormOfHugeGradients(string name)
    {
        var device = Devices.Open(name);
        Assert.Equal([-0.6f, -0.8f, -0f], Step(3e30f, 4e30f, 0), Near);
        Assert.Equal([-0.6f, -0.8f, -0f], Step(1.5e38f, 2e38f, 1), Near);
        Assert.Equal([-3e-30f, -4e-30f, -0f], Step(3e-30f, 4e-30f, 0));

        // As torch.nn.utils.clip_grad_norm_: what is not finite is not hidden.
        Assert.Equal([NaN, NaN, NaN], Step(NaN, 1, 0));
        Assert.Equal(NaN, Step(Inf, 1, 0)[0]);

        float[] Step(params float[] gradients)
        {
            using var w = Tensor.Zeros(new(gradients.Length), device);
            w.RequiresGrad = true;
            Functional.Sum(w * Tensor.From(gradients, w.Shape, device)).Backward();
            new SgdOptions { LearningRate = 1, Momentum = 0, WeightDecay = 0, MaxGradientNorm = 1 }.Create([w]).Step();
            return w.ToArray();
        }

        static bool Near(float a, float b) => Math.Abs(a - b) < 1e-6f;
    }

    [Fact]
    public void BoundsAreNumbers()
    {
        using var x = Tensor.Zeros(new(2), Devices.Open("reference"));
        Assert.Contains("a bound is NaN", Assert.Throws<ArgumentException>(() => Functional.Clamp(x, NaN)).Message, StringComparison.Ordinal);
    }
}
