using System.Collections.Concurrent;
using CnnSharp.Kernels;

namespace CnnSharp.Data;

/// <summary>Batches of any samples, read by the loader's threads.</summary>
sealed class SampleBatches : BatchSource
{
    /// <summary>A stream of its own under the seed: layers, which draw from it too, are numbered from 0.</summary>
    const uint SampleStream = 0xFF_FFFB;

    /// <summary>Random numbers that a sample may take before it meets another's: 2^24.</summary>
    const int NumbersLog2 = 24;

    readonly IDataset set;
    readonly int batchSize;
    readonly Device device;
    readonly ulong seed;
    readonly Field[] inputs, targets;
    readonly int samples;

    // Memory of batches on their way; a batch gives it back when it has been sent.
    readonly ConcurrentBag<SampleBuffer> free = [];

    public SampleBatches(IDataset set, int batchSize, Device device, ulong seed)
    {
        (this.set, this.batchSize, this.device, this.seed) = (set, batchSize, device, seed);
        (inputs, targets) = ([.. set.Inputs], [.. set.Targets]);
        samples = set.Count;
        if (inputs.Length == 0) throw new ArgumentException($"DataLoader of '{set.Name}': it has no inputs.", nameof(set));

        // What is wrong with a field is said now.
        _ = NewBuffer(0);
    }

    public override bool TakesTime => true;

    public override object Plan(int epoch, int[] order, int batch)
    {
        ThrowIfChanged(epoch, batch);
        var start = batch * (long)batchSize;
        var count = (int)Math.Min(batchSize, order.Length - start);
        if (!free.TryTake(out var buffer)) buffer = NewBuffer(Math.Min(batchSize, order.Length));
        var stream = Philox.Stream((ulong)epoch, SampleStream);
        for (var row = 0; row < count; row++)
        {
            var index = order[start + row];
            buffer.Clear(row);
            try
            {
                set.Read(index, new(buffer, row, new(seed, stream) { Position = (ulong)(start + row) << NumbersLog2 }));
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                // What subsets and transforms said on the way is in the message.
                var cause = e;
                while (cause is InvalidDataException { InnerException: { } inner }) cause = inner;
                throw new DataFormatException(set.Name, $"sample {index:N0} (epoch {epoch + 1}, batch {batch + 1}) could not be read: {e.Message.TrimEnd('.')}", inner: cause);
            }
        }

        return new Planned(buffer, count);
    }

    public override Batch Make(object plan)
    {
        var (buffer, count) = (Planned)plan;
        var batch = new Batch(Array.ConvertAll(buffer.Inputs, column => SampleBuffer.ToTensor(column, count, device)), Array.ConvertAll(buffer.Targets, column => SampleBuffer.ToTensor(column, count, device)));
        free.Add(buffer);
        return batch;
    }

    /// <summary>Samples were counted, and room for them was made, by what the set said of itself at first.</summary>
    void ThrowIfChanged(int epoch, int batch)
    {
        if (set.Count != samples) throw Changed("has", $"{samples:N0} samples", $"{set.Count:N0}");
        if (!set.Inputs.SequenceEqual(inputs)) throw Changed("its inputs are", Text(inputs), Text(set.Inputs));
        if (!set.Targets.SequenceEqual(targets)) throw Changed("its targets are", Text(targets), Text(set.Targets));

        DataFormatException Changed(string what, string before, string now) => new(set.Name, $"it has changed since the loader was made: {what} no longer {before} but {now} (epoch {epoch + 1}, batch {batch + 1})");

        static string Text(IReadOnlyList<Field> fields) => fields.Count == 0 ? "none" : string.Join(", ", fields.Select(field => $"{field.Name} {field.Shape} {field.Type}"));
    }

    SampleBuffer NewBuffer(int capacity) => new(set.Name, inputs, targets, capacity);

    /// <param name="Buffer">Its samples.</param>
    /// <param name="Count">How many.</param>
    sealed record Planned(SampleBuffer Buffer, int Count);
}
