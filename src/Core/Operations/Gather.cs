using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <summary>Elements chosen along an axis, for each place by an index of its own (PyTorch's <c>gather</c>): along axis 1 of three, y[i, k, j] = x[i, indices[i, k, j], j].</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="axis">Which; negative from the end.</param>
    /// <param name="indices">Int32, 0 to the axis' extent less 1; the shape of x but for that axis. They are read back to be checked, so a GPU is waited for.</param>
    /// <returns>Shaped like the indices.</returns>
    /// <exception cref="ShapeException">The shapes do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An index is not within the axis.</exception>
    public static Tensor Gather(Tensor x, int axis, Tensor indices) => new GatherOperation(IndexedAxis("Gather", x, axis, indices), indices.Shape).Apply(x, indices);

    /// <summary>The geometry of indices along an axis of x, once they are known to fit.</summary>
    internal static IndexGeometry IndexedAxis(string operation, Tensor x, int axis, Tensor indices)
    {
        var place = axis < 0 ? axis + x.Shape.Rank : axis;
        if (place < 0 || place >= x.Shape.Rank) throw new ShapeException(operation, $"there is no axis {axis} in {x.Shape}.");
        if (indices.Shape.Rank != x.Shape.Rank || indices.Shape.With(place, 0) != x.Shape.With(place, 0)) throw new ShapeException(operation, $"expected indices shaped like {x.Shape} but for axis {axis}, got {indices.Shape}.");
        CheckIndices(operation, x, indices, x.Shape[place], $"axis {axis} of {x.Shape}");
        return new(x.Shape.CountBefore(place), x.Shape[place], indices.Shape[place], x.Shape.CountAfter(place));
    }

    /// <summary>That indices are whole numbers below an extent, on the device of what they are of.</summary>
    static void CheckIndices(string operation, Tensor x, Tensor indices, int extent, string what)
    {
        if (indices.DType != DType.Int32) throw new ShapeException(operation, $"expected indices of {DType.Int32}, got {indices.DType}.");
        if (!x.Device.Engine.HasElements) return;
        if (x.Device.Engine != indices.Device.Engine) throw new ShapeException(operation, $"the input {x.Shape} is on {x.Device}, the indices {indices.Shape} on {indices.Device}; Tensor.To brings one to the other's device.");
        foreach (var index in indices.ToArray<int>())
        {
            if ((uint)index >= (uint)extent) throw new ArgumentOutOfRangeException(nameof(indices), index, $"{operation}: expected indices from 0 to {extent - 1}, within {what}.");
        }
    }
}

/// <summary><see cref="Functional.Gather"/> of x and indices; what is gathered from a place adds up in its gradient.</summary>
sealed record GatherOperation(IndexGeometry Geometry, Shape Result) : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => Result;

    public override void Forward(ForwardContext c)
    {
        c.Keep(c.Data(1));
        c.Kernels.Indexing.Gather(Geometry, c.Data(0), c.Data(1), c.Output.Data);
    }

    public override void Backward(BackwardContext c)
    {
        var dx = c.Gradients.For(c[0]);
        c.Kernels.Memory.Fill(dx, 0);
        c.Kernels.Indexing.ScatterAdd(Geometry, c.OutputGradient, c.Saved(0), dx);
    }
}
