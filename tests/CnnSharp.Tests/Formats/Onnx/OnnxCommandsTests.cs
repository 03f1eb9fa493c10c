using CnnSharp.Tests.Cli;
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
        Assert.Contains("input  input: Float [N, 3, 32, 32]", exported.Output, StringComparison.Ordinal);

        var imported = Run("import", file, "--batch", "2", "--repeat", "3", "--out", At("weights.safetensors"), "--device", "cpu", "--json").IsDone();
        Assert.Contains("[2, 32, 32, 3] gives [2, 10]", imported.Output, StringComparison.Ordinal);
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
        Assert.Contains("FAILED case: output 0 'output': element 19: expected", result.Output, StringComparison.Ordinal);
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
