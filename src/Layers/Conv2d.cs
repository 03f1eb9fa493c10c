using CnnSharp.Kernels;

namespace CnnSharp.Layers;

/// <summary>
/// Convolution: [N, H, W, in] to [N, OutH, OutW, out]. Parameters: weight [kh, kw, in / groups, out], bias [out].
/// The formula is with <see cref="Functional.Conv2d"/>.
/// </summary>
public sealed class Conv2d : Layer
{
    /// <summary>Creates the layer.</summary>
    /// <param name="inChannels">Channels of the input.</param>
    /// <param name="outChannels">Channels of the result.</param>
    /// <param name="kernel">The kernel's rows and columns.</param>
    /// <param name="stride">Default 1.</param>
    /// <param name="padding">Zeros around the input; default 0.</param>
    /// <param name="dilation">Default 1.</param>
    /// <param name="groups">Divides both numbers of channels; default 1, depthwise at <paramref name="inChannels"/>.</param>
    /// <param name="bias">Whether there is one; default yes. Of no use before a batch normalization.</param>
    /// <param name="initializer">How the weights begin; default <see cref="Initializers.Default"/>, which the bias follows in any case.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <exception cref="ShapeException">The numbers do not fit together.</exception>
    public Conv2d(int inChannels, int outChannels, Size2d kernel, Size2d? stride = null, Padding2d padding = default, Size2d? dilation = null, int groups = 1, bool bias = true, IInitializer? initializer = null, Device? device = null)
    {
        Options = new() { Stride = stride ?? 1, Padding = padding, Dilation = dilation ?? 1, Groups = groups };
        Check("Conv2d", inChannels, outChannels, kernel, groups);
        var area = (long)kernel.H * kernel.W;
        var fanIn = area * (inChannels / groups);
        var fanOut = area * outChannels;
        Weight = (initializer ?? Initializers.Default).Parameter(new(kernel.H, kernel.W, inChannels / groups, outChannels), fanIn, fanOut, device);
        Bias = bias ? Initializers.Default.Parameter(new(outChannels), fanIn, fanOut, device) : null;
    }

    /// <summary>[kh, kw, in / groups, out].</summary>
    public Tensor Weight { get; }

    /// <summary>[out], or null.</summary>
    public Tensor? Bias { get; }

    /// <summary>Stride, padding, dilation, groups.</summary>
    public Conv2dOptions Options { get; }

    /// <inheritdoc/>
    protected override string Describe() => Settings(
        $"{Weight.Shape[2] * Options.Groups}, {Weight.Shape[3]}, kernel {new Size2d(Weight.Shape[0], Weight.Shape[1])}",
        Options.Stride == 1 ? null : $"stride {Options.Stride}",
        Options.Padding == 0 ? null : $"padding {Options.Padding}",
        Options.Dilation == 1 ? null : $"dilation {Options.Dilation}",
        Options.Groups == 1 ? null : $"groups {Options.Groups}",
        Bias is null ? "no bias" : null);

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.Conv2d(x, Weight, Bias, Options);

    /// <inheritdoc/>
    public override long MultiplyAdds(Shape input, Shape output) => output.Count * (Weight.Count / Weight.Shape[3]);

    internal static void Check(string layer, int inChannels, int outChannels, Size2d kernel, int groups)
    {
        if (inChannels < 1 || outChannels < 1) throw new ShapeException(layer, $"expected at least 1 channel in and out, got {inChannels} and {outChannels}.");
        if (kernel.H < 1 || kernel.W < 1) throw new ShapeException(layer, $"kernel {kernel} must be at least 1.");
        if (groups < 1 || inChannels % groups != 0 || outChannels % groups != 0) throw new ShapeException(layer, $"{groups} groups do not divide {inChannels} channels in and {outChannels} out.");
    }
}
