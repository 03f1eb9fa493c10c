using CnnSharp.Formats;

namespace CnnSharp.Verification;

/// <summary>
/// A reference case: a safetensors file whose metadata name the operation (<c>op</c>) and its attributes (<c>attrs</c>,
/// JSON), with the tensors in PyTorch's layouts.
/// </summary>
public sealed class CaseFile : IDisposable
{
    readonly SafeTensors file;

    /// <summary>Opens a case.</summary>
    /// <exception cref="DataFormatException">It is no sound safetensors file, or has no <c>op</c>.</exception>
    /// <exception cref="FormatException">The attributes are not a JSON object.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public CaseFile(string path)
    {
        file = SafeTensors.Open(path);
        try
        {
            Operation = file.Metadata.TryGetValue("op", out var op) ? op : throw new DataFormatException(path, "the metadata name no operation ('op')");
            Attributes = new(file.Metadata.TryGetValue("attrs", out var attributes) ? attributes : "{}");
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>What is computed.</summary>
    public string Operation { get; }

    /// <summary>How.</summary>
    public Attributes Attributes { get; }

    /// <summary>The names of the tensors, in order.</summary>
    public IEnumerable<string> Names => file.Tensors.Select(tensor => tensor.Name).Order(StringComparer.Ordinal);

    /// <summary>Whether there is a tensor of that name.</summary>
    public bool Has(string name) => file.TryGet(name, out _);

    /// <summary>The tensor of that name.</summary>
    /// <exception cref="DataFormatException">There is none.</exception>
    /// <exception cref="FormatException">An extent or the number of elements exceeds what an array holds.</exception>
    public HostTensor this[string name]
    {
        get
        {
            var tensor = file[name];
            if (tensor.Length > int.MaxValue || tensor.Shape.Any(extent => extent > int.MaxValue))
                throw new FormatException($"tensor '{name}' has {tensor.Length:N0} elements, more than a case may have.");
            var shape = new Shape(Array.ConvertAll(tensor.Shape, extent => (int)extent));
            var isFloat = tensor.Type is TensorType.F64 or TensorType.F32 or TensorType.F16 or TensorType.BF16;
            return isFloat ? new(shape, tensor.AsFloat64()) : new(shape, Array.ConvertAll(tensor.AsInt64(), v => (double)v), IsInteger: true);
        }
    }

    /// <summary>Part <paramref name="index"/> of a tensor along its first axis.</summary>
    /// <exception cref="FormatException">It has no such part.</exception>
    public static HostTensor Part(HostTensor tensor, int index)
    {
        if (tensor.Shape.Rank < 1 || index >= tensor.Shape[0]) throw new FormatException($"there is no part {index} in {tensor.Shape}.");
        var shape = new Shape(tensor.Shape.AsSpan()[1..]);
        var count = (int)shape.Count;
        return new(shape, tensor.Values.AsSpan(index * count, count).ToArray(), tensor.IsInteger);
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => file.Dispose();
}
