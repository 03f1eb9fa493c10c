using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Models;

/// <summary>What a model of the zoo is built for.</summary>
public sealed record ModelOptions
{
    /// <summary>One picture, [H, W, C]; default: the model's own.</summary>
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
/// <param name="Input">The pictures it was made for, [H, W, C].</param>
/// <param name="Classes">The classes it was made for.</param>
/// <param name="Paper">Where it comes from.</param>
/// <param name="Build">Builds it for pictures of a shape and a number of classes.</param>
public sealed record ModelEntry(string Name, Shape Input, int Classes, string Paper, Func<Shape, int, ModelOptions, Layer> Build);

/// <summary>The models, by name.</summary>
public static class Zoo
{
    const string LeCun1998 = "LeCun et al. 1998, Gradient-based learning applied to document recognition";
    const string Simonyan2014 = "Simonyan and Zisserman 2014, Very deep convolutional networks for large-scale image recognition (arXiv 1409.1556)";
    const string He2015 = "He et al. 2015, Deep residual learning for image recognition (arXiv 1512.03385)";

    /// <summary>All models.</summary>
    public static IReadOnlyList<ModelEntry> Entries { get; } =
    [
        Small("lenet5", LeCun1998, (x, classes, o) => LeNet5.Create((x[0], x[1]), x[2], classes, o.Device)),
        .. Each([20, 32, 44, 56, 110], depth =>
            Small($"resnet{depth}", He2015, (x, classes, o) => ResNet.Cifar(depth, classes, o.Device, o.Shortcut, x[2]))),
        Small("resnet18-cifar", He2015, (x, classes, o) => ResNet.ImageNet(18, classes, o.Device, x[2], smallPictures: true)),
        Small("vgg16-cifar", Simonyan2014, (x, classes, o) => Vgg.Cifar(VggConfiguration.D, batchNorm: true, classes, o.Device, x[2])),
    ];

    /// <summary>The entry of a name, whatever its case.</summary>
    /// <exception cref="ArgumentException">There is none; the message suggests the nearest.</exception>
    public static ModelEntry Find(string name)
        => Entries.FirstOrDefault(e => string.Equals(e.Name, name, StringComparison.OrdinalIgnoreCase))
        ?? throw new ArgumentException(Nearest.Unknown("model", name, [.. Entries.Select(e => e.Name)]), nameof(name));

    /// <summary>Builds a model by name, with weights from <see cref="Generator.Default"/>.</summary>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    /// <exception cref="ShapeException">It cannot take such pictures.</exception>
    public static Layer Build(string name, ModelOptions? options = null)
    {
        var entry = Find(name);
        options ??= new();
        var input = options.Input ?? entry.Input;
        if (input.Rank != 3) throw new ShapeException(entry.Name, $"expected pictures [H, W, C], got {input}.");
        return entry.Build(input, options.Classes ?? entry.Classes, options);
    }

    /// <summary>A model for CIFAR-10's pictures.</summary>
    static ModelEntry Small(string name, string paper, Func<Shape, int, ModelOptions, Layer> build) => new(name, new(32, 32, 3), 10, paper, build);

    static IEnumerable<ModelEntry> Each<T>(T[] values, Func<T, ModelEntry> entry) => values.Select(entry);
}
