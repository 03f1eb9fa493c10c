using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Backends;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

/// <summary>
/// PTX that ILGPU compiled, in a folder: a file a kernel, named by a hash of all that the code depends on, so that nothing of another version is ever taken.
/// Several processes may share it. A folder that cannot be read or written is as an empty one, and a damaged file as none.
/// </summary>
/// <param name="folder">Where; made when something is written.</param>
sealed class KernelCache(string folder)
{
    /// <summary>Names another folder; empty: none is kept.</summary>
    public const string Variable = "CNNSHARP_KERNEL_CACHE";

    const string Suffix = ".ptx", Header = "// sha256 ";

    /// <summary>Files that nobody asked for in this time are removed.</summary>
    static readonly TimeSpan Unused = TimeSpan.FromDays(30);

    /// <summary>A file in use is marked so once in this time.</summary>
    static readonly TimeSpan Marked = TimeSpan.FromDays(1);

    bool isTidy;

    /// <summary>The user's: <c>$CNNSHARP_KERNEL_CACHE</c>, or <c>cnnsharp/kernels</c> in the cache folder; null where there shall be none.</summary>
    public static KernelCache? OfUser
    {
        get
        {
            var given = Environment.GetEnvironmentVariable(Variable);
            if (given is "") return null;
            var folder = given ?? (CacheFolder.OfUser is { } cache ? Path.Combine(cache, "kernels") : null);
            return folder is null ? null : new(folder);
        }
    }

    /// <summary>What the code of a kernel depends on, hashed: its methods, ILGPU, the runtime's library, the device's kind, how it is compiled.</summary>
    public static string Key(PTXBackend backend, in EntryPointDescription entry, in KernelSpecialization specialization)
    {
        var properties = backend.Context.Properties;
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{backend.Architecture} {backend.InstructionSet} {entry.IndexType} {specialization.MaxNumThreadsPerGroup} {specialization.MinNumGroupsPerMultiprocessor}\n");
        text.Append(CultureInfo.InvariantCulture, $"{properties.OptimizationLevel} {properties.InliningMode} {properties.MathMode} {properties.EnableAssertions} {properties.DebugSymbolsMode}\n");
        var method = entry.MethodSource;
        text.Append(CultureInfo.InvariantCulture, $"{method.DeclaringType} {method}\n");
        var modules = new HashSet<Module> { typeof(object).Module, typeof(Context).Module, typeof(XMath).Module, method.Module };
        if (method.DeclaringType is { } type) Add(type);
        foreach (var argument in method.GetGenericArguments()) Add(argument);
        foreach (var id in modules.Select(module => module.ModuleVersionId).Order()) text.Append(CultureInfo.InvariantCulture, $"{id}\n");
        return Hash(Encoding.UTF8.GetBytes(text.ToString()));

        void Add(Type type)
        {
            text.Append(CultureInfo.InvariantCulture, $"{type.AssemblyQualifiedName}\n");
            modules.Add(type.Module);
            foreach (var argument in type.GetGenericArguments()) Add(argument);
        }
    }

    /// <summary>A kernel as it was written; null: there is none, or it is damaged.</summary>
    public PTXCompiledKernel? Read(string key, Context context, in EntryPointDescription entry, in KernelSpecialization specialization)
    {
        try
        {
            var path = PathOf(key);
            if (!File.Exists(path)) return null;
            var (hash, sharedBytes, ptx) = Parse(File.ReadAllText(path));
            if (ptx is null || hash != Hash(Encoding.UTF8.GetBytes(ptx))) return null;
            if (DateTime.UtcNow - File.GetLastWriteTimeUtc(path) > Marked) File.SetLastWriteTimeUtc(path, DateTime.UtcNow);
            return NewKernel(context, new EntryPoint(entry, new SharedMemorySpecification(sharedBytes, hasDynamicMemory: false), specialization), null, ptx);
        }
        catch (Exception e) when (IsFileError(e))
        {
            return null;
        }
    }

    /// <summary>Keeps a kernel, if it can be: whole, or not at all.</summary>
    public void Write(string key, PTXCompiledKernel kernel)
    {
        // No kernel here has memory whose size its launch would say.
        var memory = EntryPointOf(kernel).SharedMemory;
        if (memory.HasDynamicMemory) return;
        var ptx = kernel.PTXAssembly;
        var partial = $"{PathOf(key)}.{Guid.NewGuid():N}";
        try
        {
            Directory.CreateDirectory(folder);
            if (!isTidy) Tidy();
            File.WriteAllText(partial, string.Create(CultureInfo.InvariantCulture, $"{Header}{Hash(Encoding.UTF8.GetBytes(ptx))} {memory.StaticSize}\n{ptx}"));
            File.Move(partial, PathOf(key), overwrite: true);
        }
        catch (Exception e) when (IsFileError(e))
        {
            TryDelete(partial);
        }
    }

    static bool IsFileError(Exception e) => e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException;

    string PathOf(string key) => Path.Combine(folder, key + Suffix);

    static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    /// <summary>The first line's hash and bytes of shared memory, and what follows it: null where the line is another.</summary>
    static (string Hash, int SharedBytes, string? Ptx) Parse(string text)
    {
        var end = text.IndexOf('\n', StringComparison.Ordinal);
        if (end < 0 || !text.StartsWith(Header, StringComparison.Ordinal)) return ("", 0, null);
        var words = text[Header.Length..end].Split(' ');
        return words.Length == 2 && int.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) ? (words[0], bytes, text[(end + 1)..]) : ("", 0, null);
    }

    /// <summary>Removes what nobody has asked for in a long time, other versions' code above all.</summary>
    void Tidy()
    {
        isTidy = true;
        foreach (var file in new DirectoryInfo(folder).EnumerateFiles($"*{Suffix}*"))
        {
            if (DateTime.UtcNow - file.LastWriteTimeUtc > Unused) TryDelete(file.FullName);
        }
    }

    static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (IsFileError(e))
        {
            // Another process has it open, or removed its folder.
        }
    }

    // ILGPU has no public way to make a kernel of PTX. Its version is fixed (Directory.Packages.props), and a test calls these.
    [UnsafeAccessor(UnsafeAccessorKind.Constructor)]
    static extern PTXCompiledKernel NewKernel(Context context, EntryPoint entryPoint, CompiledKernel.KernelInfo? info, string ptxAssembly);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_EntryPoint")]
    static extern EntryPoint EntryPointOf(CompiledKernel kernel);
}
