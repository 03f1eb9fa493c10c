using CnnSharp.Data;
using CnnSharp.Formats.Onnx;
using CnnSharp.Tests.Cli;
using Google.Protobuf;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>export, import, eval and onnx test on the command line.</summary>
public sealed class OnnxCommandsTests : CliTest
{
    [Fact]
    public void AnExportedCaseIsImportedAndPasses()
    {
        var file = At("lenet5", "model.onnx");
        var exported = Run("export", "--model", "lenet5", "--out", file, "--case", "--json").IsDone();
        Assert.Equal(17, exported.Json.GetProperty("opset").GetInt32());
        Assert.Contains("input  input: Float [N, 3, 32, 32]", exported.Prose, StringComparison.Ordinal);

        var imported = Run("import", file, "--batch", "2", "--repeat", "3", "--out", At("weights.safetensors"), "--device", "cpu", "--json").IsDone();
        Assert.Contains("[2, 32, 32, 3] gives [2, 10]", imported.Prose, StringComparison.Ordinal);
        Assert.Equal(62_006, imported.Json.GetProperty("weights").GetInt64());
        Assert.True(File.Exists(At("weights.safetensors")));

        Assert.EndsWith("\n1 passed, 0 failed, 0 skipped\n", Run("onnx", "test", At("lenet5"), "--device", "cpu").IsDone().Output, StringComparison.Ordinal);
    }

    [Fact]
    public void ACaseWhoseOutputDiffersFails()
    {
        Run("export", "--model", "linear", "--out", At("case", "model.onnx"), "--case").IsDone();
        var output = At("case", "test_data_set_0", "output_0.pb");
        var bytes = File.ReadAllBytes(output);
        bytes[^2] ^= 0x7f;
        File.WriteAllBytes(output, bytes);
        var result = Run("onnx", "test", Folder, "--device", "cpu", "--json");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("FAILED case: output 0 'output': element 19: expected", result.Prose, StringComparison.Ordinal);
        Assert.Equal(1, result.Json.GetProperty("failed").GetInt32());
    }

    [Fact]
    public void EvalMeasuresAnOnnxFile()
    {
        var data = WriteBars(train: 64, test: 32);
        Run("train", "--dataset", "mnist", "--data", data, "--model", "lenet5", "--epochs", "1", "--batch", "16", "--out", At("run"), "--device", "cpu").IsDone();
        var checkpoint = At("run", "checkpoint.safetensors");
        Run("export", "--checkpoint", checkpoint, "--out", At("net.onnx")).IsDone();
        var expected = Run("eval", "--checkpoint", checkpoint, "--dataset", "mnist", "--data", data, "--device", "cpu", "--json").IsDone();
        var actual = Run("eval", "--weights", At("net.onnx"), "--dataset", "mnist", "--data", data, "--device", "cpu", "--json").IsDone();
        Assert.Equal(expected.Json.GetProperty("loss").GetDouble(), actual.Json.GetProperty("loss").GetDouble());
    }

    /// <summary>
    /// Gray images of 8 x 8, in either order of axes, one at a time or any number, with and without a softmax at the end: all that is
    /// needed is in the file.
    /// </summary>
    [Theory]
    [InlineData(false, false, false)]
    [InlineData(true, false, true)]
    [InlineData(true, true, false)]
    [InlineData(false, true, true)]
    public void SizeChannelsLayoutAndBatchAreTheFiles(bool channelsLast, bool oneByOne, bool softmax)
    {
        WriteAboveOrBelow(At("net.onnx"), channelsLast, oneByOne, softmax);
        WriteImages("data");
        File.WriteAllLines(At("names.txt"), ["above", "below"]);
        var predicted = Run("predict", "--weights", At("net.onnx"), "--classes", At("names.txt"), At("data"), "--device", "cpu", "--json").IsDone().Json;
        Assert.Equal(6, predicted.GetProperty("images").GetInt32());
        foreach (var prediction in predicted.GetProperty("predictions").EnumerateArray())
        {
            var best = prediction.GetProperty("top")[0];
            Assert.Equal(Path.GetFileName(Path.GetDirectoryName(prediction.GetProperty("file").GetString()!)), best.GetProperty("class").GetString());

            // The bright half counts 4 rows of 1, the dark one nothing: 1 / (1 + exp(-4)).
            Assert.Equal(1 / (1 + Math.Exp(-4)), best.GetProperty("probability").GetDouble(), 1e-5);
        }

        var measured = Run("eval", "--weights", At("net.onnx"), "--dataset", "folder", "--data", At("data"), "--split", "train", "--mean", "0", "--std", "1", "--device", "cpu", "--json").IsDone().Json;
        Assert.Equal((1.0, 6), (measured.GetProperty("accuracy").GetDouble(), measured.GetProperty("images").GetInt32()));
        Assert.Equal(Math.Log(1 + Math.Exp(-4)), measured.GetProperty("loss").GetDouble(), 1e-5);

        Run("predict", "--weights", At("net.onnx"), At("data"), "--size", "16").IsRefused("--size 16: ", "takes images of 8 x 8");
        Run("eval", "--weights", At("net.onnx"), "--dataset", "mnist", "--data", WriteBars(train: 4, test: 4)).IsRefused("takes images of 8 x 8 with 1 channels; those of mnist are 28 x 28 with 1");
    }

    [Fact]
    public void ANetworkInHalvesRunsAndSaysSo()
    {
        WriteAboveOrBelow(At("half.onnx"), channelsLast: false, oneByOne: false, softmax: false, OnnxType.Float16);
        var said = Run("import", At("half.onnx"), "--batch", "3", "--device", "cpu").IsDone().Output;
        Assert.Contains(", Float16 computed in float32", said, StringComparison.Ordinal);
        Assert.Contains("[3, 8, 8, 1] gives [3, 2] in", said, StringComparison.Ordinal);
        var json = Run("import", At("half.onnx"), "--device", "cpu", "--json").IsDone().Json;
        Assert.True(json.GetProperty("seconds").GetDouble() > 0);
        Assert.Equal("Float16", json.GetProperty("float_types")[0].GetString());
    }

    [Fact]
    public void WhatAnImportCannotRunIsNamed()
    {
        Write(At("open.onnx"), graph =>
        {
            graph.Node.Add(new OnnxNode { Operator = "Relu", Inputs = ["x"], Outputs = ["y"] }.ToMessage());
            graph.Input.Add(new OnnxValueInfo("x", OnnxType.Float, [null, 3, null, null]).ToMessage());
            graph.Output.Add(new OnnxValueInfo("y", OnnxType.Float, null).ToMessage());
        });
        Assert.Contains("built, and not run: the file leaves open how large is what goes in: x: Float [N, 3, ?, ?]", Run("import", At("open.onnx")).IsDone().Output, StringComparison.Ordinal);
        Write(At("text.onnx"), graph =>
        {
            graph.Node.Add(new OnnxNode { Operator = "Identity", Inputs = ["x"], Outputs = ["y"] }.ToMessage());
            graph.Input.Add(new OnnxValueInfo("x", OnnxType.String, [2]).ToMessage());
            graph.Output.Add(new OnnxValueInfo("y", OnnxType.String, null).ToMessage());
        });
        Run("import", At("text.onnx")).IsRefused("input 'x'", "it is no tensor of numbers");
    }

    void WriteImages(string name)
    {
        foreach (var label in new[] { "above", "below" })
        {
            var folder = Directory.CreateDirectory(At(name, label)).FullName;
            var pixels = new byte[64];
            for (var p = 0; p < 64; p++) pixels[p] = (byte)(p / 8 < 4 == (label == "above") ? 255 : 0);
            for (var i = 0; i < 3; i++) ImageFile.WritePng(Path.Combine(folder, $"{i}.png"), new(pixels, 8, 8, 1));
        }
    }

    /// <summary>The means of an image's rows, added up for the upper and for the lower half.</summary>
    static void WriteAboveOrBelow(string path, bool channelsLast, bool oneByOne, bool softmax, OnnxType type = OnnxType.Float) => Write(path, graph =>
    {
        long? batch = oneByOne ? 1 : null;
        float[] halves = [.. Enumerable.Range(0, 16).Select(i => (i / 2 < 4) == (i % 2 == 0) ? 1f : 0f)];
        graph.Initializer.Add(new TensorProto
        {
            Dims = { 8, 2 },
            DataType = (int)type,
            Name = "w",
            RawData = ByteString.CopyFrom(halves.SelectMany(value => type == OnnxType.Float ? BitConverter.GetBytes(value) : BitConverter.GetBytes((Half)value)).ToArray()),
        });
        graph.Initializer.Add(OnnxTensor.Create("shape", [2], [oneByOne ? 1L : 0, -1]).ToMessage());
        if (channelsLast) graph.Node.Add(new OnnxNode { Operator = "Transpose", Inputs = ["x"], Outputs = ["nchw"], Attributes = [OnnxAttribute.Of("perm", 0, 3, 1, 2)] }.ToMessage());
        graph.Node.Add(new OnnxNode { Operator = "ReduceMean", Inputs = [channelsLast ? "nchw" : "x"], Outputs = ["rows"], Attributes = [OnnxAttribute.Of("axes", 1L, 3L), OnnxAttribute.Of("keepdims", 0)] }.ToMessage());
        graph.Node.Add(new OnnxNode { Operator = "Reshape", Inputs = ["rows", "shape"], Outputs = ["flat"] }.ToMessage());
        graph.Node.Add(new OnnxNode { Operator = "MatMul", Inputs = ["flat", "w"], Outputs = [softmax ? "logits" : "y"] }.ToMessage());
        if (softmax) graph.Node.Add(new OnnxNode { Operator = "Softmax", Inputs = ["logits"], Outputs = ["y"] }.ToMessage());
        graph.Input.Add(new OnnxValueInfo("x", type, channelsLast ? [batch, 8, 8, 1] : [batch, 1, 8, 8]).ToMessage());
        graph.Output.Add(new OnnxValueInfo("y", type, [batch, 2]).ToMessage());
    });

    static void Write(string path, Action<GraphProto> graph)
    {
        var model = new ModelProto { IrVersion = 8, Graph = new(), OpsetImport = { new OperatorSetIdProto { Version = 17 } } };
        graph(model.Graph);
        using var stream = File.Create(path);
        model.WriteTo(stream);
    }

    [Fact]
    public void WhatIsMissingIsSaid()
    {
        Run("export", "--out", At("x.onnx")).IsRefused("expected either --checkpoint FILE or --model NAME");
        Run("import", At("nowhere.onnx")).IsRefused("there is no file", "nowhere.onnx");
        Run("onnx", "test", Folder).IsRefused("holds no case");
        File.WriteAllText(At("text.onnx"), "not a model");
        Run("import", At("text.onnx")).IsRefused("text.onnx");
        Assert.False(File.Exists(At("x.onnx")));
    }
}
