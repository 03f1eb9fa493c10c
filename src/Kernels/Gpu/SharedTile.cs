using ILGPU;

namespace CnnSharp.Kernels.Gpu;

/// <summary>
/// A tile of an operand in shared memory: rows by a depth of 16, two or three times over, so that the next are on their way while
/// one is multiplied. Quads of four floats lie as they do in global memory, along the depth or across the rows.
/// </summary>
/// <remarks>
/// They are dealt so that eight lanes that read together find all 32 banks. Along the depth, [row][4 quads]: quads change places by the
/// row's bits 2 and 3, rows in pairs by bit 4; so eight rows 4 apart are told apart (plain products), as are the four quads of two
/// neighboring rows (tensor cores). Across the rows, [depth][quads]: quads change places by the depth, so that quads of two rows at four depths 4 apart
/// are told apart.
/// </remarks>
static class SharedTile
{
    /// <summary>Of the depth in a tile.</summary>
    public const int Depth = 16;

    /// <summary>Floats of a tile.</summary>
    public static int Floats(int rows) => rows * Depth;

    /// <summary>Quad q along the depth of a row.</summary>
    public static int Along(int row, int q) => ((row ^ ((row >> 4) & 1)) * (Depth / 4)) + (q ^ ((row >> 2) & 3));

    /// <summary>Quad q across the rows at a depth.</summary>
    public static int Across(int q, int depth, int rows) => (depth * (rows / 4)) + Swizzled(q, depth >> 2, rows);

    /// <summary>The place among a depth's quads.</summary>
    public static int Swizzled(int q, int depthQuad, int rows) => q ^ ((2 * depthQuad) & ((rows / 4) - 1));

    /// <summary>Quad q along the depth of a row, of a tile of words (<see cref="IMma.ReadsWords"/>): eight neighboring rows are told apart.</summary>
    public static int AlongWords(int row, int q) => (row * (Depth / 4)) + (q ^ ((row >> 1) & 3));

    /// <summary>Quad q across the rows at a depth, of a tile of words, which has twice the depth: eight neighboring depths are told apart.</summary>
    public static int AcrossWords(int q, int depth, int quads) => (depth * quads) + (q ^ (quads < 8 ? (depth >> 1) & 3 : depth & 7));

    /// <summary>Begins to copy a quad, or zeros where nothing is to be read.</summary>
    public static void CopyQuad(ArrayView<float> tile, int quad, ArrayView<float> source, int offset, bool isRead)
    {
        var from = Float4.Of(source);
        var to = Float4.Of(tile);
        CudaInstructions.CopyQuad(ref to[quad], ref from[isRead ? offset >> 2 : 0], isRead ? 16 : 0);
    }

    /// <summary>Begins to copy a float, or a zero where nothing is to be read.</summary>
    public static void CopyFloat(ArrayView<float> tile, int place, ArrayView<float> source, int offset, bool isRead)
        => CudaInstructions.CopyFloat(ref tile[place], ref source[isRead ? offset : 0], isRead ? 4 : 0);
}
