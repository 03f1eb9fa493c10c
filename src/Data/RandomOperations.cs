using System.Buffers;
using CnnSharp.Kernels;

namespace CnnSharp.Data;

/// <summary>
/// The operations of <see cref="Augment.RandAugment"/>, as likely as each other, with torchvision's ranges; m is the share
/// of the strongest magnitude, and where a direction is possible it is drawn too:
/// identity; auto-contrast (each channel stretched to 0 to 255); equalize (each channel's histogram made flat); rotate by 30 m
/// degrees; solarize (pixels from 255 - 255 m on inverted); posterize (the highest 8 - 4 m bits kept, rounded); color, contrast,
/// brightness and sharpness times 1 + 0.9 m or 1 - 0.9 m; shear along x or y by 0.3 m; shift along x or y by 150/331 m of the side.
/// What comes into view is black; what is between pixels is interpolated.
/// </summary>
/// <param name="Count">How many are applied, one after the other.</param>
/// <param name="Magnitude">0 to 30.</param>
public sealed record RandomOperations(int Count, int Magnitude)
{
    internal const int Strongest = 30;

    // Each takes two of the sixteen numbers that an image has for them.
    internal const int Most = 8;

    internal enum Kind
    {
        Identity,
        AutoContrast,
        Equalize,
        Rotate,
        Solarize,
        Color,
        Posterize,
        Contrast,
        Brightness,
        Sharpness,
        ShearX,
        ShearY,
        TranslateX,
        TranslateY,
    }

    static int Kinds { get; } = Enum.GetValues<Kind>().Length;

    /// <summary>Changes pixels [height, width, channels] by operations drawn from the blocks of random numbers from <paramref name="firstBlock"/> on.</summary>
    internal void Apply(Span<byte> pixels, int channels, int height, int width, ulong seed, ulong stream, ulong firstBlock)
    {
        for (var i = 0; i < Count; i++)
        {
            var (kind, direction, otherKind, otherDirection) = Philox.Block(seed, stream, firstBlock + (ulong)(i / 2));
            if (i % 2 == 1) (kind, direction) = (otherKind, otherDirection);
            Apply((Kind)Augment.Below(kind, Kinds), (direction & 1) == 0 ? 1 : -1, pixels, channels, height, width);
        }
    }

    /// <summary>One operation.</summary>
    internal void Apply(Kind kind, int sign, Span<byte> pixels, int channels, int height, int width)
    {
        var m = (double)Magnitude / Strongest;
        var factor = (float)(1 + (sign * 0.9 * m));
        switch (kind)
        {
            case Kind.AutoContrast:
                AutoContrast(pixels, channels);
                break;
            case Kind.Equalize:
                Equalize(pixels, channels);
                break;
            case Kind.Rotate:
                Augment.RotatePixels(pixels, channels, height, width, sign * 30 * m * Math.PI / 180);
                break;
            case Kind.Solarize:
                var threshold = 255 - (255 * m);
                foreach (ref var value in pixels) value = value >= threshold ? (byte)(255 - value) : value;
                break;
            case Kind.Posterize:
                var kept = (byte)(0xFF << (int)Math.Round(4 * m));
                foreach (ref var value in pixels) value &= kept;
                break;
            case Kind.Color:
                Jitter.ChangeColor(pixels, channels, factor, 0);
                break;
            case Kind.Contrast:
                Jitter.ChangeContrast(pixels, channels, factor);
                break;
            case Kind.Brightness:
                Jitter.Brighten(pixels, factor);
                break;
            case Kind.Sharpness:
                Sharpen(pixels, channels, height, width, factor);
                break;
            case Kind.ShearX:
                Augment.Warp(pixels, channels, height, width, (1, 0), (sign * 0.3 * m, 1), Corner, Corner);
                break;
            case Kind.ShearY:
                Augment.Warp(pixels, channels, height, width, (1, sign * 0.3 * m), (0, 1), Corner, Corner);
                break;
            case Kind.TranslateX:
                Augment.Warp(pixels, channels, height, width, (1, 0), (0, 1), (0, (int)(sign * m * width * 150 / 331)), (0, 0));
                break;
            case Kind.TranslateY:
                Augment.Warp(pixels, channels, height, width, (1, 0), (0, 1), ((int)(sign * m * height * 150 / 331), 0), (0, 0));
                break;
        }
    }

    /// <summary>The outer corner of the first pixel, which a shear leaves where it is.</summary>
    static (double Row, double Column) Corner => (-0.5, -0.5);

    static void AutoContrast(Span<byte> pixels, int channels)
    {
        for (var c = 0; c < channels; c++)
        {
            byte low = 255, high = 0;
            for (var at = c; at < pixels.Length; at += channels) (low, high) = (Math.Min(low, pixels[at]), Math.Max(high, pixels[at]));
            if (low >= high) continue;
            for (var at = c; at < pixels.Length; at += channels) pixels[at] = (byte)((((pixels[at] - low) * 255) + ((high - low) / 2)) / (high - low));
        }
    }

    /// <summary>As Pillow's ImageOps.equalize: each value becomes the count of pixels below it, in steps of a 255th of all but the brightest ones.</summary>
    static void Equalize(Span<byte> pixels, int channels)
    {
        Span<int> counts = stackalloc int[256];
        for (var c = 0; c < channels; c++)
        {
            counts.Clear();
            for (var at = c; at < pixels.Length; at += channels) counts[pixels[at]]++;
            var brightest = counts.LastIndexOfAnyExcept(0);
            if (brightest < 0) return;
            var step = ((pixels.Length / channels) - counts[brightest]) / 255;
            if (step == 0) continue;
            var below = step / 2;
            for (var value = 0; value < 256; value++)
            {
                var count = counts[value];
                counts[value] = Math.Min(below / step, 255);
                below += count;
            }

            for (var at = c; at < pixels.Length; at += channels) pixels[at] = (byte)counts[pixels[at]];
        }
    }

    /// <summary>The distance from the image smoothed (weights 1 around a 5, as Pillow's SMOOTH) times the factor; the outermost pixels stay.</summary>
    static void Sharpen(Span<byte> pixels, int channels, int height, int width, float factor)
    {
        var copy = ArrayPool<byte>.Shared.Rent(pixels.Length);
        pixels.CopyTo(copy);
        var line = width * channels;
        for (var i = 1; i < height - 1; i++)
        {
            for (var at = (i * line) + channels; at < ((i + 1) * line) - channels; at++)
            {
                var sum = 4 * copy[at];
                for (var row = at - line; row <= at + line; row += line) sum += copy[row - channels] + copy[row] + copy[row + channels];
                var smooth = MathF.Round(sum / 13f);
                pixels[at] = Jitter.ToByte(smooth + (factor * (copy[at] - smooth)));
            }
        }

        ArrayPool<byte>.Shared.Return(copy);
    }
}
