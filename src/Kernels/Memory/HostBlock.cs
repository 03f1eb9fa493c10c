using System.Runtime.InteropServices;

namespace CnnSharp.Kernels;

/// <summary>
/// Native host memory, aligned to a cache line. Large blocks are in huge pages where the system has them, so that reading
/// them once waits for fewer page tables, and begin at different places of a page and of the L2, so that the
/// same places of two tensors do not share its sets.
/// </summary>
public sealed unsafe class HostBlock : MemoryBlock
{
    /// <summary>The alignment of every block: a cache line, and the widest vector.</summary>
    public const int Alignment = 64;

    const int HugePage = 2 << 20;

    // Between two places where large blocks begin: a page and some lines.
    const int Place = 4096 + (5 * Alignment), Places = 16;

    // MADV_HUGEPAGE
    const int InHugePages = 14;

    static uint largeBlocks;

    readonly void* start;

    /// <exception cref="OutOfMemoryException">There is not so much memory.</exception>
    internal HostBlock(long capacity)
        : base(capacity)
    {
        if (capacity > HostMemory.Limit - HostMemory.Use.Held) throw new InsufficientMemoryException($"The machine (or its control group) has {HostMemory.Limit:N0} bytes in all.");
        if (capacity < HugePage)
        {
            start = NativeMemory.AlignedAlloc((nuint)capacity, Alignment);
            Pointer = (nint)start;
            return;
        }

        var length = (nuint)capacity + ((Places - 1) * Place);
        start = NativeMemory.AlignedAlloc(length, HugePage);
        Pointer = (nint)start + (nint)(Interlocked.Increment(ref largeBlocks) % Places * Place);

        // Only advice: without it the pages are small.
        if (OperatingSystem.IsLinux()) _ = Advise(start, length, InHugePages);
    }

    HostBlock(HostBlock whole, long begin, long length)
        : base(length) => Pointer = whole.Pointer + (nint)begin;

    /// <summary>The address of the first byte.</summary>
    public nint Pointer { get; private set; }

    /// <inheritdoc/>
    protected internal override MemoryBlock Part(long start, long length) => new HostBlock(this, start, length);

    /// <inheritdoc/>
    protected internal override void Free()
    {
        if (Pointer != 0) NativeMemory.AlignedFree(start);
        Pointer = 0;
    }

    [DllImport("libc", EntryPoint = "madvise")]
    static extern int Advise(void* start, nuint length, int advice);
}

/// <summary>Typed access to buffers that live in host memory.</summary>
public static unsafe class HostBuffers
{
    /// <summary>The buffer's elements as a pointer, to read and to write.</summary>
    /// <exception cref="InvalidOperationException">The buffer holds elements of another type, or is not in host memory.</exception>
    /// <exception cref="ObjectDisposedException">The buffer was released.</exception>
    public static T* Pointer<T>(this DeviceBuffer buffer)
        where T : unmanaged => Elements<T>(buffer, buffer.Block);

    /// <summary>The buffer's elements as a pointer, only to be read: see <see cref="DeviceBuffer.Version"/>.</summary>
    /// <exception cref="InvalidOperationException">The buffer holds elements of another type, or is not in host memory.</exception>
    /// <exception cref="ObjectDisposedException">The buffer was released.</exception>
    public static T* ReadOnlyPointer<T>(this DeviceBuffer buffer)
        where T : unmanaged => Elements<T>(buffer, buffer.ReadOnlyBlock);

    static T* Elements<T>(DeviceBuffer buffer, MemoryBlock block)
        where T : unmanaged
    {
        if (DTypes.Of<T>() != buffer.Type) throw new InvalidOperationException($"The buffer holds {buffer.Type}, the kernel expects {DTypes.Of<T>()}.");
        return block is HostBlock host ? (T*)host.Pointer : throw new InvalidOperationException($"The buffer lives in the memory of '{buffer.Engine.Name}', not in the host's.");
    }

    /// <summary>As <see cref="Pointer{T}"/>, and null for a missing (optional) buffer.</summary>
    public static T* PointerOrNull<T>(this DeviceBuffer? buffer)
        where T : unmanaged => buffer is null ? null : buffer.Pointer<T>();

    /// <summary>As <see cref="ReadOnlyPointer{T}"/>, and null for a missing (optional) buffer.</summary>
    public static T* ReadOnlyPointerOrNull<T>(this DeviceBuffer? buffer)
        where T : unmanaged => buffer is null ? null : buffer.ReadOnlyPointer<T>();

    /// <summary>The buffer's elements as a span, to read and to write.</summary>
    public static Span<T> Span<T>(this DeviceBuffer buffer)
        where T : unmanaged => new(buffer.Pointer<T>(), checked((int)buffer.Length));

    /// <summary>The buffer's elements as a span, only to be read: see <see cref="DeviceBuffer.Version"/>.</summary>
    public static ReadOnlySpan<T> ReadOnlySpan<T>(this DeviceBuffer buffer)
        where T : unmanaged => new(buffer.ReadOnlyPointer<T>(), checked((int)buffer.Length));
}
