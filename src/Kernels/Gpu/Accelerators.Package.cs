#if ILGPU_PACKAGE
using System.Reflection;
using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace CnnSharp.Kernels.Gpu;

// The devices that the package reaches.
public static partial class Accelerators
{
    /// <summary>Whether this build has the package or its stand-in.</summary>
    internal const string Provider = "package";

    /// <summary>What ILGPU asks the system for, and what a machine that only runs programs has in place of the development links.</summary>
    static readonly (string Asked, string[] Also)[] Libraries = [("cuda", ["libcuda.so.1"]), ("OpenCL", ["libOpenCL.so.1"])];

    static partial void AddDevices(List<AcceleratorEntry> found)
    {
        NativeLibrary.SetDllImportResolver(typeof(Context).Assembly, (name, assembly, path) => Load(name, assembly, path));
        AddKind(found, "cuda", OperatingSystem.IsWindows() ? "nvcuda" : "cuda", builder => builder.EnableTensorCores().Cuda(), context => context.GetCudaDevices(), _ => null);
        AddKind(
            found,
            "opencl",
            OperatingSystem.IsWindows() ? "opencl" : "libOpenCL.so",
            builder => builder.OpenCL(_ => true),
            context => context.GetCLDevices(),
            device => device.Capabilities.GenericAddressSpace ? null : $"'{device.Name}' ({device.PlatformName}) has no generic address space (OpenCL 2.0, or a feature of 3.0), which ILGPU needs");
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
                var context = Context.Create(builder => enable(Configure(builder)));
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
#endif
