using CnnSharp.Training;
using Spectre.Console;

namespace CnnSharp.Cli.Train;

/// <summary>Shows how a training goes: a line an epoch, and to a person a bar within it.</summary>
/// <param name="terminal">Where.</param>
/// <param name="measured">What the accuracy is measured on: <c>test</c>, <c>validation</c>, or <c>training</c>.</param>
/// <param name="bar">The bar; null where nobody looks.</param>
internal sealed class TrainingView(Terminal terminal, string measured, ProgressTask? bar) : ITrainingObserver
{
    int epochs;

    /// <summary>Runs a training under a live bar if a person looks.</summary>
    public static History Watch(Terminal terminal, string measured, int epochs, Func<TrainingView, History> fit)
    {
        if (!terminal.IsInteractive) return fit(new(terminal, measured, null) { epochs = epochs });
        return terminal.Console.Progress()
            .Columns(new SpinnerColumn(), new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .AutoClear(true)
            .Start(context => fit(new(terminal, measured, context.AddTask("starting", maxValue: epochs)) { epochs = epochs }));
    }

    public void OnDamagedCheckpoint(DataFormatException damage, string resumed) => Line($"{damage.Message} Going on from the one before it, {resumed}.");

    public void OnStart(TrainingControl training)
    {
        if (training.Step > 0) Line($"resumed after epoch {training.Epoch}, step {training.Step:N0}");
        bar?.Value(training.Epoch);
    }

    public void OnProgress(in TrainingProgress p)
    {
        if (bar is null) return;
        bar.Description = $"epoch {p.Epoch}/{p.Epochs}  loss {p.Loss:F4}  accuracy {Terminal.Percent(p.Accuracy, 1)}  {p.ImagesPerSecond:N0} images/s";
        bar.Value(p.Epoch - 1 + ((double)p.Batch / p.Batches));
    }

    public void OnEpoch(EpochResult e)
    {
        var validated = e.ValidationAccuracy is { } accuracy ? $"  {measured}: loss {e.ValidationLoss:F4}, accuracy {Terminal.Percent(accuracy)}" : "";
        Line($"epoch {e.Epoch,3}/{epochs}  training: loss {e.TrainLoss:F4}, accuracy {Terminal.Percent(e.TrainAccuracy)}{validated}  {e.ImagesPerSecond:N0} images/s, {e.Seconds:F1} s");
        bar?.Value(e.Epoch);
    }

    /// <summary>Above the bar, where there is one.</summary>
    void Line(string text)
    {
        if (bar is null) terminal.WriteLine(text);
        else terminal.Console.WriteLine(text);
    }
}
