namespace ILGPU.Runtime;

/// <summary>The kinds of accelerators.</summary>
public enum AcceleratorType
{
    CPU,
    Cuda,
    OpenCL,
}

/// <summary>What an accelerator is made from, and its limits.</summary>
public abstract class Device
{
    private protected Device()
    {
    }

    public abstract AcceleratorType AcceleratorType { get; }

    public string Name { get; protected init; } = "";

    public long MemorySize { get; protected init; }

    public Index3D MaxGridSize { get; protected init; }

    public Index3D MaxGroupSize { get; protected init; }

    public int MaxNumThreadsPerGroup { get; protected init; }

    public int MaxSharedMemoryPerGroup { get; protected init; }

    public int WarpSize { get; protected init; }

    public int NumMultiprocessors { get; protected init; }

    public int MaxNumThreadsPerMultiprocessor { get; protected init; }

    public int MaxNumThreads => NumMultiprocessors * MaxNumThreadsPerMultiprocessor;

    public abstract Accelerator CreateAccelerator(Context context);

    public override string ToString() => $"{Name} [Type: {AcceleratorType}, WarpSize: {WarpSize}, MaxNumThreadsPerGroup: {MaxNumThreadsPerGroup}]";
}
