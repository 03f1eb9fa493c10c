using CnnSharp.Formats;
using CnnSharp.Formats.Onnx;
using CnnSharp.Kernels;
using CnnSharp.Layers;
using CnnSharp.Models;
using CnnSharp.Training;

namespace CnnSharp.Cli;

/// <summary>The networks of checkpoints: the zoo's by their names, a program's own by the graph in the file.</summary>
internal static class TrainedModel
{
    /// <summary>Whether the zoo builds a model of that name.</summary>
    public static bool IsKnown(string? name) => name is not null && Zoo.Entries.Any(entry => entry.Name == name);

    /// <summary>Whether a file of weights makes its network by itself, and nobody else does.</summary>
    public static bool IsByGraph(ModelInfo info) => info.HasGraph && !IsKnown(info.Name);

    /// <summary>The network of a checkpoint, with its weights.</summary>
    /// <param name="file">The checkpoint.</param>
    /// <param name="info">What it says.</param>
    /// <param name="device">Where to compute.</param>
    /// <exception cref="UsageException">It is of a model of a program's own, whose graph it has not.</exception>
    public static Layer Load(string file, CheckpointInfo info, Device device)
    {
        if (IsKnown(info.Model.Name))
        {
            var model = Zoo.Build(info.Model.Name, new() { Input = new([.. info.Model.Input]), Classes = info.Model.Classes, Shortcut = Options.ParseShortcut(info.Model.Options.GetValueOrDefault("shortcut")), Device = device });
            Checkpoint.Load(file, model);
            return model;
        }

        try
        {
            return OnnxNetwork.Load(file, device);
        }
        catch (DataFormatException e)
        {
            throw new UsageException($"'{info.Model.Name}' is a model of a program's own: {e.Message}");
        }
    }

    /// <summary>Throws if a network was trained at something else than telling classes apart.</summary>
    public static void RequireClassifier(string file, string? task)
    {
        if (task is not null && task != TrainingTask.Classification().Name) throw new UsageException($"'{file}' was trained at the task '{task}', so its results are no classes. In a program: Trainer.Evaluate and Trainer.Predict with that task.");
    }
}
