using System.Text.Json;
using Xunit;

namespace CnnSharp.Tests.Cli;

/// <summary>The main job from the command line, on a data set small enough for a test.</summary>
public class TrainTests : CliTest
{
    [Fact]
    public void TrainsSavesAndEvaluatesToTheSameFigures()
    {
        var trained = Train("--epochs", "6", "--json").IsDone().Json;

        Assert.Equal("lenet5", trained.GetProperty("model").GetString());
        Assert.Equal("mnist", trained.GetProperty("dataset").GetString());
        Assert.Equal("test", trained.GetProperty("measured_on").GetString());
        Assert.Equal(6, trained.GetProperty("epochs").GetInt32());
        Assert.False(trained.GetProperty("canceled").GetBoolean());
        Assert.True(trained.GetProperty("images_per_second").GetDouble() > 0);
        Assert.True(trained.GetProperty("seconds").GetDouble() > 0);
        var accuracy = trained.GetProperty("accuracy").GetDouble();
        Assert.True(accuracy > 0.9, $"the bars are easy, but the accuracy is {accuracy}");
        Assert.Equal(At("run", "checkpoint.safetensors"), trained.GetProperty("checkpoint").GetString());
        foreach (var file in new[] { "checkpoint.safetensors", "best.safetensors", "metrics.jsonl", "settings.json" }) Assert.True(File.Exists(At("run", file)), file);

        // Everything that eval needs stands beside the checkpoint.
        var evaluated = Run("eval", "--checkpoint", At("run", "checkpoint.safetensors"), "--dump-logits", At("logits.f32"), "--json").IsDone().Json;
        Assert.Equal(accuracy, evaluated.GetProperty("accuracy").GetDouble(), 6);
        Assert.Equal(trained.GetProperty("loss").GetDouble(), evaluated.GetProperty("loss").GetDouble(), 5);
        Assert.Equal(128 * 10 * sizeof(float), new FileInfo(At("logits.f32")).Length);
        Assert.Equal(128, evaluated.GetProperty("confusion").EnumerateArray().SelectMany(row => row.EnumerateArray()).Sum(cell => cell.GetInt32()));

        // Each class's shares are those of the matrix.
        var rows = evaluated.GetProperty("confusion").EnumerateArray().Select(row => row.EnumerateArray().Select(cell => cell.GetInt32()).ToArray()).ToArray();
        for (var c = 0; c < 10; c++)
        {
            Assert.Equal((double)rows[c][c] / rows[c].Sum(), evaluated.GetProperty("recall")[c].GetDouble(), 1e-6);
            Assert.Equal((double)rows[c][c] / Math.Max(1, rows.Sum(row => row[c])), evaluated.GetProperty("precision")[c].GetDouble(), 1e-6);
        }

        Assert.InRange(evaluated.GetProperty("top5_accuracy").GetDouble(), accuracy, 1);
    }

    [Fact]
    public void AResumedRunEndsWhereAWholeOneDoes()
    {
        Train("--epochs", "2", "--schedule", "constant").IsDone();
        var resumed = Run("train", "--resume", "--out", At("run"), "--epochs", "3", "--json").IsDone();
        Assert.Contains("resumed after epoch 2", resumed.Prose, StringComparison.Ordinal);

        var whole = Run("train", "--dataset", "mnist", "--data", At("bars"), "--epochs", "3", "--schedule", "constant", "--out", At("whole"), "--threads", "1", "--json").IsDone();
        Assert.Equal(whole.Json.GetProperty("loss").GetDouble(), resumed.Json.GetProperty("loss").GetDouble());
        Assert.Equal(whole.Json.GetProperty("accuracy").GetDouble(), resumed.Json.GetProperty("accuracy").GetDouble());
    }

    [Fact]
    public void HeldOutImagesAreMeasuredAndTestImagesMayBeMissing()
    {
        WriteBars();
        foreach (var file in Directory.GetFiles(At("bars"), "t10k-*")) File.Delete(file);
        var trained = Run("train", "--dataset", "mnist", "--data", At("bars"), "--epochs", "1", "--val-split", "100", "--out", At("run"), "--json").IsDone().Json;
        Assert.Equal("validation", trained.GetProperty("measured_on").GetString());

        var evaluated = Run("eval", "--checkpoint", At("run", "checkpoint.safetensors"), "--json").IsDone().Json;
        Assert.Equal(100, evaluated.GetProperty("images").GetInt32());
        Assert.Equal(trained.GetProperty("accuracy").GetDouble(), evaluated.GetProperty("accuracy").GetDouble(), 6);
        Run("eval", "--checkpoint", At("run", "checkpoint.safetensors"), "--split", "test").IsRefused("has no test images", "--split val --val-split N");
    }

    [Fact]
    public void ADivergedLossStopsTheRunNamesTheStepAndKeepsTheLastGoodCheckpoint()
    {
        Train("--epochs", "1").IsDone();
        var good = File.ReadAllBytes(At("run", "checkpoint.safetensors"));

        var diverged = Run("train", "--resume", "--out", At("run"), "--epochs", "3", "--lr", "1e30");
        Assert.Equal(1, diverged.ExitCode);
        Assert.Matches("diverged in epoch 2, step [0-9]+: ", diverged.Error);
        Assert.Contains(At("run", "checkpoint.safetensors"), diverged.Error, StringComparison.Ordinal);
        Assert.Equal(good, File.ReadAllBytes(At("run", "checkpoint.safetensors")));
    }

    [Fact]
    public void BenchTrainPrintsImagesPerSecond()
    {
        var json = Run("bench", "train", "--model", "lenet5", "--batch", "4", "--steps", "2", "--json").IsDone().Json;
        Assert.Equal("lenet5", json.GetProperty("model").GetString());
        Assert.True(json.GetProperty("images_per_second").GetDouble() > 0);
        Assert.Equal(JsonValueKind.Number, json.GetProperty("loss").ValueKind);
    }

    [Fact]
    public void BenchStatesAKernelsShareOfTheCeiling()
    {
        var json = Run("bench", "--filter", "64@8x8 batch 128 forward", "--rounds", "1", "--json").IsDone().Json;
        Assert.True(json.GetProperty("fma_ceiling_gflops").GetDouble() > 0);
        var kernel = Assert.Single(json.GetProperty("kernels").EnumerateArray());
        Assert.True(kernel.GetProperty("gflops").GetDouble() > 0);
        Assert.True(kernel.GetProperty("share").GetDouble() > 0);
    }

    [Fact]
    public void ModelsListsWeightsAndArithmetic()
    {
        var models = Run("models", "--json").IsDone().Json.GetProperty("models").EnumerateArray().ToDictionary(m => m.GetProperty("model").GetString()!);
        Assert.Equal(269_722, models["resnet20"].GetProperty("parameters").GetInt64());
        Assert.Equal(40_551_040, models["resnet20"].GetProperty("multiply_adds").GetInt64());

        var one = Run("models", "resnet20").IsDone().Output;
        Assert.Contains("layer3.2.conv2", one, StringComparison.Ordinal);
        Assert.Contains("269,722", one, StringComparison.Ordinal);
    }

    CliResult Train(params string[] more)
    {
        WriteBars();
        return Run(["train", "--dataset", "mnist", "--data", At("bars"), "--out", At("run"), .. more]);
    }
}
