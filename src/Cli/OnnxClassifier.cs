using CnnSharp.Formats.Onnx;
using CnnSharp.Layers;

namespace CnnSharp.Cli;

/// <summary>A classifier of images out of an ONNX file, with what the file says about them.</summary>
/// <param name="Layer">The network; it gives logits.</param>
/// <param name="Size">Rows and columns of an image.</param>
/// <param name="Channels">1 or 3.</param>
/// <param name="Batch">How many images the graph takes at once; null: any number.</param>
internal sealed record OnnxClassifier(Layer Layer, int? Size, int Channels, int? Batch)
{
    /// <summary>Reads a file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="size">What <c>--size</c> says.</param>
    /// <param name="device">Where to compute.</param>
    /// <exception cref="UsageException">The network does not take images that can be read, or not of that size.</exception>
    public static OnnxClassifier Load(string file, int? size, Device device)
    {
        var network = OnnxNetwork.Load(file, device);
        if (network.Images is not { } images) throw new UsageException($"'{file}' takes {string.Join(" and ", network.Inputs)}; expected one input of images, [N, C, H, W] or [N, H, W, C].");
        if (images.Channels is { } channels and not (1 or 3)) throw new UsageException($"'{file}' takes images of {channels} channels; images are read with 1 or 3.");
        if (images is { Height: { } height, Width: { } width } && height != width) throw new UsageException($"'{file}' takes images of {height} x {width}; square ones are read.");
        var stated = images.Height ?? images.Width;
        if (size is { } other && stated is { } own && other != own) throw new UsageException($"--size {other}: '{file}' takes images of {own} x {own}.");

        // What ends in a softmax gives probabilities: their logarithms are logits.
        Layer layer = network.GivesProbabilities ? new Sequential(network, new Lambda(y => Functional.Log(y + 1e-30f))) : network;
        return new(layer.Eval(), stated ?? size, images.Channels ?? 3, images.Batch);
    }
}
