using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <summary><see cref="MaxPool2d"/>, and where each maximum was: what <see cref="MaxUnpool2d"/> takes.</summary>
    /// <param name="x">[N, H, W, C].</param>
    /// <param name="kernel">The window.</param>
    /// <param name="options">Stride, padding, ceil mode; null for their defaults.</param>
    /// <returns>Values [N, OutH, OutW, C], through which gradients flow, and indices of the same shape, Int32: the pixel h W + w of x.</returns>
    /// <exception cref="ShapeException">The window does not fit.</exception>
    public static (Tensor Values, Tensor Indices) MaxPool2dWithIndices(Tensor x, Size2d kernel, Pool2dOptions? options = null)
    {
        var g = Windows(x, kernel, options);
        var pixels = Geometry.Extent("MaxPool2d", $"the number of pixels of an image of {x.Shape}, whose indices are Int32,", (long)g.H * g.W);
        var outputs = Geometry.Extent("MaxPool2d", "the number of pixels of a result", (long)g.OutH * g.OutW);
        var indices = new MaxPool2dIndicesOperation(g).Apply(x);
        return (new GatherOperation(new(g.N, pixels, outputs, g.C), indices.Shape).Apply(x, indices), indices);
    }

    /// <summary>The values of a maximum pooling back where they were, zeros elsewhere (PyTorch's <c>max_unpool2d</c>). Of windows that share their maximum the values are added.</summary>
    /// <param name="x">[N, H, W, C].</param>
    /// <param name="indices">Shaped like x, Int32: which pixel h W + w of the result, as <see cref="MaxPool2dWithIndices"/> gave them. They are read back to be checked, so a GPU is waited for.</param>
    /// <param name="size">Rows and columns of the result.</param>
    /// <returns>[N, size, C].</returns>
    /// <exception cref="ShapeException">The shapes do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An index is no pixel of the result.</exception>
    public static Tensor MaxUnpool2d(Tensor x, Tensor indices, Size2d size)
    {
        if (x.Shape.Rank != 4 || indices.Shape != x.Shape) throw new ShapeException("MaxUnpool2d", $"expected values and indices [N, H, W, C], got {x.Shape} and {indices.Shape}.");
        if (size.H < 1 || size.W < 1) throw new ShapeException("MaxUnpool2d", $"expected a result of at least one pixel, got {size}.");
        var pixels = Geometry.Extent("MaxUnpool2d", $"the number of pixels of a result of {size}", (long)size.H * size.W);
        var inputs = Geometry.Extent("MaxUnpool2d", $"the number of pixels of {x.Shape}", (long)x.Shape[1] * x.Shape[2]);
        var g = new IndexGeometry(x.Shape[0], pixels, inputs, x.Shape[3]);
        CheckIndices("MaxUnpool2d", x, indices, g.Extent, $"the pixels of a result of {size}");
        return new MaxUnpool2dOperation(g, new(x.Shape[0], size.H, size.W, x.Shape[3])).Apply(x, indices);
    }
}

/// <summary><see cref="Functional.MaxUnpool2d"/> of x and indices, which dx is gathered by.</summary>
sealed record MaxUnpool2dOperation(IndexGeometry Geometry, Shape Result) : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => Result;

    public override void Forward(ForwardContext c)
    {
        c.Keep(c.Data(1));
        c.Kernels.Memory.Fill(c.Output.Data, 0);
        c.Kernels.Indexing.ScatterAdd(Geometry, c.Data(0), c.Data(1), c.Output.Data);
    }

    public override void Backward(BackwardContext c) => c.Kernels.Indexing.Gather(Geometry, c.OutputGradient, c.Saved(0), c.Gradients.For(c[0]));
}

/// <summary>The indices of <see cref="Functional.MaxPool2dWithIndices"/>; they have no gradient.</summary>
sealed record MaxPool2dIndicesOperation(PoolGeometry Geometry) : Operation
{
    internal override bool HasGradient => false;

    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => new(Geometry.N, Geometry.OutH, Geometry.OutW, Geometry.C);

    public override void Forward(ForwardContext c)
    {
        var values = c.Output.Device.Engine.Rent(c[0].DType, c.Output.Count);
        c.Kernels.Pooling.MaxForward(Geometry, c.Data(0), values, c.Output.Data);
        values.Release();
    }

    public override void Backward(BackwardContext c)
    {
    }

    internal override Tensor CreateResult(ReadOnlySpan<Tensor?> inputs, Shape shape) => Tensor.Uninitialized(shape, inputs[0]!.Device, DType.Int32);
}
