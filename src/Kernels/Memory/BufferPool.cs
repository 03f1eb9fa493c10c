using System.Numerics;

namespace CnnSharp.Kernels;

/// <summary>
/// Keeps an engine's released memory for reuse, so that a training step after the first allocates nothing. Small blocks are reused by
/// size class: classes are eighths of a power of two, so at most an eighth of a block is slack. Large ones are cut from larger ones and
/// grow together again, so that layers of different sizes, one after the other, write where the caches hold what was freed.
/// </summary>
public sealed class BufferPool
{
    const long Granule = 64;

    readonly Func<long, MemoryBlock> allocate;
    readonly Dictionary<long, Stack<MemoryBlock>> free = [];
    readonly FreePieces large = new();
    readonly Lock gate = new();
    long allocated;
    long pooled;
    long allocations;
    volatile bool isClosed;

    internal BufferPool(Func<long, MemoryBlock> allocate, HiddenUse use) => (this.allocate, Use) = (allocate, use);

    /// <summary>Bytes taken from the system, in use or pooled.</summary>
    public long AllocatedBytes => Interlocked.Read(ref allocated);

    /// <summary>Bytes waiting for reuse.</summary>
    public long PooledBytes => Interlocked.Read(ref pooled);

    /// <summary>Bytes in use: held by a buffer that has not been released.</summary>
    public long UsedBytes => AllocatedBytes - PooledBytes;

    /// <summary>How often memory was taken from the system: constant once a training loop is warm.</summary>
    public long Allocations => Interlocked.Read(ref allocations);

    /// <summary>The class that holds <paramref name="bytes"/>: the capacity of the block that is rented for them.</summary>
    public static long ClassOf(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        if (bytes <= Granule) return Granule;
        var step = Math.Max(Granule, 1L << Math.Max(0, BitOperations.Log2((ulong)bytes) - 3));
        return checked((bytes + step - 1) / step * step);
    }

    /// <summary>What the memory is counted in.</summary>
    internal HiddenUse Use { get; }

    /// <summary>Whether the engine was disposed of.</summary>
    internal bool IsClosed => isClosed;

    /// <summary>Takes a block, from the system if none is pooled.</summary>
    /// <exception cref="OutOfMemoryException">There is no memory, not even after what was dropped and what is pooled has been given back.</exception>
    internal MemoryBlock Rent(long bytes)
    {
        var size = ClassOf(bytes);
        if (FreePieces.IsLarge(size)) size = checked(size + FreePieces.Apart);
        if (TryTake(size) is { } pooledBlock) return pooledBlock;
        if (Use.MakeRoom(size, this) && TryTake(size) is { } returned) return returned;

        MemoryBlock fresh;
        try
        {
            fresh = allocate(size);
        }
        catch (OutOfMemoryException)
        {
            HiddenUse.Collect(young: false);
            if (TryTake(size) is { } collected) return collected;
            Trim();
            fresh = allocate(size);
        }

        Use.Add(size);
        lock (gate)
        {
            allocated += size;
            allocations++;
        }

        return fresh;
    }

    internal void Return(MemoryBlock block)
    {
        lock (gate)
        {
            pooled += block.Capacity;
            if (FreePieces.IsLarge(block.Capacity))
            {
                large.Add(block);
            }
            else
            {
                if (!free.TryGetValue(block.Capacity, out var stack)) free.Add(block.Capacity, stack = new());
                stack.Push(block);
            }

            if (isClosed) Trim();
        }
    }

    /// <summary>Gives every pooled block back to the system, but what was cut from one that is in use.</summary>
    public void Trim()
    {
        lock (gate)
        {
            foreach (var stack in free.Values)
            {
                while (stack.TryPop(out var block)) Free(block);
            }

            while (large.TryTakeWhole() is { } block) Free(block);
        }

        void Free(MemoryBlock block)
        {
            allocated -= block.Capacity;
            pooled -= block.Capacity;
            Use.Add(-block.Capacity);
            block.Free();
        }
    }

    /// <summary>Gives pooled blocks back to the system, and from now on every block that is returned.</summary>
    internal void Close()
    {
        lock (gate) isClosed = true;
        Trim();
    }

    MemoryBlock? TryTake(long size)
    {
        lock (gate)
        {
            var block = FreePieces.IsLarge(size) ? large.TryTake(size)
                : free.TryGetValue(size, out var stack) && stack.TryPop(out var popped) ? popped
                : null;
            if (block is not null) pooled -= block.Capacity;
            return block;
        }
    }
}
