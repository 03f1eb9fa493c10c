using CnnSharp.Formats.Onnx;
using CnnSharp.Kernels.Cpu;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>ONNX's own backend cases, from Debian's package libonnx-testdata; skipped where it is not installed.</summary>
public class OnnxCasesTests
{
    const string Data = "/usr/share/libonnx-testdata/data";

    /// <summary>Operators that a convolutional network meets: none of their cases may be skipped.</summary>
    static readonly string[] Families =
    [
        "add", "averagepool", "basic_conv", "batchnorm", "clip", "concat", "constant", "conv", "convtranspose", "dropout", "edge_pad", "elu", "flatten", "gemm",
        "globalaveragepool", "globalmaxpool", "leakyrelu", "logsoftmax", "lrn", "matmul", "maxpool", "nllloss", "prelu", "reduce", "reflect_pad", "relu", "reshape",
        "sce", "selu", "sigmoid", "softmax", "softplus", "softsign", "split", "squeeze", "tanh", "transpose", "unsqueeze",
    ];

    [Theory]
    [InlineData("node", 835)]
    [InlineData("pytorch-converted", 82)]
    [InlineData("pytorch-operator", 35)]
    [InlineData("simple", 7)]
    public void NoCaseFails(string folder, int passed)
    {
        var results = Run(folder);
        Assert.Empty(results.Where(result => result.Outcome == OnnxOutcome.Failed).Select(result => $"{result.Name}: {result.Detail}"));
        Assert.Equal(passed, results.Count(result => result.Outcome == OnnxOutcome.Passed));
    }

    [Fact]
    public void EveryCaseOfTheOperatorsOfConvolutionalNetworksPasses()
    {
        var cases = Run("node").Where(result => Families.Any(family => result.Name.StartsWith($"test_{family}", StringComparison.Ordinal))).ToList();
        Assert.True(cases.Count >= 170, $"{cases.Count} cases");
        Assert.Empty(cases.Where(result => result.Outcome != OnnxOutcome.Passed).Select(result => $"{result.Name}: {result.Detail}"));
    }

    /// <summary>The models of all cases of single operators; none where they are not installed.</summary>
    internal static IReadOnlyList<string> Models()
        => Directory.Exists(Data) ? [.. Directory.GetFiles(Path.Combine(Data, "node"), "model.onnx", SearchOption.AllDirectories).Order(StringComparer.Ordinal)] : [];

    static List<OnnxCaseResult> Run(string folder)
    {
        var path = Path.Combine(Data, folder);
        Assert.SkipUnless(Directory.Exists(path), $"There is no '{path}': install Debian's package libonnx-testdata.");
        using var device = new Device(new CpuEngine(threads: 2));
        return [.. OnnxCases.Run(path, device)];
    }
}
