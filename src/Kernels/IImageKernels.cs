namespace CnnSharp.Kernels;

/// <summary>Batches out of a set of images. See <see cref="IKernels"/> for what holds of all.</summary>
public interface IImageKernels : IKernelFamily
{
    /// <summary>
    /// y[n,i,j,c] = p scaleOffset[c] + scaleOffset[C + c] with p = images[image, top + i, left + j', c], j' = OutW - 1 - j if
    /// flip else j, and outside the image p = 0 or, under <see cref="ImagePadding.Reflect"/>, what is mirrored there; y = 0 inside the cutout square [ctop, ctop + Cutout) x [cleft, cleft + Cutout)
    /// of the batch image where ctop is not Int32.MinValue. crops: Int32 [N, 6] = image, top, left, flip, ctop, cleft.
    /// </summary>
    void Gather(in ImageGeometry g, DeviceBuffer images, DeviceBuffer crops, DeviceBuffer scaleOffset, DeviceBuffer y);
}
