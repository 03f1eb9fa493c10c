namespace CnnSharp.Data;

/// <summary>How a folder of pictures becomes a data set.</summary>
public sealed record PictureFolderOptions
{
    /// <summary>Rows and columns of the set's pictures; 1 to 4,096. Default 224.</summary>
    public int Size { get; init; } = 224;

    /// <summary>
    /// To how many pixels the shorter side of a picture is resized before the middle, or a random part, of
    /// <see cref="Size"/> is taken; at least that. Default null: to <see cref="Size"/>.
    /// </summary>
    public int? Resize { get; init; }

    /// <summary>3: red, green, blue, grey pictures becoming coloured; 1: grey, coloured pictures becoming grey. Default 3.</summary>
    public int Channels { get; init; } = 3;

    /// <summary>What stands behind transparent pixels. Default black.</summary>
    public Colour Background { get; init; }

    /// <summary>How pixels are normalised. Default null: by mean and deviation of the training pictures, of the first 2,000 if there are more.</summary>
    public Normalization? Normalization { get; init; }

    /// <summary>The classes in the order of their labels, such as those of a checkpoint; a folder of another name is an error. Default null: the folders, sorted by name.</summary>
    public IReadOnlyList<string>? Classes { get; init; }

    /// <summary>Decoded and resized pictures up to this many bytes are kept in memory; more are read from their files again in each epoch. Default 1 GiB.</summary>
    public long MemoryBudget { get; init; } = 1L << 30;

    /// <summary>An image that claims more pixels is refused before it is decoded. Default and at most <see cref="PictureFile.MaxPixels"/>, 100 million.</summary>
    public long MaxPixels { get; init; } = PictureFile.MaxPixels;

    /// <summary>The key of the training pictures' order, and so of which ones <see cref="DataSet.Split"/> holds out. Default 0.</summary>
    public ulong SplitSeed { get; init; }

    /// <summary>
    /// Is told of each picture that cannot be read, which is then left out; if it is found within an epoch, the next one
    /// stands in for it. May be called by several threads. Default null: such a picture ends the work with its name.
    /// </summary>
    public Action<DataFormatException>? OnCorrupt { get; init; }

    internal void Validate()
    {
        if (Size is < 1 or > 4096) throw new ArgumentOutOfRangeException(nameof(Size), Size, "PictureFolderOptions: Size must be from 1 to 4,096 pixels.");
        if (Resize < Size || Resize > 4096) throw new ArgumentOutOfRangeException(nameof(Resize), Resize, $"PictureFolderOptions: Resize must be from Size, {Size}, to 4,096 pixels.");
        if (Channels is not (1 or 3)) throw new ArgumentOutOfRangeException(nameof(Channels), Channels, "PictureFolderOptions: Channels must be 1 (grey) or 3 (red, green, blue).");
        ArgumentOutOfRangeException.ThrowIfNegative(MemoryBudget);
        if (MaxPixels is < 1 or > PictureFile.MaxPixels) throw new ArgumentOutOfRangeException(nameof(MaxPixels), MaxPixels, $"PictureFolderOptions: MaxPixels must be from 1 to {PictureFile.MaxPixels:N0}.");
    }
}
