using CnnSharp.Data;
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
