using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Models;

/// <summary>A convolution, batch normalization and a rectifier: [N, H, W, in] to [N, OutH, OutW, out].</summary>
public sealed class NormalizedConv2d : Layer
{
    readonly Conv2d conv;
    readonly BatchNorm2d bn;

    /// <summary>Creates the layer.</summary>
    /// <param name="inChannels">Channels of the input.</param>
    /// <param name="outChannels">Channels of the result.</param>
    /// <param name="kernel">The kernel's rows and columns.</param>
    /// <param name="stride">Default 1.</param>
    /// <param name="padding">Zeros around the input; default 0.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    public NormalizedConv2d(int inChannels, int outChannels, Size2d kernel, Size2d? stride = null, Padding2d padding = default, Device? device = null)
    {
        conv = new(inChannels, outChannels, kernel, stride, padding, bias: false, initializer: Initializers.HeNormal(), device: device);
        bn = new(outChannels, new() { Epsilon = 1e-3f }, device);
    }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.Relu(bn.Forward(conv.Forward(x)));
}

/// <summary>The inception module of Szegedy et al. 2014, figure 2b: four ways side by side, their channels one after the other.</summary>
public sealed class Inception : Layer
{
    readonly NormalizedConv2d branch1;
    readonly Sequential branch2;
    readonly Sequential branch3;
    readonly Sequential branch4;

    /// <summary>Creates the module; the numbers are table 1's.</summary>
    /// <param name="inChannels">Channels of the input.</param>
    /// <param name="conv1x1">Channels of the 1x1 convolution.</param>
    /// <param name="reduce3x3">Channels that are left before the 3x3 convolution.</param>
    /// <param name="conv3x3">Channels of the 3x3 convolution.</param>
    /// <param name="reduce5x5">Channels that are left before the 5x5 convolution.</param>
    /// <param name="conv5x5">Channels of the 5x5 convolution.</param>
    /// <param name="poolProjection">Channels of the 1x1 convolution after the pooling.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    public Inception(int inChannels, int conv1x1, int reduce3x3, int conv3x3, int reduce5x5, int conv5x5, int poolProjection, Device? device = null)
    {
        branch1 = new(inChannels, conv1x1, 1, device: device);
        branch2 = new(
            new NormalizedConv2d(inChannels, reduce3x3, 1, device: device),
            new NormalizedConv2d(reduce3x3, conv3x3, 3, padding: 1, device: device));
        branch3 = new(
            new NormalizedConv2d(inChannels, reduce5x5, 1, device: device),
            new NormalizedConv2d(reduce5x5, conv5x5, GoogLeNet.FiveByFive, padding: GoogLeNet.FiveByFive / 2, device: device));
        branch4 = new(
            new MaxPool2d(3, stride: 1, padding: 1),
            new NormalizedConv2d(inChannels, poolProjection, 1, device: device));
    }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
        => Functional.Concat([branch1.Forward(x), branch2.Forward(x), branch3.Forward(x), branch4.Forward(x)]);
}

/// <summary>The auxiliary head of Szegedy et al. 2014, section 5: a small classifier on the way. [N, H, W, in] to logits [N, classes].</summary>
public sealed class InceptionHead : Layer
{
    readonly AdaptiveAvgPool2d pool = new(4);
    readonly NormalizedConv2d conv;
    readonly Flatten flatten = new();
    readonly Linear fc1;
    readonly Dropout dropout = new(0.7f);
    readonly Linear fc2;

    /// <summary>Creates the head.</summary>
    /// <param name="inChannels">Channels of the input.</param>
    /// <param name="classes">Classes.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    public InceptionHead(int inChannels, int classes, Device? device = null)
    {
        conv = new(inChannels, 128, 1, device: device);
        fc1 = new(4 * 4 * 128, 1024, device: device);
        fc2 = new(1024, classes, device: device);
    }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
    {
        var y = flatten.Forward(conv.Forward(pool.Forward(x)));
        return fc2.Forward(dropout.Forward(Functional.Relu(fc1.Forward(y))));
    }
}

/// <summary>
/// GoogLeNet (Szegedy et al. 2014, "Going deeper with convolutions", arXiv 1409.4842, table 1), with batch normalization,
/// for images of 224x224. [N, H, W, channels] to logits [N, classes]; in training two auxiliary heads give theirs.
/// Parameters have torchvision's names.
/// </summary>
public sealed class GoogLeNet : Layer, IAuxiliaryHeads
{
    /// <summary>Rows and columns of what the paper calls the 5x5 convolutions: 3, as in torchvision, whose weights are trained so (its issue 906).</summary>
    internal const int FiveByFive = 3;

    readonly NormalizedConv2d conv1;
    readonly MaxPool2d maxpool1 = new(3, stride: 2, ceilMode: true);
    readonly NormalizedConv2d conv2;
    readonly NormalizedConv2d conv3;
    readonly MaxPool2d maxpool2 = new(3, stride: 2, ceilMode: true);
    readonly Inception inception3a;
    readonly Inception inception3b;
    readonly MaxPool2d maxpool3 = new(3, stride: 2, ceilMode: true);
    readonly Inception inception4a;
    readonly Inception inception4b;
    readonly Inception inception4c;
    readonly Inception inception4d;
    readonly Inception inception4e;
    readonly MaxPool2d maxpool4 = new(2, stride: 2, ceilMode: true);
    readonly Inception inception5a;
    readonly Inception inception5b;
    readonly InceptionHead? aux1;
    readonly InceptionHead? aux2;
    readonly GlobalAvgPool2d avgpool = new();
    readonly Flatten flatten = new();
    readonly Dropout dropout = new(0.2f);
    readonly Linear fc;

    /// <summary>Creates the network.</summary>
    /// <param name="classes">Default 1,000.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <param name="channels">Channels of the images; default 3.</param>
    /// <param name="auxiliaryHeads">Whether it has them; default yes.</param>
    public GoogLeNet(int classes = 1000, Device? device = null, int channels = 3, bool auxiliaryHeads = true)
    {
        conv1 = new(channels, 64, 7, stride: 2, padding: 3, device: device);
        conv2 = new(64, 64, 1, device: device);
        conv3 = new(64, 192, 3, padding: 1, device: device);
        inception3a = new(192, 64, 96, 128, 16, 32, 32, device);
        inception3b = new(256, 128, 128, 192, 32, 96, 64, device);
        inception4a = new(480, 192, 96, 208, 16, 48, 64, device);
        inception4b = new(512, 160, 112, 224, 24, 64, 64, device);
        inception4c = new(512, 128, 128, 256, 24, 64, 64, device);
        inception4d = new(512, 112, 144, 288, 32, 64, 64, device);
        inception4e = new(528, 256, 160, 320, 32, 128, 128, device);
        inception5a = new(832, 256, 160, 320, 32, 128, 128, device);
        inception5b = new(832, 384, 192, 384, 48, 128, 128, device);
        aux1 = auxiliaryHeads ? new(512, classes, device) : null;
        aux2 = auxiliaryHeads ? new(528, classes, device) : null;
        fc = new(1024, classes, device: device);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Tensor> AuxiliaryLogits { get; private set; } = [];

    /// <inheritdoc/>
    public float AuxiliaryWeight => 0.3f;

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
    {
        var mark = BeginForward();
        var way1 = Chain(mark, x, conv1, maxpool1, conv2, conv3, maxpool2, inception3a, inception3b, maxpool3, inception4a);
        var way2 = Chain(mark, way1, inception4b, inception4c, inception4d);
        var y = Chain(mark, way2, inception4e, maxpool4, inception5a, inception5b, avgpool);
        AuxiliaryLogits = IsTraining && Tape.IsRecording && aux1 is not null ? [aux1.Forward(way1), aux2!.Forward(way2)] : [];
        return Chain(mark, y, flatten, dropout, fc);
    }
}
