#if !ILGPU_PACKAGE
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

// With the stand-in there is only ilgpu-cpu.
public static partial class Accelerators
{
    const string Missing = "this CnnSharp was built without ILGPU, as no package feed carried it, and cannot use a GPU; build it where one does (-p:IlgpuProvider=package)";

    /// <summary>Whether this build has the package or its stand-in.</summary>
    internal const string Provider = "stand-in";

    static partial void AddDevices(List<AcceleratorEntry> found)
    {
        found.Add(new("cuda:0", () => throw new NotSupportedException(Missing), Missing));
        found.Add(new("opencl:0", () => throw new NotSupportedException(Missing), Missing));
    }

    /// <summary>What a device lacks to multiply on tensor cores.</summary>
    internal static string? TensorCoresMissing(Accelerator accelerator) => $"the tensor cores of a CUDA device: {Missing}";

    internal static bool IsOutOfMemory(Exception e) => e is OutOfMemoryException;
}
#endif
