namespace CnnSharp.Training;

/// <summary>A loss or a weight became infinite or not a number. The last checkpoint is from before it.</summary>
public sealed class TrainingDivergedException : InvalidOperationException
{
    /// <summary>What to try where a loss or a weight is not finite.</summary>
    internal const string OfLosses = "Try a lower learning rate, a warm-up or gradient clipping, and look for such numbers in the data.";

    internal TrainingDivergedException(int epoch, long step, string what, string? checkpoint, string advice = OfLosses)
        : base($"Training diverged in epoch {epoch}, step {step}: {what}. {advice}{(checkpoint is null ? "" : $" The last good checkpoint is '{checkpoint}'.")}")
    {
        Reason = $"diverged in epoch {epoch}, step {step}: {what}";
        Epoch = epoch;
        Step = step;
        Checkpoint = checkpoint;
    }

    /// <summary>What happened, without advice and paths.</summary>
    internal string Reason { get; }

    /// <summary>The epoch, from 1.</summary>
    public int Epoch { get; }

    /// <summary>The step of the whole training, from 1: the first whose loss was not finite, or the last of an epoch that left a weight that is not.</summary>
    public long Step { get; }

    /// <summary>The last good checkpoint; null if none was written.</summary>
    public string? Checkpoint { get; }
}
