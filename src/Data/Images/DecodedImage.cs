using CnnSharp.Kernels;

namespace CnnSharp.Data;

/// <summary>An image in memory: uint8 [Height, Width, Channels], row by row from the top, 0 to 255.</summary>
public sealed class DecodedImage
{
    /// <summary>Creates an image. The array is not copied.</summary>
    /// <param name="pixels">[height, width, channels].</param>
    /// <param name="height">Rows; at least 1.</param>
    /// <param name="width">Columns; at least 1.</param>
    /// <param name="channels">1 gray, 2 gray and alpha, 3 red, green, blue, 4 red, green, blue, alpha. Alpha is not multiplied into the others.</param>
    /// <exception cref="ArgumentOutOfRangeException">An extent is not above 0, or the channels are not from 1 to 4.</exception>
    /// <exception cref="ArgumentException">The pixels do not fit the extents.</exception>
    public DecodedImage(byte[] pixels, int height, int width, int channels)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        if (channels is < 1 or > 4) throw new ArgumentOutOfRangeException(nameof(channels), channels, "DecodedImage: expected 1 to 4 channels.");
        var expected = (Int128)height * width * channels;
        if (pixels.Length != expected) throw new ArgumentException($"DecodedImage [{height}, {width}, {channels}]: needs {expected:N0} bytes, got {pixels.Length:N0}.", nameof(pixels));
        (Pixels, Height, Width, Channels) = (pixels, height, width, channels);
    }

    /// <summary>[Height, Width, Channels].</summary>
    public byte[] Pixels { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>1 gray, 2 gray and alpha, 3 red, green, blue, 4 red, green, blue, alpha.</summary>
    public int Channels { get; }

    /// <summary>Whether pixels have an alpha: 0 transparent, 255 opaque.</summary>
    public bool HasAlpha => Channels is 2 or 4;

    /// <summary>
    /// The image as gray or as red, green, blue: what is transparent shows the background, colors become gray by
    /// 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601).
    /// </summary>
    /// <param name="channels">1 or 3.</param>
    /// <param name="background">What stands behind transparent pixels; default black.</param>
    /// <exception cref="ArgumentOutOfRangeException">The channels are neither 1 nor 3.</exception>
    public DecodedImage Flatten(int channels, Color background = default)
    {
        if (channels is not (1 or 3)) throw new ArgumentOutOfRangeException(nameof(channels), channels, "Flatten: expected 1 channel (gray) or 3 (red, green, blue).");
        if (channels == Channels) return this;
        var result = new byte[Height * Width * channels];
        Convert(Pixels, Channels, result, channels, background);
        return new(result, Height, Width, channels);
    }

    /// <summary>Pixels of some channels as gray or as red, green, blue.</summary>
    internal static void Convert(ReadOnlySpan<byte> pixels, int channels, Span<byte> result, int resultChannels, Color background)
    {
        for (int from = 0, to = 0; to < result.Length; from += channels, to += resultChannels)
        {
            var (r, g, b) = channels <= 2 ? (pixels[from], pixels[from], pixels[from]) : (pixels[from], pixels[from + 1], pixels[from + 2]);
            if (channels is 2 or 4)
            {
                var alpha = pixels[from + channels - 1];
                (r, g, b) = (Blend(r, background.Red, alpha), Blend(g, background.Green, alpha), Blend(b, background.Blue, alpha));
            }

            if (resultChannels == 1)
            {
                result[to] = Gray(r, g, b);
            }
            else
            {
                (result[to], result[to + 1], result[to + 2]) = (r, g, b);
            }
        }
    }

    /// <summary>The image as a batch of one for a network, normalized on the device as a <see cref="DataLoader"/> does it.</summary>
    /// <param name="normalization">How; default <see cref="Normalization.None"/>: from 0 to 1.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <returns>[1, Height, Width, Channels].</returns>
    /// <exception cref="ArgumentException">The normalization is of another number of channels: see <see cref="Flatten"/>.</exception>
    public Tensor ToTensor(Normalization? normalization = null, Device? device = null)
    {
        normalization ??= Normalization.None(Channels);
        device ??= Device.Best();
        if (normalization.Channels != Channels) throw new ArgumentException($"ToTensor: the normalization is of {normalization.Channels} channels, the {this} has {Channels}; Flatten({normalization.Channels}) gives it those.", nameof(normalization));
        var tensor = Tensor.Uninitialized([1, Height, Width, Channels], device);
        using var pixels = Tensor.From(Pixels, [Pixels.Length], device);
        using var crop = Tensor.From([0, 0, 0, 0, 0, 0], [1, ImageGeometry.CropLength], device);
        using var scaleOffset = Tensor.From(normalization.ScaleOffset(), [2 * Channels], device);
        device.Kernels.Images.Gather(new(1, Height, Width, Channels, Height, Width, 0), pixels.Data, crop.Data, scaleOffset.Data, tensor.Data);
        return tensor;
    }

    /// <summary>0.299 R + 0.587 G + 0.114 B, rounded, in 16 bits after the point.</summary>
    internal static byte Gray(int r, int g, int b) => (byte)(((r * 19595) + (g * 38470) + (b * 7471) + 0x8000) >> 16);

    static byte Blend(int color, int background, int alpha) => (byte)(((color * alpha) + (background * (255 - alpha)) + 127) / 255);

    /// <summary>For people: <c>image [480, 640, 3]</c>.</summary>
    public override string ToString() => $"image [{Height}, {Width}, {Channels}]";
}

/// <summary>A color of 8 bits a channel; default black.</summary>
/// <param name="Red">0 to 255.</param>
/// <param name="Green">0 to 255.</param>
/// <param name="Blue">0 to 255.</param>
public readonly record struct Color(byte Red, byte Green, byte Blue)
{
    /// <summary>255, 255, 255.</summary>
    public static Color White { get; } = new(255, 255, 255);
}
