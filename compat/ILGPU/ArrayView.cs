using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.CompilerServices;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;

namespace ILGPU;

/// <summary>A view of elements.</summary>
public interface IArrayView
{
    bool IsValid { get; }

    long Length { get; }

    int ElementSize { get; }

    long LengthInBytes { get; }
}

/// <summary>A view of elements that lie one after the other.</summary>
public interface IContiguousArrayView : IArrayView
{
    internal nint Address { get; }
}

/// <summary>A view of typed elements that lie one after the other.</summary>
public interface IContiguousArrayView<T> : IContiguousArrayView
    where T : unmanaged;

/// <summary>A one-dimensional stride.</summary>
public interface IStride1D;

/// <summary>The strides of one-dimensional views.</summary>
public static class Stride1D
{
    /// <summary>No gaps.</summary>
    public readonly struct Dense : IStride1D;
}

/// <summary>
/// A pointer with a length, whose every access is checked: against the length, and in shared memory also for races
/// (see <see cref="SharedBlock"/>).
/// </summary>
public readonly unsafe struct ArrayView<T> : IContiguousArrayView<T>
    where T : unmanaged
{
    public static readonly ArrayView<T> Empty;

    readonly T* pointer;
    readonly SharedBlock? shared;

    internal ArrayView(void* pointer, long length, SharedBlock? shared = null)
    {
        this.pointer = (T*)pointer;
        this.shared = shared;
        Length = length;
    }

    public bool IsValid => Length > 0;

    public long Length { get; }

    public int IntLength => checked((int)Length);

    public int ElementSize => sizeof(T);

    public long LengthInBytes => Length * sizeof(T);

    public LongIndex1D Extent => Length;

    public Index1D IntExtent => IntLength;

    internal T* Pointer => pointer;

    nint IContiguousArrayView.Address => (nint)pointer;

    public ref T this[Index1D index] => ref this[(long)index.X];

    public ref T this[LongIndex1D index] => ref this[index.X];

    public ref T this[int index] => ref this[(long)index];

    public ref T this[long index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            if ((ulong)index >= (ulong)Length)
                OutOfRange(index);
            T* element = pointer + index;
            shared?.Touch(element, sizeof(T));
            return ref *element;
        }
    }

    public ArrayView<T> SubView(long index) => SubView(index, Length - index);

    public ArrayView<T> SubView(int index, int subViewLength) => SubView((long)index, subViewLength);

    public ArrayView<T> SubView(long index, long subViewLength)
    {
        if (index < 0 || subViewLength < 0 || index > Length - subViewLength)
            throw KernelException.Here($"a sub-view of {subViewLength} elements at {index} does not fit a view of {Length} {typeof(T).Name}");
        return new(pointer + index, subViewLength, shared);
    }

    /// <summary>The same bytes as elements of another type; what is left over at the end is cut off.</summary>
    public ArrayView<TOther> Cast<TOther>()
        where TOther : unmanaged
    {
        if (BitOperations.IsPow2(sizeof(TOther)) && (nint)pointer % sizeof(TOther) != 0)
            throw KernelException.Here($"a view of {typeof(T).Name} was cast to {typeof(TOther).Name} at an address that is not a multiple of its {sizeof(TOther)} bytes");
        return new(pointer, LengthInBytes / sizeof(TOther), shared);
    }

    public override string ToString() => $"{typeof(T).Name}[{Length}]";

    public static implicit operator ArrayView1D<T, Stride1D.Dense>(ArrayView<T> view) => new(view);

    public static implicit operator ArrayView<T>(ArrayView1D<T, Stride1D.Dense> view) => view.BaseView;

    [DoesNotReturn]
    void OutOfRange(long index)
        => throw KernelException.Here($"index {index} is outside a view of {Length} {typeof(T).Name}");
}
