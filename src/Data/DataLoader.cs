using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Threading.Channels;

namespace CnnSharp.Data;

/// <summary>
/// Makes batches of a set on a device: shuffled, augmented, normalized. Each enumeration is the next epoch;
/// <see cref="Epoch"/> gives any. The set's pixels are uploaded once per device, if they fit and do not change, and after
/// that only crop and flip parameters travel; else each batch's pixels do. The next batches are prepared ahead: crops by the way,
/// pixels (reading files, augmentation) on threads of low priority. What comes out depends on the set, the options, the seed
/// and the epoch alone, not on the number of threads.
/// </summary>
/// <example>
/// <code>
/// foreach (var (images, labels) in new DataLoader(train, batchSize: 128, device, Augment.Flip(), seed: 1))
/// {
///     // images [128, H, W, C] and labels [128] are readable until the next batch; batch.Keep() keeps them longer
/// }
/// </code>
/// </example>
[SuppressMessage("Naming", "CA1710:Identifiers should have correct suffix", Justification = "The field calls it a loader.")]
public sealed class DataLoader : IEnumerable<Batch>
{
    // A few ahead cover any hiccup, and give each thread a batch to work on.
    const int PlannedAhead = 4;

    readonly string name;
    readonly int samples;
    readonly ulong seed;
    readonly Sampler sampler;
    readonly BatchSource source;
    readonly BackgroundThreads? threads;

    // The last batch of an epoch that was enumerated to its end; it has no next one to be freed at.
    Batch? lastOfEpoch;

    /// <summary>Creates a loader and uploads the set's pixels, unless a loader on that device has.</summary>
    /// <param name="set">The images.</param>
    /// <param name="batchSize">Images a batch; the last of an epoch may have fewer.</param>
    /// <param name="device">Where the batches are made; by default the best device.</param>
    /// <param name="augmentation">What is done to the images; by default nothing.</param>
    /// <param name="seed">The key of the order and the augmentation.</param>
    /// <param name="shuffle">Whether each epoch has an order of its own; else it is the set's.</param>
    /// <param name="dropLast">Whether a last batch that is not full is left out.</param>
    /// <param name="normalization">How pixels are normalized; by default as the set says.</param>
    /// <param name="resident">Whether the set's pixels stay on the device; by default if they are in memory, fit (<see cref="Kernels.Engine.ResidentBytes"/>) and are not changed by the augmentation.</param>
    /// <param name="threads">Threads that prepare pixels, where images are read from files or changed; by default one a processor.</param>
    /// <param name="sampler">Which images an epoch has; takes the place of <paramref name="shuffle"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The batch size or the number of threads is not above 0.</exception>
    /// <exception cref="ArgumentException">The normalization has other channels, the cutout is larger than an image, or the set is smaller than the only batch that would not be dropped.</exception>
    public DataLoader(ImageDataset set, int batchSize, Device? device = null, Augment? augmentation = null, ulong seed = 0, bool shuffle = true, bool dropLast = false, Normalization? normalization = null, bool? resident = null, int? threads = null, Sampler? sampler = null)
        : this(set, batchSize, device, seed, shuffle, dropLast, threads, sampler, loader => new ImageBatches(set, batchSize, loader.Device, augmentation ?? Augment.None, seed, normalization, resident))
    {
    }

    /// <summary>Creates a loader of any samples. They are read on threads of low priority, and travel batch by batch.</summary>
    /// <param name="set">The samples.</param>
    /// <param name="batchSize">Samples a batch; the last of an epoch may have fewer.</param>
    /// <param name="device">Where the batches are made; by default the best device.</param>
    /// <param name="seed">The key of the order, and of <see cref="Sample.Random"/>.</param>
    /// <param name="shuffle">Whether each epoch has an order of its own; else it is the set's.</param>
    /// <param name="dropLast">Whether a last batch that is not full is left out.</param>
    /// <param name="threads">Threads that read samples; by default one a processor.</param>
    /// <param name="sampler">Which samples an epoch has; takes the place of <paramref name="shuffle"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The batch size or the number of threads is not above 0.</exception>
    /// <exception cref="ArgumentException">The set has no inputs, a field is of another type than Float32 and Int32, or an epoch is smaller than the only batch that would not be dropped.</exception>
    public DataLoader(IDataset set, int batchSize, Device? device = null, ulong seed = 0, bool shuffle = true, bool dropLast = false, int? threads = null, Sampler? sampler = null)
        : this(set, batchSize, device, seed, shuffle, dropLast, threads, sampler, loader => new SampleBatches(set, batchSize, loader.Device, seed))
    {
    }

    DataLoader(IDataset set, int batchSize, Device? device, ulong seed, bool shuffle, bool dropLast, int? threads, Sampler? sampler, Func<DataLoader, BatchSource> source)
    {
        ArgumentNullException.ThrowIfNull(set);
        if (batchSize <= 0) throw new ArgumentOutOfRangeException(nameof(batchSize), batchSize, $"DataLoader of '{set.Name}': expected at least 1 image a batch.");
        this.sampler = sampler ?? (shuffle ? Sampler.Shuffled : Sampler.Sequential);
        var count = this.sampler.CountOf(set.Count);
        if (dropLast && count < batchSize) throw new ArgumentException($"DataLoader of '{set.Name}': {count:N0} images do not fill a batch of {batchSize:N0}, and a batch that is not full is dropped.", nameof(dropLast));
        if (threads <= 0) throw new ArgumentOutOfRangeException(nameof(threads), threads, $"DataLoader of '{set.Name}': expected at least 1 thread.");
        (name, samples, this.seed) = (set.Name, set.Count, seed);
        Device = device ?? Device.Best();
        BatchSize = batchSize;
        Batches = dropLast ? count / batchSize : (int)(((long)count + batchSize - 1) / batchSize);
        this.source = source(this);
        if (this.source.TakesTime) this.threads = BackgroundThreads.Of(threads ?? Environment.ProcessorCount);
    }

    /// <summary>Where the batches are made.</summary>
    public Device Device { get; }

    /// <summary>Images a batch, but for the last of an epoch.</summary>
    public int BatchSize { get; }

    /// <summary>Batches in an epoch.</summary>
    public int Batches { get; }

    /// <summary>What a sample that cannot be read is said to be of, <c>validation</c>; empty: nothing; null: an epoch of the training.</summary>
    internal string? Stage
    {
        init => source.Stage = value;
    }

    /// <summary>What floating-point targets must lie within; null: anything.</summary>
    internal (float Least, float Most)? TargetRange
    {
        init => source.TargetRange = value;
    }

    /// <summary>The epoch that the next enumeration gives, from 0.</summary>
    public int NextEpoch { get; set; }

    /// <summary>The batches of an epoch, from one of them on, each readable until the next one is made: to resume, start where the interrupted run stopped.</summary>
    /// <param name="epoch">Which epoch, from 0.</param>
    /// <param name="firstBatch">Which of its batches is the first to be given, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is negative, or the epoch has no such batch.</exception>
    public IEnumerable<Batch> Epoch(int epoch, int firstBatch = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        if (firstBatch < 0 || firstBatch > Batches) throw new ArgumentOutOfRangeException(nameof(firstBatch), firstBatch, $"DataLoader of '{name}': an epoch has {Batches:N0} batches.");
        return Enumerate(epoch, firstBatch);
    }

    /// <summary>The batches of the next epoch, each readable until the next one is made; <see cref="Batch.Keep"/> keeps one longer.</summary>
    public IEnumerator<Batch> GetEnumerator() => Enumerate(NextEpoch++, 0).GetEnumerator();

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>What it loads, and how: <c>cifar10: 50000 images in 391 batches of 128 on cpu</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{name}: {samples} images in {Batches} batches of {BatchSize} on {Device}");

    IEnumerable<Batch> Enumerate(int epoch, int firstBatch)
    {
        var channel = Channel.CreateBounded<Task<object>>(new BoundedChannelOptions(PlannedAhead) { SingleReader = true, SingleWriter = true });
        _ = Task.Run(() => PlanBatches(channel.Writer, epoch, firstBatch));
        Interlocked.Exchange(ref lastOfEpoch, null)?.Free();
        Batch? batch = null;
        while (Take(channel.Reader) is { } planned)
        {
            batch?.Free();

            // Where the loop is left here, the batch stays readable: First() and Take() end so.
            yield return batch = source.Make(planned);
        }

        lastOfEpoch = batch;
    }

    /// <summary>Waits in the channel, not on a thread: an enumeration that is dropped half way is garbage, not a thread that waits for ever.</summary>
    async Task PlanBatches(ChannelWriter<Task<object>> writer, int epoch, int firstBatch)
    {
        try
        {
            var order = sampler.Order(samples, seed, epoch);
            if (Array.FindIndex(order, index => (uint)index >= (uint)samples) is >= 0 and var place) throw new InvalidOperationException($"DataLoader of '{name}': the sampler ({sampler}) gives sample {order[place]:N0}; there are {samples:N0}, from 0.");
            if (order.Length != sampler.CountOf(samples)) throw new InvalidOperationException($"DataLoader of '{name}': the sampler ({sampler}) gives {order.Length:N0} samples; its CountOf says {sampler.CountOf(samples):N0}.");
            for (var batch = firstBatch; batch < Batches; batch++)
            {
                var number = batch;
                var planned = threads is null ? Task.FromResult(source.Plan(epoch, order, number)) : threads.Run(() => source.Plan(epoch, order, number));
                await writer.WriteAsync(planned).ConfigureAwait(false);
            }

            writer.Complete();
        }
        catch (Exception e)
        {
            // Thrown again where the batch is waited for.
            writer.Complete(e);
        }
    }

    static object? Take(ChannelReader<Task<object>> reader)
    {
        Task<object>? planned;
        while (!reader.TryRead(out planned))
        {
            if (!reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult()) return null;
        }

        return planned.GetAwaiter().GetResult();
    }
}
