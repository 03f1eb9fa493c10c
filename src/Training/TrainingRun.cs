using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using CnnSharp.Data;
using CnnSharp.Formats;
using CnnSharp.Formats.Onnx;
using CnnSharp.Formats.TensorBoard;
using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>One training of <see cref="Trainer"/>.</summary>
sealed class TrainingRun : IDisposable
{
    /// <summary>Calls of a layer's Forward in a step before its random numbers are those of the next step: 2^8.</summary>
    const int ForwardsLog2 = 8;

    readonly Layer model;
    readonly IDataset train;
    readonly TrainingTask task;
    readonly TrainingOptions options;
    readonly ITrainingObserver? observer;
    readonly DataLoader loader;
    readonly (Optimizer Optimizer, double Rate)[] optimizers;
    readonly Meter meter;
    readonly TrainingStep training;
    readonly Evaluator? evaluator;
    readonly TaskEvaluator? taskEvaluator;
    readonly SampleEvents? samples;
    readonly Metric monitor;
    readonly int partsPerStep;
    readonly AveragedWeights? averaged;
    readonly List<(IRandomized Layer, uint Number)> randomized = [];
    readonly Tensor[] tensors;
    readonly SquareSums squares;
    readonly List<double> losses = [];
    readonly TrainingControl control;
    readonly string? labels;
    readonly List<string> warnings = [];
    readonly List<EventSummary.Types.Value> gradients = [];
    OutputFolder? folder;

    /// <summary>The model's graph as checkpoints have it: that of the last end of an epoch, when a program may have changed the model.</summary>
    KeyValuePair<string, string>? graph;

    History history;
    int epoch;
    int batch;
    long step;
    double rate;

    /// <summary>The best epoch's weights, where they are to be brought back and no folder keeps them.</summary>
    List<(Tensor Tensor, SafeTensor Values)>? best;

    public TrainingRun(Layer model, IDataset train, IDataset? validation, TrainingTask task, TrainingOptions options, ITrainingObserver? observer)
    {
        options.Validate();
        if (options.LabelSmoothing != 0 && !task.IsImageClassification) throw new ArgumentException($"Fit: {nameof(TrainingOptions.LabelSmoothing)} is for the classification of images without a task; give it to the task ({nameof(TrainingTask)}.{nameof(TrainingTask.Classification)}) where it has one.");
        if (train.Count == 0) throw new ArgumentException($"Fit: '{train.Name}' has no {(train is ImageDataset ? "images" : "samples")}.", nameof(train));
        ThrowIfUnlike(train, validation);

        (this.model, this.train, this.task, this.options, this.observer) = (model, train, task, options, observer);
        monitor = options.Monitor ?? (task.Metrics.Contains(Metric.Accuracy) ? Metric.Accuracy : Metric.Loss);
        if (monitor != Metric.Loss && !task.Metrics.Any(metric => metric.Name == monitor.Name)) throw new ArgumentException($"Fit: {nameof(TrainingOptions.Monitor)} is '{monitor}', which the task '{task.Name}' does not measure; it measures loss{string.Concat(task.Metrics.Select(metric => $", {metric}"))}.");
        var device = Trainer.DeviceOf(model);
        if (Images is { } images) labels = $"sha256:{Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(images.Labels)))}";
        loader = Trainer.LoaderOf(train, options.BatchSize, device, new() { Augmentation = options.Augmentation, Seed = options.Seed, DropLast = options.DropLast || DropsLastImage(), Sampler = options.Sampler });
        var named = TaskOptimizers.Create(model, task, options);
        optimizers = [.. named.Select(o => (o.Optimizer, o.Optimizer.LearningRate))];
        var microBatchSize = Math.Min(options.MicroBatchSize ?? options.BatchSize, options.BatchSize);
        if (microBatchSize < options.BatchSize && optimizers.Length > 1) throw new ArgumentException($"Fit: the task '{task.Name}' has several optimizers, so its batches cannot be taken in parts; {nameof(TrainingOptions.MicroBatchSize)} must be null.");
        partsPerStep = (options.BatchSize + microBatchSize - 1) / microBatchSize;
        meter = new(device, checked(loader.Batches * partsPerStep), (options.Sampler ?? Sampler.Shuffled).CountOf(train.Count), task.Metrics);
        training = new(model, task, named, meter, microBatchSize);

        // Validation pixels are normalized like those that were trained on.
        var batchSize = options.EvaluationBatchSize ?? options.BatchSize;
        if (validation is ImageDataset held && task.IsImageClassification) evaluator = new(model, held, device, new() { BatchSize = batchSize, Normalization = Images!.Normalization });
        else if (validation is not null) taskEvaluator = new(model, validation, task, device, batchSize, Images?.Normalization);
        if (options is { OutputFolder: not null, TensorBoard: true } && validation is not null) samples = new(validation, task, device, Images?.Normalization);
        tensors = [.. model.StateDict().Select(t => t.Tensor).Where(t => t.DType == device.FloatType)];
        squares = new(device, tensors.Length);
        if (options.Average is { } average) averaged = new(model, average, device);
        control = new(model, [.. optimizers.Select(o => o.Optimizer)]);
        history = new([], monitor);

        // A step of the plain classification calls Forward once; others may call it several times, so each starts at a place of its own.
        if (!task.IsImageClassification || partsPerStep > 1) randomized.AddRange(model.Modules().Select((layer, number) => (layer as IRandomized, (uint)number)).Where(pair => pair.Item1 is not null)!);
    }

    /// <summary>The training set, if it is one of images with labels.</summary>
    ImageDataset? Images => train as ImageDataset;

    long TotalSteps => (long)options.Epochs * loader.Batches;

    public History Execute(CancellationToken cancellation)
    {
        var start = Stopwatch.GetTimestamp();
        var sums = Begin();
        history.Folder = folder?.Location;
        observer?.OnStart(control);
        while (epoch < options.Epochs && !IsOver(cancellation))
        {
            RunEpoch(sums, cancellation);
            sums = new();
        }

        averaged?.Exchange();
        if (options.EarlyStopping is { RestoreBest: true } && history.End is TrainingEnd.Completed or TrainingEnd.StoppedEarly && history.Epochs.Count > 0) RestoreBest();
        history.Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return history;
    }

    public void Dispose()
    {
        meter.Dispose();
        evaluator?.Dispose();
        taskEvaluator?.Dispose();
        averaged?.Dispose();
        folder?.Dispose();
    }

    static void ThrowIfUnlike(IDataset train, IDataset? validation)
    {
        if (train is ImageDataset images && validation is ImageDataset held)
        {
            if ((held.Height, held.Width, held.Channels, held.Classes) != (images.Height, images.Width, images.Channels, images.Classes))
                throw new ArgumentException($"Fit: the validation images ({held}) are not like the training images ({images}).", nameof(validation));
        }
        else if (validation is not null && !(Fields(train.Inputs).SequenceEqual(Fields(validation.Inputs)) && Fields(train.Targets).SequenceEqual(Fields(validation.Targets))))
        {
            throw new ArgumentException($"Fit: the validation samples ({Text(validation)}) are not like the training samples ({Text(train)}).", nameof(validation));
        }

        static IEnumerable<(Shape, Kernels.DType)> Fields(IReadOnlyList<Field> fields) => fields.Select(field => (field.Shape, field.Type));

        static string Text(IDataset set) => $"{set.Name}: {string.Join(", ", set.Inputs.Select(f => $"{f.Name} {f.Shape} {f.Type}"))} to {(set.Targets.Count == 0 ? "no targets" : string.Join(", ", set.Targets.Select(f => $"{f.Name} {f.Shape} {f.Type}")))}";
    }

    /// <summary>
    /// Whether the last batch of an epoch is one image that a batch norm has no statistics of: one value a channel. Found
    /// before the first step, not at the end of the first epoch.
    /// </summary>
    bool DropsLastImage()
    {
        var isAlone = train.Count < 2 || options.BatchSize < 2 || (!options.DropLast && train.Count % options.BatchSize == 1);
        if (!isAlone || !task.IsImageClassification || !model.Modules().Any(layer => layer is BatchNorm2d)) return false;
        var alone = Summary.Of(model, new(Images!.Height, Images.Width, Images.Channels)).Layers.FirstOrDefault(layer => layer.Kind == nameof(BatchNorm2d) && layer.Output.Count == layer.Output[^1]);
        if (alone is null) return false;
        if (train.Count < 2 || options.BatchSize < 2) throw new ArgumentException($"Fit: '{alone.Path}' (BatchNorm2d) gets one value a channel from one image {alone.Output}, so it needs batches of at least 2 images; '{train.Name}' has {train.Count:N0}, the batch size is {options.BatchSize:N0}.");
        warnings.Add($"The last batch of an epoch would be a single image, of which '{alone.Path}' (BatchNorm2d) has one value a channel and so no statistics: each epoch leaves one of the {train.Count:N0} images out, by turns. Another batch size than {options.BatchSize:N0} takes them all.");
        return true;
    }

    void RunEpoch(MeterSums sums, CancellationToken cancellation)
    {
        var start = Stopwatch.GetTimestamp();
        var before = sums.Count;
        var firstStep = step;
        meter.Reset(sums);
        model.Train();
        model.ManualSeed(options.Seed, (ulong)step);
        if (batch < loader.Batches)
        {
            using var batches = loader.Epoch(epoch, batch).GetEnumerator();
            while (Next(batches, firstStep))
            {
                Step(batches.Current);
                if (batch % options.ReportEvery == 0 || batch == loader.Batches) Report(start, before, firstStep);
                if (batch == loader.Batches) continue;
                var isOver = cancellation.IsCancellationRequested || control.IsStopped;
                if (!isOver && step % (options.CheckpointEvery ?? long.MaxValue) != 0) continue;
                meter.Read();
                ThrowIfDiverged(firstStep);
                ThrowIfNotFinite();
                SaveLast();
                if (!isOver) continue;
                history.End = control.IsStopped ? TrainingEnd.Stopped : TrainingEnd.Canceled;
                return;
            }
        }

        Finish(start, before, firstStep);
    }

    /// <summary>The next batch. Where an image of it cannot be read, the steps made are saved before that is said.</summary>
    bool Next(IEnumerator<Batch> batches, long firstStep)
    {
        try
        {
            return batches.MoveNext();
        }
        catch (Exception e) when (folder is not null && step > firstStep && (e is IOException or UnauthorizedAccessException))
        {
            meter.Read();
            ThrowIfDiverged(firstStep);
            ThrowIfNotFinite();
            SaveLast();
            throw;
        }
    }

    /// <summary>Whether the training ends between two epochs, for another reason than that there are no more.</summary>
    bool IsOver(CancellationToken cancellation)
    {
        if (history.End != TrainingEnd.Completed) return true;
        if (control.IsStopped) history.End = TrainingEnd.Stopped;
        else if (cancellation.IsCancellationRequested) history.End = TrainingEnd.Canceled;
        else if (options.EarlyStopping?.IsOver(history.Epochs, monitor) == true) history.End = TrainingEnd.StoppedEarly;
        return history.End != TrainingEnd.Completed;
    }

    void Step(Batch samples)
    {
        using var done = samples;
        var time = new ScheduleTime(step, TotalSteps, loader.Batches, losses);
        foreach (var (optimizer, initial) in optimizers) (optimizer.LearningRate, optimizer.Momentum) = (options.Schedule.RateAt(initial, time), options.Schedule.MomentumAt(time));
        rate = optimizers[0].Optimizer.LearningRate;
        foreach (var (layer, number) in randomized) layer.ManualSeed(options.Seed, (ulong)step << ForwardsLog2, number);
        training.BeforeOptimizer = folder is { HasEvents: true } && batch == loader.Batches - 1 ? TakeGradients : null;
        training.Run(samples, step);
        averaged?.AddStep();
        batch++;
        control.Step = ++step;
    }

    void Report(long start, long before, long firstStep)
    {
        if (observer is null && folder is not { HasEvents: true }) return;
        meter.Read();
        ThrowIfDiverged(firstStep);
        folder?.AppendEvent(step, [EventFile.Scalar("step/loss", meter.LastLoss), EventFile.Scalar("step/learning_rate", rate)]);
        var perSecond = (meter.Sums.Count - before) / Math.Max(Stopwatch.GetElapsedTime(start).TotalSeconds, 1e-9);
        observer?.OnProgress(new(epoch + 1, options.Epochs, batch, loader.Batches, step, meter.LastLoss, meter.Sums.MeanLoss, TrainAccuracy, rate, perSecond));
    }

    /// <summary>Everything is finite before anything is recorded or written: the checkpoint that stays is a good one.</summary>
    void Finish(long start, long before, long firstStep)
    {
        meter.Read();
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        ThrowIfDiverged(firstStep);
        ThrowIfNotFinite();
        averaged?.AddEpoch(epoch + 1);
        averaged?.Exchange();
        var validated = evaluator?.Run(null, CancellationToken.None);
        var measured = taskEvaluator?.Run(CancellationToken.None);
        if ((validated?.Loss ?? measured?.Loss) is { } loss && !double.IsFinite(loss)) throw Diverged(step, $"the validation loss is {loss}");

        var sums = meter.Sums;
        var trained = task.IsImageClassification || sums.Measured == 0 ? null : meter.Figures();
        ThrowIfNotNumbers("training", trained);
        ThrowIfNotNumbers("validation", measured?.Metrics);
        var result = new EpochResult(epoch + 1, rate, sums.MeanLoss, TrainAccuracy, validated?.Loss ?? measured?.Loss, validated?.Accuracy ?? Accuracy(measured))
        {
            ValidationTop5Accuracy = validated?.Top5Accuracy,
            Validation = validated,
            TrainMetrics = trained,
            ValidationMetrics = measured?.Metrics,
            Seconds = seconds,
            ImagesPerSecond = (sums.Count - before) / Math.Max(seconds, 1e-9),
            PeakMemory = PeakMemory(),
        };
        history.Add(result);
        losses.Add(result.Loss);
        meter.Reset();
        (epoch, batch) = (epoch + 1, 0);
        control.Epoch = epoch;
        observer?.OnEpoch(result);

        // Not within an epoch: layers with a state of their own would notice one more forward pass.
        FollowGraph();

        // By the weights that were measured.
        List<EventSummary.Types.Value> predictions = folder is { HasEvents: true } && samples is not null ? [.. samples.Of(model, isFirst: epoch == 1)] : [];

        // The last checkpoint at the end: if the process ends before it is written, the resumed run makes the other files again.
        if (ReferenceEquals(history.Best, result)) SaveBest();
        averaged?.Exchange();
        folder?.Append(result, step);
        if (folder is { HasEvents: true }) folder.AppendEvent(step, [.. EventsOf(result), .. predictions]);
        SaveLast();
    }

    static long PeakMemory()
    {
        using var process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64;
    }

    /// <summary>The share of hits; null where the task does not count them.</summary>
    double? TrainAccuracy => task.Metrics.Contains(Metric.Accuracy) && (meter.Sums.Measured > 0 || task.IsImageClassification) ? meter.Sums.Accuracy : null;

    static double? Accuracy(TaskEvaluation? measured) => measured is not null && measured.Metrics.TryGetValue(Metric.Accuracy.Name, out var value) ? value : null;

    void ThrowIfNotNumbers(string part, IReadOnlyDictionary<string, double>? metrics)
    {
        foreach (var (name, value) in metrics ?? new Dictionary<string, double>())
        {
            if (!double.IsFinite(value)) throw new TrainingDivergedException(epoch + 1, step, $"the {part} metric '{name}' is {value}", history.Checkpoint, "It can neither be recorded nor compared: make it a number where its sums are 0, too.");
        }
    }

    /// <summary>The histograms of the gradients, as TensorBoard's panes show them.</summary>
    void TakeGradients()
    {
        foreach (var tensor in model.Parameters)
        {
            if (tensor.Gradient is { } gradient && gradient.ToArray() is var values && Array.TrueForAll(values, float.IsFinite)) gradients.Add(EventFile.Histogram($"gradients/{tensor.Name}", values));
        }
    }

    /// <summary>The figures of an epoch, by the names of <c>metrics.jsonl</c>, and the weights and gradients at its end.</summary>
    List<EventSummary.Types.Value> EventsOf(EpochResult result)
    {
        var values = new List<EventSummary.Types.Value>();
        foreach (var (name, value) in MetricsFile.Figures(result)) values.Add(EventFile.Scalar(name.Replace("train_", "train/", StringComparison.Ordinal).Replace("validation_", "validation/", StringComparison.Ordinal), value));
        foreach (var tensor in model.Parameters) values.Add(EventFile.Histogram($"weights/{tensor.Name}", tensor.ToArray()));
        values.AddRange(gradients);
        gradients.Clear();
        return values;
    }

    void ThrowIfDiverged(long firstStep)
    {
        if (meter.FirstBadStep >= 0) throw Diverged(firstStep + (meter.FirstBadStep / partsPerStep) + 1, $"the loss is {meter.BadLoss}");
    }

    /// <summary>A step can leave a weight that is not finite behind a loss that is. The sum of its squares tells, rescaled where it overflows.</summary>
    void ThrowIfNotFinite(string? when = null)
    {
        for (var i = 0; i < tensors.Length; i++) squares.Set(i, tensors[i].Data);
        var sums = squares.Read();
        for (var i = 0; i < sums.Length; i++)
        {
            if (!double.IsFinite(sums[i]) && !double.IsFinite(squares.Rescaled(tensors[i].Data))) throw when is null ? Diverged(step, $"tensor '{tensors[i].Name}' is not finite") : new ArgumentException($"Fit: tensor '{tensors[i].Name}' holds NaN or infinity {when}.");
        }
    }

    TrainingDivergedException Diverged(long at, string what) => new(epoch + 1, at, what, history.Checkpoint);

    void FollowGraph()
    {
        if (folder is not null && options.KeepGraph) graph = train.Inputs[0].Type == Kernels.DType.Int32 ? SavedGraph.Missing($"the input '{train.Inputs[0].Name}' is of whole numbers") : SavedGraph.Of(model, train.Inputs[0].Shape);
    }

    void SaveLast()
    {
        if (folder is null) return;
        history.Checkpoint = folder.SaveLast(model, Info(), control.Optimizers, averaged);
        observer?.OnCheckpoint(history.Checkpoint);
    }

    void SaveBest()
    {
        if (folder is null)
        {
            if (options.EarlyStopping is { RestoreBest: true }) best = [.. model.StateDict().Select(t => (t.Tensor, ModelFile.ToSafeTensor(t.Name, t.Tensor)))];
            return;
        }

        var path = folder.SaveBest(model, Info());
        observer?.OnCheckpoint(path);
    }

    void RestoreBest()
    {
        folder?.ReadBest(model);
        foreach (var (tensor, values) in best ?? []) tensor.CopyFrom<double>(values.AsFloat64());
    }

    CheckpointInfo Info() => new()
    {
        Model = options.Model ?? new() { Name = model.GetType().Name, Classes = Images?.Classes ?? 0, Input = train.Inputs[0].Shape.ToArray() },
        Dataset = train.Name,
        ClassNames = Images?.ClassNames ?? [],
        Normalization = Images?.Normalization ?? Normalization.None(1),
        Epoch = epoch,
        Batch = batch,
        Step = step,
        Seed = options.Seed,
        BatchSize = options.BatchSize,
        Images = train.Count,
        Labels = labels,
        Task = task.IsImageClassification ? null : task.Name,
        Averaged = averaged?.Count,
        BestAccuracy = history.Epochs.Count == 0 ? null : history.Epochs.Max(e => e.Accuracy),
        History = history.Epochs,
        EpochSoFar = meter.Sums,
        Graph = graph,
        Options = Checkpoint.Describe(options),
    };

    /// <summary>Goes on from a checkpoint, or makes the first: from then on the training can be resumed, and that there is room for it has been seen.</summary>
    /// <returns>The sums of the epoch in progress.</returns>
    MeterSums Begin()
    {
        foreach (var warning in warnings) observer?.OnWarning(warning);
        if (options.OutputFolder is not null) folder = OutputFolder.Take(options);
        DataFormatException? damage = null;
        using var checkpoint = options.Resume ? folder!.Open(out damage) : null;
        if (checkpoint is not null)
        {
            if (damage is not null) observer?.OnDamagedCheckpoint(damage, checkpoint.Path);
            Resume(checkpoint);
        }

        ThrowIfNotFinite("before the first step: the weights that it starts from are not sound");
        observer?.OnBegin(folder?.Location);
        if (folder is null) return new();
        FollowGraph();
        if (checkpoint is null)
        {
            SaveLast();
            folder.DeleteOthers();
        }

        folder.Begin(Trainer.DeviceOf(model), epoch, step);
        return checkpoint?.Info.EpochSoFar ?? new();
    }

    /// <summary>Seed and batch size decide which images come next, so they must be those of the checkpoint.</summary>
    void Resume(CheckpointFile checkpoint)
    {
        var (path, info) = (checkpoint.Path, checkpoint.Info);
        Same("the seed", options.Seed, info.Seed);
        Same("the batch size", options.BatchSize, info.BatchSize);
        Same("the data set", train.Name, info.Dataset);
        var now = Info();
        Same("the model", now.Model.Name, info.Model.Name);
        Same("the model's options", Pairs(now.Model.Options), Pairs(info.Model.Options));
        Same("the images", $"[{string.Join(", ", now.Model.Input)}]", $"[{string.Join(", ", info.Model.Input)}]");
        Same("the task", now.Task, info.Task);
        if (Images is { } images && info.ClassNames.Count > 0 && ClassNames.Difference(info.ClassNames, images.ClassNames) is { } difference)
            throw new DataFormatException(path, $"cannot be resumed; the classes of '{train.Name}' are not those that it was trained on: {difference}. Bring the data back, or start a new training from these weights");
        Same("the number of training images", train.Count, info.Images ?? train.Count);
        Same("the labels of the training images", now.Labels, info.Labels ?? now.Labels);
        Same("the mean of the normalization", Numbers(now.Normalization.Mean), Numbers(info.Normalization.Mean));
        Same("the standard deviation of the normalization", Numbers(now.Normalization.Std), Numbers(info.Normalization.Std));
        Same("the steps made", ((long)info.Epoch * loader.Batches) + info.Batch, info.Step);
        if (info.Batch < 0 || info.Batch >= loader.Batches || info.Epoch < 0) throw new DataFormatException(path, "the place in the training", $"one of {loader.Batches} batches of an epoch", $"epoch {info.Epoch}, batch {info.Batch}");
        Same("the epochs in the history", info.Epoch, info.History.Count);
        Same("an average of the weights", averaged is null ? "none" : "one", info.Averaged is null ? "none" : "one");
        checkpoint.Read(model, control.Optimizers, averaged);
        averaged?.Count = info.Averaged!.Value;

        history = new(info.History, monitor) { Checkpoint = path };
        losses.AddRange(info.History.Select(e => e.Loss));
        (epoch, batch, step) = (info.Epoch, info.Batch, info.Step);
        (control.Epoch, control.Step) = (epoch, step);

        static string Pairs(IReadOnlyDictionary<string, string> options) => string.Join(", ", options.OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => $"{o.Key}={o.Value}"));

        static string Numbers(ReadOnlySpan<float> values) => $"[{string.Join(", ", values.ToArray())}]";

        void Same<T>(string what, T expected, T actual)
        {
            if (!Equals(expected, actual)) throw new DataFormatException(path, $"cannot be resumed; {what}", $"{expected}", $"{actual}");
        }
    }
}
