using CnnSharp.Formats;
using CnnSharp.Kernels;
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
    {
        var rename = rules is null ? null : NameRules.Read(rules);
        if (TorchFile.IsTorchFile(path))
        {
            Check(TorchWeights.Load(model, TorchFile.Read(path), rules: rename));
            return;
        }

        using var file = SafeTensors.Open(path);
        if (rename is null && model.NamedTensors().All(t => file.TryGet(t.Name, out var stored) && stored.Shape.SequenceEqual(t.Tensor.Shape.ToArray().Select(extent => (long)extent)))) model.Load(file, path);
        else Check(TorchWeights.Load(model, file, rules: rename));

        void Check(ImportReport report)
        {
            if (!report.IsComplete) throw new DataFormatException(path, $"its tensors are not those of {name}: missing {Listing(report.Missing)}; left over {Listing(report.LeftOver)}");
        }
    }

    static string Listing(IReadOnlyList<string> names)
        => names.Count == 0 ? "none" : $"{string.Join(", ", names.Take(4).Select(name => $"'{name}'"))}{(names.Count > 4 ? $" and {names.Count - 4} more" : "")}";
}
