using System.Runtime.InteropServices;

namespace ILGPU.Runtime;

/// <summary>Memory of an accelerator.</summary>
public abstract unsafe class MemoryBuffer : IContiguousArrayView, IDisposable
{
    /// <summary>What a driver aligns its allocations to, at the least.</summary>
    const int Alignment = 256;

    nint pointer;

    private protected MemoryBuffer(Accelerator accelerator, long length, int elementSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Accelerator = accelerator;
        Length = length;
        ElementSize = elementSize;
        pointer = (nint)NativeMemory.AlignedAlloc((nuint)Math.Max(LengthInBytes, 1), Alignment);
        accelerator.Own(this);
    }

    ~MemoryBuffer() => Free();

    public Accelerator Accelerator { get; }

    public long Length { get; }

    public int ElementSize { get; }

    public long LengthInBytes => checked(Length * ElementSize);

    public bool IsDisposed => pointer == 0;

    public bool IsValid => !IsDisposed;

    public nint NativePtr
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            return pointer;
        }
    }

    nint IContiguousArrayView.Address => NativePtr;

    public void Dispose()
    {
        Free();
        Accelerator.Disown(this);
        GC.SuppressFinalize(this);
    }

    void Free()
    {
        NativeMemory.AlignedFree((void*)pointer);
        pointer = 0;
    }
}

/// <summary>One-dimensional memory.</summary>
public sealed unsafe class MemoryBuffer1D<T, TStride> : MemoryBuffer
    where T : unmanaged
    where TStride : struct, IStride1D
{
    internal MemoryBuffer1D(Accelerator accelerator, long length)
        : base(accelerator, length, sizeof(T))
    {
    }

    public ArrayView1D<T, TStride> View => new(new((void*)NativePtr, Length));

    public LongIndex1D Extent => Length;

    public Index1D IntExtent => checked((int)Length);

    public static implicit operator ArrayView1D<T, TStride>(MemoryBuffer1D<T, TStride> buffer) => buffer.View;
}

/// <summary>A one-dimensional view with a stride, which is dense here.</summary>
public readonly struct ArrayView1D<T, TStride>
    where T : unmanaged
    where TStride : struct, IStride1D
{
    internal ArrayView1D(ArrayView<T> baseView) => BaseView = baseView;

    public ArrayView<T> BaseView { get; }

    public bool IsValid => BaseView.IsValid;

    public long Length => BaseView.Length;

    public int IntLength => BaseView.IntLength;

    public long LengthInBytes => BaseView.LengthInBytes;

    public LongIndex1D Extent => BaseView.Extent;

    public Index1D IntExtent => BaseView.IntExtent;

    public ref T this[Index1D index] => ref BaseView[index];

    public ref T this[LongIndex1D index] => ref BaseView[index];

    public ArrayView1D<T, TStride> SubView(LongIndex1D index, LongIndex1D extent) => new(BaseView.SubView(index.X, extent.X));
}
