using CnnSharp.Data;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace CnnSharp.Tests;

public sealed class ImageDatasetTests
{
    static readonly string[] Names = ["a", "b", "c"];

    /// <summary>Ten images [1, 2, 1] with pixels 2i and 2i + 1 and labels i mod 3.</summary>
    static ImageDataset Ten() => new("ten", [.. Enumerable.Range(0, 20).Select(i => (byte)i)], [.. Enumerable.Range(0, 10).Select(i => i % 3)], 1, 2, 1, Names);

    [Fact]
    public void PartsAreViewsOfTheSamePixels()
    {
        var set = Ten();
        var (train, validation) = set.Split(validation: 4);
        Assert.Equal((6, 4), (train.Count, validation.Count));
        Assert.Equal([0, 1, 2, 0, 1, 2], train.Labels.ToArray());
        Assert.Equal([0, 1, 2, 0], validation.Labels.ToArray());
        Assert.Equal([12, 13], validation.Pixels(0).ToArray());
        Assert.Equal([18, 19], validation.Slice(2, 2).Pixels(1).ToArray());
        Assert.Equal([2, 3], set.Take(2).Pixels(1).ToArray());
        Assert.Same(set.AllPixels, validation.Slice(2, 2).AllPixels);
    }

    /// <summary>A view in any order shares the pixels, and is sliced, split and relabeled like any other set.</summary>
    [Fact]
    public void SubsetsAreViewsOfTheSamePixels()
    {
        var set = Ten();
        var some = set.Slice(1, 9).Subset([7, 0, 0, 3]);
        Assert.Equal([[16, 17], [2, 3], [2, 3], [8, 9]], Enumerable.Range(0, some.Count).Select(i => some.Pixels(i).ToArray()));
        Assert.Equal([2, 1, 1, 1], some.Labels.ToArray());
        Assert.Same(set.AllPixels, some.AllPixels);
        Assert.Equal([2, 3], some.Slice(1, 2).Pixels(1).ToArray());
        Assert.Equal([8, 9], some.Slice(1, 3).Subset([2, 0]).WithClasses(["c", "b", "a"]).Pixels(0).ToArray());
        Assert.Equal([0, 1, 1, 1], some.WithClasses(["c", "b", "a"]).Labels.ToArray());
        Assert.IsType<ImageDataset>(Dataset.Subset(set, [1]));
        Assert.Empty(set.Subset([]).Labels.ToArray());
        Assert.Contains("'ten' has 10 samples, from 0; place 1 of the subset asks for 10.", Assert.Throws<ArgumentOutOfRangeException>(() => set.Subset([0, 10])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => { _ = some.Pixels(4); });
    }

    /// <summary>Any subset, by both ways of making batches (pixels on the device, pixels sent), gives what picking its images one by one does.</summary>
    [Fact]
    public void BatchesOfSubsetsAreThoseOfTheirImages() => Prop.ForAll(Gen.Choose(0, 9).ArrayOf().ToArbitrary(), Gen.Choose(1, 5).ToArbitrary(), (indices, size) =>
    {
        if (indices.Length == 0) return;
        var some = Ten().Subset(indices);
        foreach (var resident in new[] { true, false })
        {
            var at = 0;
            foreach (var batch in new DataLoader(some, size, Device.Reference, shuffle: false, resident: resident))
            {
                Assert.Equal(batch.Labels.ToArray<int>(), indices.Skip(at).Take(batch.Count).Select(i => i % 3));
                Assert.Equal(batch.Images.ToArray(), indices.Skip(at).Take(batch.Count).SelectMany(i => new[] { 2 * i / 255f, ((2 * i) + 1) / 255f }), (a, b) => MathF.Abs(a - b) < 1e-6f);
                at += batch.Count;
            }

            Assert.Equal(indices.Length, at);
        }
    }).QuickCheckThrowOnFailure();

    /// <summary>Every image is held out once; no fold has more than one image more of a class than another.</summary>
    [Fact]
    public void FoldsAndSplitsAreStratified()
    {
        var set = new ImageDataset("many", new byte[90], [.. Enumerable.Range(0, 90).Select(i => i < 60 ? 0 : i < 83 ? 1 : 2)], 1, 1, 1, Names);
        var folds = set.Folds(4, seed: 5);
        Assert.Equal(4, folds.Count);
        Assert.All(folds, fold => Assert.Equal(90, fold.Train.Count + fold.Held.Count));
        foreach (var (label, least) in new[] { (0, 15), (1, 5), (2, 1) }) Assert.All(folds, fold => Assert.InRange(fold.Held.Labels.Count(label), least, least + 1));
        Assert.Equal(folds.Select(fold => fold.Held.Labels.ToArray()), set.Folds(4, seed: 5).Select(fold => fold.Held.Labels.ToArray()));

        var (train, held) = set.Split(0.2, seed: 1);
        Assert.Equal((12, 5, 1, 72), (held.Labels.Count(0), held.Labels.Count(1), held.Labels.Count(2), train.Count));
        Assert.Equal(18, set.Split(0.2, seed: 1, stratified: false).Held.Count);
        Assert.Throws<ArgumentOutOfRangeException>(() => set.Split(1.5));
        Assert.Throws<ArgumentOutOfRangeException>(() => set.Folds(91));
    }

    [Fact]
    public void ImagesThatAreNotThereAreRefused()
    {
        var set = Ten();
        Assert.Contains("'ten' has 10 images; 4 from 8 on are not all there.", Assert.Throws<ArgumentOutOfRangeException>(() => set.Slice(8, 4)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => set.Take(int.MaxValue));
        Assert.Throws<ArgumentOutOfRangeException>(() => set.Split(10));
        Assert.Throws<ArgumentOutOfRangeException>(() => { _ = set.Take(3).Pixels(3); });
    }

    [Fact]
    public void ALabelOutsideTheClassesIsNamed()
    {
        var error = Assert.Throws<ArgumentException>(() => new ImageDataset("bad", new byte[3], [0, 1, 3], 1, 1, 1, Names));
        Assert.StartsWith("'bad': the label of image 2 is 3; there are 3 classes, 0 to 2.", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new ImageDataset("bad", new byte[1], [-1], 1, 1, 1, Names));
    }

    [Fact]
    public void PixelsMustFitTheLabels()
    {
        var error = Assert.Throws<ArgumentException>(() => new ImageDataset("bad", new byte[5], [0, 1], 1, 1, 3, Names));
        Assert.StartsWith("'bad': 2 labels of images [1, 1, 3] need 6 pixel bytes, got 5.", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new ImageDataset("bad", [], [0, 1], int.MaxValue, int.MaxValue, 3, Names));
    }

    [Fact]
    public void NormalizationIsMeasuredAndApplied()
    {
        var set = new ImageDataset("two", [0, 10, 255, 30, 0, 10, 255, 50], [0, 0], 1, 2, 2, Names);
        var measured = Normalization.Measure(set);
        Assert.Equal([0.5f, 25f / 255], measured.Mean.ToArray());
        Assert.Equal(0.5f, measured.Std[0]);
        Assert.Equal(Math.Sqrt(275) / 255, measured.Std[1], 1e-7);
        Assert.Equal(measured.Mean.ToArray(), set.Slice(1, 1).With(measured).Normalization.Mean.ToArray());
        Assert.Equal([255, 50], set.Slice(1, 1).With(measured).Pixels(0)[2..].ToArray());
        Assert.Equal([1f / 255 / 0.5f, -1f], [.. new Normalization([.5f], [.5f]).ScaleOffset()], (a, b) => MathF.Abs(a - b) < 1e-9f);
    }

    [Fact]
    public void ImpossibleNormalizationsAreRefused()
    {
        Assert.Contains("finite and above 0", Assert.Throws<ArgumentException>(() => new Normalization([0], [0])).Message, StringComparison.Ordinal);
        Assert.Contains("2 means and 1 stds", Assert.Throws<ArgumentException>(() => new Normalization([0, 0], [1])).Message, StringComparison.Ordinal);
        Assert.Contains("every pixel of channel 0 is 4", Assert.Throws<ArgumentException>(() => Normalization.Measure(new("flat", [4, 4], [0, 0], 1, 1, 1, Names))).Message, StringComparison.Ordinal);
        Assert.Contains("of 3 channels, the images have 1", Assert.Throws<ArgumentException>(() => Ten().With(Cifar10.Normalization)).Message, StringComparison.Ordinal);
    }
}
