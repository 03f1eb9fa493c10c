using CnnSharp.Formats;
using CnnSharp.Kernels;

namespace CnnSharp.Training;

/// <summary>Tensors in a checkpoint: written, and read all or none.</summary>
static class StoredTensors
{
    /// <summary>Reads every target from the file, which must hold these and, but for those passed over, no others.</summary>
    public static void Read(string path, SafeTensors file, List<(string Name, Tensor Tensor)> targets, Func<string, bool> passOver)
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
            if (tensor.DType == DType.Float64) tensor.CopyFrom<double>(file[name].AsFloat64());
            else tensor.CopyFrom<float>(file[name].AsFloat32());
        }
    }

    static string Listing(string what, List<string> names)
    {
        const int Shown = 5;
        if (names.Count == 0) return $"{what}: none";
        return $"{what}: {string.Join(", ", names.Take(Shown).Select(n => $"'{n}'"))}{(names.Count > Shown ? $" and {names.Count - Shown} more" : "")}";
    }
}
