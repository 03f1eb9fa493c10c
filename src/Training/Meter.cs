using System.Text.Json.Serialization;
using CnnSharp.Data;
using CnnSharp.Kernels;

namespace CnnSharp.Training;

/// <summary>
/// The losses and metrics of one epoch. Steps leave them on the device, <see cref="Read"/> fetches what is new: so no step
/// waits for the device, and the sums are the same however often they are read.
/// </summary>
sealed class Meter : IDisposable
{
    readonly Device device;
    readonly Tensor losses;
    readonly Tensor predictions;
    readonly Tensor labels;
    readonly Tensor sums;
    readonly IReadOnlyList<Metric> metrics;
    readonly bool countsHits;
    readonly int sumsPerStep;
    readonly int[] predictionValues;
    readonly int[] labelValues;
    readonly int[] counts;
    readonly double[] weights;
    ConfusionMatrix? confusion;
    int steps;
    int samples;
    int stepsRead;
    int samplesRead;
    int measured;
    int stepStart;

    /// <summary>Room for an epoch.</summary>
    /// <param name="device">Where the losses are.</param>
    /// <param name="maxSteps">Steps of an epoch.</param>
    /// <param name="maxSamples">Images of an epoch.</param>
    /// <param name="metrics">What is measured beside the loss.</param>
    public Meter(Device device, int maxSteps, int maxSamples, IReadOnlyList<Metric> metrics)
    {
        (this.device, this.metrics) = (device, metrics);
        countsHits = metrics.Contains(Metric.Accuracy);
        sumsPerStep = metrics.Sum(metric => metric.Sums);
        var predicted = countsHits ? maxSamples : 0;
        losses = Tensor.Zeros(new(maxSteps), device);
        sums = Tensor.Zeros(new(checked(maxSteps * sumsPerStep)), device);
        predictions = Tensor.Zeros(new(predicted), device, DType.Int32);
        labels = Tensor.Zeros(new(predicted), device, DType.Int32);
        predictionValues = new int[predicted];
        labelValues = new int[predicted];
        counts = new int[maxSteps];
        weights = new double[maxSteps];
    }

    /// <summary>What has been read so far.</summary>
    public MeterSums Sums { get; private set; } = new();

    /// <summary>The loss of the last step that was read.</summary>
    public double LastLoss { get; private set; }

    /// <summary>Which of the steps added since <see cref="Reset"/>, from 0, was the first whose loss was not finite; -1: none that was read.</summary>
    public int FirstBadStep { get; private set; } = -1;

    /// <summary>The loss of <see cref="FirstBadStep"/>.</summary>
    public double BadLoss { get; private set; }

    /// <summary>Begins an epoch, or goes on within one from sums that were read earlier.</summary>
    /// <param name="sums">Where to go on from; default: nothing was met.</param>
    /// <param name="confusion">Also counts the images, if not null.</param>
    public void Reset(MeterSums? sums = null, ConfusionMatrix? confusion = null)
    {
        this.confusion = confusion;
        Sums = sums ?? new();
        (steps, samples, stepsRead, samplesRead, measured, stepStart) = (0, 0, 0, 0, 0, 0);
        FirstBadStep = -1;
    }

    /// <summary>What is added from here on is of one step, until the next call.</summary>
    public void BeginStep() => stepStart = steps;

    /// <summary>Takes the results of a step, or of a part of one, over, on the device. To be called before Backward frees them.</summary>
    /// <param name="loss">The mean over the batch, one element.</param>
    /// <param name="output">What the metrics are of; for accuracy logits [batch, classes]. Null: they are not measured.</param>
    /// <param name="batch">The samples.</param>
    /// <param name="weight">Of how many things the loss is the mean; null: of the samples.</param>
    public void Add(Tensor loss, Tensor? output, Batch batch, double? weight = null)
    {
        var k = device.Kernels;
        k.Memory.CopyRegion(RegionGeometry.Run(1, targetOffset: steps), loss.Data, losses.Data);
        if (output is not null)
        {
            if (countsHits) AddPredictions(output, batch.Labels);
            if (sumsPerStep > 0) AddSums(output, batch);
            measured += batch.Count;
        }

        weights[steps] = weight ?? batch.Count;
        counts[steps++] = batch.Count;
    }

    /// <summary>Waits for the device and adds what is new to <see cref="Sums"/>, step by step in double precision.</summary>
    public void Read()
    {
        if (stepsRead == steps) return;
        var (firstStep, newSteps, newSamples) = (stepsRead, steps - stepsRead, samples - samplesRead);
        var lossValues = Download(losses, firstStep, newSteps);
        var (loss, hits, weight) = (Sums.Loss, Sums.Hits, Sums.LossWeight);
        for (; stepsRead < steps; stepsRead++)
        {
            var value = lossValues[stepsRead - firstStep];
            if (!double.IsFinite(value) && FirstBadStep < 0) (FirstBadStep, BadLoss) = (stepsRead, value);
            loss += value * weights[stepsRead];
            weight += weights[stepsRead];
        }

        LastLoss = MeanOf(lossValues, Math.Max(stepStart, firstStep), firstStep);

        if (newSamples > 0)
        {
            device.Engine.DownloadRange(predictions.Data, samplesRead, predictionValues.AsSpan(samplesRead, newSamples));
            device.Engine.DownloadRange(labels.Data, samplesRead, labelValues.AsSpan(samplesRead, newSamples));
        }

        for (; samplesRead < samples; samplesRead++)
        {
            if (predictionValues[samplesRead] == labelValues[samplesRead]) hits++;
            confusion?.Add(labelValues[samplesRead], predictionValues[samplesRead]);
        }

        var count = Sums.Count;
        foreach (var added in counts.AsSpan(firstStep, newSteps)) count += added;
        Sums = new()
        {
            Loss = loss,
            Hits = hits,
            Count = count,
            Weight = weight == count ? null : weight,
            Measured = Sums.Measured + measured,
            Totals = sumsPerStep == 0 ? null : Totals(Download(sums, firstStep * sumsPerStep, newSteps * sumsPerStep)),
        };
        measured = 0;
    }

    /// <summary>The metrics of what was read, by name; none where no step measured any.</summary>
    public IReadOnlyDictionary<string, double> Figures()
    {
        var figures = new SortedDictionary<string, double>(StringComparer.Ordinal);
        if (Sums.Measured == 0) return figures;
        var at = 0;
        foreach (var metric in metrics)
        {
            figures[metric.Name] = metric == Metric.Accuracy ? Sums.Accuracy : metric.Value([.. (Sums.Totals ?? []).Skip(at).Take(metric.Sums)], Sums.Measured);
            at += metric.Sums;
        }

        return figures;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        losses.Dispose();
        predictions.Dispose();
        labels.Dispose();
        sums.Dispose();
    }

    void AddPredictions(Tensor logits, Tensor target)
    {
        var k = device.Kernels;
        var count = checked((int)target.Count);
        if (logits.Shape.Rank != 2 || target.Shape != new Shape(logits.Shape[0]) || target.DType != DType.Int32) throw new ShapeException("accuracy", $"expected logits [N, classes] and labels [N] (Int32), got {logits.Shape} and {target.Shape} ({target.DType}).");
        var found = device.Engine.Rent(DType.Int32, count);
        k.Reductions.ArgMax(count, logits.Shape[^1], logits.Data, found);
        k.Memory.CopyRegion(RegionGeometry.Run(count, targetOffset: samples), found, predictions.Data);
        found.Release();
        k.Memory.CopyRegion(RegionGeometry.Run(count, targetOffset: samples), target.Data, labels.Data);
        samples += count;
    }

    void AddSums(Tensor output, Batch batch)
    {
        using var scope = Tape.NoGrad();
        var at = steps * sumsPerStep;
        foreach (var metric in metrics)
        {
            if (metric.Measure is not { } measure) continue;
            var values = measure(output, batch);
            if (values.Count != metric.Sums) throw new ShapeException(metric.Name, $"a batch gives {values.Shape}; expected {(metric.Sums == 1 ? "one number" : $"[{metric.Sums}], its sums")}.");
            device.Kernels.Memory.CopyRegion(RegionGeometry.Run(metric.Sums, targetOffset: at), values.Data, sums.Data);
            at += metric.Sums;
        }
    }

    /// <summary>The mean loss of what was added from a place on.</summary>
    double MeanOf(double[] lossValues, int start, int firstValue)
    {
        var (sum, weight) = (0.0, 0.0);
        for (var i = start; i < steps; i++)
        {
            sum += lossValues[i - firstValue] * weights[i];
            weight += weights[i];
        }

        return sum / weight;
    }

    double[] Totals(double[] values)
    {
        var totals = Sums.Totals is { } before ? [.. before] : new double[sumsPerStep];
        for (var start = 0; start < values.Length; start += sumsPerStep)
        {
            var at = start;
            foreach (var metric in metrics)
            {
                metric.Convert?.Invoke(values.AsSpan(at, metric.Sums));
                at += metric.Sums;
            }

            for (var i = 0; i < sumsPerStep; i++) totals[i] += values[start + i];
        }

        return totals;
    }

    double[] Download(Tensor tensor, int start, int count)
    {
        var values = new double[count];
        if (tensor.DType == DType.Float64)
        {
            device.Engine.DownloadRange(tensor.Data, start, values);
            return values;
        }

        var narrow = new float[count];
        device.Engine.DownloadRange(tensor.Data, start, narrow);
        for (var i = 0; i < count; i++) values[i] = narrow[i];
        return values;
    }
}

/// <summary>Sums over the images of an epoch, so far.</summary>
sealed record MeterSums
{
    /// <summary>The sum of their losses.</summary>
    public double Loss { get; init; }

    /// <summary>How many were classed rightly.</summary>
    public long Hits { get; init; }

    /// <summary>How many they are.</summary>
    public long Count { get; init; }

    /// <summary>Of how many things, all in all, the losses are means; null: of the images.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? Weight { get; init; }

    /// <summary>How many of them metrics were measured of.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long Measured { get; init; }

    /// <summary>The sums of the metrics, one metric after the other; null without.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<double>? Totals { get; init; }

    /// <summary>What the sum of losses is divided by.</summary>
    [JsonIgnore]
    public double LossWeight => Weight ?? Count;

    /// <summary>The mean loss.</summary>
    [JsonIgnore]
    public double MeanLoss => LossWeight == 0 ? 0 : Loss / LossWeight;

    /// <summary>The share of hits.</summary>
    [JsonIgnore]
    public double Accuracy => Count == 0 ? 0 : (double)Hits / Count;
}
