using CnnSharp.Kernels;
using CnnSharp.Kernels.Reference;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace CnnSharp.Tests;

public sealed class BufferPoolTests
{
    [Theory]
    [InlineData(0, 64)]
    [InlineData(1, 64)]
    [InlineData(64, 64)]
    [InlineData(65, 128)]
    [InlineData(1024, 1024)]
    [InlineData(1025, 1152)]
    [InlineData(1 << 20, 1 << 20)]
    [InlineData((1 << 20) + 1, (1 << 20) + (1 << 17))]
    public void ClassesAreEighthsOfAPowerOfTwo(long bytes, long expected) => Assert.Equal(expected, BufferPool.ClassOf(bytes));

    [Fact]
    public void AClassHoldsItsBytesWithLittleSlack() => Prop.ForAll(Gen.Choose(0, int.MaxValue).Select(n => (long)n * 5).ToArbitrary(), bytes =>
    {
        var size = BufferPool.ClassOf(bytes);
        return size >= bytes && size % 64 == 0 && (size - bytes <= Math.Max(63, bytes / 8)) && BufferPool.ClassOf(size) == size;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void NegativeBytesAreRefused() => Assert.Throws<ArgumentOutOfRangeException>(() => BufferPool.ClassOf(-1));

    [Fact]
    public unsafe void LargeBlocksAreWholeAndBeginAtDifferentPlacesOfAPage()
    {
        var engine = new ReferenceEngine<float>();
        var buffers = Enumerable.Range(0, 4).Select(i => engine.Rent(DType.Float32, (1 << 20) + (i * 1000))).ToArray();
        var places = new HashSet<nint>();
        foreach (var buffer in buffers)
        {
            var pointer = buffer.Pointer<float>();
            Assert.Equal(0, (nint)pointer % HostBlock.Alignment);
            places.Add((nint)pointer % 4096);
            buffer.Span<float>().Fill(3);
        }

        Assert.Equal(buffers.Length, places.Count);
        foreach (var buffer in buffers)
        {
            Assert.Equal(-1, buffer.Span<float>().IndexOfAnyExcept(3));
            buffer.Release();
        }
    }

    [Fact]
    public void MemoryIsReusedAndGivenBack()
    {
        var engine = new ReferenceEngine<float>();
        var buffer = engine.Rent(DType.Float32, 1000);
        var block = buffer.Block;
        Assert.Equal(4096, engine.Pool.UsedBytes);
        buffer.Release();
        Assert.Equal(0, engine.Pool.UsedBytes);
        Assert.Equal(4096, engine.Pool.PooledBytes);

        var next = engine.Rent(DType.Float32, 1010);
        Assert.Same(block, next.Block);
        Assert.Equal(1, engine.Pool.Allocations);
        next.Release();
        engine.Pool.Trim();
        Assert.Equal(0, engine.Pool.AllocatedBytes);
    }

    /// <summary>A large block serves smaller requests at once, and grows together again; what is far smaller has memory of its own.</summary>
    [Fact]
    public void LargeBlocksAreCutAndJoined()
    {
        var engine = new ReferenceEngine<float>();
        var whole = engine.Rent(DType.Float32, 1 << 20);
        whole.Release();
        DeviceBuffer[] parts = [.. new[] { 400_000, 300_000, 200_000 }.Select(length => engine.Rent(DType.Float32, length))];
        Assert.Equal(1, engine.Pool.Allocations);
        var small = engine.Rent(DType.Float32, 100_000 / 8);
        Assert.Equal(2, engine.Pool.Allocations);
        foreach (var place in new[] { 1, 0, 2 }) parts[place].Release();
        Assert.Equal(engine.Pool.AllocatedBytes - BufferPool.ClassOf(small.Bytes), engine.Pool.PooledBytes);
        var again = engine.Rent(DType.Float32, 1 << 20);
        Assert.Equal(2, engine.Pool.Allocations);
        again.Release();
        var cut = engine.Rent(DType.Float32, 400_000);
        var held = engine.Pool.AllocatedBytes;
        engine.Pool.Trim();
        Assert.Equal(held, engine.Pool.AllocatedBytes);
        cut.Release();
        small.Release();
        engine.Pool.Trim();
        Assert.Equal(0, engine.Pool.AllocatedBytes);
    }

    /// <summary>Whatever is rented and released in whatever order: no two buffers share a byte, sums are right, and all of it is given back.</summary>
    [Fact]
    public void BuffersAreTheirOwn() => Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed =>
    {
        var random = new Random(seed);
        using var engine = new ReferenceEngine<float>();
        var held = new List<(DeviceBuffer Buffer, float Value)>();
        for (var i = 0; i < 200; i++)
        {
            if (held.Count > 0 && random.Next(2) == 0)
            {
                var place = random.Next(held.Count);
                if (!Whole(held[place])) return false;
                held[place].Buffer.Release();
                held.RemoveAt(place);
            }
            else
            {
                var buffer = engine.Rent(DType.Float32, (long)Math.Pow(2, 4 + (random.NextDouble() * 15)));
                buffer.Span<float>().Fill(i);
                held.Add((buffer, i));
            }

            var used = held.Sum(one => one.Buffer.ReadOnlyBlock.Capacity);
            if (engine.Pool.UsedBytes != used || engine.Pool.PooledBytes < 0 || held.Any(one => one.Buffer.ReadOnlyBlock.Capacity < one.Buffer.Bytes)) return false;
            if (random.Next(50) == 0) engine.Pool.Trim();
        }

        if (!held.All(Whole)) return false;
        foreach (var (buffer, _) in held) buffer.Release();
        engine.Pool.Trim();
        return engine.Pool.AllocatedBytes == 0 && engine.Pool.PooledBytes == 0;

        static bool Whole((DeviceBuffer Buffer, float Value) one) => one.Buffer.Span<float>().IndexOfAnyExcept(one.Value) < 0;
    }).QuickCheckThrowOnFailure();

    /// <summary>The same requests in the same order: after the first time nothing more is taken from the system.</summary>
    [Fact]
    public void ALoopIsWarmAfterItsFirstTurn()
    {
        using var engine = new ReferenceEngine<float>();
        var sizes = new Random(1);
        int[] lengths = [.. Enumerable.Range(0, 30).Select(_ => 1000 * sizes.Next(1, 1000))];
        var allocations = 0L;
        for (var turn = 0; turn < 4; turn++)
        {
            // Forward, all are kept; backward, each has two of its size beside it.
            var kept = lengths.Select(length => engine.Rent(DType.Float32, length)).ToList();
            for (var i = kept.Count - 1; i >= 0; i--)
            {
                DeviceBuffer a = engine.Rent(DType.Float32, lengths[i]), b = engine.Rent(DType.Float32, lengths[i]);
                kept[i].Release();
                a.Release();
                b.Release();
            }

            if (turn > 0) Assert.Equal(allocations, engine.Pool.Allocations);
            allocations = engine.Pool.Allocations;
        }
    }

    [Fact]
    public void AReleasedBufferIsNotReadable()
    {
        var engine = new ReferenceEngine<float>();
        var buffer = engine.Rent(DType.Int32, 3);
        buffer.Retain();
        Assert.True(buffer.IsShared);
        buffer.Release();
        Assert.False(buffer.IsFreed);
        buffer.Release();
        Assert.True(buffer.IsFreed);
        Assert.Contains("A buffer of 3 Int32 elements was used after it was released.", Assert.Throws<ObjectDisposedException>(() => buffer.Block).Message, StringComparison.Ordinal);
        Assert.Throws<ObjectDisposedException>(buffer.Release);
    }

    [Fact]
    public void CopiesOfTheWrongLengthOrTypeAreRefused()
    {
        var engine = new ReferenceEngine<float>();
        var buffer = engine.Rent(DType.Float32, 3);
        Assert.Equal("A copy of 2 Float32 elements does not fit a buffer of 3 Float32 elements.", Assert.Throws<ArgumentException>(() => engine.Upload<float>([1, 2], buffer)).Message);
        Assert.Equal("A copy of 3 Int32 elements does not fit a buffer of 3 Float32 elements.", Assert.Throws<ArgumentException>(() => engine.Download(buffer, new int[3].AsSpan())).Message);
    }
}
