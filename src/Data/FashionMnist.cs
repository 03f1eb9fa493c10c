namespace CnnSharp.Data;

/// <summary>Fashion-MNIST (Xiao et al. 2017): 60,000 training and 10,000 test images [28, 28, 1] of clothes, in the files and sizes of MNIST.</summary>
public static class FashionMnist
{
    /// <summary>The classes, in the order of their labels.</summary>
    public static IReadOnlyList<string> ClassNames { get; } = ["T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"];

    /// <summary>Mean and standard deviation of the training images.</summary>
    public static Normalization Normalization { get; } = new([.2860f], [.3530f]);

    internal static DataLayout Layout { get; } = IdxImages.Layout("train", "t10k", "FashionMNIST/raw", "raw", "FashionMNIST");

    /// <summary>
    /// Reads train-images-idx3-ubyte, train-labels-idx1-ubyte and the t10k pair (each plain or .gz, also as .idx3-ubyte) from a
    /// folder, or from FashionMNIST/raw or raw inside it, where torchvision puts them. One of the pairs may be missing.
    /// </summary>
    /// <param name="folder">The folder, or one of the files of images.</param>
    /// <exception cref="DataFormatException">The files are missing, or one is not what it should be.</exception>
    public static DatasetSplits Load(string folder) => IdxImages.Load(folder, "fashion-mnist", Layout, ClassNames, Normalization);
}
