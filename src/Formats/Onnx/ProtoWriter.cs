using System.Buffers.Binary;
using System.Text;

namespace CnnSharp.Formats.Onnx;

/// <summary>Collects a protobuf message. Large runs of bytes are held, not copied, until <see cref="WriteTo"/>.</summary>
internal sealed class ProtoWriter
{
    readonly List<ReadOnlyMemory<byte>> parts = [];
    readonly List<byte> small = [];

    /// <summary>The bytes so far.</summary>
    public long Length { get; private set; }

    /// <summary>An integer.</summary>
    public void Integer(int field, long value)
    {
        Tag(field, 0);
        Varint((ulong)value);
    }

    /// <summary>A float.</summary>
    public void Float(int field, float value)
    {
        Tag(field, 5);
        Span<byte> four = stackalloc byte[4];
        BinaryPrimitives.WriteSingleLittleEndian(four, value);
        foreach (var b in four) Byte(b);
    }

    /// <summary>Text.</summary>
    public void Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

    /// <summary>A run of bytes, which must not change any more.</summary>
    public void Bytes(int field, ReadOnlyMemory<byte> value)
    {
        Tag(field, 2);
        Varint((ulong)value.Length);
        Append(value);
    }

    /// <summary>Packed integers.</summary>
    public void Integers(int field, ReadOnlySpan<long> values)
    {
        var packed = new ProtoWriter();
        foreach (var value in values) packed.Varint((ulong)value);
        Append(field, packed);
    }

    /// <summary>A message.</summary>
    public void Message(int field, Action<ProtoWriter> write)
    {
        var message = new ProtoWriter();
        write(message);
        Append(field, message);
    }

    /// <summary>Writes what was collected.</summary>
    public void WriteTo(Stream stream)
    {
        Close();
        foreach (var part in parts) stream.Write(part.Span);
    }

    void Append(int field, ProtoWriter message)
    {
        Tag(field, 2);
        Varint((ulong)message.Length);
        message.Close();
        foreach (var part in message.parts) Append(part);
    }

    void Append(ReadOnlyMemory<byte> run)
    {
        Close();
        parts.Add(run);
        Length += run.Length;
    }

    void Close()
    {
        if (small.Count > 0) parts.Add(small.ToArray());
        small.Clear();
    }

    void Tag(int field, int wire) => Varint(((ulong)field << 3) | (uint)wire);

    void Varint(ulong value)
    {
        for (; value >= 0x80; value >>= 7) Byte((byte)(value | 0x80));
        Byte((byte)value);
    }

    void Byte(byte value)
    {
        small.Add(value);
        Length++;
    }
}
