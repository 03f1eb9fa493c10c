using System.IO.Compression;
using System.Runtime.InteropServices;
using CnnSharp.Data;
using CnnSharp.Formats;
using CnnSharp.Kernels;
using CnnSharp.Layers;
using CnnSharp.Models;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests;

public sealed class TorchWeightsTests
{
    [Fact]
    public void NamesAreTranslatedPartByPart()
    {
        Assert.Equal("layer2.0.bn1.runningVariance", TorchWeights.Translate("layer2.0.bn1.running_var"));
        Assert.Equal("layer2.0.downsample.0.weight", TorchWeights.Translate("stage2.0.shortcut.0.weight"));
        Assert.Equal("fc.bias", TorchWeights.Translate("classifier.bias"));
    }

    [Fact]
    public void LayoutsAreTurned()
    {
        using var folder = new TemporaryFolder();
        var device = Device.Reference;
        var model = new Sequential(
            new Conv2d(2, 2, (1, 2), bias: false, device: device),
            new ConvTranspose2d(2, 4, (1, 2), groups: 2, bias: false, device: device),
            new Flatten(),
            new Linear(8, 2, bias: false, device: device));
        SafeTensors.Save(folder.File("w"),
        [
            SafeTensor.Create<float>("0.weight", [2, 2, 1, 2], [111, 112, 121, 122, 211, 212, 221, 222]),   // out, in, column
            SafeTensor.Create<float>("1.weight", [2, 2, 1, 2], [111, 112, 121, 122, 211, 212, 221, 222]),   // in, out of the group, column
            SafeTensor.Create<float>("3.weight", [2, 8], [11, 12, 21, 22, 31, 32, 41, 42, 51, 52, 61, 62, 71, 72, 81, 82]),   // out; channel, pixel
            SafeTensor.Create<long>("0.num_batches_tracked", [], [1]),
            SafeTensor.Create<float>("9.weight", [1], [1]),
        ]);
        using var file = SafeTensors.Open(folder.File("w"));
        var report = TorchWeights.Load(model, file);
        Assert.Equal(["9.weight"], report.LeftOver);
        Assert.Empty(report.Missing);
        Assert.False(report.IsComplete);
        var weights = model.NamedTensors().Select(t => t.Tensor.ToArray()).ToArray();

        // column, in, out
        Assert.Equal([111f, 211, 121, 221, 112, 212, 122, 222], weights[0]);

        // column, in of the group, out: outputs 0 and 1 from input 0, 2 and 3 from input 1
        Assert.Equal([111f, 121, 211, 221, 112, 122, 212, 222], weights[1]);

        // pixel, channel; out
        Assert.Equal([11f, 51, 21, 61, 31, 71, 41, 81, 12, 52, 22, 62, 32, 72, 42, 82], weights[2]);
    }

    [Fact]
    public void AnotherShapeIsRefusedWithBothNames()
    {
        using var folder = new TemporaryFolder();
        SafeTensors.Save(folder.File("w"), [SafeTensor.Create<float>("fc.weight", [3, 64], new float[192])]);
        using var file = SafeTensors.Open(folder.File("w"));
        Assert.Equal("TorchWeights: 'fc.weight' is [3, 64], 'fc.weight' [64, 10] expects [10, 64].", Assert.Throws<ShapeException>(() => TorchWeights.Load(ResNet.Cifar(20), file)).Message);
    }

    /// <summary>Somebody else's ResNet-20 gives their logits on the first 256 training pictures of CIFAR-10.</summary>
    [SkippableFact]
    public void APretrainedResNet20GivesItsLogits()
    {
        var weights = SharedFile("data/weights/resnet20_cifar10.safetensors");
        var logits = SharedFile("data/weights/resnet20_cifar10_logits_data_batch_1_first256.f32");
        var pictures = SharedFile("data/cifar10/data_batch_1.bin.gz");
        const int count = 256, side = 32;
        float[] mean = [0.485f, 0.456f, 0.406f], deviation = [0.229f, 0.224f, 0.225f];

        var records = new byte[count * 3073];
        using (var stream = new GZipStream(File.OpenRead(pictures), CompressionMode.Decompress)) stream.ReadExactly(records);
        var x = new float[count * side * side * 3];
        for (var i = 0; i < x.Length; i++)
        {
            var (n, p, c) = (i / (side * side * 3), i / 3 % (side * side), i % 3);
            x[i] = ((records[(n * 3073) + 1 + (c * side * side) + p] / 255f) - mean[c]) / deviation[c];
        }

        var model = ResNet.Cifar(20, shortcut: Shortcut.A);
        using (var file = SafeTensors.Open(weights)) Assert.True(TorchWeights.Load(model, file).IsComplete);
        model.Eval();
        using var inference = Tape.NoGrad();
        var actual = model.Forward(Tensor.From(x, new(count, side, side, 3))).ToArray();
        var expected = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(logits)).ToArray();
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-3f);
    }

    /// <summary>99.17% of MNIST's test pictures: what the network's own framework has with these weights.</summary>
    [SkippableFact]
    public void TheMnistNetworkIsAsGoodAsItWasTrained()
    {
        var weights = SharedFile("data/weights/mnist_cnn_burn.safetensors");
        var mnist = Mnist.Load(Path.GetDirectoryName(SharedFile("data/mnist/t10k-images-idx3-ubyte.gz"))!);
        var model = MnistCnn.Create(device: Device.Cpu);
        using (var file = SafeTensors.Open(weights)) Assert.True(TorchWeights.Load(model, file).IsComplete);
        var result = Trainer.Evaluate(model, mnist.Test!, new() { BatchSize = 250, Normalization = new([0.1307f], [0.3081f]) });
        Assert.Equal(10_000, result.Count);
        Assert.Equal(0.9917, result.Accuracy, 4);
    }

    [Fact]
    public void RulesOfAFileRenameTensors()
    {
        using var folder = new TemporaryFolder();
        var device = Device.Reference;
        var model = new Sequential(("fc1", new Linear(2, 1, device: device)), ("fc2", new Linear(1, 1, bias: false, device: device)));
        SafeTensors.Save(folder.File("w"),
        [
            SafeTensor.Create<float>("backbone.dense_1.kernel", [1, 2], [1, 2]),
            SafeTensor.Create<float>("backbone.dense_1.offset", [1], [3]),
            SafeTensor.Create<float>("backbone.dense_2.kernel", [1, 1], [4]),
        ]);
        File.WriteAllText(folder.File("rules"), """
            # how another framework calls them
            ^backbone\.      ->
            dense_(\d+)      -> fc$1
            kernel$          -> weight

            offset$          -> bias    # of linear layers
            """);
        using var file = SafeTensors.Open(folder.File("w"));
        Assert.False(TorchWeights.Load(model, file).IsComplete);
        Assert.True(TorchWeights.Load(model, file, rules: NameRules.Read(folder.File("rules"))).IsComplete);
        Assert.Equal([1f, 2, 3, 4], model.NamedTensors().SelectMany(t => t.Tensor.ToArray()));

        File.WriteAllText(folder.File("rules"), "a -> b\nnothing");
        Assert.Equal($"{folder.File("rules")}: line 2: expected PATTERN -> REPLACEMENT, got 'nothing'.", Assert.Throws<DataFormatException>(() => NameRules.Read(folder.File("rules"))).Message);
        File.WriteAllText(folder.File("rules"), "(a -> b");
        Assert.Contains("line 1: '(a' is not a regular expression", Assert.Throws<DataFormatException>(() => NameRules.Read(folder.File("rules"))).Message, StringComparison.Ordinal);
    }

    /// <summary>A file beside the repository that is not part of it; skips the test, with the reason, where there is none.</summary>
    static string SharedFile(string name)
    {
        var root = Environment.GetEnvironmentVariable("CNNSHARP_SHARED");
        if (root is null)
        {
            var folder = new DirectoryInfo(AppContext.BaseDirectory);
            while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "CnnSharp.sln"))) folder = folder.Parent;
            root = Path.Combine(folder?.FullName ?? ".", "..", "shared");
        }

        var path = Path.Combine(root, name);
        Skip.IfNot(File.Exists(path), $"{path} is not there; set CNNSHARP_SHARED to the folder that holds {name}.");
        return path;
    }
}
