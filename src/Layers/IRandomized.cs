namespace CnnSharp.Layers;

/// <summary>A layer that draws random numbers when it trains. See <see cref="Layer.ManualSeed"/>, which sets all of a model.</summary>
public interface IRandomized
{
    /// <summary>Sets what the next training Forward draws from.</summary>
    /// <param name="seed">The run's seed.</param>
    /// <param name="step">The training step, counted from 0.</param>
    /// <param name="layer">The layer's place in its model.</param>
    void ManualSeed(ulong seed, ulong step, uint layer);

    /// <summary>What the next training Forward draws from, as <see cref="ManualSeed"/> would set it: asked where the layer is computed again (<see cref="Checkpointing.Checkpoint"/>).</summary>
    /// <exception cref="NotSupportedException">The layer does not say; so by default.</exception>
    (ulong Seed, ulong Step, uint Layer) Drawing => throw new NotSupportedException($"{GetType().Name} draws at random and does not say from what, so a layer that has it cannot be computed again (Checkpoint): implement {nameof(IRandomized)}.{nameof(Drawing)}.");
}
