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
