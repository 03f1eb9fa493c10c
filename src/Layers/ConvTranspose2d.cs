using CnnSharp.Kernels;

namespace CnnSharp.Layers;

/// <summary>
/// Transposed convolution, which enlarges: [N, H, W, in] to [N, OutH, OutW, out]. Parameters: weight
/// [kh, kw, in / groups, out], bias [out]. The formula and the result's size are with <see cref="Functional.ConvTranspose2d"/>.
/// </summary>
public sealed class ConvTranspose2d : Layer
{
    /// <summary>Creates the layer.</summary>
    /// <param name="inChannels">Channels of the input.</param>
    /// <param name="outChannels">Channels of the result.</param>
    /// <param name="kernel">The kernel's rows and columns.</param>
    /// <param name="stride">Rows and columns of the result between two of the input; default 1.</param>
    /// <param name="padding">Taken off the result's sides; default 0.</param>
    /// <param name="outputPadding">Added at the result's end; default 0.</param>
    /// <param name="dilation">Default 1.</param>
    /// <param name="groups">Divides both numbers of channels; default 1.</param>
    /// <param name="bias">Whether there is one; default yes.</param>
    /// <param name="initializer">How the weights begin; default <see cref="Initializers.Default"/>, which the bias follows in any case.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <exception cref="ShapeException">The numbers do not fit together.</exception>
    public ConvTranspose2d(int inChannels, int outChannels, Size2d kernel, Size2d? stride = null, Padding2d padding = default, Size2d? outputPadding = null, Size2d? dilation = null, int groups = 1, bool bias = true, IInitializer? initializer = null, Device? device = null)
    {
        Options = new() { Stride = stride ?? 1, Padding = padding, OutputPadding = outputPadding ?? 0, Dilation = dilation ?? 1, Groups = groups };
        Conv2d.Check("ConvTranspose2d", inChannels, outChannels, kernel, groups);

        // The fans are those of the convolution whose gradient this is, as in PyTorch: its inputs are this layer's outputs.
        var area = (long)kernel.H * kernel.W;
        var fanIn = area * (outChannels / groups);
        var fanOut = area * inChannels;
        Weight = (initializer ?? Initializers.Default).Parameter(new(kernel.H, kernel.W, inChannels / groups, outChannels), fanIn, fanOut, device);
        Bias = bias ? Initializers.Default.Parameter(new(outChannels), fanIn, fanOut, device) : null;
    }

    /// <summary>[kh, kw, in / groups, out].</summary>
    public Tensor Weight { get; }

    /// <summary>[out], or null.</summary>
    public Tensor? Bias { get; }

    /// <summary>Stride, padding, output padding, dilation, groups.</summary>
    public ConvTranspose2dOptions Options { get; }

    /// <inheritdoc/>
    protected override string Describe() => Settings(
        $"{Weight.Shape[2] * Options.Groups}, {Weight.Shape[3]}, kernel {new Size2d(Weight.Shape[0], Weight.Shape[1])}",
        Options.Stride == 1 ? null : $"stride {Options.Stride}",
        Options.Padding == 0 ? null : $"padding {Options.Padding}",
        Options.OutputPadding == 0 ? null : $"output padding {Options.OutputPadding}",
        Options.Dilation == 1 ? null : $"dilation {Options.Dilation}",
        Options.Groups == 1 ? null : $"groups {Options.Groups}",
        Bias is null ? "no bias" : null);

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.ConvTranspose2d(x, Weight, Bias, Options);

    /// <inheritdoc/>
    public override long MultiplyAdds(Shape input, Shape output) => input.Count * (Weight.Count / Weight.Shape[2] / Options.Groups);
}
