namespace CnnSharp.Data;

/// <summary>
/// Reads and writes image files through SixLabors.ImageSharp: PNG, JPEG, WebP, GIF, TIFF, BMP and Netpbm (PBM, PGM, PPM). Of
/// several frames or pages the first is read. EXIF orientation is applied, color profiles are not. A file that ends too
/// early is refused, and so is what the package cannot decode to the right values: WebP whose first frame
/// does not fill its canvas, tiled and floating-point TIFF, PNG of 16 bits with a transparent color.
/// </summary>
/// <example>
/// <code>
/// var image = ImageFile.Read("cat.png").Flatten(channels: 3, Color.White);
/// </code>
/// </example>
public static class ImageFile
{
    /// <summary>An image has at most this many pixels, 100 million; a file that claims more is refused before anything is allocated for it.</summary>
    public const long MaxPixels = 100_000_000;

    /// <summary>A file has at most this many bytes, 512 MiB.</summary>
    public const long MaxFileBytes = 512L << 20;

    /// <summary>The beginning of a file that is enough for <see cref="Identify(string)"/>; of a file whose header lies further back, all is read.</summary>
    internal const int HeaderBytes = 4096;

    /// <summary>What reads the files: the package and its version.</summary>
    public static string CodecName => ImageSharpCodec.Name;

    /// <summary>The endings of file names that are taken for images, in lower case; a name may have them in any case.</summary>
    public static IReadOnlyList<string> Extensions { get; } = [".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".dib", ".ppm", ".pgm", ".pbm", ".pnm", ".apng"];

    /// <summary>Whether a file's name ends like an image's, and the file is not hidden.</summary>
    public static bool IsImage(string path)
    {
        var name = Path.GetFileName(path);
        return !name.StartsWith('.') && Extensions.Contains(Path.GetExtension(name).ToLowerInvariant());
    }

    /// <summary>Whether a file's contents begin like those of an image that this build reads; the rest may be corrupt all the same.</summary>
    /// <param name="start">The file, or its first 4,096 bytes.</param>
    public static bool Recognizes(ReadOnlySpan<byte> start) => ImageSharpCodec.Reads(start);

    /// <summary>Reads an image.</summary>
    /// <param name="path">The file; its contents, not its name, say what it is.</param>
    /// <param name="maxPixels">An image that claims more is refused before it is decoded; at most <see cref="MaxPixels"/>, which is the default. Decoding takes 7 bytes a pixel, with alpha up to 9.</param>
    /// <exception cref="DataFormatException">It is no image, is corrupt, cut off or too large.</exception>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public static DecodedImage Read(string path, long maxPixels = MaxPixels) => Decode(ReadBytes(path, MaxFileBytes), path, maxPixels);

    /// <summary>Reads an image from memory.</summary>
    /// <param name="bytes">The file's contents.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="maxPixels">As in <see cref="Read"/>.</param>
    /// <exception cref="DataFormatException">It is no image, is corrupt, cut off or too large.</exception>
    public static DecodedImage Decode(byte[] bytes, string name, long maxPixels = MaxPixels)
        => Decode(bytes, name, maxPixels, (view, channels, copy) => copy ?? new DecodedImage(view.Pixels.ToArray(), view.Height, view.Width, channels));

    /// <summary>Reads an image and uses it without a copy of its pixels.</summary>
    internal static T Read<T>(string path, long maxPixels, ImageUse<T> use) => Decode(ReadBytes(path, MaxFileBytes), path, maxPixels, use);

    /// <summary>Reads an image from memory and uses it without a copy of its pixels.</summary>
    internal static T Decode<T>(byte[] bytes, string name, long maxPixels, ImageUse<T> use)
    {
        var size = Identify(bytes, name);
        CheckSize(size, name, Math.Min(maxPixels, MaxPixels));
        return ImageSharpCodec.Decode(bytes, name, size, use);
    }

    /// <summary>The extents that an image in memory claims in its header, whatever they are: to refuse one before <see cref="Decode"/> makes room for it.</summary>
    /// <param name="bytes">The file's contents.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="DataFormatException">It is no image that this build reads.</exception>
    public static ImageSize Identify(byte[] bytes, string name)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        return ImageSharpCodec.Identify(bytes, name);
    }

    /// <summary>The extents of an image, from the file's header.</summary>
    /// <exception cref="DataFormatException">It is no image that this build reads, or too large.</exception>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public static ImageSize Identify(string path)
    {
        var head = ReadBytes(path, HeaderBytes, whole: false);
        ImageSize size;
        try
        {
            size = ImageSharpCodec.Identify(head, path);
        }
        catch (DataFormatException) when (head.Length == HeaderBytes)
        {
            // A JPEG's header can stand after a preview of any length.
            size = ImageSharpCodec.Identify(ReadBytes(path, MaxFileBytes), path);
        }

        CheckSize(size, path, MaxPixels);
        return size;
    }

    /// <summary>Writes an image as PNG, 8 bits a channel.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void WritePng(string path, DecodedImage image)
    {
        using var stream = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 1 << 16);
        WritePng(stream, image);
    }

    /// <summary>Writes an image as PNG, 8 bits a channel.</summary>
    public static void WritePng(Stream stream, DecodedImage image)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(image);
        ImageSharpCodec.EncodePng(stream, image);
    }

    static void CheckSize(ImageSize size, string name, long maxPixels)
    {
        if (size.Pixels > maxPixels) throw new DataFormatException(name, "the size of the image", $"at most {maxPixels:N0} pixels", $"{size.Width:N0} x {size.Height:N0}");
    }

    static byte[] ReadBytes(string path, long limit, bool whole = true)
    {
        // Small reads go straight to the file: a buffer of the stream's own would only be copied from.
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        if (whole && file.Length > limit) throw new DataFormatException(path, "the size of the file", $"at most {limit:N0} bytes", $"{file.Length:N0}");
        var bytes = new byte[Math.Min(file.Length, limit)];
        var read = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        if (read == 0) throw new DataFormatException(path, "the file is empty");
        return read == bytes.Length ? bytes : bytes[..read];
    }
}
