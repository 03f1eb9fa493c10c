using System.Buffers.Binary;
using System.Numerics;
using Google.Protobuf;

namespace CnnSharp.Formats.TensorBoard;

/// <summary>
/// A file of events that TensorBoard reads: records (TFRecord) of a length, its checksum, a message and its checksum, where a checksum is CRC-32C,
/// rotated and added to. The first event says the version.
/// </summary>
static class EventFile
{
    /// <summary>What TensorBoard looks for in a folder is <c>tfevents</c> in the name; files are read in the order of their names.</summary>
    public const string Name = "events.out.tfevents.0000000001.cnnsharp";

    const string FileVersion = "brain.Event:2";
    const int LengthBytes = sizeof(ulong), ChecksumBytes = sizeof(uint);

    /// <summary>DT_STRING.</summary>
    const int StringType = 7;

    /// <summary>Buckets of a histogram.</summary>
    const int Buckets = 30;

    /// <summary>Leaves the events up to a step: all others are about to be made again. Makes the file if there is none. A record that was cut short, and what follows it, is dropped.</summary>
    public static void KeepUpTo(string path, long step, double time)
    {
        var kept = (File.Exists(path) ? Read(path) : []).Where(e => e.FileVersion.Length == 0 && e.Step <= step).ToList();
        AtomicFile.Write(path, stream =>
        {
            WriteRecord(stream, new Event { WallTime = time, FileVersion = FileVersion });
            foreach (var e in kept) WriteRecord(stream, e);
        });
    }

    /// <summary>Adds an event at the end.</summary>
    public static void Append(string path, Event e)
    {
        using var file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read);
        WriteRecord(file, e);
    }

    /// <summary>The events of a file, up to the first record that is not whole.</summary>
    public static List<Event> Read(string path)
    {
        var bytes = File.ReadAllBytes(path);
        var events = new List<Event>();
        for (var at = 0; at + LengthBytes + (2 * ChecksumBytes) <= bytes.Length;)
        {
            var head = bytes.AsSpan(at, LengthBytes);
            var length = BinaryPrimitives.ReadUInt64LittleEndian(head);
            at += LengthBytes + ChecksumBytes;
            if (BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at - ChecksumBytes)) != Checksum(head) || length > (ulong)(bytes.Length - at - ChecksumBytes)) break;
            var message = bytes.AsSpan(at, (int)length);
            at += (int)length + ChecksumBytes;
            if (BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at - ChecksumBytes)) != Checksum(message)) break;
            events.Add(Event.Parser.ParseFrom(message));
        }

        return events;
    }

    /// <summary>A number under a tag.</summary>
    public static EventSummary.Types.Value Scalar(string tag, double value) => new() { Tag = tag, SimpleValue = (float)value };

    /// <summary>How values are spread, in buckets of equal widths. They are finite.</summary>
    public static EventSummary.Types.Value Histogram(string tag, ReadOnlySpan<float> values)
    {
        var histogram = new HistogramProto { Num = values.Length };
        var (least, most) = (double.PositiveInfinity, double.NegativeInfinity);
        foreach (var value in values)
        {
            least = Math.Min(least, value);
            most = Math.Max(most, value);
            histogram.Sum += value;
            histogram.SumSquares += (double)value * value;
        }

        if (values.IsEmpty) (least, most) = (0, 0);
        (histogram.Min, histogram.Max) = (least, most);
        var counts = new double[least == most ? 1 : Buckets];
        var perBucket = counts.Length / Math.Max(most - least, double.Epsilon);
        foreach (var value in values) counts[Math.Min((int)((value - least) * perBucket), counts.Length - 1)]++;
        histogram.Bucket.AddRange(counts);
        for (var i = 1; i < counts.Length; i++) histogram.BucketLimit.Add(least + ((most - least) * i / counts.Length));
        histogram.BucketLimit.Add(most);
        return new() { Tag = tag, Histo = histogram };
    }

    /// <summary>An image under a tag.</summary>
    /// <param name="tag">The tag.</param>
    /// <param name="png">The file.</param>
    /// <param name="height">Its rows.</param>
    /// <param name="width">Its columns.</param>
    /// <param name="channels">1 gray, 3 red, green, blue.</param>
    public static EventSummary.Types.Value Image(string tag, ReadOnlySpan<byte> png, int height, int width, int channels)
        => new() { Tag = tag, Image = new() { Height = height, Width = width, Colorspace = channels, EncodedImageString = ByteString.CopyFrom(png) } };

    /// <summary>A text in Markdown under a tag.</summary>
    public static EventSummary.Types.Value Text(string tag, string markdown) => new()
    {
        Tag = tag,
        Tensor = new() { Dtype = StringType, TensorShape = new() { Dim = { new TensorShapeProto.Types.Dim { Size = 1 } } }, StringVal = { ByteString.CopyFromUtf8(markdown) } },
        Metadata = new() { PluginData = new() { PluginName = "text" } },
    };

    static void WriteRecord(Stream stream, Event e)
    {
        var message = e.ToByteArray();
        Span<byte> head = stackalloc byte[LengthBytes + ChecksumBytes], tail = stackalloc byte[ChecksumBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(head, (ulong)message.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(head[LengthBytes..], Checksum(head[..LengthBytes]));
        BinaryPrimitives.WriteUInt32LittleEndian(tail, Checksum(message));
        stream.Write(head);
        stream.Write(message);
        stream.Write(tail);
    }

    /// <summary>TFRecord's: CRC-32C, rotated right by 15 bits, and a constant.</summary>
    internal static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes) crc = BitOperations.Crc32C(crc, value);
        return BitOperations.RotateRight(~crc, 15) + 0xA282EAD8;
    }
}
