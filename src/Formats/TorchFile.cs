using System.Globalization;

namespace CnnSharp.Formats;

/// <summary>
/// The tensors of a file that PyTorch's <c>torch.save</c> wrote (<c>.pt</c>, <c>.pth</c>; the zip form since PyTorch 1.6 and the
/// form before it), or <c>torch.jit.save</c>. Such a file is a Python pickle, which in Python can run anything; here tensors and
/// the containers around them are read, every other object is passed over, and nothing is imported, called or executed.
/// </summary>
/// <example>
/// <code>
/// var report = TorchWeights.Load(model, TorchFile.Read("resnet18.pth"));
/// </code>
/// </example>
public static class TorchFile
{
    /// <summary>The keys under which checkpoints commonly keep their weights.</summary>
    static readonly string[] UsualKeys = ["state_dict", "model_state_dict", "model", "net", "network", "weights", "params", "state"];

    /// <summary>Whether a file begins as those of torch.save do: a zip archive, or the form before PyTorch 1.6.</summary>
    public static bool IsTorchFile(string path)
    {
        using var stream = File.OpenRead(path);
        Span<byte> start = stackalloc byte[WeightFile.Looked];
        return WeightFile.IsTorch(start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)]);
    }

    /// <summary>
    /// Reads every tensor. Names are the keys of the dictionaries around a tensor, joined by dots. Of a checkpoint, a
    /// dictionary of which one entry is the weights (<c>state_dict</c>, <c>model_state_dict</c>, <c>model</c>, <c>net</c>, ...), those alone are read, under their own names.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="key">The entry that is read, dots between the keys of entries within each other; default: the one that is the weights, else everything.</param>
    /// <exception cref="DataFormatException">The file is not sound, has no such entry or several that may be the weights, or a tensor in it is of a kind that is not read (sparse, quantized, complex).</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static IReadOnlyList<SafeTensor> Read(string path, string? key = null)
    {
        using var archive = TorchArchive.Open(path);
        var chosen = key is not null ? archive.Find(key) : Usual(archive);
        foreach (var (name, kind) in chosen.Unreadable) throw new DataFormatException(path, $"'{name}' is {kind}, which is not read: save it as a dense tensor of floats");
        return [.. chosen.Tensors.Select(tensor => new SafeTensor(tensor.Name, tensor.Type, tensor.Shape, tensor.ReadBytes()))];
    }

    /// <summary>
    /// Writes tensors as an <c>OrderedDict</c> in the form that torch.save has since PyTorch 1.6, atomically, so that
    /// <c>torch.load(path, weights_only=True)</c> reads it. The same tensors give the same bytes.
    /// </summary>
    /// <param name="path">The file; its folder is created if it is missing.</param>
    /// <param name="tensors">What it is to hold, in its order.</param>
    /// <exception cref="NotSupportedException">A tensor's elements are of a type without a storage in PyTorch (unsigned, of 16 bits and more).</exception>
    public static void Save(string path, IReadOnlyList<SafeTensor> tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        TorchFileWriter.Save(path, tensors);
    }

    static TorchDictionary Usual(TorchArchive archive)
    {
        var usual = UsualKeys.Select(key => archive.Dictionaries.FirstOrDefault(d => d.Key == key)).OfType<TorchDictionary>().ToList();
        return usual switch
        {
            [] => archive.Dictionaries[0],
            [var one] => one,
            _ => throw new DataFormatException(archive.Path, $"has several entries that may be the weights ({string.Join(", ", usual.Select(d => $"'{d.Key}'"))}): say which with the key (--weights-key)"),
        };
    }
}

/// <summary>A dictionary of a file, with the tensors in it and in the containers within it.</summary>
/// <param name="Key">The keys that lead to it, dots between; empty for the whole file.</param>
/// <param name="Tensors">Named relative to it; read when asked for, while the file is open.</param>
/// <param name="Unreadable">What of tensors is not read, and why.</param>
sealed record TorchDictionary(string Key, IReadOnlyList<SafeTensor> Tensors, IReadOnlyList<(string Name, string Kind)> Unreadable);

/// <summary>An open file of torch.save.</summary>
sealed class TorchArchive : IDisposable
{
    // A state dictionary stands at the top, or under a key of a checkpoint; modules hold each other deeper.
    const int MaxDepth = 64;

    // Containers that hold each other many times over look small in the file; tensors may share a storage, but hardly all of them.
    const int MaxObjects = 1_000_000;
    const int MaxSharing = 2;

    readonly ITorchStorages storages;
    readonly Dictionary<string, byte[]> read = [];
    readonly List<TorchDictionary> dictionaries = [];
    readonly HashSet<object> open = new(ReferenceEqualityComparer.Instance);
    readonly HashSet<object> listed = new(ReferenceEqualityComparer.Instance);
    readonly Dictionary<PickleTensor, SafeTensor> first = new(ReferenceEqualityComparer.Instance);
    readonly long mostBytes;
    long taken;
    int visited;

    TorchArchive(string path, ITorchStorages storages)
    {
        Path = path;
        this.storages = storages;
        mostBytes = MaxSharing * storages.FileLength;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The dictionaries that hold tensors: the whole first, then each within it, from the outside. Not empty.</summary>
    public IReadOnlyList<TorchDictionary> Dictionaries => dictionaries;

    /// <summary>Opens a file and lists its tensors.</summary>
    /// <exception cref="DataFormatException">It is not sound, or has no tensors.</exception>
    public static TorchArchive Open(string path)
    {
        ITorchStorages storages = WeightFile.KindOf(path) switch
        {
            WeightFileKind.TorchZip => new TorchZip(path),
            WeightFileKind.TorchLegacy => new TorchLegacy(path),
            _ => throw new DataFormatException(path, "is not a file of torch.save"),
        };
        try
        {
            var archive = new TorchArchive(path, storages);
            archive.List(storages.Root);
            return archive;
        }
        catch
        {
            storages.Dispose();
            throw;
        }
    }

    /// <summary>The dictionary at a key.</summary>
    /// <exception cref="DataFormatException">There is none; the message names those there are.</exception>
    public TorchDictionary Find(string key) => dictionaries.Find(d => d.Key == key)
        ?? throw new DataFormatException(Path, $"has no entry '{key}' with tensors; it has {(dictionaries.Count == 1 ? "none within the whole" : string.Join(", ", dictionaries.Skip(1).Take(8).Select(d => $"'{d.Key}'")))}");

    /// <inheritdoc/>
    public void Dispose() => storages.Dispose();

    void List(object? root)
    {
        if (root is PickleTensor single) throw new DataFormatException(Path, $"holds a single tensor {SafeTensor.Text(single.Shape)}, not a dictionary of weights: save the model's state_dict()");
        var found = Walk(root, "", 0);
        if (found.Tensors.Count + found.Unreadable.Count == 0) throw new DataFormatException(Path, $"has no tensors, but {PickleReader.Describe(root)}: save the model's state_dict() with torch.save");
        if (found.Tensors.Count == 0) throw new DataFormatException(Path, $"'{found.Unreadable[0].Name}' is {found.Unreadable[0].Kind}, which is not read; nor are any others there");
    }

    /// <summary>The tensors of an object and of what is in it, under names that begin at it.</summary>
    TorchDictionary Walk(object? value, string key, int depth)
    {
        var tensors = new List<SafeTensor>();
        var unreadable = new List<(string, string)>();
        if (depth > MaxDepth || value is null || !open.Add(value)) return new(key, tensors, unreadable);

        // A whole is listed before what it consists of; what is reached twice is listed once.
        var isDictionary = depth == 0 || value is PickleDictionary or PickleObject;
        var place = dictionaries.Count;
        if (isDictionary && listed.Add(value)) dictionaries.Add(new(key, tensors, unreadable));
        foreach (var (name, item) in Items(value))
        {
            if (++visited > MaxObjects) throw new DataFormatException(Path, "the objects in its containers", $"at most {MaxObjects:N0}", "more");
            switch (item)
            {
                case PickleTensor tensor:
                    tensors.Add(Lazy(name, tensor, key.Length == 0 ? name : $"{key}.{name}"));
                    break;
                case PickleUnreadable other:
                    unreadable.Add((name, other.Kind));
                    break;
                case PickleDictionary or PickleObject or List<object?> or object?[]:
                    var inner = Walk(item, key.Length == 0 ? name : $"{key}.{name}", depth + 1);
                    visited += inner.Tensors.Count;
                    tensors.AddRange(inner.Tensors.Select(tensor => tensor.Named($"{name}.{tensor.Name}")));
                    unreadable.AddRange(inner.Unreadable.Select(other => ($"{name}.{other.Name}", other.Kind)));
                    break;
            }
        }

        open.Remove(value);
        if (isDictionary && tensors.Count + unreadable.Count == 0 && place < dictionaries.Count && dictionaries[place].Tensors == tensors) dictionaries.RemoveRange(place, dictionaries.Count - place);
        return new(key, tensors, unreadable);
    }

    /// <summary>What a container holds, of a module what its state_dict() would.</summary>
    static IEnumerable<(string Name, object? Item)> Items(object? value)
    {
        switch (value)
        {
            case PickleObject { Attributes: { } attributes } when attributes["_modules"] is PickleDictionary modules:
                // Buffers that are not saved are named in a set.
                var transient = attributes["_non_persistent_buffers_set"] as PickleObject;
                return Named(attributes["_parameters"] as PickleDictionary)
                    .Concat(Named(attributes["_buffers"] as PickleDictionary).Where(buffer => transient is null || !transient.Items.Items.Exists(item => item.Key is string name && name == buffer.Name)))
                    .Concat(Named(modules));
            case PickleObject { Attributes: { } attributes } module when module.Type.StartsWith("__torch__.", StringComparison.Ordinal):
                return Named(attributes);
            case PickleObject derived:
                return Named(derived.Items);
            case PickleDictionary dictionary:
                return Named(dictionary);
            case List<object?> list:
                return list.Select((item, i) => (i.ToString(CultureInfo.InvariantCulture), item));
            case object?[] tuple:
                return tuple.Select((item, i) => (i.ToString(CultureInfo.InvariantCulture), item));
            default:
                return [];
        }

        // The last of equal keys is the one that counts, as in Python.
        static IEnumerable<(string Name, object? Item)> Named(PickleDictionary? dictionary)
            => dictionary is null ? [] : dictionary.Items.Where(item => item.Key is string or long).Select(item => (Convert.ToString(item.Key, CultureInfo.InvariantCulture)!, item.Value)).Reverse().DistinctBy(item => item.Item1).Reverse();
    }

    /// <summary>A tensor whose bytes are read when they are asked for. What it claims is compared with its storage now.</summary>
    SafeTensor Lazy(string name, PickleTensor tensor, string fullName)
    {
        if (first.TryGetValue(tensor, out var known)) return known.Named(name);
        var (size, elements) = (tensor.Type.SizeOf(), tensor.Storage.ViewLength * tensor.Storage.Type.ElementSize / tensor.Type.SizeOf());
        if (!SafeTensor.TryBytes(tensor.Type, tensor.Shape, out var needed) || needed > storages.FileLength)
            throw new DataFormatException(Path, $"tensor '{fullName}', {tensor.Type.Tag()} {SafeTensor.Text(tensor.Shape)}", $"at most the {elements:N0} elements of its storage", "more");
        Int128 last = tensor.Offset;
        for (var axis = 0; axis < tensor.Shape.Length; axis++) last += (Int128)(tensor.Shape[axis] - 1) * tensor.Strides[axis];
        if (needed > 0 && (tensor.Offset < 0 || last >= elements || Array.Exists(tensor.Strides, stride => stride < 0)))
            throw new DataFormatException(Path, $"tensor '{fullName}': offset {tensor.Offset}, shape {SafeTensor.Text(tensor.Shape)}, strides {SafeTensor.Text(tensor.Strides)}", $"elements within the {elements:N0} of its storage", $"one at {last}");
        return first[tensor] = new(name, tensor.Type, tensor.Shape, Path, needed, () => Take(fullName, tensor, needed, size));
    }

    /// <summary>A tensor's elements in C order, gathered along its strides.</summary>
    byte[] Take(string name, PickleTensor tensor, long needed, int size)
    {
        var storage = tensor.Storage;
        if (!read.TryGetValue(storage.Key, out var bytes)) read.Add(storage.Key, bytes = storages.Read(name, storage));
        if (storage.Length * storage.Type.ElementSize > bytes.LongLength) throw new DataFormatException(Path, $"tensor '{name}': its storage {storage.Key}", $"{storage.Length:N0} elements of {storage.Type.Name}", $"{bytes.Length:N0} bytes");
        taken += needed;
        if (taken > mostBytes) throw new DataFormatException(Path, $"tensor '{name}': the tensors' elements", $"at most {mostBytes:N0} bytes, {MaxSharing} times the file", "more");
        var result = new byte[needed];
        if (needed > 0) Gather(tensor, bytes, storage.Start * storage.Type.ElementSize, result, size);
        return result;
    }

    static void Gather(PickleTensor tensor, byte[] source, long start, byte[] target, int size)
    {
        var index = new long[tensor.Shape.Length];
        var at = tensor.Offset;
        if (IsContiguous(tensor))
        {
            Array.Copy(source, start + (at * size), target, 0, target.LongLength);
            return;
        }

        for (long i = 0; i < target.LongLength; i += size)
        {
            Array.Copy(source, start + (at * size), target, i, size);
            for (var axis = index.Length - 1; axis >= 0; axis--)
            {
                at += tensor.Strides[axis];
                if (++index[axis] < tensor.Shape[axis]) break;
                at -= tensor.Strides[axis] * tensor.Shape[axis];
                index[axis] = 0;
            }
        }
    }

    static bool IsContiguous(PickleTensor tensor)
    {
        long step = 1;
        for (var axis = tensor.Shape.Length - 1; axis >= 0; axis--)
        {
            if (tensor.Shape[axis] != 1 && tensor.Strides[axis] != step) return false;
            step *= tensor.Shape[axis];
        }

        return true;
    }
}
