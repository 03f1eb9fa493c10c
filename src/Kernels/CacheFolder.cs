namespace CnnSharp.Kernels;

/// <summary>Where a user's files lie that can be made again.</summary>
static class CacheFolder
{
    /// <summary><c>$XDG_CACHE_HOME/cnnsharp</c>, <c>~/.cache/cnnsharp</c>, on Windows <c>%LocalAppData%\cnnsharp</c>; null where the user has no home.</summary>
    public static string? OfUser
    {
        get
        {
            var cache = OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
                : Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } given ? given
                : Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) is { Length: > 0 } home ? Path.Combine(home, ".cache")
                : "";
            return cache.Length == 0 ? null : Path.Combine(cache, "cnnsharp");
        }
    }
}
