using System.Diagnostics;
using CnnSharp.Data;
using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>One call of <see cref="Trainer.Fit"/>.</summary>
sealed class TrainingRun : IDisposable
{
    readonly Layer model;
    readonly PictureSet train;
    readonly TrainingOptions options;
    readonly ITrainingObserver? observer;
    readonly DataLoader loader;
    readonly Optimizer optimizer;
    readonly Meter meter;
    readonly Evaluator? evaluator;
    readonly Tensor[] tensors;
    readonly SquareSums squares;
    readonly List<double> losses = [];
    readonly string? metricsPath;
    readonly string? lastPath;
    readonly string? bestPath;

    History history = new([]);
    int epoch;
    int batch;
    long step;
    double rate;
    double? best;

    public TrainingRun(Layer model, PictureSet train, PictureSet? validation, TrainingOptions options, ITrainingObserver? observer)
    {
        options.Validate();
        if (train.Count == 0) throw new ArgumentException($"Fit: '{train.Name}' has no pictures.", nameof(train));
        if (validation is not null && (validation.Height, validation.Width, validation.Channels, validation.Classes) != (train.Height, train.Width, train.Channels, train.Classes))
            throw new ArgumentException($"Fit: the validation pictures ({validation}) are not like the training pictures ({train}).", nameof(validation));

        (this.model, this.train, this.options, this.observer) = (model, train, options, observer);
        var device = Trainer.DeviceOf(model);
        loader = new(train, options.BatchSize, device, options.Augmentation, options.Seed, shuffle: true, options.DropLast);
        optimizer = options.Optimizer.Create(ParameterGroup.Of(model, options.LearningRates));
        meter = new(device, loader.Batches, train.Count);

        // Validation pixels are normalised like those that were trained on.
        if (validation is not null) evaluator = new(model, validation, device, new() { BatchSize = options.EvaluationBatchSize ?? options.BatchSize, Normalization = train.Normalization });
        tensors = [.. model.NamedTensors().Select(t => t.Tensor).Where(t => t.DType == device.FloatType)];
        squares = new(device, tensors.Length);
        if (options.OutputFolder is { } folder)
        {
            lastPath = Path.Combine(folder, Checkpoint.LastFile);
            bestPath = Path.Combine(folder, Checkpoint.BestFile);
            metricsPath = Path.Combine(folder, MetricsFile.Name);
        }
    }

    long TotalSteps => (long)options.Epochs * loader.Batches;

    public History Execute(CancellationToken cancellation)
    {
        var start = Stopwatch.GetTimestamp();
        var sums = new MeterSums();
        if (options.Resume && File.Exists(lastPath)) sums = Resume();
        if (metricsPath is not null) MetricsFile.KeepUpTo(metricsPath, epoch);
        observer?.OnStart(epoch, step);
        while (epoch < options.Epochs && !history.IsCancelled)
        {
            RunEpoch(sums, cancellation);
            sums = new();
        }

        history.Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return history;
    }

    public void Dispose()
    {
        meter.Dispose();
        evaluator?.Dispose();
    }

    void RunEpoch(MeterSums sums, CancellationToken cancellation)
    {
        var start = Stopwatch.GetTimestamp();
        var before = sums.Count;
        var firstStep = step;
        meter.Reset(sums);
        model.Train();
        model.Reseed(options.Seed, (ulong)step);
        if (batch < loader.Batches)
        {
            foreach (var pictures in loader.Epoch(epoch, batch))
            {
                Step(pictures);
                if (batch % options.ReportEvery == 0 || batch == loader.Batches) Report(start, before, firstStep);
                if (batch == loader.Batches || !cancellation.IsCancellationRequested) continue;
                meter.Read();
                ThrowIfDiverged(firstStep);
                history.IsCancelled = true;
                Save(lastPath, optimizer);
                return;
            }
        }

        Finish(start, before, firstStep);
        history.IsCancelled = cancellation.IsCancellationRequested && epoch < options.Epochs;
    }

    void Step(Batch pictures)
    {
        rate = options.Schedule.RateAt(options.Optimizer.LearningRate, new(step, TotalSteps, loader.Batches, losses));
        optimizer.LearningRate = rate;
        var logits = Trainer.Forward(model, pictures, train);
        using var loss = Loss.MixedCrossEntropy(logits, pictures.Labels, pictures.OtherLabels, pictures.Share, options.LabelSmoothing);
        meter.Add(loss, logits, pictures.Labels);
        using var total = Loss.OfHeads(model, loss, pictures.Labels, options.LabelSmoothing, pictures.OtherLabels, pictures.Share);
        total.Backward();
        optimizer.Step();
        batch++;
        step++;
    }

    void Report(long start, long before, long firstStep)
    {
        if (observer is null) return;
        meter.Read();
        ThrowIfDiverged(firstStep);
        var perSecond = (meter.Sums.Count - before) / Math.Max(Stopwatch.GetElapsedTime(start).TotalSeconds, 1e-9);
        observer.OnProgress(new(epoch + 1, options.Epochs, batch, loader.Batches, meter.Sums.MeanLoss, meter.Sums.Accuracy, rate, perSecond));
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
            Seconds = seconds,
            ImagesPerSecond = (sums.Count - before) / Math.Max(seconds, 1e-9),
        };
        history.Add(result);
        losses.Add(result.Loss);
        meter.Reset();
        (epoch, batch) = (epoch + 1, 0);
        observer?.OnEpoch(result);

        // The best first: if the process ends between the two, the resumed run writes it again.
        if (best is null || result.Accuracy > best)
        {
            best = result.Accuracy;
            Save(bestPath, null);
        }

        Save(lastPath, optimizer);
        if (metricsPath is not null) MetricsFile.Append(metricsPath, result, step);
    }

    void ThrowIfDiverged(long firstStep)
    {
        if (meter.FirstBadStep >= 0) throw Diverged(firstStep + meter.FirstBadStep + 1, $"the loss is {meter.BadLoss}");
    }

    /// <summary>A step can leave a weight that is not finite behind a loss that is. A sum of squares is finite if every element is, within the type's range.</summary>
    void ThrowIfNotFinite()
    {
        for (var i = 0; i < tensors.Length; i++) squares.Set(i, tensors[i].Data);
        var sums = squares.Read();
        for (var i = 0; i < sums.Length; i++)
        {
            if (!double.IsFinite(sums[i])) throw Diverged(step, $"tensor '{tensors[i].Name}' is not finite");
        }
    }

    TrainingDivergedException Diverged(long at, string what) => new(epoch + 1, at, what, history.Checkpoint);

    void Save(string? path, Optimizer? state)
    {
        if (path is null) return;
        Checkpoint.Save(
            path,
            model,
            new()
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
                BestAccuracy = best,
                History = history.Epochs,
                EpochSoFar = meter.Sums,
                Options = Checkpoint.Describe(options),
            },
            state);
        if (state is not null) history.Checkpoint = path;
        observer?.OnCheckpoint(path);
    }

    /// <summary>Reads the last checkpoint. Seed and batch size decide which pictures come next, so they must be those of the checkpoint.</summary>
    MeterSums Resume()
    {
        var path = lastPath!;
        var info = Checkpoint.ReadInfo(path);
        Same("the seed", options.Seed, info.Seed);
        Same("the batch size", options.BatchSize, info.BatchSize);
        Same("the data set", train.Name, info.Dataset);
        Same("the steps made", ((long)info.Epoch * loader.Batches) + info.Batch, info.Step);
        if (info.Batch < 0 || info.Batch >= loader.Batches || info.Epoch < 0) throw new DataFormatException(path, "the place in the training", $"one of {loader.Batches} batches of an epoch", $"epoch {info.Epoch}, batch {info.Batch}");
        Same("the epochs in the history", info.Epoch, info.History.Count);
        Checkpoint.Load(path, model, optimizer);

        history = new(info.History) { Checkpoint = path };
        losses.AddRange(info.History.Select(e => e.Loss));
        (epoch, batch, step, best) = (info.Epoch, info.Batch, info.Step, info.BestAccuracy);
        return info.EpochSoFar;

        void Same<T>(string what, T expected, T actual)
        {
            if (!Equals(expected, actual)) throw new DataFormatException(path, $"cannot be resumed; {what}", $"{expected}", $"{actual}");
        }
    }
}
