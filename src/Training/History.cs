using System.Globalization;
using System.Text.Json.Serialization;

namespace CnnSharp.Training;

/// <summary>Why a training ended.</summary>
public enum TrainingEnd
{
    /// <summary>All its epochs are finished.</summary>
    Completed,

    /// <summary>It got no better: <see cref="TrainingOptions.EarlyStopping"/>.</summary>
    StoppedEarly,

    /// <summary>The observer stopped it: <see cref="TrainingControl.Stop"/>.</summary>
    Stopped,

    /// <summary>Its cancellation token was set.</summary>
    Canceled,
}

/// <summary>How a training went.</summary>
public sealed class History
{
    readonly List<EpochResult> epochs;
    readonly Metric monitor;

    internal History(IEnumerable<EpochResult> epochs, Metric monitor) => (this.epochs, this.monitor) = ([.. epochs], monitor);

    /// <summary>The finished epochs, those before a resume included.</summary>
    public IReadOnlyList<EpochResult> Epochs => epochs;

    /// <summary>The last finished epoch.</summary>
    /// <exception cref="InvalidOperationException">None was finished: the training was canceled in its first.</exception>
    public EpochResult Last => epochs.Count > 0 ? epochs[^1] : throw new InvalidOperationException("History: no epoch was finished.");

    /// <summary>The best epoch by <see cref="TrainingOptions.Monitor"/>, the first of equals; null if none was finished.</summary>
    public EpochResult? Best => epochs.MaxBy(e => e.Score(monitor));

    /// <summary>The numbers of the best epochs, the best first, the earlier of equals.</summary>
    internal List<int> BestEpochs(int count) => [.. epochs.OrderByDescending(e => e.Score(monitor)).Take(count).Select(e => e.Epoch)];

    /// <summary>Why it ended.</summary>
    public TrainingEnd End { get; internal set; }

    /// <summary>Whether the training was canceled before its end.</summary>
    public bool IsCanceled => End == TrainingEnd.Canceled;

    /// <summary>The last checkpoint that was written; null if none was.</summary>
    public string? Checkpoint { get; internal set; }

    /// <summary>The folder that it wrote into; null: none.</summary>
    public string? Folder { get; internal set; }

    /// <summary>Seconds that this call took.</summary>
    public double Seconds { get; internal set; }

    internal void Add(EpochResult epoch) => epochs.Add(epoch);

    /// <summary>A line an epoch: losses and metrics.</summary>
    public override string ToString()
    {
        return epochs.Count == 0 ? "no epoch was finished" : string.Join('\n', epochs.Select(epoch => Line(epoch)));
    }

    /// <summary>The losses and metrics of an epoch.</summary>
    /// <param name="e">Which.</param>
    /// <param name="of">Of how many; 0: unsaid.</param>
    internal static string Line(EpochResult e, int of = 0)
    {
        return $"epoch {e.Epoch}{(of == 0 ? "" : $"/{of}")}: {Figures(e.TrainLoss, e.TrainAccuracy, e.TrainMetrics)}" + (e.ValidationLoss is { } loss ? $"; validation {Figures(loss, e.ValidationAccuracy, e.ValidationMetrics)}" : "");

        static string Figures(double loss, double? accuracy, IReadOnlyDictionary<string, double>? metrics)
        {
            var others = (metrics ?? new Dictionary<string, double>()).Where(pair => pair.Key != Metric.Accuracy.Name).Select(pair => string.Create(CultureInfo.InvariantCulture, $", {pair.Key} {pair.Value:G4}"));
            return string.Create(CultureInfo.InvariantCulture, $"loss {loss:F4}") + (accuracy is { } share ? string.Create(CultureInfo.InvariantCulture, $", accuracy {100 * share:F1}%") : "") + string.Concat(others);
        }
    }
}

/// <summary>The figures of one epoch.</summary>
/// <param name="Epoch">Which, from 1.</param>
/// <param name="LearningRate">The rate of its last step.</param>
/// <param name="TrainLoss">The mean over its images, each as it was met, with the label smoothing asked for.</param>
/// <param name="TrainAccuracy">The share of its images that were met with the right class first, 0 to 1; null where the task does not measure it.</param>
/// <param name="ValidationLoss">The mean over the validation images after the epoch; null without them.</param>
/// <param name="ValidationAccuracy">The share of validation images whose class was found, 0 to 1; null without them.</param>
public sealed record EpochResult(int Epoch, double LearningRate, double TrainLoss, double? TrainAccuracy, double? ValidationLoss, double? ValidationAccuracy)
{
    /// <summary>The share of validation images whose class was among the five first, 0 to 1; null without them.</summary>
    public double? ValidationTop5Accuracy { get; init; }

    /// <summary>All that was measured on the validation images, the confusion matrix included; null without them, and for an epoch before a resume.</summary>
    [JsonIgnore]
    public Evaluation? Validation { get; init; }

    /// <summary>The task's metrics over its samples, by name; null without a task, or where its steps measure none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, double>? TrainMetrics { get; init; }

    /// <summary>The task's metrics over the validation samples, by name; null without a task, or without such samples.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, double>? ValidationMetrics { get; init; }

    /// <summary>Seconds spent training, validation not counted; 0 for an epoch before a resume.</summary>
    [JsonIgnore]
    public double Seconds { get; init; }

    /// <summary>Training images/s; 0 for an epoch before a resume.</summary>
    [JsonIgnore]
    public double ImagesPerSecond { get; init; }

    /// <summary>Bytes of memory that the process has had at most so far, as the system counts them; 0 for an epoch before a resume.</summary>
    [JsonIgnore]
    public long PeakMemory { get; init; }

    /// <summary>The accuracy of validation if there was one, else of training.</summary>
    [JsonIgnore]
    public double? Accuracy => ValidationLoss is null ? TrainAccuracy : ValidationAccuracy;

    /// <summary>The loss of validation if there was one, else of training.</summary>
    [JsonIgnore]
    public double Loss => ValidationLoss ?? TrainLoss;

    /// <summary>The metrics of validation if there was one, else of training; empty without a task.</summary>
    [JsonIgnore]
    public IReadOnlyDictionary<string, double> Metrics => (ValidationLoss is null ? TrainMetrics : ValidationMetrics) ?? new Dictionary<string, double>();

    /// <summary>What is more for a better epoch.</summary>
    internal double Score(Metric monitor)
    {
        if (monitor == Metric.Loss) return -Loss;
        var value = monitor == Metric.Accuracy ? Accuracy ?? double.NegativeInfinity : Metrics.TryGetValue(monitor.Name, out var found) ? found : throw new InvalidOperationException($"Epoch {Epoch} has no metric '{monitor}'.");
        return monitor.IsLowerBetter ? -value : value;
    }
}
