namespace CnnSharp.Layers;

/// <summary>What training minimises: the losses of <see cref="Functional"/> under the names a training loop reads best.</summary>
public static class Loss
{
    /// <inheritdoc cref="Functional.CrossEntropy"/>
    public static Tensor CrossEntropy(Tensor x, Tensor labels, float labelSmoothing = 0, Reduction reduction = Reduction.Mean) => Functional.CrossEntropy(x, labels, labelSmoothing, reduction);

    /// <inheritdoc cref="Functional.MulticlassHinge"/>
    public static Tensor MulticlassHinge(Tensor x, Tensor labels, float margin = 1, Reduction reduction = Reduction.Mean) => Functional.MulticlassHinge(x, labels, margin, reduction);

    /// <inheritdoc cref="Functional.MeanSquaredError"/>
    public static Tensor MeanSquaredError(Tensor x, Tensor target, Reduction reduction = Reduction.Mean) => Functional.MeanSquaredError(x, target, reduction);

    /// <inheritdoc cref="Functional.L1Loss"/>
    public static Tensor L1(Tensor x, Tensor target, Reduction reduction = Reduction.Mean) => Functional.L1Loss(x, target, reduction);

    /// <inheritdoc cref="Functional.SmoothL1Loss"/>
    public static Tensor SmoothL1(Tensor x, Tensor target, Reduction reduction = Reduction.Mean) => Functional.SmoothL1Loss(x, target, reduction);

    /// <inheritdoc cref="Functional.BinaryCrossEntropyWithLogits"/>
    public static Tensor BinaryCrossEntropyWithLogits(Tensor x, Tensor target, Reduction reduction = Reduction.Mean) => Functional.BinaryCrossEntropyWithLogits(x, target, reduction);

    /// <summary>The loss of a model with its auxiliary heads, if it is one of <see cref="IAuxiliaryHeads"/>: <paramref name="loss"/> itself if not.</summary>
    /// <param name="model">What was trained.</param>
    /// <param name="loss">The mean cross-entropy of its logits.</param>
    /// <param name="labels">The classes.</param>
    /// <param name="labelSmoothing">As for the model's own loss; default 0.</param>
    public static Tensor OfHeads(Layer model, Tensor loss, Tensor labels, float labelSmoothing = 0)
    {
        if (model is not IAuxiliaryHeads heads) return loss;
        foreach (var logits in heads.AuxiliaryLogits) loss += heads.AuxiliaryWeight * CrossEntropy(logits, labels, labelSmoothing);
        return loss;
    }
}
