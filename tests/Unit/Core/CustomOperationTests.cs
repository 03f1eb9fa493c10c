using CnnSharp.Formats.Onnx;
using CnnSharp.Kernels;
using CnnSharp.Layers;
using Xunit;
using static CnnSharp.Functional;

namespace CnnSharp.Tests;

/// <summary>Operations that a program brings itself, with a backward function of its own.</summary>
[Collection(DeviceTests.Name)]
public sealed class CustomOperationTests
{
    /// <summary>x / (1 + |x|) and its derivative 1 / (1 + |x|)^2, against the tape's own.</summary>
    [Theory]
    [MemberData(nameof(Devices.All), MemberType = typeof(Devices))]
    public void HasTheGradientsOfItsParts(string name)
    {
        var device = Devices.Open(name);
        var before = Devices.UsedBytes(device);
        Run(x => x / (Abs(x) + 1f), out var y, out var gradient);
        Run(SoftSign, out var ownY, out var ownGradient);
        Assert.Equal(y, ownY);
        for (var i = 0; i < gradient.Length; i++) Assert.Equal(gradient[i], ownGradient[i], 1e-6f);
        Assert.InRange(device.Engine.Pool.UsedBytes, 0, before);

        void Run(Func<Tensor, Tensor> f, out float[] result, out float[] gradient)
        {
            using var x = Parameter(device, -3, -0.5f, 0.25f, 2);
            using var dy = Tensor.From([1f, -2, 3, 0.5f], [4], device);
            using var y = f(x);
            y.Backward(dy);
            (result, gradient) = (y.ToArray(), Gradient(x));
        }
    }

    /// <summary>What the backward function says is the gradient, not what the forward function's operations would give.</summary>
    [Fact]
    public void TheBackwardFunctionAloneDecides()
    {
        using var x = Parameter(Device.Reference, 1, 2, 3);
        using var loss = Sum(Square(ReverseGradient(x)));
        Assert.Equal(14, loss.Item());
        loss.Backward();
        Assert.Equal([-2f, -4, -6], Gradient(x));

        static Tensor ReverseGradient(Tensor x) => Custom("ReverseGradient", [x], () => x, dy => [-dy]);
    }

    [Fact]
    public void EachInputGetsItsGradientOnceAndOneUsedTwiceTheSum()
    {
        using var a = Parameter(Device.Reference, 2, 3);
        using var b = Parameter(Device.Reference, 5, 7);
        using var constant = Tensor.From([1f, 1], [2], Device.Reference);
        Sum(Custom("Weighted", [a, b, a, constant], () => a + b, dy => [dy * 10f, dy, null, dy])).Backward();
        Assert.Equal([10f, 10], Gradient(a));
        Assert.Equal([1f, 1], Gradient(b));
        Assert.Null(constant.Gradient);

        a.ClearGradient();
        Sum(Custom("Twice", [a, a], () => a + a, dy => [dy, dy * 2f])).Backward();
        Assert.Equal([3f, 3], Gradient(a));
    }

    [Fact]
    public void WhatItKeepsIsFreedBehindTheBackwardPass()
    {
        var device = Devices.Open("reference");
        using var x = Parameter(device, 0, 1);
        var before = Devices.UsedBytes(device);
        Tensor? kept = null;
        Tensor? notKept = null;
        using (var loss = Sum(Custom(
            "Keeping",
            [x],
            () =>
            {
                notKept = Exp(x);
                kept = Sigmoid(x).Keep();
                return kept * 1f;
            },
            dy => [dy * kept! * (1 - kept!)])))
        {
            Assert.True(notKept!.IsFreed);
            Assert.False(kept!.IsFreed);
            loss.Backward();
        }

        Assert.Equal("Tensor 'Sigmoid' [2] was used after the backward pass of Keeping, which it was kept for, was over. Read it earlier, or call Keep() on it first.", Assert.Throws<FreedTensorException>(() => kept.ToArray()).Message);
        Assert.Equal(0.25f, Gradient(x)[0]);
        x.ClearGradient();
        Assert.InRange(device.Engine.Pool.UsedBytes, 0, before);
    }

    [Fact]
    public void NothingIsKeptForABackwardPassThatDoesNotCome()
    {
        var device = Devices.Open("reference");
        using var x = Parameter(device, 0, 1);
        using var constant = Tensor.From([0f, 1], [2], device);
        var before = Devices.UsedBytes(device);
        using (Tape.NoGrad()) Assert.Equal([0.5f, 0.731058598f], Sigmoid(x).ToArray());
        Assert.InRange(device.Engine.Pool.UsedBytes, 0, before);
        using (var y = Sigmoid(constant)) Assert.Equal(0.5f, y.ToArray()[0]);
        Assert.InRange(device.Engine.Pool.UsedBytes, 0, before);

        static Tensor Sigmoid(Tensor x)
        {
            Tensor? s = null;
            return Custom("Sigmoid", [x], () => s = Functional.Sigmoid(x).Keep(), dy => [dy * s! * (1 - s!)]);
        }
    }

    [Fact]
    public void AWrongGradientIsRefusedWithBothShapes()
    {
        using var x = Parameter(Device.Reference, 1, 2);
        var number = Assert.Throws<ShapeException>(() => Sum(Custom("Bad", [x], () => x, dy => [dy, dy])).Backward());
        Assert.Equal("Bad: its backward function gave 2 gradients for 1 inputs.", number.Message);
        var shape = Assert.Throws<ShapeException>(() => Sum(Custom("Bad", [x], () => x, dy => [Sum(dy)])).Backward());
        Assert.Equal("Bad: its backward function gave a gradient [] on reference for input 0, [2] on reference.", shape.Message);
    }

    /// <summary>Without recording it is the operations within, which an export can name.</summary>
    [Fact]
    public void IsExportedAsWhatItComputes()
    {
        var file = Path.Combine(Directory.CreateTempSubdirectory("cnnsharp-test-").FullName, "net.onnx");
        using var x = Tensor.From([-3f, -0.5f, 0.25f, 2], [1, 4], Device.Reference);
        new SoftSignNet().SaveOnnx(file, x.Shape);
        var loaded = OnnxNetwork.Load(file, Device.Reference);
        using (Tape.NoGrad()) Assert.Equal(SoftSign(x).ToArray(), loaded.Forward(x).ToArray());
        Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
    }

    static Tensor SoftSign(Tensor x) => Custom("SoftSign", [x], () => x / (Abs(x) + 1f), dy => [dy / Square(Abs(x) + 1f)]);

    static Tensor Parameter(Device device, params float[] values)
    {
        var tensor = Tensor.From(values, [values.Length], device);
        tensor.RequiresGrad = true;
        return tensor;
    }

    static float[] Gradient(Tensor x)
    {
        using var gradient = x.Gradient!;
        return gradient.ToArray();
    }

    sealed class SoftSignNet : Layer
    {
        readonly Tensor scale = Tensor.Full([1], 1, Device.Reference);

        protected override Tensor Compute(Tensor x) => SoftSign(x * scale);
    }
}
