using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Models;

/// <summary>
/// All-CNN-C (Springenberg et al. 2014, "Striving for simplicity: the all convolutional net", arXiv 1412.6806, table 1 and
/// section 3): where others pool, a convolution has stride 2. [N, H, W, channels] to logits [N, classes].
/// </summary>
public static class AllConvolutional
{
    /// <summary>For CIFAR's images.</summary>
    /// <param name="classes">Default 10.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <param name="channels">Channels of the images; default 3.</param>
    public static Sequential Cifar(int classes = 10, Device? device = null, int channels = 3)
    {
        return new([
            new Dropout(0.2f),
            .. Rectified(channels, 96, 3),
            .. Rectified(96, 96, 3),
            .. Rectified(96, 96, 3, stride: 2),
            new Dropout(),
            .. Rectified(96, 192, 3),
            .. Rectified(192, 192, 3),
            .. Rectified(192, 192, 3, stride: 2),
            new Dropout(),
            .. Rectified(192, 192, 3, padding: 0),
            .. Rectified(192, 192, 1),
            .. Rectified(192, classes, 1),
            new GlobalAvgPool2d(),
            new Flatten()]);

        IEnumerable<Layer> Rectified(int inChannels, int outChannels, int kernel, int stride = 1, int? padding = null) =>
        [
            new Conv2d(inChannels, outChannels, kernel, stride, padding ?? kernel / 2, initializer: Initializers.HeNormal(), device: device),
            new Relu(),
        ];
    }
}
