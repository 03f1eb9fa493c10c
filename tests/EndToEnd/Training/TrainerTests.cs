using CnnSharp.Data;
using CnnSharp.Kernels;
using CnnSharp.Kernels.Cpu;
using CnnSharp.Kernels.Reference;
using CnnSharp.Layers;
using CnnSharp.Training;
using Xunit;
using static CnnSharp.Tests.Training.SmallTraining;

namespace CnnSharp.Tests.Training;

public class TrainerTests
{
    [Fact]
    public void Learns_what_can_be_learnt()
    {
        var device = new Device(new CpuEngine(1));
        var (train, validation) = Images(480).Split(96);
        var history = Trainer.Fit(Model(device), train, validation, Options() with { Epochs = 3 });

        Assert.Equal([1, 2, 3], history.Epochs.Select(e => e.Epoch));
        Assert.True(history.Last.TrainLoss < history.Epochs[0].TrainLoss, $"the loss went from {history.Epochs[0].TrainLoss} to {history.Last.TrainLoss}");
        Assert.True(history.Last.ValidationAccuracy > 0.9, $"validation accuracy {history.Last.ValidationAccuracy}");
        Assert.Equal(history.Last.ValidationAccuracy, history.Last.Accuracy);
        Assert.False(history.IsCanceled);
        Assert.Null(history.Checkpoint);
        Assert.Matches(@"^(epoch \d: loss \d\.\d{4}, accuracy \d+\.\d%; validation loss \d\.\d{4}, accuracy \d+\.\d%(\n|$)){3}$", history.ToString());
    }

    /// <summary>On a whole data set: measured on its validation images, else on its test images.</summary>
    [Fact]
    public void A_data_set_says_what_it_is_measured_on()
    {
        var (train, held) = Images(72).Split(24);
        var (first, second) = held.Split(8);
        var options = Options() with { Epochs = 1 };
        Assert.Equal(8, Trainer.Fit(Model(new(new CpuEngine(1))), new DatasetSplits(train, first, "here") { Validation = second }, options).Last.Validation!.Count);
        Assert.Equal(16, Trainer.Fit(Model(new(new CpuEngine(1))), new DatasetSplits(train, first, "here"), options).Last.Validation!.Count);
        Assert.Null(Trainer.Fit(Model(new(new CpuEngine(1))), new DatasetSplits(train, null, "here"), options).Last.Validation);
    }

    [Fact]
    public void Threads_do_not_change_a_byte()
    {
        using var folder = new TemporaryFolder();
        var (one, two) = (folder.File("one"), folder.File("two"));
        Fit(new Device(new CpuEngine(1)), Options() with { OutputFolder = one });
        Fit(new Device(new CpuEngine(2)), Options() with { OutputFolder = two });
        AssertSameFiles(one, two);
    }

    [Fact]
    public void The_seed_does_change_them()
    {
        using var folder = new TemporaryFolder();
        var (one, two) = (folder.File("one"), folder.File("two"));
        Fit(new Device(new CpuEngine(1)), Options() with { OutputFolder = one });
        Fit(new Device(new CpuEngine(1)), Options() with { OutputFolder = two, Seed = 2 });
        Assert.NotEqual(Checkpoint.ReadInfo(Last(one)).History[^1].TrainLoss, Checkpoint.ReadInfo(Last(two)).History[^1].TrainLoss);
    }

    public static TheoryData<OptimizerOptions> Optimizers() =>
    [
        new SgdOptions { LearningRate = 0.05f, Momentum = 0.9f },
        new RmsPropOptions { LearningRate = 0.001f, Momentum = 0.5f },
        new AdamWOptions { LearningRate = 0.01f, MaxGradientNorm = 0.5f },
        new NAdamOptions(),
        new AdaMaxOptions(),
        new AdadeltaOptions(),
        new LionOptions(),
        new MuonOptions(),
        new LarsOptions { LearningRate = 5, L1 = 1e-3, WeightDecay = 1e-3, MaxNorm = 1 },
    ];

    /// <summary>One epoch and then, by another process as it were, the second: the same bytes as two at once.</summary>
    [Theory]
    [MemberData(nameof(Optimizers))]
    public void Resumed_between_epochs_ends_at_the_same_bytes(OptimizerOptions optimizer)
    {
        using var folder = new TemporaryFolder();
        var (straight, resumed) = (folder.File("straight"), folder.File("resumed"));
        var options = Options() with { Optimizer = optimizer, Schedule = Schedule.Exponential(0.5) };
        Fit(new Device(new CpuEngine(1)), options with { OutputFolder = straight });
        Fit(new Device(new CpuEngine(1)), options with { OutputFolder = resumed, Epochs = 1 });
        var observer = new Observer();
        var history = Fit(new Device(new CpuEngine(1)), options with { OutputFolder = resumed, Resume = true }, observer);

        Assert.Equal((1, 13), observer.Started);
        Assert.Equal(2, history.Epochs.Count);
        Assert.Equal(File.ReadAllBytes(Last(straight)), File.ReadAllBytes(Last(resumed)));
        Assert.Equal(2, File.ReadAllLines(Path.Combine(resumed, "metrics.jsonl")).Length);
    }

    /// <summary>Canceled in the middle of an epoch: dropout, order, augmentation, schedule and the epoch's sums all go on where they were.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(12)]
    [InlineData(13)]
    [InlineData(17)]
    [InlineData(4, "others")]
    [InlineData(15, "others")]
    public void Canceled_and_resumed_ends_at_the_same_bytes(int steps, string? augmentation = null)
    {
        using var folder = new TemporaryFolder();
        var (straight, resumed) = (folder.File("straight"), folder.File("resumed"));
        var options = Options();
        if (augmentation is not null) options = options with { Augmentation = Augment.PadAndCrop(2, ImagePadding.Reflect).Then(Augment.AlternatingFlip()).Then(Augment.RandAugment()).Then(Augment.Erase()).Then(Augment.CutMix()) };
        Fit(new Device(new CpuEngine(1)), options with { OutputFolder = straight });

        using var cancellation = new CancellationTokenSource();
        var history = Fit(new Device(new CpuEngine(2)), options with { OutputFolder = resumed, ReportEvery = 1 }, new Observer(steps, cancellation), cancellation.Token);
        Assert.True(history.IsCanceled);
        Assert.Equal(steps, Checkpoint.ReadInfo(Last(resumed)).Step);

        Assert.False(Fit(new Device(new CpuEngine(1)), options with { OutputFolder = resumed, Resume = true }).IsCanceled);
        AssertSameFiles(straight, resumed);
    }

    [Fact]
    public void Another_seed_batch_size_or_model_is_not_resumed()
    {
        using var folder = new TemporaryFolder();
        var device = new Device(new CpuEngine(1));
        var options = Options() with { Epochs = 1, OutputFolder = folder.Path };
        Fit(device, options);
        var resume = options with { Epochs = 2, Resume = true };

        Assert.Contains("the seed: expected 9, got 1", Assert.Throws<DataFormatException>(() => Fit(device, resume with { Seed = 9 })).Message, StringComparison.Ordinal);
        Assert.Contains("the batch size: expected 20, got 24", Assert.Throws<DataFormatException>(() => Fit(device, resume with { BatchSize = 20 })).Message, StringComparison.Ordinal);
        Assert.Contains("'optimizer/mean/", Assert.Throws<DataFormatException>(() => Fit(device, resume with { Optimizer = new AdamOptions() })).Message, StringComparison.Ordinal);

        var other = new Sequential(new Flatten(), new Identity(), new Linear(8 * 8 * 2, Classes, device: device));
        var error = Assert.Throws<DataFormatException>(() => Checkpoint.Load(Last(folder.Path), other));
        Assert.Contains("missing: '2.weight', '2.bias'", error.Message, StringComparison.Ordinal);
        Assert.Contains("not known: '", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_checkpoint_gives_back_model_and_information()
    {
        using var folder = new TemporaryFolder();
        var device = new Device(new CpuEngine(1));
        var (train, validation) = Images(312).Split(24);
        var model = Model(device);
        var description = new ModelDescription { Name = "tiny", Classes = Classes, Input = [8, 8, 2], Options = new Dictionary<string, string> { ["shortcut"] = "a" } };
        var history = Trainer.Fit(model, train, validation, Options() with { OutputFolder = folder.Path, Model = description });
        Assert.Equal(Last(folder.Path), history.Checkpoint);

        var other = Model(device, seed: 5);
        var info = Checkpoint.Load(Last(folder.Path), other);
        foreach (var ((name, expected), (_, actual)) in model.StateDict().Zip(other.StateDict())) Assert.True(expected.ToArray().AsSpan().SequenceEqual(actual.ToArray()), name);

        Assert.Equal(("tiny", Classes, "a"), (info.Model.Name, info.Model.Classes, info.Model.Options["shortcut"]));
        Assert.Equal([8, 8, 2], info.Model.Input);
        Assert.Equal((2, 24L, 1UL, 24, "stripes"), (info.Epoch, info.Step, info.Seed, info.BatchSize, info.Dataset));
        Assert.Equal(train.Normalization.Mean.ToArray(), info.Normalization.Mean.ToArray());
        Assert.Equal(history.Epochs.Select(e => (e.TrainLoss, e.ValidationAccuracy)), info.History.Select(e => (e.TrainLoss, e.ValidationAccuracy)));
        Assert.Equal(history.Best!.Accuracy, info.BestAccuracy);
        Assert.Contains("\"name\":\"sgd\"", info.Options, StringComparison.Ordinal);
        Assert.Contains("\"augmentation\":\"pad 1 and crop, flip 0.5\"", info.Options, StringComparison.Ordinal);

        var best = Checkpoint.Load(Path.Combine(folder.Path, Checkpoint.BestFile), other);
        Assert.Equal(best.History[^1].Accuracy, Trainer.Evaluate(other, validation).Accuracy);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(1000)]
    public void A_loss_that_is_not_a_number_stops_the_training_and_spares_the_checkpoint(int reportEvery)
    {
        using var folder = new TemporaryFolder();
        var device = new Device(new CpuEngine(1));
        var model = Model(device);
        var options = Options() with { Epochs = 3, OutputFolder = folder.Path, ReportEvery = reportEvery };

        // The rate is sound for the first epoch and beyond every number in the second.
        var error = Assert.Throws<TrainingDivergedException>(() => Trainer.Fit(model, Images(300), null, options with { Schedule = new Explodes() }, new Observer()));

        Assert.Equal((2, 15L), (error.Epoch, error.Step));
        Assert.Equal(Last(folder.Path), error.Checkpoint);
        Assert.Contains("epoch 2, step 15: the loss is", error.Message, StringComparison.Ordinal);
        Assert.Equal(1, Checkpoint.ReadInfo(Last(folder.Path)).Epoch);
        Checkpoint.Load(Last(folder.Path), model);
        Assert.True(double.IsFinite(Trainer.Evaluate(model, Images(300)).Loss));
    }

    [Fact]
    public void A_weight_that_is_not_finite_is_never_checkpointed()
    {
        using var folder = new TemporaryFolder();
        var device = new Device(new CpuEngine(1));
        var options = Options() with { Epochs = 1, BatchSize = 300, OutputFolder = folder.Path, Optimizer = new SgdOptions { LearningRate = float.MaxValue }, Schedule = Schedule.Constant() };
        var error = Assert.Throws<TrainingDivergedException>(() => Trainer.Fit(Model(device), Images(300), null, options));
        Assert.Contains("is not finite", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, Checkpoint.ReadInfo(Last(folder.Path)).Step);
        Assert.False(File.Exists(Path.Combine(folder.Path, Checkpoint.BestFile)));
    }

    /// <summary>After the first epoch, which has a last batch of another size, nothing more is taken from the system.</summary>
    [Fact]
    public void Steps_after_the_second_allocate_nothing()
    {
        var device = new Device(new CpuEngine(1));
        var observer = new MemoryObserver(device);
        Trainer.Fit(Model(device), Images(312), null, Options() with { Epochs = 4, ReportEvery = 1, Optimizer = new AdamWOptions { MaxGradientNorm = 1 } }, observer);

        Assert.Equal(52, observer.Seen.Count);
        Assert.All(observer.Seen.Skip(2), seen => Assert.Equal(observer.Seen[2], seen));
    }

    [Fact]
    public void Evaluation_counts_and_writes_logits()
    {
        var device = new Device(new ReferenceEngine<float>());
        var set = Images(50);
        var model = Model(device);
        using var logits = new MemoryStream();
        var evaluation = Trainer.Evaluate(model, set, new() { BatchSize = 16, Logits = logits });

        Assert.True(model.IsTraining);
        Assert.Equal(50, evaluation.Count);
        var values = new float[50 * Classes];
        Buffer.BlockCopy(logits.ToArray(), 0, values, 0, (int)logits.Length);
        var (hits, loss) = (0, 0.0);
        for (var i = 0; i < 50; i++)
        {
            var row = values.AsSpan(i * Classes, Classes).ToArray();
            if (Array.IndexOf(row, row.Max()) == set.Labels[i]) hits++;
            loss += Math.Log(row.Sum(v => Math.Exp(v))) - row[set.Labels[i]];
        }

        Assert.Equal(hits / 50.0, evaluation.Accuracy);
        Assert.Equal(loss / 50, evaluation.Loss, 1e-5);
        Assert.Equal(1, evaluation.Top5Accuracy);
        var ofClass0 = set.Labels.ToArray().Count(l => l == 0);
        Assert.Equal(ofClass0, Enumerable.Range(0, Classes).Sum(c => evaluation.Confusion[0, c]));
    }

    /// <summary>A class's logit is its number times the pixel: the order of the classes is known.</summary>
    [Fact]
    public void The_five_first_and_each_class_s_shares_are_counted()
    {
        var device = new Device(new ReferenceEngine<float>());
        var linear = new Linear(1, 10, device: device);
        linear.Weight.CopyFrom<float>([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        linear.Bias!.CopyFrom<float>(new float[10]);

        // A bright image is taken for class 9, a dark one (its pixel is -1) for class 0.
        var set = new ImageDataset("dots", [255, 255, 255, 0, 0], [9, 5, 4, 0, 5], 1, 1, 1, [.. Enumerable.Range(0, 10).Select(c => $"{c}")], new Normalization([0.5f], [0.5f]));
        var evaluation = Trainer.Evaluate(new Sequential(new Flatten(), linear), set);
        Assert.Equal(2 / 5.0, evaluation.Accuracy);
        Assert.Equal(3 / 5.0, evaluation.Top5Accuracy);
        Assert.Equal((1, 1 / 3.0), (evaluation.Confusion.Recall(9), evaluation.Confusion.Precision(9)));
        Assert.Equal((1, 1 / 2.0), (evaluation.Confusion.Recall(0), evaluation.Confusion.Precision(0)));
        Assert.Equal((0, 0), (evaluation.Confusion.Recall(5), evaluation.Confusion.Precision(5)));
    }

    [Fact]
    public void A_model_of_other_classes_is_refused()
    {
        var device = new Device(new CpuEngine(1));
        var model = new Sequential(new Flatten(), new Linear(8 * 8 * 2, 7, device: device));
        Assert.Contains("'stripes' has 4 classes", Assert.Throws<Kernels.ShapeException>(() => Trainer.Evaluate(model, Images(10))).Message, StringComparison.Ordinal);
    }

    sealed record Explodes : Schedule
    {
        public override double RateAt(double baseRate, in ScheduleTime time) => time.Step < 13 ? 0.01 : 1e38;
    }

    /// <summary>Cancels after a number of steps, given a report at each.</summary>
    sealed class Observer(int cancelAfter = int.MaxValue, CancellationTokenSource? cancellation = null) : ITrainingObserver
    {
        int steps;

        public (int Epochs, long Step) Started { get; private set; }

        public void OnStart(TrainingControl training) => Started = (training.Epoch, training.Step);

        public void OnProgress(in TrainingProgress progress)
        {
            if (++steps == cancelAfter) cancellation?.Cancel();
        }
    }

    sealed class MemoryObserver(Device device) : ITrainingObserver
    {
        public List<(long Allocations, long Used)> Seen { get; } = [];

        public void OnProgress(in TrainingProgress progress) => Seen.Add((device.Engine.Pool.Allocations, device.Engine.Pool.UsedBytes));
    }
}
