using CnnSharp.Kernels;
using Xunit;
using static CnnSharp.Functional;

namespace CnnSharp.Tests;

/// <summary>What the tape promises: who owns memory, how gradients add up, what misuse says.</summary>
[Collection(DeviceTests.Name)]
public sealed class TapeTests
{
    [Theory]
    [MemberData(nameof(Devices.All), MemberType = typeof(Devices))]
    public void GradientsOfATensorUsedTwiceAddUp(string name)
    {
        var device = Devices.Open(name);
        var before = Devices.UsedBytes(device);
        Check(x => x + x, v => 2);
        Check(x => x * x, v => 2 * v);
        Check(x => x - x, v => 0);
        Check(x => x / x, v => 0);
        Check(x => Relu(x) + x, v => v > 0 ? 2 : 1);
        Check(x => (x * 3f) + (x * x), v => 3 + (2 * v));
        Check(x => (2 - x) * (2 - x), v => -2 * (2 - v));
        Check(x => -(1 + x) / 4 - (x - 1), v => -1.25);
        Check(x => Concat([x, x, x], 0), v => 3);
        Assert.InRange(device.Engine.Pool.UsedBytes, 0, before);

        void Check(Func<Tensor, Tensor> f, Func<double, double> derivative)
        {
            float[] values = [-2, -0.5f, 1, 3];
            using var x = Parameter(device, values);
            using var loss = Sum(f(x));
            loss.Backward();
            Assert.Equal(values.Select(v => (float)derivative(v)), Gradient(x));
        }
    }

    /// <summary>The upstream gradient of a tensor is read by several operations; none may spoil it for the next.</summary>
    [Theory]
    [MemberData(nameof(Devices.All), MemberType = typeof(Devices))]
    public void AnUpstreamGradientSurvives(string name)
    {
        var device = Devices.Open(name);
        using var x = Parameter(device, [-1, 2, -3, 4]);
        using var dy = Tensor.From([1f, 2, 3, 4], new(4), device);

        // Operations that work in place where they own dy: twice the same one, and as the addend of a sum.
        using var y = Relu(x) + Relu(x) + x;
        y.Backward(dy);
        Assert.Equal([1f, 2, 3, 4], dy.ToArray());
        Assert.Equal([1f, 6, 3, 12], Gradient(x));
    }

    /// <summary>A residual unit's sum: the addend's gradient may be dy itself, in place, while dy also flows on.</summary>
    [Theory]
    [MemberData(nameof(Devices.All), MemberType = typeof(Devices))]
    public void AResidualThroughBatchNormEqualsItsParts(string name)
    {
        var device = Devices.Open(name);
        var random = new Random(5);
        float[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => (random.NextSingle() * 2) - 1)];
        var (xs, ws, bs, dys) = (Values(24), Values(3), Values(3), Values(24));
        var fused = Run((x, w, b, mean, variance) => BatchNorm(x, w, b, mean, variance, training: true, activation: Activation.Relu, add: x));
        var parts = Run((x, w, b, mean, variance) => Relu(BatchNorm(x, w, b, mean, variance, training: true) + x));
        for (var i = 0; i < parts.Length; i++) Assert.Equal(parts[i], fused[i], 1e-5f);

        float[] Run(Func<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> unit)
        {
            using var x = Parameter(device, xs, 2, 2, 2, 3);
            using var w = Parameter(device, ws);
            using var b = Parameter(device, bs);
            using var mean = Tensor.Zeros(new(3), device);
            using var variance = Tensor.Full(new(3), 1, device);
            using var dy = Tensor.From(dys, new(2, 2, 2, 3), device);
            using var y = unit(x, w, b, mean, variance).Keep();
            y.Backward(dy);
            Assert.Equal(dys, dy.ToArray());
            return [.. y.ToArray(), .. Gradient(x), .. Gradient(w), .. Gradient(b), .. mean.ToArray(), .. variance.ToArray()];
        }
    }

    [Fact]
    public void GradientsOfTwoBackwardPassesAddUpUntilCleared()
    {
        using var x = Parameter(Device.Reference, [1, 2, 3]);
        Sum(x * 2f).Backward();
        Sum(x * x).Backward();
        Assert.Equal([4f, 6, 8], Gradient(x));
        x.ClearGradient();
        Assert.Null(x.Gradient);
        Sum(x * 5f).Backward();
        Assert.Equal([5f, 5, 5], Gradient(x));
    }

    [Fact]
    public void BackwardTwiceIsAnError()
    {
        using var x = Parameter(Device.Reference, [1, 2]);
        using var loss = Sum(x * x);
        loss.Backward();
        var e = Assert.Throws<InvalidOperationException>(() => loss.Backward());
        Assert.StartsWith("Backward: the graph of tensor 'Sum' [] was given back by an earlier Backward", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void BackwardNeedsAnUpstreamGradientOfTheSameShape()
    {
        using var x = Parameter(Device.Reference, [1, 2]);
        using var y = x * x;
        Assert.Equal("Backward: tensor 'Multiply' [2] has 2 elements and needs an upstream gradient; only a single element defaults to 1.", Assert.Throws<ShapeException>(() => y.Backward()).Message);
        using var wrong = Tensor.Zeros(new(3), Device.Reference);
        Assert.Equal("Backward: the upstream gradient is [3], the tensor [2].", Assert.Throws<ShapeException>(() => y.Backward(wrong)).Message);
    }

    [Fact]
    public void AFreedTensorIsNamed()
    {
        using var x = Parameter(Device.Reference, [1, 2]);
        var hidden = Relu(x);
        hidden.Name = "hidden";
        using var loss = Sum(hidden);
        loss.Backward();
        Assert.True(hidden.IsFreed);
        Assert.Equal(3, loss.Item());
        Assert.Equal("Tensor 'hidden' [2] was used after Backward passed it. Read it earlier, or call Keep() on it first.", Assert.Throws<FreedTensorException>(() => hidden.ToArray()).Message);
        Assert.Throws<FreedTensorException>(() => hidden * 2f);

        var disposed = Parameter(Device.Reference, [1]);
        disposed.Dispose();
        Assert.Equal("Tensor [1] was used after it was disposed. Read it earlier, or call Keep() on it first.", Assert.Throws<FreedTensorException>(() => disposed.Item()).Message);

        using var needed = Parameter(Device.Reference, [2]);
        using var other = Parameter(Device.Reference, [3]);
        using var product = needed * other;
        needed.Dispose();
        Assert.Equal("Tensor [1] was used after it was disposed. Read it earlier, or call Keep() on it first.", Assert.Throws<FreedTensorException>(() => product.Backward()).Message);
    }

    [Fact]
    public void KeepKeeps()
    {
        using var x = Parameter(Device.Reference, [1, 2]);
        using var hidden = (x * 3f).Keep();
        Sum(hidden).Backward();
        Assert.Equal([3f, 6], hidden.ToArray());

        Tensor kept;
        using (Tape.NoGrad()) kept = (x * 2f).Keep();
        Assert.Equal([2f, 4], kept.ToArray());
        kept.Dispose();
    }

    [Fact]
    public void NoGradFreesAndRecordsNothing()
    {
        var device = Devices.Open("reference");
        using var x = Parameter(device, [1, 2]);
        var before = Devices.UsedBytes(device);
        Tensor y;
        using (Tape.NoGrad())
        {
            Assert.False(Tape.IsRecording);
            y = MaxPool2d(Reshape(x * 2f, new(1, 1, 2, 1)), (1, 2));
            Assert.Equal(4, y.Item());
            Assert.Throws<InvalidOperationException>(() => y.Backward());
        }

        Assert.True(Tape.IsRecording);
        Assert.True(y.IsFreed);
        Assert.InRange(device.Engine.Pool.UsedBytes, 0, before);
    }

    [Fact]
    public void DetachStopsTheGradient()
    {
        using var x = Parameter(Device.Reference, [2, 3]);
        var y = x * x;
        using var constant = y.Detach();
        using var loss = Sum(constant * x);
        loss.Backward();
        Assert.Equal([4f, 9], Gradient(x));
        Assert.Equal([4f, 9], constant.ToArray());
    }

    [Fact]
    public void OnlyWhatWantsAGradientGetsOne()
    {
        using var x = Parameter(Device.Reference, [2, 3]);
        using var constant = Tensor.From([5f, 7], new(2), Device.Reference);
        using var loss = Sum(x * constant);
        loss.Backward();
        Assert.Null(constant.Gradient);
        Assert.Equal([5f, 7], Gradient(x));
    }

    static Tensor Parameter(Device device, float[] values, params int[] shape)
    {
        var tensor = Tensor.From(values, shape.Length == 0 ? [values.Length] : shape, device);
        tensor.RequiresGrad = true;
        return tensor;
    }

    static float[] Gradient(Tensor x)
    {
        using var gradient = x.Gradient!;
        return gradient.ToArray();
    }
}
