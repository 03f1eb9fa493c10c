namespace CnnSharp.Formats;

/// <summary>Files that are either the old ones or the new ones, whole, even if the power fails between.</summary>
public static class AtomicFile
{
    /// <summary>
    /// Writes a file: to a temporary file in the same folder, flushed to the disk, then renamed over
    /// <paramref name="path"/>. If anything throws, what was at <paramref name="path"/> is untouched and the temporary file is gone.
    /// </summary>
    /// <param name="path">Where the file shall be. Its folder is created if it is missing.</param>
    /// <param name="write">Writes the contents.</param>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(write);

        var target = Path.GetFullPath(path);
        var folder = Path.GetDirectoryName(target) ?? throw new ArgumentException($"'{path}' is a folder, not a file.", nameof(path));
        Directory.CreateDirectory(folder);

        // In the same folder: a rename is atomic only within one file system.
        var temporary = Path.Combine(folder, $".{Path.GetFileName(target)}.{Guid.NewGuid():N}.tmp");
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, target, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }
}
