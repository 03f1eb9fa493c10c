using System.Globalization;
using System.Text.Json;
using CnnSharp.Kernels;
using CnnSharp.Layers;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>
/// Losses with labels on every device: against PyTorch with class weights, ignored labels, smoothing, infinite and huge logits
/// (Cases/labels.json, written by make_label_cases.py), and what a label that is no class does.
/// </summary>
[Collection(DeviceTests.Name)]
public sealed class LabelTests
{
    static readonly JsonElement Cases = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Operations", "Cases", "labels.json"))).RootElement.GetProperty("cases");

    public static TheoryData<string> DeviceNames => Devices.All;

    [Theory]
    [MemberData(nameof(DeviceNames))]
    public void AsPyTorch(string name)
    {
        var device = Devices.Open(name);
        var before = Devices.UsedBytes(device);
        foreach (var entry in Cases.EnumerateArray())
        {
            int[] shape = [.. entry.GetProperty("shape").EnumerateArray().Select(extent => extent.GetInt32())];
            var reduction = Enum.Parse<Reduction>(entry.GetProperty("reduction").GetString()!, ignoreCase: true);
            int? ignore = entry.GetProperty("ignore") is { ValueKind: JsonValueKind.Number } number ? number.GetInt32() : null;
            using var x = Tensor.From(Numbers(entry, "x"), new(shape), device);
            using var labels = Tensor.From(entry.GetProperty("labels").EnumerateArray().Select(label => label.GetInt32()).ToArray(), new(shape.AsSpan()[..^1]), device);
            using var weights = entry.GetProperty("weights").ValueKind == JsonValueKind.Null ? null : Tensor.From(Numbers(entry, "weights"), new(shape[^1]), device);
            x.RequiresGrad = true;
            using var loss = (entry.GetProperty("loss").GetString() == "cross_entropy"
                ? Functional.CrossEntropy(x, labels, entry.GetProperty("smoothing").GetSingle(), reduction, ignore, weights)
                : Functional.MulticlassHinge(x, labels, entry.GetProperty("margin").GetSingle(), reduction, ignore, weights)).Keep();
            using var upstream = Tensor.From(Numbers(entry, "upstream"), loss.Shape, device);
            loss.Backward(upstream);
            using var dx = x.Gradient!;
            var what = entry.GetProperty("name").GetString()!;
            AssertNear($"{what}: loss", Numbers(entry, "y"), loss.ToArray<double>());
            AssertNear($"{what}: dx", Numbers(entry, "dx"), dx.ToArray<double>());
        }

        Assert.InRange(device.Engine.Pool.UsedBytes, 0, before);
    }

    /// <summary>Where the loss is computed, or on a GPU where it is read. Training on would be the alternative.</summary>
    [Theory]
    [MemberData(nameof(DeviceNames))]
    public void ALabelThatIsNoClassIsAnException(string name)
    {
        var device = Devices.Open(name);
        var before = Devices.UsedBytes(device);
        foreach (var classes in new[] { 3, 40 })
        {
            foreach (var bad in new[] { classes, -1, -100, int.MaxValue, int.MinValue })
            {
                int[] values = [0, 1, 2, bad, 1];
                using var x = Tensor.Zeros([5, classes], device);
                using var labels = Tensor.From(values, new(5), device);
                Check("CrossEntropy", () => Functional.CrossEntropy(x, labels));
                Check("CrossEntropy", () => Functional.CrossEntropy(x, labels, 0.1f, Reduction.Sum, ignoreIndex: 2));
                Check("MulticlassHinge", () => Functional.MulticlassHinge(x, labels));

                // Left out by name, it is none.
                using (Tape.NoGrad())
                {
                    Assert.Equal(Math.Log(classes), Functional.CrossEntropy(x, labels, ignoreIndex: bad).Item(), 1e-6);
                    Assert.Equal(classes - 1, Functional.MulticlassHinge(x, labels, ignoreIndex: bad).Item(), 1e-5);
                }

                void Check(string operation, Func<Tensor> loss)
                {
                    using var scope = Tape.NoGrad();
                    var e = Assert.Throws<LabelException>(() => loss().Item());
                    Assert.Equal((operation, 3L, bad, classes), (e.Operation, e.Index, e.Label, e.Classes));
                    Assert.StartsWith($"{operation}: label {bad} at index 3 is no class: with {classes} classes labels are 0 to {classes - 1}.", e.Message, StringComparison.Ordinal);
                }
            }
        }

        Assert.InRange(Devices.UsedBytes(device), 0, before);
    }

    /// <summary>The exception is of the loss that was wrong, once; after it the device goes on.</summary>
    [Theory]
    [MemberData(nameof(DeviceNames))]
    public void AfterTheExceptionTheDeviceGoesOn(string name)
    {
        var device = Devices.Open(name);
        using var x = Tensor.Zeros([4, 2], device);
        using var good = Tensor.From(new[] { 0, 1, 1, 0 }, new(4), device);
        using var wrong = Tensor.From(new[] { 0, 2, 5, 0 }, new(4), device);
        using var scope = Tape.NoGrad();
        Functional.MulticlassHinge(x, good);
        var e = Assert.Throws<LabelException>(() =>
        {
            Functional.CrossEntropy(x, wrong);
            device.Engine.Synchronize();
        });
        Assert.Equal("CrossEntropy", e.Operation);
        Assert.Contains((e.Index, e.Label), new[] { (1L, 2), (2L, 5) });
        Assert.Equal(Math.Log(2), Functional.CrossEntropy(x, good).Item(), 1e-6);
        device.Engine.Synchronize();
    }

    [Theory]
    [MemberData(nameof(DeviceNames))]
    public void TheFirstOfManyIsNamed(string name)
    {
        var device = Devices.Open(name);
        var values = new int[70_000];
        foreach (var place in new[] { 69_999, 41_234, 35_000 }) values[place] = -place;
        using var x = Tensor.Zeros([values.Length, 2], device);
        using var labels = Tensor.From(values, new(values.Length), device);
        using var scope = Tape.NoGrad();
        var e = Assert.Throws<LabelException>(() => Loss.CrossEntropy(x, labels).Item());
        Assert.Equal(-e.Label, e.Index);
        if (!name.StartsWith("ilgpu", StringComparison.Ordinal)) Assert.Equal(35_000, e.Index);
    }

    /// <summary>Mixed labels and auxiliary heads pass on what they are given.</summary>
    [Fact]
    public void MixedLabelsTakeWeightsAndIgnoredLabels()
    {
        var device = Devices.Open("reference");
        using var x = Tensor.From([1f, 2, 3, 0, 1, -1], new(2, 3), device);
        using var labels = Tensor.From(new[] { 0, 1 }, new(2), device);
        using var others = Tensor.From(new[] { 2, 255 }, new(2), device);
        using var weights = Tensor.From([1f, 2, 4], new(3), device);
        using var scope = Tape.NoGrad();
        var expected = (0.25 * Loss.CrossEntropy(x, labels, ignoreIndex: 255, classWeights: weights).Item()) + (0.75 * Loss.CrossEntropy(x, others, ignoreIndex: 255, classWeights: weights).Item());
        Assert.Equal(expected, Loss.MixedCrossEntropy(x, labels, others, 0.25f, 0, 255, weights).Item(), 1e-6);
        Assert.Equal(Math.Log(Math.Exp(-2) + Math.Exp(-1) + 1), Loss.CrossEntropy(x, others, ignoreIndex: 255, classWeights: weights).Item(), 1e-6);
    }

    [Fact]
    public void WeightsMustFit()
    {
        var device = Devices.Open("reference");
        using var x = Tensor.Zeros([2, 3], device);
        using var labels = Tensor.Zeros([2], device, DType.Int32);
        using var two = Tensor.Zeros([2], device);
        using var wanting = Tensor.Zeros([3], device);
        wanting.RequiresGrad = true;
        Assert.Equal("CrossEntropy: expected the class weights to be [3], got [2].", Assert.Throws<ShapeException>(() => Functional.CrossEntropy(x, labels, classWeights: two)).Message);
        Assert.Contains("want a gradient, and get none", Assert.Throws<ArgumentException>(() => Functional.CrossEntropy(x, labels, classWeights: wanting)).Message, StringComparison.Ordinal);
    }

    /// <summary>Binary cross-entropy of infinite and huge logits, and targets outside [0, 1], as PyTorch 2.6.</summary>
    [Theory]
    [MemberData(nameof(DeviceNames))]
    public void BinaryCrossEntropyOfExtremeLogits(string name)
    {
        var device = Devices.Open(name);
        const float Inf = float.PositiveInfinity;
        float[] x = [Inf, Inf, Inf, -Inf, -Inf, -Inf, 1e30f, 1e30f, 1e30f, -1e30f, -1e30f, -1e30f, 1, 1];
        float[] t = [0, 0.5f, 1, 0, 0.5f, 1, 0, 0.5f, 1, 0, 0.5f, 1, 2, float.NaN];
        double[] expected = [Inf, Inf, double.NaN, double.NaN, double.NaN, double.NaN, 1e30, 5e29, 0, 0, 5e29, 1e30, -0.6867383, double.NaN];
        using var scope = Tape.NoGrad();
        using var logits = Tensor.From(x, new(x.Length), device);
        using var targets = Tensor.From(t, new(t.Length), device);
        AssertNear("bce", expected, Functional.BinaryCrossEntropyWithLogits(logits, targets, Reduction.None).ToArray<double>());
    }

    /// <summary>Softmax of infinite logits, as PyTorch.</summary>
    [Theory]
    [MemberData(nameof(DeviceNames))]
    public void SoftmaxOfExtremeLogits(string name)
    {
        var device = Devices.Open(name);
        const float Inf = float.PositiveInfinity, NaN = float.NaN;
        float[] x = [-Inf, 0, 1, Inf, 0, 1, -Inf, -Inf, -Inf, NaN, 0, 1, 1e30f, 0, 1];
        using var scope = Tape.NoGrad();
        using var logits = Tensor.From(x, new(5, 3), device);
        AssertNear("softmax", [0, 0.26894143, 0.73105857, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, 1, 0, 0], Functional.Softmax(logits).ToArray<double>());
        AssertNear("log softmax", [-Inf, -1.31326164, -0.31326164, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN, 0, -1e30, -1e30], Functional.LogSoftmax(logits).ToArray<double>());
    }

    /// <summary>Counting refuses what no class is.</summary>
    [Fact]
    public void AConfusionMatrixHasOnlyClasses()
    {
        var matrix = new ConfusionMatrix(3);
        foreach (var (actual, predicted) in new[] { (3, 0), (-1, 0), (0, 3), (-100, 2) })
            Assert.Contains($"actual {actual}, predicted {predicted}; expected classes from 0 to 2", Assert.Throws<ArgumentOutOfRangeException>(() => matrix.Add(actual, predicted)).Message, StringComparison.Ordinal);
        Assert.Equal(0, matrix.Count);
    }

    static double[] Numbers(JsonElement entry, string name)
        => [.. entry.GetProperty(name).EnumerateArray().Select(value => value.ValueKind == JsonValueKind.String ? double.Parse(value.GetString()!, CultureInfo.InvariantCulture) : value.GetDouble())];

    static void AssertNear(string what, double[] expected, double[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            var (e, a) = (expected[i], actual[i]);
            Assert.True(e.Equals(a) || Math.Abs(e - a) <= 2e-5 * Math.Max(1, Math.Abs(e)), $"{what}[{i}] is {a}, expected {e}.");
        }
    }
}
