using CnnSharp.Data;
using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>What the first steps of a training show of a model that they do not change.</summary>
/// <param name="Loss">The mean over the samples.</param>
/// <param name="Samples">How many there were.</param>
/// <param name="Penalty">What weight decay adds to the loss: half of it times the squared weights.</param>
/// <param name="Gradients">Of each parameter, whether one came.</param>
sealed record FirstSteps(double Loss, long Samples, double Penalty, IReadOnlyList<ParameterGradient> Gradients);

/// <summary>Whether a gradient came to a parameter.</summary>
/// <param name="Name">Of the parameter.</param>
/// <param name="IsThere">Whether there was one in any step.</param>
/// <param name="Units">The extent of its last axis: channels, or features.</param>
/// <param name="DeadUnits">Those of which every gradient was exactly 0.</param>
readonly record struct ParameterGradient(string Name, bool IsThere, int Units, int DeadUnits);

/// <summary>Steps of a task, outside of a training: one at a time, each looked at.</summary>
sealed class Probe : IDisposable
{
    readonly Layer model;
    readonly TrainingTask task;
    readonly DataLoader loader;
    readonly Meter meter;
    readonly TrainingStep step;
    readonly TrainingOptions options;
    readonly IReadOnlyList<(string Name, Optimizer Optimizer)> optimizers;

    /// <param name="model">What makes steps.</param>
    /// <param name="set">The samples.</param>
    /// <param name="task">What is minimized.</param>
    /// <param name="options">Optimizer, batch size, augmentation and seed.</param>
    /// <param name="rateScale">What every learning rate is multiplied by.</param>
    public Probe(Layer model, IDataset set, TrainingTask task, TrainingOptions options, double rateScale)
    {
        (this.model, this.task, this.options) = (model, task, options);
        var device = Trainer.DeviceOf(model);
        var batch = Math.Min(options.BatchSize, set.Count);
        var micro = Math.Min(options.MicroBatchSize ?? batch, batch);
        loader = Trainer.LoaderOf(set, batch, device, new() { Augmentation = options.Augmentation, Seed = options.Seed, Sampler = options.Sampler });
        meter = new(device, checked(loader.Batches * ((batch + micro - 1) / micro)), (options.Sampler ?? Sampler.Shuffled).CountOf(set.Count), task.Metrics);
        optimizers = TaskOptimizers.Create(model, task, options);
        foreach (var (_, optimizer) in optimizers) optimizer.LearningRate *= rateScale;
        step = new(model, task, optimizers, meter, micro);
    }

    public void Dispose() => meter.Dispose();

    /// <summary>The loss and the gradients of some samples. Rates must be 0: steps leave the weights as they are.</summary>
    /// <param name="samples">At least so many, in whole batches, if the set has them.</param>
    public FirstSteps AtRateZero(int samples)
    {
        var penalty = optimizers.Sum(pair => pair.Optimizer.Penalty());
        var seen = model.Parameters.ToDictionary(tensor => tensor, tensor => (IsThere: false, Alive: new bool[tensor.Shape.Rank == 0 ? 1 : tensor.Shape[^1]]), ReferenceEqualityComparer.Instance as IEqualityComparer<Tensor>);
        step.BeforeOptimizer = Look;
        model.Train();
        model.ManualSeed(options.Seed);
        meter.Reset();
        var (met, number) = (0, 0L);
        foreach (var batch in loader.Epoch(0))
        {
            using var done = batch;

            // The last batch of an epoch may be too small for a batch normalization; one that is not full says little in any case.
            if (met > 0 && batch.Count < loader.BatchSize) break;
            step.Run(batch, number++);
            met += batch.Count;
            if (met >= samples) break;
        }

        meter.Read();
        return new(meter.Sums.MeanLoss, meter.Sums.Count, penalty, [.. seen.Select(pair => new ParameterGradient(pair.Key.Name ?? "a tensor without a name", pair.Value.IsThere, pair.Value.Alive.Length, pair.Value.Alive.Count(alive => !alive)))]);

        void Look()
        {
            foreach (var (tensor, (_, alive)) in seen)
            {
                using var gradient = tensor.Gradient;
                if (gradient is null) continue;
                seen[tensor] = (true, alive);
                var values = gradient.ToArray();
                for (var i = 0; i < values.Length; i++) alive[i % alive.Length] |= values[i] != 0;
            }
        }
    }

    /// <summary>Makes steps of one batch, the first of the set, without dropout.</summary>
    /// <param name="most">Steps at most.</param>
    /// <param name="isLearned">Whether to end, by the first loss, the last, and the accuracy.</param>
    public (int Steps, double First, double Last, double? Accuracy) LearnByHeart(int most, Func<double, double, double?, bool> isLearned)
    {
        model.Train();
        foreach (var layer in model.Modules())
        {
            if (layer is IRandomized) layer.Eval();
        }

        using var batch = loader.Epoch(0).First().Keep();
        var (first, last, accuracy) = (0.0, 0.0, (double?)null);
        for (var number = 0; number < most; number++)
        {
            meter.Reset();
            step.Run(batch, number);
            meter.Read();
            last = meter.LastLoss;
            accuracy = meter.Figures().TryGetValue(Metric.Accuracy.Name, out var share) ? share : null;
            if (number == 0) first = last;
            if (!double.IsFinite(last) || isLearned(first, last, accuracy)) return (number + 1, first, last, accuracy);
        }

        return (most, first, last, accuracy);
    }
}
