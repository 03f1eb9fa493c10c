using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using CnnSharp.Data;
using CnnSharp.Formats;
using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>
/// A training's state in one safetensors file: the model's tensors under their own names, the optimiser's under
/// <c>optimizer/</c>, the rest as JSON in the file's metadata. Files are replaced atomically, and hold nothing that
/// differs between two equal runs: no time, no host, no thread count.
/// </summary>
public static class Checkpoint
{
    /// <summary>The file of the last state, written after each epoch and when a training is cancelled.</summary>
    public const string LastFile = "checkpoint.safetensors";

    /// <summary>The file of the epoch with the highest accuracy; without the optimiser's state.</summary>
    public const string BestFile = "best.safetensors";

    internal const string OptimizerPrefix = "optimizer/";
    const string StepCountsName = OptimizerPrefix + "steps";
    const string Format = "cnnsharp checkpoint";
    const string Version = "1";

    static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        TypeInfoResolver = CheckpointJson.Default,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Writes a checkpoint.</summary>
    /// <param name="path">The file; its folder is created if it is missing.</param>
    /// <param name="model">What is trained.</param>
    /// <param name="info">What else to remember.</param>
    /// <param name="optimizer">What trains it; null leaves it out.</param>
    /// <exception cref="IOException">The file cannot be written; what was there before is untouched.</exception>
    public static void Save(string path, Layer model, CheckpointInfo info, Optimizer? optimizer = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(info);
        var tensors = new List<SafeTensor>();
        foreach (var (name, tensor) in model.NamedTensors()) tensors.Add(ModelFile.ToSafeTensor(name, tensor));
        if (optimizer is not null)
        {
            foreach (var (name, tensor) in optimizer.StateTensors()) tensors.Add(ModelFile.ToSafeTensor(OptimizerPrefix + name, tensor));
            var counts = optimizer.StepCounts;
            tensors.Add(SafeTensor.Create<long>(StepCountsName, [counts.Length], counts));
        }

        SafeTensors.Save(path, tensors, new Dictionary<string, string>
        {
            ["format"] = Format,
            ["version"] = Version,
            ["model"] = ToJson(info.Model),
            ["dataset"] = info.Dataset,
            ["class_names"] = ToJson(info.ClassNames),
            ["mean"] = ToJson(info.Normalization.Mean.ToArray()),
            ["std"] = ToJson(info.Normalization.Deviation.ToArray()),
            ["epoch"] = info.Epoch.ToString(CultureInfo.InvariantCulture),
            ["batch"] = info.Batch.ToString(CultureInfo.InvariantCulture),
            ["step"] = info.Step.ToString(CultureInfo.InvariantCulture),
            ["seed"] = info.Seed.ToString(CultureInfo.InvariantCulture),
            ["batch_size"] = info.BatchSize.ToString(CultureInfo.InvariantCulture),
            ["best_accuracy"] = ToJson(info.BestAccuracy),
            ["history"] = ToJson(info.History),
            ["epoch_so_far"] = ToJson(info.EpochSoFar),
            ["options"] = info.Options,
        });
    }

    /// <summary>Reads what a checkpoint remembers beside the tensors: enough to build the model that it fits.</summary>
    /// <exception cref="DataFormatException">The file is not a sound checkpoint.</exception>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public static CheckpointInfo ReadInfo(string path)
    {
        using var file = SafeTensors.Open(path);
        return ReadInfo(path, file);
    }

    /// <summary>Reads a checkpoint into a model and, to go on training, an optimiser of its parameters.</summary>
    /// <param name="path">The file.</param>
    /// <param name="model">Built like the one that was saved.</param>
    /// <param name="optimizer">Of the same kind as the one that was saved; null leaves its state unread.</param>
    /// <exception cref="DataFormatException">The file is not a sound checkpoint, or it is of another model or optimiser; the model is then unchanged.</exception>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public static CheckpointInfo Load(string path, Layer model, Optimizer? optimizer = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        using var file = SafeTensors.Open(path);
        var info = ReadInfo(path, file);
        var targets = model.NamedTensors().ToList();
        var counts = optimizer is null ? [] : Prepare(path, file, optimizer, targets);
        StoredTensors.Read(path, file, targets, optimizer is null ? name => name.StartsWith(OptimizerPrefix, StringComparison.Ordinal) : name => name == StepCountsName);
        optimizer?.StepCounts = counts;
        return info;
    }

    /// <summary>The name under which options of a training are kept.</summary>
    internal static string Describe(TrainingOptions options) => ToJson(options);

    static string ToJson<T>(T value) => JsonSerializer.Serialize(value, JsonType<T>());

    static JsonTypeInfo<T> JsonType<T>() => (JsonTypeInfo<T>)Json.GetTypeInfo(typeof(T));

    /// <summary>Adds the optimiser's state to what is to be read: that of parameters that have made a step.</summary>
    static long[] Prepare(string path, SafeTensors file, Optimizer optimizer, List<(string Name, Tensor Tensor)> targets)
    {
        if (!file.TryGet(StepCountsName, out var stored)) throw new DataFormatException(path, "holds no optimiser state; a training goes on from the last checkpoint, not from the best");
        var counts = stored.AsInt64();
        if (counts.Length != optimizer.StepCounts.Length) throw new DataFormatException(path, "the optimiser's parameters", $"{optimizer.StepCounts.Length}", $"{counts.Length}");
        foreach (var (name, tensor, parameter) in optimizer.AllState())
        {
            if (counts[parameter] > 0) targets.Add((OptimizerPrefix + name, tensor));
        }

        return counts;
    }

    static CheckpointInfo ReadInfo(string path, SafeTensors file)
    {
        if (!file.Metadata.TryGetValue("format", out var format) || format != Format)
            throw new DataFormatException(path, "is no checkpoint of a training; its metadata's 'format'", $"'{Format}'", format is null ? "none" : $"'{format}'");
        if (Text("version") is var version && version != Version) throw new DataFormatException(path, "the checkpoint's version", Version, version);
        var (mean, deviation) = (Parse<float[]>("mean"), Parse<float[]>("std"));
        try
        {
            return new()
            {
                Model = Parse<ModelDescription>("model"),
                Dataset = Text("dataset"),
                ClassNames = file.Metadata.ContainsKey("class_names") ? Parse<IReadOnlyList<string>>("class_names") : [],
                Normalization = new(mean, deviation),
                Epoch = Parse<int>("epoch"),
                Batch = Parse<int>("batch"),
                Step = Parse<long>("step"),
                Seed = Parse<ulong>("seed"),
                BatchSize = Parse<int>("batch_size"),
                BestAccuracy = Parse<double?>("best_accuracy"),
                History = Parse<IReadOnlyList<EpochResult>>("history"),
                EpochSoFar = Parse<MeterSums>("epoch_so_far"),
                Options = Text("options"),
            };
        }
        catch (ArgumentException e)
        {
            throw new DataFormatException(path, $"the metadata do not fit together: {e.Message}", inner: e);
        }

        string Text(string key) => file.Metadata.TryGetValue(key, out var text) ? text : throw new DataFormatException(path, $"the metadata lack '{key}'");

        T Parse<T>(string key)
        {
            try
            {
                var value = JsonSerializer.Deserialize(Text(key), JsonType<T>());
                return value is null && Nullable.GetUnderlyingType(typeof(T)) is null ? throw new DataFormatException(path, $"the metadata's '{key}' is null") : value!;
            }
            catch (JsonException e)
            {
                throw new DataFormatException(path, $"the metadata's '{key}' is not what it should be: {e.Message.TrimEnd('.')}", inner: e);
            }
        }
    }
}

/// <summary>What a checkpoint remembers beside the tensors.</summary>
public sealed record CheckpointInfo
{
    /// <summary>Which model, and how it was built.</summary>
    public required ModelDescription Model { get; init; }

    /// <summary>The name of the training pictures' set.</summary>
    public required string Dataset { get; init; }

    /// <summary>The names of the classes, in the order of their labels; none in files of before they were kept.</summary>
    public IReadOnlyList<string> ClassNames { get; init; } = [];

    /// <summary>How pixels were normalised.</summary>
    public required Normalization Normalization { get; init; }

    /// <summary>Finished epochs.</summary>
    public required int Epoch { get; init; }

    /// <summary>Finished batches of the epoch in progress; 0 between epochs.</summary>
    public int Batch { get; init; }

    /// <summary>Finished steps.</summary>
    public required long Step { get; init; }

    /// <summary>The training's seed.</summary>
    public ulong Seed { get; init; }

    /// <summary>Pictures a step.</summary>
    public required int BatchSize { get; init; }

    /// <summary>The highest accuracy of an epoch; null before the first has finished.</summary>
    public double? BestAccuracy { get; init; }

    /// <summary>The finished epochs, without their times.</summary>
    public IReadOnlyList<EpochResult> History { get; init; } = [];

    /// <summary>The training's options, as JSON.</summary>
    public string Options { get; init; } = "{}";

    /// <summary>The sums of the epoch in progress.</summary>
    internal MeterSums EpochSoFar { get; init; } = new();
}

/// <summary>Which model, and how to build it again.</summary>
public sealed record ModelDescription
{
    /// <summary>The name by which it is built.</summary>
    public required string Name { get; init; }

    /// <summary>The number of classes.</summary>
    public required int Classes { get; init; }

    /// <summary>A picture's extents, [H, W, C].</summary>
    public required IReadOnlyList<int> Input { get; init; }

    /// <summary>Further options by name, e.g. <c>shortcut</c>.</summary>
    public IReadOnlyDictionary<string, string> Options { get; init; } = new SortedDictionary<string, string>(StringComparer.Ordinal);
}
