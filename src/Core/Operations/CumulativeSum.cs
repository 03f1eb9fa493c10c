using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <summary>The sums along an axis up to each place (PyTorch's <c>cumsum</c>): y[k] = x[0] + ... + x[k].</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="axis">Which; negative from the end.</param>
    /// <returns>Shaped like x.</returns>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public static Tensor CumulativeSum(Tensor x, int axis)
    {
        var place = axis < 0 ? axis + x.Shape.Rank : axis;
        if (place < 0 || place >= x.Shape.Rank) throw new ShapeException("CumulativeSum", $"there is no axis {axis} in {x.Shape}.");
        return new CumulativeSumOperation(new(x.Shape.CountBefore(place), x.Shape[place], x.Shape[place], x.Shape.CountAfter(place))).Apply(x);
    }
}

/// <summary><see cref="Functional.CumulativeSum"/> of x; dx is that of dy from the other end.</summary>
sealed record CumulativeSumOperation(IndexGeometry Geometry) : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => inputs[0]!.Shape;

    public override void Forward(ForwardContext c) => c.Kernels.Indexing.CumulativeSum(Geometry, reverse: false, c.Data(0), c.Output.Data);

    public override void Backward(BackwardContext c) => c.Kernels.Indexing.CumulativeSum(Geometry, reverse: true, c.OutputGradient, c.Gradients.For(c[0]));
}
