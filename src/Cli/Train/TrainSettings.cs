using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using CnnSharp.Data;
using CnnSharp.Formats;
using CnnSharp.Models;
using CnnSharp.Training;

namespace CnnSharp.Cli.Train;

/// <summary>
/// What <c>train</c> was asked to do. A member that is null was not said; <see cref="Or"/> fills it, from the run that is
/// resumed or from the recipe. The complete settings stand in the output folder as <see cref="FileName"/>.
/// </summary>
internal sealed record TrainSettings
{
    /// <summary>The file's name in the output folder.</summary>
    public const string FileName = "settings.json";

    public string? Model { get; init; }

    public string? Shortcut { get; init; }

    public string? Dataset { get; init; }

    public string? Data { get; init; }

    public string? Labels { get; init; }

    public string? LabelColumns { get; init; }

    public int? Size { get; init; }

    public int? Resize { get; init; }

    public int? Channels { get; init; }

    public bool? SkipCorrupt { get; init; }

    public int? Cache { get; init; }

    public int? ValSplit { get; init; }

    public int? Epochs { get; init; }

    public int? Batch { get; init; }

    public int? MicroBatch { get; init; }

    public string? Average { get; init; }

    public string? Optimizer { get; init; }

    public double? Lr { get; init; }

    public string? Schedule { get; init; }

    public double? Momentum { get; init; }

    public double? WeightDecay { get; init; }

    public double? LabelSmoothing { get; init; }

    public double? ClipNorm { get; init; }

    public double? ClipValue { get; init; }

    public bool? NoBiasDecay { get; init; }

    public double? Warmup { get; init; }

    public int? EarlyStopping { get; init; }

    public double? MinDelta { get; init; }

    public string? Monitor { get; init; }

    public int? CheckpointEvery { get; init; }

    public string? Weights { get; init; }

    public string? Rename { get; init; }

    public string? WeightsKey { get; init; }

    public string? WeightsLayout { get; init; }

    public string[]? Freeze { get; init; }

    public string[]? LrScale { get; init; }

    public string? Augment { get; init; }

    public int? Seed { get; init; }

    /// <summary>These settings, and where they are silent the other ones.</summary>
    public TrainSettings Or(TrainSettings other) => new()
    {
        Model = Model ?? other.Model,
        Shortcut = Shortcut ?? other.Shortcut,
        Dataset = Dataset ?? other.Dataset,
        Data = Data ?? other.Data,
        Labels = Labels ?? other.Labels,
        LabelColumns = LabelColumns ?? other.LabelColumns,
        Size = Size ?? other.Size,
        Resize = Resize ?? other.Resize,
        Channels = Channels ?? other.Channels,
        SkipCorrupt = SkipCorrupt ?? other.SkipCorrupt,
        Cache = Cache ?? other.Cache,
        ValSplit = ValSplit ?? other.ValSplit,
        Epochs = Epochs ?? other.Epochs,
        Batch = Batch ?? other.Batch,
        MicroBatch = MicroBatch ?? other.MicroBatch,
        Average = Average ?? other.Average,
        Optimizer = Optimizer ?? other.Optimizer,
        Lr = Lr ?? other.Lr,
        Schedule = Schedule ?? other.Schedule,
        Momentum = Momentum ?? other.Momentum,
        WeightDecay = WeightDecay ?? other.WeightDecay,
        LabelSmoothing = LabelSmoothing ?? other.LabelSmoothing,
        ClipNorm = ClipNorm ?? other.ClipNorm,
        ClipValue = ClipValue ?? other.ClipValue,
        NoBiasDecay = NoBiasDecay ?? other.NoBiasDecay,
        Warmup = Warmup ?? other.Warmup,
        EarlyStopping = EarlyStopping ?? other.EarlyStopping,
        MinDelta = MinDelta ?? other.MinDelta,
        Monitor = Monitor ?? other.Monitor,
        CheckpointEvery = CheckpointEvery ?? other.CheckpointEvery,
        Weights = Weights ?? other.Weights,
        Rename = Rename ?? other.Rename,
        WeightsKey = WeightsKey ?? other.WeightsKey,
        WeightsLayout = WeightsLayout ?? other.WeightsLayout,
        Freeze = Freeze ?? other.Freeze,
        LrScale = LrScale ?? other.LrScale,
        Augment = Augment ?? other.Augment,
        Seed = Seed ?? other.Seed,
    };

    /// <summary>The settings of the run in a folder; null if there are none.</summary>
    /// <exception cref="DataFormatException">The file is not what <see cref="Write"/> wrote.</exception>
    public static TrainSettings? Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path)) return null;
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), SettingsJson.Default.TrainSettings) ?? throw new DataFormatException(path, "holds null, not the settings of a run");
        }
        catch (JsonException e)
        {
            throw new DataFormatException(path, $"holds no settings of a run: {e.Message.TrimEnd('.')}", inner: e);
        }
    }

    /// <summary>Writes the settings into a folder.</summary>
    public void Write(string folder) => AtomicFile.Write(Path.Combine(folder, FileName), stream => JsonSerializer.Serialize(stream, this, SettingsJson.Default.TrainSettings));

    /// <summary>The options that say this, as a command line has them: <c> --batch 64 --lr 0.1</c>.</summary>
    public string ToArguments()
    {
        var words = new StringBuilder();
        foreach (var (name, value) in JsonSerializer.SerializeToNode(this, SettingsJson.Default.TrainSettings)!.AsObject())
        {
            var option = $" --{name.Replace('_', '-')}";
            if (value is JsonArray several) words.AppendJoin("", several.Select(one => $"{option} {Terminal.Quote(one!.ToString())}"));
            else if (value!.GetValueKind() == JsonValueKind.True) words.Append(option);
            else if (value.GetValueKind() != JsonValueKind.False) words.Append(CultureInfo.InvariantCulture, $"{option} {Terminal.Quote(value.ToString())}");
        }

        return words.ToString();
    }

    /// <summary>How the trainer is to train. All members must be filled.</summary>
    public TrainingOptions ToOptions(ImageDataset images, Commands.Place place) => new()
    {
        Epochs = Epochs!.Value,
        BatchSize = Batch!.Value,
        MicroBatchSize = MicroBatch,
        Average = Average is { } average ? ParseAverage(average) : null,
        Optimizer = OptimizerOptions(),
        Schedule = ScheduleText.Build(this),
        LearningRates = [.. (LrScale ?? []).Select(ParseRate)],
        EarlyStopping = EarlyStopping is { } patience ? new() { Patience = patience, MinDelta = MinDelta ?? 0 } : null,
        Monitor = Monitor == "loss" ? Metric.Loss : Metric.Accuracy,
        CheckpointEvery = CheckpointEvery,
        LabelSmoothing = LabelSmoothing!.Value,
        Augmentation = Augmentations.Parse(Augment!, images.Height),
        Seed = (ulong)Seed!.Value,
        OutputFolder = place.Output ?? Path.Combine("runs", $"{Dataset}-{Model}"),
        NumberedFolder = place.Output is null,
        Overwrite = place.Overwrite,
        Resume = place.Resume,
        Model = new()
        {
            Name = Model!,
            Classes = images.Classes,
            Input = [images.Height, images.Width, images.Channels],
            Options = new SortedDictionary<string, string>(StringComparer.Ordinal) { ["shortcut"] = Shortcut! },
        },
    };

    /// <summary>The network that the settings describe, with weights drawn from the seed.</summary>
    public Layers.Layer BuildModel(ImageDataset images, Device device)
    {
        Generator.Default = new((ulong)Seed!.Value);
        return BuildModel(images, images.Classes, device);
    }

    /// <summary>The network for another number of classes.</summary>
    public Layers.Layer BuildModel(ImageDataset images, int classes, Device device)
        => Zoo.Build(Model!, new() { Input = new(images.Height, images.Width, images.Channels), Classes = classes, Shortcut = Options.ParseShortcut(Shortcut), Device = device });

    /// <summary>What a <c>--lr-scale</c> means.</summary>
    /// <exception cref="UsageException">It is not PATTERN=FACTOR.</exception>
    public static LearningRateRule ParseRate(string text)
    {
        var at = text.LastIndexOf('=');
        if (at > 0 && float.TryParse(text.AsSpan(at + 1), NumberStyles.Float, CultureInfo.InvariantCulture, out var factor) && float.IsFinite(factor) && factor >= 0) return new(text[..at], factor);
        throw new UsageException($"--lr-scale {text}: expected PATTERN=FACTOR with a factor of at least 0, for instance layer1.*=0.1.");
    }

    /// <summary><c>ema</c>, <c>ema:0.9999</c>, <c>swa:8</c>, <c>lookahead</c>.</summary>
    public static WeightAverage ParseAverage(string text)
    {
        var (kind, number) = text.Split(':', 2) is [var first, var second] ? (first, second) : (text, "");
        if (kind == "ema" && number.Length == 0 && kind == text) return WeightAverage.Exponential();
        if (kind == "ema" && double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var decay) && decay is >= 0 and < 1) return WeightAverage.Exponential(decay);
        if (kind == "swa" && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var epoch) && epoch >= 1) return WeightAverage.Stochastic(epoch);
        if (text == "lookahead") return WeightAverage.Lookahead();
        throw new UsageException($"--average {text}: expected lookahead, ema, ema:DECAY with a decay from 0 to below 1, or swa:EPOCH with an epoch of at least 1.");
    }

    OptimizerOptions OptimizerOptions()
    {
        Training.OptimizerOptions options = Optimizer switch
        {
            "adagrad" => new AdaGradOptions(),
            "rmsprop" => new RmsPropOptions { Momentum = Momentum!.Value },
            "adam" => new AdamOptions(),
            "adamw" => new AdamWOptions(),
            "nadam" => new NAdamOptions(),
            "adamax" => new AdaMaxOptions(),
            "adadelta" => new AdadeltaOptions(),
            "lion" => new LionOptions(),
            "muon" => new MuonOptions(),
            _ => new SgdOptions { Momentum = Momentum!.Value, Nesterov = Momentum > 0 },
        };
        return options with { LearningRate = Lr!.Value, WeightDecay = WeightDecay!.Value, DecayVectors = NoBiasDecay != true, MaxGradientNorm = ClipNorm, MaxGradientValue = ClipValue };
    }
}

/// <summary>How settings are written: made by the compiler, so that a trimmed program keeps what it needs.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(TrainSettings))]
internal sealed partial class SettingsJson : JsonSerializerContext;
