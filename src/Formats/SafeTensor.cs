using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace CnnSharp.Formats;

/// <summary>One tensor of a safetensors file: in memory, or still in the file and read when asked for.</summary>
public sealed class SafeTensor
{
    readonly byte[]? bytes;
    readonly SafeFileHandle? handle;
    readonly Func<byte[]>? source;
    readonly string file;

    /// <summary>Creates a tensor in memory.</summary>
    /// <param name="name">Its name in the file.</param>
    /// <param name="type">The type of its elements.</param>
    /// <param name="shape">Its extents; none for a scalar.</param>
    /// <param name="bytes">Its elements in C order, little-endian. Not copied.</param>
    /// <exception cref="ArgumentException">The bytes are not as many as the shape needs, or an extent is negative.</exception>
    public SafeTensor(string name, TensorType type, long[] shape, byte[] bytes)
        : this(name, type, shape, "")
    {
        ArgumentNullException.ThrowIfNull(bytes);
        if (!TryBytes(type, shape, out var expected)) throw new ArgumentException($"Tensor '{name}': no shape: {Text(shape)}.", nameof(shape));
        if (bytes.Length != expected) throw new ArgumentException($"Tensor '{name}': {type.Tag()} {Text(shape)} takes {expected:N0} bytes, got {bytes.Length:N0}.", nameof(bytes));
        this.bytes = bytes;
        ByteLength = expected;
    }

    internal SafeTensor(string name, TensorType type, long[] shape, string file, SafeFileHandle handle, long position, long byteLength)
        : this(name, type, shape, file)
    {
        this.handle = handle;
        Position = position;
        ByteLength = byteLength;
    }

    /// <summary>A tensor whose bytes something else reads, each time they are asked for.</summary>
    internal SafeTensor(string name, TensorType type, long[] shape, string file, long byteLength, Func<byte[]> source)
        : this(name, type, shape, file)
    {
        this.source = source;
        ByteLength = byteLength;
    }

    SafeTensor(SafeTensor other, string name)
        : this(name, other.Type, other.Shape, other.file)
    {
        (bytes, handle, source, Position, ByteLength) = (other.bytes, other.handle, other.source, other.Position, other.ByteLength);
        Origin = other.Origin;
    }

    SafeTensor(string name, TensorType type, long[] shape, string file)
    {
        Name = name;
        Type = type;
        Shape = shape;
        this.file = file;
        Origin = this;
    }

    /// <summary>The name.</summary>
    public string Name { get; }

    /// <summary>The type of the elements.</summary>
    public TensorType Type { get; }

    /// <summary>The extents; empty for a scalar.</summary>
    public long[] Shape { get; }

    /// <summary>The number of elements.</summary>
    public long Length => ByteLength / Type.SizeOf();

    /// <summary>The number of bytes.</summary>
    public long ByteLength { get; }

    /// <summary>The tensor that this one is under another name, or itself.</summary>
    internal SafeTensor Origin { get; }

    /// <summary>Where its bytes begin in the file.</summary>
    internal long Position { get; }

    /// <summary>Creates a tensor in memory from values in C order, which are copied.</summary>
    /// <exception cref="ArgumentException">The values are not as many as the shape needs.</exception>
    /// <exception cref="NotSupportedException">No element type holds <typeparamref name="T"/>.</exception>
    public static SafeTensor Create<T>(string name, long[] shape, ReadOnlySpan<T> values)
        where T : unmanaged
    {
        var type = TensorTypes.Of<T>();
        var bytes = MemoryMarshal.AsBytes(values).ToArray();
        SwapOnBigEndian(bytes, type.SizeOf());
        return new(name, type, shape, bytes);
    }

    /// <summary>The elements' bytes, in C order, little-endian. A tensor that is still in a file is read again by each call.</summary>
    /// <exception cref="DataFormatException">The file has become shorter, or the tensor exceeds an array (2 GiB).</exception>
    /// <exception cref="ObjectDisposedException">The file was closed.</exception>
    public byte[] ReadBytes()
    {
        if (bytes is not null) return bytes;
        if (source is not null) return source();
        if (ByteLength > Array.MaxLength) throw new DataFormatException(file, $"tensor '{Name}'", $"at most {Array.MaxLength:N0} bytes", $"{ByteLength:N0}");

        var read = new byte[ByteLength];
        RandomAccessFile.ReadExactly(handle!, read, Position, file, $"tensor '{Name}'");
        return read;
    }

    /// <summary>The values as single precision: F16 and BF16 are widened, wider types rounded to the nearest.</summary>
    /// <exception cref="DataFormatException">The elements are BOOL, or <see cref="ReadBytes"/> fails.</exception>
    public float[] AsFloat32() => Type switch
    {
        TensorType.F32 => Values<float>(),
        TensorType.F16 => Array.ConvertAll(Values<Half>(), v => (float)v),
        TensorType.BF16 => Array.ConvertAll(Values<ushort>(), v => BitConverter.UInt32BitsToSingle((uint)v << 16)),
        TensorType.F64 => Array.ConvertAll(Values<double>(), v => (float)v),
        TensorType.U64 => Array.ConvertAll(Values<ulong>(), v => (float)v),
        TensorType.Bool => throw Mismatch("numbers"),
        _ => Array.ConvertAll(AsInt64(), v => (float)v),
    };

    /// <summary>The values as double precision: narrower floats are widened, 64-bit integers rounded to the nearest.</summary>
    /// <exception cref="DataFormatException">The elements are BOOL, or <see cref="ReadBytes"/> fails.</exception>
    public double[] AsFloat64() => Type switch
    {
        TensorType.F64 => Values<double>(),
        TensorType.F32 or TensorType.F16 or TensorType.BF16 => Array.ConvertAll(AsFloat32(), v => (double)v),
        TensorType.U64 => Array.ConvertAll(Values<ulong>(), v => (double)v),
        TensorType.Bool => throw Mismatch("numbers"),
        _ => Array.ConvertAll(AsInt64(), v => (double)v),
    };

    /// <summary>The values of an integer or BOOL tensor.</summary>
    /// <exception cref="DataFormatException">The elements are floats, an unsigned value exceeds 2^63 - 1, or <see cref="ReadBytes"/> fails.</exception>
    public long[] AsInt64() => Type switch
    {
        TensorType.I64 => Values<long>(),
        TensorType.I32 => Array.ConvertAll(Values<int>(), v => (long)v),
        TensorType.U32 => Array.ConvertAll(Values<uint>(), v => (long)v),
        TensorType.I16 => Array.ConvertAll(Values<short>(), v => (long)v),
        TensorType.U16 => Array.ConvertAll(Values<ushort>(), v => (long)v),
        TensorType.I8 => Array.ConvertAll(Values<sbyte>(), v => (long)v),
        TensorType.U8 or TensorType.Bool => Array.ConvertAll(Values<byte>(), v => (long)v),
        TensorType.U64 => Array.ConvertAll(Values<ulong>(), v => v <= long.MaxValue ? (long)v : throw new DataFormatException(file, $"tensor '{Name}'", $"at most {long.MaxValue}", $"{v}")),
        _ => throw Mismatch("integers"),
    };

    /// <summary>The same tensor of a file that has been opened again.</summary>
    internal SafeTensor Within(SafeFileHandle opened) => new(Name, Type, Shape, file, opened, Position, ByteLength);

    /// <summary>The same tensor under another name.</summary>
    internal SafeTensor Named(string name) => new(this, name);

    /// <summary>How many bytes a shape takes; false if an extent is negative or the number exceeds 2^63 - 1.</summary>
    internal static bool TryBytes(TensorType type, ReadOnlySpan<long> shape, out long bytes)
    {
        bytes = 0;
        Int128 product = type.SizeOf();
        foreach (var extent in shape)
        {
            if (extent < 0) return false;
            product *= extent;
            if (product > long.MaxValue) return false;
        }

        bytes = (long)product;
        return true;
    }

    /// <summary>A shape for a message, cut short where a file claims a long one.</summary>
    internal static string Text(long[] shape) => shape.Length <= 8 ? $"[{string.Join(", ", shape)}]" : $"[{string.Join(", ", shape.Take(8))}, ... {shape.Length} extents]";

    T[] Values<T>()
        where T : unmanaged
    {
        var source = ReadBytes();
        var values = new T[Length];
        var target = MemoryMarshal.AsBytes(values.AsSpan());
        source.CopyTo(target);
        SwapOnBigEndian(target, Type.SizeOf());
        return values;
    }

    static void SwapOnBigEndian(Span<byte> bytes, int size)
    {
        if (BitConverter.IsLittleEndian) return;
        for (var at = 0; at < bytes.Length; at += size) bytes.Slice(at, size).Reverse();
    }

    DataFormatException Mismatch(string expected) => new(file, $"tensor '{Name}'", expected, Type.Tag());
}
