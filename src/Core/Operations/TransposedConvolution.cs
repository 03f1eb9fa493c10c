using CnnSharp.Kernels;

namespace CnnSharp;

/// <summary>How a transposed convolution spreads its input.</summary>
public sealed record ConvTranspose2dOptions
{
    /// <summary>Rows and columns of the output between two inputs; default 1.</summary>
    public Size2d Stride { get; init; } = 1;

    /// <summary>Rows and columns taken off the output's sides; default 0.</summary>
    public Padding2d Padding { get; init; }

    /// <summary>Rows and columns added at the output's end, less than the stride or the dilation; default 0.</summary>
    public Size2d OutputPadding { get; init; } = 0;

    /// <summary>Rows and columns of the output between two of the kernel; default 1.</summary>
    public Size2d Dilation { get; init; } = 1;

    /// <summary>Output channels see only the input channels of their group; default 1.</summary>
    public int Groups { get; init; } = 1;
}

public static partial class Functional
{
    /// <summary>
    /// y[n, i stride + r dilation - top, j stride + s dilation - left, k] += x[n,i,j,c] w[r,s,c,k], and b[k] everywhere: the
    /// gradient with respect to the input of a convolution, as an operation of its own (Zeiler et al. 2010; Long et al. 2015 for upsampling).
    /// </summary>
    /// <param name="x">[N, H, W, C].</param>
    /// <param name="w">[kh, kw, C / groups, K].</param>
    /// <param name="b">[K], or null.</param>
    /// <param name="options">Stride, padding, output padding, dilation, groups; null for their defaults.</param>
    /// <returns>[N, (H - 1) stride + (kh - 1) dilation + 1 + output padding - top - bottom, likewise for W, K].</returns>
    /// <exception cref="ShapeException">The shapes and options do not fit; the message gives them.</exception>
    public static Tensor ConvTranspose2d(Tensor x, Tensor w, Tensor? b = null, ConvTranspose2dOptions? options = null)
    {
        options ??= new();
        var g = ConvGeometry.CreateTransposed(x.Shape.AsSpan(), w.Shape.AsSpan(), options.Stride, options.Padding, options.OutputPadding, options.Dilation, options.Groups);
        CheckVector("ConvTranspose2d", "bias", b, g.C);
        CheckTogether("ConvTranspose2d", x, w);
        return new ConvTranspose2dOperation(g).Apply(x, w, b);
    }
}

/// <summary><see cref="Functional.ConvTranspose2d"/> of x, w and, if there is one, b; described by the convolution that it is the gradient of.</summary>
sealed record ConvTranspose2dOperation(ConvGeometry Geometry) : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => new(Geometry.N, Geometry.H, Geometry.W, Geometry.C);

    public override void Forward(ForwardContext c) => c.Kernels.Convolution.TransposeForward(Geometry, c.Data(0), c.Data(1), c.DataOrNull(2), c.Output.Data);

    public override void Backward(BackwardContext c)
    {
        var (x, w, b, dy, gradients) = (c[0], c[1], c.Optional(2), c.OutputGradient, c.Gradients);
        if (gradients.Wants(w)) c.Kernels.Convolution.TransposeBackwardWeight(Geometry, x.Data, dy, gradients.For(w));
        if (gradients.Wants(b)) c.Kernels.Convolution.BackwardBias((long)Geometry.N * Geometry.H * Geometry.W, Geometry.C, dy, gradients.For(b!));
        if (gradients.Wants(x)) c.Kernels.Convolution.TransposeBackwardInput(Geometry, dy, w.Data, gradients.For(x, out var accumulate), accumulate);
    }
}
