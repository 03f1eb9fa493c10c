using CnnSharp.Formats;
using CnnSharp.Kernels;
using CnnSharp.Layers;
using CnnSharp.Models;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>One way in for weights of every kind; all or nothing.</summary>
public sealed class PretrainedWeightsTests : IDisposable
{
    readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void WhatThisLibrarySavedIsRead()
    {
        var (trained, model) = (Net(), Net());
        trained.Save(folder.File("net.safetensors"));
        Assert.NotEqual(Weights(trained), Weights(model));
        PretrainedWeights.Load(model, folder.File("net.safetensors"));
        Assert.Equal(Weights(trained), Weights(model));
    }

    [Fact]
    public void PyTorchsNamesAndLayoutsAreRead()
    {
        var model = Net();
        SafeTensors.Save(folder.File("torch.safetensors"), Torch());
        PretrainedWeights.Load(model, folder.File("torch.safetensors"));

        // [kh, kw, in, out] from [out, in, kh, kw], then the bias; batch normalization's four.
        Assert.Equal([1f, 3, 2, 4, 5, 6, 1, 2, 3, 4, 5, 6, 7, 8], Weights(model));
    }

    [Fact]
    public void AFileOfTorchSaveIsRead()
    {
        var model = new Sequential(new Linear(2, 1, device: Device.Reference), new BatchNorm2d(1, device: Device.Reference));
        PretrainedWeights.Load(model, Path.Combine(AppContext.BaseDirectory, "Formats", "Cases", "checkpoint.pth"));
        Assert.Equal([1f, 2], ((Linear)model[0]).Weight.ToArray());
    }

    [Fact]
    public void WhatDoesNotFitIsNamedAndNothingIsReplaced()
    {
        var model = Net();
        var before = Weights(model);
        SafeTensors.Save(folder.File("w"), [.. Torch().SkipLast(1), SafeTensor.Create<float>("2.weight", [1], [1])]);
        var e = Assert.Throws<DataFormatException>(() => PretrainedWeights.Load(model, folder.File("w")));
        Assert.EndsWith("its tensors are not those of Sequential: missing '1.runningVariance'; left over '2.weight'.", e.Message, StringComparison.Ordinal);
        Assert.Equal(before, Weights(model));
    }

    [Theory]
    [InlineData("module.")]
    [InlineData("_orig_mod.")]
    [InlineData("model.")]
    [InlineData("net.")]
    [InlineData("backbone.")]
    [InlineData("encoder.")]
    [InlineData("module._orig_mod.model.")]
    public void PrefixesOfWrappersAreLeftOut(string prefix)
    {
        var model = Net();
        SafeTensor[] rest = [SafeTensor.Create<float>("criterion.weight", [1], [1])];
        TorchFile.Save(folder.File("w.pt"), [.. Torch().Select(t => new SafeTensor(prefix + t.Name, t.Type, t.Shape, t.ReadBytes())), .. rest]);
        PretrainedWeights.Load(model, folder.File("w.pt"));
        Assert.Equal([1f, 3, 2, 4, 5, 6, 1, 2, 3, 4, 5, 6, 7, 8], Weights(model));

        // Where one of the model's names is not after it, it is none.
        TorchFile.Save(folder.File("w.pt"), [.. Torch().Skip(1).Select(t => new SafeTensor(prefix + t.Name, t.Type, t.Shape, t.ReadBytes())), .. rest]);
        Assert.Contains("missing '0.weight'", Assert.Throws<DataFormatException>(() => PretrainedWeights.Load(model, folder.File("w.pt"))).Message, StringComparison.Ordinal);
    }

    /// <summary>PyTorch's own training example puts a wrapper around the convolutions alone.</summary>
    [Fact]
    public void WrappersOfPartsAreLeftOut()
    {
        var (model, loaded) = (AlexNet.OneColumn(2, Device.Cpu, hidden: 4), AlexNet.OneColumn(2, Device.Cpu, hidden: 4));
        TorchFile.Save(folder.File("w.pt"), [.. TorchWeights.ToStateDict(model).Select(t => new SafeTensor(t.Name.Replace("features.", "features.module.", StringComparison.Ordinal), t.Type, t.Shape, t.ReadBytes()))]);
        PretrainedWeights.Load(loaded, folder.File("w.pt"));
        Assert.Equal(Weights(model), Weights(loaded));
    }

    [Theory]
    [InlineData("several.pth")]
    [InlineData("legacy_checkpoint.pth")]
    [InlineData("objects.pth")]
    [InlineData("legacy_objects.pth")]
    [InlineData("objects4.pth")]
    [InlineData("whole.pt")]
    [InlineData("legacy_whole.pt")]
    [InlineData("script.pt")]
    public void CheckpointsOfEveryKindAreRead(string name)
    {
        var model = new Sequential(new Linear(2, 1, device: Device.Reference), new BatchNorm2d(1, device: Device.Reference));
        PretrainedWeights.Load(model, Case(name), new WeightsOptions { Key = name == "several.pth" ? "model" : null });
        Assert.Equal([1f, 2], ((Linear)model[0]).Weight.ToArray());
    }

    [Fact]
    public void OfSeveralSetsOneIsAskedFor()
    {
        var model = new Sequential(new Linear(2, 1, device: Device.Reference), new BatchNorm2d(1, device: Device.Reference));
        var before = Weights(model);
        var e = Assert.Throws<DataFormatException>(() => PretrainedWeights.Load(model, Case("several.pth")));
        Assert.EndsWith("has 2 sets of weights that fit Sequential: 'model', 'ema'; say which with WeightsOptions.Key (--weights-key).", e.Message, StringComparison.Ordinal);
        Assert.Equal(before, Weights(model));
        PretrainedWeights.Load(model, Case("several.pth"), new WeightsOptions { Key = "ema" });
        Assert.Equal([11f, 12], ((Linear)model[0]).Weight.ToArray());
        Assert.Contains("has no entry 'best' with tensors", Assert.Throws<DataFormatException>(() => PretrainedWeights.Load(model, Case("several.pth"), new WeightsOptions { Key = "best" })).Message, StringComparison.Ordinal);

        // A key may also be how names begin.
        SafeTensors.Save(folder.File("two"), [.. Torch().Select(t => new SafeTensor($"student.{t.Name}", t.Type, t.Shape, t.ReadBytes())), .. Torch().Select(t => new SafeTensor($"teacher.{t.Name}", t.Type, t.Shape, t.ReadBytes()))]);
        var net = Net();
        PretrainedWeights.Load(net, folder.File("two"), new WeightsOptions { Key = "teacher" });
        Assert.Equal([1f, 3, 2, 4, 5, 6, 1, 2, 3, 4, 5, 6, 7, 8], Weights(net));
    }

    /// <summary>Square weights without a batch normalization fit both layouts: a mark, a name or an option decides, nothing else does.</summary>
    [Fact]
    public void TheLayoutOfSquareWeightsIsCertainOrAskedFor()
    {
        var square = new Sequential(new Linear(2, 2, bias: false, device: Device.Reference));
        SafeTensor[] weight = [SafeTensor.Create<float>("0.weight", [2, 2], [1, 2, 3, 4])];
        SafeTensors.Save(folder.File("w"), weight);
        var e = Assert.Throws<DataFormatException>(() => PretrainedWeights.Load(square, folder.File("w")));
        Assert.Contains("which have '0.weight' [2, 2] in different orders: say which wrote it with WeightsOptions.Layout (--layout pytorch or cnnsharp)", e.Message, StringComparison.Ordinal);
        Assert.Equal([1f, 3, 2, 4], Loaded(new() { Layout = WeightLayout.PyTorch }));
        Assert.Equal([1f, 2, 3, 4], Loaded(new() { Layout = WeightLayout.CnnSharp }));

        // Hugging Face's mark, and this library's own.
        SafeTensors.Save(folder.File("w"), weight, new Dictionary<string, string> { ["format"] = "pt" });
        Assert.Equal([1f, 3, 2, 4], Loaded(new()));
        square.Save(folder.File("w"));
        Assert.Equal([1f, 3, 2, 4], Loaded(new()));
        TorchWeights.Save(square, folder.File("w.safetensors"));
        SafeTensors.Save(folder.File("w"), weight);
        PretrainedWeights.Load(square, folder.File("w.safetensors"));
        Assert.Equal([1f, 3, 2, 4], Weights(square));

        // One weight that is not square tells of all.
        var two = new Sequential(new Linear(2, 2, bias: false, device: Device.Reference), new Linear(2, 1, bias: false, device: Device.Reference));
        SafeTensors.Save(folder.File("two"), [.. weight, SafeTensor.Create<float>("1.weight", [1, 2], [5, 6])]);
        PretrainedWeights.Load(two, folder.File("two"));
        Assert.Equal([1f, 3, 2, 4, 5, 6], Weights(two));
        SafeTensors.Save(folder.File("two"), [.. weight, SafeTensor.Create<float>("1.weight", [2, 1], [5, 6])]);
        PretrainedWeights.Load(two, folder.File("two"));
        Assert.Equal([1f, 2, 3, 4, 5, 6], Weights(two));

        // Nothing to decide where both orders are one.
        var single = new Sequential(new Linear(1, 1, device: Device.Reference));
        SafeTensors.Save(folder.File("one"), [SafeTensor.Create<float>("0.weight", [1, 1], [7]), SafeTensor.Create<float>("0.bias", [1], [8])]);
        PretrainedWeights.Load(single, folder.File("one"));
        Assert.Equal([7f, 8], Weights(single));

        float[] Loaded(WeightsOptions options)
        {
            PretrainedWeights.Load(square, folder.File("w"), options);
            return Weights(square);
        }
    }

    /// <summary>Files without a mark that this library wrote before there was one, with its names of a batch normalization's statistics.</summary>
    [Fact]
    public void OlderFilesOfThisLibraryAreRead()
    {
        Layer[] models = [Net(), Net()];
        SafeTensors.Save(folder.File("old"), models[0].ToSafeTensors());
        PretrainedWeights.Load(models[1], folder.File("old"));
        Assert.Equal(Weights(models[0]), Weights(models[1]));
    }

    [Fact]
    public void AHeadForOtherClassesNamesTheOption()
    {
        TorchWeights.Save(ResNet.Cifar(8, 100, Device.Cpu), folder.File("w.pt"));
        var e = Assert.Throws<ShapeException>(() => PretrainedWeights.Load(ResNet.Cifar(8, 10, Device.Cpu), folder.File("w.pt")));
        Assert.Contains("'fc.weight' [100, 64] is for 100 classes, the model's 'fc.weight' [64, 10] for 10. Build the model for 100 classes (ModelOptions.Classes; --classes)", e.Message, StringComparison.Ordinal);
        Assert.Equal([100L], PretrainedWeights.ShapesOf(ResNet.Cifar(8, 10, Device.Shapes), folder.File("w.pt"))["fc.bias"]);
    }

    static string Case(string name) => Path.Combine(AppContext.BaseDirectory, "Formats", "Cases", name);

    static SafeTensor[] Torch() =>
    [
        SafeTensor.Create<float>("0.weight", [2, 1, 1, 2], [1, 2, 3, 4]),
        SafeTensor.Create<float>("0.bias", [2], [5, 6]),
        SafeTensor.Create<float>("1.weight", [2], [1, 2]),
        SafeTensor.Create<float>("1.bias", [2], [3, 4]),
        SafeTensor.Create<float>("1.running_mean", [2], [5, 6]),
        SafeTensor.Create<float>("1.running_var", [2], [7, 8]),
    ];

    static Sequential Net() => new(new Conv2d(1, 2, (1, 2), device: Device.Reference), new BatchNorm2d(2, device: Device.Reference));

    static float[] Weights(Layer model) => [.. model.StateDict().SelectMany(t => t.Tensor.ToArray())];
}
