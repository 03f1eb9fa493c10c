using System.Runtime.InteropServices;
using Microsoft.Win32;

namespace CnnSharp.Kernels.Gpu;

/// <summary>
/// The OpenCL drivers that the system lists, read without loading one: files <c>*.icd</c> that each hold a library's name on
/// Linux, the registry on Windows (<see href="https://registry.khronos.org/OpenCL/specs/unified/html/OpenCL_Ext.html#cl_khr_icd-opencl"/>).
/// </summary>
static partial class OpenCLDrivers
{
    /// <summary>OpenCL on macOS, which is part of the system.</summary>
    public const string MacFramework = "/System/Library/Frameworks/OpenCL.framework/OpenCL";

    const string VendorsKey = @"SOFTWARE\Khronos\OpenCL\Vendors";

    /// <summary>Display adapters, whose drivers list theirs here since Windows 10.</summary>
    const string AdaptersKey = @"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}";

    /// <summary>
    /// Parts of the names of libraries that serve GPUs: NVIDIA, AMD, Intel (NEO, Beignet), Mesa, Arm, Imagination, Qualcomm, Vivante,
    /// OpenCL over Direct3D 12 and over Vulkan, Apple. Not here: pocl, intelocl (Intel's for the CPU), and what nobody knows.
    /// </summary>
    static readonly string[] OfGpus = ["nvidia", "nvopencl", "amdocl", "igdrcl", "beignet", "mesaopencl", "rusticl", "mali", "pvrocl", "adreno", "vivante", "openclon12", "clvk", "opencl.framework"];

    /// <summary>Whether a driver is listed that serves a GPU.</summary>
    /// <param name="libraries">What <see cref="Listed()"/> found.</param>
    /// <returns>Null if one is; else why OpenCL has none, as a sentence.</returns>
    public static string? WhyNoGpu(IReadOnlyList<string> libraries)
        => libraries.Any(IsOfGpu) ? null
        : libraries.Count == 0 ? "no OpenCL driver is listed on this machine"
        : $"no listed OpenCL driver is known to serve a GPU ({string.Join(", ", libraries)})";

    /// <summary>Whether a library is known to serve GPUs, by its name.</summary>
    public static bool IsOfGpu(string library) => Array.Exists(OfGpus, part => library.Contains(part, StringComparison.OrdinalIgnoreCase));

    /// <summary>The libraries that the system lists.</summary>
    public static IReadOnlyList<string> Listed()
        => OperatingSystem.IsWindows() ? InRegistry()
        : OperatingSystem.IsMacOS() ? Directory.Exists(Path.GetDirectoryName(MacFramework)) ? [MacFramework] : []
        : Listed(Environment.GetEnvironmentVariable, OperatingSystem.IsFreeBSD() ? "/usr/local/etc/OpenCL/vendors" : "/etc/OpenCL/vendors");

    /// <summary>
    /// As the loaders find them (ocl-icd, Khronos): <c>$OCL_ICD_FILENAMES</c> are libraries; <c>$OCL_ICD_VENDORS</c>, else
    /// <c>$OPENCL_VENDOR_PATH</c>, takes the folder's place and may be a folder, one <c>.icd</c> file or a library.
    /// </summary>
    /// <param name="variable">The value of an environment variable, or null.</param>
    /// <param name="folder">The system's own.</param>
    public static IReadOnlyList<string> Listed(Func<string, string?> variable, string folder)
    {
        var found = new List<string>((variable("OCL_ICD_FILENAMES") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
        var place = variable("OCL_ICD_VENDORS") is { Length: > 0 } vendors ? vendors : variable("OPENCL_VENDOR_PATH") is { Length: > 0 } path ? path : folder;
        try
        {
            if (Directory.Exists(place)) found.AddRange(Directory.GetFiles(place, "*.icd").Order(StringComparer.Ordinal).SelectMany(LibrariesOf));
            else if (place.EndsWith(".icd", StringComparison.Ordinal)) found.AddRange(LibrariesOf(File.Exists(place) ? place : Path.Combine(folder, place)));
            else if (place != folder) found.Add(place);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // What cannot be read, the loader cannot read either.
        }

        return found;
    }

    /// <summary>Tells drivers to leave the process as it is. Overrides nothing that the user has set.</summary>
    public static void PrepareToLoad()
    {
        // .NET's own SetEnvironmentVariable does not reach native code.
        if (!OperatingSystem.IsWindows()) _ = SetVariable("POCL_SIGFPE_HANDLER", "0", 0);
    }

    static IEnumerable<string> LibrariesOf(string file)
        => File.Exists(file) ? File.ReadLines(file).Take(1).Select(line => line.Trim()).Where(line => line.Length > 0) : [];

    static List<string> InRegistry()
    {
        var found = new List<string>();
        if (!OperatingSystem.IsWindows()) return found;
        try
        {
            // A value of 0 means that the driver is on.
            using var vendors = Registry.LocalMachine.OpenSubKey(VendorsKey);
            foreach (var library in vendors?.GetValueNames() ?? [])
            {
                if (vendors!.GetValue(library) is 0) found.Add(library);
            }

            using var adapters = Registry.LocalMachine.OpenSubKey(AdaptersKey);
            foreach (var name in adapters?.GetSubKeyNames() ?? [])
            {
                if (!int.TryParse(name, out _)) continue;
                using var adapter = adapters!.OpenSubKey(name);
                if (adapter?.GetValue("OpenCLDriverName") is { } driver) found.AddRange(driver as string[] ?? [$"{driver}"]);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or System.Security.SecurityException)
        {
            // As above.
        }

        return found;
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SetVariable(string name, string value, int overwrite);
}
