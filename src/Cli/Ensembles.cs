using CnnSharp.Layers;
using CnnSharp.Training;

namespace CnnSharp.Cli;

/// <summary>Several checkpoints as one network, where <c>--checkpoint</c> is repeated.</summary>
internal static class Ensembles
{
    /// <summary>The first file and the others.</summary>
    public static (string? First, string[] Others) Split(string[]? files)
    {
        if (files is not { Length: > 0 }) return (null, []);
        if (files.GroupBy(Path.GetFullPath).FirstOrDefault(group => group.Count() > 1) is { } twice) throw new UsageException($"--checkpoint {twice.First()}: it is specified more than once.");
        return (files[0], files[1..]);
    }

    /// <summary>The network of one file, or the mean of several.</summary>
    /// <param name="first">What decides about classes and normalization.</param>
    /// <param name="others">Checkpoints of the same; perhaps none.</param>
    /// <param name="load">The network of a file.</param>
    /// <exception cref="UsageException">They are not for the same images and classes.</exception>
    public static Layer Load(string first, string[] others, Func<string, Layer> load)
    {
        if (others.Length == 0) return load(first);
        var expected = Info(first);
        foreach (var file in others)
        {
            var info = Info(file);
            Same(file, "images", $"[{string.Join(", ", expected.Model.Input)}]", $"[{string.Join(", ", info.Model.Input)}]");
            Same(file, "number of classes", expected.Model.Classes, info.Model.Classes);
            Same(file, "classes in order", string.Join(", ", expected.ClassNames), string.Join(", ", info.ClassNames));
            Same(file, "normalization", Text(expected), Text(info));
        }

        return new Ensemble([load(first), .. others.Select(load)]);

        CheckpointInfo Info(string file) => Checkpoint.IsCheckpoint(ModelWeights.Existing("--checkpoint", file)) ? Checkpoint.ReadInfo(file) : throw new UsageException($"--checkpoint {file}: it is no checkpoint of a training; several are averaged only where all are.");

        static string Text(CheckpointInfo info) => $"mean [{string.Join(", ", info.Normalization.Mean.ToArray())}], std [{string.Join(", ", info.Normalization.Std.ToArray())}]";

        void Same<T>(string file, string what, T wanted, T found)
        {
            if (!Equals(wanted, found)) throw new UsageException($"--checkpoint {file}: the {what} is not that of '{first}': expected {wanted}, got {found}.");
        }
    }
}
