using CnnSharp.Data;

namespace CnnSharp.Training;

/// <summary>What a checkpoint remembers beside the tensors.</summary>
public sealed record CheckpointInfo
{
    /// <summary>Which model, and how it was built.</summary>
    public required ModelDescription Model { get; init; }

    /// <summary>The name of the training images' set.</summary>
    public required string Dataset { get; init; }

    /// <summary>The names of the classes, in the order of their labels; none in files of before they were kept.</summary>
    public IReadOnlyList<string> ClassNames { get; init; } = [];

    /// <summary>How pixels were normalized.</summary>
    public required Normalization Normalization { get; init; }

    /// <summary>Finished epochs.</summary>
    public required int Epoch { get; init; }

    /// <summary>Finished batches of the epoch in progress; 0 between epochs.</summary>
    public int Batch { get; init; }

    /// <summary>Finished steps.</summary>
    public required long Step { get; init; }

    /// <summary>The training's seed.</summary>
    public ulong Seed { get; init; }

    /// <summary>Images a step.</summary>
    public required int BatchSize { get; init; }

    /// <summary>The number of training images; null in files of before it was kept.</summary>
    public int? Images { get; init; }

    /// <summary>A checksum of their labels, in order; null in files of before it was kept.</summary>
    internal string? Labels { get; init; }

    /// <summary>The name of the training's task; null: the classification of images.</summary>
    public string? Task { get; init; }

    /// <summary>Of how many steps or epochs the weights are an average (<see cref="TrainingOptions.Average"/>); null: they are none.</summary>
    public long? Averaged { get; init; }

    /// <summary>The highest accuracy of an epoch; null before the first has finished.</summary>
    public double? BestAccuracy { get; init; }

    /// <summary>The finished epochs, without their times.</summary>
    public IReadOnlyList<EpochResult> History { get; init; } = [];

    /// <summary>The training's options, as JSON.</summary>
    public string Options { get; init; } = "{}";

    /// <summary>What is said of the model's graph, to be written; null: nothing. It is read by <see cref="Formats.Onnx.OnnxModel.Load"/>.</summary>
    internal KeyValuePair<string, string>? Graph { get; init; }

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

    /// <summary>An image's extents, [H, W, C].</summary>
    public required IReadOnlyList<int> Input { get; init; }

    /// <summary>Further options by name, e.g. <c>shortcut</c>.</summary>
    public IReadOnlyDictionary<string, string> Options { get; init; } = new SortedDictionary<string, string>(StringComparer.Ordinal);
}
