using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using CnnSharp.Formats;

namespace CnnSharp.Training;

/// <summary>
/// The right to write into a folder, for one training at a time. The operating system holds it: a process that is ended in
/// whatever way has it no more. A file beside it says whose it is, for the message to others.
/// </summary>
sealed class RunLock : IDisposable
{
    const string FileName = "run.lock";
    const string OwnerName = "run.lock.json";

    readonly string folder;
    readonly FileStream file;

    RunLock(string folder, FileStream file)
    {
        (this.folder, this.file) = (folder, file);
        try
        {
            var owner = new JsonObject { ["process"] = Environment.ProcessId, ["host"] = Environment.MachineName, ["since"] = DateTime.UtcNow.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture) };
            File.WriteAllText(Path.Combine(folder, OwnerName), owner.ToJsonString());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Only a message is poorer for it; what cannot be written is found when the first checkpoint is.
        }
    }

    /// <summary>Takes a folder, which is created if it is missing.</summary>
    /// <exception cref="RunLockedException">Another training has it.</exception>
    /// <exception cref="IOException">The folder cannot be written to.</exception>
    public static RunLock Take(string folder)
    {
        const int Tries = 100;
        var path = Path.Combine(folder, FileName);
        for (var attempt = 1; ; attempt++)
        {
            Directory.CreateDirectory(folder);
            FileStream file;
            try
            {
                file = new(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException e) when (IsHeld(e))
            {
                // Another may only be looking whether it is held, or be about to say whose it is.
                if (attempt > 5) throw Locked(folder, e);
                Thread.Sleep(20);
                continue;
            }
            catch (DirectoryNotFoundException) when (attempt < Tries)
            {
                // Whoever had it has just tidied up behind a training that was refused.
                continue;
            }

            // The one before deletes the file as it ends: what was opened just then is nobody's lock any more.
            if (File.Exists(path)) return new(folder, file);
            file.Dispose();
        }
    }

    /// <summary>Makes a numbered folder that was not there, and takes it: of several that ask at once, each gets another.</summary>
    /// <param name="parent">Where it is made.</param>
    /// <param name="folder">The folder: <c>PARENT/1</c>, or the number after the highest there.</param>
    public static RunLock TakeNew(string parent, out string folder)
    {
        Directory.CreateDirectory(parent);
        var numbers = Directory.GetDirectories(parent).Select(path => int.TryParse(Path.GetFileName(path), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0);
        for (var number = numbers.DefaultIfEmpty().Max() + 1; ; number++)
        {
            folder = Path.Combine(parent, number.ToString(CultureInfo.InvariantCulture));
            if (Path.Exists(folder)) continue;
            var path = Path.Combine(folder, FileName);
            try
            {
                // Two may have come so far; the file is created by one of them.
                Directory.CreateDirectory(folder);
                return new(folder, new(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None));
            }
            catch (IOException) when (File.Exists(path) || !Directory.Exists(folder))
            {
                // The other one's: the next number.
            }
        }
    }

    /// <summary>Throws if another training has a folder now. Nothing is written.</summary>
    /// <exception cref="RunLockedException">One has.</exception>
    public static void ThrowIfHeld(string folder)
    {
        try
        {
            var path = Path.Combine(folder, FileName);
            if (File.Exists(path)) new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite).Dispose();
        }
        catch (IOException e) when (IsHeld(e))
        {
            throw Locked(folder, e);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException)
        {
            // It has ended meanwhile; or the folder cannot be written to, which is said by whoever tries.
        }
    }

    /// <summary>Whether a training has a folder now.</summary>
    public static bool IsTaken(string folder)
    {
        try
        {
            ThrowIfHeld(folder);
            return false;
        }
        catch (RunLockedException)
        {
            return true;
        }
    }

    public void Dispose()
    {
        AtomicFile.TryDelete(Path.Combine(folder, OwnerName));

        // Before it is given up, or another's would be deleted; Windows deletes no open file, and then another's cannot be deleted.
        if (!OperatingSystem.IsWindows()) AtomicFile.TryDelete(file.Name);
        file.Dispose();
        if (OperatingSystem.IsWindows()) AtomicFile.TryDelete(file.Name);
    }

    /// <summary>Whether opening failed because another has the file: Windows' sharing violation, or EWOULDBLOCK of Linux and macOS.</summary>
    static bool IsHeld(IOException e) => e.HResult is unchecked((int)0x80070020) or 11 or 35;

    static RunLockedException Locked(string folder, Exception inner)
    {
        // Who has only just taken it is about to say so.
        for (var attempt = 0; attempt < 50; attempt++)
        {
            try
            {
                using var owner = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, OwnerName)));
                return new(folder, owner.RootElement.GetProperty("process").GetInt32(), owner.RootElement.GetProperty("host").GetString()!, owner.RootElement.GetProperty("since").GetString()!, inner);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or KeyNotFoundException or InvalidOperationException)
            {
                Thread.Sleep(20);
            }
        }

        return new(folder, null, "an unknown host", "an unknown time", inner);
    }
}
