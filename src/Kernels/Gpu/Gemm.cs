using ILGPU;

namespace CnnSharp.Kernels.Gpu;

/// <summary>The extents of a product, and the parts its depth is summed in.</summary>
/// <param name="rows">Of the left factor and the result.</param>
/// <param name="columns">Of the result.</param>
/// <param name="depth">That is summed over.</param>
/// <param name="groups">Independent products of these extents.</param>
/// <param name="splits">Parts of the depth.</param>
/// <param name="splitDepth">Depth of a part: a multiple of 16; the last may be less.</param>
readonly struct GemmShape(int rows, int columns, int depth, int groups, int splits, int splitDepth)
{
    public readonly int Rows = rows, Columns = columns, Depth = depth, Groups = groups, Splits = splits, SplitDepth = splitDepth;
}

/// <summary>
/// The matrix product behind convolutions, their gradients and linear layers: results = left right', tile by tile.
/// Both factors pass through two buffers in shared memory: while the products of one are summed, the other is filled from global memory
/// (<see cref="SharedTile"/>), so there is one barrier for a depth of 16.
/// </summary>
static class Gemm
{
    /// <summary>Runs of four columns that a group of <see cref="AddPartials"/> adds up: 128 consecutive bytes.</summary>
    public const int AddRuns = 8;

    /// <summary>The most threads of such a group.</summary>
    public const int MostAddThreads = 256;

    /// <summary>Group: the threads of the tile. Grid: tiles of rows, tiles of columns, groups x splits.</summary>
    public static void Multiply<TTile, TLeft, TRight, TResults>(TLeft left, TRight right, TResults results, GemmShape shape)
        where TTile : struct, ITile
        where TLeft : struct, IOperand
        where TRight : struct, IOperand
        where TResults : struct, IResults
    {
        var tile = default(TTile);
        var rows = TileRows<TTile>();
        var columns = TileColumns<TTile>();
        var leftTiles = SharedMemory.Allocate<float>(2 * SharedTile.Floats(TileRows<TTile>()));
        var rightTiles = SharedMemory.Allocate<float>(2 * SharedTile.Floats(TileColumns<TTile>()));

        var thread = Group.IdxX;
        var group = Grid.IdxZ / shape.Splits;
        var split = Grid.IdxZ - (group * shape.Splits);
        var start = split * shape.SplitDepth;
        var end = Math.Min(start + shape.SplitDepth, shape.Depth);
        var (firstRow, firstColumn) = (Grid.IdxX * rows, Grid.IdxY * columns);

        // A warp covers 4 x 8 threads of the tile (8 x 4 where the tile is four threads wide), so its reads of shared memory are few words.
        // (ILGPU makes a shift of a quotient by a constant, and a division at run time, within the loop, of a remainder.)
        var threadColumn = thread & (tile.ColumnThreads - 1);
        var threadRow = thread / tile.ColumnThreads;
        if (tile.ColumnThreads == 16)
        {
            threadColumn = (thread & 7) + (((thread >> 5) & 1) * 8);
            threadRow = ((thread >> 3) & 3) + ((thread >> 6) * 4);
        }

        TileReader<TLeft> leftReader = default;
        TileReader<TRight> rightReader = default;
        leftReader.Start(left, group, firstRow, thread, rows, Threads<TTile>());
        rightReader.Start(right, group, firstColumn, thread, columns, Threads<TTile>());
        leftReader.Copy(left, start, end, leftTiles.SubView(0, SharedTile.Floats(rows)), rows, Threads<TTile>());
        rightReader.Copy(right, start, end, rightTiles.SubView(0, SharedTile.Floats(columns)), columns, Threads<TTile>());
        CudaInstructions.EndCopies();

        Accumulators sums = default;
        var buffer = 0;
        for (var depth = start; depth < end; depth += SharedTile.Depth)
        {
            CudaInstructions.WaitForCopies();
            Group.Barrier();
            var (leftTile, rightTile) = (leftTiles.SubView(buffer * SharedTile.Floats(rows), SharedTile.Floats(rows)), rightTiles.SubView(buffer * SharedTile.Floats(columns), SharedTile.Floats(columns)));

            // After the last tile are zeros.
            buffer ^= 1;
            leftReader.Copy(left, depth + SharedTile.Depth, end, leftTiles.SubView(buffer * SharedTile.Floats(rows), SharedTile.Floats(rows)), rows, Threads<TTile>());
            rightReader.Copy(right, depth + SharedTile.Depth, end, rightTiles.SubView(buffer * SharedTile.Floats(columns), SharedTile.Floats(columns)), columns, Threads<TTile>());
            CudaInstructions.EndCopies();

            // A loop of its own: ILGPU computes values as late as it can, and would put all products
            // after the barrier, with every fragment of the tile waiting in a register.
            for (var step = 0; step < SharedTile.Depth / 4; step++) sums.Add<TTile>(left.AlongDepth, leftTile, threadRow, right.AlongDepth, rightTile, threadColumn, step);
        }

        var (row, column) = (firstRow + (4 * threadRow), firstColumn + (4 * threadColumn));
        StoreRows<TTile, TResults>(results, shape, group, split, row, column, sums.Q00, sums.Q01);
        if (tile.RowQuads > 1) StoreRows<TTile, TResults>(results, shape, group, split, row + (4 * tile.RowThreads), column, sums.Q10, sums.Q11);
    }

    /// <summary>
    /// Adds up the parts of the depth: a group eight runs of four columns, neighbors in memory, each by a column of threads that take
    /// parts in turn and add their sums pairwise. The order depends on the number of parts and the size of the group alone.
    /// </summary>
    public static void AddPartials<TResults>(ArrayView<float> partials, TResults results, GemmShape shape)
        where TResults : struct, IResults
    {
        var sums = Float4.Of(SharedMemory.Allocate<float>(4 * MostAddThreads));
        var quads = (shape.Columns + 3) / 4;
        var part = shape.Groups * shape.Rows * quads;
        var thread = Group.IdxX;
        var lane = thread / AddRuns;
        var lanes = Group.DimX / AddRuns;
        var place = (Grid.IdxX * AddRuns) + (thread % AddRuns);
        Float4 sum = default;
        if (place < part)
        {
            var parts = Float4.Of(partials);
            for (var split = lane; split < shape.Splits; split += lanes) sum += parts[(split * part) + place];
        }

        sums[thread] = sum;
        Group.Barrier();
        for (var half = lanes / 2; half > 0; half /= 2)
        {
            if (lane < half) sums[thread] += sums[thread + (half * AddRuns)];
            Group.Barrier();
        }

        // No return after a barrier: PoCL makes an endless loop of it.
        if (lane == 0 && place < part)
        {
            var rowOfAll = place / quads;
            var group = rowOfAll / shape.Rows;
            var offset = results.Row(group, 0, rowOfAll - (group * shape.Rows));
            if (offset >= 0) results.Store(offset, group, 4 * (place - (rowOfAll * quads)), sums[thread]);
        }
    }

    /// <summary>Rows of a tile.</summary>
    public static int TileRows<TTile>()
        where TTile : struct, ITile => 4 * default(TTile).RowQuads * default(TTile).RowThreads;

    /// <summary>Columns of a tile.</summary>
    public static int TileColumns<TTile>()
        where TTile : struct, ITile => 4 * default(TTile).ColumnQuads * default(TTile).ColumnThreads;

    /// <summary>Threads of a tile's group.</summary>
    public static int Threads<TTile>()
        where TTile : struct, ITile => default(TTile).RowThreads * default(TTile).ColumnThreads;

    static void StoreRows<TTile, TResults>(TResults results, GemmShape shape, int group, int split, int row, int column, Quad near, Quad far)
        where TTile : struct, ITile
        where TResults : struct, IResults
    {
        StoreRow<TTile, TResults>(results, shape, group, split, row, column, near.R0, far.R0);
        StoreRow<TTile, TResults>(results, shape, group, split, row + 1, column, near.R1, far.R1);
        StoreRow<TTile, TResults>(results, shape, group, split, row + 2, column, near.R2, far.R2);
        StoreRow<TTile, TResults>(results, shape, group, split, row + 3, column, near.R3, far.R3);
    }

    static void StoreRow<TTile, TResults>(TResults results, GemmShape shape, int group, int split, int row, int column, Float4 near, Float4 far)
        where TTile : struct, ITile
        where TResults : struct, IResults
    {
        if (row >= shape.Rows) return;
        var offset = results.Row(group, split, row);
        if (offset < 0) return;
        if (column < shape.Columns) results.Store(offset, group, column, near);
        var farColumn = column + (4 * default(TTile).ColumnThreads);
        if (default(TTile).ColumnQuads > 1 && farColumn < shape.Columns) results.Store(offset, group, farColumn, far);
    }
}
