namespace CnnSharp.Training;

/// <summary>
/// Ends a training that gets no better. Recomputed from the finished epochs after each, so that a resumed training ends
/// where an uninterrupted one does.
/// </summary>
public sealed record EarlyStopping
{
    /// <summary>It ends after so many epochs in a row that were no better than the best before them; at least 1. Default 5.</summary>
    public int Patience { get; init; } = 5;

    /// <summary>By how much an epoch must beat the best to be better; at least 0. Default 0.</summary>
    public double MinDelta { get; init; }

    /// <summary>Whether the model is left with the weights of the best epoch, also where the training went through all its epochs; default true.</summary>
    public bool RestoreBest { get; init; } = true;

    internal void Validate()
    {
        if (Patience < 1) throw new ArgumentOutOfRangeException(nameof(Patience), Patience, $"EarlyStopping: {nameof(Patience)} must be at least 1.");
        if (!(MinDelta >= 0)) throw new ArgumentOutOfRangeException(nameof(MinDelta), MinDelta, $"EarlyStopping: {nameof(MinDelta)} must be at least 0.");
    }

    internal bool IsOver(IReadOnlyList<EpochResult> epochs, Metric monitor)
    {
        var (best, waited) = (double.NegativeInfinity, 0);
        foreach (var epoch in epochs)
        {
            var score = epoch.Score(monitor);
            if (score > best + MinDelta) (best, waited) = (score, 0);
            else waited++;
        }

        return waited >= Patience;
    }
}
