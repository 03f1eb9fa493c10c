using System.Collections.Concurrent;
using CnnSharp.Kernels;

namespace CnnSharp.Data;

/// <summary>
/// Batches of images. The set's pixels are uploaded once per device, if they fit and do not change, and after
/// that only crop and flip parameters travel; else each batch's pixels do.
/// </summary>
sealed class ImageBatches : BatchSource
{
    readonly ImageDataset set;
    readonly Device device;
    readonly int batchSize;
    readonly EpochPlan plan;
    readonly DeviceBuffer? resident;
    readonly Tensor scaleOffset;
    readonly int cutout;
    readonly ImagePadding padding;

    // Pixels of batches on their way; a batch gives its array back when it has been sent.
    readonly ConcurrentBag<byte[]> free = [];

    public ImageBatches(ImageDataset set, int batchSize, Device device, Augment augmentation, ulong seed, Normalization? normalization, bool? resident)
    {
        normalization ??= set.Normalization;
        if (normalization.Channels != set.Channels) throw new ArgumentException($"DataLoader of '{set.Name}': the normalization is of {normalization.Channels} channels, the images have {set.Channels}.", nameof(normalization));
        if (augmentation.CutoutSize > Math.Max(set.Height, set.Width)) throw new ArgumentException($"DataLoader of '{set.Name}': a cutout of {augmentation.CutoutSize} pixels blanks whole images of {set.Height} x {set.Width}.", nameof(augmentation));

        if (augmentation.PaddingMode == ImagePadding.Reflect && augmentation.Padding >= Math.Min(set.Height, set.Width)) throw new ArgumentException($"DataLoader of '{set.Name}': {augmentation.Padding} pixels around images of {set.Height} x {set.Width} cannot be reflected; pad by fewer than the smaller side has.", nameof(augmentation));

        (this.set, this.batchSize, this.device) = (set, batchSize, device);
        plan = new(set, batchSize, augmentation, seed, normalization);
        (cutout, padding) = (augmentation.CutoutSize, augmentation.PaddingMode);
        var canReside = set.AllPixels is not null && !augmentation.ChangesPixels;
        if (resident == true && !canReside) throw new ArgumentException($"DataLoader of '{set.Name}': images that are read from files, of several sizes, or changed by the augmentation ({augmentation}) cannot stay on the device.", nameof(resident));
        if (canReside && (resident ?? (set.AllPixels!.Length <= device.Engine.ResidentBytes))) this.resident = ResidentImages.On(device.Engine, set);
        TakesTime = !canReside;
        scaleOffset = Tensor.From(normalization.ScaleOffset(), new(2 * set.Channels), device);
    }

    public override bool TakesTime { get; }

    public override object Plan(int epoch, int[] order, int batch)
    {
        if (resident is not null) return plan.Plan(epoch, order, batch, pixels: null);
        if (!free.TryTake(out var pixels)) pixels = new byte[checked(Math.Min(batchSize, order.Length) * set.ImageLength)];
        return plan.Plan(epoch, order, batch, pixels);
    }

    public override Batch Make(object plan)
    {
        var planned = (PlannedBatch)plan;
        var count = planned.Labels.Length;
        var sent = planned.Pixels is { } pixels ? Sent(pixels, count) : null;
        var images = Gather(planned.Crops, count, sent ?? resident!);
        var labels = Tensor.From(planned.Labels, new(count), device);
        (labels.Name, images.Name) = ("labels", "images");
        if (planned.Mixture is not { } mixture)
        {
            sent?.Release();
            return new(images, labels);
        }

        // Every image with the one that stands as far from the other end: the order is random, so are the pairs.
        using (var others = Gather(Reversed(planned.Crops, ImageGeometry.CropLength), count, sent ?? resident!))
        {
            if (mixture.Box is { Height: > 0 } box)
            {
                Paste(box, others, images);
            }
            else
            {
                device.Kernels.Elementwise.Unary(UnaryOp.MultiplyScalar, mixture.Share, images.Data, images.Data);
                device.Kernels.Elementwise.AddScaled(1 - mixture.Share, others.Data, images.Data);
            }
        }

        sent?.Release();
        return new(images, labels) { OtherLabels = Tensor.From(Reversed(planned.Labels, 1), new(count), device), Share = mixture.Share };
    }

    Tensor Gather(int[] placing, int count, DeviceBuffer source)
    {
        var geometry = new ImageGeometry(count, set.Height, set.Width, set.Channels, set.Height, set.Width, cutout) { Padding = padding };
        var images = Tensor.Uninitialized(new(count, set.Height, set.Width, set.Channels), device);
        using var crops = Tensor.From(placing, new(count, ImageGeometry.CropLength), device);
        device.Kernels.Images.Gather(geometry, source, crops.Data, scaleOffset.Data, images.Data);
        return images;
    }

    /// <summary>Copies a rectangle of each image.</summary>
    void Paste(Box box, Tensor source, Tensor target)
    {
        var (row, image) = ((long)set.Width * set.Channels, (long)set.ImageLength);
        var first = (box.Top * row) + (box.Left * set.Channels);
        device.Kernels.Memory.CopyRegion(new(source.Shape[0], box.Height, box.Width, set.Channels, first, image, row, set.Channels, 1, first, image, row, set.Channels, 1), source.Data, target.Data);
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
        var buffer = device.Engine.Rent(DType.UInt8, count * set.ImageLength);
        device.Engine.Upload<byte>(pixels.AsSpan(0, count * set.ImageLength), buffer);
        free.Add(pixels);
        return buffer;
    }
}
