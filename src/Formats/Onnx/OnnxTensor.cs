using System.Buffers.Binary;
using System.Runtime.InteropServices;
using CnnSharp.Kernels;
using Google.Protobuf;

namespace CnnSharp.Formats.Onnx;

/// <summary>A tensor of a file (TensorProto). Its elements stay bytes until they are asked for.</summary>
public sealed class OnnxTensor
{
    /// <summary>The most axes a tensor may have.</summary>
    public const int MaxRank = 16;

    const int MostEntries = 16;

    readonly string path;
    readonly ReadOnlyMemory<byte> raw;

    // Without raw data: the message, for the list of numbers that it has in its place.
    readonly TensorProto? listed;
    readonly ExternalBytes? external;

    /// <summary>Of a graph that is about to be written: the tensor of the file whose elements these are.</summary>
    (string Tensor, Arrangement Arrangement)? reference;

    OnnxTensor(string path, string name, OnnxType type, int[] shape, ReadOnlyMemory<byte> raw, TensorProto? listed = null, ExternalBytes? external = null)
    {
        this.path = path;
        Name = name;
        Type = type;
        Shape = shape;
        this.raw = raw;
        this.listed = listed;
        this.external = external;
    }

    /// <summary>Its name; often empty.</summary>
    public string Name { get; }

    /// <summary>The elements' type.</summary>
    public OnnxType Type { get; }

    /// <summary>The extents; none for a scalar.</summary>
    public Shape Shape { get; }

    /// <summary>Reads a file that is one tensor: the inputs and outputs of the backend cases.</summary>
    /// <exception cref="DataFormatException">The file is not a sound tensor.</exception>
    public static OnnxTensor Load(string path)
    {
        using var stream = OnnxMessages.Open(path);
        return From(OnnxMessages.Read(stream, path, TensorProto.Parser), new(new(path), "the tensor"));
    }

    /// <summary>A tensor in memory.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="shape">The extents.</param>
    /// <param name="values">As many.</param>
    internal static OnnxTensor Create(string name, int[] shape, float[] values)
        => new("", name, OnnxType.Float, shape, BitConverter.IsLittleEndian ? MemoryMarshal.AsBytes(values.AsSpan()).ToArray() : values.SelectMany(BitConverter.GetBytes).ToArray());

    /// <inheritdoc cref="Create(string, int[], float[])"/>
    internal static OnnxTensor Create(string name, int[] shape, long[] values)
    {
        var bytes = new byte[values.Length * 8];
        for (var i = 0; i < values.Length; i++) BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(i * 8), values[i]);
        return new("", name, OnnxType.Int64, shape, bytes);
    }

    /// <summary>A tensor whose elements are another one's, to be found by its name in the file that the graph is kept in.</summary>
    internal static OnnxTensor Refer(string name, string tensor, Arrangement arrangement) => new("", name, OnnxType.Float, arrangement.Shape, default) { reference = (tensor, arrangement) };

    /// <summary>Whether another tensor that was made in memory has the same type, shape and elements.</summary>
    internal bool HasSameElements(OnnxTensor other) => reference == other.reference && Type == other.Type && Shape == other.Shape && raw.Span.SequenceEqual(other.raw.Span);

    /// <summary>Reads a message and checks that it has as many elements as its shape needs.</summary>
    internal static OnnxTensor From(TensorProto message, OnnxPlace place)
    {
        var (path, name, type) = (place.Source.Path, message.Name, (OnnxType)message.DataType);
        if (message.Dims.Count > MaxRank) throw place.Error($"it has more than {MaxRank} axes");
        if (message.ExternalData.Count > MostEntries) throw Error($"has more than {MostEntries} entries of external_data");
        var size = type.SizeOf();
        if (size == 0) return new(path, name, type, [], default);
        Int128 count = 1;
        foreach (var extent in message.Dims)
        {
            if (extent is < 0 or > int.MaxValue) throw Error($"has an extent of {extent}");
            count *= extent;
            if (count > long.MaxValue) throw Error($"of shape {Dims()} exceeds 2^63 elements");
        }

        int[] shape = [.. message.Dims.Select(extent => (int)extent)];
        if (message.DataLocation != 0)
        {
            if (count * size > long.MaxValue) throw Error($"of shape {Dims()} exceeds 2^63 bytes");
            var length = (long)(count * size);
            var elsewhere = place.Source.Find(message.ExternalData, $"tensor '{OnnxModel.Cut(name)}'", type, shape, length, place.Error);
            if (length > int.MaxValue) throw Error($"takes {length:N0} bytes, more than are read of one, {int.MaxValue:N0}");
            return new(path, name, type, shape, default, external: elsewhere);
        }

        var stored = message.HasRawData ? message.RawData.Length / (double)size : CountListed(message, type);
        if (stored != (double)count) throw place.Error($"tensor '{OnnxModel.Cut(name)}': expected {(long)count:N0} elements of {type} for {Dims()}, the file has {stored:N0}");
        return message.HasRawData ? new(path, name, type, shape, message.RawData.Memory) : new(path, name, type, shape, default, message);

        DataFormatException Error(string problem) => place.Error($"tensor '{OnnxModel.Cut(name)}' {problem}");

        string Dims() => $"[{string.Join(", ", message.Dims)}]";
    }

    /// <summary>The message of it, with raw data, or with the name of the tensor that it refers to.</summary>
    internal TensorProto ToMessage()
    {
        var message = new TensorProto { Dims = { Shape.ToArray().Select(extent => (long)extent) }, DataType = (int)Type, Name = Name };
        if (reference is not var (tensor, arrangement))
        {
            message.RawData = UnsafeByteOperations.UnsafeWrap(listed is null ? Raw() : Packed());
            return message;
        }

        message.DataLocation = 1;
        message.ExternalData.Add(new StringStringEntryProto { Key = OnnxSource.TensorKey, Value = tensor });
        message.ExternalData.Add(new StringStringEntryProto { Key = OnnxSource.ArrangementKey, Value = arrangement.ToText() });
        return message;
    }

    /// <summary>The elements of a tensor of floats on a device, in the file's order of axes.</summary>
    internal Tensor ToTensor(Device device)
    {
        // Straight to where they are wanted: weights are the bulk of a file.
        var isPlain = Type == OnnxType.Float && listed is null && external is null && BitConverter.IsLittleEndian;
        return isPlain ? Tensor.From(MemoryMarshal.Cast<byte, float>(raw.Span), Shape, device) : Tensor.From(Floats(), Shape, device);
    }

    /// <summary>The elements of a tensor of floats.</summary>
    internal float[] Floats()
    {
        var values = new float[Shape.Count];
        if (Type == OnnxType.Float && listed is null && BitConverter.IsLittleEndian)
        {
            var target = MemoryMarshal.AsBytes(values.AsSpan());
            if (external is not null) external.Read(target);
            else raw.Span.CopyTo(target);
        }
        else if (listed is null && Type.SizeOf() == 2)
        {
            var span = Raw().Span;
            for (var i = 0; i < values.Length; i++) values[i] = (float)Real(BinaryPrimitives.ReadUInt16LittleEndian(span[(2 * i)..]));
        }
        else
        {
            var bits = Bits();
            for (var i = 0; i < values.Length; i++) values[i] = (float)Real(bits[i]);
        }

        return values;
    }

    double Real(ulong bits) => Type switch
    {
        OnnxType.Float => BitConverter.UInt32BitsToSingle((uint)bits),
        OnnxType.Double => BitConverter.UInt64BitsToDouble(bits),
        OnnxType.Float16 => (double)BitConverter.UInt16BitsToHalf((ushort)bits),
        _ => BitConverter.UInt32BitsToSingle((uint)bits << 16),
    };

    /// <summary>The bytes of the elements, read from where they are.</summary>
    ReadOnlyMemory<byte> Raw()
    {
        if (external is null) return raw;
        var bytes = new byte[external.Length];
        external.Read(bytes);
        return bytes;
    }

    /// <summary>The elements, to compute with on the host.</summary>
    internal HostArray ToArray()
    {
        if (Type.SizeOf() == 0) throw new DataFormatException(path, $"tensor '{OnnxModel.Cut(Name)}': elements of type {Type} are not read");
        var bits = Bits();
        if (Type.IsReal())
        {
            var reals = new double[bits.Length];
            for (var i = 0; i < reals.Length; i++) reals[i] = Real(bits[i]);
            return new(Type, Shape, reals);
        }

        if (Type == OnnxType.UInt64 && bits.Any(value => value > long.MaxValue)) throw new DataFormatException(path, $"tensor '{OnnxModel.Cut(Name)}': values of 2^63 and more are not read");
        return new(Type, Shape, Array.ConvertAll(bits, value => Type.Wrap((long)value)));
    }

    /// <summary>Elements that the file has as numbers of a list, as raw data.</summary>
    byte[] Packed()
    {
        var bits = Bits();
        var size = Type.SizeOf();
        var bytes = new byte[checked(bits.Length * size)];
        for (var i = 0; i < bits.Length; i++)
        {
            for (var b = 0; b < size; b++) bytes[(i * size) + b] = (byte)(bits[i] >> (8 * b));
        }

        return bytes;
    }

    ulong[] Bits()
    {
        if (listed is not null) return Listed(listed);
        var bits = new ulong[Shape.Count];
        var span = Raw().Span;
        for (var i = 0; i < bits.Length; i++)
        {
            bits[i] = Type.SizeOf() switch
            {
                1 => span[i],
                2 => BinaryPrimitives.ReadUInt16LittleEndian(span[(2 * i)..]),
                4 => BinaryPrimitives.ReadUInt32LittleEndian(span[(4 * i)..]),
                _ => BinaryPrimitives.ReadUInt64LittleEndian(span[(8 * i)..]),
            };
        }

        return bits;
    }

    /// <summary>The bits of the numbers where they are no raw data: halves stand in int32_data as bits.</summary>
    ulong[] Listed(TensorProto message) => Type switch
    {
        OnnxType.Float => [.. message.FloatData.Select(value => (ulong)BitConverter.SingleToUInt32Bits(value))],
        OnnxType.Double => [.. message.DoubleData.Select(BitConverter.DoubleToUInt64Bits)],
        OnnxType.Int64 => [.. message.Int64Data.Select(value => (ulong)value)],
        OnnxType.UInt32 or OnnxType.UInt64 => [.. message.Uint64Data],
        _ => [.. message.Int32Data.Select(value => (ulong)value)],
    };

    static int CountListed(TensorProto message, OnnxType type) => type switch
    {
        OnnxType.Float => message.FloatData.Count,
        OnnxType.Double => message.DoubleData.Count,
        OnnxType.Int64 => message.Int64Data.Count,
        OnnxType.UInt32 or OnnxType.UInt64 => message.Uint64Data.Count,
        _ => message.Int32Data.Count,
    };
}
