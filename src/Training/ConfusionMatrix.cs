namespace CnnSharp.Training;

/// <summary>How often pictures of each class were taken for each class. Only pairs that occurred take memory, so there may be any number of classes.</summary>
public sealed class ConfusionMatrix
{
    readonly Dictionary<(int Actual, int Predicted), long> counts = [];
    readonly long[] actuals;
    readonly long[] predictions;
    long hits;

    /// <summary>Creates an empty matrix.</summary>
    /// <param name="classes">How many; at least 1.</param>
    public ConfusionMatrix(int classes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        actuals = new long[classes];
        predictions = new long[classes];
    }

    /// <summary>The number of classes.</summary>
    public int Classes => actuals.Length;

    /// <summary>Pictures of class <paramref name="actual"/> that were taken for <paramref name="predicted"/>.</summary>
    public long this[int actual, int predicted] => counts.GetValueOrDefault(Place(actual, predicted));

    /// <summary>Pictures counted.</summary>
    public long Count { get; private set; }

    /// <summary>The share of pictures whose class was found, 0 to 1; 0 if none was counted.</summary>
    public double Accuracy => Share(hits, Count);

    /// <summary>Counts a picture.</summary>
    public void Add(int actual, int predicted)
    {
        var place = Place(actual, predicted);
        counts[place] = counts.GetValueOrDefault(place) + 1;
        Count++;
        actuals[actual]++;
        predictions[predicted]++;
        if (actual == predicted) hits++;
    }

    /// <summary>The share of a class's pictures that were found, 0 to 1; 0 if it has none.</summary>
    public double Recall(int actual) => Share(this[actual, actual], actuals[actual]);

    /// <summary>The share of right ones among the pictures that were taken for a class, 0 to 1; 0 if there are none.</summary>
    public double Precision(int predicted) => Share(this[predicted, predicted], predictions[predicted]);

    static double Share(long part, long whole) => whole == 0 ? 0 : (double)part / whole;

    (int Actual, int Predicted) Place(int actual, int predicted)
    {
        if ((uint)actual >= (uint)Classes || (uint)predicted >= (uint)Classes)
            throw new ArgumentOutOfRangeException(nameof(predicted), $"ConfusionMatrix: actual {actual}, predicted {predicted}; expected classes from 0 to {Classes - 1}.");
        return (actual, predicted);
    }
}
