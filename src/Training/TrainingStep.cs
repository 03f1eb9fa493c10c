using CnnSharp.Data;
using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>One step of a training, as its task sees it (<see cref="TrainingTask.Train"/>).</summary>
public sealed class TrainingStep
{
    readonly TrainingTask task;
    readonly Meter meter;
    readonly IReadOnlyList<(string Name, Optimizer Optimizer)> optimizers;

    Batch? batch;
    Tensor? total;
    bool isMeasured;

    internal TrainingStep(Layer model, TrainingTask task, IReadOnlyList<(string Name, Optimizer Optimizer)> optimizers, Meter meter)
        => (Model, this.task, this.optimizers, this.meter) = (model, task, optimizers, meter);

    /// <summary>What is trained.</summary>
    public Layer Model { get; }

    /// <summary>Its samples.</summary>
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
        meter.Add(TrainingTask.Scalar(task.Name, loss), output, Batch);
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
        if (!isMeasured) AddToTotal(loss);
        loss.Backward();
        chosen.Step();
        if (optimizers.Count == 1) return;
        foreach (var tensor in Model.Parameters) tensor.ClearGradient();
    }

    internal void Run(Batch samples, long number)
    {
        (batch, Number, isMeasured) = (samples, number, false);
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
            meter.Add(total ?? throw new InvalidOperationException($"Task '{task.Name}': its step neither minimized nor measured anything."), null, samples);
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
        if (name is null) return optimizers.Count == 1 ? optimizers[0].Optimizer : throw new ArgumentException($"Task '{task.Name}' has several optimizers: say which ({string.Join(", ", optimizers.Select(o => o.Name))}).", nameof(name));
        foreach (var (known, optimizer) in optimizers)
        {
            if (known == name) return optimizer;
        }

        throw new ArgumentException($"Task '{task.Name}' has no optimizer '{name}'; it has {string.Join(", ", optimizers.Select(o => $"'{o.Name}'"))}.", nameof(name));
    }
}
