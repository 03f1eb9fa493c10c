using ILGPU;

namespace CnnSharp.Kernels.Gpu;

/// <summary>
/// How a group of threads shares a tile of the product. Every number is a constant of the type, so each tile is compiled
/// on its own. A thread holds <see cref="RowQuads"/> x <see cref="ColumnQuads"/> blocks of 4 x 4 results; blocks of one
/// thread lie half a tile apart, so that neighboring threads read neighboring 128-bit words of shared memory.
/// </summary>
interface ITile
{
    /// <summary>Threads along the rows; a power of two.</summary>
    int RowThreads { get; }

    /// <summary>Threads along the columns; a power of two.</summary>
    int ColumnThreads { get; }

    /// <summary>Blocks of four rows that a thread has: 1 or 2.</summary>
    int RowQuads { get; }

    /// <summary>Blocks of four columns that a thread has: 1 or 2.</summary>
    int ColumnQuads { get; }

    /// <summary>Groups whose registers a multiprocessor's 65,536 must hold together: the compiler's limit, a little above what a thread needs.</summary>
    int GroupsPerMultiprocessor { get; }
}

// Multiply-adds for each float read from shared memory by a thread: 4 for 8 x 8 results, 2.7 for 8 x 4.

/// <summary>128 x 128 results, 256 threads of 8 x 8: large products.</summary>
readonly struct Tile128x128 : ITile
{
    public int RowThreads => 16;
    public int ColumnThreads => 16;
    public int RowQuads => 2;
    public int ColumnQuads => 2;
    public int GroupsPerMultiprocessor => 2;
}

/// <summary>128 x 64 results, 128 threads of 8 x 8.</summary>
readonly struct Tile128x64 : ITile
{
    public int RowThreads => 16;
    public int ColumnThreads => 8;
    public int RowQuads => 2;
    public int ColumnQuads => 2;
    public int GroupsPerMultiprocessor => 3;
}

/// <summary>64 x 64 results, 64 threads of 8 x 8: products with too few tiles to fill the device otherwise.</summary>
readonly struct Tile64x64 : ITile
{
    public int RowThreads => 8;
    public int ColumnThreads => 8;
    public int RowQuads => 2;
    public int ColumnQuads => 2;
    public int GroupsPerMultiprocessor => 6;
}

/// <summary>128 x 32 results, 128 threads of 8 x 4: up to 32 columns.</summary>
readonly struct Tile128x32 : ITile
{
    public int RowThreads => 16;
    public int ColumnThreads => 8;
    public int RowQuads => 2;
    public int ColumnQuads => 1;
    public int GroupsPerMultiprocessor => 4;
}

/// <summary>128 x 16 results, 64 threads of 8 x 4: up to 16 columns.</summary>
readonly struct Tile128x16 : ITile
{
    public int RowThreads => 16;
    public int ColumnThreads => 4;
    public int RowQuads => 2;
    public int ColumnQuads => 1;
    public int GroupsPerMultiprocessor => 8;
}

/// <summary>64 x 16 results, one warp of 8 x 4: up to 16 columns and few rows (gradients with respect to the weights).</summary>
readonly struct Tile64x16 : ITile
{
    public int RowThreads => 8;
    public int ColumnThreads => 4;
    public int RowQuads => 2;
    public int ColumnQuads => 1;
    public int GroupsPerMultiprocessor => 16;
}

/// <summary>32 x 32 results, 16 threads of 8 x 8: all that a group of ILGPU's CPU accelerator holds.</summary>
readonly struct Tile32x32 : ITile
{
    public int RowThreads => 4;
    public int ColumnThreads => 4;
    public int RowQuads => 2;
    public int ColumnQuads => 2;
    public int GroupsPerMultiprocessor => 1;
}

/// <summary>4 x 4 results: the products of four rows and four columns, summed over the depth.</summary>
struct Quad
{
    public Float4 R0, R1, R2, R3;

    /// <summary>Adds four steps of depth.</summary>
    public void Add(Block a, Block b)
    {
        Add(a.D0, b.D0);
        Add(a.D1, b.D1);
        Add(a.D2, b.D2);
        Add(a.D3, b.D3);
    }

    void Add(Float4 a, Float4 b)
    {
        R0 = R0.Plus(a.X, b);
        R1 = R1.Plus(a.Y, b);
        R2 = R2.Plus(a.Z, b);
        R3 = R3.Plus(a.W, b);
    }
}

/// <summary>Four rows of a factor at each of four depths.</summary>
readonly struct Block(Float4 d0, Float4 d1, Float4 d2, Float4 d3)
{
    public readonly Float4 D0 = d0, D1 = d1, D2 = d2, D3 = d3;

    /// <summary>Reads rows 4 <paramref name="quad"/> .. + 3 at depths 4 <paramref name="step"/> .. + 3 of a tile.</summary>
    public static Block Read(bool isAlongDepth, ArrayView<float> tile, int quad, int step, int rows)
    {
        var quads = Float4.Of(tile);
        if (isAlongDepth)
        {
            // SharedTile.Along of rows 4 quad + i: in pairs in either order.
            var at = (16 * quad) + (step ^ (quad & 3));
            var swapped = 4 * ((quad >> 2) & 1);
            var (even, odd) = (quads.SubView(at + swapped, 9), quads.SubView(at + 4 - swapped, 9));
            var (r0, r1, r2, r3) = (even[0], odd[0], even[8], odd[8]);
            return new(new(r0.X, r1.X, r2.X, r3.X), new(r0.Y, r1.Y, r2.Y, r3.Y), new(r0.Z, r1.Z, r2.Z, r3.Z), new(r0.W, r1.W, r2.W, r3.W));
        }

        var run = quads.SubView((rows * step) + SharedTile.Swizzled(quad, step, rows), (3 * rows / 4) + 1);
        return new(run[0], run[rows / 4], run[2 * rows / 4], run[3 * rows / 4]);
    }
}

/// <summary>The results of a thread. Those that a tile has not are never touched and vanish in compilation.</summary>
struct Accumulators
{
    public Quad Q00, Q01, Q10, Q11;

    /// <summary>Adds four steps of depth.</summary>
    public void Add<TTile>(bool leftAlong, ArrayView<float> left, int row, bool rightAlong, ArrayView<float> right, int column, int step)
        where TTile : struct, ITile
    {
        var tile = default(TTile);
        var (rows, columns) = (Gemm.TileRows<TTile>(), Gemm.TileColumns<TTile>());
        var near = Block.Read(leftAlong, left, row, step, rows);
        if (tile.RowQuads > 1)
        {
            var far = Block.Read(leftAlong, left, row + tile.RowThreads, step, rows);
            var b = Block.Read(rightAlong, right, column, step, columns);
            Q00.Add(near, b);
            Q10.Add(far, b);
            if (tile.ColumnQuads > 1)
            {
                b = Block.Read(rightAlong, right, column + tile.ColumnThreads, step, columns);
                Q01.Add(near, b);
                Q11.Add(far, b);
            }
        }
        else
        {
            Q00.Add(near, Block.Read(rightAlong, right, column, step, columns));
        }
    }
}
