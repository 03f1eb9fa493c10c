using CnnSharp.Kernels;

namespace CnnSharp.Data;

/// <summary>
/// How each image of an epoch is augmented: a function of (seed, epoch, position) alone, so the
/// same on every device, for any number of threads, and after a resume.
/// </summary>
sealed class EpochPlan(ImageDataset set, int batchSize, Augment augmentation, ulong seed, Normalization normalization)
{
    // Streams of their own under the seed: layers, which draw from it too, are numbered from 0.
    const uint FlipStream = 0xFF_FFF9;
    const uint MixupStream = 0xFF_FFFC;
    const uint PixelStream = 0xFF_FFFD;
    const uint AugmentStream = 0xFF_FFFF;

    // What is erased has the normalized value 0, as near as a byte comes to it.
    readonly byte[] mean = [.. normalization.Mean.ToArray().Select(m => (byte)Math.Clamp(MathF.Round(m * 255), 0, 255))];

    /// <summary>The crops and labels of a batch of an epoch; its pixels too if the device does not hold the set's.</summary>
    /// <param name="epoch">Which epoch.</param>
    /// <param name="order">Its images, by their index within the set: <see cref="Sampler"/>.</param>
    /// <param name="batch">Which batch of it.</param>
    /// <param name="pixels">Receives [N, H, W, C]; null where the set is resident. May be longer.</param>
    public PlannedBatch Plan(int epoch, int[] order, int batch, byte[]? pixels)
    {
        var start = batch * (long)batchSize;
        var count = (int)Math.Min(batchSize, order.Length - start);
        var crops = new int[count * ImageGeometry.CropLength];
        var labels = new int[count];
        var (placing, rendering) = (Philox.Stream((ulong)epoch, AugmentStream), Philox.Stream((ulong)epoch, PixelStream));
        for (var n = 0; n < count; n++)
        {
            var index = order[start + n];
            if (pixels is not null) augmentation.Render(set.View(ref index), set.Channels, set.Height, set.Width, pixels.AsSpan(n * set.ImageLength, set.ImageLength), mean, seed, rendering, start + n);
            labels[n] = set.Labels[index];
            augmentation.WriteCrop(crops.AsSpan(n * ImageGeometry.CropLength, ImageGeometry.CropLength), pixels is null ? set.Place(index) : n, set.Height, set.Width, seed, placing, start + n, augmentation.IsMirrored(seed, Philox.Stream(0, FlipStream), index, epoch));
        }

        return new(crops, labels, pixels, augmentation.MixtureOf(seed, Philox.Stream((ulong)epoch, MixupStream), batch, set.Height, set.Width));
    }
}

/// <summary>A batch before it is made on a device.</summary>
/// <param name="Crops">[N, 6]: see <see cref="IImageKernels.Gather"/>.</param>
/// <param name="Labels">[N].</param>
/// <param name="Pixels">[N, H, W, C] and perhaps more, or null where the set is resident on the device.</param>
/// <param name="Mixture">How images are mixed; null where they are not.</param>
sealed record PlannedBatch(int[] Crops, int[] Labels, byte[]? Pixels, Mixture? Mixture);
