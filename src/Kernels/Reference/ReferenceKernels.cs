using System.Numerics;

namespace CnnSharp.Kernels.Reference;

/// <summary>
/// The primitives as plain loops, a class a family. Formulas and shapes are
/// at <see cref="IKernels"/>. <typeparamref name="T"/> is the type of storage only: all arithmetic is double, so a float
/// result is the formula's value rounded once, and its error is not an issue when another engine is compared with it.
/// </summary>
/// <typeparam name="T">float or double.</typeparam>
sealed class ReferenceKernels<T> : IKernels
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public IMemoryKernels Memory { get; } = new MemoryKernels<T>();

    public IConvolutionKernels Convolution { get; } = new ConvolutionKernels<T>();

    public IMatMulKernels MatMul { get; } = new MatMulKernels<T>();

    public IPoolingKernels Pooling { get; } = new PoolingKernels<T>();

    public INormalizationKernels Normalization { get; } = new NormalizationKernels<T>();

    public IElementwiseKernels Elementwise { get; } = new ElementwiseKernels<T>();

    public ILossKernels Losses { get; } = new LossKernels<T>();

    public IReductionKernels Reductions { get; } = new ReductionKernels<T>();

    public IIndexingKernels Indexing { get; } = new IndexingKernels<T>();

    public IResizeKernels Resize { get; } = new ResizeKernels<T>();

    public ISparseKernels Sparse { get; } = new SparseKernels<T>();

    public IImageKernels Images { get; } = new ImageKernels<T>();

    public IOptimizerKernels Optimizers { get; } = new OptimizerKernels<T>();
}
