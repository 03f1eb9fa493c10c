using System.Text.Json;
using Xunit;

namespace CnnSharp.Tests.Cli;

/// <summary><c>check</c> and <c>tune</c>, from options to files and exit codes.</summary>
public class TuneTests : CliTest
{
    // ---- check -----------------------------------------------------------------------------------------------------

    [Fact]
    public void A_sound_network_passes_and_a_learning_rate_is_suggested()
    {
        var sound = Run("check", "--dataset", "embedded", "--threads", "1", "--steps", "100", "--out", At("check"), "--json").IsDone();
        var result = sound.Json;
        Assert.Equal(["initial loss", "regularization", "gradients", "gradient check", "overfit"], result.GetProperty("checks").EnumerateArray().Select(check => check.GetProperty("name").GetString()));
        Assert.All(result.GetProperty("checks").EnumerateArray(), check => Assert.Equal("passed", check.GetProperty("outcome").GetString()));
        Assert.Equal(Math.Log(10), result.GetProperty("checks")[0].GetProperty("figures").GetProperty("expected").GetDouble(), 6);

        // LeNet-5 trains at 0.05 by its recipe; a suggestion tens of times off would be none.
        Assert.InRange(result.GetProperty("range_test").GetProperty("suggestion").GetDouble(), 0.003, 0.3);
        Assert.Equal(result.GetProperty("range_test").GetProperty("steps").GetInt32() + 1, File.ReadAllLines(At("check", "range-test.csv")).Length);
        var chart = File.ReadAllText(At("check", "range-test.svg"));
        Assert.StartsWith("<svg", chart, StringComparison.Ordinal);
        Assert.Contains("learning rate", chart, StringComparison.Ordinal);
        Assert.Contains("To train with it: cnnsharp train --model lenet5 --dataset embedded --lr 0.", sound.Prose, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_not_sound_ends_with_1()
    {
        var result = Run("check", "--dataset", "mnist", "--data", WriteBars(), "--threads", "1", "--weight-decay", "5", "--skip", "overfit", "--skip", "range-test", "--skip", "gradient-check", "--out", At("check"));
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("FAILED  regularization", result.Output, StringComparison.Ordinal);
        Assert.Contains("outweighs the loss", result.Output, StringComparison.Ordinal);
        Assert.Contains("ok      initial loss", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("overfit", result.Output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(At("check")));
    }

    // ---- tune ------------------------------------------------------------------------------------------------------

    /// <summary>The command that is printed trains what the best trial was, to the byte.</summary>
    [Fact]
    public void The_command_for_the_best_settings_trains_the_best_trial_again()
    {
        var found = Tune("search", "--trials", "4", "--epochs", "2", "--range", "lr=1e-3..0.3", "--choice", "batch=16,32", "--json").IsDone();
        var best = found.Json.GetProperty("best");
        var trained = Run([.. found.Json.GetProperty("command").GetString()!.Split(' ').Skip(1), "--out", At("again"), "--json"]).IsDone().Json;
        Assert.Equal(best.GetProperty("value").GetDouble(), trained.GetProperty("best_accuracy").GetDouble());
        Assert.Equal("validation", trained.GetProperty("measured_on").GetString());
        foreach (var file in new[] { "checkpoint.safetensors", "best.safetensors" }) Assert.Equal(File.ReadAllBytes(At("search", best.GetProperty("folder").GetString()!, file)), File.ReadAllBytes(At("again", file)));

        // All trials, the best first, in the table, in the files, and a chart for each setting.
        Assert.Equal(4, found.Json.GetProperty("completed").GetInt32());
        var values = found.Json.GetProperty("trials").EnumerateArray().Select(trial => trial.GetProperty("value").GetDouble()).ToArray();
        Assert.Equal(values.OrderDescending(), values);
        Assert.Equal(5, File.ReadAllLines(At("search", "trials.csv")).Length);
        Assert.Equal("trial,stage,lr,batch,status,epochs,accuracy,std,failure", File.ReadLines(At("search", "trials.csv")).First());
        Assert.All(new[] { "lr", "batch" }, name => Assert.StartsWith("<svg", File.ReadAllText(At("search", $"{name}.svg")), StringComparison.Ordinal));
        Assert.Contains("102 images held out decide", found.Prose, StringComparison.Ordinal);

        // Each trial is a training like any other.
        Run("eval", "--checkpoint", At("search", "trial-001", "checkpoint.safetensors"), "--split", "val", "--val-split", "102").IsDone();
    }

    [Fact]
    public void A_search_goes_on_where_it_stopped()
    {
        string[] asked = ["--epochs", "2", "--range", "lr=1e-3..0.3", "--seed", "3"];
        Tune("whole", [.. asked, "--trials", "3"]).IsDone();
        Tune("cut", [.. asked, "--trials", "3"]).IsDone();

        // As a kill in the third trial leaves it: no record of it, its first epoch's checkpoint.
        var lines = File.ReadAllLines(At("cut", "trials.jsonl"));
        File.WriteAllLines(At("cut", "trials.jsonl"), lines[..2]);
        File.Delete(At("cut", "best.json"));
        var last = At("cut", "trial-003");
        File.Move(Path.Combine(last, "checkpoint.previous.safetensors"), Path.Combine(last, "checkpoint.safetensors"), overwrite: true);
        var resumed = Run("tune", "--resume", "--out", At("cut"), "--threads", "1").IsDone();
        Assert.Equal(2, resumed.Output.Split("read back").Length - 1);
        Same("whole", "cut");

        // More trials than before.
        Tune("five", [.. asked, "--trials", "5"]).IsDone();
        Run("tune", "--resume", "--out", At("cut"), "--trials", "5", "--threads", "1").IsDone();
        Same("five", "cut");
        Run("tune", "--resume", "--out", At("cut"), "--seed", "4").IsRefused("cannot be resumed; seed: expected 4, got 3");

        void Same(string expected, string actual)
        {
            foreach (var file in new[] { "trials.jsonl", "trials.csv", "best.json", "search.json", "trial-003/checkpoint.safetensors", "trial-003/best.safetensors" }) Assert.Equal(File.ReadAllBytes(At(expected, file)), File.ReadAllBytes(At(actual, file)));
        }
    }

    [Fact]
    public void Halving_grids_and_folds()
    {
        var halved = Tune("halving", "--search", "halving", "--trials", "6", "--epochs", "4", "--json").IsDone().Json;
        Assert.Equal((1, 5), (halved.GetProperty("completed").GetInt32(), halved.GetProperty("ended_early").GetInt32()));
        Assert.Equal([1, 1, 1, 1, 3, 4], halved.GetProperty("trials").EnumerateArray().Select(trial => trial.GetProperty("epochs").GetInt32()).Order());

        var grid = Tune("grid", "--search", "grid", "--range", "lr=1e-3..1e-1:log:2", "--choice", "augment=none|crop,flip", "--epochs", "1", "--json").IsDone().Json;
        Assert.Equal(["0.001 none", "0.001 crop,flip", "0.1 none", "0.1 crop,flip"], grid.GetProperty("trials").EnumerateArray().OrderBy(trial => trial.GetProperty("trial").GetInt32()).Select(trial => $"{trial.GetProperty("values").GetProperty("lr").GetString()} {trial.GetProperty("values").GetProperty("augment").GetString()}"));
        Assert.Contains("augment: 1 none, 2 crop,flip", File.ReadAllText(At("grid", "augment.svg")), StringComparison.Ordinal);

        var folds = Tune("folds", "--folds", "3", "--trials", "2", "--epochs", "1", "--monitor", "loss", "--json").IsDone();
        Assert.All(folds.Json.GetProperty("trials").EnumerateArray(), trial => Assert.True(trial.GetProperty("std").GetDouble() > 0));
        Assert.Equal(folds.Json.GetProperty("trials").EnumerateArray().Min(trial => trial.GetProperty("value").GetDouble()), folds.Json.GetProperty("best").GetProperty("value").GetDouble());
        Assert.True(File.Exists(At("folds", "trial-001", "fold3", "checkpoint.safetensors")));
    }

    [Fact]
    public void A_diverged_trial_is_a_row_and_not_the_end()
    {
        var found = Tune("search", "--choice", "lr=1e30,0.05", "--search", "grid", "--epochs", "1").IsDone();
        Assert.Contains("diverged in epoch 1, step", found.Output, StringComparison.Ordinal);
        Assert.Contains("--lr 0.05", found.Output, StringComparison.Ordinal);
        var none = Tune("none", "--choice", "lr=1e30", "--search", "grid", "--epochs", "1");
        Assert.Equal(1, none.ExitCode);
        Assert.Contains("every trial failed", none.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Bad_ranges_are_refused_and_test_images_never_decide()
    {
        WriteBars();
        Refused(["lr 0.1..1: expected NAME=LOW..HIGH"], "--range", "lr 0.1..1");
        Refused(["Unknown setting 'learning-rate'"], "--range", "learning-rate=0.1..1");
        Refused(["optimizer has no numbers; expected --choice optimizer=VALUE,VALUE"], "--range", "optimizer=0..1");
        Refused(["expected a range from a number to a greater one, got 1..0.1"], "--range", "lr=1..0.1");
        Refused(["'cubic' is neither log nor linear"], "--range", "lr=0.1..1:cubic");
        Refused(["a logarithmic range begins above 0"], "--range", "weight-decay=0..1");
        Refused(["--lr 0: expected a number above 0"], "--range", "lr=0..1:linear");
        Refused(["Unknown optimizer 'adm'. Did you mean 'adam'?"], "--choice", "optimizer=sgd,adm");
        Refused(["lr is specified more than once"], "--range", "lr=0.1..1", "--choice", "lr=0.1,1");
        Refused(["--lr: it is varied by --range or --choice lr=..., so it has no one value"], "--range", "lr=0.1..1", "--lr", "0.1");
        Refused(["--trials: a grid has as many trials as its points"], "--search", "grid", "--trials", "3");
        Refused(["test images must not decide"], "--val-split", "0");
        Refused(["either some images are held out, or each once"], "--val-split", "10", "--folds", "3");
        Refused(["there is no search to go on with"], "--resume");
        Assert.False(Directory.Exists(At("search")));

        void Refused(string[] texts, params string[] args) => Tune("search", args).IsRefused(texts);
    }

    CliResult Tune(string folder, params string[] args)
    {
        if (!Directory.Exists(At("bars"))) WriteBars();
        return Run(["tune", "--dataset", "mnist", "--data", At("bars"), "--threads", "1", "--out", At(folder), .. args]);
    }
}
