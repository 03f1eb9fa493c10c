namespace CnnSharp.Layers;

/// <summary>exp(x) / sum of exp(x) over the last axis: [..., classes] to the same shape. For probabilities; losses take logits.</summary>
public sealed class Softmax : Layer
{
    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.Softmax(x);
}

/// <summary>The logarithm of <see cref="Softmax"/>.</summary>
public sealed class LogSoftmax : Layer
{
    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.LogSoftmax(x);
}
