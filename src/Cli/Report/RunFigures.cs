using System.Text.Json;
using CnnSharp.Cli.Bench;
using CnnSharp.Training;

namespace CnnSharp.Cli.Report;

/// <summary>What is said of a training in a line.</summary>
/// <param name="run">The training.</param>
internal sealed class RunFigures(RunRecord run)
{
    /// <summary>The training.</summary>
    public RunRecord Run { get; } = run;

    /// <summary>The folder as it was named, without what says nothing.</summary>
    public string Name { get; } = Path.GetRelativePath(".", run.Folder) is var path && !path.StartsWith("..", StringComparison.Ordinal) ? path : run.Folder;

    /// <summary>What decides which epoch is the best, as the training had it: <c>accuracy</c>, <c>loss</c> or another metric.</summary>
    public string Monitor { get; } = MonitorOf(run);

    /// <summary>That figure on validation images if there were some, else in training: its name in <c>metrics.jsonl</c>.</summary>
    public string MonitorFigure => Run.Figures.Contains($"validation_{Monitor}") ? $"validation_{Monitor}" : $"train_{Monitor}";

    /// <summary>Its best value; null before the first epoch has finished.</summary>
    public double? Best => Run.Best(MonitorFigure);

    /// <summary>Its last value.</summary>
    public double? Last => Run.Curve(MonitorFigure) is [.., var last] ? last.Value : null;

    /// <summary>The last loss, on validation images if there were some.</summary>
    public double? Loss => Run.Curve(Run.Figures.Contains("validation_loss") ? "validation_loss" : "train_loss") is [.., var last] ? last.Value : null;

    /// <summary>How many epochs it is to have; null where its checkpoint cannot be read.</summary>
    public int? Epochs { get; } = Option(run, "epochs") is { ValueKind: JsonValueKind.Number } epochs ? epochs.GetInt32() : null;

    /// <summary>Seconds of its epochs, validation not counted.</summary>
    public double Seconds => Run.Curve("seconds").Sum(point => point.Value);

    /// <summary>The median of its epochs' images/s; null before the first has finished.</summary>
    public double? ImagesPerSecond => Run.Curve("images_per_second") is { Count: > 0 } speeds ? Statistics.Median([.. speeds.Select(point => point.Value)]) : null;

    /// <summary>MiB of memory at most; null where it was not written.</summary>
    public double? PeakMemory => Run.Best("peak_memory_mib", isLowerBetter: false);

    /// <summary><c>running</c>, <c>finished</c>, or that it ended before its last epoch.</summary>
    public string State => Run.IsRunning ? "running" : Epochs is null ? "unknown" : Run.Epochs.Count >= Epochs ? "finished" : "ended early";

    /// <summary>A value of <see cref="Monitor"/> for people: a share as percent.</summary>
    public string Show(double? value) => value is not { } number ? "" : IsShare(Monitor) ? Terminal.Percent(number) : $"{number:G4}";

    /// <summary>Whether a figure is a share, shown as percent.</summary>
    public static bool IsShare(string figure) => figure.EndsWith("accuracy", StringComparison.Ordinal) || figure.EndsWith("iou", StringComparison.Ordinal) || figure.EndsWith("f1", StringComparison.Ordinal);

    static string MonitorOf(RunRecord run)
    {
        if (Option(run, "monitor") is { ValueKind: JsonValueKind.String } named) return named.GetString()!;
        return run.Figures.Any(figure => figure is "validation_accuracy" or "train_accuracy") || run.Figures.Count == 0 ? "accuracy" : "loss";
    }

    static JsonElement? Option(RunRecord run, string name)
    {
        if (run.Info is null) return null;
        using var options = JsonDocument.Parse(run.Info.Options);
        return options.RootElement.TryGetProperty(name, out var value) ? value.Clone() : null;
    }
}
