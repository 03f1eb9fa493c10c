namespace CnnSharp.Kernels;

/// <summary>
/// An engine without memory and arithmetic (PyTorch's "meta" device): its buffers have lengths but no elements. A model built on
/// it has its shapes, and running it shows those of its results, whatever its size.
/// </summary>
public sealed class ShapeEngine : Engine
{
    /// <inheritdoc/>
    public override string Name => "shapes";

    /// <inheritdoc/>
    public override string Description => "shapes alone, no elements";

    /// <inheritdoc/>
    public override bool HasElements => false;

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">Always: there is nothing to compute with.</exception>
    public override IKernels Kernels => throw new InvalidOperationException($"The engine '{Name}' has no elements to compute. An operation of your own that calls kernels is to be an Operation, whose Infer gives the shape.");

    /// <inheritdoc/>
    public override void Synchronize()
    {
    }

    /// <inheritdoc/>
    protected override MemoryBlock Allocate(long capacity) => new NoMemory(capacity);

    /// <inheritdoc/>
    protected override void CopyIn(ReadOnlySpan<byte> source, MemoryBlock destination)
    {
    }

    /// <inheritdoc/>
    protected override void CopyOut(MemoryBlock source, long start, Span<byte> destination)
        => throw new InvalidOperationException($"The engine '{Name}' has no elements to read.");

    sealed class NoMemory(long capacity) : MemoryBlock(capacity)
    {
        protected internal override MemoryBlock Part(long start, long length) => new NoMemory(length);

        protected internal override void Free()
        {
        }
    }
}
