namespace CnnSharp.Layers;

/// <summary>Less memory in training for some more time.</summary>
public static class Checkpointing
{
    /// <summary>
    /// Has a layer keep in training only its input and its result: what lies between is given back, and computed again in the backward pass
    /// (gradient checkpointing, Chen et al. 2016, "Training deep nets with sublinear memory cost"; PyTorch's <c>checkpoint</c>). Gradients are the same to
    /// the byte, dropout draws the same and running statistics move once. The layer's names and weights stay as they are. To be called for
    /// blocks: a block's forward pass is computed twice, and its memory is needed for one block at a time.
    /// </summary>
    /// <remarks>
    /// Compute runs twice, so it is to have no effects of its own, and tensors that it keeps beside its result have no gradient. Where a block
    /// ends in a batch normalization and an addition follows outside, the two are not fused, and the result may differ in the last bit.
    /// Layers of one's own that draw at random say by <see cref="IRandomized.Drawing"/> what they draw from.
    /// </remarks>
    /// <param name="layer">A block of a model.</param>
    /// <param name="on">Whether it is; default true.</param>
    /// <returns>The layer.</returns>
    /// <example><code>foreach (var block in model.Modules().OfType&lt;BasicBlock>()) block.Checkpoint();</code></example>
    public static T Checkpoint<T>(this T layer, bool on = true)
        where T : Layer
    {
        ArgumentNullException.ThrowIfNull(layer);
        layer.IsCheckpointed = on;
        return layer;
    }

    /// <summary>Cuts a long chain into parts of as many layers, each of which is a block as in <see cref="Checkpoint"/> (PyTorch's <c>checkpoint_sequential</c>). About the root of its length saves most.</summary>
    /// <param name="chain">The layers.</param>
    /// <param name="segments">How many parts, from 1 to its length; 0: none.</param>
    /// <returns>The chain.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There are not so many layers.</exception>
    public static Sequential CheckpointSegments(this Sequential chain, int segments)
    {
        ArgumentNullException.ThrowIfNull(chain);
        if (segments < 0 || segments > chain.Count) throw new ArgumentOutOfRangeException(nameof(segments), segments, $"CheckpointSegments: expected from 0 to {chain.Count} parts, as many as there are layers.");
        chain.CheckpointedSegments = segments;
        return chain;
    }
}

/// <summary>What the layers of a block were as its forward pass began: their modes, and what they were to draw from.</summary>
sealed class LayerStates
{
    readonly (Layer Layer, bool IsTraining, (ulong Seed, ulong Step, uint Layer)? Drawing)[] states;

    /// <summary>The states now.</summary>
    public LayerStates(Layer block) => states = [.. block.Modules().Select(layer => (layer, layer.IsTraining, (layer as IRandomized)?.Drawing))];

    /// <summary>Computes in these states; afterwards the layers are as they were before.</summary>
    public Tensor Within(Layer block, Func<Tensor> compute)
    {
        var now = new LayerStates(block);
        Set();
        try
        {
            return compute();
        }
        finally
        {
            now.Set();
        }
    }

    void Set()
    {
        foreach (var (layer, isTraining, drawing) in states)
        {
            layer.SetTraining(isTraining);
            if (drawing is var (seed, step, number)) ((IRandomized)layer).ManualSeed(seed, step, number);
        }
    }
}
