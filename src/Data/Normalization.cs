namespace CnnSharp.Data;

/// <summary>How pixels become the numbers a network sees: (pixel / 255 - mean) / standard deviation, channel by channel.</summary>
public sealed class Normalization
{
    readonly float[] mean;
    readonly float[] std;
    float[]? scaleOffset;

    /// <summary>Creates a normalization.</summary>
    /// <param name="mean">The mean of each channel, with pixels from 0 to 1.</param>
    /// <param name="std">The standard deviation of each channel, with pixels from 0 to 1; above 0.</param>
    /// <exception cref="ArgumentException">The lengths differ, or a value is not finite, or a standard deviation is not above 0.</exception>
    public Normalization(float[] mean, float[] std)
    {
        ArgumentNullException.ThrowIfNull(mean);
        ArgumentNullException.ThrowIfNull(std);
        if (mean.Length != std.Length) throw new ArgumentException($"Normalization: {mean.Length} means and {std.Length} stds; expected one of each a channel.");
        if (!mean.All(float.IsFinite)) throw new ArgumentException($"Normalization: the means [{string.Join(", ", mean)}] are not all finite.", nameof(mean));
        if (!std.All(d => float.IsFinite(d) && d > 0)) throw new ArgumentException($"Normalization: the stds [{string.Join(", ", std)}] are not all finite and above 0.", nameof(std));
        this.mean = [.. mean];
        this.std = [.. std];
    }

    /// <inheritdoc cref="Normalization(float[], float[])"/>
    public Normalization(double[] mean, double[] std)
        : this(Narrow(mean), Narrow(std))
    {
    }

    /// <summary>The mean of each channel.</summary>
    public ReadOnlySpan<float> Mean => mean;

    /// <summary>The standard deviation of each channel.</summary>
    public ReadOnlySpan<float> Std => std;

    /// <summary>The number of channels.</summary>
    public int Channels => mean.Length;

    /// <summary>Pixels from 0 to 1 as they are: mean 0, standard deviation 1.</summary>
    public static Normalization None(int channels) => new(new float[channels], [.. Enumerable.Repeat(1f, channels)]);

    /// <summary>The mean and standard deviation of the images of a set, in whole numbers until the last step, so exact.</summary>
    /// <exception cref="ArgumentException">The set is empty, or a channel has one value throughout.</exception>
    public static Normalization Measure(ImageDataset set)
    {
        ArgumentNullException.ThrowIfNull(set);
        if (set.Count == 0) throw new ArgumentException($"'{set.Name}' has no images to measure.", nameof(set));

        var channels = set.Channels;
        var counts = new long[channels * 256];
        for (var i = 0; i < set.Count; i++)
        {
            var pixels = set.Pixels(i);
            for (var at = 0; at < pixels.Length; at += channels)
                for (var c = 0; c < channels; c++) counts[(c * 256) + pixels[at + c]]++;
        }

        var (mean, std) = (new float[channels], new float[channels]);
        var n = (double)set.Count * set.Height * set.Width;
        for (var c = 0; c < channels; c++)
        {
            double sum = 0, squares = 0;
            for (var value = 0; value < 256; value++) sum += (double)value * counts[(c * 256) + value];
            var m = sum / n;
            for (var value = 0; value < 256; value++) squares += (value - m) * (value - m) * counts[(c * 256) + value];
            if (squares == 0) throw new ArgumentException($"'{set.Name}': every pixel of channel {c} is {m}; a std of 0 cannot normalize.", nameof(set));
            mean[c] = (float)(m / 255);
            std[c] = (float)(Math.Sqrt(squares / n) / 255);
        }

        return new(mean, std);
    }

    /// <summary>What a device multiplies a pixel (0 to 255) by and then adds: 1 / (255 standard deviation) of each channel, then -mean / standard deviation of each.</summary>
    internal float[] ScaleOffset() => scaleOffset ??= [.. std.Select(d => 1f / (255f * d)), .. mean.Zip(std, (m, d) => -m / d)];

    static float[] Narrow(double[] values)
    {
        ArgumentNullException.ThrowIfNull(values);
        return Array.ConvertAll(values, value => (float)value);
    }
}
