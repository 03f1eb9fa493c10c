using CnnSharp.Layers;

namespace CnnSharp.Formats;

/// <summary>
/// Weights that are there already, whoever trained them: a .safetensors file with this library's names or PyTorch's, or a
/// file of <c>torch.save</c> (.pt, .pth). All of the model's tensors must be in the file, and nothing else.
/// </summary>
/// <example>
/// <code>
/// var model = ResNet.ImageNet(18);
/// PretrainedWeights.Load(model, "resnet18.pth");
/// </code>
/// </example>
public static class PretrainedWeights
{
    const int Named = 4;

    /// <summary>Replaces the model's parameters and buffers by those of a file. If it throws, none is replaced.</summary>
    /// <param name="model">Built like the one that was trained.</param>
    /// <param name="path">The file; its contents, not its name, say of what kind it is.</param>
    /// <param name="rules">What becomes of the file's names first; default nothing.</param>
    /// <param name="name">What messages call the model; default its type.</param>
    /// <exception cref="DataFormatException">The file is not sound, or is of another model: the message names what is missing and what is left over.</exception>
    /// <exception cref="Kernels.ShapeException">A tensor has another shape than the model's.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static void Load(Layer model, string path, NameRules? rules = null, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (TorchFile.IsTorchFile(path))
        {
            Load(TorchFile.Read(path));
            return;
        }

        using var file = SafeTensors.Open(path);
        if (rules is null && model.NamedTensors().All(t => file.TryGet(t.Name, out var stored) && stored.Shape.SequenceEqual(t.Tensor.Shape.ToArray().Select(extent => (long)extent)))) model.Load(file, path);
        else Load(file.Tensors);

        void Load(IReadOnlyList<SafeTensor> tensors)
        {
            var report = TorchWeights.Match(model, tensors, prefix: "", rules, out var found);
            if (!report.IsComplete) throw new DataFormatException(path, $"its tensors are not those of {name ?? model.GetType().Name}: missing {Listing(report.Missing)}; left over {Listing(report.LeftOver)}");
            foreach (var (tensor, values) in found) tensor.Write<double>(values);
        }
    }

    static string Listing(IReadOnlyList<string> names)
        => names.Count == 0 ? "none" : $"{string.Join(", ", names.Take(Named).Select(name => $"'{name}'"))}{(names.Count > Named ? $" and {names.Count - Named} more" : "")}";
}
