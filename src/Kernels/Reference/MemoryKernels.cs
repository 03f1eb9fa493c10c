using System.Numerics;

namespace CnnSharp.Kernels.Reference;

/// <summary>Filling and copying as plain loops.</summary>
/// <typeparam name="T">float or double.</typeparam>
sealed class MemoryKernels<T> : ReferenceKernelFamily<T>, IMemoryKernels
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public void Fill(DeviceBuffer y, double value)
    {
        switch (y.Type)
        {
            case DType.Float32: Fill<float>(y, value); break;
            case DType.Float64: Fill<double>(y, value); break;
            case DType.Int32: Fill<int>(y, value); break;
            case DType.UInt8: Fill<byte>(y, value); break;
            default: throw UnknownType(y);
        }
    }

    static void Fill<E>(DeviceBuffer y, double value)
        where E : unmanaged, INumber<E> => y.Span<E>().Fill(E.CreateChecked(value));

    public void Copy(DeviceBuffer x, DeviceBuffer y)
    {
        switch (x.Type)
        {
            case DType.Float32: x.ReadOnlySpan<float>().CopyTo(y.Span<float>()); break;
            case DType.Float64: x.ReadOnlySpan<double>().CopyTo(y.Span<double>()); break;
            case DType.Int32: x.ReadOnlySpan<int>().CopyTo(y.Span<int>()); break;
            case DType.UInt8: x.ReadOnlySpan<byte>().CopyTo(y.Span<byte>()); break;
            default: throw UnknownType(x);
        }
    }

    public void CopyRegion(in RegionGeometry g, DeviceBuffer source, DeviceBuffer target, bool accumulate = false)
    {
        switch (source.Type)
        {
            case DType.Float32: CopyRegion<float>(g, source, target, accumulate); break;
            case DType.Float64: CopyRegion<double>(g, source, target, accumulate); break;
            case DType.Int32: CopyRegion<int>(g, source, target, accumulate); break;
            case DType.UInt8: CopyRegion<byte>(g, source, target, accumulate); break;
            default: throw UnknownType(source);
        }
    }

    static void CopyRegion<E>(in RegionGeometry g, DeviceBuffer source, DeviceBuffer target, bool accumulate)
        where E : unmanaged, INumber<E>
    {
        var from = source.ReadOnlySpan<E>();
        var to = target.Span<E>();
        for (var i0 = 0; i0 < g.D0; i0++)
        {
            for (var i1 = 0; i1 < g.D1; i1++)
            {
                for (var i2 = 0; i2 < g.D2; i2++)
                {
                    for (var i3 = 0; i3 < g.D3; i3++)
                    {
                        var value = from[(int)(g.SourceOffset + (i0 * g.S0) + (i1 * g.S1) + (i2 * g.S2) + (i3 * g.S3))];
                        ref var place = ref to[(int)(g.TargetOffset + (i0 * g.T0) + (i1 * g.T1) + (i2 * g.T2) + (i3 * g.T3))];
                        place = accumulate ? place + value : value;
                    }
                }
            }
        }
    }

    static ArgumentException UnknownType(DeviceBuffer buffer) => new($"Unknown element type {buffer.Type}.", nameof(buffer));
}
