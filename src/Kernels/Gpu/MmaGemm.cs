using ILGPU;

namespace CnnSharp.Kernels.Gpu;

/// <summary>
/// The products of <see cref="Gemm"/> with factors rounded to a lower precision, multiplied a warp at a time by
/// <see cref="IMma"/>. Factors are rounded on their way into shared memory; sums are float32 from there to the end.
/// </summary>
/// <remarks>
/// A tile's depth is 16 words, two steps of 16 multiplications a warp, in two buffers: 32 KB for 128 x 128, which
/// ILGPU's launcher allows. A deeper tile would need a launch path of its own and save one barrier in two.
/// <para>
/// Rows, columns and depth of a product may be numbered in any order as long as both factors and the result agree. Here
/// the numbers are dealt so that a lane reads and writes 128 bits at a time: lane (g, t) takes words 4t .. 4t + 3 of the
/// depth as t, t + 4 of the first step and of the second; its row g of block i is row 4g + i, its row g + 8 is row 32 + 4g + i;
/// column n of block j is column 4n + j, so that c0 and c1 of the four blocks are columns 8t .. 8t + 7. For a depth of 16
/// words a thread issues 12 128-bit reads of shared memory and 32 multiplications.
/// </para>
/// </remarks>
static class MmaGemm
{
    /// <summary>Words of a tile's depth.</summary>
    public const int Words = 16;

    /// <summary>Group: the threads of the tile. Grid: tiles of rows, tiles of columns, groups x splits.</summary>
    public static void Multiply<TTile, TMma, TLeft, TRight, TResults>(TLeft left, TRight right, TResults results, GemmShape shape)
        where TTile : struct, IWarpTile
        where TMma : struct, IMma
        where TLeft : struct, IOperand
        where TRight : struct, IOperand
        where TResults : struct, IResults
    {
        var mma = default(TMma);
        var leftTile = Word4.Of(SharedMemory.Allocate<uint>(2 * Words * Rows<TTile>()));
        var rightTile = Word4.Of(SharedMemory.Allocate<uint>(2 * Words * Columns<TTile>()));
        var scratch = mma.Scratch(Threads<TTile>() / 32);

        var thread = Group.IdxX;
        var group = Grid.IdxZ / shape.Splits;
        var split = Grid.IdxZ - (group * shape.Splits);
        var start = split * shape.SplitDepth;
        var end = Math.Min(start + shape.SplitDepth, shape.Depth);
        var (firstRow, firstColumn) = (Grid.IdxX * Rows<TTile>(), Grid.IdxY * Columns<TTile>());
        var warp = thread >> 5;
        var warpRow = warp % default(TTile).Rows;
        var warpColumn = warp / default(TTile).Rows;
        var (g, t) = ((thread >> 2) & 7, thread & 3);

        MmaReader<TMma, TLeft> leftReader = default;
        MmaReader<TMma, TRight> rightReader = default;
        leftReader.Start(left, group, firstRow, thread, Rows<TTile>(), Threads<TTile>());
        rightReader.Start(right, group, firstColumn, thread, Columns<TTile>(), Threads<TTile>());

        MmaSums sums = default;
        leftReader.Load(left, start, end, Rows<TTile>(), Threads<TTile>());
        rightReader.Load(right, start, end, Columns<TTile>(), Threads<TTile>());
        leftReader.Store(leftTile, 0, Rows<TTile>(), Threads<TTile>());
        rightReader.Store(rightTile, 0, Columns<TTile>(), Threads<TTile>());
        Group.Barrier();

        var buffer = 0;
        for (var depth = start; depth < end; depth += Words * mma.WordDepth)
        {
            var next = depth + (Words * mma.WordDepth);
            if (next < end)
            {
                leftReader.Load(left, next, end, Rows<TTile>(), Threads<TTile>());
                rightReader.Load(right, next, end, Columns<TTile>(), Threads<TTile>());
            }

            MultiplyTile<TTile, TMma, TLeft, TRight>(ref sums, leftTile, rightTile, buffer, warpRow, warpColumn, g, t, scratch);

            buffer ^= 1;
            if (next < end)
            {
                leftReader.Store(leftTile, buffer * Rows<TTile>() * Words / 4, Rows<TTile>(), Threads<TTile>());
                rightReader.Store(rightTile, buffer * Columns<TTile>() * Words / 4, Columns<TTile>(), Threads<TTile>());
            }

            Group.Barrier();
        }

        var (row, column) = (firstRow + (64 * warpRow) + (4 * g), firstColumn + (32 * warpColumn) + (8 * t));
        StoreRows(results, shape, group, split, row, column, sums.R0);
        StoreRows(results, shape, group, split, row + 1, column, sums.R1);
        StoreRows(results, shape, group, split, row + 2, column, sums.R2);
        StoreRows(results, shape, group, split, row + 3, column, sums.R3);
    }

    /// <summary>Rows of a tile.</summary>
    public static int Rows<TTile>()
        where TTile : struct, IWarpTile => 64 * default(TTile).Rows;

    /// <summary>Columns of a tile.</summary>
    public static int Columns<TTile>()
        where TTile : struct, IWarpTile => 32 * default(TTile).Columns;

    /// <summary>Threads of a tile's group.</summary>
    public static int Threads<TTile>()
        where TTile : struct, IWarpTile => 32 * default(TTile).Rows * default(TTile).Columns;

    /// <summary>
    /// The quad of (row, words 4q .. 4q + 3) in a tile that lies along the depth. Rows of which bit 2 is set change places in
    /// pairs: the eight lanes of a quarter of a warp, which read rows 4g + i and 4(g + 1) + i, find all 32 banks.
    /// </summary>
    public static int QuadAlong(int row, int q) => (4 * (row ^ ((row >> 2) & 1))) + q;

    /// <summary>
    /// The quad of (rows 4q .. 4q + 3, word) in a tile that lies across the rows. Quads change places by the word, so that lanes that read words
    /// 4t + s of rows 4g .. 4g + 3 find all 32 banks.
    /// </summary>
    public static int QuadAcross(int q, int word, int extent) => (word * (extent / 4)) + (q ^ (2 * (word >> 2)));

    static void MultiplyTile<TTile, TMma, TLeft, TRight>(ref MmaSums sums, ArrayView<Word4> leftTile, ArrayView<Word4> rightTile, int buffer, int warpRow, int warpColumn, int g, int t, ArrayView<float> scratch)
        where TTile : struct, IWarpTile
        where TMma : struct, IMma
        where TLeft : struct, IOperand
        where TRight : struct, IOperand
    {
        var i = buffer * Rows<TTile>() * Words / 4;
        var j = buffer * Columns<TTile>() * Words / 4;
        MmaLeft left0, left1;
        MmaRight right0, right1;

        // QuadAlong of row 4g + i with i = 0 .. 3 is 4 (4g + i) + t, four more for even i and less for odd where g is odd.
        if (default(TLeft).AlongDepth)
        {
            i += (4 * ((64 * warpRow) + (4 * g))) + t;
            var (even, odd) = (i + (4 * (g & 1)), i - (4 * (g & 1)));
            var (a0, a1, a2, a3) = (leftTile[even], leftTile[odd + 4], leftTile[even + 8], leftTile[odd + 12]);
            var (b0, b1, b2, b3) = (leftTile[even + 128], leftTile[odd + 132], leftTile[even + 136], leftTile[odd + 140]);
            left0 = new(new(a0.X, b0.X, a0.Y, b0.Y), new(a1.X, b1.X, a1.Y, b1.Y), new(a2.X, b2.X, a2.Y, b2.Y), new(a3.X, b3.X, a3.Y, b3.Y));
            left1 = new(new(a0.Z, b0.Z, a0.W, b0.W), new(a1.Z, b1.Z, a1.W, b1.W), new(a2.Z, b2.Z, a2.W, b2.W), new(a3.Z, b3.Z, a3.W, b3.W));
        }
        else
        {
            var word = Rows<TTile>() / 4;
            i += (4 * t * word) + (16 * warpRow) + (g ^ (2 * t));
            var (a0, a1, a2, a3) = (leftTile[i], leftTile[i + word], leftTile[i + (2 * word)], leftTile[i + (3 * word)]);
            var (b0, b1, b2, b3) = (leftTile[i + 8], leftTile[i + word + 8], leftTile[i + (2 * word) + 8], leftTile[i + (3 * word) + 8]);
            left0 = new(new(a0.X, b0.X, a1.X, b1.X), new(a0.Y, b0.Y, a1.Y, b1.Y), new(a0.Z, b0.Z, a1.Z, b1.Z), new(a0.W, b0.W, a1.W, b1.W));
            left1 = new(new(a2.X, b2.X, a3.X, b3.X), new(a2.Y, b2.Y, a3.Y, b3.Y), new(a2.Z, b2.Z, a3.Z, b3.Z), new(a2.W, b2.W, a3.W, b3.W));
        }

        if (default(TRight).AlongDepth)
        {
            j += (4 * ((32 * warpColumn) + (4 * g))) + t;
            var (even, odd) = (j + (4 * (g & 1)), j - (4 * (g & 1)));
            var (b0, b1, b2, b3) = (rightTile[even], rightTile[odd + 4], rightTile[even + 8], rightTile[odd + 12]);
            right0 = new(new(b0.X, b1.X, b2.X, b3.X), new(b0.Y, b1.Y, b2.Y, b3.Y));
            right1 = new(new(b0.Z, b1.Z, b2.Z, b3.Z), new(b0.W, b1.W, b2.W, b3.W));
        }
        else
        {
            var word = Columns<TTile>() / 4;
            j += (4 * t * word) + (8 * warpColumn) + (g ^ (2 * t));
            right0 = new(rightTile[j], rightTile[j + word]);
            right1 = new(rightTile[j + (2 * word)], rightTile[j + (3 * word)]);
        }

        MultiplyStep<TMma>(ref sums, left0, right0, scratch);
        MultiplyStep<TMma>(ref sums, left1, right1, scratch);
    }

    static void MultiplyStep<TMma>(ref MmaSums sums, MmaLeft left, MmaRight right, ArrayView<float> scratch)
        where TMma : struct, IMma
    {
        MultiplyRow<TMma>(ref sums.R0, left.Block0, right, scratch);
        MultiplyRow<TMma>(ref sums.R1, left.Block1, right, scratch);
        MultiplyRow<TMma>(ref sums.R2, left.Block2, right, scratch);
        MultiplyRow<TMma>(ref sums.R3, left.Block3, right, scratch);
    }

    static void MultiplyRow<TMma>(ref MmaRow sums, Word4 a, MmaRight right, ArrayView<float> scratch)
        where TMma : struct, IMma
    {
        var mma = default(TMma);
        sums.C0 = mma.Multiply(sums.C0, a, right.B0.X, right.B1.X, scratch);
        sums.C1 = mma.Multiply(sums.C1, a, right.B0.Y, right.B1.Y, scratch);
        sums.C2 = mma.Multiply(sums.C2, a, right.B0.Z, right.B1.Z, scratch);
        sums.C3 = mma.Multiply(sums.C3, a, right.B0.W, right.B1.W, scratch);
    }

    static void StoreRows<TResults>(TResults results, GemmShape shape, int group, int split, int row, int column, MmaRow sums)
        where TResults : struct, IResults
    {
        StoreRow(results, shape, group, split, row, column, new(sums.C0.X, sums.C1.X, sums.C2.X, sums.C3.X), new(sums.C0.Y, sums.C1.Y, sums.C2.Y, sums.C3.Y));
        StoreRow(results, shape, group, split, row + 32, column, new(sums.C0.Z, sums.C1.Z, sums.C2.Z, sums.C3.Z), new(sums.C0.W, sums.C1.W, sums.C2.W, sums.C3.W));
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
