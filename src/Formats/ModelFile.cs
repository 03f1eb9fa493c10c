using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Formats;

/// <summary>A model's parameters and buffers in a safetensors file, under their own names and in their own layouts.</summary>
public static class ModelFile
{
    /// <summary>Writes all parameters and buffers, atomically. The same weights give the same bytes. The file's metadata say that they lie as this library has them.</summary>
    /// <param name="model">Whose.</param>
    /// <param name="path">The file; its folder is created if it is missing.</param>
    /// <param name="metadata">Text to keep with them, or null.</param>
    public static void Save(this Layer model, string path, IReadOnlyDictionary<string, string>? metadata = null)
        => SafeTensors.Save(path, model.ToSafeTensors(), new Dictionary<string, string>(metadata ?? new Dictionary<string, string>()) { [WeightMark.LayoutKey] = WeightMark.Own });

    /// <summary>
    /// As <see cref="Save(Layer, string, IReadOnlyDictionary{string, string})"/>, with what <c>cnnsharp predict</c> and <see cref="ModelInfo.Read"/> tell the model by. Where
    /// <see cref="ModelInfo.Input"/> is said, the network's graph is kept too, if it can be followed (<see cref="Onnx.OnnxExport.ToOnnx"/>): the file is then a network by itself,
    /// without the model's class, for the tool and for <see cref="Onnx.OnnxNetwork.Load"/>.
    /// </summary>
    /// <param name="model">Whose.</param>
    /// <param name="path">The file; its folder is created if it is missing.</param>
    /// <param name="info">Which model, its classes, its normalization.</param>
    /// <exception cref="ArgumentException">The parts of <paramref name="info"/> do not fit together.</exception>
    public static void Save(this Layer model, string path, ModelInfo info)
    {
        ArgumentNullException.ThrowIfNull(info);
        ArgumentNullException.ThrowIfNull(model);
        var metadata = info.ToMetadata();
        if (info.Input.Count > 0)
        {
            var (key, value) = Onnx.SavedGraph.Of(model, new([.. info.Input]));
            metadata[key] = value;
        }

        SafeTensors.Save(path, model.ToSafeTensors(), metadata);
    }

    /// <summary>All parameters and buffers as entries of a file.</summary>
    /// <param name="model">Whose.</param>
    /// <param name="prefix">Put before each name; default none.</param>
    public static IEnumerable<SafeTensor> ToSafeTensors(this Layer model, string prefix = "")
        => model.StateDict().Select(t => ToSafeTensor(prefix + t.Name, t.Tensor));

    /// <summary>A tensor's elements as an entry of a file.</summary>
    internal static SafeTensor ToSafeTensor(string name, Tensor tensor)
    {
        var shape = Array.ConvertAll(tensor.Shape.ToArray(), extent => (long)extent);
        return tensor.DType switch
        {
            DType.Float64 => SafeTensor.Create<double>(name, shape, tensor.ToArray<double>()),
            DType.Int32 => SafeTensor.Create<int>(name, shape, tensor.ToArray<int>()),
            DType.UInt8 => SafeTensor.Create<byte>(name, shape, tensor.ToArray<byte>()),
            _ => SafeTensor.Create<float>(name, shape, tensor.ToArray()),
        };
    }

    /// <summary>Replaces all parameters and buffers by those of a file that <see cref="Save(Layer, string, IReadOnlyDictionary{string, string})"/> wrote. If it throws, none is replaced.</summary>
    /// <param name="model">Whose.</param>
    /// <param name="path">The file.</param>
    /// <exception cref="DataFormatException">The file is not sound, lacks a tensor, has one too many or one of another shape.</exception>
    public static void Load(this Layer model, string path)
    {
        using var file = SafeTensors.Open(path);
        model.Load(file, path);
    }

    /// <summary>As <see cref="Load(Layer, string)"/>, from the entries of an open file whose names have a prefix.</summary>
    /// <param name="model">Whose.</param>
    /// <param name="file">The file.</param>
    /// <param name="path">What messages call it.</param>
    /// <param name="prefix">Of the names; entries without it are not looked at. Default none.</param>
    /// <exception cref="DataFormatException">A tensor is missing, one too many or of another shape.</exception>
    public static void Load(this Layer model, SafeTensors file, string path, string prefix = "")
    {
        var stored = file.Tensors.Where(t => t.Name.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(t => t.Name[prefix.Length..]);
        var values = new List<(Tensor Tensor, double[] Values)>();
        foreach (var (name, tensor) in model.StateDict())
        {
            if (!stored.Remove(name, out var entry)) throw new DataFormatException(path, $"has no tensor '{prefix}{name}', which the model needs as {tensor.Shape}");
            if (!entry.Shape.SequenceEqual(tensor.Shape.ToArray().Select(e => (long)e))) throw new DataFormatException(path, $"tensor '{entry.Name}'", $"{tensor.Shape}", SafeTensor.Text(entry.Shape));
            values.Add((tensor, entry.AsFloat64()));
        }

        if (stored.Count > 0) throw new DataFormatException(path, $"has {stored.Count} tensors that the model has not, among them '{stored.Values.First().Name}'");
        foreach (var (tensor, numbers) in values) tensor.CopyFrom<double>(numbers);
    }
}
