using CnnSharp.Kernels;

namespace CnnSharp.Data;

/// <summary>
/// A folder of images as a data set: a folder a class, named like it, with image files anywhere inside, of any size and
/// kind (<see cref="ImageFile"/>). Either the class folders themselves (then hold some out with <see cref="DatasetSplits.Split"/>),
/// or splits with class folders inside: <c>train</c> or <c>training</c>; <c>val</c>, <c>valid</c>, <c>validation</c>, <c>dev</c>,
/// <c>eval</c> or <c>evaluation</c>; <c>test</c> or <c>testing</c>, in any case. Symbolic links are followed. Classes and
/// files are in the order of their names, character by character (ordinal), whatever the system and the culture.
/// </summary>
/// <example>
/// <code>
/// var (train, validation) = ImageFolder.Load("flowers", new() { Size = 64 }).Split(validation: 500);
/// </code>
/// </example>
public static class ImageFolder
{
    /// <summary>The name of such sets, and of <c>--dataset folder</c>.</summary>
    public const string Name = "folder";

    const int MeasuredImages = 2_000;
    const uint OrderStream = 0xFF_FFFB;
    internal static readonly string[] TrainNames = ["train", "training"];
    internal static readonly string[] ValidationNames = ["val", "valid", "validation", "dev", "eval", "evaluation"];
    internal static readonly string[] TestNames = ["test", "testing"];

    /// <summary>Loads a folder: its images are decoded now and kept if they fit <see cref="ImageFolderOptions.MemoryBudget"/>, else only their headers are read.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="options">How; default: <see cref="ImageFolderOptions"/>'s own.</param>
    /// <returns>The splits; without a training split no image to train on.</returns>
    /// <exception cref="DataFormatException">The folder is missing, has no class folders or fewer than two, has splits beside classes, a class has no images, two differ in case only, links lead in a circle or nowhere, or an image cannot be read.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public static DatasetSplits Load(string folder, ImageFolderOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        options ??= new();
        options.Validate();
        if (!Directory.Exists(folder)) throw new DataFormatException(folder, "there is no such folder");

        var (training, validation, test) = Splits(folder);
        var isSplit = (training ?? validation ?? test) is not null;
        var first = training ?? test ?? validation ?? folder;
        var classes = Classes(first, options.Classes);
        var (budget, ignored) = (options.MemoryBudget, new SortedDictionary<string, int>(StringComparer.Ordinal));
        var set = LoadPart(first, classes, options, isTraining: training is not null || !isSplit, ignored, ref budget);
        set = set.With(options.Normalization ?? Measure(set));
        return new(training is not null || !isSplit ? set : set.Take(0), Part(test), folder) { Validation = Part(validation), Ignored = ignored };

        ImageDataset? Part(string? part)
        {
            if (part is null || part == first) return part is null ? null : set;
            return LoadPart(part, Classes(part, classes), options, isTraining: false, ignored, ref budget).With(set.Normalization);
        }
    }

    /// <summary>As <see cref="Load"/>, where a CSV file says the classes and not the folders. Images that it does not name are left aside.</summary>
    /// <param name="csv">The file: a line an image, which names it and its class.</param>
    /// <param name="folder">The folder that the images are in.</param>
    /// <param name="columns">Which columns say what; default: <see cref="CsvColumns"/>'s own.</param>
    /// <param name="options">How; default: <see cref="ImageFolderOptions"/>'s own. With <see cref="ImageFolderOptions.OnCorrupt"/> images that are not there are left out too.</param>
    /// <exception cref="DataFormatException">The file is no such table, a column is missing, an image is not there, is named twice or cannot be read: line and column are named.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public static DatasetSplits FromCsv(string csv, string folder, CsvColumns? columns = null, ImageFolderOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(csv);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        options ??= new();
        options.Validate();
        return ImageCsv.Load(csv, folder, columns ?? new(), options);
    }

    /// <summary>Reads one image as the images of a folder are read.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">How.</param>
    /// <returns>[Size, Size, Channels]: its middle.</returns>
    /// <exception cref="DataFormatException">It cannot be read.</exception>
    public static DecodedImage ReadImage(string path, ImageFolderOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        return Middle(ReadResized(path, options), options);
    }

    /// <summary>Reads an image in memory as the images of a folder are read, without a copy at its full size where it is opaque.</summary>
    /// <param name="bytes">The file's contents.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="options">How.</param>
    /// <returns>[Size, Size, Channels]: its middle.</returns>
    /// <exception cref="DataFormatException">It cannot be read.</exception>
    public static DecodedImage ReadImage(byte[] bytes, string name, ImageFolderOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        return Middle(ImageFile.Decode(bytes, name, options.MaxPixels, (view, channels, copy) => Resize(view, channels, copy, options)), options);
    }

    /// <summary>Makes an image what the images of a folder are: channels, background, size.</summary>
    /// <param name="image">Any image.</param>
    /// <param name="options">How.</param>
    /// <returns>[Size, Size, Channels]: its middle.</returns>
    public static DecodedImage Fit(DecodedImage image, ImageFolderOptions options)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        return Middle(Resize(ImageView.Of(image), image.Channels, image, options), options);
    }

    static DecodedImage Middle(DecodedImage resized, ImageFolderOptions options)
    {
        if ((resized.Height, resized.Width) == (options.Size, options.Size)) return resized;
        var pixels = new byte[options.Size * options.Size * options.Channels];
        Resampler.Resize(ImageView.Of(resized), Region.Center(resized.Height, resized.Width, options.Size, options.Size), options.Channels, options.Size, options.Size, pixels);
        return new(pixels, options.Size, options.Size, options.Channels);
    }

    /// <summary>The image files in a folder, in order of their names, and in its folders; those in a folder that several links lead to once.</summary>
    /// <exception cref="DataFormatException">Links lead in a circle or nowhere.</exception>
    public static IReadOnlyList<string> Files(string folder) => Files(folder, out _);

    /// <summary>As <see cref="Files(string)"/>, with what is no image.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="ignored">How many files of each ending are left out, as <see cref="DatasetSplits.Ignored"/> has them.</param>
    /// <exception cref="DataFormatException">Links lead in a circle or nowhere.</exception>
    public static IReadOnlyList<string> Files(string folder, out IReadOnlyDictionary<string, int> ignored)
    {
        var (files, others) = (new List<string>(), new SortedDictionary<string, int>(StringComparer.Ordinal));
        Collect(folder, RealPath(folder), files, [], [], others);
        ignored = others;
        return files;
    }

    /// <summary>The folders of the splits; none where the class folders stand in the folder itself.</summary>
    static (string? Training, string? Validation, string? Test) Splits(string folder)
    {
        string[] inner = [.. InnerFolders(folder).Select(each => each.Name)];
        var (training, validation, test) = (Named(TrainNames), Named(ValidationNames), Named(TestNames));
        string[] splits = [.. new[] { training, validation, test }.OfType<string>()];
        string[] others = [.. inner.Except(splits, StringComparer.Ordinal)];
        if (splits.Length == 0) return default;

        // A class may be of trains: then its images stand in it, and other classes beside it.
        if (others.Length > 0 && splits is [var only] && only == training && !InnerFolders(Path.Combine(folder, only)).Any()) return default;
        if (others.Length > 0) throw new DataFormatException(folder, $"the folder '{splits[0]}' is named like a split and stands beside {(others.Length == 1 ? "the folder" : $"{others.Length:N0} others, such as")} '{others[0]}'; put the class folders into 'train', or rename '{splits[0]}'");
        return (PathOf(training), PathOf(validation), PathOf(test));

        string? PathOf(string? name) => name is null ? null : Path.Combine(folder, name);

        string? Named(string[] names)
        {
            string[] found = [.. inner.Where(name => names.Contains(name, StringComparer.OrdinalIgnoreCase))];
            return found.Length < 2 ? found.FirstOrDefault() : throw new DataFormatException(folder, $"the folders '{found[0]}' and '{found[1]}' name the same split; keep one");
        }
    }

    /// <summary>The classes of a part: its folders, or those that are wanted, all of which its folders must be among.</summary>
    static IReadOnlyList<string> Classes(string folder, IReadOnlyList<string>? wanted)
    {
        string[] names = [.. InnerFolders(folder).Select(inner => inner.Name)];
        if (names.Length == 0) throw new DataFormatException(folder, Directory.EnumerateFiles(folder).Any(ImageFile.IsImage) ? "has images but no folders, so nothing says what they are: a folder of images has one folder a class, named like it" : "has no folders: a folder of images has one a class, named like it");
        var seen = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var name in names)
        {
            if (!seen.TryAdd(name, name)) throw new DataFormatException(folder, $"the classes '{seen[name]}' and '{name}' differ in case only");
        }

        if (wanted is null) return names.Length > 1 ? names : throw new DataFormatException(folder, $"has one class, '{names[0]}'; a classifier needs at least two");
        var known = wanted.ToHashSet(StringComparer.Ordinal);
        if (names.Any(name => !known.Contains(name))) throw new DataFormatException(folder, $"its class folders are not the {wanted.Count:N0} classes that were trained: {ClassNames.Difference(wanted, names)}");
        return wanted;
    }

    static string Others(string folder)
    {
        if (!Directory.Exists(folder)) return "";
        Files(folder, out var others);
        return others.Count == 0 ? "" : $"; it has {string.Join(", ", others.Select(kind => $"{kind.Value:N0} {kind.Key}"))}";
    }

    static ImageDataset LoadPart(string folder, IReadOnlyList<string> classes, ImageFolderOptions options, bool isTraining, SortedDictionary<string, int> ignored, ref long budget)
    {
        var (files, labels) = (new List<string>(), new List<int>());
        var real = RealPath(folder);
        foreach (var file in Directory.GetFiles(folder)) Ignore(ignored, ImageFile.IsImage(file) ? $"{Kind(file)} outside a class folder" : Kind(file));
        for (var label = 0; label < classes.Count; label++)
        {
            var path = Path.Combine(folder, classes[label]);
            var before = files.Count;
            if (Directory.Exists(path)) Collect(path, RealPath(real, new(path)), files, [real], [], ignored);
            if (files.Count == before && isTraining) throw new DataFormatException(path, $"the class has no images ({string.Join(", ", ImageFile.Extensions)}){Others(path)}");
            labels.AddRange(Enumerable.Repeat(label, files.Count - before));
        }

        if (files.Count == 0) throw new DataFormatException(folder, "has no images");
        var order = isTraining ? Order(files.Count, options.SplitSeed) : [.. Enumerable.Range(0, files.Count)];
        return new FolderImages([.. order.Select(i => files[i])], [.. order.Select(i => labels[i])], options).ToSet(classes, ref budget);
    }

    /// <summary>The order of training images, which decides which ones are held out.</summary>
    internal static int[] Order(int count, ulong seed)
    {
        var order = Enumerable.Range(0, count).ToArray();
        for (var i = order.Length - 1; i > 0; i--)
        {
            var j = Augment.Below(Philox.At(seed, Philox.Stream(0, OrderStream), (ulong)i), i + 1);
            (order[i], order[j]) = (order[j], order[i]);
        }

        return order;
    }

    /// <summary>Adds the images of a folder and of the folders inside.</summary>
    /// <param name="folder">As it is called.</param>
    /// <param name="real">Where it is.</param>
    /// <param name="files">Where to.</param>
    /// <param name="around">Where the folders around it are: a link to one of them leads in a circle.</param>
    /// <param name="read">Where the folders are that have been read, so that several links to one do not double its images.</param>
    /// <param name="ignored">Counts the files that are none.</param>
    static void Collect(string folder, string real, List<string> files, List<string> around, HashSet<string> read, SortedDictionary<string, int> ignored)
    {
        if (around.Contains(real)) throw new DataFormatException(folder, $"the link leads back to '{real}', which it is in");
        if (!read.Add(real)) return;
        foreach (var file in Entries(folder, Directory.GetFiles).Order(StringComparer.Ordinal))
        {
            if (ImageFile.IsImage(file)) files.Add(file);
            else Ignore(ignored, Kind(file));
        }

        around.Add(real);
        foreach (var inner in InnerFolders(folder)) Collect(Path.Combine(folder, inner.Name), RealPath(real, inner), files, around, read, ignored);
        around.RemoveAt(around.Count - 1);
    }

    static void Ignore(SortedDictionary<string, int> ignored, string kind) => ignored[kind] = ignored.GetValueOrDefault(kind) + 1;

    /// <summary>What a file is counted as: its ending, or that it is hidden or has none.</summary>
    static string Kind(string file)
    {
        var name = Path.GetFileName(file);
        if (name.StartsWith('.')) return "hidden";
        return Path.GetExtension(name) is { Length: > 0 } ending ? ending.ToLowerInvariant() : "without an ending";
    }

    static T[] Entries<T>(string folder, Func<string, T[]> list)
    {
        try
        {
            return list(folder);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new DataFormatException(folder, "the folder cannot be read: permission denied", inner: e);
        }
    }

    /// <summary>The folders in a folder, but for hidden ones and what archives of macOS add, in order of their names.</summary>
    /// <exception cref="DataFormatException">A link leads nowhere, or to itself: a class or a part of one would be missing in silence.</exception>
    static IEnumerable<DirectoryInfo> InnerFolders(string folder)
    {
        foreach (var file in Entries(folder, path => new DirectoryInfo(path).GetFiles()).Where(file => !file.Name.StartsWith('.') && !ImageFile.IsImage(file.Name)))
        {
            if (file.LinkTarget is { } target && !Path.Exists(RealPath(file.FullName))) throw new DataFormatException(Path.Combine(folder, file.Name), $"the link leads nowhere: there is no '{target}'");
        }

        return new DirectoryInfo(folder).GetDirectories().Where(inner => !inner.Name.StartsWith('.') && inner.Name != "__MACOSX").OrderBy(inner => inner.Name, StringComparer.Ordinal);
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

    /// <summary>Reads an image at the size at which it is kept.</summary>
    internal static DecodedImage ReadResized(string path, ImageFolderOptions options) => ImageFile.Read(path, options.MaxPixels, (view, channels, copy) => Resize(view, channels, copy, options));

    static DecodedImage Resize(ImageView view, int channels, DecodedImage? copy, ImageFolderOptions options)
    {
        var size = ResizedSize(new(view.Height, view.Width), options);
        if (copy is not null && channels == options.Channels && (size.Height, size.Width) == (view.Height, view.Width)) return copy;
        var pixels = new byte[size.Pixels * options.Channels];
        Resampler.Resize(new(view.Pixels, view.Height, view.Width, channels, options.Background), new(0, 0, view.Height, view.Width), options.Channels, size.Height, size.Width, pixels);
        return new(pixels, size.Height, size.Width, options.Channels);
    }

    /// <summary>The shorter side as long as asked, the longer in proportion but at most eight times that: of a stripe no more than a part is of use.</summary>
    internal static ImageSize ResizedSize(ImageSize size, ImageFolderOptions options)
    {
        const int longest = 8;
        double side = options.Resize ?? options.Size;
        var scale = side / Math.Min(size.Height, size.Width);
        return new(Side(size.Height), Side(size.Width));

        int Side(int length) => (int)Math.Min(longest * side, Math.Max(side, Math.Round(length * scale)));
    }

    internal static Normalization Measure(ImageDataset set)
    {
        var measured = set.Take(Math.Min(MeasuredImages, set.Count));

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
