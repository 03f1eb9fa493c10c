using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;

namespace CnnSharp.Data;

/// <summary>
/// Reads PNG (ISO/IEC 15948, https://www.w3.org/TR/png/): every colour type and bit depth, interlaced or not, with palette
/// and transparency; checksums are verified. Depths below 8 are widened to 0 to 255, 16 is narrowed, rounded.
/// </summary>
static class PngReader
{
    // Colour types: bit 0 palette, bit 1 colour, bit 2 alpha.
    const int Grey = 0, Rgb = 2, Palette = 3, GreyAlpha = 4, RgbAlpha = 6;

    /// <summary>Rows and columns of the seven passes of an interlaced picture (Adam7): first row, first column, row step, column step.</summary>
    static readonly (int Top, int Left, int Down, int Right)[] Adam7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)];

    static readonly (int Top, int Left, int Down, int Right)[] OnePass = [(0, 0, 1, 1)];

    /// <summary>The first eight bytes.</summary>
    public static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    public static PictureSize Identify(ReadOnlySpan<byte> bytes, string name)
    {
        var at = Signature.Length;
        var header = ReadHeader(NextChunk(bytes, name, ref at), name);
        return new(header.Height, header.Width);
    }

    public static Picture Read(byte[] bytes, string name)
    {
        var at = Signature.Length;
        var header = ReadHeader(NextChunk(bytes, name, ref at), name);
        ReadOnlySpan<byte> palette = [], transparency = [];
        using var data = new MemoryStream();
        var (first, last, pieces) = (0, 0, 0);
        while (true)
        {
            var start = at;
            var chunk = NextChunk(bytes, name, ref at);
            if (chunk.Is("IEND"u8)) break;
            if (chunk.Is("IDAT"u8))
            {
                if (pieces > 0 && last != start) throw Wrong("other chunks stand between the IDAT chunks", start);
                if (pieces++ == 0) first = start + 8;
                if (pieces == 2) data.Write(bytes, first, last - 4 - first);
                if (pieces > 1) data.Write(chunk.Data);
                last = at;
            }
            else if (chunk.Is("PLTE"u8))
            {
                if (pieces > 0 || !palette.IsEmpty) throw Wrong("the palette (PLTE) stands twice, or behind the pixels", start);
                if (header.ColourType is Grey or GreyAlpha) throw Wrong("a grey picture has a palette (PLTE)", start);
                if (chunk.Data.Length % 3 != 0 || chunk.Data.Length is 0 or > 768) throw new DataFormatException(name, "the length of the palette (PLTE)", "a multiple of 3 from 3 to 768 bytes", $"{chunk.Data.Length}", start);
                palette = chunk.Data;
            }
            else if (chunk.Is("tRNS"u8))
            {
                if (pieces > 0 || !transparency.IsEmpty) throw Wrong("the transparency (tRNS) stands twice, or behind the pixels", start);
                if (header.ColourType is GreyAlpha or RgbAlpha) throw Wrong("a picture with alpha has a transparency chunk (tRNS)", start);
                var fits = header.ColourType switch { Grey => chunk.Data.Length == 2, Rgb => chunk.Data.Length == 6, _ => chunk.Data.Length >= 1 && chunk.Data.Length <= palette.Length / 3 };
                if (!fits) throw new DataFormatException(name, "the length of the transparency (tRNS)", header.ColourType switch { Grey => "2 bytes", Rgb => "6 bytes", _ => $"1 to {palette.Length / 3} bytes, one a colour of the palette before it" }, $"{chunk.Data.Length}", start);
                transparency = chunk.Data;
            }
            else if (chunk.IsCritical)
            {
                throw Wrong($"the chunk '{chunk.Name}' is unknown, and a reader must know it", start);
            }
        }

        if (pieces == 0) throw Wrong("has no pixels (no IDAT chunk)", at);
        if (header.ColourType == Palette && palette.IsEmpty) throw Wrong("has no palette (no PLTE chunk)", at);
        var (packed, offset, length) = pieces == 1 ? (bytes, first, last - 4 - first) : (data.GetBuffer(), 0, (int)data.Length);
        return Unpack(header, new MemoryStream(packed, offset, length, writable: false), palette, transparency, name);

        DataFormatException Wrong(string problem, int offset) => new(name, problem, offset);
    }

    static Picture Unpack(Header header, MemoryStream packed, ReadOnlySpan<byte> palette, ReadOnlySpan<byte> transparency, string name)
    {
        var passes = header.IsInterlaced ? Adam7 : OnePass;
        Int128 needed = 0;
        foreach (var pass in passes) needed += (Int128)header.Rows(pass) * header.Stride(pass);

        // The picture may be allocated only if the file can hold it; what deflate cannot reach is a lie.
        if (needed > packed.Length * DataFile.MaxDeflateRatio || needed > int.MaxValue)
            throw new DataFormatException(name, "the size of the picture", $"at most {packed.Length * DataFile.MaxDeflateRatio:N0} bytes, from {packed.Length:N0} compressed ones", $"{header.Width:N0} x {header.Height:N0}, {needed:N0} bytes");

        var channels = header.ColourType switch { Grey => 1, Rgb or Palette => 3, GreyAlpha => 2, _ => 4 } + (transparency.IsEmpty ? 0 : 1);
        var raw = Inflate(packed, (int)needed, name);
        try
        {
            var pixels = new byte[(long)header.Height * header.Width * channels];
            var at = 0;
            foreach (var pass in passes)
            {
                var (rows, columns, stride) = (header.Rows(pass), header.Columns(pass), (int)header.Stride(pass));
                ReadOnlySpan<byte> above = [];
                for (var row = 0; row < rows; row++)
                {
                    var line = raw.AsSpan(at + 1, stride - 1);
                    Unfilter(raw[at], line, above, header.BytesPerPixel, name);
                    var target = pixels.AsSpan((pass.Top + (row * pass.Down)) * header.Width * channels);
                    Expand(header, line, columns, palette, transparency, target[(pass.Left * channels)..], channels, pass.Right * channels, name);
                    above = line;
                    at += stride;
                }
            }

            return new(pixels, header.Height, header.Width, channels);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(raw);
        }
    }

    /// <summary>
    /// The decompressed bytes, in an array of the pool that the caller gives back. It grows as they come: a size that
    /// the file only claims is not allocated, and the pixels are not before all bytes are there.
    /// </summary>
    static byte[] Inflate(MemoryStream packed, int needed, string name)
    {
        // What pictures usually decompress to; a file that needs more, as drawings do, pays with a copy.
        const int usual = 1 << 16, usualRatio = 16;
        var raw = ArrayPool<byte>.Shared.Rent((int)Math.Min(needed, Math.Max(usual, packed.Length * usualRatio)));
        try
        {
            using var inflate = new ZLibStream(packed, CompressionMode.Decompress);
            for (var read = 0; read < needed;)
            {
                if (read == raw.Length)
                {
                    var larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(needed, 2L * read));
                    raw.AsSpan(0, read).CopyTo(larger);
                    ArrayPool<byte>.Shared.Return(raw);
                    raw = larger;
                }

                var count = inflate.ReadAtLeast(raw.AsSpan(read, Math.Min(raw.Length, needed) - read), 1, throwOnEndOfStream: false);
                if (count == 0) throw new DataFormatException(name, "the pixels once decompressed", $"{needed:N0} bytes", $"{read:N0}");
                read += count;
            }

            // The checksum behind the pixels is read, and so verified, by asking for more.
            inflate.ReadAtLeast(stackalloc byte[1], 1, throwOnEndOfStream: false);
            return raw;
        }
        catch (Exception e)
        {
            ArrayPool<byte>.Shared.Return(raw);
            if (e is DataFormatException or not (InvalidDataException or IOException)) throw;

            // The second, from zlib as the source is memory, where the pixels ask for a dictionary, which PNG has none of.
            throw new DataFormatException(name, $"the compressed pixels are corrupt: {e.Message.TrimEnd('.')}", inner: e);
        }
    }

    /// <summary>Undoes a row's filter (PNG, section 9): each byte was written as its difference from a guess by the bytes left of it and above.</summary>
    static void Unfilter(int filter, Span<byte> line, ReadOnlySpan<byte> above, int pixel, string name)
    {
        switch (filter)
        {
            case 0:
                break;
            case 1:
                for (var i = pixel; i < line.Length; i++) line[i] += line[i - pixel];
                break;
            case 2:
                if (above.IsEmpty) break;
                for (var i = 0; i < line.Length; i++) line[i] += above[i];
                break;
            case 3:
                for (var i = 0; i < line.Length; i++)
                {
                    var left = i >= pixel ? line[i - pixel] : 0;
                    var up = above.IsEmpty ? 0 : above[i];
                    line[i] += (byte)((left + up) >> 1);
                }

                break;
            case 4:
                for (var i = 0; i < line.Length; i++)
                {
                    var left = i >= pixel ? line[i - pixel] : 0;
                    var up = above.IsEmpty ? 0 : above[i];
                    var corner = i >= pixel && !above.IsEmpty ? above[i - pixel] : 0;
                    line[i] += (byte)Paeth(left, up, corner);
                }

                break;
            default:
                throw new DataFormatException(name, "the filter of a row", "0 to 4", $"{filter}");
        }
    }

    /// <summary>Whichever of the three neighbours is nearest to left + up - corner; of equals the first.</summary>
    internal static int Paeth(int left, int up, int corner)
    {
        var (a, b) = (up - corner, left - corner);
        var c = Math.Abs(a + b);
        (a, b) = (Math.Abs(a), Math.Abs(b));
        return a <= b && a <= c ? left : b <= c ? up : corner;
    }

    /// <summary>Turns a row of samples into pixels, <paramref name="step"/> bytes apart.</summary>
    static void Expand(Header header, ReadOnlySpan<byte> line, int columns, ReadOnlySpan<byte> palette, ReadOnlySpan<byte> transparency, Span<byte> target, int channels, int step, string name)
    {
        if (header.Depth == 8 && header.ColourType != Palette && transparency.IsEmpty && step == channels)
        {
            line[..(columns * channels)].CopyTo(target);
            return;
        }

        if (header.ColourType == Palette)
        {
            for (int x = 0, to = 0; x < columns; x++, to += step)
            {
                var index = Sample(line, x, header.Depth);
                if (index * 3 >= palette.Length) throw new DataFormatException(name, "a pixel's place in the palette", $"below {palette.Length / 3}", $"{index}");
                palette.Slice(index * 3, 3).CopyTo(target[to..]);
                if (channels == 4) target[to + 3] = index < transparency.Length ? transparency[index] : (byte)255;
            }

            return;
        }

        var samples = header.Samples;
        for (int x = 0, to = 0; x < columns; x++, to += step)
        {
            var isTransparent = !transparency.IsEmpty;
            for (var s = 0; s < samples; s++)
            {
                var value = Sample(line, (x * samples) + s, header.Depth);
                if (!transparency.IsEmpty) isTransparent &= value == (BinaryPrimitives.ReadUInt16BigEndian(transparency[(2 * s)..]) & ((1 << header.Depth) - 1));
                target[to + s] = header.Depth switch
                {
                    16 => (byte)(((value * 255) + 32895) >> 16),
                    8 => (byte)value,
                    var depth => (byte)(value * 255 / ((1 << depth) - 1)),
                };
            }

            if (!transparency.IsEmpty) target[to + samples] = isTransparent ? (byte)0 : (byte)255;
        }
    }

    /// <summary>Sample i of a row: of depths below 8 the first stands in the high bits.</summary>
    static int Sample(ReadOnlySpan<byte> line, int i, int depth) => depth switch
    {
        8 => line[i],
        16 => (line[2 * i] << 8) | line[(2 * i) + 1],
        _ => (line[i * depth / 8] >> (8 - depth - (i * depth % 8))) & ((1 << depth) - 1),
    };

    static Header ReadHeader(Chunk chunk, string name)
    {
        const int at = 8;
        if (!chunk.Is("IHDR"u8)) throw new DataFormatException(name, "the first chunk", "'IHDR'", $"'{chunk.Name}'", at);
        if (chunk.Data.Length != 13) throw new DataFormatException(name, "the length of the header (IHDR)", "13 bytes", $"{chunk.Data.Length:N0}", at);
        var (width, height) = (BinaryPrimitives.ReadUInt32BigEndian(chunk.Data), BinaryPrimitives.ReadUInt32BigEndian(chunk.Data[4..]));
        if (width is 0 or > int.MaxValue || height is 0 or > int.MaxValue) throw new DataFormatException(name, "the size of the picture", "1 to 2,147,483,647 pixels each way", $"{width:N0} x {height:N0}", at);
        int depth = chunk.Data[8], type = chunk.Data[9];
        var isKnown = type switch { Grey => depth is 1 or 2 or 4 or 8 or 16, Palette => depth is 1 or 2 or 4 or 8, Rgb or GreyAlpha or RgbAlpha => depth is 8 or 16, _ => false };
        if (!isKnown) throw new DataFormatException(name, $"colour type {type} with {depth} bits a sample does not exist", at);
        if (chunk.Data[10] != 0 || chunk.Data[11] != 0 || chunk.Data[12] > 1) throw new DataFormatException(name, "compression, filter and interlace method", "0, 0 and 0 or 1", $"{chunk.Data[10]}, {chunk.Data[11]} and {chunk.Data[12]}", at);
        return new((int)width, (int)height, depth, type, chunk.Data[12] == 1);
    }

    /// <summary>The chunk at a place, its checksum verified; the place moves behind it.</summary>
    static Chunk NextChunk(ReadOnlySpan<byte> bytes, string name, scoped ref int at)
    {
        const int frame = 12;
        if (bytes.Length - at < frame) throw new DataFormatException(name, "ends within a chunk, or without the last one (IEND)", at);
        var length = BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]);
        if (length > bytes.Length - at - frame) throw new DataFormatException(name, "the length of a chunk", $"at most the {bytes.Length - at - frame:N0} bytes that are left", $"{length:N0}", at);
        var chunk = new Chunk(bytes.Slice(at + 4, 4), bytes.Slice(at + 8, (int)length));
        var (expected, actual) = (BinaryPrimitives.ReadUInt32BigEndian(bytes[(at + 8 + (int)length)..]), Crc32.Of(bytes.Slice(at + 4, 4 + (int)length)));
        if (expected != actual) throw new DataFormatException(name, $"the checksum of the chunk '{chunk.Name}'", $"{expected:x8}, as written", $"{actual:x8}", at);
        at += frame + (int)length;
        return chunk;
    }

    readonly ref struct Chunk(ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        readonly ReadOnlySpan<byte> type = type;

        public ReadOnlySpan<byte> Data { get; } = data;

        /// <summary>A reader that does not know a critical chunk cannot read the picture: a capital first letter.</summary>
        public bool IsCritical => (type[0] & 0x20) == 0;

        public string Name => $"{Shown(type[0])}{Shown(type[1])}{Shown(type[2])}{Shown(type[3])}";

        public bool Is(ReadOnlySpan<byte> name) => type.SequenceEqual(name);

        static char Shown(byte letter) => char.IsAsciiLetter((char)letter) ? (char)letter : '?';
    }

    sealed record Header(int Width, int Height, int Depth, int ColourType, bool IsInterlaced)
    {
        /// <summary>Samples a pixel, as stored.</summary>
        public int Samples => ColourType switch { Grey or Palette => 1, GreyAlpha => 2, Rgb => 3, _ => 4 };

        /// <summary>How far left of a byte the one lies that filters compare it with; at least 1.</summary>
        public int BytesPerPixel => Math.Max(1, Samples * Depth / 8);

        /// <summary>Rows of a pass; one without columns has none.</summary>
        public int Rows((int Top, int Left, int Down, int Right) pass) => Columns(pass) == 0 ? 0 : (int)(((long)Height - pass.Top + pass.Down - 1) / pass.Down);

        public int Columns((int Top, int Left, int Down, int Right) pass) => (int)(((long)Width - pass.Left + pass.Right - 1) / pass.Right);

        /// <summary>Bytes of a row of a pass, with its filter's byte before it.</summary>
        public long Stride((int Top, int Left, int Down, int Right) pass) => ((((long)Columns(pass) * Samples * Depth) + 7) / 8) + 1;
    }
}
