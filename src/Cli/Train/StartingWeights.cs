using CnnSharp.Data;
using CnnSharp.Formats;
using CnnSharp.Kernels;
using CnnSharp.Layers;
using CnnSharp.Training;

namespace CnnSharp.Cli.Train;

/// <summary>Weights that a training starts from, whoever trained them and for however many classes.</summary>
internal static class StartingWeights
{
    /// <summary>
    /// Puts a file's weights into a model. Where the file's classes are others, the head's stay as they were drawn; where they
    /// are the same in another order, the head's are reordered.
    /// </summary>
    /// <param name="model">The model, for <paramref name="classes"/>.</param>
    /// <param name="path">The file: as <c>eval --weights</c> takes it, or a checkpoint.</param>
    /// <param name="options">What is said of the file, and the shape of an input.</param>
    /// <param name="classes">The names of the images' classes.</param>
    /// <param name="build">Builds the same model for a number of classes, somewhere.</param>
    /// <returns>How the file's classes differ, in words, or null; and the tensors that were not taken from it.</returns>
    /// <exception cref="DataFormatException">The file is not sound, or is of another model.</exception>
    public static (string? Difference, IReadOnlyList<string> Head) Load(Layer model, string path, WeightsOptions options, IReadOnlyList<string> classes, Func<int, Device, Layer> build)
    {
        var isCheckpoint = Checkpoint.IsCheckpoint(path);
        if (isCheckpoint && options.Rules is not null) throw new UsageException($"--rename: '{path}' is a checkpoint; its names are the model's.");
        if (isCheckpoint && (options.Key is not null || options.Layout is not null)) throw new UsageException($"{(options.Key is not null ? "--weights-key" : "--layout")}: '{path}' is a checkpoint, of which everything is known.");
        var info = isCheckpoint ? Checkpoint.ReadInfo(path) : null;
        var trained = info?.ClassNames ?? [];
        var stored = info?.Model.Classes ?? ClassesOf(path, options, classes.Count, build) ?? classes.Count;
        var difference = trained.Count > 0 ? ClassNames.Difference(trained, classes) : null;
        if (stored == classes.Count && difference is null)
        {
            Read(model);
            return (null, []);
        }

        var head = HeadOf(build, classes.Count);
        var source = build(stored, model.StateDict().First().Tensor.Device);
        Read(source);
        var isReordered = ClassNames.AreReordered(trained, classes);
        foreach (var ((tensorName, from), (_, to)) in source.StateDict().Zip(model.StateDict()))
        {
            if (!head.Contains(tensorName)) to.CopyFrom<float>(from.ToArray());
            else if (isReordered) to.CopyFrom<float>(Reordered(from.ToArray(), trained, classes));
        }

        return isReordered ? ($"{difference}; the head is reordered", []) : ($"{Text(stored)}; the images have {Text(classes.Count)}{(difference is null ? "" : $" ({difference})")}", head);

        static string Text(int count) => $"{count:N0} classes";

        void Read(Layer into)
        {
            if (!isCheckpoint)
            {
                PretrainedWeights.Load(into, path, options);
                return;
            }

            try
            {
                Checkpoint.Load(path, into);
            }
            catch (DataFormatException e) when (options.Input is { } input && !info!.Model.Input.SequenceEqual([(int)input[^3], (int)input[^2], (int)input[^1]]))
            {
                throw new DataFormatException(path, $"was trained on images [{string.Join(", ", info.Model.Input)}], and its weights do not fit these, [{input[^3]}, {input[^2]}, {input[^1]}]: {e.Problem}. Bring them to the same size and channels: of a folder by --size and --channels");
            }
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

    /// <summary>A tensor [..., classes] with its classes in another order.</summary>
    static float[] Reordered(float[] values, IReadOnlyList<string> trained, IReadOnlyList<string> wanted)
    {
        var places = wanted.Select(name => trained.ToList().IndexOf(name)).ToArray();
        var reordered = new float[values.Length];
        for (var i = 0; i < values.Length; i++) reordered[i] = values[i - (i % places.Length) + places[i % places.Length]];
        return reordered;
    }

    /// <summary>The tensors whose shapes depend on the number of classes.</summary>
    static List<string> HeadOf(Func<int, Device, Layer> build, int classes)
        => [.. build(classes, Device.Shapes).StateDict().Zip(build(classes + 1, Device.Shapes).StateDict(), (one, other) => (one.Name, Differs: one.Tensor.Shape != other.Tensor.Shape)).Where(t => t.Differs).Select(t => t.Name)];
}
