using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using CnnSharp.Data;
using CnnSharp.Formats;
using CnnSharp.Models;
using CnnSharp.Tests.Cli;
using Xunit;

namespace CnnSharp.Tests.Samples;

/// <summary>Each console sample as it is run by hand, on little data: what it prints is what it should find.</summary>
[Collection(CliTests.Name)]
public sealed partial class SampleTests : IDisposable
{
    readonly TemporaryFolder folder = new();
    readonly string workingFolder = Environment.CurrentDirectory;
    readonly Generator generator = Generator.Default;

    public SampleTests()
    {
        // Samples write into the folder they are run in, and take their initial weights from the process's generator.
        Environment.CurrentDirectory = folder.Path;
        Generator.Default = new(0);
    }

    public void Dispose()
    {
        Environment.CurrentDirectory = workingFolder;
        Generator.Default = generator;
        folder.Dispose();
    }

    [Fact]
    public void TrainCifar10TrainsOnWhatIsBuiltIn()
    {
        var (code, output, error) = Run("TrainCifar10", "embedded", "2");
        Assert.Equal((0, ""), (code, error));
        Assert.StartsWith("embedded: 3,600 images [28, 28, 1], 10 classes; 75,002 weights on ", output, StringComparison.Ordinal);
        Assert.Equal(2, Regex.Count(output, @"^epoch \d: training loss \d\.\d+, validation accuracy", RegexOptions.Multiline));

        // Two epochs: after the 29 steps of one, how a machine rounds decides (42.7% was seen).
        Assert.InRange(LastAccuracy(output), 50, 95);

        var model = ResNet.Cifar(depth: 8, channels: 1);
        model.Load("embedded.safetensors");
        Assert.Equal(75_002, model.ParameterCount);
    }

    [Fact]
    public void TrainCifar10SaysHowToGetWhatIsNotThere()
    {
        var (code, output, error) = Run("TrainCifar10", "cifar10", "1", "nowhere");
        Assert.Equal((1, ""), (code, output));
        Assert.Contains("not found in nowhere", error, StringComparison.Ordinal);
        Assert.Contains("data-scripts/get-cifar10.sh", error, StringComparison.Ordinal);
        Assert.Contains("-- embedded 3", error, StringComparison.Ordinal);
    }

    [Fact]
    public void TrainCifar10IsShorterThanSixtyLines()
    {
        if (Source("TrainCifar10/Program.cs") is { } lines) Assert.InRange(lines.Length, 1, 59);
    }

    /// <summary>Seven tasks, each in a file of under 40 lines, learn in an epoch what is above chance.</summary>
    [Theory]
    [InlineData("classification", "Classification", @"validation loss \S+, accuracy (\S+)%", 55)]
    [InlineData("rotation", "Rotation", @"validation .*r2 (\S+)", 0.4)]
    [InlineData("several-labels", "SeveralLabels", @"validation .*f1 (\S+)", 0.4)]
    [InlineData("segmentation", "Segmentation", @"validation .*mean_iou (\S+)", 0.09)]
    [InlineData("autoencoder", "Autoencoder", @"^epoch 1/1: loss \S+, absolute_error (\S+);", 0.05)]
    [InlineData("siamese", "Siamese", @"validation .*pair_accuracy (\S+)", 0.8)]
    [InlineData("adversarial", "Adversarial", @"^epoch 1/1: loss (\S+)", 0.5)]
    public void TasksAreShortAndLearn(string task, string file, string figure, double least)
    {
        var (code, output, error) = Run("Tasks", task, "1");
        Assert.Equal((0, ""), (code, error));
        Assert.InRange(double.Parse(Regex.Match(output, figure).Groups[1].Value, CultureInfo.InvariantCulture), least, 100);
        Assert.True(File.Exists(Path.Combine("runs", "tasks", "1", "checkpoint.safetensors")));
        if (Source($"Tasks/{file}.cs") is { } lines) Assert.InRange(lines.Length, 1, 39);
    }

    [Fact]
    public void TrainingLoopLearns()
    {
        var (code, output, error) = Run("TrainingLoop", "embedded", "4");
        Assert.Equal((0, ""), (code, error));
        Assert.InRange(LastAccuracy(output), 60, 95);
        if (Source("TrainingLoop/Program.cs") is not { } lines) return;
        var start = Array.FindIndex(lines, line => line.StartsWith("for (", StringComparison.Ordinal));
        Assert.InRange(lines.Skip(start).TakeWhile(line => !line.Contains("Console", StringComparison.Ordinal)).Count(line => line.Trim().Length > 1), 3, 10);
    }

    [Fact]
    public void CustomLayersGradientsAreRightAndItLearns()
    {
        var (code, output, error) = Run("CustomLayer", "1");
        Assert.Equal((0, ""), (code, error));
        var worst = double.Parse(Regex.Match(output, @"greatest error of a gradient: (\S+)").Groups[1].Value, CultureInfo.InvariantCulture);
        Assert.InRange(worst, 1e-15, 1e-8);
        Assert.InRange(LastAccuracy(output), 60, 95);

        // Parameters of its own are found and trained.
        Assert.Matches(@"\n3\.beta: (?!(1\.00 ?)+\n)", output);
    }

    [Fact]
    public void ClassifyImageNamesTheFiveLikeliest()
    {
        var model = ResNet.Cifar(depth: 20);
        model.Save("weights.safetensors");
        WriteImage("one.png", 1, 200);
        var (code, output, error) = Run("ClassifyImage", "weights.safetensors", "one.png");
        Assert.Equal((0, ""), (code, error));

        using var scope = Tape.NoGrad();
        var shares = Functional.Softmax(model.Eval().Forward(ImageFile.Read("one.png").ToTensor(Cifar10.Normalization))).ToArray();
        var expected = shares.Index().OrderByDescending(p => p.Item).Take(5).Select(p => string.Create(CultureInfo.InvariantCulture, $"  {p.Item,7:P1}  {Cifar10.ClassNames[p.Index]}"));
        Assert.Equal(["one.png", .. expected], Lines(output));
    }

    [Fact]
    public void ClassifyImageNamesAFileThatIsNone()
    {
        ResNet.Cifar(depth: 20).Save("weights.safetensors");
        File.WriteAllText("text.png", "no image");
        var (code, output, error) = Run("ClassifyImage", "weights.safetensors", "text.png");
        Assert.Equal((1, ""), (code, output));
        Assert.StartsWith("text.png: ", error, StringComparison.Ordinal);
        Assert.Equal(1, Run("ClassifyImage", "missing.safetensors", "text.png").Code);
        Assert.Equal(2, Run("ClassifyImage").Code);
    }

    /// <summary>Weights that PyTorch trained, on the first images of CIFAR-10.</summary>
    [Fact]
    public void ClassifyImageKnowsWhatIsOnCifarsImages()
    {
        var shared = Environment.GetEnvironmentVariable("CNNSHARP_SHARED");
        Assert.SkipWhen(string.IsNullOrEmpty(shared), "CNNSHARP_SHARED is not set");
        var train = Cifar10.Load(Path.Combine(shared!, "data", "cifar10")).Train;
        for (var i = 0; i < 20; i++) ImageFile.WritePng($"{i:D2}.png", new(train.Pixels(i).ToArray(), 32, 32, 3));
        var (code, output, error) = Run("ClassifyImage", [Path.Combine(shared!, "data", "weights", "resnet20_cifar10.safetensors"), .. Enumerable.Range(0, 20).Select(i => $"{i:D2}.png")]);
        Assert.Equal((0, ""), (code, error));
        var lines = Lines(output);
        var right = Enumerable.Range(0, 20).Count(i => lines[(6 * i) + 1].EndsWith($"  {train.ClassNames[train.Labels[i]]}", StringComparison.Ordinal));
        Assert.InRange(right, 18, 20);
    }

    [Fact]
    public void FineTuneLearnsOtherImagesAndLeavesTheFirstLayersAsTheyAre()
    {
        var pretrained = ResNet.Cifar(depth: 20);
        pretrained.Save("weights.safetensors");
        for (var i = 0; i < 40; i++)
        {
            WriteImage($"images/dark/{i:D2}.png", i, 60);
            WriteImage($"images/bright/{i:D2}.png", i, 200);
        }

        var (code, output, error) = Run("FineTune", "weights.safetensors", "images", "10");
        Assert.Equal((0, ""), (code, error));
        Assert.StartsWith("folder: 64 images [32, 32, 3], 2 classes; 254,722 weights learn, 21 tensors are frozen", output, StringComparison.Ordinal);
        Assert.InRange(LastAccuracy(output), 90, 100);

        using var before = SafeTensors.Open("weights.safetensors");
        using var after = SafeTensors.Open("finetuned.safetensors");
        Assert.Equal(before["layer1.2.conv2.weight"].AsFloat32(), after["layer1.2.conv2.weight"].AsFloat32());
        Assert.NotEqual(before["layer3.2.conv2.weight"].AsFloat32(), after["layer3.2.conv2.weight"].AsFloat32());
        Assert.Equal([64, 2], after["fc.weight"].Shape);
    }

    static (int Code, string Output, string Error) Run(string sample, params string[] args)
    {
        var (output, error) = (Console.Out, Console.Error);
        using var ownOutput = new StringWriter();
        using var ownError = new StringWriter();
        Console.SetOut(ownOutput);
        Console.SetError(ownError);
        try
        {
            var result = Assembly.Load(sample).EntryPoint!.Invoke(null, [args]);
            return (result as int? ?? 0, ownOutput.ToString(), ownError.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(error);
        }
    }

    /// <summary>An image of noise around a brightness.</summary>
    static void WriteImage(string path, int seed, int brightness)
    {
        var pixels = new byte[32 * 32 * 3];
        var random = new Random(seed);
        foreach (ref var pixel in pixels.AsSpan()) pixel = (byte)random.Next(brightness - 50, brightness + 50);
        if (Path.GetDirectoryName(path) is { Length: > 0 } parent) Directory.CreateDirectory(parent);
        ImageFile.WritePng(path, new(pixels, 32, 32, 3));
    }

    static string[]? Source(string file) => Repository.Root is { } root ? File.ReadAllLines(Path.Combine(root, "samples", file)) : null;

    static string[] Lines(string output) => output.TrimEnd().ReplaceLineEndings("\n").Split('\n');

    static double LastAccuracy(string output) => double.Parse(Accuracy().Matches(output)[^1].Groups[1].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"validation accuracy ([0-9.]+)")]
    private static partial Regex Accuracy();
}
