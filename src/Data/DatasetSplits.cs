namespace CnnSharp.Data;

/// <summary>A data set as it comes: images to train on, and, if its test file is there, images to test on.</summary>
/// <param name="Train">The training images; none where only test images are there.</param>
/// <param name="Test">The test images; null if the folder has no test file.</param>
/// <param name="Source">Where it was read from.</param>
public sealed record DatasetSplits(ImageDataset Train, ImageDataset? Test, string Source)
{
    /// <summary>What it is called: <c>cifar10</c>.</summary>
    public string Name => Train.Name;

    /// <summary>Images to measure a training by, where the data set has some beside those to test on; else null: hold some out.</summary>
    public ImageDataset? Validation { get; init; }

    /// <summary>Of a folder of images, how many files in it are none, by their endings (<c>.heic</c>, <c>.txt</c>, <c>hidden</c>).</summary>
    public IReadOnlyDictionary<string, int> Ignored { get; init; } = new Dictionary<string, int>();

    /// <summary>Holds out the last <paramref name="validation"/> training images.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative, or would leave nothing to train on.</exception>
    public (ImageDataset Train, ImageDataset Validation) Split(int validation) => Train.Split(validation);

    /// <summary>The test images.</summary>
    /// <exception cref="DataFormatException">The folder has no test file.</exception>
    public ImageDataset RequireTest() => Test ?? throw new DataFormatException(Source, $"the test images of {Name} are not here; hold out training images instead (validation)");
}
