using System.Buffers.Binary;
using System.IO.Compression;
using CnnSharp.Data;

namespace CnnSharp.Tests;

/// <summary>
/// Writes PNG of every color type, depth and interlace form from samples, by the words of the standard and apart from the
/// library's own writer: filters in turn, the checksum bit by bit, the pixels in several chunks.
/// </summary>
static class PngBuilder
{
    /// <summary>Color types with the bit depths that each may have.</summary>
    public static IEnumerable<(int ColorType, int Depth)> Forms
        => [.. new[] { 1, 2, 4, 8, 16 }.Select(d => (0, d)), (2, 8), (2, 16), .. new[] { 1, 2, 4, 8 }.Select(d => (3, d)), (4, 8), (4, 16), (6, 8), (6, 16)];

    public static int SamplesOf(int colorType) => colorType switch { 0 or 3 => 1, 4 => 2, 2 => 3, _ => 4 };

    public static byte[] Write(int width, int height, int colorType, int depth, bool interlaced, Func<int, int, int, int> sample, byte[]? palette = null, byte[]? transparency = null, int pieces = 3)
    {
        var raw = new MemoryStream();
        (int, int, int, int)[] passes = interlaced
            ? [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
            : [(0, 0, 1, 1)];
        var samples = SamplesOf(colorType);
        foreach (var (top, left, down, right) in passes)
        {
            if (left >= width) continue;
            var above = Array.Empty<byte>();
            var row = 0;
            for (var y = top; y < height; y += down, row++)
            {
                var bits = new List<bool>();
                for (var x = left; x < width; x += right)
                    for (var s = 0; s < samples; s++)
                        for (var bit = depth - 1; bit >= 0; bit--) bits.Add(((sample(y, x, s) >> bit) & 1) != 0);
                var line = new byte[(bits.Count + 7) / 8];
                for (var i = 0; i < bits.Count; i++) if (bits[i]) line[i / 8] |= (byte)(128 >> (i % 8));
                var filter = row % 5;
                raw.WriteByte((byte)filter);
                raw.Write(Filter(filter, line, above, Math.Max(1, samples * depth / 8)));
                above = line;
            }
        }

        var packed = new MemoryStream();
        using (var deflate = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true)) deflate.Write(raw.ToArray());
        var data = packed.ToArray();

        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9], header[12]) = ((byte)depth, (byte)colorType, interlaced ? (byte)1 : (byte)0);
        byte[] file = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, .. Chunk("IHDR", header), .. Chunk("tEXt", "made by\0a test"u8.ToArray())];
        if (palette is not null) file = [.. file, .. Chunk("PLTE", palette)];
        if (transparency is not null) file = [.. file, .. Chunk("tRNS", transparency)];
        var piece = Math.Max(1, (data.Length + pieces - 1) / pieces);
        foreach (var part in data.Chunk(piece)) file = [.. file, .. Chunk("IDAT", part)];
        return [.. file, .. Chunk("IEND", [])];
    }

    public static byte[] Chunk(string type, byte[] data)
    {
        byte[] body = [.. type.Select(c => (byte)c), .. data];
        var chunk = new byte[body.Length + 8];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        body.CopyTo(chunk, 4);
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(4 + body.Length), Crc(body));
        return chunk;
    }

    static byte[] Filter(int filter, byte[] line, byte[] above, int pixel)
    {
        var result = new byte[line.Length];
        for (var i = 0; i < line.Length; i++)
        {
            int a = i < pixel ? 0 : line[i - pixel], b = above.Length == 0 ? 0 : above[i], c = above.Length == 0 || i < pixel ? 0 : above[i - pixel];
            var p = a + b - c;
            var (pa, pb, pc) = (Math.Abs(p - a), Math.Abs(p - b), Math.Abs(p - c));
            var paeth = pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
            result[i] = (byte)(line[i] - filter switch { 1 => a, 2 => b, 3 => (a + b) / 2, 4 => paeth, _ => 0 });
        }

        return result;
    }

    /// <summary>The checksum of a chunk's type and data.</summary>
    public static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = 0xFFFFFFFFu;
        foreach (var b in bytes)
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) * 0xEDB88320u);
        }

        return ~crc;
    }

    /// <summary>An image as red, green, blue, alpha, so that what two codecs read can be compared.</summary>
    public static byte[] Rgba(DecodedImage image)
    {
        var result = new byte[image.Height * image.Width * 4];
        for (var p = 0; p < result.Length / 4; p++)
        {
            var from = image.Pixels.AsSpan(p * image.Channels, image.Channels);
            for (var c = 0; c < 3; c++) result[(4 * p) + c] = from[image.Channels <= 2 ? 0 : c];
            result[(4 * p) + 3] = image.HasAlpha ? from[^1] : (byte)255;
        }

        return result;
    }
}
