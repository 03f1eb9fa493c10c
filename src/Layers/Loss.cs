namespace CnnSharp.Layers;

/// <summary>What training minimizes: the losses of <see cref="Functional"/> under the names a training loop reads best.</summary>
public static class Loss
{
    /// <inheritdoc cref="Functional.CrossEntropy"/>
    public static Tensor CrossEntropy(Tensor x, Tensor labels, double labelSmoothing = 0, Reduction reduction = Reduction.Mean, int? ignoreIndex = null, Tensor? classWeights = null)
        => Functional.CrossEntropy(x, labels, labelSmoothing, reduction, ignoreIndex, classWeights);

    /// <summary>
    /// The mean cross-entropy of mixed images (Zhang et al. 2017, "mixup"): a share of that of the one class of each and
    /// the rest of that of the other.
    /// </summary>
    /// <param name="x">Logits [N, classes].</param>
    /// <param name="labels">The classes, Int32 [N].</param>
    /// <param name="otherLabels">The classes of what was mixed in; null where nothing was.</param>
    /// <param name="share">The share of <paramref name="labels"/>, 0 to 1.</param>
    /// <param name="labelSmoothing">As for <see cref="CrossEntropy"/>; default 0.</param>
    /// <param name="ignoreIndex">As for <see cref="CrossEntropy"/>; default: none is ignored.</param>
    /// <param name="classWeights">As for <see cref="CrossEntropy"/>; default: 1 each.</param>
    public static Tensor MixedCrossEntropy(Tensor x, Tensor labels, Tensor? otherLabels, double share, double labelSmoothing = 0, int? ignoreIndex = null, Tensor? classWeights = null)
    {
        var loss = CrossEntropy(x, labels, labelSmoothing, Reduction.Mean, ignoreIndex, classWeights);
        return otherLabels is null ? loss : (share * loss) + ((1 - share) * CrossEntropy(x, otherLabels, labelSmoothing, Reduction.Mean, ignoreIndex, classWeights));
    }

    /// <inheritdoc cref="Functional.MulticlassHinge"/>
    public static Tensor MulticlassHinge(Tensor x, Tensor labels, double margin = 1, Reduction reduction = Reduction.Mean, int? ignoreIndex = null, Tensor? classWeights = null)
        => Functional.MulticlassHinge(x, labels, margin, reduction, ignoreIndex, classWeights);

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
    /// <param name="otherLabels">Of mixed images, the other classes; default null.</param>
    /// <param name="share">Of mixed images, the share of <paramref name="labels"/>; default 1.</param>
    /// <param name="ignoreIndex">As for the model's own loss; default: none is ignored.</param>
    /// <param name="classWeights">As for the model's own loss; default: 1 each.</param>
    public static Tensor OfHeads(Layer model, Tensor loss, Tensor labels, double labelSmoothing = 0, Tensor? otherLabels = null, double share = 1, int? ignoreIndex = null, Tensor? classWeights = null)
    {
        if (model is not IAuxiliaryHeads heads) return loss;
        foreach (var logits in heads.AuxiliaryLogits) loss += heads.AuxiliaryWeight * MixedCrossEntropy(logits, labels, otherLabels, share, labelSmoothing, ignoreIndex, classWeights);
        return loss;
    }
}
