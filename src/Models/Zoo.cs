using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Models;

/// <summary>What a model of the zoo is built for.</summary>
public sealed record ModelOptions
{
    /// <summary>One image, [H, W, C]; default: the model's own.</summary>
    public Shape? Input { get; init; }

    /// <summary>Default: the model's own.</summary>
    public int? Classes { get; init; }

    /// <summary>Of residual networks; default A.</summary>
    public Shortcut Shortcut { get; init; }

    /// <summary>Where; default <see cref="CnnSharp.Device.Best"/>.</summary>
    public Device? Device { get; init; }
}

/// <summary>A model that can be built by name.</summary>
/// <param name="Name">What it is called, in small letters.</param>
/// <param name="Input">The images it was made for, [H, W, C].</param>
/// <param name="Classes">The classes it was made for; 0 if it gives none.</param>
/// <param name="Paper">Where it comes from.</param>
/// <param name="Build">Builds it for images of a shape and a number of classes.</param>
public sealed record ModelEntry(string Name, Shape Input, int Classes, string Paper, Func<Shape, int, ModelOptions, Layer> Build);

/// <summary>The models, by name.</summary>
public static class Zoo
{
    const string Classic = "a linear layer on the pixels";
    const string Rumelhart1986 = "Rumelhart et al. 1986, Learning representations by back-propagating errors";
    const string LeCun1998 = "LeCun et al. 1998, Gradient-based learning applied to document recognition";
    const string Burn = "Burn's example of imported weights (github.com/tracel-ai/burn)";
    const string Masci2011 = "Masci et al. 2011, Stacked convolutional auto-encoders for hierarchical feature extraction";
    const string Krizhevsky2012 = "Krizhevsky et al. 2012, ImageNet classification with deep convolutional neural networks";
    const string Krizhevsky2014 = "Krizhevsky 2014, One weird trick for parallelizing convolutional neural networks (arXiv 1404.5997)";
    const string Lin2013 = "Lin et al. 2013, Network in network (arXiv 1312.4400)";
    const string Simonyan2014 = "Simonyan and Zisserman 2014, Very deep convolutional networks for large-scale image recognition (arXiv 1409.1556)";
    const string Springenberg2014 = "Springenberg et al. 2014, Striving for simplicity: the all convolutional net (arXiv 1412.6806)";
    const string Szegedy2014 = "Szegedy et al. 2014, Going deeper with convolutions (arXiv 1409.4842)";
    const string He2015 = "He et al. 2015, Deep residual learning for image recognition (arXiv 1512.03385)";
    const string He2016 = "He et al. 2016, Identity mappings in deep residual networks (arXiv 1603.05027)";
    const string Huang2016 = "Huang et al. 2016, Deep networks with stochastic depth (arXiv 1603.09382)";
    const string Zagoruyko2016 = "Zagoruyko and Komodakis 2016, Wide residual networks (arXiv 1605.07146)";
    const string HuangLiu2016 = "Huang, Liu et al. 2016, Densely connected convolutional networks (arXiv 1608.06993)";
    const string Long2015 = "Long et al. 2015, Fully convolutional networks for semantic segmentation (arXiv 1411.4038)";

    static readonly (string Name, VggConfiguration Configuration)[] VggNames =
    [
        ("vgg11", VggConfiguration.A),
        ("vgg11-lrn", VggConfiguration.ALrn),
        ("vgg13", VggConfiguration.B),
        ("vgg16-c", VggConfiguration.C),
        ("vgg16", VggConfiguration.D),
        ("vgg19", VggConfiguration.E),
    ];

    /// <summary>All models: those for CIFAR's images, then those for ImageNet's, then those that give no class.</summary>
    public static IReadOnlyList<ModelEntry> Entries { get; } =
    [
        Small("linear", Classic, (x, classes, o) => LinearClassifier.Create(x, classes, o.Device)),
        Small("mlp", Rumelhart1986, (x, classes, o) => Perceptron.Create(x, classes: classes, device: o.Device)),
        new("lenet5-1998", new(32, 32, 1), 10, LeCun1998, (x, classes, o) => LeNet5.Original((x[0], x[1]), x[2], classes, o.Device)),
        new("mnist-cnn", new(28, 28, 1), 10, Burn, (x, classes, o) => MnistCnn.Create((x[0], x[1]), x[2], classes, o.Device)),
        Small("lenet5", LeCun1998, (x, classes, o) => LeNet5.Create((x[0], x[1]), x[2], classes, o.Device)),
        Small("nin-cifar", Lin2013, (x, classes, o) => NetworkInNetwork.Cifar(classes, o.Device, x[2])),
        Small("allcnn", Springenberg2014, (x, classes, o) => AllConvolutional.Cifar(classes, o.Device, x[2])),
        .. Each(VggNames, vgg => Small($"{vgg.Name}-cifar", Simonyan2014, (x, classes, o) => Vgg.Cifar(vgg.Configuration, batchNorm: true, classes, o.Device, x[2]))),
        .. Each([20, 32, 44, 56, 110], depth => Small($"resnet{depth}", He2015, (x, classes, o) => ResNet.Cifar(depth, classes, o.Device, o.Shortcut, x[2]))),
        Small("resnet18-cifar", He2015, (x, classes, o) => ResNet.ImageNet(18, classes, o.Device, x[2], smallImages: true)),
        Small("resnet110-stochastic", Huang2016, (x, classes, o) => ResNet.Cifar(110, classes, o.Device, o.Shortcut, x[2], survival: 0.5f)),
        Small("preresnet110", He2016, (x, classes, o) => PreActivationResNet.Cifar(110, bottleneck: false, classes, o.Device, x[2])),
        Small("preresnet164", He2016, (x, classes, o) => PreActivationResNet.Cifar(164, bottleneck: true, classes, o.Device, x[2])),
        Small("wrn28-10", Zagoruyko2016, (x, classes, o) => PreActivationResNet.Wide(28, 10, classes: classes, device: o.Device, channels: x[2])),
        Small("densenet40", HuangLiu2016, (x, classes, o) => DenseNet.Cifar(40, bottleneck: false, classes: classes, device: o.Device, channels: x[2])),
        Small("densenet40-bc", HuangLiu2016, (x, classes, o) => DenseNet.Cifar(40, classes: classes, device: o.Device, channels: x[2])),
        Small("densenet100-bc", HuangLiu2016, (x, classes, o) => DenseNet.Cifar(100, classes: classes, device: o.Device, channels: x[2])),
        Large("alexnet-2012", Krizhevsky2012, (x, classes, o) => AlexNet.TwoGroups(classes, o.Device, x[2])),
        Large("alexnet", Krizhevsky2014, (x, classes, o) => AlexNet.OneColumn(classes, o.Device, x[2])),
        Large("nin", Lin2013, (x, classes, o) => NetworkInNetwork.ImageNet(classes, o.Device, x[2])),
        .. Each(VggNames, vgg => Large(vgg.Name, Simonyan2014, (x, classes, o) => Vgg.ImageNet(vgg.Configuration, batchNorm: false, classes, o.Device, x[2]))),
        .. Each(VggNames, vgg => Large($"{vgg.Name}-bn", Simonyan2014, (x, classes, o) => Vgg.ImageNet(vgg.Configuration, batchNorm: true, classes, o.Device, x[2]))),
        Large("googlenet", Szegedy2014, (x, classes, o) => new GoogLeNet(classes, o.Device, x[2])),
        .. Each([18, 34, 50, 101, 152], depth => Large($"resnet{depth}", He2015, (x, classes, o) => ResNet.ImageNet(depth, classes, o.Device, x[2]))),
        Large("densenet121", HuangLiu2016, (x, classes, o) => DenseNet.ImageNet(121, classes, o.Device, x[2])),
        .. Each([32, 16, 8], stride => new ModelEntry($"fcn{stride}s", new(224, 224, 3), 21, Long2015, (x, classes, o) => FullyConvolutional.Create(stride, classes, o.Device, x[2]))),
        new("autoencoder", new(32, 32, 3), 0, Masci2011, (x, _, o) => new ConvolutionalAutoencoder(x[2], device: o.Device)),
    ];

    /// <summary>The entry of a name, whatever its case.</summary>
    /// <exception cref="ArgumentException">There is none; the message suggests the nearest.</exception>
    public static ModelEntry Find(string name)
        => Entries.FirstOrDefault(e => string.Equals(e.Name, name, StringComparison.OrdinalIgnoreCase))
        ?? throw new ArgumentException(Nearest.Unknown("model", name, [.. Entries.Select(e => e.Name)]), nameof(name));

    /// <summary>Builds a model by name, with weights from <see cref="Generator.Default"/>.</summary>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    /// <exception cref="ShapeException">It cannot take such images.</exception>
    public static Layer Build(string name, ModelOptions? options = null)
    {
        var entry = Find(name);
        options ??= new();
        var input = options.Input ?? entry.Input;
        if (input.Rank != 3) throw new ShapeException(entry.Name, $"expected images [H, W, C], got {input}.");
        return entry.Build(input, options.Classes ?? entry.Classes, options);
    }

    /// <summary>A model for CIFAR-10's images.</summary>
    static ModelEntry Small(string name, string paper, Func<Shape, int, ModelOptions, Layer> build) => new(name, new(32, 32, 3), 10, paper, build);

    /// <summary>A model for ImageNet's images.</summary>
    static ModelEntry Large(string name, string paper, Func<Shape, int, ModelOptions, Layer> build) => new(name, new(224, 224, 3), 1000, paper, build);

    static IEnumerable<ModelEntry> Each<T>(T[] values, Func<T, ModelEntry> entry) => values.Select(entry);
}
