namespace CnnSharp.Kernels;

/// <summary>The types a buffer's elements can have.</summary>
public enum DType
{
    /// <summary>IEEE 754 single precision: activations, weights, gradients.</summary>
    Float32,

    /// <summary>IEEE 754 double precision: the reference engine's gradient checks.</summary>
    Float64,

    /// <summary>Signed 32-bit integers: labels, indices.</summary>
    Int32,

    /// <summary>Unsigned bytes: images before they are normalized.</summary>
    UInt8,
}

/// <summary>Sizes and .NET types of <see cref="DType"/>.</summary>
public static class DTypes
{
    /// <summary>Bytes an element takes.</summary>
    public static int SizeOf(this DType type) => type switch
    {
        DType.Float32 or DType.Int32 => 4,
        DType.Float64 => 8,
        DType.UInt8 => 1,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "unknown element type"),
    };

    /// <summary>The <see cref="DType"/> of the .NET type <typeparamref name="T"/>.</summary>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> is none of float, double, int, byte.</exception>
    public static DType Of<T>()
        where T : unmanaged
    {
        if (typeof(T) == typeof(float)) return DType.Float32;
        if (typeof(T) == typeof(double)) return DType.Float64;
        if (typeof(T) == typeof(int)) return DType.Int32;
        if (typeof(T) == typeof(byte)) return DType.UInt8;
        throw new NotSupportedException($"No element type for {typeof(T).Name}: expected float, double, int or byte.");
    }
}
