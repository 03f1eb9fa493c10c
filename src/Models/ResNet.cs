using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Models;

/// <summary>What leads past a residual unit that changes the shape (He et al. 2015, section 3.3).</summary>
public enum Shortcut
{
    /// <summary>Every second pixel and channels of zeros, half before and half behind: no weights. The paper's for CIFAR-10.</summary>
    A,

    /// <summary>A 1x1 convolution with batch normalisation. The paper's for ImageNet.</summary>
    B,
}

/// <summary>The residual unit of He et al. 2015, figure 2: two 3x3 convolutions and a shortcut. [N, H, W, in] to [N, H / stride, W / stride, out].</summary>
public sealed class ResidualUnit : Layer
{
    readonly Conv2d conv1;
    readonly BatchNorm2d norm1;
    readonly Conv2d conv2;
    readonly BatchNorm2d norm2;
    readonly Layer shortcut;

    /// <summary>Creates the unit.</summary>
    /// <param name="inChannels">Channels of the input.</param>
    /// <param name="outChannels">Channels of the result.</param>
    /// <param name="stride">Of the first convolution and of the shortcut.</param>
    /// <param name="kind">The shortcut where the shape changes; elsewhere it is the identity.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    public ResidualUnit(int inChannels, int outChannels, int stride = 1, Shortcut kind = Shortcut.A, Device? device = null)
    {
        conv1 = ResNet.Conv3x3(inChannels, outChannels, stride, device);
        norm1 = new(outChannels, device: device);
        conv2 = ResNet.Conv3x3(outChannels, outChannels, 1, device);
        norm2 = new(outChannels, device: device);
        shortcut = inChannels == outChannels && stride == 1 ? new Identity()
            : kind == Shortcut.A ? new SubsamplingShortcut(inChannels, outChannels, stride)
            : new Sequential(
                new Conv2d(inChannels, outChannels, 1, stride, bias: false, initializer: ResNet.Initializer, device: device),
                new BatchNorm2d(outChannels, device: device));
    }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
    {
        var y = norm1.Forward(conv1.Forward(x), Activation.Relu);
        return norm2.Forward(conv2.Forward(y), Activation.Relu, add: shortcut.Forward(x));
    }
}

/// <summary>Option A: every <paramref name="stride"/>-th pixel, and the missing channels as zeros, half before and half behind.</summary>
/// <param name="inChannels">Channels of the input.</param>
/// <param name="outChannels">Channels of the result; at least as many.</param>
/// <param name="stride">Rows and columns between the pixels taken.</param>
public sealed class SubsamplingShortcut(int inChannels, int outChannels, int stride) : Layer
{
    readonly int before = (outChannels - inChannels) / 2;
    readonly int behind = outChannels - inChannels - ((outChannels - inChannels) / 2);

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.SubsampleAndWiden(x, stride, before, behind);
}

/// <summary>Residual networks (He et al. 2015, "Deep residual learning for image recognition", arXiv 1512.03385).</summary>
public sealed class ResNet : Layer
{
    readonly Conv2d conv1;
    readonly BatchNorm2d norm1;
    readonly Sequential stage1;
    readonly Sequential stage2;
    readonly Sequential stage3;
    readonly GlobalAvgPool2d pool = new();
    readonly Flatten flatten = new();
    readonly Linear linear;

    ResNet(int units, int channels, int classes, Shortcut shortcut, Device? device)
    {
        conv1 = Conv3x3(channels, 16, 1, device);
        norm1 = new(16, device: device);
        stage1 = Stage(units, 16, 16, 1);
        stage2 = Stage(units, 16, 32, 2);
        stage3 = Stage(units, 32, 64, 2);
        linear = new(64, classes, device: device);

        Sequential Stage(int count, int inChannels, int outChannels, int stride)
            => new(Enumerable.Range(0, count).Select(i => i == 0
                ? new ResidualUnit(inChannels, outChannels, stride, shortcut, device)
                : new ResidualUnit(outChannels, outChannels, 1, shortcut, device)));
    }

    /// <summary>Normal by fan out: keeps the variance of the gradients.</summary>
    internal static IInitializer Initializer { get; } = Initializers.HeNormal(Fan.Out);

    /// <summary>
    /// The networks for small pictures of section 4.2: three stages of (depth - 2) / 6 units with 16, 32 and 64 channels.
    /// [N, H, W, channels] to logits [N, classes].
    /// </summary>
    /// <param name="depth">Layers with weights: 6 n + 2; in the paper 20, 32, 44, 56 and 110.</param>
    /// <param name="classes">Default 10.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <param name="shortcut">Default A, as in the paper.</param>
    /// <param name="channels">Channels of the pictures; default 3.</param>
    /// <exception cref="ArgumentOutOfRangeException">No number of units gives that depth.</exception>
    public static ResNet Cifar(int depth, int classes = 10, Device? device = null, Shortcut shortcut = Shortcut.A, int channels = 3)
    {
        if (depth < 8 || (depth - 2) % 6 != 0) throw new ArgumentOutOfRangeException(nameof(depth), depth, "ResNet.Cifar: expected a depth of 6 n + 2: 20, 32, 44, 56, 110.");
        return new((depth - 2) / 6, channels, classes, shortcut, device);
    }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
    {
        x = norm1.Forward(conv1.Forward(x), Activation.Relu);
        x = stage3.Forward(stage2.Forward(stage1.Forward(x)));
        return linear.Forward(flatten.Forward(pool.Forward(x)));
    }

    internal static Conv2d Conv3x3(int inChannels, int outChannels, int stride, Device? device)
        => new(inChannels, outChannels, 3, stride, padding: 1, bias: false, initializer: Initializer, device: device);
}
