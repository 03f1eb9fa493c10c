using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using CnnSharp.Kernels;

namespace CnnSharp.Data;

/// <summary>
/// Makes batches of a set on a device: shuffled, augmented, normalised. Each enumeration is the next epoch;
/// <see cref="Epoch"/> gives any. The set's pixels are uploaded once per device, if they fit, and after that only placements
/// travel; else each batch's pixels do. The next batches are prepared on a background thread. What comes out depends on the
/// set, the options, the seed and the epoch alone.
/// </summary>
/// <example>
/// <code>
/// foreach (var (images, labels) in new DataLoader(train, batchSize: 128, device, Augment.Flip(), seed: 1))
/// {
///     // images [128, H, W, C] and labels [128] are readable until the next batch
/// }
/// </code>
/// </example>
[SuppressMessage("Naming", "CA1710:Identifiers should have correct suffix", Justification = "The field calls it a loader.")]
public sealed class DataLoader : IEnumerable<Batch>
{
    // Planning a batch takes microseconds; a few ahead cover any hiccup.
    const int PlannedAhead = 4;

    readonly PictureSet set;
    readonly EpochPlan plan;
    readonly DeviceBuffer? resident;
    readonly Tensor scaleOffset;
    readonly int cutout;

    /// <summary>Creates a loader and uploads the set's pixels, unless a loader on that device has.</summary>
    /// <param name="set">The pictures.</param>
    /// <param name="batchSize">Pictures a batch; the last of an epoch may have fewer.</param>
    /// <param name="device">Where the batches are made; by default the best device.</param>
    /// <param name="augmentation">What is done to the pictures; by default nothing.</param>
    /// <param name="seed">The key of the order and the augmentation.</param>
    /// <param name="shuffle">Whether each epoch has an order of its own; else it is the set's.</param>
    /// <param name="dropLast">Whether a last batch that is not full is left out.</param>
    /// <param name="normalization">How pixels are normalised; by default as the set says.</param>
    /// <param name="resident">Whether the set's pixels stay on the device; by default if they fit (<see cref="Engine.ResidentBytes"/>).</param>
    /// <exception cref="ArgumentOutOfRangeException">The batch size is not above 0.</exception>
    /// <exception cref="ArgumentException">The normalisation has other channels, the cutout is larger than a picture, or the set is smaller than the only batch that would not be dropped.</exception>
    public DataLoader(PictureSet set, int batchSize, Device? device = null, Augment? augmentation = null, ulong seed = 0, bool shuffle = true, bool dropLast = false, Normalization? normalization = null, bool? resident = null)
    {
        ArgumentNullException.ThrowIfNull(set);
        if (batchSize <= 0) throw new ArgumentOutOfRangeException(nameof(batchSize), batchSize, $"DataLoader of '{set.Name}': expected at least 1 picture a batch.");
        if (dropLast && set.Count < batchSize) throw new ArgumentException($"DataLoader of '{set.Name}': {set.Count:N0} pictures do not fill a batch of {batchSize:N0}, and a batch that is not full is dropped.", nameof(dropLast));
        normalization ??= set.Normalization;
        if (normalization.Channels != set.Channels) throw new ArgumentException($"DataLoader of '{set.Name}': the normalisation is of {normalization.Channels} channels, the pictures have {set.Channels}.", nameof(normalization));
        augmentation ??= Augment.None;
        if (augmentation.CutoutSize > Math.Max(set.Height, set.Width)) throw new ArgumentException($"DataLoader of '{set.Name}': a cutout of {augmentation.CutoutSize} pixels blanks whole pictures of {set.Height} x {set.Width}.", nameof(augmentation));

        this.set = set;
        Device = device ?? Device.Best();
        BatchSize = batchSize;
        plan = new(set, batchSize, augmentation, seed, shuffle, dropLast);
        cutout = augmentation.CutoutSize;
        if (resident ?? (set.AllPixels.Length <= Device.Engine.ResidentBytes)) this.resident = ResidentPictures.On(Device.Engine, set);
        scaleOffset = Tensor.From(normalization.ScaleOffset(), new(2 * set.Channels), Device);
    }

    /// <summary>Where the batches are made.</summary>
    public Device Device { get; }

    /// <summary>Pictures a batch, but for the last of an epoch.</summary>
    public int BatchSize { get; }

    /// <summary>Batches in an epoch.</summary>
    public int Batches => plan.Batches;

    /// <summary>The epoch that the next enumeration gives, from 0.</summary>
    public int NextEpoch { get; set; }

    /// <summary>The batches of an epoch, from one of them on: to resume, start where the interrupted run stopped.</summary>
    /// <param name="epoch">Which epoch, from 0.</param>
    /// <param name="firstBatch">Which of its batches is the first to be given, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is negative, or the epoch has no such batch.</exception>
    public IEnumerable<Batch> Epoch(int epoch, int firstBatch = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        if (firstBatch < 0 || firstBatch > Batches) throw new ArgumentOutOfRangeException(nameof(firstBatch), firstBatch, $"DataLoader of '{set.Name}': an epoch has {Batches:N0} batches.");
        return Enumerate(epoch, firstBatch);
    }

    /// <summary>The batches of the next epoch.</summary>
    public IEnumerator<Batch> GetEnumerator() => Enumerate(NextEpoch++, 0).GetEnumerator();

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    IEnumerable<Batch> Enumerate(int epoch, int firstBatch)
    {
        var channel = Channel.CreateBounded<PlannedBatch>(new BoundedChannelOptions(PlannedAhead) { SingleReader = true, SingleWriter = true });
        _ = Task.Run(() => PlanAhead(channel.Writer, epoch, firstBatch));
        while (Take(channel.Reader) is { } planned)
        {
            var batch = Make(planned);
            try
            {
                yield return batch;
            }
            finally
            {
                batch.Images.Dispose();
                batch.Labels.Dispose();
            }
        }
    }

    /// <summary>Waits in the channel, not on a thread: an enumeration that is dropped half way is garbage, not a thread that waits for ever.</summary>
    async Task PlanAhead(ChannelWriter<PlannedBatch> writer, int epoch, int firstBatch)
    {
        try
        {
            var order = plan.Order(epoch);
            for (var batch = firstBatch; batch < Batches; batch++) await writer.WriteAsync(plan.Plan(epoch, order, batch, withPixels: resident is null)).ConfigureAwait(false);
            writer.Complete();
        }
        catch (Exception e)
        {
            // Thrown again where the batch is waited for.
            writer.Complete(e);
        }
    }

    static PlannedBatch? Take(ChannelReader<PlannedBatch> reader)
    {
        PlannedBatch? planned;
        while (!reader.TryRead(out planned))
        {
            if (!reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult()) return null;
        }

        return planned;
    }

    Batch Make(PlannedBatch planned)
    {
        var count = planned.Labels.Length;
        var geometry = new PictureGeometry(count, set.Height, set.Width, set.Channels, set.Height, set.Width, cutout);
        var labels = Tensor.From(planned.Labels, new(count), Device);
        var images = Tensor.Uninitialized(new(count, set.Height, set.Width, set.Channels), Device);
        using var placements = Tensor.From(planned.Placements, new(count, PictureGeometry.PlacementLength), Device);
        var sent = planned.Pixels is { } pixels ? Sent(pixels) : null;
        Device.Kernels.GatherPictures(geometry, sent ?? resident!, placements.Data, scaleOffset.Data, images.Data);
        sent?.Release();
        (labels.Name, images.Name) = ("labels", "images");
        return new(images, labels);
    }

    DeviceBuffer Sent(byte[] pixels)
    {
        var buffer = Device.Engine.Rent(DType.UInt8, pixels.Length);
        Device.Engine.Upload<byte>(pixels, buffer);
        return buffer;
    }
}
