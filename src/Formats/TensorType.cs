namespace CnnSharp.Formats;

/// <summary>
/// The element types of a safetensors file, named as the file names them. Declared in the order of the reference
/// writer, by ascending alignment: it stores tensors in the reverse of it.
/// </summary>
public enum TensorType
{
    /// <summary>A byte, 0 or 1.</summary>
    Bool,

    /// <summary>Unsigned, 8 bits.</summary>
    U8,

    /// <summary>Signed, 8 bits.</summary>
    I8,

    /// <summary>Signed, 16 bits.</summary>
    I16,

    /// <summary>Unsigned, 16 bits.</summary>
    U16,

    /// <summary>IEEE 754 half precision.</summary>
    F16,

    /// <summary>The upper half of an IEEE 754 single.</summary>
    BF16,

    /// <summary>Signed, 32 bits.</summary>
    I32,

    /// <summary>Unsigned, 32 bits.</summary>
    U32,

    /// <summary>IEEE 754 single precision.</summary>
    F32,

    /// <summary>IEEE 754 double precision.</summary>
    F64,

    /// <summary>Signed, 64 bits.</summary>
    I64,

    /// <summary>Unsigned, 64 bits.</summary>
    U64,
}

/// <summary>Sizes, names and .NET types of <see cref="TensorType"/>.</summary>
public static class TensorTypes
{
    /// <summary>Bytes an element takes.</summary>
    public static int SizeOf(this TensorType type) => type switch
    {
        TensorType.Bool or TensorType.U8 or TensorType.I8 => 1,
        TensorType.I16 or TensorType.U16 or TensorType.F16 or TensorType.BF16 => 2,
        TensorType.I32 or TensorType.U32 or TensorType.F32 => 4,
        TensorType.F64 or TensorType.I64 or TensorType.U64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "unknown element type"),
    };

    /// <summary>The name in a file's header: <c>F32</c>.</summary>
    public static string Tag(this TensorType type) => type == TensorType.Bool ? "BOOL" : type.ToString();

    /// <summary>The type a file's header names; false if there is none of that name.</summary>
    public static bool TryParse(string tag, out TensorType type)
    {
        foreach (var candidate in Enum.GetValues<TensorType>())
        {
            if (candidate.Tag() != tag) continue;
            type = candidate;
            return true;
        }

        type = default;
        return false;
    }

    /// <summary>The type that holds values of <typeparamref name="T"/>. .NET has no BF16: it is written from bytes.</summary>
    /// <exception cref="NotSupportedException">No type holds <typeparamref name="T"/>.</exception>
    public static TensorType Of<T>()
        where T : unmanaged
    {
        if (typeof(T) == typeof(bool)) return TensorType.Bool;
        if (typeof(T) == typeof(byte)) return TensorType.U8;
        if (typeof(T) == typeof(sbyte)) return TensorType.I8;
        if (typeof(T) == typeof(short)) return TensorType.I16;
        if (typeof(T) == typeof(ushort)) return TensorType.U16;
        if (typeof(T) == typeof(Half)) return TensorType.F16;
        if (typeof(T) == typeof(int)) return TensorType.I32;
        if (typeof(T) == typeof(uint)) return TensorType.U32;
        if (typeof(T) == typeof(float)) return TensorType.F32;
        if (typeof(T) == typeof(double)) return TensorType.F64;
        if (typeof(T) == typeof(long)) return TensorType.I64;
        if (typeof(T) == typeof(ulong)) return TensorType.U64;
        throw new NotSupportedException($"No safetensors type holds {typeof(T).Name}.");
    }
}
