using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <summary>x with elements added to it along an axis, each where its index says (PyTorch's <c>scatter_add</c>): along axis 1 of three, y[i, indices[i, k, j], j] += source[i, k, j].</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="axis">Which; negative from the end.</param>
    /// <param name="indices">Int32, 0 to the axis' extent less 1; the shape of x but for that axis. They are read back to be checked, so a GPU is waited for.</param>
    /// <param name="source">Shaped like the indices. What meets in one place is added in its order along the axis, so the same bytes come out always.</param>
    /// <returns>Shaped like x.</returns>
    /// <exception cref="ShapeException">The shapes do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An index is not within the axis.</exception>
    public static Tensor ScatterAdd(Tensor x, int axis, Tensor indices, Tensor source)
    {
        if (source.Shape != indices.Shape) throw new ShapeException("ScatterAdd", $"expected a source shaped like the indices {indices.Shape}, got {source.Shape}.");
        CheckTogether("ScatterAdd", x, source, "source");
        return new ScatterAddOperation(IndexedAxis("ScatterAdd", x, axis, indices)).Apply(x, indices, source);
    }
}

/// <summary><see cref="Functional.ScatterAdd"/> of x, indices and source: dx = dy, and dsource is gathered from it.</summary>
sealed record ScatterAddOperation(IndexGeometry Geometry) : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => inputs[0]!.Shape;

    public override void Forward(ForwardContext c)
    {
        c.Keep(c.Data(1));
        c.Kernels.Memory.Copy(c.Data(0), c.Output.Data);
        c.Kernels.Indexing.ScatterAdd(Geometry, c.Data(2), c.Data(1), c.Output.Data);
    }

    public override void Backward(BackwardContext c)
    {
        if (c.Gradients.Wants(c[2])) c.Kernels.Indexing.Gather(Geometry, c.OutputGradient, c.Saved(0), c.Gradients.For(c[2]));
        if (c.Gradients.Wants(c[0])) c.Gradients.Pass(c[0], c.OutputGradient);
    }
}
