namespace CnnSharp.Layers;

/// <summary>
/// A classifier that in training has further classifiers on its way, so that gradients reach its early layers: their
/// losses are added to its own (Szegedy et al. 2014). <see cref="Loss.OfHeads"/> does that.
/// </summary>
public interface IAuxiliaryHeads
{
    /// <summary>The heads' logits of the last Forward, each [N, classes]; none if it did not train and record.</summary>
    IReadOnlyList<Tensor> AuxiliaryLogits { get; }

    /// <summary>What the heads' losses are multiplied by.</summary>
    float AuxiliaryWeight { get; }
}
