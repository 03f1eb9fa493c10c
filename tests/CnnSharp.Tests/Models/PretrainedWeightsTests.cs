using CnnSharp.Formats;
using CnnSharp.Layers;
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

        // [kh, kw, in, out] from [out, in, kh, kw], then the bias; batch normalisation's four.
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

    static float[] Weights(Layer model) => [.. model.NamedTensors().SelectMany(t => t.Tensor.ToArray())];
}
