using ILGPU;

namespace CnnSharp.Kernels.Gpu;

/// <summary>
/// A thread's share of a tile's operand on its way from global to shared memory: up to four runs of four floats, held in
/// registers in between. In shared memory, tiles are [depth, extent + 4].
/// </summary>
/// <remarks>
/// <c>extent</c> (rows of the tile), <c>threads</c> and <c>depth</c> are constants, powers of two, the same at every call. Runs along the
/// depth: threads lie along the depth first, and a thread's runs differ in row. Runs across rows: threads lie along the
/// rows first, and a thread's runs differ in depth.
/// </remarks>
struct TileReader<TOperand>
    where TOperand : struct, IOperand
{
    OperandRow row0, row1, row2, row3;
    Float4 run0, run1, run2, run3;
    int depthOffset;
    int place;

    /// <summary>Works out which rows the thread reads.</summary>
    public void Start(TOperand operand, int group, int first, int thread, int extent, int threads, int depth)
    {
        if (operand.AlongDepth)
        {
            var step = threads * 4 / depth;
            var row = thread / (depth / 4);
            depthOffset = thread % (depth / 4) * 4;
            place = (depthOffset * (extent + 4)) + row;
            row0 = operand.Row(group, first + row);
            if (Runs(extent, threads, depth) > 1) row1 = operand.Row(group, first + row + step);
            if (Runs(extent, threads, depth) > 2)
            {
                row2 = operand.Row(group, first + row + (2 * step));
                row3 = operand.Row(group, first + row + (3 * step));
            }
        }
        else
        {
            var row = thread % (extent / 4) * 4;
            depthOffset = thread / (extent / 4);
            place = (depthOffset * (extent + 4)) + row;
            row0 = operand.Row(group, first + row);
        }

        // A thread without a share is sent beyond any depth.
        if (extent * depth / 4 < threads && thread >= extent * depth / 4) depthOffset = int.MaxValue / 2;
    }

    /// <summary>Loads the runs of the tile that starts at depth <paramref name="start"/>; zeros from <paramref name="end"/> on.</summary>
    public void Load(TOperand operand, int start, int end, int extent, int threads, int depth)
    {
        var at = start + depthOffset;
        var step = operand.Step(at);
        run0 = LoadRun(operand, row0, step, at, end);
        if (operand.AlongDepth)
        {
            if (Runs(extent, threads, depth) > 1) run1 = LoadRun(operand, row1, step, at, end);
            if (Runs(extent, threads, depth) > 2)
            {
                run2 = LoadRun(operand, row2, step, at, end);
                run3 = LoadRun(operand, row3, step, at, end);
            }
        }
        else
        {
            var down = threads * 4 / extent;
            if (Runs(extent, threads, depth) > 1) run1 = LoadRun(operand, row0, operand.Step(at + down), at + down, end);
            if (Runs(extent, threads, depth) > 2)
            {
                run2 = LoadRun(operand, row0, operand.Step(at + (2 * down)), at + (2 * down), end);
                run3 = LoadRun(operand, row0, operand.Step(at + (3 * down)), at + (3 * down), end);
            }
        }
    }

    /// <summary>Writes the runs into the tile that starts at <paramref name="buffer"/> of shared memory.</summary>
    public readonly void Store(ArrayView<float> tile, ArrayView<Float4> quads, int buffer, int extent, int threads, int depth)
    {
        if (extent * depth / 4 < threads && depthOffset >= depth) return;
        var to = buffer + place;
        if (default(TOperand).AlongDepth)
        {
            var step = threads * 4 / depth;
            StoreRun(tile, to, extent + 4, run0);
            if (Runs(extent, threads, depth) > 1) StoreRun(tile, to + step, extent + 4, run1);
            if (Runs(extent, threads, depth) > 2)
            {
                StoreRun(tile, to + (2 * step), extent + 4, run2);
                StoreRun(tile, to + (3 * step), extent + 4, run3);
            }
        }
        else
        {
            var step = threads * 4 / extent * (extent + 4);
            quads[to >> 2] = run0;
            if (Runs(extent, threads, depth) > 1) quads[(to + step) >> 2] = run1;
            if (Runs(extent, threads, depth) > 2)
            {
                quads[(to + (2 * step)) >> 2] = run2;
                quads[(to + (3 * step)) >> 2] = run3;
            }
        }
    }

    /// <summary>Runs of a thread: 1, 2 or 4.</summary>
    static int Runs(int extent, int threads, int depth) => extent * depth / (4 * threads);

    static Float4 LoadRun(TOperand operand, OperandRow row, OperandStep step, int depth, int end)
    {
        if (depth >= end) return default;
        return operand.Load(row, step);
    }

    static void StoreRun(ArrayView<float> tile, int at, int stride, Float4 run)
    {
        tile[at] = run.X;
        tile[at + stride] = run.Y;
        tile[at + (2 * stride)] = run.Z;
        tile[at + (3 * stride)] = run.W;
    }
}
