using System.Runtime.InteropServices;

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
    /// <param name="previous">
    /// A file of the same folder, which what was at <paramref name="path"/> becomes; default null: it is replaced. A process
    /// that ends between the two renames leaves no file at <paramref name="path"/>, and a whole one here.
    /// </param>
    public static void Write(string path, Action<Stream> write, string? previous = null)
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

            if (previous is not null && File.Exists(target)) File.Move(target, previous, overwrite: true);
            File.Move(temporary, target, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }

        FlushFolder(folder);
    }

    /// <summary>Deletes the temporary files in a folder which processes left that were ended while they wrote. For when nobody writes there.</summary>
    /// <param name="folder">The folder; nothing happens if there is none.</param>
    public static void DeleteLeftovers(string folder)
    {
        if (!Directory.Exists(folder)) return;
        foreach (var file in Directory.GetFiles(folder, ".*.tmp"))
        {
            // .NAME.GUID.tmp, as Write calls them: what others call .tmp is theirs.
            var parts = Path.GetFileName(file).Split('.');
            if (Guid.TryParseExact(parts[^2], "N", out _)) File.Delete(file);
        }
    }

    /// <summary>
    /// A rename is on the disk once its folder is. .NET opens no folders, so the C library does; NTFS keeps a journal of
    /// its own. A file system that cannot flush a folder is as good as it can be: its answer is not asked for.
    /// </summary>
    static void FlushFolder(string folder)
    {
        if (OperatingSystem.IsWindows()) return;
        var handle = OpenFile(folder, 0);
        if (handle < 0) return;
        _ = FlushFile(handle);
        _ = CloseFile(handle);
    }

    [DllImport("libc", EntryPoint = "open")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    static extern int OpenFile([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", EntryPoint = "fsync")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    static extern int FlushFile(int handle);

    [DllImport("libc", EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    static extern int CloseFile(int handle);
}
