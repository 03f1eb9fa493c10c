using ILGPU;

namespace CnnSharp.Kernels.Gpu;

/// <summary>
/// The products of <see cref="Gemm"/> with factors rounded to a lower precision, multiplied a warp at a time by
/// <see cref="IMma"/>. Factors are rounded on their way from shared memory to the tensor cores; sums are float32 from there to the end.
/// </summary>
/// <remarks>
/// Three tiles of a depth of 16 are in shared memory, one in use and two on their way: 48 KB for 128 x 128, which
/// ILGPU's launcher allows.
/// <para>
/// Rows, columns and depth of a product may be numbered in any order as long as both factors and the result agree. Here
/// the numbers are dealt so that a lane reads and writes 128 bits at a time: lane (g, t) takes depths 4t .. 4t + 3, as words t and
/// t + 4 of one step (bfloat16) or of two (TensorFloat-32). Its rows g and g + 8 of block i are, of a tile that lies along the depth, rows 16i + g and 16i + g + 8,
/// of one across the rows 4g + i and 32 + 4g + i; column n of block j is column 8 (n / 2) + 2j + n mod 2 or 4n + j, so that a lane's results
/// of the four blocks are columns 8t .. 8t + 7. For a depth of 16 a thread issues 12 128-bit reads of shared memory and 16 or 32 multiplications.
/// </para>
/// <para>
/// Factors that lie in memory as words, pairs of bfloat16 (<see cref="IMma.ReadsWords"/>), are copied and multiplied as they are. Along the depth it is counted in
/// words; a tile across the rows has half as many words a depth and twice the depth. Both factors lie the same way then, rows and columns in
/// their own order.
/// </para>
/// </remarks>
static partial class MmaGemm
{
    /// <summary>Group: the threads of the tile. Grid: tiles of rows, tiles of columns, groups x splits.</summary>
    public static void Multiply<TTile, TMma, TLeft, TRight, TResults>(TLeft left, TRight right, TResults results, GemmShape shape)
        where TTile : struct, IWarpTile
        where TMma : struct, IMma
        where TLeft : struct, IOperand
        where TRight : struct, IOperand
        where TResults : struct, IResults
    {
        var mma = default(TMma);
        var leftTiles = SharedMemory.Allocate<float>(Stages * SharedTile.Floats(Rows<TTile>()));
        var rightTiles = SharedMemory.Allocate<float>(Stages * SharedTile.Floats(Columns<TTile>()));
        var scratch = mma.Scratch(Threads<TTile>() / 32);

        var thread = Group.IdxX;
        var group = Grid.IdxZ / shape.Splits;
        var split = Grid.IdxZ - (group * shape.Splits);
        var start = split * shape.SplitDepth;
        var end = Math.Min(start + shape.SplitDepth, shape.Depth);
        var (firstRow, firstColumn) = (Grid.IdxX * Rows<TTile>(), Grid.IdxY * Columns<TTile>());
        var warp = thread >> 5;
        var warpRow = warp & (default(TTile).Rows - 1);
        var warpColumn = warp / default(TTile).Rows;
        var (g, t) = ((thread >> 2) & 7, thread & 3);

        TileReader<TLeft> leftReader = default;
        TileReader<TRight> rightReader = default;
        leftReader.Start(left, group, firstRow, thread, Rows<TTile>(), Threads<TTile>(), mma.ReadsWords);
        rightReader.Start(right, group, firstColumn, thread, Columns<TTile>(), Threads<TTile>(), mma.ReadsWords);
        for (var stage = 0; stage < Stages - 1; stage++)
        {
            leftReader.Copy(left, start + (stage * TileDepth<TMma, TLeft>()), end, Tile(leftTiles, stage, Rows<TTile>()), Rows<TTile>(), Threads<TTile>(), mma.ReadsWords);
            rightReader.Copy(right, start + (stage * TileDepth<TMma, TLeft>()), end, Tile(rightTiles, stage, Columns<TTile>()), Columns<TTile>(), Threads<TTile>(), mma.ReadsWords);
            CudaInstructions.EndCopies();
        }

        MmaSums sums = default;
        var (current, free) = (0, Stages - 1);
        for (var depth = start; depth < end; depth += TileDepth<TMma, TLeft>())
        {
            CudaInstructions.WaitForCopiesButLast();
            Group.Barrier();

            // After the last tile are zeros.
            var next = depth + ((Stages - 1) * TileDepth<TMma, TLeft>());
            leftReader.Copy(left, next, end, Tile(leftTiles, free, Rows<TTile>()), Rows<TTile>(), Threads<TTile>(), mma.ReadsWords);
            rightReader.Copy(right, next, end, Tile(rightTiles, free, Columns<TTile>()), Columns<TTile>(), Threads<TTile>(), mma.ReadsWords);
            CudaInstructions.EndCopies();

            var (leftTile, rightTile) = (Tile(leftTiles, current, Rows<TTile>()), Tile(rightTiles, current, Columns<TTile>()));
            if (mma.ReadsWords) MultiplyWords<TTile, TMma, TLeft>(ref sums, leftTile, rightTile, warpRow, warpColumn, scratch);
            else MultiplyTile<TTile, TMma, TLeft, TRight>(ref sums, leftTile, rightTile, warpRow, warpColumn, g, t, scratch);
            free = current;
            current = current == Stages - 1 ? 0 : current + 1;
        }

        if (mma.ReadsWords)
        {
            StoreWords(results, shape, group, split, firstRow + (64 * warpRow) + g + (8 * (t & 1)), firstColumn + (32 * warpColumn) + (4 * (t >> 1)), sums);
            return;
        }

        var (row, column) = (firstRow + (64 * warpRow), firstColumn + (32 * warpColumn) + (8 * t));
        var (first, block, far) = left.AlongDepth ? (g, 16, 8) : (4 * g, 1, 32);
        StoreRows<TRight, TResults>(results, shape, group, split, row + first, far, column, sums.R0);
        StoreRows<TRight, TResults>(results, shape, group, split, row + first + block, far, column, sums.R1);
        StoreRows<TRight, TResults>(results, shape, group, split, row + first + (2 * block), far, column, sums.R2);
        StoreRows<TRight, TResults>(results, shape, group, split, row + first + (3 * block), far, column, sums.R3);
    }

    /// <summary>Tiles in shared memory at a time.</summary>
    const int Stages = 3;

    /// <summary>Of the depth in a tile: of words that lie across the rows, twice that.</summary>
    public static int TileDepth<TMma, TLeft>()
        where TMma : struct, IMma
        where TLeft : struct, IOperand => default(TMma).ReadsWords && !default(TLeft).AlongDepth ? 2 * SharedTile.Depth : SharedTile.Depth;

    /// <summary>Rows of a tile.</summary>
    public static int Rows<TTile>()
        where TTile : struct, IWarpTile => 64 * default(TTile).Rows;

    /// <summary>Columns of a tile.</summary>
    public static int Columns<TTile>()
        where TTile : struct, IWarpTile => 32 * default(TTile).Columns;

    /// <summary>Threads of a tile's group.</summary>
    public static int Threads<TTile>()
        where TTile : struct, IWarpTile => 32 * default(TTile).Rows * default(TTile).Columns;

    static ArrayView<float> Tile(ArrayView<float> tiles, int stage, int rows) => tiles.SubView(stage * SharedTile.Floats(rows), SharedTile.Floats(rows));

    static void MultiplyTile<TTile, TMma, TLeft, TRight>(ref MmaSums sums, ArrayView<float> leftTile, ArrayView<float> rightTile, int warpRow, int warpColumn, int g, int t, ArrayView<float> scratch)
        where TTile : struct, IWarpTile
        where TMma : struct, IMma
        where TLeft : struct, IOperand
        where TRight : struct, IOperand
    {
        var (left, right) = (Float4.Of(leftTile), Float4.Of(rightTile));
        Float4 b0, b1, b2, b3;
        if (default(TRight).AlongDepth)
        {
            // Rows 8 (g / 2) + 2j + g mod 2 of the warp's 32: SharedTile.Along of them.
            var first = (32 * warpColumn) + (8 * (g >> 1));
            var odd = (g & 1) ^ ((first >> 4) & 1);
            var near = right.SubView(((first + odd) * 4) + (t ^ ((first >> 2) & 3)), 9);
            var far = right.SubView(((first + odd + 4) * 4) + (t ^ (((first >> 2) + 1) & 3)), 9);
            (b0, b1, b2, b3) = (near[0], near[8], far[0], far[8]);
        }
        else
        {
            // Columns 4g .. 4g + 3 at depths 4t .. 4t + 3, turned.
            var columns = Columns<TTile>();
            var at = right.SubView((t * columns) + SharedTile.Swizzled((8 * warpColumn) + g, t, columns), (3 * columns / 4) + 1);
            var (d0, d1, d2, d3) = (at[0], at[columns / 4], at[2 * columns / 4], at[3 * columns / 4]);
            b0 = new(d0.X, d1.X, d2.X, d3.X);
            b1 = new(d0.Y, d1.Y, d2.Y, d3.Y);
            b2 = new(d0.Z, d1.Z, d2.Z, d3.Z);
            b3 = new(d0.W, d1.W, d2.W, d3.W);
        }

        var factors = new MmaRight(Words<TMma>(b0), Words<TMma>(b1), Words<TMma>(b2), Words<TMma>(b3));
        if (default(TLeft).AlongDepth)
        {
            // Rows 16i + g and 16i + g + 8 of the warp's 64.
            var first = (64 * warpRow) + g;
            var (q, far) = (t ^ (g >> 2), 32 + (t ^ ((g >> 2) + 2)));
            var (even, evenFar) = (left.SubView((4 * first) + q, 129), left.SubView((4 * first) + far, 129));
            var (odd, oddFar) = (left.SubView((4 * (first ^ 1)) + q, 193), left.SubView((4 * (first ^ 1)) + far, 193));
            MultiplyRow<TMma>(ref sums.R0, even[0], evenFar[0], factors, scratch);
            MultiplyRow<TMma>(ref sums.R1, odd[64], oddFar[64], factors, scratch);
            MultiplyRow<TMma>(ref sums.R2, even[128], evenFar[128], factors, scratch);
            MultiplyRow<TMma>(ref sums.R3, odd[192], oddFar[192], factors, scratch);
        }
        else
        {
            // Rows 4g .. 4g + 3 and 32 further at depths 4t .. 4t + 3, turned.
            var rows = Rows<TTile>();
            var at = left.SubView((t * rows) + SharedTile.Swizzled((16 * warpRow) + g, t, rows), (3 * rows / 4) + 9);
            var (d0, d1, d2, d3) = (at[0], at[rows / 4], at[2 * rows / 4], at[3 * rows / 4]);
            var (e0, e1, e2, e3) = (at[8], at[(rows / 4) + 8], at[(2 * rows / 4) + 8], at[(3 * rows / 4) + 8]);
            MultiplyRow<TMma>(ref sums.R0, new(d0.X, d1.X, d2.X, d3.X), new(e0.X, e1.X, e2.X, e3.X), factors, scratch);
            MultiplyRow<TMma>(ref sums.R1, new(d0.Y, d1.Y, d2.Y, d3.Y), new(e0.Y, e1.Y, e2.Y, e3.Y), factors, scratch);
            MultiplyRow<TMma>(ref sums.R2, new(d0.Z, d1.Z, d2.Z, d3.Z), new(e0.Z, e1.Z, e2.Z, e3.Z), factors, scratch);
            MultiplyRow<TMma>(ref sums.R3, new(d0.W, d1.W, d2.W, d3.W), new(e0.W, e1.W, e2.W, e3.W), factors, scratch);
        }
    }

    /// <summary>Four values of the depth as the words of one step or two: words t and t + 4 of the first are X and Y.</summary>
    static Word4 Words<TMma>(Float4 run)
        where TMma : struct, IMma
    {
        var mma = default(TMma);
        return mma.WordDepth == 2 ? new(mma.Word(run.X, run.Y), mma.Word(run.Z, run.W), 0, 0) : new(mma.Word(run.X, 0), mma.Word(run.Y, 0), mma.Word(run.Z, 0), mma.Word(run.W, 0));
    }

    /// <summary>Adds the products of block i's rows g and g + 8.</summary>
    static void MultiplyRow<TMma>(ref MmaRow sums, Float4 near, Float4 far, MmaRight right, ArrayView<float> scratch)
        where TMma : struct, IMma
    {
        var mma = default(TMma);
        var (upper, lower) = (Words<TMma>(near), Words<TMma>(far));
        var a = new Word4(upper.X, lower.X, upper.Y, lower.Y);
        sums.C0 = mma.Multiply(sums.C0, a, right.B0.X, right.B0.Y, scratch);
        sums.C1 = mma.Multiply(sums.C1, a, right.B1.X, right.B1.Y, scratch);
        sums.C2 = mma.Multiply(sums.C2, a, right.B2.X, right.B2.Y, scratch);
        sums.C3 = mma.Multiply(sums.C3, a, right.B3.X, right.B3.Y, scratch);
        if (mma.WordDepth == 2) return;
        a = new(upper.Z, lower.Z, upper.W, lower.W);
        sums.C0 = mma.Multiply(sums.C0, a, right.B0.Z, right.B0.W, scratch);
        sums.C1 = mma.Multiply(sums.C1, a, right.B1.Z, right.B1.W, scratch);
        sums.C2 = mma.Multiply(sums.C2, a, right.B2.Z, right.B2.W, scratch);
        sums.C3 = mma.Multiply(sums.C3, a, right.B3.Z, right.B3.W, scratch);
    }

    static void StoreRows<TRight, TResults>(TResults results, GemmShape shape, int group, int split, int row, int far, int column, MmaRow sums)
        where TRight : struct, IOperand
        where TResults : struct, IResults
    {
        if (default(TRight).AlongDepth)
        {
            StoreRow(results, shape, group, split, row, column, new(sums.C0.X, sums.C0.Y, sums.C1.X, sums.C1.Y), new(sums.C2.X, sums.C2.Y, sums.C3.X, sums.C3.Y));
            StoreRow(results, shape, group, split, row + far, column, new(sums.C0.Z, sums.C0.W, sums.C1.Z, sums.C1.W), new(sums.C2.Z, sums.C2.W, sums.C3.Z, sums.C3.W));
        }
        else
        {
            StoreRow(results, shape, group, split, row, column, new(sums.C0.X, sums.C1.X, sums.C2.X, sums.C3.X), new(sums.C0.Y, sums.C1.Y, sums.C2.Y, sums.C3.Y));
            StoreRow(results, shape, group, split, row + far, column, new(sums.C0.Z, sums.C1.Z, sums.C2.Z, sums.C3.Z), new(sums.C0.W, sums.C1.W, sums.C2.W, sums.C3.W));
        }
    }

    static void StoreRow<TResults>(TResults results, GemmShape shape, int group, int split, int row, int column, Float4 near, Float4 far)
        where TResults : struct, IResults
    {
        if (row >= shape.Rows) return;
        var offset = results.Row(group, split, row);
        if (offset < 0) return;
        if (column < shape.Columns) results.Store(offset, group, column, near);
        if (column + 4 < shape.Columns) results.Store(offset, group, column + 4, far);
    }
}
