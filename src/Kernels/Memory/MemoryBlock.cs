namespace CnnSharp.Kernels;

/// <summary>A piece of an engine's memory: what the pool keeps. Each engine has its own kind.</summary>
/// <param name="capacity">Usable bytes.</param>
public abstract class MemoryBlock(long capacity)
{
    /// <summary>Usable bytes.</summary>
    public long Capacity { get; } = capacity;

    /// <summary>What a pool that cuts blocks knows of this one.</summary>
    internal FreePieces.Piece? Piece { get; set; }

    /// <summary>A part of it, which is never given back by itself: it is as good as the whole, and as long.</summary>
    /// <param name="start">Where the part begins, in bytes.</param>
    /// <param name="length">Its bytes.</param>
    protected internal abstract MemoryBlock Part(long start, long length);

    /// <summary>Gives the memory back to the system.</summary>
    protected internal abstract void Free();
}
