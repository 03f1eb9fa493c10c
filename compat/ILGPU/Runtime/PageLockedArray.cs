namespace ILGPU.Runtime;

/// <summary>Host memory that a device can copy from and to by itself.</summary>
public abstract class PageLockedArray<T> : IDisposable
    where T : unmanaged
{
    private protected PageLockedArray()
    {
    }

    public abstract Span<T> Span { get; }

    public abstract ArrayView<T> ArrayView { get; }

    public long Length => Span.Length;

    public abstract void Dispose();
}

/// <summary>One-dimensional host memory that a device can copy from and to by itself.</summary>
public sealed class PageLockedArray1D<T> : PageLockedArray<T>
    where T : unmanaged
{
    readonly MemoryBuffer1D<T, Stride1D.Dense> buffer;

    internal PageLockedArray1D(Accelerator accelerator, long length)
    {
        buffer = accelerator.Allocate1D<T>(length);
        Span.Clear();
    }

    public override Span<T> Span => ArrayView.AsSpan();

    public override ArrayView<T> ArrayView => buffer.View.BaseView;

    public LongIndex1D Extent => buffer.Length;

    public ref T this[int index] => ref Span[index];

    public override void Dispose() => buffer.Dispose();
}

/// <summary>Allocates host memory.</summary>
public static class PageLockedArrayExtensions
{
    public static PageLockedArray1D<T> AllocatePageLocked1D<T>(this Accelerator accelerator, LongIndex1D extent)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(accelerator);
        return new(accelerator, extent);
    }
}
