using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using CnnSharp.Cli.Train;
using CnnSharp.Training;

namespace CnnSharp.Cli.Report;

/// <summary>A setting, and what each of some trainings has for it; empty where one has none.</summary>
/// <param name="Name">Of the option of <c>train</c>, or the member of the checkpoint's options.</param>
/// <param name="Values">One a training.</param>
internal sealed record RunSetting(string Name, IReadOnlyList<string> Values)
{
    /// <summary>Whether they are not all equal.</summary>
    public bool Differs => Values.Distinct(StringComparer.Ordinal).Count() > 1;
}

/// <summary>With what trainings were run, beside each other.</summary>
internal static class RunSettings
{
    /// <summary>The settings of some trainings: those of the tool's options if all of them have such, else those that every checkpoint has.</summary>
    public static IReadOnlyList<RunSetting> Of(IReadOnlyList<RunRecord> runs)
    {
        var said = runs.Select(run => TrainSettings.Read(run.Folder)).ToList();
        var each = said.TrueForAll(settings => settings is not null)
            ? said.ConvertAll(settings => Flat(JsonSerializer.SerializeToNode(settings, SettingsJson.Default.TrainSettings)!))
            : [.. runs.Select(run => run.Info is null ? [] : OfCheckpoint(run.Info))];
        return [.. each.SelectMany(settings => settings.Keys).Distinct(StringComparer.Ordinal).Select(name => new RunSetting(name, [.. each.Select(settings => settings.GetValueOrDefault(name, ""))]))];
    }

    static Dictionary<string, string> OfCheckpoint(CheckpointInfo info)
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["model"] = info.Model.Name,
            ["dataset"] = info.Dataset,
            ["task"] = info.Task ?? "classification of images",
            ["images"] = info.Images?.ToString(CultureInfo.InvariantCulture) ?? "",
        };
        foreach (var (name, value) in info.Model.Options) settings[name] = value;
        foreach (var (name, value) in Flat(JsonNode.Parse(info.Options)!)) settings[name] = value;
        return settings;
    }

    /// <summary>The leaves of an object, by their paths; those that are null left out.</summary>
    static Dictionary<string, string> Flat(JsonNode root)
    {
        var leaves = new Dictionary<string, string>(StringComparer.Ordinal);
        Add(root, "");
        return leaves;

        void Add(JsonNode? node, string path)
        {
            if (node is JsonObject members)
            {
                foreach (var (name, value) in members) Add(value, path.Length == 0 ? name : $"{path}.{name}");
            }
            else if (node is not null)
            {
                leaves[path] = node is JsonArray several ? string.Join(", ", several.Select(one => one?.ToString())) : node.GetValueKind() == JsonValueKind.Number ? node.GetValue<double>().ToString("G6", CultureInfo.InvariantCulture) : node.ToString();
            }
        }
    }
}
