using CnnSharp.Data;
using CnnSharp.Kernels;

namespace CnnSharp.Training;

/// <summary>
/// A figure of how good results are, over the samples of an epoch or of a set. Each batch gives sums on its device; the figure is made of their totals, so that it
/// does not depend on how the samples were cut into batches, and a resumed training has the same.
/// </summary>
public sealed class Metric
{
    readonly Func<IReadOnlyList<double>, long, double> value;

    Metric(string name, int sums, Func<Tensor, Batch, Tensor>? measure, Func<IReadOnlyList<double>, long, double> value, bool isLowerBetter)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        (Name, Sums, Measure, this.value, IsLowerBetter) = (name, sums, measure, value, isLowerBetter);
    }

    /// <summary>The share of samples whose class, the first of the largest logits, was the right one. Of logits [N, classes] and labels [N].</summary>
    public static Metric Accuracy { get; } = new("accuracy", 0, null, (_, _) => double.NaN, isLowerBetter: false);

    /// <summary>The mean loss.</summary>
    public static Metric Loss { get; } = new("loss", 0, null, (_, _) => double.NaN, isLowerBetter: true);

    /// <summary>The mean over the samples of what each batch gives.</summary>
    /// <param name="name">What it is called.</param>
    /// <param name="mean">One number: the mean over the batch, of the model's result and the batch.</param>
    /// <param name="isLowerBetter">Whether less is better; default true.</param>
    public static Metric Mean(string name, Func<Tensor, Batch, Tensor> mean, bool isLowerBetter = true) => new(name, 1, Whole(name, mean), (sums, count) => sums[0] / count, isLowerBetter);

    /// <summary>A figure of sums over the samples.</summary>
    /// <param name="name">What it is called.</param>
    /// <param name="sums">How many sums there are.</param>
    /// <param name="measure">The sums of a batch, [sums], of the model's result and the batch.</param>
    /// <param name="value">The figure, of their totals.</param>
    /// <param name="isLowerBetter">Whether less is better; default false.</param>
    public static Metric OfSums(string name, int sums, Func<Tensor, Batch, Tensor> measure, Func<IReadOnlyList<double>, double> value, bool isLowerBetter = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(sums);
        ArgumentNullException.ThrowIfNull(measure);
        ArgumentNullException.ThrowIfNull(value);
        return new(name, sums, measure, (totals, _) => value(totals), isLowerBetter);
    }

    /// <summary><c>mean_absolute_error</c>: of all numbers of result and target.</summary>
    public static Metric MeanAbsoluteError() => Mean("mean_absolute_error", (output, batch) => Functional.L1Loss(output, batch.Labels));

    /// <summary><c>root_mean_squared_error</c>: of all numbers of result and target.</summary>
    public static Metric RootMeanSquaredError() => new("root_mean_squared_error", 1, Whole("root_mean_squared_error", (output, batch) => Functional.MeanSquaredError(output, batch.Labels)), (sums, count) => Math.Sqrt(sums[0] / count), isLowerBetter: true);

    /// <summary><c>r2</c>: the share of the targets' variance that the results explain, 1 at best; below 0, worse than their mean. Of targets that are all alike 1 where all are met, else 0.</summary>
    public static Metric R2() => new(
        "r2",
        5,
        (output, batch) =>
        {
            // Sums about the batch's own mean: squares of large numbers would leave no digits for their differences.
            var target = Target("r2", output, batch);
            var mean = Functional.Mean(target);
            var apart = target - mean;
            return Functional.Concat([One(Functional.Square(output - target)), One(apart), One(Functional.Square(apart)), One(mean), Tensor.Full(new(1), target.Count, target.Device)], 0);
        },
        (sums, _) =>
        {
            var (error, variance) = (sums[0], Math.Max(sums[2] - (sums[1] * sums[1] / sums[4]), 0));

            // What is left of sums in double precision where all are alike.
            return variance > 1e-13 * sums[2] ? 1 - (error / variance) : error == 0 ? 1 : 0;
        },
        isLowerBetter: false)
    {
        Convert = batch =>
        {
            var (apart, squares, mean, count) = (batch[1], batch[2], batch[3], batch[4]);
            batch[1] = apart + (count * mean);
            batch[2] = squares + (2 * mean * apart) + (count * mean * mean);
        },
    };

    /// <summary><c>binary_accuracy</c>: the share of logits whose sign is that of their target, 0 or 1.</summary>
    public static Metric BinaryAccuracy() => Mean("binary_accuracy", (output, batch) => Functional.Mean(Functional.Equal(IsPositive(output), Target("binary_accuracy", output, batch))), isLowerBetter: false);

    /// <summary><c>f1</c>: of all logits above 0 and all targets of 1 together (micro), 2 hits / (found + there); 1 where there is neither.</summary>
    public static Metric F1() => OfSums(
        "f1",
        3,
        (output, batch) =>
        {
            var (found, target) = (IsPositive(output), Target("f1", output, batch));
            return Functional.Concat([One(found * target), One(found), One(target)], 0);
        },
        sums => sums[1] + sums[2] == 0 ? 1 : 2 * sums[0] / (sums[1] + sums[2]));

    /// <summary><c>mean_iou</c>: of each class intersection over union of its pixels, and the mean over the classes that occur. Of logits [N, H, W, classes] and labels [N, H, W].</summary>
    /// <param name="classes">How many.</param>
    /// <param name="ignoreIndex">A label whose pixels do not count; default: none.</param>
    public static Metric MeanIoU(int classes, int? ignoreIndex = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(classes);
        return OfSums("mean_iou", 2 * classes, (output, batch) => Overlaps(output, batch.Labels, classes, ignoreIndex), sums =>
        {
            var (sum, met) = (0.0, 0);
            for (var c = 0; c < classes; c++)
            {
                if (sums[classes + c] == 0) continue;
                sum += sums[c] / sums[classes + c];
                met++;
            }

            return met == 0 ? 0 : sum / met;
        });
    }

    /// <summary><c>psnr</c>: peak signal-to-noise ratio, in dB. Of the target or, without one, the input.</summary>
    /// <param name="range">From the least to the greatest value that an image may have; default 1.</param>
    public static Metric PeakSignalToNoise(double range = 1) => new(
        "psnr",
        1,
        Whole("psnr", (output, batch) => Functional.MeanSquaredError(output, TargetOrInput(batch))),
        (sums, count) => 10 * Math.Log10(range * range / (sums[0] / count)),
        isLowerBetter: false);

    /// <summary>What it is called: in messages, <c>metrics.jsonl</c> and <see cref="EpochResult.Metrics"/>.</summary>
    public string Name { get; }

    /// <summary>Whether less is better.</summary>
    public bool IsLowerBetter { get; }

    /// <summary>Sums that a batch gives; 0 of <see cref="Accuracy"/> and <see cref="Loss"/>, which are counted apart.</summary>
    internal int Sums { get; }

    /// <summary>A batch's sums, [<see cref="Sums"/>].</summary>
    internal Func<Tensor, Batch, Tensor>? Measure { get; }

    /// <summary>Turns what a batch gave, in double precision, into what is added up; null: it is added as it is.</summary>
    internal Action<Span<double>>? Convert { get; private init; }

    /// <summary>The figure.</summary>
    internal double Value(IReadOnlyList<double> sums, long count) => value(sums, count);

    /// <inheritdoc cref="Name"/>
    public override string ToString() => Name;

    /// <summary>The target of a batch, or, where its set has none, the input.</summary>
    internal static Tensor TargetOrInput(Batch batch) => batch.Targets.Count > 0 ? batch.Targets[0] : batch.Inputs[0];

    /// <summary>A mean over the batch as a sum over its samples.</summary>
    static Func<Tensor, Batch, Tensor> Whole(string name, Func<Tensor, Batch, Tensor> mean)
    {
        ArgumentNullException.ThrowIfNull(mean);
        return (output, batch) =>
        {
            var value = mean(output, batch);
            return value.Count == 1 ? Functional.Reshape(value, new(1)) * batch.Count : throw new ShapeException(name, $"a batch gives {value.Shape}; expected one number, the mean over the batch: Functional.Mean of it.");
        };
    }

    /// <summary>The target of a batch, if it is shaped like the result: it would be broadcast.</summary>
    static Tensor Target(string name, Tensor output, Batch batch)
        => batch.Labels.Shape == output.Shape ? batch.Labels : throw new ShapeException(name, $"the result is {output.Shape}, the target {batch.Labels.Shape}; expected the same shape.");

    /// <summary>The sum as a tensor of one element.</summary>
    static Tensor One(Tensor x) => Functional.Reshape(Functional.Sum(x), new(1));

    static Tensor IsPositive(Tensor x) => Functional.Greater(x, Tensor.Zeros(new(1), x.Device));

    /// <summary>Pixels of each class in both, then in either. Waits for the device.</summary>
    static Tensor Overlaps(Tensor output, Tensor labels, int classes, int? ignoreIndex)
    {
        if (output.Shape[^1] != classes) throw new ShapeException("mean_iou", $"expected logits of {classes} classes, got {output.Shape}.");
        var (found, there) = (Functional.ArgMax(output).ToArray<int>(), labels.ToArray<int>());
        var sums = new float[2 * classes];
        for (var i = 0; i < there.Length; i++)
        {
            // A label that is no class is named by the loss.
            if (there[i] == ignoreIndex || (uint)there[i] >= (uint)classes) continue;
            sums[classes + there[i]]++;
            if (found[i] == there[i]) sums[found[i]]++;
            else sums[classes + found[i]]++;
        }

        return Tensor.From(sums, new(2 * classes), output.Device);
    }
}
