using System.Buffers.Binary;
using System.Text;
using CnnSharp.Kernels;

namespace CnnSharp.Formats.Onnx;

/// <summary>
/// Reads a protobuf message (https://protobuf.dev/programming-guides/encoding/) field by field, in place: a length that
/// does not fit into the enclosing message is an error, and nothing is allocated that the bytes do not back.
/// </summary>
internal struct ProtoReader
{
    readonly byte[] bytes;
    readonly string path;
    readonly string what;
    readonly int number;
    readonly int end;
    int position;
    int wire;

    /// <summary>A reader of a whole file.</summary>
    /// <param name="bytes">Its content.</param>
    /// <param name="path">Its name, for messages.</param>
    /// <param name="what">What the message is, for messages.</param>
    public ProtoReader(byte[] bytes, string path, string what)
        : this(bytes, 0, bytes.Length, path, what, -1)
    {
    }

    ProtoReader(byte[] bytes, int start, int end, string path, string what, int number)
    {
        this.bytes = bytes;
        this.path = path;
        this.what = what;
        this.number = number;
        this.end = end;
        position = start;
    }

    /// <summary>The number of the field at hand.</summary>
    public int Field { get; private set; }

    /// <summary>Whether the field at hand is a run of bytes: text, a message, or packed numbers.</summary>
    public readonly bool IsBytes => wire == 2;

    /// <summary>Moves to the next field; false at the message's end. A field that is not read is skipped by <see cref="Skip"/>.</summary>
    public bool Next()
    {
        if (position == end) return false;
        var tag = Varint();
        if (tag >> 3 is 0 or > int.MaxValue) throw Error($"a field's number is {tag >> 3}");
        Field = (int)(tag >> 3);
        wire = (int)(tag & 7);
        return true;
    }

    /// <summary>Passes over the field at hand.</summary>
    public void Skip()
    {
        switch (wire)
        {
            case 0:
                Varint();
                break;
            case 1:
                Take(8);
                break;
            case 2:
                Bytes();
                break;
            case 5:
                Take(4);
                break;
            default:
                throw Error($"field {Field} has the unknown wire type {wire}");
        }
    }

    /// <summary>The field as an integer.</summary>
    public long Int64()
    {
        Expect(0, "an integer");
        return (long)Varint();
    }

    /// <summary>The field as a float.</summary>
    public float Float()
    {
        Expect(5, "a float");
        return BinaryPrimitives.ReadSingleLittleEndian(Take(4));
    }

    /// <summary>The field as a run of bytes within the file.</summary>
    public ReadOnlyMemory<byte> Bytes()
    {
        Expect(2, "bytes");
        var length = Varint();
        if (length > (ulong)(end - position)) throw Error($"field {Field} claims {length:N0} bytes, {end - position:N0} follow");
        var run = bytes.AsMemory(position, (int)length);
        position += (int)length;
        return run;
    }

    /// <summary>The field as text.</summary>
    public string Text()
    {
        var run = Bytes();
        try
        {
            return Utf8.GetString(run.Span);
        }
        catch (DecoderFallbackException e)
        {
            throw new DataFormatException(path, $"{Label}: field {Field} is not sound UTF-8", position - run.Length, e);
        }
    }

    /// <summary>The field as a message.</summary>
    /// <param name="what">What it is, for messages.</param>
    /// <param name="number">Which of several, for messages; -1 if there is one.</param>
    public ProtoReader Message(string what, int number = -1)
    {
        var run = Bytes();
        return new(bytes, position - run.Length, position, path, what, number);
    }

    /// <summary>What is left of the message, from a copy of its bytes: to be read later without keeping the file.</summary>
    public readonly ProtoReader Copy() => new(bytes[position..end], 0, end - position, path, what, number);

    /// <summary>How often each of some fields occurs from here to the message's end, so that what they hold can be put into arrays of that length.</summary>
    /// <param name="counts">Receives the number of fields 0, 1, 2, ...; those of higher numbers are not counted.</param>
    public readonly void CountFields(Span<int> counts)
    {
        var rest = this;
        while (rest.Next())
        {
            if (rest.Field < counts.Length) counts[rest.Field]++;
            rest.Skip();
        }
    }

    /// <summary>Adds the field's integers: one, or packed ones.</summary>
    /// <param name="values">Where to.</param>
    /// <param name="most">How many there may be.</param>
    public void AddIntegers(List<long> values, int most)
    {
        if (!IsBytes)
        {
            values.Add(Int64());
        }
        else
        {
            var packed = Message(what, number);
            while (packed.position < packed.end && values.Count <= most) values.Add((long)packed.Varint());
        }

        if (values.Count > most) throw Error($"field {Field} has more than {most} integers");
    }

    /// <summary>How many numbers of a width the field holds, which is passed over: one, or packed ones. Width 0: varints.</summary>
    public long CountNumbers(int width)
    {
        if (!IsBytes)
        {
            Expect(width switch { 0 => 0, 4 => 5, _ => 1 }, "a number");
            Skip();
            return 1;
        }

        var run = Bytes().Span;
        if (width > 0) return run.Length % width == 0 ? run.Length / width : throw Error($"field {Field} has {run.Length} bytes of packed numbers of {width} bytes");
        var count = 0L;
        foreach (var b in run) count += b < 0x80 ? 1 : 0;
        if (run.Length > 0 && run[^1] >= 0x80) throw Error($"field {Field} ends within a number");
        return count;
    }

    /// <summary>The bits of the field's numbers of a width, as <see cref="CountNumbers"/> counts them.</summary>
    public void ReadNumbers(int width, Span<ulong> values, ref int count)
    {
        if (!IsBytes)
        {
            values[count++] = wire switch { 0 => Varint(), 5 => BinaryPrimitives.ReadUInt32LittleEndian(Take(4)), _ => BinaryPrimitives.ReadUInt64LittleEndian(Take(8)) };
            return;
        }

        var packed = Message(what, number);
        while (packed.position < packed.end)
        {
            values[count++] = width switch { 0 => packed.Varint(), 4 => BinaryPrimitives.ReadUInt32LittleEndian(packed.Take(4)), _ => BinaryPrimitives.ReadUInt64LittleEndian(packed.Take(8)) };
        }
    }

    /// <summary>An error about this message, at the place reached.</summary>
    public readonly DataFormatException Error(string problem) => new(path, $"{Label}: {problem}", position);

    // Put together for errors only: a file may have a million messages.
    readonly string Label => number < 0 ? what : $"{what} {number}";

    static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    void Expect(int expected, string name)
    {
        if (wire != expected) throw Error($"field {Field} is to be {name}, its wire type is {wire}");
    }

    ReadOnlySpan<byte> Take(int count)
    {
        if (count > end - position) throw Error($"field {Field} needs {count} bytes, {end - position} follow");
        position += count;
        return bytes.AsSpan(position - count, count);
    }

    ulong Varint()
    {
        var value = 0UL;
        for (var shift = 0; shift < 70; shift += 7)
        {
            if (position == end) throw Error("the bytes end within a number");
            var b = bytes[position++];
            value |= (ulong)(b & 0x7f) << shift;
            if (b < 0x80) return value;
        }

        throw Error("a number has more than 10 bytes");
    }
}
