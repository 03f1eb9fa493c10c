using System.Globalization;
using CnnSharp.Formats;
using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>
/// A training's state in one safetensors file: the model's tensors under their own names, the optimizer's under
/// <c>optimizer/</c>, where they are an average the weights to go on from under <c>trained/</c>, the rest as JSON in the file's metadata, a checksum of it all among them. Files are replaced
/// atomically, and hold nothing that differs between two equal runs: no time, no host, no thread count.
/// </summary>
public static class Checkpoint
{
    /// <summary>The file of the last state: written at the start, after each epoch, every <see cref="TrainingOptions.CheckpointEvery"/> steps, and when a training is canceled.</summary>
    public const string LastFile = "checkpoint.safetensors";

    /// <summary>The file of the state before the last, to go on from if the last is damaged.</summary>
    public const string PreviousFile = "checkpoint.previous.safetensors";

    /// <summary>The file of the best epoch by <see cref="TrainingOptions.Monitor"/>; without the optimizer's state.</summary>
    public const string BestFile = "best.safetensors";

    /// <summary>Writes a checkpoint.</summary>
    /// <param name="path">The file; its folder is created if it is missing.</param>
    /// <param name="model">What is trained.</param>
    /// <param name="info">What else to remember.</param>
    /// <param name="optimizer">What trains it; null leaves it out.</param>
    /// <exception cref="IOException">The file cannot be written; what was there before is untouched.</exception>
    public static void Save(string path, Layer model, CheckpointInfo info, Optimizer? optimizer = null) => Save(path, model, info, optimizer is null ? [] : [optimizer], averages: null, previous: null);

    /// <summary>As <see cref="Save(string, Layer, CheckpointInfo, Optimizer)"/>; what was at the path becomes <paramref name="previous"/>.</summary>
    internal static void Save(string path, Layer model, CheckpointInfo info, IReadOnlyList<Optimizer> optimizers, AveragedWeights? averages, string? previous)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(info);
        var tensors = new List<SafeTensor>();
        var averaged = averages?.Averages.ToDictionary(average => average.Name, average => average.Tensor, StringComparer.Ordinal) ?? [];
        foreach (var (name, tensor) in model.StateDict())
        {
            tensors.Add(ModelFile.ToSafeTensor(name, averaged.GetValueOrDefault(name, tensor)));
            if (averaged.ContainsKey(name)) tensors.Add(ModelFile.ToSafeTensor(CheckpointNames.TrainedPrefix + name, tensor));
        }

        foreach (var (name, tensor) in optimizers.SelectMany(optimizer => optimizer.StateTensors())) tensors.Add(ModelFile.ToSafeTensor(CheckpointNames.OptimizerPrefix + name, tensor));
        if (optimizers.Count > 0)
        {
            var counts = optimizers.SelectMany(optimizer => optimizer.StepCounts).ToArray();
            tensors.Add(SafeTensor.Create<long>(CheckpointFile.StepCountsName, [counts.Length], counts));
        }

        var metadata = new Dictionary<string, string>
        {
            ["format"] = CheckpointFile.Format,
            ["version"] = CheckpointFile.Version,
            ["model"] = CheckpointFile.ToJson(info.Model),
            ["dataset"] = info.Dataset,
            ["class_names"] = CheckpointFile.ToJson(info.ClassNames),
            ["mean"] = CheckpointFile.ToJson(info.Normalization.Mean.ToArray()),
            ["std"] = CheckpointFile.ToJson(info.Normalization.Std.ToArray()),
            ["epoch"] = info.Epoch.ToString(CultureInfo.InvariantCulture),
            ["batch"] = info.Batch.ToString(CultureInfo.InvariantCulture),
            ["step"] = info.Step.ToString(CultureInfo.InvariantCulture),
            ["seed"] = info.Seed.ToString(CultureInfo.InvariantCulture),
            ["batch_size"] = info.BatchSize.ToString(CultureInfo.InvariantCulture),
            ["best_accuracy"] = CheckpointFile.ToJson(info.BestAccuracy),
            ["history"] = CheckpointFile.ToJson(info.History),
            ["epoch_so_far"] = CheckpointFile.ToJson(info.EpochSoFar),
            ["options"] = info.Options,
        };
        if (info.Images is { } images) metadata["images"] = images.ToString(CultureInfo.InvariantCulture);
        if (info.Labels is { } labels) metadata["labels"] = labels;
        if (info.Task is { } task) metadata["task"] = task;
        if (info.Averaged is { } count) metadata["averaged"] = count.ToString(CultureInfo.InvariantCulture);
        if (info.Graph is { } graph) metadata[graph.Key] = graph.Value;
        metadata[ContentChecksum.Key] = ContentChecksum.Of(metadata, tensors);
        SafeTensors.Save(path, tensors, metadata, previous);
    }

    /// <summary>Whether a folder holds a checkpoint to go on from: the last one, or the one before it.</summary>
    public static bool ExistsIn(string folder) => OutputFolder.HasCheckpoint(folder);

    /// <summary>The name of a file that a training has left in a folder, which a new one would replace; null: there is none.</summary>
    public static string? LeftIn(string folder) => OutputFolder.FileIn(folder);

    /// <summary>Throws if a training is writing into a folder at this moment.</summary>
    /// <exception cref="RunLockedException">One is; the message says which process.</exception>
    public static void ThrowIfInUse(string folder) => RunLock.ThrowIfHeld(folder);

    /// <summary>Whether a file is a checkpoint, and not one of weights alone.</summary>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public static bool IsCheckpoint(string path)
    {
        if (TorchFile.IsTorchFile(path)) return false;
        using var file = SafeTensors.Open(path);
        return file.Metadata.GetValueOrDefault("format") == CheckpointFile.Format;
    }

    /// <summary>Reads what a checkpoint remembers beside the tensors: enough to build the model that it fits. The tensors are not looked at.</summary>
    /// <exception cref="DataFormatException">The file is not a sound checkpoint.</exception>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public static CheckpointInfo ReadInfo(string path)
    {
        using var file = CheckpointFile.Open(path, verify: false);
        return file.Info;
    }

    /// <summary>Reads a checkpoint into a model and, to go on training, an optimizer of its parameters.</summary>
    /// <param name="path">The file.</param>
    /// <param name="model">Built like the one that was saved.</param>
    /// <param name="optimizer">Of the same kind as the one that was saved; null leaves its state unread.</param>
    /// <exception cref="DataFormatException">The file is not a sound checkpoint, or it is of another model or optimizer; the model is then unchanged.</exception>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public static CheckpointInfo Load(string path, Layer model, Optimizer? optimizer = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        using var file = CheckpointFile.Open(path, verify: true);
        file.Read(model, optimizer is null ? [] : [optimizer], averages: null);
        return file.Info;
    }

    /// <summary>A training's options, as a checkpoint keeps them.</summary>
    internal static string Describe(TrainingOptions options) => CheckpointFile.ToJson(options);
}
