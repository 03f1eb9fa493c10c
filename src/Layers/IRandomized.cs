namespace CnnSharp.Layers;

/// <summary>A layer that draws random numbers when it trains. See <see cref="Layer.ManualSeed"/>, which sets all of a model.</summary>
public interface IRandomized
{
    /// <summary>Sets what the next training Forward draws from.</summary>
    /// <param name="seed">The run's seed.</param>
    /// <param name="step">The training step, counted from 0.</param>
    /// <param name="layer">The layer's place in its model.</param>
    void ManualSeed(ulong seed, ulong step, uint layer);
}
