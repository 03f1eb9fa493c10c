using System.Globalization;

namespace CnnSharp.Training;

/// <summary>How often images of each class were taken for each class. Only pairs that occurred take memory, so there may be any number of classes.</summary>
public sealed class ConfusionMatrix
{
    readonly Dictionary<(int Actual, int Predicted), long> counts = [];
    readonly long[] actuals;
    readonly long[] predictions;

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

    /// <summary>Images of class <paramref name="actual"/> that were taken for <paramref name="predicted"/>.</summary>
    public long this[int actual, int predicted] => counts.GetValueOrDefault(Place(actual, predicted));

    /// <summary>Images counted.</summary>
    public long Count { get; private set; }

    /// <summary>Images whose class was found.</summary>
    public long Hits { get; private set; }

    /// <summary>The share of images whose class was found, 0 to 1; 0 if none was counted.</summary>
    public double Accuracy => Share(Hits, Count);

    /// <summary>Counts an image.</summary>
    public void Add(int actual, int predicted)
    {
        var place = Place(actual, predicted);
        counts[place] = counts.GetValueOrDefault(place) + 1;
        Count++;
        actuals[actual]++;
        predictions[predicted]++;
        if (actual == predicted) Hits++;
    }

    /// <summary>The share of a class's images that were found, 0 to 1; 0 if it has none.</summary>
    public double Recall(int actual) => Share(this[actual, actual], actuals[actual]);

    /// <summary>The share of right ones among the images that were taken for a class, 0 to 1; 0 if there are none.</summary>
    public double Precision(int predicted) => Share(this[predicted, predicted], predictions[predicted]);

    /// <summary>A table: a row for what an image is, a column for what it was taken for, and each class's recall and precision. Beyond 20 classes without the columns.</summary>
    public override string ToString() => ToString(null);

    /// <summary>As <see cref="ToString()"/>, with the classes under their names.</summary>
    /// <param name="classNames">One a class; default null: their numbers.</param>
    public string ToString(IReadOnlyList<string>? classNames)
    {
        const int MostColumns = 20;
        if (classNames is not null && classNames.Count != Classes) throw new ArgumentException($"ConfusionMatrix: {classNames.Count:N0} names for {Classes:N0} classes.", nameof(classNames));
        var columns = Classes <= MostColumns ? Classes : 0;
        var rows = new List<string[]> { (string[])["is \\ taken for", .. Enumerable.Range(0, columns).Select(Name), "recall", "precision"] };
        for (var actual = 0; actual < Classes; actual++) rows.Add([Name(actual), .. Enumerable.Range(0, columns).Select(predicted => Text(this[actual, predicted])), Percent(Recall(actual)), Percent(Precision(actual))]);
        var widths = Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length)).ToArray();
        var lines = rows.Select(row => string.Join("  ", row.Select((cell, column) => column == 0 ? cell.PadRight(widths[column]) : cell.PadLeft(widths[column]))));
        return string.Join('\n', lines.Append($"accuracy {Percent(Accuracy)} of {Text(Count)}"));

        string Name(int label) => classNames?[label] ?? Text(label);

        static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

        static string Percent(double share) => (100 * share).ToString("F1", CultureInfo.InvariantCulture) + "%";
    }

    static double Share(long part, long whole) => whole == 0 ? 0 : (double)part / whole;

    (int Actual, int Predicted) Place(int actual, int predicted)
    {
        if ((uint)actual >= (uint)Classes || (uint)predicted >= (uint)Classes)
            throw new ArgumentOutOfRangeException(nameof(predicted), $"ConfusionMatrix: actual {actual}, predicted {predicted}; expected classes from 0 to {Classes - 1}.");
        return (actual, predicted);
    }
}
