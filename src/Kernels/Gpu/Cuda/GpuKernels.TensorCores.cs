namespace CnnSharp.Kernels.Gpu;

sealed partial class GpuKernels
{
    partial void TensorCoreProduct<TLeft, TRight, TResults>(TLeft left, TRight right, TResults results, int rows, int columns, int depth, int groups)
        where TLeft : struct, IOperand
        where TRight : struct, IOperand
        where TResults : struct, IResults
    {
        if (engine.Precision == Precision.TensorFloat32) MmaProduct<TensorCoreTf32, TLeft, TRight, TResults>(left, right, results, rows, columns, depth, groups);
        else MmaProduct<TensorCoreBf16, TLeft, TRight, TResults>(left, right, results, rows, columns, depth, groups);
    }
}
