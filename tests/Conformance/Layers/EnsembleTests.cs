using CnnSharp.Data;
using CnnSharp.Formats.Onnx;
using CnnSharp.Layers;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>Ensembles and test-time augmentation on every device, against the plain model asked several times.</summary>
[Collection(DeviceTests.Name)]
public sealed class EnsembleTests
{
    const int Count = 5, Height = 6, Width = 5, Channels = 3, Classes = 4;

    public static TheoryData<string> AllDevices => Devices.All;

    /// <summary>A net that tells left from right and top from bottom.</summary>
    static Sequential Model(Device device, ulong seed)
    {
        var model = new Sequential(new Conv2d(Channels, 6, 3, padding: 1, device: device), new BatchNorm2d(6, device: device), new Relu(), new Flatten(), new Linear(Height * Width * 6, Classes, device: device));
        Draw(model, seed);
        return model;
    }

    static void Draw(Layer model, ulong seed)
    {
        var random = new Generator(seed);
        foreach (var (name, tensor) in model.StateDict())
        {
            if (name.Contains("running", StringComparison.OrdinalIgnoreCase)) continue;
            var values = new float[tensor.Count];
            random.FillNormal(values, 0, 0.3);
            tensor.CopyFrom<float>(values);
        }
    }

    static float[] Pixels(int height = Height, int width = Width)
    {
        var values = new float[Count * height * width * Channels];
        new Generator(5).FillNormal(values, 0, 1);
        return values;
    }

    static double[] Ask(Layer model, float[] pixels, Device device, int height = Height, int width = Width)
    {
        using var scope = Tape.NoGrad();
        using var x = Tensor.From(pixels, new(Count, height, width, Channels), device);
        return [.. model.Forward(x).ToArray().Select(value => (double)value)];
    }

    static double[] Softmax(double[] logits) => [.. logits.Chunk(Classes).SelectMany(row => row.Select(value => Math.Exp(value - row.Max()) / row.Sum(other => Math.Exp(other - row.Max()))))];

    static void Near(IEnumerable<double> expected, IEnumerable<double> actual) => Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 2e-5 * Math.Max(1, Math.Abs(pair.First))));

    /// <summary>The image at (row, column) of each place, by a function of places.</summary>
    static float[] Moved(float[] pixels, Func<int, int, (int Row, int Column)> source, int fromHeight = Height, int fromWidth = Width)
    {
        var moved = new float[Count * Height * Width * Channels];
        for (var n = 0; n < Count; n++)
            for (var i = 0; i < Height; i++)
                for (var j = 0; j < Width; j++)
                    for (var c = 0; c < Channels; c++)
                    {
                        var (row, column) = source(i, j);
                        moved[(((((n * Height) + i) * Width) + j) * Channels) + c] = pixels[(((((n * fromHeight) + row) * fromWidth) + column) * Channels) + c];
                    }

        return moved;
    }

    [Theory]
    [MemberData(nameof(AllDevices))]
    public void AnEnsembleGivesTheMeanOfProbabilities(string deviceName)
    {
        var device = Devices.Open(deviceName);
        Layer[] models = [Model(device, 1).Eval(), Model(device, 2).Eval(), Model(device, 3).Eval()];
        var each = models.Select(model => Ask(model, Pixels(), device)).ToArray();
        var ensemble = new Ensemble(models);
        Assert.False(ensemble.IsTraining);
        var mean = Enumerable.Range(0, Count * Classes).Select(i => each.Average(logits => Softmax(logits)[i])).ToArray();
        Near(mean.Select(p => Math.Log(p)), Ask(ensemble, Pixels(), device));
        Near(mean, Softmax(Ask(ensemble, Pixels(), device)));
        Near(Enumerable.Range(0, Count * Classes).Select(i => each.Average(logits => logits[i])), Ask(new Ensemble(EnsembleAverage.Outputs, models), Pixels(), device));

        // What no model finds likely is still a number.
        foreach (var model in models) model.StateDict().Last(t => t.Name.EndsWith("bias", StringComparison.Ordinal)).Tensor.CopyFrom<float>([200, 0, 0, 0]);
        Assert.All(Ask(ensemble, Pixels(), device), value => Assert.InRange(value, -300, 1e-6));
    }

    [Theory]
    [MemberData(nameof(AllDevices))]
    public void ViewsAreAveraged(string deviceName)
    {
        var device = Devices.Open(deviceName);
        var model = Model(device, 1).Eval();
        var pixels = Pixels();
        double[] Of(Func<int, int, (int, int)> source) => Ask(model, Moved(pixels, source), device);
        double[] Mean(params double[][] results) => [.. Enumerable.Range(0, results[0].Length).Select(i => results.Average(result => result[i]))];

        var (plain, mirrored) = (Of((i, j) => (i, j)), Of((i, j) => (i, Width - 1 - j)));
        Assert.NotEqual(plain, mirrored);
        Near(Mean(plain, mirrored), Ask(TestTimeAugmentation.Mirror(model), pixels, device));

        // Towards the lower right the first row and column are the second, mirrored; towards the upper left the last ones.
        static int Down(int i) => i == 0 ? 1 : i - 1;
        static int Up(int i, int extent) => i == extent - 1 ? extent - 2 : i + 1;
        var down = Mean(Of((i, j) => (Down(i), Down(j))), Of((i, j) => (Down(i), Down(Width - 1 - j))));
        var up = Mean(Of((i, j) => (Up(i, Height), Up(j, Width))), Of((i, j) => (Up(i, Height), Up(Width - 1 - j, Width))));
        Near(Mean(Mean(plain, mirrored), Mean(down, up)), Ask(TestTimeAugmentation.MirrorAndShift(model), pixels, device));

        const int TallHeight = Height + 3, WideWidth = Width + 2;
        var large = Pixels(TallHeight, WideWidth);
        double[] Crop(int top, int left, bool mirror = false) => Ask(model, Moved(large, (i, j) => (top + i, left + (mirror ? Width - 1 - j : j)), TallHeight, WideWidth), device);
        (int, int)[] places = [(0, 0), (0, 2), (3, 0), (3, 2), (1, 1)];
        Near(Mean([.. places.Select(place => Crop(place.Item1, place.Item2))]), Ask(TestTimeAugmentation.FiveCrops(model, (Height, Width)), large, device, TallHeight, WideWidth));
        Near(Mean([.. places.SelectMany(place => new[] { Crop(place.Item1, place.Item2), Crop(place.Item1, place.Item2, mirror: true) })]), Ask(TestTimeAugmentation.FiveCrops(model, (Height, Width), mirrors: true), large, device, TallHeight, WideWidth));
    }

    /// <summary>Evaluated, asked, trained and exported like any other layer; the models keep their modes.</summary>
    [Fact]
    public void AnEnsembleIsALayerLikeAnyOther()
    {
        var device = Devices.Open("reference");
        var random = new Random(3);
        var pixels = new byte[20 * Height * Width * Channels];
        random.NextBytes(pixels);
        var set = new ImageDataset("noise", pixels, [.. Enumerable.Range(0, 20).Select(i => i % Classes)], Height, Width, Channels, ["a", "b", "c", "d"]);
        var (first, second) = (Model(device, 1), Model(device, 2));
        var ensemble = new Ensemble(first, TestTimeAugmentation.Mirror(second));
        var evaluation = Trainer.Evaluate(ensemble, set);
        Assert.True(first.IsTraining && second.IsTraining && ensemble.IsTraining);
        var logs = Trainer.Predict(ensemble, set, batchSize: 7).Outputs.ToArray();
        Assert.Equal(evaluation.Loss, -Enumerable.Range(0, 20).Average(i => logs[(i * Classes) + (i % Classes)]), 1e-5);
        Assert.Equal(evaluation.Accuracy, Enumerable.Range(0, 20).Count(i => logs.AsSpan(i * Classes, Classes).IndexOf(logs.AsSpan(i * Classes, Classes).ToArray().Max()) == i % Classes) / 20.0, 1e-9);

        var exported = new Ensemble(first, second).Eval();
        using var stream = new MemoryStream();
        using var folder = new TemporaryFolder();
        exported.SaveOnnx(folder.File("ensemble.onnx"), new(Height, Width, Channels));
        Near(Ask(exported, Pixels(), device), Ask(OnnxNetwork.Load(folder.File("ensemble.onnx"), device).Eval(), Pixels(), device));
    }

    [Fact]
    public void WhatDoesNotFitIsRefused()
    {
        var device = Devices.Open("reference");
        var model = Model(device, 1);
        Assert.Contains("expected at least one model", Assert.Throws<ArgumentException>(() => new Ensemble()).Message, StringComparison.Ordinal);
        Assert.Contains("a model occurs twice", Assert.Throws<ArgumentException>(() => new Ensemble(model, model)).Message, StringComparison.Ordinal);
        var other = new Sequential(new Flatten(), new Linear(Height * Width * Channels, 3, device: device));
        Assert.Contains("model 0 gives [5, 4] for [5, 6, 5, 3], model 1 [5, 3]", Assert.Throws<Kernels.ShapeException>(() => Ask(new Ensemble(model, other), Pixels(), device)).Message, StringComparison.Ordinal);
        Assert.Contains("views of 7 do not fit", Assert.Throws<Kernels.ShapeException>(() => Ask(TestTimeAugmentation.FiveCrops(model, 7), Pixels(), device)).Message.Replace("7 x 7", "7", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => TestTimeAugmentation.MirrorAndShift(model, 0));
    }
}
