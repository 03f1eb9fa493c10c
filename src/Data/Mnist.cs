namespace CnnSharp.Data;

/// <summary>MNIST (LeCun et al. 1998): 60,000 training and 10,000 test images [28, 28, 1] of handwritten digits.</summary>
public static class Mnist
{
    /// <summary>The digits.</summary>
    public static IReadOnlyList<string> ClassNames { get; } = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

    /// <summary>Mean and standard deviation of the training images.</summary>
    public static Normalization Normalization { get; } = new([.1307f], [.3081f]);

    internal static DataLayout Layout { get; } = IdxImages.Layout("train", "t10k", "MNIST/raw", "raw", "MNIST");

    /// <summary>
    /// Reads train-images-idx3-ubyte, train-labels-idx1-ubyte and the t10k pair (each plain or .gz, also as .idx3-ubyte) from a
    /// folder, or from MNIST/raw or raw inside it, where torchvision puts them. One of the pairs may be missing.
    /// </summary>
    /// <param name="folder">The folder, or one of the files of images.</param>
    /// <exception cref="DataFormatException">The files are missing, or one is not what it should be.</exception>
    public static DatasetSplits Load(string folder) => IdxImages.Load(folder, "mnist", Layout, ClassNames, Normalization);
}
