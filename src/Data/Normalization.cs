namespace CnnSharp.Data;

/// <summary>How pixels become the numbers a network sees: (pixel / 255 - mean) / deviation, channel by channel.</summary>
public sealed class Normalization
{
    readonly float[] mean;
    readonly float[] deviation;

    /// <summary>Creates a normalisation.</summary>
    /// <param name="mean">The mean of each channel, with pixels from 0 to 1.</param>
    /// <param name="deviation">The standard deviation of each channel, with pixels from 0 to 1; above 0.</param>
    /// <exception cref="ArgumentException">The lengths differ, or a value is not finite, or a deviation is not above 0.</exception>
    public Normalization(float[] mean, float[] deviation)
    {
        ArgumentNullException.ThrowIfNull(mean);
        ArgumentNullException.ThrowIfNull(deviation);
        if (mean.Length != deviation.Length) throw new ArgumentException($"Normalization: {mean.Length} means and {deviation.Length} deviations; expected one of each a channel.");
        if (!mean.All(float.IsFinite)) throw new ArgumentException($"Normalization: the means [{string.Join(", ", mean)}] are not all finite.", nameof(mean));
        if (!deviation.All(d => float.IsFinite(d) && d > 0)) throw new ArgumentException($"Normalization: the deviations [{string.Join(", ", deviation)}] are not all finite and above 0.", nameof(deviation));
        this.mean = [.. mean];
        this.deviation = [.. deviation];
    }

    /// <inheritdoc cref="Normalization(float[], float[])"/>
    public Normalization(double[] mean, double[] deviation)
        : this(Narrow(mean), Narrow(deviation))
    {
    }

    /// <summary>The mean of each channel.</summary>
    public ReadOnlySpan<float> Mean => mean;

    /// <summary>The standard deviation of each channel.</summary>
    public ReadOnlySpan<float> Deviation => deviation;

    /// <summary>The number of channels.</summary>
    public int Channels => mean.Length;

    /// <summary>Pixels from 0 to 1 as they are: mean 0, deviation 1.</summary>
    public static Normalization None(int channels) => new(new float[channels], [.. Enumerable.Repeat(1f, channels)]);

    /// <summary>The mean and deviation of the pictures of a set, in whole numbers until the last step, so exact.</summary>
    /// <exception cref="ArgumentException">The set is empty, or a channel has one value throughout.</exception>
    public static Normalization Measure(PictureSet set)
    {
        ArgumentNullException.ThrowIfNull(set);
        if (set.Count == 0) throw new ArgumentException($"'{set.Name}' has no pictures to measure.", nameof(set));

        var channels = set.Channels;
        var counts = new long[channels * 256];
        for (var i = 0; i < set.Count; i++)
        {
            var pixels = set.Pixels(i);
            for (var at = 0; at < pixels.Length; at += channels)
                for (var c = 0; c < channels; c++) counts[(c * 256) + pixels[at + c]]++;
        }

        var (mean, deviation) = (new float[channels], new float[channels]);
        var n = (double)set.Count * set.Height * set.Width;
        for (var c = 0; c < channels; c++)
        {
            double sum = 0, squares = 0;
            for (var value = 0; value < 256; value++) sum += (double)value * counts[(c * 256) + value];
            var m = sum / n;
            for (var value = 0; value < 256; value++) squares += (value - m) * (value - m) * counts[(c * 256) + value];
            if (squares == 0) throw new ArgumentException($"'{set.Name}': every pixel of channel {c} is {m}; a deviation of 0 cannot normalise.", nameof(set));
            mean[c] = (float)(m / 255);
            deviation[c] = (float)(Math.Sqrt(squares / n) / 255);
        }

        return new(mean, deviation);
    }

    /// <summary>What a device multiplies a pixel (0 to 255) by and then adds: 1 / (255 deviation) of each channel, then -mean / deviation of each.</summary>
    internal float[] ScaleOffset() => [.. deviation.Select(d => 1f / (255f * d)), .. mean.Zip(deviation, (m, d) => -m / d)];

    static float[] Narrow(double[] values)
    {
        ArgumentNullException.ThrowIfNull(values);
        return Array.ConvertAll(values, value => (float)value);
    }
}
