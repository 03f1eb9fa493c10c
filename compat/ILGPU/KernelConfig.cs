using ILGPU.Runtime;

namespace ILGPU;

/// <summary>How many groups a kernel is launched with, and how many threads each has.</summary>
public readonly struct KernelConfig
{
    public KernelConfig(Index1D gridDim, Index1D groupDim)
        : this(new Index3D(gridDim, 1, 1), new Index3D(groupDim, 1, 1))
    {
    }

    public KernelConfig(Index2D gridDim, Index2D groupDim)
        : this(new Index3D(gridDim, 1), new Index3D(groupDim, 1))
    {
    }

    public KernelConfig(Index3D gridDim, Index3D groupDim)
    {
        GridDim = gridDim;
        GroupDim = groupDim;
    }

    public Index3D GridDim { get; }

    public Index3D GroupDim { get; }

    public long Size => GridDim.LongSize * GroupDim.LongSize;

    public static implicit operator KernelConfig((Index1D Grid, Index1D Group) dimensions)
        => new(dimensions.Grid, dimensions.Group);

    public static implicit operator KernelConfig((Index2D Grid, Index2D Group) dimensions)
        => new(dimensions.Grid, dimensions.Group);

    public static implicit operator KernelConfig((Index3D Grid, Index1D Group) dimensions)
        => new(dimensions.Grid, new Index3D(dimensions.Group, 1, 1));

    public static implicit operator KernelConfig((Index3D Grid, Index2D Group) dimensions)
        => new(dimensions.Grid, new Index3D(dimensions.Group, 1));

    public static implicit operator KernelConfig((Index3D Grid, Index3D Group) dimensions)
        => new(dimensions.Grid, dimensions.Group);

    internal void Verify(Accelerator accelerator, string kernel)
    {
        Index3D grid = accelerator.MaxGridSize;
        if (GridDim.X < 1 || GridDim.Y < 1 || GridDim.Z < 1 || GridDim.X > grid.X || GridDim.Y > grid.Y || GridDim.Z > grid.Z)
            throw new ArgumentOutOfRangeException(null, $"{kernel} was launched with a grid of {GridDim}; each extent must be at least 1 and at most {grid}.");
        if (GroupDim.X < 1 || GroupDim.Y < 1 || GroupDim.Z < 1 || GroupDim.LongSize > accelerator.MaxNumThreadsPerGroup)
            throw new ArgumentOutOfRangeException(null, $"{kernel} was launched with groups of {GroupDim} threads; this accelerator allows 1 to {accelerator.MaxNumThreadsPerGroup} threads a group.");
    }
}
