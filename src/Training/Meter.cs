using System.Text.Json.Serialization;
using CnnSharp.Kernels;

namespace CnnSharp.Training;

/// <summary>
/// The losses and hits of one epoch. Steps leave them on the device, <see cref="Read"/> fetches what is new: so no step
/// waits for the device, and the sums are the same however often they are read.
/// </summary>
sealed class Meter : IDisposable
{
    readonly Device device;
    readonly Tensor losses;
    readonly Tensor predictions;
    readonly Tensor labels;
    readonly float[] lossValues;
    readonly double[] wideLossValues;
    readonly int[] predictionValues;
    readonly int[] labelValues;
    readonly int[] counts;
    ConfusionMatrix? confusion;
    int steps;
    int samples;
    int stepsRead;
    int samplesRead;

    /// <summary>Room for an epoch.</summary>
    /// <param name="device">Where the losses are.</param>
    /// <param name="maxSteps">Steps of an epoch.</param>
    /// <param name="maxSamples">Images of an epoch.</param>
    public Meter(Device device, int maxSteps, int maxSamples)
    {
        this.device = device;
        losses = Tensor.Zeros(new(maxSteps), device);
        predictions = Tensor.Zeros(new(maxSamples), device, DType.Int32);
        labels = Tensor.Zeros(new(maxSamples), device, DType.Int32);
        var wide = device.FloatType == DType.Float64;
        lossValues = wide ? [] : new float[maxSteps];
        wideLossValues = new double[wide ? maxSteps : 0];
        predictionValues = new int[maxSamples];
        labelValues = new int[maxSamples];
        counts = new int[maxSteps];
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
        (steps, samples, stepsRead, samplesRead) = (0, 0, 0, 0);
        FirstBadStep = -1;
    }

    /// <summary>Takes a step's results over, on the device. To be called before Backward frees the logits.</summary>
    /// <param name="loss">The mean over the batch, one element.</param>
    /// <param name="logits">[batch, classes].</param>
    /// <param name="target">Int32 [batch].</param>
    public void Add(Tensor loss, Tensor logits, Tensor target)
    {
        var k = device.Kernels;
        var count = checked((int)target.Count);
        k.Memory.CopyRegion(Row(1, steps), loss.Data, losses.Data);
        var found = device.Engine.Rent(DType.Int32, count);
        k.Reductions.ArgMax(count, logits.Shape[^1], logits.Data, found);
        k.Memory.CopyRegion(Row(count, samples), found, predictions.Data);
        found.Release();
        k.Memory.CopyRegion(Row(count, samples), target.Data, labels.Data);
        counts[steps++] = count;
        samples += count;
    }

    /// <summary>Waits for the device and adds what is new to <see cref="Sums"/>, step by step in double precision.</summary>
    public void Read()
    {
        if (stepsRead == steps) return;
        var (newSteps, newSamples) = (steps - stepsRead, samples - samplesRead);
        if (lossValues.Length > 0) device.Engine.DownloadRange(losses.Data, stepsRead, lossValues.AsSpan(stepsRead, newSteps));
        else device.Engine.DownloadRange(losses.Data, stepsRead, wideLossValues.AsSpan(stepsRead, newSteps));
        device.Engine.DownloadRange(predictions.Data, samplesRead, predictionValues.AsSpan(samplesRead, newSamples));
        device.Engine.DownloadRange(labels.Data, samplesRead, labelValues.AsSpan(samplesRead, newSamples));

        var (loss, hits) = (Sums.Loss, Sums.Hits);
        for (; stepsRead < steps; stepsRead++)
        {
            var value = lossValues.Length > 0 ? lossValues[stepsRead] : wideLossValues[stepsRead];
            if (!double.IsFinite(value) && FirstBadStep < 0) (FirstBadStep, BadLoss) = (stepsRead, value);
            loss += value * counts[stepsRead];
            LastLoss = value;
        }

        var seen = Sums.Count + samples - samplesRead;
        for (; samplesRead < samples; samplesRead++)
        {
            if (predictionValues[samplesRead] == labelValues[samplesRead]) hits++;
            confusion?.Add(labelValues[samplesRead], predictionValues[samplesRead]);
        }

        Sums = new() { Loss = loss, Hits = hits, Count = seen };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        losses.Dispose();
        predictions.Dispose();
        labels.Dispose();
    }

    /// <summary>Elements [0, count) of the source to [offset, offset + count) of the target.</summary>
    static RegionGeometry Row(int count, int offset) => new(1, 1, 1, count, 0, 0, 0, 0, 1, offset, 0, 0, 0, 1);
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

    /// <summary>The mean loss.</summary>
    [JsonIgnore]
    public double MeanLoss => Count == 0 ? 0 : Loss / Count;

    /// <summary>The share of hits.</summary>
    [JsonIgnore]
    public double Accuracy => Count == 0 ? 0 : (double)Hits / Count;
}
