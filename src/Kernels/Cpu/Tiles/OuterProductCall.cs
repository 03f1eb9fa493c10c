using CnnSharp.Generators;

namespace CnnSharp.Kernels.Cpu;

/// <summary>
/// What all calls of an outer-product tile in one piece of work share. A tile is r rows (neighboring values of x) by
/// v vectors of output channels: dw[i, k] += sum over segments t and their pixels p of
/// x[Offsets[t] + p XStride + i] dy[DyOffsets[t] + p DyStride + k], with dw stored as r rows of v vectors.
/// </summary>
internal unsafe struct OuterProductCall
{
    /// <summary>Bytes between the values of x that two pixels of a segment meet.</summary>
    public nint XStride;

    /// <summary>Bytes between two pixels of dy.</summary>
    public nint DyStride;

    /// <summary>Bytes from x to the start of each segment.</summary>
    public nint* Offsets;

    /// <summary>Bytes from dy to the start of each segment.</summary>
    public nint* DyOffsets;

    /// <summary>Runs of pixels at XStride and DyStride.</summary>
    public int Segments;

    /// <summary>Pixels of a segment.</summary>
    public int Length;

    /// <summary>What the next pixels need, prefetched pixel by pixel.</summary>
    public Prefetcher NextX, NextDy;

    /// <summary>Of a tile of all kernel rows: bytes from a kernel row's values of x to the next one's.</summary>
    public nint RunStride;

    /// <summary>Of a tile of all kernel rows: floats from a kernel row's sums to the next one's.</summary>
    public int RunLength;
}

/// <summary>The register tiles of gradients with respect to the weights: each value of x is broadcast and meets v vectors of dy; the r v sums stay in registers.</summary>
[OuterProductTile(4, 1)]
[OuterProductTile(6, 1)]
[OuterProductTile(8, 1)]
[OuterProductTile(10, 1)]
[OuterProductTile(12, 1)]
[OuterProductTile(14, 1)]
[OuterProductTile(16, 1)]
[OuterProductTile(4, 2)]
[OuterProductTile(6, 2)]
[OuterProductTile(8, 2)]
[OuterProductTile(10, 2)]
[OuterProductTile(12, 2)]
[OuterProductTile(14, 2)]
[OuterProductTile(8, 3)]
[OuterProductTile(3, 1, Length = 9)]
[OuterProductTile(5, 1, Length = 5)]
internal static unsafe partial class OuterProductTiles<V>
    where V : unmanaged, IVector<V>
{
    /// <summary>The most rows a tile has.</summary>
    public const int MaxRows = 16;

    /// <summary>How many vectors of output channels to take next, when <paramref name="left"/> are left.</summary>
    public static int Vectors(int left) => left == 3 && V.Registers >= 32 ? 3 : Math.Min(left, 2);

    /// <summary>The rows that cover <paramref name="count"/> rows in the fewest cycles.</summary>
    public static int Rows(int vectors, int count)
    {
        var (first, last) = (V.Registers >= 32, vectors) switch
        {
            (true, 1) => (4, 16),
            (true, 2) => (4, 14),
            (true, _) => (8, 8),
            (false, 1) => (4, 12),
            (false, _) => (4, 6),
        };
        var best = first;
        var fewest = double.MaxValue;
        for (var rows = first; rows <= last; rows += 2)
        {
            // Two multiply-adds, or two loads, a cycle, and no sum sooner than four cycles after the last.
            var cycles = Math.Max(4, Math.Max(rows * vectors / 2.0, (vectors + rows) / 2.0)) + 0.25;
            var total = (count + rows - 1) / rows * cycles;
            if (total > fewest) continue;
            fewest = total;
            best = rows;
        }

        return best;
    }

    /// <summary>
    /// The tile of all <paramref name="runs"/> kernel rows of <paramref name="length"/> values by one vector, or null where
    /// there is none: narrow runs fill no tile (9 rows of 10 used, 11 loads for 9 multiply-adds), together they do (28 for 27).
    /// </summary>
    public static delegate*<OuterProductCall*, float*, float*, float*, void> KernelRows(int runs, int length)
        => V.Registers >= 32 ? WrittenKernelRows(runs, length) : null;

    /// <summary>The tile of <paramref name="rows"/> rows by <paramref name="vectors"/> vectors.</summary>
    public static delegate*<OuterProductCall*, float*, float*, float*, void> Tile(int rows, int vectors) => Written(rows, vectors);
}
