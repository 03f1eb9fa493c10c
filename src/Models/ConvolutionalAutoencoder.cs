using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Models;

/// <summary>
/// A convolutional autoencoder (Masci et al. 2011, "Stacked convolutional auto-encoders for hierarchical feature
/// extraction"): convolutions and pooling down to a small code, transposed convolutions back to the image.
/// [N, H, W, C] to the same shape, for <see cref="Loss.MeanSquaredError"/> against the input; H and W are multiples of 4.
/// </summary>
public sealed class ConvolutionalAutoencoder : Layer
{
    readonly Sequential encoder;
    readonly Sequential decoder;

    /// <summary>Creates the network.</summary>
    /// <param name="channels">Channels of the images; default 3.</param>
    /// <param name="code">Channels of the code; default 16: of 32x32 images of three channels it keeps a third of the numbers.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    public ConvolutionalAutoencoder(int channels = 3, int code = 16, Device? device = null)
    {
        encoder = new(
            new Conv2d(channels, 32, 3, padding: 1, initializer: Initializers.HeNormal(), device: device),
            new Relu(),
            new MaxPool2d(2),
            new Conv2d(32, 64, 3, padding: 1, initializer: Initializers.HeNormal(), device: device),
            new Relu(),
            new MaxPool2d(2),
            new Conv2d(64, code, 3, padding: 1, device: device));
        decoder = new(
            new ConvTranspose2d(code, 64, 4, stride: 2, padding: 1, device: device),
            new Relu(),
            new ConvTranspose2d(64, 32, 4, stride: 2, padding: 1, device: device),
            new Relu(),
            new Conv2d(32, channels, 3, padding: 1, device: device));
    }

    /// <summary>The code of images.</summary>
    /// <param name="x">[N, H, W, C].</param>
    /// <returns>[N, H / 4, W / 4, code].</returns>
    /// <exception cref="ShapeException">The images do not fit.</exception>
    public Tensor Encode(Tensor x) => encoder.Forward(x);

    /// <summary>The images of a code.</summary>
    /// <param name="code">[N, H / 4, W / 4, code].</param>
    /// <returns>[N, H, W, C].</returns>
    /// <exception cref="ShapeException">The code does not fit.</exception>
    public Tensor Decode(Tensor code) => decoder.Forward(code);

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
    {
        if (x.Shape.Rank == 4 && (x.Shape[1] % 4 != 0 || x.Shape[2] % 4 != 0)) throw new ShapeException("ConvolutionalAutoencoder", $"expected rows and columns in multiples of 4, got {x.Shape}.");
        return Decode(Encode(x));
    }
}
