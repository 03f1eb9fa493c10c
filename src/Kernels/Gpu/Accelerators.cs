using System.Reflection;
using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace CnnSharp.Kernels.Gpu;

/// <summary>When a device is taken that nobody named, the first of these first.</summary>
public enum AcceleratorRank
{
    /// <summary>A CUDA device.</summary>
    Cuda,

    /// <summary>An OpenCL GPU with memory of its own.</summary>
    DiscreteGpu,

    /// <summary>An OpenCL GPU that shares the host's memory.</summary>
    IntegratedGpu,

    /// <summary>Never: OpenCL on a CPU (PoCL), other OpenCL devices, and <c>ilgpu-cpu</c>.</summary>
    ByNameOnly,
}

/// <summary>A device that the GPU engine could run on: how to open it, or why it is not there.</summary>
/// <param name="Name">The name it is selected by: <c>cuda:0</c>, <c>opencl:0</c>, <c>ilgpu-cpu</c>.</param>
/// <param name="Open">Opens it; once it is open, later calls give the same engine. <see cref="NotSupportedException"/> says why it cannot be, and the next call tries again.</param>
/// <param name="Absent">Why it is not present, or null.</param>
/// <param name="Rank">When it is taken where no device is named.</param>
/// <param name="Description">What it is; empty where it is not present.</param>
public sealed record AcceleratorEntry(string Name, Func<GpuEngine> Open, string? Absent, AcceleratorRank Rank, string Description = "");

/// <summary>What ILGPU finds on this machine: CUDA and OpenCL each when first asked for. May be used by several threads.</summary>
public static class Accelerators
{
    /// <summary>Threads of a group on <c>ilgpu-cpu</c>: what ILGPU's CPU accelerator has by default, in warps of four.</summary>
    const int CpuWarp = 4, CpuWarps = 4;

    /// <summary>CL_DEVICE_HOST_UNIFIED_MEMORY, which ILGPU has no name for.</summary>
    const CLDeviceInfoType HostUnifiedMemory = (CLDeviceInfoType)0x1035;

    /// <summary>What ILGPU asks the system for, and what a machine that only runs programs has in place of the development links.</summary>
    static readonly (string Asked, string[] Also)[] Libraries = [("cuda", ["libcuda.so.1"]), ("OpenCL", ["libOpenCL.so.1"])];

    static readonly Lazy<bool> ResolvesLibraries = new(() =>
    {
        NativeLibrary.SetDllImportResolver(typeof(Context).Assembly, Load);
        return true;
    });

    static readonly Lazy<IReadOnlyList<AcceleratorEntry>> CudaEntries = new(FindCuda);
    static readonly Lazy<IReadOnlyList<AcceleratorEntry>> OpenCLEntries = new(FindOpenCL);

    /// <summary>CUDA's devices, or one entry that says why there is none.</summary>
    public static IReadOnlyList<AcceleratorEntry> Cuda => CudaEntries.Value;

    /// <summary>OpenCL's devices, or one entry that says why there is none. The first call loads every OpenCL driver that the system lists into the process.</summary>
    public static IReadOnlyList<AcceleratorEntry> OpenCL => OpenCLEntries.Value;

    /// <summary>ILGPU's CPU accelerator, which is slow and there to test kernels.</summary>
    public static AcceleratorEntry IlgpuCpu { get; } = Entry("ilgpu-cpu", "ILGPU's CPU accelerator", () => OpenCpu("ilgpu-cpu", CpuWarp, CpuWarps), null, AcceleratorRank.ByNameOnly);

    /// <summary>Every device by name, CUDA's first, then OpenCL's (whose drivers it loads), then ILGPU's CPU accelerator.</summary>
    public static IReadOnlyList<AcceleratorEntry> All => [.. Cuda, .. OpenCL, IlgpuCpu];

    /// <summary>Whether OpenCL's drivers were loaded.</summary>
    public static bool OpenCLIsLoaded => OpenCLEntries.IsValueCreated;

    /// <summary>
    /// Why OpenCL is not looked at unless it is named: no driver is listed that serves a GPU, and to load one that does not, such
    /// as PoCL, changes the process for nothing. Null: one is listed, or all are loaded already.
    /// </summary>
    public static string? OpenCLUnasked => OpenCLIsLoaded ? null : OpenCLDrivers.WhyNoGpu(OpenCLDrivers.Listed());

    /// <summary>Whether kernels on CUDA check every access to a view, as ILGPU's CPU accelerator always does: <c>$CNNSHARP_GPU_ASSERTIONS</c> is 1.</summary>
    static bool Asserts => Environment.GetEnvironmentVariable("CNNSHARP_GPU_ASSERTIONS") == "1";

    static List<AcceleratorEntry> FindCuda()
        => Find("cuda", OperatingSystem.IsWindows() ? "nvcuda" : "cuda", builder => builder.Cuda(), context => context.GetCudaDevices(), _ => (null, AcceleratorRank.Cuda, ""));

    static List<AcceleratorEntry> FindOpenCL()
    {
        OpenCLDrivers.PrepareToLoad();
        return SignalHandlers.Kept(() => Find(
            "opencl",
            OperatingSystem.IsWindows() ? "opencl" : OperatingSystem.IsMacOS() ? OpenCLDrivers.MacFramework : "libOpenCL.so",
            builder => builder.OpenCL(_ => true),
            context => context.GetCLDevices(),
            device => (
                device.Capabilities.GenericAddressSpace ? null : $"'{device.Name}' ({device.PlatformName}) has no generic address space (OpenCL 2.0, or a feature of 3.0), which ILGPU needs",
                Rank(device),
                $", {device.PlatformName}")));
    }

    static AcceleratorRank Rank(CLDevice device)
    {
        if (!device.DeviceType.HasFlag(CLDeviceType.CL_DEVICE_TYPE_GPU)) return AcceleratorRank.ByNameOnly;
        try
        {
            return device.GetDeviceInfo<int>(HostUnifiedMemory) == 0 ? AcceleratorRank.DiscreteGpu : AcceleratorRank.IntegratedGpu;
        }
        catch (CLException)
        {
            // Deprecated since OpenCL 2.0: a driver may have dropped it.
            return AcceleratorRank.DiscreteGpu;
        }
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
    /// <param name="kind">The names' first part.</param>
    /// <param name="library">The driver, as ILGPU asks for it.</param>
    /// <param name="enable">Looks for the devices.</param>
    /// <param name="devices">Those that were found.</param>
    /// <param name="describe">What a device lacks (null: nothing), its rank, and what follows its own name in its description.</param>
    static List<AcceleratorEntry> Find<TDevice>(string kind, string library, Action<Context.Builder> enable, Func<Context, Context.DeviceCollection<TDevice>> devices, Func<TDevice, (string? Lacks, AcceleratorRank Rank, string Platform)> describe)
        where TDevice : Device
    {
        string reason;
        _ = ResolvesLibraries.Value;
        if (Load(library, typeof(Context).Assembly, null) == 0)
        {
            reason = $"no driver: '{library}' could not be loaded{(OperatingSystem.IsLinux() ? ", nor a library of that name ending in .so.1" : "")}";
        }
        else
        {
            try
            {
                var context = Context.Create(builder => enable(Configure(builder, Asserts)));
                var present = devices(context);
                var found = new List<AcceleratorEntry>();
                for (var i = 0; i < present.Count; i++)
                {
                    var (name, device) = ($"{kind}:{i}", present[i]);
                    var (lacks, rank, platform) = describe(device);
                    found.Add(Entry(name, $"'{device.Name}'{platform}", () => new(name, device.CreateAccelerator(context)), lacks, rank));
                }

                if (found.Count > 0) return found;
                reason = $"the driver '{library}' reports no device";
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                reason = $"the driver '{library}' is not usable: {e.GetBaseException().Message}";
            }
        }

        return [new($"{kind}:0", () => throw new NotSupportedException(reason), reason, AcceleratorRank.ByNameOnly)];
    }

    /// <summary>A device that is opened when it is first asked for; one that could not be is tried again.</summary>
    internal static AcceleratorEntry Entry(string name, string description, Func<GpuEngine> create, string? lacks, AcceleratorRank rank)
    {
        GpuEngine? opened = null;
        var gate = new Lock();
        return new(name, Open, lacks, rank, description);

        GpuEngine Open()
        {
            if (lacks is not null) throw new NotSupportedException(lacks);
            lock (gate)
            {
                return opened = opened is { IsDisposed: false } ? opened : SignalHandlers.Kept(Try);
            }
        }

        GpuEngine Try()
        {
            GpuEngine? engine = null;
            try
            {
                engine = create();
                Check(engine);
                return engine;
            }
            catch (Exception e) when (e is not NotSupportedException { InnerException: null })
            {
                engine?.Dispose();
                throw new NotSupportedException($"{name}, {description}, is there and cannot be opened: {e.GetBaseException().Message}", e);
            }
        }
    }

    /// <summary>Writes and reads one number: a driver may give a device that then does nothing.</summary>
    static void Check(GpuEngine engine)
    {
        const int Sent = 0x5EED;
        Span<int> back = [0];
        var buffer = engine.Rent(DType.Int32, 1);
        engine.Upload<int>([Sent], buffer);
        engine.Download(buffer, back);
        buffer.Release();
        if (back[0] != Sent) throw new InvalidOperationException($"it does not give back what is written to it: {Sent} became {back[0]}");
    }

    /// <summary>ILGPU's CPU accelerator with groups of warp x warps threads: with 256, kernels run as they do on a GPU, slowly; lower precisions too, if asked.</summary>
    internal static GpuEngine OpenCpu(string name, int warp, int warps, bool emulatesTensorCores = false)
    {
        var context = Context.Create(builder => Configure(builder).CPU(new CPUDevice(warp, warps, 1)));
        return new(name, context.CreateCPUAccelerator(0), emulatesTensorCores, context);
    }

    /// <summary>
    /// O2 gives views their address spaces (at O1 they stay generic). Profiling is for the markers that tell when a copy is
    /// done; Algorithms for the functions of XMath.
    /// </summary>
    /// <param name="builder">What is configured.</param>
    /// <param name="asserts">Whether kernels check every access to a view (those of ILGPU's CPU accelerator always do).</param>
    internal static Context.Builder Configure(Context.Builder builder, bool asserts = false)
    {
        builder.Optimize(OptimizationLevel.O2).Profiling().EnableAlgorithms().EnableCudaInstructions();
        return asserts ? builder.Assertions() : builder;
    }

    /// <summary>What a device lacks to multiply on tensor cores, or null.</summary>
    internal static string? TensorCoresMissing(Accelerator accelerator) => accelerator switch
    {
        CudaAccelerator { Architecture.Major: >= 8 } => null,
        CudaAccelerator older => $"the tensor cores of compute capability 8.0 or higher; this device has {older.Architecture.Major}.{older.Architecture.Minor}",
        _ => "the tensor cores of a CUDA device of compute capability 8.0 or higher",
    };

    /// <summary>Whether a driver reports that the device, or something that was queued on it, failed.</summary>
    internal static bool IsDeviceError(Exception e) => e is CudaException or CLException;

    internal static bool IsOutOfMemory(Exception e)
        => e is OutOfMemoryException
        || e is CudaException { Error: nameof(CudaError.CUDA_ERROR_OUT_OF_MEMORY) }
        || e is CLException { Error: CLError.CL_MEM_OBJECT_ALLOCATION_FAILURE or CLError.CL_OUT_OF_RESOURCES };
}
