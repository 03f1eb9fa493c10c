using CnnSharp.Generators;

namespace CnnSharp.Kernels.Cpu;

/// <summary>
/// What all calls of a correlation tile in one piece of work share. A tile is two halves of h neighboring pixels
/// (anywhere in the image) by v vectors of output channels:
/// y[p, k] = bias[k] + sum over segments t and their values i of x[p PixelStride + Offsets[t] + i] w[t Length + i, k].
/// </summary>
internal unsafe struct CorrelationCall
{
    /// <summary>Floats by which weights are prefetched before their use: 48 steps of the widest tile, some 700 cycles.</summary>
    public const int PrefetchDistance = 1536;

    /// <summary>Bytes between two pixels of x.</summary>
    public nint PixelStride;

    /// <summary>Bytes between two rows of w: v vectors where it is packed.</summary>
    public nint WeightStride;

    /// <summary>Floats between two pixels of y.</summary>
    public nint OutStride;

    /// <summary>Bytes from a pixel to the start of each segment.</summary>
    public nint* Offsets;

    /// <summary>Runs of contiguous values of x that a pixel reads.</summary>
    public int Segments;

    /// <summary>Values of a segment.</summary>
    public int Length;

    /// <summary>Prefetches what the next pixels need: value by value, with one vector segment by segment.</summary>
    public Prefetcher Next;

    /// <summary>The scales of the tile's output channels, or null: result = result Scale + Shift.</summary>
    public float* Scale;

    /// <summary>What <see cref="Scale"/> says.</summary>
    public float* Shift;

    /// <summary>Floats from y to what is added to the scaled result, shaped as y; 0: nothing.</summary>
    public nint Add;

    /// <summary>Whether the result, after <see cref="Relu"/> and <see cref="Upper"/>, is added to y.</summary>
    public bool Accumulate;

    /// <summary>Whether the result is max(result, 0).</summary>
    public bool Relu;

    /// <summary>After the ReLU min(result, Upper); 0: no bound.</summary>
    public float Upper;

    /// <summary>What <see cref="TilePair{V}"/> does to the stored results: <see cref="Epilogue.Silu"/>.</summary>
    public bool Silu;
}

/// <summary>
/// The register tiles of forward and backward-data passes and of matrix products: each value of x is broadcast and meets v
/// vectors of weights that stay in registers, as do the 2 h v sums.
/// </summary>
[CorrelationTile(4, 1)]
[CorrelationTile(5, 1)]
[CorrelationTile(6, 1)]
[CorrelationTile(7, 1)]
[CorrelationTile(8, 1)]
[CorrelationTile(3, 2)]
[CorrelationTile(4, 2)]
[CorrelationTile(5, 2)]
[CorrelationTile(6, 2)]
[CorrelationTile(7, 2)]
[CorrelationTile(4, 3)]
[CorrelationTile(8, 1, Length = 9)]
internal static unsafe partial class CorrelationTiles<V>
    where V : unmanaged, IVector<V>
{
    /// <summary>The most floats a tile writes.</summary>
    public const int MaxTile = 16 * 16 * 3;

    /// <summary>The most pixels a half has.</summary>
    public const int MaxHalfTilePixels = 8;

    /// <summary>How many vectors of output channels to take next, when <paramref name="left"/> are left.</summary>
    public static int Vectors(int left) => left == 3 && V.Registers >= 32 ? 3 : Math.Min(left, 2);

    /// <summary>Blocks of output channels that <paramref name="vectors"/> vectors make.</summary>
    public static int Blocks(int vectors)
    {
        var blocks = 0;
        for (; vectors > 0; vectors -= Vectors(vectors)) blocks++;
        return blocks;
    }

    /// <summary>The pixels of the largest tile of <paramref name="vectors"/> vectors.</summary>
    public static int TilePixels(int vectors) => 2 * Halves(vectors).Last;

    /// <summary>The half that computes <paramref name="runs"/> runs of <paramref name="pixels"/> pixels in the fewest cycles.</summary>
    public static int HalfTilePixels(int vectors, int pixels, long runs)
    {
        var (first, last) = Halves(vectors);
        var best = first;
        var fewest = double.MaxValue;
        for (var half = first; half <= last; half++)
        {
            // Two multiply-adds, or two loads, a cycle; the half cycle stands for what cannot overlap, and for the results of a
            // last half that starts earlier, which go through memory. An odd half is computed as a whole tile.
            var cycles = Math.Max(half * vectors, (vectors + (2 * half)) / 2.0) + 0.5;
            var halves = (pixels + half - 1) / half * runs;
            var total = ((halves + (halves & 1)) * cycles) + (pixels % half == 0 ? 0 : 0.5 * runs);
            if (total > fewest) continue;
            fewest = total;
            best = half;
        }

        return best;
    }

    /// <summary>The smallest and the largest half of a tile.</summary>
    static (int First, int Last) Halves(int vectors) => (V.Registers >= 32, vectors) switch
    {
        (true, 1) => (4, 8),
        (true, 2) => (4, 7),
        (true, _) => (4, 4),
        (false, 1) => (4, 6),
        (false, _) => (3, 3),
    };

    /// <summary>The tile of 2 <paramref name="half"/> pixels by one vector for segments of <paramref name="length"/> values with packed weights, or null where there is none.</summary>
    public static delegate*<CorrelationCall*, float*, float*, float*, float*, float*, float*, void> Of(int half, int length)
        => V.Registers >= 32 ? WrittenOf(half, length) : null;

    /// <summary>The tile of 2 <paramref name="half"/> pixels by <paramref name="vectors"/> vectors.</summary>
    public static delegate*<CorrelationCall*, float*, float*, float*, float*, float*, float*, void> Tile(int half, int vectors) => Written(half, vectors);
}
