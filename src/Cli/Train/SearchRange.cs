using System.Globalization;
using CnnSharp.Training;

namespace CnnSharp.Cli.Train;

/// <summary>What <c>--range</c> and <c>--choice</c> of <c>tune</c> mean: an option of <c>train</c>, and the values that it is to have.</summary>
internal static class SearchRange
{
    /// <summary>How <c>--range</c> is written, for help and messages.</summary>
    public const string RangeForm = "NAME=LOW..HIGH, and after colons log or linear and the points of a grid, for instance lr=1e-4..1e-1:log:6";

    /// <summary>How <c>--choice</c> is written.</summary>
    public const string ChoiceForm = "NAME=VALUE,VALUE, for instance batch=32,64,128, or with | between values that hold commas";

    /// <summary>Options with numbers, and how a range of them is divided unless it says so.</summary>
    static readonly Dictionary<string, (bool IsWhole, bool IsLogarithmic)> Numbers = new()
    {
        ["lr"] = (false, true),
        ["weight-decay"] = (false, true),
        ["momentum"] = (false, false),
        ["batch"] = (true, true),
        ["epochs"] = (true, false),
        ["label-smoothing"] = (false, false),
        ["warmup"] = (false, false),
        ["clip-norm"] = (false, true),
        ["clip-value"] = (false, true),
    };

    /// <summary>Options with names.</summary>
    static readonly string[] Names = ["optimizer", "schedule", "augment", "average", "model", "shortcut"];

    /// <summary>What may be varied.</summary>
    public static string Tunable { get; } = string.Join(", ", Numbers.Keys.Concat(Names));

    /// <summary>The dimensions that were said.</summary>
    /// <exception cref="UsageException">One is not understood, or <c>train</c> would refuse a value of it.</exception>
    public static List<Dimension> Parse(IEnumerable<string> ranges, IEnumerable<string> choices)
    {
        List<Dimension> space = [.. ranges.Select(Range), .. choices.Select(Choice)];
        if (space.GroupBy(dimension => dimension.Name).FirstOrDefault(group => group.Count() > 1) is { } twice) throw new UsageException($"--range and --choice: {twice.Key} is specified more than once.");
        return space;
    }

    /// <summary>Where nothing was said: the learning rate about that of the recipe, and weight decay.</summary>
    /// <param name="recipe">Complete settings.</param>
    public static List<Dimension> Default(TrainSettings recipe)
    {
        var lr = recipe.Lr!.Value;
        return [Dimension.LogUniform("lr", Short(lr / 30), Short(lr * 10)), Dimension.LogUniform("weight-decay", 1e-6, recipe.Optimizer is "adamw" or "lion" or "muon" ? 0.3 : 1e-2)];

        static double Short(double value) => double.Parse(value.ToString("G2", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
    }

    static Dimension Range(string text)
    {
        var (name, rest) = Split("--range", text, RangeForm);
        if (!Numbers.TryGetValue(name, out var kind)) throw new UsageException(Names.Contains(name) ? $"--range {text}: {name} has no numbers; expected --choice {name}=VALUE,VALUE." : $"--range {text}: {Nearest.Unknown("setting", name, [.. Numbers.Keys])}");
        var parts = rest.Split(':');
        var ends = parts[0].Split("..");
        if (ends.Length != 2 || !TryReal(ends[0], out var low) || !TryReal(ends[1], out var high)) throw new UsageException($"--range {text}: expected {RangeForm}.");
        int? levels = null;
        foreach (var part in parts.Skip(1))
        {
            if (part is "log" or "linear") kind.IsLogarithmic = part == "log";
            else if (levels is null && int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count is >= 1 and <= 1000) levels = count;
            else if (part != "int" || !kind.IsWhole) throw new UsageException($"--range {text}: '{part}' is neither log nor linear nor a number of points; expected {RangeForm}.");
        }

        foreach (var end in ends) Accept($"--range {text}", name, end);
        try
        {
            return (kind.IsWhole ? Dimension.Integer(name, (int)low, (int)high, kind.IsLogarithmic) : kind.IsLogarithmic ? Dimension.LogUniform(name, low, high) : Dimension.Uniform(name, low, high)) with { Levels = levels };
        }
        catch (ArgumentException e)
        {
            throw new UsageException($"--range {text}: {e.Message.Split(" (Parameter")[0]}");
        }
    }

    static Dimension Choice(string text)
    {
        var (name, rest) = Split("--choice", text, ChoiceForm);
        if (!Numbers.ContainsKey(name) && !Names.Contains(name)) throw new UsageException($"--choice {text}: {Nearest.Unknown("setting", name, [.. Numbers.Keys, .. Names])}");
        var values = rest.Split(rest.Contains('|', StringComparison.Ordinal) ? '|' : ',', StringSplitOptions.TrimEntries);
        foreach (var value in values) Accept($"--choice {text}", name, value);
        try
        {
            return Dimension.Choice(name, values);
        }
        catch (ArgumentException e)
        {
            throw new UsageException($"--choice {text}: {e.Message.Split(" (Parameter")[0]}");
        }
    }

    /// <summary>Throws for a value that <c>train</c> does not take.</summary>
    static void Accept(string where, string name, string value)
    {
        try
        {
            _ = TrainingSetup.Start(TrainOptions.Parse([new(name, value)]), resume: false);
        }
        catch (UsageException e)
        {
            throw new UsageException($"{where}: {e.Message}");
        }
    }

    static (string Name, string Values) Split(string option, string text, string form)
    {
        var at = text.IndexOf('=', StringComparison.Ordinal);
        return at > 0 && at < text.Length - 1 ? (text[..at], text[(at + 1)..]) : throw new UsageException($"{option} {text}: expected {form}.");
    }

    static bool TryReal(string text, out double value) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && double.IsFinite(value);
}
