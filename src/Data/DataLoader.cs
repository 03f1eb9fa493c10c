using System.Collections;
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Threading.Channels;
using CnnSharp.Kernels;

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

    readonly ImageDataset set;
    readonly EpochPlan plan;
    readonly DeviceBuffer? resident;
    readonly Tensor scaleOffset;
    readonly int cutout;
    readonly BackgroundThreads? threads;

    // The last batch of an epoch that was enumerated to its end; it has no next one to be freed at.
    Batch? lastOfEpoch;

    // Pixels of batches on their way; a batch gives its array back when it has been sent.
    readonly ConcurrentBag<byte[]> free = [];

    /// <summary>Creates a loader and uploads the set's pixels, unless a loader on that device has.</summary>
    /// <param name="set">The images.</param>
    /// <param name="batchSize">Images a batch; the last of an epoch may have fewer.</param>
    /// <param name="device">Where the batches are made; by default the best device.</param>
    /// <param name="augmentation">What is done to the images; by default nothing.</param>
    /// <param name="seed">The key of the order and the augmentation.</param>
    /// <param name="shuffle">Whether each epoch has an order of its own; else it is the set's.</param>
    /// <param name="dropLast">Whether a last batch that is not full is left out.</param>
    /// <param name="normalization">How pixels are normalized; by default as the set says.</param>
    /// <param name="resident">Whether the set's pixels stay on the device; by default if they are in memory, fit (<see cref="Engine.ResidentBytes"/>) and are not changed by the augmentation.</param>
    /// <param name="threads">Threads that prepare pixels, where images are read from files or changed; by default one a processor.</param>
    /// <exception cref="ArgumentOutOfRangeException">The batch size or the number of threads is not above 0.</exception>
    /// <exception cref="ArgumentException">The normalization has other channels, the cutout is larger than an image, or the set is smaller than the only batch that would not be dropped.</exception>
    public DataLoader(ImageDataset set, int batchSize, Device? device = null, Augment? augmentation = null, ulong seed = 0, bool shuffle = true, bool dropLast = false, Normalization? normalization = null, bool? resident = null, int? threads = null)
    {
        ArgumentNullException.ThrowIfNull(set);
        if (batchSize <= 0) throw new ArgumentOutOfRangeException(nameof(batchSize), batchSize, $"DataLoader of '{set.Name}': expected at least 1 image a batch.");
        if (dropLast && set.Count < batchSize) throw new ArgumentException($"DataLoader of '{set.Name}': {set.Count:N0} images do not fill a batch of {batchSize:N0}, and a batch that is not full is dropped.", nameof(dropLast));
        normalization ??= set.Normalization;
        if (normalization.Channels != set.Channels) throw new ArgumentException($"DataLoader of '{set.Name}': the normalization is of {normalization.Channels} channels, the images have {set.Channels}.", nameof(normalization));
        if (threads <= 0) throw new ArgumentOutOfRangeException(nameof(threads), threads, $"DataLoader of '{set.Name}': expected at least 1 thread.");
        augmentation ??= Augment.None;
        if (augmentation.CutoutSize > Math.Max(set.Height, set.Width)) throw new ArgumentException($"DataLoader of '{set.Name}': a cutout of {augmentation.CutoutSize} pixels blanks whole images of {set.Height} x {set.Width}.", nameof(augmentation));

        this.set = set;
        Device = device ?? Device.Best();
        BatchSize = batchSize;
        plan = new(set, batchSize, augmentation, seed, shuffle, dropLast, normalization);
        cutout = augmentation.CutoutSize;
        var canReside = set.AllPixels is not null && !augmentation.ChangesPixels;
        if (resident == true && !canReside) throw new ArgumentException($"DataLoader of '{set.Name}': images that are read from files, of several sizes, or changed by the augmentation ({augmentation}) cannot stay on the device.", nameof(resident));
        if (canReside && (resident ?? (set.AllPixels!.Length <= Device.Engine.ResidentBytes))) this.resident = ResidentImages.On(Device.Engine, set);
        if (!canReside) this.threads = BackgroundThreads.Of(threads ?? Environment.ProcessorCount);
        scaleOffset = Tensor.From(normalization.ScaleOffset(), new(2 * set.Channels), Device);
    }

    /// <summary>Where the batches are made.</summary>
    public Device Device { get; }

    /// <summary>Images a batch, but for the last of an epoch.</summary>
    public int BatchSize { get; }

    /// <summary>Batches in an epoch.</summary>
    public int Batches => plan.Batches;

    /// <summary>The epoch that the next enumeration gives, from 0.</summary>
    public int NextEpoch { get; set; }

    /// <summary>The batches of an epoch, from one of them on, each readable until the next one is made: to resume, start where the interrupted run stopped.</summary>
    /// <param name="epoch">Which epoch, from 0.</param>
    /// <param name="firstBatch">Which of its batches is the first to be given, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is negative, or the epoch has no such batch.</exception>
    public IEnumerable<Batch> Epoch(int epoch, int firstBatch = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        if (firstBatch < 0 || firstBatch > Batches) throw new ArgumentOutOfRangeException(nameof(firstBatch), firstBatch, $"DataLoader of '{set.Name}': an epoch has {Batches:N0} batches.");
        return Enumerate(epoch, firstBatch);
    }

    /// <summary>The batches of the next epoch, each readable until the next one is made; <see cref="Batch.Keep"/> keeps one longer.</summary>
    public IEnumerator<Batch> GetEnumerator() => Enumerate(NextEpoch++, 0).GetEnumerator();

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>What it loads, and how: <c>cifar10: 50000 images in 391 batches of 128 on cpu</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{set.Name}: {set.Count} images in {Batches} batches of {BatchSize} on {Device}");

    IEnumerable<Batch> Enumerate(int epoch, int firstBatch)
    {
        var channel = Channel.CreateBounded<Task<PlannedBatch>>(new BoundedChannelOptions(PlannedAhead) { SingleReader = true, SingleWriter = true });
        _ = Task.Run(() => PlanBatches(channel.Writer, epoch, firstBatch));
        Interlocked.Exchange(ref lastOfEpoch, null)?.Free();
        Batch? batch = null;
        while (Take(channel.Reader) is { } planned)
        {
            batch?.Free();

            // Where the loop is left here, the batch stays readable: First() and Take() end so.
            yield return batch = Make(planned);
        }

        lastOfEpoch = batch;
    }

    /// <summary>Waits in the channel, not on a thread: an enumeration that is dropped half way is garbage, not a thread that waits for ever.</summary>
    async Task PlanBatches(ChannelWriter<Task<PlannedBatch>> writer, int epoch, int firstBatch)
    {
        try
        {
            var order = plan.Order(epoch);
            for (var batch = firstBatch; batch < Batches; batch++)
            {
                var number = batch;
                var planned = threads is null ? Task.FromResult(Plan(epoch, order, number)) : threads.Run(() => Plan(epoch, order, number));
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

    PlannedBatch Plan(int epoch, int[] order, int batch)
    {
        if (resident is not null) return plan.Plan(epoch, order, batch, pixels: null);
        if (!free.TryTake(out var pixels)) pixels = new byte[checked(Math.Min(BatchSize, set.Count) * set.ImageLength)];
        return plan.Plan(epoch, order, batch, pixels);
    }

    static PlannedBatch? Take(ChannelReader<Task<PlannedBatch>> reader)
    {
        Task<PlannedBatch>? planned;
        while (!reader.TryRead(out planned))
        {
            if (!reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult()) return null;
        }

        return planned.GetAwaiter().GetResult();
    }

    Batch Make(PlannedBatch planned)
    {
        var count = planned.Labels.Length;
        var sent = planned.Pixels is { } pixels ? Sent(pixels, count) : null;
        var images = Gather(planned.Crops, count, sent ?? resident!);
        var labels = Tensor.From(planned.Labels, new(count), Device);
        (labels.Name, images.Name) = ("labels", "images");
        if (planned.Share == 1)
        {
            sent?.Release();
            return new(images, labels);
        }

        // Every image with the one that stands as far from the other end: the order is random, so are the pairs.
        using (var others = Gather(Reversed(planned.Crops, ImageGeometry.CropLength), count, sent ?? resident!))
        {
            Device.Kernels.Elementwise.Unary(UnaryOp.MultiplyScalar, planned.Share, images.Data, images.Data);
            Device.Kernels.Elementwise.AddScaled(1 - planned.Share, others.Data, images.Data);
        }

        sent?.Release();
        return new(images, labels) { OtherLabels = Tensor.From(Reversed(planned.Labels, 1), new(count), Device), Share = planned.Share };
    }

    Tensor Gather(int[] placing, int count, DeviceBuffer source)
    {
        var geometry = new ImageGeometry(count, set.Height, set.Width, set.Channels, set.Height, set.Width, cutout);
        var images = Tensor.Uninitialized(new(count, set.Height, set.Width, set.Channels), Device);
        using var crops = Tensor.From(placing, new(count, ImageGeometry.CropLength), Device);
        Device.Kernels.Images.Gather(geometry, source, crops.Data, scaleOffset.Data, images.Data);
        return images;
    }

    /// <summary>Rows of numbers, the last first.</summary>
    static int[] Reversed(int[] rows, int length)
    {
        var reversed = new int[rows.Length];
        for (var at = 0; at < rows.Length; at += length) rows.AsSpan(at, length).CopyTo(reversed.AsSpan(rows.Length - length - at));
        return reversed;
    }

    DeviceBuffer Sent(byte[] pixels, int count)
    {
        var buffer = Device.Engine.Rent(DType.UInt8, count * set.ImageLength);
        Device.Engine.Upload<byte>(pixels.AsSpan(0, count * set.ImageLength), buffer);
        free.Add(pixels);
        return buffer;
    }
}
