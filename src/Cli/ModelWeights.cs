using CnnSharp.Formats;
using CnnSharp.Layers;

namespace CnnSharp.Cli;

/// <summary>Weights out of files of every kind that the commands take.</summary>
internal static class ModelWeights
{
    /// <summary>Whether a path is that of an ONNX file, which holds its network itself.</summary>
    public static bool IsOnnx(string? path) => string.Equals(Path.GetExtension(path), ".onnx", StringComparison.OrdinalIgnoreCase);

    /// <summary>The path that an option names.</summary>
    /// <exception cref="UsageException">There is no such file.</exception>
    public static string Existing(string option, string path) => File.Exists(path) ? path : throw new UsageException($"{option}: there is no file '{path}'.");

    /// <summary>Loads a .safetensors file with this tool's names or PyTorch's, or a file of torch.save.</summary>
    /// <param name="path">The file.</param>
    /// <param name="model">Where to.</param>
    /// <param name="name">What messages call the model.</param>
    /// <param name="rules">A file of rules for the names, or null.</param>
    /// <exception cref="DataFormatException">The file is not sound, or is of another model.</exception>
    public static void Load(string path, Layer model, string name, string? rules = null)
        => PretrainedWeights.Load(model, path, rules is null ? null : NameRules.Read(rules), name);
}
