namespace CnnSharp.Data;

/// <summary>CIFAR-10 (Krizhevsky 2009): 50,000 training and 10,000 test pictures [32, 32, 3] of ten classes.</summary>
public static class Cifar10
{
    const int Batches = 5;
    const int BatchCount = 10_000;
    const string Archive = "cifar-10-batches-bin";

    static readonly int[] Labels = [10];

    /// <summary>The classes, in the order of their labels.</summary>
    public static IReadOnlyList<string> ClassNames { get; } = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

    /// <summary>Mean and deviation of the training pictures.</summary>
    public static Normalization Normalization { get; } = new([.4914f, .4822f, .4465f], [.2470f, .2435f, .2616f]);

    /// <summary>
    /// Reads data_batch_1.bin to data_batch_5.bin and, if there, test_batch.bin and batches.meta.txt (the binary version,
    /// each .bin plain or .gz) from a folder, or from cifar-10-batches-bin inside it.
    /// </summary>
    /// <exception cref="DataFormatException">The folder or a training file is missing, or a file is not what it should be.</exception>
    public static DataSet Load(string folder)
    {
        var source = CifarFile.Inside(folder, Archive, "data_batch_1.bin");
        var training = new string[Batches];
        for (var b = 0; b < Batches; b++) training[b] = DataFile.Require(source, $"data_batch_{b + 1}.bin");
        var names = CifarFile.ReadNames(source, "batches.meta.txt", ClassNames.Count) ?? ClassNames;

        var train = Read(training, names);
        var test = DataFile.Find(source, "test_batch.bin") is { } file ? Read([file], names) : null;
        return new(train, test, source);
    }

    /// <summary>Writes a picture as one record of the binary version: its label, then its red, green and blue planes.</summary>
    /// <param name="stream">The file.</param>
    /// <param name="picture">[32, 32, 3].</param>
    /// <param name="label">0 to 9.</param>
    /// <param name="name">What messages call the picture.</param>
    /// <exception cref="DataFormatException">The picture is of another size.</exception>
    public static void Write(Stream stream, Picture picture, int label, string name)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(picture);
        if (label < 0 || label >= ClassNames.Count) throw new ArgumentOutOfRangeException(nameof(label), label, "CIFAR-10 has the labels 0 to 9.");
        if ((picture.Height, picture.Width, picture.Channels) != (CifarFile.Side, CifarFile.Side, CifarFile.Channels))
            throw new DataFormatException(name, "the size of the picture", $"[{CifarFile.Side}, {CifarFile.Side}, {CifarFile.Channels}]", $"[{picture.Height}, {picture.Width}, {picture.Channels}]");
        stream.WriteByte((byte)label);
        stream.Write(CifarFile.Planes(picture.Pixels));
    }

    /// <summary>Whether a folder holds the training files, so that <see cref="Load"/> makes sense.</summary>
    internal static bool IsIn(string folder) => DataFile.Find(CifarFile.Inside(folder, Archive, "data_batch_1.bin"), "data_batch_1.bin") is not null;

    static PictureSet Read(string[] files, IReadOnlyList<string> names)
    {
        var pixels = new byte[files.Length * BatchCount * CifarFile.PictureLength];
        var labels = new int[files.Length * BatchCount];
        for (var b = 0; b < files.Length; b++)
        {
            CifarFile.Read(
                files[b],
                BatchCount,
                Labels,
                chosen: 0,
                pixels.AsSpan(b * BatchCount * CifarFile.PictureLength, BatchCount * CifarFile.PictureLength),
                labels.AsSpan(b * BatchCount, BatchCount));
        }

        return new("cifar10", pixels, labels, CifarFile.Side, CifarFile.Side, CifarFile.Channels, names, Normalization);
    }
}
