namespace CnnSharp.Kernels.Cpu;

/// <summary>
/// The primitives on SIMD vectors of type <typeparamref name="V"/>, one file a family. Formulas and shapes are at
/// <see cref="IKernels"/>; the files say how the work is cut and which lanes hold what.
/// </summary>
internal sealed unsafe partial class CpuKernels<V>(Workers workers, ConvolutionAlgorithms algorithms) : IKernels, IMemoryKernels, IConvolutionKernels, IMatMulKernels, IPoolingKernels, INormalizationKernels, IElementwiseKernels, ILossKernels, IReductionKernels, IResizeKernels, ISparseKernels, IImageKernels, IOptimizerKernels
    where V : unmanaged, IVector<V>
{
    IMemoryKernels IKernels.Memory => this;

    IConvolutionKernels IKernels.Convolution => this;

    IMatMulKernels IKernels.MatMul => this;

    IPoolingKernels IKernels.Pooling => this;

    INormalizationKernels IKernels.Normalization => this;

    IElementwiseKernels IKernels.Elementwise => this;

    ILossKernels IKernels.Losses => this;

    IReductionKernels IKernels.Reductions => this;

    public IIndexingKernels Indexing { get; } = new IndexingKernels(workers);

    IResizeKernels IKernels.Resize => this;

    ISparseKernels IKernels.Sparse => this;

    IImageKernels IKernels.Images => this;

    IOptimizerKernels IKernels.Optimizers => this;

    /// <summary>Elements a task of an element-wise kernel has: a quarter of a 2 MiB L2 in two streams.</summary>
    const long Chunk = 32 * 1024;

    readonly Workers workers = workers;

    bool May(ConvolutionAlgorithms algorithm) => (algorithms & algorithm) != 0;

    static int Chunks(long count) => checked((int)((count + Chunk - 1) / Chunk));

    static int DivideUp(int a, int b) => (a + b - 1) / b;

    static int RoundUp(int a, int b) => (a + b - 1) / b * b;
}
