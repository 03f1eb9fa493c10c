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
    /// <param name="options">What is said of the file, and the shape of an input.</param>
    /// <param name="classes">How many the images have.</param>
    /// <param name="build">Builds the same model for a number of classes, somewhere.</param>
    /// <returns>The classes of the file, and the tensors that were not taken from it: none where it has as many.</returns>
    /// <exception cref="DataFormatException">The file is not sound, or is of another model.</exception>
    public static (int Classes, IReadOnlyList<string> Head) Load(Layer model, string path, WeightsOptions options, int classes, Func<int, Device, Layer> build)
    {
        var isCheckpoint = Checkpoint.IsCheckpoint(path);
        if (isCheckpoint && options.Rules is not null) throw new UsageException($"--rename: '{path}' is a checkpoint; its names are the model's.");
        if (isCheckpoint && (options.Key is not null || options.Layout is not null)) throw new UsageException($"{(options.Key is not null ? "--weights-key" : "--layout")}: '{path}' is a checkpoint, of which everything is known.");
        var stored = isCheckpoint ? Checkpoint.ReadInfo(path).Model.Classes : ClassesOf(path, options, classes, build) ?? classes;
        if (stored == classes)
        {
            Read(model);
            return (stored, []);
        }

        var head = HeadOf(build, classes);
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
            else PretrainedWeights.Load(into, path, options);
        }
    }

    /// <summary>How many classes a file's weights are for, which the head's biases tell; null if it has none.</summary>
    /// <param name="path">The file; no checkpoint.</param>
    /// <param name="options">What is said of it.</param>
    /// <param name="classes">Any number of classes.</param>
    /// <param name="build">Builds the model for a number of classes, somewhere.</param>
    public static int? ClassesOf(string path, WeightsOptions options, int classes, Func<int, Device, Layer> build)
    {
        var head = HeadOf(build, classes);
        var shapes = PretrainedWeights.ShapesOf(build(classes, Device.Shapes), path, options);
        foreach (var name in head)
        {
            if (shapes.TryGetValue(name, out var shape) && shape is [> 0 and < int.MaxValue and var count]) return (int)count;
        }

        return null;
    }

    /// <summary>The tensors whose shapes depend on the number of classes.</summary>
    static List<string> HeadOf(Func<int, Device, Layer> build, int classes)
        => [.. build(classes, Device.Shapes).NamedTensors().Zip(build(classes + 1, Device.Shapes).NamedTensors(), (one, other) => (one.Name, Differs: one.Tensor.Shape != other.Tensor.Shape)).Where(t => t.Differs).Select(t => t.Name)];
}
