using System.Security.Cryptography;
using CnnSharp.Data;
using Xunit;

namespace CnnSharp.Tests;

public sealed class CifarTests : IDisposable
{
    const int Record = 3073;
    const int Count = 3;
    readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>Images whose byte at plane position p of channel c is (7 p + 85 c + record) mod 256.</summary>
    static byte[] Sound(int count, params byte[] labels)
    {
        var bytes = new List<byte>();
        for (var record = 0; record < count; record++)
        {
            bytes.AddRange(labels);
            for (var c = 0; c < 3; c++)
                for (var p = 0; p < 1024; p++) bytes.Add((byte)((7 * p) + (85 * c) + record));
        }

        return [.. bytes];
    }

    static (byte[] Pixels, int[] Labels) Read(string path, int chosen = 0, params int[] classes)
    {
        var (pixels, labels) = (new byte[Count * CifarFile.ImageLength], new int[Count]);
        CifarFile.Read(path, Count, classes.Length == 0 ? [10] : classes, chosen, pixels, labels);
        return (pixels, labels);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void PlanesBecomePixels(bool zipped)
    {
        var bytes = Sound(Count, 9);
        var (pixels, labels) = Read(zipped ? folder.WriteZipped("b.bin.gz", bytes) : folder.Write("b.bin", bytes));
        Assert.Equal([9, 9, 9], labels);
        for (var record = 0; record < Count; record++)
            for (var p = 0; p < 1024; p++)
                for (var c = 0; c < 3; c++) Assert.Equal((byte)((7 * p) + (85 * c) + record), pixels[(record * 3072) + (3 * p) + c]);
    }

    [Fact]
    public void BothLabelsOfCifar100AreThere()
    {
        var path = folder.Write("train.bin", Sound(Count, 19, 99));
        Assert.Equal([19, 19, 19], Read(path, 0, 20, 100).Labels);
        Assert.Equal([99, 99, 99], Read(path, 1, 20, 100).Labels);
        var error = Assert.Throws<DataFormatException>(() => Read(path, 0, 20, 99));
        Assert.EndsWith("the fine label of image 0: expected 0 to 98, got 99 (at byte 1).", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1, "the size: expected 9,219 bytes, got 9,218.")]
    [InlineData(1, "the size: expected 9,219 bytes, got 9,220.")]
    public void AFileOfTheWrongSizeIsRefused(int extra, string message)
    {
        var bytes = Sound(Count, 1);
        Array.Resize(ref bytes, bytes.Length + extra);
        var path = folder.Write("b.bin", bytes);
        var error = Assert.Throws<DataFormatException>(() => Read(path));
        Assert.Equal($"{path}: {message}", error.Message);
    }

    [Fact]
    public void AZippedFileOfTheWrongSizeIsRefused()
    {
        var bytes = Sound(Count, 1);
        Assert.EndsWith("the size once decompressed: expected 9,219 bytes, got 9,218.", Assert.Throws<DataFormatException>(() => Read(folder.WriteZipped("b.bin.gz", bytes[..^1]))).Message, StringComparison.Ordinal);
        Assert.EndsWith("the size once decompressed: expected 9,219 bytes, got more.", Assert.Throws<DataFormatException>(() => Read(folder.WriteZipped("b.bin.gz", [.. bytes, 0]))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AGzipBombIsNotUnpacked()
    {
        var path = folder.WriteZipped("b.bin.gz", new byte[64 << 20]);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.EndsWith("got more.", Assert.Throws<DataFormatException>(() => Read(path)).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void ACorruptGzipIsRefused()
    {
        var zipped = TemporaryFolder.Zip(Sound(Count, 1));
        zipped[^6] ^= 1;
        Assert.Contains("the gzip is corrupt", Assert.Throws<DataFormatException>(() => Read(folder.Write("b.bin.gz", zipped))).Message, StringComparison.Ordinal);
        Assert.Throws<DataFormatException>(() => Read(folder.Write("b.bin.gz", zipped[..^40])));
        Assert.Throws<DataFormatException>(() => Read(folder.Write("b.bin.gz", Sound(Count, 1))));
    }

    [Fact]
    public void ALabelOutsideTheClassesIsNamedWithItsRecord()
    {
        var bytes = Sound(Count, 1);
        bytes[2 * Record] = 10;
        var path = folder.Write("b.bin", bytes);
        Assert.Equal($"{path}: the label of image 2: expected 0 to 9, got 10 (at byte 6,146).", Assert.Throws<DataFormatException>(() => Read(path)).Message);
    }

    [Fact]
    public void DamagedFilesAreRefusedOrReadAndNothingElse()
    {
        var sound = Sound(Count, 1);
        Damage.Survive(sound, 1_000, 128 * 1024, bytes => Read(folder.Write("b.bin", bytes)));
        Damage.Survive(TemporaryFolder.Zip(sound), 2_000, 128 * 1024, bytes => Read(folder.Write("b.bin.gz", bytes)));
    }

    [Fact]
    public void AWholeFolderLoads()
    {
        var batch = Sound(1, 3);
        var whole = new byte[10_000 * Record];
        for (var i = 0; i < 10_000; i++) batch.CopyTo(whole, i * Record);
        var zipped = TemporaryFolder.Zip(whole);
        for (var b = 1; b <= 5; b++) folder.Write($"data_batch_{b}.bin.gz", zipped);

        var set = Cifar10.Load(folder.Path);
        Assert.Equal("cifar10: 50,000 images [32, 32, 3], 10 classes", set.Train.ToString());
        Assert.Equal("cat", set.Train.ClassNames[set.Train.Labels[49_999]]);
        Assert.Equal(batch[1 + 1024 + 5], set.Train.Pixels(49_999)[(3 * 5) + 1]);
        Assert.Null(set.Test);
        Assert.Contains("the test images of cifar10 are not here", Assert.Throws<DataFormatException>(() => set.RequireTest()).Message, StringComparison.Ordinal);

        File.WriteAllText(folder.File("batches.meta.txt"), "one\ntwo\n");
        Assert.EndsWith("the class names: expected 10, got 2.", Assert.Throws<DataFormatException>(() => Cifar10.Load(folder.Path)).Message, StringComparison.Ordinal);

        File.Delete(folder.File("data_batch_4.bin.gz"));
        Assert.EndsWith("the folder has neither data_batch_4.bin nor data_batch_4.bin.gz.", Assert.Throws<DataFormatException>(() => Cifar10.Load(folder.Path)).Message, StringComparison.Ordinal);
        Assert.EndsWith("there is no such folder.", Assert.Throws<DataFormatException>(() => Cifar10.Load(folder.File("nowhere"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheRealImagesAreTheRealImages()
    {
        DatasetSplits set;
        try
        {
            set = DataSets.Find("cifar10");
        }
        catch (DataFormatException e) when (e.Problem.StartsWith("not found", StringComparison.Ordinal))
        {
            Assert.Skip(e.Message);
            return;
        }

        // Back to the official layout: the md5 of data_batch_1.bin is published.
        var first = new byte[10_000 * Record];
        for (var i = 0; i < 10_000; i++)
        {
            first[i * Record] = (byte)set.Train.Labels[i];
            var pixels = set.Train.Pixels(i);
            for (var p = 0; p < 1024; p++)
                for (var c = 0; c < 3; c++) first[(i * Record) + 1 + (1024 * c) + p] = pixels[(3 * p) + c];
        }

#pragma warning disable CA5351 // The published sum is an MD5; nothing secret depends on it.
        Assert.Equal("5dd7e06a14cb22eb9f671a540d1b7c25", Convert.ToHexStringLower(MD5.HashData(first)));
#pragma warning restore CA5351
        var measured = Normalization.Measure(set.Train);
        for (var c = 0; c < 3; c++)
        {
            Assert.Equal(Cifar10.Normalization.Mean[c], measured.Mean[c], 1e-4);
            Assert.Equal(Cifar10.Normalization.Std[c], measured.Std[c], 1e-4);
        }
    }
}
