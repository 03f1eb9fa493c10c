using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Models;

/// <summary>What leads past a residual unit that changes the shape (He et al. 2015, section 3.3).</summary>
public enum Shortcut
{
    /// <summary>Every second pixel and channels of zeros, half before and half after: no weights. The paper's for CIFAR-10.</summary>
    A,

    /// <summary>A 1x1 convolution with batch normalization. The paper's for ImageNet.</summary>
    B,
}

/// <summary>The residual unit of He et al. 2015, figure 5, left: two 3x3 convolutions and a shortcut. [N, H, W, in] to [N, H / stride, W / stride, out].</summary>
public sealed class ResidualUnit : Layer
{
    readonly Conv2d conv1;
    readonly BatchNorm2d bn1;
    readonly Conv2d conv2;
    readonly BatchNorm2d bn2;
    readonly Layer? downsample;
    readonly StochasticDepth? depth;

    /// <summary>Creates the unit.</summary>
    /// <param name="inChannels">Channels of the input.</param>
    /// <param name="outChannels">Channels of the result.</param>
    /// <param name="stride">Of the first convolution and of the shortcut.</param>
    /// <param name="kind">The shortcut where the shape changes; elsewhere it is the identity.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <param name="survival">The probability that training runs the convolutions; default 1.</param>
    public ResidualUnit(int inChannels, int outChannels, int stride = 1, Shortcut kind = Shortcut.A, Device? device = null, double survival = 1)
    {
        conv1 = ResNet.Conv3x3(inChannels, outChannels, stride, device);
        bn1 = new(outChannels, device: device);
        conv2 = ResNet.Conv3x3(outChannels, outChannels, 1, device);
        bn2 = new(outChannels, device: device);
        downsample = ResNet.Downsample(inChannels, outChannels, stride, kind, device);
        depth = survival < 1 ? new(survival) : null;
    }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
    {
        var shortcut = downsample?.Forward(x) ?? x;
        if (depth is not null && depth.Drops()) return Functional.Relu(shortcut);
        var y = Functional.Relu(bn1.Forward(conv1.Forward(x)));
        y = bn2.Forward(conv2.Forward(y));
        return Functional.Relu((depth?.Forward(y) ?? y) + shortcut);
    }
}

/// <summary>The bottleneck unit of He et al. 2015, figure 5, right: 1x1, 3x3 and 1x1 convolutions and a shortcut. [N, H, W, in] to [N, H / stride, W / stride, 4 channels].</summary>
/// <remarks>The stride is the 3x3 convolution's, as in torchvision, whose weights are trained so; the paper has it in the first 1x1.</remarks>
public sealed class BottleneckUnit : Layer
{
    /// <summary>Channels of the result by those of the 3x3 convolution.</summary>
    public const int Expansion = 4;

    readonly Conv2d conv1;
    readonly BatchNorm2d bn1;
    readonly Conv2d conv2;
    readonly BatchNorm2d bn2;
    readonly Conv2d conv3;
    readonly BatchNorm2d bn3;
    readonly Layer? downsample;

    /// <summary>Creates the unit.</summary>
    /// <param name="inChannels">Channels of the input.</param>
    /// <param name="channels">Channels of the 3x3 convolution: a quarter of the result's.</param>
    /// <param name="stride">Of the 3x3 convolution and of the shortcut; default 1.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    public BottleneckUnit(int inChannels, int channels, int stride = 1, Device? device = null)
    {
        conv1 = ResNet.Conv1x1(inChannels, channels, 1, device);
        bn1 = new(channels, device: device);
        conv2 = ResNet.Conv3x3(channels, channels, stride, device);
        bn2 = new(channels, device: device);
        conv3 = ResNet.Conv1x1(channels, Expansion * channels, 1, device);
        bn3 = new(Expansion * channels, device: device);
        downsample = ResNet.Downsample(inChannels, Expansion * channels, stride, Shortcut.B, device);
    }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
    {
        var shortcut = downsample?.Forward(x) ?? x;
        var mark = BeginForward();
        var y = Functional.Relu(bn1.Forward(conv1.Forward(x)));
        y = EndForward(mark, Functional.Relu(bn2.Forward(conv2.Forward(y))));
        return Functional.Relu(bn3.Forward(conv3.Forward(y)) + shortcut);
    }
}

/// <summary>Option A: every <paramref name="stride"/>-th pixel, and the missing channels as zeros, half before and half after.</summary>
/// <param name="inChannels">Channels of the input.</param>
/// <param name="outChannels">Channels of the result; at least as many.</param>
/// <param name="stride">Rows and columns between the pixels taken.</param>
public sealed class SubsamplingShortcut(int inChannels, int outChannels, int stride) : Layer
{
    readonly int before = (outChannels - inChannels) / 2;
    readonly int after = outChannels - inChannels - ((outChannels - inChannels) / 2);

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.SubsampleAndWiden(x, stride, before, after);
}

/// <summary>
/// Residual networks (He et al. 2015, "Deep residual learning for image recognition", arXiv 1512.03385), and their
/// training at random depth (Huang et al. 2016, "Deep networks with stochastic depth", arXiv 1603.09382).
/// Parameters have torchvision's names.
/// </summary>
public sealed class ResNet : Layer
{
    /// <summary>Table 1: units in the four stages by depth, and whether they are bottlenecks.</summary>
    static readonly Dictionary<int, (int[] Units, bool Bottleneck)> Table = new()
    {
        [18] = ([2, 2, 2, 2], false),
        [34] = ([3, 4, 6, 3], false),
        [50] = ([3, 4, 6, 3], true),
        [101] = ([3, 4, 23, 3], true),
        [152] = ([3, 8, 36, 3], true),
    };

    readonly Conv2d conv1;
    readonly BatchNorm2d bn1;
    readonly MaxPool2d? maxpool;
    readonly Sequential layer1;
    readonly Sequential layer2;
    readonly Sequential layer3;
    readonly Sequential? layer4;
    readonly GlobalAvgPool2d avgpool = new();
    readonly Flatten flatten = new();
    readonly Linear fc;

    /// <summary>The networks for small images.</summary>
    ResNet(int units, int channels, int classes, Shortcut shortcut, double survival, Device? device)
    {
        conv1 = Conv3x3(channels, 16, 1, device);
        bn1 = new(16, device: device);
        layer1 = Stage(0, 16, 16, 1);
        layer2 = Stage(1, 16, 32, 2);
        layer3 = Stage(2, 32, 64, 2);
        fc = new(64, classes, device: device);

        // Unit l of L survives with probability 1 - l / L (1 - survival): the early ones, which all others read, hardly ever drop (Huang et al., section 3).
        Sequential Stage(int stage, int inChannels, int outChannels, int stride) => new(Enumerable.Range(0, units).Select(i => new ResidualUnit(
            i == 0 ? inChannels : outChannels,
            outChannels,
            i == 0 ? stride : 1,
            shortcut,
            device,
            1 - (((stage * units) + i + 1) / (3.0 * units) * (1 - survival)))));
    }

    /// <summary>The networks of table 1.</summary>
    ResNet(int[] units, bool bottleneck, int channels, int classes, bool smallImages, Device? device)
    {
        conv1 = smallImages ? Conv3x3(channels, 64, 1, device) : new(channels, 64, 7, stride: 2, padding: 3, bias: false, initializer: Initializer, device: device);
        bn1 = new(64, device: device);
        maxpool = smallImages ? null : new(3, stride: 2, padding: 1);
        var width = 64;
        layer1 = Stage(units[0], 64, 1);
        layer2 = Stage(units[1], 128, 2);
        layer3 = Stage(units[2], 256, 2);
        layer4 = Stage(units[3], 512, 2);
        fc = new(width, classes, device: device);

        Sequential Stage(int count, int unitChannels, int stride)
        {
            var stage = new Layer[count];
            for (var i = 0; i < count; i++)
            {
                stage[i] = bottleneck
                    ? new BottleneckUnit(width, unitChannels, i == 0 ? stride : 1, device)
                    : new ResidualUnit(width, unitChannels, i == 0 ? stride : 1, Shortcut.B, device);
                width = bottleneck ? BottleneckUnit.Expansion * unitChannels : unitChannels;
            }

            return new(stage);
        }
    }

    /// <summary>Normal by fan out: keeps the variance of the gradients.</summary>
    internal static IInitializer Initializer { get; } = Initializers.HeNormal(Fan.Out);

    /// <summary>
    /// The networks for small images of section 4.2: three stages of (depth - 2) / 6 units with 16, 32 and 64 channels.
    /// [N, H, W, channels] to logits [N, classes].
    /// </summary>
    /// <param name="depth">Layers with weights: 6 n + 2; in the paper 20, 32, 44, 56 and 110.</param>
    /// <param name="classes">Default 10.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <param name="shortcut">Default A, as in the paper.</param>
    /// <param name="channels">Channels of the images; default 3.</param>
    /// <param name="survival">The probability that training runs the last unit, those before it linearly more; default 1: all are always run. Huang et al. use 0.5.</param>
    /// <exception cref="ArgumentOutOfRangeException">No number of units gives that depth, or the probability is not in (0, 1].</exception>
    public static ResNet Cifar(int depth, int classes = 10, Device? device = null, Shortcut shortcut = Shortcut.A, int channels = 3, double survival = 1)
    {
        if (depth < 8 || (depth - 2) % 6 != 0) throw new ArgumentOutOfRangeException(nameof(depth), depth, "ResNet.Cifar: expected a depth of 6 n + 2: 20, 32, 44, 56, 110.");
        if (!(survival > 0 && survival <= 1)) throw new ArgumentOutOfRangeException(nameof(survival), survival, "ResNet.Cifar: the probability of survival must be above 0 and at most 1.");
        return new((depth - 2) / 6, channels, classes, shortcut, survival, device);
    }

    /// <summary>
    /// The networks of table 1: four stages with 64 to 512 channels, in bottlenecks four times as many.
    /// [N, H, W, channels] to logits [N, classes].
    /// </summary>
    /// <param name="depth">Layers with weights: 18, 34, 50, 101 or 152.</param>
    /// <param name="classes">Default 1,000.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <param name="channels">Channels of the images; default 3.</param>
    /// <param name="smallImages">Whether images are of CIFAR's size: the first convolution is 3x3 at stride 1 and no pooling follows it. Default no.</param>
    /// <exception cref="ArgumentOutOfRangeException">The table has no such depth.</exception>
    public static ResNet ImageNet(int depth, int classes = 1000, Device? device = null, int channels = 3, bool smallImages = false)
    {
        if (!Table.TryGetValue(depth, out var row)) throw new ArgumentOutOfRangeException(nameof(depth), depth, $"ResNet.ImageNet: expected a depth of {string.Join(", ", Table.Keys)}.");
        return new(row.Units, row.Bottleneck, channels, classes, smallImages, device);
    }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
    {
        var mark = BeginForward();
        x = Functional.Relu(bn1.Forward(conv1.Forward(x)));
        return Chain(mark, x, maxpool, layer1, layer2, layer3, layer4, avgpool, flatten, fc);
    }

    internal static Conv2d Conv3x3(int inChannels, int outChannels, int stride, Device? device)
        => new(inChannels, outChannels, 3, stride, padding: 1, bias: false, initializer: Initializer, device: device);

    internal static Conv2d Conv1x1(int inChannels, int outChannels, int stride, Device? device)
        => new(inChannels, outChannels, 1, stride, bias: false, initializer: Initializer, device: device);

    /// <summary>The shortcut of a unit; null where it is the identity.</summary>
    internal static Layer? Downsample(int inChannels, int outChannels, int stride, Shortcut kind, Device? device)
    {
        if (inChannels == outChannels && stride == 1) return null;
        return kind == Shortcut.A
            ? new SubsamplingShortcut(inChannels, outChannels, stride)
            : new Sequential(Conv1x1(inChannels, outChannels, stride, device), new BatchNorm2d(outChannels, device: device));
    }
}
