using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace CnnSharp.Formats;

/// <summary>Writes a dictionary of tensors as torch.save does since PyTorch 1.6, so that <c>torch.load(path, weights_only=True)</c> reads it.</summary>
static class TorchFileWriter
{
    const string Folder = "archive";

    /// <summary>When an archive cannot be older: the same weights give the same bytes.</summary>
    static readonly DateTimeOffset Time = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Writes the file, atomically.</summary>
    public static void Save(string path, IReadOnlyList<SafeTensor> tensors) => AtomicFile.Write(path, stream =>
    {
        using var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
        Entry(zip, "data.pkl", Pickle(tensors));
        Entry(zip, "byteorder", "little"u8);
        for (var i = 0; i < tensors.Count; i++) Entry(zip, $"data/{i.ToString(CultureInfo.InvariantCulture)}", tensors[i].ReadBytes());
        Entry(zip, "version", "3\n"u8);
    });

    static void Entry(ZipArchive zip, string name, ReadOnlySpan<byte> bytes)
    {
        // Stored: PyTorch reads an entry where it lies.
        var entry = zip.CreateEntry($"{Folder}/{name}", CompressionLevel.NoCompression);
        entry.LastWriteTime = Time;
        using var stream = entry.Open();
        stream.Write(bytes);
    }

    /// <summary>OrderedDict of _rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict()), protocol 2.</summary>
    static byte[] Pickle(IReadOnlyList<SafeTensor> tensors)
    {
        var pickle = new MemoryStream();
        pickle.Write([0x80, 2]);
        NewDictionary();
        pickle.WriteByte((byte)'(');
        for (var i = 0; i < tensors.Count; i++)
        {
            var tensor = tensors[i];
            Text(tensor.Name);
            Global("torch._utils", "_rebuild_tensor_v2");
            pickle.Write("(("u8);
            Text("storage");
            Global("torch", StorageOf(tensor));
            Text(i.ToString(CultureInfo.InvariantCulture));
            Text("cpu");
            Integer(tensor.Length);
            pickle.Write("tQ"u8);
            Integer(0);
            Tuple(tensor.Shape);
            Tuple(Strides(tensor.Shape));
            pickle.WriteByte(0x89);
            NewDictionary();
            pickle.Write("tR"u8);
        }

        pickle.Write("u."u8);
        return pickle.ToArray();

        void NewDictionary()
        {
            Global("collections", "OrderedDict");
            pickle.Write(")R"u8);
        }

        void Global(string module, string name) => pickle.Write(Encoding.ASCII.GetBytes($"c{module}\n{name}\n"));

        void Text(string text)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            Span<byte> length = stackalloc byte[4];
            BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
            pickle.WriteByte((byte)'X');
            pickle.Write(length);
            pickle.Write(bytes);
        }

        void Integer(long value)
        {
            Span<byte> bytes = stackalloc byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
            if (value == (int)value)
            {
                pickle.WriteByte((byte)'J');
                pickle.Write(bytes[..4]);
            }
            else
            {
                pickle.Write([0x8a, 8]);
                pickle.Write(bytes);
            }
        }

        void Tuple(long[] values)
        {
            pickle.WriteByte((byte)'(');
            foreach (var value in values) Integer(value);
            pickle.WriteByte((byte)'t');
        }
    }

    static long[] Strides(long[] shape)
    {
        var strides = new long[shape.Length];
        long step = 1;
        for (var axis = shape.Length - 1; axis >= 0; axis--)
        {
            strides[axis] = step;
            step *= Math.Max(1, shape[axis]);
        }

        return strides;
    }

    static string StorageOf(SafeTensor tensor) => tensor.Type switch
    {
        TensorType.F32 => "FloatStorage",
        TensorType.F64 => "DoubleStorage",
        TensorType.F16 => "HalfStorage",
        TensorType.BF16 => "BFloat16Storage",
        TensorType.I64 => "LongStorage",
        TensorType.I32 => "IntStorage",
        TensorType.I16 => "ShortStorage",
        TensorType.I8 => "CharStorage",
        TensorType.U8 => "ByteStorage",
        TensorType.Bool => "BoolStorage",
        _ => throw new NotSupportedException($"torch.save: '{tensor.Name}' is {tensor.Type.Tag()}, of which PyTorch has no storage."),
    };
}
