using CnnSharp.Data;
using CnnSharp.Kernels;
using CnnSharp.Layers;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests.Training;

/// <summary>Metrics of results that are known, over batches of unequal sizes.</summary>
public sealed class MetricTests
{
    static readonly Device Device = CnnSharp.Device.Reference;

    /// <summary>The identity, which needs a parameter to have a device.</summary>
    sealed class Same : Layer
    {
        readonly Tensor anchor = Tensor.Zeros(new(1), Device);

        protected override Tensor Compute(Tensor x) => x;
    }

    static double Of(Metric metric, float[] output, Shape shape, float[]? target = null, Shape? targetShape = null)
        => Value(metric, target is null ? Dataset.From(output, shape) : Dataset.From(output, shape, target, targetShape));

    static double Value(Metric metric, IDataset set)
    {
        var task = new TrainingTask("measured") { Loss = (output, _) => Functional.Mean(output), Metrics = [metric] };
        return Trainer.Evaluate(new Same(), set, task, batchSize: 2).Metrics[metric.Name];
    }

    [Fact]
    public void Errors_of_numbers()
    {
        float[] output = [1, 2, 3, 4, 5], target = [2, 2, 1, 4, 9];
        Assert.Equal((1 + 0 + 2 + 0 + 4) / 5.0, Of(Metric.MeanAbsoluteError(), output, new(1), target), 6);
        Assert.Equal(Math.Sqrt((1 + 0 + 4 + 0 + 16) / 5.0), Of(Metric.RootMeanSquaredError(), output, new(1), target), 6);

        // Their mean is 3.6, their squares' sum about it 41.2.
        Assert.Equal(1 - (21 / 41.2), Of(Metric.R2(), output, new(1), target), 5);
        Assert.Equal(1, Of(Metric.R2(), target, new(1), target), 6);
    }

    /// <summary>Far from 0, where float32 has no digits left for squares; and where all targets are alike.</summary>
    [Fact]
    public void Variance_of_targets_far_from_zero()
    {
        float[] near = [0.5f, -1, 0.25f, 2, -0.75f, 1.5f, 0], missed = [.. near.Select((y, i) => y + (i % 2 == 0 ? 0.25f : -0.25f))];
        var expected = Of(Metric.R2(), missed, new(1), near);
        Assert.Equal(1 - (7 * 0.0625 / near.Sum(y => Math.Pow(y - near.Average(), 2))), expected, 6);
        foreach (var offset in new[] { 1000f, 10_000f, -65_536f }) Assert.Equal(expected, Of(Metric.R2(), [.. missed.Select(y => y + offset)], new(1), [.. near.Select(y => y + offset)]), 1e-5);
        Assert.Equal(0, Of(Metric.R2(), [1, 2, 3], new(1), [7, 7, 7]));
        Assert.Equal(1, Of(Metric.R2(), [7, 7, 7], new(1), [7, 7, 7]));
        Assert.Equal(0, Of(Metric.R2(), [1], new(1), [10_000.1f]));
    }

    /// <summary>A result and a target of other shapes are not broadcast, and a mean that is none is refused.</summary>
    [Fact]
    public void What_is_not_one_number_is_refused()
    {
        Assert.Contains("mae: a batch gives [2, 1]; expected one number", Assert.Throws<ShapeException>(() => Of(Metric.Mean("mae", (output, batch) => Functional.Abs(output - batch.Labels)), [1, 2], new(1), [1, 3])).Message, StringComparison.Ordinal);
        foreach (var metric in new[] { Metric.R2(), Metric.F1(), Metric.BinaryAccuracy() })
            Assert.Contains("the result is [2, 1], the target [2]", Assert.Throws<ShapeException>(() => Of(metric, [1, 2], new(1), [1, 0], new())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Several_labels()
    {
        float[] output = [3, -1, -2, 1, 0, 5], target = [1, 0, 1, 0, 0, 1];
        Assert.Equal(4 / 6.0, Of(Metric.BinaryAccuracy(), output, new(2), target, new(2)), 6);
        Assert.Equal(2 * 2 / (3.0 + 3), Of(Metric.F1(), output, new(2), target, new(2)), 6);
        Assert.Equal(1, Of(Metric.F1(), [-1, -1], new(2), [0, 0], new(2)));
    }

    /// <summary>Three images of two pixels: classes 0 and 1 are met, 2 is not; a pixel is ignored.</summary>
    [Fact]
    public void Overlap_of_classes()
    {
        float[] logits = [1, 0, 0, /**/ 0, 1, 0, /**/ 1, 0, 0, /**/ 1, 0, 0, /**/ 0, 1, 0, /**/ 0, 1, 0];
        var set = Dataset.From(logits, new(1, 2, 3), [0, 1, 0, 1, 1, 255], new(1, 2));

        // Class 0: 2 of 3 pixels; class 1: 2 of 3.
        Assert.Equal(((2 / 3.0) + (2 / 3.0)) / 2, Value(Metric.MeanIoU(3, ignoreIndex: 255), set), 6);
    }

    [Fact]
    public void Signal_to_noise()
    {
        Assert.Equal(10 * Math.Log10(1 / 0.01), Of(Metric.PeakSignalToNoise(), [0.6f, 0.4f, 0.2f], new(1), [0.5f, 0.5f, 0.3f]), 4);
        Assert.Equal(10 * Math.Log10(4 / 0.01), Of(Metric.PeakSignalToNoise(2), [0.6f, 0.4f, 0.2f], new(1), [0.5f, 0.5f, 0.3f]), 4);
    }

    [Fact]
    public void Accuracy_takes_the_first_of_equals()
    {
        var set = Dataset.From([0, 0, 1, 2, 3, 3], new(2), [0, 1, 1], new());
        Assert.Equal(2 / 3.0, Value(Metric.Accuracy, set), 6);
        Assert.Contains("expected logits [N, classes] and labels [N] (Int32), got [2, 2] and [2, 1] (Float32)", Assert.Throws<ShapeException>(() => Of(Metric.Accuracy, [0, 0, 1, 1], new(2), [0, 1])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Metrics_of_ones_own()
    {
        Assert.Equal(3, Of(Metric.Mean("mean", (output, _) => Functional.Mean(output)), [1, 2, 3, 4, 5], new(1)), 6);
        Assert.Equal(5, Of(Metric.OfSums("most", 2, (output, batch) => Functional.Concat([Functional.Sum(output, [0]), Tensor.From(new float[] { batch.Count }, new(1), Device)], 0), sums => sums[1]), [1, 2, 3, 4, 5], new(1)), 6);
        Assert.Contains("a batch gives [2]; expected [3], its sums", Assert.Throws<ShapeException>(() => Of(Metric.OfSums("odd", 3, (output, _) => Functional.Reshape(output, new(2)), _ => 0), [1, 2], new(1))).Message, StringComparison.Ordinal);
        Assert.Contains("a batch gives [2]; expected one number", Assert.Throws<ShapeException>(() => Of(Metric.OfSums("odd", 1, (output, _) => Functional.Reshape(output, new(2)), _ => 0), [1, 2], new(1))).Message, StringComparison.Ordinal);
    }
}
