using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Models;

/// <summary>
/// Network in Network (Lin et al. 2013, arXiv 1312.4400): after each convolution a perceptron at every pixel, which is two
/// 1x1 convolutions, and in place of linear layers the mean of each class's map. [N, H, W, channels] to logits [N, classes].
/// </summary>
public static class NetworkInNetwork
{
    /// <summary>For CIFAR's images: the authors' network of section 4.</summary>
    /// <param name="classes">Default 10.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <param name="channels">Channels of the images; default 3.</param>
    public static Sequential Cifar(int classes = 10, Device? device = null, int channels = 3) => new([
        .. Block(channels, 5, 192, 160, 96, device),
        new MaxPool2d(3, stride: 2, ceilMode: true),
        new Dropout(),
        .. Block(96, 5, 192, 192, 192, device),
        new AvgPool2d(3, stride: 2, ceilMode: true),
        new Dropout(),
        .. Block(192, 3, 192, 192, classes, device),
        new GlobalAvgPool2d(),
        new Flatten()]);

    /// <summary>For ImageNet's images of 224x224: the authors' network of Caffe's model zoo.</summary>
    /// <inheritdoc cref="Cifar"/>
    /// <param name="classes">Default 1,000.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <param name="channels">Channels of the images; default 3.</param>
    public static Sequential ImageNet(int classes = 1000, Device? device = null, int channels = 3) => new([
        .. Block(channels, 11, 96, 96, 96, device, stride: 4, padding: 0),
        new MaxPool2d(3, stride: 2, ceilMode: true),
        .. Block(96, 5, 256, 256, 256, device),
        new MaxPool2d(3, stride: 2, ceilMode: true),
        .. Block(256, 3, 384, 384, 384, device),
        new MaxPool2d(3, stride: 2, ceilMode: true),
        new Dropout(),
        .. Block(384, 3, 1024, 1024, classes, device),
        new GlobalAvgPool2d(),
        new Flatten()]);

    /// <summary>Figure 1b: a convolution and a perceptron of two layers at every pixel.</summary>
    static IEnumerable<Layer> Block(int inChannels, int kernel, int channels, int hidden, int outChannels, Device? device, int stride = 1, int? padding = null) =>
    [
        new Conv2d(inChannels, channels, kernel, stride, padding ?? kernel / 2, initializer: Initializers.HeNormal(), device: device),
        new Relu(),
        new Conv2d(channels, hidden, 1, initializer: Initializers.HeNormal(), device: device),
        new Relu(),
        new Conv2d(hidden, outChannels, 1, initializer: Initializers.HeNormal(), device: device),
        new Relu(),
    ];
}
