using CnnSharp.Data;
using Xunit;

namespace CnnSharp.Tests;

public sealed class IdxTests : IDisposable
{
    readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void EveryTypeIsRead()
    {
        Assert.Equal([1, 255], Idx.Read(folder.Write("a", [0, 0, 0x08, 1, 0, 0, 0, 2, 1, 255])).Values<byte>());
        Assert.Equal([1, -1], Idx.Read(folder.Write("a", [0, 0, 0x09, 1, 0, 0, 0, 2, 1, 255])).Values<sbyte>());
        Assert.Equal([258, -2], Idx.Read(folder.Write("a", [0, 0, 0x0B, 2, 0, 0, 0, 2, 0, 0, 0, 1, 1, 2, 255, 254])).Values<short>());
        Assert.Equal([0x01020304], Idx.Read(folder.Write("a", [0, 0, 0x0C, 1, 0, 0, 0, 1, 1, 2, 3, 4])).Values<int>());
        Assert.Equal([-1.5f], Idx.Read(folder.Write("a", [0, 0, 0x0D, 1, 0, 0, 0, 1, 0xBF, 0xC0, 0, 0])).Values<float>());
        Assert.Equal([-1.5], Idx.Read(folder.WriteZipped("a.gz", [0, 0, 0x0E, 0, 0xBF, 0xF8, 0, 0, 0, 0, 0, 0])).Values<double>());
        Assert.Equal([2, 1], Idx.Read(folder.Write("a", [0, 0, 0x0B, 2, 0, 0, 0, 2, 0, 0, 0, 1, 1, 2, 255, 254])).Shape);
    }

    [Theory]
    [InlineData(new byte[] { 0, 1, 8, 0, 5 }, "the first two bytes: expected 00 00 (an IDX file), got 00 01 (at byte 0).")]
    [InlineData(new byte[] { 0, 0, 10, 0, 5 }, "the type code: expected 08, 09, 0b, 0c, 0d or 0e, got 0a (at byte 2).")]
    [InlineData(new byte[] { 0, 0, 8 }, "the size: expected 4 bytes, got 3.")]
    [InlineData(new byte[] { 0, 0, 8, 2, 0, 0, 0, 1 }, "the size: expected 12 bytes, got 8.")]
    [InlineData(new byte[] { 0, 0, 8, 1, 0, 0, 0, 3, 1, 2 }, "the extents [3] of UInt8: expected at most 2 bytes, which the file can hold, got 3 (at byte 4).")]
    [InlineData(new byte[] { 0, 0, 8, 1, 0, 0, 0, 1, 1, 2 }, "the size: expected 9 bytes, got more.")]
    [InlineData(new byte[] { 0, 0, 8, 1, 255, 0, 0, 1, 1 }, "extent 0: expected at most 2147483647, got 4278190081 (at byte 4).")]
    [InlineData(new byte[] { 0, 0, 8, 3, 127, 0, 0, 1, 127, 0, 0, 1, 127, 0, 0, 1 }, "got 9,223,372,036,854,775,807 (at byte 4).")]
    public void LiesAreRefused(byte[] bytes, string message)
    {
        var path = folder.Write("lie", bytes);
        var error = Assert.Throws<DataFormatException>(() => Idx.Read(path));
        Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
        Assert.EndsWith(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ValuesOfAnotherTypeAreRefused()
    {
        var idx = Idx.Read(folder.Write("a", [0, 0, 8, 0, 5]));
        Assert.Contains("the type of the values: expected Float32, got UInt8", Assert.Throws<DataFormatException>(() => idx.Values<float>()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DamagedFilesAreRefusedOrReadAndNothingElse()
    {
        byte[] sound = [0, 0, 0x0B, 2, 0, 0, 0, 10, 0, 0, 0, 20, .. Enumerable.Range(0, 400).Select(i => (byte)(i * 37))];
        Damage.Survive(sound, 3_000, 128 * 1024, bytes => Idx.Read(folder.Write("damaged", bytes)));
        Damage.Survive(TemporaryFolder.Zip(sound), 3_000, 1024 * 1024, bytes => Idx.Read(folder.Write("damaged.gz", bytes)));
    }

    [Fact]
    public void ImagesAndLabelsMustBelongTogether()
    {
        void Labels(params byte[] bytes) => folder.Write("train-labels-idx1-ubyte", bytes);
        folder.Write("train-images-idx3-ubyte", [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 10, 11, 12, 13]);
        string Refusal() => Assert.Throws<DataFormatException>(() => Mnist.Load(folder.Path)).Message;

        Assert.EndsWith("the folder has neither train-labels-idx1-ubyte nor train-labels-idx1-ubyte.gz.", Refusal(), StringComparison.Ordinal);
        Labels(0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 2);
        Assert.EndsWith("train-labels-idx1-ubyte: the number of labels: expected 2, one an image, got 3.", Refusal(), StringComparison.Ordinal);
        Labels(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 1);
        Assert.EndsWith("the extents: expected [images], got [2, 1].", Refusal(), StringComparison.Ordinal);
        Labels(0, 0, 8, 1, 0, 0, 0, 2, 9, 10);
        Assert.EndsWith("the label of image 1: expected 0 to 9, got 10 (at byte 9).", Refusal(), StringComparison.Ordinal);
        Labels(0, 0, 9, 1, 0, 0, 0, 2, 9, 1);
        Assert.EndsWith("the type of the values: expected UInt8, got Int8 (at byte 2).", Refusal(), StringComparison.Ordinal);

        Labels(0, 0, 8, 1, 0, 0, 0, 2, 9, 1);
        var set = Mnist.Load(folder.Path);
        Assert.Equal("mnist: 2 images [1, 2, 1], 10 classes", set.Train.ToString());
        Assert.Equal([9, 1], set.Train.Labels.ToArray());
        Assert.Equal([12, 13], set.Train.Pixels(1).ToArray());
        Assert.Null(set.Test);

        folder.Write("train-images-idx3-ubyte", [0, 0, 8, 1, 0, 0, 0, 2, 10, 11]);
        Assert.EndsWith("the extents: expected [images, rows, columns], got [2].", Refusal(), StringComparison.Ordinal);
    }
}
