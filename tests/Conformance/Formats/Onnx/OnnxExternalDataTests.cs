using System.Globalization;
using CnnSharp.Formats.Onnx;
using Google.Protobuf;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>Weights in files beside the model, as PyTorch's exporter writes them by default.</summary>
public sealed class OnnxExternalDataTests
{
    [Fact]
    public void WeightsBesideTheModelAreRead()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.File("data"));
        File.WriteAllBytes(folder.File("data/weights.bin"), [.. new byte[8], .. Bytes(1, -2, 3, 4, 5, -6)]);
        var network = OnnxNetwork.Load(Save(folder, "data/weights.bin", 8, 24), Device.Cpu);
        using var scope = Tape.NoGrad();
        Assert.Equal([2, 0, 4, 5, 6, 0], network.Run([Value.Of(Tensor.Full(new(2, 3), 1, Device.Cpu))])[0].Host().Reals!);
        Assert.Equal(6, network.ParameterCount);
    }

    /// <summary>Without a length it is what the shape needs; a link within the folder is followed.</summary>
    [Fact]
    public void OffsetAndLengthMayBeMissing()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("real.bin"), Bytes(1, 2, 3, 4, 5, 6));
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Symbolic links need a privilege.");
        File.CreateSymbolicLink(folder.File("link.bin"), "real.bin");
        Assert.Equal(6, OnnxNetwork.Load(Save(folder, "link.bin", null, null), Device.Cpu).ParameterCount);
    }

    [Theory]
    [InlineData("../weights.bin", null, null, "leads out of the model's folder")]
    [InlineData("/etc/passwd", null, null, "leads out of the model's folder")]
    [InlineData("C:\\weights.bin", null, null, "leads out of the model's folder")]
    [InlineData("a/../../weights.bin", null, null, "leads out of the model's folder")]
    [InlineData("", null, null, "names none")]
    [InlineData("nowhere.bin", null, null, "there is no such file: expected")]
    [InlineData("short.bin", null, null, "expected 24 bytes from byte 0 on of 'short.bin', the file has 20")]
    [InlineData("short.bin", "8", "24", "expected 24 bytes from byte 8 on of 'short.bin', the file has 20")]
    [InlineData("short.bin", "9223372036854775807", null, "expected 24 bytes from byte 9,223,372,036,854,775,807 on of 'short.bin', the file has 20")]
    [InlineData("short.bin", "-8", null, "'offset' of its external data is '-8'")]
    [InlineData("short.bin", "0", "20", "expected 24 bytes in 'short.bin', its entry says 20")]
    [InlineData("folder", null, null, "there is no such file")]
    public void WhatIsNotThereIsRefused(string location, string? offset, string? length, string expected)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("short.bin"), new byte[20]);
        Directory.CreateDirectory(folder.File("folder"));
        var file = Save(folder, location, offset, length);
        var e = Assert.Throws<DataFormatException>(() => OnnxNetwork.Load(file, Device.Cpu));
        Assert.Contains("initializer 0: tensor 'w'", e.Message, StringComparison.Ordinal);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("link.bin")]
    [InlineData("out/weights.bin")]
    [InlineData("around.bin")]
    public void LinksOutOfTheFolderAreNotFollowed(string location)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Symbolic links need a privilege.");
        using var folder = new TemporaryFolder();
        using var other = new TemporaryFolder();
        File.WriteAllBytes(other.File("weights.bin"), Bytes(1, 2, 3, 4, 5, 6));
        File.CreateSymbolicLink(folder.File("link.bin"), other.File("weights.bin"));
        Directory.CreateSymbolicLink(folder.File("out"), Path.GetDirectoryName(other.File("x"))!);
        File.CreateSymbolicLink(folder.File("around.bin"), "out/weights.bin");
        var e = Assert.Throws<DataFormatException>(() => OnnxNetwork.Load(Save(folder, location, null, null), Device.Cpu));
        Assert.Contains("leads out of the model's folder", e.Message, StringComparison.Ordinal);
    }

    /// <summary>A link to itself ends.</summary>
    [Fact]
    public void ALinkInACircleIsRefused()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Symbolic links need a privilege.");
        using var folder = new TemporaryFolder();
        File.CreateSymbolicLink(folder.File("a.bin"), "b.bin");
        File.CreateSymbolicLink(folder.File("b.bin"), "a.bin");
        Assert.Throws<DataFormatException>(() => OnnxNetwork.Load(Save(folder, "a.bin", null, null), Device.Cpu));
    }

    /// <summary>A thousand tensors that all claim the same bytes.</summary>
    [Fact]
    public void BytesAreNotClaimedOverAndOver()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("w.bin"), Bytes(1, 2, 3, 4, 5, 6));
        var e = Assert.Throws<DataFormatException>(() => OnnxModel.Load(Save(folder, "w.bin", null, null, copies: 1000)));
        Assert.Contains("the tensors ask for more than 4 times the 24 bytes of 'w.bin'", e.Message, StringComparison.Ordinal);
    }

    static byte[] Bytes(params float[] values) => [.. values.SelectMany(BitConverter.GetBytes)];

    static string Save(TemporaryFolder folder, string location, long offset, long length) => Save(folder, location, offset.ToString(CultureInfo.InvariantCulture), length.ToString(CultureInfo.InvariantCulture));

    /// <summary>relu(x + w), w [2, 3] elsewhere.</summary>
    static string Save(TemporaryFolder folder, string location, string? offset, string? length, int copies = 1)
    {
        var model = new ModelProto { IrVersion = 8, Graph = new(), OpsetImport = { new OperatorSetIdProto { Version = 22 } } };
        var graph = model.Graph;
        for (var i = 0; i < copies; i++)
        {
            var tensor = new TensorProto { Dims = { 2, 3 }, DataType = (int)OnnxType.Float, Name = i == 0 ? "w" : $"w{i}", DataLocation = 1 };
            foreach (var (key, value) in new[] { ("location", location), ("offset", offset), ("length", length) })
            {
                if (value is not null) tensor.ExternalData.Add(new StringStringEntryProto { Key = key, Value = value });
            }

            graph.Initializer.Add(tensor);
        }

        graph.Node.Add(new OnnxNode { Operator = "Add", Inputs = ["x", "w"], Outputs = ["s"] }.ToMessage());
        graph.Node.Add(new OnnxNode { Operator = "Relu", Inputs = ["s"], Outputs = ["y"] }.ToMessage());
        graph.Input.Add(new OnnxValueInfo("x", OnnxType.Float, [2, 3]).ToMessage());
        graph.Output.Add(new OnnxValueInfo("y", OnnxType.Float, null).ToMessage());
        using var stream = File.Create(folder.File("model.onnx"));
        model.WriteTo(stream);
        return folder.File("model.onnx");
    }
}
