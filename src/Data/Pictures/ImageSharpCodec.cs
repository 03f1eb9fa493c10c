using System.Diagnostics.CodeAnalysis;
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
using SixLabors.ImageSharp.Memory;
using SixLabors.ImageSharp.Metadata;
using SixLabors.ImageSharp.Metadata.Profiles.Exif;
using SixLabors.ImageSharp.PixelFormats;
using SixLabors.ImageSharp.Processing;

namespace CnnSharp.Data;

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
    public static PictureSize Identify(byte[] bytes, string name) => Guard(name, () =>
    {
        var format = Detect(bytes, name);
        if (format is PngFormat) return ImageFileCheck.PngSize(bytes, name);
        if (format is WebpFormat) return ImageFileCheck.WebpSize(bytes, name);
        if (format is BmpFormat) return ImageFileCheck.BmpSize(bytes, name);
        var info = Image.Identify(Configuration, format is TiffFormat ? ImageFileCheck.WithBitsPerSample(bytes) : bytes, out _) ?? throw new DataFormatException(name, $"has no sound {format.Name} header");

        // A frame is decoded whole, also where it exceeds the canvas.
        var frame = format is GifFormat ? ImageFileCheck.FirstGifFrame(bytes) : default;
        return new PictureSize(Math.Max(info.Height, frame.Height), Math.Max(info.Width, frame.Width));
    });

    /// <summary>The image of a file whose size has been checked.</summary>
    /// <exception cref="DataFormatException">It is no image that the package reads, or it is corrupt or cut off.</exception>
    public static Picture Decode(byte[] bytes, string name) => Guard(name, () =>
    {
        var format = Detect(bytes, name);
        var file = ImageFileCheck.RequireWhole(bytes, format, name, out var exif);
        using var image = Image.Load<Rgba32>(Configuration, file);
        var metadata = image.Metadata;
        if (exif is not null) metadata.ExifProfile = new(exif);

        // TIFF keeps its tags with each frame.
        var frame = image.Frames.RootFrame.Metadata;
        if (format is TiffFormat && frame.ExifProfile is { } tags)
        {
            CheckTiff(tags, bytes.Length, name);
            metadata.ExifProfile = tags;
        }

        image.Mutate(x => x.AutoOrient());
        var isGrey = format is PngFormat && metadata.GetPngMetadata().ColorType is PngColorType.Grayscale or PngColorType.GrayscaleWithAlpha;
        var picture = Copy(image, isGrey, hasAlpha: format is not BmpFormat || ImageFileCheck.BmpHasAlpha(bytes));
        if (format is TiffFormat && IsInverted(frame.GetTiffMetadata())) Map(picture, value => 255 - value);
        if (format is PbmFormat && ImageFileCheck.NetpbmScale(bytes, name) is var (over, under) && over != under) Map(picture, value => Math.Min(255, ((2 * value * over) + under) / (2 * under)));
        return picture;
    });

    /// <summary>Writes a PNG of 8 bits a channel, not interlaced.</summary>
    public static void EncodePng(Stream stream, Picture picture)
    {
        var (height, width) = (picture.Height, picture.Width);
        using Image image = picture.Channels switch
        {
            1 => Image.LoadPixelData<L8>(Configuration, picture.Pixels, width, height),
            2 => Image.LoadPixelData<La16>(Configuration, picture.Pixels, width, height),
            3 => Image.LoadPixelData<Rgb24>(Configuration, picture.Pixels, width, height),
            _ => Image.LoadPixelData<Rgba32>(Configuration, picture.Pixels, width, height),
        };
        image.Save(stream, new PngEncoder
        {
            BitDepth = PngBitDepth.Bit8,
            ColorType = picture.Channels switch { 1 => PngColorType.Grayscale, 2 => PngColorType.GrayscaleWithAlpha, 3 => PngColorType.Rgb, _ => PngColorType.RgbWithAlpha },
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

            // No buffer is larger than the largest image, and none is kept for the next.
            MemoryAllocator = MemoryAllocator.Create(new() { MaximumPoolSizeMegabytes = 0, AllocationLimitMegabytes = (int)((PictureFile.MaxPixels * 4) >> 20) + 1 }),
        };
        var formats = configuration.ImageFormatsManager;
        formats.SetDecoder(GifFormat.Instance, new GifDecoder { DecodingMode = FrameDecodingMode.First, IgnoreMetadata = true });
        formats.SetDecoder(TiffFormat.Instance, new TiffDecoder { DecodingMode = FrameDecodingMode.First });

        // Its compressed texts have no bound; the orientation is read by ImageFileCheck.
        formats.SetDecoder(PngFormat.Instance, new PngDecoder { IgnoreMetadata = true });
        return configuration;
    }

    static IImageFormat Detect(byte[] bytes, string name) => Image.DetectFormat(Configuration, bytes)
        ?? throw new DataFormatException(name, $"is no image: its first bytes, {Convert.ToHexString(bytes.AsSpan(0, Math.Min(8, bytes.Length)))}, are those of none of PNG, JPEG, WebP, GIF, TIFF, BMP, PGM and PPM");

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
    static Picture Copy(Image<Rgba32> image, bool isGrey, bool hasAlpha)
    {
        var isOpaque = true;
        image.ProcessPixelRows(rows =>
        {
            for (var y = 0; y < rows.Height && hasAlpha && isOpaque; y++)
            {
                foreach (var pixel in rows.GetRowSpan(y))
                {
                    if (pixel.A == 255) continue;
                    isOpaque = false;
                    break;
                }
            }
        });

        var channels = (isGrey ? 1 : 3) + (isOpaque ? 0 : 1);
        var pixels = new byte[image.Height * image.Width * channels];
        image.ProcessPixelRows(rows =>
        {
            var at = 0;
            for (var y = 0; y < rows.Height; y++)
            {
                foreach (var pixel in rows.GetRowSpan(y))
                {
                    pixels[at++] = pixel.R;
                    if (!isGrey) (pixels[at], pixels[at + 1], at) = (pixel.G, pixel.B, at + 2);
                    if (!isOpaque) pixels[at++] = pixel.A;
                }
            }
        });
        return new(pixels, image.Height, image.Width, channels);
    }

    static void Map(Picture picture, Func<int, int> map)
    {
        for (var i = 0; i < picture.Pixels.Length; i++)
            if (!picture.HasAlpha || i % picture.Channels != picture.Channels - 1) picture.Pixels[i] = (byte)map(picture.Pixels[i]);
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
