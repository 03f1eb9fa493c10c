using CnnSharp.Kernels.Cpu;
using CnnSharp.Layers;
using CnnSharp.Training;
using Xunit;
using static CnnSharp.Tests.Training.SmallTraining;

namespace CnnSharp.Tests.Training;

/// <summary>Trainings that end before their last epoch, and what they leave.</summary>
public sealed class EarlyStoppingTests : IDisposable
{
    readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(2, 0, "1 0.9 0.95 0.95", true)]
    [InlineData(2, 0, "1 0.9 0.95 0.89", false)]
    [InlineData(2, 0, "1 0.9 0.9", false)]
    [InlineData(2, 0.05, "1 0.96 0.955", true)]
    [InlineData(2, 0.05, "1 0.96 0.94", false)]
    [InlineData(1, 0, "1", false)]
    [InlineData(1, 0, "1 2", true)]
    [InlineData(1, 0, "", false)]
    public void Patience_and_least_improvement(int patience, double minDelta, string losses, bool isOver)
    {
        var epochs = losses.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select((text, i) => Epoch(i + 1, double.Parse(text, System.Globalization.CultureInfo.InvariantCulture))).ToArray();
        var stopping = new EarlyStopping { Patience = patience, MinDelta = minDelta };
        Assert.Equal(isOver, stopping.IsOver(epochs, Metric.Loss));
        Assert.Equal(isOver, stopping.IsOver([.. epochs.Select(e => e with { ValidationAccuracy = 1 - e.ValidationLoss })], Metric.Accuracy));

        static EpochResult Epoch(int epoch, double loss) => new(epoch, 0.1, 0, 0, loss, 0);
    }

    /// <summary>From the third epoch on the rate undoes what was learnt: the training ends two epochs later, with the best epoch's weights.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Ends_when_it_gets_no_better_and_brings_the_best_weights_back(bool withFolder)
    {
        var options = Spoilt() with { OutputFolder = withFolder ? folder.Path : null };
        var (train, validation) = Images(340).Split(40);
        var model = Model(Cpu());
        var history = Trainer.Fit(model, train, validation, options);

        Assert.Equal(TrainingEnd.StoppedEarly, history.End);
        Assert.Equal((4, 2), (history.Last.Epoch, history.Best!.Epoch));
        Assert.True(history.Last.Loss > 2 * history.Best.Loss, $"the loss went from {history.Best.Loss} to {history.Last.Loss}");
        Assert.Equal(history.Best.ValidationLoss, Trainer.Evaluate(model, validation, new() { BatchSize = options.BatchSize }).Loss);
        if (!withFolder) return;

        Assert.Equal(2, Checkpoint.ReadInfo(Path.Combine(folder.Path, Checkpoint.BestFile)).Epoch);
        Assert.Equal(4, Checkpoint.ReadInfo(Last(folder.Path)).Epoch);

        // Resumed, it is over at once, and its weights are the same.
        var again = Model(Cpu(), seed: 8);
        history = Trainer.Fit(again, train, validation, options with { Resume = true });
        Assert.Equal((TrainingEnd.StoppedEarly, 4), (history.End, history.Epochs.Count));
        AssertSameWeights(model, again);
    }

    [Fact]
    public void Weights_stay_those_of_the_last_epoch_where_that_is_asked_for()
    {
        var (train, validation) = Images(340).Split(40);
        var model = Model(Cpu());
        var history = Trainer.Fit(model, train, validation, Spoilt() with { EarlyStopping = new() { Patience = 2, RestoreBest = false } });
        Assert.Equal(history.Last.ValidationLoss, Trainer.Evaluate(model, validation, new() { BatchSize = 24 }).Loss);
    }

    /// <summary>Interrupted while it waits: the resumed run counts the epochs before.</summary>
    [Fact]
    public void Patience_goes_on_where_it_was()
    {
        var (straight, resumed) = (folder.File("straight"), folder.File("resumed"));
        Fit(Cpu(), Spoilt() with { OutputFolder = straight });
        Fit(Cpu(), Spoilt() with { OutputFolder = resumed }, new Stops(afterEpoch: 3));
        Assert.Equal(3, Checkpoint.ReadInfo(Last(resumed)).Epoch);
        var history = Fit(Cpu(), Spoilt() with { OutputFolder = resumed, Resume = true });
        Assert.Equal((TrainingEnd.StoppedEarly, 4), (history.End, history.Last.Epoch));
        AssertSameFiles(straight, resumed);
    }

    [Fact]
    public void An_observer_ends_a_training_after_an_epoch()
    {
        var history = Fit(Cpu(), Options() with { Epochs = 5 }, new Stops(afterEpoch: 2));
        Assert.Equal((TrainingEnd.Stopped, 2), (history.End, history.Epochs.Count));
        Assert.False(history.IsCanceled);
    }

    [Fact]
    public void An_observer_ends_a_training_within_an_epoch_and_it_can_be_resumed()
    {
        var (straight, stopped) = (folder.File("straight"), folder.File("stopped"));
        Fit(Cpu(), Options() with { OutputFolder = straight });
        var history = Fit(Cpu(), Options() with { OutputFolder = stopped, ReportEvery = 1 }, new Stops(afterStep: 17));
        Assert.Equal((TrainingEnd.Stopped, 1), (history.End, history.Epochs.Count));
        Assert.Equal(17, Checkpoint.ReadInfo(Last(stopped)).Step);
        Fit(Cpu(), Options() with { OutputFolder = stopped, Resume = true });
        AssertSameFiles(straight, stopped);
    }

    [Fact]
    public void An_observer_sees_each_step_and_what_is_trained()
    {
        var observer = new Steps();
        var history = Fit(Cpu(), Options() with { ReportEvery = 1 }, observer);
        Assert.Equal(Enumerable.Range(1, 26).Select(step => (long)step), observer.Seen.Select(p => p.Step));
        Assert.Equal(observer.Seen.Select(p => p.LearningRate), observer.Rates);

        // 12 batches of 24 images and one of 12.
        var mean = (observer.Seen.Take(12).Sum(p => 24 * p.StepLoss) + (12 * observer.Seen[12].StepLoss)) / 300;
        Assert.Equal(history.Epochs[0].TrainLoss, mean, 1e-9);
        Assert.Equal(history.Epochs[0].TrainLoss, observer.Seen[12].Loss);
        Assert.Equal((2, 26L), (observer.Training!.Epoch, observer.Training.Step));
        Assert.Equal(40, history.Last.Validation!.Confusion.Count);
        Assert.Equal(history.Last.Accuracy, history.Last.Validation.Accuracy);
    }

    [Fact]
    public void The_monitored_figure_tells_the_best_epoch()
    {
        EpochResult[] epochs = [new(1, 0, 1, 0, 0.5, 0.7), new(2, 0, 1, 0, 0.6, 0.9), new(3, 0, 1, 0, 0.5, 0.9)];
        Assert.Equal(2, new History(epochs, Metric.Accuracy).Best!.Epoch);
        Assert.Equal(1, new History(epochs, Metric.Loss).Best!.Epoch);
        Assert.Null(new History([], Metric.Loss).Best);
    }

    [Fact]
    public void Settings_out_of_range_are_refused()
    {
        Assert.Contains("Patience must be at least 1", Refusal(Options() with { EarlyStopping = new() { Patience = 0 } }), StringComparison.Ordinal);
        Assert.Contains("MinDelta must be at least 0", Refusal(Options() with { EarlyStopping = new() { MinDelta = double.NaN } }), StringComparison.Ordinal);
        Assert.Contains("CheckpointEvery must be at least 1", Refusal(Options() with { CheckpointEvery = 0 }), StringComparison.Ordinal);
        Assert.Contains("MaxGradientValue must be above 0", Refusal(Options() with { Optimizer = new SgdOptions { MaxGradientValue = 0 } }), StringComparison.Ordinal);
        Assert.Contains("MaxGradientValue must be null where MaxGradientNorm is set", Refusal(Options() with { Optimizer = new SgdOptions { MaxGradientValue = 1, MaxGradientNorm = 1 } }), StringComparison.Ordinal);

        static string Refusal(TrainingOptions options) => Assert.Throws<ArgumentOutOfRangeException>(() => Fit(Cpu(), options)).Message;
    }

    static Device Cpu() => new(new CpuEngine(1));

    static TrainingOptions Spoilt() => Options() with
    {
        Epochs = 9,
        Optimizer = new SgdOptions { LearningRate = 0.05f },
        Schedule = new Spoils(),
        EarlyStopping = new() { Patience = 2 },
        Monitor = Metric.Loss,
    };

    static void AssertSameWeights(Layer one, Layer other)
    {
        foreach (var ((name, expected), (_, actual)) in one.StateDict().Zip(other.StateDict())) Assert.True(expected.ToArray().AsSpan().SequenceEqual(actual.ToArray()), name);
    }

    sealed record Spoils : Schedule
    {
        public override double RateAt(double baseRate, in ScheduleTime time) => time.Epoch < 2 ? 0.05 : 1.5;
    }

    sealed class Stops(int afterEpoch = int.MaxValue, long afterStep = long.MaxValue) : ITrainingObserver
    {
        TrainingControl? training;

        public void OnStart(TrainingControl training) => this.training = training;

        public void OnEpoch(EpochResult epoch)
        {
            if (epoch.Epoch == afterEpoch) training!.Stop();
        }

        public void OnProgress(in TrainingProgress progress)
        {
            if (progress.Step == afterStep) training!.Stop();
        }
    }

    sealed class Steps : ITrainingObserver
    {
        public TrainingControl? Training { get; private set; }

        public List<TrainingProgress> Seen { get; } = [];

        public List<double> Rates { get; } = [];

        public void OnStart(TrainingControl training) => Training = training;

        public void OnProgress(in TrainingProgress progress)
        {
            Seen.Add(progress);
            Rates.Add(Training!.Optimizer.LearningRate);
        }
    }
}
