using System.Runtime.CompilerServices;
using CnnSharp.Kernels;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>Memory and copies of the GPU engine.</summary>
[Collection(DeviceTests.Name)]
public sealed class GpuEngineTests
{
    static readonly Device Device = Device.Parse("ilgpu-cpu");

    /// <summary>A buffer that nobody releases comes back to the pool by its finalizer, with memory that is still there.</summary>
    [Fact]
    public void DroppedBuffersComeBackWithTheirMemory()
    {
        const int Length = 30_011;
        Drop(Length);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var values = Enumerable.Range(0, Length).ToArray();
        var (allocations, back) = (Device.Engine.Pool.Allocations, new int[Length]);
        for (var i = 0; i < 8; i++)
        {
            var buffer = Device.Engine.Rent(DType.Int32, Length);
            Device.Engine.Upload<int>(values, buffer);
            Device.Engine.Download(buffer, back.AsSpan());
            Assert.Equal(values, back);
            buffer.Release();
        }

        Assert.Equal(allocations, Device.Engine.Pool.Allocations);

        [MethodImpl(MethodImplOptions.NoInlining)]
        static void Drop(int length)
        {
            for (var i = 0; i < 8; i++) Device.Engine.Kernels.Memory.Fill(Device.Engine.Rent(DType.Int32, length), i);
        }
    }

    /// <summary>More than the upload ring's page-locked memory, in pieces that cross its segments.</summary>
    [Fact]
    public void UploadsLargerThanTheRingArrive()
    {
        var values = new float[6_000_001];
        for (var i = 0; i < values.Length; i++) values[i] = i;
        var buffer = Device.Engine.Rent(DType.Float32, values.Length);
        var back = new float[values.Length];
        for (var i = 0; i < 2; i++)
        {
            Device.Engine.Upload<float>(values, buffer);
            Device.Engine.Download(buffer, back.AsSpan());
            Assert.True(values.AsSpan().SequenceEqual(back));
        }

        var end = new float[3];
        Device.Engine.DownloadRange(buffer, 5_999_998, end.AsSpan());
        Assert.Equal([5_999_998f, 5_999_999f, 6_000_000f], end);
        Assert.Contains("are not all in a buffer of 6000001", Assert.Throws<ArgumentException>(() => Device.Engine.DownloadRange(buffer, 5_999_999, end.AsSpan())).Message, StringComparison.Ordinal);
        buffer.Release();
        Device.Engine.Pool.Trim();
    }

    [Fact]
    public void AskingForMoreThanTheDeviceHasNamesItAndTheBytes()
    {
        var e = Assert.ThrowsAny<OutOfMemoryException>(() => Device.Engine.Rent(DType.UInt8, 1L << 60));
        Assert.Contains("'ilgpu-cpu'", e.Message, StringComparison.Ordinal);
        Assert.Contains("1,152,921,504,606,846,976 bytes", e.Message, StringComparison.Ordinal);
    }
}
