using System.Text;
using CnnSharp.Formats;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests.Cli;

/// <summary>What <c>train</c> can be told: each option does what it says, and two that exclude each other are refused.</summary>
public class TrainOptionsTests : CliTest
{
    [Theory]
    [InlineData("--schedule step:epoch=3", "Unknown setting of step 'epoch'. Did you mean 'epochs'? There are: epochs, factor.")]
    [InlineData("--schedule constant:factor=3", "constant has no settings")]
    [InlineData("--schedule step:factor=much", "factor: expected a number, got 'much'")]
    [InlineData("--schedule step:factor", "factor: expected a number, got ''")]
    [InlineData("--schedule multi-step:epochs=3/x", "epochs: expected numbers with / between, for instance 30/60/80, got '3/x'")]
    [InlineData("--schedule plateau:patience=1.5", "patience: expected a whole number of at least 0, got '1.5'")]
    [InlineData("--schedule one-cycle:momentum=0.9", "momentum: expected the momentum at the start and at the peak, for instance 0.95/0.85, got '0.9'")]
    [InlineData("--schedule one-cycle:momentum=0.9/0.8 --momentum 0", "Sgd has no momentum for a schedule to change")]
    [InlineData("--schedule step:factor=1,factor=2", "factor is specified more than once")]
    [InlineData("--schedule step:factor=-1", "Factor must be above 0")]
    [InlineData("--schedule cosine-restarts:factor=0.5", "Factor must be at least 1")]
    [InlineData("--schedule cyclic:down=0", "Down must be above 0")]
    [InlineData("--warmup 1", "the one-cycle schedule warms up by itself")]
    [InlineData("--warmup 3 --schedule cosine --epochs 3", "--warmup 3: the training has 3 epochs")]
    [InlineData("--clip-norm 1 --clip-value 1", "only one of them can be had")]
    [InlineData("--clip-norm 0", "--clip-norm 0: expected a number above 0")]
    [InlineData("--max-norm 0", "--max-norm 0: expected a number above 0")]
    [InlineData("--l1 -1", "--l1 -1: expected a number")]
    [InlineData("--min-delta 0.1", "--min-delta: it is for --early-stopping N")]
    [InlineData("--early-stopping 0", "--early-stopping 0: expected a whole number from 1")]
    [InlineData("--monitor los", "Unknown figure 'los'. Did you mean 'loss'?")]
    [InlineData("--momentum 0.9 --optimizer adam", "--momentum 0.9: it is for --optimizer sgd and rmsprop, not adam")]
    [InlineData("--augment crop,reflect-crop", "an image is cropped once")]
    [InlineData("--augment mixup,cutmix", "images are mixed once")]
    [InlineData("--augment randaugment:2", "expected randaugment:OPERATIONS,MAGNITUDE, for instance randaugment:2,9")]
    [InlineData("--augment randaugment:2,99", "expected a magnitude from 0 to 30")]
    [InlineData("--augment flip:2,crop", "'flip' takes no numbers")]
    [InlineData("--average ema:1", "--average ema:1: expected lookahead, ema, ema:DECAY")]
    [InlineData("--average swa", "--average swa: expected lookahead, ema, ema:DECAY")]
    [InlineData("--micro-batch 0", "--micro-batch 0: expected a whole number of at least 1")]
    [InlineData("--lr-scale 0.*", "--lr-scale 0.*: expected PATTERN=FACTOR")]
    [InlineData("--lr-scale 0.*=-1", "expected PATTERN=FACTOR with a factor of at least 0")]
    [InlineData("--lr-scale conv*=1", "No parameter fits 'conv*'. There are '0.weight', '0.bias'")]
    [InlineData("--freeze conv*", "No parameter fits 'conv*'")]
    [InlineData("--freeze *", "there are no parameters to train")]
    [InlineData("--rename rules", "--rename: it is for --weights FILE")]
    [InlineData("--weights nowhere.pth", "--weights: there is no file 'nowhere.pth'")]
    [InlineData("--weights net.onnx", "an ONNX file is a network of its own")]
    [InlineData("--resume --weights x", "goes on with the weights of its checkpoint")]
    [InlineData("--resume", "there is no checkpoint to go on from")]
    [InlineData("--checkpoint-every 0", "--checkpoint-every 0: expected a whole number of at least 1")]
    public void WhatCannotBeMeantIsRefused(string options, string message) => Train(options).IsRefused(message);

    [Theory]
    [InlineData("step", "\"name\":\"step\",\"epochs\":2,\"factor\":0.1")]
    [InlineData("step:epochs=0.5,factor=0.3", "\"name\":\"step\",\"epochs\":0.5,\"factor\":0.3")]
    [InlineData("multi-step", "\"name\":\"multistep\",\"epochs\":[3,4.5],\"factor\":0.1")]
    [InlineData("multi-step:epochs=1/4/5,factor=0.2", "\"name\":\"multistep\",\"epochs\":[1,4,5],\"factor\":0.2")]
    [InlineData("exponential:factor=0.9", "\"name\":\"exponential\",\"factor\":0.9")]
    [InlineData("polynomial:power=2", "\"name\":\"polynomial\",\"power\":2")]
    [InlineData("cosine:final=0.001", "\"name\":\"cosine\",\"final\":0.001")]
    [InlineData("cosine-restarts:epochs=1,factor=2", "\"name\":\"cosinerestarts\",\"epochs\":1,\"factor\":2,\"final\":0")]
    [InlineData("cosine-restarts", "\"name\":\"cosinerestarts\",\"epochs\":2,\"factor\":1,\"final\":0")]
    [InlineData("cyclic:peak=1,up=2", "\"name\":\"cyclic\",\"mode\":\"Triangular\",\"peak\":1,\"up\":2,\"down\":2,\"gamma\":1")]
    [InlineData("cyclic:gamma=0.9", "\"name\":\"cyclic\",\"mode\":\"ExpRange\",\"peak\":5,\"up\":1.5,\"down\":1.5,\"gamma\":0.9")]
    [InlineData("plateau:patience=3,cooldown=1", "\"name\":\"plateau\",\"factor\":0.1,\"patience\":3,\"threshold\":0.0001,\"cooldown\":1,\"final\":0")]
    [InlineData("one-cycle:warmup=0.4", "\"name\":\"onecycle\",\"anneal\":\"Cosine\",\"peak\":0.5,\"warmup\":0.4,\"start\":25,\"end\":10000")]
    [InlineData("one-cycle:rise=0.4", "\"name\":\"onecycle\",\"anneal\":\"Cosine\",\"peak\":0.5,\"warmup\":0.4,\"start\":25,\"end\":10000")]
    [InlineData("one-cycle:momentum=0.95/0.85", "\"name\":\"onecycle\",\"anneal\":\"Cosine\",\"peak\":0.5,\"warmup\":0.3,\"start\":25,\"end\":10000,\"momentum_at_start\":0.95,\"momentum_at_peak\":0.85")]
    [InlineData("constant", "\"name\":\"constant\"")]
    public void SchedulesReachTheTrainer(string schedule, string expected)
    {
        // Rates matter nothing here: a checkpoint tells the options it was made with.
        Train($"--epochs 6 --batch 64 --val-split 51 --lr 0.5 --early-stopping 1 --min-delta 1 --schedule {schedule}").IsDone();
        Assert.Contains($"\"schedule\":{{{expected}", Checkpoint.ReadInfo(At("run", "checkpoint.safetensors")).Options, StringComparison.Ordinal);
    }

    [Fact]
    public void PenaltiesReachTheTrainer()
    {
        Train("--epochs 1 --optimizer lars --l1 1e-4 --max-norm 2").IsDone();
        var options = Checkpoint.ReadInfo(At("run", "checkpoint.safetensors")).Options;
        Assert.Contains("\"optimizer\":{\"name\":\"lars\",\"momentum\":0.9,\"trust_coefficient\":0.001,\"vector_rate_scale\":0.01,", options, StringComparison.Ordinal);
        Assert.Contains("\"l1\":0.0001,\"max_norm\":2", options, StringComparison.Ordinal);
    }

    /// <summary>The settings of a run keep the schedule as it was written, in the words of its day.</summary>
    [Fact]
    public void ARunWhoseSettingsSayRiseIsResumed()
    {
        Train("--epochs 2 --batch 64 --val-split 51 --lr 0.5 --schedule one-cycle:rise=0.4").IsDone();
        Assert.Contains("one-cycle:rise=0.4", File.ReadAllText(At("run", "settings.json")), StringComparison.Ordinal);
        Run("train", "--resume", "--out", At("run"), "--epochs", "3").IsDone();
        Assert.Contains("\"warmup\":0.4", Checkpoint.ReadInfo(At("run", "checkpoint.safetensors")).Options, StringComparison.Ordinal);
    }

    [Fact]
    public void OtherSettingsReachTheTrainer()
    {
        Train("--epochs 2 --schedule cosine --warmup 0.5 --clip-value 0.25 --no-bias-decay --monitor loss --average ema:0.75 --micro-batch 11 --lr-scale 0.*=0.5 --lr-scale *=2 --early-stopping 7 --min-delta 0.001").IsDone();
        var options = Checkpoint.ReadInfo(At("run", "checkpoint.safetensors")).Options;
        foreach (var expected in new[]
        {
            "\"schedule\":{\"name\":\"warmup\",\"epochs\":0.5,\"start\":0.1,\"next\":{\"name\":\"cosine\",\"final\":0}}", "\"max_gradient_value\":0.25", "\"max_gradient_norm\":null", "\"decay_vectors\":false", "\"monitor\":\"loss\"", "\"micro_batch_size\":11", "\"average\":{\"decay\":0.75",
            "\"learning_rates\":[{\"pattern\":\"0.*\",\"scale\":0.5,\"weight_decay\":null},{\"pattern\":\"*\",\"scale\":2", "\"early_stopping\":{\"patience\":7,\"min_delta\":0.001",
        })
        {
            Assert.Contains(expected, options, StringComparison.Ordinal);
        }

        // Each command takes the average, and passes over the weights to go on from.
        Run("eval", "--checkpoint", At("run", "checkpoint.safetensors"), "--split", "train").IsDone();
        Run("export", "--checkpoint", At("run", "checkpoint.safetensors"), "--out", At("average.onnx")).IsDone();
        Run("train", "--dataset", "mnist", "--data", At("bars"), "--threads", "1", "--epochs", "1", "--weights", At("run", "checkpoint.safetensors"), "--out", At("again")).IsDone();
    }

    /// <summary>No epoch beats the first by a whole point. Held-out images decide, not the test images.</summary>
    [Fact]
    public void StopsEarlyAndNamesTheBest()
    {
        var result = Train("--epochs 6 --early-stopping 2 --min-delta 1 --json").IsDone();
        Assert.True(result.Json.GetProperty("stopped_early").GetBoolean());
        Assert.Equal(3, result.Json.GetProperty("epochs").GetInt32());
        Assert.Equal("validation", result.Json.GetProperty("measured_on").GetString());
        Assert.InRange(result.Json.GetProperty("top5_accuracy").GetDouble(), result.Json.GetProperty("accuracy").GetDouble(), 1);
        Assert.Contains("stopped early: no better accuracy for 2 epochs; the best, of epoch", result.Prose, StringComparison.Ordinal);
    }

    /// <summary>From ten classes to three: what is frozen or has a rate of 0 stays as it was trained, the rest learns, the head is new.</summary>
    [Theory]
    [InlineData("best.safetensors")]
    [InlineData("checkpoint.safetensors")]
    [InlineData("weights.safetensors")]
    public void TrainedWeightsLearnOtherClasses(string file)
    {
        Train("--epochs 1").IsDone();
        var trained = TensorsOf(At("run", "checkpoint.safetensors"));
        SafeTensors.Save(At("run", "weights.safetensors"), [.. trained.Where(t => !t.Key.StartsWith("optimizer/", StringComparison.Ordinal)).Select(t => SafeTensor.Create<float>(t.Key, t.Value.Shape, t.Value.Values))]);
        WriteFolder();

        var result = Run("train", "--dataset", "folder", "--data", At("flowers"), "--size", "28", "--channels", "1", "--model", "lenet5", "--epochs", "2", "--batch", "4", "--threads", "1", "--out", At("tuned"), "--weights", At("run", file), "--freeze", "0.*", "--lr-scale", "3.*=0").IsDone();
        Assert.Contains($"starts from {At("run", file)}, which is for 10 classes; the images have 3 classes{(file == "weights.safetensors" ? "" : " (only the model has '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'; only the data has 'daisy', 'rose', 'tulip')")}, so the head is initialized: 11.weight, 11.bias", result.Output, StringComparison.Ordinal);
        Assert.Contains("frozen: 0.* (2 tensors); ", result.Output, StringComparison.Ordinal);

        var tuned = TensorsOf(At("tuned", "checkpoint.safetensors"));
        foreach (var name in new[] { "0.weight", "0.bias", "3.weight", "3.bias" }) Assert.Equal(trained[name].Values, tuned[name].Values);
        Assert.NotEqual(trained["9.weight"].Values, tuned["9.weight"].Values);
        Assert.Equal(trained["9.weight"].Shape, tuned["9.weight"].Shape);
        Assert.Equal(3, tuned["11.bias"].Shape[0]);

        // Resumed, its frozen weights are frozen still, and nobody asks for the file it started from.
        File.Delete(At("run", file));
        Run("train", "--resume", "--out", At("tuned"), "--epochs", "3").IsDone();
        Assert.Equal(trained["0.weight"].Values, TensorsOf(At("tuned", "checkpoint.safetensors"))["0.weight"].Values);
    }

    [Fact]
    public void WeightsOfAsManyClassesAreTakenWhole()
    {
        Train("--epochs 1").IsDone();
        var trained = TensorsOf(At("run", "checkpoint.safetensors"));
        Assert.Contains("starts from", Run("train", "--dataset", "mnist", "--data", At("bars"), "--epochs", "1", "--threads", "1", "--out", At("tuned"), "--weights", At("run", "best.safetensors"), "--lr-scale", "*=0").IsDone().Output, StringComparison.Ordinal);
        foreach (var (name, tensor) in TensorsOf(At("tuned", "checkpoint.safetensors")).Where(t => !t.Key.StartsWith("optimizer/", StringComparison.Ordinal))) Assert.Equal(trained[name].Values, tensor.Values);
    }

    [Fact]
    public void WeightsOfAnotherModelAreRefused()
    {
        Train("--epochs 1").IsDone();
        Train($"--overwrite --model mlp --weights {At("run", "best.safetensors")}").IsRefused("--model mlp:", "is of the model 'lenet5'");
        SafeTensors.Save(At("other.safetensors"), [SafeTensor.Create<float>("body.weight", [2, 2], [1, 2, 3, 4])]);
        Train($"--overwrite --weights {At("other.safetensors")}").IsRefused("other.safetensors", "missing '0.weight'", "left over 'body.weight'");
    }

    [Fact]
    public void AnOutputFolderThatIsAFileIsRefused()
    {
        File.WriteAllText(At("run"), "mine");
        Train("--epochs 1").IsRefused($"--out {At("run")}: that is a file");
        Assert.Equal("mine", File.ReadAllText(At("run")));
    }

    [Fact]
    public void ADamagedCheckpointIsToldAndTheOneBeforeItResumed()
    {
        Train("--epochs 2 --schedule constant").IsDone();
        var whole = File.ReadAllBytes(At("run", "checkpoint.safetensors"));
        File.WriteAllBytes(At("run", "checkpoint.safetensors"), whole[..(whole.Length / 2)]);
        var resumed = Run("train", "--resume", "--out", At("run"), "--threads", "1").IsDone();
        Assert.Contains($"Going on from the one before it, {At("run", "checkpoint.previous.safetensors")}.", resumed.Output, StringComparison.Ordinal);
        Assert.Contains("resumed after epoch 1", resumed.Output, StringComparison.Ordinal);
        Assert.Equal(whole, File.ReadAllBytes(At("run", "checkpoint.safetensors")));
    }

    CliResult Train(string options)
    {
        WriteBars();
        return Run(["train", "--dataset", "mnist", "--data", At("bars"), "--out", At("run"), "--threads", "1", .. options.Split(' ')]);
    }

    /// <summary>Three classes of gray images as PGM files.</summary>
    void WriteFolder()
    {
        foreach (var (name, value) in new[] { ("daisy", 40), ("rose", 120), ("tulip", 220) })
        {
            Directory.CreateDirectory(At("flowers", name));
            for (var i = 0; i < 10; i++) File.WriteAllBytes(At("flowers", name, $"{i}.pgm"), [.. Encoding.ASCII.GetBytes("P5 28 28 255\n"), .. Enumerable.Repeat((byte)(value + i), 28 * 28)]);
        }
    }

    static Dictionary<string, (long[] Shape, float[] Values)> TensorsOf(string path)
    {
        using var file = SafeTensors.Open(path);
        return file.Tensors.Where(t => t.Type == TensorType.F32).ToDictionary(t => t.Name, t => (t.Shape, t.AsFloat32()));
    }
}
