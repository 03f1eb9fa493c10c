using System.Buffers.Binary;
using System.Runtime.InteropServices;
using CnnSharp.Kernels;

namespace CnnSharp.Formats.Onnx;

/// <summary>A tensor of a file (TensorProto). Its elements stay bytes until they are asked for.</summary>
public sealed class OnnxTensor
{
    /// <summary>The most axes a tensor may have.</summary>
    public const int MaxRank = 16;

    const int MostEntries = 16;

    readonly string path;
    readonly ReadOnlyMemory<byte> raw;
    readonly ProtoReader? typed;
    readonly ExternalBytes? external;

    OnnxTensor(string path, string name, OnnxType type, int[] shape, ReadOnlyMemory<byte> raw, ProtoReader? typed, ExternalBytes? external = null)
    {
        this.path = path;
        Name = name;
        Type = type;
        Shape = shape;
        this.raw = raw;
        this.typed = typed;
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
        var bytes = OnnxModel.ReadFile(path);
        return Read(new(bytes, path, "the tensor"), new(path));
    }

    /// <summary>A tensor in memory.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="shape">The extents.</param>
    /// <param name="values">As many.</param>
    internal static OnnxTensor Create(string name, int[] shape, float[] values)
        => new("", name, OnnxType.Float, shape, BitConverter.IsLittleEndian ? MemoryMarshal.AsBytes(values.AsSpan()).ToArray() : values.SelectMany(BitConverter.GetBytes).ToArray(), null);

    /// <inheritdoc cref="Create(string, int[], float[])"/>
    internal static OnnxTensor Create(string name, int[] shape, long[] values)
    {
        var bytes = new byte[values.Length * 8];
        for (var i = 0; i < values.Length; i++) BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(i * 8), values[i]);
        return new("", name, OnnxType.Int64, shape, bytes, null);
    }

    /// <summary>Whether another tensor that was made in memory has the same type, shape and elements.</summary>
    internal bool HasSameElements(OnnxTensor other) => Type == other.Type && Shape == other.Shape && raw.Span.SequenceEqual(other.raw.Span);

    /// <summary>Reads a TensorProto and checks that its bytes are as many as its shape needs.</summary>
    internal static OnnxTensor Read(ProtoReader message, OnnxSource source)
    {
        var path = source.Path;
        var dims = new List<long>();
        var type = OnnxType.Undefined;
        var name = "";
        ReadOnlyMemory<byte>? raw = null;
        List<(string, string)>? entries = null;
        var external = false;
        var start = message;
        while (message.Next())
        {
            switch (message.Field)
            {
                case 1:
                    message.AddIntegers(dims, MaxRank);
                    break;
                case 2:
                    type = (OnnxType)message.Int64();
                    break;
                case 8:
                    name = message.Text();
                    break;
                case 9:
                    raw = message.Bytes();
                    break;
                case 13:
                    (entries ??= []).Add(ReadEntry(message.Message("an entry of external_data")));
                    if (entries.Count > MostEntries) throw message.Error($"tensor '{OnnxModel.Cut(name)}' has more than {MostEntries} entries of external_data");
                    break;
                case 14:
                    external = message.Int64() != 0;
                    break;
                default:
                    message.Skip();
                    break;
            }
        }

        var size = type.SizeOf();
        if (size == 0) return new(path, name, type, [], default, null);
        Int128 count = 1;
        foreach (var extent in dims)
        {
            if (extent is < 0 or > int.MaxValue) throw message.Error($"tensor '{OnnxModel.Cut(name)}' has an extent of {extent}");
            count *= extent;
            if (count > long.MaxValue) throw message.Error($"tensor '{OnnxModel.Cut(name)}' of shape {Text(dims)} exceeds 2^63 elements");
        }

        if (external)
        {
            if (count * size > long.MaxValue) throw message.Error($"tensor '{OnnxModel.Cut(name)}' of shape {Text(dims)} exceeds 2^63 bytes");
            var (end, length) = (message, (long)(count * size));
            var bytesElsewhere = source.Find(entries ?? [], $"tensor '{OnnxModel.Cut(name)}'", length, problem => end.Error(problem));
            if (length > int.MaxValue) throw message.Error($"tensor '{OnnxModel.Cut(name)}' takes {length:N0} bytes, more than are read of one, {int.MaxValue:N0}");
            return new(path, name, type, [.. dims.Select(extent => (int)extent)], default, null, bytesElsewhere);
        }

        var stored = raw is { } bytes ? bytes.Length / (double)size : Count(start, type);
        if (stored != (double)count) throw message.Error($"tensor '{OnnxModel.Cut(name)}': expected {(long)count:N0} elements of {type} for {Text(dims)}, the file has {stored:N0}");
        return new(path, name, type, [.. dims.Select(extent => (int)extent)], raw ?? default, raw is null ? start : null);
    }

    /// <summary>Writes it as a TensorProto with raw data.</summary>
    internal void Write(ProtoWriter message)
    {
        message.Integers(1, Array.ConvertAll(Shape.ToArray(), extent => (long)extent));
        message.Integer(2, (int)Type);
        message.Text(8, Name);
        message.Bytes(9, typed is null ? Raw() : Packed());
    }

    /// <summary>The elements of a tensor of floats.</summary>
    internal float[] Floats()
    {
        var values = new float[Shape.Count];
        if (Type == OnnxType.Float && typed is null && BitConverter.IsLittleEndian)
        {
            // Straight to where they are wanted: weights are the bulk of a file.
            var target = MemoryMarshal.AsBytes(values.AsSpan());
            if (external is not null) external.Read(target);
            else raw.Span.CopyTo(target);
        }
        else if (typed is null && Type.SizeOf() == 2)
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
        var bits = new ulong[Shape.Count];
        if (typed is { } message)
        {
            var (field, width) = Type.Field();
            var count = 0;
            while (message.Next())
            {
                if (message.Field == field) message.ReadNumbers(width, bits, ref count);
                else message.Skip();
            }

            return bits;
        }

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

    static (string Key, string Value) ReadEntry(ProtoReader message)
    {
        var (key, value) = ("", "");
        while (message.Next())
        {
            if (message.Field == 1) key = message.Text();
            else if (message.Field == 2) value = message.Text();
            else message.Skip();
        }

        return (key, value);
    }

    static double Count(ProtoReader message, OnnxType type)
    {
        var (field, width) = type.Field();
        var count = 0L;
        while (message.Next())
        {
            if (message.Field == field) count += message.CountNumbers(width);
            else message.Skip();
        }

        return count;
    }

    static string Text(List<long> dims) => $"[{string.Join(", ", dims)}]";
}
