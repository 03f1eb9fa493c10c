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

    static partial void AddDevices(List<AcceleratorEntry> found)
    {
        NativeLibrary.SetDllImportResolver(typeof(Context).Assembly, Resolve);
        AddKind(found, "cuda", builder => builder.Cuda(), context => context.GetCudaDevices());
        AddKind(found, "opencl", builder => builder.OpenCL(), context => context.GetCLDevices());
    }

    /// <summary>
    /// ILGPU asks for <c>cuda</c> and <c>OpenCL</c>; a machine that only runs programs has <c>libcuda.so.1</c> and
    /// <c>libOpenCL.so.1</c> without the development links.
    /// </summary>
    static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        if (NativeLibrary.TryLoad(name, assembly, path, out var handle)) return handle;
        if (name.Contains("cuda", StringComparison.OrdinalIgnoreCase) && NativeLibrary.TryLoad("libcuda.so.1", out handle)) return handle;
        if (name.Contains("OpenCL", StringComparison.OrdinalIgnoreCase) && NativeLibrary.TryLoad("libOpenCL.so.1", out handle)) return handle;
        return 0;
    }

    static void AddKind<TDevice>(List<AcceleratorEntry> found, string kind, Action<Context.Builder> enable, Func<Context, Context.DeviceCollection<TDevice>> devices)
        where TDevice : Device
    {
        string reason;
        try
        {
            var context = Context.Create(builder => enable(Configure(builder)));
            var present = devices(context);
            for (var i = 0; i < present.Count; i++)
            {
                var (name, device) = ($"{kind}:{i}", present[i]);
                var engine = new Lazy<GpuEngine>(() => new(name, device.CreateAccelerator(context)));
                found.Add(new(name, () => engine.Value, null));
            }

            if (present.Count > 0) return;
            reason = $"no {kind} device found (no driver, or none that ILGPU supports)";
        }
        catch (Exception e) when (e is DllNotFoundException or NotSupportedException or CudaException or CLException or TypeInitializationException or CapabilityNotSupportedException)
        {
            reason = $"{kind} is not usable: {e.GetBaseException().Message}";
        }

        found.Add(new($"{kind}:0", () => throw new NotSupportedException(reason), reason));
    }

    internal static bool IsOutOfMemory(Exception e)
        => e is OutOfMemoryException
        || e is CudaException { Error: nameof(CudaError.CUDA_ERROR_OUT_OF_MEMORY) }
        || e is CLException { Error: CLError.CL_MEM_OBJECT_ALLOCATION_FAILURE or CLError.CL_OUT_OF_RESOURCES };
}
#endif
