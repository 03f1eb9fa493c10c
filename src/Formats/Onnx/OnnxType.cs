namespace CnnSharp.Formats.Onnx;

/// <summary>The element types of ONNX tensors, numbered as in a file.</summary>
public enum OnnxType
{
    /// <summary>None: not said.</summary>
    Undefined = 0,

    /// <summary>IEEE 754 single precision.</summary>
    Float = 1,

    /// <summary>Unsigned, 8 bits.</summary>
    UInt8 = 2,

    /// <summary>Signed, 8 bits.</summary>
    Int8 = 3,

    /// <summary>Unsigned, 16 bits.</summary>
    UInt16 = 4,

    /// <summary>Signed, 16 bits.</summary>
    Int16 = 5,

    /// <summary>Signed, 32 bits.</summary>
    Int32 = 6,

    /// <summary>Signed, 64 bits.</summary>
    Int64 = 7,

    /// <summary>Text; not computed with here.</summary>
    String = 8,

    /// <summary>True or false.</summary>
    Bool = 9,

    /// <summary>IEEE 754 half precision.</summary>
    Float16 = 10,

    /// <summary>IEEE 754 double precision.</summary>
    Double = 11,

    /// <summary>Unsigned, 32 bits.</summary>
    UInt32 = 12,

    /// <summary>Unsigned, 64 bits.</summary>
    UInt64 = 13,

    /// <summary>The upper half of an IEEE 754 single.</summary>
    BFloat16 = 16,
}

/// <summary>What is asked of <see cref="OnnxType"/>.</summary>
internal static class OnnxTypes
{
    /// <summary>Whether the numbers are floating-point ones.</summary>
    public static bool IsReal(this OnnxType type) => type is OnnxType.Float or OnnxType.Float16 or OnnxType.Double or OnnxType.BFloat16;

    /// <summary>Bytes an element takes in raw data; 0 for types that are not read.</summary>
    public static int SizeOf(this OnnxType type) => type switch
    {
        OnnxType.UInt8 or OnnxType.Int8 or OnnxType.Bool => 1,
        OnnxType.UInt16 or OnnxType.Int16 or OnnxType.Float16 or OnnxType.BFloat16 => 2,
        OnnxType.Float or OnnxType.Int32 or OnnxType.UInt32 => 4,
        OnnxType.Double or OnnxType.Int64 or OnnxType.UInt64 => 8,
        _ => 0,
    };

    /// <summary>The value nearest to <paramref name="value"/> that the type holds.</summary>
    public static double Round(this OnnxType type, double value) => type switch
    {
        OnnxType.Float => (float)value,
        OnnxType.Float16 => (double)(Half)value,
        OnnxType.BFloat16 => RoundToBFloat16((float)value),
        _ => value,
    };

    /// <summary>The integer that the type keeps of <paramref name="value"/>: its lowest bits.</summary>
    public static long Wrap(this OnnxType type, long value) => type switch
    {
        OnnxType.UInt8 => (byte)value,
        OnnxType.Int8 => (sbyte)value,
        OnnxType.UInt16 => (ushort)value,
        OnnxType.Int16 => (short)value,
        OnnxType.Int32 => (int)value,
        OnnxType.UInt32 => (uint)value,
        OnnxType.Bool => value == 0 ? 0 : 1,
        _ => value,
    };

    /// <summary>Ties go to the even one, as in IEEE 754.</summary>
    static float RoundToBFloat16(float value)
    {
        if (!float.IsFinite(value)) return value;
        var bits = BitConverter.SingleToUInt32Bits(value);
        return BitConverter.UInt32BitsToSingle((bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000);
    }
}
