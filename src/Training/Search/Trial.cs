using System.Globalization;

namespace CnnSharp.Training;

/// <summary>A setting that a search tries: one value of each dimension.</summary>
public sealed class Trial
{
    internal Trial(int number, int stage, IReadOnlyList<KeyValuePair<string, string>> values) => (Number, Stage, Values) = (number, stage, values);

    /// <summary>Which of the search, from 1.</summary>
    public int Number { get; }

    /// <summary>Which stage of the search (<see cref="SearchOptions.Stages"/>), from 1.</summary>
    public int Stage { get; }

    /// <summary>The values by the dimensions' names, in their order. A number is read back from its text to the bit.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Values { get; }

    /// <summary>A value as text.</summary>
    /// <param name="name">The dimension's.</param>
    /// <exception cref="ArgumentException">The search has no such dimension.</exception>
    public string Text(string name)
    {
        foreach (var (known, value) in Values)
        {
            if (known == name) return value;
        }

        throw new ArgumentException($"Trial {Number}: {Nearest.Unknown("dimension", name, [.. Values.Select(pair => pair.Key)])}", nameof(name));
    }

    /// <summary>A value as a number.</summary>
    /// <param name="name">The dimension's.</param>
    /// <exception cref="ArgumentException">The search has no such dimension.</exception>
    /// <exception cref="FormatException">The value is no number.</exception>
    public double Real(string name) => double.TryParse(Text(name), NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : throw new FormatException($"Trial {Number}: the value '{Text(name)}' of '{name}' is no number.");

    /// <summary>A value as a whole number.</summary>
    /// <param name="name">The dimension's.</param>
    /// <exception cref="ArgumentException">The search has no such dimension.</exception>
    /// <exception cref="FormatException">The value is no whole number.</exception>
    public int Integer(string name) => int.TryParse(Text(name), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value : throw new FormatException($"Trial {Number}: the value '{Text(name)}' of '{name}' is no whole number; {nameof(Dimension)}.{nameof(Dimension.Integer)} and {nameof(Dimension)}.{nameof(Dimension.Choice)} give some.");

    /// <summary>The values: <c>lr 0.0123, batch 64</c>.</summary>
    public override string ToString() => string.Join(", ", Values.Select(pair => $"{pair.Key} {pair.Value}"));
}

/// <summary>Where a trial stands.</summary>
public enum TrialStatus
{
    /// <summary>It has not come to its end: the search was canceled, or has yet to decide whether it goes on.</summary>
    Unfinished,

    /// <summary>It was trained to its end.</summary>
    Completed,

    /// <summary>Successive halving left it behind.</summary>
    Dropped,

    /// <summary>Its training diverged.</summary>
    Failed,
}

/// <summary>What a trial was measured at.</summary>
/// <param name="Epochs">Those that were trained by then.</param>
/// <param name="Value">The objective: of the best epoch so far; under cross-validation the mean over the folds.</param>
/// <param name="Folds">That of each fold; empty without cross-validation.</param>
public sealed record TrialMeasure(int Epochs, double Value, IReadOnlyList<double> Folds)
{
    /// <summary>The standard deviation over the folds (of a sample: by their number less 1); null without cross-validation.</summary>
    public double? Std => Folds.Count < 2 ? null : Math.Sqrt(Folds.Sum(fold => (fold - Value) * (fold - Value)) / (Folds.Count - 1));
}

/// <summary>What came of a trial.</summary>
/// <param name="Trial">The setting.</param>
/// <param name="Status">Where it stands.</param>
/// <param name="Measures">What it was measured at: once where it was trained at a stretch, else at each rung of successive halving. Empty where it failed before.</param>
/// <param name="Failure">Why it failed; null if it did not.</param>
public sealed record TrialResult(Trial Trial, TrialStatus Status, IReadOnlyList<TrialMeasure> Measures, string? Failure = null)
{
    /// <summary>The last measure; null if there is none.</summary>
    public TrialMeasure? Last => Measures.Count == 0 ? null : Measures[^1];

    /// <summary>The folder of its training in that of the search, under cross-validation of its folds' (<c>fold1</c>, ...): <c>trial-001</c>.</summary>
    public string Folder => string.Create(CultureInfo.InvariantCulture, $"trial-{Trial.Number:D3}");
}
