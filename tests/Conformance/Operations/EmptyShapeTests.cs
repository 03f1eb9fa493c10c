using CnnSharp.Verification;
using CnnSharp.Kernels;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>
/// Tensors without elements, where the result is defined: every operation, forward and backward, gives on every device what
/// <c>reference-f64</c> gives, and what it does not define is refused with the same message.
/// </summary>
[Collection(DeviceTests.Name)]
public sealed class EmptyShapeTests
{
    /// <summary>Inputs that have no batch axis.</summary>
    static readonly string[] Parameters = ["w", "b", "gamma", "beta", "running_mean", "running_var", "weight"];

    public static TheoryData<string> DeviceNames => [.. Devices.SinglePrecision];

    /// <summary>Samples with other axes than the batch's empty, by row.</summary>
    static readonly (string Row, Sample Sample)[] Others =
    [
        ("conv2d", new("""{"padding":1}""", X(2, 4, 5, 0), W(3, 3, 0, 4), B(4))),
        ("conv2d", new("""{"activation":"relu"}""", X(2, 4, 5, 0), W(1, 1, 0, 17), B(17))),
        ("conv2d", new("""{"padding":1,"groups":2}""", X(2, 4, 5, 0), W(3, 3, 0, 4), B(4))),
        ("conv2d", new("""{"padding":1,"stride":2}""", X(2, 4, 5, 3), W(3, 3, 3, 0), B(0))),
        ("conv2d", new("""{"padding":1,"groups":3}""", X(2, 4, 5, 3), W(3, 3, 1, 0))),
        ("conv2d", new("{}", X(2, 4, 5, 3), W(1, 1, 3, 0))),
        ("conv2d", new("""{"padding":2}""", X(2, 0, 5, 3), W(3, 3, 3, 4), B(4))),
        ("conv2d", new("""{"padding":2,"groups":3}""", X(2, 5, 0, 3), W(3, 3, 1, 3), B(3))),
        ("conv2d", new("""{"padding":1}""", X(2, 0, 5, 3), W(3, 3, 3, 4))),
        ("conv2d", new("{}", X(2, 4, 5, 3), W(0, 3, 3, 4))),
        ("conv2d_batch_norm", new("""{"padding":1,"activation":"relu"}""", [X(2, 4, 5, 0), W(3, 3, 0, 16), new("add", [2, 4, 5, 16]), .. Norm(16)])),
        ("conv_transpose2d", new("""{"stride":2}""", X(2, 3, 4, 0), W(3, 3, 0, 3), B(3))),
        ("conv_transpose2d", new("""{"stride":2}""", X(2, 3, 4, 2), W(3, 3, 2, 0), B(0))),
        ("conv_transpose2d", new("""{"stride":2}""", X(2, 0, 4, 2), W(3, 3, 2, 3))),
        ("linear", new("{}", X(3, 0), W(0, 4), B(4))),
        ("linear", new("""{"activation":"relu"}""", X(2, 3, 0), W(0, 17), B(17))),
        ("linear", new("{}", X(50, 0), W(0, 33))),
        ("linear", new("{}", X(3, 5), W(5, 0), B(0))),
        ("matmul", new("{}", new("a", [3, 0]), new("b", [0, 5]))),
        ("max_pool2d", new("""{"kernel":2}""", X(2, 4, 4, 0))),
        ("max_pool2d", new("""{"kernel":2,"padding":1}""", X(2, 0, 4, 3))),
        ("avg_pool2d", new("""{"kernel":2}""", X(2, 4, 4, 0))),
        ("avg_pool2d", new("""{"kernel":2,"padding":1}""", X(2, 4, 0, 3))),
        ("adaptive_avg_pool2d", new("""{"output":2}""", X(2, 4, 8, 0))),
        ("adaptive_max_pool2d", new("""{"output":2}""", X(2, 0, 8, 3))),
        ("batch_norm", new("""{"training":true}""", X(2, 3, 3, 0))),
        ("batch_norm", new("""{"training":true}""", X(2, 0, 3, 3))),
        ("batch_norm", new("""{"training":true}""", X(1, 1, 1, 3))),
        ("batch_norm", new("{}", X(2, 3, 3, 0))),
        ("local_response_norm", new("""{"size":3}""", X(2, 3, 3, 0))),
        ("prelu", new("{}", X(2, 3, 0), W(0))),
        ("prelu", new("{}", X(2, 3, 0), W(1))),
        ("maxout", new("""{"pieces":2}""", X(2, 3, 0))),
        ("softmax", new("{}", X(3, 0))),
        ("log_softmax", new("{}", X(3, 0))),
        ("argmax", new("{}", X(3, 0))),
        ("concat", new("""{"dim":-1}""", new("x0", [2, 0]), new("x1", [2, 3]), new("x2", [2, 0]))),
        ("concat", new("""{"dim":0}""", new("x0", [3, 0]), new("x1", [4, 0]))),
        ("slice", new("""{"dim":1,"start":2,"length":0}""", X(2, 3))),
        ("pad", new("""{"pad":[1,1,1,1],"value":0.5}""", X(1, 0, 3, 2))),
        ("pad", new("""{"pad":[1,1,1,1]}""", X(1, 2, 3, 0))),
        ("subsample_and_widen", new("""{"stride":2,"before":1}""", X(2, 0, 3, 2))),
        ("permute", new("""{"dim":[1,0]}""", X(3, 0))),
        ("upsample_nearest2d", new("""{"scale":2}""", X(2, 0, 3, 2))),
        ("upsample_nearest2d", new("""{"scale":2}""", X(2, 2, 3, 0))),
        ("upsample_bilinear2d", new("""{"scale":2}""", X(2, 3, 0, 2))),
        ("upsample_bilinear2d", new("""{"scale":2}""", X(2, 2, 3, 0))),
        ("grid_sample", new("{}", X(2, 3, 4, 0), new("grid", [2, 5, 3, 2]))),
        ("grid_sample", new("""{"mode":"bicubic"}""", X(2, 3, 4, 5), new("grid", [2, 0, 3, 2]))),
        ("grid_sample", new("{}", X(2, 0, 4, 5), new("grid", [2, 5, 3, 2]))),
        ("sum", new("""{"dim":-1}""", X(5, 0))),
        ("sum", new("""{"dim":0}""", X(20, 0))),
        ("mean", new("""{"dim":-1}""", X(5, 0))),
        ("mean", new("""{"dim":[0,2],"keepdim":true}""", X(0, 3, 0))),
        ("add", new("{}", new("a", [2, 0]), new("b", [1]))),
        ("multiply", new("{}", new("a", [2, 0, 3]), new("b", [2, 1, 3]))),
        ("divide", new("{}", new("a", [0]), new("b", [2, 0]))),
        ("cross_entropy", new("""{"reduction":"sum"}""", X(2, 0, 3), new("target", [2, 0], Values.Label, 3))),
    ];

    [Theory]
    [MemberData(nameof(DeviceNames))]
    public void WithoutImages(string name)
    {
        foreach (var row in OperationRegistry.Rows)
        {
            foreach (var sample in row.Samples) Compare(row, sample with { Inputs = [.. sample.Inputs.Select(Emptied)] }, Devices.Open(name));
        }
    }

    [Theory]
    [MemberData(nameof(DeviceNames))]
    public void WithoutChannelsOrRows(string name)
    {
        foreach (var (row, sample) in Others) Compare(OperationRegistry.Find(row)!, sample, Devices.Open(name));
    }

    /// <summary>What PyTorch gives for no images: an empty result, and gradients of zeros.</summary>
    [Fact]
    public void WithoutImagesGradientsOfParametersAreZero()
    {
        var device = Devices.Open("reference-f64");
        foreach (var name in new[] { "conv2d", "conv_transpose2d", "linear", "batch_norm", "prelu" })
        {
            var row = OperationRegistry.Find(name)!;
            foreach (var sample in row.Samples)
            {
                var empty = sample with { Inputs = [.. sample.Inputs.Select(Emptied)] };
                var result = row.Evaluate(device, empty.Generate(1), new(sample.Attributes), shape => Sample.Upstream(shape, 2));
                Assert.Empty(result.Y.Values);
                Assert.Empty(result.Gradients["x"].Values);
                foreach (var parameter in Parameters)
                {
                    if (result.Gradients.TryGetValue(parameter, out var gradient)) Assert.All(gradient.Values, value => Assert.Equal(0, value));
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(DeviceNames))]
    public void MeansOfNothingAreNaNAndSumsZero(string name)
    {
        var device = Devices.Open(name);
        using var none = Tensor.Zeros([0, 3], device);
        using var scope = Tape.NoGrad();
        Assert.Equal(0, Functional.Sum(none).Item());
        Assert.Equal(double.NaN, Functional.Mean(none).Item());
        Assert.Equal([float.NaN, float.NaN, float.NaN], Functional.Mean(none, [0]).ToArray());
        Assert.Empty(Functional.Mean(none, [1]).ToArray());
        Assert.Equal(double.NaN, Functional.CrossEntropy(none, Tensor.Zeros([0], device, DType.Int32)).Item());
        Assert.Equal(0, Functional.CrossEntropy(none, Tensor.Zeros([0], device, DType.Int32), reduction: Reduction.Sum).Item());
    }

    /// <summary>A training step on a batch without images: every weight's gradient is zero, and no weight or statistic moves.</summary>
    [Theory]
    [MemberData(nameof(DeviceNames))]
    public void ATrainingStepWithoutImagesChangesNothing(string name)
    {
        var device = Devices.Open(name);
        List<(Layers.Layer, int, int)> models = [(Models.LeNet5.Create(channels: 3, device: device), 32, 3)];
        if (!name.StartsWith("ilgpu", StringComparison.Ordinal)) models.AddRange([(Models.ResNet.Cifar(20, 10, device: device), 32, 3), (Models.MnistCnn.Create(device: device), 28, 1)]);
        foreach (var (model, size, channels) in models)
        {
            var before = model.StateDict().Select(named => named.Tensor.ToArray()).ToList();
            using var images = Tensor.Zeros([0, size, size, channels], device);
            using var labels = Tensor.Zeros([0], device, DType.Int32);
            using var loss = Functional.CrossEntropy(model.Forward(images), labels, reduction: Reduction.Sum);
            Assert.Equal(0, loss.Item());
            loss.Backward();
            foreach (var parameter in model.Parameters) Assert.All(parameter.Gradient!.ToArray(), value => Assert.Equal(0, value));
            new CnnSharp.Training.SgdOptions { LearningRate = 1, Momentum = 0.9f, WeightDecay = 0 }.Create([.. model.Parameters]).Step();
            Assert.Equal(before, model.StateDict().Select(named => named.Tensor.ToArray()));
        }
    }

    static void Compare(OperationRow row, Sample sample, Device device)
    {
        var inputs = sample.Generate(seed: 5);
        var where = $"{row.Name} {sample.Attributes} {string.Join(", ", sample.Inputs.Select(input => $"{input.Name} {Geometry.Text(input.Shape)}"))} on {device}";
        var expected = Run(Devices.Open("reference-f64"));
        var actual = Run(device);
        if (expected.Refusal is not null || actual.Refusal is not null)
        {
            Assert.True(expected.Refusal == actual.Refusal, $"{where}: {actual.Refusal ?? "accepted"}, expected: {expected.Refusal ?? "accepted"}");
            return;
        }

        foreach (var ((name, a), (_, b)) in expected.Result!.Named().Zip(actual.Result!.Named()))
        {
            Assert.True(a.Shape == b.Shape, $"{where}: {name} is {b.Shape}, expected {a.Shape}.");
            for (var i = 0; i < a.Values.Length; i++)
                Assert.True(Math.Abs(a.Values[i] - b.Values[i]) <= 1e-6 || a.Values[i].Equals(b.Values[i]), $"{where}: {name}[{i}] is {b.Values[i]}, expected {a.Values[i]}.");
        }

        (OperationResult? Result, string? Refusal) Run(Device on)
        {
            try
            {
                return (row.Evaluate(on, inputs, new(sample.Attributes), row.Differentiable.Length == 0 ? null : shape => Sample.Upstream(shape, 6)), null);
            }
            catch (ShapeException e)
            {
                return (null, e.Message);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"{where}: {e.GetType().Name}: {e.Message}", e);
            }
        }
    }

    static SampleInput Emptied(SampleInput input)
        => Parameters.Contains(input.Name) || input.Shape.Length == 0 || input is { Name: "a" or "b", Shape: [1, ..] } ? input : input with { Shape = [0, .. input.Shape[1..]] };

    static SampleInput X(params int[] shape) => new("x", shape);

    static SampleInput W(params int[] shape) => new("w", shape);

    static SampleInput B(int channels) => new("b", [channels]);

    static SampleInput[] Norm(int channels)
        => [new("gamma", [channels]), new("beta", [channels]), new("running_mean", [channels]), new("running_var", [channels], Values.Positive)];
}
