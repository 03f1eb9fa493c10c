namespace CnnSharp.Kernels;

/// <summary>Sums and maxima over axes. See <see cref="IKernels"/> for what holds of all.</summary>
public interface IReductionKernels : IKernelFamily
{
    /// <summary>y[o, i] = scale sum over r of x[o, r, i].</summary>
    void Sum(in ReduceGeometry g, float scale, DeviceBuffer x, DeviceBuffer y);

    /// <summary>dx[o, r, i] = scale dy[o, i]: the gradient of <see cref="Sum"/>.</summary>
    void Expand(in ReduceGeometry g, float scale, DeviceBuffer dy, DeviceBuffer dx);

    /// <summary>y[0] = the sum of x^2.</summary>
    void SumOfSquares(DeviceBuffer x, DeviceBuffer y);

    /// <summary>indices[row] = the place of the maximum of x [rows, classes] (the first of equals), Int32.</summary>
    void ArgMax(long rows, int classes, DeviceBuffer x, DeviceBuffer indices);
}
