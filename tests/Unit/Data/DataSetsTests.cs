using CnnSharp.Data;
using Xunit;

namespace CnnSharp.Tests;

public sealed class DataSetsTests : IDisposable
{
    readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void TheEmbeddedSetIsTheStartOfFashionMnist()
    {
        var set = DataSets.Find("embedded");
        var test = set.RequireTest();
        Assert.Equal("embedded: 4,000 images [28, 28, 1], 10 classes", set.Train.ToString());
        Assert.Equal("embedded: 1,000 images [28, 28, 1], 10 classes", test.ToString());
        Assert.Equal([9, 0, 0, 3, 0, 2, 7, 2, 5, 5], set.Train.Labels[..10].ToArray());
        Assert.Equal([9, 2, 1, 1, 6, 1, 4, 6, 5, 7], test.Labels[..10].ToArray());
        var measured = Normalization.Measure(set.Train);
        Assert.Equal(0.2860, measured.Mean[0], 0.002);
        Assert.Equal(0.3530, measured.Std[0], 0.002);
    }

    [Fact]
    public void TheEmbeddedImagesAreThoseOfTheSystem()
    {
        const string system = "/usr/share/datasets/fashion-mnist";
        Assert.SkipUnless(Directory.Exists(system), $"Fashion-MNIST is not installed in {system}");
        var (whole, part) = (FashionMnist.Load(system), EmbeddedFashionMnist.Load());
        Assert.Equal(60_000, whole.Train.Count);
        Assert.True(whole.Train.Labels[..4_000].SequenceEqual(part.Train.Labels));
        Assert.True(whole.Train.AllPixels.AsSpan(0, 4_000 * 784).SequenceEqual(part.Train.AllPixels));
        Assert.True(whole.RequireTest().AllPixels.AsSpan(0, 1_000 * 784).SequenceEqual(part.RequireTest().AllPixels));
    }

    [Fact]
    public void AMissingSetSaysWhereItWasLookedForAndHowToGetIt()
    {
        var error = Assert.Throws<DataFormatException>(() => DataSets.Find("cifar10", folder.Path));
        Assert.Equal($"cifar10: not found in {folder.Path}, {folder.File("cifar10")}; looked for data_batch_1.bin, test_batch.bin, data_batch_1, test_batch, cifar-10-binary.tar.gz, cifar-10-python.tar.gz; it is empty; to get it, run data-scripts/get-cifar10.sh (.ps1 on Windows; 170 MB).", error.Message);
        Assert.Contains("holds neither cifar10 nor fashion-mnist", Assert.Throws<DataFormatException>(() => DataSets.Best(folder.Path, out _)).Message, StringComparison.Ordinal);
        Assert.Contains("There is no data set 'imagenet'; there are cifar10, cifar100, mnist, fashion-mnist, emnist-byclass, emnist-bymerge, emnist-balanced, emnist-letters, emnist-digits, emnist-mnist, embedded.", Assert.Throws<ArgumentException>(() => DataSets.Find("imagenet")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AFolderHoldsTheSetOrOneOfItsName()
    {
        foreach (var place in new[] { folder.Path, folder.File("fashion-mnist") })
        {
            Directory.CreateDirectory(place);
            File.WriteAllBytes(Path.Combine(place, "train-images-idx3-ubyte"), [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 10]);
            File.WriteAllBytes(Path.Combine(place, "train-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 1, 9]);
        }

        Assert.Equal("mnist", DataSets.Find("mnist", folder.Path).Name);

        // The files in the folder itself may be MNIST's; only the one inside says what it is.
        var best = DataSets.Best(folder.Path, out var notice);
        Assert.Equal("fashion-mnist", best.Name);
        Assert.Equal(folder.File("fashion-mnist"), best.Source);
        Assert.Contains("cifar10: not found in", notice, StringComparison.Ordinal);
        Assert.Contains("get-cifar10.sh", notice, StringComparison.Ordinal);
        Assert.Contains($"Taking fashion-mnist from {best.Source} instead.", notice, StringComparison.Ordinal);
    }
}
