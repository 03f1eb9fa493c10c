using CnnSharp.Kernels;

namespace CnnSharp.Cli.Bench;

/// <summary>A case's buffers, given back together.</summary>
internal sealed class Buffers(Engine engine) : IDisposable
{
    /// <summary>Numbers that are drawn; a GPU's buffers of a hundred million repeat them.</summary>
    const int Period = 1 << 20;

    readonly List<DeviceBuffer> rented = [];

    /// <summary>Numbers from 0 to 1: real work for the kernels, and no denormals.</summary>
    public DeviceBuffer Random(long length)
    {
        var values = new float[length];
        var drawn = Math.Min(values.Length, Period);
        for (var i = 0; i < drawn; i++) values[i] = Philox.At(1, 0, (ulong)i) * (1f / uint.MaxValue);
        for (var start = drawn; start < values.Length; start += drawn) values.AsSpan(0, Math.Min(drawn, values.Length - start)).CopyTo(values.AsSpan(start));
        return Upload<float>(values, DType.Float32);
    }

    /// <summary>For what a kernel writes first.</summary>
    public DeviceBuffer Integers(long length) => Upload<int>(new int[length], DType.Int32);

    public void Dispose()
    {
        foreach (var buffer in rented) buffer.Release();
    }

    DeviceBuffer Upload<T>(ReadOnlySpan<T> values, DType type)
        where T : unmanaged
    {
        var buffer = engine.Rent(type, values.Length);
        engine.Upload(values, buffer);
        rented.Add(buffer);
        return buffer;
    }
}
