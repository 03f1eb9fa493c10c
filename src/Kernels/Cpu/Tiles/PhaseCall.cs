using CnnSharp.Generators;

namespace CnnSharp.Kernels.Cpu;

/// <summary>
/// What all calls of a phase tile in one piece of work share. A tile reads p pixels of dy, each with the pixel right of it
/// and the two below, and writes the 2 by 2 pixels of dx that a 3 by 3 kernel at stride 2, padded by 1, gathers from them:
/// all four phases of the stride at once. A value of dy then meets up to four vectors of weights.
/// </summary>
internal unsafe struct PhaseCall
{
    /// <summary>Bytes between two pixels of dy.</summary>
    public nint PixelStride;

    /// <summary>Bytes from a pixel of dy to the one right of it, and to the one below.</summary>
    public nint Right, Down;

    /// <summary>Channels of dy.</summary>
    public int Length;

    /// <summary>What the next pixels need, prefetched twice a tile.</summary>
    public Prefetcher Next;

    /// <summary>What every sum starts with: one vector.</summary>
    public float* Bias;

    /// <summary>Floats between the results of two pixels.</summary>
    public nint OutStride;

    /// <summary>Floats from an even column of dx to the next one, and from an even row.</summary>
    public nint OutRight, OutDown;

    /// <summary>Whether the results are added to dx.</summary>
    public bool Accumulate;
}

/// <summary>
/// The register tiles of <see cref="PhaseCall"/>. Weights, one vector each: for every channel of dy those of taps (1, 1),
/// (1, 2), (2, 1), (2, 2) for the pixel and (1, 0), (2, 0) for the one right of it; then, for every channel, of (0, 1), (0, 2)
/// for the pixel below and (0, 0) for the one right of that.
/// </summary>
[PhaseTile(1)]
[PhaseTile(2)]
[PhaseTile(3)]
[PhaseTile(4)]
[PhaseTile(5)]
internal static unsafe partial class PhaseTiles<V>
    where V : unmanaged, IVector<V>
{
    /// <summary>The most pixels a tile has.</summary>
    public const int MaxPixels = 5;

    /// <summary>The taps whose weights a tile reads, 3 row + column: six for every channel, then three for every channel.</summary>
    public static ReadOnlySpan<byte> Taps => [4, 5, 7, 8, 3, 6, 1, 2, 0];

    /// <summary>The tile of <paramref name="pixels"/> pixels; its last argument says whether there is a row below.</summary>
    public static delegate*<PhaseCall*, float*, float*, float*, bool, void> Tile(int pixels) => Written(pixels);
}
