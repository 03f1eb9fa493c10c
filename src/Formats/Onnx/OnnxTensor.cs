using System.Buffers.Binary;
using System.Runtime.InteropServices;
using CnnSharp.Kernels;

namespace CnnSharp.Formats.Onnx;

/// <summary>A tensor of a file (TensorProto). Its elements stay bytes until they are asked for.</summary>
public sealed class OnnxTensor
{
    /// <summary>The most axes a tensor may have.</summary>
    public const int MaxRank = 16;

    readonly string path;
    readonly ReadOnlyMemory<byte> raw;
    readonly ProtoReader? typed;

    OnnxTensor(string path, string name, OnnxType type, int[] shape, ReadOnlyMemory<byte> raw, ProtoReader? typed)
    {
        this.path = path;
        Name = name;
        Type = type;
        Shape = shape;
        this.raw = raw;
        this.typed = typed;
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
        return Read(new(bytes, path, "the tensor"), path);
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

    /// <summary>Reads a TensorProto and checks that its bytes are as many as its shape needs.</summary>
    internal static OnnxTensor Read(ProtoReader message, string path)
    {
        var dims = new List<long>();
        var type = OnnxType.Undefined;
        var name = "";
        ReadOnlyMemory<byte>? raw = null;
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
                case 14:
                    external = message.Int64() != 0;
                    break;
                default:
                    message.Skip();
                    break;
            }
        }

        if (external) throw message.Error($"tensor '{OnnxModel.Cut(name)}' keeps its elements in another file, which is not read");
        var size = type.SizeOf();
        if (size == 0) return new(path, name, type, [], default, null);
        Int128 count = 1;
        foreach (var extent in dims)
        {
            if (extent is < 0 or > int.MaxValue) throw message.Error($"tensor '{OnnxModel.Cut(name)}' has an extent of {extent}");
            count *= extent;
            if (count > long.MaxValue) throw message.Error($"tensor '{OnnxModel.Cut(name)}' of shape {Text(dims)} exceeds 2^63 elements");
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
        message.Bytes(9, raw);
    }

    /// <summary>The elements of a tensor of floats.</summary>
    internal float[] Floats()
    {
        if (Type != OnnxType.Float) return Array.ConvertAll(ToArray().Reals!, value => (float)value);
        var values = new float[Shape.Count];
        if (typed is null)
        {
            if (BitConverter.IsLittleEndian) MemoryMarshal.Cast<byte, float>(raw.Span).CopyTo(values);
            else for (var i = 0; i < values.Length; i++) values[i] = BinaryPrimitives.ReadSingleLittleEndian(raw.Span[(4 * i)..]);
        }
        else
        {
            var bits = Bits();
            for (var i = 0; i < values.Length; i++) values[i] = BitConverter.UInt32BitsToSingle((uint)bits[i]);
        }

        return values;
    }

    /// <summary>The elements, to compute with on the host.</summary>
    internal HostArray ToArray()
    {
        if (Type.SizeOf() == 0) throw new DataFormatException(path, $"tensor '{OnnxModel.Cut(Name)}': elements of type {Type} are not read");
        var bits = Bits();
        if (Type.IsReal())
        {
            var reals = new double[bits.Length];
            for (var i = 0; i < reals.Length; i++)
            {
                reals[i] = Type switch
                {
                    OnnxType.Float => BitConverter.UInt32BitsToSingle((uint)bits[i]),
                    OnnxType.Double => BitConverter.UInt64BitsToDouble(bits[i]),
                    OnnxType.Float16 => (double)BitConverter.UInt16BitsToHalf((ushort)bits[i]),
                    _ => BitConverter.UInt32BitsToSingle((uint)bits[i] << 16),
                };
            }

            return new(Type, Shape, reals);
        }

        if (Type == OnnxType.UInt64 && bits.Any(value => value > long.MaxValue)) throw new DataFormatException(path, $"tensor '{OnnxModel.Cut(Name)}': values of 2^63 and more are not read");
        return new(Type, Shape, Array.ConvertAll(bits, value => Type.Wrap((long)value)));
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

        var span = raw.Span;
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
