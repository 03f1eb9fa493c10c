using CnnSharp.Verification;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>
/// Cases that PyTorch computed in double precision, replayed on every device: a large set where a machine has one
/// ($CNNSHARP_SHARED/golden, or ../shared/golden beside the repository), and a small one that lies here (Cases, written by
/// make_cases.py).
/// </summary>
[Collection(DeviceTests.Name)]
public sealed class GoldenTests
{
    [Theory]
    [MemberData(nameof(Devices.All), MemberType = typeof(Devices))]
    public void GoldenFolderPasses(string deviceName)
    {
        var folder = GoldenFolder();
        Assert.SkipWhen(folder is null, "There is no folder of golden cases: neither $CNNSHARP_SHARED/golden nor ../shared/golden.");
        AssertAllPass(folder!, Devices.Open(deviceName));
    }

    [Theory]
    [MemberData(nameof(Devices.All), MemberType = typeof(Devices))]
    public void OwnCasesPass(string deviceName) => AssertAllPass(CasesFolder, Devices.Open(deviceName));

    internal static string CasesFolder => Path.Combine(AppContext.BaseDirectory, "Verification", "Cases");

    static void AssertAllPass(string folder, Device device)
    {
        var before = Devices.UsedBytes(device);
        var results = Verifier.Run(folder, device).ToList();
        Assert.NotEmpty(results);
        Assert.Equal("", string.Join("\n", results.Where(result => result.Outcome != CaseOutcome.Passed).Select(result => $"{result.Name} {result.Outcome}: {result.Detail}")));
        Assert.InRange(Devices.UsedBytes(device), 0, before);
    }

    /// <summary>The large set; null where there is none.</summary>
    internal static string? GoldenFolder()
    {
        if (Environment.GetEnvironmentVariable("CNNSHARP_SHARED") is { Length: > 0 } shared) return Existing(Path.Combine(shared, "golden"));
        return Repository.Root is { } root ? Existing(Path.Combine(root, "..", "shared", "golden")) : null;

        static string? Existing(string path) => Directory.Exists(path) ? path : null;
    }
}
