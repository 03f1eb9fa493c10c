using System.Text.Json;
using System.Text.Json.Serialization;
using CnnSharp.Formats;

namespace CnnSharp.Cli.Train;

/// <summary>What <c>tune</c> was asked to do; a member that is null was not said. They stand in the search's folder as <see cref="FileName"/>, for <c>--resume</c>.</summary>
internal sealed record TuneSettings
{
    /// <summary>The file's name in the search's folder.</summary>
    public const string FileName = "tune.json";

    /// <summary>What every trial has in common.</summary>
    public TrainSettings Training { get; init; } = new();

    public string[]? Range { get; init; }

    public string[]? Choice { get; init; }

    public string? Search { get; init; }

    public int? Trials { get; init; }

    public int? Stages { get; init; }

    public int? Folds { get; init; }

    /// <summary>These settings, and where they are silent the other ones.</summary>
    public TuneSettings Or(TuneSettings other) => new()
    {
        Training = Training.Or(other.Training),
        Range = Range ?? (Choice is null ? other.Range : null),
        Choice = Choice ?? (Range is null ? other.Choice : null),
        Search = Search ?? other.Search,
        Trials = Trials ?? other.Trials,
        Stages = Stages ?? other.Stages,
        Folds = Folds ?? other.Folds,
    };

    /// <summary>The settings of the search in a folder; null if there are none.</summary>
    /// <exception cref="DataFormatException">The file is not what <see cref="Write"/> wrote.</exception>
    public static TuneSettings? Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path)) return null;
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), TuneJson.Default.TuneSettings) ?? throw new DataFormatException(path, "holds null, not the settings of a search");
        }
        catch (JsonException e)
        {
            throw new DataFormatException(path, $"holds no settings of a search: {e.Message.TrimEnd('.')}", inner: e);
        }
    }

    /// <summary>Writes the settings into a folder.</summary>
    public void Write(string folder) => AtomicFile.Write(Path.Combine(folder, FileName), stream => JsonSerializer.Serialize(stream, this, TuneJson.Default.TuneSettings));
}

/// <summary>How settings are written: made by the compiler, so that a trimmed program keeps what it needs.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(TuneSettings))]
internal sealed partial class TuneJson : JsonSerializerContext;
