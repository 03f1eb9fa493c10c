using CnnSharp.Formats;
using CnnSharp.Kernels;
using CnnSharp.Layers;
using CnnSharp.Models;
using Xunit;

namespace CnnSharp.Tests;

public sealed class ModelTests
{
    [Theory]
    [InlineData(20, Shortcut.A, 269_722)]
    [InlineData(20, Shortcut.B, 272_474)]
    [InlineData(32, Shortcut.A, 464_154)]
    [InlineData(44, Shortcut.A, 658_586)]
    [InlineData(56, Shortcut.A, 853_018)]
    [InlineData(110, Shortcut.A, 1_727_962)]
    public void ResidualNetworksHaveThePapersNumberOfWeights(int depth, Shortcut shortcut, long weights)
        => Assert.Equal(weights, ResNet.Cifar(depth, shortcut: shortcut).ParameterCount);

    [Fact]
    public void ResNet20HasItsNamesAndArithmetic()
    {
        var model = ResNet.Cifar(20, shortcut: Shortcut.B);
        var names = model.StateDict().Select(t => t.Name).ToArray();
        Assert.Equal(["conv1.weight", "bn1.weight", "bn1.bias", "bn1.runningMean", "bn1.runningVariance", "layer1.0.conv1.weight"], names[..6]);
        Assert.Contains("layer2.0.downsample.1.runningVariance", names);
        Assert.Equal(["fc.weight", "fc.bias"], names[^2..]);

        // 41 million multiply-adds: 9 x 16 x (3 + 6 x 16) x 1024 in the first stage, the others likewise.
        var summary = Summary.Of(ResNet.Cifar(20), new(32, 32, 3));
        Assert.Equal(40_551_040, summary.MultiplyAdds);
        Assert.Equal(new(1, 10), summary.Layers[^1].Output);
    }

    [Fact]
    public void AMistakeIsReportedWithTheLayersPath()
    {
        var model = ResNet.Cifar(20);
        var error = Assert.Throws<ShapeException>(() => model.Forward(Tensor.Zeros(new(2, 32, 32, 1))));
        Assert.Equal("Conv2d 'conv1': the input has 1 channels, the weights expect 3.\n  input   [2, 32, 32, 1]   (N, H, W, C)\n  weights [3, 3, 3, 16]    (kh, kw, in, out), groups 1", error.Message);
        Assert.Equal("conv1", error.Layer);

        var unit = Assert.IsType<ResidualUnit>(model.Modules().First(l => l.Path == "layer2.0"));
        error = Assert.Throws<ShapeException>(() => unit.Forward(Tensor.Zeros(new(128, 32, 32, 3))));
        Assert.Equal("Conv2d 'layer2.0.conv1': the input has 3 channels, the weights expect 16.\n  input   [128, 32, 32, 3]   (N, H, W, C)\n  weights [3, 3, 16, 32]     (kh, kw, in, out), groups 1", error.Message);
    }

    [Fact]
    public void LeNet5HasThePapersNumberOfWeightsForBothImageSizes()
    {
        Assert.Equal(61_706, LeNet5.Create(32, channels: 1).ParameterCount);
        Assert.Equal(61_706, LeNet5.Create(28, channels: 1).ParameterCount);
        Assert.Equal(new(1, 10), Summary.Of(LeNet5.Create(28, channels: 1), new(28, 28, 1)).Layers[^1].Output);
        Assert.Throws<ShapeException>(() => LeNet5.Create(15));
    }

    [Fact]
    public void TheZooBuildsEveryModelAndSuggestsTheNearestName()
    {
        foreach (var entry in Zoo.Entries)
        {
            // Networks for small images take those of MNIST as well.
            var image = entry.Input[0] == 32 ? new Shape(28, 28, 1) : entry.Input;
            var result = Summary.Of(Zoo.Build(entry.Name, new() { Classes = 7, Input = image, Device = Device.Shapes }), image).Layers[^1].Output;
            Assert.Equal(entry.Name == "autoencoder" ? new(1, 28, 28, 1) : entry.Name.StartsWith("fcn", StringComparison.Ordinal) ? new(1, 224, 224, 7) : new Shape(1, 7), result);
        }

        Assert.StartsWith("Unknown model 'resnet2'. Did you mean 'resnet20'?", Assert.Throws<ArgumentException>(() => Zoo.Find("resnet2")).Message, StringComparison.Ordinal);
        Assert.Equal("lenet5", Zoo.Find("LeNet5").Name);
    }

    [Fact]
    public void TheShortcutWithoutWeightsSubsamplesAndWidens()
    {
        var device = Device.Reference;
        var x = Tensor.From([.. Enumerable.Range(0, 18).Select(i => i + 1f)], new(1, 3, 3, 2), device);
        x.RequiresGrad = true;
        var y = new SubsamplingShortcut(2, 4, 2).Forward(x);
        Assert.Equal(new(1, 2, 2, 4), y.Shape);
        Assert.Equal([0f, 1, 2, 0, 0, 5, 6, 0, 0, 13, 14, 0, 0, 17, 18, 0], y.ToArray());
        y.Backward(Tensor.From([.. Enumerable.Range(0, 16).Select(i => (float)i)], y.Shape, device));
        Assert.Equal([1f, 2, 0, 0, 5, 6, 0, 0, 0, 0, 0, 0, 9, 10, 0, 0, 13, 14], x.Gradient!.ToArray());
    }

    [Fact]
    public void AModelsFileRestoresItToTheBit()
    {
        using var folder = new TemporaryFolder();
        var (one, two) = (LeNet5.Create(), LeNet5.Create());
        one.Save(folder.File("a"));
        two.Load(folder.File("a"));
        Assert.Equal(one.StateDict().Select(t => t.Tensor.ToArray()), two.StateDict().Select(t => t.Tensor.ToArray()));
        two.Save(folder.File("b"));
        Assert.Equal(File.ReadAllBytes(folder.File("a")), File.ReadAllBytes(folder.File("b")));
        Assert.Contains("tensor '0.weight': expected [5, 5, 1, 6], got [5, 5, 3, 6]", Assert.Throws<DataFormatException>(() => LeNet5.Create(channels: 1).Load(folder.File("a"))).Message, StringComparison.Ordinal);
        Assert.Contains("has no tensor 'conv1.weight'", Assert.Throws<DataFormatException>(() => ResNet.Cifar(20).Load(folder.File("a"))).Message, StringComparison.Ordinal);
    }
}
