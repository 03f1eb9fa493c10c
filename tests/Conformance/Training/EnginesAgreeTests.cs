using CnnSharp.Data;
using CnnSharp.Layers;
using CnnSharp.Models;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests.Training;

/// <summary>The same training on an accelerator and on the CPU engine: from one seed, the same losses.</summary>
[Collection(DeviceTests.Name)]
public sealed class EnginesAgreeTests
{
    const int Steps = 20;
    const float Tolerance = 1e-4f;

    public static TheoryData<string> Accelerators => [.. Devices.SinglePrecision.Where(name => name.StartsWith("cuda", StringComparison.Ordinal) || name.StartsWith("opencl", StringComparison.Ordinal) || name == "ilgpu-cpu")];

    [Theory]
    [MemberData(nameof(Accelerators))]
    public void LeNet5TrainsAlike(string name) => TrainAlike(name, batch: 4, side: 20, device => LeNet5.Create(size: 20, channels: 1, device: device));

    [Theory]
    [MemberData(nameof(Accelerators))]
    public void ASmallResNetTrainsAlike(string name) => TrainAlike(name, batch: 8, side: 8, device => ResNet.Cifar(depth: 8, shortcut: Shortcut.B, channels: 1, device: device));

    static void TrainAlike(string deviceName, int batch, int side, Func<Device, Layer> build)
    {
        var accelerator = Devices.Open(deviceName);
        var (model, copy) = (build(Device.Cpu), build(accelerator));
        // Weights by He's rule and biases of zero, from a seed of the test's own: layers draw from a generator that all tests
        // share, and about one start in ten takes an activation so near to zero that the engines' rounding decides its ReLU,
        // after which the losses part by 1e-3 (reference against cpu just as well).
        var generator = new Generator(7);
        foreach (var ((name, mine), (_, other)) in model.StateDict().Zip(copy.StateDict()))
        {
            var values = mine.ToArray();
            if (mine.Shape.Rank > 1) generator.FillNormal(values, 0, MathF.Sqrt(2f * mine.Shape[^1] / mine.Count));
            else if (name.EndsWith("bias", StringComparison.Ordinal)) Array.Clear(values);
            mine.CopyFrom<float>(values);
            other.CopyFrom<float>(values);
        }

        var expected = Losses(model, Device.Cpu, batch, side, out _);
        var actual = Losses(copy, accelerator, batch, side, out var allocations);
        for (var i = 0; i < Steps; i++)
            Assert.True(Math.Abs(actual[i] - expected[i]) <= Tolerance * expected[i], $"step {i + 1}: the loss is {actual[i]} on {deviceName}, {expected[i]} on cpu.");
        Assert.True(actual[^1] < 0.95f * actual[0], $"the loss went from {actual[0]} to {actual[^1]}");
        Assert.Equal(allocations.AfterSecondStep, allocations.AtEnd);
    }

    /// <summary>The loss of each step: made-up images from the device's loader, SGD with Nesterov momentum.</summary>
    static float[] Losses(Layer model, Device device, int batch, int side, out (long AfterSecondStep, long AtEnd) allocations)
    {
        var random = new Random(5);
        var pixels = new byte[2 * batch * side * side];
        var labels = new int[2 * batch];
        random.NextBytes(pixels);
        for (var i = 0; i < labels.Length; i++) labels[i] = random.Next(10);
        var set = new ImageDataset("noise", pixels, labels, side, side, 1, [.. Enumerable.Range(0, 10).Select(c => $"{c}")], new([0.5f], [0.25f]));
        var loader = new DataLoader(set, batch, device, Augment.PadAndCrop(1).Then(Augment.Flip()), seed: 3);

        var optimizer = new Sgd(model.Parameters, learningRate: 0.02f, momentum: 0.9f, nesterov: true, weightDecay: 5e-4f);
        var losses = new List<float>();
        allocations = default;
        while (losses.Count < Steps)
        {
            foreach (var (images, targets) in loader)
            {
                using var loss = Loss.CrossEntropy(model.Forward(images), targets);
                loss.Backward();
                optimizer.Step();
                losses.Add((float)loss.Item());
                if (losses.Count == 2) allocations.AfterSecondStep = device.Engine.Pool.Allocations;
            }
        }

        allocations.AtEnd = device.Engine.Pool.Allocations;
        return [.. losses];
    }
}
