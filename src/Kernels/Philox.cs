namespace CnnSharp.Kernels;

/// <summary>
/// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): a counter-based generator, so
/// that number i of a stream is the same on every engine and for any number of threads.
/// </summary>
public static class Philox
{
    internal const uint M0 = 0xD2511F53, M1 = 0xCD9E8D57, W0 = 0x9E3779B9, W1 = 0xBB67AE85;

    /// <summary>The four numbers of block <paramref name="block"/> of stream <paramref name="stream"/> under a seed.</summary>
    /// <param name="seed">The key: low word, then high word.</param>
    /// <param name="stream">Counter words 2 and 3.</param>
    /// <param name="block">Counter words 0 and 1.</param>
    public static (uint X0, uint X1, uint X2, uint X3) Block(ulong seed, ulong stream, ulong block)
    {
        uint c0 = (uint)block, c1 = (uint)(block >> 32), c2 = (uint)stream, c3 = (uint)(stream >> 32);
        uint k0 = (uint)seed, k1 = (uint)(seed >> 32);
        for (var round = 0; round < 10; round++)
        {
            var p0 = (ulong)M0 * c0;
            var p1 = (ulong)M1 * c2;
            var n0 = (uint)(p1 >> 32) ^ c1 ^ k0;
            var n2 = (uint)(p0 >> 32) ^ c3 ^ k1;
            c1 = (uint)p1;
            c3 = (uint)p0;
            c0 = n0;
            c2 = n2;
            k0 += W0;
            k1 += W1;
        }

        return (c0, c1, c2, c3);
    }

    /// <summary>Number <paramref name="index"/> of a stream: lane <c>index % 4</c> of block <c>index / 4</c>.</summary>
    public static uint At(ulong seed, ulong stream, ulong index)
    {
        var (x0, x1, x2, x3) = Block(seed, stream, index / 4);
        return (index % 4) switch { 0 => x0, 1 => x1, 2 => x2, _ => x3 };
    }

    /// <summary>A stream for the numbers of one layer at one step.</summary>
    public static ulong Stream(ulong step, uint layer) => (step << 24) ^ layer;
}
