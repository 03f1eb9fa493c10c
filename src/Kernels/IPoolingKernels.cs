namespace CnnSharp.Kernels;

/// <summary>Maxima and means over windows. See <see cref="IKernels"/> for what holds of all.</summary>
public interface IPoolingKernels : IKernelFamily
{
    /// <summary>y = the maximum of each window (the first of equals, NaN wins); indices: its index h W + w within the image, Int32, shaped like y.</summary>
    void MaxForward(in PoolGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer indices);

    /// <summary>dx = the sum of dy over the windows whose maximum this was.</summary>
    void MaxBackward(in PoolGeometry g, DeviceBuffer dy, DeviceBuffer indices, DeviceBuffer dx);

    /// <summary>y = the mean of each window: divided by its padded size if CountIncludePad, else by its elements of x.</summary>
    void AverageForward(in PoolGeometry g, DeviceBuffer x, DeviceBuffer y);

    /// <summary>dx = the sum of dy / divisor over the windows that hold the element.</summary>
    void AverageBackward(in PoolGeometry g, DeviceBuffer dy, DeviceBuffer dx);
}
