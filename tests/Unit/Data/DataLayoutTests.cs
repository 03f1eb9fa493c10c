using System.Buffers.Binary;
using System.Formats.Tar;
using System.IO.Compression;
using CnnSharp.Data;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>Data sets under the names, in the folders, archives and forms in which they are found on people's disks.</summary>
public sealed class DataLayoutTests : IDisposable
{
    /// <summary>
    /// What Python 3 writes, gzipped, by protocol: two images whose bytes are (0, 1, ... 6, 0, ...), labels 3 and 9.
    /// <c>pickle.dumps({b'batch_label': b'b', b'labels': [3, 9], b'data': (np.arange(2 * 3072) % 7).astype(np.uint8).reshape(2, 3072), b'filenames': [b'a.png', b'b.png']}, protocol)</c>,
    /// from protocol 4 on with text for bytes.
    /// </summary>
    static readonly string[] Pickles =
    [
        "H4sIAAAAAAAC/+3Zy26CQBQG4AEvVbT3m73fW7oh8TVK6mJWbIwZYFpMEP1hWJi0STfV+tTtjPoUzWHBR/7/TDis+bI/wdxoEI1jGRWOzMyDAytoMcZCoaJkkIpQprCDuk5SoYZZF5UZqhy1xAosM4Z6opMNjoZOVmP6SIGmiR2OVh9t16/4Tan7qu5joQQ2TbvFsR1l5Wgy9fQOufRGZaqGIs/F1BnkMhpnhcrLSDnYWY05Wbxqseuzb+wljTn2OQ5c3/LtV9ae4XA9GKvpRH/KUWDrN5ZdHC9+5uhwnOhVlnt/4LTX67386mt585nCWbjQO7KOri27Uq3VCYIgCIIgCIIgCIIgCIIgCIL4R+Dc/J+44LhUuAoTK2gyxt6GqczESBa4Nu0Nx20fd65ua7oV3iR7x71pHjge12m4TJ9M6nI8y9L7A9Frz3x1GQAA",
        "H4sIAAAAAAAC/+3Ny06DQBQG4GG4KLTer4/AisRXcHZOZNFVNw2ZgdE2AcoPw4JEEzda+9RKqE9hzlmc79yS8+G+g8VippXN11mptCnhCEeDi2DqOrgreLF0ZWiEVyir4Od1XzVDkuXb1iRVX9qNals1RFlr8m3d2bbPbYTgcBbVxWGLI8k+cbzmO4QLRLF0JH9m8y/M/g4LOzQmwnzJGWP9A0723zucLnA2fl864+wN52maPv2MMSXJLC70/pHdj0uHu54fEARBEARBEARBEARBEARBEATxj8ClxZUW4cumNLWqTIfrFW5i4aukqV9xK3w9FXemT34BhTbg/fUYAAA=",
        "H4sIAAAAAAAC/+3ZvWrDMBAHcPlDKaaZSx8hk6GvUG8R8dC9GMlW64CtGEUaDC106UdAW65P14dpE+Utyv+G+93wP3G73vLvn1sW65VW4VpJ1/bNIJUeqEoUhUWc9/RIK5GJQoe8k05SuDF+nOayaXdWl6Mf3FZaK2cKy8bqdmf2zvrW0ZECj0kKV6a7RI4k2Dv16Sc9nB5NRLphyw/qi8A7N0/6vJP6Ozp8XQJZSF6oruv176liE8yROtyz8+FJmuV8AQAAAAAAAAAAAAAAAACAfwQ5UqF42g7ayFHHb4qKy3Iyz1RxFdW+/AO8No5Z5hgAAA==",
        "H4sIAAAAAAAC/+3ZMU7DQBAF0LWTjRQlHQ1HcGWJM7jDwkV6ZO06a4hkO5ZZF5GIlAoSabp8uBHnArPiFOhPMe8Xo7nAP+mPr1sV5ohEVtb46rlsjHUNsshCFiG/4BFJPsuXTuZb4w3kphvb/pCW1X5w6ZTdsKsgq7Ie9q0d69oNuCL5VH/PVRTP5npBCCGEEEIIIYQQQgghhJB/BESHwmBy6w+9wxUSj3e4nN+x+a0WJHpFURT339OElSsPm8cPav0GiTL46U6W9a5xnWldKCQybdK+e0KmbdCN6Q/CHOd60BgAAA==",
    ];

    static readonly byte[] Images = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 10, 11, 12, 13];
    static readonly byte[] Labels = [0, 0, 8, 1, 0, 0, 0, 2, 9, 1];

    readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    void Pair(string images, string labels)
    {
        foreach (var (name, bytes) in new[] { (images, Images), (labels, Labels) })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(folder.File(name))!);
            File.WriteAllBytes(folder.File(name), name.EndsWith(".gz", StringComparison.Ordinal) ? TemporaryFolder.Zip(bytes) : bytes);
        }
    }

    [Theory]
    [InlineData("mnist", "train-images-idx3-ubyte")]
    [InlineData("mnist", "train-images.idx3-ubyte")]
    [InlineData("mnist", "train-images.idx3-ubyte.gz")]
    [InlineData("mnist", "mnist/train-images-idx3-ubyte.gz")]
    [InlineData("mnist", "MNIST/raw/train-images-idx3-ubyte")]
    [InlineData("mnist", "raw/train-images-idx3-ubyte.gz")]
    [InlineData("fashion-mnist", "FashionMNIST/raw/train-images-idx3-ubyte")]
    [InlineData("emnist-letters", "EMNIST/raw/emnist-letters-train-images-idx3-ubyte")]
    [InlineData("emnist-digits", "gzip/emnist-digits-train-images-idx3-ubyte.gz")]
    public void IdxFilesAreFoundWhereLibrariesPutThem(string dataset, string images)
    {
        Pair(images, images.Replace("images", "labels", StringComparison.Ordinal).Replace("idx3", "idx1", StringComparison.Ordinal));

        // Named by the folder above all, by their own folder, or by a file itself.
        foreach (var data in new[] { folder.Path, Path.GetDirectoryName(folder.File(images))!, folder.File(images) })
        {
            var set = DataSets.Find(dataset, data);
            Assert.Equal((dataset, 2), (set.Name, set.Train.Count));
            Assert.Equal([9, 1], set.Train.Labels.ToArray());
            Assert.Equal([12, 13], set.Train.Pixels(1).ToArray());
        }
    }

    /// <summary>torchvision's root holds both, which have the same files: the folders say which is which.</summary>
    [Fact]
    public void SetsOfTheSameFilesAreToldApartByTheirFolders()
    {
        Pair("MNIST/raw/train-images-idx3-ubyte", "MNIST/raw/train-labels-idx1-ubyte");
        Pair("FashionMNIST/raw/train-images-idx3-ubyte", "FashionMNIST/raw/train-labels-idx1-ubyte");
        Assert.Equal(folder.File("MNIST/raw"), DataSets.Find("mnist", folder.Path).Source);
        Assert.Equal(folder.File("FashionMNIST/raw"), DataSets.Find("fashion-mnist", folder.Path).Source);
        Assert.Equal(folder.File("FashionMNIST/raw"), DataSets.Best(folder.Path, out _).Source);
    }

    [Fact]
    public void ATestPairAloneIsNotTrainedOn()
    {
        Pair("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte");
        var set = Mnist.Load(folder.Path);
        Assert.Equal(("mnist", 0, 2), (set.Name, set.Train.Count, set.RequireTest().Count));
        Assert.Equal(Mnist.Normalization, set.RequireTest().Normalization);
        File.Delete(folder.File("t10k-labels-idx1-ubyte"));
        Assert.EndsWith("the folder has neither t10k-labels-idx1-ubyte nor t10k-labels-idx1-ubyte.gz.", Assert.Throws<DataFormatException>(() => Mnist.Load(folder.Path)).Message, StringComparison.Ordinal);
        File.Move(folder.File("t10k-images-idx3-ubyte"), folder.File("images"));
        Assert.EndsWith("looked for train-images-idx3-ubyte, t10k-images-idx3-ubyte; it holds images.", Assert.Throws<DataFormatException>(() => Mnist.Load(folder.Path)).Message, StringComparison.Ordinal);
        Assert.EndsWith("the file: expected one of train-images-idx3-ubyte, t10k-images-idx3-ubyte, got another name.", Assert.Throws<DataFormatException>(() => Mnist.Load(folder.File("images"))).Message, StringComparison.Ordinal);
    }

    /// <summary>Classes and their order as torchvision's EMNIST has them.</summary>
    [Theory]
    [InlineData("byclass", 62, 61, "z")]
    [InlineData("bymerge", 47, 36, "a")]
    [InlineData("balanced", 47, 46, "t")]
    [InlineData("letters", 27, 1, "a")]
    [InlineData("digits", 10, 9, "9")]
    [InlineData("mnist", 10, 0, "0")]
    public void EmnistHasTorchvisionsClasses(string split, int classes, int label, string name)
    {
        Assert.Equal(classes, Emnist.ClassNames(split).Count);
        Assert.Equal(name, Emnist.ClassNames(split)[label]);
    }

    [Theory]
    [InlineData("")]
    [InlineData(".gz")]
    public void FilesBehindLinksAreRead(string ending)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links take a privilege there.");
        Pair($"store/images{ending}", $"store/labels{ending}");
        File.CreateSymbolicLink(folder.File($"train-images-idx3-ubyte{ending}"), $"store/images{ending}");
        File.CreateSymbolicLink(folder.File($"train-labels-idx1-ubyte{ending}"), folder.File($"store/labels{ending}"));
        Assert.Equal([9, 1], Mnist.Load(folder.Path).Train.Labels.ToArray());

        byte[] record = [7, .. new byte[3072]];
        File.WriteAllBytes(folder.File($"store/batch{ending}"), ending.Length > 0 ? TemporaryFolder.Zip(record) : record);
        File.CreateSymbolicLink(folder.File($"batch{ending}"), $"store/batch{ending}");
        var labels = new int[1];
        CifarFile.Read(folder.File($"batch{ending}"), 1, [10], 0, new byte[3072], labels);
        Assert.Equal([7], labels);
    }

    [Fact]
    public void PicklesOfEveryProtocolAreRead()
    {
        byte[] expected = [.. Enumerable.Range(0, 2 * 3072).Select(i => (byte)(i % 7))];
        foreach (var pickle in Pickles.Select(Unzip).Append(Pickle(2, expected, [3, 9])))
        {
            var (planes, labels) = CifarPickle.Read("batch", pickle, 2, "labels");
            Assert.Equal([3, 9], labels);
            Assert.Equal(expected, planes.ToArray());
            Assert.Contains("the number of images: expected 3, got 2", Assert.Throws<DataFormatException>(() => CifarPickle.Read("batch", pickle, 3, "labels")).Message, StringComparison.Ordinal);
            Assert.Contains("the entry 'fine_labels' of the pickle: expected a list of 2", Assert.Throws<DataFormatException>(() => CifarPickle.Read("batch", pickle, 2, "fine_labels")).Message, StringComparison.Ordinal);
        }

        byte[] call = [0x80, 2, .. "cos\nsystem\nU\x02ls\x85R."u8];
        Assert.Contains("the pickle asks for 'os.system', which is no array; it is not loaded", Assert.Throws<DataFormatException>(() => CifarPickle.Read("batch", call, 2, "labels")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DamagedPicklesAndArchivesAreRefusedOrReadAndNothingElse()
    {
        List<byte[]> pickles = [.. Pickles.Select(Unzip), Pickle(2, new byte[2 * 3072], [3, 9])];
        Damage.Survive(pickles, 2_000, length => (1 << 20) + (64 * length), bytes => CifarPickle.Read("damaged", bytes, 2, "labels"));
        var archive = Archive(("cifar/test_batch.bin", [1, .. new byte[200]]), ("cifar/readme", new byte[100]));
        foreach (var (name, sound) in new[] { ("damaged.tar", archive), ("damaged.tar.gz", TemporaryFolder.Zip(archive)) })
            Damage.Survive(sound, 500, 4 << 20, bytes => Cifar10.Load(folder.Write(name, bytes)));
    }

    /// <summary>The Python version in a folder, and the archive as it is downloaded: here of the test images alone.</summary>
    [Fact]
    public void CifarIsReadFromPicklesAndArchives()
    {
        const int count = 10_000;
        var planes = new byte[count * 3072];
        (planes[^3072], planes[^2048], planes[^1024]) = (1, 2, 3);
        int[] labels = [.. Enumerable.Range(0, count).Select(i => i % 10)];
        var pickle = Pickle(count, planes, labels);
        Directory.CreateDirectory(folder.File("cifar-10-batches-py"));
        File.WriteAllBytes(folder.File("cifar-10-batches-py/test_batch"), pickle);
        byte[] binary = [.. labels.SelectMany((label, i) => planes.Skip(i * 3072).Take(3072).Prepend((byte)label))];
        Directory.CreateDirectory(folder.File("down"));
        File.WriteAllBytes(folder.File("down/cifar-10-python.tar.gz"), TemporaryFolder.Zip(Archive(("cifar-10-batches-py/batches.meta", [1, 2]), ("cifar-10-batches-py/test_batch", pickle))));
        File.WriteAllBytes(folder.File("binary.tar.gz"), TemporaryFolder.Zip(Archive(("cifar-10-batches-bin/test_batch.bin", binary))));
        foreach (var data in new[] { folder.Path, folder.File("cifar-10-batches-py"), folder.File("cifar-10-batches-py/test_batch"), folder.File("down"), folder.File("down/cifar-10-python.tar.gz"), folder.File("binary.tar.gz") })
        {
            var set = DataSets.Find("cifar10", data);
            Assert.Equal((0, count), (set.Train.Count, set.RequireTest().Count));
            Assert.Equal(labels, set.RequireTest().Labels.ToArray());
            Assert.Equal([1, 2, 3, 0], set.RequireTest().Pixels(count - 1)[..4].ToArray());
        }

        File.Move(folder.File("cifar-10-batches-py/test_batch"), folder.File("cifar-10-batches-py/data_batch_1"));
        Assert.Contains("the folder has neither data_batch_2.bin nor", Assert.Throws<DataFormatException>(() => Cifar10.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    /// <summary>As Python 2 wrote the files that are downloaded: protocol 2, NumPy's array with its bytes in a string.</summary>
    static byte[] Pickle(int count, byte[] planes, int[] labels)
    {
        var file = new MemoryStream();
        file.Write([0x80, 2, (byte)'}', (byte)'q', 1, (byte)'(', (byte)'U', 4, .. "data"u8]);
        file.Write([.. "cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0"u8, 0x85, (byte)'U', 1, (byte)'b', 0x87, (byte)'R', (byte)'q', 5, (byte)'(', (byte)'K', 1]);
        file.Write([(byte)'M', (byte)count, (byte)(count >> 8), (byte)'M', 0, 12, 0x86]);
        file.Write([.. "cnumpy\ndtype\nU\x02u1K\0K\x01"u8]);
        file.Write([0x87, (byte)'R', (byte)'(', (byte)'K', 3, (byte)'U', 1, (byte)'|', (byte)'N', (byte)'N', (byte)'N', (byte)'t', (byte)'b', 0x89, (byte)'T']);
        var length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, planes.Length);
        file.Write(length);
        file.Write(planes);
        file.Write([(byte)'t', (byte)'b', (byte)'U', 6, .. "labels"u8, (byte)']', (byte)'(']);
        foreach (var label in labels) file.Write([(byte)'K', (byte)label]);
        file.Write([(byte)'e', (byte)'u', (byte)'.']);
        return file.ToArray();
    }

    static byte[] Archive(params (string Name, byte[] Bytes)[] files)
    {
        var target = new MemoryStream();
        using (var tar = new TarWriter(target, TarEntryFormat.Ustar, leaveOpen: true))
            foreach (var (name, bytes) in files) tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(bytes) });
        return target.ToArray();
    }

    static byte[] Unzip(string base64)
    {
        using var gzip = new GZipStream(new MemoryStream(Convert.FromBase64String(base64)), CompressionMode.Decompress);
        var target = new MemoryStream();
        gzip.CopyTo(target);
        return target.ToArray();
    }
}
