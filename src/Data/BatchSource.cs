namespace CnnSharp.Data;

/// <summary>What a loader makes its batches of: first on any thread what needs no device, then the batch.</summary>
abstract class BatchSource
{
    /// <inheritdoc cref="DataLoader.Stage"/>
    public string? Stage { get; set; }

    /// <inheritdoc cref="DataLoader.TargetRange"/>
    public (float Least, float Most)? TargetRange { get; set; }

    /// <summary>Whether planning a batch takes time, so that threads of its own do it.</summary>
    public abstract bool TakesTime { get; }

    /// <summary>All of a batch that can be done ahead. May be called by several threads at once.</summary>
    /// <param name="epoch">Which epoch, from 0.</param>
    /// <param name="order">Its samples, by their index within the set.</param>
    /// <param name="batch">Which batch of it, from 0.</param>
    public abstract object Plan(int epoch, int[] order, int batch);

    /// <summary>The batch on the device. Called by the loader's user's thread, in order.</summary>
    public abstract Batch Make(object plan);
}
