using System.Globalization;

namespace CnnSharp.Training;

/// <summary>A hyperparameter that a search varies, and the values that it may take.</summary>
/// <example><code>Dimension.LogUniform("lr", 1e-4, 1e-1), Dimension.Choice("batch", 32, 64, 128)</code></example>
public sealed record Dimension
{
    /// <summary>Digits of a value that is drawn: it can be written into a command or a paper as it is.</summary>
    const int Digits = 3;

    /// <summary>Points of a grid along a range, unless said otherwise.</summary>
    const int DefaultLevels = 5;

    readonly bool isWhole;

    Dimension(string name, double low, double high, bool isLogarithmic, bool isWhole, IReadOnlyList<string> choices)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        (Name, Low, High, IsLogarithmic, this.isWhole, Choices) = (name, low, high, isLogarithmic, isWhole, choices);
    }

    /// <summary>What it is called: <see cref="Trial.Real"/>, <see cref="Trial.Integer"/> and <see cref="Trial.Text"/> ask for it by this name.</summary>
    public string Name { get; }

    /// <summary>The least value; of a choice 0.</summary>
    public double Low { get; private init; }

    /// <summary>The greatest value; of a choice the last one's place.</summary>
    public double High { get; private init; }

    /// <summary>Whether equal factors are equally far apart, as for learning rates and weight decay.</summary>
    public bool IsLogarithmic { get; }

    /// <summary>The values of a choice; of a range none.</summary>
    public IReadOnlyList<string> Choices { get; private init; }

    /// <summary>Points that a grid has along a range, both ends among them; at least 1, default 5 (of whole numbers at most as many as there are). One point is the middle. A choice has its values.</summary>
    public int? Levels { get; init; }

    /// <summary>Numbers of a range whose logarithms are equally likely, to three digits.</summary>
    /// <param name="name">What it is called.</param>
    /// <param name="low">The least; above 0.</param>
    /// <param name="high">The greatest; above the least.</param>
    public static Dimension LogUniform(string name, double low, double high) => Range(name, low, high, isLogarithmic: true, isWhole: false);

    /// <summary>Numbers of a range, each as likely, to three digits.</summary>
    /// <param name="name">What it is called.</param>
    /// <param name="low">The least.</param>
    /// <param name="high">The greatest; above the least.</param>
    public static Dimension Uniform(string name, double low, double high) => Range(name, low, high, isLogarithmic: false, isWhole: false);

    /// <summary>Whole numbers of a range.</summary>
    /// <param name="name">What it is called.</param>
    /// <param name="low">The least.</param>
    /// <param name="high">The greatest; above the least.</param>
    /// <param name="isLogarithmic">Whether equal factors are equally likely; default: each number is.</param>
    public static Dimension Integer(string name, int low, int high, bool isLogarithmic = false) => Range(name, low, high, isLogarithmic, isWhole: true);

    /// <summary>One of several texts, each as likely.</summary>
    /// <param name="name">What it is called.</param>
    /// <param name="values">At least one, each once.</param>
    public static Dimension Choice(string name, params string[] values)
    {
        ArgumentNullException.ThrowIfNull(values);
        if (values.Length == 0) throw new ArgumentException($"Dimension '{name}': expected at least one value to choose from.", nameof(values));
        if (values.GroupBy(value => value).FirstOrDefault(group => group.Count() > 1) is { } twice) throw new ArgumentException($"Dimension '{name}': the value '{twice.Key}' is specified more than once.", nameof(values));
        return new(name, 0, values.Length - 1, isLogarithmic: false, isWhole: true, [.. values]);
    }

    /// <summary>One of several numbers, each as likely.</summary>
    /// <param name="name">What it is called.</param>
    /// <param name="values">At least one, each once.</param>
    public static Dimension Choice(string name, params double[] values)
    {
        ArgumentNullException.ThrowIfNull(values);
        return Choice(name, [.. values.Select(Write)]);
    }

    /// <summary>Name and values, as the tool's <c>--range</c> and <c>--choice</c> take them: <c>lr=0.0001..0.1:log</c>, <c>batch=32,64</c>.</summary>
    public override string ToString() => $"{Name}={(Choices.Count > 0 ? string.Join(',', Choices) : $"{Write(Low)}..{Write(High)}{(isWhole ? ":int" : "")}{(IsLogarithmic ? ":log" : "")}{(Levels is { } levels ? $":{levels}" : "")}")}";

    /// <summary>Where a value stands between the least (0) and the greatest (1), on the dimension's own scale.</summary>
    /// <param name="value">One of the dimension's, as <see cref="Trial.Text"/> gives it.</param>
    public double PositionOf(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (Choices.Count > 0) return Choices.Count == 1 ? 0.5 : Choices.Index().First(choice => choice.Item == value).Index / (Choices.Count - 1.0);
        return (Scaled(Read(value)) - Scaled(Low)) / (Scaled(High) - Scaled(Low));
    }

    /// <summary>The value at a place from 0 to 1. Choices and whole numbers have equal shares of it.</summary>
    internal string At(double place)
    {
        if (Choices.Count > 0) return Choices[Math.Min((int)(place * Choices.Count), Choices.Count - 1)];
        if (!isWhole) return Write(Rounded(Unscaled(Scaled(Low) + (place * (Scaled(High) - Scaled(Low))))));

        // Half a number beyond both ends, so that these are as likely as those between.
        var (from, to) = (Scaled(IsLogarithmic ? Low : Low - 0.5), Scaled(High + 0.5));
        if (IsLogarithmic) from = Scaled(Math.Max(Low - 0.5, 0.5));
        return Write(Math.Clamp(Math.Round(Unscaled(from + (place * (to - from)))), Low, High));
    }

    /// <summary>The points of a grid.</summary>
    internal IReadOnlyList<string> Grid()
    {
        if (Choices.Count > 0) return Choices;
        var count = Levels ?? (isWhole ? (int)Math.Min(DefaultLevels, High - Low + 1) : DefaultLevels);
        return [.. Enumerable.Range(0, count).Select(Point).Distinct()];

        string Point(int level)
        {
            var value = Unscaled(Scaled(Low) + ((count == 1 ? 0.5 : level / (count - 1.0)) * (Scaled(High) - Scaled(Low))));
            return Write(isWhole ? Math.Round(value) : Rounded(value));
        }
    }

    /// <summary>The third of the range about the best value, within the range; of a choice the values that good trials have.</summary>
    /// <param name="good">The values of good trials, the best first.</param>
    internal Dimension Near(IReadOnlyList<string> good)
    {
        if (Choices.Count > 0)
        {
            var kept = Choices.Where(good.Contains).ToList();
            return this with { Choices = kept, High = kept.Count - 1 };
        }

        const double Width = 1 / 3.0;
        var start = Math.Clamp(PositionOf(good[0]) - (Width / 2), 0, 1 - Width);
        var (from, to) = (Unscaled(Scaled(Low) + (start * (Scaled(High) - Scaled(Low)))), Unscaled(Scaled(Low) + ((start + Width) * (Scaled(High) - Scaled(Low)))));

        // At least two whole numbers, or it would be no range.
        if (isWhole) (from, to) = (Math.Floor(from), Math.Min(High, Math.Max(Math.Ceiling(to), Math.Floor(from) + 1)));
        else (from, to) = (Rounded(from), Rounded(to));
        return from < to ? this with { Low = from, High = to } : this;
    }

    /// <summary>A number as it stands in a trial: shortest, with which it is read back to the bit.</summary>
    internal static string Write(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    static Dimension Range(string name, double low, double high, bool isLogarithmic, bool isWhole)
    {
        if (!double.IsFinite(low) || !double.IsFinite(high) || !(low < high)) throw new ArgumentOutOfRangeException(nameof(high), high, $"Dimension '{name}': expected a range from a number to a greater one, got {Write(low)}..{Write(high)}.");
        if (isLogarithmic && !(low > 0)) throw new ArgumentOutOfRangeException(nameof(low), low, $"Dimension '{name}': a logarithmic range begins above 0, got {Write(low)}..{Write(high)}.");
        return new(name, low, high, isLogarithmic, isWhole, []);
    }

    static double Read(string value) => double.Parse(value, NumberStyles.Float, CultureInfo.InvariantCulture);

    double Scaled(double value) => IsLogarithmic ? Math.Log(value) : value;

    double Unscaled(double value) => IsLogarithmic ? Math.Exp(value) : value;

    double Rounded(double value) => Math.Clamp(Read(value.ToString($"G{Digits}", CultureInfo.InvariantCulture)), Low, High);
}
