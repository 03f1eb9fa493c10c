using System.Globalization;
using CnnSharp.Kernels;

namespace CnnSharp.Data;

/// <summary>Which samples of a set an epoch has, and in what order: a function of the seed and the epoch alone. One of your own overrides <see cref="Order"/>.</summary>
public abstract class Sampler
{
    // Streams of their own under the seed: layers, which draw from it too, are numbered from 0.
    const uint DrawStream = 0xFF_FFFA;
    const uint ShuffleStream = 0xFF_FFFE;

    /// <summary>Every sample once, in the set's order.</summary>
    public static Sampler Sequential { get; } = new SequentialSampler();

    /// <summary>Every sample once, in an order of its own each epoch.</summary>
    public static Sampler Shuffled { get; } = new ShuffledSampler();

    /// <summary>Samples drawn with replacement, each as often as its weight says.</summary>
    /// <param name="weights">A weight a sample, at least 0, not all 0.</param>
    /// <param name="count">Samples an epoch; default as many as there are.</param>
    /// <exception cref="ArgumentException">A weight is negative or not finite, or all are 0.</exception>
    public static Sampler Weighted(IReadOnlyList<double> weights, int? count = null)
    {
        ArgumentNullException.ThrowIfNull(weights);
        return new WeightedSampler([.. weights], count ?? weights.Count);
    }

    /// <summary>Samples drawn with replacement so that every class comes as often as any other.</summary>
    /// <param name="labels">The class of each sample.</param>
    /// <param name="count">Samples an epoch; default as many as there are.</param>
    public static Sampler Balanced(ReadOnlySpan<int> labels, int? count = null)
    {
        var sizes = new Dictionary<int, int>();
        foreach (var label in labels) sizes[label] = sizes.GetValueOrDefault(label) + 1;
        var weights = new double[labels.Length];
        for (var i = 0; i < weights.Length; i++) weights[i] = 1.0 / sizes[labels[i]];
        return new WeightedSampler(weights, count ?? weights.Length);
    }

    /// <summary>Samples that an epoch has, of a set of so many.</summary>
    public virtual int CountOf(int samples) => samples;

    /// <summary>The samples of an epoch, by their index, <see cref="CountOf"/> of them.</summary>
    /// <param name="samples">How many the set has.</param>
    /// <param name="seed">The key of the order.</param>
    /// <param name="epoch">Which epoch, from 0.</param>
    public abstract int[] Order(int samples, ulong seed, int epoch);

    /// <summary>0 to count - 1 in an order that the seed and the epoch decide.</summary>
    internal static int[] Shuffle(int count, ulong seed, int epoch)
    {
        var order = Count(count);

        // Fisher and Yates, from the end; number i of the stream decides position i.
        var stream = Philox.Stream((ulong)epoch, ShuffleStream);
        for (var i = order.Length - 1; i > 0; i--)
        {
            var j = Augment.Below(Philox.At(seed, stream, (ulong)i), i + 1);
            (order[i], order[j]) = (order[j], order[i]);
        }

        return order;
    }

    static int[] Count(int count)
    {
        var order = new int[count];
        for (var i = 0; i < order.Length; i++) order[i] = i;
        return order;
    }

    sealed class SequentialSampler : Sampler
    {
        public override int[] Order(int samples, ulong seed, int epoch) => Count(samples);

        public override string ToString() => "sequential";
    }

    sealed class ShuffledSampler : Sampler
    {
        public override int[] Order(int samples, ulong seed, int epoch) => Shuffle(samples, seed, epoch);

        public override string ToString() => "shuffled";
    }

    sealed class WeightedSampler : Sampler
    {
        readonly double[] upTo;
        readonly int count;

        public WeightedSampler(double[] weights, int count)
        {
            if (weights.Length == 0) throw new ArgumentException("Sampler: there are no samples to draw from.", nameof(weights));
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
            upTo = new double[weights.Length];
            var sum = 0.0;
            for (var i = 0; i < weights.Length; i++)
            {
                if (!(weights[i] >= 0 && double.IsFinite(weights[i]))) throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"Sampler: the weight of sample {i} is {weights[i]}; expected a finite number of at least 0."), nameof(weights));
                upTo[i] = sum += weights[i];
            }

            if (!(sum > 0)) throw new ArgumentException("Sampler: all weights are 0.", nameof(weights));
            this.count = count;
        }

        public override int CountOf(int samples) => count;

        public override int[] Order(int samples, ulong seed, int epoch)
        {
            if (samples != upTo.Length) throw new ArgumentException($"Sampler: {upTo.Length:N0} weights for {samples:N0} samples.");
            var stream = Philox.Stream((ulong)epoch, DrawStream);
            var order = new int[count];
            for (var i = 0; i < count; i++)
            {
                // 52 bits: more samples than 32 would tell apart, and no product that is rounded up to the sum. Below the sum, so a weight of 0 is never met.
                var bits = ((ulong)Philox.At(seed, stream, 2 * (ulong)i) << 32) | Philox.At(seed, stream, (2 * (ulong)i) + 1);
                var at = Array.BinarySearch(upTo, (bits >> 12) * (1.0 / (1UL << 52)) * upTo[^1]);
                order[i] = at < 0 ? ~at : First(at + 1);
            }

            return order;
        }

        /// <summary>The first sample from <paramref name="at"/> on that has a weight.</summary>
        int First(int at)
        {
            while (upTo[at] == upTo[at - 1]) at++;
            return at;
        }

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"weighted, {count} an epoch");
    }
}
