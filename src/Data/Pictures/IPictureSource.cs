namespace CnnSharp.Data;

/// <summary>Pictures of any size that are cropped when a batch asks for them. Read by several threads at once.</summary>
interface IPictureSource
{
    /// <summary>A picture, with the channels of its set, neither side shorter than the set's pictures.</summary>
    /// <param name="index">Which one; becomes another where that one cannot be read and such pictures are to be left out.</param>
    /// <exception cref="DataFormatException">It cannot be read, and is not to be left out.</exception>
    Picture Load(ref int index);
}

/// <summary>Pixels that are read: [Height, Width, C].</summary>
readonly ref struct PictureView(ReadOnlySpan<byte> pixels, int height, int width)
{
    public ReadOnlySpan<byte> Pixels { get; } = pixels;

    public int Height { get; } = height;

    public int Width { get; } = width;

    /// <summary>The view of a whole picture.</summary>
    public static PictureView Of(Picture picture) => new(picture.Pixels, picture.Height, picture.Width);
}
