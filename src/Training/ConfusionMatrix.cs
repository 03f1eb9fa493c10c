namespace CnnSharp.Training;

/// <summary>How often pictures of each class were taken for each class.</summary>
public sealed class ConfusionMatrix
{
    readonly long[] counts;

    /// <summary>Creates an empty matrix.</summary>
    /// <param name="classes">How many; at least 1.</param>
    public ConfusionMatrix(int classes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        Classes = classes;
        counts = new long[classes * classes];
    }

    /// <summary>The number of classes.</summary>
    public int Classes { get; }

    /// <summary>Pictures of class <paramref name="actual"/> that were taken for <paramref name="predicted"/>.</summary>
    public long this[int actual, int predicted] => counts[Place(actual, predicted)];

    /// <summary>Pictures counted.</summary>
    public long Count => counts.Sum();

    /// <summary>The share of pictures whose class was found, 0 to 1; 0 if none was counted.</summary>
    public double Accuracy
    {
        get
        {
            var hits = 0L;
            for (var c = 0; c < Classes; c++) hits += this[c, c];
            return Share(hits, Count);
        }
    }

    /// <summary>Counts a picture.</summary>
    public void Add(int actual, int predicted) => counts[Place(actual, predicted)]++;

    /// <summary>The share of a class's pictures that were found, 0 to 1; 0 if it has none.</summary>
    public double Recall(int actual)
    {
        var all = 0L;
        for (var c = 0; c < Classes; c++) all += this[actual, c];
        return Share(this[actual, actual], all);
    }

    /// <summary>The share of right ones among the pictures that were taken for a class, 0 to 1; 0 if there are none.</summary>
    public double Precision(int predicted)
    {
        var all = 0L;
        for (var c = 0; c < Classes; c++) all += this[c, predicted];
        return Share(this[predicted, predicted], all);
    }

    static double Share(long part, long whole) => whole == 0 ? 0 : (double)part / whole;

    int Place(int actual, int predicted)
    {
        if ((uint)actual >= (uint)Classes || (uint)predicted >= (uint)Classes)
            throw new ArgumentOutOfRangeException(nameof(predicted), $"ConfusionMatrix: actual {actual}, predicted {predicted}; expected classes from 0 to {Classes - 1}.");
        return (actual * Classes) + predicted;
    }
}
