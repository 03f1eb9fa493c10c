using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ILGPU.Runtime;

/// <summary>Copies and fills. They are done when they return, whatever the stream.</summary>
public static unsafe class ArrayViewExtensions
{
    /// <summary>States that a view starts at a multiple of so many bytes, which is checked here.</summary>
    public static ArrayView<T> AsAligned<T>(this ArrayView<T> view, int alignmentInBytes)
        where T : unmanaged
    {
        if (alignmentInBytes < 1 || !BitOperations.IsPow2(alignmentInBytes) || alignmentInBytes % sizeof(T) != 0)
            throw new ArgumentOutOfRangeException(nameof(alignmentInBytes), alignmentInBytes, $"An alignment must be a power of two and a multiple of the {sizeof(T)} bytes of {typeof(T).Name}.");
        if ((nint)view.Pointer % alignmentInBytes != 0)
            throw CPU.KernelException.Here($"a view of {typeof(T).Name} said to be aligned to {alignmentInBytes} bytes is not");
        return view;
    }

    public static void MemSetToZero<TView>(this TView view)
        where TView : IContiguousArrayView
        => view.MemSet(0);

    public static void MemSetToZero<TView>(this TView view, AcceleratorStream stream)
        where TView : IContiguousArrayView
        => view.MemSet(stream, 0);

    public static void MemSet<TView>(this TView view, byte value)
        where TView : IContiguousArrayView
        => NativeMemory.Fill((void*)view.Address, (nuint)view.LengthInBytes, value);

    public static void MemSet<TView>(this TView view, AcceleratorStream stream, byte value)
        where TView : IContiguousArrayView
    {
        ArgumentNullException.ThrowIfNull(stream);
        view.MemSet(value);
    }

    public static void CopyTo<TView>(this TView source, in TView target)
        where TView : IContiguousArrayView
        => Copy((void*)source.Address, source.LengthInBytes, (void*)target.Address, target.LengthInBytes);

    public static void CopyTo<TView>(this TView source, AcceleratorStream stream, in TView target)
        where TView : IContiguousArrayView
    {
        ArgumentNullException.ThrowIfNull(stream);
        source.CopyTo(target);
    }

    public static void CopyFrom<TView>(this TView target, in TView source)
        where TView : IContiguousArrayView
        => source.CopyTo(target);

    public static void CopyFrom<TView>(this TView target, AcceleratorStream stream, in TView source)
        where TView : IContiguousArrayView
        => source.CopyTo(stream, target);

    public static void CopyToCPUUnsafeAsync<T, TView>(this TView source, ref T cpuData, long length)
        where TView : IContiguousArrayView<T>
        where T : unmanaged
        => source.CopyToCPU(ref cpuData, length);

    public static void CopyToCPUUnsafeAsync<T, TView>(this TView source, AcceleratorStream stream, ref T cpuData, long length)
        where TView : IContiguousArrayView<T>
        where T : unmanaged
        => source.CopyToCPU(stream, ref cpuData, length);

    public static void CopyFromCPUUnsafeAsync<T, TView>(this TView target, ref T cpuData, long length)
        where TView : IContiguousArrayView<T>
        where T : unmanaged
        => target.CopyFromCPU(ref cpuData, length);

    public static void CopyFromCPUUnsafeAsync<T, TView>(this TView target, AcceleratorStream stream, ref T cpuData, long length)
        where TView : IContiguousArrayView<T>
        where T : unmanaged
        => target.CopyFromCPU(stream, ref cpuData, length);

    public static void CopyToCPU<T, TView>(this TView source, ref T cpuData, long length)
        where TView : IContiguousArrayView<T>
        where T : unmanaged
    {
        fixed (T* data = &cpuData)
            Copy((void*)source.Address, Part<T>(source, length), data, length * sizeof(T));
    }

    public static void CopyToCPU<T, TView>(this TView source, AcceleratorStream stream, ref T cpuData, long length)
        where TView : IContiguousArrayView<T>
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(stream);
        source.CopyToCPU(ref cpuData, length);
    }

    public static void CopyToCPU<T, TView>(this TView source, in Span<T> span)
        where TView : IContiguousArrayView<T>
        where T : unmanaged
        => source.CopyToCPU(ref MemoryMarshal.GetReference(span), span.Length);

    public static void CopyToCPU<T, TView>(this TView source, AcceleratorStream stream, in Span<T> span)
        where TView : IContiguousArrayView<T>
        where T : unmanaged
        => source.CopyToCPU(stream, ref MemoryMarshal.GetReference(span), span.Length);

    public static void CopyToCPU<T>(this ArrayView<T> view, T[] data)
        where T : unmanaged
        => view.CopyToCPU<T, ArrayView<T>>(Exactly(data, view.Length));

    public static void CopyToCPU<T>(this ArrayView<T> view, AcceleratorStream stream, T[] data)
        where T : unmanaged
        => view.CopyToCPU<T, ArrayView<T>>(stream, Exactly(data, view.Length));

    public static void CopyToCPU<T>(this ArrayView1D<T, Stride1D.Dense> view, T[] data)
        where T : unmanaged
        => view.BaseView.CopyToCPU(data);

    public static void CopyToCPU<T>(this MemoryBuffer1D<T, Stride1D.Dense> buffer, T[] data)
        where T : unmanaged
        => buffer.View.CopyToCPU(data);

    public static void CopyFromCPU<T, TView>(this TView target, ref T cpuData, long length)
        where TView : IContiguousArrayView<T>
        where T : unmanaged
    {
        fixed (T* data = &cpuData)
            Copy(data, length * sizeof(T), (void*)target.Address, Part<T>(target, length));
    }

    public static void CopyFromCPU<T, TView>(this TView target, AcceleratorStream stream, ref T cpuData, long length)
        where TView : IContiguousArrayView<T>
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(stream);
        target.CopyFromCPU(ref cpuData, length);
    }

    public static void CopyFromCPU<T, TView>(this TView target, in ReadOnlySpan<T> span)
        where TView : IContiguousArrayView<T>
        where T : unmanaged
        => target.CopyFromCPU(ref MemoryMarshal.GetReference(span), span.Length);

    public static void CopyFromCPU<T, TView>(this TView target, AcceleratorStream stream, in ReadOnlySpan<T> span)
        where TView : IContiguousArrayView<T>
        where T : unmanaged
        => target.CopyFromCPU(stream, ref MemoryMarshal.GetReference(span), span.Length);

    public static void CopyFromCPU<T>(this ArrayView<T> view, T[] data)
        where T : unmanaged
        => view.CopyFromCPU<T, ArrayView<T>>((ReadOnlySpan<T>)Exactly(data, view.Length));

    public static void CopyFromCPU<T>(this ArrayView<T> view, AcceleratorStream stream, T[] data)
        where T : unmanaged
        => view.CopyFromCPU<T, ArrayView<T>>(stream, (ReadOnlySpan<T>)Exactly(data, view.Length));

    public static void CopyFromCPU<T>(this ArrayView1D<T, Stride1D.Dense> view, T[] data)
        where T : unmanaged
        => view.BaseView.CopyFromCPU(data);

    public static void CopyFromCPU<T>(this MemoryBuffer1D<T, Stride1D.Dense> buffer, T[] data)
        where T : unmanaged
        => buffer.View.CopyFromCPU(data);

    public static void CopyToPageLockedAsync<T, TView>(this TView source, PageLockedArray<T> pageLockedArray)
        where TView : IContiguousArrayView<T>
        where T : unmanaged
        => source.CopyToCPU(pageLockedArray.Span);

    public static void CopyToPageLockedAsync<T, TView>(this TView source, AcceleratorStream stream, PageLockedArray<T> pageLockedArray)
        where TView : IContiguousArrayView<T>
        where T : unmanaged
        => source.CopyToCPU(stream, pageLockedArray.Span);

    public static void CopyFromPageLockedAsync<T, TView>(this TView target, PageLockedArray<T> pageLockedArray)
        where TView : IContiguousArrayView<T>
        where T : unmanaged
        => target.CopyFromCPU((ReadOnlySpan<T>)pageLockedArray.Span);

    public static void CopyFromPageLockedAsync<T, TView>(this TView target, AcceleratorStream stream, PageLockedArray<T> pageLockedArray)
        where TView : IContiguousArrayView<T>
        where T : unmanaged
        => target.CopyFromCPU(stream, (ReadOnlySpan<T>)pageLockedArray.Span);

    /// <summary>All elements in a new array.</summary>
    public static T[] GetAsArray<T>(this ArrayView<T> view)
        where T : unmanaged
        => view.AsSpan().ToArray();

    internal static Span<T> AsSpan<T>(this ArrayView<T> view)
        where T : unmanaged
        => new(view.Pointer, view.IntLength);

    static Span<T> Exactly<T>(T[] data, long length)
    {
        ArgumentNullException.ThrowIfNull(data);
        if (data.Length < length)
            throw new ArgumentOutOfRangeException(nameof(data), $"An array of {data.Length} elements is shorter than a view of {length}.");
        return data.AsSpan(0, (int)length);
    }

    static long Part<T>(IContiguousArrayView<T> view, long length)
        where T : unmanaged
    {
        if (length < 0 || length > view.Length)
            throw new ArgumentOutOfRangeException(nameof(length), $"A copy of {length} elements does not fit a view of {view.Length}.");
        return length * sizeof(T);
    }

    static void Copy(void* source, long sourceBytes, void* target, long targetBytes)
    {
        if (sourceBytes > targetBytes)
            throw new ArgumentOutOfRangeException(nameof(target), $"A copy of {sourceBytes} bytes does not fit a view of {targetBytes} bytes.");
        Buffer.MemoryCopy(source, target, targetBytes, sourceBytes);
    }
}
