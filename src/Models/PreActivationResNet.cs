using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Models;

/// <summary>
/// The residual unit of He et al. 2016, figure 1b: normalization and rectifier before each convolution, so that nothing
/// stands on the way from unit to unit. With dropout between the convolutions, that of wide networks (Zagoruyko and
/// Komodakis 2016, figure 1d). [N, H, W, in] to [N, H / stride, W / stride, out].
/// </summary>
public sealed class PreActivationUnit : Layer
{
    readonly BatchNorm2d bn1;
    readonly Conv2d conv1;
    readonly BatchNorm2d bn2;
    readonly Dropout? dropout;
    readonly Conv2d conv2;
    readonly Conv2d? downsample;

    /// <summary>Creates the unit.</summary>
    /// <param name="inChannels">Channels of the input.</param>
    /// <param name="outChannels">Channels of the result.</param>
    /// <param name="stride">Of the first convolution and of the shortcut; default 1.</param>
    /// <param name="dropout">The probability of an element between the convolutions to be dropped; default 0.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    public PreActivationUnit(int inChannels, int outChannels, int stride = 1, double dropout = 0, Device? device = null)
    {
        bn1 = new(inChannels, device: device);
        conv1 = ResNet.Conv3x3(inChannels, outChannels, stride, device);
        bn2 = new(outChannels, device: device);
        this.dropout = dropout > 0 ? new(dropout) : null;
        conv2 = ResNet.Conv3x3(outChannels, outChannels, 1, device);
        downsample = inChannels == outChannels && stride == 1 ? null : ResNet.Conv1x1(inChannels, outChannels, stride, device);
    }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
    {
        var y = Functional.Relu(bn1.Forward(x));
        var shortcut = downsample?.Forward(y) ?? x;
        y = Functional.Relu(bn2.Forward(conv1.Forward(y)));
        return conv2.Forward(dropout?.Forward(y) ?? y) + shortcut;
    }
}

/// <summary>The same as a bottleneck: 1x1, 3x3 and 1x1 convolutions. [N, H, W, in] to [N, H / stride, W / stride, 4 channels].</summary>
public sealed class PreActivationBottleneck : Layer
{
    readonly BatchNorm2d bn1;
    readonly Conv2d conv1;
    readonly BatchNorm2d bn2;
    readonly Conv2d conv2;
    readonly BatchNorm2d bn3;
    readonly Conv2d conv3;
    readonly Conv2d? downsample;

    /// <summary>Creates the unit.</summary>
    /// <param name="inChannels">Channels of the input.</param>
    /// <param name="channels">Channels of the 3x3 convolution: a quarter of the result's.</param>
    /// <param name="stride">Of the 3x3 convolution and of the shortcut; default 1.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    public PreActivationBottleneck(int inChannels, int channels, int stride = 1, Device? device = null)
    {
        var outChannels = BottleneckUnit.Expansion * channels;
        bn1 = new(inChannels, device: device);
        conv1 = ResNet.Conv1x1(inChannels, channels, 1, device);
        bn2 = new(channels, device: device);
        conv2 = ResNet.Conv3x3(channels, channels, stride, device);
        bn3 = new(channels, device: device);
        conv3 = ResNet.Conv1x1(channels, outChannels, 1, device);
        downsample = inChannels == outChannels && stride == 1 ? null : ResNet.Conv1x1(inChannels, outChannels, stride, device);
    }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
    {
        var y = Functional.Relu(bn1.Forward(x));
        var shortcut = downsample?.Forward(y) ?? x;
        y = Functional.Relu(bn2.Forward(conv1.Forward(y)));
        y = Functional.Relu(bn3.Forward(conv2.Forward(y)));
        return conv3.Forward(y) + shortcut;
    }
}

/// <summary>
/// Residual networks for small images whose units begin with their normalization (He et al. 2016, "Identity mappings in
/// deep residual networks", arXiv 1603.05027), and wide ones (Zagoruyko and Komodakis 2016, "Wide residual networks",
/// arXiv 1605.07146). [N, H, W, channels] to logits [N, classes].
/// </summary>
public sealed class PreActivationResNet : Layer
{
    readonly Conv2d conv1;
    readonly Sequential layer1;
    readonly Sequential layer2;
    readonly Sequential layer3;
    readonly BatchNorm2d bn;
    readonly GlobalAvgPool2d avgpool = new();
    readonly Flatten flatten = new();
    readonly Linear fc;

    PreActivationResNet(int units, int widen, bool bottleneck, double dropout, int channels, int classes, Device? device)
    {
        conv1 = ResNet.Conv3x3(channels, 16, 1, device);
        var width = 16;
        layer1 = Stage(16 * widen, 1);
        layer2 = Stage(32 * widen, 2);
        layer3 = Stage(64 * widen, 2);
        bn = new(width, device: device);
        fc = new(width, classes, device: device);

        Sequential Stage(int unitChannels, int stride)
        {
            var stage = new Layer[units];
            for (var i = 0; i < units; i++)
            {
                stage[i] = bottleneck
                    ? new PreActivationBottleneck(width, unitChannels, i == 0 ? stride : 1, device)
                    : new PreActivationUnit(width, unitChannels, i == 0 ? stride : 1, dropout, device);
                width = bottleneck ? BottleneckUnit.Expansion * unitChannels : unitChannels;
            }

            return new(stage);
        }
    }

    /// <summary>The networks of He et al. 2016, section 4.</summary>
    /// <param name="depth">Layers with weights: 6 n + 2, with bottlenecks 9 n + 2; in the paper 110, and with bottlenecks 164 and 1,001.</param>
    /// <param name="bottleneck">Whether units are bottlenecks; default no.</param>
    /// <param name="classes">Default 10.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <param name="channels">Channels of the images; default 3.</param>
    /// <exception cref="ArgumentOutOfRangeException">No number of units gives that depth.</exception>
    public static PreActivationResNet Cifar(int depth, bool bottleneck = false, int classes = 10, Device? device = null, int channels = 3)
    {
        var (layers, example) = bottleneck ? (9, "9 n + 2: 164, 1001") : (6, "6 n + 2: 20, 56, 110");
        if (depth < layers + 2 || (depth - 2) % layers != 0) throw new ArgumentOutOfRangeException(nameof(depth), depth, $"PreActivationResNet.Cifar: expected a depth of {example}.");
        return new((depth - 2) / layers, 1, bottleneck, 0, channels, classes, device);
    }

    /// <summary>The networks of Zagoruyko and Komodakis 2016: fewer units, more channels.</summary>
    /// <param name="depth">Layers with weights, those of the shortcuts among them: 6 n + 4; default 28.</param>
    /// <param name="widen">Times 16, 32 and 64 channels; default 10.</param>
    /// <param name="dropout">The probability of an element between a unit's convolutions to be dropped; default 0.3, the paper's for CIFAR.</param>
    /// <param name="classes">Default 10.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <param name="channels">Channels of the images; default 3.</param>
    /// <exception cref="ArgumentOutOfRangeException">No number of units gives that depth.</exception>
    public static PreActivationResNet Wide(int depth = 28, int widen = 10, double dropout = 0.3, int classes = 10, Device? device = null, int channels = 3)
    {
        if (depth < 10 || (depth - 4) % 6 != 0) throw new ArgumentOutOfRangeException(nameof(depth), depth, "PreActivationResNet.Wide: expected a depth of 6 n + 4: 16, 22, 28, 40.");
        return new((depth - 4) / 6, widen, false, dropout, channels, classes, device);
    }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
    {
        var mark = BeginForward();
        x = Functional.Relu(bn.Forward(Chain(mark, x, conv1, layer1, layer2, layer3)));
        return Chain(mark, x, avgpool, flatten, fc);
    }
}
