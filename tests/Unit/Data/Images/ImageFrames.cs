using System.Buffers.Binary;
using System.IO.Compression;

namespace CnnSharp.Tests;

/// <summary>Writes images of many frames in few bytes: the first of one color, 10 20 30, the others of another.</summary>
static class ImageFrames
{
    /// <summary>A GIF. Its codes are as long as LZW makes them: the n-th stands for n pixels, up to 4,095 codes, then it begins again.</summary>
    public static byte[] Gif(int width, int height, int frames)
    {
        var file = new MemoryStream();
        file.Write("GIF89a"u8);
        Word(file, width);
        Word(file, height);
        file.Write([0x80, 0, 0, 10, 20, 30, 200, 100, 0]);
        var (first, others) = (Lzw(0, (long)width * height), Lzw(1, (long)width * height));
        for (var frame = 0; frame < frames; frame++)
        {
            file.Write([0x2C, 0, 0, 0, 0]);
            Word(file, width);
            Word(file, height);
            file.Write([0, 2]);
            foreach (var block in (frame == 0 ? first : others).Chunk(255))
            {
                file.WriteByte((byte)block.Length);
                file.Write(block);
            }

            file.WriteByte(0);
        }

        file.WriteByte(0x3B);
        return file.ToArray();
    }

    /// <summary>A TIFF of deflated RGB pages, a strip each.</summary>
    public static byte[] Tiff(int width, int height, int pages)
    {
        var file = new MemoryStream();
        file.Write("II*\0"u8);
        file.Write([0, 0, 0, 0]);
        var link = 4L;
        for (var page = 0; page < pages; page++)
        {
            var (start, size) = (file.Position, 0L);
            using (var deflate = new ZLibStream(file, CompressionLevel.Fastest, leaveOpen: true))
            {
                byte[] color = page == 0 ? [10, 20, 30] : [200, 100, 0], row = new byte[3 * width];
                for (var i = 0; i < row.Length; i++) row[i] = color[i % 3];
                for (var y = 0; y < height; y++) deflate.Write(row);
            }

            size = file.Position - start;
            var directory = file.Position += file.Position & 1;
            (ushort Tag, ushort Type, uint Value)[] entries =
                [(256, 4, (uint)width), (257, 4, (uint)height), (258, 3, 8), (259, 3, 8), (262, 3, 2), (273, 4, (uint)start), (277, 3, 3), (278, 4, (uint)height), (279, 4, (uint)size)];
            Word(file, entries.Length);
            foreach (var (tag, type, value) in entries)
            {
                Word(file, tag);
                Word(file, type);

                // Bits a sample are three numbers, which stand after the directory.
                Long(file, tag == 258 ? 3u : 1);
                Long(file, tag == 258 ? (uint)(directory + 2 + (12 * entries.Length) + 4) : value);
            }

            var next = file.Position;
            Long(file, 0);
            for (var i = 0; i < 3; i++) Word(file, 8);
            var end = file.Position;
            file.Position = link;
            Long(file, (uint)directory);
            (link, file.Position) = (next, end);
        }

        return file.ToArray();
    }

    /// <summary>As many pixels of one index, of 2 bits.</summary>
    static byte[] Lzw(int index, long pixels)
    {
        const int clear = 4, most = 4_095;
        var bits = new Bits();
        var (next, size) = (clear + 2, 3);
        bits.Put(clear, size);
        for (var run = 1; pixels > 0; run++)
        {
            // The run of n pixels is the code before the next one, once the run of n - 1 has been written.
            var length = Math.Min(run, pixels);
            bits.Put(length == 1 ? index : (int)(clear + length), size);
            pixels -= length;
            if (run > 1) next++;
            if (next > (1 << size) - 1 && size < 12) size++;
            if (next < most || pixels == 0) continue;
            bits.Put(clear, size);
            (next, size, run) = (clear + 2, 3, 0);
        }

        bits.Put(clear + 1, size);
        return bits.ToArray();
    }

    static void Word(Stream stream, int value)
    {
        Span<byte> bytes = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)value);
        stream.Write(bytes);
    }

    static void Long(Stream stream, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        stream.Write(bytes);
    }

    /// <summary>Codes of several bits, the lowest first.</summary>
    sealed class Bits
    {
        readonly List<byte> bytes = [];
        int held;
        int count;

        public void Put(int value, int size)
        {
            held |= value << count;
            for (count += size; count >= 8; count -= 8, held >>= 8) bytes.Add((byte)held);
        }

        public byte[] ToArray() => count == 0 ? [.. bytes] : [.. bytes, (byte)held];
    }
}
