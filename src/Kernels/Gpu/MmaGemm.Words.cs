using ILGPU;

namespace CnnSharp.Kernels.Gpu;

// Tiles of words: what is in shared memory goes to the tensor cores as it is.
static partial class MmaGemm
{
    /// <summary>The products of two tiles, in two steps.</summary>
    static void MultiplyWords<TTile, TMma, TLeft>(ref MmaSums sums, ArrayView<float> leftTile, ArrayView<float> rightTile, int warpRow, int warpColumn, ArrayView<float> scratch)
        where TTile : struct, IWarpTile
        where TMma : struct, IMma
        where TLeft : struct, IOperand
    {
        MultiplyWords<TTile, TMma, TLeft>(ref sums, leftTile, rightTile, warpRow, warpColumn, 0, scratch);
        MultiplyWords<TTile, TMma, TLeft>(ref sums, leftTile, rightTile, warpRow, warpColumn, 1, scratch);
    }

    static void MultiplyWords<TTile, TMma, TLeft>(ref MmaSums sums, ArrayView<float> leftTile, ArrayView<float> rightTile, int warpRow, int warpColumn, int step, ArrayView<float> scratch)
        where TTile : struct, IWarpTile
        where TMma : struct, IMma
        where TLeft : struct, IOperand
    {
        var mma = default(TMma);
        var along = default(TLeft).AlongDepth;
        var near = mma.Load(rightTile, along, true, warpColumn, 0, step, Columns<TTile>());
        var far = mma.Load(rightTile, along, true, warpColumn, 1, step, Columns<TTile>());
        MultiplyWords<TMma>(ref sums.R0, mma.Load(leftTile, along, false, 2 * warpRow, 0, step, Rows<TTile>()), near, far, scratch);
        MultiplyWords<TMma>(ref sums.R1, mma.Load(leftTile, along, false, 2 * warpRow, 1, step, Rows<TTile>()), near, far, scratch);
        MultiplyWords<TMma>(ref sums.R2, mma.Load(leftTile, along, false, 2 * warpRow, 2, step, Rows<TTile>()), near, far, scratch);
        MultiplyWords<TMma>(ref sums.R3, mma.Load(leftTile, along, false, 2 * warpRow, 3, step, Rows<TTile>()), near, far, scratch);
    }

    /// <summary>Adds the products of 16 rows with 32 columns, of which <paramref name="near"/> and <paramref name="far"/> have 16 each.</summary>
    static void MultiplyWords<TMma>(ref MmaRow sums, Word4 a, Word4 near, Word4 far, ArrayView<float> scratch)
        where TMma : struct, IMma
    {
        var mma = default(TMma);
        sums.C0 = mma.Multiply(sums.C0, a, near.X, near.Y, scratch);
        sums.C1 = mma.Multiply(sums.C1, a, near.Z, near.W, scratch);
        sums.C2 = mma.Multiply(sums.C2, a, far.X, far.Y, scratch);
        sums.C3 = mma.Multiply(sums.C3, a, far.Z, far.W, scratch);
    }

    /// <summary>
    /// Stores a lane's sums, of columns 2t and 2t + 1 of rows g and g + 8 of every block: neighbors exchange a row, so that even lanes have four columns of
    /// row g and odd ones of row g + 8.
    /// </summary>
    static void StoreWords<TResults>(TResults results, GemmShape shape, int group, int split, int row, int column, MmaSums sums)
        where TResults : struct, IResults
    {
        StoreWords(results, shape, group, split, row, column, sums.R0);
        StoreWords(results, shape, group, split, row + 16, column, sums.R1);
        StoreWords(results, shape, group, split, row + 32, column, sums.R2);
        StoreWords(results, shape, group, split, row + 48, column, sums.R3);
    }

    static void StoreWords<TResults>(TResults results, GemmShape shape, int group, int split, int row, int column, MmaRow sums)
        where TResults : struct, IResults
    {
        var (c0, c1, c2, c3) = (Exchanged(sums.C0), Exchanged(sums.C1), Exchanged(sums.C2), Exchanged(sums.C3));
        if (row >= shape.Rows) return;
        var offset = results.Row(group, split, row);
        if (offset < 0) return;
        if (column < shape.Columns) results.Store(offset, group, column, c0);
        if (column + 8 < shape.Columns) results.Store(offset, group, column + 8, c1);
        if (column + 16 < shape.Columns) results.Store(offset, group, column + 16, c2);
        if (column + 24 < shape.Columns) results.Store(offset, group, column + 24, c3);
    }

    /// <summary>All lanes call it together.</summary>
    static Float4 Exchanged(Float4 c)
    {
        var isOdd = (Group.IdxX & 1) != 0;
        var (first, second) = (Warp.ShuffleXor(isOdd ? c.X : c.Z, 1), Warp.ShuffleXor(isOdd ? c.Y : c.W, 1));
        return isOdd ? new(first, second, c.Z, c.W) : new(c.X, c.Y, first, second);
    }
}
