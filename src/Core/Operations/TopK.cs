using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <summary>The k largest or smallest elements along an axis, in order, and where they are (PyTorch's <c>topk</c>).</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="k">How many: 1 to the axis' extent. Time is k times the extent.</param>
    /// <param name="axis">Which; negative from the end. Default -1, the last.</param>
    /// <param name="largest">Whether the largest; default yes. NaN is above everything; of equals the first comes first.</param>
    /// <returns>Values, through which gradients flow, and indices, Int32: both shaped like x with k places along the axis.</returns>
    /// <exception cref="ShapeException">There is no such axis, or it has fewer than k places.</exception>
    public static (Tensor Values, Tensor Indices) TopK(Tensor x, int k, int axis = -1, bool largest = true)
    {
        var place = axis < 0 ? axis + x.Shape.Rank : axis;
        if (place < 0 || place >= x.Shape.Rank) throw new ShapeException("TopK", $"there is no axis {axis} in {x.Shape}.");
        if (k < 1 || k > x.Shape[place]) throw new ShapeException("TopK", $"expected 1 to {x.Shape[place]} elements of axis {axis} of {x.Shape}, got {k}.");
        var g = new IndexGeometry(x.Shape.CountBefore(place), x.Shape[place], k, x.Shape.CountAfter(place));
        var indices = new TopKOperation(g, place, largest).Apply(x);
        return (new GatherOperation(g, indices.Shape).Apply(x, indices), indices);
    }
}

/// <summary>The indices of <see cref="Functional.TopK"/>; they have no gradient.</summary>
sealed record TopKOperation(IndexGeometry Geometry, int Axis, bool Largest) : Operation
{
    internal override bool HasGradient => false;

    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => inputs[0]!.Shape.With(Axis, Geometry.Count);

    public override void Forward(ForwardContext c) => c.Kernels.Indexing.TopK(Geometry, Largest, c.Data(0), c.Output.Data);

    public override void Backward(BackwardContext c)
    {
    }

    internal override Tensor CreateResult(ReadOnlySpan<Tensor?> inputs, Shape shape) => Tensor.Uninitialized(shape, inputs[0]!.Device, DType.Int32);
}
