using CnnSharp.Data;

namespace CnnSharp.Training;

/// <summary>How <see cref="Trainer.Evaluate(Layers.Layer, ImageDataset, EvaluationOptions?, CancellationToken)"/> goes about it.</summary>
public sealed record EvaluationOptions
{
    /// <summary>Images at once; at least 1. Default 256.</summary>
    public int BatchSize { get; init; } = 256;

    /// <summary>How pixels are normalized; default: as the set says.</summary>
    public Normalization? Normalization { get; init; }

    /// <summary>Takes the logits, float32, little-endian, [images, classes] row by row; default null.</summary>
    public Stream? Logits { get; init; }

    /// <summary>How many of the wrongly classified images <see cref="Evaluation.Mistakes"/> names, those that the model is surest of; at least 0. Default 0.</summary>
    public int Mistakes { get; init; }
}

/// <summary>How good a model is on a set.</summary>
/// <param name="Loss">The mean cross-entropy.</param>
/// <param name="Confusion">Which classes were taken for which.</param>
/// <param name="Top5Accuracy">The share of images whose class was among the five first, 0 to 1; equal logits count for the class.</param>
/// <param name="Seconds">How long it took.</param>
public sealed record Evaluation(double Loss, ConfusionMatrix Confusion, double Top5Accuracy, double Seconds)
{
    /// <summary>The share of images whose class was found, 0 to 1.</summary>
    public double Accuracy => Confusion.Accuracy;

    /// <summary>The images that were taken for another class, as many as <see cref="EvaluationOptions.Mistakes"/> asks for: those that the model is surest of, first.</summary>
    public IReadOnlyList<Mistake> Mistakes { get; init; } = [];

    /// <summary>The number of images.</summary>
    public long Count => Confusion.Count;

    /// <summary>Images/s.</summary>
    public double ImagesPerSecond => Count / Math.Max(Seconds, 1e-9);
}

/// <summary>Evaluates one model on one set as often as asked, with everything that it needs set up once.</summary>
sealed class Evaluator : IDisposable
{
    readonly Layers.Layer model;
    readonly ImageDataset set;
    readonly DataLoader loader;
    readonly Device device;
    readonly int mostMistakes;

    public Evaluator(Layers.Layer model, ImageDataset set, Device device, EvaluationOptions options)
    {
        if (set.Count == 0) throw new ArgumentException($"Evaluate: '{set.Name}' has no images.", nameof(set));
        ArgumentOutOfRangeException.ThrowIfNegative(options.Mistakes);
        (this.model, this.set, this.device, mostMistakes) = (model, set, device, options.Mistakes);
        loader = new(set, options.BatchSize, device, shuffle: false, normalization: options.Normalization);
        Meter = new(device, loader.Batches, set.Count, [Metric.Accuracy]);
    }

    public Meter Meter { get; }

    public Evaluation Run(Stream? logitsFile, CancellationToken cancellation)
    {
        var start = System.Diagnostics.Stopwatch.GetTimestamp();
        var confusion = new ConfusionMatrix(set.Classes);
        var (seen, top5) = (0, 0L);
        var mistakes = new MistakeList(mostMistakes);
        var wasTraining = model.IsTraining;
        model.Eval();
        try
        {
            Meter.Reset(confusion: confusion);
            foreach (var batch in loader.Epoch(0))
            {
                cancellation.ThrowIfCancellationRequested();
                using var done = batch;
                using var scope = Tape.NoGrad();
                var logits = Trainer.Forward(model, batch, set);
                Meter.Add(Functional.CrossEntropy(logits, batch.Labels), logits, batch);
                var values = logits.ToArray();
                for (var i = 0; i < batch.Count; i++, seen++)
                {
                    var row = values.AsSpan(i * set.Classes, set.Classes);
                    if (IsAmongTop(5, row, set.Labels[seen])) top5++;
                    mistakes.Add(seen, set.Labels[seen], row);
                }

                if (logitsFile is not null) Write(values, logitsFile);
            }

            Meter.Read();
        }
        finally
        {
            model.Train(wasTraining);
        }

        return new(Meter.Sums.MeanLoss, confusion, (double)top5 / set.Count, System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalSeconds) { Mistakes = mistakes.Ordered() };
    }

    public void Dispose() => Meter.Dispose();

    /// <summary>Whether fewer than <paramref name="places"/> classes stand before one.</summary>
    static bool IsAmongTop(int places, ReadOnlySpan<float> logits, int label)
    {
        var before = 0;
        foreach (var logit in logits)
        {
            if (!(logit <= logits[label])) before++;
        }

        return before < places;
    }

    static void Write(float[] logits, Stream file)
    {
        Span<byte> bytes = stackalloc byte[sizeof(float)];
        foreach (var value in logits)
        {
            System.Buffers.Binary.BinaryPrimitives.WriteSingleLittleEndian(bytes, value);
            file.Write(bytes);
        }
    }
}
