using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;

namespace CnnSharp.Kernels.Gpu;

/// <summary>A device that the GPU engine could run on: how to open it, or why it is not there.</summary>
/// <param name="Name">The name it is selected by: <c>cuda:0</c>, <c>opencl:0</c>, <c>ilgpu-cpu</c>.</param>
/// <param name="Open">Opens it, once; later calls give the same engine.</param>
/// <param name="Absent">Why it is not present, or null.</param>
/// <param name="IsFast">Whether it is a device to compute on, rather than one to test kernels with.</param>
public sealed record AcceleratorEntry(string Name, Func<GpuEngine> Open, string? Absent, bool IsFast = true);

/// <summary>What ILGPU finds on this machine.</summary>
public static partial class Accelerators
{
    /// <summary>Threads of a group on <c>ilgpu-cpu</c>: what ILGPU's CPU accelerator has by default, in warps of four.</summary>
    const int CpuWarp = 4, CpuWarps = 4;

    static readonly Lazy<GpuEngine> Cpu = new(() => OpenCpu("ilgpu-cpu", CpuWarp, CpuWarps));
    static readonly Lazy<IReadOnlyList<AcceleratorEntry>> Entries = new(Find);

    /// <summary>Every device by name, CUDA's first, then OpenCL's, then ILGPU's CPU accelerator. Kinds with no device have one entry that says why.</summary>
    public static IReadOnlyList<AcceleratorEntry> All => Entries.Value;

    static List<AcceleratorEntry> Find()
    {
        var found = new List<AcceleratorEntry>();
        AddDevices(found);
        found.Add(new("ilgpu-cpu", () => Cpu.Value, null, IsFast: false));
        return found;
    }

    /// <summary>Devices that only the package reaches.</summary>
    static partial void AddDevices(List<AcceleratorEntry> found);

    /// <summary>ILGPU's CPU accelerator with groups of warp x warps threads: with 256, kernels run as they do on a GPU, slowly; lower precisions too, if asked.</summary>
    internal static GpuEngine OpenCpu(string name, int warp, int warps, bool emulatesTensorCores = false)
    {
        var context = Context.Create(builder => Configure(builder).CPU(new CPUDevice(warp, warps, 1)));
        return new(name, context.CreateCPUAccelerator(0), emulatesTensorCores);
    }

    /// <summary>
    /// O2 gives views their address spaces (at O1 they stay generic). Profiling is for the markers that tell when a copy is
    /// done; Algorithms for the functions of XMath.
    /// </summary>
    internal static Context.Builder Configure(Context.Builder builder) => builder.Optimize(OptimizationLevel.O2).Profiling().EnableAlgorithms();
}
