using System.Globalization;
using System.Text.Json.Nodes;

namespace CnnSharp.Training;

/// <summary>What differs between the options of a training that is resumed and those that it had.</summary>
static class OptionsComparison
{
    /// <summary>What may change without changing any step that was planned: how long, what is measured by, and what is compared by itself.</summary>
    static readonly HashSet<string> Free = ["epochs", "early_stopping", "monitor", "seed", "batch_size"];

    /// <summary>Each difference as <c>optimizer.weight_decay: 0.001, before 0.0005</c>, in the order of the options.</summary>
    /// <param name="now">The options as JSON.</param>
    /// <param name="before">Those of the checkpoint; what it does not say, as those of older versions, was nothing.</param>
    public static IReadOnlyList<string> Differences(string now, string before)
    {
        var differences = new List<string>();
        if (JsonNode.Parse(now) is JsonObject one && JsonNode.Parse(before) is JsonObject other && other.Count > 0) Compare("", one, other, differences);
        return differences;
    }

    static void Compare(string prefix, JsonObject now, JsonObject before, List<string> differences)
    {
        foreach (var name in now.Select(pair => pair.Key).Union(before.Select(pair => pair.Key)))
        {
            if (prefix.Length == 0 && Free.Contains(name)) continue;
            var (one, other) = (now[name], before[name]);
            var isKind = one is JsonObject a && other is JsonObject b && Text(a["name"]) == Text(b["name"]);
            if (isKind) Compare($"{prefix}{name}.", (JsonObject)one!, (JsonObject)other!, differences);
            else if (Text(one) != Text(other)) differences.Add($"{prefix}{name}: {Shown(one)}, before {Shown(other)}");
        }
    }

    /// <summary>A value for people: of an optimizer or a schedule its name, where that is another.</summary>
    static string Shown(JsonNode? value) => value switch
    {
        JsonObject kind when kind["name"] is { } name => name.ToString(),
        JsonValue number when number.TryGetValue<double>(out var known) && known != 0 => known.ToString("G6", CultureInfo.InvariantCulture),
        _ => Text(value),
    };

    /// <summary>A value to be compared; all that stands for nothing is one.</summary>
    static string Text(JsonNode? value) => value?.ToJsonString() is { } text && text is not ("null" or "false" or "0" or "[]" or "\"none\"") ? text.Trim('"') : "none";
}
