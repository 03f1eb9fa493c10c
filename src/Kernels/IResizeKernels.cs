namespace CnnSharp.Kernels;

/// <summary>Nearest and bilinear resizing. See <see cref="IKernels"/> for what holds of all.</summary>
public interface IResizeKernels : IKernelFamily
{
    /// <summary>y[n,i,j] = x[n, floor(i H / OutH), floor(j W / OutW)].</summary>
    void NearestForward(in UpsampleGeometry g, DeviceBuffer x, DeviceBuffer y);

    /// <summary>dx = the sum of dy over the outputs that read the element.</summary>
    void NearestBackward(in UpsampleGeometry g, DeviceBuffer dy, DeviceBuffer dx);

    /// <summary>Bilinear weights at the source position (i + 1/2) H / OutH - 1/2, clipped at 0, or i (H - 1) / (OutH - 1) with AlignCorners.</summary>
    void BilinearForward(in UpsampleGeometry g, DeviceBuffer x, DeviceBuffer y);

    /// <summary>dx = the sum of dy times its weight over the outputs that read the element.</summary>
    void BilinearBackward(in UpsampleGeometry g, DeviceBuffer dy, DeviceBuffer dx);
}
