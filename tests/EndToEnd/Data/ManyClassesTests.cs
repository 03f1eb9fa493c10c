using CnnSharp.Data;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>Image folders of a size at which whatever is quadratic in the classes shows.</summary>
public sealed class ManyClassesTests : IDisposable
{
    readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>All but two of the classes are links to one folder, which are made in a tenth of the time.</summary>
    [Fact]
    public void AHundredThousandClassesAreLoaded()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links take a privilege there.");
        const int classes = 100_000;
        var root = folder.File("many");
        foreach (var c in new[] { 0, classes - 1 })
        {
            Directory.CreateDirectory(Path.Combine(root, $"{c:D6}"));
            ImageFile.WritePng(Path.Combine(root, $"{c:D6}", "a.png"), new([1, 2, 3], 1, 1, 3));
        }

        Parallel.For(1, classes - 1, c => Directory.CreateSymbolicLink(Path.Combine(root, $"{c:D6}"), "000000"));
        var set = ImageFolder.Load(root, new() { Size = 1 }).Train;
        Assert.Equal((classes, classes), (set.Count, set.Classes));
        Assert.Equal(Enumerable.Range(0, classes), set.Labels.ToArray().Order());
        Assert.Equal("099999", set.ClassNames[^1]);

        File.Delete(Path.Combine(root, "099999", "a.png"));
        Assert.Contains($"{Path.Combine(root, "099999")}: the class has no images", Assert.Throws<DataFormatException>(() => ImageFolder.Load(root, new() { Size = 1 })).Message, StringComparison.Ordinal);
    }
}
