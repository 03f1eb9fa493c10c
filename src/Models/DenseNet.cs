using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Models;

/// <summary>A layer of a dense block (Huang et al. 2016, section 3): its own channels, from all those before. [N, H, W, in] to [N, H, W, growth].</summary>
public sealed class DenseLayer : Layer
{
    readonly BatchNorm2d norm1;
    readonly Conv2d conv1;
    readonly BatchNorm2d? norm2;
    readonly Conv2d? conv2;

    /// <summary>Creates the layer.</summary>
    /// <param name="inChannels">Channels of the input.</param>
    /// <param name="growth">Channels of the result.</param>
    /// <param name="bottleneck">Whether a 1x1 convolution to four times the growth stands before the 3x3 one: the B of DenseNet-BC.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    public DenseLayer(int inChannels, int growth, bool bottleneck = true, Device? device = null)
    {
        norm1 = new(inChannels, device: device);
        if (!bottleneck)
        {
            conv1 = DenseNet.Conv3x3(inChannels, growth, device);
            return;
        }

        conv1 = DenseNet.Conv1x1(inChannels, 4 * growth, device);
        norm2 = new(4 * growth, device: device);
        conv2 = DenseNet.Conv3x3(4 * growth, growth, device);
    }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
    {
        var y = conv1.Forward(Functional.Relu(norm1.Forward(x)));
        return norm2 is null ? y : conv2!.Forward(Functional.Relu(norm2.Forward(y)));
    }
}

/// <summary>A dense block: each layer's channels are put after those that it read. [N, H, W, in] to [N, H, W, in + layers growth].</summary>
public sealed class DenseBlock : Layer
{
    [Inline]
    readonly (string Name, Layer Layer)[] layers;

    /// <summary>Creates the block.</summary>
    /// <param name="count">Its layers.</param>
    /// <param name="inChannels">Channels of the input.</param>
    /// <param name="growth">Channels that each layer adds.</param>
    /// <param name="bottleneck">Of the layers.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    public DenseBlock(int count, int inChannels, int growth, bool bottleneck = true, Device? device = null)
        => layers = [.. Enumerable.Range(0, count).Select(i => ($"denselayer{i + 1}", (Layer)new DenseLayer(inChannels + (i * growth), growth, bottleneck, device)))];

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
    {
        // Without recording, what was concatenated before is freed as soon as it is in the next.
        var mark = BeginForward();
        foreach (var (_, layer) in layers) x = EndForward(mark, Functional.Concat([x, layer.Forward(x)]));
        return x;
    }
}

/// <summary>What lies between two dense blocks: [N, H, W, in] to [N, H / 2, W / 2, out].</summary>
public sealed class DenseTransition : Layer
{
    readonly BatchNorm2d norm;
    readonly Conv2d conv;
    readonly AvgPool2d pool = new(2);

    /// <summary>Creates the layer.</summary>
    /// <param name="inChannels">Channels of the input.</param>
    /// <param name="outChannels">Channels of the result: half as many in the C of DenseNet-BC.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    public DenseTransition(int inChannels, int outChannels, Device? device = null)
    {
        norm = new(inChannels, device: device);
        conv = DenseNet.Conv1x1(inChannels, outChannels, device);
    }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => pool.Forward(conv.Forward(Functional.Relu(norm.Forward(x))));
}

/// <summary>
/// Densely connected networks (Huang et al. 2016, "Densely connected convolutional networks", arXiv 1608.06993).
/// [N, H, W, channels] to logits [N, classes]. Parameters have torchvision's names.
/// </summary>
public sealed class DenseNet : Layer
{
    /// <summary>Table 1: layers in the four blocks by depth.</summary>
    static readonly Dictionary<int, int[]> Table = new()
    {
        [121] = [6, 12, 24, 16],
        [169] = [6, 12, 32, 32],
        [201] = [6, 12, 48, 32],
    };

    readonly Sequential features;
    readonly GlobalAvgPool2d avgpool = new();
    readonly Flatten flatten = new();
    readonly Linear classifier;

    DenseNet(IEnumerable<(string Name, Layer Layer)> stem, int width, int[] blocks, int growth, bool bottleneck, int classes, Device? device)
    {
        var list = new List<(string, Layer)>(stem);
        for (var i = 0; i < blocks.Length; i++)
        {
            list.Add(($"denseblock{i + 1}", new DenseBlock(blocks[i], width, growth, bottleneck, device)));
            width += blocks[i] * growth;
            if (i + 1 == blocks.Length) continue;
            var next = bottleneck ? width / 2 : width;
            list.Add(($"transition{i + 1}", new DenseTransition(width, next, device)));
            width = next;
        }

        list.Add(($"norm{blocks.Length + 1}", new BatchNorm2d(width, device: device)));
        list.Add(("relu", new Relu()));
        features = new(list);
        classifier = new(width, classes, device: device);
    }

    /// <summary>The networks of table 1, for images of 224x224: growth 32, bottlenecks, compression by half.</summary>
    /// <param name="depth">Layers with weights: 121, 169 or 201; default 121.</param>
    /// <param name="classes">Default 1,000.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <param name="channels">Channels of the images; default 3.</param>
    /// <exception cref="ArgumentOutOfRangeException">The table has no such depth.</exception>
    public static DenseNet ImageNet(int depth = 121, int classes = 1000, Device? device = null, int channels = 3)
    {
        if (!Table.TryGetValue(depth, out var blocks)) throw new ArgumentOutOfRangeException(nameof(depth), depth, $"DenseNet.ImageNet: expected a depth of {string.Join(", ", Table.Keys)}.");
        const int growth = 32;
        return new(
            [
                ("conv0", new Conv2d(channels, 2 * growth, 7, stride: 2, padding: 3, bias: false, initializer: Initializers.HeNormal(), device: device)),
                ("norm0", new BatchNorm2d(2 * growth, device: device)),
                ("relu0", new Relu()),
                ("pool0", new MaxPool2d(3, stride: 2, padding: 1)),
            ],
            2 * growth,
            blocks,
            growth,
            bottleneck: true,
            classes,
            device);
    }

    /// <summary>The networks for small images of section 4.2: three blocks of as many layers each.</summary>
    /// <param name="depth">Layers with weights: 3 n + 4, with bottlenecks 6 n + 4; in the paper 40 and 100.</param>
    /// <param name="growth">Channels that each layer adds; default 12.</param>
    /// <param name="bottleneck">Whether it is a DenseNet-BC, with bottlenecks and compression by half; default yes.</param>
    /// <param name="classes">Default 10.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <param name="channels">Channels of the images; default 3.</param>
    /// <exception cref="ArgumentOutOfRangeException">No number of layers gives that depth.</exception>
    public static DenseNet Cifar(int depth = 100, int growth = 12, bool bottleneck = true, int classes = 10, Device? device = null, int channels = 3)
    {
        var step = bottleneck ? 6 : 3;
        if (depth < step + 4 || (depth - 4) % step != 0) throw new ArgumentOutOfRangeException(nameof(depth), depth, $"DenseNet.Cifar: expected a depth of {step} n + 4: 40, 100.");
        var width = bottleneck ? 2 * growth : 16;
        var layers = (depth - 4) / step;
        return new([("conv0", Conv3x3(channels, width, device))], width, [layers, layers, layers], growth, bottleneck, classes, device);
    }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => classifier.Forward(flatten.Forward(avgpool.Forward(features.Forward(x))));

    internal static Conv2d Conv3x3(int inChannels, int outChannels, Device? device)
        => new(inChannels, outChannels, 3, padding: 1, bias: false, initializer: Initializers.HeNormal(), device: device);

    internal static Conv2d Conv1x1(int inChannels, int outChannels, Device? device)
        => new(inChannels, outChannels, 1, bias: false, initializer: Initializers.HeNormal(), device: device);
}
