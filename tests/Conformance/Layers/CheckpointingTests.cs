using CnnSharp.Kernels.Cpu;
using CnnSharp.Layers;
using CnnSharp.Models;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>Gradient checkpointing on every device: the same bytes as without, and less memory.</summary>
[Collection(DeviceTests.Name)]
public sealed class CheckpointingTests
{
    const int Count = 6, Side = 8, Classes = 5;

    public static TheoryData<string> AllDevices => Devices.All;

    static Sequential Chain(Device device) => new(
        new Conv2d(3, 8, 3, padding: 1, bias: false, device: device),
        new BatchNorm2d(8, device: device),
        new Relu(),
        new Dropout(0.3),
        new ResidualUnit(8, 8, device: device, survival: 0.5),
        new ResidualUnit(8, 16, 2, Shortcut.B, device, survival: 0.6),
        new Conv2d(16, 12, 3, padding: 1, device: device),
        new Relu(),
        new Flatten(),
        new Dropout(0.2),
        new Linear(12 * Side * Side / 4, Classes, device: device));

    static void Draw(Layer model)
    {
        var random = new Generator(7);
        foreach (var (name, tensor) in model.StateDict())
        {
            var values = new float[tensor.Count];
            if (name.Contains("running", StringComparison.OrdinalIgnoreCase))
            {
                Array.Fill(values, name.EndsWith("Variance", StringComparison.Ordinal) ? 1 : 0);
                tensor.CopyFrom<float>(values);
                continue;
            }

            random.FillNormal(values, tensor.Shape.Rank > 1 || name.EndsWith("bias", StringComparison.Ordinal) ? 0 : 1, 0.2);
            tensor.CopyFrom<float>(values);
        }
    }

    static Tensor Images(Device device, int channels = 3)
    {
        var values = new float[Count * Side * Side * channels];
        new Generator(5).FillNormal(values, 0, 1);
        return Tensor.From(values, new(Count, Side, Side, channels), device);
    }

    /// <summary>Everything that some steps leave: losses, gradients of each step, weights, running statistics.</summary>
    static List<double[]> Train(Layer model, Device device, int steps = 3, Action<Layer>? between = null)
    {
        Draw(model);
        model.Train();
        model.ManualSeed(3);
        var optimizer = new Sgd(model.Parameters, learningRate: 0.05, momentum: 0.9);
        var outcome = new List<double[]>();
        using var images = Images(device);
        images.RequiresGrad = true;
        using var labels = Tensor.From<int>(Enumerable.Range(0, Count).Select(i => i % Classes).ToArray(), new(Count), device);
        for (var step = 0; step < steps; step++)
        {
            using var loss = Loss.CrossEntropy(model.Forward(images), labels);
            between?.Invoke(model);
            loss.Backward();
            outcome.Add([loss.Item()]);
            outcome.Add(images.Gradient!.ToArray<double>());
            outcome.AddRange(model.Parameters.Select(parameter => parameter.Gradient?.ToArray<double>() ?? []));
            optimizer.Step();
            images.ClearGradient();
        }

        outcome.AddRange(model.StateDict().Select(t => t.Tensor.ToArray<double>()));
        return outcome;
    }

    static void Equal(List<double[]> expected, List<double[]> actual)
    {
        Assert.Equal(expected.Count, actual.Count);
        for (var i = 0; i < expected.Count; i++) Assert.True(expected[i].AsSpan().SequenceEqual(actual[i]), $"the {i}th of the outcomes differs");
    }

    public static TheoryData<string, string> Cases
    {
        get
        {
            var cases = new TheoryData<string, string>();
            foreach (var device in Devices.All)
                foreach (var how in new[] { "units", "whole", "segments", "nested", "each layer" }) cases.Add(device.Data, how);
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void GradientsAreThoseWithoutToTheByte(string deviceName, string how)
    {
        var device = Devices.Open(deviceName);
        var expected = Train(Chain(device), device);
        var model = Chain(device);
        if (how is "units" or "nested") foreach (var unit in model.OfType<ResidualUnit>()) unit.Checkpoint();
        if (how is "whole" or "nested") model.Checkpoint();
        if (how is "segments" or "nested") model.CheckpointSegments(4);

        // A unit's last normalization is fused with the addition after it, so it is no block of its own.
        if (how == "each layer") foreach (var layer in model.Where(layer => layer is not ResidualUnit)) layer.Checkpoint();
        Equal(expected, Train(model, device));

        // And it may be switched off.
        foreach (var layer in model.Modules()) layer.Checkpoint(false);
        Equal(expected, Train(model.CheckpointSegments(0), device));
    }

    /// <summary>After the second step no memory is taken, and after each all that a step took has been given back.</summary>
    [Theory]
    [MemberData(nameof(AllDevices))]
    public void NothingIsLeft(string deviceName)
    {
        var device = Devices.Open(deviceName);
        var model = Chain(device);
        foreach (var unit in model.OfType<ResidualUnit>()) unit.Checkpoint();
        model.CheckpointSegments(3);
        Draw(model);
        using var images = Images(device);
        var optimizer = new Sgd(model.Parameters, learningRate: 0.01);
        long allocations = 0, used = 0;
        for (var step = 0; step < 12; step++)
        {
            // One depth, so that each step does the same.
            model.ManualSeed(3);
            using (var loss = Functional.Mean(model.Forward(images))) loss.Backward();
            optimizer.Step();
            if (step < 2)
            {
                (allocations, used) = (device.Engine.Pool.Allocations, Devices.UsedBytes(device));
                continue;
            }

            // What an earlier test dropped may be given back meanwhile.
            Assert.Equal(allocations, device.Engine.Pool.Allocations);
            Assert.InRange(device.Engine.Pool.UsedBytes, 0, used);
        }
    }

    /// <summary>Of a chain of twelve normalized convolutions; and no packed weights are kept that the next step would make useless.</summary>
    [Fact]
    public void LessMemoryIsTaken()
    {
        var (whole, parts) = (Peak(0), Peak(4));
        Assert.True(parts.Peak < 0.6 * whole.Peak, $"{parts.Peak:N0} of {whole.Peak:N0} bytes");
        Assert.Equal(whole.Left, parts.Left);

        static (long Peak, long Left) Peak(int segments)
        {
            var device = new Device(new CpuEngine(1));
            var layers = new List<Layer>();
            for (var i = 0; i < 12; i++) layers.AddRange([new Conv2d(16, 16, 3, padding: 1, device: device), new BatchNorm2d(16, device: device), new Tanh()]);
            var model = new Sequential(layers).CheckpointSegments(segments);
            var values = new float[16 * 16 * 16 * 16];
            using var images = Tensor.From(values, new(16, 16, 16, 16), device);
            using (var loss = Functional.Mean(model.Forward(images))) loss.Backward();
            var left = device.Engine.Pool.UsedBytes;
            GC.KeepAlive(model);
            return (device.Engine.Pool.AllocatedBytes, left);
        }
    }

    /// <summary>The graph may be walked twice, within a scope without recording, and after the mode was changed.</summary>
    [Fact]
    public void ABackwardPassComputesInTheStateOfTheForwardPass()
    {
        var device = Devices.Open("reference");
        var expected = Train(Chain(device), device);
        var model = Chain(device);
        model.CheckpointSegments(2);
        Equal(expected, Train(model, device, between: model =>
        {
            // What is measured between the passes leaves no trace.
            using var scope = Tape.NoGrad();
            model.Eval();
            model.Forward(Images(device));
            model.Train();
        }));
        Draw(model);
        model.ManualSeed(3);
        using var images = Images(device);
        using var loss = Functional.Mean(model.Forward(images));
        model.Eval();
        loss.Backward(retainGraph: true);
        var once = model.Parameters.Select(parameter => parameter.Gradient?.ToArray() ?? []).ToArray();
        using (Tape.NoGrad()) loss.Backward();
        Assert.All(once.Zip(model.Parameters), pair => Assert.Equal(pair.First.Select(value => 2 * value), pair.Second.Gradient?.ToArray() ?? []));
        Assert.False(model.IsTraining);
    }

    /// <summary>A weight that is read inside and outside, and a tensor that a block reads beside its input.</summary>
    [Fact]
    public void WhatIsReadInsideAndOutsideGetsAllOfItsGradient()
    {
        var device = Devices.Open("cpu Vector128" is var name && Devices.All.Any(row => row.Data == name) ? name : "reference");
        Equal(Run(false), Run(true));

        List<double[]> Run(bool on)
        {
            var shared = new Conv2d(3, 3, 3, padding: 1, device: device);
            var block = new Gate(shared).Checkpoint(on);
            Draw(shared);
            using var x = Images(device);
            x.RequiresGrad = true;
            var before = shared.Forward(x);
            block.Side = Functional.Tanh(before);
            using var loss = Functional.Mean(Functional.Square(shared.Forward(block.Forward(before) + before)));
            loss.Backward();
            return [[loss.Item()], x.Gradient!.ToArray<double>(), shared.Weight.Gradient!.ToArray<double>(), shared.Bias!.Gradient!.ToArray<double>()];
        }
    }

    [Fact]
    public void WhatWouldGiveWrongGradientsIsRefused()
    {
        var device = Devices.Open("reference");
        using var x = Images(device);

        // A weight that was stepped between the passes.
        var model = new Sequential(new Conv2d(3, 4, 3, device: device), new Tanh(), new Conv2d(4, 4, 3, device: device)).Checkpoint();
        using (var loss = Functional.Mean(model.Forward(x)))
        {
            model.StateDict().First().Tensor.CopyFrom(new float[3 * 3 * 3 * 4]);
            Assert.Contains("was changed", Assert.Throws<InvalidOperationException>(() => loss.Backward()).Message, StringComparison.Ordinal);
        }

        Assert.All(model.Parameters, parameter => Assert.Null(parameter.Gradient));

        // A layer that draws and does not say from what; a function that is another the second time; a result that asks for its gradient.
        Assert.Contains("Secretive draws at random and does not say from what", Assert.Throws<NotSupportedException>(() => new Secretive().Checkpoint().Forward(x)).Message, StringComparison.Ordinal);
        using var other = Tensor.Ones(new(Count, Side, Side, 3), device);
        other.RequiresGrad = true;
        using var late = other * 2;
        var fickle = new Fickle(late).Checkpoint();
        x.RequiresGrad = true;
        using (var loss = Functional.Mean(fickle.Forward(x))) Assert.Contains("which it had not read before", Assert.Throws<InvalidOperationException>(() => loss.Backward()).Message, StringComparison.Ordinal);

        Assert.Contains("asks for its gradient, but lies within a layer", Assert.Throws<InvalidOperationException>(() => new Asking().Checkpoint().Forward(x)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => model.CheckpointSegments(4));
    }

    /// <summary>Reads a tensor beside its input.</summary>
    sealed class Gate(Conv2d shared) : Layer
    {
        readonly Conv2d shared = shared;

        public Tensor? Side { get; set; }

        protected override Tensor Compute(Tensor x) => Functional.Sigmoid(shared.Forward(x)) * Side! * x;
    }

    sealed class Secretive : Layer, IRandomized
    {
        public void ManualSeed(ulong seed, ulong step, uint layer)
        {
        }

        protected override Tensor Compute(Tensor x) => x * 2;
    }

    sealed class Fickle(Tensor late) : Layer
    {
        int calls;

        protected override Tensor Compute(Tensor x) => calls++ == 0 ? x * 2 : x * late;
    }

    sealed class Asking : Layer
    {
        protected override Tensor Compute(Tensor x)
        {
            var between = x * 2;
            between.RequiresGrad = true;
            return between * 3;
        }
    }
}
