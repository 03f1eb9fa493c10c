using System.Runtime.InteropServices;

namespace CnnSharp.Kernels.Cpu;

/// <summary>
/// Native memory for one kernel call at a time, whose tasks have a part each (what a worker's scratch memory cannot be: read
/// by the caller after the tasks are done). Used under <see cref="Workers.Gate"/>, held from before <see cref="Take"/> until
/// the last use of what it gave. It only grows, so a training step after the first takes none.
/// </summary>
internal sealed unsafe class CallMemory
{
    void* memory;
    long capacity;

    /// <summary>Frees the memory.</summary>
    ~CallMemory() => NativeMemory.AlignedFree(memory);

    /// <summary>At least <paramref name="doubles"/> doubles, aligned to a cache line, contents undefined.</summary>
    public double* Take(long doubles)
    {
        if (doubles > capacity)
        {
            NativeMemory.AlignedFree(memory);
            capacity = 0;
            memory = NativeMemory.AlignedAlloc(checked((nuint)doubles * sizeof(double)), HostBlock.Alignment);
            capacity = doubles;
        }

        return (double*)memory;
    }
}
