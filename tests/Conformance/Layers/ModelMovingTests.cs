using CnnSharp.Formats.Onnx;
using CnnSharp.Kernels.Reference;
using CnnSharp.Layers;
using CnnSharp.Models;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests.Training;

/// <summary><c>model.To(device)</c>: the same tensors elsewhere.</summary>
[Collection(DeviceTests.Name)]
public sealed class ModelMovingTests
{
    [Fact]
    public void TensorsMoveInPlaceWithTheirGradients()
    {
        var from = new Device(new ReferenceEngine<float>());
        var model = SmallTraining.Model(from);
        var (x, labels) = Batch();
        Backward();
        var before = model.StateDict().ToList();
        var (values, gradients) = (before.Select(t => t.Tensor.ToArray()).ToList(), model.Parameters.Select(p => p.Gradient!.ToArray()).ToList());
        var expected = LogitsThere();

        Assert.Same(model, model.To(Device.Cpu));
        var after = model.StateDict().ToList();
        Assert.Equal(before.Select(t => t.Name), after.Select(t => t.Name));
        Assert.All(before.Zip(after), pair => Assert.Same(pair.First.Tensor, pair.Second.Tensor));
        Assert.All(after, t => Assert.Same(Device.Cpu, t.Tensor.Device));
        Assert.Equal(values, after.Select(t => t.Tensor.ToArray()));
        Assert.Equal(gradients, model.Parameters.Select(p => p.Gradient!.ToArray()));
        Assert.All(model.Parameters.Zip(model.Parameters.Select(p => p.Gradient!)), pair => Assert.Equal((Device.Cpu, pair.First.Shape), (pair.Second.Device, pair.Second.Shape)));
        AssertNear(expected, Logits(model, x), 1e-5);
        Assert.Equal(0, Devices.UsedBytes(from));

        void Backward() => Loss.CrossEntropy(model.Forward(x.To(from)), labels.To(from)).Backward();

        float[] LogitsThere() => Logits(model, x.To(from));
    }

    /// <summary>Two steps here and two there are four steps here, with everything that an optimizer keeps on the device.</summary>
    [Theory]
    [InlineData("sgd")]
    [InlineData("adam")]
    public void AnOptimizerFollowsItsParameters(string name)
    {
        var (moved, stayed) = (Trained(Device.Reference, Device.ReferenceFloat64), Trained(Device.Reference, Device.Reference));
        Assert.All(stayed.Zip(moved), pair => AssertNear(pair.First, pair.Second, 1e-5));

        List<float[]> Trained(Device first, Device second)
        {
            var model = SmallTraining.Model(first);
            model.ManualSeed(1);
            OptimizerOptions options = name == "sgd" ? new SgdOptions { LearningRate = 0.05f, Momentum = 0.9f, MaxGradientNorm = 0.5f } : new AdamOptions { LearningRate = 0.01f, MaxGradientNorm = 0.5f };
            var optimizer = options.Create(model.Parameters);
            var (x, labels) = Batch();
            for (var step = 0; step < 4; step++)
            {
                if (step == 2) model.To(second);
                Assert.Same(step < 2 ? first : second, optimizer.Device);
                Loss.CrossEntropy(model.Forward(x.To(optimizer.Device)), labels.To(optimizer.Device)).Backward();
                optimizer.Step();
            }

            Assert.All(optimizer.StateTensors(), state => Assert.Same(second, state.Tensor.Device));
            return [.. model.Parameters.Select(parameter => parameter.ToArray())];
        }
    }

    /// <summary>What the pass recorded is of the weights that were on the old device.</summary>
    [Fact]
    public void AMoveBetweenForwardAndBackwardIsAnError()
    {
        var model = new Linear(3, 2, device: Device.Reference);
        var x = Tensor.Full(new(4, 3), 1, Device.Reference);
        x.RequiresGrad = true;
        var y = model.Forward(x);
        model.To(Device.Cpu);
        Assert.Contains("was changed", Assert.Throws<InvalidOperationException>(() => y.Backward(Tensor.Full(y.Shape, 1, Device.Reference))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AModelOnTwoDevicesIsNamedWithBoth()
    {
        var model = SmallTraining.Model(Device.Cpu);
        var optimizer = new Sgd(model.Parameters);
        model.Modules().OfType<Linear>().Single().To(Device.Reference);
        Assert.Contains("is on reference, '0.weight' on cpu. Bring all to one: model.To(Device.Parse(\"cpu\")).", Assert.Throws<InvalidOperationException>(optimizer.Step).Message, StringComparison.Ordinal);
        Assert.Contains("is on reference, '0.weight' on cpu.", Assert.Throws<ArgumentException>(() => new Sgd(model.Parameters)).Message, StringComparison.Ordinal);
        Assert.Contains("is on reference, '0.weight' on cpu.", Assert.Throws<ArgumentException>(() => Trainer.Evaluate(model, SmallTraining.Images(20))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AModelWithoutElementsCannotBeMoved()
    {
        Assert.Contains("keeps shapes and no elements", Assert.Throws<InvalidOperationException>(() => SmallTraining.Model(Device.Shapes).To(Device.Cpu)).Message, StringComparison.Ordinal);
        Assert.Contains("keeps shapes and no elements", Assert.Throws<InvalidOperationException>(() => SmallTraining.Model(Device.Cpu).To(Device.Shapes)).Message, StringComparison.Ordinal);
    }

    /// <summary>With tensors that are neither weights nor statistics: the codes of LeNet-5's output layer.</summary>
    [Fact]
    public void AModelOfTheZooMovesWhole()
    {
        var model = Zoo.Build("lenet5-1998", new() { Device = Device.Reference });
        var x = Tensor.Normal([2, 32, 32, 1], device: Device.Reference, generator: new(3));
        var expected = Logits(model, x);
        AssertNear(expected, Logits(model.To(Device.Cpu), x.To(Device.Cpu)), 1e-3);
    }

    [Fact]
    public void AnOnnxNetworkMoves()
    {
        var network = new OnnxNetwork(SmallTraining.Model(Device.Cpu).ToOnnx(Batch().Images.Shape.AsSpan()[1..] is [var h, var w, var c] ? new(h, w, c) : default), Device.Cpu);
        var (x, _) = Batch();
        var expected = Logits(network, x);
        network.To(Device.Reference);
        Assert.Same(Device.Reference, network.Device);
        AssertNear(expected, Logits(network, x.To(Device.Reference)), 1e-5);
    }

    static (Tensor Images, Tensor Labels) Batch()
    {
        var random = new Random(5);
        var set = SmallTraining.Images(1);
        var values = new float[6 * set.Height * set.Width * set.Channels];
        for (var i = 0; i < values.Length; i++) values[i] = random.NextSingle() - 0.5f;
        return (Tensor.From(values, new(6, set.Height, set.Width, set.Channels), Device.Cpu), Tensor.From([0, 1, 2, 3, 0, 1], new(6), Device.Cpu));
    }

    static float[] Logits(Layer model, Tensor x)
    {
        model.Eval();
        using var scope = Tape.NoGrad();
        var logits = model.Forward(x).ToArray();
        model.Train();
        return logits;
    }

    static void AssertNear(float[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], tolerance);
    }
}
