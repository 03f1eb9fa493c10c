namespace CnnSharp.Kernels;

/// <summary>Resizing, and sampling at the places of a grid. See <see cref="IKernels"/> for what holds of all.</summary>
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

    /// <summary>
    /// y[n,i,j] = the sum over rows h and columns w of u(grid[n,i,j,1], h) v(grid[n,i,j,0], w) x[n,h,w]. A coordinate g in [-1, 1] is at
    /// p = ((g + 1) S - 1) / 2 of S pixels, or (g + 1) (S - 1) / 2 with AlignCorners, and reads Taps of them: the nearest (of two equally
    /// near the even one), the two around it by distance, or four by Keys' cubic with a = -0.75. Zeros leaves out pixels that there are
    /// not; Border clips p, Reflection mirrors it, a cubic's four pixels instead. NaN is a place far outside.
    /// </summary>
    void GridSampleForward(in GridGeometry g, DeviceBuffer x, DeviceBuffer grid, DeviceBuffer y);

    /// <summary>dx = the sum of dy times its weight u v over the outputs that read the pixel, in their order.</summary>
    void GridSampleBackwardInput(in GridGeometry g, DeviceBuffer grid, DeviceBuffer dy, DeviceBuffer dx);

    /// <summary>dgrid[n,i,j] = (the sum of u v' x dy, the sum of u' v x dy) over what was read and its channels. Where p is clipped, and for the nearest, 0.</summary>
    void GridSampleBackwardGrid(in GridGeometry g, DeviceBuffer x, DeviceBuffer grid, DeviceBuffer dy, DeviceBuffer dgrid);
}
