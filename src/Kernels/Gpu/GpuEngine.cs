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
    readonly Context? ownContext;
    readonly UploadRing uploads;
    readonly GpuKernels kernels;
    readonly HashSet<GpuBlock> blocks = [];

    Precision precision;

    /// <param name="name">The device's.</param>
    /// <param name="accelerator">Which it is.</param>
    /// <param name="emulatesTensorCores">Computes lower precisions in plain arithmetic where there are no tensor cores: for tests, in groups of 64 threads and more.</param>
    /// <param name="ownContext">The accelerator's context, if no other accelerator is of it: disposed of with the engine.</param>
    internal GpuEngine(string name, Accelerator accelerator, bool emulatesTensorCores = false, Context? ownContext = null)
    {
        Name = name;
        this.ownContext = ownContext;
        this.accelerator = accelerator;
        uploads = new(accelerator);
        kernels = new(this, accelerator, emulatesTensorCores);
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override string Description => $"{accelerator.Name}, {Memory}ILGPU {typeof(Accelerator).Assembly.GetName().Version?.ToString(3)}";

    // ILGPU's CPU accelerator claims all of the address space.
    string Memory => accelerator.AcceleratorType == AcceleratorType.CPU ? "" : $"{accelerator.MemorySize / (1024.0 * 1024 * 1024):0.#} GiB, ";

    /// <inheritdoc/>
    public override IKernels Kernels => kernels;

    /// <inheritdoc/>
    public override IPeak Peak => kernels.Peak;

    /// <inheritdoc/>
    /// <remarks>Depthwise and other narrow convolutions, which no tensor core would speed up, multiply in float32 at every precision.</remarks>
    public override Precision Precision
    {
        get => precision;
        set
        {
            if (!Enum.IsDefined(value)) throw new ArgumentOutOfRangeException(nameof(value), value, "There is no such precision.");
            if (value != Precision.Float32 && kernels.Products.TensorCoresMissing is { } missing)
                throw new NotSupportedException($"'{Name}' ({accelerator.Name}) multiplies in Float32 only; {value} needs {missing}.");
            precision = value;
        }
    }

    /// <summary>Half of the device's memory.</summary>
    public override long ResidentBytes => accelerator.MemorySize / 2;

    /// <inheritdoc/>
    public override void Synchronize()
    {
        try
        {
            accelerator.Synchronize();
            kernels.Losses.ThrowIfBadLabels();
        }
        catch (Exception e) when (Accelerators.IsDeviceError(e))
        {
            throw Lost(e);
        }
    }

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
            throw new InsufficientMemoryException($"{accelerator.Name} has {accelerator.MemorySize:N0} in all.", e);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // ILGPU's objects have finalizers of their own.
        if (!disposing || IsDisposed) return;
        base.Dispose(disposing);
        GpuBlock[] inUse;
        lock (blocks) inUse = [.. blocks];
        foreach (var block in inUse) block.Free();
        accelerator.Dispose();

        // It has threads of its own, and the intermediate code of every kernel.
        ownContext?.Dispose();
    }

    /// <inheritdoc/>
    protected override void CopyIn(ReadOnlySpan<byte> source, MemoryBlock destination)
    {
        try
        {
            uploads.Copy(source, ((GpuBlock)destination).Bytes);
        }
        catch (Exception e) when (Accelerators.IsDeviceError(e))
        {
            throw Lost(e);
        }
    }

    /// <inheritdoc/>
    protected override unsafe void CopyOut(MemoryBlock source, long start, Span<byte> destination)
    {
        if (destination.IsEmpty) return;

        try
        {
            // ILGPU takes a plain address of the target, which the collector must not move meanwhile.
            fixed (byte* pinned = destination)
                ((GpuBlock)source).Bytes.SubView(start, destination.Length).CopyToCPU(accelerator.DefaultStream, ref *pinned, destination.Length);
            kernels.Losses.ThrowIfBadLabels();
        }
        catch (Exception e) when (Accelerators.IsDeviceError(e))
        {
            throw Lost(e);
        }
    }

    /// <summary>What went wrong since the last wait: a driver reports a failed kernel, or a device that is gone, where it is next waited for.</summary>
    InvalidOperationException Lost(Exception e)
        => new($"'{Name}' ({accelerator.Name}) failed: {e.Message}. What was on it is lost, and a driver seldom recovers within a process: start again, a training from its last checkpoint.", e);
}
