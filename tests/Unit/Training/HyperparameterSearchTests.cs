using System.Globalization;
using CnnSharp.Data;
using CnnSharp.Kernels.Cpu;
using CnnSharp.Layers;
using CnnSharp.Training;
using Xunit;
using static CnnSharp.Tests.Training.SmallTraining;

namespace CnnSharp.Tests.Training;

/// <summary>Trials follow from the seed alone, a search that was cut off ends at the same bytes, and what is measured decides.</summary>
public sealed class HyperparameterSearchTests : IDisposable
{
    static readonly string[] Files = ["search.json", "trials.jsonl", "trials.csv", "best.json"];

    readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    // ---- the space -------------------------------------------------------------------------------------------------

    [Fact]
    public void Values_are_spread_as_their_dimension_says()
    {
        var random = new Random(1);
        double[] logs = [.. Draw(Dimension.LogUniform("lr", 1e-4, 1e-1)).Select(value => Math.Log10(Number(value)))];
        Assert.All(logs, value => Assert.InRange(value, -4, -1));
        for (var decade = -4; decade < -1; decade++) Assert.InRange(logs.Count(value => value >= decade && value < decade + 1) / 3000.0, 0.29, 0.38);

        double[] momentum = [.. Draw(Dimension.Uniform("momentum", 0.5, 0.9)).Select(Number)];
        Assert.InRange(momentum.Average(), 0.69, 0.71);
        Assert.All(momentum, value => Assert.InRange(value, 0.5, 0.9));

        // Three digits, so that the shortest text is all there is of the number.
        Assert.All(Draw(Dimension.LogUniform("lr", 1e-4, 1e-1)), value => Assert.True(value.Replace("E-05", "", StringComparison.Ordinal).TrimStart('0', '.').Replace(".", "", StringComparison.Ordinal).Length <= 3, value));

        // Ends as often as what lies between.
        var whole = Draw(Dimension.Integer("width", 2, 6)).GroupBy(value => value).ToDictionary(group => group.Key, group => group.Count());
        Assert.Equal(["2", "3", "4", "5", "6"], whole.Keys.Order());
        Assert.All(whole.Values, count => Assert.InRange(count, 500, 700));
        Assert.Equal(["adam", "sgd"], Draw(Dimension.Choice("optimizer", "sgd", "adam")).Distinct().Order());

        IEnumerable<string> Draw(Dimension dimension) => [.. Enumerable.Range(0, 3000).Select(_ => dimension.At(random.NextDouble()))];
    }

    [Fact]
    public void A_grid_has_both_ends_and_equal_steps_between()
    {
        Assert.Equal(["0.0001", "0.001", "0.01", "0.1"], (Dimension.LogUniform("lr", 1e-4, 1e-1) with { Levels = 4 }).Grid());
        Assert.Equal(["0", "0.25", "0.5", "0.75", "1"], Dimension.Uniform("share", 0, 1).Grid());
        Assert.Equal(["0.01"], (Dimension.LogUniform("lr", 1e-3, 1e-1) with { Levels = 1 }).Grid());
        Assert.Equal(["2", "3"], Dimension.Integer("width", 2, 3).Grid());
        Assert.Equal(["16", "64", "256"], (Dimension.Integer("batch", 16, 256, isLogarithmic: true) with { Levels = 3 }).Grid());
        Assert.Equal(["32", "64"], Dimension.Choice("batch", 32.0, 64.0).Grid());
    }

    [Theory]
    [InlineData("0.001", 3.16e-4, 3.17e-3)]
    [InlineData("0.0001", 1e-4, 1e-3)]
    [InlineData("0.1", 0.01, 0.1)]
    public void The_next_stage_searches_a_third_of_the_range_about_the_best(string best, double low, double high)
    {
        var near = Dimension.LogUniform("lr", 1e-4, 1e-1).Near([best]);
        Assert.Equal(low, near.Low, low * 0.01);
        Assert.Equal(high, near.High, high * 0.01);
        Assert.InRange(near.PositionOf(best), -1e-9, 1 + 1e-9);
        Assert.Equal(["adam"], Dimension.Choice("optimizer", "sgd", "adam").Near(["adam", "adam"]).Choices);
    }

    [Fact]
    public void Dimensions_that_make_no_sense_are_refused()
    {
        Assert.Contains("begins above 0", Assert.Throws<ArgumentOutOfRangeException>(() => Dimension.LogUniform("lr", 0, 1)).Message, StringComparison.Ordinal);
        Assert.Contains("'lr': expected a range from a number to a greater one, got 1..0.1", Assert.Throws<ArgumentOutOfRangeException>(() => Dimension.Uniform("lr", 1, 0.1)).Message, StringComparison.Ordinal);
        Assert.Contains("'sgd' is specified more than once", Assert.Throws<ArgumentException>(() => Dimension.Choice("optimizer", "sgd", "sgd")).Message, StringComparison.Ordinal);
        var trial = new Trial(7, 1, [new("lr", "0.1")]);
        Assert.Contains("Trial 7: Unknown dimension 'rl'. Did you mean 'lr'?", Assert.Throws<ArgumentException>(() => trial.Real("rl")).Message, StringComparison.Ordinal);
        Assert.Throws<FormatException>(() => trial.Integer("lr"));
    }

    // ---- searches --------------------------------------------------------------------------------------------------

    [Fact]
    public void The_same_seed_gives_the_same_search_and_another_seed_another()
    {
        var (first, second, other) = (Search("first", Plain), Search("second", Plain), Search("other", Plain with { Seed = 2 }));
        AssertSame("first", "second");
        Assert.Equal(6, first.Trials.Count);
        Assert.Equal(first.Best!.Trial.Values, second.Best!.Trial.Values);
        Assert.All(ByNumber(first).Zip(ByNumber(other)), pair => Assert.NotEqual(pair.First, pair.Second));

        // Best first, and the best is what its own training came to.
        Assert.Equal(first.Trials.Select(t => t.Last!.Value).OrderDescending(), first.Trials.Select(t => t.Last!.Value));
        Assert.Equal(Checkpoint.ReadInfo(Last(Path.Combine(first.Folder, first.Best.Folder))).History.Max(epoch => epoch.Accuracy), first.Best.Last!.Value);

        static IEnumerable<string> ByNumber(SearchResult result) => result.Trials.OrderBy(t => t.Trial.Number).Select(t => t.Trial.Text("lr"));
    }

    public static TheoryData<string> Kinds => new("random", "grid", "stages", "halving", "folds", "halving folds");

    /// <summary>Cut off at any of several places (within a training, after one, between a training and its record), over and over until it is done.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_search_that_is_cut_off_ends_at_the_same_bytes(string kind)
    {
        var options = OptionsOf(kind);
        Search("whole", options);
        var cuts = 0;
        for (var at = 1; ; at = (at % 5) + 1)
        {
            using var cancellation = new CancellationTokenSource();
            try
            {
                if (!Search("cut", options with { Resume = cuts > 0 }, new Cutter(at, cancellation, throws: cuts % 2 == 1), cancellation: cancellation.Token).IsCanceled) break;
            }
            catch (CutException)
            {
                // What a killed process leaves: nothing is tidied up but the lock, which the system takes back.
            }

            Assert.True(++cuts < 200, "it gets nowhere");
        }

        Assert.True(cuts > 2, $"cut off {cuts} times");
        AssertSame("whole", "cut");
        foreach (var checkpoint in Directory.GetFiles(folder.File("whole"), Checkpoint.LastFile, SearchOption.AllDirectories))
        {
            var other = Path.Combine(folder.File("cut"), Path.GetRelativePath(folder.File("whole"), checkpoint));
            Assert.True(File.ReadAllBytes(checkpoint).AsSpan().SequenceEqual(File.ReadAllBytes(other)), other);
        }
    }

    /// <summary>1 epoch of all nine, then the best three to 3, then the last to its end; and what survives is the training that it would have been.</summary>
    [Fact]
    public void Halving_trains_the_best_third_on_and_changes_none_of_it()
    {
        var options = OptionsOf("random") with { Trials = 9 };
        var (whole, halved) = (Search("whole", options, epochs: 4), Search("halved", options with { Halving = new() }, epochs: 4));
        Assert.Equal([6, 2, 1], new[] { 1, 2, 3 }.Select(rungs => halved.Trials.Count(t => t.Measures.Count == rungs)));
        Assert.Equal([1, 3, 4], halved.Best!.Measures.Select(measure => measure.Epochs));
        Assert.Single(halved.Trials, t => t.Status == TrialStatus.Completed);

        // Those that go on are the best of their rung.
        foreach (var rung in new[] { 0, 1 })
        {
            var there = halved.Trials.Where(t => t.Measures.Count > rung).ToList();
            Assert.True(there.Where(t => t.Measures.Count > rung + 1).Min(t => t.Measures[rung].Value) >= there.Where(t => t.Measures.Count == rung + 1).Max(t => t.Measures[rung].Value));
        }

        AssertSameFiles(Path.Combine(whole.Folder, halved.Best.Folder), Path.Combine(halved.Folder, halved.Best.Folder));
    }

    [Fact]
    public void Folds_are_averaged()
    {
        var result = Search("folds", OptionsOf("folds"));
        foreach (var trial in result.Trials)
        {
            var values = Enumerable.Range(1, 3).Select(fold => Checkpoint.ReadInfo(Last(Path.Combine(result.Folder, trial.Folder, $"fold{fold}"))).History.Max(epoch => epoch.Accuracy)!.Value).ToArray();
            Assert.Equal(values, trial.Last!.Folds);
            var mean = values.Average();
            Assert.Equal(mean, trial.Last.Value, 12);
            Assert.Equal(Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / 2), trial.Last.Std!.Value, 12);
        }

        // Of 90 images each is held out once.
        Assert.Equal([60, 60, 60], Enumerable.Range(1, 3).Select(fold => Checkpoint.ReadInfo(Last(Path.Combine(result.Folder, "trial-001", $"fold{fold}"))).Images!.Value));
    }

    [Fact]
    public void A_trial_that_diverges_fails_and_the_search_goes_on()
    {
        var result = Search("search", Plain with { Space = [Dimension.Choice("lr", 1e30, 0.05)], Method = SearchMethod.Grid });
        Assert.Equal([TrialStatus.Completed, TrialStatus.Failed], result.Trials.Select(t => t.Status));
        Assert.Equal("0.05", result.Best!.Trial.Text("lr"));
        Assert.StartsWith("diverged in epoch 1, step ", result.Trials[1].Failure, StringComparison.Ordinal);
        Assert.Contains("\"status\":\"failed\"", File.ReadAllLines(folder.File("search/trials.jsonl"))[0], StringComparison.Ordinal);
        Assert.Null(Search("none", Plain with { Space = [Dimension.Choice("lr", 1e30)], Method = SearchMethod.Grid }).Best);
        Assert.False(File.Exists(folder.File("none/best.json")));
    }

    /// <summary>Of a task, by a metric of which less is better and by one of which more is.</summary>
    [Fact]
    public void Any_task_is_searched_by_any_of_its_metrics()
    {
        var random = new Random(3);
        float[] inputs = [.. Enumerable.Range(0, 400).Select(_ => (float)random.NextDouble())];
        var all = Dataset.From(inputs, [4], [.. Enumerable.Range(0, 100).Select(i => inputs[4 * i] - (2 * inputs[(4 * i) + 3]))], [1]);
        var (train, held) = all.Split(0.2);
        var device = new Device(new CpuEngine(1));
        foreach (var objective in new[] { null, Metric.MeanAbsoluteError(), Metric.R2() })
        {
            var options = new SearchOptions { Space = [Dimension.Choice("lr", 1e-5, 0.3, 1e-3)], Method = SearchMethod.Grid, OutputFolder = folder.File($"by {objective?.Name}"), Objective = objective };
            var result = HyperparameterSearch.Run(train, TrainingTask.Regression(), held, options, trial => (Zero(new Linear(4, 1, device: device)), new() { Epochs = 5, BatchSize = 8, Optimizer = new SgdOptions { LearningRate = trial.Real("lr") } }));
            Assert.Equal(["0.3", "0.001", "1E-05"], result.Trials.Select(t => t.Trial.Text("lr")));
            Assert.Equal(objective?.Name ?? "loss", result.Objective.Name);
        }

        static Layer Zero(Linear layer)
        {
            layer.Weight.CopyFrom<float>(new float[4]);
            layer.Bias!.CopyFrom<float>(new float[1]);
            return layer;
        }
    }

    [Fact]
    public void More_trials_than_before_may_be_asked_for()
    {
        Search("search", OptionsOf("random") with { Trials = 2 });
        Search("whole", OptionsOf("random"));
        Search("search", OptionsOf("random") with { Resume = true });
        AssertSame("whole", "search");
    }

    [Fact]
    public void What_makes_no_sense_is_refused_and_nothing_is_touched()
    {
        Search("search", Plain with { Trials = 1 });
        var before = Read("search");
        Refused<ArgumentException>("holds a search already", Plain with { Trials = 1 });
        Refused<DataFormatException>("cannot be resumed; seed", Plain with { Trials = 1, Seed = 9, Resume = true });
        Refused<DataFormatException>("cannot be resumed; space", Plain with { Trials = 1, Space = [Dimension.Uniform("lr", 0, 1)], Resume = true });
        Refused<ArgumentException>("'roc', which is not measured", Plain with { Objective = Metric.Mean("roc", (output, _) => output), Overwrite = true });
        Refused<ArgumentException>("got both", Plain with { Folds = 3, Overwrite = true });
        Refused<ArgumentException>("more than once", Plain with { Space = [Dimension.Uniform("lr", 0, 1), Dimension.Uniform("lr", 0, 1)], Overwrite = true });
        Refused<ArgumentException>("at least 3, one a stage", Plain with { Trials = 2, Stages = 3, Overwrite = true });
        Assert.Equal(before, Read("search"));

        Search("search", Plain with { Trials = 1, Seed = 9, Overwrite = true });
        Assert.NotEqual(before, Read("search"));

        // Nor does it delete, or go on with, what it did not write.
        Directory.CreateDirectory(folder.File("strays/trial-001"));
        Directory.CreateDirectory(folder.File("strays/trial-data"));
        Assert.Contains("holds a trial (trial-001)", Assert.Throws<ArgumentException>(() => Search("strays", Plain with { Trials = 1, Resume = true })).Message, StringComparison.Ordinal);
        Search("strays", Plain with { Trials = 1, Overwrite = true });
        Assert.True(Directory.Exists(folder.File("strays/trial-data")));

        // A search does not move into a training's folder.
        Fit(new(new CpuEngine(1)), Options() with { Epochs = 1, OutputFolder = folder.File("run") });
        Assert.Contains("holds a training", Assert.Throws<ArgumentException>(() => Search("run", Plain with { Overwrite = true })).Message, StringComparison.Ordinal);

        void Refused<T>(string message, SearchOptions options)
            where T : Exception
            => Assert.Contains(message, Assert.ThrowsAny<T>(() => Search("search", options, folded: false)).Message, StringComparison.Ordinal);
    }

    // ---- help ------------------------------------------------------------------------------------------------------

    SearchOptions Plain => new() { Space = [Dimension.LogUniform("lr", 1e-3, 1), Dimension.Choice("batch", 16, 24)], Trials = 6, Seed = 1, OutputFolder = folder.Path };

    SearchOptions OptionsOf(string kind) => kind switch
    {
        "grid" => Plain with { Method = SearchMethod.Grid, Space = [Dimension.LogUniform("lr", 1e-3, 1) with { Levels = 2 }, Dimension.Choice("batch", 16, 24)] },
        "stages" => Plain with { Stages = 2 },
        "halving" => Plain with { Halving = new() { Factor = 2 } },
        "folds" => Plain with { Folds = 3, Trials = 2 },
        "halving folds" => Plain with { Folds = 3, Trials = 3, Halving = new() },
        _ => Plain with { Trials = 4 },
    };

    SearchResult Search(string name, SearchOptions options, ISearchObserver? observer = null, int epochs = 2, bool folded = true, CancellationToken cancellation = default)
    {
        var device = new Device(new CpuEngine(1));
        var (train, validation) = Images(120).Split(30);
        return HyperparameterSearch.Run(
            train,
            folded && options.Folds is not null ? null : validation,
            options with { OutputFolder = folder.File(name) },
            trial => (Model(device), Options() with { Epochs = epochs, BatchSize = trial.Integer("batch", 24), Optimizer = new SgdOptions { LearningRate = trial.Real("lr"), Momentum = 0.9 }, Schedule = Schedule.Cosine(), TensorBoard = false }),
            observer,
            cancellation);
    }

    Dictionary<string, string> Read(string name) => Files.ToDictionary(file => file, file => File.ReadAllText(Path.Combine(folder.File(name), file)));

    void AssertSame(string expected, string actual) => Assert.Equal(Read(expected), Read(actual));

    static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    sealed class CutException : Exception;

    /// <summary>Ends a search at one of the new things that it is notified of: by its token, or by an exception, which comes from nowhere as a kill does.</summary>
    sealed class Cutter(int at, CancellationTokenSource cancellation, bool throws) : ISearchObserver
    {
        int met;
        bool isTrained;

        public void OnTraining(Trial trial, int? fold, int? epochs) => isTrained = true;

        public void OnEpoch(Trial trial, EpochResult epoch) => Meet();

        // What is read back is no news.
        public void OnResult(TrialResult result)
        {
            if (isTrained) Meet();
            isTrained = false;
        }

        void Meet()
        {
            if (++met != at) return;
            if (throws) throw new CutException();
            cancellation.Cancel();
        }
    }
}

/// <summary>Short names for the tests.</summary>
static class TrialExtensions
{
    /// <summary>A value, or another where the search has no such dimension.</summary>
    public static int Integer(this Trial trial, string name, int fallback) => trial.Values.Any(pair => pair.Key == name) ? trial.Integer(name) : fallback;
}
