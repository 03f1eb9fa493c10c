using CnnSharp.Formats;
using CnnSharp.Kernels;
using CnnSharp.Layers;
using CnnSharp.Training;

namespace CnnSharp.Cli.Train;

/// <summary>Weights that a training starts from, whoever trained them and for however many classes.</summary>
internal static class StartingWeights
{
    /// <summary>Puts a file's weights into a model. Where the file's classes are others in number, the head's stay as they were drawn.</summary>
    /// <param name="model">The model, for <paramref name="classes"/> classes.</param>
    /// <param name="path">The file: as <c>eval --weights</c> takes it, or a checkpoint.</param>
    /// <param name="rules">A file of rules for its names, or null.</param>
    /// <param name="name">What messages call the model.</param>
    /// <param name="classes">How many the pictures have.</param>
    /// <param name="build">Builds the same model for a number of classes, somewhere.</param>
    /// <returns>The classes of the file, and the tensors that were not taken from it: none where it has as many.</returns>
    /// <exception cref="DataFormatException">The file is not sound, or is of another model.</exception>
    public static (int Classes, IReadOnlyList<string> Head) Load(Layer model, string path, string? rules, string name, int classes, Func<int, Device, Layer> build)
    {
        var isCheckpoint = Checkpoint.IsCheckpoint(path);
        if (isCheckpoint && rules is not null) throw new UsageException($"--rename: '{path}' is a checkpoint; its names are the model's.");
        var rename = rules is null ? null : NameRules.Read(rules);
        var head = HeadOf(build, classes);
        var stored = isCheckpoint ? Checkpoint.ReadInfo(path).Model.Classes : ClassesOf(path, rename, head) ?? classes;
        if (stored == classes)
        {
            Read(model);
            return (stored, []);
        }

        var trained = build(stored, model.NamedTensors().First().Tensor.Device);
        Read(trained);
        foreach (var ((tensorName, from), (_, to)) in trained.NamedTensors().Zip(model.NamedTensors()))
        {
            if (!head.Contains(tensorName)) to.Write<float>(from.ToArray());
        }

        return (stored, head);

        void Read(Layer into)
        {
            if (isCheckpoint) Checkpoint.Load(path, into);
            else PretrainedWeights.Load(into, path, rename, name);
        }
    }

    /// <summary>The tensors whose shapes depend on the number of classes.</summary>
    static List<string> HeadOf(Func<int, Device, Layer> build, int classes)
        => [.. build(classes, Device.Shapes).NamedTensors().Zip(build(classes + 1, Device.Shapes).NamedTensors(), (one, other) => (one.Name, Differs: one.Tensor.Shape != other.Tensor.Shape)).Where(t => t.Differs).Select(t => t.Name)];

    /// <summary>How many classes a file's weights are for, which the head's biases tell; null if it has none.</summary>
    static int? ClassesOf(string path, NameRules? rules, List<string> head)
    {
        var names = head.Select(TorchWeights.Translate).ToHashSet(StringComparer.Ordinal);
        if (TorchFile.IsTorchFile(path)) return Find(TorchFile.Read(path));
        using var file = SafeTensors.Open(path);
        return Find(file.Tensors);

        int? Find(IReadOnlyList<SafeTensor> tensors)
            => tensors.FirstOrDefault(t => t.Shape is [> 0 and < int.MaxValue] && names.Contains(TorchWeights.Translate(rules?.Apply(t.Name) ?? t.Name))) is { } bias ? (int)bias.Shape[0] : null;
    }
}
