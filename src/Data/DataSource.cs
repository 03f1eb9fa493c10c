using System.Formats.Tar;

namespace CnnSharp.Data;

/// <summary>By what a data set is known on a disk.</summary>
/// <param name="Names">Its files, any of which tells that it is there, plain or with .gz after it.</param>
/// <param name="Folders">The folders that its archives, or other libraries, put them into.</param>
/// <param name="Archives">The archives (.tar.gz) that it is downloaded as.</param>
sealed record DataLayout(string[] Names, string[] Folders, string[] Archives)
{
    /// <summary>For messages.</summary>
    public override string ToString() => string.Join(", ", [.. Names, .. Archives]);
}

/// <summary>Where the files of a data set are: in a folder, or in an archive as it is downloaded.</summary>
sealed class DataSource
{
    static readonly string[] ArchiveEndings = [".tar.gz", ".tgz", ".tar"];

    readonly bool isArchive;

    DataSource(string path, bool isArchive) => (Path, this.isArchive) = (path, isArchive);

    /// <summary>The folder or the archive.</summary>
    public string Path { get; }

    /// <summary>The folder, or null for an archive.</summary>
    public string? Folder => isArchive ? null : Path;

    /// <summary>Finds a data set.</summary>
    /// <param name="place">A folder that holds it, or a folder or an archive of its usual name inside; an archive; or one of the files.</param>
    /// <param name="layout">What to look for.</param>
    /// <returns>Null if it is not there.</returns>
    public static DataSource? Find(string place, DataLayout layout)
    {
        if (File.Exists(place))
        {
            if (IsArchive(place)) return new(place, isArchive: true);
            var name = System.IO.Path.GetFileName(place);
            var folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(place))!;
            return layout.Names.SelectMany(DataFile.Spellings).Contains(name) ? new(folder, isArchive: false) : null;
        }

        foreach (var inner in layout.Folders.Prepend(""))
        {
            var folder = inner.Length == 0 ? place : System.IO.Path.Combine(place, inner);
            if (layout.Names.Any(name => DataFile.Find(folder, name) is not null)) return new(folder, isArchive: false);
        }

        return layout.Archives.Select(name => System.IO.Path.Combine(place, name)).FirstOrDefault(File.Exists) is { } archive ? new(archive, isArchive: true) : null;
    }

    /// <summary>As <see cref="Find"/>, but what is not there is an error that says what was looked for and what is there instead.</summary>
    public static DataSource Require(string place, DataLayout layout)
    {
        if (Find(place, layout) is { } source) return source;
        if (File.Exists(place)) throw new DataFormatException(place, "the file", $"one of {layout}", "another name");
        throw new DataFormatException(place, Directory.Exists(place) ? $"the data set is not in the folder: looked for {layout}{Present(place)}" : "there is no such folder");
    }

    /// <summary>What a folder holds instead, for messages: its first few entries.</summary>
    public static string Present(string folder)
    {
        const int shown = 6;
        if (!Directory.Exists(folder)) return "";
        string[] entries = [.. Directory.EnumerateFileSystemEntries(folder).Take(shown + 1).Select(entry => System.IO.Path.GetFileName(entry)!).Order(StringComparer.Ordinal)];
        return entries.Length == 0 ? "; it is empty" : $"; it holds {string.Join(", ", entries.Take(shown))}{(entries.Length > shown ? ", ..." : "")}";
    }

    /// <summary>Goes through the files of some names that are there: in a folder in the order of the names, in an archive in its own.</summary>
    /// <param name="names">The files.</param>
    /// <param name="use">Is passed a file's name, what messages call it, its length where that is known, and its contents, to be read then.</param>
    /// <exception cref="DataFormatException">The archive is corrupt.</exception>
    public void ForEach(IReadOnlyCollection<string> names, Action<DataEntry> use)
    {
        if (isArchive)
        {
            ForEachInArchive(names, use);
            return;
        }

        foreach (var name in names)
        {
            if (DataFile.Find(Path, name) is not { } file) continue;
            using var stream = DataFile.Open(file);
            use(new(name, file, DataFile.IsZipped(file) ? null : stream.Length, stream));
        }
    }

    void ForEachInArchive(IReadOnlyCollection<string> names, Action<DataEntry> use)
    {
        // All of CIFAR is 186 MB; a bomb is left at a gigabyte.
        const long most = 1L << 30;
        var total = 0L;
        try
        {
            using var stream = DataFile.Open(Path);
            using var tar = new TarReader(stream);
            while (tar.GetNextEntry() is { } entry)
            {
                total += entry.Length;
                if (total > most) throw new DataFormatException(Path, "the files in the archive", $"at most {most:N0} bytes", $"{total:N0}");
                var name = entry.Name[(entry.Name.LastIndexOf('/') + 1)..];
                if (entry.DataStream is { } data && names.Contains(name)) use(new(name, $"{Path}: {entry.Name}", entry.Length, data));
            }
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or FormatException or ArgumentException or OverflowException)
        {
            throw new DataFormatException(Path, $"the archive is corrupt: {e.Message.TrimEnd('.')}", inner: e);
        }
    }

    static bool IsArchive(string path) => Array.Exists(ArchiveEndings, ending => path.EndsWith(ending, StringComparison.OrdinalIgnoreCase));
}

/// <summary>A file of a data set, open.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Path">What messages call it.</param>
/// <param name="Length">Its bytes, where they are known before they are decompressed.</param>
/// <param name="Stream">Its contents.</param>
sealed record DataEntry(string Name, string Path, long? Length, Stream Stream)
{
    /// <summary>The contents, which must have exactly so many bytes.</summary>
    public byte[] ReadExactly(int expected)
    {
        if (Length is { } length && length != expected) throw new DataFormatException(Path, "the size", $"{expected:N0} bytes", $"{length:N0}");
        var bytes = new byte[expected];
        DataFile.ReadExactly(Stream, bytes, Path, 0);
        DataFile.ExpectEnd(Stream, Path, expected);
        return bytes;
    }

    /// <summary>The contents, which must have fewer bytes than that; room for them is made as they come.</summary>
    public byte[] ReadAtMost(int limit)
    {
        if (Length > limit) throw new DataFormatException(Path, "the size", $"at most {limit:N0} bytes", $"{Length:N0}");
        if (Length is { } length) return ReadExactly((int)length);
        var bytes = new byte[Math.Min(limit, 1 << 16)];
        for (var read = 0; ;)
        {
            read += DataFile.Fill(Path, Stream, bytes.AsSpan(read));
            if (read < bytes.Length) return bytes[..read];
            if (read == limit) throw new DataFormatException(Path, "the size once decompressed", $"at most {limit:N0} bytes", "more");
            Array.Resize(ref bytes, (int)Math.Min(limit, 2L * read));
        }
    }
}
