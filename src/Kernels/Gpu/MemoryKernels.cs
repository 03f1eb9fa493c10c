using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

/// <summary>Filling and copying.</summary>
sealed class MemoryKernels(GpuKernels kernels) : GpuKernelFamily(kernels), IMemoryKernels
{
    Action<Index1D, float, ArrayView<float>>? fillFloats;
    Action<Index1D, int, ArrayView<int>>? fillIntegers;
    Action<Index1D, byte, ArrayView<byte>>? fillBytes;
    Action<Index1D, RegionGeometry, ArrayView<float>, ArrayView<float>>? copyFloats, addRegion;
    Action<Index1D, RegionGeometry, ArrayView<int>, ArrayView<int>>? copyIntegers;
    Action<Index1D, RegionGeometry, ArrayView<byte>, ArrayView<byte>>? copyBytes;

    static void FillFloats(Index1D i, float value, ArrayView<float> y) => y[i] = value;

    static void FillIntegers(Index1D i, int value, ArrayView<int> y) => y[i] = value;

    static void FillBytes(Index1D i, byte value, ArrayView<byte> y) => y[i] = value;

    public void Fill(DeviceBuffer y, double value)
    {
        if (y.Length == 0) return;
        if (y.Type == DType.Float32) (fillFloats ??= Compile<Action<Index1D, float, ArrayView<float>>>(nameof(FillFloats), FillFloats))(Range(y.Length), (float)value, View<float>(y));
        else if (y.Type == DType.Int32) (fillIntegers ??= Compile<Action<Index1D, int, ArrayView<int>>>(nameof(FillIntegers), FillIntegers))(Range(y.Length), (int)value, View<int>(y));
        else if (y.Type == DType.UInt8) (fillBytes ??= Compile<Action<Index1D, byte, ArrayView<byte>>>(nameof(FillBytes), FillBytes))(Range(y.Length), (byte)value, View<byte>(y));
        else throw new NotSupportedException($"The GPU engine fills Float32, Int32 and UInt8 buffers, this one holds {y.Type}.");
    }

    public void Copy(DeviceBuffer x, DeviceBuffer y)
    {
        if (x.Length == 0) return;
        var source = ((GpuBlock)x.ReadOnlyBlock).Bytes.SubView(0, x.Bytes);
        source.CopyTo(Accelerator.DefaultStream, ((GpuBlock)y.Block).Bytes.SubView(0, x.Bytes));
    }

    /// <summary>The elements of thread <paramref name="i"/> of a box, the innermost axis fastest.</summary>
    static (long Source, long Target) Places(int i, in RegionGeometry g)
    {
        var i3 = i % g.D3;
        i /= g.D3;
        var i2 = i % g.D2;
        i /= g.D2;
        var i1 = i % g.D1;
        var i0 = i / g.D1;
        return (g.SourceOffset + (i0 * g.S0) + (i1 * g.S1) + (i2 * g.S2) + (i3 * g.S3), g.TargetOffset + (i0 * g.T0) + (i1 * g.T1) + (i2 * g.T2) + (i3 * g.T3));
    }

    static void CopyRegion<T>(Index1D i, RegionGeometry g, ArrayView<T> source, ArrayView<T> target)
        where T : unmanaged
    {
        var (from, to) = Places(i, g);
        target[to] = source[from];
    }

    static void AddRegion(Index1D i, RegionGeometry g, ArrayView<float> source, ArrayView<float> target)
    {
        var (from, to) = Places(i, g);
        target[to] += source[from];
    }

    public void CopyRegion(in RegionGeometry g, DeviceBuffer source, DeviceBuffer target, bool accumulate = false)
    {
        var count = (long)g.D0 * g.D1 * g.D2 * g.D3;
        if (count == 0) return;
        if (accumulate) (addRegion ??= Compile<Action<Index1D, RegionGeometry, ArrayView<float>, ArrayView<float>>>(nameof(AddRegion), AddRegion))(Range(count), g, ReadFloats(source), Floats(target));
        else if (source.Type == DType.Float32) (copyFloats ??= CompileCopyRegion<float>())(Range(count), g, ReadFloats(source), Floats(target));
        else if (source.Type == DType.Int32) (copyIntegers ??= CompileCopyRegion<int>())(Range(count), g, ReadView<int>(source), View<int>(target));
        else if (source.Type == DType.UInt8) (copyBytes ??= CompileCopyRegion<byte>())(Range(count), g, ReadView<byte>(source), View<byte>(target));
        else throw new NotSupportedException($"The GPU engine copies Float32, Int32 and UInt8 buffers, this one holds {source.Type}.");
    }

    Action<Index1D, RegionGeometry, ArrayView<T>, ArrayView<T>> CompileCopyRegion<T>()
        where T : unmanaged => Compile<Action<Index1D, RegionGeometry, ArrayView<T>, ArrayView<T>>>($"{nameof(CopyRegion)} of {typeof(T).Name}", CopyRegion);
}
