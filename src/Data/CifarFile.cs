namespace CnnSharp.Data;

/// <summary>
/// The binary layout of CIFAR-10 and CIFAR-100 (https://www.cs.toronto.edu/~kriz/cifar.html): an image is its label bytes
/// and then three planes of 32 x 32, red, green, blue, row by row.
/// </summary>
static class CifarFile
{
    public const int Side = 32;
    public const int Channels = 3;
    const int Plane = Side * Side;

    /// <summary>The bytes of an image in memory.</summary>
    public const int ImageLength = Channels * Plane;

    /// <summary>Reads a file of <paramref name="count"/> images into place: pixels turned to [row, column, channel], and one of the labels.</summary>
    /// <param name="path">The file, plain or gzipped.</param>
    /// <param name="count">How many images it must hold.</param>
    /// <param name="classes">The classes of each label byte: CIFAR-100 has a coarse one and a fine one.</param>
    /// <param name="chosen">Which label byte is wanted.</param>
    /// <param name="pixels">Receives [count, 32, 32, 3].</param>
    /// <param name="labels">Receives [count].</param>
    /// <exception cref="DataFormatException">The size is not that of <paramref name="count"/> images, the gzip is corrupt, or a label is outside its classes.</exception>
    public static void Read(string path, int count, ReadOnlySpan<int> classes, int chosen, Span<byte> pixels, Span<int> labels)
    {
        Read(path, DataFile.ReadExactly(path, checked(count * (classes.Length + ImageLength))), count, classes, chosen, pixels, labels);
    }

    /// <summary>Loads a data set of either version, binary or Python's, from a folder or an archive.</summary>
    /// <param name="place">Where it is.</param>
    /// <param name="set">What it is.</param>
    /// <param name="chosen">Which of its labels is wanted.</param>
    public static DatasetSplits Load(string place, CifarSet set, int chosen)
    {
        var source = DataSource.Require(place, set.Layout);
        var (train, test) = (new Part(set.Training, set.TrainingCount), new Part([set.Test], set.TestCount));
        string[] stems = [.. set.Training, set.Test];
        source.ForEach([.. stems.Select(stem => $"{stem}.bin"), .. stems], entry =>
        {
            var isBinary = entry.Name.EndsWith(".bin", StringComparison.Ordinal);
            var stem = isBinary ? entry.Name[..^4] : entry.Name;
            var part = stem == set.Test ? test : train;
            var file = Array.IndexOf(part.Files, stem);
            if (part.IsRead[file]) return;

            // What the file holds is known before there is room made for the images.
            if (isBinary)
            {
                var bytes = entry.ReadExactly(part.Count * (set.Classes.Length + ImageLength));
                var (pixels, labels) = part.Take(file);
                Read(entry.Path, bytes, part.Count, set.Classes, chosen, pixels, labels);
            }
            else
            {
                var (planes, numbers) = CifarPickle.Read(entry.Path, entry.ReadAtMost(2 * part.Count * ImageLength), part.Count, set.Keys[chosen]);
                var (pixels, labels) = part.Take(file);
                Read(entry.Path, planes.Span, numbers, set, chosen, pixels, labels);
            }
        });

        if (Array.Exists(train.IsRead, isRead => isRead) && Array.FindIndex(train.IsRead, isRead => !isRead) is >= 0 and var missing)
            throw new DataFormatException(source.Path, source.Folder is null ? $"the archive has no {set.Training[missing]}" : $"the folder has neither {set.Training[missing]}.bin nor {set.Training[missing]}.bin.gz");
        if (!train.IsRead[0] && !test.IsRead[0]) throw new DataFormatException(source.Path, $"holds none of {set.Layout}");
        var names = (source.Folder is null ? null : ReadNames(source.Folder, set.NameFiles[chosen], set.Names[chosen].Count)) ?? set.Names[chosen];
        var tested = test.IsRead[0] ? ToSet(test) : null;
        return new(train.IsRead[0] ? ToSet(train) : tested!.Take(0), tested, source.Path);

        ImageDataset ToSet(Part part) => new(set.Name, part.Pixels!, part.Labels!, Side, Side, Channels, names, set.Normalization);
    }

    static void Read(string path, ReadOnlySpan<byte> planes, long[] numbers, CifarSet set, int chosen, Span<byte> pixels, Span<int> labels)
    {
        for (var i = 0; i < numbers.Length; i++)
        {
            if (numbers[i] < 0 || numbers[i] >= set.Classes[chosen]) throw new DataFormatException(path, $"the {Kind(set.Classes.Length, chosen)}label of image {i:N0}", $"0 to {set.Classes[chosen] - 1}", $"{numbers[i]}");
            labels[i] = (int)numbers[i];
            Interleave(planes.Slice(i * ImageLength, ImageLength), pixels.Slice(i * ImageLength, ImageLength));
        }
    }

    static void Read(string path, byte[] bytes, int count, ReadOnlySpan<int> classes, int chosen, Span<byte> pixels, Span<int> labels)
    {
        var record = classes.Length + ImageLength;
        for (var i = 0; i < count; i++)
        {
            var head = bytes.AsSpan(i * record, classes.Length);
            for (var l = 0; l < classes.Length; l++)
            {
                if (head[l] >= classes[l])
                    throw new DataFormatException(path, $"the {Kind(classes.Length, l)}label of image {i:N0}", $"0 to {classes[l] - 1}", $"{head[l]}", ((long)i * record) + l);
            }

            labels[i] = head[chosen];
            Interleave(bytes.AsSpan((i * record) + classes.Length, ImageLength), pixels.Slice(i * ImageLength, ImageLength));
        }
    }

    /// <summary>The names in a text file, one a line; null if there is no such file.</summary>
    /// <exception cref="DataFormatException">There are not <paramref name="classes"/> of them.</exception>
    public static string[]? ReadNames(string folder, string name, int classes)
    {
        const int longest = 64 * 1024;
        var path = Path.Combine(folder, name);
        if (!File.Exists(path)) return null;
        var length = DataFile.Length(path);
        if (length > longest) throw new DataFormatException(path, "the size", $"at most {longest:N0} bytes of class names", $"{length:N0}");

        var names = File.ReadAllLines(path).Select(line => line.Trim()).Where(line => line.Length > 0).ToArray();
        return names.Length == classes ? names : throw new DataFormatException(path, "the class names", $"{classes}", $"{names.Length}");
    }

    /// <summary>Pixels [32, 32, 3] as three planes.</summary>
    public static byte[] Planes(ReadOnlySpan<byte> image)
    {
        var planes = new byte[ImageLength];
        for (var i = 0; i < image.Length; i++) planes[(i % Channels * Plane) + (i / Channels)] = image[i];
        return planes;
    }

    static void Interleave(ReadOnlySpan<byte> planes, Span<byte> image)
    {
        var red = planes[..Plane];
        var green = planes.Slice(Plane, Plane);
        var blue = planes.Slice(2 * Plane, Plane);
        for (var p = 0; p < Plane; p++)
        {
            image[Channels * p] = red[p];
            image[(Channels * p) + 1] = green[p];
            image[(Channels * p) + 2] = blue[p];
        }
    }

    static string Kind(int labels, int index) => labels == 1 ? "" : index == 0 ? "coarse " : "fine ";

    /// <summary>Images that are read file by file.</summary>
    sealed class Part(string[] files, int count)
    {
        public string[] Files { get; } = files;

        /// <summary>Images of a file.</summary>
        public int Count { get; } = count;

        public bool[] IsRead { get; } = new bool[files.Length];

        public byte[]? Pixels { get; private set; }

        public int[]? Labels { get; private set; }

        /// <summary>The place of a file's images, and that it has been read.</summary>
        public PartOfFile Take(int file)
        {
            IsRead[file] = true;
            Pixels ??= new byte[Files.Length * Count * ImageLength];
            Labels ??= new int[Files.Length * Count];
            return new(Pixels.AsSpan(file * Count * ImageLength, Count * ImageLength), Labels.AsSpan(file * Count, Count));
        }
    }

    readonly ref struct PartOfFile(Span<byte> pixels, Span<int> labels)
    {
        readonly Span<byte> pixels = pixels;
        readonly Span<int> labels = labels;

        public void Deconstruct(out Span<byte> pixels, out Span<int> labels)
        {
            pixels = this.pixels;
            labels = this.labels;
        }
    }
}

/// <summary>What CIFAR-10 and CIFAR-100 differ in.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Training">The training files, without the binary version's .bin.</param>
/// <param name="TrainingCount">Images of each.</param>
/// <param name="Test">The test file.</param>
/// <param name="TestCount">Its images.</param>
/// <param name="Classes">How many classes each kind of label has.</param>
/// <param name="Keys">The name of each kind of label in the Python version.</param>
/// <param name="NameFiles">The file of each kind's class names.</param>
/// <param name="Names">The usual class names of each kind.</param>
/// <param name="Layout">Where the files are found.</param>
/// <param name="Normalization">How pixels are normalized.</param>
sealed record CifarSet(
    string Name,
    string[] Training,
    int TrainingCount,
    string Test,
    int TestCount,
    int[] Classes,
    string[] Keys,
    string[] NameFiles,
    IReadOnlyList<string>[] Names,
    DataLayout Layout,
    Normalization Normalization);
