using System.Text.Json.Serialization;

namespace CnnSharp.Training;

/// <summary>How a training went.</summary>
public sealed class History
{
    readonly List<EpochResult> epochs;

    internal History(IEnumerable<EpochResult> epochs) => this.epochs = [.. epochs];

    /// <summary>The finished epochs, those before a resume included.</summary>
    public IReadOnlyList<EpochResult> Epochs => epochs;

    /// <summary>The last finished epoch.</summary>
    /// <exception cref="InvalidOperationException">None was finished: the training was cancelled in its first.</exception>
    public EpochResult Last => epochs.Count > 0 ? epochs[^1] : throw new InvalidOperationException("History: no epoch was finished.");

    /// <summary>The epoch of the highest <see cref="EpochResult.Accuracy"/>, the first of equals; null if none was finished.</summary>
    public EpochResult? Best => epochs.MaxBy(e => e.Accuracy);

    /// <summary>Whether the training was cancelled before its end.</summary>
    public bool IsCancelled { get; internal set; }

    /// <summary>The last checkpoint that was written; null if none was.</summary>
    public string? Checkpoint { get; internal set; }

    /// <summary>Seconds that this call took.</summary>
    public double Seconds { get; internal set; }

    internal void Add(EpochResult epoch) => epochs.Add(epoch);
}

/// <summary>The figures of one epoch.</summary>
/// <param name="Epoch">Which, from 1.</param>
/// <param name="LearningRate">The rate of its last step.</param>
/// <param name="TrainLoss">The mean over its pictures, each as it was met, with the label smoothing asked for.</param>
/// <param name="TrainAccuracy">The share of its pictures that were met with the right class first, 0 to 1.</param>
/// <param name="ValidationLoss">The mean over the validation pictures after the epoch; null without them.</param>
/// <param name="ValidationAccuracy">The share of validation pictures whose class was found, 0 to 1; null without them.</param>
public sealed record EpochResult(int Epoch, double LearningRate, double TrainLoss, double TrainAccuracy, double? ValidationLoss, double? ValidationAccuracy)
{
    /// <summary>Seconds spent training, validation not counted; 0 for an epoch before a resume.</summary>
    [JsonIgnore]
    public double Seconds { get; init; }

    /// <summary>Training pictures a second; 0 for an epoch before a resume.</summary>
    [JsonIgnore]
    public double ImagesPerSecond { get; init; }

    /// <summary>The accuracy of validation if there was one, else of training.</summary>
    [JsonIgnore]
    public double Accuracy => ValidationAccuracy ?? TrainAccuracy;

    /// <summary>The loss of validation if there was one, else of training.</summary>
    [JsonIgnore]
    public double Loss => ValidationLoss ?? TrainLoss;
}
