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

    /// <summary>Products between two barriers: 8 or 16.</summary>
    int Depth { get; }

    /// <summary>Groups whose registers a multiprocessor's 65,536 must hold together: the compiler's limit, a little above what a thread needs.</summary>
    int GroupsPerMultiprocessor { get; }
}

// Multiply-adds for each float read from shared memory by a thread: 4 for 8 x 8 results, 2.7 for 8 x 4, 2 for 4 x 4.

/// <summary>128 x 128 results, 256 threads of 8 x 8: large products.</summary>
readonly struct Tile128x128 : ITile
{
    public int RowThreads => 16;
    public int ColumnThreads => 16;
    public int RowQuads => 2;
    public int ColumnQuads => 2;
    public int Depth => 8;
    public int GroupsPerMultiprocessor => 2;
}

/// <summary>128 x 64 results, 128 threads of 8 x 8.</summary>
readonly struct Tile128x64 : ITile
{
    public int RowThreads => 16;
    public int ColumnThreads => 8;
    public int RowQuads => 2;
    public int ColumnQuads => 2;
    public int Depth => 8;
    public int GroupsPerMultiprocessor => 3;
}

/// <summary>64 x 64 results, 256 threads of 4 x 4: products with too few tiles to fill the device otherwise.</summary>
readonly struct Tile64x64 : ITile
{
    public int RowThreads => 16;
    public int ColumnThreads => 16;
    public int RowQuads => 1;
    public int ColumnQuads => 1;
    public int Depth => 16;
    public int GroupsPerMultiprocessor => 3;
}

/// <summary>128 x 32 results, 128 threads of 8 x 4: up to 32 columns.</summary>
readonly struct Tile128x32 : ITile
{
    public int RowThreads => 16;
    public int ColumnThreads => 8;
    public int RowQuads => 2;
    public int ColumnQuads => 1;
    public int Depth => 8;
    public int GroupsPerMultiprocessor => 4;
}

/// <summary>128 x 16 results, 64 threads of 8 x 4: up to 16 columns.</summary>
readonly struct Tile128x16 : ITile
{
    public int RowThreads => 16;
    public int ColumnThreads => 4;
    public int RowQuads => 2;
    public int ColumnQuads => 1;
    public int Depth => 8;
    public int GroupsPerMultiprocessor => 8;
}

/// <summary>64 x 16 results, one warp of 8 x 4: up to 16 columns and few rows (gradients with respect to the weights).</summary>
readonly struct Tile64x16 : ITile
{
    public int RowThreads => 8;
    public int ColumnThreads => 4;
    public int RowQuads => 2;
    public int ColumnQuads => 1;
    public int Depth => 8;
    public int GroupsPerMultiprocessor => 16;
}

/// <summary>32 x 32 results, 16 threads of 8 x 8: all that a group of ILGPU's CPU accelerator holds.</summary>
readonly struct Tile32x32 : ITile
{
    public int RowThreads => 4;
    public int ColumnThreads => 4;
    public int RowQuads => 2;
    public int ColumnQuads => 2;
    public int Depth => 8;
    public int GroupsPerMultiprocessor => 1;
}

/// <summary>4 x 4 results: the outer product of four rows and four columns, summed over the depth.</summary>
struct Quad
{
    public Float4 R0, R1, R2, R3;

    public readonly Quad Plus(Float4 a, Float4 b)
    {
        Quad sum;
        sum.R0 = R0.Plus(a.X, b);
        sum.R1 = R1.Plus(a.Y, b);
        sum.R2 = R2.Plus(a.Z, b);
        sum.R3 = R3.Plus(a.W, b);
        return sum;
    }
}

/// <summary>The results of a thread. Those that a tile has not are never touched and vanish in compilation.</summary>
struct Accumulators
{
    public Quad Q00, Q01, Q10, Q11;

    /// <summary>Adds one step of depth: the thread's rows from <paramref name="i"/> of a, its columns from <paramref name="j"/> of b.</summary>
    public void Add<TTile>(ArrayView<Float4> a, int i, ArrayView<Float4> b, int j)
        where TTile : struct, ITile
    {
        var tile = default(TTile);
        var (a0, b0) = (a[i], b[j]);
        Q00 = Q00.Plus(a0, b0);
        if (tile.ColumnQuads > 1)
        {
            var b1 = b[j + tile.ColumnThreads];
            Q01 = Q01.Plus(a0, b1);
            if (tile.RowQuads > 1)
            {
                var a1 = a[i + tile.RowThreads];
                Q10 = Q10.Plus(a1, b0);
                Q11 = Q11.Plus(a1, b1);
            }
        }
        else if (tile.RowQuads > 1)
        {
            Q10 = Q10.Plus(a[i + tile.RowThreads], b0);
        }
    }
}
