namespace CnnSharp.Tests;

/// <summary>
/// Sums of up to sixteen channels with random signs. A convolution is linear in its channels, so that a projection of its result
/// is the convolution with projected weights: the plain kernels check every element of a large result at a sixteenth of the
/// work. An element that is wrong by e shows as e in the one sum that it is part of.
/// </summary>
sealed class ChannelProjection
{
    const int Most = 16;

    readonly int[] sums;
    readonly double[] signs;

    /// <param name="channels">Channels to project.</param>
    /// <param name="groups">Channels of two groups are never in one sum.</param>
    /// <param name="random">Draws the signs.</param>
    public ChannelProjection(int channels, int groups, Random random)
    {
        var inGroup = channels / groups;
        var sumsOfGroup = (inGroup + Most - 1) / Most;
        Count = groups * sumsOfGroup;
        sums = [.. Enumerable.Range(0, channels).Select(c => (c / inGroup * sumsOfGroup) + (c % inGroup % sumsOfGroup))];
        signs = [.. sums.Select(_ => random.Next(2) == 0 ? -1.0 : 1.0)];
    }

    /// <summary>How many sums there are.</summary>
    public int Count { get; }

    /// <summary>[..., channels] to [..., Count].</summary>
    public double[] OfLast(ReadOnlySpan<float> values)
    {
        var channels = sums.Length;
        var projected = new double[values.Length / channels * Count];
        for (var row = 0; row < values.Length / channels; row++)
        {
            for (var c = 0; c < channels; c++) projected[(row * Count) + sums[c]] += signs[c] * values[(row * channels) + c];
        }

        return projected;
    }

    /// <summary>The input channels of weights [taps, C / groups, K], whose K are <paramref name="outputs"/> in <paramref name="groups"/> groups: [taps, Count / groups, K].</summary>
    public double[] OfInputs(ReadOnlySpan<float> weights, int groups, int outputs)
    {
        int inGroup = sums.Length / groups, sumsOfGroup = Count / groups, outputsOfGroup = outputs / groups;
        var projected = new double[weights.Length / inGroup * sumsOfGroup];
        for (var row = 0; row < weights.Length / outputs; row++)
        {
            var (tap, c) = Math.DivRem(row, inGroup);
            for (var k = 0; k < outputs; k++)
            {
                var group = k / outputsOfGroup;
                var channel = (group * inGroup) + c;
                projected[(((tap * sumsOfGroup) + sums[channel] - (group * sumsOfGroup)) * outputs) + k] += signs[channel] * weights[(row * outputs) + k];
            }
        }

        return projected;
    }
}
