using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Models;

/// <summary>
/// The small network for MNIST with which the framework Burn shows how PyTorch's weights are imported
/// (https://github.com/tracel-ai/burn, examples/import-model-weights): three convolutions without pooling, two linear layers.
/// Its weights load by their names.
/// </summary>
public static class MnistCnn
{
    /// <summary>[N, 28, 28, 1] to logits [N, classes]; 376,870 weights for ten classes.</summary>
    /// <param name="size">Rows and columns of the images; default 28.</param>
    /// <param name="channels">Channels of the images; default 1.</param>
    /// <param name="classes">Default 10.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <exception cref="ShapeException">The images are smaller than 7 x 7.</exception>
    public static Sequential Create(Size2d? size = null, int channels = 1, int classes = 10, Device? device = null)
    {
        var images = size ?? 28;
        if (images.H < 7 || images.W < 7) throw new ShapeException("MnistCnn", $"expected images of at least 7 x 7, got {images.H} x {images.W}.");
        return new(
            ("conv1", new Conv2d(channels, 8, 3, device: device)),
            ("relu1", new Relu()),
            ("conv2", new Conv2d(8, 16, 3, device: device)),
            ("relu2", new Relu()),
            ("conv3", new Conv2d(16, 24, 3, device: device)),
            ("relu3", new Relu()),
            ("norm1", new BatchNorm2d(24, device: device)),
            ("flatten", new Flatten()),
            ("fc1", new Linear(Geometry.Extent("MnistCnn", $"the number of features of {images.H} x {images.W} pixels", (images.H - 6L) * (images.W - 6) * 24), 32, device: device)),
            ("relu4", new Relu()),
            ("fc2", new Linear(32, classes, device: device)),
            ("norm2", new BatchNorm2d(classes, device: device)));
    }
}
