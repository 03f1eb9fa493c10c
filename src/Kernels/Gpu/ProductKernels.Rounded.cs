using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

// Products in a lower precision: on tensor cores, or, for tests of the kernels around them, in plain arithmetic.
sealed partial class ProductKernels
{
    /// <summary>What the device lacks for a precision below float32; null where it has it.</summary>
    public string? TensorCoresMissing => emulatesTensorCores ? null : Accelerators.TensorCoresMissing(Accelerator);

    void RoundedProduct<TLeft, TRight, TResults>(TLeft left, TRight right, TResults results, int rows, int columns, int depth, int groups)
        where TLeft : struct, IOperand
        where TRight : struct, IOperand
        where TResults : struct, IResults
    {
        switch (emulatesTensorCores, Engine.Precision)
        {
            case (false, Precision.TensorFloat32): MmaProduct<TensorCoreTf32, TLeft, TRight, TResults>(left, right, results, rows, columns, depth, groups); break;
            case (false, _): MmaProduct<TensorCoreBf16, TLeft, TRight, TResults>(left, right, results, rows, columns, depth, groups); break;
            case (true, Precision.TensorFloat32): MmaProduct<ScalarTf32, TLeft, TRight, TResults>(left, right, results, rows, columns, depth, groups); break;
            case (true, _): MmaProduct<ScalarBf16, TLeft, TRight, TResults>(left, right, results, rows, columns, depth, groups); break;
        }
    }

    void MmaProduct<TMma, TLeft, TRight, TResults>(TLeft left, TRight right, TResults results, int rows, int columns, int depth, int groups)
        where TMma : struct, IMma
        where TLeft : struct, IOperand
        where TRight : struct, IOperand
        where TResults : struct, IResults
    {
        if (columns > 64 && Fills(WarpThreads<WarpTile128x128>(rows, columns, groups), depth)) MmaProduct<WarpTile128x128, TMma, TLeft, TRight, TResults>(left, right, results, rows, columns, depth, groups);
        else if (Fills(WarpThreads<WarpTile128x64>(rows, columns, groups), depth)) MmaProduct<WarpTile128x64, TMma, TLeft, TRight, TResults>(left, right, results, rows, columns, depth, groups);
        else MmaProduct<WarpTile64x64, TMma, TLeft, TRight, TResults>(left, right, results, rows, columns, depth, groups);
    }

    /// <summary>The same on a tile that the device's groups must be large enough for.</summary>
    internal void MmaProduct<TTile, TMma, TLeft, TRight, TResults>(TLeft left, TRight right, TResults results, int rows, int columns, int depth, int groups)
        where TTile : struct, IWarpTile
        where TMma : struct, IMma
        where TLeft : struct, IOperand
        where TRight : struct, IOperand
        where TResults : struct, IResults
    {
        var shape = Shape(WarpThreads<TTile>(rows, columns, groups), rows, columns, depth, groups, SharedTile.Depth);
        if (shape.Splits == 1)
        {
            MmaLaunch<TTile, TMma, TLeft, TRight, TResults>(left, right, results, shape);
            return;
        }

        var partials = RentPartials(shape);
        try
        {
            MmaLaunch<TTile, TMma, TLeft, TRight, PartialResults>(left, right, new(Floats(partials), groups, rows, columns), shape);
            AddPartials(partials, results, shape);
        }
        finally
        {
            partials.Release();
        }
    }

    void MmaLaunch<TTile, TMma, TLeft, TRight, TResults>(TLeft left, TRight right, TResults results, GemmShape shape)
        where TTile : struct, IWarpTile
        where TMma : struct, IMma
        where TLeft : struct, IOperand
        where TRight : struct, IOperand
        where TResults : struct, IResults
    {
        var multiply = (Action<KernelConfig, TLeft, TRight, TResults, GemmShape>)products.GetOrAdd(
            typeof((TTile, TMma, TLeft, TRight, TResults)),
            static (_, kernels) => kernels.Compile($"{nameof(MmaGemm)}.{nameof(MmaGemm.Multiply)}", a => a.LoadStreamKernel<TLeft, TRight, TResults, GemmShape>(MmaGemm.Multiply<TTile, TMma, TLeft, TRight, TResults>, new KernelSpecialization(MmaGemm.Threads<TTile>(), default(TTile).GroupsPerMultiprocessor))),
            this);
        var grid = new Index3D(Blocks(shape.Rows, MmaGemm.Rows<TTile>()), Blocks(shape.Columns, MmaGemm.Columns<TTile>()), shape.Groups * shape.Splits);
        multiply(new(grid, new Index3D(MmaGemm.Threads<TTile>(), 1, 1)), left, right, results, shape);
    }

    /// <summary>Threads of all tiles of a product.</summary>
    static long WarpThreads<TTile>(int rows, int columns, int groups)
        where TTile : struct, IWarpTile => (long)Blocks(rows, MmaGemm.Rows<TTile>()) * Blocks(columns, MmaGemm.Columns<TTile>()) * groups * MmaGemm.Threads<TTile>();
}
