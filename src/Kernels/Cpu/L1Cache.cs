using System.Runtime.Intrinsics.X86;

namespace CnnSharp.Kernels.Cpu;

/// <summary>The first-level data cache of a core.</summary>
static class L1Cache
{
    /// <summary>How many lines whose addresses are a multiple of <see cref="WaySize"/> apart it holds: 8 or 12. 8 where the processor does not say.</summary>
    public static int Ways { get; } = ReadWays();

    /// <summary>Bytes of a way: 64 sets of 64 bytes, so that a set follows from an address within a page.</summary>
    public const int WaySize = 4096;

    static int ReadWays()
    {
        if (!X86Base.IsSupported) return 8;

        // Intel's leaf of caches, and AMD's of the same form; the first entry is the L1 for data. EBX: ways less one in the upper ten bits.
        foreach (var leaf in new[] { 4, unchecked((int)0x8000001D) })
        {
            var highest = X86Base.CpuId(leaf & int.MinValue, 0).Eax;
            if ((uint)highest < (uint)leaf) continue;
            var (eax, ebx, _, _) = X86Base.CpuId(leaf, 0);
            if ((eax & 31) == 1 && ((eax >> 5) & 7) == 1) return (int)((uint)ebx >> 22) + 1;
        }

        return 8;
    }
}
