using System.Diagnostics;
using System.IO.Compression;
using System.Text.Json;
using System.Xml.Linq;
using Xunit;

namespace CnnSharp.Tests.Packaging;

/// <summary>
/// Both packages, packed from what the tests were built from into a folder that serves as the only feed, and a package cache
/// that starts empty. Their version occurs nowhere else, so nothing can come from another place.
/// </summary>
public sealed class PackedFeed : IDisposable
{
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    readonly TemporaryFolder folder = new();
    readonly string? missing;

    public PackedFeed()
    {
        (Root, missing) = FindSources();
        if (missing is not null) return;
        Directory.CreateDirectory(Feed);
        File.WriteAllText(Config, $"""<configuration><packageSources><clear /><add key="packed" value="{Feed}" /></packageSources></configuration>""");
        foreach (var project in new[] { "CnnSharp", "Cli" })
        {
            Dotnet("pack", Source("src", project), "--configuration", Configuration, "--no-build", "--output", Feed, $"-p:PackageVersion={Version}", $"-p:RepositoryUrl={RepositoryUrl}");
        }

        CopyPackagesOfOthers("CnnSharp");
    }

    /// <summary>What the packages give as theirs; the address is reserved for examples.</summary>
    public const string RepositoryUrl = "https://example.org/cnnsharp";

    /// <summary>The version of both packages in the feed.</summary>
    public string Version { get; } = $"0.1.0-test.{Guid.NewGuid():N}";

    /// <summary>The folder of packages.</summary>
    public string Feed => folder.File("feed");

    /// <summary>A nuget.config that knows that folder alone.</summary>
    public string Config => folder.File("nuget.config");

    /// <summary>The package cache that the repository was restored with.</summary>
    public string MachineCache => CachesOf("Kernels").First();

    string Root { get; }

    /// <summary>Debug or Release: what the tests run from.</summary>
    static string Configuration => new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;

    /// <summary>Skips the test, with the reason, where the packages cannot be made.</summary>
    public void SkipIfMissing() => Assert.SkipWhen(missing is not null, missing ?? "");

    /// <summary>A path beside the feed.</summary>
    public string At(string name) => folder.File(name);

    /// <summary>A file of the repository.</summary>
    public string Source(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>A package of the feed.</summary>
    /// <param name="id">Its name.</param>
    /// <param name="kind"><c>nupkg</c>, or <c>snupkg</c> for its symbols.</param>
    internal Package Open(string id, string kind = "nupkg") => new(folder.File($"feed/{id}.{Version}.{kind}"));

    /// <summary>Others' packages that a project of ours asks for itself, by name.</summary>
    public IEnumerable<string> PackagesOf(string project)
    {
        using var assets = ReadAssets(project);
        var framework = assets.RootElement.GetProperty("project").GetProperty("frameworks").EnumerateObject().Single().Value;
        return framework.TryGetProperty("dependencies", out var dependencies)
            ? [.. dependencies.EnumerateObject().Where(d => !d.Value.TryGetProperty("suppressParent", out var hidden) || hidden.GetString() != "All").Select(d => d.Name)]
            : [];
    }

    /// <summary>Runs the SDK beside the feed, with the empty cache. Asserts that it ends well.</summary>
    /// <returns>What it wrote.</returns>
    public string Dotnet(params string[] args) => Run("dotnet", args);

    /// <summary>Runs a program beside the feed. Asserts that it ends well.</summary>
    /// <returns>What it wrote.</returns>
    public string Run(string program, params string[] args)
    {
        var (exitCode, output) = Execute(program, args);
        Assert.True(exitCode == 0, $"{program} {string.Join(' ', args)} ended with {exitCode}:\n{output}");
        return output;
    }

    /// <summary>Runs a program beside the feed.</summary>
    public (int ExitCode, string Output) Execute(string program, params string[] args)
    {
        var start = new ProcessStartInfo(program, args) { WorkingDirectory = folder.Path, RedirectStandardOutput = true, RedirectStandardError = true };

        // The test runner is an SDK too, and has told this process which.
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToList()) start.Environment.Remove(name);
        start.Environment["NUGET_PACKAGES"] = folder.File("cache");
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0";
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        start.Environment["DOTNET_NOLOGO"] = "1";
        start.Environment["UseSharedCompilation"] = "false";
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        if (!process.WaitForExit(Patience))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} {string.Join(' ', args)} did not end within {Patience}.");
        }

        process.WaitForExit();
        return (process.ExitCode, output.Result + error.Result);
    }

    public void Dispose() => folder.Dispose();

    static (string Root, string? Missing) FindSources()
    {
        if (Repository.Root is not { } root) return ("", "The tests do not run in the repository: there is nothing to pack.");
        try
        {
            using var sdk = Process.Start(new ProcessStartInfo("dotnet", "--version") { WorkingDirectory = root, RedirectStandardOutput = true, RedirectStandardError = true })!;
            sdk.WaitForExit();
            return (root, sdk.ExitCode == 0 ? null : "There is no SDK to pack with that global.json allows.");
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return (root, $"There is no SDK to pack with: {e.Message}");
        }
    }

    /// <summary>Puts what a project of ours depends on and is not ours into the feed, from where its restore has put it.</summary>
    void CopyPackagesOfOthers(string project)
    {
        using var assets = ReadAssets(project);
        var caches = CachesOf(project);
        foreach (var library in assets.RootElement.GetProperty("libraries").EnumerateObject().Where(library => library.Value.GetProperty("type").GetString() == "package"))
        {
            var path = library.Value.GetProperty("path").GetString()!;
            var file = caches.SelectMany(cache => Directory.Exists(Path.Combine(cache, path)) ? Directory.GetFiles(Path.Combine(cache, path), "*.nupkg") : []).First();
            File.Copy(file, folder.File($"feed/{Path.GetFileName(file)}"), overwrite: true);
        }
    }

    List<string> CachesOf(string project)
    {
        using var assets = ReadAssets(project);
        return [.. assets.RootElement.GetProperty("packageFolders").EnumerateObject().Select(cache => cache.Name)];
    }

    /// <summary>What the restore of one of our projects found.</summary>
    JsonDocument ReadAssets(string project) => JsonDocument.Parse(File.ReadAllBytes(Source("src", project, "obj", "project.assets.json")));
}

/// <summary>A package's file.</summary>
internal sealed class Package : IDisposable
{
    readonly ZipArchive archive;
    readonly XElement metadata;

    public Package(string path)
    {
        Size = new FileInfo(path).Length;
        archive = ZipFile.OpenRead(path);
        metadata = XElement.Parse(Text(Files.Single(file => file.EndsWith(".nuspec", StringComparison.Ordinal)))).Elements().Single();
    }

    /// <summary>Bytes.</summary>
    public long Size { get; }

    /// <summary>Bytes that some of its files take in it.</summary>
    public long SizeOf(Func<string, bool> which) => archive.Entries.Where(entry => which(entry.FullName)).Sum(entry => entry.CompressedLength);

    /// <summary>The paths in it.</summary>
    public IEnumerable<string> Files => archive.Entries.Select(entry => entry.FullName);

    /// <summary>Packages that it depends on, with their versions, in the order of their names.</summary>
    public IEnumerable<string> Dependencies => metadata.Descendants().Where(e => e.Name.LocalName == "dependency").Select(e => $"{e.Attribute("id")!.Value} {e.Attribute("version")!.Value}").Order(StringComparer.Ordinal);

    /// <summary>The value of an element of its metadata.</summary>
    public string Value(string name) => metadata.Elements().Single(e => e.Name.LocalName == name).Value;

    /// <summary>The value of an attribute of an element of its metadata, or null.</summary>
    public string? Attribute(string element, string name) => metadata.Elements().Single(e => e.Name.LocalName == element).Attribute(name)?.Value;

    /// <summary>A file in it.</summary>
    public string Text(string path)
    {
        using var reader = new StreamReader(archive.GetEntry(path)!.Open());
        return reader.ReadToEnd();
    }

    /// <summary>A file in it.</summary>
    public byte[] Bytes(string path)
    {
        using var stream = archive.GetEntry(path)!.Open();
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }

    public void Dispose() => archive.Dispose();
}
