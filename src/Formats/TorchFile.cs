using System.IO.Compression;

namespace CnnSharp.Formats;

/// <summary>
/// The tensors of a file that PyTorch's <c>torch.save</c> wrote (<c>.pt</c>, <c>.pth</c>; the zip form, PyTorch 1.6 and later).
/// Such a file is a Python pickle, which in Python can run anything; here only tensors and the containers around them are
/// understood, every other object is refused by its name, and nothing is executed.
/// </summary>
/// <example>
/// <code>
/// var report = TorchWeights.Load(model, TorchFile.Read("resnet18.pth"));
/// </code>
/// </example>
public static class TorchFile
{
    const string Index = "/data.pkl";

    // A state dictionary stands at the top, or under a key of a checkpoint, hardly deeper.
    const int MaxDepth = 8;

    // Containers that hold each other many times over look small in the file; tensors may share a storage, but hardly all of them.
    const int MaxObjects = 1_000_000;
    const int MaxSharing = 2;

    /// <summary>Whether a file begins as a zip archive does, as every file of this kind.</summary>
    public static bool IsTorchFile(string path)
    {
        using var stream = File.OpenRead(path);
        Span<byte> start = stackalloc byte[4];
        return stream.ReadAtLeast(start, 4, throwOnEndOfStream: false) == 4 && start.SequenceEqual("PK\x03\x04"u8);
    }

    /// <summary>
    /// Reads every tensor. Names are the keys of the dictionaries around a tensor, joined by dots; where all tensors lie in
    /// one dictionary of a checkpoint (<c>state_dict</c>, <c>model</c>), its own key is left out.
    /// </summary>
    /// <exception cref="DataFormatException">The file is not sound, or holds an object that is neither tensor, number, text nor container.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static IReadOnlyList<SafeTensor> Read(string path)
    {
        try
        {
            using var zip = ZipFile.OpenRead(path);
            var index = zip.Entries.FirstOrDefault(entry => entry.FullName.EndsWith(Index, StringComparison.Ordinal) && entry.FullName.IndexOf('/') == entry.FullName.Length - Index.Length)
                ?? throw new DataFormatException(path, "is a zip archive without data.pkl: not a file of torch.save");
            var folder = index.FullName[..^Index.Length];
            if (zip.GetEntry($"{folder}/byteorder") is { } order && Text(path, order) is var text and not "little") throw new DataFormatException(path, $"{order.FullName}", "little", text);

            var reader = new PickleReader(path, Bytes(path, index));
            var storages = new Storages(path, zip, folder);
            var tensors = new List<SafeTensor>();
            Collect(path, reader.Read(), "", 0, storages, tensors);
            return WithoutCommonKey(tensors);
        }
        catch (InvalidDataException e)
        {
            throw new DataFormatException(path, $"is not a sound zip archive (files older than PyTorch 1.6 are not read; load and save them anew): {e.Message.TrimEnd('.')}", inner: e);
        }
    }

    static void Collect(string path, object? value, string name, int depth, Storages storages, List<SafeTensor> tensors)
    {
        if (++storages.Visited > MaxObjects) throw new DataFormatException(path, "the objects in its containers", $"at most {MaxObjects:N0}", "more");
        if (value is PickleTensor tensor)
        {
            tensors.Add(storages.Take(name, tensor));
        }
        else if (value is PickleDictionary dictionary)
        {
            if (depth == MaxDepth) throw new DataFormatException(path, $"'{name}'", $"at most {MaxDepth} dictionaries within each other", "more");
            foreach (var (key, item) in dictionary.Items)
            {
                if (item is PickleTensor or PickleDictionary && key is not (string or long)) throw new DataFormatException(path, $"a key of '{name}'", "text or a number", PickleReader.Describe(key));
                Collect(path, item, name.Length == 0 ? $"{key}" : $"{name}.{key}", depth + 1, storages, tensors);
            }
        }
        else if (value is List<object?> list)
        {
            if (depth == MaxDepth) throw new DataFormatException(path, $"'{name}'", $"at most {MaxDepth} containers within each other", "more");
            for (var i = 0; i < list.Count; i++) Collect(path, list[i], name.Length == 0 ? $"{i}" : $"{name}.{i}", depth + 1, storages, tensors);
        }
    }

    /// <summary>A checkpoint's one dictionary of weights: <c>state_dict.conv1.weight</c> is <c>conv1.weight</c>.</summary>
    static List<SafeTensor> WithoutCommonKey(List<SafeTensor> tensors)
    {
        foreach (var key in (string[])["state_dict.", "model_state_dict.", "model.", "net."])
        {
            if (tensors.Exists(tensor => tensor.Name.StartsWith(key, StringComparison.Ordinal)) && !tensors.Exists(tensor => !tensor.Name.Contains('.')))
            {
                var own = tensors.Where(tensor => tensor.Name.StartsWith(key, StringComparison.Ordinal)).Select(tensor => new SafeTensor(tensor.Name[key.Length..], tensor.Type, tensor.Shape, tensor.ReadBytes())).ToList();
                if (own.Count > 0 && (own.Count == tensors.Count || key.Contains("state_dict", StringComparison.Ordinal))) return own;
            }
        }

        return tensors;
    }

    static string Text(string path, ZipArchiveEntry entry) => System.Text.Encoding.UTF8.GetString(Bytes(path, entry));

    /// <summary>An entry's bytes: stored, as PyTorch stores them, so that it cannot claim more than the file holds.</summary>
    static byte[] Bytes(string path, ZipArchiveEntry entry)
    {
        if (entry.Length != entry.CompressedLength) throw new DataFormatException(path, $"'{entry.FullName}'", "stored without compression, as PyTorch does", $"{entry.CompressedLength:N0} bytes for {entry.Length:N0}");
        if (entry.Length > Math.Min(Array.MaxLength, new FileInfo(path).Length)) throw new DataFormatException(path, $"'{entry.FullName}'", $"at most {Math.Min(Array.MaxLength, new FileInfo(path).Length):N0} bytes", $"{entry.Length:N0}");
        var bytes = new byte[entry.Length];
        using var stream = entry.Open();
        var read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        if (read != bytes.Length) throw new DataFormatException(path, $"'{entry.FullName}'", $"{bytes.Length:N0} bytes", $"{read:N0}");
        return bytes;
    }

    /// <summary>The memory behind the tensors: an entry each, read once, shared by the tensors that view it.</summary>
    sealed class Storages(string path, ZipArchive zip, string folder)
    {
        readonly Dictionary<string, byte[]> read = [];
        readonly long mostBytes = MaxSharing * new FileInfo(path).Length;
        long taken;

        /// <summary>Objects looked at so far.</summary>
        public int Visited { get; set; }

        /// <summary>A tensor's elements in C order, gathered along its strides.</summary>
        public SafeTensor Take(string name, PickleTensor tensor)
        {
            var (storage, type) = (tensor.Storage, tensor.Storage.Type);
            if (!read.TryGetValue(storage.Key, out var bytes))
            {
                var entry = zip.GetEntry($"{folder}/data/{storage.Key}") ?? throw new DataFormatException(path, $"tensor '{name}': there is no entry '{folder}/data/{storage.Key}'");
                read.Add(storage.Key, bytes = Bytes(path, entry));
            }

            var size = type.SizeOf();
            var elements = bytes.LongLength / size;
            if (storage.Length > elements) throw new DataFormatException(path, $"tensor '{name}': its storage {storage.Key}", $"{storage.Length:N0} elements of {type.Tag()}", $"{bytes.Length:N0} bytes");
            if (!SafeTensor.TryBytes(type, tensor.Shape, out var needed) || needed > bytes.LongLength)
                throw new DataFormatException(path, $"tensor '{name}', {type.Tag()} {SafeTensor.Text(tensor.Shape)}", $"at most the {elements:N0} elements of its storage", "more");

            taken += needed;
            if (taken > mostBytes) throw new DataFormatException(path, $"tensor '{name}': the tensors' elements", $"at most {mostBytes:N0} bytes, {MaxSharing} times the file", "more");
            var result = new byte[needed];
            if (needed > 0) Gather(name, tensor, bytes, result, size, elements);
            return new(name, type, tensor.Shape, result);
        }

        void Gather(string name, PickleTensor tensor, byte[] source, byte[] target, int size, long elements)
        {
            Int128 last = tensor.Offset;
            for (var axis = 0; axis < tensor.Shape.Length; axis++) last += (Int128)(tensor.Shape[axis] - 1) * tensor.Strides[axis];
            if (tensor.Offset < 0 || last >= elements || Array.Exists(tensor.Strides, stride => stride < 0))
                throw new DataFormatException(path, $"tensor '{name}': offset {tensor.Offset}, shape {SafeTensor.Text(tensor.Shape)}, strides {SafeTensor.Text(tensor.Strides)}", $"elements within the {elements:N0} of its storage", $"one at {last}");

            var index = new long[tensor.Shape.Length];
            var at = tensor.Offset;
            for (long i = 0; i < target.LongLength; i += size)
            {
                Array.Copy(source, at * size, target, i, size);
                for (var axis = index.Length - 1; axis >= 0; axis--)
                {
                    at += tensor.Strides[axis];
                    if (++index[axis] < tensor.Shape[axis]) break;
                    at -= tensor.Strides[axis] * tensor.Shape[axis];
                    index[axis] = 0;
                }
            }
        }
    }
}
