using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Models;

/// <summary>
/// AlexNet (Krizhevsky et al. 2012, "ImageNet classification with deep convolutional neural networks"), for images of
/// 224x224. [N, H, W, channels] to logits [N, classes]. Parameters have torchvision's names.
/// </summary>
public sealed class AlexNet : Layer
{
    readonly Sequential features;
    readonly AdaptiveAvgPool2d avgpool = new(6);
    readonly Flatten flatten = new();
    readonly Sequential classifier;

    AlexNet(Sequential features, int classes, int hidden, Device? device)
    {
        this.features = features;
        classifier = new(
            new Dropout(),
            new Linear(256 * 6 * 6, hidden, device: device),
            new Relu(),
            new Dropout(),
            new Linear(hidden, hidden, device: device),
            new Relu(),
            new Linear(hidden, classes, device: device));
    }

    /// <summary>Section 3.3: k = 2, n = 5, alpha = 1e-4, beta = 0.75, where alpha is not divided by n as it is here.</summary>
    internal static LocalResponseNormOptions ResponseNorm { get; } = new() { Size = 5, Alpha = 5 * 1e-4f, Beta = 0.75f, K = 2 };

    /// <summary>
    /// The paper's network. It was spread over two GPUs, which exchanged their channels only before the third convolution:
    /// the second, fourth and fifth have two groups. The 227x227 pixels that its first convolution reads are 224 and a
    /// padding of 2 and 1.
    /// </summary>
    /// <param name="classes">Default 1,000.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <param name="channels">Channels of the images; default 3.</param>
    /// <param name="hidden">Features of the two hidden linear layers; default 4,096.</param>
    public static AlexNet TwoGroups(int classes = 1000, Device? device = null, int channels = 3, int hidden = 4096) => new(
        new(
            new Conv2d(channels, 96, 11, stride: 4, padding: new(2, 1, 2, 1), device: device),
            new Relu(),
            new LocalResponseNorm(ResponseNorm),
            new MaxPool2d(3, stride: 2),
            new Conv2d(96, 256, 5, padding: 2, groups: 2, device: device),
            new Relu(),
            new LocalResponseNorm(ResponseNorm),
            new MaxPool2d(3, stride: 2),
            new Conv2d(256, 384, 3, padding: 1, device: device),
            new Relu(),
            new Conv2d(384, 384, 3, padding: 1, groups: 2, device: device),
            new Relu(),
            new Conv2d(384, 256, 3, padding: 1, groups: 2, device: device),
            new Relu(),
            new MaxPool2d(3, stride: 2)), classes, hidden, device);

    /// <summary>One column and no normalization: Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks" (arXiv 1404.5997), as in torchvision.</summary>
    /// <inheritdoc cref="TwoGroups"/>
    public static AlexNet OneColumn(int classes = 1000, Device? device = null, int channels = 3, int hidden = 4096) => new(
        new(
            new Conv2d(channels, 64, 11, stride: 4, padding: 2, device: device),
            new Relu(),
            new MaxPool2d(3, stride: 2),
            new Conv2d(64, 192, 5, padding: 2, device: device),
            new Relu(),
            new MaxPool2d(3, stride: 2),
            new Conv2d(192, 384, 3, padding: 1, device: device),
            new Relu(),
            new Conv2d(384, 256, 3, padding: 1, device: device),
            new Relu(),
            new Conv2d(256, 256, 3, padding: 1, device: device),
            new Relu(),
            new MaxPool2d(3, stride: 2)), classes, hidden, device);

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => classifier.Forward(flatten.Forward(avgpool.Forward(features.Forward(x))));
}
