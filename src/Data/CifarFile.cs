namespace CnnSharp.Data;

/// <summary>
/// The binary layout of CIFAR-10 and CIFAR-100 (https://www.cs.toronto.edu/~kriz/cifar.html): a picture is its label bytes
/// and then three planes of 32 x 32, red, green, blue, row by row.
/// </summary>
static class CifarFile
{
    public const int Side = 32;
    public const int Channels = 3;
    const int Plane = Side * Side;

    /// <summary>The bytes of a picture in memory.</summary>
    public const int PictureLength = Channels * Plane;

    /// <summary>Reads a file of <paramref name="count"/> pictures into place: pixels turned to [row, column, channel], and one of the labels.</summary>
    /// <param name="path">The file, plain or gzipped.</param>
    /// <param name="count">How many pictures it must hold.</param>
    /// <param name="classes">The classes of each label byte: CIFAR-100 has a coarse one and a fine one.</param>
    /// <param name="chosen">Which label byte is wanted.</param>
    /// <param name="pixels">Receives [count, 32, 32, 3].</param>
    /// <param name="labels">Receives [count].</param>
    /// <exception cref="DataFormatException">The size is not that of <paramref name="count"/> pictures, the gzip is corrupt, or a label is outside its classes.</exception>
    public static void Read(string path, int count, ReadOnlySpan<int> classes, int chosen, Span<byte> pixels, Span<int> labels)
    {
        var record = classes.Length + PictureLength;
        var bytes = DataFile.ReadExactly(path, checked(count * record));
        for (var i = 0; i < count; i++)
        {
            var head = bytes.AsSpan(i * record, classes.Length);
            for (var l = 0; l < classes.Length; l++)
            {
                if (head[l] >= classes[l])
                    throw new DataFormatException(path, $"the {Kind(classes.Length, l)}label of picture {i:N0}", $"0 to {classes[l] - 1}", $"{head[l]}", ((long)i * record) + l);
            }

            labels[i] = head[chosen];
            Interleave(bytes.AsSpan((i * record) + classes.Length, PictureLength), pixels.Slice(i * PictureLength, PictureLength));
        }
    }

    /// <summary>The names in a text file, one a line; null if there is no such file.</summary>
    /// <exception cref="DataFormatException">There are not <paramref name="classes"/> of them.</exception>
    public static string[]? ReadNames(string folder, string name, int classes)
    {
        const int longest = 64 * 1024;
        var path = Path.Combine(folder, name);
        if (!File.Exists(path)) return null;
        var length = new FileInfo(path).Length;
        if (length > longest) throw new DataFormatException(path, "the size", $"at most {longest:N0} bytes of class names", $"{length:N0}");

        var names = File.ReadAllLines(path).Select(line => line.Trim()).Where(line => line.Length > 0).ToArray();
        return names.Length == classes ? names : throw new DataFormatException(path, "the class names", $"{classes}", $"{names.Length}");
    }

    /// <summary>The folder itself, or the one its archive unpacks to inside it, if that holds the file.</summary>
    public static string Inside(string folder, string archive, string name)
    {
        var nested = Path.Combine(folder, archive);
        return DataFile.Find(folder, name) is null && DataFile.Find(nested, name) is not null ? nested : folder;
    }

    /// <summary>Pixels [32, 32, 3] as three planes.</summary>
    public static byte[] Planes(ReadOnlySpan<byte> picture)
    {
        var planes = new byte[PictureLength];
        for (var i = 0; i < picture.Length; i++) planes[(i % Channels * Plane) + (i / Channels)] = picture[i];
        return planes;
    }

    static void Interleave(ReadOnlySpan<byte> planes, Span<byte> picture)
    {
        var red = planes[..Plane];
        var green = planes.Slice(Plane, Plane);
        var blue = planes.Slice(2 * Plane, Plane);
        for (var p = 0; p < Plane; p++)
        {
            picture[Channels * p] = red[p];
            picture[(Channels * p) + 1] = green[p];
            picture[(Channels * p) + 2] = blue[p];
        }
    }

    static string Kind(int labels, int index) => labels == 1 ? "" : index == 0 ? "coarse " : "fine ";
}
