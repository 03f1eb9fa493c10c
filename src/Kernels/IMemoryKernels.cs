namespace CnnSharp.Kernels;

/// <summary>Filling and copying. See <see cref="IKernels"/> for what holds of all.</summary>
public interface IMemoryKernels : IKernelFamily
{
    /// <summary>y = value, every element; y may be of any type.</summary>
    void Fill(DeviceBuffer y, double value);

    /// <summary>y = x, buffers of one type and length.</summary>
    void Copy(DeviceBuffer x, DeviceBuffer y);

    /// <summary>target[TargetOffset + i T] = source[SourceOffset + i S] for every index i of the box; added if <paramref name="accumulate"/>.</summary>
    void CopyRegion(in RegionGeometry g, DeviceBuffer source, DeviceBuffer target, bool accumulate = false);
}
