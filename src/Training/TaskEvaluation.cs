using System.Diagnostics;
using CnnSharp.Data;
using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>How good a model is at a task.</summary>
/// <param name="Loss">The mean over the samples.</param>
/// <param name="Metrics">The task's, by name.</param>
/// <param name="Count">The number of samples.</param>
/// <param name="Seconds">How long it took.</param>
public sealed record TaskEvaluation(double Loss, IReadOnlyDictionary<string, double> Metrics, long Count, double Seconds);

/// <summary>Evaluates one model at one task on one set as often as asked.</summary>
sealed class TaskEvaluator : IDisposable
{
    readonly Layer model;
    readonly TrainingTask task;
    readonly DataLoader loader;
    readonly Meter meter;

    public TaskEvaluator(Layer model, IDataset set, TrainingTask task, Device device, int batchSize, Normalization? normalization = null, string stage = "")
    {
        if (set.Count == 0) throw new ArgumentException($"Evaluate: '{set.Name}' has no samples.", nameof(set));
        if (task.Loss is null) throw new ArgumentException($"Task '{task.Name}' has no {nameof(TrainingTask.Loss)}, so it cannot be evaluated.", nameof(task));
        (this.model, this.task) = (model, task);
        loader = Trainer.LoaderOf(set, batchSize, device, new() { Shuffle = false, Normalization = normalization, Stage = stage, TargetRange = task.TargetRange });
        meter = new(device, loader.Batches, set.Count, task.Metrics);
    }

    public TaskEvaluation Run(CancellationToken cancellation)
    {
        var start = Stopwatch.GetTimestamp();
        meter.Reset();
        foreach (var (batch, output) in Trainer.Infer(model, task, loader, cancellation))
        {
            var weight = task.Weight?.Invoke(batch);
            if (weight != 0) meter.Add(task.LossOf(output, batch), output, batch, weight);
        }

        meter.Read();
        return new(meter.Sums.MeanLoss, meter.Figures(), meter.Sums.Count, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    public void Dispose() => meter.Dispose();
}
