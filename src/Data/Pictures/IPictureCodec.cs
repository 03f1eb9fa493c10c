namespace CnnSharp.Data;

/// <summary>
/// Reads and writes picture files. Two implementations, one of which the build chooses: SixLabors.ImageSharp, or
/// <see cref="OwnCodec"/> where the package feeds lack it. <see cref="PictureFile"/> is the way in.
/// </summary>
interface IPictureCodec
{
    /// <summary>What it is called, with its version where it is a package.</summary>
    string Name { get; }

    /// <summary>Whether a file begins like a picture that the codec reads.</summary>
    bool Reads(ReadOnlySpan<byte> start);

    /// <summary>What the file's header says, without its pixels.</summary>
    /// <param name="bytes">The file, or as much of its beginning as <see cref="PictureFile.HeaderBytes"/>.</param>
    /// <param name="name">The file, for messages.</param>
    /// <exception cref="DataFormatException">It is no picture that the codec reads.</exception>
    PictureSize Identify(byte[] bytes, string name);

    /// <summary>The picture of a file whose size has been checked.</summary>
    /// <exception cref="DataFormatException">It is no picture that the codec reads, or it is corrupt.</exception>
    Picture Decode(byte[] bytes, string name);

    /// <summary>Writes a PNG of 8 bits a channel, not interlaced.</summary>
    void EncodePng(Stream stream, Picture picture);
}

/// <summary>The extents of a picture.</summary>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
public readonly record struct PictureSize(int Height, int Width)
{
    /// <summary>Height times width.</summary>
    public long Pixels => (long)Height * Width;
}
