using CnnSharp.Formats;
using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>A model's tensors in a safetensors file, under their dotted paths and in the native layout ([kh, kw, in, out]).</summary>
/// <example>
/// <code>
/// model.Save("resnet20.safetensors");
/// ResNet.Cifar(depth: 20, classes: 10, device).Load("resnet20.safetensors");
/// </code>
/// </example>
public static class ModelFile
{
    /// <summary>Writes parameters and running statistics, atomically.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Save(this Layer model, string path)
        => SafeTensors.Save(path, model.NamedTensors().Select(t => ToSafeTensor(t.Name, t.Tensor)), new Dictionary<string, string> { ["format"] = "cnnsharp model" });

    /// <summary>Reads what <see cref="Save"/> wrote, or the model's part of a checkpoint.</summary>
    /// <exception cref="DataFormatException">The file is not sound, or holds other tensors than the model's; the model is then unchanged.</exception>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public static void Load(this Layer model, string path)
    {
        using var file = SafeTensors.Open(path);
        Read(path, file, [.. model.NamedTensors()], name => name.StartsWith(Checkpoint.OptimizerPrefix, StringComparison.Ordinal));
    }

    internal static SafeTensor ToSafeTensor(string name, Tensor tensor)
    {
        var shape = Array.ConvertAll(tensor.Shape.ToArray(), e => (long)e);
        return tensor.DType switch
        {
            DType.Float64 => SafeTensor.Create<double>(name, shape, tensor.ToArray<double>()),
            DType.Int32 => SafeTensor.Create<int>(name, shape, tensor.ToArray<int>()),
            DType.UInt8 => SafeTensor.Create<byte>(name, shape, tensor.ToArray<byte>()),
            _ => SafeTensor.Create<float>(name, shape, tensor.ToArray()),
        };
    }

    /// <summary>Reads every target from the file, which must hold these and, but for those passed over, no others.</summary>
    internal static void Read(string path, SafeTensors file, List<(string Name, Tensor Tensor)> targets, Func<string, bool> passOver)
    {
        var expected = targets.Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
        var missing = expected.Where(name => !file.TryGet(name, out _)).ToList();
        var unknown = file.Tensors.Select(t => t.Name).Where(name => !expected.Contains(name) && !passOver(name)).ToList();
        if (missing.Count + unknown.Count > 0)
            throw new DataFormatException(path, $"its tensors are not the model's: {Listing("missing", missing)}; {Listing("not known", unknown)}; it may be of another model or of other options");

        foreach (var (name, tensor) in targets)
        {
            var stored = file[name];
            if (!stored.Shape.SequenceEqual(Array.ConvertAll(tensor.Shape.ToArray(), e => (long)e)))
                throw new DataFormatException(path, $"the shape of tensor '{name}'", tensor.Shape.ToString(), $"[{string.Join(", ", stored.Shape)}]");
            if (stored.Type is not (TensorType.F32 or TensorType.F64 or TensorType.F16 or TensorType.BF16))
                throw new DataFormatException(path, $"the type of tensor '{name}'", "a float type", stored.Type.Tag());
        }

        foreach (var (name, tensor) in targets)
        {
            if (tensor.DType == DType.Float64) tensor.Write<double>(file[name].AsFloat64());
            else tensor.Write<float>(file[name].AsFloat32());
        }
    }

    static string Listing(string what, List<string> names)
    {
        const int Shown = 5;
        if (names.Count == 0) return $"{what}: none";
        return $"{what}: {string.Join(", ", names.Take(Shown).Select(n => $"'{n}'"))}{(names.Count > Shown ? $" and {names.Count - Shown} more" : "")}";
    }
}
