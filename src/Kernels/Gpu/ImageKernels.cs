using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

/// <summary>Images of a data set to a batch: one thread an element.</summary>
sealed class ImageKernels(GpuKernels kernels) : GpuKernelFamily(kernels), IImageKernels
{
    Action<Index1D, ImageGeometry, ArrayView<byte>, ArrayView<int>, ArrayView<float>, ArrayView<float>>? gatherImages;

    /// <summary>One thread an element of y.</summary>
    static void Gather(Index1D index, ImageGeometry g, ArrayView<byte> images, ArrayView<int> crops, ArrayView<float> scaleOffset, ArrayView<float> y)
    {
        int element = index;
        var c = element % g.C;
        element /= g.C;
        var j = element % g.OutW;
        element /= g.OutW;
        var i = element % g.OutH;
        var crop = element / g.OutH * ImageGeometry.CropLength;

        var h = crops[crop + 1] + i;
        var w = crops[crop + 2] + (crops[crop + 3] != 0 ? g.OutW - 1 - j : j);
        if (g.Padding == ImagePadding.Reflect)
        {
            if (h < 0) h = -h;
            else if (h >= g.H) h = (2 * (g.H - 1)) - h;
            if (w < 0) w = -w;
            else if (w >= g.W) w = (2 * (g.W - 1)) - w;
        }

        float pixel = 0;
        if (h >= 0 && h < g.H && w >= 0 && w < g.W) pixel = images[(((((long)crops[crop] * g.H) + h) * g.W) + w) * g.C + c];

        // Distances in 64 bits: a crop may hold any integer.
        var cutTop = crops[crop + 4];
        var (below, right) = ((long)i - cutTop, (long)j - crops[crop + 5]);
        var blank = cutTop != int.MinValue && below >= 0 && below < g.Cutout && right >= 0 && right < g.Cutout;
        y[index] = blank ? 0 : (pixel * scaleOffset[c]) + scaleOffset[g.C + c];
    }

    public void Gather(in ImageGeometry g, DeviceBuffer images, DeviceBuffer crops, DeviceBuffer scaleOffset, DeviceBuffer y)
    {
        if (y.Length == 0) return;
        gatherImages ??= Compile<Action<Index1D, ImageGeometry, ArrayView<byte>, ArrayView<int>, ArrayView<float>, ArrayView<float>>>(nameof(Gather), Gather);
        gatherImages(Range(y.Length), g, ReadView<byte>(images), ReadView<int>(crops), ReadFloats(scaleOffset), Floats(y));
    }
}
