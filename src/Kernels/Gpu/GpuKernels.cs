using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

/// <summary>
/// The primitives as ILGPU kernels: a file a family, each kernel a static method above the launcher that calls it.
/// Kernels are compiled at their first use and kept. They keep to what every accelerator has: no float atomics, no warp
/// shuffles, shared memory of constant size, groups of <see cref="GroupSize"/> threads or (tiles) of the size the kernel names.
/// </summary>
sealed partial class GpuKernels : IKernels, IMemoryKernels, IConvolutionKernels, IMatMulKernels, IPoolingKernels, INormalizationKernels, IElementwiseKernels, ILossKernels, IReductionKernels, IResizeKernels, ISparseKernels, IImageKernels, IOptimizerKernels
{
    IMemoryKernels IKernels.Memory => this;

    IConvolutionKernels IKernels.Convolution => this;

    IMatMulKernels IKernels.MatMul => this;

    IPoolingKernels IKernels.Pooling => this;

    INormalizationKernels IKernels.Normalization => this;

    IElementwiseKernels IKernels.Elementwise => this;

    ILossKernels IKernels.Losses => this;

    IReductionKernels IKernels.Reductions => this;

    public IIndexingKernels Indexing { get; }

    IResizeKernels IKernels.Resize => this;

    ISparseKernels IKernels.Sparse => this;

    IImageKernels IKernels.Images => this;

    IOptimizerKernels IKernels.Optimizers => this;

    /// <summary>The most threads that a reduction's group has; shared arrays are this long.</summary>
    const int MaxGroupSize = 256;

    readonly GpuEngine engine;
    readonly Accelerator accelerator;

    readonly bool emulatesTensorCores;

    public GpuKernels(GpuEngine engine, Accelerator accelerator, bool emulatesTensorCores)
    {
        this.engine = engine;
        this.accelerator = accelerator;
        this.emulatesTensorCores = emulatesTensorCores;
        GroupSize = Math.Min(MaxGroupSize, accelerator.MaxNumThreadsPerGroup);
        Indexing = new IndexingKernels(this);
    }

    /// <summary>Threads of a reduction's group: a power of two, 256 on a GPU, 16 on ILGPU's CPU accelerator.</summary>
    int GroupSize { get; }

    /// <summary>The elements of a buffer of this engine, to read and to write: see <see cref="DeviceBuffer.Version"/>.</summary>
    internal static ArrayView<T> View<T>(DeviceBuffer buffer)
        where T : unmanaged => Elements<T>(buffer, buffer.Block);

    /// <summary>As <see cref="View{T}"/>, only to be read.</summary>
    internal static ArrayView<T> ReadView<T>(DeviceBuffer buffer)
        where T : unmanaged => Elements<T>(buffer, buffer.ReadOnlyBlock);

    static ArrayView<T> Elements<T>(DeviceBuffer buffer, MemoryBlock memory)
        where T : unmanaged
    {
        if (DTypes.Of<T>() != buffer.Type) throw new InvalidOperationException($"The buffer holds {buffer.Type}, the kernel expects {DTypes.Of<T>()}.");
        return memory is GpuBlock block
            ? block.Bytes.SubView(0, buffer.Bytes).Cast<T>()
            : throw new InvalidOperationException($"The buffer lives in the memory of '{buffer.Engine.Name}', not on an accelerator.");
    }

    /// <summary>As <see cref="View{T}"/>, and an empty view for a missing (optional) buffer; kernels get a flag.</summary>
    internal static ArrayView<T> ViewOrEmpty<T>(DeviceBuffer? buffer)
        where T : unmanaged => buffer is null ? ArrayView<T>.Empty : View<T>(buffer);

    /// <summary>As <see cref="ReadView{T}"/>, and an empty view for a missing (optional) buffer.</summary>
    internal static ArrayView<T> ReadViewOrEmpty<T>(DeviceBuffer? buffer)
        where T : unmanaged => buffer is null ? ArrayView<T>.Empty : ReadView<T>(buffer);

    /// <summary>Floats, the most common view.</summary>
    static ArrayView<float> Floats(DeviceBuffer buffer) => View<float>(buffer);

    /// <summary>Floats that are only read.</summary>
    static ArrayView<float> ReadFloats(DeviceBuffer buffer) => ReadView<float>(buffer);

    /// <summary>An index range for one thread an element.</summary>
    /// <exception cref="NotSupportedException">More than 2^31 - 1 elements.</exception>
    internal static Index1D Range(long count)
        => count <= int.MaxValue ? new((int)count) : throw new NotSupportedException($"{count:N0} elements: a kernel of the GPU engine indexes at most {int.MaxValue:N0}. A smaller batch has fewer.");

    /// <summary>Compiles a kernel: called once, where its launcher is still null.</summary>
    /// <exception cref="InvalidOperationException">It does not compile for this device.</exception>
    internal TLauncher Compile<TLauncher>(string kernel, Func<Accelerator, TLauncher> load)
    {
        try
        {
            return load(accelerator);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw new InvalidOperationException($"The kernel '{kernel}' could not be compiled for '{engine.Name}' ({accelerator.Name}): {e.GetBaseException().Message}", e);
        }
    }
}
