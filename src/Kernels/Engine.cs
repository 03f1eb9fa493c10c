using System.Runtime.InteropServices;

namespace CnnSharp.Kernels;

/// <summary>
/// Something that can hold buffers and run <see cref="IKernels"/> on them. One of each kind exists in a process;
/// kernels may be queued, <see cref="Synchronize"/> and <see cref="Download{T}"/> wait for them.
/// </summary>
/// <remarks>
/// An engine that is dropped together with its buffers gives its memory and threads back once the collector finds it;
/// <see cref="Dispose()"/> does so now.
/// </remarks>
public abstract class Engine : IDisposable
{
    /// <summary>Creates an engine with an empty pool.</summary>
    protected Engine() => Pool = new(Allocate, MemoryUse());

    /// <summary>Gives memory and threads back.</summary>
    ~Engine() => Dispose(disposing: false);

    /// <summary>The name users select it by: <c>cpu</c>, <c>reference</c>, <c>cuda:0</c>, ...</summary>
    public abstract string Name { get; }

    /// <summary>What it is, for people: SIMD level and threads, or the accelerator's name.</summary>
    public abstract string Description { get; }

    /// <summary>The type of activations, weights and gradients on this engine.</summary>
    public virtual DType FloatType => DType.Float32;

    /// <summary>Whether buffers have elements: false where a model is built for its shapes alone.</summary>
    public virtual bool HasElements => true;

    /// <summary>The primitives.</summary>
    public abstract IKernels Kernels { get; }

    /// <summary>How convolutions and matrix products multiply; <see cref="Precision.Float32"/> until it is set.</summary>
    /// <exception cref="NotSupportedException">The engine has no such arithmetic; the message says what it lacks.</exception>
    public virtual Precision Precision
    {
        get => Precision.Float32;
        set
        {
            if (value != Precision.Float32) throw new NotSupportedException($"'{Name}' multiplies in Float32 only; {value} needs the tensor cores of a CUDA device.");
        }
    }

    /// <summary>The memory kept for reuse.</summary>
    public BufferPool Pool { get; }

    /// <summary>Whether <see cref="Dispose()"/> was called: nothing can be computed, read or rented any more.</summary>
    public bool IsDisposed { get; private set; }

    /// <summary>What this engine's memory is counted in.</summary>
    private protected virtual HiddenUse MemoryUse() => new(slack: 64 << 20);

    /// <summary>Held by a backward pass: passes on one engine take turns.</summary>
    internal Lock BackwardGate { get; } = new();

    /// <summary>Whether a backward pass computes again what it had computed, with weights that it is about to have changed: nothing is made of them to be kept.</summary>
    internal bool IsRecomputing { get; set; }

    /// <summary>Bytes of a data set that may stay in this engine's memory beside a training; larger sets are sent batch by batch.</summary>
    public virtual long ResidentBytes => long.MaxValue;

    /// <summary>The limits of this engine's hardware, to be measured; null where it does not strive for them.</summary>
    public virtual IPeak? Peak => null;

    /// <summary>Takes a buffer of <paramref name="length"/> elements from the pool; its contents are undefined.</summary>
    /// <exception cref="InsufficientMemoryException">There is no memory for it, not even after what the program had dropped was given back. The message says how much is in use.</exception>
    /// <exception cref="ObjectDisposedException">The engine was disposed of.</exception>
    public DeviceBuffer Rent(DType type, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (IsDisposed) throw new ObjectDisposedException(GetType().Name, $"The engine '{Name}' was used after it was disposed of.");
        try
        {
            // Beyond that no size class is a long.
            if (length > long.MaxValue / 16) throw new InsufficientMemoryException("No address space has so many bytes.");
            return new(this, Pool.Rent(length * type.SizeOf()), type, length);
        }
        catch (OutOfMemoryException e)
        {
            throw new InsufficientMemoryException($"'{Name}' has no {(Int128)length * type.SizeOf():N0} bytes left, {Pool.UsedBytes:N0} are in use and {Pool.PooledBytes:N0} pooled. {e.Message} A smaller batch needs less.", e);
        }
    }

    /// <summary>Copies host data into a buffer.</summary>
    /// <exception cref="ArgumentException">Lengths or types differ.</exception>
    public void Upload<T>(ReadOnlySpan<T> source, DeviceBuffer destination)
        where T : unmanaged
    {
        Match<T>(source.Length, destination);
        CopyIn(MemoryMarshal.AsBytes(source), destination.Block);
        GC.KeepAlive(destination);
    }

    /// <summary>Waits for the kernels that write the buffer and copies it to the host.</summary>
    /// <exception cref="ArgumentException">Lengths or types differ.</exception>
    public void Download<T>(DeviceBuffer source, Span<T> destination)
        where T : unmanaged
    {
        Match<T>(destination.Length, source);
        CopyOut(source.ReadOnlyBlock, 0, MemoryMarshal.AsBytes(destination));

        // A tensor that is read for the last time may be collected meanwhile, and its memory rented by another thread.
        GC.KeepAlive(source);
    }

    /// <summary>As <see cref="Download{T}"/>, of the elements from <paramref name="start"/> on.</summary>
    /// <exception cref="ArgumentException">The type differs, or the buffer ends before.</exception>
    public void DownloadRange<T>(DeviceBuffer source, long start, Span<T> destination)
        where T : unmanaged
    {
        if (source.Type != DTypes.Of<T>() || start < 0 || start + destination.Length > source.Length)
            throw new ArgumentException($"Elements {start} to {start + destination.Length} of type {DTypes.Of<T>()} are not all in a buffer of {source.Length} {source.Type} elements.");
        CopyOut(source.ReadOnlyBlock, start * source.Type.SizeOf(), MemoryMarshal.AsBytes(destination));
        GC.KeepAlive(source);
    }

    /// <summary>Waits until every queued kernel has finished.</summary>
    public abstract void Synchronize();

    /// <summary>
    /// Gives the pooled memory and the threads back now, the memory of buffers in use as each is released. Using a buffer of
    /// the engine afterwards is an exception; releasing it is not. To be called when no other thread is using the engine.
    /// </summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>As <see cref="Dispose()"/>, or for the finalizer.</summary>
    /// <param name="disposing">False: called by the finalizer, so that no other object is to be relied on that has one.</param>
    protected virtual void Dispose(bool disposing)
    {
        IsDisposed = true;
        Pool.Close();
    }

    /// <summary>Takes memory from the system.</summary>
    /// <exception cref="OutOfMemoryException">There is not so much.</exception>
    protected abstract MemoryBlock Allocate(long capacity);

    /// <summary>Copies bytes into the start of a block, in order with the queued kernels.</summary>
    protected abstract void CopyIn(ReadOnlySpan<byte> source, MemoryBlock destination);

    /// <summary>Copies bytes out of a block from <paramref name="start"/> on, after the queued kernels.</summary>
    protected abstract void CopyOut(MemoryBlock source, long start, Span<byte> destination);

    static void Match<T>(int length, DeviceBuffer buffer)
        where T : unmanaged
    {
        if (buffer.Type != DTypes.Of<T>() || buffer.Length != length)
            throw new ArgumentException($"A copy of {length} {DTypes.Of<T>()} elements does not fit a buffer of {buffer.Length} {buffer.Type} elements.");
    }
}

/// <summary>An engine whose buffers are host memory and whose kernels run when called.</summary>
public abstract unsafe class HostEngine : Engine
{
    private protected override HiddenUse MemoryUse() => HostMemory.Use;

    /// <inheritdoc/>
    public override void Synchronize()
    {
    }

    /// <inheritdoc/>
    protected override MemoryBlock Allocate(long capacity) => new HostBlock(capacity);

    /// <inheritdoc/>
    protected override void CopyIn(ReadOnlySpan<byte> source, MemoryBlock destination)
        => source.CopyTo(new((void*)((HostBlock)destination).Pointer, source.Length));

    /// <inheritdoc/>
    protected override void CopyOut(MemoryBlock source, long start, Span<byte> destination)
        => new ReadOnlySpan<byte>((byte*)((HostBlock)source).Pointer + start, destination.Length).CopyTo(destination);
}
