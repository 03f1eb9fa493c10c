using System.Runtime.CompilerServices;
using ILGPU.Runtime.CPU;

namespace ILGPU;

/// <summary>The group of the thread that asks.</summary>
public static class Group
{
    public static int IdxX => Lane.Grouped.Thread.X;

    public static int IdxY => Lane.Grouped.Thread.Y;

    public static int IdxZ => Lane.Grouped.Thread.Z;

    public static Index3D Index => Lane.Grouped.Thread;

    public static int DimX => Lane.Grouped.GroupDim.X;

    public static int DimY => Lane.Grouped.GroupDim.Y;

    public static int DimZ => Lane.Grouped.GroupDim.Z;

    public static Index3D Dimension => Lane.Grouped.GroupDim;

    public static int LinearIndex => Lane.Grouped.LinearThread;

    public static bool IsFirstThread => LinearIndex == 0;

    public static bool IsLastThread => LinearIndex == Dimension.Size - 1;

    /// <summary>Waits until every thread of the group has come here. The arguments name the place in errors; leave them out.</summary>
    public static void Barrier([CallerMemberName] string member = "", [CallerLineNumber] int line = 0)
        => Lane.Grouped.Barrier(member, line);
}
