namespace CnnSharp.Data;

/// <summary>
/// EMNIST (Cohen et al. 2017): digits and letters in six forms, [28, 28, 1], with the labels and the pixels of the files, as
/// torchvision has them: rows and columns are exchanged against MNIST's, and the letters' labels begin at 1 (0 is <c>N/A</c>).
/// </summary>
public static class Emnist
{
    const string Digits = "0123456789";
    const string Capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const string Letters = "abcdefghijklmnopqrstuvwxyz";

    // Small letters that look like their capitals are one class with them.
    const string Distinct = "abdefghnqrt";

    /// <summary>The forms: <c>byclass</c> (62 classes), <c>bymerge</c> and <c>balanced</c> (47), <c>letters</c> (26, and N/A), <c>digits</c> and <c>mnist</c> (10).</summary>
    public static IReadOnlyList<string> Splits { get; } = ["byclass", "bymerge", "balanced", "letters", "digits", "mnist"];

    /// <summary>The classes of a form, in the order of their labels.</summary>
    /// <exception cref="ArgumentException">There is no such form.</exception>
    public static IReadOnlyList<string> ClassNames(string split) => split switch
    {
        "byclass" => Each(Digits + Capitals + Letters),
        "bymerge" or "balanced" => Each(Digits + Capitals + Distinct),
        "letters" => ["N/A", .. Each(Letters)],
        "digits" or "mnist" => Each(Digits),
        _ => throw new ArgumentException($"EMNIST has no form '{split}'; it has {string.Join(", ", Splits)}.", nameof(split)),
    };

    /// <summary>
    /// Reads emnist-SPLIT-train-images-idx3-ubyte, -labels-idx1-ubyte and the test pair (each plain or .gz) from a folder, or
    /// from EMNIST/raw, raw or gzip inside it. Pixels are normalized by mean and standard deviation of the training images.
    /// </summary>
    /// <param name="folder">The folder, or one of the files.</param>
    /// <param name="split">One of <see cref="Splits"/>.</param>
    /// <exception cref="ArgumentException">There is no such form.</exception>
    /// <exception cref="DataFormatException">The files are missing, or one is not what it should be.</exception>
    public static DatasetSplits Load(string folder, string split = "letters") => IdxImages.Load(folder, $"emnist-{split}", Layout(split), ClassNames(split), normalization: null);

    internal static DataLayout Layout(string split) => IdxImages.Layout($"emnist-{split}-train", $"emnist-{split}-test", "EMNIST/raw", "raw", "gzip", "EMNIST");

    static string[] Each(string characters) => [.. characters.Select(character => $"{character}")];
}
