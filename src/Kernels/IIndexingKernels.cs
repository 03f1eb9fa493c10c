namespace CnnSharp.Kernels;

/// <summary>
/// Gathering, scattering and choosing along the middle axis of x [Outer, Extent, Inner] by indices [Outer, Count, Inner], Int32 and
/// within the axis. See <see cref="IKernels"/> for what holds of all.
/// </summary>
public interface IIndexingKernels : IKernelFamily
{
    /// <summary>y[o, k, i] = x[o, indices[o, k, i], i].</summary>
    void Gather(in IndexGeometry g, DeviceBuffer x, DeviceBuffer indices, DeviceBuffer y);

    /// <summary>y[o, indices[o, k, i], i] += x[o, k, i], in the order of k: x [Outer, Count, Inner], y [Outer, Extent, Inner]. The gradient of <see cref="Gather"/>.</summary>
    void ScatterAdd(in IndexGeometry g, DeviceBuffer x, DeviceBuffer indices, DeviceBuffer y);

    /// <summary>indices[o, k, i] = where the k-th largest (or smallest) of x[o, :, i] is: of equals the first first, NaN above everything.</summary>
    void TopK(in IndexGeometry g, bool largest, DeviceBuffer x, DeviceBuffer indices);

    /// <summary>y[o, k, i] = the sum of x[o, j, i] over j up to k, or, in reverse, from k on; Count is Extent.</summary>
    void CumulativeSum(in IndexGeometry g, bool reverse, DeviceBuffer x, DeviceBuffer y);
}
