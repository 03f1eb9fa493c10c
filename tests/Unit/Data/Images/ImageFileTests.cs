using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using CnnSharp.Data;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace CnnSharp.Tests;

public sealed class ImageFileTests : IDisposable
{
    readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void AnImageIsRecognizedByItsBeginning()
    {
        var png = new MemoryStream();
        ImageFile.WritePng(png, new([1, 2, 3, 4, 5, 6], 2, 1, 3));
        Assert.True(ImageFile.Recognizes(png.ToArray()));
        Assert.True(ImageFile.Recognizes(png.ToArray().AsSpan(0, 60)));
        Assert.Equal(new ImageSize(2, 1), ImageFile.Identify(png.ToArray(), "image"));
        Assert.False(ImageFile.Recognizes("no image"u8));
        Assert.False(ImageFile.Recognizes([]));
        Assert.True(ImageFile.Recognizes([0xFF, 0xD8, 0xFF, 0xE0, 0, 16, .. "JFIF\0"u8]));
    }

    public static IEnumerable<object[]> Forms()
        => from form in PngBuilder.Forms
           from interlaced in new[] { false, true }
           from transparent in new[] { false, true }
           where !(transparent && form.ColorType is 4 or 6)
           select new object[] { form.ColorType, form.Depth, interlaced, transparent };

    [Theory]
    [MemberData(nameof(Forms))]
    public void EveryFormOfPngIsRead(int colorType, int depth, bool interlaced, bool transparent)
    {
        var most = (1 << depth) - 1;
        foreach (var (width, height) in new[] { (1, 1), (2, 5), (7, 3), (9, 17), (33, 12) })
        {
            var palette = colorType == 3 ? Enumerable.Range(0, 3 * (most + 1)).Select(i => (byte)(i * 37)).ToArray() : null;
            byte[]? transparency = !transparent ? null : colorType switch
            {
                3 => [10, 200],
                0 => [(byte)(Sample(0, 0, 0) >> 8), (byte)Sample(0, 0, 0)],
                _ => [.. Enumerable.Range(0, 3).SelectMany(s => new[] { (byte)(Sample(0, 0, s) >> 8), (byte)Sample(0, 0, s) })],
            };
            var file = PngBuilder.Write(width, height, colorType, depth, interlaced, Sample, palette, transparency);
            if (colorType == 2 && depth == 16 && transparent)
            {
                Assert.Contains("is a PNG of 16 bits a sample with one color transparent (tRNS)", Assert.Throws<DataFormatException>(() => ImageFile.Decode(file, "image")).Message, StringComparison.Ordinal);
                continue;
            }

            var actual = PngBuilder.Rgba(ImageFile.Decode(file, "image"));
            for (var y = 0; y < height; y++)
                for (var x = 0; x < width; x++)
                    Assert.Equal(Expected(y, x), Convert.ToHexString(actual, ((y * width) + x) * 4, 4));

            int Sample(int y, int x, int s) => ((y * 7919) + (x * 104729) + (s * 1299709) + (y * x * 31)) & most;

            string Expected(int y, int x)
            {
                var v = Enumerable.Range(0, PngBuilder.SamplesOf(colorType)).Select(s => Sample(y, x, s)).ToArray();
                var bytes = v.Select(value => (byte)Math.Round(value * 255.0 / most, MidpointRounding.AwayFromZero)).ToArray();
                var hidden = transparent && Enumerable.Range(0, v.Length).All(s => v[s] == Sample(0, 0, s));
                return Convert.ToHexString(colorType switch
                {
                    3 => [.. palette!.AsSpan(3 * v[0], 3), transparent && v[0] < 2 ? transparency![v[0]] : (byte)255],
                    0 => [bytes[0], bytes[0], bytes[0], hidden ? (byte)0 : (byte)255],
                    2 => [.. bytes, hidden ? (byte)0 : (byte)255],
                    4 => [bytes[0], bytes[0], bytes[0], bytes[1]],
                    _ => bytes,
                });
            }
        }
    }

    [Fact]
    public void WhatIsWrittenIsRead() => Check.One(Config.QuickThrowOnFailure, Prop.ForAll(Images(), image =>
    {
        var stream = new MemoryStream();
        ImageFile.WritePng(stream, image);
        var read = ImageFile.Decode(stream.ToArray(), "image");
        return (read.Height, read.Width) == (image.Height, image.Width) && PngBuilder.Rgba(read).AsSpan().SequenceEqual(PngBuilder.Rgba(image));
    }));

    static Arbitrary<DecodedImage> Images()
        => (from height in Gen.Choose(1, 20)
            from width in Gen.Choose(1, 20)
            from channels in Gen.Choose(1, 4)
            from pixels in Gen.Choose(0, 255).Select(value => (byte)value).ArrayOf(height * width * channels)
            select new DecodedImage(pixels, height, width, channels)).ToArbitrary();

    [Fact]
    public void AFileOnDiskIsIdentifiedAndRead()
    {
        var image = new DecodedImage([.. Enumerable.Range(0, 5 * 7 * 3).Select(i => (byte)(i * 11))], 5, 7, 3);
        ImageFile.WritePng(folder.File("a.png"), image);
        Assert.Equal(new(5, 7), ImageFile.Identify(folder.File("a.png")));
        Assert.Equal(image.Pixels, ImageFile.Read(folder.File("a.png")).Pixels);
        Assert.Contains("empty", Assert.Throws<DataFormatException>(() => ImageFile.Read(folder.Write("b.png", []))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("P2\n# gray, as text\n3 2\n4\n0 1 2\n3 4 4\n", "00 40 80 BF FF FF")]
    [InlineData("P3 1 2 255 1 2 3  4 5 6 ", "01 02 03 04 05 06")]
    [InlineData("P5 2 1 255\nA\u007F", "41 7F")]
    [InlineData("P6 1 1 255\nABC", "41 42 43")]
    [InlineData("P5 1 1 65535\n\u007F\u007F", "7F")]
    [InlineData("P5 3 1 100\n\u0000\u0032\u0064", "00 80 FF")]
    [InlineData("P1 3 2\n0 1 0 1 1 0", "FF 00 FF 00 00 FF")]
    [InlineData("P1 3 2\n010110", "FF 00 FF 00 00 FF")]
    public void NetpbmIsRead(string text, string expected)
    {
        var image = ImageFile.Decode(Encoding.Latin1.GetBytes(text), "image");
        var bytes = Convert.FromHexString(expected.Replace(" ", "", StringComparison.Ordinal));

        var actual = text[1] is '1' or '2' or '5' ? image.Flatten(1).Pixels : image.Pixels;
        Assert.Equal(bytes, actual);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(4, false)]
    [InlineData(8, false)]
    [InlineData(8, true)]
    [InlineData(16, false)]
    [InlineData(24, false)]
    [InlineData(24, true)]
    [InlineData(32, false)]
    public void BmpIsRead(int bits, bool topDown)
    {
        const int width = 5, height = 3;
        var colors = bits <= 8 ? 1 << bits : 0;
        var stride = ((width * bits) + 31) / 32 * 4;
        var start = 54 + (4 * colors);
        var file = new byte[start + (stride * height)];
        (file[0], file[1]) = ((byte)'B', (byte)'M');
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(2), file.Length);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(10), start);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(14), 40);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(18), width);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(22), topDown ? -height : height);
        (file[26], file[28]) = (1, (byte)bits);
        for (var c = 0; c < colors; c++) (file[54 + (4 * c)], file[55 + (4 * c)], file[56 + (4 * c)]) = ((byte)(c * 3), (byte)(c * 5), (byte)(c * 7));
        var expected = new List<byte>();
        for (var y = 0; y < height; y++)
        {
            var line = file.AsSpan(start + ((topDown ? y : height - 1 - y) * stride), stride);
            for (var x = 0; x < width; x++)
            {
                var value = (uint)((y * 40503) + (x * 2654435));
                if (bits <= 8)
                {
                    var index = (int)(value & (uint)(colors - 1));
                    line[x * bits / 8] |= (byte)(index << (8 - bits - (x * bits % 8)));
                    expected.AddRange([(byte)(index * 7), (byte)(index * 5), (byte)(index * 3)]);
                }
                else if (bits == 16)
                {
                    BinaryPrimitives.WriteUInt16LittleEndian(line[(2 * x)..], (ushort)(value & 0x7FFF));
                    expected.AddRange([.. new[] { 10, 5, 0 }.Select(shift => (byte)Math.Round(((value >> shift) & 31) * 255 / 31.0))]);
                }
                else
                {
                    var at = line[(x * bits / 8)..];
                    (at[0], at[1], at[2]) = ((byte)value, (byte)(value >> 8), (byte)(value >> 16));
                    expected.AddRange([(byte)(value >> 16), (byte)(value >> 8), (byte)value]);
                }
            }
        }

        // Five bits become eight in more than one way.
        var actual = ImageFile.Decode(file, "image").Flatten(3).Pixels;
        Assert.Equal(expected.Count, actual.Length);
        for (var i = 0; i < actual.Length; i++) Assert.InRange(actual[i], expected[i] - (bits == 16 ? 7 : 0), expected[i] + (bits == 16 ? 7 : 0));
    }

    [Fact]
    public void WhatIsNoImageIsNamedByItsFirstBytes()
        => Assert.Contains("x: is no image: its first bytes, 68656C6C6F,", Assert.Throws<DataFormatException>(() => ImageFile.Decode("hello"u8.ToArray(), "x")).Message, StringComparison.Ordinal);

    public static TheoryData<string> Names => [.. ImageCase.All.Keys];

    /// <summary>What Pillow writes is read as Pillow reads it, or refused by name: see make_cases.py.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void WhatPillowWritesIsReadAsPillowReadsIt(string name)
    {
        var (file, width, height, rgba, tolerance) = ImageCase.All[name];
        if (rgba is null)
        {
            Assert.StartsWith($"{name}: ", Assert.Throws<DataFormatException>(() => ImageFile.Decode(file, name)).Message, StringComparison.Ordinal);
            return;
        }

        var image = ImageFile.Decode(file, name);
        Assert.Equal((height, width), (image.Height, image.Width));
        Assert.Equal(width * height, (int)ImageFile.Identify(file, name).Pixels);
        var actual = PngBuilder.Rgba(image);
        for (var i = 0; i < rgba.Length; i++)
        {
            // Colors of a transparent pixel are the writer's own affair.
            if (i % 4 < 3 && rgba[i | 3] == 0) continue;
            Assert.True(Math.Abs(rgba[i] - actual[i]) <= tolerance, $"row {i / 4 / width}, column {i / 4 % width}, channel {i % 4}: expected {rgba[i]}, got {actual[i]}");
        }
    }

    /// <summary>Cut off anywhere, an image is refused, and never half of one.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void AFileThatIsCutOffIsRefused(string name)
    {
        var (file, _, _, rgba, _) = ImageCase.All[name];
        if (rgba is null) return;
        var whole = ImageFile.Decode(file, name).Pixels;
        for (var percent = 1; percent < 100; percent++)
        {
            byte[]? pixels = null;
            try
            {
                pixels = ImageFile.Decode(file[..(file.Length * percent / 100)], name).Pixels;
            }
            catch (DataFormatException e)
            {
                Assert.StartsWith($"{name}: ", e.Message, StringComparison.Ordinal);
            }

            // What stands last in a TIFF may be other pages and tags, of which no pixel of the first needs any.
            if (pixels is null) continue;
            Assert.True(name.EndsWith(".tif", StringComparison.Ordinal), $"{percent}% of the file are read");
            Assert.Equal(whole, pixels);
        }
    }

    /// <summary>The first of 100 frames of 3000 x 3000, and of 60 pages: the others take no memory.</summary>
    [Theory]
    [InlineData("gif", 100)]
    [InlineData("tif", 60)]
    public void OfManyFramesTheFirstIsDecoded(string format, int frames)
    {
        const int side = 3_000;
        var file = format == "gif" ? ImageFrames.Gif(side, side, frames) : ImageFrames.Tiff(side, side, frames);
        ImageFile.Decode(file, "warm");
        var before = GC.GetAllocatedBytesForCurrentThread();
        var image = ImageFile.Decode(file, "frames");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, (3L * side * side) + (4 << 20));
        Assert.Equal((side, side, 3), (image.Height, image.Width, image.Channels));
        Assert.Equal([10, 20, 30], image.Pixels[..3]);
        Assert.Equal([10, 20, 30], image.Pixels[^3..]);

        // Where it is made small there is no copy of it.
        before = GC.GetAllocatedBytesForCurrentThread();
        Assert.All(ImageFolder.ReadImage(file, "frames", new() { Size = 28 }).Pixels.Chunk(3), pixel => Assert.Equal([10, 20, 30], pixel));
        Assert.All(ImageFolder.ReadImage(file, "frames", new() { Size = 28, Channels = 1 }).Pixels, pixel => Assert.Equal(18, pixel));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 8 << 20);
        Assert.Contains("the size of the image: expected at most 1,000,000 pixels, got 3,000 x 3,000", Assert.Throws<DataFormatException>(() => ImageFile.Decode(file, "frames", 1_000_000)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void SizesThatTheFileCannotBackAreRefusedBeforeAnythingIsAllocated()
    {
        // 65,535 x 65,535 in 60 bytes, and a size below the limit that the pixels cannot fill either.
        foreach (var side in new[] { 65_535, 9_999 })
        {
            var sound = PngBuilder.Write(1, 1, 2, 8, interlaced: false, (_, _, _) => 0);
            var header = new byte[13];
            BinaryPrimitives.WriteInt32BigEndian(header, side);
            BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), side);
            (header[8], header[9]) = (8, 2);
            byte[] file = [.. sound[..8], .. PngBuilder.Chunk("IHDR", header), .. sound[33..]];
            var before = GC.GetAllocatedBytesForCurrentThread();
            var error = Assert.Throws<DataFormatException>(() => ImageFile.Decode(file, "bomb"));
            Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 200_000);
            if (side == 65_535) Assert.Contains("bomb: the size of the image: expected at most 100,000,000 pixels, got 65,535 x 65,535", error.Message, StringComparison.Ordinal);
            else Assert.Contains("the size of the image: expected at most", error.Message, StringComparison.Ordinal);
        }
    }

    /// <summary>
    /// Damaged copies of images of every format: refused or read, and nothing worse. <c>CNNSHARP_FUZZ=100000</c> makes
    /// as many of each format. PNG with its checksums made right again too, since a checksum stops nearly all else.
    /// </summary>
    [Theory]
    [InlineData(".png", false)]
    [InlineData(".png", true)]
    [InlineData(".jpg", false)]
    [InlineData(".tif", false)]
    [InlineData(".gif", false)]
    [InlineData(".webp", false)]
    [InlineData(".bmp", false)]
    [InlineData(".p?m", false)]
    public void ADamagedImageIsRefusedOrReadAndNothingWorse(string format, bool resealed)
    {
        const int maxPixels = 1_000_000;
        var sound = ImageCase.All.Where(c => c.Value.Rgba is not null && Path.GetExtension(c.Key) is var kind && (kind == format || (format == ".p?m" && kind is ".pbm" or ".pgm" or ".ppm"))).Select(c => c.Value.File).ToList();
        if (format == ".png") sound.AddRange(PngBuilder.Forms.Select(form => Interlaced(form.ColorType, form.Depth)));
        
        // Tables of a lossless WebP are up to 65,536, whatever its size.
        var tables = format == ".webp" ? 64 << 20 : 1 << 20;
        var refused = Damage.Survive(sound, 500, length => (32 * maxPixels) + tables + (64 * length), bytes => ImageFile.Decode(resealed ? Resealed(bytes) : bytes, "damaged", maxPixels));
        Assert.InRange(refused, 0.05, 1);

        static byte[] Interlaced(int colorType, int depth) => PngBuilder.Write(
            9,
            7,
            colorType,
            depth,
            interlaced: true,
            (y, x, s) => ((x * 31) + (y * 17) + (s * 5)) & ((1 << depth) - 1),
            colorType == 3 ? [.. Enumerable.Range(0, 3 << depth).Select(i => (byte)(i * 9))] : null,
            colorType switch { 0 => [0, 0], 2 => [0, 1, 0, 2, 0, 3], 3 => [0, 128], _ => null });
    }

    /// <summary>Refused by the size that the header says, or that the file cannot hold; what it cannot know beforehand takes as much memory as has been decompressed.</summary>
    [Fact]
    public void BombsAreRefusedBySize()
    {
        // 110 MB of nothing, as small as deflate makes it: one in 1,030.
        var bomb = Packed(new byte[110 << 20]);
        Assert.InRange(bomb.Length, 100_000, 130_000);
        Refused(bomb, 10_001, 10_000, "the size of the image: expected at most 100,000,000 pixels, got 10,001 x 10,000", 64 << 10);
        Refused(bomb, 10_000, 10_000, "got 300,010,000 bytes", 512 << 10);

        // 60 KB that do not compress and claim to be 60 MB.
        var noise = new byte[60_000];
        new Random(1).NextBytes(noise);
        for (var row = 0; row < noise.Length; row += 13_501) noise[row] = 0;
        Refused(Packed(noise), 4_500, 4_500, "the pixels once decompressed: expected 60,754,500 bytes, got 60,000", 2 << 20);

        static byte[] Packed(byte[] bytes)
        {
            var packed = new MemoryStream();
            using (var deflate = new ZLibStream(packed, CompressionLevel.SmallestSize, leaveOpen: true)) deflate.Write(bytes);
            return packed.ToArray();
        }

        static void Refused(byte[] packed, int width, int height, string error, long allowed)
        {
            var header = new byte[13];
            BinaryPrimitives.WriteInt32BigEndian(header, width);
            BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
            (header[8], header[9]) = (8, 2);
            byte[] file = [0x89, .. "PNG\r\n\x1a\n"u8, .. PngBuilder.Chunk("IHDR", header), .. PngBuilder.Chunk("IDAT", packed), .. PngBuilder.Chunk("IEND", [])];
            var before = GC.GetAllocatedBytesForCurrentThread();
            Assert.Contains(error, Assert.Throws<DataFormatException>(() => ImageFile.Decode(file, "bomb")).Message, StringComparison.Ordinal);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, allowed);
        }
    }

    /// <summary>What else the PngSuite has: all sizes from 1 to 9 and about 32 to 40, interlaced and not; pixels in chunks of one byte; chunks that say nothing of pixels.</summary>
    [Fact]
    public void SizesAndChunksOfThePngSuiteAreRead()
    {
        foreach (var side in Enumerable.Range(1, 9).Concat([31, 32, 33, 34, 35, 36, 37, 38, 39, 40]))
        {
            foreach (var interlaced in new[] { false, true })
            {
                byte[] palette = [.. Enumerable.Range(0, 48).Select(i => (byte)(i * 5))];
                var file = PngBuilder.Write(side, side, 3, 4, interlaced, (y, x, _) => (x + (3 * y)) & 15, palette, pieces: 1 << 20);
                var others = new[] { "cHRM", "bKGD", "hIST", "tIME", "sBIT", "zTXt", "iTXt" }.SelectMany(name => PngBuilder.Chunk(name, [1, 2])).Concat(PngBuilder.Chunk("gAMA", [0, 0, 177, 143]));
                var image = ImageFile.Decode([.. file[..33], .. others, .. file[33..]], "image").Flatten(3);
                Assert.Equal((side, side), (image.Height, image.Width));
                for (var p = 0; p < side * side; p++) Assert.Equal(palette.AsSpan(3 * (((p % side) + (3 * (p / side))) & 15), 3).ToArray(), image.Pixels.AsSpan(3 * p, 3).ToArray());
            }
        }
    }

    /// <summary>Makes the checksums of a damaged file right again, as far as its chunks can be followed.</summary>
    static byte[] Resealed(byte[] file)
    {
        for (var at = 8; at + 12 <= file.Length;)
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(at));
            if (length > file.Length - at - 12) break;
            BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(at + 8 + (int)length), PngBuilder.Crc(file.AsSpan(at + 4, 4 + (int)length)));
            at += 12 + (int)length;
        }

        return file;
    }

    /// <summary>Most writers put the directory after the pixels, so half a file has none, or half of one.</summary>
    [Fact]
    public void ATiffThatEndsBeforeItsDirectorySaysSo()
    {
        var sound = ImageFrames.Tiff(200, 100, pages: 1);
        var directory = BinaryPrimitives.ReadInt32LittleEndian(sound.AsSpan(4));
        Says($"is cut off: it ends before the directory of the image, at byte {directory:N0} of {directory / 2:N0}", sound[..(directory / 2)]);
        Says("is cut off: it ends before the last of ", sound[..(directory + 30)]);

        static void Says(string text, byte[] file) => Assert.Contains(text, Assert.Throws<DataFormatException>(() => ImageFile.Decode(file, "image")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\0\0\0\u0018ftypheic\0\0\0\0", "is an HEIC image, which is not read: convert it to PNG or JPEG")]
    [InlineData("\0\0\0\u0018ftypmif1\0\0\0\0", "is an HEIC image, which is not read")]
    [InlineData("\0\0\0\u0018ftypavif\0\0\0\0", "is an AVIF image, which is not read")]
    [InlineData("\0\0\0\u000CJXL \r\n", "is a JPEG XL image, which is not read")]
    [InlineData("\0\0\0\u000CjP  \r\n", "is a JPEG 2000 image, which is not read")]
    [InlineData("8BPS\0\u0001", "is a Photoshop file, which is not read")]
    [InlineData("version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS, not the image itself: fetch it with 'git lfs pull'")]
    [InlineData("<!DOCTYPE html>", "is text (SVG, or a web page in an image's place)")]
    [InlineData("hello", "is no image: its first bytes, 68656C6C6F, are those of none of")]
    public void WhatIsNotReadIsNamed(string start, string expected)
        => Assert.Contains(expected, Assert.Throws<DataFormatException>(() => ImageFile.Decode(System.Text.Encoding.ASCII.GetBytes(start), "image")).Message, StringComparison.Ordinal);

    [Fact]
    public void APngSaysWhatIsWrongWithIt()
    {
        var sound = PngBuilder.Write(3, 2, 0, 8, interlaced: false, (y, x, _) => x + y, pieces: 1);
        var broken = (byte[])sound.Clone();
        broken[^20] ^= 1;
        Says("the compressed pixels are corrupt", broken);
        Says("is cut off: it ends before its last chunk (IEND)", sound[..^12]);
        Says("color type 2 with 4 bits a sample does not exist", PngBuilder.Write(3, 2, 2, 4, interlaced: false, (_, _, _) => 0));
        Says("the compressed pixels are corrupt", [.. sound[..33], .. PngBuilder.Chunk("IDAT", [0x78, 0xBB, 0, 0, 0, 1, 0, 0]), .. sound[^12..]]);
        Says("other chunks stand between the IDAT chunks", Torn(sound));

        // Pixels that end early: the package would make the rest black, or never come back where the rows are interlaced.
        foreach (var interlaced in new[] { false, true })
        {
            var full = PngBuilder.Write(9, 7, 0, 8, interlaced, (y, x, _) => x + y, pieces: 1);
            var few = new MemoryStream();
            using (var deflate = new ZLibStream(few, CompressionLevel.Optimal, leaveOpen: true)) deflate.Write(new byte[20]);
            Says($"the pixels once decompressed: expected {(interlaced ? 77 : 70)} bytes, got 20", [.. full[..33], .. PngBuilder.Chunk("IDAT", few.ToArray()), .. full[^12..]]);
        }

        void Says(string text, byte[] file) => Assert.Contains(text, Assert.Throws<DataFormatException>(() => ImageFile.Decode(file, "image")).Message, StringComparison.Ordinal);

        static byte[] Torn(byte[] file) => [.. file[..^12], .. PngBuilder.Chunk("tEXt", [65, 0]), .. PngBuilder.Chunk("IDAT", [0]), .. file[^12..]];
    }

    [Fact]
    public void FlatteningShowsTheBackgroundAndMakesColorsGray()
    {
        var image = new DecodedImage([200, 100, 50, 255, 200, 100, 50, 0, 200, 100, 50, 128], 1, 3, 4);
        Assert.Equal([200, 100, 50, 0, 0, 255, 100, 50, 152], image.Flatten(3, new(0, 0, 255)).Pixels);
        Assert.Equal([124, 255, 189], image.Flatten(1, Color.White).Pixels);
        Assert.Equal([9, 9, 9], new DecodedImage([9], 1, 1, 1).Flatten(3).Pixels);
        Assert.Contains("needs 12 bytes, got 11", Assert.Throws<ArgumentException>(() => new DecodedImage(new byte[11], 2, 2, 3)).Message, StringComparison.Ordinal);
    }
}
