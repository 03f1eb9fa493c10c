namespace CnnSharp.Training;

/// <summary>Which commit a folder's git repository stands at, read from its files: no program is run for it.</summary>
static class GitCommit
{
    /// <summary>The commit's hash; null where there is no repository, no commit in it yet, or a form of it that is not known.</summary>
    public static string? Of(string folder)
    {
        try
        {
            return FindRepository(folder) is { } repository ? Resolve(repository) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The <c>.git</c> folder of the nearest folder above; a worktree's is named in a file.</summary>
    static string? FindRepository(string folder)
    {
        for (var at = new DirectoryInfo(folder); at is not null; at = at.Parent)
        {
            var path = Path.Combine(at.FullName, ".git");
            if (Directory.Exists(path)) return path;
            if (File.Exists(path) && After(File.ReadAllText(path).Trim(), "gitdir: ") is { } elsewhere) return Path.GetFullPath(elsewhere, at.FullName);
        }

        return null;
    }

    /// <summary><c>HEAD</c> is a hash, or names a reference that is a file of its own or a line of <c>packed-refs</c>; a worktree's references are its repository's.</summary>
    static string? Resolve(string repository)
    {
        var head = File.ReadAllText(Path.Combine(repository, "HEAD")).Trim();
        if (After(head, "ref: ") is not { } reference) return IsHash(head) ? head : null;
        var common = Path.Combine(repository, "commondir");
        foreach (var place in File.Exists(common) ? [repository, Path.GetFullPath(File.ReadAllText(common).Trim(), repository)] : new[] { repository })
        {
            var file = Path.Combine(place, reference);
            if (File.Exists(file) && File.ReadAllText(file).Trim() is var hash && IsHash(hash)) return hash;
            var packed = Path.Combine(place, "packed-refs");
            if (File.Exists(packed) && File.ReadLines(packed).FirstOrDefault(line => line.EndsWith($" {reference}", StringComparison.Ordinal))?.Split(' ')[0] is { } listed && IsHash(listed)) return listed;
        }

        return null;
    }

    static string? After(string text, string start) => text.StartsWith(start, StringComparison.Ordinal) ? text[start.Length..].Trim() : null;

    static bool IsHash(string text) => text.Length is 40 or 64 && text.All(char.IsAsciiHexDigitLower);
}
