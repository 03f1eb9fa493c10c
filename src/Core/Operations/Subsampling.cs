using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <summary>
    /// Every <paramref name="stride"/>-th pixel, with channels of zeros before and after: y[n,i,j,before + c] = x[n, i stride, j stride, c].
    /// The shortcut without weights of residual networks (He et al. 2015, section 3.3, option A).
    /// </summary>
    /// <param name="x">[N, H, W, C].</param>
    /// <param name="stride">At least 1.</param>
    /// <param name="before">Channels of zeros before those of x.</param>
    /// <param name="after">Channels of zeros after those of x.</param>
    /// <returns>[N, ceil(H / stride), ceil(W / stride), before + C + after].</returns>
    /// <exception cref="ShapeException">x is not a batch of images, the stride is below 1, or a number of channels is negative.</exception>
    public static Tensor SubsampleAndWiden(Tensor x, Size2d stride, int before = 0, int after = 0)
    {
        const string Operation = "SubsampleAndWiden";
        if (x.Shape.Rank != 4) throw new ShapeException(Operation, $"expected an input [N, H, W, C], got {x.Shape}.");
        if (stride.H < 1 || stride.W < 1) throw new ShapeException(Operation, $"stride {stride} must be at least 1.");
        if (before < 0 || after < 0) throw new ShapeException(Operation, $"cannot add {before} channels before and {after} after.");
        int n = x.Shape[0], h = x.Shape[1], w = x.Shape[2], c = x.Shape[3];
        int outH = (int)(((long)h + stride.H - 1) / stride.H), outW = (int)(((long)w + stride.W - 1) / stride.W);
        var outC = Geometry.Extent(Operation, "the number of channels of the result", (long)before + c + after);
        var g = new RegionGeometry(
            n, outH, outW, c,
            0, (long)h * w * c, (long)stride.H * w * c, (long)stride.W * c, 1,
            before, (long)outH * outW * outC, (long)outW * outC, outC, 1);
        return new SubsampleAndWidenOperation(stride, before, after, g, new(n, outH, outW, outC)).Apply(x);
    }
}

/// <summary><see cref="Functional.SubsampleAndWiden"/> of x: the region of x that is kept, in a result of zeros.</summary>
sealed record SubsampleAndWidenOperation(Size2d Stride, int Before, int After, RegionGeometry Region, Shape Result) : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => Result;

    public override void Forward(ForwardContext c)
    {
        if (Before + After > 0) c.Kernels.Memory.Fill(c.Output.Data, 0);
        c.Kernels.Memory.CopyRegion(Region, c.Data(0), c.Output.Data);
    }

    public override void Backward(BackwardContext c)
    {
        var dx = c.Gradients.For(c[0]);
        c.Kernels.Memory.Fill(dx, 0);
        c.Kernels.Memory.CopyRegion(Functional.Reverse(Region), c.OutputGradient, dx);
    }
}
