using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>The learning rate, and perhaps the weight decay, of some of a model's parameters.</summary>
/// <param name="Pattern">Of their paths; <c>*</c> stands for any characters: <c>layer1.*</c>.</param>
/// <param name="Scale">What the optimizer's rate is multiplied by; 0 leaves the parameters as they are, though their gradients are computed (<see cref="Layer.Freeze"/> spares that).</param>
/// <param name="WeightDecay">Replaces the optimizer's weight decay; default null: it stays. To spare all biases and norms: <see cref="OptimizerOptions.DecayVectors"/>.</param>
public readonly record struct LearningRateRule(string Pattern, double Scale, double? WeightDecay = null);

/// <summary>Parameters that are trained alike.</summary>
public sealed class ParameterGroup
{
    /// <summary>Creates a group.</summary>
    /// <param name="parameters">Tensors with <see cref="Tensor.RequiresGrad"/>.</param>
    public ParameterGroup(IEnumerable<Tensor> parameters) => Parameters = [.. parameters];

    /// <summary>A model's parameters by rate: each belongs to the first rule that it fits, what fits none to the last group, at the optimizer's own rate.</summary>
    /// <param name="model">Any.</param>
    /// <param name="rates">The rules.</param>
    /// <exception cref="ArgumentException">A rule fits no parameter, or a scale or a weight decay is negative.</exception>
    public static IReadOnlyList<ParameterGroup> Of(Layer model, params IReadOnlyList<LearningRateRule> rates)
    {
        var parameters = model.Parameters;
        var left = new HashSet<Tensor>(parameters, ReferenceEqualityComparer.Instance);
        var groups = new List<ParameterGroup>();
        foreach (var (pattern, scale, decay) in rates)
        {
            if (!(scale >= 0)) throw new ArgumentOutOfRangeException(nameof(rates), scale, $"The learning rate of '{pattern}' must be scaled by at least 0.");
            if (!(decay is null or >= 0)) throw new ArgumentOutOfRangeException(nameof(rates), decay, $"The weight decay of '{pattern}' must be at least 0.");
            groups.Add(new(model.ParametersLike(pattern).Select(t => t.Tensor).Where(left.Remove)) { LearningRateScale = scale, WeightDecay = decay });
        }

        groups.Add(new(parameters.Where(left.Contains)));
        return groups;
    }

    /// <summary>The parameters.</summary>
    public IReadOnlyList<Tensor> Parameters { get; }

    /// <summary>Multiplies the optimizer's learning rate; default 1.</summary>
    public double LearningRateScale { get; init; } = 1;

    /// <summary>Replaces the optimizer's weight decay, for parameters of every rank; default null: the optimizer's.</summary>
    public double? WeightDecay { get; init; }
}
