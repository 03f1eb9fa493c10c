using System.Runtime.InteropServices;

namespace CnnSharp.Kernels.Cpu;

/// <summary>
/// One piece of native memory that is kept between calls and only grows, so that a training step after the first takes none:
/// a worker's scratch memory, what a call shares between its tasks, what its tasks leave for the caller. Used by one call at
/// a time: under <see cref="Workers.ScratchLock"/>, held from before <see cref="Take{T}"/> until the last use of what it gave.
/// </summary>
internal sealed unsafe class GrowingMemory
{
    void* memory;
    long capacity;

    /// <summary>Bytes it has.</summary>
    public long Capacity => capacity;

    /// <summary>Frees the memory.</summary>
    ~GrowingMemory() => NativeMemory.AlignedFree(memory);

    /// <summary>At least <paramref name="count"/> elements, aligned to a cache line, contents undefined. What was given before may move.</summary>
    public T* Take<T>(long count)
        where T : unmanaged
    {
        var bytes = checked(count * sizeof(T));
        if (bytes > capacity)
        {
            // Forgotten before the new piece is asked for: if there is none, nothing is freed twice.
            NativeMemory.AlignedFree(memory);
            memory = null;
            capacity = 0;
            memory = NativeMemory.AlignedAlloc((nuint)bytes, HostBlock.Alignment);
            capacity = bytes;
        }

        return (T*)memory;
    }
}
