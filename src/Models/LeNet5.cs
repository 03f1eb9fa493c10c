using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Models;

/// <summary>
/// LeNet-5 (LeCun et al. 1998, "Gradient-based learning applied to document recognition", section II.B), as it was and in
/// today's form: rectifiers, max-pooling and a softmax in place of sigmoids, learned subsampling and radial basis functions.
/// </summary>
public static class LeNet5
{
    /// <summary>Today's form: [N, H, W, C] to logits [N, classes]. 61,706 weights for 32 x 32 images of one channel and 10 classes.</summary>
    /// <param name="size">Rows and columns of the images; default 32. MNIST's 28 are padded to 32, as in the paper.</param>
    /// <param name="channels">Channels of the images; default 3.</param>
    /// <param name="classes">Default 10.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <exception cref="ShapeException">The images are smaller than 16 x 16.</exception>
    public static Sequential Create(Size2d? size = null, int channels = 3, int classes = 10, Device? device = null)
    {
        var images = size ?? 32;
        var padding = images == 28 ? 2 : 0;
        var rows = Halved(Halved(images.H + (2 * padding)));
        var columns = Halved(Halved(images.W + (2 * padding)));
        if (rows < 1 || columns < 1) throw new ShapeException("LeNet5", $"expected images of at least 16 x 16, got {images.H} x {images.W}.");
        return new(
            new Conv2d(channels, 6, 5, padding: padding, device: device),
            new Relu(),
            new MaxPool2d(2),
            new Conv2d(6, 16, 5, device: device),
            new Relu(),
            new MaxPool2d(2),
            new Flatten(),
            new Linear(Geometry.Extent("LeNet5", $"the number of features of {images.H} x {images.W} pixels", (long)rows * columns * 16), 120, device: device),
            new Relu(),
            new Linear(120, 84, device: device),
            new Relu(),
            new Linear(84, classes, device: device));
    }

    /// <summary>The paper's form, layers C1 to F6 and the output: [N, H, W, C] to minus squared distances [N, classes], which serve as logits. 60,000 trained weights for images of one channel.</summary>
    /// <param name="size">Rows and columns of the images: 32, or 28, which are padded to 32; default 32.</param>
    /// <param name="channels">Channels of the images; default 1.</param>
    /// <param name="classes">Default 10.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <exception cref="ShapeException">The images have another size.</exception>
    public static Sequential Original(Size2d? size = null, int channels = 1, int classes = 10, Device? device = null)
    {
        var images = size ?? 32;
        if (images != 32 && images != 28) throw new ShapeException("LeNet5", $"expected images of 32 x 32 or 28 x 28, got {images.H} x {images.W}.");
        return new(
            ("c1", new Conv2d(channels, 6, 5, padding: images == 28 ? 2 : 0, initializer: Initializer(25 * channels), device: device)),
            ("squash1", new ScaledTanh()),
            ("s2", new Subsampling(6, device)),
            ("squash2", new ScaledTanh()),
            ("c3", new PartialConv2d(device)),
            ("squash3", new ScaledTanh()),
            ("s4", new Subsampling(16, device)),
            ("squash4", new ScaledTanh()),
            ("c5", new Conv2d(16, 120, 5, initializer: Initializer(25 * 16), device: device)),
            ("squash5", new ScaledTanh()),
            ("flatten", new Flatten()),
            ("f6", new Linear(120, RadialBasis.Features, initializer: Initializer(120), device: device)),
            ("squash6", new ScaledTanh()),
            ("output", new RadialBasis(classes, device)));
    }

    /// <summary>Section II.D: evenly within 2.4 / fan in.</summary>
    internal static IInitializer Initializer(int fanIn) => Initializers.Uniform(-2.4 / fanIn, 2.4 / fanIn);

    /// <summary>What a 5 x 5 convolution and a 2 x 2 pooling leave.</summary>
    static int Halved(int size) => (size - 4) / 2;
}
