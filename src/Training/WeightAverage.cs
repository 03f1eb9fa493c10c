using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>
/// An average of the weights that a training goes through, which is often better than the last of them. Validation, the best checkpoint and the model at the end have the
/// average; a checkpoint to go on from has both. Running statistics of batch normalization are averaged alike.
/// </summary>
public sealed record WeightAverage
{
    WeightAverage()
    {
    }

    /// <summary>Of an exponential average: what is kept of it at each step, in the long run; of lookahead: each time. Null: an equal average.</summary>
    public double? Decay { get; private init; }

    /// <summary>Of an equal average: the first epoch whose end is counted, from 1.</summary>
    public int FirstEpoch { get; private init; }

    /// <summary>Of lookahead: the steps after which the weights go back to the average; else null.</summary>
    public int? Every { get; private init; }

    /// <summary>An exponential moving average (EMA) over the steps: average = d average + (1 - d) weight, where d is the decay or, in the first steps t, the lower (1 + t) / (10 + t).</summary>
    /// <param name="decay">Within [0, 1); default 0.999, an average over about 1,000 steps.</param>
    /// <exception cref="ArgumentOutOfRangeException">The decay is out of its range.</exception>
    public static WeightAverage Exponential(double decay = 0.999)
        => decay is >= 0 and < 1 ? new() { Decay = decay } : throw new ArgumentOutOfRangeException(nameof(decay), decay, "WeightAverage: the decay must be within [0, 1).");

    /// <summary>Stochastic weight averaging (SWA, Izmailov et al. 2018): the mean of the weights at the ends of the epochs from one on; until then the weights themselves. It wants a rate that stays high at the end.</summary>
    /// <param name="firstEpoch">The first epoch whose end is counted, from 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The epoch is not at least 1.</exception>
    public static WeightAverage Stochastic(int firstEpoch)
        => firstEpoch >= 1 ? new() { FirstEpoch = firstEpoch } : throw new ArgumentOutOfRangeException(nameof(firstEpoch), firstEpoch, "WeightAverage: the first epoch must be at least 1.");

    /// <summary>Lookahead (Zhang et al. 2019): after every so many steps slow += share (weight - slow), and the weights go on from there. Running statistics are left alone.</summary>
    /// <param name="every">Steps, at least 1; default 5.</param>
    /// <param name="share">Within (0, 1]; default 0.5.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public static WeightAverage Lookahead(int every = 5, double share = 0.5)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(every, 1);
        return share is > 0 and <= 1 ? new() { Decay = 1 - share, Every = every } : throw new ArgumentOutOfRangeException(nameof(share), share, "WeightAverage: the share must be within (0, 1].");
    }
}

/// <summary>The average of a model's weights during a training.</summary>
sealed class AveragedWeights : IDisposable
{
    readonly WeightAverage options;
    readonly Device device;
    readonly List<(string Name, Tensor Tensor, Tensor Average)> weights = [];

    public AveragedWeights(Layer model, WeightAverage options, Device device)
    {
        (this.options, this.device) = (options, device);
        var parameters = new HashSet<Tensor>(model.Parameters, ReferenceEqualityComparer.Instance);
        foreach (var (name, tensor) in model.StateDict())
        {
            if (tensor.DType != device.FloatType || (options.Every is not null && !parameters.Contains(tensor))) continue;
            var average = Tensor.Uninitialized(tensor.Shape, device);
            average.Name = name;
            Copy(tensor, average);
            weights.Add((name, tensor, average));
        }
    }

    /// <summary>Steps or epochs that it is made of.</summary>
    public long Count { get; set; }

    /// <summary>The averages, by the names of the weights.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> Averages => weights.Select(weight => (weight.Name, weight.Average));

    /// <summary>Takes the weights after a step.</summary>
    public void AddStep()
    {
        if (options.Decay is not { } decay) return;
        Count++;
        if (options.Every is not { } every)
        {
            Add(1 - Math.Min(decay, Count / (9.0 + Count)));
        }
        else if (Count % every == 0)
        {
            Add(1 - decay);
            foreach (var (_, tensor, average) in weights) Copy(average, tensor);
        }
    }

    /// <summary>Takes the weights after an epoch.</summary>
    /// <param name="epoch">Which, from 1.</param>
    public void AddEpoch(int epoch)
    {
        if (options.Decay is not null) return;
        if (epoch >= options.FirstEpoch) Count++;
        Add(1.0 / Math.Max(Count, 1));
    }

    /// <summary>Exchanges weights and average.</summary>
    public void Exchange()
    {
        foreach (var (_, tensor, average) in weights)
        {
            using var held = Tensor.Uninitialized(tensor.Shape, device);
            Copy(tensor, held);
            Copy(average, tensor);
            Copy(held, average);
        }
    }

    public void Dispose()
    {
        foreach (var (_, _, average) in weights) average.Dispose();
    }

    /// <summary>average += share (weight - average).</summary>
    void Add(double share)
    {
        var k = device.Kernels.Elementwise;
        foreach (var (_, tensor, average) in weights)
        {
            k.Unary(Kernels.UnaryOp.MultiplyScalar, (float)(1 - share), average.Data, average.Data);
            k.AddScaled((float)share, tensor.Data, average.Data);
        }
    }

    void Copy(Tensor source, Tensor target)
        => device.Kernels.Memory.CopyRegion(Kernels.RegionGeometry.Run(checked((int)source.Count)), source.Data, target.Data);
}
