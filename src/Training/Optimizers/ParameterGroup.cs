namespace CnnSharp.Training;

/// <summary>Parameters that are trained alike.</summary>
public sealed class ParameterGroup
{
    /// <summary>Creates a group.</summary>
    /// <param name="parameters">Tensors with <see cref="Tensor.RequiresGrad"/>.</param>
    public ParameterGroup(IEnumerable<Tensor> parameters) => Parameters = [.. parameters];

    /// <summary>The parameters.</summary>
    public IReadOnlyList<Tensor> Parameters { get; }

    /// <summary>Multiplies the optimiser's learning rate; default 1.</summary>
    public float LearningRateScale { get; init; } = 1;

    /// <summary>Replaces the optimiser's weight decay, for parameters of every rank; default null: the optimiser's.</summary>
    public float? WeightDecay { get; init; }
}
