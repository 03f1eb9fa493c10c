using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

/// <summary>A piece of an accelerator's memory, aligned for 128-bit loads.</summary>
/// <remarks>
/// ILGPU's buffers have finalizers of their own, which would free the memory behind a dropped <see cref="DeviceBuffer"/>
/// while its finalizer gives the block back to the pool: until <see cref="Free"/> the engine's list keeps a block reachable.
/// </remarks>
sealed class GpuBlock : MemoryBlock
{
    readonly MemoryBuffer1D<byte, Stride1D.Dense> memory;
    readonly HashSet<GpuBlock> blocks;

    public GpuBlock(MemoryBuffer1D<byte, Stride1D.Dense> memory, long capacity, HashSet<GpuBlock> blocks)
        : base(capacity)
    {
        this.memory = memory;
        this.blocks = blocks;
        Bytes = memory.View.BaseView;
        lock (blocks) blocks.Add(this);
    }

    GpuBlock(GpuBlock whole, long start, long length)
        : base(length) => (memory, blocks, Bytes) = (whole.memory, whole.blocks, whole.Bytes.SubView(start, length));

    /// <summary>All of its bytes.</summary>
    public ArrayView<byte> Bytes { get; }

    /// <inheritdoc/>
    protected internal override MemoryBlock Part(long start, long length) => new GpuBlock(this, start, length);

    /// <inheritdoc/>
    protected internal override void Free()
    {
        lock (blocks) blocks.Remove(this);
        memory.Dispose();
    }
}
