using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using CnnSharp.Kernels;

namespace CnnSharp.Tests;

/// <summary>An engine whose buffers have lengths without memory, and whose kernels do nothing: operations of any size run through their arithmetic on geometries.</summary>
sealed class NoArithmeticEngine : Engine
{
    public override string Name => "no arithmetic";

    public override string Description => "kernels that do nothing";

    public override IKernels Kernels { get; } = DispatchProxy.Create<IKernels, Nothing>();

    public override void Synchronize()
    {
    }

    protected override MemoryBlock Allocate(long capacity) => new NoMemory(capacity);

    protected override void CopyIn(ReadOnlySpan<byte> source, MemoryBlock destination)
    {
    }

    protected override void CopyOut(MemoryBlock source, long start, Span<byte> destination) => throw new NotSupportedException("There are no elements.");

    sealed class NoMemory(long capacity) : MemoryBlock(capacity)
    {
        protected internal override MemoryBlock Part(long start, long length) => new NoMemory(length);

        protected internal override void Free()
        {
        }
    }

    /// <summary>Gives a family of itself, and does nothing else.</summary>
    [SuppressMessage("Performance", "CA1852:Seal internal types", Justification = "A proxy derives from it.")]
    class Nothing : DispatchProxy
    {
        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
            => targetMethod!.ReturnType.IsInterface ? Create(targetMethod.ReturnType, typeof(Nothing)) : null;
    }
}
