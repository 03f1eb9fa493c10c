using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Memory;

namespace CnnSharp.Data;

/// <summary>
/// Memory for decoders: no buffer above a limit, whatever a file claims, and none kept once it is free. (The package's own
/// allocator leaves tens of megabytes a thread to the C library, and arrays stay until the collector comes.)
/// </summary>
/// <param name="limit">Bytes of a buffer.</param>
sealed class ImageAllocator(long limit) : MemoryAllocator
{
    const int PooledBytes = 1 << 20;

    /// <inheritdoc/>
    protected override int GetBufferCapacityInBytes() => Array.MaxLength;

    /// <inheritdoc/>
    /// <exception cref="InvalidMemoryOperationException">The buffer would be above the limit.</exception>
    public override IMemoryOwner<T> Allocate<T>(int length, AllocationOptions options = AllocationOptions.None)
    {
        var bytes = (long)length * Unsafe.SizeOf<T>();
        if (length < 0 || bytes > limit) throw new InvalidMemoryOperationException($"it takes a buffer of {bytes:N0} bytes, of at most {limit:N0}");
        if (bytes > PooledBytes) return new NativeBuffer<T>(length, bytes, options == AllocationOptions.Clean);
        var array = ArrayPool<T>.Shared.Rent(length);
        if (options == AllocationOptions.Clean) array.AsSpan(0, length).Clear();
        return new PooledBuffer<T>(array, length);
    }

    sealed class PooledBuffer<T>(T[] array, int length) : IMemoryOwner<T>
    {
        T[]? array = array;

        public Memory<T> Memory => array is null ? throw new ObjectDisposedException("buffer") : array.AsMemory(0, length);

        public void Dispose()
        {
            if (array is not null) ArrayPool<T>.Shared.Return(array);
            array = null;
        }
    }

    sealed unsafe class NativeBuffer<T>(int length, long bytes, bool isClean) : MemoryManager<T>
        where T : struct
    {
        readonly Block block = new(bytes, isClean);

        public override Span<T> GetSpan() => new(block.Pointer, length);

        public override MemoryHandle Pin(int elementIndex = 0) => new((byte*)block.Pointer + ((long)elementIndex * Unsafe.SizeOf<T>()));

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing) => block.Dispose();
    }

    /// <summary>Memory of the system's; a decoder that fails may leave it to the collector.</summary>
    sealed unsafe class Block : IDisposable
    {
        // glibc gives blocks above 32 MiB back to the system as they are freed. Pages that are not touched take no memory.
        const long LeastReturned = 33 << 20;

        void* pointer;

        public Block(long bytes, bool isClean)
        {
            var taken = (nuint)Math.Max(bytes, LeastReturned);
            pointer = isClean ? NativeMemory.AllocZeroed(taken) : NativeMemory.Alloc(taken);
        }

        ~Block() => NativeMemory.Free(pointer);

        public void* Pointer => pointer is null ? throw new ObjectDisposedException("buffer") : pointer;

        public void Dispose()
        {
            NativeMemory.Free(pointer);
            pointer = null;
            GC.SuppressFinalize(this);
        }
    }
}
