using System.Text;
using CnnSharp.Formats;
using CnnSharp.Models;
using Xunit;

namespace CnnSharp.Tests.Cli;

/// <summary>export to PyTorch's form, and --rename, --weights-key and --layout where weights are taken.</summary>
public sealed class PyTorchCommandTests : CliTest
{
    [Theory]
    [InlineData("w.pt", null, "pytorch")]
    [InlineData("w.safetensors", null, "pytorch-safetensors")]
    [InlineData("w.bin", "pytorch", "pytorch")]
    public void WhatIsExportedForPyTorchMeasuresTheSame(string name, string? format, string written)
    {
        var data = WriteBars(train: 64, test: 32);
        Run("train", "--dataset", "mnist", "--data", data, "--model", "lenet5", "--epochs", "1", "--batch", "16", "--out", At("run"), "--device", "cpu").IsDone();
        var checkpoint = At("run", "checkpoint.safetensors");
        var exported = Run(["export", "--checkpoint", checkpoint, "--out", At(name), "--json", .. format is null ? Array.Empty<string>() : ["--format", format]]).IsDone();
        Assert.Equal((written, 10), (exported.Json.GetProperty("format").GetString(), exported.Json.GetProperty("tensors").GetInt32()));
        var expected = Run("eval", "--checkpoint", checkpoint, "--dataset", "mnist", "--data", data, "--device", "cpu", "--json").IsDone();
        var actual = Run("eval", "--model", "lenet5", "--weights", At(name), "--dataset", "mnist", "--data", data, "--device", "cpu", "--json").IsDone();
        Assert.Equal(expected.Json.GetProperty("loss").GetDouble(), actual.Json.GetProperty("loss").GetDouble());
    }

    [Fact]
    public void NamesAreRewrittenWhereverWeightsAreTaken()
    {
        var tensors = TorchWeights.ToStateDict(LeNet5.Create(classes: 3, device: Device.Cpu));
        TorchFile.Save(At("w.pt"), [.. tensors.Select(t => new SafeTensor($"my.{t.Name}", t.Type, t.Shape, t.ReadBytes()))]);
        File.WriteAllText(At("rules"), @"^my\. ->");
        File.WriteAllBytes(At("image.ppm"), [.. Encoding.ASCII.GetBytes("P6 32 32 255\n"), .. new byte[32 * 32 * 3]]);
        Run("predict", At("image.ppm"), "--model", "lenet5", "--weights", At("w.pt")).IsRefused("missing '0.weight'");

        // As many classes as the file has.
        Assert.Contains("2 ", Run("predict", At("image.ppm"), "--model", "lenet5", "--weights", At("w.pt"), "--rename", At("rules"), "--device", "cpu").IsDone().Output, StringComparison.Ordinal);
        Run("export", "--model", "lenet5", "--weights", At("w.pt"), "--rename", At("rules"), "--out", At("out.pt")).IsDone();
        Assert.Equal(tensors.Select(t => (t.Name, Convert.ToHexString(t.ReadBytes()))), TorchFile.Read(At("out.pt")).Select(t => (t.Name, Convert.ToHexString(t.ReadBytes()))));
        Run("export", "--model", "lenet5", "--weights", At("w.pt"), "--rename", At("rules"), "--classes", "4", "--out", At("out.pt")).IsRefused("is for 3 classes", "for 4", "--classes");

        // A key does as well.
        Run("export", "--model", "lenet5", "--weights", At("w.pt"), "--weights-key", "my", "--out", At("out.onnx")).IsDone();
    }

    [Fact]
    public void WhatCannotBeMeantIsRefused()
    {
        Run("export", "--model", "lenet5", "--out", At("x.pt"), "--fold-batch-norm").IsRefused("--fold-batch-norm: it is for --format onnx");
        Run("export", "--model", "lenet5", "--out", At("x.pt"), "--case").IsRefused("--case: it is for --format onnx");
        Run("export", "--model", "lenet5", "--out", At("x.pt"), "--format", "pytoch").IsRefused("Did you mean 'pytorch'?");
        foreach (var option in (string[])["--rename", "--weights-key", "--layout"]) Run("export", "--model", "lenet5", "--out", At("x.pt"), option, "pytorch").IsRefused($"{option}: it is for --weights FILE");
        Run("eval", "--model", "lenet5", "--weights", At("none.pt"), "--layout", "keras").IsRefused("--layout", "pytorch, cnnsharp");
        File.WriteAllText(At("page.pth"), "<html>");
        foreach (var command in (string[][])[["train"], ["eval"], ["export", "--out", At("x.pt")]])
            Run([.. command, "--model", "lenet5", "--weights", At("page.pth"), .. command[0] == "export" ? Array.Empty<string>() : ["--dataset", "embedded"]]).IsRefused("page.pth", "is a web page");
        Run("eval", "--checkpoint", At("page.pth"), "--dataset", "embedded").IsRefused("page.pth", "is a web page");
        Assert.False(File.Exists(At("x.pt")));
    }
}
