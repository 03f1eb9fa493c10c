using CnnSharp.Data;
using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>One step of a training, as its task sees it (<see cref="TrainingTask.Train"/>).</summary>
public sealed class TrainingStep
{
    readonly TrainingTask task;
    readonly Meter meter;
    readonly IReadOnlyList<(string Name, Optimizer Optimizer)> optimizers;
    readonly int microBatchSize;

    Batch? batch;
    Tensor? total;
    bool isMeasured;
    bool isMinimized;

    // Steps made, and losses minimized in them.
    long steps, minimized;

    // Of the micro-batch: its part of the batch, and whether the optimizer's step follows it.
    double share = 1;
    bool isLast = true;

    /// <summary>Of how many things the loss of the samples at hand is the mean; null: of them.</summary>
    double? weight;

    internal TrainingStep(Layer model, TrainingTask task, IReadOnlyList<(string Name, Optimizer Optimizer)> optimizers, Meter meter, int microBatchSize)
        => (Model, this.task, this.optimizers, this.meter, this.microBatchSize) = (model, task, optimizers, meter, microBatchSize);

    /// <summary>Called where the gradients of the whole batch are there, before the optimizer takes them.</summary>
    internal Action? BeforeOptimizer { get; set; }

    /// <summary>What is trained.</summary>
    public Layer Model { get; }

    /// <summary>Its samples, or, under <see cref="TrainingOptions.MicroBatchSize"/>, those at hand.</summary>
    public Batch Batch => batch ?? throw new InvalidOperationException("TrainingStep: it is over.");

    /// <summary>Which, from 0.</summary>
    public long Number { get; private set; }

    /// <summary>The model's result for the batch: <see cref="TrainingTask.Forward"/>.</summary>
    public Tensor Forward() => task.Forward(Model, Batch);

    /// <summary>Takes the step's figures: to be called before <see cref="Minimize"/>, which frees what results were computed from. Without it, the step's loss is the sum of what is minimized.</summary>
    /// <param name="loss">One number, the mean over the batch.</param>
    /// <param name="output">What the task's metrics are of.</param>
    public void Measure(Tensor loss, Tensor output)
    {
        ArgumentNullException.ThrowIfNull(loss);
        ArgumentNullException.ThrowIfNull(output);
        if (isMeasured) throw new InvalidOperationException($"Task '{task.Name}': the step is measured twice.");
        meter.Add(TrainingTask.Scalar(task.Name, loss), output, Batch, weight);
        isMeasured = true;
    }

    /// <summary>Computes the gradients of a loss and lets an optimizer make its step; gradients of parameters that are not its own are dropped.</summary>
    /// <param name="loss">One number.</param>
    /// <param name="optimizer">Which of <see cref="TrainingTask.Optimizers"/>; default: the only one.</param>
    public void Minimize(Tensor loss, string? optimizer = null)
    {
        ArgumentNullException.ThrowIfNull(loss);
        TrainingTask.Scalar(task.Name, loss);
        var chosen = Choose(optimizer);
        if (share != 1 && isMinimized) throw new InvalidOperationException($"Task '{task.Name}' minimizes twice in a step, so its batches cannot be taken in parts ({nameof(TrainingOptions.MicroBatchSize)}).");
        isMinimized = true;
        if (!isMeasured) AddToTotal(loss);

        // The means of the parts add up to the mean of the batch.
        using var part = share == 1 ? null : loss * share;
        (part ?? loss).Backward();
        minimized++;
        if (!isLast) return;
        if (!chosen.HasGradients) throw new InvalidOperationException($"Task '{task.Name}': {(optimizer is null ? "the loss" : $"what '{optimizer}' is to minimize")} depends on none of the {(optimizer is null ? "" : "optimizer's ")}parameters, so its step would move nothing. {(optimizer is null ? "Compute it from the model's result" : $"Compute it from what '{task.Optimizers.First(o => o.Name == optimizer).Pattern}' has made, or name another optimizer")}.");
        BeforeOptimizer?.Invoke();
        chosen.Step();
        if (optimizers.Count == 1) return;
        foreach (var tensor in Model.Parameters) tensor.ClearGradient();
    }

    /// <summary>Makes the step, of its micro-batches where it has several.</summary>
    internal void Run(Batch samples, long number)
    {
        Number = number;
        meter.BeginStep();
        var whole = task.Weight?.Invoke(samples);
        if (whole == 0) return;
        if (samples.Count <= microBatchSize)
        {
            (share, isLast, weight) = (1, true, whole);
            RunPart(samples);
            return;
        }

        // A part without weight has no loss; the optimizer's step follows the last that has one.
        var parts = new List<(Batch Samples, double? Weight)>();
        try
        {
            for (var start = 0; start < samples.Count; start += microBatchSize)
            {
                var part = samples.Slice(start, Math.Min(microBatchSize, samples.Count - start));
                parts.Add((part, task.Weight?.Invoke(part)));
            }

            parts.RemoveAll(part =>
            {
                if (part.Weight != 0) return false;
                part.Samples.Dispose();
                return true;
            });
            for (var i = 0; i < parts.Count; i++)
            {
                (share, isLast, weight) = (parts[i].Weight / whole ?? (double)parts[i].Samples.Count / samples.Count, i == parts.Count - 1, parts[i].Weight);
                RunPart(parts[i].Samples);
                parts[i].Samples.Dispose();
            }
        }
        finally
        {
            foreach (var (part, _) in parts) part.Dispose();
        }
    }

    /// <summary>Throws where the task's own steps have trained nothing, which their figures would not show.</summary>
    internal void ThrowIfNothingMinimized()
    {
        if (steps > 0 && minimized == 0) throw new InvalidOperationException($"Task '{task.Name}': its {nameof(TrainingTask.Train)} has minimized nothing in {steps:N0} steps, so nothing was trained: call step.{nameof(Minimize)}(loss) in it.");
    }

    void RunPart(Batch samples)
    {
        (batch, isMeasured, isMinimized) = (samples, false, false);
        steps++;
        try
        {
            if (task.Train is { } train)
            {
                train(this);
            }
            else
            {
                var output = Forward();
                var loss = task.LossOf(output, samples);
                Measure(loss, output);
                Minimize(loss);
            }

            if (isMeasured) return;
            meter.Add(total ?? throw new InvalidOperationException($"Task '{task.Name}': its step neither minimized nor measured anything."), null, samples, weight);
        }
        finally
        {
            total?.Dispose();
            (batch, total) = (null, null);
        }
    }

    void AddToTotal(Tensor loss)
    {
        using var scope = Tape.NoGrad();
        var sum = total is null ? loss * 1 : total + loss;
        sum.Keep();
        total?.Dispose();
        total = sum;
    }

    Optimizer Choose(string? name)
    {
        if (name is null) return optimizers.Count == 1 ? optimizers[0].Optimizer : throw new ArgumentException($"Task '{task.Name}' has several optimizers: say which ({string.Join(", ", optimizers.Select(o => o.Name))}), in a {nameof(TrainingTask.Train)} of its own.", nameof(name));
        foreach (var (known, optimizer) in optimizers)
        {
            if (known == name) return optimizer;
        }

        throw new ArgumentException($"Task '{task.Name}' has no optimizer '{name}'; it has {(task.Optimizers.Count == 0 ? "one, which needs no name" : string.Join(", ", optimizers.Select(o => $"'{o.Name}'")))}.", nameof(name));
    }
}
