using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using CnnSharp.Data;
using CnnSharp.Formats;
using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>A checkpoint that is open to be read.</summary>
sealed class CheckpointFile : IDisposable
{
    public const string StepCountsName = CheckpointNames.OptimizerPrefix + "steps";
    public const string Format = "cnnsharp checkpoint";
    public const string Version = "2";

    /// <summary>Files of this version have no checksum, and are read without.</summary>
    const string VersionWithoutChecksum = "1";

    static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        TypeInfoResolver = CheckpointJson.Default,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    readonly SafeTensors file;

    CheckpointFile(string path, SafeTensors file)
    {
        (Path, this.file) = (path, file);
        Info = ReadInfo();
    }

    /// <summary>The file, as the caller named it.</summary>
    public string Path { get; }

    /// <summary>What it remembers beside the tensors.</summary>
    public CheckpointInfo Info { get; }

    /// <summary>Opens a checkpoint. Its length and its metadata are checked.</summary>
    /// <param name="path">The file.</param>
    /// <param name="verify">Whether everything is read, and compared with the checksum; else the tensors' bytes are not looked at.</param>
    /// <exception cref="DataFormatException">The file is not a sound checkpoint.</exception>
    public static CheckpointFile Open(string path, bool verify)
    {
        var file = SafeTensors.Open(path);
        try
        {
            var checkpoint = new CheckpointFile(path, file);
            if (verify) checkpoint.Verify();
            return checkpoint;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>A value as the metadata hold it.</summary>
    public static string ToJson<T>(T value) => JsonSerializer.Serialize(value, JsonType<T>());

    /// <summary>Reads everything, and compares it with the checksum.</summary>
    /// <exception cref="DataFormatException">The contents are not those that were written.</exception>
    void Verify()
    {
        if (Text("version") == VersionWithoutChecksum) return;
        _ = Text(ContentChecksum.Key);
        ContentChecksum.Verify(Path, file);
    }

    /// <summary>Reads the tensors into a model and the optimizers of its parameters, if there are any: all or none.</summary>
    /// <param name="model">What was trained.</param>
    /// <param name="optimizers">All that trained it; none leaves their state unread.</param>
    /// <param name="averages">Takes the average, where the training has one, and the model then what it is to go on from; null: the model takes the average.</param>
    /// <exception cref="DataFormatException">It is of another model or optimizer.</exception>
    public void Read(Layer model, IReadOnlyList<Optimizer> optimizers, AveragedWeights? averages)
    {
        var targets = model.StateDict().ToList();
        if (averages is not null)
        {
            var averaged = averages.Averages.ToList();
            var names = averaged.Select(average => average.Name).ToHashSet(StringComparer.Ordinal);
            targets = [.. targets.Select(target => names.Contains(target.Name) ? (CheckpointNames.TrainedPrefix + target.Name, target.Tensor) : target), .. averaged];
        }

        var counts = optimizers.Count == 0 ? [] : Prepare(optimizers, targets);
        StoredTensors.Read(Path, file, targets, PassesOver);
        bool PassesOver(string name) => (averages is null && name.StartsWith(CheckpointNames.TrainedPrefix, StringComparison.Ordinal)) || (optimizers.Count == 0 ? name.StartsWith(CheckpointNames.OptimizerPrefix, StringComparison.Ordinal) : name == StepCountsName);

        var at = 0;
        foreach (var optimizer in optimizers)
        {
            var own = optimizer.StepCounts.Length;
            optimizer.StepCounts = counts[at..(at + own)];
            at += own;
        }
    }

    public void Dispose() => file.Dispose();

    static JsonTypeInfo<T> JsonType<T>() => (JsonTypeInfo<T>)Json.GetTypeInfo(typeof(T));

    /// <summary>Adds the optimizers' state to what is to be read: that of parameters that have made a step.</summary>
    long[] Prepare(IReadOnlyList<Optimizer> optimizers, List<(string Name, Tensor Tensor)> targets)
    {
        if (!file.TryGet(StepCountsName, out var stored)) throw new DataFormatException(Path, "holds no optimizer state; a training goes on from the last checkpoint, not from the best");
        var counts = stored.AsInt64();
        var parameters = optimizers.Sum(optimizer => optimizer.StepCounts.Length);
        if (counts.Length != parameters) throw new DataFormatException(Path, "the optimizer's parameters", $"{parameters}", $"{counts.Length}");
        var first = 0;
        foreach (var optimizer in optimizers)
        {
            foreach (var (name, tensor, parameter) in optimizer.AllState())
            {
                if (counts[first + parameter] > 0) targets.Add((CheckpointNames.OptimizerPrefix + name, tensor));
            }

            first += optimizer.StepCounts.Length;
        }

        return counts;
    }

    CheckpointInfo ReadInfo()
    {
        if (!file.Metadata.TryGetValue("format", out var format) || format != Format)
            throw new DataFormatException(Path, "is no checkpoint of a training (weights alone go with --model NAME --weights FILE, or Layer.Load); its metadata's 'format'", $"'{Format}'", format is null ? "none" : $"'{format}'");
        if (Text("version") is var version && version is not (Version or VersionWithoutChecksum)) throw new DataFormatException(Path, "the checkpoint's version", Version, version);
        var (mean, std) = (Parse<float[]>("mean"), Parse<float[]>("std"));
        try
        {
            return new()
            {
                Model = Parse<ModelDescription>("model"),
                Dataset = Text("dataset"),
                ClassNames = file.Metadata.ContainsKey("class_names") ? Parse<IReadOnlyList<string>>("class_names") : [],
                Normalization = new(mean, std),
                Epoch = Parse<int>("epoch"),
                Batch = Parse<int>("batch"),
                Step = Parse<long>("step"),
                Seed = Parse<ulong>("seed"),
                BatchSize = Parse<int>("batch_size"),
                Images = file.Metadata.ContainsKey("images") ? Parse<int>("images") : null,
                Labels = file.Metadata.GetValueOrDefault("labels"),
                Task = file.Metadata.GetValueOrDefault("task"),
                Averaged = file.Metadata.ContainsKey("averaged") ? Parse<long>("averaged") : null,
                BestAccuracy = Parse<double?>("best_accuracy"),
                History = Parse<IReadOnlyList<EpochResult>>("history"),
                EpochSoFar = Parse<MeterSums>("epoch_so_far"),
                Options = Text("options"),
            };
        }
        catch (ArgumentException e)
        {
            throw new DataFormatException(Path, $"the metadata do not fit together: {e.Message}", inner: e);
        }
    }

    string Text(string key) => file.Metadata.TryGetValue(key, out var text) ? text : throw new DataFormatException(Path, $"the metadata lack '{key}'");

    T Parse<T>(string key)
    {
        try
        {
            var value = JsonSerializer.Deserialize(Text(key), JsonType<T>());
            return value is null && Nullable.GetUnderlyingType(typeof(T)) is null ? throw new DataFormatException(Path, $"the metadata's '{key}' is null") : value!;
        }
        catch (JsonException e)
        {
            throw new DataFormatException(Path, $"the metadata's '{key}' is not what it should be: {e.Message.TrimEnd('.')}", inner: e);
        }
    }
}
