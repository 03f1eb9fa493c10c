using CnnSharp.Verification;
using CnnSharp.Formats;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>The replay itself: it finds what is wrong, names it and its place, and no file can stop it.</summary>
public sealed class VerifierTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("cnnsharp-cases-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void AWrongResultIsFoundWithItsPlace()
    {
        Write("relu", "{}", Tensor("x", [1, 2, 1, 2], -1, 2, 3, -4), Tensor("y", [1, 2, 1, 2], 0, 2, 3.5, 0));
        var result = Replay();
        Assert.Equal(CaseOutcome.Failed, result.Outcome);
        Assert.Equal("case", result.Name);
        Assert.Equal("y: largest error 0.5 at [0, 1, 0, 0] of [1, 2, 1, 2]: expected 3.5, got 3 (allowed 0.00036)", result.Detail);
    }

    [Fact]
    public void AWrongGradientIsFound()
    {
        Write("relu", "{}", Tensor("x", [2], -1, 2), Tensor("y", [2], 0, 2), Tensor("dy", [2], 5, 7), Tensor("dx", [2], 5, 7));
        Assert.Equal("dx: largest error 5 at [0] of [2]: expected 5, got 0 (allowed 0.00071)", Replay().Detail);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void WhatIsNotANumberDoesNotPass(double value)
    {
        Write("relu", "{}", Tensor("x", [2], -1, 2), Tensor("y", [2], value, 2));
        Assert.Equal(CaseOutcome.Failed, Replay().Outcome);
    }

    [Fact]
    public void AnotherShapeDoesNotPass()
    {
        Write("relu", "{}", Tensor("x", [2], -1, 2), Tensor("y", [1, 2], 0, 2));
        Assert.Equal("y: expected the shape [1, 2], got [2]", Replay().Detail);
    }

    [Fact]
    public void EveryCaseThatLiesHereIsSensitive()
    {
        // A result that is off by 1% of its largest value must fail: the replay looks at it.
        foreach (var path in Directory.GetFiles(GoldenTests.CasesFolder, "*.safetensors"))
        {
            using var file = SafeTensors.Open(path);
            foreach (var checkedName in (string[])["y", "dx", "dw", "db", "da", "new_running_var", "trajectory", "losses", "logits0"])
            {
                if (!file.TryGet(checkedName, out _)) continue;
                SafeTensors.Save(CasePath, file.Tensors.Select(tensor =>
                {
                    if (tensor.Name != checkedName) return tensor;
                    var values = tensor.AsFloat64();
                    values[^1] += 0.01 * (0.1 + values.Max(Math.Abs));
                    return SafeTensor.Create<double>(tensor.Name, tensor.Shape, values);
                }), file.Metadata);
                var result = Replay();
                Assert.True(result.Outcome == CaseOutcome.Failed && result.Detail.Length > 0, $"{path}: a wrong {checkedName} was not noticed.");
            }
        }
    }

    [Fact]
    public void AnUnknownOperationIsSkippedByName()
    {
        Write("fft", "{}", Tensor("x", [1], 1));
        Assert.Equal(new CaseResult("case", CaseOutcome.Skipped, "unknown operation 'fft'"), Replay());
    }

    [Theory]
    [InlineData("conv2d", "[1]", "attributes: expected a JSON object, got Array.")]
    [InlineData("relu", "{}", "the case has no result 'y'; it has x.")]
    [InlineData("network", "{}", "attribute 'torch_repr' is missing.")]
    [InlineData("optimizer", "{}", "has no tensor 'grads'")]
    public void AnIncompleteCaseFails(string operation, string attributes, string message)
    {
        Write(operation, attributes, Tensor("x", [1], 1));
        Assert.Contains(message, Failure(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"kernel":"two"}""", "attribute 'kernel': expected whole numbers within ±4096, got \"two\".")]
    [InlineData("""{"kernel":1e12}""", "attribute 'kernel': expected whole numbers within ±4096, got 1e12.")]
    [InlineData("""{"kernel":[1,2,3]}""", "attribute 'kernel': expected a number or [h, w], got [1,2,3].")]
    [InlineData("{}", "attribute 'kernel' is missing.")]
    [InlineData("""{"kernel":3}""", "Pool2d: the kernel 3 is larger than the input [1, 2, 2, 1] with padding 0.")]
    [InlineData("""{"kernel":2,"dilation":2}""", "not supported: max_pool2d with a dilation other than 1.")]
    [InlineData("""{"kernel":2,"return_indices":true,"ceil_mode":1}""", "attribute 'ceil_mode': expected true or false, got 1.")]
    public void AttributesThatDoNotFitFail(string attributes, string message)
    {
        Write("max_pool2d", attributes, Tensor("x", [1, 1, 2, 2], 1, 2, 3, 4), Tensor("y", [1], 4));
        Assert.Contains(message, Failure(), StringComparison.Ordinal);
    }

    [Fact]
    public void AnAttributeThatNothingReadsIsNamedWhereACaseFails()
    {
        Write("relu", """{"inplace":true}""", Tensor("x", [1], 1), Tensor("y", [1], 2));
        Assert.EndsWith("(not read: inplace)", Failure(), StringComparison.Ordinal);
    }

    [Fact]
    public void ALabelOutsideTheClassesFails()
    {
        Write("cross_entropy", "{}", Tensor("x", [1, 3], 1, 2, 3), SafeTensor.Create<long>("target", [1], [-100]), Tensor("y", [1], 0));
        Assert.Equal("'target' has the label -100; there are 3 classes.", Failure());
    }

    [Theory]
    [InlineData("")]
    [InlineData("Sequential")]
    [InlineData("Sequential(\n  (0): ReLU(")]
    [InlineData("ReLU() ReLU()")]
    [InlineData("Block(\n  (conv1): Identity()\n)")]
    [InlineData("LSTM(3, 4)")]
    [InlineData("Conv2d(3, 4, kernel_size=((((")]
    public void ANetworkThatCannotBeReadFails(string text)
    {
        Write("network", System.Text.Json.JsonSerializer.Serialize(new { torch_repr = text }), Tensor("xs", [1, 1, 1], 1), SafeTensor.Create<long>("targets", [1, 1], [0]), Tensor("losses", [1], 0));
        Assert.NotEqual("", Failure());
    }

    [Fact]
    public void DeepNestingIsRefusedAndNotRecursedInto()
        => Assert.Throws<FormatException>(() => TorchModule.Parse(string.Concat(Enumerable.Repeat("Sequential(\n(0): ", 100_000))));

    [Fact]
    public void DamagedFilesFailAndTheOthersAreReplayed()
    {
        var good = File.ReadAllBytes(Directory.GetFiles(GoldenTests.CasesFolder, "conv2d_*.safetensors").Order(StringComparer.Ordinal).First());
        var random = new Random(1);
        for (var i = 0; i < 200; i++)
        {
            var bytes = (byte[])good.Clone();
            for (var j = 0; j < 3; j++) bytes[random.Next(Math.Min(700, bytes.Length))] = (byte)random.Next(256);
            File.WriteAllBytes(Path.Combine(folder, $"damaged{i:000}.safetensors"), i % 4 == 0 ? bytes[..random.Next(bytes.Length)] : bytes);
        }

        File.WriteAllText(Path.Combine(folder, "text.safetensors"), "not a case");
        File.WriteAllBytes(Path.Combine(folder, "z.safetensors"), good);
        var results = Verifier.Run(folder, Device.Reference).ToList();
        Assert.Equal(202, results.Count);
        Assert.Equal(CaseOutcome.Passed, results[^1].Outcome);
        Assert.All(results.Where(result => result.Outcome == CaseOutcome.Failed), result => Assert.NotEqual("", result.Detail));
        Assert.Contains(results, result => result.Outcome == CaseOutcome.Failed);
    }

    [Fact]
    public void AMissingFolderIsAnError()
        => Assert.Equal("There is no folder 'nowhere'.", Assert.Throws<DirectoryNotFoundException>(() => Verifier.Run("nowhere", Device.Reference)).Message);

    [Fact]
    public void LayoutsTurnPyTorchsAxes()
    {
        // [N=1, C=2, H=1, W=3] to [1, 1, 3, 2]; grouped transposed weights [in=4, out/groups=1, 1, 1], 2 groups, to [1, 1, 2, 2].
        var images = Layout.ChannelsLast(new(1, 2, 1, 3));
        Assert.Equal(new Shape(1, 1, 3, 2), images.Result);
        Assert.Equal([0.0, 3, 1, 4, 2, 5], images.Apply([0, 1, 2, 3, 4, 5]));
        var weights = Layout.TransposedConvolutionWeights(new(4, 1, 1, 1), groups: 2);
        Assert.Equal(new Shape(1, 1, 2, 2), weights.Result);
        Assert.Equal([0.0, 2, 1, 3], weights.Apply([0, 1, 2, 3]));
    }

    string CasePath => Path.Combine(folder, "case.safetensors");

    CaseResult Replay() => Verifier.RunCase(CasePath, Device.Reference);

    string Failure()
    {
        var result = Replay();
        Assert.Equal(CaseOutcome.Failed, result.Outcome);
        return result.Detail;
    }

    void Write(string operation, string attributes, params SafeTensor[] tensors)
        => SafeTensors.Save(CasePath, tensors, new Dictionary<string, string> { ["op"] = operation, ["attrs"] = attributes });

    static SafeTensor Tensor(string name, long[] shape, params double[] values) => SafeTensor.Create<double>(name, shape, values);
}
