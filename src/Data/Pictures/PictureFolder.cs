using CnnSharp.Kernels;

namespace CnnSharp.Data;

/// <summary>
/// A folder of pictures as a data set: a folder a class, named like it, with picture files anywhere inside, of any size and
/// kind (<see cref="PictureFile"/>). Either the class folders themselves (then hold some out with <see cref="DataSet.Split"/>),
/// or <c>train</c> with class folders and beside it <c>val</c> (or <c>valid</c>, <c>validation</c>), <c>test</c>, or both.
/// </summary>
/// <example>
/// <code>
/// var (train, validation) = PictureFolder.Load("flowers", new() { Size = 64 }).Split(validation: 500);
/// </code>
/// </example>
public static class PictureFolder
{
    /// <summary>The name of such sets, and of <c>--dataset folder</c>.</summary>
    public const string Name = "folder";

    const int MeasuredPictures = 2_000;
    const uint OrderStream = 0xFF_FFFB;
    static readonly string[] TrainNames = ["train", "training"];
    static readonly string[] ValidationNames = ["val", "valid", "validation"];
    static readonly string[] TestNames = ["test"];

    /// <summary>Loads a folder: its pictures are decoded now and kept if they fit <see cref="PictureFolderOptions.MemoryBudget"/>, else only their headers are read.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="options">How; default: <see cref="PictureFolderOptions"/>'s own.</param>
    /// <exception cref="DataFormatException">The folder is missing, has no class folders or fewer than two, a class has no pictures, two differ in case only, links lead in a circle or nowhere, or a picture cannot be read.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public static DataSet Load(string folder, PictureFolderOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        options ??= new();
        options.Validate();
        if (!Directory.Exists(folder)) throw new DataFormatException(folder, "there is no such folder");

        var training = TrainingPart(folder);
        var root = training ?? folder;
        var classes = Classes(root, options.Classes);
        var budget = options.MemoryBudget;
        var train = LoadPart(root, classes, options, shuffle: true, ref budget);
        train = train.With(options.Normalization ?? Measure(train));

        var (validation, test) = training is null ? (null, null) : (Part(folder, ValidationNames), Part(folder, TestNames));
        return new(train, Rest(test), folder) { Validation = Rest(validation) };

        PictureSet? Rest(string? part) => part is null ? null : LoadPart(part, Classes(part, classes), options, shuffle: false, ref budget).With(train.Normalization);
    }

    /// <summary>Reads one picture as the pictures of a folder are read.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">How.</param>
    /// <returns>[Size, Size, Channels]: its middle.</returns>
    /// <exception cref="DataFormatException">It cannot be read.</exception>
    public static Picture ReadPicture(string path, PictureFolderOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        return Fit(PictureFile.Read(path), options);
    }

    /// <summary>Makes a picture what the pictures of a folder are: channels, background, size.</summary>
    /// <param name="picture">Any picture.</param>
    /// <param name="options">How.</param>
    /// <returns>[Size, Size, Channels]: its middle.</returns>
    public static Picture Fit(Picture picture, PictureFolderOptions options)
    {
        ArgumentNullException.ThrowIfNull(picture);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var resized = Resize(picture, options);
        if ((resized.Height, resized.Width) == (options.Size, options.Size)) return resized;
        var pixels = new byte[options.Size * options.Size * options.Channels];
        Resampler.Resize(PictureView.Of(resized), Region.Centre(resized.Height, resized.Width, options.Size, options.Size), options.Channels, options.Size, options.Size, pixels);
        return new(pixels, options.Size, options.Size, options.Channels);
    }

    /// <summary>The picture files in a folder, in order of their names, and in its folders; those in a folder that several links lead to once.</summary>
    /// <exception cref="DataFormatException">Links lead in a circle or nowhere.</exception>
    public static IReadOnlyList<string> Files(string folder)
    {
        var files = new List<string>();
        Collect(folder, RealPath(folder), files, [], []);
        return files;
    }

    static string? Part(string folder, string[] names) => names.Select(name => Path.Combine(folder, name)).FirstOrDefault(Directory.Exists);

    /// <summary>The folder of the training pictures; null where the class folders stand in the folder itself, one of which may be of trains.</summary>
    static string? TrainingPart(string folder)
    {
        var training = Part(folder, TrainNames);
        if (training is null || InnerFolders(training).Any()) return training;
        var isClass = InnerFolders(folder).Any(inner => !TrainNames.Concat(ValidationNames).Concat(TestNames).Contains(inner.Name));
        return isClass ? null : training;
    }

    /// <summary>The classes of a part: its folders, or those that are wanted, all of which its folders must be among.</summary>
    static IReadOnlyList<string> Classes(string folder, IReadOnlyList<string>? wanted)
    {
        string[] names = [.. InnerFolders(folder).Select(inner => inner.Name)];
        if (names.Length == 0) throw new DataFormatException(folder, "has no folders: a folder of pictures has one a class, named like it");
        var seen = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var name in names)
        {
            if (!seen.TryAdd(name, name)) throw new DataFormatException(folder, $"the classes '{seen[name]}' and '{name}' differ in case only");
        }

        if (wanted is null) return names.Length > 1 ? names : throw new DataFormatException(folder, $"has one class, '{names[0]}'; a classifier needs at least two");
        var known = wanted.ToHashSet(StringComparer.Ordinal);
        if (names.FirstOrDefault(name => !known.Contains(name)) is { } stranger) throw new DataFormatException(folder, $"the class '{stranger}' is none of the {wanted.Count:N0} that were trained: {string.Join(", ", wanted.Take(10))}{(wanted.Count > 10 ? ", ..." : "")}");
        return wanted;
    }

    static PictureSet LoadPart(string folder, IReadOnlyList<string> classes, PictureFolderOptions options, bool shuffle, ref long budget)
    {
        var (files, labels) = (new List<string>(), new List<int>());
        var real = RealPath(folder);
        for (var label = 0; label < classes.Count; label++)
        {
            var path = Path.Combine(folder, classes[label]);
            var before = files.Count;
            if (Directory.Exists(path)) Collect(path, RealPath(real, new(path)), files, [real], []);
            if (files.Count == before && shuffle) throw new DataFormatException(path, $"the class has no pictures ({string.Join(", ", PictureFile.Extensions)})");
            labels.AddRange(Enumerable.Repeat(label, files.Count - before));
        }

        if (files.Count == 0) throw new DataFormatException(folder, "has no pictures");
        var order = Enumerable.Range(0, files.Count).ToArray();
        for (var i = shuffle ? order.Length - 1 : 0; i > 0; i--)
        {
            var j = Augment.Below(Philox.At(options.SplitSeed, Philox.Stream(0, OrderStream), (ulong)i), i + 1);
            (order[i], order[j]) = (order[j], order[i]);
        }

        return new FolderPictures([.. order.Select(i => files[i])], [.. order.Select(i => labels[i])], options).ToSet(classes, ref budget);
    }

    /// <summary>Adds the pictures of a folder and of the folders inside.</summary>
    /// <param name="folder">As it is called.</param>
    /// <param name="real">Where it is.</param>
    /// <param name="files">Where to.</param>
    /// <param name="around">Where the folders around it are: a link to one of them leads in a circle.</param>
    /// <param name="read">Where the folders are that have been read, so that several links to one do not double its pictures.</param>
    static void Collect(string folder, string real, List<string> files, List<string> around, HashSet<string> read)
    {
        if (around.Contains(real)) throw new DataFormatException(folder, $"the link leads back to '{real}', which it is in");
        if (!read.Add(real)) return;
        files.AddRange(Directory.GetFiles(folder).Where(PictureFile.IsPicture).Order(StringComparer.Ordinal));
        around.Add(real);
        foreach (var inner in InnerFolders(folder)) Collect(Path.Combine(folder, inner.Name), RealPath(real, inner), files, around, read);
        around.RemoveAt(around.Count - 1);
    }

    /// <summary>The folders in a folder, but for hidden ones, in order of their names.</summary>
    /// <exception cref="DataFormatException">A link leads nowhere, or to itself: a class or a part of one would be missing in silence.</exception>
    static IEnumerable<DirectoryInfo> InnerFolders(string folder)
    {
        foreach (var file in new DirectoryInfo(folder).EnumerateFiles().Where(file => !file.Name.StartsWith('.') && !PictureFile.IsPicture(file.Name)))
        {
            if (file.LinkTarget is { } target && !Path.Exists(RealPath(file.FullName))) throw new DataFormatException(Path.Combine(folder, file.Name), $"the link leads nowhere: there is no '{target}'");
        }

        return new DirectoryInfo(folder).GetDirectories().Where(inner => !inner.Name.StartsWith('.')).OrderBy(inner => inner.Name, StringComparer.Ordinal);
    }

    /// <summary>Where a folder really is, in a folder of which that is known.</summary>
    static string RealPath(string real, DirectoryInfo inner) => inner.LinkTarget is null ? Path.Combine(real, inner.Name) : RealPath(Path.Combine(real, inner.Name));

    /// <summary>Where a file or folder really is, every link on the way followed, each from where it stands.</summary>
    static string RealPath(string path)
    {
        // As many as Linux follows.
        const int most = 40;
        var full = Path.GetFullPath(path);
        var real = Path.GetPathRoot(full)!;
        var rest = new Stack<string>();
        Push(full);
        for (var links = 0; rest.TryPop(out var part);)
        {
            var next = Path.GetFullPath(part, real);
            if (new DirectoryInfo(next).LinkTarget is not { } target)
            {
                real = next;
                continue;
            }

            if (++links > most) throw new DataFormatException(path, "the link leads in a circle");
            if (Path.IsPathRooted(target)) real = Path.GetPathRoot(target)!;
            Push(target);
        }

        return real;

        void Push(string way)
        {
            foreach (var part in way[Path.GetPathRoot(way)!.Length..].Split([Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar], StringSplitOptions.RemoveEmptyEntries).Reverse()) rest.Push(part);
        }
    }

    internal static Picture Resize(Picture picture, PictureFolderOptions options)
    {
        var flat = picture.Flatten(options.Channels, options.Background);
        var size = ResizedSize(new(flat.Height, flat.Width), options);
        if ((size.Height, size.Width) == (flat.Height, flat.Width)) return flat;
        var pixels = new byte[size.Pixels * options.Channels];
        Resampler.Resize(PictureView.Of(flat), new(0, 0, flat.Height, flat.Width), options.Channels, size.Height, size.Width, pixels);
        return new(pixels, size.Height, size.Width, options.Channels);
    }

    /// <summary>The shorter side as long as asked, the longer in proportion but at most eight times that: of a stripe no more than a part is of use.</summary>
    internal static PictureSize ResizedSize(PictureSize size, PictureFolderOptions options)
    {
        const int longest = 8;
        double side = options.Resize ?? options.Size;
        var scale = side / Math.Min(size.Height, size.Width);
        return new(Side(size.Height), Side(size.Width));

        int Side(int length) => (int)Math.Min(longest * side, Math.Max(side, Math.Round(length * scale)));
    }

    static Normalization Measure(PictureSet set)
    {
        var measured = set.Take(Math.Min(MeasuredPictures, set.Count));

        // Drawings can have a channel that is one value throughout, by which nothing can be divided.
        var varies = new bool[set.Channels];
        byte[] first = [.. measured.Pixels(0)[..set.Channels]];
        for (var i = 0; i < measured.Count && varies.Contains(false); i++)
        {
            var pixels = measured.Pixels(i);
            for (var at = 0; at < pixels.Length; at++) varies[at % set.Channels] |= pixels[at] != first[at % set.Channels];
        }

        return varies.Contains(false) ? Normalization.None(set.Channels) : Normalization.Measure(measured);
    }
}
