using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Models;

/// <summary>The least of classifiers: a score a class, each a weighted sum of the pixels. [N, H, W, C] to logits [N, classes].</summary>
/// <remarks>Under <see cref="Loss.CrossEntropy"/> this is logistic regression, under <see cref="Loss.MulticlassHinge"/> a support vector machine.</remarks>
public static class LinearClassifier
{
    /// <summary>Builds it.</summary>
    /// <param name="image">[H, W, C].</param>
    /// <param name="classes">Default 10.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    public static Sequential Create(Shape image, int classes = 10, Device? device = null)
        => new(new Flatten(), new Linear(Geometry.Extent("LinearClassifier", $"the number of features of an image {image}", image.Count), classes, device: device));
}

/// <summary>The two-layer perceptron (Rumelhart et al. 1986, "Learning representations by back-propagating errors"), with rectifiers. [N, H, W, C] to logits [N, classes].</summary>
public static class Perceptron
{
    /// <summary>Builds it.</summary>
    /// <param name="image">[H, W, C].</param>
    /// <param name="hidden">Features of the hidden layer; default 512.</param>
    /// <param name="classes">Default 10.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    public static Sequential Create(Shape image, int hidden = 512, int classes = 10, Device? device = null) => new(
        new Flatten(),
        new Linear(Geometry.Extent("Perceptron", $"the number of features of an image {image}", image.Count), hidden, device: device),
        new Relu(),
        new Linear(hidden, classes, device: device));
}
