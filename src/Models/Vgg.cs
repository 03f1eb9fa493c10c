using System.Globalization;
using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Models;

/// <summary>The columns of table 1 of Simonyan and Zisserman 2014.</summary>
public enum VggConfiguration
{
    /// <summary>11 layers with weights.</summary>
    A,

    /// <summary>A with local response normalization after the first convolution.</summary>
    ALrn,

    /// <summary>13 layers.</summary>
    B,

    /// <summary>16 layers, three of them 1x1 convolutions.</summary>
    C,

    /// <summary>16 layers, all convolutions 3x3.</summary>
    D,

    /// <summary>19 layers.</summary>
    E,
}

/// <summary>
/// VGG (Simonyan and Zisserman 2014, "Very deep convolutional networks for large-scale image recognition", arXiv 1409.1556):
/// 3x3 convolutions alone, and pooling five times. [N, H, W, channels] to logits [N, classes]. Parameters have torchvision's names.
/// </summary>
public sealed class Vgg : Layer
{
    /// <summary>Table 1: channels of a convolution (3x3 unless 1x1 is said), pooling, local response normalization.</summary>
    static readonly Dictionary<VggConfiguration, string> Table = new()
    {
        [VggConfiguration.A] = "64 pool 128 pool 256 256 pool 512 512 pool 512 512 pool",
        [VggConfiguration.ALrn] = "64 lrn pool 128 pool 256 256 pool 512 512 pool 512 512 pool",
        [VggConfiguration.B] = "64 64 pool 128 128 pool 256 256 pool 512 512 pool 512 512 pool",
        [VggConfiguration.C] = "64 64 pool 128 128 pool 256 256 1x1:256 pool 512 512 1x1:512 pool 512 512 1x1:512 pool",
        [VggConfiguration.D] = "64 64 pool 128 128 pool 256 256 256 pool 512 512 512 pool 512 512 512 pool",
        [VggConfiguration.E] = "64 64 pool 128 128 pool 256 256 256 256 pool 512 512 512 512 pool 512 512 512 512 pool",
    };

    readonly Sequential features;
    readonly AdaptiveAvgPool2d avgpool;
    readonly Flatten flatten = new();
    readonly Layer classifier;

    Vgg(VggConfiguration configuration, bool batchNorm, int channels, Size2d pooled, bool smallImages, Func<int, Layer> head, Device? device)
    {
        features = new(Features(configuration, batchNorm, channels, partialWindows: smallImages, device));
        avgpool = new(pooled);
        classifier = head(512 * pooled.H * pooled.W);
    }

    /// <summary>The networks of the paper, for images of 224x224; others are pooled to 7x7 before the linear layers.</summary>
    /// <param name="configuration">The column of table 1.</param>
    /// <param name="batchNorm">Whether a batch normalization stands after each convolution; default no, as in the paper.</param>
    /// <param name="classes">Default 1,000.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <param name="channels">Channels of the images; default 3.</param>
    /// <param name="hidden">Features of the two hidden linear layers; default 4,096.</param>
    public static Vgg ImageNet(VggConfiguration configuration, bool batchNorm = false, int classes = 1000, Device? device = null, int channels = 3, int hidden = 4096)
        => new(configuration, batchNorm, channels, pooled: 7, smallImages: false, head: inputs => new Sequential(
            Linear(inputs, hidden, device),
            new Relu(),
            new Dropout(),
            Linear(hidden, hidden, device),
            new Relu(),
            new Dropout(),
            Linear(hidden, classes, device)), device);

    /// <summary>The form in common use for CIFAR's 32x32 images: what the convolutions leave, 512 channels, goes to the classes at once.</summary>
    /// <param name="configuration">The column of table 1.</param>
    /// <param name="batchNorm">Whether a batch normalization stands after each convolution; default yes.</param>
    /// <param name="classes">Default 10.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <param name="channels">Channels of the images; default 3.</param>
    public static Vgg Cifar(VggConfiguration configuration, bool batchNorm = true, int classes = 10, Device? device = null, int channels = 3)
        => new(configuration, batchNorm, channels, pooled: 1, smallImages: true, head: inputs => Linear(inputs, classes, device), device);

    /// <summary>The convolutions.</summary>
    internal Sequential Convolutions => features;

    /// <summary>The linear layers.</summary>
    internal IEnumerable<Linear> LinearLayers => classifier.Modules().OfType<Linear>();

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => classifier.Forward(flatten.Forward(avgpool.Forward(features.Forward(x))));

    /// <summary>A row of the table. Where the last, partial windows count, images may have any size: 28 rows, which 5 poolings would leave nothing of, say.</summary>
    internal static IEnumerable<Layer> Features(VggConfiguration configuration, bool batchNorm, int channels, bool partialWindows, Device? device)
    {
        foreach (var entry in Table[configuration].Split(' '))
        {
            switch (entry)
            {
                case "pool":
                    yield return new MaxPool2d(2, ceilMode: partialWindows);
                    break;
                case "lrn":
                    yield return new LocalResponseNorm(AlexNet.ResponseNorm);
                    break;
                default:
                    var kernel = entry.StartsWith("1x1:", StringComparison.Ordinal) ? 1 : 3;
                    var outChannels = int.Parse(kernel == 1 ? entry[4..] : entry, CultureInfo.InvariantCulture);
                    yield return new Conv2d(channels, outChannels, kernel, padding: kernel / 2, initializer: Initializers.HeNormal(Fan.Out), device: device);
                    if (batchNorm) yield return new BatchNorm2d(outChannels, device: device);
                    yield return new Relu();
                    channels = outChannels;
                    break;
            }
        }
    }

    static Linear Linear(int inputs, int outputs, Device? device) => new(inputs, outputs, initializer: Initializers.Normal(0, 0.01), device: device);
}
