using System.IO.Compression;
using System.Text;
using CnnSharp.Formats;
using CnnSharp.Layers;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>Files of torch.save (made by make_torch_files.py), sound, refused and broken.</summary>
public sealed class TorchFileTests
{
    static string Case(string name) => Path.Combine(AppContext.BaseDirectory, "Formats", "Cases", name);

    /// <summary>Both forms of the file: views of one storage, offsets, strides, every element type.</summary>
    [Theory]
    [InlineData("state.pt")]
    [InlineData("legacy.pt")]
    public void EveryTensorOfAStateDictionaryIsRead(string name)
    {
        var tensors = TorchFile.Read(Case(name)).ToDictionary(t => t.Name);
        Assert.Equal(["conv.weight", "transposed", "row", "half", "bfloat", "double", "count", "flags", "empty", "parameter", "strided", "int32", "int16", "int8", "uint8"], tensors.Keys);
        Check("conv.weight", TensorType.F32, [2, 3], 0, 1, 2, 3, 4, 5);
        Check("transposed", TensorType.F32, [3, 2], 0, 3, 1, 4, 2, 5);
        Check("row", TensorType.F32, [3], 3, 4, 5);
        Check("half", TensorType.F16, [2, 3], 0, 1, 2, 3, 4, 5);
        Check("bfloat", TensorType.BF16, [2, 3], 0, 1, 2, 3, 4, 5);
        Check("double", TensorType.F64, [2, 3], 0, 1, 2, 3, 4, 5);
        Check("count", TensorType.I64, [], 7);
        Check("empty", TensorType.F32, [0, 3]);
        Check("parameter", TensorType.F32, [2, 3], 0, 2, 4, 6, 8, 10);
        Check("strided", TensorType.F32, [2, 2], 6, 9, 18, 21);
        Check("int32", TensorType.I32, [2], 1, -2);
        Check("int16", TensorType.I16, [2], 3, -4);
        Check("int8", TensorType.I8, [2], 5, -6);
        Check("uint8", TensorType.U8, [2], 7, 255);
        Assert.Equal([1, 0], tensors["flags"].AsInt64());

        void Check(string name, TensorType type, long[] shape, params float[] values)
        {
            Assert.Equal(type, tensors[name].Type);
            Assert.Equal(shape, tensors[name].Shape);
            Assert.Equal(values, tensors[name].AsFloat32());
        }
    }

    /// <summary>What PyTorch before 0.4 wrote: a storage that is a part of another.</summary>
    [Fact]
    public void ViewsOfStoragesAreRead()
    {
        var tensors = TorchFile.Read(Case("legacy_views.pt")).ToDictionary(t => t.Name);
        Assert.Equal([2, 3, 4], tensors["middle"].AsFloat32());
        Assert.Equal([0, 2, 4], tensors["even"].AsFloat32());
    }

    /// <summary>Every opcode that creates, calls or changes an object: none does, an object stands for each.</summary>
    [Theory]
    [InlineData("(ios\nsystem\n.")]
    [InlineData("(S'touch torch-file-ran'\nios\nsystem\n.")]
    [InlineData("(cos\nsystem\nS'touch torch-file-ran'\no.")]
    [InlineData("cos\nsystem\n(S'touch torch-file-ran'\ntR.")]
    [InlineData("\u0080\u0002cos\nsystem\n(S'touch torch-file-ran'\nt\u0081.")]
    [InlineData("\u0080\u0004cos\nsystem\n(S'touch torch-file-ran'\nt}\u0092.")]
    [InlineData("\u0080\u0004\u008c\u0002os\u008c\u0006system\u0093\u008c\u0001x\u0085R.")]
    [InlineData("\u0080\u0002\u0082\u0001.")]
    [InlineData("\u0080\u0002\u0083\u0001\u0000.")]
    [InlineData("\u0080\u0002\u0084\u0001\u0000\u0000\u0000.")]
    [InlineData("Pname\n.")]
    [InlineData("\u0080\u0002U\u0001aQ.")]
    [InlineData("\u0080\u0004\u008f(K\u0001K\u0002\u0090.")]
    [InlineData("cos\nsystem\n)R}(S'a'\nI1\nub.")]
    [InlineData("cos\nsystem\n)R]a.")]
    [InlineData("cos\nsystem\n)R(I1\nI2\nu.")]
    public void NoOpcodeRunsAnything(string pickle)
    {
        Assert.IsType<PickleObject>(new PickleReader("file", Encoding.Latin1.GetBytes(pickle)).Read());
        Assert.False(File.Exists("torch-file-ran"));
    }

    [Fact]
    public void PicklesOfTheFirstProtocolsAreRead()
    {
        var read = (PickleDictionary)new PickleReader("file", "(dp0\nS'a'\np1\n(lp2\nI1\naL2L\naF0.5\naI01\naNasVb\n(I3\nI4\ntp3\nsg1\ng2\ns."u8.ToArray()).Read()!;
        Assert.Equal(["a", "b", "a"], read.Items.Select(item => item.Key));
        Assert.Equal([1L, 2L, 0.5, true, null], (List<object?>)read["a"]!);
        Assert.Equal([3L, 4L], (object?[])read["b"]!);
    }

    [Fact]
    public void TypesThatNameThemselvesBesideTheirStorageAreRead()
    {
        var tensors = TorchFile.Read(Case("uint16.pt")).ToDictionary(t => t.Name);
        Assert.Equal(TensorType.U16, tensors["wide"].Type);
        Assert.Equal([1, 65535], tensors["wide"].AsInt64());
    }

    [Theory]
    [InlineData("checkpoint.pth", "")]
    [InlineData("legacy_checkpoint.pth", "module.")]
    [InlineData("objects.pth", "")]
    [InlineData("legacy_objects.pth", "")]
    [InlineData("objects4.pth", "")]
    [InlineData("whole.pt", "")]
    [InlineData("legacy_whole.pt", "")]
    [InlineData("script.pt", "")]
    public void TheWeightsAreFoundAmongWhateverStandsBesideThem(string name, string prefix)
    {
        var tensors = TorchFile.Read(Case(name)).ToDictionary(t => t.Name);
        string[] expected = ["0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked"];
        Assert.Equal(expected.Select(n => prefix + n).Order(StringComparer.Ordinal), tensors.Keys.Order(StringComparer.Ordinal));
        Assert.Equal([1, 2], tensors[prefix + "0.weight"].AsFloat32());
        Assert.Equal([1L], tensors[prefix + "1.num_batches_tracked"].AsInt64());
        Assert.False(File.Exists("torch-file-ran"));
    }

    [Fact]
    public void AnEntryIsReadByItsKey()
    {
        var ema = TorchFile.Read(Case("several.pth"), "ema").ToDictionary(t => t.Name);
        Assert.Equal([11, 12], ema["0.weight"].AsFloat32());
        Assert.Equal([1, 2], TorchFile.Read(Case("several.pth"), "model").Single(t => t.Name == "0.weight").AsFloat32());
        var e = Assert.Throws<DataFormatException>(() => TorchFile.Read(Case("several.pth"), "emma"));
        Assert.Contains("has no entry 'emma' with tensors; it has 'model', 'ema', 'optimizer'", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TruthValuesAreNoWeights()
    {
        using var folder = new TemporaryFolder();
        TorchFile.Save(folder.File("mask.pt"), [new SafeTensor("0.weight", TensorType.Bool, [1, 2], [1, 0]), SafeTensor.Create<float>("0.bias", [1], [0])]);
        var e = Assert.Throws<DataFormatException>(() => PretrainedWeights.Load(new Sequential(new Linear(2, 1, device: Device.Reference)), folder.File("mask.pt")));
        Assert.Equal($"{folder.File("mask.pt")}: tensor '0.weight': expected numbers, got BOOL.", e.Message);
    }

    [Theory]
    [InlineData("sparse.pt", "'0.weight' is a sparse tensor, which is not read")]
    [InlineData("complex.pt", "'0.weight' is a tensor in a torch.ComplexFloatStorage, which is not read")]
    [InlineData("quantized.pt", "'0.weight' is a quantized tensor, which is not read")]
    public void TensorsOfOtherKindsAreRefusedByName(string name, string message)
    {
        var model = new Sequential(new Linear(2, 1, device: Device.Reference));
        var e = Assert.Throws<DataFormatException>(() => PretrainedWeights.Load(model, Case(name)));
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
        Assert.Contains(message, Assert.Throws<DataFormatException>(() => TorchFile.Read(Case(name))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("module.pt", "has no tensors, but an object of type 'torch.nn.modules.activation.ReLU': save the model's state_dict() with torch.save")]
    [InlineData("numbers.pt", "has no tensors, but a list of 2")]
    [InlineData("tensor.pt", "holds a single tensor [2, 3], not a dictionary of weights")]
    public void AFileWithoutWeightsSaysWhatItHolds(string name, string message)
    {
        var e = Assert.Throws<DataFormatException>(() => TorchFile.Read(Case(name)));
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
        Assert.Contains(name, e.Message, StringComparison.Ordinal);
    }

    public static TheoryData<byte[], string> Others() => new()
    {
        { [], "is empty" },
        { "<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>"u8.ToArray(), "is a web page (HTML or XML), not weights" },
        { "\n  <html lang='en'>"u8.ToArray(), "is a web page (HTML or XML), not weights" },
        { "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 46830571\n"u8.ToArray(), "is a pointer of Git LFS, not the weights themselves: fetch them with 'git lfs pull'" },
        { "{\"error\": \"Repository not found\"}"u8.ToArray(), "is JSON text, not weights" },
        { TemporaryFolder.Zip([1, 2, 3]), "is compressed (gzip): unpack it first" },
        { "BZh91AY&SY"u8.ToArray(), "is compressed (bzip2): unpack it first" },
        { [0x89, .. "HDF\r\n\x1a\n"u8, .. new byte[16]], "is an HDF5 file (Keras)" },
        { [0x80, 0x04, 0x95, 0x0a, 0, 0, 0, 0, 0, 0, 0, (byte)'}', 0x94, (byte)'.'], "is a Python pickle, but not one of torch.save" },
        { [.. new byte[257], .. "ustar\x0000"u8, .. new byte[248]], "is a tar archive: unpack it first; if PyTorch before 0.1.10 wrote it" },
        { ZipOf("word/document.xml"), "is a zip archive without data.pkl, so not a file of torch.save" },
        { ZipOf("conv1.npy"), "is a zip archive without data.pkl, so not a file of torch.save, but NumPy arrays (.npz)" },
        { "PK\x03\x04 cut short"u8.ToArray(), "is not a sound zip archive, so not a whole file of torch.save; fetch it again" },
        { [1, 2, 3, 4, 5, 6, 7, 8, 9], "the header's length: expected at most" },
    };

    /// <summary>What is saved under a name of weights by mistake: each message says what it is.</summary>
    [Theory]
    [MemberData(nameof(Others))]
    public void OtherFilesAreRefusedForWhatTheyAre(byte[] bytes, string message)
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("weights.pth", bytes);
        var model = new Sequential(new Linear(2, 1, device: Device.Reference));
        var e = Assert.Throws<DataFormatException>(() => PretrainedWeights.Load(model, path));
        Assert.StartsWith($"{path}: {message}", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("state.pt", "little", "other byte order")]
    [InlineData("legacy.pt", "little_endian", "was written on a big-endian machine")]
    public void FilesOfTheOtherByteOrderAreRefused(string name, string text, string message)
    {
        var bytes = File.ReadAllBytes(Case(name));
        var at = bytes.AsSpan().IndexOf(Encoding.ASCII.GetBytes(text));
        if (name == "state.pt") "bigend"u8.CopyTo(bytes.AsSpan(at));
        else bytes[at + bytes.AsSpan(at).IndexOf((byte)0x88)] = 0x89;
        using var folder = new TemporaryFolder();
        var e = Assert.Throws<DataFormatException>(() => TorchFile.Read(folder.Write("big.pt", bytes)));
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIsWrittenIsRead()
    {
        using var folder = new TemporaryFolder();
        SafeTensor[] tensors =
        [
            SafeTensor.Create<float>("ü.weight", [2, 1, 3], [1, 2, 3, 4, 5, 6]),
            SafeTensor.Create<double>("double", [], [Math.PI]),
            SafeTensor.Create<long>("count", [], [1L << 40]),
            SafeTensor.Create<byte>("empty", [0, 2], []),
        ];
        TorchFile.Save(folder.File("a.pt"), tensors);
        TorchFile.Save(folder.File("b.pt"), tensors);
        Assert.Equal(File.ReadAllBytes(folder.File("a.pt")), File.ReadAllBytes(folder.File("b.pt")));
        var read = TorchFile.Read(folder.File("a.pt"));
        foreach (var (expected, actual) in tensors.Zip(read))
        {
            Assert.Equal((expected.Name, expected.Type), (actual.Name, actual.Type));
            Assert.Equal(expected.Shape, actual.Shape);
            Assert.Equal(expected.ReadBytes(), actual.ReadBytes());
        }
    }

    /// <summary>Storages that are shared need no more than the bytes after them; those of all of 100,000 damaged files, see bench/RESULTS.md.</summary>
    [Fact]
    public void DamagedFilesAreRefusedOrReadAndNothingElse()
    {
        using var folder = new TemporaryFolder();
        foreach (var name in (string[])["state.pt", "checkpoint.pth", "legacy.pt", "legacy_checkpoint.pth", "objects.pth", "legacy_objects.pth"])
        {
            var refused = Damage.Survive(File.ReadAllBytes(Case(name)), copies: 700, allowed: 512 * 1024, bytes => TorchFile.Read(folder.Write("damaged.pt", bytes)));
            Assert.InRange(refused, 0.2, 1);
        }
    }

    static byte[] ZipOf(string entry)
    {
        var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create)) zip.CreateEntry(entry).Open().Dispose();
        return stream.ToArray();
    }
}
