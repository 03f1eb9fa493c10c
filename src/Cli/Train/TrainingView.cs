using System.Diagnostics;
using CnnSharp.Training;

namespace CnnSharp.Cli.Train;

/// <summary>Shows how a training goes: a line an epoch, and to a person a bar within it.</summary>
/// <param name="terminal">Where.</param>
/// <param name="measured">What the accuracy is measured on: <c>test</c>, <c>validation</c>, or <c>training</c>.</param>
/// <param name="epochs">How many there are to be.</param>
/// <param name="classes">How many the images have.</param>
/// <param name="begin">Is called with the output folder before anything is written into it.</param>
internal sealed class TrainingView(Terminal terminal, string measured, int epochs, int classes, Action<string> begin) : ITrainingObserver
{
    /// <summary>A loss of so many times that of guessing is no beginner's loss.</summary>
    const double Exploded = 10;

    /// <summary>One epoch's statistics may lag behind its weights; so many in a row are no chance.</summary>
    const int Patience = 3;

    long start;
    double startedAt;
    int explodedEpochs;

    public void OnDamagedCheckpoint(DataFormatException damage, string resumed) => terminal.WriteLine($"{damage.Message} Going on from the one before it, {resumed}.");

    public void OnWarning(string message) => terminal.WriteLine($"warning: {message}");

    public void OnBegin(string? folder) => begin(folder!);

    public void OnStart(TrainingControl training)
    {
        if (training.Step > 0) terminal.WriteLine($"resumed after epoch {training.Epoch}, step {training.Step:N0}");
        (start, startedAt) = (Stopwatch.GetTimestamp(), training.Epoch);
    }

    public void OnProgress(in TrainingProgress p)
    {
        if (!terminal.IsInteractive) return;
        var done = p.Epoch - 1 + ((double)p.Batch / p.Batches);
        var left = Stopwatch.GetElapsedTime(start) * ((epochs - done) / Math.Max(done - startedAt, 1e-9));
        terminal.ShowProgress(
            $"{Bar(done / epochs, Terminal.Columns / 6)} {Terminal.Percent(done / epochs, 0),4}",
            $"epoch {p.Epoch}/{p.Epochs}",
            $"loss {p.Loss:F4}",
            $"accuracy {Terminal.Percent(p.Accuracy!.Value, 1)}",
            $"{p.ImagesPerSecond:N0} images/s",
            $"{(int)left.TotalHours}:{left:mm\\:ss} left");
    }

    public void OnEpoch(EpochResult e)
    {
        var validated = e.ValidationAccuracy is { } accuracy ? $"  {measured}: loss {e.ValidationLoss:F4}, accuracy {Terminal.Percent(accuracy)}" : "";
        terminal.WriteLine($"epoch {e.Epoch,3}/{epochs}  training: loss {e.TrainLoss:F4}, accuracy {Terminal.Percent(e.TrainAccuracy!.Value)}{validated}  {e.ImagesPerSecond:N0} images/s, {e.Seconds:F1} s");
        explodedEpochs = classes > 1 && e.Loss > Exploded * Math.Log(classes) ? explodedEpochs + 1 : 0;
        if (explodedEpochs != Patience && !(e.Epoch == epochs && explodedEpochs is > 0 and < Patience)) return;
        terminal.WriteLine($"warning: the {measured} loss {e.Loss:G4} is far above that of guessing among {classes} classes, {Math.Log(classes):F2}: the learning rate may be too high. Try a quarter of it (--lr), --warmup 1 or --clip-norm 1.");
    }

    static string Bar(double share, int width)
    {
        var full = Math.Clamp((int)(share * width), 0, width);
        return $"[{new string('#', full)}{new string('-', width - full)}]";
    }
}
