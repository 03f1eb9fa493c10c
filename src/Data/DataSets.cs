using CnnSharp.Kernels;

namespace CnnSharp.Data;

/// <summary>The data sets that are known by name, and where they are looked for.</summary>
public static class DataSets
{
    /// <summary>The variable that names a folder to search: the data set itself, or one with a folder of its name inside.</summary>
    public const string Variable = "CNNSHARP_DATA";

    const string Embedded = "embedded";

    static readonly Known[] All =
    [
        new("cifar10", Cifar10.Layout, Cifar10.Load, "run data-scripts/get-cifar10.sh (.ps1 on Windows; 170 MB)", []),
        new("cifar100", Cifar100.Layout, folder => Cifar100.Load(folder), "run data-scripts/get-cifar100.sh (.ps1 on Windows; 170 MB)", []),
        new("mnist", Mnist.Layout, Mnist.Load, "run data-scripts/get-mnist.sh (.ps1 on Windows; 12 MB)", ["/usr/share/datasets/mnist"], SharesFileNames: true),
        new("fashion-mnist", FashionMnist.Layout, FashionMnist.Load, "run data-scripts/get-fashion-mnist.sh (.ps1 on Windows; 30 MB), or on Debian: apt install dataset-fashion-mnist", ["/usr/share/datasets/fashion-mnist"], SharesFileNames: true),
        .. Emnist.Splits.Select(split => new Known($"emnist-{split}", Emnist.Layout(split), folder => Emnist.Load(folder, split), "see https://www.nist.gov/itl/products-and-services/emnist-dataset", [])),
    ];

    /// <summary>The names: <c>cifar10</c>, <c>cifar100</c>, <c>mnist</c>, <c>fashion-mnist</c>, <c>emnist-letters</c> and the other forms of EMNIST, <c>embedded</c>.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. All.Select(known => known.Name), Embedded];

    /// <summary>
    /// Loads a data set. With <paramref name="data"/>, it must be there: in that folder, or in one of its name inside, or in
    /// one that its archive or torchvision makes inside; or it is the archive, or one of the files.
    /// Without, the places are $CNNSHARP_DATA, ./data, the user's cache folder (<c>$XDG_CACHE_HOME/cnnsharp</c>,
    /// <c>~/.cache/cnnsharp</c>, or <c>%LOCALAPPDATA%\cnnsharp</c>) and those where the system's packages put it.
    /// </summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="data">A folder or file of the user's choice; null searches. The embedded set needs none.</param>
    /// <exception cref="ArgumentException">There is no data set of that name.</exception>
    /// <exception cref="DataFormatException">It was not found, and the message says where it was looked for and how to get it; or a file of it is not what it should be.</exception>
    public static DatasetSplits Find(string name, string? data = null)
    {
        if (name == Embedded) return EmbeddedFashionMnist.Load();
        var known = All.FirstOrDefault(k => k.Name == name) ?? throw new ArgumentException($"There is no data set '{name}'; there are {string.Join(", ", Names)}.", nameof(name));
        var places = Places(known, data);
        var folder = data is null ? Locate(known, places) : places.Find(place => DataSource.Find(place, known.Layout) is not null);
        return folder is not null ? known.Load(folder) : throw new DataFormatException(name, Absent(known, places, data));
    }

    /// <summary>
    /// Loads the best data set present: CIFAR-10, else Fashion-MNIST, else the embedded set. With <paramref name="data"/>,
    /// one of the first two must be there.
    /// </summary>
    /// <param name="data">A folder of the user's choice; null searches.</param>
    /// <param name="notice">If it is not CIFAR-10: where that was looked for, how to get it, and what was taken instead.</param>
    /// <exception cref="DataFormatException">The folder of the user's choice has neither, or a file is not what it should be.</exception>
    public static DatasetSplits Best(string? data, out string? notice)
    {
        var (wanted, second) = (All[0], All[3]);
        var places = Places(wanted, data);
        notice = null;
        if (Locate(wanted, places) is { } folder) return wanted.Load(folder);

        var absent = $"{wanted.Name}: {Absent(wanted, places, data)}.";
        if (Locate(second, Places(second, data)) is { } other)
        {
            notice = $"{absent} Taking {second.Name} from {other} instead.";
            return second.Load(other);
        }

        if (data is not null) throw new DataFormatException(data, $"the folder holds neither {wanted.Name} nor {second.Name}; to get {wanted.Name}, {wanted.HowToGet}");
        var embedded = EmbeddedFashionMnist.Load();
        notice = $"{absent} Taking the embedded part of Fashion-MNIST ({embedded.Train.Count:N0} training and {embedded.RequireTest().Count:N0} test images) instead.";
        return embedded;
    }

    static List<string> Places(Known known, string? data)
    {
        if (data is not null) return [data, Path.Combine(data, known.Name)];

        var places = new List<string>();
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } variable) places.AddRange([variable, Path.Combine(variable, known.Name)]);
        places.AddRange([Path.Combine("data", known.Name), "data"]);
        if (CacheFolder.OfUser is { } cache) places.Add(Path.Combine(cache, known.Name));
        places.AddRange(known.SystemPlaces);
        return places;
    }

    /// <summary>
    /// The first place that holds the set. MNIST and Fashion-MNIST have the same file names: unless the user has said which
    /// one a folder holds, the folder's own name must say it.
    /// </summary>
    static string? Locate(Known known, List<string> places)
        => places.Find(place => DataSource.Find(place, known.Layout) is { } source && (!known.SharesFileNames || Says(place, source.Path, known)));

    /// <summary>Whether the folder, or the one inside that a library has made for it, is called like the set.</summary>
    static bool Says(string place, string found, Known known)
        => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(place))) == known.Name || known.Layout.Folders.Any(folder => folder.Contains("MNIST", StringComparison.Ordinal) && found == Path.Combine(place, folder));

    static string Absent(Known known, List<string> places, string? data) => $"not found in {string.Join(", ", places)}; looked for {known.Layout}{(data is null ? "" : DataSource.Present(data))}; to get it, {known.HowToGet}";

    sealed record Known(string Name, DataLayout Layout, Func<string, DatasetSplits> Load, string HowToGet, string[] SystemPlaces, bool SharesFileNames = false);
}
