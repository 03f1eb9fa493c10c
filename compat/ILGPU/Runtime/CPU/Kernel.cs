using System.Runtime.CompilerServices;

namespace ILGPU.Runtime.CPU;

/// <summary>A loaded kernel with the arguments of the launch in progress: a number of work items that can run in any order.</summary>
internal abstract class Kernel
{
    protected Kernel(Accelerator accelerator, Delegate action)
    {
        ArgumentNullException.ThrowIfNull(accelerator);
        ArgumentNullException.ThrowIfNull(action);
        Accelerator = accelerator;
        Name = $"{action.Method.DeclaringType?.Name}.{action.Method.Name}";
        if (action.Method.IsGenericMethod)
            Name += $"<{string.Join(", ", action.Method.GetGenericArguments().Select(static type => type.Name))}>";
        if (action.Target is { } target && target.GetType().GetFields().Length > 0 && !action.Method.IsStatic)
            throw new NotSupportedException($"The kernel {Name} captures values; a kernel must be static and get them as arguments.");
    }

    /// <summary>The method's class and name.</summary>
    public string Name { get; }

    protected Accelerator Accelerator { get; }

    /// <summary>How many work items the launch has.</summary>
    public abstract long Items { get; }

    /// <summary>Runs one of them.</summary>
    public abstract void Run(Multiprocessor multiprocessor, long item);
}

/// <summary>A kernel launched in groups of threads; a work item is a group.</summary>
internal abstract class GroupedKernel(Accelerator accelerator, Delegate action) : Kernel(accelerator, action)
{
    public KernelConfig Config { get; private set; }

    public override long Items => Config.GridDim.LongSize;

    public override void Run(Multiprocessor multiprocessor, long item)
        => multiprocessor.RunGroup(this, Index3D.At(item, Config.GridDim));

    /// <summary>Runs the thread whose place the calling thread's <see cref="Lane"/> holds.</summary>
    public abstract void Invoke();

    protected void Launch(KernelConfig config)
    {
        config.Verify(Accelerator, Name);
        Config = config;
        Accelerator.Run(this);
    }
}

/// <summary>A kernel launched on a range of indices; a work item is a chunk of the range.</summary>
internal abstract class IndexedKernel(Accelerator accelerator, Delegate action) : Kernel(accelerator, action)
{
    /// <summary>Indices in a work item: enough to make the claim of an item cheap, few enough to balance.</summary>
    const long Chunk = 1024;

    long size;

    /// <summary>The range as three extents; that of <see cref="LongIndex1D"/> does not fit and is not used.</summary>
    public Index3D Extent { get; private set; }

    /// <summary>Whether the range is that of a <see cref="LongIndex1D"/> or <see cref="Index1D"/>.</summary>
    public bool IsLinear { get; private set; }

    public override long Items => (size + Chunk - 1) / Chunk;

    public override void Run(Multiprocessor multiprocessor, long item)
        => multiprocessor.RunRange(this, item * Chunk, Math.Min(size, (item + 1) * Chunk));

    public abstract void Invoke(Lane lane, long begin, long end);

    protected void Launch<TIndex>(TIndex extent)
        where TIndex : struct, IIndex
    {
        (IsLinear, Extent) = extent switch
        {
            Index2D plane => (false, new Index3D(plane, 1)),
            Index3D space => (false, space),
            Index1D or LongIndex1D => (true, default),
            _ => throw new NotSupportedException($"{Name}: {typeof(TIndex).Name} is no index that a kernel can be launched on."),
        };
        size = extent.Size;
        if (size < 1 || (!IsLinear && (Extent.X < 1 || Extent.Y < 1 || Extent.Z < 1)))
            throw new ArgumentOutOfRangeException(nameof(extent), $"{Name} was launched on an extent of {extent}; each must be at least 1.");
        Accelerator.Run(this);
    }

    /// <summary>The index at a linear position, which the lane keeps for errors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected TIndex At<TIndex>(Lane lane, long position)
        where TIndex : struct, IIndex
    {
        lane.Position = position;
        if (typeof(TIndex) == typeof(Index1D))
        {
            Index1D index = new((int)position);
            return Unsafe.As<Index1D, TIndex>(ref index);
        }

        if (typeof(TIndex) == typeof(LongIndex1D))
        {
            LongIndex1D index = new(position);
            return Unsafe.As<LongIndex1D, TIndex>(ref index);
        }

        Index3D point = Index3D.At(position, Extent);
        if (typeof(TIndex) == typeof(Index3D))
            return Unsafe.As<Index3D, TIndex>(ref point);
        Index2D plane = point.XY;
        return Unsafe.As<Index2D, TIndex>(ref plane);
    }
}
