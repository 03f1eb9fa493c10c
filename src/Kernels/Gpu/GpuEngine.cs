using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

/// <summary>
/// The GPU engine: the kernels of this folder, compiled by ILGPU for a CUDA or OpenCL device or for its own CPU accelerator
/// (<c>ilgpu-cpu</c>, which is slow and there to test them). Kernels and copies are queued in order on one stream;
/// <see cref="Engine.Download{T}"/> and <see cref="Synchronize"/> wait, nothing else does.
/// </summary>
public sealed class GpuEngine : Engine
{
    readonly Accelerator accelerator;
    readonly UploadRing uploads;
    readonly GpuKernels kernels;
    readonly HashSet<GpuBlock> blocks = [];

    internal GpuEngine(string name, Accelerator accelerator)
    {
        Name = name;
        this.accelerator = accelerator;
        uploads = new(accelerator);
        kernels = new(this, accelerator);
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override string Description => $"{accelerator.Name}, {Memory}ILGPU {Accelerators.Provider}";

    // ILGPU's CPU accelerator claims all of the address space.
    string Memory => accelerator.AcceleratorType == AcceleratorType.CPU ? "" : $"{accelerator.MemorySize / (1024.0 * 1024 * 1024):0.#} GiB, ";

    /// <inheritdoc/>
    public override IKernels Kernels => kernels;

    /// <inheritdoc/>
    public override IPeak Peak => kernels;

    /// <summary>Half of the device's memory.</summary>
    public override long ResidentBytes => accelerator.MemorySize / 2;

    /// <inheritdoc/>
    public override void Synchronize() => accelerator.Synchronize();

    /// <inheritdoc/>
    /// <exception cref="InsufficientMemoryException">The device has not so much left.</exception>
    protected override MemoryBlock Allocate(long capacity)
    {
        try
        {
            return new GpuBlock(accelerator.Allocate1D<byte>(capacity), capacity, blocks);
        }
        catch (Exception e) when (Accelerators.IsOutOfMemory(e))
        {
            throw new InsufficientMemoryException($"'{Name}' ({accelerator.Name}) has no {capacity:N0} bytes left: {Pool.UsedBytes:N0} are in use and {Pool.PooledBytes:N0} pooled, of {accelerator.MemorySize:N0}. A smaller batch needs less.", e);
        }
    }

    /// <inheritdoc/>
    protected override void CopyIn(ReadOnlySpan<byte> source, MemoryBlock destination) => uploads.Copy(source, ((GpuBlock)destination).Bytes);

    /// <inheritdoc/>
    protected override unsafe void CopyOut(MemoryBlock source, long start, Span<byte> destination)
    {
        if (destination.IsEmpty) return;

        // ILGPU takes a plain address of the target, which the collector must not move meanwhile.
        fixed (byte* pinned = destination)
            ((GpuBlock)source).Bytes.SubView(start, destination.Length).CopyToCPU(accelerator.DefaultStream, ref *pinned, destination.Length);
    }
}
