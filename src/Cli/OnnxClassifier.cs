using System.Globalization;
using CnnSharp.Data;
using CnnSharp.Formats;
using CnnSharp.Formats.Onnx;
using CnnSharp.Layers;
using CnnSharp.Training;

namespace CnnSharp.Cli;

/// <summary>A classifier of images out of a file that holds its network itself, with what the file says about them.</summary>
/// <param name="Layer">The network; it gives logits.</param>
/// <param name="Size">Rows and columns of an image.</param>
/// <param name="Channels">1 or 3.</param>
/// <param name="Batch">How many images the graph takes at once; null: any number.</param>
/// <param name="Info">What the file says beside the graph.</param>
/// <param name="Normalization">Its normalization; null: it says none.</param>
internal sealed record OnnxClassifier(Layer Layer, int? Size, int Channels, int? Batch, ModelInfo Info, Normalization? Normalization)
{
    /// <summary>Reads a file, and says what it says of classes and images.</summary>
    /// <param name="terminal">Where.</param>
    /// <param name="file">The file.</param>
    /// <param name="size">What <c>--size</c> says.</param>
    /// <param name="device">Where to compute.</param>
    /// <exception cref="UsageException">The network does not take images that can be read, or not of that size, or is no classifier.</exception>
    public static OnnxClassifier Load(Terminal terminal, string file, int? size, Device device)
    {
        var classifier = Load(file, size, device);
        TrainedModel.RequireClassifier(file, classifier.Info.Task);
        Say(terminal, file, classifier.Info);
        return classifier;
    }

    /// <summary>Reads a file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="size">What <c>--size</c> says.</param>
    /// <param name="device">Where to compute.</param>
    /// <exception cref="UsageException">The network does not take images that can be read, or not of that size.</exception>
    public static OnnxClassifier Load(string file, int? size, Device device)
    {
        var network = OnnxNetwork.Load(file, device);
        var info = network.Info;
        if (network.Images is not { } images) throw new UsageException($"'{file}' takes {string.Join(" and ", network.Inputs)}; expected one input of images, [N, C, H, W] or [N, H, W, C].");
        if (images.Channels is { } given and not (1 or 3)) throw new UsageException($"'{file}' takes images of {given} channels; images are read with 1 or 3.");
        if (images is { Height: { } height, Width: { } width } && height != width) throw new UsageException($"'{file}' takes images of {height} x {width}; square ones are read.");
        var stated = images.Height ?? images.Width;
        if (size is { } other && stated is { } own && other != own) throw new UsageException($"--size {other}: '{file}' takes images of {own} x {own}.");
        if (info.Input is [var rows, var columns, _] && rows != columns) throw new UsageException($"'{file}' is for images of {rows} x {columns}; square ones are read.");

        var channels = images.Channels ?? (info.Input.Count == 3 && info.Input[2] == 1 ? 1 : 3);
        var normalization = NormalizationOf(file, info, channels);

        // What ends in a softmax gives probabilities: their logarithms are logits. A training of this library takes its network's results as logits, whatever they are.
        Layer layer = network.GivesProbabilities && !info.HasGraph ? new Sequential(network, new Lambda(y => Functional.Log(y + 1e-30f))) : network;
        if (info.IsBgr) layer = new Sequential(new Lambda(Reversed), layer);
        return new(layer.Eval(), stated ?? size ?? (info.Input.Count == 3 ? info.Input[0] : null), channels, images.Batch, info, normalization);
    }

    /// <summary>Says what a file says of itself and is followed, and what is not.</summary>
    public static void Say(Terminal terminal, string file, ModelInfo info)
    {
        var parts = new List<string>();
        if (info.ClassNames.Count > 0) parts.Add($"{info.ClassNames.Count:N0} class names");
        if (info.Mean.Count > 0) parts.Add($"mean {Numbers(info.Mean)} and standard deviation {Numbers(info.Std)}");
        if (info.Input.Count == 3) parts.Add($"images [{string.Join(", ", info.Input)}]");
        if (info.IsBgr) parts.Add("blue before green and red");
        if (parts.Count > 0 && info.Keys.Count > 0) terminal.WriteLine($"'{file}' says: {string.Join("; ", parts)} (its metadata: {string.Join(", ", info.Keys)})");
        foreach (var note in info.Notes) terminal.WriteLine($"warning: '{file}': {note}");

        static string Numbers(IReadOnlyList<float> values) => string.Join(", ", values.Select(value => value.ToString("G6", CultureInfo.InvariantCulture)));
    }

    static Normalization? NormalizationOf(string file, ModelInfo info, int channels)
    {
        if (info.Mean.Count == 0) return null;
        if (info.Mean.Count == channels) return new([.. info.Mean], [.. info.Std]);

        // A range of pixels is stated for all channels alike.
        if (info.Mean.Distinct().Count() == 1 && info.Std.Distinct().Count() == 1) return new([.. Enumerable.Repeat(info.Mean[0], channels)], [.. Enumerable.Repeat(info.Std[0], channels)]);
        throw new UsageException($"'{file}' takes images of {channels} channels, and its metadata say the mean of {info.Mean.Count}.");
    }

    static Tensor Reversed(Tensor x) => Functional.Concat([.. Enumerable.Range(0, x.Shape[^1]).Reverse().Select(channel => Functional.Slice(x, 3, channel, 1))], 3);
}
