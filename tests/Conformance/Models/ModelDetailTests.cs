using CnnSharp.Data;
using CnnSharp.Formats;
using CnnSharp.Kernels;
using CnnSharp.Layers;
using CnnSharp.Models;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>What single models promise beyond their size.</summary>
public sealed class ModelDetailTests
{
    static readonly Device Reference = Device.Reference;

    /// <summary>Names and layouts of torchvision's state dictionaries: how many tensors, and what some of them are called and shaped.</summary>
    [Theory]
    [InlineData("alexnet", 16, "features.0.weight [64, 3, 11, 11]", "features.10.bias [256]", "classifier.1.weight [4096, 9216]", "classifier.6.bias [1000]")]
    [InlineData("vgg16", 32, "features.0.weight [64, 3, 3, 3]", "features.28.weight [512, 512, 3, 3]", "classifier.0.weight [4096, 25088]", "classifier.6.weight [1000, 4096]")]
    [InlineData("vgg19-bn", 102, "features.1.running_mean [64]", "features.49.weight [512, 512, 3, 3]", "features.50.running_var [512]", "classifier.3.bias [4096]")]
    [InlineData("resnet18", 102, "bn1.running_var [64]", "layer1.0.conv1.weight [64, 64, 3, 3]", "layer4.0.downsample.1.weight [512]", "fc.weight [1000, 512]")]
    [InlineData("resnet152", 777, "layer1.0.downsample.0.weight [256, 64, 1, 1]", "layer3.35.bn3.bias [1024]", "layer4.2.conv3.weight [2048, 512, 1, 1]", "fc.bias [1000]")]
    [InlineData("googlenet", 305, "conv1.conv.weight [64, 3, 7, 7]", "inception3a.branch1.conv.weight [64, 192, 1, 1]", "inception4e.branch3.1.bn.running_mean [128]", "inception5b.branch4.1.conv.weight [128, 832, 1, 1]", "aux1.conv.conv.weight [128, 512, 1, 1]", "aux2.fc1.weight [1024, 2048]", "fc.weight [1000, 1024]")]
    [InlineData("densenet121", 606, "features.conv0.weight [64, 3, 7, 7]", "features.norm0.weight [64]", "features.denseblock1.denselayer1.norm1.weight [64]", "features.denseblock4.denselayer16.conv2.weight [32, 128, 3, 3]", "features.transition3.conv.weight [512, 1024, 1, 1]", "features.norm5.running_var [1024]", "classifier.weight [1000, 1024]")]
    public void ParametersAreCalledAsInTorchvision(string name, int count, params string[] some)
    {
        var model = Zoo.Build(name, new() { Device = Device.Shapes });
        var convolutions = model.Modules().OfType<Conv2d>().Select(c => c.Weight).ToHashSet();
        var ours = model.StateDict().ToArray();
        var theirs = ours.Select(t =>
        {
            int[] s = t.Tensor.Shape.ToArray();
            int[] turned = convolutions.Contains(t.Tensor) ? [s[3], s[2], s[0], s[1]] : s.Length == 2 ? [s[1], s[0]] : s;
            return $"{t.Name.Replace("runningMean", "running_mean", StringComparison.Ordinal).Replace("runningVariance", "running_var", StringComparison.Ordinal)} [{string.Join(", ", turned)}]";
        }).ToHashSet();
        Assert.Equal(count, theirs.Count);
        foreach (var tensor in some) Assert.Contains(tensor, theirs);

        // No two become one when names are matched.
        Assert.Equal(count, ours.Select(t => TorchWeights.Translate(t.Name)).Distinct().Count());
    }

    /// <summary>After a mean over all pixels there is nothing to turn, however the features divide by the last convolution's channels.</summary>
    [Fact]
    public void LinearLayersAfterAPoolingAreReadByItsPixels()
    {
        using var folder = new TemporaryFolder();
        float[] w = [.. Enumerable.Range(0, 32).Select(i => (float)i)];
        Layer[] models =
        [
            new Sequential(new Conv2d(3, 16, 1, device: Reference), new GlobalAvgPool2d(), new Flatten(), new Linear(16, 2, device: Reference)),
            new Sequential(new Conv2d(3, 4, 1, device: Reference), new AdaptiveAvgPool2d(2), new Flatten(), new Linear(16, 2, device: Reference)),
        ];
        SafeTensors.Save(folder.File("w"), [SafeTensor.Create<float>("3.weight", [2, 16], w)]);
        foreach (var model in models)
        {
            using var file = SafeTensors.Open(folder.File("w"));
            Assert.Equal(["3.weight"], TorchWeights.Load(model, file).Matched);
        }

        var plain = ((Linear)((Sequential)models[0])[3]).Weight.ToArray();
        var turned = ((Linear)((Sequential)models[1])[3]).Weight.ToArray();
        for (var k = 0; k < 2; k++)
        {
            for (var i = 0; i < 16; i++)
            {
                Assert.Equal(w[(k * 16) + i], plain[(i * 2) + k]);

                // Their place is channel 4 + pixel, ours pixel 4 + channel.
                Assert.Equal(w[(k * 16) + i], turned[(((i % 4 * 4) + (i / 4)) * 2) + k]);
            }
        }
    }

    [Fact]
    public void GoogLeNetsHeadsTakePartInTrainingAlone()
    {
        var model = new GoogLeNet(classes: 5, device: Device.Cpu);
        using var x = Tensor.Full(new(2, 32, 32, 3), 0.5, Device.Cpu);
        using var labels = Tensor.From([1, 3], new(2), Device.Cpu);
        using var loss = Loss.CrossEntropy(model.Forward(x), labels);
        Assert.Equal([new(2, 5), new(2, 5)], model.AuxiliaryLogits.Select(t => t.Shape));
        var heads = model.AuxiliaryLogits.Sum(logits => Loss.CrossEntropy(logits, labels).Item());
        using var total = Loss.OfHeads(model, loss, labels);
        Assert.Equal(loss.Item() + (0.3 * heads), total.Item(), 1e-5);

        model.Eval();
        using (Tape.NoGrad()) model.Forward(x);
        Assert.Empty(model.AuxiliaryLogits);
        Assert.Equal(9, model.Modules().OfType<Inception>().Count());
        Assert.Empty(new GoogLeNet(device: Device.Shapes, auxiliaryHeads: false).Modules().OfType<InceptionHead>());
    }

    [Fact]
    public void StochasticDepthDropsAsOftenAsItSaysAndRepeatsUnderItsKey()
    {
        var depth = new StochasticDepth(0.7f);
        var drawn = Draw();
        Assert.InRange(drawn.Count(dropped => dropped), 2_850, 3_150);
        Assert.Equal(drawn, Draw());
        depth.Eval();
        Assert.DoesNotContain(Enumerable.Range(0, 100), _ => depth.Drops());
        Assert.Equal([0.7f, -1.4f], depth.Forward(Tensor.From([1f, -2], new(2), Reference)).ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => new StochasticDepth(0));

        bool[] Draw()
        {
            depth.ManualSeed(5);
            return [.. Enumerable.Range(0, 10_000).Select(_ => depth.Drops())];
        }
    }

    [Fact]
    public void ADroppedUnitIsItsShortcutAndLearnsNothing()
    {
        var unit = new ResidualUnit(2, 2, device: Reference, survival: 0.01f);
        unit.ManualSeed(1);
        using var x = Tensor.From([1f, -2, 3, 4], new(1, 1, 2, 2), Reference);
        x.RequiresGrad = true;
        var y = unit.Forward(x);
        Assert.Equal([1f, 0, 3, 4], y.ToArray());
        y.Backward(Tensor.Full(y.Shape, 1, Reference));
        Assert.All(unit.Parameters, p => Assert.Null(p.Gradient));
        Assert.Equal([1f, 0, 1, 1], x.Gradient!.ToArray());
        var survivals = ResNet.Cifar(14, device: Device.Shapes, survival: 0.5f).Modules().OfType<StochasticDepth>().Select(d => d.Survival);
        Assert.Equal([1 - (0.5 / 6), 1 - (1.0 / 6), 0.75, 1 - (2.0 / 6), 1 - (2.5 / 6), 0.5], survivals.Select(s => Math.Round(s, 6)), (a, b) => Math.Abs(a - b) < 1e-5);
    }

    [Fact]
    public void TheConnectionsOfLeNet5AreTheTables()
    {
        var layer = new PartialConv2d(Reference);
        Assert.Equal(1_516, layer.ParameterCount);

        // An image of ones in one channel reaches those of the 16 results that read it.
        int[][] readers = [[0, 4, 5, 6, 9, 10, 11, 12, 14, 15], [0, 1, 5, 6, 7, 10, 11, 12, 13, 15], [0, 1, 2, 6, 7, 8, 11, 13, 14, 15], [1, 2, 3, 6, 7, 8, 9, 12, 14, 15], [2, 3, 4, 7, 8, 9, 10, 12, 13, 15], [3, 4, 5, 8, 9, 10, 11, 13, 14, 15]];
        layer.Bias.CopyFrom<float>(new float[16]);
        for (var channel = 0; channel < 6; channel++)
        {
            var x = new float[25 * 6];
            for (var p = 0; p < 25; p++) x[(p * 6) + channel] = 1;
            var y = layer.Forward(Tensor.From(x, new(1, 5, 5, 6), Reference)).ToArray();
            Assert.Equal(readers[channel], Enumerable.Range(0, 16).Where(k => y[k] != 0));
        }
    }

    [Fact]
    public void TheOutputOfLeNet5IsMinusTheDistanceToACode()
    {
        var layer = new RadialBasis(device: Reference);
        var codes = layer.StateDict().Single().Tensor.ToArray();
        Assert.All(codes, c => Assert.Equal(1, Math.Abs(c)));
        var x = new float[2 * 84];
        for (var i = 0; i < 84; i++) (x[i], x[84 + i]) = (codes[(i * 10) + 3], 0.5f);
        var y = layer.Forward(Tensor.From(x, new(2, 84), Reference)).ToArray();
        for (var k = 0; k < 10; k++)
        {
            Assert.Equal(-Enumerable.Range(0, 84).Sum(i => Math.Pow(x[i] - codes[(i * 10) + k], 2)), y[k], 1e-4);
            Assert.Equal(-Enumerable.Range(0, 84).Sum(i => Math.Pow(0.5 - codes[(i * 10) + k], 2)), y[10 + k], 1e-4);
        }

        Assert.Equal(0, y[3], 1e-4);
        Assert.Empty(layer.Parameters);
        var subsampling = new Subsampling(1, Reference);
        subsampling.Weight.CopyFrom<float>([0.5f]);
        subsampling.Bias.CopyFrom<float>([-0.5f]);
        Assert.Equal((0.5 * (2 + 2 + 2 + 6)) - 0.5, subsampling.Forward(Tensor.From([2f, 2, 2, 6], new(1, 2, 2, 1), Reference)).Item());
        Assert.Equal(1, new ScaledTanh().Forward(Tensor.Full(new(1), 1, Reference)).Item(), 1e-4);
    }

    [Fact]
    public void AClassifierBecomesFullyConvolutional()
    {
        var classifier = Vgg.ImageNet(VggConfiguration.D, classes: 3, device: Device.Cpu, hidden: 8);
        var network = FullyConvolutional.Create(32, classes: 3, device: Device.Cpu, hidden: 8).From(classifier);
        var (ours, theirs) = (network.StateDict().ToDictionary(t => t.Name, t => t.Tensor), classifier.StateDict().ToDictionary(t => t.Name, t => t.Tensor));
        Assert.Equal(theirs["features.28.weight"].ToArray(), ours["features.28.weight"].ToArray());
        Assert.Equal(theirs["classifier.3.bias"].ToArray(), ours["fc7.bias"].ToArray());

        // On the 7 x 7 pixels that the classifier reads, the convolution's middle result is the linear layer's.
        var pixels = new float[7 * 7 * 512];
        new Generator(1).FillNormal(pixels, 0, 1);
        using var features = Tensor.From(pixels, new(1, 7, 7, 512), Device.Cpu);
        var linear = classifier.Modules().OfType<Linear>().First().Forward(features.Flatten()).ToArray();
        var convolution = network.Modules().OfType<Conv2d>().Single(c => c.Weight.Shape[0] == 7).Forward(features);
        Assert.Equal(new(1, 7, 7, 8), convolution.Shape);
        var middle = convolution.ToArray().AsSpan(((3 * 7) + 3) * 8, 8);
        for (var k = 0; k < 8; k++) Assert.Equal(linear[k], middle[k], 1e-4f * (1 + Math.Abs(linear[k])));
        Assert.Throws<ShapeException>(() => FullyConvolutional.Create(32, classes: 3, device: Device.Cpu, hidden: 16).From(classifier));
    }

    /// <summary>Scores that are equal everywhere stay so under bilinear enlargement, away from the borders.</summary>
    [Fact]
    public void ScoresAreEnlargedBilinearly()
    {
        var up = new ConvTranspose2d(2, 2, 4, stride: 2, padding: 1, bias: false, initializer: Initializers.Bilinear, device: Reference);
        var y = up.Forward(Tensor.From([1f, 10, 2, 20, 3, 30, 1, 10, 2, 20, 3, 30, 1, 10, 2, 20, 3, 30], new(1, 3, 3, 2), Reference));
        Assert.Equal(new(1, 6, 6, 2), y.Shape);
        var row = y.ToArray().AsSpan(2 * 6 * 2, 12).ToArray();
        Assert.Equal([1.25f, 12.5f, 1.75f, 17.5f, 2.25f, 22.5f, 2.75f, 27.5f], row[2..10]);
    }

    [Theory]
    [InlineData(Distance.L1, 1, new[] { 0, 1 })]
    [InlineData(Distance.L2, 1, new[] { 1, 1 })]
    [InlineData(Distance.L2, 3, new[] { 1, 1 })]
    public void NeighborsVote(Distance distance, int neighbors, int[] expected)
    {
        // From 0: (3, 0) is nearer by the sum, (2, 2) by the root of the squares.
        using var images = Tensor.From([3f, 0, 2, 2, 9, 9], new(3, 1, 2, 1), Device.Cpu);
        using var labels = Tensor.From([0, 1, 1], new(3), Device.Cpu);
        var model = new NearestNeighbors(images, labels, classes: 2, neighbors, distance);
        using var x = Tensor.From([0f, 0, 8, 8], new(2, 1, 2, 1), Device.Cpu);
        var shares = model.Forward(x);
        Assert.Equal(expected, Functional.ArgMax(shares).ToArray<int>());
        Assert.Equal(1, shares.ToArray()[..2].Sum(), 1e-6);
        Assert.Empty(model.Parameters);
        Assert.Throws<ShapeException>(() => new NearestNeighbors(images, labels, 2, neighbors: 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => new NearestNeighbors(images, labels, classes: 1));
        Assert.Throws<ShapeException>(() => model.Forward(Tensor.Zeros(new(1, 2, 2, 1))));
    }

    [Fact]
    public void NeighborsAreMeasuredLikeAnyModel()
    {
        var set = EmbeddedFashionMnist.Load().Train.Take(500);
        var pixels = new float[set.Count * 784];
        for (var i = 0; i < set.Count; i++)
        {
            for (var p = 0; p < 784; p++) pixels[(i * 784) + p] = ((set.Pixels(i)[p] / 255f) - set.Normalization.Mean[0]) / set.Normalization.Std[0];
        }

        using var images = Tensor.From(pixels, new(set.Count, 28, 28, 1), Device.Cpu);
        using var labels = Tensor.From(set.Labels, new(set.Count), Device.Cpu);
        var model = new NearestNeighbors(images, labels, set.Classes, distance: Distance.L1);

        // Every image is its own nearest.
        Assert.Equal(1, Trainer.Evaluate(model, set.Take(100)).Accuracy);
    }

    [Fact]
    public void ANetworkWithoutElementsHasShapesAlone()
    {
        var model = Vgg.ImageNet(VggConfiguration.E, device: Device.Shapes);
        using var scope = Tape.NoGrad();
        var y = model.Eval().Forward(Tensor.Zeros(new(64, 224, 224, 3), Device.Shapes));
        Assert.Equal(new(64, 1000), y.Shape);
        Assert.Contains("'shapes' has no elements", Assert.Throws<InvalidOperationException>(() => y.ToArray()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ASequenceMayNameItsLayersAndRunSomeOfThem()
    {
        var model = new Sequential(("first", new Linear(1, 1, device: Reference)), ("relu", new Relu()), ("last", new Linear(1, 1, device: Reference)));
        Assert.Equal(["first.weight", "first.bias", "last.weight", "last.bias"], model.StateDict().Select(t => t.Name));
        var (first, last) = ((Linear)model[0], (Linear)model[2]);
        first.Weight.CopyFrom<float>([2]);
        first.Bias!.CopyFrom<float>([-5]);
        last.Weight.CopyFrom<float>([3]);
        last.Bias!.CopyFrom<float>([1]);
        using var x = Tensor.Full(new(1, 1), 4, Reference);
        Assert.Equal(10, model.Forward(x).Item());
        Assert.Equal(3, model.Forward(x, ..2).Item());
        Assert.Equal(13, model.Forward(x, 1..).Item());
    }
}
