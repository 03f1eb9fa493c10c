using CnnSharp.Data;

namespace CnnSharp.Cli;

/// <summary>Images whose class is known by their folder: it, or one around it, is named like a class of the network.</summary>
/// <param name="names">The classes; of several folders of a path the inmost counts.</param>
internal sealed class KnownClasses(IReadOnlyList<string> names)
{
    readonly HashSet<string> classes = new(names, StringComparer.Ordinal);
    readonly List<WrongImage> mistakes = [];
    int count;

    /// <summary>How many images' classes are known.</summary>
    /// <exception cref="UsageException">No image's is.</exception>
    public int Count => count > 0 ? count : throw new UsageException($"--misclassified: no image is in a folder that is named like a class of the network ({(names.Count == 0 ? "which has no names: say them with --classes FILE" : string.Join(", ", names.Take(5)) + (names.Count > 5 ? ", ..." : ""))}), so nothing says what it is.");

    /// <summary>How many of them were taken for another class.</summary>
    public int Wrong => mistakes.Count;

    /// <summary>Looks at a prediction; one of an image of unknown class is passed over.</summary>
    /// <param name="file">The image, as it was named.</param>
    /// <param name="predicted">What it was taken for.</param>
    /// <param name="probability">Of that.</param>
    /// <param name="read">Reads the image.</param>
    public void Add(string file, string predicted, double probability, Func<DecodedImage> read)
    {
        var folders = file.Split(Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar)[..^1];
        if (Array.FindLast(folders, classes.Contains) is not { } own) return;
        count++;
        if (own != predicted) mistakes.Add(new(file, own, predicted, probability, read));
    }

    /// <summary>Those that were taken for another class, the surest first.</summary>
    public IReadOnlyList<WrongImage> Mistakes() => [.. mistakes.OrderByDescending(mistake => mistake.Probability).ThenBy(mistake => mistake.Name, StringComparer.Ordinal).Take(MistakeReport.Most)];
}
