using CnnSharp.Formats;

namespace CnnSharp.Cli;

/// <summary>Files that options such as <c>--out</c> and <c>--dump-logits</c> name.</summary>
internal static class Outputs
{
    /// <summary>Checks a file that is to be written, before any work is done for it.</summary>
    /// <param name="terminal">Gives its output up where the file is that.</param>
    /// <param name="option">The option that names it.</param>
    /// <param name="path">The file; null: none is asked for.</param>
    /// <param name="read">Files that are read, and must not be replaced.</param>
    /// <exception cref="UsageException">It is a folder, lies in a file, or is one of those that are read.</exception>
    public static string? Check(Terminal terminal, string option, string? path, params IEnumerable<string?> read)
    {
        if (path is null) return null;
        if (Directory.Exists(path)) throw new UsageException($"{option} {path}: that is a folder; expected a file.");
        CheckFolder(option, Path.GetDirectoryName(Path.GetFullPath(path))!);
        if (read.FirstOrDefault(file => file is not null && Path.GetFullPath(file) == Path.GetFullPath(path)) is { } source) throw new UsageException($"{option} {path}: it is read from '{source}', which would be replaced; expected another file.");
        if (AtomicFile.IsStandardOutput(path)) terminal.ReserveOutput();
        return path;
    }

    /// <summary>Checks a folder that is to be written into.</summary>
    /// <exception cref="UsageException">It is a file, or lies in one.</exception>
    public static void CheckFolder(string option, string folder)
    {
        for (var part = Path.GetFullPath(folder); part is not null; part = Path.GetDirectoryName(part))
        {
            if (File.Exists(part)) throw new UsageException($"{option} {folder}: {(part == Path.GetFullPath(folder) ? "that" : $"'{part}'")} is a file; expected a folder, or nothing yet.");
            if (Directory.Exists(part)) return;
        }
    }
}
