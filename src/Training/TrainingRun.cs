using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using CnnSharp.Data;
using CnnSharp.Formats;
using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>One training of <see cref="Trainer"/>.</summary>
sealed class TrainingRun : IDisposable
{
    readonly Layer model;
    readonly ImageDataset train;
    readonly TrainingOptions options;
    readonly ITrainingObserver? observer;
    readonly DataLoader loader;
    readonly Optimizer optimizer;
    readonly Meter meter;
    readonly Evaluator? evaluator;
    readonly Tensor[] tensors;
    readonly SquareSums squares;
    readonly List<double> losses = [];
    readonly TrainingControl control;
    readonly string labels;
    readonly List<string> warnings = [];
    OutputFolder? folder;

    History history;
    int epoch;
    int batch;
    long step;
    double rate;

    /// <summary>The best epoch's weights, where they are to be brought back and no folder keeps them.</summary>
    List<(Tensor Tensor, SafeTensor Values)>? best;

    public TrainingRun(Layer model, ImageDataset train, ImageDataset? validation, TrainingOptions options, ITrainingObserver? observer)
    {
        options.Validate();
        if (train.Count == 0) throw new ArgumentException($"Fit: '{train.Name}' has no images.", nameof(train));
        if (validation is not null && (validation.Height, validation.Width, validation.Channels, validation.Classes) != (train.Height, train.Width, train.Channels, train.Classes))
            throw new ArgumentException($"Fit: the validation images ({validation}) are not like the training images ({train}).", nameof(validation));

        (this.model, this.train, this.options, this.observer) = (model, train, options, observer);
        var device = Trainer.DeviceOf(model);
        labels = $"sha256:{Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(train.Labels)))}";
        loader = new(train, options.BatchSize, device, options.Augmentation, options.Seed, shuffle: true, options.DropLast || DropsLastImage());
        optimizer = options.Optimizer.Create(ParameterGroup.Of(model, options.LearningRates));
        meter = new(device, loader.Batches, train.Count);

        // Validation pixels are normalized like those that were trained on.
        if (validation is not null) evaluator = new(model, validation, device, new() { BatchSize = options.EvaluationBatchSize ?? options.BatchSize, Normalization = train.Normalization });
        tensors = [.. model.StateDict().Select(t => t.Tensor).Where(t => t.DType == device.FloatType)];
        squares = new(device, tensors.Length);
        control = new(model, optimizer);
        history = new([], options.Monitor);
    }

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

        if (options.EarlyStopping is { RestoreBest: true } && history.End is TrainingEnd.Completed or TrainingEnd.StoppedEarly && history.Epochs.Count > 0) RestoreBest();
        history.Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return history;
    }

    public void Dispose()
    {
        meter.Dispose();
        evaluator?.Dispose();
        folder?.Dispose();
    }

    /// <summary>
    /// Whether the last batch of an epoch is one image that a batch norm has no statistics of: one value a channel. Found
    /// before the first step, not at the end of the first epoch.
    /// </summary>
    bool DropsLastImage()
    {
        var isAlone = train.Count < 2 || options.BatchSize < 2 || (!options.DropLast && train.Count % options.BatchSize == 1);
        if (!isAlone || !model.Modules().Any(layer => layer is BatchNorm2d)) return false;
        var alone = Summary.Of(model, new(train.Height, train.Width, train.Channels)).Layers.FirstOrDefault(layer => layer.Kind == nameof(BatchNorm2d) && layer.Output.Count == layer.Output[^1]);
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
        else if (options.EarlyStopping?.IsOver(history.Epochs, options.Monitor) == true) history.End = TrainingEnd.StoppedEarly;
        return history.End != TrainingEnd.Completed;
    }

    void Step(Batch images)
    {
        using var done = images;
        var time = new ScheduleTime(step, TotalSteps, loader.Batches, losses);
        rate = options.Schedule.RateAt(options.Optimizer.LearningRate, time);
        (optimizer.LearningRate, optimizer.Momentum) = (rate, options.Schedule.MomentumAt(time));
        var logits = Trainer.Forward(model, images, train);
        using var loss = Loss.MixedCrossEntropy(logits, images.Labels, images.OtherLabels, images.Share, options.LabelSmoothing);
        meter.Add(loss, logits, images.Labels);
        using var total = Loss.OfHeads(model, loss, images.Labels, options.LabelSmoothing, images.OtherLabels, images.Share);
        total.Backward();
        optimizer.Step();
        batch++;
        control.Step = ++step;
    }

    void Report(long start, long before, long firstStep)
    {
        if (observer is null) return;
        meter.Read();
        ThrowIfDiverged(firstStep);
        var perSecond = (meter.Sums.Count - before) / Math.Max(Stopwatch.GetElapsedTime(start).TotalSeconds, 1e-9);
        observer.OnProgress(new(epoch + 1, options.Epochs, batch, loader.Batches, step, meter.LastLoss, meter.Sums.MeanLoss, meter.Sums.Accuracy, rate, perSecond));
    }

    /// <summary>Everything is finite before anything is recorded or written: the checkpoint that stays is a good one.</summary>
    void Finish(long start, long before, long firstStep)
    {
        meter.Read();
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        ThrowIfDiverged(firstStep);
        ThrowIfNotFinite();
        var validated = evaluator?.Run(null, CancellationToken.None);
        if (validated is { Loss: var loss } && !double.IsFinite(loss)) throw Diverged(step, $"the validation loss is {loss}");

        var sums = meter.Sums;
        var result = new EpochResult(epoch + 1, rate, sums.MeanLoss, sums.Accuracy, validated?.Loss, validated?.Accuracy)
        {
            ValidationTop5Accuracy = validated?.Top5Accuracy,
            Validation = validated,
            Seconds = seconds,
            ImagesPerSecond = (sums.Count - before) / Math.Max(seconds, 1e-9),
        };
        history.Add(result);
        losses.Add(result.Loss);
        meter.Reset();
        (epoch, batch) = (epoch + 1, 0);
        control.Epoch = epoch;
        observer?.OnEpoch(result);

        // The last checkpoint at the end: if the process ends before it is written, the resumed run makes the other files again.
        if (ReferenceEquals(history.Best, result)) SaveBest();
        folder?.Append(result, step);
        SaveLast();
    }

    void ThrowIfDiverged(long firstStep)
    {
        if (meter.FirstBadStep >= 0) throw Diverged(firstStep + meter.FirstBadStep + 1, $"the loss is {meter.BadLoss}");
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

    void SaveLast()
    {
        if (folder is null) return;
        history.Checkpoint = folder.SaveLast(model, Info(), optimizer);
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
        Model = options.Model ?? new() { Name = model.GetType().Name, Classes = train.Classes, Input = [train.Height, train.Width, train.Channels] },
        Dataset = train.Name,
        ClassNames = train.ClassNames,
        Normalization = train.Normalization,
        Epoch = epoch,
        Batch = batch,
        Step = step,
        Seed = options.Seed,
        BatchSize = options.BatchSize,
        Images = train.Count,
        Labels = labels,
        BestAccuracy = history.Epochs.Count == 0 ? null : history.Epochs.Max(e => e.Accuracy),
        History = history.Epochs,
        EpochSoFar = meter.Sums,
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
        if (checkpoint is null)
        {
            SaveLast();
            folder.DeleteOthers();
        }

        folder.Begin(epoch);
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
        if (info.ClassNames.Count > 0 && ClassNames.Difference(info.ClassNames, train.ClassNames) is { } difference)
            throw new DataFormatException(path, $"cannot be resumed; the classes of '{train.Name}' are not those that it was trained on: {difference}. Bring the data back, or start a new training from these weights");
        Same("the number of training images", train.Count, info.Images ?? train.Count);
        Same("the labels of the training images", now.Labels, info.Labels ?? now.Labels);
        Same("the mean of the normalization", Numbers(now.Normalization.Mean), Numbers(info.Normalization.Mean));
        Same("the standard deviation of the normalization", Numbers(now.Normalization.Std), Numbers(info.Normalization.Std));
        Same("the steps made", ((long)info.Epoch * loader.Batches) + info.Batch, info.Step);
        if (info.Batch < 0 || info.Batch >= loader.Batches || info.Epoch < 0) throw new DataFormatException(path, "the place in the training", $"one of {loader.Batches} batches of an epoch", $"epoch {info.Epoch}, batch {info.Batch}");
        Same("the epochs in the history", info.Epoch, info.History.Count);
        checkpoint.Read(model, optimizer);

        history = new(info.History, options.Monitor) { Checkpoint = path };
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
