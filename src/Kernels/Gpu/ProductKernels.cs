using System.Collections.Concurrent;
using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

/// <summary>The products behind convolutions and matrix products (<see cref="Gemm"/>): which tile one takes, how many parts its depth is summed in, and the launch.</summary>
/// <param name="kernels">The families of the engine.</param>
/// <param name="emulatesTensorCores">As <see cref="GpuEngine"/> has it.</param>
sealed partial class ProductKernels(GpuKernels kernels, bool emulatesTensorCores) : GpuKernelFamily(kernels)
{
    /// <summary>
    /// Threads that keep a device busy (sixteen warps for each of 128 multiprocessors): with fewer, smaller tiles are taken.
    /// A fixed number, as is <see cref="SplitGrid"/>, so that results are the same on devices of any size.
    /// </summary>
    const long FullGrid = 1 << 16;

    /// <summary>Threads that a depth is split for: with more there is work while some wait, and the last round of groups is a small part of all.</summary>
    const long SplitGrid = 1 << 17;

    /// <summary>A depth that is split for more threads as soon as they are wanted.</summary>
    const int Deep = 1024;

    /// <summary>The least depth that is worth a part of its own.</summary>
    const int LeastSplitDepth = 128;

    const int MostSplits = 1024;

    /// <summary>Multiply-adds from which a product gains more by factors in another form than the kernels take that bring them into it. Tests set it.</summary>
    internal long LargeProduct { get; set; } = 1 << 30;

    /// <summary>Compiled products by their four types; they are too many for a field each.</summary>
    readonly ConcurrentDictionary<Type, Delegate> products = new();

    /// <summary>results = left right'; a result without depth is that of an empty sum.</summary>
    public void Multiply<TLeft, TRight, TResults>(TLeft left, TRight right, TResults results, int rows, int columns, int depth, int groups)
        where TLeft : struct, IOperand
        where TRight : struct, IOperand
        where TResults : struct, IResults
    {
        if (rows == 0 || columns == 0) return;
        if (Engine.Precision != Precision.Float32) RoundedProduct(left, right, results, rows, columns, depth, groups);
        else if (Accelerator.MaxNumThreadsPerGroup < Gemm.Threads<Tile128x128>()) Product<Tile32x32, TLeft, TRight, TResults>(left, right, results, rows, columns, depth, groups);
        else if (columns <= 16 && (WastesRows<Tile128x16>(rows) || !Fills<Tile128x16>(rows, columns, depth, groups))) Product<Tile64x16, TLeft, TRight, TResults>(left, right, results, rows, columns, depth, groups);
        else if (columns <= 16) Product<Tile128x16, TLeft, TRight, TResults>(left, right, results, rows, columns, depth, groups);
        else if (columns <= 32 && rows > 64) Product<Tile128x32, TLeft, TRight, TResults>(left, right, results, rows, columns, depth, groups);
        else if (columns > 64 && Fills<Tile128x128>(rows, columns, depth, groups)) Product<Tile128x128, TLeft, TRight, TResults>(left, right, results, rows, columns, depth, groups);
        else if (Fills<Tile128x64>(rows, columns, depth, groups)) Product<Tile128x64, TLeft, TRight, TResults>(left, right, results, rows, columns, depth, groups);
        else Product<Tile64x64, TLeft, TRight, TResults>(left, right, results, rows, columns, depth, groups);
    }

    /// <summary>The same on a tile that the device's groups must be large enough for.</summary>
    internal void Product<TTile, TLeft, TRight, TResults>(TLeft left, TRight right, TResults results, int rows, int columns, int depth, int groups)
        where TTile : struct, ITile
        where TLeft : struct, IOperand
        where TRight : struct, IOperand
        where TResults : struct, IResults
    {
        var shape = Shape(Threads<TTile>(rows, columns, groups), rows, columns, depth, groups, SharedTile.Depth);
        if (shape.Splits == 1)
        {
            Launch<TTile, TLeft, TRight, TResults>(left, right, results, shape);
            return;
        }

        var partials = RentPartials(shape);
        try
        {
            Launch<TTile, TLeft, TRight, PartialResults>(left, right, new(Floats(partials), groups, rows, columns), shape);
            AddPartials(partials, results, shape);
        }
        finally
        {
            partials.Release();
        }
    }

    /// <summary>A product whose tiles have so many threads, its depth in parts that are multiples of <paramref name="tileDepth"/>.</summary>
    static GemmShape Shape(long threads, int rows, int columns, int depth, int groups, int tileDepth)
    {
        var splitDepth = Blocks(Blocks(depth, Splits(threads, depth)), tileDepth) * tileDepth;
        return new(rows, columns, depth, groups, Math.Max(1, Blocks(depth, Math.Max(splitDepth, 1))), splitDepth);
    }

    /// <summary>Memory for the sums of every part of the depth.</summary>
    DeviceBuffer RentPartials(in GemmShape shape) => Engine.Rent(DType.Float32, 4L * shape.Splits * shape.Groups * shape.Rows * ((shape.Columns + 3) / 4));

    /// <summary>Adds them up.</summary>
    void AddPartials<TResults>(DeviceBuffer partials, TResults results, GemmShape shape)
        where TResults : struct, IResults
    {
        var add = (Action<KernelConfig, ArrayView<float>, TResults, GemmShape>)products.GetOrAdd(
            typeof(TResults),
            static (_, kernels) => kernels.CompileGrouped<Action<KernelConfig, ArrayView<float>, TResults, GemmShape>>(nameof(Gemm.AddPartials), Gemm.AddPartials<TResults>),
            this);
        add(new(Blocks((int)(partials.Length / 4 / shape.Splits), Gemm.AddRuns), Math.Min(GroupSize, Gemm.MostAddThreads)), Floats(partials), results, shape);
    }

    void Launch<TTile, TLeft, TRight, TResults>(TLeft left, TRight right, TResults results, GemmShape shape)
        where TTile : struct, ITile
        where TLeft : struct, IOperand
        where TRight : struct, IOperand
        where TResults : struct, IResults
    {
        var multiply = (Action<KernelConfig, TLeft, TRight, TResults, GemmShape>)products.GetOrAdd(
            typeof((TTile, TLeft, TRight, TResults)),
            static (_, kernels) => kernels.CompileGrouped<Action<KernelConfig, TLeft, TRight, TResults, GemmShape>>(nameof(Gemm.Multiply), Gemm.Multiply<TTile, TLeft, TRight, TResults>, new KernelSpecialization(Gemm.Threads<TTile>(), default(TTile).GroupsPerMultiprocessor)),
            this);
        var grid = new Index3D(Blocks(shape.Rows, Gemm.TileRows<TTile>()), Blocks(shape.Columns, Gemm.TileColumns<TTile>()), shape.Groups * shape.Splits);
        multiply(new(grid, new Index3D(Gemm.Threads<TTile>(), 1, 1)), left, right, results, shape);
    }

    /// <summary>Threads of all tiles of a product.</summary>
    static long Threads<TTile>(int rows, int columns, int groups)
        where TTile : struct, ITile => (long)Blocks(rows, Gemm.TileRows<TTile>()) * Blocks(columns, Gemm.TileColumns<TTile>()) * groups * Gemm.Threads<TTile>();

    static bool Fills<TTile>(int rows, int columns, int depth, int groups)
        where TTile : struct, ITile => Fills(Threads<TTile>(rows, columns, groups), depth);

    static bool Fills(long threads, int depth) => threads * Math.Max(1, depth / Deep) >= FullGrid;

    /// <summary>Whether half the rows of a tile would do for the last one, and that matters.</summary>
    static bool WastesRows<TTile>(int rows)
        where TTile : struct, ITile => rows < 4 * Gemm.TileRows<TTile>() && (rows - 1) % Gemm.TileRows<TTile>() < Gemm.TileRows<TTile>() / 2;

    /// <summary>Parts of the depth that fill the device, each of a depth worth its sum.</summary>
    static int Splits(long threads, int depth) => threads >= FullGrid / 2 ? 1 : (int)Math.Clamp(SplitGrid / threads, 1, Math.Clamp(depth / LeastSplitDepth, 1, MostSplits));
}
