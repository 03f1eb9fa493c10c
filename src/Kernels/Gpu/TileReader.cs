using ILGPU;

namespace CnnSharp.Kernels.Gpu;

/// <summary>A thread's share of an operand's tile on its way from global to shared memory (<see cref="SharedTile"/>): up to eight quads.</summary>
/// <remarks>
/// <c>extent</c> (rows of the tile) and <c>threads</c> are constants, powers of two, the same at every call. Quads along the
/// depth: threads lie along the depth first, and a thread's quads differ in row. Quads across rows: threads lie along the
/// rows first, and a thread's quads differ in depth. <c>words</c>, a constant too, says that quads across rows are of words: half as many rows, twice the depth.
/// </remarks>
struct TileReader<TOperand>
    where TOperand : struct, IOperand
{
    OperandRow row0, row1, row2, row3, row4, row5, row6, row7;

    /// <summary>Along the depth, the row of the first quad, and the quad of the depth; across the rows, the quad of rows and the first depth.</summary>
    int row, depth;

    /// <summary>Works out which rows the thread reads.</summary>
    public void Start(TOperand operand, int group, int first, int thread, int extent, int threads, bool words = false)
    {
        if (default(TOperand).AlongDepth)
        {
            row = thread / 4;
            depth = thread & 3;
            var (from, step) = (first + row, threads / 4);
            row0 = operand.Row(group, from);
            if (Quads(extent, threads) > 1) row1 = operand.Row(group, from + step);
            if (Quads(extent, threads) > 2)
            {
                row2 = operand.Row(group, from + (2 * step));
                row3 = operand.Row(group, from + (3 * step));
            }

            if (Quads(extent, threads) > 4)
            {
                row4 = operand.Row(group, from + (4 * step));
                row5 = operand.Row(group, from + (5 * step));
                row6 = operand.Row(group, from + (6 * step));
                row7 = operand.Row(group, from + (7 * step));
            }
        }
        else
        {
            row = thread & (Across(extent, words) - 1);
            depth = thread / Across(extent, words);
            row0 = operand.Row(group, (words ? first / 2 : first) + (4 * row));
        }
    }

    /// <summary>Begins to copy the tile that starts at depth <paramref name="start"/>; zeros from <paramref name="end"/> on.</summary>
    public readonly void Copy(TOperand operand, int start, int end, ArrayView<float> tile, int extent, int threads, bool words = false)
    {
        if (default(TOperand).AlongDepth)
        {
            var at = start + (4 * depth);
            var step = operand.Step(at);
            var isWithin = at < end;
            operand.Copy(row0, step, isWithin, tile, Along(0, threads, words));
            if (Quads(extent, threads) > 1) operand.Copy(row1, step, isWithin, tile, Along(1, threads, words));
            if (Quads(extent, threads) > 2)
            {
                operand.Copy(row2, step, isWithin, tile, Along(2, threads, words));
                operand.Copy(row3, step, isWithin, tile, Along(3, threads, words));
            }

            if (Quads(extent, threads) > 4)
            {
                operand.Copy(row4, step, isWithin, tile, Along(4, threads, words));
                operand.Copy(row5, step, isWithin, tile, Along(5, threads, words));
                operand.Copy(row6, step, isWithin, tile, Along(6, threads, words));
                operand.Copy(row7, step, isWithin, tile, Along(7, threads, words));
            }
        }
        else
        {
            CopyAcross(operand, 0, start, end, tile, extent, threads, words);
            if (Quads(extent, threads) > 1) CopyAcross(operand, 1, start, end, tile, extent, threads, words);
            if (Quads(extent, threads) > 2)
            {
                CopyAcross(operand, 2, start, end, tile, extent, threads, words);
                CopyAcross(operand, 3, start, end, tile, extent, threads, words);
            }

            if (Quads(extent, threads) > 4)
            {
                CopyAcross(operand, 4, start, end, tile, extent, threads, words);
                CopyAcross(operand, 5, start, end, tile, extent, threads, words);
                CopyAcross(operand, 6, start, end, tile, extent, threads, words);
                CopyAcross(operand, 7, start, end, tile, extent, threads, words);
            }
        }
    }

    /// <summary>Quads of a thread: 1, 2, 4 or 8.</summary>
    static int Quads(int extent, int threads) => extent * SharedTile.Depth / (4 * threads);

    /// <summary>Quads that lie across the rows of a tile.</summary>
    static int Across(int extent, bool words) => words ? extent / 8 : extent / 4;

    // Rows a multiple of 32, and of words one of 8, apart change places alike.
    readonly int Along(int share, int threads, bool words)
    {
        if (words) return SharedTile.AlongWords(row, depth) + (share * threads);
        return threads % 128 == 0 ? SharedTile.Along(row, depth) + (share * threads) : SharedTile.Along(row + (share * threads / 4), depth);
    }

    readonly void CopyAcross(TOperand operand, int share, int start, int end, ArrayView<float> tile, int extent, int threads, bool words)
    {
        var quads = Across(extent, words);
        var d = depth + (share * threads / quads);
        operand.Copy(row0, operand.Step(start + d), start + d < end, tile, words ? SharedTile.AcrossWords(row, d, quads) : SharedTile.Across(row, d, extent));
    }
}
