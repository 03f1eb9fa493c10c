namespace CnnSharp.Kernels;

/// <summary>
/// A run of elements in an engine's memory, taken from its pool. Counted references: the last
/// <see cref="Release"/> gives the memory back, and what nobody releases is given back by the finalizer.
/// </summary>
/// <remarks>
/// The object is never reused, only the memory behind it, so a stale reference is an exception and never another
/// tensor's data. Contents are undefined after <see cref="Engine.Rent"/>.
/// </remarks>
public sealed class DeviceBuffer
{
    MemoryBlock? block;
    IDisposable? derived;
    int references = 1;
    bool isCollected;

    internal DeviceBuffer(Engine engine, MemoryBlock block, DType type, long length)
    {
        Engine = engine;
        this.block = block;
        Type = type;
        Length = length;
    }

    /// <summary>Returns memory that was dropped without a release.</summary>
    ~DeviceBuffer()
    {
        if (block is not { } lost) return;
        block = null;
        isCollected = true;
        Engine.Pool.Return(lost);
    }

    /// <summary>The engine whose memory this is.</summary>
    public Engine Engine { get; }

    /// <summary>The type of the elements.</summary>
    public DType Type { get; }

    /// <summary>The number of elements.</summary>
    public long Length { get; }

    /// <summary>The number of bytes.</summary>
    public long Bytes => Length * Type.SizeOf();

    /// <summary>Whether the memory has been given back.</summary>
    public bool IsFreed => block is null;

    /// <summary>Whether more than one owner holds this buffer, so that it must not be written in place.</summary>
    public bool IsShared => Volatile.Read(ref references) > 1;

    /// <summary>
    /// Grows whenever somebody asks for the memory in a way that allows writing: while it stays the same, so do the
    /// contents, and what was computed from them alone still holds.
    /// </summary>
    public long Version { get; private set; }

    /// <summary>Counts as a change of another buffer's contents, whose place this one takes.</summary>
    internal void ContinueFrom(DeviceBuffer other) => Version = Math.Max(Version, other.Version + 1);

    /// <summary>The engine's own handle of the memory, to read and to write: counts as a change of the contents. To be asked for anew by every call that writes.</summary>
    /// <exception cref="ObjectDisposedException">The buffer has been released, or its engine was disposed of.</exception>
    public MemoryBlock Block
    {
        get
        {
            Version++;
            return ReadOnlyBlock;
        }
    }

    /// <summary>As <see cref="Block"/>, for those who only read: the contents count as unchanged.</summary>
    /// <exception cref="ObjectDisposedException">The buffer has been released, or its engine was disposed of.</exception>
    public MemoryBlock ReadOnlyBlock => block is { } held && !Engine.IsDisposed ? held : throw Unusable();

    /// <summary>What the engine keeps beside the buffer, computed from its contents (see <see cref="Version"/>); disposed of with it.</summary>
    internal IDisposable? Derived
    {
        get => derived;
        set
        {
            derived?.Dispose();
            derived = value;
        }
    }

    /// <summary>Adds an owner.</summary>
    /// <returns>This buffer.</returns>
    public DeviceBuffer Retain()
    {
        _ = ReadOnlyBlock;
        Interlocked.Increment(ref references);
        return this;
    }

    /// <summary>Drops an owner; the last one gives the memory back to the pool.</summary>
    public void Release()
    {
        // By a finalizer that comes after this object's own.
        if (isCollected) return;

        // What belongs to an engine that was disposed of may still be released.
        var held = block ?? throw Unusable();
        if (Interlocked.Decrement(ref references) > 0) return;
        block = null;
        Derived = null;
        GC.SuppressFinalize(this);
        Engine.Pool.Return(held);
    }

    ObjectDisposedException Unusable() => new(
        nameof(DeviceBuffer),
        block is null ? $"A buffer of {Length} {Type} elements was used after it was released." : $"A buffer of {Length} {Type} elements was used after its engine '{Engine.Name}' was disposed of.");
}
