namespace CnnSharp.Kernels;

/// <summary>A piece of an engine's memory: what the pool keeps. Each engine has its own kind.</summary>
/// <param name="capacity">Usable bytes.</param>
public abstract class MemoryBlock(long capacity)
{
    /// <summary>Usable bytes.</summary>
    public long Capacity { get; } = capacity;

    /// <summary>Gives the memory back to the system.</summary>
    protected internal abstract void Free();
}
