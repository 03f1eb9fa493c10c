using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace CnnSharp.Formats;

/// <summary>
/// A safetensors file (https://github.com/huggingface/safetensors): an 8-byte little-endian length N, N bytes of JSON that
/// name each tensor's type, shape and place, then the tensors' bytes. Read strictly: what the header claims must be
/// exactly what the file holds, and nothing is allocated that the file does not back.
/// </summary>
/// <example>
/// <code>
/// SafeTensors.Save("net.safetensors", [SafeTensor.Create&lt;float&gt;("weight", [2, 2], [1, 2, 3, 4])]);
/// using var file = SafeTensors.Open("net.safetensors");
/// float[] weight = file["weight"].AsFloat32();
/// </code>
/// </example>
public sealed class SafeTensors : IDisposable
{
    /// <summary>The longest header that is read, in bytes.</summary>
    public const long MaxHeaderLength = 100_000_000;

    const string MetadataKey = "__metadata__";
    const int Prefix = 8;

    static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    readonly SafeFileHandle handle;
    readonly string path;
    readonly Dictionary<string, SafeTensor> byName = [];
    readonly List<SafeTensor> tensors = [];
    readonly Dictionary<string, string> metadata = [];

    SafeTensors(string path, SafeFileHandle handle)
    {
        this.path = path;
        this.handle = handle;
    }

    /// <summary>The tensors, in the order of their data.</summary>
    public IReadOnlyList<SafeTensor> Tensors => tensors;

    /// <summary>The header's <c>__metadata__</c>; empty if it has none.</summary>
    public IReadOnlyDictionary<string, string> Metadata => metadata;

    /// <summary>The tensor of that name.</summary>
    /// <exception cref="DataFormatException">The file has none of that name; the message lists those it has.</exception>
    public SafeTensor this[string name] => byName.TryGetValue(name, out var tensor) ? tensor : throw new DataFormatException(path, $"has no tensor '{name}'; it has {Listing()}");

    /// <summary>Opens a file and reads its header; each tensor is read when asked for, and the file stays open until <see cref="Dispose"/>.</summary>
    /// <exception cref="DataFormatException">The file is not a sound safetensors file.</exception>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public static SafeTensors Open(string path)
    {
        var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        try
        {
            var file = new SafeTensors(path, handle);
            file.ReadHeader();
            return file;
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Finds the tensor of that name; false if there is none.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out SafeTensor? tensor) => byName.TryGetValue(name, out tensor);

    /// <summary>
    /// Writes a file, atomically. Tensors are stored as the reference writer does: by descending alignment, then by name;
    /// the header is padded with spaces so that the data start at a multiple of 8. The same tensors give the same bytes.
    /// </summary>
    /// <param name="path">The file; its folder is created if it is missing.</param>
    /// <param name="tensors">What it is to hold, in any order.</param>
    /// <param name="metadata">Text to keep with them; default none.</param>
    /// <param name="previous">A file of the same folder, which what was at <paramref name="path"/> becomes; default null: it is replaced.</param>
    /// <exception cref="ArgumentException">Two tensors have one name, or one is called <c>__metadata__</c>.</exception>
    public static void Save(string path, IEnumerable<SafeTensor> tensors, IReadOnlyDictionary<string, string>? metadata = null, string? previous = null)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        var ordered = tensors.OrderByDescending(t => t.Type).ThenBy(t => Encoding.UTF8.GetBytes(t.Name), ByteOrder.Instance).ToList();
        var header = Header(ordered, metadata);

        AtomicFile.Write(path, Write, previous);

        void Write(Stream stream)
        {
            Span<byte> length = stackalloc byte[Prefix];
            BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
            stream.Write(length);
            stream.Write(header);
            foreach (var tensor in ordered) stream.Write(tensor.ReadBytes());
        }
    }

    /// <summary>Closes the file. Tensors that were not read can no longer be.</summary>
    public void Dispose() => handle.Dispose();

    static byte[] Header(List<SafeTensor> ordered, IReadOnlyDictionary<string, string>? metadata)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, Plain))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject(MetadataKey);
                foreach (var (key, value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal)) json.WriteString(key, value);
                json.WriteEndObject();
            }

            long offset = 0;
            foreach (var tensor in ordered)
            {
                if (tensor.Name == MetadataKey) throw new ArgumentException($"A tensor cannot be called '{MetadataKey}'.");
                if (!names.Add(tensor.Name)) throw new ArgumentException($"Two tensors are called '{tensor.Name}'.");

                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.Type.Tag());
                json.WriteStartArray("shape");
                foreach (var extent in tensor.Shape) json.WriteNumberValue(extent);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += tensor.ByteLength);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        while (buffer.Length % 8 != 0) buffer.WriteByte((byte)' ');
        if (buffer.Length > MaxHeaderLength) throw new ArgumentException($"The header takes {buffer.Length:N0} bytes; at most {MaxHeaderLength:N0} can be read.");
        return buffer.ToArray();
    }

    void ReadHeader()
    {
        var fileLength = RandomAccess.GetLength(handle);
        if (fileLength < Prefix && Explain() is { } small) throw new DataFormatException(path, small);
        if (fileLength < Prefix) throw new DataFormatException(path, "the file", $"at least {Prefix} bytes", $"{fileLength}");

        Span<byte> prefix = stackalloc byte[Prefix];
        RandomAccessFile.ReadExactly(handle, prefix, 0, path, "the header's length");
        var claimed = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (claimed > MaxHeaderLength && Explain() is { } other) throw new DataFormatException(path, other);
        if (claimed > MaxHeaderLength) throw new DataFormatException(path, "the header's length", $"at most {MaxHeaderLength:N0} bytes", $"{claimed:N0}", 0);
        if ((long)claimed > fileLength - Prefix) throw new DataFormatException(path, "the header's length", $"at most the {fileLength - Prefix:N0} bytes that follow", $"{claimed:N0}", 0);

        var header = new byte[claimed];
        RandomAccessFile.ReadExactly(handle, header, Prefix, path, "the header");
        if (header is not [(byte)'{', ..] && Explain() is { } foreign) throw new DataFormatException(path, foreign);
        if (header is not [(byte)'{', ..]) throw new DataFormatException(path, "the header's first byte", "'{'", header.Length == 0 ? "none" : $"0x{header[0]:x2}", Prefix);

        var dataStart = Prefix + header.Length;
        try
        {
            Parse(header, dataStart, fileLength - dataStart);
        }
        catch (JsonException e)
        {
            throw new DataFormatException(path, $"the header is not sound JSON: {e.Message.TrimEnd('.')}", inner: e);
        }
        catch (InvalidOperationException e)
        {
            // What the reader throws for a string whose bytes are not UTF-8.
            throw new DataFormatException(path, $"the header is not sound UTF-8: {e.Message.TrimEnd('.')}", inner: e);
        }

        CheckLayout(dataStart, fileLength - dataStart);
    }

    /// <summary>What a file with an absurd header is, where its first bytes tell.</summary>
    string? Explain()
    {
        Span<byte> start = stackalloc byte[WeightFile.Looked];
        return WeightFile.Explain(start[..RandomAccess.Read(handle, start, 0)]);
    }

    void Parse(ReadOnlySpan<byte> header, long dataStart, long dataLength)
    {
        var json = new Utf8JsonReader(header);
        var sawMetadata = false;
        Expect(ref json, JsonTokenType.StartObject, "the header");
        while (NextName(ref json, "the header", out var name))
        {
            if (name == MetadataKey)
            {
                if (sawMetadata) throw At(json, $"'{MetadataKey}' occurs twice");
                sawMetadata = true;
                ParseMetadata(ref json);
                continue;
            }

            var (type, shape, begin, end) = ParseTensor(ref json, name);
            if (!SafeTensor.TryBytes(type, shape, out var bytes)) throw At(json, $"tensor {Quote(name)}: the shape {SafeTensor.Text(shape)} of {type.Tag()} exceeds 2^63 bytes");
            if (end - begin != bytes) throw At(json, $"tensor {Quote(name)}, data_offsets [{begin}, {end}]: expected {bytes:N0} bytes for {type.Tag()} {SafeTensor.Text(shape)}, got {end - begin:N0}");

            if (end > dataLength) throw At(json, $"tensor {Quote(name)}, data_offsets [{begin}, {end}]: the data end at {dataLength:N0}");

            var tensor = new SafeTensor(name, type, shape, path, handle, dataStart + begin, bytes);
            if (!byName.TryAdd(name, tensor)) throw At(json, $"two tensors are called {Quote(name)}");
            tensors.Add(tensor);
        }

        // Reads the padding: anything but white space throws.
        json.Read();
    }

    void ParseMetadata(ref Utf8JsonReader json)
    {
        Expect(ref json, JsonTokenType.StartObject, MetadataKey);
        while (NextName(ref json, MetadataKey, out var key))
        {
            Expect(ref json, JsonTokenType.String, $"{MetadataKey} {Quote(key)}");
            if (!metadata.TryAdd(key, json.GetString()!)) throw At(json, $"{MetadataKey} has {Quote(key)} twice");
        }
    }

    (TensorType Type, long[] Shape, long Begin, long End) ParseTensor(ref Utf8JsonReader json, string name)
    {
        TensorType? type = null;
        long[]? shape = null, offsets = null;
        Expect(ref json, JsonTokenType.StartObject, $"tensor {Quote(name)}");
        while (NextName(ref json, $"tensor {Quote(name)}", out var key))
        {
            var what = $"tensor {Quote(name)}, {key}";
            switch (key)
            {
                case "dtype" when type is null:
                    Expect(ref json, JsonTokenType.String, what);
                    type = TensorTypes.TryParse(json.GetString()!, out var parsed) ? parsed : throw At(json, $"{what}: unknown type {Quote(json.GetString()!)}");
                    break;
                case "shape" when shape is null:
                    shape = ParseIntegers(ref json, what);
                    break;
                case "data_offsets" when offsets is null:
                    offsets = ParseIntegers(ref json, what);
                    if (offsets.Length != 2) throw At(json, $"{what}: expected 2 integers, got {offsets.Length}");
                    if (offsets[0] > offsets[1]) throw At(json, $"{what}: the end {offsets[1]} precedes the begin {offsets[0]}");
                    break;
                case "dtype" or "shape" or "data_offsets":
                    throw At(json, $"{what} occurs twice");
                default:
                    throw At(json, $"tensor {Quote(name)} has an unknown key {Quote(key)}");
            }
        }

        if (type is null || shape is null || offsets is null)
            throw At(json, $"tensor {Quote(name)} lacks {(type is null ? "dtype" : shape is null ? "shape" : "data_offsets")}");
        return (type.Value, shape, offsets[0], offsets[1]);
    }

    long[] ParseIntegers(ref Utf8JsonReader json, string what)
    {
        var values = new List<long>();
        Expect(ref json, JsonTokenType.StartArray, what);
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (json.TokenType != JsonTokenType.Number || !json.TryGetInt64(out var value) || value < 0)
                throw At(json, $"{what}: expected integers from 0 to 2^63 - 1, got {Quote(Encoding.UTF8.GetString(json.ValueSpan))}");
            values.Add(value);
        }

        return [.. values];
    }

    /// <summary>No holes, no overlap, nothing after the last: sorted by place, each tensor begins where the one before it ends.</summary>
    void CheckLayout(long dataStart, long dataLength)
    {
        tensors.Sort((a, b) => (a.Position, a.ByteLength).CompareTo((b.Position, b.ByteLength)));
        long end = 0;
        foreach (var tensor in tensors)
        {
            var begin = tensor.Position - dataStart;
            if (begin != end) throw new DataFormatException(path, $"tensor {Quote(tensor.Name)} {(begin < end ? "overlaps the one before it" : "leaves a hole before it")}", $"data from {end:N0}", $"{begin:N0}", tensor.Position);
            end += tensor.ByteLength;
        }

        if (end != dataLength) throw new DataFormatException(path, "the data's length", $"{end:N0} bytes, where the last tensor ends", $"{dataLength:N0}", dataStart + end);
    }

    void Expect(ref Utf8JsonReader json, JsonTokenType type, string what)
    {
        if (!json.Read() || json.TokenType != type) throw At(json, $"{what}: expected {type}, got {json.TokenType}");
    }

    /// <summary>Moves to the next property of an object; false at its end.</summary>
    bool NextName(ref Utf8JsonReader json, string what, out string name)
    {
        if (!json.Read()) throw At(json, $"{what} does not end");
        name = json.TokenType == JsonTokenType.PropertyName ? json.GetString()! : "";
        return json.TokenType == JsonTokenType.PropertyName;
    }

    DataFormatException At(in Utf8JsonReader json, string problem) => new(path, problem, Prefix + json.TokenStartIndex);

    /// <summary>Text out of the file, for a message: a hostile name must not make the message as long as the file.</summary>
    static string Quote(string text) => text.Length <= 80 ? $"'{text}'" : $"'{text[..80]}...'";

    string Listing()
    {
        const int shown = 8;
        if (tensors.Count == 0) return "none";
        var names = string.Join(", ", tensors.Take(shown).Select(t => $"'{t.Name}'"));
        return tensors.Count > shown ? $"{names} and {tensors.Count - shown} more" : names;
    }

    sealed class ByteOrder : IComparer<byte[]>
    {
        public static readonly ByteOrder Instance = new();

        public int Compare(byte[]? x, byte[]? y) => x.AsSpan().SequenceCompareTo(y);
    }
}
