using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <summary>Images read at the places that a grid states (PyTorch's <c>grid_sample</c>), with gradients of both: a spatial transformer (Jaderberg et al. 2015).</summary>
    /// <param name="x">[N, H, W, C], with pixels.</param>
    /// <param name="grid">[N, outH, outW, 2]: for each place of the result (x, y), from -1 at the left or upper edge of the image to 1 at the right or lower.</param>
    /// <param name="mode">Default bilinear. <see cref="InterpolationMode.Nearest"/> gives the grid a gradient of 0.</param>
    /// <param name="padding">What places outside of the image read; default zeros.</param>
    /// <param name="alignCorners">Whether -1 and 1 are the centers of the outermost pixels; default no: their outer edges.</param>
    /// <returns>[N, outH, outW, C].</returns>
    /// <exception cref="ShapeException">The shapes do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such mode or padding.</exception>
    public static Tensor GridSample(Tensor x, Tensor grid, InterpolationMode mode = InterpolationMode.Bilinear, GridPadding padding = GridPadding.Zeros, bool alignCorners = false)
    {
        if (x.Shape.Rank != 4 || x.Shape[1] < 1 || x.Shape[2] < 1) throw new ShapeException("GridSample", $"expected an input [N, H, W, C] with pixels, got {x.Shape}.");
        if (grid.Shape.Rank != 4 || grid.Shape[0] != x.Shape[0] || grid.Shape[3] != 2) throw new ShapeException("GridSample", $"expected a grid [{x.Shape[0]}, outH, outW, 2] of places in {x.Shape}, got {grid.Shape}.");
        CheckTogether("GridSample", x, grid, "grid");
        var taps = mode switch
        {
            InterpolationMode.Nearest => 1,
            InterpolationMode.Bilinear => 2,
            InterpolationMode.Bicubic => 4,
            _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, "unknown mode"),
        };
        if (padding is not (GridPadding.Zeros or GridPadding.Border or GridPadding.Reflection)) throw new ArgumentOutOfRangeException(nameof(padding), padding, "unknown padding");
        return new GridSampleOperation(new(x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3], grid.Shape[1], grid.Shape[2], taps, padding, alignCorners)).Apply(x, grid);
    }
}

/// <summary><see cref="Functional.GridSample"/> of x at grid.</summary>
sealed record GridSampleOperation(GridGeometry Geometry) : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => new(Geometry.N, Geometry.OutH, Geometry.OutW, Geometry.C);

    public override void Forward(ForwardContext c) => c.Kernels.Resize.GridSampleForward(Geometry, c.Data(0), c.Data(1), c.Output.Data);

    public override void Backward(BackwardContext c)
    {
        if (c.Gradients.Wants(c[0])) c.Kernels.Resize.GridSampleBackwardInput(Geometry, c[1].Data, c.OutputGradient, c.Gradients.For(c[0]));
        if (c.Gradients.Wants(c[1])) c.Kernels.Resize.GridSampleBackwardGrid(Geometry, c[0].Data, c[1].Data, c.OutputGradient, c.Gradients.For(c[1]));
    }
}
