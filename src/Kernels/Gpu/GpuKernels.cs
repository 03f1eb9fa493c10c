using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

/// <summary>
/// The primitives as ILGPU kernels, a class a family (<see cref="GpuKernelFamily"/>).
/// Kernels are compiled at their first use and kept. They keep to what every accelerator has: no float atomics, no warp
/// shuffles, shared memory of constant size, groups of <see cref="GroupSize"/> threads or (tiles) of the size the kernel names.
/// </summary>
sealed class GpuKernels : IKernels
{
    readonly KernelLoader loader;

    /// <summary>The most threads that a reduction's group has; shared arrays are this long.</summary>
    public const int MaxGroupSize = 256;

    /// <param name="engine">Whose they are.</param>
    /// <param name="accelerator">What runs them.</param>
    /// <param name="emulatesTensorCores">As <see cref="GpuEngine"/> has it.</param>
    public GpuKernels(GpuEngine engine, Accelerator accelerator, bool emulatesTensorCores)
    {
        Engine = engine;
        Accelerator = accelerator;
        loader = new(accelerator, KernelCache.OfUser);
        GroupSize = Math.Min(MaxGroupSize, accelerator.MaxNumThreadsPerGroup);
        Products = new(this, emulatesTensorCores);
        Memory = new(this);
        Convolution = new(this);
        MatMul = new(this);
        Pooling = new(this);
        Normalization = new(this);
        Elementwise = new(this);
        Losses = new(this);
        Reductions = new(this);
        Indexing = new(this);
        Resize = new(this);
        Sparse = new(this);
        Images = new(this);
        Optimizers = new(this);
        Peak = new(this);
    }

    /// <summary>Whose kernels these are.</summary>
    public GpuEngine Engine { get; }

    /// <summary>What runs them.</summary>
    public Accelerator Accelerator { get; }

    /// <summary>Threads of a reduction's group: a power of two, 256 on a GPU, 16 on ILGPU's CPU accelerator.</summary>
    public int GroupSize { get; }

    /// <summary>The products behind convolutions and matrix products.</summary>
    public ProductKernels Products { get; }

    /// <summary>The limits of the device.</summary>
    public GpuPeak Peak { get; }

    public MemoryKernels Memory { get; }

    IMemoryKernels IKernels.Memory => Memory;

    public ConvolutionKernels Convolution { get; }

    IConvolutionKernels IKernels.Convolution => Convolution;

    public MatMulKernels MatMul { get; }

    IMatMulKernels IKernels.MatMul => MatMul;

    public PoolingKernels Pooling { get; }

    IPoolingKernels IKernels.Pooling => Pooling;

    public NormalizationKernels Normalization { get; }

    INormalizationKernels IKernels.Normalization => Normalization;

    public ElementwiseKernels Elementwise { get; }

    IElementwiseKernels IKernels.Elementwise => Elementwise;

    public LossKernels Losses { get; }

    ILossKernels IKernels.Losses => Losses;

    public ReductionKernels Reductions { get; }

    IReductionKernels IKernels.Reductions => Reductions;

    public IndexingKernels Indexing { get; }

    IIndexingKernels IKernels.Indexing => Indexing;

    public ResizeKernels Resize { get; }

    IResizeKernels IKernels.Resize => Resize;

    public SparseKernels Sparse { get; }

    ISparseKernels IKernels.Sparse => Sparse;

    public ImageKernels Images { get; }

    IImageKernels IKernels.Images => Images;

    public OptimizerKernels Optimizers { get; }

    IOptimizerKernels IKernels.Optimizers => Optimizers;

    /// <summary>Compiles a kernel of one thread an index: called once, where its launcher is still null.</summary>
    /// <typeparam name="TLauncher">An <c>Action</c> of the index and the kernel's other parameters, as the kernel itself is.</typeparam>
    /// <param name="name">Its name in an error.</param>
    /// <param name="kernel">A static method.</param>
    /// <exception cref="InvalidOperationException">It does not compile for this device.</exception>
    internal TLauncher Compile<TLauncher>(string name, TLauncher kernel)
        where TLauncher : Delegate => Compile(name, () => loader.AutoGrouped<TLauncher>(kernel.Method));

    /// <summary>As <see cref="Compile{TLauncher}(string, TLauncher)"/>, a kernel that sees its groups.</summary>
    /// <typeparam name="TLauncher">An <c>Action</c> of a <see cref="KernelConfig"/> and the kernel's parameters.</typeparam>
    internal TLauncher CompileGrouped<TLauncher>(string name, Delegate kernel, KernelSpecialization specialization = default)
        where TLauncher : Delegate => Compile(name, () => loader.Grouped<TLauncher>(kernel.Method, specialization));

    TLauncher Compile<TLauncher>(string name, Func<TLauncher> load)
    {
        try
        {
            return load();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw new InvalidOperationException($"The kernel '{name}' could not be compiled for '{Engine.Name}' ({Accelerator.Name}): {e.GetBaseException().Message}", e);
        }
    }
}
