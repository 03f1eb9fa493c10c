using System.Buffers.Binary;
using System.IO.Compression;

namespace CnnSharp.Data;

/// <summary>Writes PNG: 8 bits a channel, not interlaced; each row with the filter whose bytes are nearest to 0 in sum.</summary>
static class PngWriter
{
    public static void Write(Stream stream, Picture picture)
    {
        stream.Write(PngReader.Signature);
        Span<byte> header = stackalloc byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, picture.Width);
        BinaryPrimitives.WriteInt32BigEndian(header[4..], picture.Height);
        (header[8], header[9]) = (8, picture.Channels switch { 1 => (byte)0, 2 => (byte)4, 3 => (byte)2, _ => (byte)6 });
        header[10..].Clear();
        WriteChunk(stream, "IHDR"u8, header);

        var packed = new MemoryStream();
        using (var deflate = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true)) WriteRows(deflate, picture);
        WriteChunk(stream, "IDAT"u8, packed.GetBuffer().AsSpan(0, (int)packed.Length));
        WriteChunk(stream, "IEND"u8, []);
    }

    static void WriteRows(Stream stream, Picture picture)
    {
        var stride = picture.Width * picture.Channels;
        var filtered = new byte[5][];
        for (var f = 0; f < filtered.Length; f++) filtered[f] = [(byte)f, .. new byte[stride]];
        for (var row = 0; row < picture.Height; row++)
        {
            var line = picture.Pixels.AsSpan(row * stride, stride);
            var above = row == 0 ? [] : picture.Pixels.AsSpan((row - 1) * stride, stride);
            var (best, least) = (0, long.MaxValue);
            for (var f = 0; f < filtered.Length; f++)
            {
                var sum = Filter(f, line, above, picture.Channels, filtered[f].AsSpan(1));
                if (sum < least) (best, least) = (f, sum);
            }

            stream.Write(filtered[best]);
        }
    }

    /// <summary>Writes a row's differences from what a filter guesses (PNG, section 9), and returns the sum of their sizes.</summary>
    static long Filter(int filter, ReadOnlySpan<byte> line, ReadOnlySpan<byte> above, int pixel, Span<byte> target)
    {
        var sum = 0L;
        for (var i = 0; i < line.Length; i++)
        {
            var left = i >= pixel ? line[i - pixel] : 0;
            var up = above.IsEmpty ? 0 : above[i];
            var corner = i >= pixel && !above.IsEmpty ? above[i - pixel] : 0;
            var guess = filter switch { 0 => 0, 1 => left, 2 => up, 3 => (left + up) >> 1, _ => PngReader.Paeth(left, up, corner) };
            target[i] = (byte)(line[i] - guess);
            sum += Math.Abs((int)(sbyte)target[i]);
        }

        return sum;
    }

    static void WriteChunk(Stream stream, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        Span<byte> word = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(word, data.Length);
        stream.Write(word);
        stream.Write(type);
        stream.Write(data);
        BinaryPrimitives.WriteUInt32BigEndian(word, Crc32.Of(data, Crc32.Of(type)));
        stream.Write(word);
    }
}
