using System.Reflection;
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
        if (!action.Method.IsStatic)
            throw new NotSupportedException($"The kernel {Name} is an instance's method or a lambda, which captures values; a kernel must be static and get them as arguments.");
        foreach (ParameterInfo parameter in action.Method.GetParameters())
        {
            if (!IsReachable(parameter.ParameterType))
                throw new NotSupportedException($"The kernel {Name} has a parameter '{parameter.Name}' whose type code that ILGPU generates cannot see: it must be public, or internal in an assembly with [InternalsVisibleTo(\"{Generated}\")].");
        }
    }

    /// <summary>The assembly that ILGPU compiles its launchers into.</summary>
    const string Generated = "ILGPURuntime";

    /// <summary>The method's class and name.</summary>
    public string Name { get; }

    protected Accelerator Accelerator { get; }

    /// <summary>How many work items the launch has.</summary>
    public abstract long Items { get; }

    /// <summary>Whether threads of its groups are known to wait for each other.</summary>
    public virtual bool TakesTurns => false;

    /// <summary>Runs one of them.</summary>
    public abstract void Run(Multiprocessor multiprocessor, long item);

    static bool IsReachable(Type type)
    {
        bool isFriend = type.Assembly.GetCustomAttributes<InternalsVisibleToAttribute>().Any(static friend => friend.AssemblyName.StartsWith(Generated, StringComparison.Ordinal));
        bool isReachable = type.IsPublic || type.IsNestedPublic || (isFriend && (type.IsNotPublic || type.IsNestedAssembly || type.IsNestedFamORAssem));
        return isReachable && (type.DeclaringType is not { } outer || IsReachable(outer)) && type.GetGenericArguments().All(IsReachable);
    }
}

/// <summary>A kernel launched in groups of threads; a work item is a group.</summary>
internal abstract class GroupedKernel(Accelerator accelerator, Delegate action) : Kernel(accelerator, action)
{
    public KernelConfig Config { get; private set; }

    public override long Items => Config.GridDim.LongSize;

    public override bool TakesTurns => HasWaited && Config.GroupDim.LongSize > 1;

    /// <summary>Whether any of its threads has ever waited at a barrier.</summary>
    public bool HasWaited { get; set; }

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
internal abstract class IndexedKernel : Kernel
{
    /// <summary>Indices in a work item: enough to make the claim of an item cheap, few enough to balance.</summary>
    const long Chunk = 1024;

    readonly Type indexType;

    protected IndexedKernel(Accelerator accelerator, Delegate action, Type indexType)
        : base(accelerator, action)
    {
        if (indexType != typeof(Index1D) && indexType != typeof(Index2D) && indexType != typeof(Index3D))
            throw new NotSupportedException($"{Name}: an automatically grouped kernel is launched on an Index1D, Index2D or Index3D, not on {indexType.Name}.");
        this.indexType = indexType;
    }

    public override long Items => (Extent.LongSize + Chunk - 1) / Chunk;

    Index3D Extent { get; set; }

    public override void Run(Multiprocessor multiprocessor, long item)
        => multiprocessor.RunRange(this, item * Chunk, Math.Min(Extent.LongSize, (item + 1) * Chunk));

    public abstract void Invoke(Lane lane, long begin, long end);

    /// <summary>The index at a linear position, as its type writes it.</summary>
    public string Describe(long position)
    {
        Index3D point = Index3D.At(position, Extent);
        return indexType == typeof(Index1D) ? $"({point.X})" : indexType == typeof(Index2D) ? $"{point.XY}" : $"{point}";
    }

    protected void Launch(IIndex extent)
    {
        Extent = extent switch
        {
            Index1D line => new(line, 1, 1),
            Index2D plane => new(plane, 1),
            _ => (Index3D)extent,
        };
        if (Extent.X < 1 || Extent.Y < 1 || Extent.Z < 1)
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

        Index3D point = Index3D.At(position, Extent);
        if (typeof(TIndex) == typeof(Index3D))
            return Unsafe.As<Index3D, TIndex>(ref point);
        Index2D plane = point.XY;
        return Unsafe.As<Index2D, TIndex>(ref plane);
    }
}
