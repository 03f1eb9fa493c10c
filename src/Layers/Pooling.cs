using CnnSharp.Kernels;

namespace CnnSharp.Layers;

/// <summary>The maximum value of each window, channel by channel: [N, H, W, C] to [N, OutH, OutW, C].</summary>
/// <param name="kernel">The window.</param>
/// <param name="stride">Default: the window's own size.</param>
/// <param name="padding">Around the input, never the maximum; default 0.</param>
/// <param name="ceilMode">Whether a last, partial window counts; default no.</param>
public sealed class MaxPool2d(Size2d kernel, Size2d? stride = null, Padding2d padding = default, bool ceilMode = false) : Layer
{
    /// <summary>The window.</summary>
    public Size2d Kernel { get; } = kernel;

    /// <summary>Stride, padding, ceil mode.</summary>
    public Pool2dOptions Options { get; } = new() { Stride = stride, Padding = padding, CeilMode = ceilMode };

    /// <inheritdoc/>
    protected override string Describe() => Settings(
        $"kernel {Kernel}",
        $"stride {Options.Stride ?? Kernel}",
        Options.Padding == 0 ? null : $"padding {Options.Padding}",
        Options.CeilMode ? "ceil mode" : null);

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.MaxPool2d(x, Kernel, Options);
}

/// <summary>The mean of each window, channel by channel: [N, H, W, C] to [N, OutH, OutW, C].</summary>
/// <param name="kernel">The window.</param>
/// <param name="stride">Default: the window's own size.</param>
/// <param name="padding">Around the input; default 0.</param>
/// <param name="ceilMode">Whether a last, partial window counts; default no.</param>
/// <param name="countIncludePad">Whether padding counts as zeros; default yes.</param>
public sealed class AvgPool2d(Size2d kernel, Size2d? stride = null, Padding2d padding = default, bool ceilMode = false, bool countIncludePad = true) : Layer
{
    /// <summary>The window.</summary>
    public Size2d Kernel { get; } = kernel;

    /// <summary>Stride, padding, ceil mode, whether padding counts.</summary>
    public Pool2dOptions Options { get; } = new() { Stride = stride, Padding = padding, CeilMode = ceilMode, CountIncludePad = countIncludePad };

    /// <inheritdoc/>
    protected override string Describe() => Settings(
        $"kernel {Kernel}",
        $"stride {Options.Stride ?? Kernel}",
        Options.Padding == 0 ? null : $"padding {Options.Padding}",
        Options.CeilMode ? "ceil mode" : null,
        Options.CountIncludePad ? null : "padding not counted");

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.AvgPool2d(x, Kernel, Options);
}

/// <summary>The maximum value of each of a fixed number of parts of the image: [N, H, W, C] to [N, output, C].</summary>
/// <param name="output">Rows and columns of the result.</param>
public sealed class AdaptiveMaxPool2d(Size2d output) : Layer
{
    /// <summary>Rows and columns of the result.</summary>
    public Size2d Output { get; } = output;

    /// <inheritdoc/>
    protected override string Describe() => $"{Output}";

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.AdaptiveMaxPool2d(x, Output);
}

/// <summary>The mean of each of a fixed number of parts of the image: [N, H, W, C] to [N, output, C].</summary>
/// <param name="output">Rows and columns of the result.</param>
public sealed class AdaptiveAvgPool2d(Size2d output) : Layer
{
    /// <summary>Rows and columns of the result.</summary>
    public Size2d Output { get; } = output;

    /// <inheritdoc/>
    protected override string Describe() => $"{Output}";

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.AdaptiveAvgPool2d(x, Output);
}

/// <summary>The mean of each channel over the whole image (Lin et al. 2013): [N, H, W, C] to [N, 1, 1, C].</summary>
public sealed class GlobalAvgPool2d : Layer
{
    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.GlobalAvgPool2d(x);
}
