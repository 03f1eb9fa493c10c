using System.Reflection;
using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace CnnSharp.Kernels.Gpu;

/// <summary>A device that the GPU engine could run on: how to open it, or why it is not there.</summary>
/// <param name="Name">The name it is selected by: <c>cuda:0</c>, <c>opencl:0</c>, <c>ilgpu-cpu</c>.</param>
/// <param name="Open">Opens it, once; later calls give the same engine.</param>
/// <param name="Absent">Why it is not present, or null.</param>
/// <param name="IsFast">Whether it is a device to compute on, rather than one to test kernels with.</param>
public sealed record AcceleratorEntry(string Name, Func<GpuEngine> Open, string? Absent, bool IsFast = true);

/// <summary>What ILGPU finds on this machine.</summary>
public static class Accelerators
{
    /// <summary>Threads of a group on <c>ilgpu-cpu</c>: what ILGPU's CPU accelerator has by default, in warps of four.</summary>
    const int CpuWarp = 4, CpuWarps = 4;

    /// <summary>What ILGPU asks the system for, and what a machine that only runs programs has in place of the development links.</summary>
    static readonly (string Asked, string[] Also)[] Libraries = [("cuda", ["libcuda.so.1"]), ("OpenCL", ["libOpenCL.so.1"])];

    static readonly Lazy<GpuEngine> Cpu = new(() => OpenCpu("ilgpu-cpu", CpuWarp, CpuWarps));
    static readonly Lazy<IReadOnlyList<AcceleratorEntry>> Entries = new(Find);

    /// <summary>Every device by name, CUDA's first, then OpenCL's, then ILGPU's CPU accelerator. Kinds with no device have one entry that says why.</summary>
    public static IReadOnlyList<AcceleratorEntry> All => Entries.Value;

    /// <summary>Whether kernels on CUDA check every access to a view, as ILGPU's CPU accelerator always does: <c>$CNNSHARP_GPU_ASSERTIONS</c> is 1.</summary>
    static bool Asserts => Environment.GetEnvironmentVariable("CNNSHARP_GPU_ASSERTIONS") == "1";

    static List<AcceleratorEntry> Find()
    {
        var found = new List<AcceleratorEntry>();
        NativeLibrary.SetDllImportResolver(typeof(Context).Assembly, (name, assembly, path) => Load(name, assembly, path));
        AddKind(found, "cuda", OperatingSystem.IsWindows() ? "nvcuda" : "cuda", builder => builder.EnableTensorCores().Cuda(), context => context.GetCudaDevices(), _ => null);
        AddKind(
            found,
            "opencl",
            OperatingSystem.IsWindows() ? "opencl" : "libOpenCL.so",
            builder => builder.OpenCL(_ => true),
            context => context.GetCLDevices(),
            device => device.Capabilities.GenericAddressSpace ? null : $"'{device.Name}' ({device.PlatformName}) has no generic address space (OpenCL 2.0, or a feature of 3.0), which ILGPU needs");
        found.Add(new("ilgpu-cpu", () => Cpu.Value, null, IsFast: false));
        return found;
    }

    static nint Load(string name, Assembly assembly, DllImportSearchPath? path)
    {
        if (NativeLibrary.TryLoad(name, assembly, path, out var handle)) return handle;
        foreach (var (asked, also) in Libraries)
        {
            if (!name.Contains(asked, StringComparison.OrdinalIgnoreCase)) continue;
            foreach (var other in also)
            {
                if (NativeLibrary.TryLoad(other, out handle)) return handle;
            }
        }

        return 0;
    }

    /// <summary>The devices of a kind, or one entry that says why there is none.</summary>
    /// <param name="found">Takes the entries.</param>
    /// <param name="kind">The names' first part.</param>
    /// <param name="library">The driver, as ILGPU asks for it.</param>
    /// <param name="enable">Looks for the devices.</param>
    /// <param name="devices">Those that were found.</param>
    /// <param name="lack">What a device lacks, or null.</param>
    static void AddKind<TDevice>(List<AcceleratorEntry> found, string kind, string library, Action<Context.Builder> enable, Func<Context, Context.DeviceCollection<TDevice>> devices, Func<TDevice, string?> lack)
        where TDevice : Device
    {
        string reason;
        if (Load(library, typeof(Context).Assembly, null) == 0)
        {
            reason = $"no driver: '{library}' could not be loaded{(OperatingSystem.IsWindows() ? "" : ", nor a library of that name ending in .so.1")}";
        }
        else
        {
            try
            {
                var context = Context.Create(builder => enable(Configure(builder, Asserts)));
                var present = devices(context);
                for (var i = 0; i < present.Count; i++)
                {
                    var (name, device) = ($"{kind}:{i}", present[i]);
                    var engine = new Lazy<GpuEngine>(() => new(name, device.CreateAccelerator(context)));
                    var missing = lack(device);
                    found.Add(new(name, missing is null ? () => engine.Value : () => throw new NotSupportedException(missing), missing));
                }

                if (present.Count > 0) return;
                reason = $"the driver '{library}' reports no device";
            }
            catch (Exception e) when (e is DllNotFoundException or NotSupportedException or CudaException or CLException or TypeInitializationException or CapabilityNotSupportedException)
            {
                reason = $"the driver '{library}' is not usable: {e.GetBaseException().Message}";
            }
        }

        found.Add(new($"{kind}:0", () => throw new NotSupportedException(reason), reason));
    }

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
    /// <param name="builder">What is configured.</param>
    /// <param name="asserts">Whether kernels check every access to a view (those of ILGPU's CPU accelerator always do).</param>
    internal static Context.Builder Configure(Context.Builder builder, bool asserts = false)
    {
        builder.Optimize(OptimizationLevel.O2).Profiling().EnableAlgorithms();
        return asserts ? builder.Assertions() : builder;
    }

    /// <summary>What a device lacks to multiply on tensor cores, or null.</summary>
    internal static string? TensorCoresMissing(Accelerator accelerator) => accelerator switch
    {
        CudaAccelerator { Architecture.Major: >= 8 } => null,
        CudaAccelerator older => $"the tensor cores of compute capability 8.0 or higher; this device has {older.Architecture.Major}.{older.Architecture.Minor}",
        _ => "the tensor cores of a CUDA device of compute capability 8.0 or higher",
    };

    internal static bool IsOutOfMemory(Exception e)
        => e is OutOfMemoryException
        || e is CudaException { Error: nameof(CudaError.CUDA_ERROR_OUT_OF_MEMORY) }
        || e is CLException { Error: CLError.CL_MEM_OBJECT_ALLOCATION_FAILURE or CLError.CL_OUT_OF_RESOURCES };
}
