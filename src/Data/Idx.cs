using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace CnnSharp.Data;

/// <summary>The element types of an IDX file; the values are the file's codes.</summary>
public enum IdxType
{
    /// <summary>Unsigned, 8 bits.</summary>
    UInt8 = 0x08,

    /// <summary>Signed, 8 bits.</summary>
    Int8 = 0x09,

    /// <summary>Signed, 16 bits.</summary>
    Int16 = 0x0B,

    /// <summary>Signed, 32 bits.</summary>
    Int32 = 0x0C,

    /// <summary>IEEE 754 single precision.</summary>
    Float32 = 0x0D,

    /// <summary>IEEE 754 double precision.</summary>
    Float64 = 0x0E,
}

/// <summary>
/// The IDX format of MNIST (http://yann.lecun.com/exdb/mnist/): two zero bytes, a type code, the rank, the extents as
/// big-endian 32-bit integers, then the values, big-endian, in C order. Plain, or gzipped where the name ends in .gz.
/// </summary>
public sealed class Idx
{
    const int MagicLength = 4;

    readonly string path;
    readonly byte[] bytes;

    Idx(string path, IdxType type, int[] shape, byte[] bytes)
    {
        this.path = path;
        this.bytes = bytes;
        Type = type;
        Shape = shape;
    }

    /// <summary>The type of the values.</summary>
    public IdxType Type { get; }

    /// <summary>The extents; empty for a single value.</summary>
    public int[] Shape { get; }

    /// <summary>The number of values.</summary>
    public int Length => bytes.Length / SizeOf(Type);

    /// <summary>Reads a file.</summary>
    /// <exception cref="DataFormatException">The header is not an IDX header, or the file's size is not what the header says.</exception>
    public static Idx Read(string path)
    {
        using var stream = DataFile.Open(path);
        var length = DataFile.Length(path);
        return Read(stream, path, DataFile.IsZipped(path) ? length * DataFile.MaxDeflateRatio : length);
    }

    /// <summary>Reads a decompressed stream.</summary>
    /// <param name="stream">The contents.</param>
    /// <param name="path">What messages call it.</param>
    /// <param name="limit">The most bytes it can hold: a header that claims more lies, and nothing is allocated for it.</param>
    internal static Idx Read(Stream stream, string path, long limit)
    {
        Span<byte> magic = stackalloc byte[MagicLength];
        DataFile.ReadExactly(stream, magic, path, 0);
        if (magic[0] != 0 || magic[1] != 0) throw new DataFormatException(path, "the first two bytes", "00 00 (an IDX file)", $"{magic[0]:x2} {magic[1]:x2}", 0);
        var type = (IdxType)magic[2];
        if (!Enum.IsDefined(type)) throw new DataFormatException(path, "the type code", "08, 09, 0b, 0c, 0d or 0e", $"{magic[2]:x2}", 2);

        var rank = magic[3];
        Span<byte> extents = stackalloc byte[4 * rank];
        DataFile.ReadExactly(stream, extents, path, MagicLength);
        var header = MagicLength + extents.Length;
        var shape = new int[rank];
        Int128 claimed = SizeOf(type);
        for (var axis = 0; axis < rank; axis++)
        {
            var extent = BinaryPrimitives.ReadUInt32BigEndian(extents[(4 * axis)..]);
            if (extent > int.MaxValue) throw new DataFormatException(path, $"extent {axis}", $"at most {int.MaxValue}", $"{extent}", MagicLength + (4 * axis));
            shape[axis] = (int)extent;
            claimed = Int128.Min(claimed * extent, long.MaxValue);
        }

        if (claimed > Array.MaxLength || header + claimed > limit)
            throw new DataFormatException(path, $"the extents {Text(shape)} of {type}", $"at most {Math.Min(Array.MaxLength, Math.Max(0, limit - header)):N0} bytes, which the file can hold", $"{claimed:N0}", MagicLength);

        var bytes = new byte[(int)claimed];
        DataFile.ReadExactly(stream, bytes, path, header);
        DataFile.ExpectEnd(stream, path, header + bytes.Length);
        return new(path, type, shape, bytes);
    }

    /// <summary>The values, in C order. An array of bytes is the file's own and must not be written.</summary>
    /// <typeparam name="T">The .NET type of <see cref="Type"/>: byte, sbyte, short, int, float or double.</typeparam>
    /// <exception cref="DataFormatException">The file holds another type.</exception>
    public T[] Values<T>()
        where T : unmanaged
    {
        if (TypeOf<T>() != Type) throw new DataFormatException(path, "the type of the values", $"{TypeOf<T>()}", $"{Type}", 2);
        if (bytes is T[] same && typeof(T) == typeof(byte)) return same;

        var values = new T[Length];
        var target = MemoryMarshal.AsBytes(values.AsSpan());
        bytes.CopyTo(target);
        var size = SizeOf(Type);
        if (BitConverter.IsLittleEndian)
            for (var at = 0; at < target.Length; at += size) target.Slice(at, size).Reverse();
        return values;
    }

    internal static string Text(int[] shape) => $"[{string.Join(", ", shape)}]";

    static int SizeOf(IdxType type) => type switch
    {
        IdxType.UInt8 or IdxType.Int8 => 1,
        IdxType.Int16 => 2,
        IdxType.Int32 or IdxType.Float32 => 4,
        IdxType.Float64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "unknown element type"),
    };

    static IdxType TypeOf<T>()
    {
        if (typeof(T) == typeof(byte)) return IdxType.UInt8;
        if (typeof(T) == typeof(sbyte)) return IdxType.Int8;
        if (typeof(T) == typeof(short)) return IdxType.Int16;
        if (typeof(T) == typeof(int)) return IdxType.Int32;
        if (typeof(T) == typeof(float)) return IdxType.Float32;
        if (typeof(T) == typeof(double)) return IdxType.Float64;
        throw new NotSupportedException($"No IDX type holds {typeof(T).Name}: expected byte, sbyte, short, int, float or double.");
    }
}
