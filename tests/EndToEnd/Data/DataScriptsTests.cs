using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>
/// The scripts that download, against a server on this machine with made-up files, whose checksums stand in copies of the
/// scripts in place of the official ones.
/// </summary>
public sealed class DataScriptsTests : IDisposable
{
    static readonly string[] Idx = ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"];

    readonly TemporaryFolder folder = new();
    readonly FileServer server = new();

    public void Dispose()
    {
        server.Dispose();
        folder.Dispose();
    }

    public static TheoryData<string> Sets => new("cifar10", "cifar100", "mnist", "fashion-mnist");

    [Theory]
    [MemberData(nameof(Sets))]
    public void WhatIsThereIsFetchedVerifiedAndUnpacked(string set)
    {
        Prepare(set);
        var (status, output) = Get(set);
        Assert.True(status == 0, output);
        IsWhole(set);

        // What is there stays, and nothing is asked for.
        var asked = server.Requests.Count;
        (status, output) = Get(set);
        Assert.Equal(0, status);
        Assert.Contains("is there already", output, StringComparison.Ordinal);
        Assert.Equal(asked, server.Requests.Count);
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void ADownloadThatBreaksOffGoesOnWhereItStopped(string set)
    {
        Prepare(set);
        foreach (var cut in new[] { 7_000, 9_000 })
        {
            server.CutAfter = cut;
            var (status, output) = Get(set);
            Assert.NotEqual(0, status);
            Assert.Contains("Run this again to go on.", output, StringComparison.Ordinal);
            Assert.False(Directory.Exists(Target(set)));
        }

        var (last, text) = Get(set);
        Assert.True(last == 0, text);
        var first = server.Requests.First().Name;
        Assert.Equal([0, 7_000, 16_000], server.Requests.Where(request => request.Name == first).Select(request => request.From));
        IsWhole(set);
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void AWrongChecksumLeavesNothing(string set)
    {
        Prepare(set);
        var wrong = server.Files.Keys.Order(StringComparer.Ordinal).Last();
        var sound = server.Files[wrong];
        server.Files[wrong] = [.. sound.Select((b, i) => i == 5_000 ? (byte)~b : b)];
        var (status, output) = Get(set);
        Assert.NotEqual(0, status);
        Assert.Contains($"{server.Address}/{wrong}: expected MD5 {Md5(sound)}, got {Md5(server.Files[wrong])}. The file was removed; run this again.", output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Target(set)));
        Assert.False(File.Exists(Partial(set, wrong)));

        server.Files[wrong] = sound;
        Assert.Equal(0, Get(set).Status);
        IsWhole(set);
    }

    [Theory]
    [InlineData(true, 5_000)]
    [InlineData(true, 40_000)]
    [InlineData(true, 50_000)]
    [InlineData(false, 5_000)]
    public void WhatDoesNotFitTogetherIsFetchedAnew(bool knowsRanges, int length)
    {
        Prepare("mnist");
        server.KnowsRanges = knowsRanges;
        Directory.CreateDirectory(Path.GetDirectoryName(Partial("mnist", Idx[0]))!);
        File.WriteAllBytes(Partial("mnist", Idx[0]), new byte[length]);
        var (status, output) = Get("mnist");
        Assert.True(status == 0, output);
        IsWhole("mnist");
    }

    [Fact]
    public void AFileThatIsNotThereIsNamedAndWhatWasFetchedKept()
    {
        Prepare("mnist");
        server.Files.TryRemove(Idx[2], out _);
        var (status, output) = Get("mnist");
        Assert.NotEqual(0, status);
        Assert.Contains($"{server.Address}/{Idx[2]}: curl failed with exit code 22", output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Target("mnist")));
        Assert.True(File.Exists(Partial("mnist", Idx[0])) && File.Exists(Partial("mnist", Idx[1])));
    }

    /// <summary>Makes the files of a set of 40,000 bytes and more, and copies of the scripts that expect them.</summary>
    void Prepare(string set)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() || !Runs("bash") || !Runs("curl"), "The scripts need bash and curl.");
        var scripts = Path.Combine(Repository.Root ?? "", "data-scripts");
        Assert.SkipUnless(Directory.Exists(scripts), "The repository's data-scripts are not beside these tests.");
        if (set.StartsWith("cifar", StringComparison.Ordinal))
        {
            var inside = set == "cifar10" ? "cifar-10-batches-bin" : "cifar-100-binary";
            var source = Directory.CreateDirectory(folder.File(inside)).FullName;
            File.WriteAllBytes(Path.Combine(source, "data.bin"), Noise(40_000));
            Assert.Equal(0, Run("tar", "-czf", folder.File("archive"), "-C", folder.Path, inside).Status);
            Directory.Delete(source, recursive: true);
            server.Files[set == "cifar10" ? "cifar-10-binary.tar.gz" : "cifar-100-binary.tar.gz"] = File.ReadAllBytes(folder.File("archive"));
        }
        else
        {
            foreach (var name in Idx) server.Files[name] = Noise(40_000 + name.Length);
        }

        Directory.CreateDirectory(folder.File("scripts"));
        File.Copy(Path.Combine(scripts, "common.sh"), folder.File("scripts/common.sh"));
        var lines = File.ReadAllLines(Path.Combine(scripts, $"get-{set}.sh"));
        for (var i = 0; i < lines.Length; i++)
        {
            // fetch "$from/NAME" MD5
            if (lines[i].Split(' ') is not ["fetch", var url, { Length: 32 } md5]) continue;
            lines[i] = lines[i].Replace(md5, Md5(server.Files[url.Trim('"').Split('/')[^1]]), StringComparison.Ordinal);
        }

        File.WriteAllLines(folder.File($"scripts/get-{set}.sh"), lines);
    }

    void IsWhole(string set)
    {
        if (set.StartsWith("cifar", StringComparison.Ordinal)) Assert.Equal(Noise(40_000), File.ReadAllBytes(Path.Combine(Target(set), "data.bin")));
        else foreach (var name in Idx) Assert.Equal(server.Files[name], File.ReadAllBytes(Path.Combine(Target(set), name)));
        Assert.Single(Directory.GetFileSystemEntries(folder.File("data")));
    }

    string Target(string set) => folder.File($"data/{set}");

    string Partial(string set, string name) => folder.File($"data/.{set}.partial/{name}");

    (int Status, string Output) Get(string set) => Run("bash", $"scripts/get-{set}.sh");

    (int Status, string Output) Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder.Path, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["CNNSHARP_MIRROR"] = server.Address;
        foreach (var proxy in new[] { "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY" }) start.Environment.Remove(proxy);
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd() + error.Result;
        process.WaitForExit();
        return (process.ExitCode, output);
    }

    static bool Runs(string program)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, ["--version"]) { RedirectStandardOutput = true })!;
            process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    static byte[] Noise(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }

    [SuppressMessage("Security", "CA5351:Do Not Use Broken Cryptographic Algorithms", Justification = "It is what the data sets' pages give.")]
    static string Md5(byte[] bytes) => Convert.ToHexStringLower(MD5.HashData(bytes));
}
