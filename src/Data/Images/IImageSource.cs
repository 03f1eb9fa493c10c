namespace CnnSharp.Data;

/// <summary>Images of any size that are cropped when a batch asks for them. Read by several threads at once.</summary>
interface IImageSource
{
    /// <summary>An image, with the channels of its set, neither side shorter than the set's images.</summary>
    /// <returns>Null where it cannot be read and such images are to be left out.</returns>
    /// <exception cref="DataFormatException">It cannot be read, and is not to be left out.</exception>
    DecodedImage? Load(int index);
}

/// <summary>Pixels that are read: [Height, Width, C].</summary>
/// <param name="pixels">[height, width, C].</param>
/// <param name="height">Rows.</param>
/// <param name="width">Columns.</param>
/// <param name="channels">C, where readers may ask for others; 0: C is what they ask for.</param>
/// <param name="background">What stands behind transparent pixels then.</param>
readonly ref struct ImageView(ReadOnlySpan<byte> pixels, int height, int width, int channels = 0, Color background = default)
{
    readonly int channels = channels;
    readonly Color background = background;


    public ReadOnlySpan<byte> Pixels { get; } = pixels;

    public int Height { get; } = height;

    public int Width { get; } = width;

    /// <summary>Whether rows are converted to other channels as they are read.</summary>
    public bool IsConverted(int wanted) => channels != 0 && channels != wanted;

    /// <summary>A row of pixels, [Width, wanted].</summary>
    /// <param name="row">Which.</param>
    /// <param name="wanted">The channels; 1 or 3 where the view has others.</param>
    /// <param name="buffer">Room for a row that is converted.</param>
    public ReadOnlySpan<byte> Row(int row, int wanted, Span<byte> buffer)
    {
        if (!IsConverted(wanted)) return Pixels.Slice(row * Width * wanted, Width * wanted);
        var line = buffer[..(Width * wanted)];
        DecodedImage.Convert(Pixels.Slice(row * Width * channels, Width * channels), channels, line, wanted, background);
        return line;
    }

    /// <summary>The view of a whole image.</summary>
    public static ImageView Of(DecodedImage image) => new(image.Pixels, image.Height, image.Width);
}
