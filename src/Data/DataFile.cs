using System.IO.Compression;

namespace CnnSharp.Data;

/// <summary>Files of a known size, plain or gzipped: read whole, and never more than that size.</summary>
static class DataFile
{
    /// <summary>The most bytes a byte of deflate can become; a file that claims more lies.</summary>
    public const int MaxDeflateRatio = 1032;

    /// <summary>The path of <paramref name="name"/> or <paramref name="name"/>.gz in a folder; null if neither is there.</summary>
    public static string? Find(string folder, string name) => Spellings(name).Select(spelling => Path.Combine(folder, spelling)).FirstOrDefault(File.Exists);

    /// <summary>A file's name as it is found: with .gz after it, and a point for the hyphen before <c>idx</c>, which some archives have.</summary>
    public static IEnumerable<string> Spellings(string name)
    {
        var other = name.Replace("-idx", ".idx", StringComparison.Ordinal);
        return other == name ? [name, $"{name}.gz"] : [name, $"{name}.gz", other, $"{other}.gz"];
    }

    /// <summary>As <see cref="Find"/>, but a missing file or folder is an error.</summary>
    public static string Require(string folder, string name)
    {
        if (!Directory.Exists(folder)) throw new DataFormatException(folder, "there is no such folder");
        return Find(folder, name) ?? throw new DataFormatException(folder, $"the folder has neither {name} nor {name}.gz");
    }

    /// <summary>Whether a file is read through gzip: by its name.</summary>
    public static bool IsZipped(string path) => path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) || path.EndsWith(".tgz", StringComparison.OrdinalIgnoreCase);

    /// <summary>The bytes of a file; of a symbolic link those of what it leads to.</summary>
    public static long Length(string path)
    {
        using var file = File.OpenHandle(path);
        return RandomAccess.GetLength(file);
    }

    /// <summary>Opens a file for reading, through gzip if its name says so.</summary>
    public static Stream Open(string path)
    {
        var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16);
        return IsZipped(path) ? new GZipStream(file, CompressionMode.Decompress) : file;
    }

    /// <summary>The contents of a file that must have exactly <paramref name="expected"/> bytes (after decompression).</summary>
    /// <exception cref="DataFormatException">It has not, or its gzip is corrupt.</exception>
    public static byte[] ReadExactly(string path, int expected)
    {
        var length = Length(path);
        if (!IsZipped(path) && length != expected) throw WrongSize(path, expected, $"{length:N0}");
        if (IsZipped(path) && length * MaxDeflateRatio < expected) throw WrongSize(path, expected, $"at most {length * MaxDeflateRatio:N0}");

        using var stream = Open(path);
        var bytes = new byte[expected];
        ReadExactly(stream, bytes, path, 0);
        ExpectEnd(stream, path, expected);
        return bytes;
    }

    /// <summary>Fills <paramref name="target"/>; <paramref name="offset"/> bytes of the contents have been read before.</summary>
    /// <exception cref="DataFormatException">The contents end before, or the gzip is corrupt.</exception>
    public static void ReadExactly(Stream stream, Span<byte> target, string path, long offset)
    {
        var read = Fill(path, stream, target);
        if (read < target.Length) throw WrongSize(path, offset + target.Length, $"{offset + read:N0}");
    }

    /// <summary>Nothing may follow, and the gzip's checksum, which its end holds, must be right.</summary>
    /// <exception cref="DataFormatException">Something does, or it is not.</exception>
    public static void ExpectEnd(Stream stream, string path, long expected)
    {
        if (Fill(path, stream, stackalloc byte[1]) != 0) throw WrongSize(path, expected, "more");
    }

    /// <summary>Reads as many bytes as there are, at most as many as there is room for.</summary>
    /// <exception cref="DataFormatException">The gzip is corrupt.</exception>
    public static int Fill(string path, Stream stream, Span<byte> target)
    {
        try
        {
            return stream.ReadAtLeast(target, target.Length, throwOnEndOfStream: false);
        }
        catch (InvalidDataException e)
        {
            throw new DataFormatException(path, $"the gzip is corrupt: {e.Message.TrimEnd('.')}", inner: e);
        }
    }

    static DataFormatException WrongSize(string path, long expected, string actual)
        => new(path, IsZipped(path) ? "the size once decompressed" : "the size", $"{expected:N0} bytes", actual);
}
