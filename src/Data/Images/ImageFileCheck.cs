using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using SixLabors.ImageSharp.Formats;
using SixLabors.ImageSharp.Formats.Bmp;
using SixLabors.ImageSharp.Formats.Gif;
using SixLabors.ImageSharp.Formats.Jpeg;
using SixLabors.ImageSharp.Formats.Pbm;
using SixLabors.ImageSharp.Formats.Png;
using SixLabors.ImageSharp.Formats.Tiff;
using SixLabors.ImageSharp.Formats.Webp;

namespace CnnSharp.Data;

/// <summary>A file that is whole.</summary>
/// <param name="Bytes">What the package is to decode: the file, or the same image in a form that the package reads.</param>
/// <param name="Exif">The EXIF profile of a PNG, if it has one; of other formats the package reads it.</param>
/// <param name="IsOpaque">Whether it is known to have colors and no alpha.</param>
/// <param name="Passes">The passes of an interlaced PNG that the package cannot put together; null where it can.</param>
readonly record struct CheckedImage(byte[] Bytes, byte[]? Exif = null, bool IsOpaque = false, IReadOnlyList<PngPass>? Passes = null);

/// <summary>A pass of an interlaced PNG as a PNG of its own.</summary>
/// <param name="Bytes">The file.</param>
/// <param name="Top">Its first row in the whole image.</param>
/// <param name="Left">Its first column.</param>
/// <param name="Down">From one of its rows to the next.</param>
/// <param name="Right">From one of its columns to the next.</param>
readonly record struct PngPass(byte[] Bytes, int Top, int Left, int Down, int Right);

/// <summary>
/// Whether an image's file goes on to its end. SixLabors.ImageSharp 2.1.13 makes an image of half a file, with the rest
/// gray or black, and never returns from an interlaced PNG whose pixels end early.
/// </summary>
static class ImageFileCheck
{
    const int PngSignature = 8;

    /// <summary>Refuses a file that ends before its format says it does. Strips of TIFF are checked once the tags have been read.</summary>
    /// <param name="bytes">The file.</param>
    /// <param name="format">What it begins like.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="DataFormatException">The file is cut off, or its structure is broken.</exception>
    public static CheckedImage RequireWhole(byte[] bytes, IImageFormat format, string name)
    {
        switch (format)
        {
            case PngFormat:
                return Png(bytes, name);
            case JpegFormat:
                Jpeg(bytes, name);
                return new(bytes, IsOpaque: true);
            case GifFormat:
                Gif(bytes, name);
                return new(bytes, IsOpaque: !FirstGifFrame(bytes).HasKey);
            case WebpFormat:
                return new(Webp(bytes, name));
            case BmpFormat:
                Bmp(bytes, name);
                return new(bytes, IsOpaque: !BmpHasAlpha(bytes));
            case PbmFormat:
                return new(Netpbm(bytes, name), IsOpaque: true);
            case TiffFormat:
                return Tiff(bytes, name);
            default:
                return new(bytes);
        }
    }

    public static DataFormatException CutOff(string name, string missing) => new(name, $"is cut off: it ends before {missing}");

    /// <summary>The extents that a PNG's header says.</summary>
    public static ImageSize PngSize(ReadOnlySpan<byte> bytes, string name)
    {
        var at = PngSignature;
        var header = ReadPngHeader(NextPngChunk(bytes, name, ref at), name);
        return new(header.Height, header.Width);
    }

    /// <summary>The extents of the first frame of a GIF, which may exceed those of its screen; none if there is none.</summary>
    /// <returns>Also whether one of its colors is transparent.</returns>
    public static (ImageSize Size, bool HasKey) FirstGifFrame(ReadOnlySpan<byte> bytes)
    {
        const byte control = 0xF9;
        var (at, hasKey) = (GifBlocks(bytes), false);
        while (at < bytes.Length && bytes[at] == 0x21)
        {
            if (at + 3 < bytes.Length && bytes[at + 1] == control) hasKey = (bytes[at + 3] & 1) != 0;
            at = SkipGifBlocks(bytes, at + 2);
        }

        var size = at + 9 < bytes.Length && bytes[at] == 0x2C ? new ImageSize(BinaryPrimitives.ReadUInt16LittleEndian(bytes[(at + 7)..]), BinaryPrimitives.ReadUInt16LittleEndian(bytes[(at + 5)..])) : default;
        return (size, hasKey);
    }

    /// <summary>
    /// What a sample of a Netpbm image is still to be multiplied by, and divided by. The package multiplies by 255 / largest
    /// (65,535 / largest) in whole numbers, so 200 of 200 stays 200.
    /// </summary>
    public static (int Over, int Under) NetpbmScale(ReadOnlySpan<byte> bytes, string name)
    {
        var header = ReadNetpbmHeader(bytes, name);
        var full = header.Largest > 255 ? 65_535 : 255;
        return header.Kind is 1 or 4 ? (1, 1) : (full, header.Largest * (full / header.Largest));
    }

    /// <summary>Whether the fourth byte of a pixel is alpha: in the plain header of 40 bytes it is reserved, and writers leave anything there.</summary>
    public static bool BmpHasAlpha(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadInt32LittleEndian(bytes[14..]) > 40;

    /// <summary>The extents of a WebP, the larger of those of its canvas and of its pixels.</summary>
    public static ImageSize WebpSize(ReadOnlySpan<byte> bytes, string name)
    {
        var frame = WebpFrame(bytes);
        var (canvas, length) = FindWebpChunk(bytes, 12, "VP8X"u8);
        if (length < 10) return frame.Pixels > 0 ? frame : throw new DataFormatException(name, "has no sound WebP header");
        var (width, height) = (1 + (BinaryPrimitives.ReadInt32LittleEndian(bytes[(canvas + 4)..]) & 0xFFFFFF), 1 + (BinaryPrimitives.ReadInt32LittleEndian(bytes[(canvas + 6)..]) >>> 8));
        return new(Math.Max(frame.Height, height), Math.Max(frame.Width, width));
    }

    static ImageSize WebpFrame(ReadOnlySpan<byte> bytes)
    {
        const int riff = 12;
        var (frame, length) = FindWebpChunk(bytes, riff, "ANMF"u8);
        if (length > 16) bytes = bytes[..(frame + length)];
        var start = length > 16 ? frame + 16 : riff;
        var (lossy, size) = FindWebpChunk(bytes, start, "VP8 "u8);
        if (size >= 10) return new(BinaryPrimitives.ReadUInt16LittleEndian(bytes[(lossy + 8)..]) & 0x3FFF, BinaryPrimitives.ReadUInt16LittleEndian(bytes[(lossy + 6)..]) & 0x3FFF);
        var (lossless, count) = FindWebpChunk(bytes, start, "VP8L"u8);
        if (count < 5) return default;
        var bits = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(lossless + 1)..]);
        return new((int)((bits >> 14) & 0x3FFF) + 1, (int)(bits & 0x3FFF) + 1);
    }

    /// <summary>Chunks up to IEND, and pixels in one run of them that decompress to as many bytes as the header asks for.</summary>
    static CheckedImage Png(byte[] bytes, string name)
    {
        var at = PngSignature;
        var header = ReadPngHeader(NextPngChunk(bytes, name, ref at), name);

        using var packed = new MemoryStream();
        byte[]? exif = null;
        var hasKey = false;
        var (firstPixels, pixelsEnd, hasPixels) = (0, 0, false);
        while (true)
        {
            var start = at;
            var chunk = NextPngChunk(bytes, name, ref at);
            if (chunk.Type.SequenceEqual("IEND"u8)) break;
            if (chunk.Type.SequenceEqual("IHDR"u8)) throw new DataFormatException(name, "the header (IHDR) is specified more than once", start);
            hasKey |= chunk.Type.SequenceEqual("tRNS"u8);
            if (chunk.Type.SequenceEqual("eXIf"u8)) exif = chunk.Data.ToArray();
            if (!chunk.Type.SequenceEqual("IDAT"u8)) continue;
            if (hasPixels && pixelsEnd != start) throw new DataFormatException(name, "other chunks stand between the IDAT chunks", start);
            packed.Write(chunk.Data);
            if (!hasPixels) firstPixels = start;
            (pixelsEnd, hasPixels) = (at, true);
        }

        if (hasKey && header.BitsPerPixel == 48) throw new DataFormatException(name, "is a PNG of 16 bits a sample with one color transparent (tRNS), which SixLabors.ImageSharp 2.1 decodes as opaque; save it with 8 bits or an alpha channel");
        if (!hasPixels) throw new DataFormatException(name, "has no pixels (no IDAT chunk)", at);
        packed.Position = 0;
        RequireInflated(packed, header.PixelBytes, name);
        var isOpaque = header.Type is 2 or 3 && !hasKey;

        // The package goes on after a pass without columns where the rows of the pass before ended, so it decodes each by itself.
        const int narrowest = 5;
        packed.Position = 0;
        if (header.IsInterlaced && header.Width < narrowest) return new(bytes, exif, isOpaque, PassesOf(header, packed, bytes.AsSpan(0, firstPixels), bytes.AsSpan(pixelsEnd)));

        // The package looks for both bytes of zlib's header in the first chunk.
        byte[] file = BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(firstPixels)) < 2 ? [.. bytes[..firstPixels], .. PngChunkOf("IDAT"u8, packed.ToArray()), .. bytes[pixelsEnd..]] : bytes;
        return new(file, exif, isOpaque);
    }

    static List<PngPass> PassesOf(PngHeader header, MemoryStream packed, ReadOnlySpan<byte> before, ReadOnlySpan<byte> after)
    {
        const int headerEnd = PngSignature + 25;
        var passes = new List<PngPass>();
        using var inflate = new ZLibStream(packed, CompressionMode.Decompress, leaveOpen: true);
        foreach (var (top, left, down, right) in PngHeader.Adam7)
        {
            var (columns, rows) = ((header.Width - left + right - 1) / right, (header.Height - top + down - 1) / down);
            if (columns < 1 || rows < 1) continue;
            var pixels = new byte[((((columns * header.BitsPerPixel) + 7) / 8) + 1) * rows];
            inflate.ReadExactly(pixels);
            var (fields, data) = (before.Slice(PngSignature + 8, 13).ToArray(), new MemoryStream());
            BinaryPrimitives.WriteInt32BigEndian(fields, columns);
            BinaryPrimitives.WriteInt32BigEndian(fields.AsSpan(4), rows);
            fields[12] = 0;
            using (var deflate = new ZLibStream(data, CompressionLevel.Fastest)) deflate.Write(pixels);
            passes.Add(new([.. before[..PngSignature], .. PngChunkOf("IHDR"u8, fields), .. before[headerEnd..], .. PngChunkOf("IDAT"u8, data.ToArray()), .. after], top, left, down, right));
        }

        return passes;
    }

    static byte[] PngChunkOf(ReadOnlySpan<byte> type, byte[] data)
    {
        byte[] chunk = [0, 0, 0, 0, .. type, .. data, 0, 0, 0, 0];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);

        // The checksum of a chunk is that of gzip, which stands before the length at its end.
        var gzip = new MemoryStream();
        using (var zip = new GZipStream(gzip, CompressionLevel.NoCompression, leaveOpen: true)) zip.Write(chunk, 4, chunk.Length - 8);
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(chunk.Length - 4), BinaryPrimitives.ReadUInt32LittleEndian(gzip.GetBuffer().AsSpan((int)gzip.Length - 8)));
        return chunk;
    }

    static void RequireInflated(MemoryStream packed, long needed, string name)
    {
        // What deflate cannot reach is not tried.
        if (needed > packed.Length * DataFile.MaxDeflateRatio) throw new DataFormatException(name, "the size of the image", $"at most {packed.Length * DataFile.MaxDeflateRatio:N0} bytes, from {packed.Length:N0} compressed ones", $"{needed:N0} bytes");
        try
        {
            using var inflate = new ZLibStream(packed, CompressionMode.Decompress, leaveOpen: true);
            Span<byte> buffer = stackalloc byte[4096];
            long read = 0;
            for (var count = -1; count != 0 && read < needed; read += count) count = inflate.Read(buffer);
            if (read < needed) throw new DataFormatException(name, "the pixels once decompressed", $"{needed:N0} bytes", $"{read:N0}");
        }
        catch (Exception e) when (e is InvalidDataException or IOException and not DataFormatException)
        {
            // The second, from zlib as the source is memory, where the pixels ask for a dictionary, which PNG has none of.
            throw new DataFormatException(name, $"the compressed pixels are corrupt: {e.Message.TrimEnd('.')}", inner: e);
        }
    }

    static PngHeader ReadPngHeader(PngChunk chunk, string name)
    {
        if (!chunk.Type.SequenceEqual("IHDR"u8) || chunk.Data.Length != 13) throw new DataFormatException(name, "the first chunk", "a header (IHDR) of 13 bytes", $"another of {chunk.Data.Length:N0}", PngSignature);
        var (width, height) = (BinaryPrimitives.ReadUInt32BigEndian(chunk.Data), BinaryPrimitives.ReadUInt32BigEndian(chunk.Data[4..]));
        if (width is 0 or > int.MaxValue || height is 0 or > int.MaxValue) throw new DataFormatException(name, "the size of the image", "1 to 2,147,483,647 pixels each way", $"{width:N0} x {height:N0}", PngSignature);
        int depth = chunk.Data[8], type = chunk.Data[9];
        var isKnown = type switch { 0 => depth is 1 or 2 or 4 or 8 or 16, 3 => depth is 1 or 2 or 4 or 8, 2 or 4 or 6 => depth is 8 or 16, _ => false };
        if (!isKnown) throw new DataFormatException(name, $"color type {type} with {depth} bits a sample does not exist", PngSignature);
        if (chunk.Data[10] != 0 || chunk.Data[11] != 0 || chunk.Data[12] > 1) throw new DataFormatException(name, "compression, filter and interlace method", "0, 0 and 0 or 1", $"{chunk.Data[10]}, {chunk.Data[11]} and {chunk.Data[12]}", PngSignature);
        return new((int)width, (int)height, type, depth * type switch { 0 or 3 => 1, 4 => 2, 2 => 3, _ => 4 }, chunk.Data[12] == 1);
    }

    static PngChunk NextPngChunk(ReadOnlySpan<byte> bytes, string name, ref int at)
    {
        const int frame = 12;
        if (bytes.Length - at < frame) throw CutOff(name, "its last chunk (IEND)");
        var length = BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]);
        if (length > bytes.Length - at - frame) throw CutOff(name, $"the end of a chunk of {length:N0} bytes");
        var chunk = new PngChunk(bytes.Slice(at + 4, 4), bytes.Slice(at + 8, (int)length));
        at += frame + (int)length;
        return chunk;
    }

    /// <summary>Segments by their lengths, the codes of scans up to the next marker, and the end of the image (EOI) after at least one scan.</summary>
    static void Jpeg(ReadOnlySpan<byte> bytes, string name)
    {
        const int scan = 0xDA, end = 0xD9;
        var (at, hasScan) = (2, false);
        while (true)
        {
            // A marker is FF and what is neither 00, a stuffed FF, nor a restart within a scan.
            while (at + 1 < bytes.Length && !(bytes[at] == 0xFF && bytes[at + 1] is not (0 or 0xFF or (>= 0xD0 and <= 0xD8)))) at++;
            if (at + 1 >= bytes.Length) throw CutOff(name, "the end of the image (EOI)");
            var marker = bytes[at + 1];
            at += 2;
            if (marker == end && hasScan) return;
            if (marker is end or 1) continue;
            if (at + 2 > bytes.Length) throw CutOff(name, "the end of the image (EOI)");
            hasScan |= marker == scan;
            at += Math.Max((ushort)2, BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]));
        }
    }

    /// <summary>Blocks up to the trailer.</summary>
    static void Gif(ReadOnlySpan<byte> bytes, string name)
    {
        for (var at = GifBlocks(bytes); ;)
        {
            if (at >= bytes.Length) throw CutOff(name, "its trailer");
            switch (bytes[at])
            {
                case 0x3B:
                    return;
                case 0x21:
                    at = SkipGifBlocks(bytes, at + 2);
                    break;
                case 0x2C when at + 10 < bytes.Length:
                    at = SkipGifBlocks(bytes, at + 10 + GifTable(bytes[at + 9]) + 1);
                    break;
                case 0:
                    // Some writers end a chain of blocks twice.
                    at++;
                    break;
                default:
                    throw at + 10 < bytes.Length ? new DataFormatException(name, $"the GIF has a block of an unknown kind, {bytes[at]:x2}", at) : CutOff(name, "its trailer");
            }
        }
    }

    static int GifBlocks(ReadOnlySpan<byte> bytes) => bytes.Length < 13 ? bytes.Length : 13 + GifTable(bytes[10]);

    static int GifTable(byte flags) => (flags & 0x80) != 0 ? 3 << ((flags & 7) + 1) : 0;

    /// <summary>The place after a chain of blocks; beyond the end where that is cut off.</summary>
    static int SkipGifBlocks(ReadOnlySpan<byte> bytes, int at)
    {
        while (at < bytes.Length && bytes[at] != 0) at += bytes[at] + 1;
        return at + 1;
    }

    /// <summary>As many bytes as the file says. The package reads no animation: of one the first frame is made an image of its own.</summary>
    static byte[] Webp(byte[] bytes, string name)
    {
        const int riff = 12, frameHeader = 16, alpha = 0x10;
        if (bytes.Length < riff) throw CutOff(name, "its first chunk");
        var end = 8L + BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(4));
        if (end > bytes.Length) throw CutOff(name, $"byte {end:N0}, of which it has {bytes.Length:N0}");
        RequireWebpChunks(bytes, riff, (int)end, name);
        var (frame, length) = FindWebpChunk(bytes, riff, "ANMF"u8);
        var (canvas, size) = FindWebpChunk(bytes, riff, "VP8X"u8);
        if (length < frameHeader || size < 10) return bytes;

        var extents = bytes.AsSpan(canvas + 4, 6);
        if (!bytes.AsSpan(frame, 6).SequenceEqual(new byte[6]) || !bytes.AsSpan(frame + 6, 6).SequenceEqual(extents))
            throw new DataFormatException(name, "is an animated WebP whose first frame does not fill its canvas, which is not read; save that frame as an image");
        var pixels = bytes.AsSpan(frame + frameHeader, length - frameHeader);
        RequireWebpChunks(pixels, 0, pixels.Length, name);
        var flags = FindWebpChunk(pixels, 0, "ALPH"u8).Length > 0 ? alpha : 0;
        byte[] image = [.. "RIFF\0\0\0\0WEBPVP8X"u8, 10, 0, 0, 0, (byte)flags, 0, 0, 0, .. extents, .. pixels];
        BinaryPrimitives.WriteInt32LittleEndian(image.AsSpan(4), image.Length - 8);
        return image;
    }

    /// <summary>Chunks that fit: the package makes room for whatever length one claims.</summary>
    static void RequireWebpChunks(ReadOnlySpan<byte> bytes, int at, int end, string name)
    {
        const int frame = 8;
        while (end - at >= frame)
        {
            var length = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(at + 4)..]);
            if (length > end - at - frame) throw CutOff(name, $"the end of a chunk of {length:N0} bytes");
            at += frame + (int)length + (int)(length & 1);
        }
    }

    /// <summary>Where the contents of the first chunk of a kind begin, and how many of its bytes are there; none if there is no such chunk.</summary>
    static (int Start, int Length) FindWebpChunk(ReadOnlySpan<byte> bytes, int at, ReadOnlySpan<byte> kind)
    {
        const int frame = 8;
        while (bytes.Length - at >= frame)
        {
            var length = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(at + 4)..]);
            if (bytes.Slice(at, 4).SequenceEqual(kind)) return (at + frame, (int)Math.Min(length, bytes.Length - at - frame));
            if (length > bytes.Length - at - frame) break;
            at += frame + (int)length + (int)(length & 1);
        }

        return (0, 0);
    }

    /// <summary>
    /// A TIFF with the tag BitsPerSample, which the package asks for. Black and white images go without, since it is 1 then:
    /// the directory is written again after the file, with the tag. Without the tag ExtraSamples there is no alpha.
    /// </summary>
    public static CheckedImage Tiff(byte[] bytes, string name)
    {
        const int entryLength = 12, tag = 258, extraSamples = 338;
        var unknown = new CheckedImage(bytes);
        if (bytes.Length < 8) return unknown;
        var isLittle = bytes[0] == 'I';
        var directory = Long(4);
        if (Short(2) != 42) return unknown;

        // Most writers put the directory last, so a file that is cut off has none.
        if (directory > bytes.Length - 2) throw CutOff(name, $"the directory of the image, at byte {directory:N0} of {bytes.Length:N0}");
        var count = (int)Short((int)directory);
        var entries = (int)directory + 2;
        if (count == 0) return unknown;
        if (entries + (count * entryLength) > bytes.Length) throw CutOff(name, $"the last of {count:N0} entries of the image's directory");
        var (before, hasTag, hasAlpha) = (0, false, false);
        for (var i = 0; i < count; i++)
        {
            var each = Short(entries + (i * entryLength));
            hasTag |= each == tag;
            hasAlpha |= each == extraSamples;
            if (each < tag) before++;
        }

        if (hasTag) return new(bytes, IsOpaque: !hasAlpha);

        var at = bytes.Length + (bytes.Length & 1);
        var result = new byte[at + 2 + ((count + 1) * entryLength) + 4];
        bytes.CopyTo(result, 0);
        Put(4, 4, (uint)at);
        Put(at, 2, (uint)count + 1);
        bytes.AsSpan(entries, before * entryLength).CopyTo(result.AsSpan(at + 2));
        var added = at + 2 + (before * entryLength);
        Put(added, 2, tag);
        Put(added + 2, 2, 3);
        Put(added + 4, 4, 1);
        Put(added + 8, 2, 1);
        bytes.AsSpan(entries + (before * entryLength), (count - before) * entryLength).CopyTo(result.AsSpan(added + entryLength));
        return new(result, IsOpaque: !hasAlpha);

        uint Short(int place) => isLittle ? BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(place)) : BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(place));

        uint Long(int place) => isLittle ? BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(place)) : BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(place));

        void Put(int place, int length, uint value)
        {
            for (var i = 0; i < length; i++) result[place + i] = (byte)(value >> (8 * (isLittle ? i : length - 1 - i)));
        }
    }

    /// <summary>The extents that a BMP's header says, which is what the package makes room by.</summary>
    public static ImageSize BmpSize(ReadOnlySpan<byte> bytes, string name)
    {
        // The longest header is the fifth; a color table has 256 entries, or the three masks of a pixel.
        const int shortest = 12, longest = 124, colors = 256;
        if (bytes.Length < 26) throw CutOff(name, "the end of its header");
        var header = BinaryPrimitives.ReadUInt32LittleEndian(bytes[14..]);
        if (bytes[1] != 'M' || header is < shortest or > longest) throw new DataFormatException(name, "the length of the BMP's header", $"{shortest} to {longest} bytes, after 'BM'", $"{header:N0}", 14);
        if (bytes.Length < 14 + header) throw CutOff(name, "the end of its header");
        if (header == shortest) return new(BinaryPrimitives.ReadUInt16LittleEndian(bytes[20..]), BinaryPrimitives.ReadUInt16LittleEndian(bytes[18..]));
        var used = header >= 40 ? BinaryPrimitives.ReadUInt32LittleEndian(bytes[46..]) : 0;
        var start = BinaryPrimitives.ReadUInt32LittleEndian(bytes[10..]);
        if (used > colors || start > int.MaxValue) throw new DataFormatException(name, "the number of colors and the start of the pixels", $"at most {colors} and {int.MaxValue:N0}", $"{used:N0} and {start:N0}", 46);
        var (width, height) = (BinaryPrimitives.ReadInt32LittleEndian(bytes[18..]), BinaryPrimitives.ReadInt32LittleEndian(bytes[22..]));
        return width > 0 && height is not (0 or int.MinValue) ? new(Math.Abs(height), width) : throw new DataFormatException(name, "the size of the image", "at least 1 x 1", $"{width:N0} x {height:N0}", 18);
    }

    /// <summary>Uncompressed rows must all be there; of compressed ones the package misses the end itself.</summary>
    static void Bmp(ReadOnlySpan<byte> bytes, string name)
    {
        var size = BmpSize(bytes, name);
        var isOld = BinaryPrimitives.ReadInt32LittleEndian(bytes[14..]) == 12;
        long bits = BinaryPrimitives.ReadUInt16LittleEndian(bytes[(isOld ? 24 : 28)..]);
        var compression = isOld ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(bytes[30..]);
        var end = (long)BinaryPrimitives.ReadUInt32LittleEndian(bytes[10..]);
        if (compression is 0 or 3 or 6) end += ((size.Width * bits) + 31) / 32 * 4 * size.Height;
        if (end > bytes.Length) throw CutOff(name, $"its last row, at byte {end:N0} of {bytes.Length:N0}");
    }

    /// <summary>As many samples as the header asks for. The digits of a black and white image in text may stand side by side, where the package asks for blanks.</summary>
    static byte[] Netpbm(byte[] bytes, string name)
    {
        var (kind, width, height, largest, at) = ReadNetpbmHeader(bytes, name);
        var samples = (long)width * height * (kind is 3 or 6 ? 3 : 1);
        if (kind >= 4)
        {
            var end = at + (kind == 4 ? (width + 7L) / 8 * height : samples * (largest > 255 ? 2 : 1));
            if (end > bytes.Length) throw CutOff(name, $"its last pixel, at byte {end:N0} of {bytes.Length:N0}");
            if (kind == 4 || largest <= 255) return bytes;

            // The first byte of two is the higher one; the package has it the other way round.
            var swapped = (byte[])bytes.Clone();
            for (; at < end; at += 2) (swapped[at], swapped[at + 1]) = (swapped[at + 1], swapped[at]);
            return swapped;
        }

        var (found, inside) = (0L, false);
        if (at < bytes.Length && kind == 1) bytes = [.. bytes[..at], .. bytes.Skip(at).SelectMany(digit => new[] { digit, (byte)' ' })];
        for (; at < bytes.Length; at++)
        {
            var isDigit = char.IsAsciiDigit((char)bytes[at]);
            if (isDigit && !inside) found++;
            inside = isDigit;
        }

        if (found < samples) throw CutOff(name, $"its last pixel: {found:N0} samples of {samples:N0} are there");
        return bytes;
    }

    static (int Kind, int Width, int Height, int Largest, int Pixels) ReadNetpbmHeader(ReadOnlySpan<byte> bytes, string name)
    {
        var (kind, at) = (bytes[1] - '0', 2);
        var (width, height) = (Number(bytes, ref at), Number(bytes, ref at));
        var largest = kind is 1 or 4 ? 1 : Number(bytes, ref at);
        return largest is >= 1 and <= 65_535 ? (kind, width, height, largest, at + 1) : throw new DataFormatException(name, "the largest value of a sample", "1 to 65,535", $"{largest:N0}");

        // Blanks and comments, from # to the line's end, stand before a number; -1 where there is none.
        static int Number(ReadOnlySpan<byte> bytes, ref int at)
        {
            for (var isComment = false; at < bytes.Length && (isComment || !char.IsAsciiDigit((char)bytes[at])); at++) isComment = bytes[at] == '#' || (isComment && bytes[at] != '\n');
            var start = at;
            while (at < bytes.Length && char.IsAsciiDigit((char)bytes[at])) at++;
            return at - start is > 0 and < 10 ? int.Parse(bytes[start..at], CultureInfo.InvariantCulture) : -1;
        }
    }

    readonly ref struct PngChunk(ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        public ReadOnlySpan<byte> Type { get; } = type;

        public ReadOnlySpan<byte> Data { get; } = data;
    }

    sealed record PngHeader(int Width, int Height, int Type, int BitsPerPixel, bool IsInterlaced)
    {
        public static readonly (int Top, int Left, int Down, int Right)[] Adam7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)];

        /// <summary>Bytes of all rows once decompressed, each with the filter's byte before it.</summary>
        public long PixelBytes
        {
            get
            {
                if (!IsInterlaced) return Rows(Width, Height);
                var sum = 0L;
                foreach (var (top, left, down, right) in Adam7) sum += Rows((Width - left + right - 1L) / right, (Height - top + down - 1L) / down);
                return sum;
            }
        }

        long Rows(long columns, long rows) => columns < 1 || rows < 1 ? 0 : (long)Int128.Min(long.MaxValue / 8, (((Int128)columns * BitsPerPixel) + 7) / 8 * rows + rows);
    }
}
