namespace CnnSharp.Data;

/// <summary>CIFAR-10 (Krizhevsky 2009): 50,000 training and 10,000 test images [32, 32, 3] of ten classes.</summary>
public static class Cifar10
{
    /// <summary>The classes, in the order of their labels.</summary>
    public static IReadOnlyList<string> ClassNames { get; } = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

    /// <summary>Mean and standard deviation of the training images.</summary>
    public static Normalization Normalization { get; } = new([.4914f, .4822f, .4465f], [.2470f, .2435f, .2616f]);

    static CifarSet Set { get; } = new(
        "cifar10",
        ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"],
        10_000,
        "test_batch",
        10_000,
        [10],
        ["labels"],
        ["batches.meta.txt"],
        [ClassNames],
        new(["data_batch_1.bin", "test_batch.bin", "data_batch_1", "test_batch"], ["cifar-10-batches-bin", "cifar-10-batches-py"], ["cifar-10-binary.tar.gz", "cifar-10-python.tar.gz"]),
        Normalization);

    internal static DataLayout Layout => Set.Layout;

    /// <summary>
    /// Reads data_batch_1.bin to data_batch_5.bin, test_batch.bin and, if there, batches.meta.txt (the binary version), or
    /// data_batch_1 to data_batch_5 and test_batch (Python's, of which arrays are read and nothing is run), each plain or .gz.
    /// </summary>
    /// <param name="folder">The folder; one that has cifar-10-batches-bin, cifar-10-batches-py or the archive (cifar-10-binary.tar.gz, cifar-10-python.tar.gz) inside; the archive; or one of the files.</param>
    /// <exception cref="DataFormatException">The files are missing, or one is not what it should be.</exception>
    public static DatasetSplits Load(string folder) => CifarFile.Load(folder, Set, chosen: 0);

    /// <summary>Writes an image as one record of the binary version: its label, then its red, green and blue planes.</summary>
    /// <param name="stream">The file.</param>
    /// <param name="image">[32, 32, 3].</param>
    /// <param name="label">0 to 9.</param>
    /// <param name="name">What messages call the image.</param>
    /// <exception cref="DataFormatException">The image is of another size.</exception>
    public static void Write(Stream stream, DecodedImage image, int label, string name)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(image);
        if (label < 0 || label >= ClassNames.Count) throw new ArgumentOutOfRangeException(nameof(label), label, "CIFAR-10 has the labels 0 to 9.");
        if ((image.Height, image.Width, image.Channels) != (CifarFile.Side, CifarFile.Side, CifarFile.Channels))
            throw new DataFormatException(name, "the size of the image", $"[{CifarFile.Side}, {CifarFile.Side}, {CifarFile.Channels}]", $"[{image.Height}, {image.Width}, {image.Channels}]");
        stream.WriteByte((byte)label);
        stream.Write(CifarFile.Planes(image.Pixels));
    }
}
