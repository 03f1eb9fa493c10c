using System.Buffers;
using CnnSharp.Kernels;

namespace CnnSharp.Data;

/// <summary>The part of an augmentation that changes pixels and not only their places: done by the loader's threads.</summary>
public sealed partial record Augment
{
    const double TwoTo32 = 4294967296.0;

    // Room for what is to come: an option that is added must not move the others' numbers.
    const int BlocksPerTransform = 8;

    /// <summary>Whether a part of a larger image is taken at a random place, not in its middle.</summary>
    public bool CropsAtRandom { get; private init; }

    /// <summary>The smallest share of an image that <see cref="RandomResizedCrop"/> takes; 0: it is not done.</summary>
    public double SmallestShare { get; private init; }

    /// <summary>The most degrees by which an image is turned, either way.</summary>
    public double Degrees { get; private init; }

    /// <summary>The share of images that are turned upside down, from 0 to 1.</summary>
    public double FlipUpDownProbability { get; private init; }

    /// <summary>How far colors change; null: not at all.</summary>
    public Jitter? Jitter { get; private init; }

    /// <summary>The share of images in which a rectangle is erased, from 0 to 1.</summary>
    public double EraseProbability { get; private init; }

    /// <summary>The operations drawn for each image; null: none.</summary>
    public RandomOperations? Operations { get; private init; }

    /// <summary>Both parameters of the distribution of a mixture's shares; 0: images are not mixed so.</summary>
    public double MixupAlpha { get; private init; }

    /// <summary>Both parameters of the distribution of the share that is not pasted over; 0: nothing is.</summary>
    public double CutMixAlpha { get; private init; }

    /// <summary>Whether pixels must be computed before they are sent to the device.</summary>
    internal bool ChangesPixels => CropsAtRandom || Degrees > 0 || FlipUpDownProbability > 0 || Jitter is not null || Operations is not null || EraseProbability > 0;

    bool Mixes => MixupAlpha > 0 || CutMixAlpha > 0;

    /// <summary>Takes an image's window at a random place, where images are larger than the set's size; else nothing happens.</summary>
    public static Augment RandomCrop() => new() { CropsAtRandom = true };

    /// <summary>
    /// Takes a random part of an image and resizes it to the set's size (Szegedy et al. 2014, "Going deeper with
    /// convolutions", section 6): a share of its area between <paramref name="smallest"/> and all of it, of an aspect
    /// between 3:4 and 4:3; one that would stick out is shrunk until it fits.
    /// </summary>
    /// <param name="smallest">The smallest share; default 0.08.</param>
    /// <exception cref="ArgumentOutOfRangeException">Not above 0 and up to 1.</exception>
    public static Augment RandomResizedCrop(double smallest = 0.08)
    {
        CheckProbability(nameof(RandomResizedCrop), nameof(smallest), smallest);
        return new() { CropsAtRandom = true, SmallestShare = smallest };
    }

    /// <summary>Turns an image about its center, either way; what comes into view is black.</summary>
    /// <param name="degrees">The most degrees, above 0 and up to 180.</param>
    /// <exception cref="ArgumentOutOfRangeException">Outside that.</exception>
    public static Augment Rotate(double degrees)
    {
        if (!(degrees is > 0 and <= 180)) throw new ArgumentOutOfRangeException(nameof(degrees), degrees, "Rotate: expected above 0 and up to 180 degrees.");
        return new() { Degrees = degrees };
    }

    /// <summary>Mirrors an image top to bottom.</summary>
    /// <param name="probability">The share of images that are.</param>
    /// <exception cref="ArgumentOutOfRangeException">Not above 0 and up to 1.</exception>
    public static Augment FlipUpDown(double probability = 0.5)
    {
        CheckProbability(nameof(FlipUpDown), nameof(probability), probability);
        return new() { FlipUpDownProbability = probability };
    }

    /// <summary>
    /// Changes brightness, then contrast, then saturation by factors from 1 - x to 1 + x, and then the hue. Of gray
    /// images only the first two change.
    /// </summary>
    /// <param name="brightness">From 0 to 1: pixels times the factor.</param>
    /// <param name="contrast">From 0 to 1: the distance from the image's mean gray times the factor.</param>
    /// <param name="saturation">From 0 to 1: the distance from the pixel's own gray times the factor.</param>
    /// <param name="hue">From 0 to 0.5: turns of the color circle, either way (in YIQ, so that gray stays).</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range, or all are 0.</exception>
    public static Augment ColorJitter(double brightness = 0.4, double contrast = 0.4, double saturation = 0.4, double hue = 0)
    {
        if (!(brightness is >= 0 and <= 1 && contrast is >= 0 and <= 1 && saturation is >= 0 and <= 1 && hue is >= 0 and <= 0.5) || brightness + contrast + saturation + hue == 0)
            throw new ArgumentOutOfRangeException(nameof(brightness), $"ColorJitter({brightness}, {contrast}, {saturation}, {hue}): expected brightness, contrast and saturation from 0 to 1 and hue from 0 to 0.5, not all 0.");
        return new() { Jitter = new(brightness, contrast, saturation, hue) };
    }

    /// <summary>
    /// Applies some operations, each drawn anew for each image, all of one magnitude (Cubuk et al. 2019, "RandAugment:
    /// practical automated data augmentation with a reduced search space"): <see cref="RandomOperations"/> lists them.
    /// </summary>
    /// <param name="operations">How many (N), from 1 to 8.</param>
    /// <param name="magnitude">How strong (M), from 0 to 30, as torchvision counts: 30 is a turn by 30 degrees.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    public static Augment RandAugment(int operations = 2, int magnitude = 9)
    {
        if (operations is < 1 or > RandomOperations.Most) throw new ArgumentOutOfRangeException(nameof(operations), operations, $"RandAugment: expected from 1 to {RandomOperations.Most} operations.");
        if (magnitude is < 0 or > RandomOperations.Strongest) throw new ArgumentOutOfRangeException(nameof(magnitude), magnitude, $"RandAugment: expected a magnitude from 0 to {RandomOperations.Strongest}.");
        return new() { Operations = new(operations, magnitude) };
    }

    /// <summary>
    /// Erases a rectangle (Zhong et al. 2017, "Random erasing data augmentation"): 2% to 33% of the area, of an aspect
    /// between 0.3 and 3.3; its pixels become the mean of their channel, rounded.
    /// </summary>
    /// <param name="probability">The share of images in which one is.</param>
    /// <exception cref="ArgumentOutOfRangeException">Not above 0 and up to 1.</exception>
    public static Augment Erase(double probability = 0.5)
    {
        CheckProbability(nameof(Erase), nameof(probability), probability);
        return new() { EraseProbability = probability };
    }

    /// <summary>
    /// Mixes each image of a batch with another of it, and so the loss of its class with the loss of the other's (Zhang et
    /// al. 2017, "mixup: beyond empirical risk minimization"): image i with image N - 1 - i, a share of Beta(alpha, alpha)
    /// of the one and the rest of the other, one share a batch.
    /// </summary>
    /// <param name="alpha">Near 0 images hardly mix, 1 makes all shares as likely; above 0 and up to 100.</param>
    /// <exception cref="ArgumentOutOfRangeException">Outside that.</exception>
    public static Augment Mixup(double alpha = 0.2)
    {
        if (!(alpha is > 0 and <= 100)) throw new ArgumentOutOfRangeException(nameof(alpha), alpha, "Mixup: expected above 0 and up to 100.");
        return new() { MixupAlpha = alpha };
    }

    /// <summary>
    /// Pastes a rectangle of another image of the batch over each, and mixes the losses of their classes by the areas (Yun et
    /// al. 2019, "CutMix: regularization strategy to train strong classifiers with localizable features"): image i gets the
    /// rectangle of image N - 1 - i, one rectangle a batch; a share of Beta(alpha, alpha) is left, more where it sticks out.
    /// </summary>
    /// <param name="alpha">Near 0 images are whole, 1 makes all shares as likely; above 0 and up to 100.</param>
    /// <exception cref="ArgumentOutOfRangeException">Outside that.</exception>
    public static Augment CutMix(double alpha = 1)
    {
        if (!(alpha is > 0 and <= 100)) throw new ArgumentOutOfRangeException(nameof(alpha), alpha, "CutMix: expected above 0 and up to 100.");
        return new() { CutMixAlpha = alpha };
    }

    /// <summary>Writes the pixels [height, width, channels] of the image at a position of an epoch, before they are placed.</summary>
    internal void Render(ImageView source, int channels, int height, int width, Span<byte> target, ReadOnlySpan<byte> mean, ulong seed, ulong stream, long position)
    {
        var first = (ulong)position * BlocksPerTransform;
        Resampler.Resize(source, Crop(source, height, width, Philox.Block(seed, stream, first)), channels, height, width, target);

        var (rotate, upDown, erase, _) = Philox.Block(seed, stream, first + 1);
        if (Degrees > 0) RotatePixels(target, channels, height, width, Between(rotate, -Degrees, Degrees) * Math.PI / 180);
        if (upDown < FlipUpDownProbability * TwoTo32) TurnOver(target, width * channels, height);
        if (Jitter is { } jitter) jitter.Apply(target, channels, Philox.Block(seed, stream, first + 2));
        Operations?.Apply(target, channels, height, width, seed, stream, first + 4);
        if (erase < EraseProbability * TwoTo32) EraseRectangle(target, channels, height, width, mean, Philox.Block(seed, stream, first + 3));
    }

    /// <summary>How the images of a batch are mixed; null: they are not.</summary>
    internal Mixture? MixtureOf(ulong seed, ulong stream, int batch, int height, int width)
    {
        // A share takes a handful of numbers; a thousand leave room for any bad luck.
        const ulong numbersPerBatch = 1024;
        if (!Mixes) return null;
        var alpha = MixupAlpha + CutMixAlpha;
        var numbers = new Generator(seed, stream) { Position = (ulong)batch * numbersPerBatch };
        var (a, b) = (Gamma(numbers, alpha), Gamma(numbers, alpha));

        // Both can round to 0 where alpha is tiny: then one image has all of it.
        var share = a + b > 0 ? a / (a + b) : 1;

        // Of a blend the larger share is the image's own: the two are mixed both ways round.
        var mixture = MixupAlpha > 0 ? new((float)Math.Max(share, 1 - share), default) : Mixture.Pasted(share, height, width, numbers);
        return mixture.Share == 1 ? null : mixture;
    }

    Region Crop(ImageView source, int height, int width, (uint Top, uint Left, uint Area, uint Aspect) random)
    {
        if (!CropsAtRandom) return Region.Center(source.Height, source.Width, height, width);
        if (SmallestShare == 0) return new(Below(random.Top, source.Height - height + 1), Below(random.Left, source.Width - width + 1), height, width);

        var area = Between(random.Area, SmallestShare, 1) * source.Height * source.Width;
        var aspect = Math.Exp(Between(random.Aspect, Math.Log(3 / 4.0), Math.Log(4 / 3.0))) * width / height;
        var (h, w) = (Math.Sqrt(area / aspect), Math.Sqrt(area * aspect));
        var shrink = Math.Min(1, Math.Min(source.Height / h, source.Width / w));
        (h, w) = (h * shrink, w * shrink);
        return new(Between(random.Top, 0, source.Height - h), Between(random.Left, 0, source.Width - w), h, w);
    }

    /// <summary>Turns pixels [height, width, channels] about their middle, by radians.</summary>
    internal static void RotatePixels(Span<byte> pixels, int channels, int height, int width, double angle)
    {
        var (sin, cos) = Math.SinCos(angle);
        var middle = ((height - 1) / 2.0, (width - 1) / 2.0);
        Warp(pixels, channels, height, width, (cos, -sin), (sin, cos), middle, middle);
    }

    /// <summary>Each target pixel reads, bilinearly, where it came from; outside it is black.</summary>
    /// <param name="pixels">[height, width, channels], changed in place.</param>
    /// <param name="channels">Their channels.</param>
    /// <param name="height">Their rows.</param>
    /// <param name="width">Their columns.</param>
    /// <param name="row">By how much the row that is read changes with the target's row and column.</param>
    /// <param name="column">By how much the column that is read does.</param>
    /// <param name="from">The row and column that the pixel at <paramref name="center"/> reads.</param>
    /// <param name="center">Row and column, in pixels' centers.</param>
    internal static void Warp(Span<byte> pixels, int channels, int height, int width, (double Row, double Column) row, (double Row, double Column) column, (double Row, double Column) from, (double Row, double Column) center)
    {
        var copy = ArrayPool<byte>.Shared.Rent(pixels.Length);
        pixels.CopyTo(copy);
        for (var i = 0; i < height; i++)
        {
            for (var j = 0; j < width; j++)
            {
                var y = from.Row + (row.Row * (i - center.Row)) + (row.Column * (j - center.Column));
                var x = from.Column + (column.Row * (i - center.Row)) + (column.Column * (j - center.Column));
                var (top, left) = ((int)Math.Floor(y), (int)Math.Floor(x));
                var (down, right) = (y - top, x - left);
                for (var c = 0; c < channels; c++)
                {
                    var value = ((1 - down) * (((1 - right) * At(top, left, c)) + (right * At(top, left + 1, c))))
                        + (down * (((1 - right) * At(top + 1, left, c)) + (right * At(top + 1, left + 1, c))));
                    pixels[(((i * width) + j) * channels) + c] = (byte)(value + 0.5);
                }
            }
        }

        ArrayPool<byte>.Shared.Return(copy);

        double At(int row, int column, int c) => row < 0 || row >= height || column < 0 || column >= width ? 0 : copy[(((row * width) + column) * channels) + c];
    }

    static void TurnOver(Span<byte> pixels, int line, int height)
    {
        for (int top = 0, bottom = height - 1; top < bottom; top++, bottom--)
        {
            var upper = pixels.Slice(top * line, line);
            var lower = pixels.Slice(bottom * line, line);
            for (var i = 0; i < line; i++) (upper[i], lower[i]) = (lower[i], upper[i]);
        }
    }

    static void EraseRectangle(Span<byte> pixels, int channels, int height, int width, ReadOnlySpan<byte> mean, (uint Top, uint Left, uint Area, uint Aspect) random)
    {
        var area = Between(random.Area, 0.02, 0.33) * height * width;
        var aspect = Math.Exp(Between(random.Aspect, Math.Log(0.3), Math.Log(3.3)));
        var h = Math.Clamp((int)Math.Round(Math.Sqrt(area / aspect)), 1, height);
        var w = Math.Clamp((int)Math.Round(Math.Sqrt(area * aspect)), 1, width);
        var (top, left) = (Below(random.Top, height - h + 1), Below(random.Left, width - w + 1));
        for (var i = top; i < top + h; i++)
            for (var j = left; j < left + w; j++) mean.CopyTo(pixels[(((i * width) + j) * channels)..]);
    }

    static double Between(uint random, double low, double high) => low + ((high - low) * (random / TwoTo32));

    /// <summary>A number of the gamma distribution (Marsaglia and Tsang 2000); below 1 by way of alpha + 1.</summary>
    static double Gamma(Generator numbers, double alpha)
    {
        if (alpha < 1) return Gamma(numbers, alpha + 1) * Math.Pow(1 - numbers.Uniform(), 1 / alpha);
        var d = alpha - (1 / 3.0);
        while (true)
        {
            var x = numbers.Normal();
            var v = Math.Pow(1 + (x / Math.Sqrt(9 * d)), 3);
            if (v > 0 && Math.Log(1 - numbers.Uniform()) < (x * x / 2) + (d * (1 - v + Math.Log(v)))) return d * v;
        }
    }
}

/// <summary>How far colors change: see <see cref="Augment.ColorJitter"/>.</summary>
/// <param name="Brightness">0 to 1.</param>
/// <param name="Contrast">0 to 1.</param>
/// <param name="Saturation">0 to 1.</param>
/// <param name="Hue">0 to 0.5 turns.</param>
public sealed record Jitter(double Brightness, double Contrast, double Saturation, double Hue)
{
    /// <summary>Changes pixels [.., channels] by factors of four random numbers.</summary>
    internal void Apply(Span<byte> pixels, int channels, (uint Brightness, uint Contrast, uint Saturation, uint Hue) random)
    {
        Brighten(pixels, Factor(random.Brightness, Brightness));
        if (Contrast > 0) ChangeContrast(pixels, channels, Factor(random.Contrast, Contrast));
        if (Saturation > 0 || Hue > 0) ChangeColor(pixels, channels, Factor(random.Saturation, Saturation), (float)(2 * Math.PI * Hue * ((random.Hue / 2147483648.0) - 1)));
    }

    /// <summary>Pixels times a factor.</summary>
    internal static void Brighten(Span<byte> pixels, float factor)
    {
        foreach (ref var value in pixels) value = ToByte(value * factor);
    }

    /// <summary>The distance from the image's mean gray times a factor.</summary>
    internal static void ChangeContrast(Span<byte> pixels, int channels, float factor)
    {
        var sum = 0L;
        if (channels == 3) for (var at = 0; at < pixels.Length; at += 3) sum += 3 * DecodedImage.Gray(pixels[at], pixels[at + 1], pixels[at + 2]);
        else foreach (var value in pixels) sum += value;
        var mean = (float)sum / pixels.Length;
        foreach (ref var value in pixels) value = ToByte(mean + (factor * (value - mean)));
    }

    /// <summary>The distance from the pixel's own gray times a factor, turned by an angle of the color circle. Gray images stay as they are.</summary>
    internal static void ChangeColor(Span<byte> pixels, int channels, float saturation, float angle)
    {
        if (channels != 3) return;
        var (sin, cos) = MathF.SinCos(angle);
        for (var at = 0; at < pixels.Length; at += 3)
        {
            float r = pixels[at], g = pixels[at + 1], b = pixels[at + 2];

            // Color as a distance from gray (I, Q: the axes of NTSC's colors), turned and stretched.
            var y = (0.299f * r) + (0.587f * g) + (0.114f * b);
            var i = (0.5959f * r) - (0.2746f * g) - (0.3213f * b);
            var q = (0.2115f * r) - (0.5227f * g) + (0.3112f * b);
            (i, q) = (saturation * ((cos * i) - (sin * q)), saturation * ((sin * i) + (cos * q)));
            pixels[at] = ToByte(y + (0.956f * i) + (0.619f * q));
            pixels[at + 1] = ToByte(y - (0.272f * i) - (0.647f * q));
            pixels[at + 2] = ToByte(y - (1.106f * i) + (1.703f * q));
        }
    }

    /// <summary>The nearest byte.</summary>
    internal static byte ToByte(float value) => (byte)Math.Clamp(value + 0.5f, 0, 255);

    static float Factor(uint random, double reach) => (float)(1 + (reach * ((random / 2147483648.0) - 1)));
}
