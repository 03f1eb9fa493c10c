using System.Numerics;

namespace CnnSharp.Kernels.Reference;

/// <summary>Images of a data set to a batch as plain loops.</summary>
/// <typeparam name="T">float or double.</typeparam>
sealed class ImageKernels<T> : ReferenceKernelFamily<T>, IImageKernels
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public void Gather(in ImageGeometry g, DeviceBuffer images, DeviceBuffer crops, DeviceBuffer scaleOffset, DeviceBuffer y)
    {
        Elements factors = new(scaleOffset);
        WritableElements output = new(y);
        var source = images.ReadOnlySpan<byte>();
        var places = crops.ReadOnlySpan<int>();
        long o = 0;
        for (var n = 0; n < g.N; n++)
        {
            var crop = places.Slice(n * ImageGeometry.CropLength, ImageGeometry.CropLength);
            int image = crop[0], top = crop[1], left = crop[2], cutTop = crop[4], cutLeft = crop[5];
            var flip = crop[3] != 0;
            for (var i = 0; i < g.OutH; i++)
            {
                for (var j = 0; j < g.OutW; j++)
                {
                    var h = Reflected(top + i, g.H, g.Padding);
                    var w = Reflected(left + (flip ? g.OutW - 1 - j : j), g.W, g.Padding);
                    var inside = h >= 0 && h < g.H && w >= 0 && w < g.W;
                    var blank = cutTop != int.MinValue && i >= cutTop && i < cutTop + g.Cutout && j >= cutLeft && j < cutLeft + g.Cutout;
                    for (var c = 0; c < g.C; c++)
                    {
                        var pixel = inside ? source[((((image * g.H) + h) * g.W) + w) * g.C + c] : 0;
                        output[o++] = blank ? 0 : (pixel * factors[c]) + factors[g.C + c];
                    }
                }
            }
        }
    }

    static int Reflected(int at, int extent, ImagePadding padding)
    {
        if (padding == ImagePadding.Zero) return at;
        if (at < 0) return -at;
        return at < extent ? at : (2 * (extent - 1)) - at;
    }
}
