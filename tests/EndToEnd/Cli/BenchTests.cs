using CnnSharp.Kernels;
using Xunit;

namespace CnnSharp.Tests.Cli;

/// <summary><c>bench</c>, <c>bench train</c>, <c>bench infer</c>, <c>bench growth</c> and <c>verify</c> without a folder.</summary>
public sealed class BenchTests : CliTest
{
    [Theory]
    [InlineData("cpu")]
    [InlineData("ilgpu-cpu")]
    public void KernelsAreTimedBesideTheLimitsOfTheirDevice(string device)
    {
        var result = Run("bench", "--device", device, "--filter", "max pool", "--batch", "1", "--rounds", "2", "--json").IsDone().Json;
        Assert.True(result.GetProperty("fma_ceiling_gflops").GetDouble() > 0);
        var kernels = result.GetProperty("kernels").EnumerateArray().ToList();
        Assert.Equal(["forward", "backward"], kernels.Select(kernel => kernel.GetProperty("pass").GetString()));
        Assert.All(kernels, kernel =>
        {
            Assert.Equal("16@32x32 batch 1", kernel.GetProperty("size").GetString());
            Assert.True(kernel.GetProperty("ceiling_gigabytes_per_second").GetDouble() > 0);
            Assert.True(kernel.GetProperty("share").GetDouble() >= 0);
        });
    }

    [Fact]
    public void EveryAlgorithmOfAModelsConvolutionsIsTimedAndOneOfAPassIsTaken()
    {
        var result = Run("bench", "--device", "cpu", "--algorithms", "lenet5", "--batch", "1", "--rounds", "1", "--json").IsDone().Json;
        var rows = result.GetProperty("algorithms").EnumerateArray().ToList();
        Assert.Equal(["5x5 3->6@32x32", "5x5 6->16@14x14"], rows.Select(row => row.GetProperty("convolution").GetString()).Distinct());
        foreach (var pass in rows.GroupBy(row => (row.GetProperty("convolution").GetString(), row.GetProperty("pass").GetString())))
        {
            Assert.Single(pass, row => row.GetProperty("chosen").GetBoolean());
            Assert.Equal("direct", pass.Last().GetProperty("algorithm").GetString());
            Assert.All(pass, row => Assert.True(row.GetProperty("seconds").GetDouble() > 0));
        }

        Assert.Equal(6, rows.Select(row => (row.GetProperty("convolution").GetString(), row.GetProperty("pass").GetString())).Distinct().Count());
        Run("bench", "--device", "ilgpu-cpu", "--algorithms").IsRefused("--algorithms: it is for --device cpu");
        Run("bench", "--algorithms", "lenet6").IsRefused("lenet5");
    }

    /// <summary>The update in place is what its formula says, to the last element of both arrays.</summary>
    [Theory]
    [InlineData("cpu")]
    [InlineData("ilgpu-cpu")]
    public void BandwidthIsOfAnUpdateOfEveryElement(string name)
    {
        const int Length = 4096;
        var engine = Device.Parse(name).Engine;
        var memory = engine.Rent(DType.Float32, 2 * Length);
        var values = new float[2 * Length];
        Array.Fill(values, 1f);
        engine.Upload<float>(values, memory);
        Assert.True(engine.Peak!.Bandwidth(memory, TimeSpan.FromTicks(1)) > 0);
        engine.Download(memory, values.AsSpan());
        memory.Release();
        Assert.All(values[..Length], value => Assert.Equal(values[0], value));
        Assert.True(values[0] > 1);
        Assert.All(values[Length..], value => Assert.Equal(1f, value));
    }

    [Fact]
    public void TrainingIsTimedAndItsMemoryCounted()
    {
        var result = Run("bench", "train", "--device", "cpu", "--model", "lenet5", "--batch", "2", "--steps", "3", "--json").IsDone().Json;
        Assert.Equal("float32", result.GetProperty("precision").GetString());
        Assert.True(result.GetProperty("images_per_second").GetDouble() > 0);
        Assert.True(double.IsFinite(result.GetProperty("loss").GetDouble()));

        // The weights, their gradients and the momentum: 3 x 62,006 floats.
        Assert.True(result.GetProperty("device_mib").GetDouble() > 3 * 62_006 * sizeof(float) / (1024.0 * 1024));
    }

    /// <summary>Each series up to a number; the operations are those of the images: 6 x 40,551,040 (and the shortcuts' convolutions) each.</summary>
    [Fact]
    public void GrowingWorkIsTimed()
    {
        var result = Run("bench", "growth", "--device", "cpu", "--most", "2", "--steps", "1", "--json").IsDone().Json.GetProperty("growth").EnumerateArray().ToList();
        Assert.Equal(["batch 1", "batch 2", "width 1", "width 2"], result.Select(row => $"{row.GetProperty("series").GetString()} {row.GetProperty("n").GetInt32()}"));
        Assert.All(result.Take(2), row => Assert.Equal(6 * 0.0408, row.GetProperty("gflops").GetDouble() / row.GetProperty("images_per_second").GetDouble(), 0.003));
        Run("bench", "growth", "--series", "image", "--most", "8").IsRefused("no work is so small");
        Run("bench", "growth", "--series", "depth").IsRefused("depth");
    }

    [Fact]
    public void InferenceIsTimedAndRecordsNothing()
    {
        var result = Run("bench", "infer", "--device", "cpu", "--model", "lenet5", "--batch", "2", "--steps", "3", "--json").IsDone().Json;
        Assert.True(result.GetProperty("images_per_second").GetDouble() > 0);
        Assert.True(result.GetProperty("processor_seconds").GetDouble() > 0);
        Assert.Equal(2, result.GetProperty("batch").GetInt32());
    }

    [Fact]
    public void AnImportedNetworkIsTimedAsItsModelIs()
    {
        using var folder = new TemporaryFolder();
        var file = folder.File("lenet5.onnx");
        Run("export", "--model", "lenet5", "--out", file).IsDone();
        var result = Run("bench", "infer", "--device", "cpu", "--onnx", file, "--batch", "2", "--steps", "3", "--json").IsDone().Json;
        Assert.Equal("lenet5.onnx", result.GetProperty("model").GetString());
        Assert.True(result.GetProperty("images_per_second").GetDouble() > 0);
        Run("bench", "infer", "--onnx", file, "--model", "lenet5").IsRefused("--model and --onnx: one of them");
        Run("bench", "infer", "--onnx", file, "--size", "64").IsRefused("takes images of 32 x 32");
    }

    [Fact]
    public void VerifyWithoutAFolderComparesEveryOperation()
    {
        var result = Run("verify", "--device", "cpu").IsDone();
        Assert.EndsWith($"{CnnSharp.Verification.OperationRegistry.Rows.Count} passed, 0 failed, 0 skipped", result.Output.TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public void VerifyHasConvolutionsTakeTheAlgorithmThatIsNamed()
    {
        Assert.EndsWith("3 passed, 0 failed, 0 skipped", Run("verify", "--device", "cpu", "--algorithm", "winograd", "--filter", "conv").IsDone().Output.TrimEnd(), StringComparison.Ordinal);
        Run("verify", "--device", "cpu", "--algorithm", "fft").IsRefused("There are: pointwise, depthwise, winograd");
        Run("verify", "--device", "ilgpu-cpu", "--algorithm", "direct").IsRefused("--algorithm direct: it is for --device cpu");
    }

    [Fact]
    public void VerifyTakesWhatTheFilterNamesAndTellsEach()
    {
        var lines = Run("verify", "--device", "cpu", "--filter", "leaky_relu", "--filter", "ARGMAX", "--verbose").IsDone().Output.TrimEnd().Split('\n');
        Assert.Matches(@"^passed leaky_relu \d+\.\d s$", lines[0].TrimEnd());
        Assert.Matches(@"^passed argmax \d+\.\d s$", lines[1].TrimEnd());
        Assert.Equal("2 passed, 0 failed, 0 skipped", lines[^1].TrimEnd());
        Run("verify", "--device", "cpu", "--filter", "convolute").IsRefused("--filter convolute: no name holds that");
    }
}
