using System.Diagnostics;
using CnnSharp.Cli;
using CnnSharp.Data;
using CnnSharp.Formats;
using CnnSharp.Layers;
using CnnSharp.Models;
using Xunit;

namespace CnnSharp.Tests.Cli;

/// <summary>Trainings one after another, beside each other, and on data that has changed between: nothing is lost and nothing means something else in silence.</summary>
public sealed class RunsTests : CliTest
{
    [Fact]
    public void ARefusedResumeWritesNothing()
    {
        Train("--epochs", "1", "--batch", "64").IsDone();
        var before = Files(At("run"));
        Directory.CreateDirectory(At("other"));
        foreach (var file in Directory.GetFiles(At("bars"))) File.Copy(file, At("other", Path.GetFileName(file).Replace("train", "x", StringComparison.Ordinal).Replace("t10k", "train", StringComparison.Ordinal)));
        foreach (var (options, message) in new[]
        {
            ("--batch 32", "the batch size: expected 32, got 64"),
            ("--seed 5", "the seed: expected 5, got 1"),
            ("--model mlp", "the model: expected mlp, got lenet5"),
            ("--optimizer adam --momentum 0", "'optimizer/mean/"),
            ("--val-split 40", "the number of training images: expected 472, got 512"),
            ("--data other", "the number of training images: expected 128, got 512"),
            ("--overwrite", "--resume and --overwrite"),
        })
        {
            Run(["train", "--resume", "--out", At("run"), "--epochs", "2", .. options.Replace("other", At("other"), StringComparison.Ordinal).Split(' ')]).IsRefused(message);
            AssertSame(before, Files(At("run")));
        }

        Run("train", "--resume", "--out", At("run"), "--epochs", "2").IsDone();
        Assert.Contains("the training has finished its 2 epochs", Run("train", "--resume", "--out", At("run")).IsDone().Prose, StringComparison.Ordinal);
        Run("train", "--resume", "--out", At("run"), "--epochs", "1").IsRefused("--epochs 1: the training in", "has finished 2 epochs already");
    }

    [Fact]
    public void ClassFoldersThatWereRenamedAddedOrRemovedAreTold()
    {
        var data = WriteShapes("data", 12, 16);
        string[] train = ["train", "--dataset", "folder", "--data", data, "--size", "16", "--model", "lenet5", "--epochs", "1"];
        Run([.. train, "--out", At("run")]).IsDone();
        var before = Files(At("run"));
        var checkpoint = At("run", "checkpoint.safetensors");

        Directory.Move(Path.Combine(data, "square"), Path.Combine(data, "a-square"));
        const string Renamed = "only the model has 'square'; only the data has 'a-square'";
        Run("train", "--resume", "--out", At("run"), "--epochs", "2").IsRefused(Renamed);
        Run("eval", "--checkpoint", checkpoint).IsRefused("a-square", Renamed);
        Run("eval", "--checkpoint", checkpoint, "--any-classes").IsDone();
        Assert.Contains($"which is for 3 classes; the images have 3 classes ({Renamed}), so the head is initialized: 11.weight, 11.bias", Run([.. train, "--out", At("tuned"), "--weights", checkpoint]).IsDone().Prose, StringComparison.Ordinal);
        Run("train", "--dataset", "folder", "--data", data, "--size", "24", "--out", At("larger"), "--weights", checkpoint).IsRefused("was trained on images [16, 16, 3], and its weights do not fit these, [24, 24, 3]: ", "by --size and --channels");

        Directory.Move(Path.Combine(data, "a-square"), At("away"));
        Run("train", "--resume", "--out", At("run"), "--epochs", "2").IsRefused("only the model has 'square'");
        Directory.Move(At("away"), Path.Combine(data, "square"));
        Directory.CreateDirectory(Path.Combine(data, "star"));
        foreach (var file in Directory.GetFiles(Path.Combine(data, "square"))) File.Copy(file, Path.Combine(data, "star", Path.GetFileName(file)));
        Run("train", "--resume", "--out", At("run"), "--epochs", "2").IsRefused("only the data has 'star'");
        Run("eval", "--checkpoint", checkpoint).IsRefused("only the data has 'star'");

        // One image more, of a class that is known.
        Directory.Delete(Path.Combine(data, "star"), recursive: true);
        File.Copy(Path.Combine(data, "square", "0.png"), Path.Combine(data, "square", "zz.png"));
        Run("train", "--resume", "--out", At("run"), "--epochs", "2", "--val-split", "7").IsRefused("cannot be resumed; the number of training images: expected 30, got 29");
        Assert.Contains("warning: the training had 29 images, and ", Run("eval", "--checkpoint", checkpoint).IsDone().Prose, StringComparison.Ordinal);
        File.Delete(Path.Combine(data, "square", "zz.png"));
        Assert.DoesNotContain("warning", Run("eval", "--checkpoint", checkpoint).IsDone().Prose, StringComparison.Ordinal);
        AssertSame(before, Files(At("run")));
        Run("train", "--resume", "--out", At("run"), "--epochs", "2").IsDone();
    }

    [Fact]
    public void ACheckpointIsNotMeasuredOnOtherClassesUnasked()
    {
        Train("--epochs", "1").IsDone();
        string[] eval = ["eval", "--checkpoint", At("run", "checkpoint.safetensors"), "--dataset", "embedded"];
        Run(eval).IsRefused("are not those that", "was trained on: only the model has '0', '1'", "--any-classes");
        Run([.. eval, "--any-classes"]).IsDone();
    }

    /// <summary>The same classes in another order: an image keeps its class, and its logits; fine-tuning brings the head into the data's order.</summary>
    [Fact]
    public void ReorderedClassesKeepTheirMeaning()
    {
        var data = WriteShapes("data", 12, 16);
        Run("train", "--dataset", "folder", "--data", data, "--size", "16", "--model", "lenet5", "--epochs", "20", "--batch", "8", "--val-split", "6", "--out", At("run")).IsDone();
        var model = Zoo.Build("lenet5", new() { Input = new(16, 16, 3), Classes = 3, Device = Device.Cpu });
        var info = CnnSharp.Training.Checkpoint.Load(At("run", "checkpoint.safetensors"), model);
        foreach (var (name, tensor) in model.StateDict().Where(t => t.Name.StartsWith("11.", StringComparison.Ordinal)))
        {
            // Last first, as if the training had had them in that order.
            tensor.CopyFrom<float>([.. tensor.ToArray().Chunk(3).SelectMany(row => row.Reverse())]);
        }

        CnnSharp.Training.Checkpoint.Save(At("reversed", "checkpoint.safetensors"), model, info with { ClassNames = [.. info.ClassNames.Reverse()] });
        var accuracy = new[] { "run", "reversed" }.Select(run => Run("eval", "--checkpoint", At(run, "checkpoint.safetensors"), "--dataset", "folder", "--data", data, "--split", "train", "--val-split", "6", "--json").IsDone().Json.GetProperty("accuracy").GetDouble()).ToList();
        Assert.Equal(accuracy[0], accuracy[1]);
        Assert.True(accuracy[0] > 0.4, $"{accuracy[0]}: a constant answer would hide a wrong order");

        var tuned = Run("train", "--dataset", "folder", "--data", data, "--size", "16", "--model", "lenet5", "--epochs", "1", "--val-split", "6", "--weights", At("reversed", "checkpoint.safetensors"), "--lr-scale", "*=0", "--out", At("tuned")).IsDone();
        Assert.Contains("the head is reordered", tuned.Prose, StringComparison.Ordinal);
        Assert.Equal(Tensors(At("run", "checkpoint.safetensors"))["11.weight"], Tensors(At("tuned", "checkpoint.safetensors"))["11.weight"]);
    }

    [Fact]
    public void ASecondTrainingReplacesNothing()
    {
        var bars = WriteBars();
        string[] train = ["train", "--dataset", "mnist", "--data", bars, "--model", "linear", "--epochs", "1"];
        InFolder(() =>
        {
            Run(train).IsDone();
            var first = Files(At("runs", "mnist-linear", "1"));
            Assert.Equal(Path.Combine("runs", "mnist-linear", "2"), Run([.. train, "--seed", "2", "--json"]).IsDone().Json.GetProperty("folder").GetString());
            AssertSame(first, Files(At("runs", "mnist-linear", "1")));
            Run("train", "--resume", "--out", Path.Combine("runs", "mnist-linear")).IsRefused($"There is one in {Path.Combine("runs", "mnist-linear", "1")}, {Path.Combine("runs", "mnist-linear", "2")}");

            var out1 = Path.Combine("runs", "mnist-linear", "1");
            Run([.. train, "--out", out1]).IsRefused($"--out {out1}: a training stands there already (checkpoint.safetensors)", "--resume", "--overwrite");
            AssertSame(first, Files(At("runs", "mnist-linear", "1")));
            Assert.Contains("replaces an earlier training", Run([.. train, "--out", out1, "--overwrite", "--seed", "3"]).IsDone().Prose, StringComparison.Ordinal);
            Run([.. train, "--overwrite"]).IsRefused("--overwrite: say with --out");
            Run([.. train, "--out", Path.Combine(bars, "train-labels-idx1-ubyte", "run")]).IsRefused("train-labels-idx1-ubyte' is a file");
            Assert.Equal(["1", "2"], Directory.GetDirectories(At("runs", "mnist-linear")).Select(Path.GetFileName).Order());
        });
    }

    /// <summary>The commands that a training prints are run as they stand, by the shell where there is one.</summary>
    [Fact]
    public void WhatIsPrintedCanBeRun()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs sh");
        var data = WriteShapes("my own 'data'", 12, 16);
        Train("--epochs", "1").IsDone();
        InFolder(() =>
        {
            var trained = Run("train", "--dataset", "folder", "--data", "my own 'data'", "--size", "28", "--channels", "1", "--model", "lenet5", "--weights", At("run", "best.safetensors"), "--freeze", "0.*", "--freeze", "3.*", "--val-split", "6", "--batch", "5", "--lr", "0.01", "--no-bias-decay", "--epochs", "1", "--device", "cpu", "--threads", "1").IsDone();
            var lines = trained.Output.Split('\n').Where(line => line.StartsWith("  cnnsharp ", StringComparison.Ordinal)).Select(Words).ToList();
            Assert.Equal(["eval", "predict", "train", "models"], lines.Select(words => words[1]));
            foreach (var words in lines) Run(words[1..]).IsDone();
            foreach (var option in new[] { "--weights", "--freeze", "--val-split", "--batch", "--lr", "--data", "--size", "--no-bias-decay", "--threads" }) Assert.Contains(option, lines[2]);
            var settings = File.ReadAllText(At("runs", "folder-lenet5", "2", "settings.json"));
            foreach (var setting in new[] { "\"size\": 28", "\"val_split\": 6", "\"batch\": 5", "\"lr\": 0.01", "\"epochs\": 3", "\"no_bias_decay\": true", "\"0.*\"", "\"3.*\"", "best.safetensors" }) Assert.Contains(setting, settings, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void LogitsGoThroughALink()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs a right on Windows");
        Train("--epochs", "1", "--model", "linear").IsDone();
        File.CreateSymbolicLink(At("link"), "logits");
        string[] eval = ["eval", "--checkpoint", At("run", "checkpoint.safetensors"), "--dump-logits"];
        Run([.. eval, At("link")]).IsDone();
        Assert.Equal("logits", new FileInfo(At("link")).LinkTarget);
        Assert.Equal(128 * 10 * sizeof(float), new FileInfo(At("logits")).Length);
        Run([.. eval, "/dev/null"]).IsDone();
        Run([.. eval, At("run", "checkpoint.safetensors")]).IsRefused("which would be replaced");
        Run([.. eval, At("run")]).IsRefused("that is a folder");
        Run("export", "--checkpoint", At("run", "checkpoint.safetensors"), "--out", At("run", "checkpoint.safetensors")).IsRefused("which would be replaced");
    }

    [Fact]
    public void WeightsThatAreNoNumbersAreNamed()
    {
        Train("--epochs", "1", "--model", "linear").IsDone();
        var model = Zoo.Build("linear", new() { Input = new(28, 28, 1), Classes = 10, Device = Device.Cpu });
        var info = CnnSharp.Training.Checkpoint.Load(At("run", "checkpoint.safetensors"), model);
        var (name, tensor) = model.StateDict().First();
        tensor.CopyFrom<float>([.. Enumerable.Repeat(float.NaN, (int)tensor.Count)]);
        CnnSharp.Training.Checkpoint.Save(At("nan.safetensors"), model, info);
        Run("images", "export", "--dataset", "mnist", "--data", At("bars"), "--out", At("png")).IsDone();
        Fails("eval", "--checkpoint", At("nan.safetensors"), "--dataset", "mnist", "--data", At("bars"), "--dump-logits", At("logits"));
        Fails("predict", "--checkpoint", At("nan.safetensors"), At("png", "test", "0"));
        Assert.False(File.Exists(At("logits")));
        Run("train", "--dataset", "mnist", "--data", At("bars"), "--model", "linear", "--weights", At("nan.safetensors"), "--out", At("new")).IsRefused($"tensor '{name}' holds NaN or infinity before the first step");
        Assert.False(Directory.Exists(At("new")));

        void Fails(params string[] command)
        {
            var result = Run(command);
            Assert.True(result.ExitCode == 1, result.Error);
            Assert.Contains("the output is NaN", result.Error, StringComparison.Ordinal);
            Assert.Contains($"the weights hold NaN or infinity in '{name}'", result.Error, StringComparison.Ordinal);
            Assert.DoesNotContain("NaN%", result.Output, StringComparison.Ordinal);
        }
    }

    /// <summary>What <c>model.Save</c> is given goes with the weights: predict and eval need no options then, and name those that they need where it is missing.</summary>
    [Fact]
    public void ASavedModelSaysWhatItIs()
    {
        Train("--epochs", "3").IsDone();
        Run("images", "export", "--dataset", "mnist", "--data", At("bars"), "--out", At("png")).IsDone();
        var image = Directory.GetFiles(At("png", "test", "3")).Order(StringComparer.Ordinal).First();
        var model = Zoo.Build("lenet5", new() { Input = new(28, 28, 1), Classes = 10, Device = Device.Cpu });
        var info = CnnSharp.Training.Checkpoint.Load(At("run", "checkpoint.safetensors"), model);
        var expected = Run("predict", "--checkpoint", At("run", "checkpoint.safetensors"), image).IsDone().Output;

        var saved = new ModelInfo { Name = "lenet5", Input = [28, 28, 1], ClassNames = info.ClassNames, Mean = [.. info.Normalization.Mean], Std = [.. info.Normalization.Std] };
        model.Save(At("saved.safetensors"), saved);
        var read = ModelInfo.Read(At("saved.safetensors"));
        Assert.Equal((saved.Name, 10), (read.Name, read.Classes));
        Assert.Equal(saved.Input, read.Input);
        Assert.Equal(saved.ClassNames, read.ClassNames);
        Assert.Equal(saved.Mean.Concat(saved.Std), read.Mean.Concat(read.Std));
        foreach (var option in new[] { "--checkpoint", "--weights" }) Assert.Equal(expected, Run("predict", option, At("saved.safetensors"), image).IsDone().Output);
        string[] data = ["--dataset", "mnist", "--data", At("bars"), "--json"];
        Assert.Equal(
            Run(["eval", "--checkpoint", At("run", "checkpoint.safetensors"), .. data]).IsDone().Json.GetProperty("loss").GetDouble(),
            Run(["eval", "--weights", At("saved.safetensors"), .. data]).IsDone().Json.GetProperty("loss").GetDouble());
        Run("export", "--weights", At("saved.safetensors"), "--out", At("saved.pt")).IsDone();
        Run("export", "--checkpoint", At("run", "checkpoint.safetensors"), "--out", At("trained.pt")).IsDone();
        Assert.Equal(File.ReadAllBytes(At("trained.pt")), File.ReadAllBytes(At("saved.pt")));
        Run("predict", "--model", "mlp", "--checkpoint", At("saved.safetensors"), image).IsRefused("--model mlp:", "is of the model 'lenet5'");

        // Without, each is asked for; given, they do the same.
        model.Save(At("bare.safetensors"));
        Run("predict", "--checkpoint", At("bare.safetensors"), image).IsRefused("--model NAME", "--classes FILE", "--mean and --std", "--size N", "--channels 1", "ModelInfo");
        File.WriteAllLines(At("names"), info.ClassNames);
        string Text(ReadOnlySpan<float> values) => values[0].ToString("R", System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal(expected, Run("predict", "--checkpoint", At("bare.safetensors"), "--model", "lenet5", "--size", "28", "--channels", "1", "--classes", At("names"), "--mean", Text(info.Normalization.Mean), "--std", Text(info.Normalization.Std), image).IsDone().Output);
        Assert.Throws<ArgumentException>(() => model.Save(At("wrong"), saved with { Std = [1, 2] }));
    }

    /// <summary>A small folder with defaults: enough steps, at a rate that suits their batches. (Measured at 64 x 64 over five seeds; here one, of small images.)</summary>
    [Fact]
    public void ASmallFolderIsLearntWithDefaults()
    {
        var data = WriteShapes("data", 60, 32);
        var trained = Run("train", "--dataset", "folder", "--data", data, "--size", "32", "--augment", "none", "--epochs", "12", "--device", "cpu", "--out", At("run"), "--json").IsDone();
        Assert.Contains("batch 16, sgd 0.025 ", trained.Prose, StringComparison.Ordinal);
        Assert.DoesNotContain("warning", trained.Prose, StringComparison.Ordinal);
        Assert.True(trained.Json.GetProperty("accuracy").GetDouble() >= 0.95, $"{trained.Json.GetProperty("accuracy").GetDouble()}");

        // What is said is kept, and found wanting aloud.
        var few = Run("train", "--dataset", "folder", "--data", data, "--size", "32", "--batch", "128", "--lr", "5", "--epochs", "1", "--device", "cpu", "--out", At("few")).IsDone().Prose;
        Assert.Contains("batch 128, sgd 5 ", few, StringComparison.Ordinal);
        Assert.Contains("warning: 2 steps in all, 144 images in batches of 128 for 1 epoch, are few to learn by", few, StringComparison.Ordinal);
        Assert.Matches("warning: the validation loss .* is far above that of guessing among 3 classes, 1.10", few);
    }

    [Fact]
    public void AProgressLineFitsTheScreen()
    {
        string[] parts = ["[####------]  40%", "epoch 4/10", "loss 1.2345", "accuracy 56.7%", "12,345 images/s", "0:01:23 left"];
        Assert.Equal("[####------]  40%  epoch 4/10  loss 1.2345", Terminal.Fit(parts, 57));
        Assert.Equal("[####------]  40%  epoch 4/10  loss 1.2345  accuracy 56.7%  12,345 images/s", Terminal.Fit(parts, 79));
        Assert.Equal(string.Join("  ", parts), Terminal.Fit(parts, 99));
        Assert.Equal("[####", Terminal.Fit(parts, 5));
        Assert.Equal("", Terminal.Fit([], 5));

        // What is shown is overwritten, whatever its length, before anything else is.
        using var output = new StringWriter();
        var terminal = new Terminal(output, output, interactive: true);
        terminal.ShowProgress("12345");
        terminal.ShowProgress("67");
        terminal.WriteLine("a line");
        Assert.Equal($"\r12345\r67   \r  \ra line{Environment.NewLine}", output.ToString());
    }

    [Theory]
    [InlineData("runs/x-1", "runs/x-1")]
    [InlineData("a b", "'a b'")]
    [InlineData("it's", "'it'\\''s'")]
    [InlineData("layer1.*", "'layer1.*'")]
    [InlineData("", "''")]
    public void WordsAreQuotedForTheShell(string word, string quoted)
    {
        if (!OperatingSystem.IsWindows()) Assert.Equal(quoted, Terminal.Quote(word));
    }

    CliResult Train(params string[] more)
    {
        WriteBars();
        return Run(["train", "--dataset", "mnist", "--data", At("bars"), "--out", At("run"), .. more]);
    }

    /// <summary>The words of a command line, as the shell takes them.</summary>
    static string[] Words(string line)
    {
        using var shell = Process.Start(new ProcessStartInfo("sh", ["-c", $"printf '%s\\n' {line}"]) { RedirectStandardOutput = true })!;
        return shell.StandardOutput.ReadToEnd().TrimEnd('\n').Split('\n');
    }

    static Dictionary<string, float[]> Tensors(string path)
    {
        using var file = SafeTensors.Open(path);
        return file.Tensors.Where(t => t.Type == TensorType.F32).ToDictionary(t => t.Name, t => t.AsFloat32());
    }

    static Dictionary<string, byte[]> Files(string folder) => Directory.GetFiles(folder).ToDictionary(file => Path.GetFileName(file), File.ReadAllBytes);

    static void AssertSame(Dictionary<string, byte[]> expected, Dictionary<string, byte[]> actual)
    {
        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), actual.Keys.Order(StringComparer.Ordinal));
        foreach (var (name, bytes) in expected) Assert.True(bytes.AsSpan().SequenceEqual(actual[name]), $"{name} was changed");
    }
}
