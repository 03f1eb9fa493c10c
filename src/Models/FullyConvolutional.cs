using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Models;

/// <summary>
/// Fully convolutional networks (Long et al. 2015, "Fully convolutional networks for semantic segmentation", arXiv 1411.4038):
/// VGG-16 whose linear layers became convolutions, its class scores enlarged to the image's size by transposed
/// convolutions, with finer scores added on the way. [N, H, W, channels] to a pixel's logits [N, H, W, classes], for
/// <see cref="Loss.CrossEntropy"/> with labels [N, H, W]. Images may have any size; the convolutions have torchvision's names.
/// </summary>
public sealed class FullyConvolutional : Layer
{
    /// <summary>The layers of VGG-16 up to its third and fourth pooling.</summary>
    const int Pool3 = 17, Pool4 = 24;

    readonly Sequential features;
    readonly Conv2d fc6;
    readonly Dropout dropout6 = new();
    readonly Conv2d fc7;
    readonly Dropout dropout7 = new();
    readonly Conv2d score;
    readonly ConvTranspose2d? upscore2;
    readonly Conv2d? scorePool4;
    readonly ConvTranspose2d? upscorePool4;
    readonly Conv2d? scorePool3;
    readonly ConvTranspose2d upscore;

    FullyConvolutional(int stride, int classes, int channels, int hidden, Device? device)
    {
        features = new(Vgg.Features(VggConfiguration.D, batchNorm: false, channels, partialWindows: true, device));
        fc6 = new(512, hidden, 7, padding: 3, initializer: Initializers.HeNormal(), device: device);
        fc7 = new(hidden, hidden, 1, initializer: Initializers.HeNormal(), device: device);
        score = Score(hidden);
        if (stride <= 16) (upscore2, scorePool4) = (Enlarge(2), Score(512));
        if (stride <= 8) (upscorePool4, scorePool3) = (Enlarge(2), Score(256));
        upscore = Enlarge(stride);

        // Section 4.3: the scores begin at 0, the enlargements interpolate bilinearly.
        Conv2d Score(int inChannels) => new(inChannels, classes, 1, initializer: Initializers.Zeros, device: device);
        ConvTranspose2d Enlarge(int factor) => new(classes, classes, 2 * factor, stride: factor, padding: factor / 2, bias: false, initializer: Initializers.Bilinear, device: device);
    }

    /// <summary>FCN-32s, FCN-16s or FCN-8s.</summary>
    /// <param name="stride">Of the finest scores: 32, 16 or 8; default 8.</param>
    /// <param name="classes">Default 21, of PASCAL VOC.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <param name="channels">Channels of the images; default 3.</param>
    /// <param name="hidden">Channels of the convolutions that were linear layers; default 4,096.</param>
    /// <exception cref="ArgumentOutOfRangeException">The stride is none of these.</exception>
    public static FullyConvolutional Create(int stride = 8, int classes = 21, Device? device = null, int channels = 3, int hidden = 4096)
    {
        if (stride is not (8 or 16 or 32)) throw new ArgumentOutOfRangeException(nameof(stride), stride, "FullyConvolutional: expected a stride of 32, 16 or 8.");
        return new(stride, classes, channels, hidden, device);
    }

    /// <summary>Takes over what a classifier has learned: all weights but those of the scores and the enlargements.</summary>
    /// <param name="classifier">VGG-16, configuration D without batch normalization; its linear layers may be on another device.</param>
    /// <returns>This network.</returns>
    /// <exception cref="ShapeException">The classifier's layers are not this network's.</exception>
    public FullyConvolutional From(Vgg classifier)
    {
        // [7 7 512, hidden] and [7, 7, 512, hidden] are the same numbers in the same order: that is the whole conversion.
        var linear = classifier.LinearLayers.ToArray();
        var sources = classifier.Convolutions.StateDict().Select(t => t.Tensor).ToList();
        var targets = features.StateDict().Select(t => t.Tensor).ToList();
        foreach (var (source, target) in linear.Zip([fc6, fc7]))
        {
            sources.AddRange([source.Weight, source.Bias!]);
            targets.AddRange([target.Weight, target.Bias!]);
        }

        if (linear.Length != 3 || !sources.Select(t => t.Count).SequenceEqual(targets.Select(t => t.Count)))
            throw new ShapeException("FullyConvolutional", $"expected VGG-16 (configuration D, no batch normalization, {fc7.Weight.Shape[3]} hidden features), got a network with other layers.");
        foreach (var (source, target) in sources.Zip(targets)) target.CopyFrom<float>(source.ToArray());
        return this;
    }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
    {
        var pool3 = features.Forward(x, ..Pool3);
        var pool4 = features.Forward(pool3, Pool3..Pool4);
        var y = Functional.Relu(fc6.Forward(features.Forward(pool4, Pool4..)));
        y = dropout7.Forward(Functional.Relu(fc7.Forward(dropout6.Forward(y))));
        y = score.Forward(y);
        if (scorePool4 is not null) y = Crop(upscore2!.Forward(y), pool4) + scorePool4.Forward(pool4);
        if (scorePool3 is not null) y = Crop(upscorePool4!.Forward(y), pool3) + scorePool3.Forward(pool3);
        return Crop(upscore.Forward(y), x);
    }

    /// <summary>Takes off the rows and columns that a partial last window has become.</summary>
    static Tensor Crop(Tensor y, Tensor like)
    {
        int rows = y.Shape[1] - like.Shape[1], columns = y.Shape[2] - like.Shape[2];
        return rows == 0 && columns == 0 ? y : Functional.Pad2d(y, new(0, -rows, 0, -columns));
    }
}
