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

    /// <summary>A line an epoch: losses, and the shares of images whose class was found.</summary>
    public override string ToString()
    {
        var lines = epochs.Select(e => string.Create(CultureInfo.InvariantCulture, $"epoch {e.Epoch}: loss {e.TrainLoss:F4}, accuracy {100 * e.TrainAccuracy:F1}%")
            + (e is { ValidationLoss: { } loss, ValidationAccuracy: { } accuracy } ? string.Create(CultureInfo.InvariantCulture, $"; validation loss {loss:F4}, accuracy {100 * accuracy:F1}%") : ""));
        return epochs.Count == 0 ? "no epoch was finished" : string.Join('\n', lines);
    }
}

/// <summary>The figures of one epoch.</summary>
/// <param name="Epoch">Which, from 1.</param>
/// <param name="LearningRate">The rate of its last step.</param>
/// <param name="TrainLoss">The mean over its images, each as it was met, with the label smoothing asked for.</param>
/// <param name="TrainAccuracy">The share of its images that were met with the right class first, 0 to 1.</param>
/// <param name="ValidationLoss">The mean over the validation images after the epoch; null without them.</param>
/// <param name="ValidationAccuracy">The share of validation images whose class was found, 0 to 1; null without them.</param>
public sealed record EpochResult(int Epoch, double LearningRate, double TrainLoss, double TrainAccuracy, double? ValidationLoss, double? ValidationAccuracy)
{
    /// <summary>The share of validation images whose class was among the five first, 0 to 1; null without them.</summary>
    public double? ValidationTop5Accuracy { get; init; }

    /// <summary>All that was measured on the validation images, the confusion matrix included; null without them, and for an epoch before a resume.</summary>
    [JsonIgnore]
    public Evaluation? Validation { get; init; }

    /// <summary>Seconds spent training, validation not counted; 0 for an epoch before a resume.</summary>
    [JsonIgnore]
    public double Seconds { get; init; }

    /// <summary>Training images/s; 0 for an epoch before a resume.</summary>
    [JsonIgnore]
    public double ImagesPerSecond { get; init; }

    /// <summary>The accuracy of validation if there was one, else of training.</summary>
    [JsonIgnore]
    public double Accuracy => ValidationAccuracy ?? TrainAccuracy;

    /// <summary>The loss of validation if there was one, else of training.</summary>
    [JsonIgnore]
    public double Loss => ValidationLoss ?? TrainLoss;

    /// <summary>What is more for a better epoch.</summary>
    internal double Score(Metric monitor) => monitor == Metric.Loss ? -Loss : Accuracy;
}
