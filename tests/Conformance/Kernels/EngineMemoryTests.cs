using System.Runtime.CompilerServices;
using CnnSharp.Data;
using CnnSharp.Kernels;
using CnnSharp.Kernels.Cpu;
using CnnSharp.Kernels.Reference;
using CnnSharp.Layers;
using CnnSharp.Models;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>Tests that count what the whole process holds run alone.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class ProcessTests
{
    public const string Name = "process";
}

/// <summary>Memory and threads that the collector cannot see come back all the same.</summary>
[Collection(ProcessTests.Name)]
public sealed class EngineMemoryTests
{
    const long MiB = 1 << 20;

    /// <summary>What people write: a graph is recorded and dropped at every step. Nothing but the pool asks for a collection.</summary>
    [Fact]
    public void AnEvaluationLoopThatIsRecordedStaysWithinBounds()
    {
        using var engine = new CountedEngine();
        var device = new Device(engine);
        var model = ResNet.Cifar(20, 10, device: device).Eval();
        using var x = Tensor.Zeros([8, 32, 32, 3], device);
        for (var i = 0; i < 30; i++)
        {
            model.Forward(x).ToArray();

            // A graph is 12 MB: without collections it would be 360 MB.
            Assert.True(engine.Pool.AllocatedBytes < 128 * MiB, $"after {i + 1} steps {engine.Pool.AllocatedBytes:N0} bytes are allocated.");
        }
    }

    /// <summary>A training loop drops nothing: its first step may collect a few times, later ones never.</summary>
    [Fact]
    public void AWarmTrainingLoopAsksForNoCollection()
    {
        using var engine = new CountedEngine();
        var device = new Device(engine);
        var model = ResNet.Cifar(8, 10, device: device);
        using var x = Tensor.Zeros([64, 32, 32, 3], device);
        using var labels = Tensor.From(new int[64], new Shape(64), device);
        Step();
        Step();
        var (allocations, collections) = (engine.Pool.Allocations, engine.Memory.Collections);
        for (var i = 0; i < 3; i++) Step();
        Assert.Equal(allocations, engine.Pool.Allocations);
        Assert.Equal(collections, engine.Memory.Collections);
        Assert.InRange(collections, 0, 5);

        void Step()
        {
            using var loss = Loss.CrossEntropy(model.Forward(x), labels);
            loss.Backward();
            foreach (var parameter in model.Parameters) parameter.ClearGradient();
        }
    }

    [Fact]
    public void CollectionsGrowWithTheLogarithmOfWhatIsInUse()
    {
        var use = new HiddenUse(slack: MiB);
        var pool = new BufferPool(capacity => new Nothing(capacity), use);
        var blocks = Enumerable.Range(0, 500).Select(_ => pool.Rent(MiB)).ToList();
        Assert.InRange(use.Collections, 5, 30);
        foreach (var block in blocks) pool.Return(block);

        // What is pooled is used again without one.
        var before = use.Collections;
        for (var i = 0; i < 500; i++) pool.Rent(MiB);
        Assert.Equal(before, use.Collections);
    }

    [Fact]
    public void DroppedEnginesGiveTheirMemoryBack()
    {
        var before = HostMemory.Use.Held;
        for (var i = 0; i < 20; i++) UseAnEngine(dispose: i % 2 == 0);
        for (var i = 0; i < 10 && HostMemory.Use.Held > before; i++) HiddenUse.Collect(young: false);
        Assert.True(HostMemory.Use.Held <= before, $"{HostMemory.Use.Held - before:N0} bytes of dropped engines are held.");
    }

    /// <summary>A set's pixels stay on a device as long as both live: a set that lives on holds no engine.</summary>
    [Fact]
    public void ASetDoesNotHoldTheEnginesThatItWasLoadedTo()
    {
        var set = new ImageDataset("set", new byte[16 << 20], new int[4], 2048, 2048, 1, ["a"], new([0], [1]));
        HiddenUse.Collect(young: false);
        var before = HostMemory.Use.Held;
        for (var i = 0; i < 4; i++) Load(set);
        for (var i = 0; i < 10 && HostMemory.Use.Held > before; i++) HiddenUse.Collect(young: false);
        Assert.True(HostMemory.Use.Held <= before, $"{HostMemory.Use.Held - before:N0} bytes of dropped engines are held.");
        GC.KeepAlive(set);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static void Load(ImageDataset set)
    {
        var device = new Device(new ReferenceEngine<float>());
        _ = new DataLoader(set, 1, device).Device;
        Assert.True(device.Engine.Pool.UsedBytes >= 16 * MiB);
    }

    /// <summary>A program's own finalizer may dispose of a tensor whose memory has been given back by then.</summary>
    [Fact]
    public void AFinalizerThatDisposesOfATensorGivesItsMemoryBackOnce()
    {
        var engine = new ReferenceEngine<float>();
        Drop(engine);
        HiddenUse.Collect(young: false);
        HiddenUse.Collect(young: false);
        Assert.Equal((0, 4096), (engine.Pool.UsedBytes, engine.Pool.PooledBytes));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static void Drop(Engine engine) => _ = new Owner(Tensor.Zeros([1024], new Device(engine)));

    sealed class Owner(Tensor tensor)
    {
        ~Owner() => tensor.Dispose();
    }

    /// <summary>Nobody asks for a collection, and yet 64 MiB of 20 engines are never held all.</summary>
    [Fact]
    public void DroppedEnginesAreNoticedByTheNextOne()
    {
        // What may be held is counted from the last collection that was asked for: here, so that no other test's use is in it.
        HiddenUse.Collect(young: false);
        Assert.True(HostMemory.Use.MakeRoom(1L << 50));
        var before = HostMemory.Use.Held;
        var most = 0L;
        for (var i = 0; i < 20; i++)
        {
            UseAnEngine(dispose: i % 2 == 0);
            most = Math.Max(most, HostMemory.Use.Held - before);
        }

        // A quarter of what all engines hold may be garbage, and some slack.
        Assert.True(most <= (before / 4) + (4 * 64 * MiB), $"{most:N0} bytes were held beside {before:N0}.");
        HiddenUse.Collect(young: false);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static void UseAnEngine(bool dispose)
    {
        var tensor = Tensor.Uninitialized([16 << 20], new Device(new ReferenceEngine<float>()));
        if (dispose) tensor.Dispose();
    }

    [Fact]
    public void DroppedEnginesEndTheirThreads()
    {
        var before = WorkerThreads();
        for (var i = 0; i < 50; i++) ComputeOnce();
        var most = WorkerThreads();
        for (var i = 0; i < 100 && WorkerThreads() > before; i++)
        {
            HiddenUse.Collect(young: false);
            Thread.Sleep(10);
        }

        Assert.True(most - before <= 120, $"{most - before} threads ran.");
        Assert.True(WorkerThreads() <= before, $"{WorkerThreads() - before} threads of dropped engines run.");

        // An engine that nothing was computed on has none, and one that is disposed of none any more.
        var idle = new CpuEngine(4);
        Assert.True(WorkerThreads() <= before);
        Compute(idle);
        Assert.True(WorkerThreads() > before || !File.Exists("/proc/self/status"));
        idle.Dispose();
        idle.Dispose();
        for (var i = 0; i < 100 && WorkerThreads() > before; i++) Thread.Sleep(10);
        Assert.True(WorkerThreads() <= before);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static void ComputeOnce() => Compute(new CpuEngine(4));

    static void Compute(CpuEngine engine)
    {
        var buffer = engine.Rent(DType.Float32, 1 << 20);
        engine.Kernels.Memory.Fill(buffer, 3);
        Assert.Equal(-1, buffer.Span<float>().IndexOfAnyExcept(3));
        buffer.Release();
    }

    /// <summary>ILGPU's context has threads and the intermediate code of every kernel, beside its accelerator's.</summary>
    [Fact]
    public void ADisposedGpuEngineEndsAllThreadsOfILGPU()
    {
        var before = Threads("ILGPU");
        using (var device = new Device(Kernels.Gpu.Accelerators.OpenCpu("ilgpu-cpu", 4, 4)))
        {
            using var x = Tensor.Full([1000], 2, device);
            Assert.Equal(2000, Functional.Sum(x).Item());
            Assert.True(Threads("ILGPU") > before || !File.Exists("/proc/self/status"));
        }

        for (var i = 0; i < 100 && Threads("ILGPU") > before; i++) Thread.Sleep(10);
        Assert.True(Threads("ILGPU") <= before, $"{Threads("ILGPU") - before} threads of a disposed engine run.");
    }

    static int WorkerThreads() => Threads("cnnsharp worker");

    /// <summary>The system's count of threads whose names start so; 0 where it has none.</summary>
    static int Threads(string name)
        => !Directory.Exists("/proc/self/task") ? 0 : Directory.GetDirectories("/proc/self/task").Count(task =>
        {
            try
            {
                return File.ReadAllText($"{task}/comm").StartsWith(name, StringComparison.Ordinal);
            }
            catch (IOException)
            {
                return false;
            }
        });

    [Theory]
    [InlineData("cpu")]
    [InlineData("reference")]
    [InlineData("ilgpu-cpu")]
    public void ADisposedEngineSaysSo(string kind)
    {
        Engine engine = kind switch
        {
            "cpu" => new CpuEngine(2),
            "reference" => new ReferenceEngine<float>(),
            _ => Kernels.Gpu.Accelerators.OpenCpu("ilgpu-cpu", 4, 4),
        };
        var device = new Device(engine);
        var x = Tensor.Full([1000], 2, device);
        var pooled = Tensor.Full([100], 2, device);
        pooled.Dispose();
        Assert.Equal(2000, Functional.Sum(x).Item());
        device.Dispose();
        device.Dispose();
        Assert.True(engine.IsDisposed);
        Assert.Equal(0, engine.Pool.PooledBytes);
        Assert.Contains($"A buffer of 1000 Float32 elements was used after its engine '{kind}' was disposed of.", Assert.Throws<ObjectDisposedException>(() => x.ToArray()).Message, StringComparison.Ordinal);
        Assert.Throws<ObjectDisposedException>(() => x * 2f);
        Assert.Contains($"The engine '{kind}' was used after it was disposed of.", Assert.Throws<ObjectDisposedException>(() => Tensor.Zeros([3], device)).Message, StringComparison.Ordinal);

        // Giving back is no use.
        x.Dispose();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.Equal(0, engine.Pool.UsedBytes);
    }

    [Fact]
    public void ASharedDeviceStaysOpen()
    {
        Device.Reference.Dispose();
        using var x = Tensor.Full([3], 2, Device.Parse("reference"));
        Assert.Equal([2f, 2, 2], x.ToArray());
    }

    [Fact]
    public void AnAllocationThatFailsSaysShapeBytesInUseAndPooled()
    {
        using var device = new Device(new CpuEngine(1));
        using var used = Tensor.Zeros([256], device);
        var e = Assert.Throws<InsufficientMemoryException>(() => Tensor.Zeros([1 << 20, 1 << 20], device));
        Assert.StartsWith("No memory for a tensor [1048576, 1048576] Float32: 'cpu' has no 4,398,046,511,104 bytes left, 1,024 are in use and 0 pooled. ", e.Message, StringComparison.Ordinal);
        Assert.EndsWith("A smaller batch needs less.", e.Message, StringComparison.Ordinal);
        Assert.Throws<InsufficientMemoryException>(() => Tensor.Zeros([int.MaxValue, int.MaxValue], device));
        Assert.Equal(1024, device.Engine.Pool.UsedBytes);
    }

    /// <summary>What was dropped, and what is pooled, goes back before an allocation fails.</summary>
    [Fact]
    public void AnAllocationIsTriedAgainAfterACollectionAndWithAnEmptyPool()
    {
        var (left, tries) = (10L * MiB, 0);
        var pool = new BufferPool(capacity =>
        {
            tries++;
            return capacity <= left - Taken() ? new Nothing(capacity) : throw new InsufficientMemoryException();
        }, new HiddenUse(slack: long.MaxValue / 4));
        long Taken() => poolHeld?.AllocatedBytes ?? 0;
        poolHeld = pool;
        pool.Return(pool.Rent(4 * MiB));
        Assert.InRange(pool.Rent(8 * MiB).Capacity, 8 * MiB, 9 * MiB);
        Assert.Equal(3, tries);
        Assert.Equal(0, pool.PooledBytes);
        Assert.Throws<InsufficientMemoryException>(() => pool.Rent(4 * MiB));
        Assert.InRange(pool.AllocatedBytes, 8 * MiB, 9 * MiB);
        poolHeld = null;
    }

    static BufferPool? poolHeld;

    /// <summary>The CPU engine's kernels on memory that is counted apart from that of other tests' engines.</summary>
    sealed unsafe class CountedEngine : Engine
    {
        readonly CpuEngine cpu = new(2);

        public override string Name => "counted";

        public override string Description => "counted";

        public override IKernels Kernels => cpu.Kernels;

        public HiddenUse Memory => Pool.Use;

        public override void Synchronize()
        {
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing) cpu.Dispose();
            base.Dispose(disposing);
        }

        protected override MemoryBlock Allocate(long capacity) => new HostBlock(capacity);

        protected override void CopyIn(ReadOnlySpan<byte> source, MemoryBlock destination)
            => source.CopyTo(new((void*)((HostBlock)destination).Pointer, source.Length));

        protected override void CopyOut(MemoryBlock source, long start, Span<byte> destination)
            => new ReadOnlySpan<byte>((byte*)((HostBlock)source).Pointer + start, destination.Length).CopyTo(destination);
    }

    sealed class Nothing(long capacity) : MemoryBlock(capacity)
    {
        protected internal override MemoryBlock Part(long start, long length) => new Nothing(length);

        protected internal override void Free()
        {
        }
    }
}
