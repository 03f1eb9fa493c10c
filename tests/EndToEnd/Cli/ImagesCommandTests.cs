using CnnSharp.Data;
using Xunit;

namespace CnnSharp.Tests.Cli;

/// <summary>A folder of images of one's own: trained on, measured, predicted.</summary>
public sealed class ImageCommandTests : CliTest
{
    /// <summary>Two classes that a net tells apart at once, of many sizes: bright above, bright below.</summary>
    string WriteImages(string name, int perClass)
    {
        var random = new Random(perClass);
        foreach (var label in new[] { "above", "below" })
        {
            var folder = Directory.CreateDirectory(At(name, label)).FullName;
            for (var i = 0; i < perClass; i++)
            {
                var (height, width) = (random.Next(20, 40), random.Next(20, 40));
                var pixels = new byte[height * width];
                for (var p = 0; p < pixels.Length; p++) pixels[p] = (byte)(random.Next(60) + (p / width < height / 2 == (label == "above") ? 190 : 0));
                ImageFile.WritePng(Path.Combine(folder, $"{i}.png"), new(pixels, height, width, 1));
            }
        }

        return At(name);
    }

    [Fact]
    public void AFolderIsTrainedOnMeasuredAndPredicted()
    {
        var data = WriteImages("data", 40);
        var trained = Run("train", "--dataset", "folder", "--data", data, "--size", "28", "--channels", "1", "--model", "lenet5", "--epochs", "3", "--batch", "16", "--val-split", "16", "--augment", "random-crop,jitter", "--device", "cpu", "--out", At("run"), "--json").IsDone();
        Assert.Equal("folder", trained.Json.GetProperty("dataset").GetString());
        Assert.True(trained.Json.GetProperty("accuracy").GetDouble() > 0.9);

        var checkpoint = At("run", "checkpoint.safetensors");
        var measured = Run("eval", "--checkpoint", checkpoint, "--json").IsDone().Json;
        Assert.Equal(trained.Json.GetProperty("accuracy").GetDouble(), measured.GetProperty("accuracy").GetDouble());
        Assert.Equal(16, measured.GetProperty("images").GetInt32());

        var others = WriteImages("others", 5);
        var predicted = Run("predict", "--checkpoint", checkpoint, Path.Combine(others, "above"), Path.Combine(others, "below", "0.png"), "--json").IsDone().Json;
        Assert.Equal((6, 0), (predicted.GetProperty("images").GetInt32(), predicted.GetProperty("failed").GetInt32()));
        foreach (var prediction in predicted.GetProperty("predictions").EnumerateArray())
        {
            var top = prediction.GetProperty("top").EnumerateArray().ToList();
            Assert.Equal(2, top.Count);
            Assert.Equal(Path.GetFileName(Path.GetDirectoryName(prediction.GetProperty("file").GetString()!)), top[0].GetProperty("class").GetString());
            Assert.Equal(1, top.Sum(t => t.GetProperty("probability").GetDouble()), 1e-4);
        }

        Assert.Contains("0.png: below ", Run("predict", "--checkpoint", checkpoint, Path.Combine(others, "below", "0.png")).IsDone().Output, StringComparison.Ordinal);

        // One that cannot be read is named, the others go on.
        File.WriteAllText(At("broken.png"), "no image");
        var mixed = Run("predict", "--checkpoint", checkpoint, At("broken.png"), Path.Combine(others, "below", "1.png"), "--json");
        mixed.IsRefused("broken.png: ");
        Assert.Equal((1, 1), (mixed.Json.GetProperty("images").GetInt32(), mixed.Json.GetProperty("failed").GetInt32()));
    }

    [Fact]
    public void WhatIsKeptInMemoryDoesNotChangeTheResult()
    {
        var data = WriteImages("data", 12);
        var bytes = new[] { "1024", "0" }.Select(cache =>
        {
            Run("train", "--dataset", "folder", "--data", data, "--size", "28", "--channels", "1", "--cache", cache, "--model", "lenet5", "--epochs", "2", "--batch", "8", "--augment", "resized-crop,flip,mixup", "--device", "cpu", "--out", At("run", cache)).IsDone();
            return File.ReadAllBytes(At("run", cache, "checkpoint.safetensors"));
        }).ToList();
        Assert.Equal(bytes[0], bytes[1]);
    }

    [Theory]
    [InlineData("1024")]
    [InlineData("0")]
    public void AnImageThatCannotBeReadEndsTheTrainingOrIsLeftOut(string cache)
    {
        var data = WriteImages("data", 12);
        var broken = Path.Combine(data, "below", "7.png");
        File.WriteAllBytes(broken, File.ReadAllBytes(broken)[..100]);
        string[] train = ["train", "--dataset", "folder", "--data", data, "--size", "28", "--channels", "1", "--cache", cache, "--model", "lenet5", "--epochs", "2", "--batch", "8", "--val-split", "6", "--device", "cpu", "--out", At("run")];
        Run(train).IsRefused(broken);

        var result = Run([.. train, "--skip-corrupt", "--overwrite", "--json"]).IsDone();
        Assert.Equal(1, result.Prose.Split('\n').Count(line => line.StartsWith($"left out: {broken}: ", StringComparison.Ordinal)));
        Assert.True(File.Exists(result.Json.GetProperty("checkpoint").GetString()));
    }

    [Fact]
    public void FiveClassesAreNamedUnlessMoreAreAskedFor()
    {
        Run("train", "--dataset", "mnist", "--data", WriteBars(), "--model", "lenet5", "--epochs", "2", "--device", "cpu", "--out", At("run")).IsDone();
        Run("images", "export", "--dataset", "mnist", "--data", At("bars"), "--out", At("png")).IsDone();
        var checkpoint = At("run", "checkpoint.safetensors");
        var predicted = Run("predict", "--checkpoint", checkpoint, At("png", "test"), "--json").IsDone().Json.GetProperty("predictions").EnumerateArray().ToList();
        Assert.Equal(128, predicted.Count);
        foreach (var prediction in predicted)
        {
            var shares = prediction.GetProperty("top").EnumerateArray().Select(t => t.GetProperty("probability").GetDouble()).ToList();
            Assert.Equal(5, shares.Count);
            Assert.Equal(shares.OrderDescending(), shares);
            Assert.InRange(shares.Sum(), 0.5, 1.0001);
        }

        var file = predicted[0].GetProperty("file").GetString()!;
        var all = Run("predict", "--checkpoint", checkpoint, file, "--top", "10", "--json").IsDone().Json.GetProperty("predictions")[0].GetProperty("top").EnumerateArray().ToList();
        Assert.Equal(Enumerable.Range(0, 10), all.Select(t => t.GetProperty("label").GetInt32()).Order());
        Assert.Equal(1, all.Sum(t => t.GetProperty("probability").GetDouble()), 1e-4);
    }

    [Fact]
    public void ADataSetBecomesAFolderOfPngAndTheSameSetAgain()
    {
        var bars = WriteBars(train: 64, test: 16);
        Assert.Equal(80, Run("images", "export", "--dataset", "mnist", "--data", bars, "--out", At("png"), "--json").IsDone().Json.GetProperty("images").GetInt32());
        var (expected, actual) = (Mnist.Load(bars), ImageFolder.Load(At("png"), new() { Size = 28, Channels = 1 }));
        Assert.Equal((64, 16), (actual.Train.Count, actual.Test!.Count));
        for (var i = 0; i < 16; i++)
        {
            var file = ImageFile.Read(Directory.GetFiles(At("png", "test"), $"{i:D5}.png", SearchOption.AllDirectories).Single());
            Assert.Equal(expected.Test!.Pixels(i).ToArray(), file.Flatten(1).Pixels);
        }

        Run("images", "export", "--dataset", "mnist", "--data", bars, "--out", At("png")).IsRefused("is not empty");
        Run("images", "pack", "--data", At("png"), "--out", At("packed")).IsRefused("has 64 images; CIFAR-10's files hold 50,000");
    }

    /// <summary>All of CIFAR-10: half a minute, so where the reference data is.</summary>
    [Fact]
    public void Cifar10BecomesPngAndTheSameBytesAgain()
    {
        var data = Path.Combine(Environment.GetEnvironmentVariable("CNNSHARP_SHARED") ?? "", "data", "cifar10");
        Assert.SkipUnless(Directory.Exists(data), $"There is no folder {data}; set CNNSHARP_SHARED to the folder that holds data/cifar10.");
        Run("images", "export", "--data", data, "--out", At("png")).IsDone();
        Assert.Equal(Cifar10.ClassNames.Order(), Directory.GetDirectories(At("png", "train")).Select(path => Path.GetFileName(path)).Order());
        Assert.Equal(50_000, Run("images", "pack", "--data", At("png"), "--out", At("packed"), "--json").IsDone().Json.GetProperty("images").GetInt32());
        for (var batch = 1; batch <= 5; batch++)
        {
            using var expected = DataFile.Open(DataFile.Require(data, $"data_batch_{batch}.bin"));
            var bytes = new byte[30_730_000];
            expected.ReadExactly(bytes);
            Assert.True(bytes.AsSpan().SequenceEqual(File.ReadAllBytes(At("packed", $"data_batch_{batch}.bin"))));
        }
    }

    /// <summary>Though the training held images out, a folder of test images alone is measured, and not trained on.</summary>
    [Fact]
    public void ATestSplitAloneIsMeasured()
    {
        Run("train", "--dataset", "folder", "--data", WriteImages("data", 20), "--size", "28", "--model", "linear", "--epochs", "1", "--batch", "16", "--val-split", "8", "--out", At("run")).IsDone();
        Directory.CreateDirectory(At("alone"));
        Directory.Move(At("data"), At("alone", "Test"));
        File.WriteAllText(At("alone", "Test", "above", "a.heic"), "");
        foreach (var split in new string[][] { ["--split", "test"], [] })
        {
            var measured = Run(["eval", "--checkpoint", At("run", "checkpoint.safetensors"), "--data", At("alone"), .. split]).IsDone();
            Assert.Contains("on 40 images of folder", measured.Output, StringComparison.Ordinal);
            Assert.Contains("ignored, as no images: 1 .heic", measured.Output, StringComparison.Ordinal);
        }

        Assert.Contains("ignored, as no images: 1 .heic", Run("predict", At("alone"), "--checkpoint", At("run", "checkpoint.safetensors")).IsDone().Output, StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(Directory.CreateDirectory(At("phone")).FullName, "a.heic"), "");
        Run("predict", At("phone"), "--checkpoint", At("run", "checkpoint.safetensors")).IsRefused("has no images (", "); it has 1 .heic.");
        Run("eval", "--checkpoint", At("run", "checkpoint.safetensors"), "--data", At("alone"), "--split", "val").IsRefused("folder has 0 training images");
        Run("train", "--dataset", "folder", "--data", At("alone"), "--model", "linear", "--out", At("other")).IsRefused($"{At("alone")} has only test images of folder; there are none to train on.");
    }

    [Fact]
    public void WhatCannotBeDoneIsSaid()
    {
        Run("train", "--dataset", "folder").IsRefused("--dataset folder: say with --data which folder");
        Run("train", "--dataset", "embedded", "--size", "28").IsRefused("--size, --resize and --channels are for --dataset folder");
        Run("predict", At("nothing.png"), "--checkpoint", At("x")).IsRefused("there is no file or folder");
        Run("predict", Folder, "--checkpoint", At("x")).IsRefused("has no images (.png, .jpg,");
    }
}
