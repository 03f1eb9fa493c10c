using System.Buffers.Binary;
using System.Numerics;

namespace CnnSharp.Data;

/// <summary>
/// Reads Windows bitmaps (BMP): 1, 4 and 8 bits with a palette, 16, 24 and 32 bits with or without masks, bottom-up or
/// top-down. Run-length coded and embedded JPEG or PNG ones are refused.
/// </summary>
static class BmpReader
{
    const int FileHeader = 14;
    const int CoreHeader = 12;
    const int Uncompressed = 0, BitFields = 3, AlphaBitFields = 6;

    public static PictureSize Identify(ReadOnlySpan<byte> bytes, string name)
    {
        var header = ReadHeader(bytes, name);
        return new(header.Height, header.Width);
    }

    public static Picture Read(ReadOnlySpan<byte> bytes, string name)
    {
        var header = ReadHeader(bytes, name);
        var stride = (((long)header.Width * header.Bits) + 31) / 32 * 4;
        var needed = (Int128)stride * header.Height;
        if (header.Pixels > bytes.Length || needed > bytes.Length - header.Pixels)
            throw new DataFormatException(name, "the pixels", $"{needed:N0} bytes from byte {header.Pixels:N0} on, for {header.Width:N0} x {header.Height:N0} of {header.Bits} bits", $"{Math.Max(0, bytes.Length - header.Pixels):N0}");

        var hasAlpha = header.Alpha != 0;
        var channels = hasAlpha ? 4 : 3;
        var pixels = new byte[(long)header.Height * header.Width * channels];
        for (var y = 0; y < header.Height; y++)
        {
            var row = header.IsTopDown ? y : header.Height - 1 - y;
            var line = bytes.Slice((int)(header.Pixels + (row * stride)), (int)stride);
            var target = pixels.AsSpan(y * header.Width * channels, header.Width * channels);
            if (header.Bits <= 8) ReadPalette(header, line, bytes, target, name);
            else ReadColours(header, line, target, channels);
        }

        return new(pixels, header.Height, header.Width, channels);
    }

    static void ReadPalette(Header header, ReadOnlySpan<byte> line, ReadOnlySpan<byte> bytes, Span<byte> target, string name)
    {
        for (var x = 0; x < header.Width; x++)
        {
            var index = (line[x * header.Bits / 8] >> (8 - header.Bits - (x * header.Bits % 8))) & ((1 << header.Bits) - 1);
            if (index >= header.Colours) throw new DataFormatException(name, "a pixel's place in the palette", $"below {header.Colours}", $"{index}");
            var colour = bytes[(header.Palette + (index * header.PaletteEntry))..];
            (target[3 * x], target[(3 * x) + 1], target[(3 * x) + 2]) = (colour[2], colour[1], colour[0]);
        }
    }

    static void ReadColours(Header header, ReadOnlySpan<byte> line, Span<byte> target, int channels)
    {
        var size = header.Bits / 8;
        for (var x = 0; x < header.Width; x++)
        {
            var at = line[(x * size)..];
            var value = size switch { 2 => BinaryPrimitives.ReadUInt16LittleEndian(at), 3 => (uint)(at[0] | (at[1] << 8) | (at[2] << 16)), _ => BinaryPrimitives.ReadUInt32LittleEndian(at) };
            target[channels * x] = Part(value, header.Red);
            target[(channels * x) + 1] = Part(value, header.Green);
            target[(channels * x) + 2] = Part(value, header.Blue);
            if (channels == 4) target[(channels * x) + 3] = Part(value, header.Alpha);
        }
    }

    /// <summary>The bits of a mask, widened to 0 to 255.</summary>
    static byte Part(uint value, uint mask)
    {
        if (mask == 0) return 0;
        var shift = BitOperations.TrailingZeroCount(mask);
        ulong largest = mask >> shift;
        return (byte)(((((value & mask) >> shift) * 255UL) + (largest / 2)) / largest);
    }

    static Header ReadHeader(ReadOnlySpan<byte> bytes, string name)
    {
        if (bytes.Length < FileHeader + CoreHeader) throw new DataFormatException(name, "ends within the header", bytes.Length);
        var pixels = BinaryPrimitives.ReadUInt32LittleEndian(bytes[10..]);
        var length = BinaryPrimitives.ReadUInt32LittleEndian(bytes[FileHeader..]);
        if (length is not (CoreHeader or 40 or 52 or 56 or 64 or 108 or 124)) throw new DataFormatException(name, "the length of the header", "12, 40, 52, 56, 64, 108 or 124 bytes", $"{length:N0}", FileHeader);
        if (length > bytes.Length - FileHeader) throw new DataFormatException(name, "ends within the header", bytes.Length);

        var info = bytes.Slice(FileHeader, (int)length);
        var isCore = length == CoreHeader;
        long width = isCore ? BinaryPrimitives.ReadUInt16LittleEndian(info[4..]) : BinaryPrimitives.ReadInt32LittleEndian(info[4..]);
        long height = isCore ? BinaryPrimitives.ReadUInt16LittleEndian(info[6..]) : BinaryPrimitives.ReadInt32LittleEndian(info[8..]);
        int bits = BinaryPrimitives.ReadUInt16LittleEndian(info[(isCore ? 10 : 14)..]);
        var compression = isCore ? Uncompressed : BinaryPrimitives.ReadUInt32LittleEndian(info[16..]);
        if (width < 1 || height is 0 or int.MinValue) throw new DataFormatException(name, "the size of the picture", "at least 1 x 1", $"{width:N0} x {height:N0}", FileHeader + 4);
        if (compression is not (Uncompressed or BitFields or AlphaBitFields)) throw new DataFormatException(name, $"is a BMP of compression {compression} ({(compression is 1 or 2 ? "run lengths" : "not a bitmap's")}); uncompressed ones are read", FileHeader + 16);
        if (bits is not (1 or 4 or 8 or 16 or 24 or 32) || (compression != Uncompressed && bits is not (16 or 32))) throw new DataFormatException(name, $"{bits} bits a pixel under compression {compression} do not exist", FileHeader + (isCore ? 10 : 14));

        // Masks stand in the longer headers, or behind a short one.
        uint red = 0, green = 0, blue = 0, alpha = 0;
        long behind = FileHeader + length;
        if (bits > 8)
        {
            (red, green, blue) = bits == 16 ? (0x7C00u, 0x3E0u, 0x1Fu) : (0xFF0000u, 0xFF00u, 0xFFu);
            if (compression != Uncompressed)
            {
                var masks = length == 40 ? (compression == AlphaBitFields ? 4 : 3) : length >= 56 && length != 64 ? 4 : 3;
                const int at = FileHeader + 40;
                if (bytes.Length < at + (4 * masks)) throw new DataFormatException(name, "ends within the colour masks", bytes.Length);
                red = BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
                green = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(at + 4)..]);
                blue = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(at + 8)..]);
                if (masks == 4) alpha = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(at + 12)..]);
            }
        }

        int colours = 0, entry = isCore ? 3 : 4;
        if (bits <= 8)
        {
            var used = isCore ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(info[32..]);
            colours = used == 0 || used > 1u << bits ? 1 << bits : (int)used;
            var room = Math.Max(0, Math.Min(pixels, bytes.Length) - behind) / entry;
            colours = (int)Math.Min(colours, room);
        }

        return new((int)width, (int)Math.Abs(height), height < 0, bits, pixels, (int)behind, colours, entry, red, green, blue, alpha);
    }

    sealed record Header(int Width, int Height, bool IsTopDown, int Bits, long Pixels, int Palette, int Colours, int PaletteEntry, uint Red, uint Green, uint Blue, uint Alpha);
}
