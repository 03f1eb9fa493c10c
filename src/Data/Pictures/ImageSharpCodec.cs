using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats.Png;
using SixLabors.ImageSharp.Memory;
using SixLabors.ImageSharp.PixelFormats;
using SixLabors.ImageSharp.Processing;

namespace CnnSharp.Data;

/// <summary>
/// The package SixLabors.ImageSharp: JPEG, WebP, GIF, TIFF, BMP, PPM and more. A photograph that its camera marked as turned
/// is set upright. PNG is read by <see cref="PngReader"/> here too: the package's decoder (2.1.13) does not come to an end
/// at an interlaced picture of 1 x 1.
/// </summary>
sealed class ImageSharpCodec : IPictureCodec
{
    // On threads of the loader's own: a picture is decoded by one thread, and the package's pool may hold four times the largest picture.
    readonly Configuration configuration;

    public ImageSharpCodec()
    {
        configuration = Configuration.Default.Clone();
        configuration.MaxDegreeOfParallelism = 1;
        configuration.MemoryAllocator = MemoryAllocator.Create(new() { AllocationLimitMegabytes = (int)((PictureFile.MaxPixels * 4) >> 20) + 1 });
    }

    public string Name { get; } = $"SixLabors.ImageSharp {typeof(Image).Assembly.GetName().Version?.ToString(3)}";

    public bool Reads(ReadOnlySpan<byte> start) => Image.DetectFormat(configuration, start) is not null;

    public PictureSize Identify(byte[] bytes, string name) => IsPng(bytes) ? PngReader.Identify(bytes, name) : Guard(name, () =>
    {
        var info = Image.Identify(configuration, bytes, out _) ?? throw new DataFormatException(name, "is no picture of a kind that SixLabors.ImageSharp reads");
        return new PictureSize(info.Height, info.Width);
    });

    public Picture Decode(byte[] bytes, string name) => IsPng(bytes) ? PngReader.Read(bytes, name) : Guard(name, () =>
    {
        using var image = Image.Load<Rgba32>(configuration, bytes);
        image.Mutate(x => x.AutoOrient());
        var pixels = new byte[image.Height * image.Width * 4];
        image.CopyPixelDataTo(pixels);
        var picture = new Picture(pixels, image.Height, image.Width, 4);
        return IsOpaque(pixels) ? picture.Flatten(3) : picture;
    });

    public void EncodePng(Stream stream, Picture picture)
    {
        var (height, width) = (picture.Height, picture.Width);
        using Image image = picture.Channels switch
        {
            1 => Image.LoadPixelData<L8>(configuration, picture.Pixels, width, height),
            2 => Image.LoadPixelData<La16>(configuration, picture.Pixels, width, height),
            3 => Image.LoadPixelData<Rgb24>(configuration, picture.Pixels, width, height),
            _ => Image.LoadPixelData<Rgba32>(configuration, picture.Pixels, width, height),
        };
        image.Save(stream, new PngEncoder
        {
            BitDepth = PngBitDepth.Bit8,
            ColorType = picture.Channels switch { 1 => PngColorType.Grayscale, 2 => PngColorType.GrayscaleWithAlpha, 3 => PngColorType.Rgb, _ => PngColorType.RgbWithAlpha },
            TransparentColorMode = PngTransparentColorMode.Preserve,
        });
    }

    static bool IsPng(ReadOnlySpan<byte> bytes) => bytes.StartsWith(PngReader.Signature);

    static bool IsOpaque(ReadOnlySpan<byte> pixels)
    {
        for (var at = 3; at < pixels.Length; at += 4)
            if (pixels[at] != 255) return false;
        return true;
    }

    /// <summary>Whatever a decoder throws at a file is the file's fault: hostile ones make it run past its buffers in many ways.</summary>
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
