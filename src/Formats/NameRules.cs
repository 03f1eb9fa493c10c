using System.Text.RegularExpressions;

namespace CnnSharp.Formats;

/// <summary>
/// Rules that rewrite the names of a file's tensors into a model's: a regular expression, <c>-></c> and its replacement, one
/// rule a line; empty lines and what follows a <c>#</c> do not count. Every rule is applied, in order, wherever it fits.
/// </summary>
/// <example>
/// <code>
/// ^backbone\.           ->               # the prefix goes
/// block(\d+)_(\d+)      -> layer$1.$2
/// gamma$                -> weight
/// </code>
/// </example>
public sealed class NameRules
{
    readonly List<(Regex Pattern, string Replacement)> rules = [];

    /// <summary>Reads rules from a file.</summary>
    /// <exception cref="DataFormatException">A line is no rule; the message names it.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static NameRules Read(string path)
    {
        var result = new NameRules();
        var number = 0;
        foreach (var line in File.ReadLines(path))
        {
            number++;
            var rule = line.Split('#')[0].Trim();
            if (rule.Length == 0) continue;
            var parts = rule.Split("->");
            if (parts.Length != 2 || parts[0].Trim().Length == 0) throw new DataFormatException(path, $"line {number}", "PATTERN -> REPLACEMENT", $"'{rule}'");
            try
            {
                // Without backtracking: no pattern takes longer than the name is long.
                result.rules.Add((new(parts[0].Trim(), RegexOptions.NonBacktracking | RegexOptions.CultureInvariant), parts[1].Trim()));
            }
            catch (Exception e) when (e is ArgumentException or NotSupportedException)
            {
                throw new DataFormatException(path, $"line {number}: '{parts[0].Trim()}' is not a regular expression that can be used here: {e.Message.TrimEnd('.')}", inner: e);
            }
        }

        return result;
    }

    /// <summary>A name after all rules.</summary>
    public string Apply(string name)
    {
        foreach (var (pattern, replacement) in rules) name = pattern.Replace(name, replacement);
        return name;
    }
}
