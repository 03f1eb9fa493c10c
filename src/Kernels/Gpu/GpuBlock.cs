using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

/// <summary>A piece of an accelerator's memory, aligned for 128-bit loads.</summary>
sealed class GpuBlock(MemoryBuffer1D<byte, Stride1D.Dense> memory, long capacity) : MemoryBlock(capacity)
{
    /// <summary>All of its bytes.</summary>
    public ArrayView<byte> Bytes { get; } = memory.View.BaseView;

    /// <inheritdoc/>
    protected internal override void Free() => memory.Dispose();
}
