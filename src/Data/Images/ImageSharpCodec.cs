using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats;
using SixLabors.ImageSharp.Formats.Bmp;
using SixLabors.ImageSharp.Formats.Gif;
using SixLabors.ImageSharp.Formats.Jpeg;
using SixLabors.ImageSharp.Formats.Pbm;
using SixLabors.ImageSharp.Formats.Png;
using SixLabors.ImageSharp.Formats.Tiff;
using SixLabors.ImageSharp.Formats.Tiff.Constants;
using SixLabors.ImageSharp.Formats.Webp;
using SixLabors.ImageSharp.Metadata;
using SixLabors.ImageSharp.Metadata.Profiles.Exif;
using SixLabors.ImageSharp.PixelFormats;
using SixLabors.ImageSharp.Processing;

namespace CnnSharp.Data;

/// <summary>What is done with decoded pixels before they are gone; where they are a copy already, that is <paramref name="copy"/>.</summary>
delegate T ImageUse<out T>(ImageView pixels, int channels, DecodedImage? copy);

/// <summary>
/// SixLabors.ImageSharp as this library uses it: the first frame only, upright by its EXIF orientation, and nothing that
/// the package (2.1.13) decodes wrongly without a word; <see cref="ImageFileCheck"/> refuses files that end too early.
/// </summary>
static class ImageSharpCodec
{
    static readonly Configuration Configuration = Configure();

    /// <summary>The package and its version.</summary>
    public static string Name { get; } = $"SixLabors.ImageSharp {typeof(Image).Assembly.GetName().Version?.ToString(3)}";

    /// <summary>Whether a file begins like an image that the package reads.</summary>
    public static bool Reads(ReadOnlySpan<byte> start) => Image.DetectFormat(Configuration, start) is not null;

    /// <summary>What the file's header says, without its pixels.</summary>
    /// <exception cref="DataFormatException">It is no image that the package reads.</exception>
    public static ImageSize Identify(byte[] bytes, string name) => Guard(name, () =>
    {
        var format = Detect(bytes, name);
        if (format is PngFormat) return ImageFileCheck.PngSize(bytes, name);
        if (format is WebpFormat) return ImageFileCheck.WebpSize(bytes, name);
        if (format is BmpFormat) return ImageFileCheck.BmpSize(bytes, name);
        var info = Image.Identify(Configuration, format is TiffFormat ? ImageFileCheck.Tiff(bytes, name).Bytes : bytes, out _) ?? throw new DataFormatException(name, $"has no sound {format.Name} header");

        // A frame is decoded whole, also where it exceeds the canvas.
        var frame = format is GifFormat ? ImageFileCheck.FirstGifFrame(bytes).Size : default;
        return new ImageSize(Math.Max(info.Height, frame.Height), Math.Max(info.Width, frame.Width));
    });

    /// <summary>The image of a file whose size has been checked.</summary>
    /// <param name="bytes">The file.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="size">What <see cref="Identify"/> gives.</param>
    /// <param name="use">Is passed the pixels, which are gone afterwards, and their channels: 3 straight from where they were decoded, others from a copy.</param>
    /// <exception cref="DataFormatException">It is no image that the package reads, or it is corrupt or cut off.</exception>
    public static T Decode<T>(byte[] bytes, string name, ImageSize size, ImageUse<T> use)
    {
        var format = Detect(bytes, name);
        using var turn = DecodeTurn.Take(size.Pixels * 4, bytes.Length, hasFrames: format is GifFormat or TiffFormat);
        var file = Guard(name, () => ImageFileCheck.RequireWhole(bytes, format, name));
        if (file.IsOpaque)
        {
            using var colors = Guard(name, () => Load<Rgb24>(file, format, bytes, name));
            if (colors.DangerousTryGetSinglePixelMemory(out var memory))
            {
                var pixels = MemoryMarshal.AsBytes(memory.Span);
                Correct(pixels, format, colors, bytes, name);
                return use(new(pixels, colors.Height, colors.Width), 3, null);
            }
        }

        DecodedImage decoded;
        using (var image = Guard(name, () => Load<Rgba32>(file, format, bytes, name)))
        {
            decoded = Copy(image, isGray: format is PngFormat && image.Metadata.GetPngMetadata().ColorType is PngColorType.Grayscale or PngColorType.GrayscaleWithAlpha);
            if (!decoded.HasAlpha) Correct(decoded.Pixels, format, image, bytes, name);
        }

        return use(ImageView.Of(decoded), decoded.Channels, decoded);
    }

    /// <summary>The first frame, upright.</summary>
    static Image<TPixel> Load<TPixel>(CheckedImage file, IImageFormat format, byte[] bytes, string name)
        where TPixel : unmanaged, IPixel<TPixel>
    {
        var image = file.Passes is { } passes ? Join<TPixel>(passes, ImageFileCheck.PngSize(bytes, name)) : Image.Load<TPixel>(Configuration, file.Bytes);
        try
        {
            if (file.Exif is not null) image.Metadata.ExifProfile = new(file.Exif);

            // TIFF keeps its tags with each frame.
            if (format is TiffFormat && image.Frames.RootFrame.Metadata.ExifProfile is { } tags)
            {
                CheckTiff(tags, bytes.Length, name);
                image.Metadata.ExifProfile = tags;
            }

            image.Mutate(x => x.AutoOrient());
            return image;
        }
        catch
        {
            image.Dispose();
            throw;
        }
    }

    /// <summary>An interlaced PNG from its passes.</summary>
    static Image<TPixel> Join<TPixel>(IReadOnlyList<PngPass> passes, ImageSize size)
        where TPixel : unmanaged, IPixel<TPixel>
    {
        var image = new Image<TPixel>(Configuration, size.Width, size.Height);
        foreach (var pass in passes)
        {
            using var part = Image.Load<TPixel>(Configuration, pass.Bytes);
            for (var y = 0; y < part.Height; y++)
                for (var x = 0; x < part.Width; x++) image[pass.Left + (x * pass.Right), pass.Top + (y * pass.Down)] = part[x, y];
            image.Metadata.GetPngMetadata().ColorType = part.Metadata.GetPngMetadata().ColorType;
        }

        return image;
    }

    /// <summary>Puts right what the package (2.1.13) decodes to other values than are meant.</summary>
    static void Correct(Span<byte> pixels, IImageFormat format, Image image, byte[] bytes, string name)
    {
        if (format is TiffFormat && IsInverted(image.Frames.RootFrame.Metadata.GetTiffMetadata()))
            foreach (ref var value in pixels) value = (byte)(255 - value);
        if (format is PbmFormat && ImageFileCheck.NetpbmScale(bytes, name) is var (over, under) && over != under)
            foreach (ref var value in pixels) value = (byte)Math.Min(255, ((2 * value * over) + under) / (2 * under));
    }

    /// <summary>Writes a PNG of 8 bits a channel, not interlaced.</summary>
    public static void EncodePng(Stream stream, DecodedImage image)
    {
        var (height, width) = (image.Height, image.Width);
        using Image encoded = image.Channels switch
        {
            1 => Image.LoadPixelData<L8>(Configuration, image.Pixels, width, height),
            2 => Image.LoadPixelData<La16>(Configuration, image.Pixels, width, height),
            3 => Image.LoadPixelData<Rgb24>(Configuration, image.Pixels, width, height),
            _ => Image.LoadPixelData<Rgba32>(Configuration, image.Pixels, width, height),
        };
        encoded.Save(stream, new PngEncoder
        {
            BitDepth = PngBitDepth.Bit8,
            ColorType = image.Channels switch { 1 => PngColorType.Grayscale, 2 => PngColorType.GrayscaleWithAlpha, 3 => PngColorType.Rgb, _ => PngColorType.RgbWithAlpha },
            TransparentColorMode = PngTransparentColorMode.Preserve,
        });
    }

    static Configuration Configure()
    {
        // TGA is left out: it has no signature, and much that is no image passes for one.
        var configuration = new Configuration(new PngConfigurationModule(), new JpegConfigurationModule(), new GifConfigurationModule(), new BmpConfigurationModule(), new PbmConfigurationModule(), new TiffConfigurationModule(), new WebpConfigurationModule())
        {
            // Threads are the caller's own: an image is decoded by one.
            MaxDegreeOfParallelism = 1,

            // Pixels in one piece can be resized from where they are.
            PreferContiguousImageBuffers = true,

            // No buffer is larger than the largest image.
            MemoryAllocator = new ImageAllocator(ImageFile.MaxPixels * 4),
        };
        var formats = configuration.ImageFormatsManager;
        formats.SetDecoder(GifFormat.Instance, new GifDecoder { DecodingMode = FrameDecodingMode.First, IgnoreMetadata = true });
        formats.SetDecoder(TiffFormat.Instance, new TiffDecoder { DecodingMode = FrameDecodingMode.First });

        // Its compressed texts have no bound; the orientation is read by ImageFileCheck.
        formats.SetDecoder(PngFormat.Instance, new PngDecoder { IgnoreMetadata = true });
        return configuration;
    }

    static IImageFormat Detect(byte[] bytes, string name) => Image.DetectFormat(Configuration, bytes)
        ?? throw new DataFormatException(name, Explain(bytes) ?? $"is no image: its first bytes, {Convert.ToHexString(bytes.AsSpan(0, Math.Min(8, bytes.Length)))}, are those of none of PNG, JPEG, WebP, GIF, TIFF, BMP, PGM and PPM");

    /// <summary>What a file is that is not read here, and what to do; null where its first bytes do not tell.</summary>
    static string? Explain(ReadOnlySpan<byte> start)
    {
        var brand = start.Length >= 12 && start[4..8].SequenceEqual("ftyp"u8) ? start[8..12] : default;
        var kind = brand.StartsWith("avi"u8) ? "an AVIF image"
            : brand.StartsWith("hei"u8) || brand.StartsWith("hev"u8) || brand.SequenceEqual("mif1"u8) || brand.SequenceEqual("msf1"u8) ? "an HEIC image"
            : start.StartsWith<byte>([0xFF, 0x0A]) || start.StartsWith("\0\0\0\u000CJXL "u8) ? "a JPEG XL image"
            : start.StartsWith("\0\0\0\u000CjP  "u8) ? "a JPEG 2000 image"
            : start.StartsWith("8BPS"u8) ? "a Photoshop file"
            : null;
        if (kind is not null) return $"is {kind}, which is not read: convert it to PNG or JPEG";
        if (start.StartsWith("version https://git-lfs"u8)) return "is a pointer of Git LFS, not the image itself: fetch it with 'git lfs pull'";
        return start.TrimStart(" \t\r\n"u8).StartsWith("<"u8) ? "is text (SVG, or a web page in an image's place), not an image of pixels" : null;
    }

    /// <summary>Refuses what the package decodes to other values than are meant: samples without a range, and strips beyond the end of the file.</summary>
    static void CheckTiff(ExifProfile tags, long length, string name)
    {
        const int real = 3;
        if (tags.GetValue(ExifTag.SampleFormat)?.Value.Contains((ushort)real) == true)
            throw new DataFormatException(name, "is a TIFF of floating-point samples, of which nothing says what is black and what is white; convert it to 8 or 16 bits a sample");
        var (offsets, counts) = (tags.GetValue(ExifTag.StripOffsets)?.Value ?? [], tags.GetValue(ExifTag.StripByteCounts)?.Value ?? []);
        for (var i = 0; i < Math.Min(offsets.Length, counts.Length); i++)
        {
            var end = (long)(uint)offsets[i] + (uint)counts[i];
            if (end > length) throw ImageFileCheck.CutOff(name, $"strip {i} of the image, which ends at byte {end:N0} of {length:N0}");
        }
    }

    /// <summary>Of CCITT fax codes a white run is zeros, whatever is said of the zeros afterwards; the package (2.1.13) makes it white.</summary>
    static bool IsInverted(TiffFrameMetadata metadata)
        => metadata.Compression is TiffCompression.Ccitt1D or TiffCompression.CcittGroup3Fax or TiffCompression.CcittGroup4Fax && metadata.PhotometricInterpretation == TiffPhotometricInterpretation.BlackIsZero;

    /// <summary>The pixels without what they do not need: alpha where all are opaque, colors where the file has none.</summary>
    static DecodedImage Copy(Image<Rgba32> image, bool isGray)
    {
        var isOpaque = true;
        image.ProcessPixelRows(rows =>
        {
            for (var y = 0; y < rows.Height && isOpaque; y++)
            {
                foreach (var pixel in rows.GetRowSpan(y))
                {
                    if (pixel.A == 255) continue;
                    isOpaque = false;
                    break;
                }
            }
        });

        var channels = (isGray ? 1 : 3) + (isOpaque ? 0 : 1);
        var pixels = new byte[image.Height * image.Width * channels];
        image.ProcessPixelRows(rows =>
        {
            var at = 0;
            for (var y = 0; y < rows.Height; y++)
            {
                foreach (var pixel in rows.GetRowSpan(y))
                {
                    pixels[at++] = pixel.R;
                    if (!isGray) (pixels[at], pixels[at + 1], at) = (pixel.G, pixel.B, at + 2);
                    if (!isOpaque) pixels[at++] = pixel.A;
                }
            }
        });
        return new(pixels, image.Height, image.Width, channels);
    }

    /// <summary>Whatever a decoder throws at a file is the file's fault: hostile ones make it run past its buffers in many ways.</summary>
    [SuppressMessage("Design", "CA1031:Do not catch general exception types", Justification = "What a decoder throws at a damaged file has no common type.")]
    static T Guard<T>(string name, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is not (DataFormatException or OutOfMemoryException))
        {
            throw new DataFormatException(name, $"cannot be read: {e.Message.ReplaceLineEndings(" ").TrimEnd('.', ' ')}", inner: e);
        }
    }
}
