using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <summary>Enlarges images by repeating pixels.</summary>
    /// <param name="x">[N, H, W, C].</param>
    /// <param name="scale">How many times as many rows and columns; at least 1.</param>
    /// <returns>[N, H scale, W scale, C].</returns>
    /// <exception cref="ShapeException">x is not a batch of images, or the scale is below 1.</exception>
    public static Tensor UpsampleNearest2d(Tensor x, Size2d scale)
    {
        var g = Enlarged("UpsampleNearest2d", x, scale, alignCorners: false);
        return new UpsampleNearest2dOperation(g).Apply(x);
    }

    /// <summary>Enlarges images by linear interpolation along both axes.</summary>
    /// <param name="x">[N, H, W, C].</param>
    /// <param name="scale">How many times as many rows and columns; at least 1.</param>
    /// <param name="alignCorners">Whether the corner pixels' centers coincide; by default their outer edges do.</param>
    /// <returns>[N, H scale, W scale, C].</returns>
    /// <exception cref="ShapeException">x is not a batch of images, or the scale is below 1.</exception>
    public static Tensor UpsampleBilinear2d(Tensor x, Size2d scale, bool alignCorners = false)
    {
        var g = Enlarged("UpsampleBilinear2d", x, scale, alignCorners);
        return new UpsampleBilinear2dOperation(g).Apply(x);
    }

    static UpsampleGeometry Enlarged(string operation, Tensor x, Size2d scale, bool alignCorners)
    {
        if (x.Shape.Rank != 4) throw new ShapeException(operation, $"expected an input [N, H, W, C], got {x.Shape}.");
        if (scale.H < 1 || scale.W < 1) throw new ShapeException(operation, $"scale {scale} must be at least 1.");
        return new(x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3], Geometry.Extent(operation, "the height of the result", (long)x.Shape[1] * scale.H), Geometry.Extent(operation, "the width of the result", (long)x.Shape[2] * scale.W), alignCorners);
    }
}

/// <summary><see cref="Functional.UpsampleNearest2d"/> of x.</summary>
sealed record UpsampleNearest2dOperation(UpsampleGeometry Geometry) : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => new(Geometry.N, Geometry.OutH, Geometry.OutW, Geometry.C);

    public override void Forward(ForwardContext c) => c.Kernels.Resize.NearestForward(Geometry, c.Data(0), c.Output.Data);

    public override void Backward(BackwardContext c) => c.Kernels.Resize.NearestBackward(Geometry, c.OutputGradient, c.Gradients.For(c[0]));
}

/// <summary><see cref="Functional.UpsampleBilinear2d"/> of x.</summary>
sealed record UpsampleBilinear2dOperation(UpsampleGeometry Geometry) : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => new(Geometry.N, Geometry.OutH, Geometry.OutW, Geometry.C);

    public override void Forward(ForwardContext c) => c.Kernels.Resize.BilinearForward(Geometry, c.Data(0), c.Output.Data);

    public override void Backward(BackwardContext c) => c.Kernels.Resize.BilinearBackward(Geometry, c.OutputGradient, c.Gradients.For(c[0]));
}
