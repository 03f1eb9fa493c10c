using System.Buffers.Binary;
using System.IO.Compression;
using Microsoft.Win32.SafeHandles;

namespace CnnSharp.Formats;

/// <summary>What a file of torch.save consists of: an object, and the storages that its tensors view.</summary>
interface ITorchStorages : IDisposable
{
    /// <summary>The bytes of the file, links followed.</summary>
    long FileLength { get; }

    /// <summary>The object that was saved.</summary>
    object? Root { get; }

    /// <summary>A storage's bytes, little-endian.</summary>
    /// <param name="tensor">The tensor that views it, for messages.</param>
    /// <param name="storage">Which.</param>
    byte[] Read(string tensor, PickleStorage storage);
}

/// <summary>The form since PyTorch 1.6, and TorchScript's: a zip archive with a pickle and an entry a storage, none compressed.</summary>
sealed class TorchZip : ITorchStorages
{
    const string Index = "/data.pkl";

    readonly string path;
    readonly ZipArchive zip;
    readonly string folder;

    public TorchZip(string path)
    {
        this.path = path;
        var stream = File.OpenRead(path);
        try
        {
            FileLength = stream.Length;
            zip = new(stream, ZipArchiveMode.Read);
            var index = zip.Entries.FirstOrDefault(entry => entry.FullName.EndsWith(Index, StringComparison.Ordinal) && entry.FullName.IndexOf('/') == entry.FullName.Length - Index.Length)
                ?? throw new DataFormatException(path, $"is a zip archive without data.pkl, so not a file of torch.save{(zip.Entries.Any(entry => entry.FullName.EndsWith(".npy", StringComparison.Ordinal)) ? ", but NumPy arrays (.npz): save the weights as .safetensors" : ": if it was packed for transport, unpack it first")}");
            folder = index.FullName[..^Index.Length];
            if (zip.GetEntry($"{folder}/byteorder") is { } order && System.Text.Encoding.UTF8.GetString(Bytes(order)) is var text and not "little") throw new DataFormatException(path, $"'{order.FullName}': written on a machine of the other byte order; save it again on a little-endian one", "little", text.Length <= 20 ? text : text[..20]);
            Root = new PickleReader(path, Bytes(index)).Read();
        }
        catch (InvalidDataException e)
        {
            stream.Dispose();
            throw new DataFormatException(path, $"is not a sound zip archive, so not a whole file of torch.save; fetch it again: {e.Message.TrimEnd('.')}", inner: e);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public long FileLength { get; }

    /// <inheritdoc/>
    public object? Root { get; }

    /// <inheritdoc/>
    public byte[] Read(string tensor, PickleStorage storage)
    {
        try
        {
            return Bytes(zip.GetEntry($"{folder}/data/{storage.Key}") ?? throw new DataFormatException(path, $"tensor '{tensor}': there is no entry '{folder}/data/{storage.Key}'"));
        }
        catch (InvalidDataException e)
        {
            throw new DataFormatException(path, $"tensor '{tensor}': '{folder}/data/{storage.Key}' is not sound: {e.Message.TrimEnd('.')}", inner: e);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => zip.Dispose();

    /// <summary>An entry's bytes: stored, as PyTorch stores them, so that it cannot claim more than the file holds.</summary>
    byte[] Bytes(ZipArchiveEntry entry)
    {
        if (entry.Length != entry.CompressedLength) throw new DataFormatException(path, $"'{entry.FullName}'", "stored without compression, as PyTorch does", $"{entry.CompressedLength:N0} bytes for {entry.Length:N0}");
        if (entry.Length > Math.Min(Array.MaxLength, FileLength)) throw new DataFormatException(path, $"'{entry.FullName}'", $"at most {Math.Min(Array.MaxLength, FileLength):N0} bytes", $"{entry.Length:N0}");
        var bytes = new byte[entry.Length];
        using var stream = entry.Open();
        var read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        if (read != bytes.Length) throw new DataFormatException(path, $"'{entry.FullName}'", $"{bytes.Length:N0} bytes", $"{read:N0}");
        return bytes;
    }
}

/// <summary>The form before PyTorch 1.6: five pickles (a magic number, a version, the machine, the object, the storages' names), then each storage's length and bytes.</summary>
sealed class TorchLegacy : ITorchStorages
{
    const long Version = 1001;

    // The pickles describe the tensors; their elements come after.
    const int MostPickled = 64 << 20;

    readonly string path;
    readonly SafeFileHandle handle;
    readonly long start;
    readonly List<string> keys = [];
    readonly Dictionary<string, (long Position, long Length)> places = [];
    readonly Dictionary<string, int> elementSizes = [];

    public TorchLegacy(string path)
    {
        this.path = path;
        handle = File.OpenHandle(path);
        try
        {
            FileLength = RandomAccess.GetLength(handle);
            var pickled = new byte[Math.Min(FileLength, MostPickled)];
            RandomAccessFile.ReadExactly(handle, pickled, 0, path, "the pickles");
            var at = 0;
            Next("the magic number");
            if (Next("the version") is not Version) throw new DataFormatException(path, "the version of torch.save's format before PyTorch 1.6", $"{Version}", "another");
            if (Next("the machine's description") is PickleDictionary machine && machine["little_endian"] is false) throw new DataFormatException(path, "was written on a big-endian machine: load it there and save it again without _use_new_zipfile_serialization=False");
            Root = Next("the object", elementSizes);
            if (Next("the storages' names") is not List<object?> names) throw new DataFormatException(path, "the storages' names", "a list", "something else");
            foreach (var name in names) keys.Add(name as string ?? throw new DataFormatException(path, "a storage's name", "text", PickleReader.Describe(name)));
            start = at;
            Index();

            object? Next(string part, Dictionary<string, int>? sizes = null)
            {
                var reader = new PickleReader(path, pickled, at, part) { ElementSizes = sizes };
                var value = reader.Read();
                at = reader.Position;
                return value;
            }
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public long FileLength { get; }

    /// <inheritdoc/>
    public object? Root { get; }

    /// <inheritdoc/>
    public byte[] Read(string tensor, PickleStorage storage)
    {
        if (!places.TryGetValue(storage.Key, out var place)) throw new DataFormatException(path, $"tensor '{tensor}': there is no storage {storage.Key}");
        if (place.Length > Array.MaxLength) throw new DataFormatException(path, $"tensor '{tensor}': its storage", $"at most {Array.MaxLength:N0} bytes", $"{place.Length:N0}");
        var bytes = new byte[place.Length];
        RandomAccessFile.ReadExactly(handle, bytes, place.Position, path, $"tensor '{tensor}'");
        return bytes;
    }

    /// <inheritdoc/>
    public void Dispose() => handle.Dispose();

    /// <summary>Where each storage's bytes are: they follow each other in the order of the names, each with the number of its elements before it.</summary>
    void Index()
    {
        var at = start;
        Span<byte> count = stackalloc byte[sizeof(long)];
        foreach (var key in keys)
        {
            if (!elementSizes.TryGetValue(key, out var size)) throw new DataFormatException(path, $"storage {Cut(key)} is listed, but no tensor views it: what its elements are is not known");
            RandomAccessFile.ReadExactly(handle, count, at, path, $"the length of storage {Cut(key)}");
            var elements = BinaryPrimitives.ReadInt64LittleEndian(count);
            at += sizeof(long);
            if (elements < 0 || elements > (FileLength - at) / size) throw new DataFormatException(path, $"the length of storage {Cut(key)}", $"at most the {(FileLength - at) / size:N0} elements that follow", $"{elements:N0}", at - sizeof(long));
            if (!places.TryAdd(key, (at, elements * size))) throw new DataFormatException(path, $"storage {Cut(key)} is listed more than once");
            at += elements * size;
        }

        static string Cut(string key) => key.Length <= 40 ? $"'{key}'" : $"'{key[..40]}...'";
    }
}
