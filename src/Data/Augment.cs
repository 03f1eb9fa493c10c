using CnnSharp.Kernels;

namespace CnnSharp.Data;

/// <summary>
/// What is done at random to a training image, anew in every epoch. Options are added up by <see cref="Then"/>:
/// <c>Augment.PadAndCrop(4).Then(Augment.Flip()).Then(Augment.Cutout(8))</c>. They are applied in this order, whatever the
/// order in which they were added: <see cref="RandomResizedCrop"/> or <see cref="RandomCrop"/>, <see cref="Rotate"/>,
/// <see cref="FlipUpDown"/>, <see cref="ColorJitter"/>, <see cref="RandAugment"/>, <see cref="Erase"/> (on the loader's threads), then
/// <see cref="PadAndCrop"/>, <see cref="Flip"/> or <see cref="AlternatingFlip"/>, <see cref="Cutout"/>, <see cref="Mixup"/> or
/// <see cref="CutMix"/> (on the device).
/// The image's size does not change.
/// </summary>
public sealed partial record Augment
{
    // The numbers of an image fill two blocks of Philox; each decision has its own, whichever others are made.
    const int BlocksPerImage = 2;

    Augment()
    {
    }

    /// <summary>Images as they are.</summary>
    public static Augment None { get; } = new();

    /// <summary>Rows and columns around an image before it is cropped to its own size again; 0: not cropped.</summary>
    public int Padding { get; private init; }

    /// <summary>What these rows and columns show.</summary>
    public ImagePadding PaddingMode { get; private init; }

    /// <summary>The share of images that are mirrored left to right, from 0 to 1.</summary>
    public double FlipProbability { get; private init; }

    /// <summary>Whether an image is mirrored in every other epoch: <see cref="AlternatingFlip"/>.</summary>
    public bool FlipsAlternately { get; private init; }

    /// <summary>The side of the square that is blanked, in pixels; 0: none.</summary>
    public int CutoutSize { get; private init; }

    /// <summary>Pads an image with <paramref name="pixels"/> pixels on each side and crops it to its own size at a random place.</summary>
    /// <param name="pixels">From 1 to 1,024; fewer than an image has where it is reflected.</param>
    /// <param name="padding">Black (the default), or the image reflected.</param>
    /// <exception cref="ArgumentOutOfRangeException">Not from 1 to 1,024, or there is no such padding.</exception>
    public static Augment PadAndCrop(int pixels, ImagePadding padding = ImagePadding.Zero)
    {
        if (pixels is < 1 or > 1024) throw new ArgumentOutOfRangeException(nameof(pixels), pixels, "PadAndCrop: expected from 1 to 1,024 pixels.");
        if (!Enum.IsDefined(padding)) throw new ArgumentOutOfRangeException(nameof(padding), padding, $"PadAndCrop: expected {string.Join(" or ", Enum.GetNames<ImagePadding>())}.");
        return new() { Padding = pixels, PaddingMode = padding };
    }

    /// <summary>Mirrors an image left to right.</summary>
    /// <param name="probability">The share of images that are.</param>
    /// <exception cref="ArgumentOutOfRangeException">Not above 0 and up to 1.</exception>
    public static Augment Flip(double probability = 0.5)
    {
        CheckProbability(nameof(Flip), nameof(probability), probability);
        return new() { FlipProbability = probability };
    }

    /// <summary>
    /// Mirrors half of the images left to right in the first epoch, the other half in the second, and so on by turns (Jordan
    /// 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU", section 3.6): every two epochs see each image both ways round.
    /// </summary>
    public static Augment AlternatingFlip() => new() { FlipsAlternately = true };

    /// <summary>
    /// Blanks a square (DeVries and Taylor 2017, "Improved regularization of convolutional neural networks with cutout"):
    /// its center is any pixel, so it may stick out; its pixels become 0 after normalization, the channel's mean.
    /// </summary>
    /// <param name="size">The side, in pixels.</param>
    /// <exception cref="ArgumentOutOfRangeException">Not from 1 to 1,024.</exception>
    public static Augment Cutout(int size)
    {
        if (size is < 1 or > 1024) throw new ArgumentOutOfRangeException(nameof(size), size, "Cutout: expected a side from 1 to 1,024 pixels.");
        return new() { CutoutSize = size };
    }

    /// <summary>Both this and <paramref name="next"/>.</summary>
    /// <exception cref="ArgumentException">Both have an option of one kind.</exception>
    public Augment Then(Augment next)
    {
        ArgumentNullException.ThrowIfNull(next);
        if (Padding > 0 && next.Padding > 0) throw new ArgumentException("Augment: an image is cropped once; PadAndCrop occurs twice.", nameof(next));
        if (FlipProbability > 0 && next.FlipProbability > 0) throw new ArgumentException("Augment: an image is flipped once; Flip occurs twice.", nameof(next));
        if (Flips && next.Flips) throw new ArgumentException("Augment: an image is flipped once; expected one of Flip and AlternatingFlip, once.", nameof(next));
        if (CutoutSize > 0 && next.CutoutSize > 0) throw new ArgumentException("Augment: one square is blanked; Cutout occurs twice.", nameof(next));
        if (CropsAtRandom && next.CropsAtRandom) throw new ArgumentException("Augment: a part of an image is taken once; RandomCrop and RandomResizedCrop occur twice.", nameof(next));
        if (Degrees > 0 && next.Degrees > 0) throw new ArgumentException("Augment: an image is turned once; Rotate occurs twice.", nameof(next));
        if (FlipUpDownProbability > 0 && next.FlipUpDownProbability > 0) throw new ArgumentException("Augment: an image is turned over once; FlipUpDown occurs twice.", nameof(next));
        if (Jitter is not null && next.Jitter is not null) throw new ArgumentException("Augment: colors change once; ColorJitter occurs twice.", nameof(next));
        if (EraseProbability > 0 && next.EraseProbability > 0) throw new ArgumentException("Augment: one rectangle is erased; Erase occurs twice.", nameof(next));
        if (Operations is not null && next.Operations is not null) throw new ArgumentException("Augment: RandAugment occurs twice; give it more operations.", nameof(next));
        if (MixupAlpha > 0 && next.MixupAlpha > 0) throw new ArgumentException("Augment: images are mixed once; Mixup occurs twice.", nameof(next));
        if (Mixes && next.Mixes) throw new ArgumentException("Augment: images are mixed once; expected one of Mixup and CutMix, once.", nameof(next));
        return new()
        {
            Padding = Padding + next.Padding,
            PaddingMode = Padding > 0 ? PaddingMode : next.PaddingMode,
            FlipProbability = FlipProbability + next.FlipProbability,
            FlipsAlternately = FlipsAlternately || next.FlipsAlternately,
            CutoutSize = CutoutSize + next.CutoutSize,
            CropsAtRandom = CropsAtRandom || next.CropsAtRandom,
            SmallestShare = SmallestShare + next.SmallestShare,
            Degrees = Degrees + next.Degrees,
            FlipUpDownProbability = FlipUpDownProbability + next.FlipUpDownProbability,
            Jitter = Jitter ?? next.Jitter,
            Operations = Operations ?? next.Operations,
            EraseProbability = EraseProbability + next.EraseProbability,
            MixupAlpha = MixupAlpha + next.MixupAlpha,
            CutMixAlpha = CutMixAlpha + next.CutMixAlpha,
        };
    }

    /// <summary>For logs: <c>pad 4 and crop, flip 0.5, cutout 8</c>.</summary>
    public override string ToString()
    {
        var parts = new List<string>();
        if (SmallestShare > 0) parts.Add(FormattableString.Invariant($"resized crop from {SmallestShare}"));
        else if (CropsAtRandom) parts.Add("random crop");
        if (Degrees > 0) parts.Add(FormattableString.Invariant($"rotate {Degrees}"));
        if (FlipUpDownProbability > 0) parts.Add(FormattableString.Invariant($"flip up-down {FlipUpDownProbability}"));
        if (Jitter is { } jitter) parts.Add(FormattableString.Invariant($"jitter {jitter.Brightness} {jitter.Contrast} {jitter.Saturation} {jitter.Hue}"));
        if (Operations is { } operations) parts.Add($"randaugment {operations.Count} {operations.Magnitude}");
        if (EraseProbability > 0) parts.Add(FormattableString.Invariant($"erase {EraseProbability}"));
        if (Padding > 0) parts.Add($"pad {Padding}{(PaddingMode == ImagePadding.Reflect ? " by reflection" : "")} and crop");
        if (FlipsAlternately) parts.Add("alternating flip");
        if (FlipProbability > 0) parts.Add(FormattableString.Invariant($"flip {FlipProbability}"));
        if (CutoutSize > 0) parts.Add($"cutout {CutoutSize}");
        if (MixupAlpha > 0) parts.Add(FormattableString.Invariant($"mixup {MixupAlpha}"));
        if (CutMixAlpha > 0) parts.Add(FormattableString.Invariant($"cutmix {CutMixAlpha}"));
        return parts.Count == 0 ? "none" : string.Join(", ", parts);
    }

    bool Flips => FlipProbability > 0 || FlipsAlternately;

    /// <summary>Writes a crop (see <see cref="IImageKernels.Gather"/>) for the image at a position of an epoch.</summary>
    /// <param name="crop">Is written.</param>
    /// <param name="image">Where its pixels are.</param>
    /// <param name="height">Its rows.</param>
    /// <param name="width">Its columns.</param>
    /// <param name="seed">The key.</param>
    /// <param name="stream">The epoch's.</param>
    /// <param name="position">In the epoch.</param>
    /// <param name="mirrored">Whether it is mirrored where that alternates: <see cref="IsMirrored"/>.</param>
    internal void WriteCrop(Span<int> crop, int image, int height, int width, ulong seed, ulong stream, long position, bool mirrored)
    {
        var (top, left, flip, _) = Philox.Block(seed, stream, (ulong)position * BlocksPerImage);
        var (cutTop, cutLeft, _, _) = Philox.Block(seed, stream, ((ulong)position * BlocksPerImage) + 1);

        crop[0] = image;
        crop[1] = Below(top, (2 * Padding) + 1) - Padding;
        crop[2] = Below(left, (2 * Padding) + 1) - Padding;
        crop[3] = mirrored || flip < FlipProbability * TwoTo32 ? 1 : 0;
        crop[4] = CutoutSize == 0 ? int.MinValue : Below(cutTop, height) - (CutoutSize / 2);
        crop[5] = CutoutSize == 0 ? 0 : Below(cutLeft, width) - (CutoutSize / 2);
    }

    /// <summary>Under <see cref="AlternatingFlip"/>, whether an image of the set is mirrored in an epoch: by the seed in the first, then by turns.</summary>
    internal bool IsMirrored(ulong seed, ulong stream, int index, int epoch) => FlipsAlternately && ((Philox.At(seed, stream, (ulong)index) ^ (uint)epoch) & 1) != 0;

    /// <summary>A number from 0 to <paramref name="limit"/> - 1, as likely as any other to within limit / 2^32.</summary>
    internal static int Below(uint random, int limit) => (int)(((ulong)random * (uint)limit) >> 32);

    static void CheckProbability(string option, string parameter, double probability)
    {
        if (!(probability is > 0 and <= 1)) throw new ArgumentOutOfRangeException(parameter, probability, $"{option}: expected a probability above 0 and up to 1.");
    }
}
