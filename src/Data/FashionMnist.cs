namespace CnnSharp.Data;

/// <summary>Fashion-MNIST (Xiao et al. 2017): 60,000 training and 10,000 test pictures [28, 28, 1] of clothes, in the files and sizes of MNIST.</summary>
public static class FashionMnist
{
    /// <summary>The classes, in the order of their labels.</summary>
    public static IReadOnlyList<string> ClassNames { get; } = ["T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"];

    /// <summary>Mean and deviation of the training pictures.</summary>
    public static Normalization Normalization { get; } = new([.2860f], [.3530f]);

    /// <summary>Reads train-images-idx3-ubyte, train-labels-idx1-ubyte and, if there, the t10k pair (each plain or .gz) from a folder.</summary>
    /// <exception cref="DataFormatException">The folder or a training file is missing, or a file is not what it should be.</exception>
    public static DataSet Load(string folder) => IdxPictures.Load(folder, "fashion-mnist", ClassNames, Normalization);
}
