namespace CnnSharp.Kernels.Cpu;

/// <summary>
/// The primitives on SIMD vectors of type <typeparamref name="V"/>, a class a family (<see cref="CpuKernelFamily{V}"/>). Formulas and shapes are at
/// <see cref="IKernels"/>; the families say how the work is cut and which lanes hold what.
/// </summary>
sealed class CpuKernels<V> : ICpuKernels
    where V : unmanaged, IVector<V>
{
    /// <param name="workers">The threads that compute.</param>
    /// <param name="choice">The algorithms that convolutions choose from.</param>
    public CpuKernels(Workers workers, AlgorithmChoice choice)
    {
        Workers = workers;
        Indexing = new IndexingKernels(workers);
        Memory = new(this);
        Convolution = new(this, choice);
        MatMul = new(this);
        Pooling = new(this);
        Normalization = new(this);
        Elementwise = new(this);
        Losses = new(this);
        Reductions = new(this);
        Resize = new(this);
        Sparse = new(this);
        Images = new(this);
        Optimizers = new(this);
        Peak = new CpuPeak<V>(this);
    }

    /// <summary>The threads that compute.</summary>
    public Workers Workers { get; }

    /// <summary>Memory for one call at a time: used under <see cref="Workers.ScratchLock"/>.</summary>
    public GrowingMemory Scratch { get; } = new();

    public IPeak Peak { get; }

    public IIndexingKernels Indexing { get; }

    public MemoryKernels<V> Memory { get; }

    IMemoryKernels IKernels.Memory => Memory;

    public ConvolutionKernels<V> Convolution { get; }

    IConvolutionKernels IKernels.Convolution => Convolution;

    IReadOnlyList<IConvolutionAlgorithm> ICpuKernels.ConvolutionAlgorithms => Convolution.Algorithms;

    Workspace ICpuKernels.Workspace => Workers.Kept with { Shared = Workers.Kept.Shared + (Scratch.Capacity / sizeof(float)) };

    IConvolutionAlgorithm ICpuKernels.ChooseAlgorithm(ConvolutionPass pass, in ConvGeometry g) => Convolution.Choose(pass, g);

    public MatMulKernels<V> MatMul { get; }

    IMatMulKernels IKernels.MatMul => MatMul;

    public PoolingKernels<V> Pooling { get; }

    IPoolingKernels IKernels.Pooling => Pooling;

    public NormalizationKernels<V> Normalization { get; }

    INormalizationKernels IKernels.Normalization => Normalization;

    public ElementwiseKernels<V> Elementwise { get; }

    IElementwiseKernels IKernels.Elementwise => Elementwise;

    public LossKernels<V> Losses { get; }

    ILossKernels IKernels.Losses => Losses;

    public ReductionKernels<V> Reductions { get; }

    IReductionKernels IKernels.Reductions => Reductions;

    public ResizeKernels<V> Resize { get; }

    IResizeKernels IKernels.Resize => Resize;

    public SparseKernels<V> Sparse { get; }

    ISparseKernels IKernels.Sparse => Sparse;

    public ImageKernels<V> Images { get; }

    IImageKernels IKernels.Images => Images;

    public OptimizerKernels<V> Optimizers { get; }

    IOptimizerKernels IKernels.Optimizers => Optimizers;
}

/// <summary>The kernels of a SIMD level, and its limits.</summary>
internal interface ICpuKernels : IKernels
{
    /// <summary>The limits of the machine.</summary>
    IPeak Peak { get; }

    /// <summary>All that there are, in the order in which they are asked.</summary>
    IReadOnlyList<IConvolutionAlgorithm> ConvolutionAlgorithms { get; }

    /// <summary>The memory that the calls so far have taken beside their buffers.</summary>
    Workspace Workspace { get; }

    /// <summary>What computes a pass of g.</summary>
    IConvolutionAlgorithm ChooseAlgorithm(ConvolutionPass pass, in ConvGeometry g);
}
