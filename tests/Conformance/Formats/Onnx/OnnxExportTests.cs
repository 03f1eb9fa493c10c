using CnnSharp.Formats;
using CnnSharp.Formats.Onnx;
using CnnSharp.Kernels;
using CnnSharp.Kernels.Cpu;
using CnnSharp.Layers;
using CnnSharp.Models;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>Networks written as ONNX and read again. That others read them the same is measured by bench/peers/onnxruntime.</summary>
public sealed class OnnxExportTests : IDisposable
{
    readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("linear")]
    [InlineData("mlp")]
    [InlineData("lenet5-1998")]
    [InlineData("lenet5")]
    [InlineData("nin-cifar")]
    [InlineData("allcnn")]
    [InlineData("vgg11-lrn-cifar")]
    [InlineData("resnet20")]
    [InlineData("resnet20", Shortcut.B)]
    [InlineData("resnet110-stochastic")]
    [InlineData("preresnet110")]
    [InlineData("densenet40-bc")]
    [InlineData("googlenet")]
    [InlineData("autoencoder")]
    public void ExportedAndImportedANetworkGivesEqualBytes(string name, Shortcut shortcut = Shortcut.A)
    {
        var input = Zoo.Find(name).Input;
        var model = Randomized(Zoo.Build(name, new() { Shortcut = shortcut, Device = Device.Cpu }));
        var path = folder.File($"{name}.onnx");
        model.SaveOnnx(path, input);

        // At another batch size than the export's.
        Assert.Equal(Output(model, input, batch: 3), Output(OnnxNetwork.Load(path, Device.Cpu), input, batch: 3));
    }

    [Fact]
    public void EveryOperationOfLayersComesBackAsItWas()
    {
        var model = Randomized(new Sequential(
            new Conv2d(3, 8, (3, 2), stride: (1, 2), padding: new(2, 1, 0, 1), dilation: (2, 1), device: Device.Cpu),
            new PRelu(8, device: Device.Cpu),
            new Conv2d(8, 8, 3, padding: 1, groups: 4, device: Device.Cpu),
            new LocalResponseNorm(),
            new AvgPool2d(3, 2, padding: 1),
            new ConvTranspose2d(8, 12, 3, stride: 2, padding: 1, outputPadding: 1, groups: 2, device: Device.Cpu),
            new Maxout(3),
            new Elu(0.7f),
            new UpsampleNearest2d(2),
            new UpsampleBilinear2d((1, 3)),
            new Pad2d(new(-1, 2, 1, -2), 0.5f),
            new MaxPool2d(3, 2, padding: 1, ceilMode: true),
            new Lambda(x => Functional.Permute(Functional.Slice(x, 1, 1, 6), 0, 2, 1, 3)),
            new Lambda(x => Functional.Concat([x, Functional.Sigmoid(x), Functional.LeakyRelu(x, 0.2f)])),
            new Lambda(x => (2 * x * x / (Functional.Square(x) + 1)) - Functional.Mean(x, [1, 2], keepAxes: true)),
            new AdaptiveAvgPool2d((2, 3)),
            new BatchNorm2d(12, device: Device.Cpu),
            new Flatten(),
            new Linear(72, 5, device: Device.Cpu),
            new Softmax()));
        var imported = new OnnxNetwork(model.ToOnnx(new(12, 18, 3)), Device.Cpu);
        Assert.Equal(Output(model, new(12, 18, 3), batch: 3), Output(imported, new(12, 18, 3), batch: 3));
    }

    [Fact]
    public void FoldedNormalizationsChangeRoundingAlone()
    {
        var model = Randomized(ResNet.Cifar(20, device: Device.Cpu, shortcut: Shortcut.B));
        Shape input = new(32, 32, 3);
        var folded = model.ToOnnx(input, new() { FoldBatchNorm = true });
        Assert.DoesNotContain(folded.OperatorCounts, pair => pair.Operator == "BatchNormalization");
        float[] expected = Output(model, input, batch: 2), actual = Output(new OnnxNetwork(folded, Device.Cpu), input, batch: 2);
        var scale = expected.Max(Math.Abs);
        for (var i = 0; i < expected.Length; i++) Assert.InRange(actual[i], expected[i] - (1e-5f * scale), expected[i] + (1e-5f * scale));
    }

    [Fact]
    public void AnImportedNetworkKeepsItsNamesAndTrains()
    {
        Shape input = new(32, 32, 3);
        var model = ResNet.Cifar(20, device: Device.Cpu);
        var network = new OnnxNetwork(model.ToOnnx(input), Device.Cpu);
        Assert.Equal(model.StateDict().Select(t => t.Name).Order(StringComparer.Ordinal), network.StateDict().Select(t => t.Name).Order(StringComparer.Ordinal));
        Assert.Equal(model.ParameterCount, network.ParameterCount);

        var pixels = new float[4 * (int)input.Count];
        new Generator(5).FillNormal(pixels, 0, 1);
        var x = Tensor.From(pixels, new(4, 32, 32, 3), Device.Cpu);
        var labels = Tensor.From([1, 2, 3, 4], new(4), Device.Cpu);
        network.Train();
        var optimizer = new Sgd(network.Parameters, learningRate: 0.05f, momentum: 0.9f);
        var losses = new List<double>();
        for (var step = 0; step < 5; step++)
        {
            var loss = Loss.CrossEntropy(network.Forward(x), labels);
            losses.Add(loss.Item());
            loss.Backward();
            Assert.All(network.Parameters, parameter => Assert.True(parameter.Gradient!.ToArray().All(float.IsFinite), parameter.Name));
            optimizer.Step();
        }

        Assert.True(losses[^1] < losses[0] / 2, string.Join(", ", losses));
    }

    [Fact]
    public void ARunFreesWhatItMadeAndNothingElse()
    {
        Device device = new(new CpuEngine(1));
        var network = new OnnxNetwork(ResNet.Cifar(20, device: device).ToOnnx(new(32, 32, 3)), device);
        var x = Tensor.Zeros(new(2, 32, 32, 3), device);
        using (Tape.NoGrad())
        {
            // The second run keeps the weights as the tiles read them.
            var first = network.Forward(x).ToArray();
            Assert.Equal(first, network.Forward(x).ToArray());
            var used = device.Engine.Pool.UsedBytes;
            Assert.Equal(first, network.Forward(x).ToArray());

            // The scope still holds the results, and no intermediate one.
            Assert.InRange(device.Engine.Pool.UsedBytes - used, 0, 4096);
        }
    }

    [Fact]
    public void WhatHasNoFormInOnnxIsNamed()
    {
        var e = Assert.Throws<NotSupportedException>(() => new LocalResponseNorm(new() { Size = 4 }).ToOnnx(new(4, 4, 8)));
        Assert.Equal("Export: operation 'LocalResponseNorm' that makes [N, 4, 4, 8]: ONNX's window of an even size, 4, lies elsewhere.", e.Message);
    }

    /// <summary>Each order of axes that a weight is read in is written once, though their shapes are equal.</summary>
    [Fact]
    public void AWeightReadInSeveralOrdersIsWrittenInEach()
    {
        var model = Randomized(new Shared());
        var graph = model.ToOnnx(new(4, 4, 4));

        // The kernel of a convolution, of a transposed one and an addend; a matrix before and after an exchange of its axes, and an addend; a vector.
        Assert.Equal(["kernel", "kernel.Add", "kernel.ConvTranspose2d", "matrix", "vector"], graph.Initializers.Keys.Where(name => !name.Contains('_')).Order(StringComparer.Ordinal));
        Near(Output(model, new(4, 4, 4), batch: 4), Output(new OnnxNetwork(graph, Device.Cpu), new(4, 4, 4), batch: 4));
    }

    /// <summary>The batch is any size in the file, also where axes were merged with its own.</summary>
    [Fact]
    public void TheBatchStaysFreeWhereItsAxisIsMergedWithOthers()
    {
        var model = Randomized(new Sequential(
            new Lambda(x => Functional.Reshape(x, new(x.Shape[0], 2, 6, 4))),
            new Lambda(x => Functional.Reshape(x, new(x.Shape[0] * 2, 24))),
            new Linear(24, 6, device: Device.Cpu),
            new Lambda(x => Functional.Reshape(x, new(x.Shape[0] / 2, 2, 6))),
            new Lambda(x => Functional.BatchMatMul(x, Functional.Permute(Functional.Sin(x), 0, 2, 1))),
            new Flatten()));
        Near(Output(model, new(3, 4, 4), batch: 3), Output(new OnnxNetwork(model.ToOnnx(new(3, 4, 4)), Device.Cpu), new(3, 4, 4), batch: 3));
    }

    [Fact]
    public void AConstantOfTheBatchsSizeIsRefused()
    {
        var e = Assert.Throws<NotSupportedException>(() => new Lambda(x => x + Tensor.Full(new(x.Shape[0], 8), 1, Device.Cpu)).ToOnnx(new(8)));
        Assert.Contains("its operand [N, 8] are constants of the batch's size", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnInputWithABatchAxisIsRefusedWithWhatToLeaveOut()
    {
        var e = Assert.Throws<ShapeException>(() => ResNet.Cifar(20, device: Device.Cpu).ToOnnx(new(1, 32, 32, 3)));
        Assert.Contains("the network does not take inputs [1, 32, 32, 3], which is the shape of one, without the batch axis: for images [H, W, C], here [32, 32, 3].", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OperationsOfMathematicsAndChoicesComeBackAsTheyWere()
    {
        var model = Randomized(new Sequential(
            new Lambda(x => Functional.Erf(x) + Functional.Floor(3 * x) + Functional.Ceiling(x) + Functional.Round(2 * x) + Functional.Sign(x)),
            new Lambda(x => Functional.Sin(x) + Functional.Cos(x) + Functional.Atan(x) + Functional.Asinh(x) + Functional.Sinh(Functional.Tanh(x))),
            new Lambda(x => Functional.Where(Functional.Greater(x, Functional.Square(x)), Functional.Maximum(x, Functional.Sigmoid(x)), Functional.Minimum(x, 2 * x))),
            new Lambda(x => Functional.Pow(Functional.Abs(x) + 1, Functional.Remainder(x, Tensor.Full(new(1), 0.7, Device.Cpu)))),
            new Gelu(),
            new Lambda(x => Functional.Expand(Functional.Mean(x, [1, 2], keepAxes: true), x.Shape.With(1, 3).With(2, 2)))));
        var imported = new OnnxNetwork(model.ToOnnx(new(4, 5, 3)), Device.Cpu);
        Near(Output(model, new(4, 5, 3), batch: 3), Output(imported, new(4, 5, 3), batch: 3));
    }

    [Theory]
    [InlineData(InterpolationMode.Bilinear, GridPadding.Zeros, false)]
    [InlineData(InterpolationMode.Bilinear, GridPadding.Reflection, true)]
    [InlineData(InterpolationMode.Bicubic, GridPadding.Border, false)]
    [InlineData(InterpolationMode.Nearest, GridPadding.Border, true)]
    public void ASampledImageComesBackAsItWas(InterpolationMode mode, GridPadding padding, bool alignCorners)
    {
        var model = Randomized(new Sequential(
            new Conv2d(3, 5, 3, stride: 2, padding: 1, device: Device.Cpu),
            new Lambda(x => Functional.GridSample(Functional.Slice(x, 3, 0, 3), 1.3f * Functional.Tanh(Functional.Slice(x, 3, 3, 2)), mode, padding, alignCorners)),
            new Conv2d(3, 4, 3, device: Device.Cpu)));
        var imported = new OnnxNetwork(model.ToOnnx(new(10, 13, 3)), Device.Cpu);
        Near(Output(model, new(10, 13, 3), batch: 3), Output(imported, new(10, 13, 3), batch: 3));
    }

    [Fact]
    public void ANetworkWithGeluTrainsAfterItsWayThroughAFile()
    {
        var model = Randomized(new Sequential(new Conv2d(3, 4, 3, device: Device.Cpu), new Gelu(), new Flatten(), new Linear(36, 5, device: Device.Cpu)));
        var imported = new OnnxNetwork(model.ToOnnx(new(5, 5, 3)), Device.Cpu);
        var pixels = new float[2 * 75];
        new Generator(7).FillNormal(pixels, 0, 1);
        var gradients = new[] { model, imported }.Select(network =>
        {
            Loss.CrossEntropy(network.Forward(Tensor.From(pixels, new(2, 5, 5, 3), Device.Cpu)), Tensor.From(new int[] { 1, 4 }, new Shape(2), Device.Cpu)).Backward();
            return network.StateDict().ToDictionary(named => named.Name, named => named.Tensor.Gradient!.ToArray());
        }).ToArray();
        foreach (var (name, expected) in gradients[0])
        {
            var bound = 1e-5f * expected.Max(Math.Abs);
            Assert.All(expected.Zip(gradients[1][name]), pair => Assert.InRange(pair.Second, pair.First - bound, pair.First + bound));
        }
    }

    /// <summary>Files and the rest of what is written say numbers in one way, whatever the program's culture is.</summary>
    [Theory]
    [MemberData(nameof(ForeignCulture.Names), MemberType = typeof(ForeignCulture))]
    public void BytesDoNotDependOnTheCulture(string culture)
    {
        var model = Randomized(new Sequential(
            new Pad2d(new(-1, 2, 1, -2), -0.5f),
            new Lambda(x => (x * -1.25f) + Functional.Reshape(x, x.Shape)),
            new Flatten(),
            new Linear(8 * 3, 5, device: Device.Cpu)));
        model.SaveOnnx(folder.File("invariant.onnx"), new(3, 3, 3));
        using (ForeignCulture.Of(culture)) model.SaveOnnx(folder.File("foreign.onnx"), new(3, 3, 3));
        Assert.Equal(File.ReadAllBytes(folder.File("invariant.onnx")), File.ReadAllBytes(folder.File("foreign.onnx")));
        using (ForeignCulture.Of(culture)) Assert.Equal(Output(model, new(3, 3, 3), 2), Output(OnnxNetwork.Load(folder.File("foreign.onnx"), Device.Cpu), new(3, 3, 3), 2));
    }

    /// <summary>One weight in every place that it fits.</summary>
    sealed class Shared : Layer
    {
        readonly Tensor kernel = Tensor.Zeros(new(1, 4, 4, 4), Device.Cpu);
        readonly Tensor matrix = Tensor.Zeros(new(4, 4), Device.Cpu);
        readonly Tensor vector = Tensor.Zeros(new(4), Device.Cpu);

        protected override Tensor Compute(Tensor x)
        {
            var y = Functional.Conv2d(x, kernel, vector, new() { Padding = new(0, 0, 2, 1) });
            y = Functional.ConvTranspose2d(y, kernel, vector, new() { Padding = new(0, 0, 2, 1) }) + kernel;
            y = Functional.Linear(Functional.GlobalAvgPool2d(y).Flatten(), matrix);
            y = Functional.Linear(y, Functional.Permute(matrix, 1, 0));
            return ((Functional.Reshape(y, new(x.Shape[0], 1, 4)) + matrix) * vector).Flatten();
        }
    }

    /// <summary>Weights, scales and running statistics that hide no mistake, as zeros and ones would.</summary>
    static Layer Randomized(Layer model)
    {
        var generator = new Generator(3);
        foreach (var (name, tensor) in model.StateDict())
        {
            var values = new float[tensor.Count];
            if (tensor.Shape.Rank > 1) generator.FillNormal(values, 0, Math.Sqrt(2.0 / Math.Max(1, tensor.Count / tensor.Shape[^1])));
            else if (name.EndsWith("ariance", StringComparison.Ordinal)) generator.FillUniform(values, 0.5, 1.5);
            else generator.FillNormal(values, 0.5, 0.3);
            tensor.CopyFrom<float>(values);
        }

        return model.Eval();
    }

    static void Near(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        var bound = 1e-5f * expected.Max(Math.Abs);
        for (var i = 0; i < expected.Length; i++) Assert.InRange(actual[i], expected[i] - bound, expected[i] + bound);
    }

    static float[] Output(Layer model, Shape input, int batch)
    {
        var pixels = new float[batch * input.Count];
        new Generator(7).FillNormal(pixels, 0, 1);
        using (Tape.NoGrad()) return model.Forward(Tensor.From(pixels, new([batch, .. input.AsSpan()]), Device.Cpu)).ToArray();
    }
}
