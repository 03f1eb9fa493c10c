using CnnSharp.Data;
using CnnSharp.Kernels;
using CnnSharp.Kernels.Cpu;
using CnnSharp.Layers;
using CnnSharp.Training;
using Xunit;
using static CnnSharp.Tests.Training.SmallTraining;

namespace CnnSharp.Tests.Training;

/// <summary>Trainings of other tasks than the classification of images.</summary>
public sealed class TaskTests
{
    public enum Kind
    {
        Classification,
        Rotation,
        MultiLabel,
        Segmentation,
        Autoencoder,
        Siamese,
        Adversarial,
    }

    public static TheoryData<Kind> Kinds => [.. Enum.GetValues<Kind>()];

    /// <summary>Killed at ten steps and gone on with by another process as it were: the same bytes as one that was not.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Resumed_at_any_step_ends_at_the_same_bytes(Kind kind)
    {
        using var folder = new TemporaryFolder();
        var straight = folder.File("straight");
        var whole = Fit(kind, new(new CpuEngine(1)), straight);
        Assert.Equal(2, whole.Epochs.Count);
        var total = (int)Checkpoint.ReadInfo(Last(straight)).Step;
        var random = new Random((int)kind);
        for (var round = 0; round < 10; round++)
        {
            var resumed = folder.File($"resumed{round}");
            using var cancellation = new CancellationTokenSource();
            var at = random.Next(1, total);
            Assert.True(Fit(kind, new(new CpuEngine(1)), resumed, new Canceling(at, cancellation), cancellation: cancellation.Token).IsCanceled);
            Assert.Equal(at, Checkpoint.ReadInfo(Last(resumed)).Step);
            Assert.False(Fit(kind, new(new CpuEngine(2)), resumed, resume: true).IsCanceled);
            AssertSameFiles(straight, resumed);
            Directory.Delete(resumed, recursive: true);
        }
    }

    /// <summary>Each learns: the loss of held-out samples falls, and its own figure is good.</summary>
    [Theory]
    [InlineData(Kind.Classification, "accuracy", 0.9)]
    [InlineData(Kind.Rotation, "r2", 0.8)]
    [InlineData(Kind.MultiLabel, "f1", 0.9)]
    [InlineData(Kind.Segmentation, "mean_iou", 0.8)]
    [InlineData(Kind.Autoencoder, "psnr", 12)]
    [InlineData(Kind.Siamese, "pair_accuracy", 0.85)]
    public void Learns(Kind kind, string metric, double least)
    {
        var history = Fit(kind, new(new CpuEngine(2)), null, epochs: 12);
        Assert.True(history.Last.ValidationLoss < history.Epochs[0].ValidationLoss, $"the loss went from {history.Epochs[0].ValidationLoss} to {history.Last.ValidationLoss}");
        Assert.True(history.Last.Metrics[metric] >= least, history.ToString());
        Assert.Equal(history.Last.ValidationMetrics![metric], history.Last.Metrics[metric]);
        Assert.Contains($"{metric} ", history.ToString(), StringComparison.Ordinal);
    }

    /// <summary>On a GPU's engine, run on the CPU: figures, averages and parts of batches are its own kernels' there.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void On_another_engine_the_same(Kind kind)
    {
        var average = WeightAverage.Exponential(0.8);
        int? parts = kind == Kind.Adversarial ? null : 16;
        var expected = Fit(kind, new(new CpuEngine(1)), null, epochs: 1, average: average, microBatchSize: parts);
        var actual = Fit(kind, Device.Parse("ilgpu-cpu"), null, epochs: 1, average: average, microBatchSize: parts);
        Assert.Equal(expected.Last.TrainLoss, actual.Last.TrainLoss, 1e-3);
        Assert.Equal(expected.Last.Loss, actual.Last.Loss, 1e-3);
        Assert.Equal(expected.Last.Metrics.Keys, actual.Last.Metrics.Keys);
        foreach (var (name, value) in expected.Last.Metrics) Assert.Equal(value, actual.Last.Metrics[name], Math.Max(0.03, 1e-3 * Math.Abs(value)));
    }

    /// <summary>The generator's results come to where the real ones lie.</summary>
    [Fact]
    public void Two_optimizers_train_against_each_other()
    {
        var gan = Initialize(new Gan(new(new CpuEngine(1))));
        var history = Trainer.Fit(gan, Real(256), Adversarial(), options: Small(null) with { Epochs = 40 });
        using var scope = Tape.NoGrad();
        var made = gan.Generator.Forward(Noise(256, 99, gan.Generator.Parameters[0].Device)).ToArray();
        Assert.InRange(made.Average(), 1.2, 2.8);
        Assert.Null(history.Last.TrainAccuracy);
        Assert.Empty(history.Last.Metrics);
        Assert.True(double.IsFinite(history.Last.TrainLoss));
    }

    /// <summary>A set of one's own gives the images that the byte path gives, and so the same training to the byte.</summary>
    [Fact]
    public void Samples_of_images_train_as_the_images_do()
    {
        var images = Images(100);
        var options = Small(null);
        var (bytes, samples) = (Model(new(new CpuEngine(1))), Model(new(new CpuEngine(1))));
        Trainer.Fit(bytes, images, TrainingTask.Classification(), options: options);
        Trainer.Fit(samples, images.Subset([.. Enumerable.Range(0, 100)]), TrainingTask.Classification(), options: options);
        Assert.Equal(bytes.StateDict().Select(t => t.Tensor.ToArray()), samples.StateDict().Select(t => t.Tensor.ToArray()));
    }

    /// <summary>Mixed images are of two classes, with a task named or not.</summary>
    [Fact]
    public void Mixed_images_have_both_labels()
    {
        var options = Small(null) with { Augmentation = Augment.Mixup(1), LabelSmoothing = 0.1 };
        var (plain, named) = (Linear(), Linear());
        var expected = Trainer.Fit(plain, Images(96), options: options);
        var actual = Trainer.Fit(named, Images(96), TrainingTask.Classification(labelSmoothing: 0.1), options: options with { LabelSmoothing = 0 });
        Assert.Equal(plain.Parameters.Select(t => t.ToArray()), named.Parameters.Select(t => t.ToArray()));
        Assert.Equal((expected.Last.TrainLoss, expected.Last.TrainAccuracy), (actual.Last.TrainLoss, actual.Last.TrainAccuracy));
    }

    static Sequential Linear() => Initialize(new Sequential(new Flatten(), new Linear(128, Classes, device: new(new CpuEngine(1)))));

    [Fact]
    public void Evaluate_and_predict_agree_with_the_classifiers_own()
    {
        var device = new Device(new CpuEngine(1));
        var (model, images) = (Model(device), Images(70));
        var expected = Trainer.Evaluate(model, images);
        var actual = Trainer.Evaluate(model, images, TrainingTask.Classification(), batchSize: 16);
        Assert.Equal(expected.Loss, actual.Loss, 5);
        Assert.Equal(expected.Accuracy, actual.Metrics["accuracy"]);
        Assert.Equal(70, actual.Count);

        var predictions = Trainer.Predict(model, images, batchSize: 16);
        Assert.Equal(new(70, Classes), predictions.Outputs.Shape);
        Assert.Equal(expected.Accuracy, predictions.Classes().Zip(images.Labels.ToArray()).Average(pair => pair.First == pair.Second ? 1.0 : 0));
        Assert.Equal(predictions.Classes().Select(label => images.ClassNames[label]), predictions.Names());
        Assert.True(model.IsTraining);
    }

    [Fact]
    public void The_metric_that_is_monitored_decides_which_epoch_is_best()
    {
        var history = Fit(Kind.Rotation, new(new CpuEngine(1)), null, epochs: 4, monitor: "mean_absolute_error");
        Assert.Equal(history.Epochs.MinBy(e => e.ValidationMetrics!["mean_absolute_error"])!.Epoch, history.Best!.Epoch);
        var error = Assert.Throws<ArgumentException>(() => Trainer.Fit(Regressor(new(new CpuEngine(1))), Lines(48), TrainingTask.Regression(), options: Small(null) with { Monitor = Metric.F1() }));
        Assert.Contains("'f1', which the task 'regression' does not measure; it measures loss, mean_absolute_error, r2", error.Message, StringComparison.Ordinal);
    }

    /// <summary>A step through its batch in parts is the step of the whole batch but for rounding; the last batch is not full, nor is its last part.</summary>
    [Fact]
    public void Batches_in_parts_make_the_same_steps()
    {
        var device = new Device(new CpuEngine(1));
        var (whole, parts) = (Regressor(device), Regressor(device));
        var options = Small(null) with { Optimizer = new SgdOptions { LearningRate = 0.05, Momentum = 0.9 } };
        var expected = Trainer.Fit(whole, Lines(100), TrainingTask.Regression(), Lines(20), options);
        var actual = Trainer.Fit(parts, Lines(100), TrainingTask.Regression(), Lines(20), options with { MicroBatchSize = 7 });
        Assert.Equal(expected.Epochs.Count, actual.Epochs.Count);
        foreach (var (e, a) in expected.Epochs.Zip(actual.Epochs))
        {
            Assert.Equal(e.TrainLoss, a.TrainLoss, 1e-5);
            Assert.Equal(e.ValidationLoss!.Value, a.ValidationLoss!.Value, 1e-5);
            Assert.Equal(e.TrainMetrics!["r2"], a.TrainMetrics!["r2"], 1e-4);
        }

        foreach (var (e, a) in whole.Parameters.Zip(parts.Parameters)) Assert.All(e.ToArray().Zip(a.ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
        Assert.NotEqual(whole.Parameters[0].ToArray(), parts.Parameters[0].ToArray());
    }

    /// <summary>The classification of images in parts: mixed images keep their pairs, accuracy and loss are counted once, and it resumes to the byte.</summary>
    [Fact]
    public void Images_in_parts_too_and_resumed_to_the_byte()
    {
        using var folder = new TemporaryFolder();
        var (straight, resumed) = (folder.File("straight"), folder.File("resumed"));
        var options = Options() with { MicroBatchSize = 10, Augmentation = Augment.Mixup(0.4) };
        SmallTraining.Fit(new(new CpuEngine(1)), options with { OutputFolder = straight });
        using var cancellation = new CancellationTokenSource();
        Assert.True(SmallTraining.Fit(new(new CpuEngine(1)), options with { OutputFolder = resumed, ReportEvery = 1 }, new Canceling(17, cancellation), cancellation.Token).IsCanceled);
        var history = SmallTraining.Fit(new(new CpuEngine(2)), options with { OutputFolder = resumed, Resume = true });
        AssertSameFiles(straight, resumed);
        Assert.InRange(history.Last.TrainAccuracy!.Value, 0.2, 1);
        Assert.Equal(26, Checkpoint.ReadInfo(Last(straight)).Step);

        var plain = Trainer.Fit(Linear(), Images(100), options: Small(null) with { Augmentation = Augment.Mixup(0.4) });
        var parts = Trainer.Fit(Linear(), Images(100), options: Small(null) with { Augmentation = Augment.Mixup(0.4), MicroBatchSize = 5 });
        Assert.Equal(plain.Last.TrainLoss, parts.Last.TrainLoss, 1e-4);

        // The loss of a step is that of all its parts.
        var (whole, inParts) = (new StepLosses(), new StepLosses());
        Trainer.Fit(Linear(), Images(100), options: Small(null), observer: whole);
        Trainer.Fit(Linear(), Images(100), options: Small(null) with { MicroBatchSize = 7 }, observer: inParts);
        Assert.Equal(10, whole.Values.Count);
        Assert.All(whole.Values.Zip(inParts.Values), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
    }

    /// <summary>Against the formulas in double precision, over the weights of every step; validation, the best checkpoint, the last and the model at the end have the average, and a resumed training too.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Weights_are_averaged(bool exponential)
    {
        using var folder = new TemporaryFolder();
        var options = Small(folder.File("straight")) with { Epochs = 3, Average = exponential ? WeightAverage.Exponential(0.9) : WeightAverage.Stochastic(firstEpoch: 2) };
        var model = Regressor(new(new CpuEngine(1)));
        var recorder = new Recorder();
        var expected = model.Parameters.Select(t => t.ToArray<float>().Select(v => (double)v).ToArray()).ToList();
        var history = Trainer.Fit(model, Lines(96), TrainingTask.Regression(), Lines(30), options, recorder);
        var count = 0;
        for (var step = 0; step < recorder.Weights.Count; step++)
        {
            if (!exponential && (step + 1) % 4 != 0) continue;
            if (!exponential && step + 1 >= 8) count++;
            var share = exponential ? 1 - Math.Min(0.9, (1.0 + step) / (10 + step)) : 1.0 / Math.Max(count, 1);
            for (var i = 0; i < expected.Count; i++)
                for (var j = 0; j < expected[i].Length; j++) expected[i][j] += share * (recorder.Weights[step][i][j] - expected[i][j]);
        }

        Same(model);
        var last = Regressor(new(new CpuEngine(1)));
        Assert.Equal(exponential ? 12 : 2, Checkpoint.Load(Last(folder.File("straight")), last).Averaged);
        Same(last);
        Assert.Equal(history.Last.ValidationLoss!.Value, Trainer.Evaluate(last, Lines(30), TrainingTask.Regression()).Loss, 1e-6);
        var best = Regressor(new(new CpuEngine(1)));
        Checkpoint.Load(Path.Combine(folder.File("straight"), Checkpoint.BestFile), best);
        Assert.Equal(history.Best!.ValidationLoss!.Value, Trainer.Evaluate(best, Lines(30), TrainingTask.Regression()).Loss, 1e-6);

        foreach (var at in new[] { 3, 4, 9, 11 })
        {
            var resumed = options with { OutputFolder = folder.File($"resumed{at}") };
            using var cancellation = new CancellationTokenSource();
            Assert.True(Trainer.Fit(Regressor(new(new CpuEngine(1))), Lines(96), TrainingTask.Regression(), Lines(30), resumed, new Canceling(at, cancellation), cancellation.Token).IsCanceled);
            Trainer.Fit(Regressor(new(new CpuEngine(2))), Lines(96), TrainingTask.Regression(), Lines(30), resumed with { Resume = true });
            AssertSameFiles(options.OutputFolder!, resumed.OutputFolder!);
        }

        var error = Assert.Throws<DataFormatException>(() => Trainer.Fit(Regressor(new(new CpuEngine(1))), Lines(96), TrainingTask.Regression(), Lines(30), options with { Epochs = 4, Resume = true, Average = null }));
        Assert.Contains("an average of the weights: expected none, got one", error.Message, StringComparison.Ordinal);

        void Same(Layer actual)
        {
            foreach (var (e, a) in expected.Zip(actual.Parameters)) Assert.All(e.Zip(a.ToArray()), pair => Assert.Equal(pair.First, pair.Second, 2e-6));
        }
    }

    /// <summary>Lookahead by hand, step by step: the same weights; and resumed between two of its syncs to the byte.</summary>
    [Fact]
    public void Lookahead_goes_back_to_the_slow_weights()
    {
        using var folder = new TemporaryFolder();
        var options = Small(folder.File("straight")) with { Optimizer = new SgdOptions { LearningRate = 0.05 }, Schedule = Schedule.Constant(), Average = WeightAverage.Lookahead(every: 3, share: 0.4) };
        var (model, byHand) = (Regressor(new(new CpuEngine(1))), Regressor(new(new CpuEngine(1))));
        Trainer.Fit(model, Lines(96), TrainingTask.Regression(), options: options);

        var optimizer = new Sgd(byHand.Parameters, learningRate: 0.05);
        var slow = byHand.Parameters.Select(t => t.ToArray()).ToArray();
        var step = 0;
        for (var epoch = 0; epoch < 2; epoch++)
        {
            foreach (var batch in new DataLoader(Lines(96), 24, byHand.Parameters[0].Device, seed: 1).Epoch(epoch))
            {
                Loss.MeanSquaredError(byHand.Forward(batch.Images), batch.Labels).Backward();
                optimizer.Step();
                if (++step % 3 != 0) continue;
                foreach (var (tensor, kept) in byHand.Parameters.Zip(slow))
                {
                    var fast = tensor.ToArray();
                    for (var i = 0; i < kept.Length; i++) kept[i] += 0.4f * (fast[i] - kept[i]);
                    tensor.CopyFrom<float>(kept);
                }
            }
        }

        foreach (var (e, a) in slow.Zip(model.Parameters)) Assert.All(e.Zip(a.ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
        var resumed = options with { OutputFolder = folder.File("resumed") };
        using var cancellation = new CancellationTokenSource();
        Trainer.Fit(Regressor(new(new CpuEngine(1))), Lines(96), TrainingTask.Regression(), options: resumed, observer: new Canceling(5, cancellation), cancellation: cancellation.Token);
        Trainer.Fit(Regressor(new(new CpuEngine(1))), Lines(96), TrainingTask.Regression(), options: resumed with { Resume = true });
        AssertSameFiles(options.OutputFolder!, resumed.OutputFolder!);
    }

    sealed class StepLosses : ITrainingObserver
    {
        public List<double> Values { get; } = [];

        public void OnProgress(in TrainingProgress progress) => Values.Add(progress.StepLoss);
    }

    /// <summary>The weights after every step.</summary>
    sealed class Recorder : ITrainingObserver
    {
        TrainingControl? training;

        public List<float[][]> Weights { get; } = [];

        public void OnStart(TrainingControl training) => this.training = training;

        public void OnProgress(in TrainingProgress progress) => Weights.Add([.. training!.Model.Parameters.Select(t => t.ToArray())]);
    }

    /// <summary>Void pixels and weights of classes: losses and steps do not depend on how samples are cut into batches, and what is all void is passed over.</summary>
    [Fact]
    public void Losses_are_weighed_by_what_counts()
    {
        var device = new Device(new CpuEngine(1));
        var labels = new int[48 * 16];
        for (var i = 0; i < labels.Length; i++) labels[i] = i / 16 % 6 == 0 ? 255 : i % 16 < i / 16 % 12 ? 255 : (int)Spot(i / 16, i % 16 / 4);
        var inputs = new float[48 * 16];
        for (var i = 0; i < inputs.Length; i++) inputs[i] = Spot(i / 16, i % 16 / 4);
        var pixels = Dataset.From(inputs, new(4, 4, 1), labels, new(4, 4));
        Cuts(() => Make(Kind.Segmentation, device).Model, pixels, TrainingTask.Segmentation(2, ignoreIndex: 255));
        Cuts(Linear, Images(48), TrainingTask.Classification(classWeights: [1, 0.1, 3, 0.5]));

        // All of it void: no loss, no step, no NaN.
        var nothing = Dataset.From(inputs, new(4, 4, 1), Enumerable.Repeat(255, labels.Length).ToArray(), new(4, 4));
        var model = Initialize(Make(Kind.Segmentation, device).Model);
        var before = model.Parameters.Select(t => t.ToArray()).ToList();
        Assert.Equal(0, Trainer.Fit(model, nothing, TrainingTask.Segmentation(2, ignoreIndex: 255), options: Small(null)).Last.TrainLoss);
        Assert.Equal(before, model.Parameters.Select(t => t.ToArray()));

        static void Cuts(Func<Layer> create, IDataset set, TrainingTask task)
        {
            var (whole, parts) = (Initialize(create()), Initialize(create()));
            var options = Small(null) with { BatchSize = 16, Optimizer = new SgdOptions { LearningRate = 0.1 }, Sampler = Sampler.Sequential };
            var (expected, actual) = (Trainer.Fit(whole, set, task, options: options), Trainer.Fit(parts, set, task, options: options with { MicroBatchSize = 2 }));
            Assert.Equal(expected.Last.TrainLoss, actual.Last.TrainLoss, 1e-4);
            foreach (var (e, a) in whole.Parameters.Zip(parts.Parameters)) Assert.All(e.ToArray().Zip(a.ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
            foreach (var size in new[] { 1, 7, 48 }) Assert.Equal(Trainer.Evaluate(whole, set, task, batchSize: 16).Loss, Trainer.Evaluate(whole, set, task, batchSize: size).Loss, 1e-5);
        }
    }

    // ---- what is wrong is named ------------------------------------------------------------------------------------

    /// <summary>A sample that cannot be read is named, and the steps before it can be gone on from.</summary>
    [Fact]
    public void A_transform_that_throws_is_named_and_the_steps_before_it_stay()
    {
        using var folder = new TemporaryFolder();
        var broken = Lines(96).Map(sample =>
        {
            // At place 75 of an epoch, so in its fourth batch of 24.
            if (sample.Random.Position >> 24 == 75) throw new ArithmeticException("no such line");
        });
        var error = Assert.Throws<DataFormatException>(() => Trainer.Fit(Regressor(new(new CpuEngine(1))), broken, TrainingTask.Regression(), options: Small(folder.Path)));
        Assert.Matches(@"^samples: sample \d+ \(epoch 1, batch 4\) could not be read: a transform \(Map\) failed: no such line\.$", error.Message);
        Assert.IsType<ArithmeticException>(error.InnerException);
        Assert.Equal(3, Checkpoint.ReadInfo(Last(folder.Path)).Step);

        Trainer.Fit(Regressor(new(new CpuEngine(1))), Lines(96), TrainingTask.Regression(), options: Small(folder.Path) with { Resume = true });
        var straight = Regressor(new(new CpuEngine(1)));
        Trainer.Fit(straight, Lines(96), TrainingTask.Regression(), options: Small(null));
        var resumed = Regressor(new(new CpuEngine(1)));
        Checkpoint.Load(Last(folder.Path), resumed);
        Assert.Equal(straight.StateDict().Select(t => t.Tensor.ToArray()), resumed.StateDict().Select(t => t.Tensor.ToArray()));
    }

    [Fact]
    public void A_sample_of_another_length_is_named()
    {
        var items = Dataset.From(Enumerable.Range(0, 48), [new("line", new(4, 4, 1))], [new("angle", new(1))], (i, sample) => sample.SetInput(new float[i == 30 ? 15 : 16]), "lines");
        var error = Assert.Throws<DataFormatException>(() => Trainer.Fit(Regressor(new(new CpuEngine(1))), items, TrainingTask.Regression(), options: Small(null)));
        Assert.Contains("lines: sample 30 (epoch 1, batch ", error.Message, StringComparison.Ordinal);
        Assert.Contains("the field 'line' has 16 values a sample, [4, 4, 1]; got 15", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_does_not_fit_is_said_before_it_is_trained_on()
    {
        var device = new Device(new CpuEngine(1));
        Assert.Contains("the loss is [24, 1]; expected one number", Assert.Throws<ShapeException>(() => Trainer.Fit(Regressor(device), Lines(48), new TrainingTask("mine") { Loss = (output, batch) => output - batch.Labels }, options: Small(null))).Message, StringComparison.Ordinal);
        Assert.Contains("Task 'mine': it has neither a Loss nor a Train", Assert.Throws<ArgumentException>(() => Trainer.Fit(Regressor(device), Lines(48), new TrainingTask("mine"))).Message, StringComparison.Ordinal);
        Assert.Contains("are not like the training samples (samples: input [4, 4, 1] Float32 to target [1] Float32)", Assert.Throws<ArgumentException>(() => Trainer.Fit(Regressor(device), Lines(48), TrainingTask.Regression(), Dataset.From(new float[32], new(16), new float[2]))).Message, StringComparison.Ordinal);
        Assert.Contains("has no Loss, so it cannot be evaluated", Assert.Throws<ArgumentException>(() => Trainer.Fit(new Gan(device), Real(64), Adversarial(), Real(64))).Message, StringComparison.Ordinal);
        Assert.Contains("Metrics has 'r2' more than once", Assert.Throws<ArgumentException>(() => Trainer.Fit(Regressor(device), Lines(48), new TrainingTask("mine") { Loss = (output, batch) => Loss.L1(output, batch.Labels), Metrics = [Metric.R2(), Metric.R2()] })).Message, StringComparison.Ordinal);
        Assert.Contains("parameter '0.weight' belongs to the optimizers 'a' and 'b'", Assert.Throws<ArgumentException>(() => Trainer.Fit(Regressor(device), Lines(48), new TrainingTask("mine") { Loss = (output, batch) => Loss.L1(output, batch.Labels), Optimizers = [new("a", "0.*"), new("b", "*")] })).Message, StringComparison.Ordinal);
        Assert.Contains("is for sets of images; change samples of other sets by Map", Assert.Throws<ArgumentException>(() => Trainer.Fit(Regressor(device), Lines(48), TrainingTask.Regression(), options: Small(null) with { Augmentation = Augment.Flip() })).Message, StringComparison.Ordinal);
        Assert.Contains("accuracy: expected logits [N, classes] and labels [N] (Int32), got [24, 4, 4, 2] and [24, 4, 4] (Int32)", Assert.Throws<ShapeException>(() => Trainer.Fit(Make(Kind.Segmentation, device).Model, Spots(48, targetPerPixel: true), new TrainingTask("pixels") { Loss = (output, batch) => Loss.CrossEntropy(output, batch.Labels), Metrics = [Metric.Accuracy] }, options: Small(null))).Message, StringComparison.Ordinal);
        Assert.Contains("Task 'mine': its loss is null", Assert.Throws<InvalidOperationException>(() => Trainer.Fit(Regressor(device), Lines(48), new TrainingTask("mine") { Loss = (_, _) => null! }, options: Small(null))).Message, StringComparison.Ordinal);
        Assert.Contains("a metric is called 'loss'", Assert.Throws<ArgumentException>(() => Trainer.Fit(Regressor(device), Lines(48), new TrainingTask("mine") { Loss = (output, _) => Functional.Mean(output), Metrics = [Metric.Mean("loss", (output, _) => Functional.Mean(output))] })).Message, StringComparison.Ordinal);
        Assert.Contains("expected two inputs a sample, the set has one, 'input'", Assert.Throws<ArgumentException>(() => Trainer.Fit(Regressor(device), Lines(48), TrainingTask.Pairs(), options: Small(null))).Message, StringComparison.Ordinal);
        Assert.Contains("Task 'mine', optimizer 'a': No parameter fits 'genrator.*'", Assert.Throws<ArgumentException>(() => Trainer.Fit(Regressor(device), Lines(48), new TrainingTask("mine") { Loss = (output, _) => Functional.Mean(output), Optimizers = [new("a", "genrator.*")] })).Message, StringComparison.Ordinal);
        Assert.Contains("LabelSmoothing is for the classification of images without a task", Assert.Throws<ArgumentException>(() => Trainer.Fit(Regressor(device), Lines(48), TrainingTask.Regression(), options: Small(null) with { LabelSmoothing = 0.1 })).Message, StringComparison.Ordinal);
        Assert.Contains("it has one, which needs no name", Assert.Throws<ArgumentException>(() => Trainer.Fit(Regressor(device), Lines(48), new TrainingTask("mine") { Train = step => step.Minimize(Functional.Mean(step.Forward()), "adam") }, options: Small(null))).Message, StringComparison.Ordinal);
        Assert.Contains("its batches cannot be taken in parts", Assert.Throws<ArgumentException>(() => Trainer.Fit(new Gan(device), Real(64), Adversarial(), options: Small(null) with { MicroBatchSize = 8 })).Message, StringComparison.Ordinal);
        Assert.Contains("has several optimizers: say which (generator, discriminator)", Assert.Throws<ArgumentException>(() => Trainer.Fit(new Gan(device), Real(64), new TrainingTask("mine") { Loss = (output, _) => Functional.Mean(output), Optimizers = Adversarial().Optimizers }, options: Small(null))).Message, StringComparison.Ordinal);
    }

    /// <summary>Found at the epoch's end; the checkpoint before it stays.</summary>
    [Fact]
    public void A_metric_that_is_no_number_is_named()
    {
        using var folder = new TemporaryFolder();
        var task = new TrainingTask("mine") { Loss = (output, batch) => Loss.L1(output, batch.Labels), Metrics = [Metric.OfSums("odd", 1, (output, _) => Functional.Sum(output), _ => double.NaN)] };
        var error = Assert.Throws<TrainingDivergedException>(() => Trainer.Fit(Regressor(new(new CpuEngine(1))), Lines(48), task, options: Small(folder.Path)));
        Assert.Contains("the training metric 'odd' is NaN", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, Checkpoint.ReadInfo(Last(folder.Path)).Epoch);
        Assert.Empty(File.ReadAllLines(Path.Combine(folder.Path, "metrics.jsonl")));
    }

    [Fact]
    public void Another_tasks_checkpoint_is_not_resumed()
    {
        using var folder = new TemporaryFolder();
        Trainer.Fit(Regressor(new(new CpuEngine(1))), Lines(48), TrainingTask.Regression(), options: Small(folder.Path));
        var other = new TrainingTask("mine") { Loss = (output, batch) => Loss.L1(output, batch.Labels) };
        var error = Assert.Throws<DataFormatException>(() => Trainer.Fit(Regressor(new(new CpuEngine(1))), Lines(48), other, options: Small(folder.Path) with { Epochs = 3, Resume = true }));
        Assert.Contains("the task: expected mine, got regression", error.Message, StringComparison.Ordinal);
    }

    // ---- the seven -------------------------------------------------------------------------------------------------

    static TrainingOptions Small(string? folder) => Options() with { Augmentation = null, Optimizer = new AdamOptions { LearningRate = 0.01f }, Schedule = Schedule.OneCycle(peak: 0.02), OutputFolder = folder, ReportEvery = 1 };

    static History Fit(Kind kind, Device device, string? folder, ITrainingObserver? observer = null, bool resume = false, int epochs = 2, string? monitor = null, WeightAverage? average = null, int? microBatchSize = null, CancellationToken cancellation = default)
    {
        var (model, set, task) = Build(kind, device);
        var options = Small(folder) with { Epochs = epochs, Resume = resume, Monitor = task.Metrics.FirstOrDefault(metric => metric.Name == monitor), Average = average, MicroBatchSize = microBatchSize };
        var (train, held) = kind == Kind.Adversarial ? (set, null) : set.Split(0.25, seed: 5);
        return Trainer.Fit(model, train, task, held, options, observer, cancellation);
    }

    static (Layer Model, IDataset Set, TrainingTask Task) Build(Kind kind, Device device)
    {
        var (model, set, task) = Make(kind, device);
        Initialize(model);
        return (model, set, task);
    }

    /// <summary>From a generator of its own: the default one is shared with the tests that run beside these.</summary>
    static T Initialize<T>(T model)
        where T : Layer
    {
        var generator = new Generator(4);
        foreach (var (name, tensor) in model.StateDict())
        {
            var values = new float[tensor.Count];
            if (tensor.Shape.Rank > 1) generator.FillNormal(values, 0, Math.Sqrt((double)tensor.Shape[^1] / tensor.Count));
            else if (!name.EndsWith("bias", StringComparison.Ordinal)) continue;
            tensor.CopyFrom<float>(values);
        }

        return model;
    }

    static (Layer Model, IDataset Set, TrainingTask Task) Make(Kind kind, Device device)
    {
        switch (kind)
        {
            case Kind.Classification:
                return (Model(device), Images(128).Map(sample => Noisy(sample, 0.1)), TrainingTask.Classification(labelSmoothing: 0.05));

            case Kind.Rotation:
                return (Regressor(device), Lines(128), TrainingTask.Regression());

            case Kind.MultiLabel:
                return (new Sequential(new Flatten(), new Linear(16, 24, device: device), new Relu(), new Linear(24, 4, device: device)), Spots(192, targetPerPixel: false), TrainingTask.MultiLabel());

            case Kind.Segmentation:
                return (new Sequential(new Conv2d(1, 8, 3, padding: 1, device: device), new Relu(), new Conv2d(8, 2, 1, device: device)), Spots(128, targetPerPixel: true), TrainingTask.Segmentation(2));

            case Kind.Autoencoder:
                var images = Spots(160, targetPerPixel: false);
                return (new Sequential(new Flatten(), new Linear(16, 12, device: device), new Relu(), new Linear(12, 16, device: device), new Reshaped(4, 4, 1)), Dataset.From(Enumerable.Range(0, images.Count), images.Inputs, [], (i, sample) => ReadInput(images, i, sample)), TrainingTask.ImageToImage());

            case Kind.Siamese:
                var pairable = Images(160);
                return (new Sequential(new Flatten(), new Linear(128, 16, device: device), new Relu(), new Dropout(0.05), new Linear(16, 4, device: device)), pairable.Subset([.. Enumerable.Range(0, 160)]).Pairs(pairable.Labels.ToArray(), 256, seed: 2), TrainingTask.Pairs());

            default:
                return (new Gan(device), Real(128), Adversarial());
        }
    }

    static void ReadInput(IDataset set, int index, Sample sample)
    {
        var values = new float[16];
        for (var i = 0; i < values.Length; i++) values[i] = Spot(index, i / 4) * (i % 4 == 0 ? 1 : 0.5f);
        sample.SetInput(values);
    }

    static void Noisy(Sample sample, double std)
    {
        foreach (ref var value in sample.Input()) value += (float)sample.Random.Normal(0, std);
    }

    static Sequential Regressor(Device device) => Initialize(new Sequential(new Conv2d(1, 8, 3, padding: 1, device: device), new Tanh(), new Flatten(), new Linear(128, 1, device: device)));

    /// <summary>Ramps of 4 x 4, each rising in a direction of its own: the target is the direction's slope.</summary>
    static IDataset Lines(int count)
    {
        var random = new Generator(7);
        var (inputs, targets) = (new float[count * 16], new float[count]);
        for (var n = 0; n < count; n++)
        {
            var angle = random.Uniform(-1.2, 1.2);
            targets[n] = (float)angle;
            for (var i = 0; i < 16; i++) inputs[(n * 16) + i] = (float)((((i / 4) - 1.5) * Math.Sin(angle)) + (((i % 4) - 1.5) * Math.Cos(angle)));
        }

        return Dataset.From(inputs, new(4, 4, 1), targets);
    }

    static float Spot(int index, int row) => Philox.At(3, (ulong)index, (ulong)row) % 2;

    /// <summary>Rows of 4 x 4 that are bright or dark: which, a target a row, or a class a pixel.</summary>
    static IDataset Spots(int count, bool targetPerPixel)
    {
        var random = new Generator(8);
        var inputs = new float[count * 16];
        for (var i = 0; i < inputs.Length; i++) inputs[i] = Spot(i / 16, i % 16 / 4) + (float)random.Normal(0, 0.1);
        if (targetPerPixel) return Dataset.From(inputs, new(4, 4, 1), Enumerable.Range(0, inputs.Length).Select(i => (int)Spot(i / 16, i % 16 / 4)).ToArray(), new(4, 4));
        return Dataset.From(inputs, new(4, 4, 1), Enumerable.Range(0, count * 4).Select(i => Spot(i / 4, i % 4)).ToArray(), new(4));
    }

    /// <summary>Numbers about 2.</summary>
    static IDataset Real(int count)
    {
        var values = new float[count];
        new Generator(9).FillNormal(values, 2, 0.3);
        return Dataset.From(values, new(1));
    }

    static Tensor Noise(int count, ulong step, Device device)
    {
        var noise = new float[count * 2];
        new Generator(6, step).FillNormal(noise, 0, 1);
        return Tensor.From(noise, new(count, 2), device);
    }

    static TrainingTask Adversarial() => new("adversarial")
    {
        Optimizers = [new("generator", "generator.*"), new("discriminator", "discriminator.*", new AdamOptions { LearningRate = 0.02f })],
        Train = step =>
        {
            var (gan, real) = ((Gan)step.Model, step.Batch.Inputs[0]);
            var made = gan.Generator.Forward(Noise(step.Batch.Count, (ulong)step.Number, real.Device));
            var ones = Tensor.Ones(new(step.Batch.Count, 1), real.Device);
            step.Minimize(Loss.BinaryCrossEntropyWithLogits(gan.Discriminator.Forward(real), ones) + Loss.BinaryCrossEntropyWithLogits(gan.Discriminator.Forward(made.Detach()), ones * 0), "discriminator");
            step.Minimize(Loss.BinaryCrossEntropyWithLogits(gan.Discriminator.Forward(made), ones), "generator");
        },
    };

    sealed class Gan : Layer
    {
        readonly Sequential generator, discriminator;

        public Gan(Device device)
        {
            generator = new(new Linear(2, 8, device: device), new Tanh(), new Linear(8, 1, device: device));
            discriminator = new(new Linear(1, 8, device: device), new Tanh(), new Linear(8, 1, device: device));
        }

        public Sequential Generator => generator;

        public Sequential Discriminator => discriminator;

        protected override Tensor Compute(Tensor x) => discriminator.Forward(x);
    }

    sealed class Reshaped(params int[] extents) : Layer
    {
        protected override Tensor Compute(Tensor x) => Functional.Reshape(x, [x.Shape[0], .. extents]);
    }

    sealed class Canceling(int step, CancellationTokenSource cancellation) : ITrainingObserver
    {
        public void OnProgress(in TrainingProgress progress)
        {
            if (progress.Step == step) cancellation.Cancel();
        }
    }
}
