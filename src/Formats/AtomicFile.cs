using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace CnnSharp.Formats;

/// <summary>Files that are either the old ones or the new ones, whole, even if the power fails between.</summary>
public static class AtomicFile
{
    /// <summary>
    /// Writes a file: to a temporary file in the same folder, flushed to the disk, then renamed over
    /// <paramref name="path"/>. If anything throws, what was at <paramref name="path"/> is untouched and the temporary file is
    /// gone. A symbolic link stays, and its target is replaced. Where there is no file but a pipe, a terminal or a device, it
    /// is written to as it is.
    /// </summary>
    /// <param name="path">Where the file shall be. Its folder is created if it is missing.</param>
    /// <param name="write">Writes the contents. The stream can seek only where a file is written.</param>
    /// <param name="previous">
    /// A file of the same folder, which what was at <paramref name="path"/> becomes; default null: it is replaced. A process
    /// that ends between the two renames leaves no file at <paramref name="path"/>, and a whole one here.
    /// </param>
    /// <exception cref="IOException">It cannot be written; the message names <paramref name="path"/>.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder or the device may not be written to.</exception>
    public static void Write(string path, Action<Stream> write, string? previous = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(write);

        var target = FinalTarget(path);
        if (Directory.Exists(target)) throw new ArgumentException($"'{path}' is a folder, not a file.", nameof(path));
        if (OpenDevice(target) is { } device)
        {
            using (device) write(device);
            return;
        }

        var folder = Path.GetDirectoryName(target) ?? throw new ArgumentException($"'{path}' is a folder, not a file.", nameof(path));

        // In the same folder: a rename is atomic only within one file system.
        var temporary = Path.Combine(folder, $".{Path.GetFileName(target)}.{Guid.NewGuid():N}.tmp");
        try
        {
            Directory.CreateDirectory(folder);
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            if (previous is not null && File.Exists(target)) File.Move(target, previous, overwrite: true);
            File.Move(temporary, target, overwrite: true);
        }
        catch (Exception e)
        {
            TryDelete(temporary);

            // The system's message names the temporary file, of which the caller knows nothing.
            if (!e.Message.Contains(temporary, StringComparison.Ordinal)) throw;
            var message = e.Message.Replace(temporary, target, StringComparison.Ordinal);
            if (e is UnauthorizedAccessException) throw new UnauthorizedAccessException(message, e);
            if (e is IOException) throw new IOException(message, e);
            throw;
        }

        FlushFolder(folder);
    }

    /// <summary>Replaces a file with a text, in UTF-8 without a mark.</summary>
    /// <param name="path">The file; its folder is created if it is missing.</param>
    /// <param name="text">All of it.</param>
    public static void WriteText(string path, string text) => Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(text)));

    /// <summary>Whether what is written to a path goes to this process's standard output.</summary>
    public static bool IsStandardOutput(string path) => DescriptorOf(FinalTarget(path)) == 1;

    /// <summary>The path behind all symbolic links, whether or not a file is there.</summary>
    /// <exception cref="IOException">The links lead in a circle.</exception>
    static string FinalTarget(string path)
    {
        // As many as Linux follows.
        const int most = 40;
        var target = Path.GetFullPath(path);
        for (var links = 0; DescriptorOf(target) is null && new FileInfo(target).LinkTarget is { } next; links++)
        {
            if (links == most) throw new IOException($"'{path}' cannot be written: the link leads in a circle.");
            target = Path.GetFullPath(next, Path.GetDirectoryName(target)!);
        }

        return target;
    }

    /// <summary>Which of this process's open files a path is, such as 1 of <c>/dev/stdout</c>; null: none. What such a link leads to is no path that could be opened.</summary>
    static int? DescriptorOf(string path)
    {
        if (OperatingSystem.IsWindows()) return null;
        if (path == "/dev/stdout") return 1;
        if (path == "/dev/stderr") return 2;
        var folder = Path.GetDirectoryName(path);
        return folder is "/dev/fd" or "/proc/self/fd" && int.TryParse(Path.GetFileName(path), NumberStyles.None, CultureInfo.InvariantCulture, out var descriptor) ? descriptor : null;
    }

    /// <summary>A stream into what is no file and therefore cannot be replaced by one; null: it is a file, or nothing yet.</summary>
    static Stream? OpenDevice(string target)
    {
        if (DescriptorOf(target) is { } descriptor)
        {
            return descriptor switch
            {
                1 => Console.OpenStandardOutput(),
                2 => Console.OpenStandardError(),
                _ => new FileStream(new SafeFileHandle(descriptor, ownsHandle: false), FileAccess.Write),
            };
        }

        if (OperatingSystem.IsWindows() || !File.Exists(target) || IsRegular(target) == true) return null;
        try
        {
            var stream = new FileStream(target, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 1 << 16);
            if (IsRegular(target) == false || !stream.CanSeek || target.StartsWith("/dev/", StringComparison.Ordinal)) return stream;
            stream.Dispose();
            return null;
        }
        catch (UnauthorizedAccessException) when (IsRegular(target) is null)
        {
            // A file that may not be written may well be replaced.
            return null;
        }
    }

    /// <summary>Whether there is a file, and no pipe or device; null where the system does not say.</summary>
    static bool? IsRegular(string path)
    {
        if (!OperatingSystem.IsLinux()) return null;

        // struct statx, the same on every processor: 256 bytes, of which stx_mode is at 28.
        const int workingFolder = -100, wantsType = 1, modeOffset = 28, kindMask = 0xF000, regular = 0x8000;
        var status = new byte[256];
        try
        {
            return Status(workingFolder, path, 0, wantsType, status) == 0 ? (BitConverter.ToUInt16(status, modeOffset) & kindMask) == regular : null;
        }
        catch (EntryPointNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Deletes a file that does no harm where it stays. What failed may be the whole file system: then its own message is the one to be read.</summary>
    internal static void TryDelete(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Left over, for DeleteLeftovers.
        }
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

    [DllImport("libc", EntryPoint = "statx")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    static extern int Status(int folder, [MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, uint mask, [Out] byte[] status);
}
