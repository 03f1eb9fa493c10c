using System.Numerics;
using System.Runtime.InteropServices;

namespace ILGPU.Runtime.CPU;

/// <summary>
/// Keeps threads on one processor. Threads that hand a turn to each other do so in under a microsecond there, and in ten
/// where each is woken on another processor that has gone to sleep meanwhile.
/// </summary>
internal static unsafe partial class Affinity
{
    const int Words = 16;
    const int Bits = 64;

    /// <summary>Keeps the calling thread, and the threads it starts from now on, on the index-th of the processors that it may use. Does so on Linux; elsewhere it has no effect.</summary>
    public static void Keep(int index)
    {
        if (!OperatingSystem.IsLinux())
            return;
        ulong* allowed = stackalloc ulong[Words];
        ulong* one = stackalloc ulong[Words];
        new Span<ulong>(one, Words).Clear();
        if (GetAffinity(0, Words * sizeof(ulong), allowed) != 0)
            return;
        int count = 0;
        for (int i = 0; i < Words; i++)
            count += BitOperations.PopCount(allowed[i]);
        for (int i = 0, skip = index % Math.Max(count, 1); i < Words * Bits; i++)
        {
            if ((allowed[i / Bits] >> (i % Bits) & 1) == 0 || skip-- > 0)
                continue;
            one[i / Bits] = 1UL << (i % Bits);
            // Only speed is lost where the system refuses.
            _ = SetAffinity(0, Words * sizeof(ulong), one);
            return;
        }
    }

    [LibraryImport("libc", EntryPoint = "sched_getaffinity")]
    private static partial int GetAffinity(int thread, nint size, ulong* mask);

    [LibraryImport("libc", EntryPoint = "sched_setaffinity")]
    private static partial int SetAffinity(int thread, nint size, ulong* mask);
}
