using CnnSharp.Kernels;
using CnnSharp.Kernels.Cpu;
using CnnSharp.Layers;
using CnnSharp.Models;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>Every model: its published size, and a training step.</summary>
public sealed class ZooTests
{
    const string Torchvision = "torchvision, table of models: num_params and GFLOPS";
    const string Derived = "sum over the paper's table of layers";

    /// <summary>Name, weights, multiply-adds (0: none published), and who published them.</summary>
    static readonly (string Name, long Weights, double MultiplyAdds, string Source)[] Published =
    [
        ("linear", 30_730, 0, Derived),
        ("mlp", 1_578_506, 0, Derived),
        ("lenet5-1998", 60_000, 0, "LeCun et al. 1998, section II.B: 60,000 trainable free parameters"),
        ("mnist-cnn", 376_870, 0, Derived),
        ("lenet5", 62_006, 0, Derived),
        ("nin-cifar", 966_986, 222.97e6, "pytorchcv, nin_cifar10; Lin et al. 2013, table 2: 0.97 M"),
        ("allcnn", 1_369_738, 0, "Springenberg et al. 2014, table 3: 1.4 M"),
        ("vgg11-cifar", 9_231_114, 0, Derived),
        ("vgg11-lrn-cifar", 9_231_114, 0, Derived),
        ("vgg13-cifar", 9_416_010, 0, Derived),
        ("vgg16-c-cifar", 10_009_674, 0, Derived),
        ("vgg16-cifar", 14_728_266, 3.13e8, "multiply-adds: Li et al. 2017, Pruning filters for efficient ConvNets, table 1"),
        ("vgg19-cifar", 20_040_522, 0, Derived),
        ("resnet20", 269_722, 4.06e7, "He et al. 2015, table 6: 0.27 M; multiply-adds: He et al. 2019, Filter pruning via geometric median, table 1"),
        ("resnet32", 464_154, 6.89e7, "0.46 M and as resnet20"),
        ("resnet44", 658_586, 0, "0.66 M, as resnet20"),
        ("resnet56", 853_018, 1.25e8, "0.85 M and as resnet20"),
        ("resnet110", 1_727_962, 2.53e8, "1.7 M and as resnet20"),
        ("resnet18-cifar", 11_173_962, 0.56e9, "in common use (github.com/kuangliu/pytorch-cifar)"),
        ("resnet110-stochastic", 1_727_962, 2.53e8, "Huang et al. 2016, section 4: 1.7 M, resnet110's"),
        ("preresnet110", 1_730_522, 2.53e8, "He et al. 2016: 1.7 M; multiply-adds as resnet110"),
        ("preresnet164", 1_703_258, 4.99e8 / 2, "He et al. 2016: 1.7 M; Liu et al. 2017, Network slimming, table 1, where a multiply-add is two operations"),
        ("wrn28-10", 36_479_194, 5246.98e6, "pytorchcv, wrn28_10_cifar10; Zagoruyko and Komodakis 2016, table 5: 36.5 M"),
        ("densenet40", 1_019_722, 5.33e8 / 2, "Huang et al. 2016, table 2: 1.0 M; Liu et al. 2017, Network slimming, table 1, where a multiply-add is two operations"),
        ("densenet40-bc", 176_122, 0, "pytorchcv, densenet40_k12_bc_cifar10"),
        ("densenet100-bc", 769_162, 0, "pytorchcv, densenet100_k12_bc_cifar10; Huang et al. 2016, table 2: 0.8 M"),
        ("alexnet-2012", 60_965_224, 724e6, "Caffe's bvlc_alexnet; Sze et al. 2017, Efficient processing of deep neural networks, table II"),
        ("alexnet", 61_100_840, 0.71e9, Torchvision),
        ("nin", 7_595_176, 0, "Caffe's model zoo: 7.6 M"),
        ("vgg11", 132_863_336, 7.61e9, Torchvision),
        ("vgg11-lrn", 132_863_336, 7.61e9, "response normalization has no weights: vgg11's"),
        ("vgg13", 133_047_848, 11.31e9, Torchvision),
        ("vgg16-c", 133_638_952, 0, "Simonyan and Zisserman 2014, table 2: 134 M"),
        ("vgg16", 138_357_544, 15.47e9, Torchvision),
        ("vgg19", 143_667_240, 19.63e9, Torchvision),
        ("vgg11-bn", 132_868_840, 7.61e9, Torchvision),
        ("vgg11-lrn-bn", 132_868_840, 7.61e9, "vgg11-bn's"),
        ("vgg13-bn", 133_053_736, 11.31e9, Torchvision),
        ("vgg16-c-bn", 133_647_400, 0, "vgg16-c and two a channel"),
        ("vgg16-bn", 138_365_992, 15.47e9, Torchvision),
        ("vgg19-bn", 143_678_248, 19.63e9, Torchvision),
        ("googlenet", 13_004_888, 1.5e9, $"{Torchvision}, with the auxiliary heads' weights"),
        ("resnet18", 11_689_512, 1.81e9, Torchvision),
        ("resnet34", 21_797_672, 3.66e9, Torchvision),
        ("resnet50", 25_557_032, 4.09e9, Torchvision),
        ("resnet101", 44_549_160, 7.8e9, Torchvision),
        ("resnet152", 60_192_808, 11.51e9, Torchvision),
        ("densenet121", 7_978_856, 2.83e9, Torchvision),
        ("fcn32s", 134_346_581 + 1_806_336, 0, "Long et al. 2015, table 1: 134 M, and an enlargement of 64 x 64 x 21 x 21"),
        ("fcn16s", 134_346_581 + 10_773 + 7_056 + 451_584, 0, "FCN-32s's, scores of 512 channels, and enlargements of 4 and 32"),
        ("fcn8s", 134_346_581 + 10_773 + 5_397 + (2 * 7_056) + 112_896, 0, "FCN-16s's, scores of 256 channels, and enlargements of 4, 4 and 16"),
        ("autoencoder", 78_739, 0, Derived),
    ];

    /// <summary>
    /// How each model is made small enough for a test: the smallest images it takes, and linear layers of 64 in place of
    /// 4,096 features, which would take seconds to initialize. What is not named here runs as it is, at its own size.
    /// </summary>
    static readonly Dictionary<string, (Shape Input, Func<Device, Layer>? Build)> Reduced = new()
    {
        ["wrn28-10"] = (new(8, 8, 3), null),
        ["resnet110"] = (new(8, 8, 3), null),
        ["resnet110-stochastic"] = (new(8, 8, 3), null),
        ["preresnet110"] = (new(8, 8, 3), null),
        ["preresnet164"] = (new(8, 8, 3), null),
        ["densenet100-bc"] = (new(8, 8, 3), null),
        ["alexnet-2012"] = (new(67, 67, 3), d => AlexNet.TwoGroups(device: d, hidden: 64)),
        ["alexnet"] = (new(63, 63, 3), d => AlexNet.OneColumn(device: d, hidden: 64)),
        ["nin"] = (new(67, 67, 3), null),
        ["vgg11"] = (new(32, 32, 3), d => Vgg.ImageNet(VggConfiguration.A, device: d, hidden: 64)),
        ["vgg11-lrn"] = (new(32, 32, 3), d => Vgg.ImageNet(VggConfiguration.ALrn, device: d, hidden: 64)),
        ["vgg13"] = (new(32, 32, 3), d => Vgg.ImageNet(VggConfiguration.B, device: d, hidden: 64)),
        ["vgg16-c"] = (new(32, 32, 3), d => Vgg.ImageNet(VggConfiguration.C, device: d, hidden: 64)),
        ["vgg16"] = (new(32, 32, 3), d => Vgg.ImageNet(VggConfiguration.D, device: d, hidden: 64)),
        ["vgg19"] = (new(32, 32, 3), d => Vgg.ImageNet(VggConfiguration.E, device: d, hidden: 64)),
        ["vgg11-bn"] = (new(32, 32, 3), d => Vgg.ImageNet(VggConfiguration.A, batchNorm: true, device: d, hidden: 64)),
        ["vgg11-lrn-bn"] = (new(32, 32, 3), d => Vgg.ImageNet(VggConfiguration.ALrn, batchNorm: true, device: d, hidden: 64)),
        ["vgg13-bn"] = (new(32, 32, 3), d => Vgg.ImageNet(VggConfiguration.B, batchNorm: true, device: d, hidden: 64)),
        ["vgg16-c-bn"] = (new(32, 32, 3), d => Vgg.ImageNet(VggConfiguration.C, batchNorm: true, device: d, hidden: 64)),
        ["vgg16-bn"] = (new(32, 32, 3), d => Vgg.ImageNet(VggConfiguration.D, batchNorm: true, device: d, hidden: 64)),
        ["vgg19-bn"] = (new(32, 32, 3), d => Vgg.ImageNet(VggConfiguration.E, batchNorm: true, device: d, hidden: 64)),
        ["resnet18"] = (new(32, 32, 3), null),
        ["resnet34"] = (new(32, 32, 3), null),
        ["resnet101"] = (new(32, 32, 3), null),
        ["resnet152"] = (new(32, 32, 3), null),
        ["densenet121"] = (new(32, 32, 3), null),
        ["fcn32s"] = (new(32, 32, 3), d => FullyConvolutional.Create(32, device: d, hidden: 64)),
        ["fcn16s"] = (new(32, 32, 3), d => FullyConvolutional.Create(16, device: d, hidden: 64)),
        ["fcn8s"] = (new(33, 47, 3), d => FullyConvolutional.Create(8, device: d, hidden: 64)),
    };

    public static TheoryData<string> Names => [.. Zoo.Entries.Select(entry => entry.Name)];

    [Fact]
    public void EveryModelHasItsPublishedSize()
    {
        Assert.Equal(Zoo.Entries.Select(entry => entry.Name).Order(StringComparer.Ordinal), Published.Select(row => row.Name).Order(StringComparer.Ordinal));
        foreach (var (name, weights, multiplyAdds, source) in Published)
        {
            var summary = Summary.Of(Zoo.Build(name, new() { Device = Device.Shapes }), Zoo.Find(name).Input);
            Assert.True(weights == summary.Weights, $"{name}: {summary.Weights:N0} weights, {weights:N0} by {source}.");
            if (multiplyAdds > 0) Assert.True(Math.Abs(summary.MultiplyAdds - multiplyAdds) <= 0.01 * multiplyAdds, $"{name}: {summary.MultiplyAdds:N0} multiply-adds, {multiplyAdds:N0} by {source}.");
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void EveryModelMakesATrainingStep(string name)
    {
        // Its pool goes with it: that of the largest models holds a gigabyte.
        using var device = new Device(new CpuEngine(threads: 2));
        var entry = Zoo.Find(name);
        var (input, build) = Reduced.GetValueOrDefault(name, (entry.Input, null));
        var model = build?.Invoke(device) ?? Zoo.Build(name, new() { Input = input, Device = device });
        var pixels = new float[2 * input.Count];
        new Generator(8).FillNormal(pixels, 0, 1);
        using var x = Tensor.From(pixels, new([2, .. input.AsSpan()]), device);

        // Of a network at random depth, one step leaves units without gradients; three times as many as half of them are enough here.
        for (var step = 0; step < (name == "resnet110-stochastic" ? 12 : 1); step++)
        {
            var y = model.Forward(x);
            using var loss = LossOf(model, y, x);
            Assert.True(double.IsFinite(loss.Item()), $"{name}: the loss is {loss.Item()}.");
            loss.Backward();
        }

        using var square = Tensor.Zeros(new(1), device);
        var sum = 0.0;
        foreach (var (path, tensor) in model.StateDict().Where(t => t.Tensor.RequiresGrad))
        {
            Assert.True(tensor.Gradient is not null, $"{name}: '{path}' has no gradient.");
            using var gradient = tensor.Gradient!;
            device.Kernels.Reductions.SumOfSquares(gradient.Data, square.Data);
            Assert.True(double.IsFinite(square.Item()), $"{name}: the gradient of '{path}' is not finite.");
            sum += square.Item();
        }

        Assert.True(sum > 0, $"{name}: all gradients are 0.");
        foreach (var (_, tensor) in model.StateDict()) tensor.Dispose();
    }

    static Tensor LossOf(Layer model, Tensor y, Tensor x)
    {
        if (model is ConvolutionalAutoencoder) return Loss.MeanSquaredError(y, x);
        var rows = y.Shape.CountBefore(y.Shape.Rank - 1);
        var labels = Tensor.From([.. Enumerable.Range(0, (int)rows).Select(i => (i * 5) % y.Shape[^1])], new(y.Shape.AsSpan()[..^1]), x.Device);
        return Loss.OfHeads(model, Loss.CrossEntropy(y, labels), labels);
    }
}
