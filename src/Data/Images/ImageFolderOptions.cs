namespace CnnSharp.Data;

/// <summary>How a folder of images becomes a data set.</summary>
public sealed record ImageFolderOptions
{
    /// <summary>Rows and columns of the set's images; 1 to 4,096. Default 224.</summary>
    public int Size { get; init; } = 224;

    /// <summary>
    /// To how many pixels the shorter side of an image is resized before the middle, or a random part, of
    /// <see cref="Size"/> is taken; at least that. Default null: to <see cref="Size"/>.
    /// </summary>
    public int? Resize { get; init; }

    /// <summary>3: red, green, blue, gray images becoming colored; 1: gray, colored images becoming gray. Default 3.</summary>
    public int Channels { get; init; } = 3;

    /// <summary>What stands behind transparent pixels. Default black.</summary>
    public Color Background { get; init; }

    /// <summary>How pixels are normalized. Default null: by mean and standard deviation of the training images, of the first 2,000 if there are more.</summary>
    public Normalization? Normalization { get; init; }

    /// <summary>The classes in the order of their labels, such as those of a checkpoint; a folder of another name is an error. Default null: the folders, sorted by name.</summary>
    public IReadOnlyList<string>? Classes { get; init; }

    /// <summary>Decoded and resized images up to this many bytes are kept in memory; more are read from their files again in each epoch. Default 1 GiB.</summary>
    public long MemoryBudget { get; init; } = 1L << 30;

    /// <summary>An image that claims more pixels is refused before it is decoded. Default and at most <see cref="ImageFile.MaxPixels"/>, 100 million.</summary>
    public long MaxPixels { get; init; } = ImageFile.MaxPixels;

    /// <summary>The key of the training images' order, and so of which ones <see cref="DatasetSplits.Split"/> holds out. Default 0.</summary>
    public ulong SplitSeed { get; init; }

    /// <summary>
    /// Is notified of each image that cannot be read, which is then left out; if it is found within an epoch, the next one
    /// stands in for it. May be called by several threads. Default null: such an image ends the work with its name.
    /// </summary>
    public Action<DataFormatException>? OnCorrupt { get; init; }

    internal void Validate()
    {
        if (Size is < 1 or > 4096) throw new ArgumentOutOfRangeException(nameof(Size), Size, "ImageFolderOptions: Size must be from 1 to 4,096 pixels.");
        if (Resize < Size || Resize > 4096) throw new ArgumentOutOfRangeException(nameof(Resize), Resize, $"ImageFolderOptions: Resize must be from Size, {Size}, to 4,096 pixels.");
        if (Channels is not (1 or 3)) throw new ArgumentOutOfRangeException(nameof(Channels), Channels, "ImageFolderOptions: Channels must be 1 (gray) or 3 (red, green, blue).");
        ArgumentOutOfRangeException.ThrowIfNegative(MemoryBudget);
        if (MaxPixels is < 1 or > ImageFile.MaxPixels) throw new ArgumentOutOfRangeException(nameof(MaxPixels), MaxPixels, $"ImageFolderOptions: MaxPixels must be from 1 to {ImageFile.MaxPixels:N0}.");
    }
}
