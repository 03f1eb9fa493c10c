using ILGPU.Runtime.CPU;

namespace ILGPU;

/// <summary>The place of the asking thread's group among all groups of the launch.</summary>
public static class Grid
{
    public static int IdxX => Lane.Grouped.Group.X;

    public static int IdxY => Lane.Grouped.Group.Y;

    public static int IdxZ => Lane.Grouped.Group.Z;

    public static Index3D Index => Lane.Grouped.Group;

    public static int DimX => Lane.Grouped.GridDim.X;

    public static int DimY => Lane.Grouped.GridDim.Y;

    public static int DimZ => Lane.Grouped.GridDim.Z;

    public static Index3D Dimension => Lane.Grouped.GridDim;

    /// <summary>The thread's place in the whole launch.</summary>
    public static Index3D GlobalIndex
    {
        get
        {
            Lane lane = Lane.Grouped;
            return lane.Group * lane.GroupDim + lane.Thread;
        }
    }
}
