using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
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
        var weights = model.StateDict().Select(t => t.Tensor.ToArray()).ToArray();

        // column, in, out
        Assert.Equal([111f, 211, 121, 221, 112, 212, 122, 222], weights[0]);

        // column, in of the group, out: outputs 0 and 1 from input 0, 2 and 3 from input 1
        Assert.Equal([111f, 121, 211, 221, 112, 122, 212, 222], weights[1]);

        // pixel, channel; out
        Assert.Equal([11f, 51, 21, 61, 31, 71, 41, 81, 12, 52, 22, 62, 32, 72, 42, 82], weights[2]);
    }

    static string Case(string name) => Path.Combine(AppContext.BaseDirectory, "Formats", "Cases", name);

    /// <summary>Networks that PyTorch ran (make_torch_files.py): their weights load, and give its outputs; written again they are its state dictionary.</summary>
    [Theory]
    [InlineData("vae.pth", true)]
    [InlineData("vae.pth", false)]
    [InlineData("branches.pth", true)]
    [InlineData("grouped.pth", false)]
    [InlineData("pixels.pth", true)]
    public void OutputsArePyTorchs(string name, bool inputIsSaid)
    {
        var stored = TorchFile.Read(Case(name), "case").ToDictionary(t => t.Name);
        var x = Images(stored["x"]);
        Shape? input = inputIsSaid ? new(x.Shape[1], x.Shape[2], x.Shape[3]) : null;
        Layer model = name switch
        {
            "vae.pth" => new Vae(),
            "branches.pth" => new Branches(),
            "grouped.pth" => new Sequential(("conv", new Conv2d(4, 6, (3, 2), groups: 2, device: Device.Reference)), ("relu", new Relu()), ("up", new ConvTranspose2d(6, 4, (2, 3), stride: 2, groups: 2, device: Device.Reference))),
            _ => new Sequential(new Flatten(), new Linear(60, 6, device: Device.Reference), new Relu(), new Linear(6, 6, device: Device.Reference)),
        };
        PretrainedWeights.Load(model, Case(name), new WeightsOptions { Input = input });
        model.Eval();
        using (Tape.NoGrad())
        {
            Tensor[] outputs = model is Vae vae ? vae.All(x) : [model.Forward(x)];
            for (var i = 0; i < outputs.Length; i++)
            {
                var expected = outputs[i].Shape.Rank == 4 ? Images(stored[$"y{i}"]).ToArray() : stored[$"y{i}"].AsFloat32();
                var actual = outputs[i].ToArray();
                Assert.Equal(expected.Length, actual.Length);
                for (var j = 0; j < expected.Length; j++) Assert.Equal(expected[j], actual[j], 1e-5f);
            }
        }

        // The way back gives the file's tensors, to the bit.
        var theirs = TorchFile.Read(Case(name), "state_dict").OrderBy(t => t.Name, StringComparer.Ordinal).ToList();
        var ours = TorchWeights.ToStateDict(model, new() { Input = input }).OrderBy(t => t.Name, StringComparer.Ordinal).ToList();
        Assert.Equal(theirs.Select(t => t.Name), ours.Select(t => t.Name));
        foreach (var (expected, actual) in theirs.Zip(ours))
        {
            Assert.Equal(expected.Type, actual.Type);
            Assert.Equal(expected.Shape, actual.Shape);
            Assert.Equal(expected.ReadBytes(), actual.ReadBytes());
        }
    }

    /// <summary>What a tied matrix decodes lies as the flattened image that it encodes, and so does what reads it.</summary>
    [Fact]
    public void TiedMatricesKeepTheOrderOfAFlattenedImage()
    {
        var model = new TiedAutoencoder();
        foreach (var (_, tensor) in model.StateDict()) tensor.CopyFrom<float>([.. Enumerable.Range(0, (int)tensor.Count).Select(i => (float)i)]);
        var state = TorchWeights.ToStateDict(model, new() { Input = new(2, 2, 3) }).ToDictionary(t => t.Name, t => t.AsFloat32());

        // Element (pixel, channel) here is (channel, pixel) there.
        var place = Enumerable.Range(0, 12).Select(i => (i % 3 * 4) + (i / 3)).ToArray();
        for (var i = 0; i < 12; i++)
        {
            Assert.Equal(i, state["decoded"][place[i]]);
            for (var o = 0; o < 5; o++) Assert.Equal((i * 5) + o, state["encoder.weight"][(o * 12) + place[i]]);
            for (var o = 0; o < 2; o++) Assert.Equal((i * 2) + o, state["head.weight"][(o * 12) + place[i]]);
        }
    }

    sealed class TiedAutoencoder : Layer
    {
        readonly Conv2d conv = new(3, 3, 1, device: Device.Reference);
        readonly Linear encoder = new(12, 5, device: Device.Reference);
        readonly Tensor decoded = Parameter(12);
        readonly Linear head = new(12, 2, device: Device.Reference);

        protected override Tensor Compute(Tensor x)
        {
            var code = Functional.Relu(encoder.Forward(conv.Forward(x).Flatten()));
            return head.Forward(Functional.Relu(Functional.Linear(code, Functional.Permute(encoder.Weight, 1, 0), decoded)));
        }

        static Tensor Parameter(int count)
        {
            var tensor = Tensor.Zeros(new(count), Device.Reference);
            tensor.RequiresGrad = true;
            return tensor;
        }
    }

    /// <summary>The input is found whatever the order in which a layer's fields are declared.</summary>
    [Fact]
    public void FieldsMayBeDeclaredInAnyOrder()
    {
        var (late, early) = (new HeadFirst(), new Sequential(("conv", new Conv2d(3, 4, 3, device: Device.Reference)), ("flat", new Flatten()), ("fc", new Linear(36, 36, device: Device.Reference)), ("head", new Linear(36, 36, device: Device.Reference))));
        foreach (var (name, tensor) in early.StateDict()) tensor.CopyFrom<float>(late.StateDict().Single(t => t.Name == name).Tensor.ToArray());
        var expected = TorchWeights.ToStateDict(early).ToDictionary(t => t.Name);
        foreach (var tensor in TorchWeights.ToStateDict(late)) Assert.Equal(expected[tensor.Name].ReadBytes(), tensor.ReadBytes());
    }

    sealed class HeadFirst : Layer
    {
        readonly Linear head = new(36, 36, device: Device.Reference);
        readonly Linear fc = new(36, 36, device: Device.Reference);
        readonly Conv2d conv = new(3, 4, 3, device: Device.Reference);

        protected override Tensor Compute(Tensor x) => head.Forward(fc.Forward(conv.Forward(x).Flatten()));
    }

    /// <summary>A weight for each place of an image fixes its size, which is not searched for rows and columns that differ.</summary>
    [Fact]
    public void AModelWhoseInputIsNotFoundAsksForIt()
    {
        var e = Assert.Throws<ShapeException>(() => PretrainedWeights.Load(new Branches(), Case("branches.pth")));
        Assert.Contains("no input was found that the model takes, so no forward pass of it could be followed: say the shape of one (WeightsOptions.Input)", e.Message, StringComparison.Ordinal);
    }

    /// <summary>How many channels flattened pixels have does not follow from the model: it is asked for, and either answer loads.</summary>
    [Fact]
    public void WhatTheModelDoesNotTellIsAskedFor()
    {
        Sequential Model() => new(new Flatten(), new Linear(60, 6, device: Device.Reference), new Relu(), new Linear(6, 6, device: Device.Reference));
        var (unsaid, byInput, byChannels) = (Model(), Model(), Model());
        var e = Assert.Throws<ShapeException>(() => PretrainedWeights.Load(unsaid, Case("pixels.pth")));
        Assert.Contains("the order in which PyTorch has '1.weight' [60, 6] is not certain: it reads the input flattened, and how many channels that has the model does not say", e.Message, StringComparison.Ordinal);
        Assert.Contains("WeightsOptions.Input", e.Message, StringComparison.Ordinal);
        Assert.Contains("WeightsOptions.FlattenedChannels[\"1\"]", e.Message, StringComparison.Ordinal);
        Assert.Throws<ShapeException>(() => TorchWeights.ToStateDict(unsaid));

        PretrainedWeights.Load(byInput, Case("pixels.pth"), new WeightsOptions { Input = new(4, 5, 3) });
        PretrainedWeights.Load(byChannels, Case("pixels.pth"), new WeightsOptions { FlattenedChannels = new Dictionary<string, int> { ["1"] = 3 } });
        Assert.Equal(byInput.StateDict().SelectMany(t => t.Tensor.ToArray()), byChannels.StateDict().SelectMany(t => t.Tensor.ToArray()));
    }

    /// <summary>A head that no forward pass reads, and features that meet in two orders, are refused rather than guessed.</summary>
    [Fact]
    public void OrdersThatCannotBeToldAreRefused()
    {
        var apart = new Apart();
        Assert.Contains("'extra.weight' [8, 2] is not certain", Assert.Throws<ShapeException>(() => TorchWeights.ToStateDict(apart, new() { Input = new(2, 1, 4) })).Message, StringComparison.Ordinal);
        Assert.Contains(TorchWeights.ToStateDict(apart, new() { Input = new(2, 1, 4), FlattenedChannels = new Dictionary<string, int> { ["extra"] = 4 } }), t => t.Name == "extra.weight");

        var meeting = new Meeting();
        Assert.Contains("features meet that PyTorch has in different orders", Assert.Throws<ShapeException>(() => TorchWeights.ToStateDict(meeting)).Message, StringComparison.Ordinal);
    }

    /// <summary>PyTorch's state dictionary has a tensor under each of its names; safetensors' writers keep one.</summary>
    [Fact]
    public void ATensorOfTwoNamesIsOne()
    {
        using var folder = new TemporaryFolder();
        var shared = new Linear(2, 2, bias: false, device: Device.Reference);
        var model = new Sequential(("first", shared), ("relu", new Relu()), ("second", shared));
        shared.Weight.CopyFrom<float>([1, 2, 3, 4]);
        var state = TorchWeights.ToStateDict(model);
        Assert.Equal(["first.weight", "second.weight"], state.Select(t => t.Name));
        Assert.All(state, t => Assert.Equal([1f, 3, 2, 4], t.AsFloat32()));
        Assert.Equal(["first.weight"], model.StateDict().Select(t => t.Tensor.Name));

        SafeTensor[] values = [SafeTensor.Create<float>("first.weight", [2, 2], [5, 6, 7, 8]), SafeTensor.Create<float>("second.weight", [2, 2], [5, 6, 7, 8]), SafeTensor.Create<float>("second.weight", [2, 2], [5, 6, 7, 9])];
        foreach (var tensors in (SafeTensor[][])[[values[0], values[1]], [values[0]], [values[1]]])
        {
            shared.Weight.CopyFrom<float>([0, 0, 0, 0]);
            TorchFile.Save(folder.File("w.pt"), tensors);
            PretrainedWeights.Load(model, folder.File("w.pt"));
            Assert.Equal([5f, 7, 6, 8], shared.Weight.ToArray());
        }

        TorchFile.Save(folder.File("w.pt"), [values[0], values[2]]);
        Assert.Contains("'first.weight' and 'second.weight' differ, but are one and the same tensor", Assert.Throws<ShapeException>(() => PretrainedWeights.Load(model, folder.File("w.pt"))).Message, StringComparison.Ordinal);
        Assert.Equal([5f, 7, 6, 8], shared.Weight.ToArray());
    }

    [Fact]
    public void DenseNetsOlderNamesAreKnown()
    {
        Assert.Equal(TorchWeights.Translate("features.denseblock1.denselayer12.norm2.running_mean"), TorchWeights.Translate("features.denseblock1.denselayer12.norm.2.running_mean"));
        var (model, loaded) = (DenseNet.Cifar(10, growth: 2, device: Device.Reference), DenseNet.Cifar(10, growth: 2, device: Device.Reference));
        using var folder = new TemporaryFolder();
        TorchFile.Save(folder.File("old.pth"), [.. TorchWeights.ToStateDict(model).Where(t => !t.Name.EndsWith("num_batches_tracked", StringComparison.Ordinal)).Select(t => new SafeTensor(Regex.Replace(t.Name, @"(denselayer\d+\.(?:norm|conv))([12])\.", "$1.$2."), t.Type, t.Shape, t.ReadBytes()))]);
        Assert.Contains(TorchFile.Read(folder.File("old.pth")), t => t.Name == "features.denseblock1.denselayer1.norm.1.weight");
        PretrainedWeights.Load(loaded, folder.File("old.pth"));
        Assert.Equal(model.StateDict().SelectMany(t => t.Tensor.ToArray()), loaded.StateDict().SelectMany(t => t.Tensor.ToArray()));
    }

    [Fact]
    public void HeadsOfTrainingMayBeMissingOrThere()
    {
        var (with, without) = (new GoogLeNet(3, Device.Cpu), new GoogLeNet(3, Device.Cpu, auxiliaryHeads: false));
        using var folder = new TemporaryFolder();
        TorchWeights.Save(with, folder.File("with.pth"));
        TorchWeights.Save(without, folder.File("without.pth"));
        var head = with.StateDict().Single(t => t.Name == "aux1.fc1.weight").Tensor.ToArray();
        PretrainedWeights.Load(with, folder.File("without.pth"));
        Assert.Equal(Of(without, "fc.weight"), Of(with, "fc.weight"));
        Assert.Equal(head, Of(with, "aux1.fc1.weight"));
        var fresh = new GoogLeNet(3, Device.Cpu, auxiliaryHeads: false);
        PretrainedWeights.Load(fresh, folder.File("with.pth"));
        Assert.NotEqual(Of(without, "fc.weight"), Of(fresh, "fc.weight"));

        static float[] Of(Layer model, string name) => model.StateDict().Single(t => t.Name == name).Tensor.ToArray();
    }

    /// <summary>Every model's weights come back to the bit through torch.save's form, whatever the layouts and orders between.</summary>
    [Theory]
    [InlineData("lenet5")]
    [InlineData("lenet5-1998")]
    [InlineData("mnist-cnn")]
    [InlineData("linear")]
    [InlineData("mlp")]
    [InlineData("resnet20")]
    [InlineData("vgg11-cifar")]
    [InlineData("densenet40-bc")]
    [InlineData("preresnet110")]
    [InlineData("autoencoder")]
    public void AModelsWeightsComeBackFromPyTorchsForm(string name)
    {
        var entry = Zoo.Find(name);
        var (model, loaded) = (Zoo.Build(name, new() { Device = Device.Cpu }), Zoo.Build(name, new() { Device = Device.Cpu }));
        using var folder = new TemporaryFolder();
        foreach (var file in new[] { folder.File("w.pt"), folder.File("w.safetensors") })
        {
            TorchWeights.Save(model, file, new() { Input = entry.Input });
            PretrainedWeights.Load(loaded, file, new WeightsOptions { Input = entry.Input });
            foreach (var (expected, actual) in model.StateDict().Zip(loaded.StateDict()))
            {
                Assert.Equal(expected.Name, actual.Name);
                Assert.True(expected.Tensor.ToArray().AsSpan().SequenceEqual(actual.Tensor.ToArray()), $"{name}: '{expected.Name}' differs in {Path.GetFileName(file)}.");
                actual.Tensor.CopyFrom<float>(new float[actual.Tensor.Count]);
            }
        }
    }

    static Tensor Images(SafeTensor stored)
    {
        var x = stored.AsFloat32();
        var (n, c, h, w) = ((int)stored.Shape[0], (int)stored.Shape[1], (int)stored.Shape[2], (int)stored.Shape[3]);
        return Functional.Permute(Tensor.From(x, new(n, c, h, w), Device.Reference), 0, 2, 3, 1).Detach();
    }

    sealed class Vae : Layer
    {
        readonly Conv2d conv = new(3, 4, 3, stride: 2, padding: 1, device: Device.Reference);
        readonly BatchNorm2d norm = new(48, device: Device.Reference);
        readonly PRelu slopes = new(48, device: Device.Reference);
        readonly Dropout dropout = new();
        readonly Linear mean = new(48, 5, device: Device.Reference);
        readonly Linear deviation = new(48, 5, device: Device.Reference);
        readonly Linear expand = new(5, 48, device: Device.Reference);
        readonly BatchNorm2d expandNorm = new(48, device: Device.Reference);
        readonly ConvTranspose2d up = new(4, 3, 4, stride: 2, padding: 1, device: Device.Reference);

        public Tensor[] All(Tensor x)
        {
            var h = slopes.Forward(norm.Forward(dropout.Forward(Functional.Relu(conv.Forward(x)).Flatten())));
            var (m, d) = (mean.Forward(h), deviation.Forward(h));
            var z = m + (Functional.Exp(d * 0.5f) * Tensor.Full(d.Shape, 0.25, d.Device));
            return [m, d, up.Forward(Functional.Relu(expandNorm.Forward(expand.Forward(z))).Reshape(x.Shape[0], 3, 4, 4))];
        }

        protected override Tensor Compute(Tensor x) => All(x)[2];
    }

    sealed class Branches : Layer
    {
        readonly Conv2d a = new(3, 4, 3, padding: 1, device: Device.Reference);
        readonly Conv2d b = new(4, 5, 3, stride: 2, padding: 1, device: Device.Reference);
        readonly Linear head = new(131, 6, device: Device.Reference);
        readonly Linear hidden = new(6, 6, bias: false, device: Device.Reference);

        public Tensor Scale { get; } = Initializers.Ones.Parameter(new(3, 2, 5), 1, 1, Device.Reference);

        protected override Tensor Compute(Tensor x)
        {
            var p = Functional.Relu(a.Forward(x));
            var q = b.Forward(p) * Scale;
            var h = Functional.Concat([p.Flatten(), Functional.Tanh(q.Flatten()), Functional.Mean(q, [1, 2])]);
            return hidden.Forward(Functional.Relu(head.Forward(h)));
        }
    }

    /// <summary>A head that Forward does not reach.</summary>
    sealed class Apart : Layer
    {
        readonly Conv2d conv = new(4, 4, 1, device: Device.Reference);
        readonly Linear extra = new(8, 2, device: Device.Reference);

        public Tensor Extra(Tensor x) => extra.Forward(conv.Forward(x).Flatten());

        protected override Tensor Compute(Tensor x) => conv.Forward(x);
    }

    /// <summary>A flattened image plus what is at once features of a linear layer in their own order.</summary>
    sealed class Meeting : Layer
    {
        readonly Conv2d conv = new(1, 2, 1, device: Device.Reference);
        readonly Linear first = new(8, 8, device: Device.Reference);
        readonly Linear last = new(8, 2, device: Device.Reference);

        protected override Tensor Compute(Tensor x)
        {
            var image = conv.Forward(x);
            var halves = Functional.Concat([Functional.Slice(first.Forward(image.Flatten()), -1, 0, 4), Functional.Slice(first.Forward(image.Flatten()), -1, 4, 4)]);
            return last.Forward(halves + image.Flatten());
        }
    }

    [Fact]
    public void AnotherShapeIsRefusedWithBothNames()
    {
        using var folder = new TemporaryFolder();
        SafeTensors.Save(folder.File("w"), [SafeTensor.Create<float>("fc.weight", [3, 64], new float[192])]);
        using var file = SafeTensors.Open(folder.File("w"));
        Assert.Equal("TorchWeights: 'fc.weight' is [3, 64], 'fc.weight' [64, 10] expects [10, 64].", Assert.Throws<ShapeException>(() => TorchWeights.Load(ResNet.Cifar(20), file)).Message);
    }

    /// <summary>Somebody else's ResNet-20 gives their logits on the first 256 training images of CIFAR-10.</summary>
    [Fact]
    public void APretrainedResNet20GivesItsLogits()
    {
        var weights = SharedFile("data/weights/resnet20_cifar10.safetensors");
        var logits = SharedFile("data/weights/resnet20_cifar10_logits_data_batch_1_first256.f32");
        var images = SharedFile("data/cifar10/data_batch_1.bin.gz");
        const int count = 256, side = 32;
        float[] mean = [0.485f, 0.456f, 0.406f], std = [0.229f, 0.224f, 0.225f];

        var records = new byte[count * 3073];
        using (var stream = new GZipStream(File.OpenRead(images), CompressionMode.Decompress)) stream.ReadExactly(records);
        var x = new float[count * side * side * 3];
        for (var i = 0; i < x.Length; i++)
        {
            var (n, p, c) = (i / (side * side * 3), i / 3 % (side * side), i % 3);
            x[i] = ((records[(n * 3073) + 1 + (c * side * side) + p] / 255f) - mean[c]) / std[c];
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

    /// <summary>99.17% of MNIST's test images: what the network's own framework has with these weights.</summary>
    [Fact]
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
        Assert.Equal([1f, 2, 3, 4], model.StateDict().SelectMany(t => t.Tensor.ToArray()));

        File.WriteAllText(folder.File("rules"), "a -> b\nnothing");
        Assert.Equal($"{folder.File("rules")}: line 2: expected PATTERN -> REPLACEMENT, got 'nothing'.", Assert.Throws<DataFormatException>(() => NameRules.Read(folder.File("rules"))).Message);
        File.WriteAllText(folder.File("rules"), "(a -> b");
        Assert.Contains("line 1: '(a' is not a regular expression", Assert.Throws<DataFormatException>(() => NameRules.Read(folder.File("rules"))).Message, StringComparison.Ordinal);
    }

    /// <summary>A file beside the repository that is not part of it; skips the test, with the reason, where there is none.</summary>
    static string SharedFile(string name)
    {
        var root = Environment.GetEnvironmentVariable("CNNSHARP_SHARED") ?? Path.Combine(Repository.Root ?? ".", "..", "shared");
        var path = Path.Combine(root, name);
        Assert.SkipUnless(File.Exists(path), $"{path} is not there; set CNNSHARP_SHARED to the folder that holds {name}.");
        return path;
    }
}
