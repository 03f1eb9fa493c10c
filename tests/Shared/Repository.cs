namespace CnnSharp.Tests;

/// <summary>The repository that the tests were built in.</summary>
static class Repository
{
    /// <summary>Its folder; null where the suite runs elsewhere.</summary>
    public static string? Root { get; } = Find();

    static string? Find()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "CnnSharp.sln"))) folder = folder.Parent;
        return folder?.FullName;
    }
}
