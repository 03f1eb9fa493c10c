using ILGPU;

namespace CnnSharp.Kernels.Gpu;

/// <summary>
/// A thread's share of a tile's operand on its way from global to shared memory, as <see cref="TileReader{TOperand}"/>
/// carries it to the plain product: up to four quads of words, in registers as the one or two runs of four floats that each is made of, so that
/// nothing waits for a load before it is stored.
/// </summary>
/// <remarks>
/// <c>extent</c> (rows of the tile) and <c>threads</c> are constants, powers of two, the same at every call. Runs along the depth:
/// a quad is four words of a row, four threads lie along the depth. Runs across the rows: a quad is one word of four rows, threads
/// lie along the rows first.
/// </remarks>
struct MmaReader<TMma, TOperand>
    where TMma : struct, IMma
    where TOperand : struct, IOperand
{
    OperandRow row0, row1, row2, row3;
    Float4 run0, run1, run2, run3;
    Float4 high0, high1, high2, high3;

    /// <summary>Along the depth, the quad of the first share and its depth; across the rows, the quad of rows and the word.</summary>
    int place, at;

    /// <summary>Works out which rows the thread reads.</summary>
    public void Start(TOperand operand, int group, int first, int thread, int extent, int threads)
    {
        if (default(TOperand).AlongDepth)
        {
            var row = first + (thread >> 2);
            place = MmaGemm.QuadAlong(thread >> 2, thread & 3);
            at = 4 * default(TMma).WordDepth * (thread & 3);
            row0 = operand.Row(group, row);
            if (Quads(extent, threads) > 1) row1 = operand.Row(group, row + (threads / 4));
            if (Quads(extent, threads) > 2)
            {
                row2 = operand.Row(group, row + (2 * threads / 4));
                row3 = operand.Row(group, row + (3 * threads / 4));
            }
        }
        else
        {
            place = thread % (extent / 4);
            at = thread / (extent / 4);
            row0 = operand.Row(group, first + (4 * place));
        }
    }

    /// <summary>Loads the runs of the tile that starts at depth <paramref name="start"/>; zeros from <paramref name="end"/> on.</summary>
    public void Load(TOperand operand, int start, int end, int extent, int threads)
    {
        if (default(TOperand).AlongDepth)
        {
            var depth = start + at;
            var (step, highStep) = (operand.Step(depth), operand.Step(depth + 4));
            run0 = LoadRun(operand, row0, step, depth, end);
            if (IsPair) high0 = LoadRun(operand, row0, highStep, depth + 4, end);
            if (Quads(extent, threads) > 1)
            {
                run1 = LoadRun(operand, row1, step, depth, end);
                if (IsPair) high1 = LoadRun(operand, row1, highStep, depth + 4, end);
            }

            if (Quads(extent, threads) > 2)
            {
                run2 = LoadRun(operand, row2, step, depth, end);
                if (IsPair) high2 = LoadRun(operand, row2, highStep, depth + 4, end);
                run3 = LoadRun(operand, row3, step, depth, end);
                if (IsPair) high3 = LoadRun(operand, row3, highStep, depth + 4, end);
            }
        }
        else
        {
            var depth = start + (at * default(TMma).WordDepth);
            var down = threads * 4 / extent * default(TMma).WordDepth;
            LoadAcross(operand, depth, end, ref run0, ref high0);
            if (Quads(extent, threads) > 1) LoadAcross(operand, depth + down, end, ref run1, ref high1);
            if (Quads(extent, threads) > 2)
            {
                LoadAcross(operand, depth + (2 * down), end, ref run2, ref high2);
                LoadAcross(operand, depth + (3 * down), end, ref run3, ref high3);
            }
        }
    }

    /// <summary>Rounds the runs and writes them into the tile that starts at quad <paramref name="buffer"/> of shared memory.</summary>
    public readonly void Store(ArrayView<Word4> tile, int buffer, int extent, int threads)
    {
        tile[buffer + Place(0, extent, threads)] = Words(run0, high0);
        if (Quads(extent, threads) > 1) tile[buffer + Place(1, extent, threads)] = Words(run1, high1);
        if (Quads(extent, threads) > 2)
        {
            tile[buffer + Place(2, extent, threads)] = Words(run2, high2);
            tile[buffer + Place(3, extent, threads)] = Words(run3, high3);
        }
    }

    /// <summary>Quads of a thread: 1, 2 or 4.</summary>
    static int Quads(int extent, int threads) => extent * MmaGemm.Words / (4 * threads);

    /// <summary>Where a share goes. Along the depth, shares are a multiple of 16 rows apart, which <see cref="MmaGemm.QuadAlong"/> leaves as they are.</summary>
    readonly int Place(int share, int extent, int threads)
        => default(TOperand).AlongDepth ? place + (share * threads) : MmaGemm.QuadAcross(place, at + (share * threads * 4 / extent), extent);

    /// <summary>Whether a word is of two values: along the depth, two runs are four words; across the rows, two depths are.</summary>
    static bool IsPair => default(TMma).WordDepth > 1;

    readonly void LoadAcross(TOperand operand, int depth, int end, ref Float4 run, ref Float4 high)
    {
        run = LoadRun(operand, row0, operand.Step(depth), depth, end);
        if (IsPair) high = LoadRun(operand, row0, operand.Step(depth + 1), depth + 1, end);
    }

    static Float4 LoadRun(TOperand operand, OperandRow row, OperandStep step, int depth, int end)
    {
        if (depth >= end) return default;
        return operand.Load(row, step);
    }

    static Word4 Words(Float4 run, Float4 high)
    {
        var mma = default(TMma);
        if (IsPair && default(TOperand).AlongDepth) return new(mma.Word(run.X, run.Y), mma.Word(run.Z, run.W), mma.Word(high.X, high.Y), mma.Word(high.Z, high.W));
        return new(mma.Word(run.X, high.X), mma.Word(run.Y, high.Y), mma.Word(run.Z, high.Z), mma.Word(run.W, high.W));
    }
}
