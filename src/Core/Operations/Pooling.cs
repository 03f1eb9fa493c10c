using CnnSharp.Kernels;

namespace CnnSharp;

/// <summary>The windows of a pooling.</summary>
public sealed record Pool2dOptions
{
    /// <summary>Rows and columns between windows; by default the kernel's own size.</summary>
    public Size2d? Stride { get; init; }

    /// <summary>Rows and columns around the input; default 0.</summary>
    public Padding2d Padding { get; init; }

    /// <summary>Whether a last, partial window counts; default no.</summary>
    public bool CeilMode { get; init; }

    /// <summary>For averages: whether padding counts as zeros (PyTorch's default) or not at all; default yes.</summary>
    public bool CountIncludePad { get; init; } = true;
}

public static partial class Functional
{
    /// <summary>The maximum value of each window, channel by channel.</summary>
    /// <param name="x">[N, H, W, C].</param>
    /// <param name="kernel">The window.</param>
    /// <param name="options">Stride, padding, ceil mode; null for their defaults.</param>
    /// <returns>[N, OutH, OutW, C].</returns>
    /// <exception cref="ShapeException">The window does not fit.</exception>
    public static Tensor MaxPool2d(Tensor x, Size2d kernel, Pool2dOptions? options = null) => MaxPool("MaxPool2d", x, Windows(x, kernel, options));

    /// <summary>The mean of each window, channel by channel.</summary>
    /// <param name="x">[N, H, W, C].</param>
    /// <param name="kernel">The window.</param>
    /// <param name="options">Stride, padding, ceil mode, whether padding counts; null for their defaults.</param>
    /// <returns>[N, OutH, OutW, C].</returns>
    /// <exception cref="ShapeException">The window does not fit.</exception>
    public static Tensor AvgPool2d(Tensor x, Size2d kernel, Pool2dOptions? options = null) => new AvgPool2dOperation("AvgPool2d", Windows(x, kernel, options)).Apply(x);

    /// <summary>The maximum value of each of <paramref name="output"/> parts of the image.</summary>
    /// <param name="x">[N, H, W, C].</param>
    /// <param name="output">Rows and columns of the result.</param>
    /// <returns>[N, output, C].</returns>
    /// <exception cref="ShapeException">The parts do not fit.</exception>
    public static Tensor AdaptiveMaxPool2d(Tensor x, Size2d output) => MaxPool("AdaptiveMaxPool2d", x, PoolGeometry.CreateAdaptive(x.Shape.AsSpan(), output));

    /// <summary>The mean of each of <paramref name="output"/> parts of the image.</summary>
    /// <param name="x">[N, H, W, C].</param>
    /// <param name="output">Rows and columns of the result.</param>
    /// <returns>[N, output, C].</returns>
    /// <exception cref="ShapeException">The parts do not fit.</exception>
    public static Tensor AdaptiveAvgPool2d(Tensor x, Size2d output) => new AvgPool2dOperation("AdaptiveAvgPool2d", PoolGeometry.CreateAdaptive(x.Shape.AsSpan(), output)).Apply(x);

    /// <summary>The mean of each channel over the whole image (Lin et al. 2013, "Network in network").</summary>
    /// <param name="x">[N, H, W, C].</param>
    /// <returns>[N, 1, 1, C].</returns>
    /// <exception cref="ShapeException">x is not a batch of images.</exception>
    public static Tensor GlobalAvgPool2d(Tensor x) => AdaptiveAvgPool2d(x, 1);

    static PoolGeometry Windows(Tensor x, Size2d kernel, Pool2dOptions? options)
    {
        options ??= new();
        return PoolGeometry.Create(x.Shape.AsSpan(), kernel, options.Stride ?? kernel, options.Padding, options.CeilMode, options.CountIncludePad);
    }

    static Tensor MaxPool(string operation, Tensor x, PoolGeometry g)
    {
        _ = Geometry.Extent(operation, $"the number of pixels of an image of {x.Shape}, whose indices are Int32,", (long)g.H * g.W);
        return new MaxPool2dOperation(operation, g).Apply(x);
    }
}

/// <summary>A pooling: <see cref="Functional.MaxPool2d"/>, <see cref="Functional.AvgPool2d"/> and their adaptive forms.</summary>
abstract record Pool2dOperation(string Title, PoolGeometry Geometry) : Operation
{
    public override string Name => Title;

    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => new(Geometry.N, Geometry.OutH, Geometry.OutW, Geometry.C);
}

/// <summary>The maximum of each window, of which the backward pass needs the index.</summary>
sealed record MaxPool2dOperation(string Title, PoolGeometry Geometry) : Pool2dOperation(Title, Geometry)
{
    public override void Forward(ForwardContext c) => c.Kernels.Pooling.MaxForward(Geometry, c.Data(0), c.Output.Data, c.Save(DType.Int32, c.Output.Count));

    public override void Backward(BackwardContext c) => c.Kernels.Pooling.MaxBackward(Geometry, c.OutputGradient, c.Saved(0), c.Gradients.For(c[0]));
}

/// <summary>The mean of each window.</summary>
sealed record AvgPool2dOperation(string Title, PoolGeometry Geometry) : Pool2dOperation(Title, Geometry)
{
    public override void Forward(ForwardContext c) => c.Kernels.Pooling.AverageForward(Geometry, c.Data(0), c.Output.Data);

    public override void Backward(BackwardContext c) => c.Kernels.Pooling.AverageBackward(Geometry, c.OutputGradient, c.Gradients.For(c[0]));
}
