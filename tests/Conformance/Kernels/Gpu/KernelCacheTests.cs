using System.Reflection;
using CnnSharp.Kernels.Gpu;
using ILGPU;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>Compiled kernels on disk. PTX takes no device, so these run everywhere.</summary>
public sealed class KernelCacheTests : IDisposable
{
    static readonly KernelSpecialization Threads256 = new(256, 2);

    readonly string folder = Path.Combine(Path.GetTempPath(), $"cnnsharp-kernels-{Guid.NewGuid():N}");
    readonly Context context = Context.Create(builder => Accelerators.Configure(builder));
    readonly PTXBackend backend;
    readonly EntryPointDescription entry = Entry<Vectors>();

    public KernelCacheTests() => backend = Backend(context, CudaArchitecture.SM_80);

    public void Dispose()
    {
        backend.Dispose();
        context.Dispose();
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void WhatIsWrittenIsReadByAnotherContext()
    {
        var compiled = (PTXCompiledKernel)backend.Compile(entry, Threads256);
        var key = KernelCache.Key(backend, entry, Threads256);
        Assert.Null(new KernelCache(folder).Read(key, context, entry, Threads256));
        new KernelCache(folder).Write(key, compiled);

        using var other = Context.Create(builder => Accelerators.Configure(builder));
        using var otherBackend = Backend(other, CudaArchitecture.SM_80);
        Assert.Equal(key, KernelCache.Key(otherBackend, entry, Threads256));
        var read = new KernelCache(folder).Read(key, other, entry, Threads256)!;
        Assert.Equal(compiled.PTXAssembly, read.PTXAssembly);
        Assert.Contains(".entry " + read.Name, read.PTXAssembly, StringComparison.Ordinal);
        Assert.Equal((compiled.Name, compiled.NumParameters, compiled.IndexType), (read.Name, read.NumParameters, read.IndexType));
        Assert.Equal(Threads256, read.Specialization);
        Assert.Same(other, read.Context);
        Assert.Single(Directory.GetFiles(folder));
    }

    /// <summary>Another type within the kernel, another method, device, bound of threads or check: other code.</summary>
    [Fact]
    public void KeysDifferWhereCodeMay()
    {
        using var asserting = Context.Create(builder => Accelerators.Configure(builder, asserts: true));
        using var assertingBackend = Backend(asserting, CudaArchitecture.SM_80);
        using var newer = Backend(context, CudaArchitecture.SM_90);
        string[] keys =
        [
            KernelCache.Key(backend, entry, Threads256),
            KernelCache.Key(backend, Entry<Scalars>(), Threads256),
            KernelCache.Key(backend, EntryPointDescription.FromExplicitlyGroupedKernel(((Action<ArrayView<float>, RowResults<Vectors>, GemmShape>)Gemm.AddPartials).Method), Threads256),
            KernelCache.Key(backend, entry, new KernelSpecialization(256, 1)),
            KernelCache.Key(backend, entry, KernelSpecialization.Empty),
            KernelCache.Key(newer, entry, Threads256),
            KernelCache.Key(assertingBackend, entry, Threads256),
        ];
        Assert.Equal(keys.Length, keys.Distinct().Count());
    }

    [Fact]
    public void DamageIsAMissAndWrittenOver()
    {
        var compiled = (PTXCompiledKernel)backend.Compile(entry, Threads256);
        var key = KernelCache.Key(backend, entry, Threads256);
        var cache = new KernelCache(folder);
        cache.Write(key, compiled);
        var file = Assert.Single(Directory.GetFiles(folder));
        var whole = File.ReadAllText(file);
        foreach (var damaged in new[] { "", whole[..^1], whole[..40], whole.Replace("mul", "add", StringComparison.Ordinal), "// another\n" + whole, whole.Replace(" 0\n", " x\n", StringComparison.Ordinal) + " " })
        {
            File.WriteAllText(file, damaged);
            Assert.Null(cache.Read(key, context, entry, Threads256));
        }

        cache.Write(key, compiled);
        Assert.Equal(whole, File.ReadAllText(file));
        Assert.NotNull(cache.Read(key, context, entry, Threads256));
    }

    /// <summary>What is older than 30 days goes when a process first writes; what is in use is marked as new.</summary>
    [Fact]
    public void OldFilesGoAndUsedOnesStay()
    {
        var compiled = (PTXCompiledKernel)backend.Compile(entry, Threads256);
        var key = KernelCache.Key(backend, entry, Threads256);
        new KernelCache(folder).Write(key, compiled);
        var used = Assert.Single(Directory.GetFiles(folder));
        var old = Path.Combine(folder, "old.ptx");
        var others = Path.Combine(folder, "notes.txt");
        File.WriteAllText(old, "");
        File.WriteAllText(others, "");
        foreach (var file in new[] { used, old, others }) File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddDays(-31));

        var cache = new KernelCache(folder);
        Assert.NotNull(cache.Read(key, context, entry, Threads256));
        cache.Write("another", compiled);
        Assert.Equal([Path.Combine(folder, "another.ptx"), used, others], Directory.GetFiles(folder).Order(StringComparer.Ordinal).OrderBy(file => file == others).ThenBy(file => file == used));
    }

    [Fact]
    public void AFolderThatCannotBeWrittenIsNoCache()
    {
        File.WriteAllText(folder + ".file", "");
        try
        {
            var cache = new KernelCache(Path.Combine(folder + ".file", "kernels"));
            cache.Write("key", (PTXCompiledKernel)backend.Compile(entry, Threads256));
            Assert.Null(cache.Read("key", context, entry, Threads256));
        }
        finally
        {
            File.Delete(folder + ".file");
        }
    }

    static PTXBackend Backend(Context context, CudaArchitecture architecture) => new(context, new CudaCapabilityContext(architecture), architecture, CudaInstructionSet.ISA_80, null);

    static EntryPointDescription Entry<TElements>()
        where TElements : struct, IElements
        => EntryPointDescription.FromExplicitlyGroupedKernel(((Action<RowMatrix<TElements>, ColumnMatrix<TElements>, RowResults<Vectors>, GemmShape>)Gemm.Multiply<Tile64x64, RowMatrix<TElements>, ColumnMatrix<TElements>, RowResults<Vectors>>).Method);
}
