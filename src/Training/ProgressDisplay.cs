using System.Diagnostics;
using System.Globalization;

namespace CnnSharp.Training;

/// <summary>How <see cref="Trainer"/> shows a training on the console.</summary>
public enum Progress
{
    /// <summary>As <see cref="Bar"/> on a terminal where no observer was given, else not at all.</summary>
    Auto,

    /// <summary>A line an epoch, and below it a bar that is written over; lines alone where the output is no terminal.</summary>
    Bar,

    /// <summary>A line an epoch.</summary>
    Lines,

    /// <summary>Not at all.</summary>
    None,
}

/// <summary>Shows a training: a line an epoch, and where it stands in a bar that is written over.</summary>
/// <param name="output">Where to.</param>
/// <param name="columns">Of the terminal, asked for each time; null: there is no bar.</param>
sealed class ProgressDisplay(TextWriter output, Func<int>? columns) : ITrainingObserver
{
    const int LeastBar = 5, MostBar = 30;

    readonly Stopwatch clock = Stopwatch.StartNew();
    long firstStep;
    int shown;
    int epochs;

    /// <summary>The display that the options ask for; null: none.</summary>
    public static ProgressDisplay? Of(Progress progress, bool isObserved)
    {
        var isTerminal = !Console.IsOutputRedirected;
        var shows = progress is Progress.Bar or Progress.Lines || (progress == Progress.Auto && isTerminal && !isObserved);
        return shows ? new(Console.Out, isTerminal && progress != Progress.Lines ? Columns : null) : null;

        static int Columns()
        {
            try
            {
                return Console.WindowWidth;
            }
            catch (IOException)
            {
                return 80;
            }
        }
    }

    /// <inheritdoc/>
    public void OnWarning(string message) => WriteLine($"warning: {message}");

    /// <inheritdoc/>
    public void OnDamagedCheckpoint(DataFormatException damage, string resumed) => WriteLine($"warning: {damage.Message} Going on from {resumed}.");

    /// <inheritdoc/>
    public void OnStart(TrainingControl training)
    {
        firstStep = training.Step;
        clock.Restart();
    }

    /// <inheritdoc/>
    public void OnProgress(in TrainingProgress progress)
    {
        epochs = progress.Epochs;
        if (columns is null) return;

        // By the steps of this process: a resumed training's earlier ones took other time.
        var left = clock.Elapsed * ((((long)progress.Epochs * progress.Batches) - progress.Step) / (double)Math.Max(progress.Step - firstStep, 1));
        Write(Line(progress, left, columns() - 1));
    }

    /// <inheritdoc/>
    public void OnEpoch(EpochResult epoch)
        => WriteLine(string.Create(CultureInfo.InvariantCulture, $"{History.Line(epoch, epochs)}  {epoch.Seconds:F1} s, {epoch.ImagesPerSecond:N0} images/s"));

    /// <summary>Says why it ended, if not by itself.</summary>
    public void End(History history)
    {
        if (history.End == TrainingEnd.Canceled) WriteLine(history.Checkpoint is { } checkpoint ? $"stopped; the checkpoint is {checkpoint}. To go on: TrainingOptions.Resume with OutputFolder = \"{history.Folder}\"." : "stopped.");
        else if (history.End == TrainingEnd.StoppedEarly) WriteLine($"stopped early; the best epoch is {history.Best!.Epoch}.");
        else Clear();
    }

    /// <summary>As much of where a training stands as fits: where, loss, accuracy, time left; then a bar, the speed, the rate.</summary>
    internal static string Line(in TrainingProgress p, TimeSpan left, int width)
    {
        var culture = CultureInfo.InvariantCulture;
        var parts = new List<string> { string.Create(culture, $"epoch {p.Epoch}/{p.Epochs}"), string.Create(culture, $"{p.Batch}/{p.Batches}"), string.Create(culture, $"loss {p.Loss:G4}") };
        if (p.Accuracy is { } accuracy) parts.Add(string.Create(culture, $"accuracy {100 * accuracy:F1}%"));
        parts.Add($"{(int)left.TotalHours}:{left:mm\\:ss} left");
        foreach (var more in new[] { string.Create(culture, $"{p.ImagesPerSecond:N0} images/s"), string.Create(culture, $"rate {p.LearningRate:G3}") })
        {
            if (Length(parts) + 2 + more.Length + 2 + LeastBar <= width) parts.Add(more);
        }

        var bar = Math.Min(width - Length(parts) - 2, MostBar);
        if (bar >= LeastBar) parts.Insert(1, Bar((double)p.Batch / p.Batches, bar));
        var line = string.Join("  ", parts);
        return line.Length <= width ? line : line[..Math.Max(width, 0)];

        static int Length(List<string> parts) => parts.Sum(part => part.Length) + (2 * (parts.Count - 1));
    }

    static string Bar(double share, int length)
    {
        var full = (int)Math.Round(share * (length - 2));
        return $"[{new string('=', full)}{new string(' ', length - 2 - full)}]";
    }

    void WriteLine(string text)
    {
        Clear();
        output.WriteLine(text);
    }

    /// <summary>Writes over what is shown.</summary>
    void Write(string text)
    {
        output.Write('\r' + text.PadRight(shown));
        output.Flush();
        shown = text.Length;
    }

    void Clear()
    {
        if (shown == 0) return;
        Write("");
        output.Write('\r');
        shown = 0;
    }
}
