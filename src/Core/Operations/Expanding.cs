using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <summary>A tensor repeated to a shape: axes are aligned at the end; one of extent 1, or a missing one, is repeated.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="shape">What it becomes.</param>
    /// <exception cref="ShapeException">An axis has neither extent 1 nor that of the shape.</exception>
    public static Tensor Expand(Tensor x, Shape shape)
    {
        var missing = shape.Rank - x.Shape.Rank;
        for (var axis = 0; axis < x.Shape.Rank; axis++)
        {
            if (missing < 0 || (x.Shape[axis] != 1 && x.Shape[axis] != shape[axis + missing])) throw new ShapeException("Expand", $"{x.Shape} cannot be repeated to {shape}.");
        }

        // From the innermost run of repeated axes outwards: what stands before it still has the extents of x.
        var k = x.Device.Kernels;
        var current = x.Data.Retain();
        for (var end = shape.Rank; end > 0; end--)
        {
            if (!IsRepeated(end - 1)) continue;
            var start = end - 1;
            while (start > 0 && (IsRepeated(start - 1) || shape[start - 1] == 1)) start--;
            long outer = 1, repeats = 1, inner = end == shape.Rank ? 1 : shape.CountAfter(end - 1);
            for (var axis = missing; axis < start; axis++) outer *= x.Shape[axis - missing];
            for (var axis = start; axis < end; axis++) repeats *= shape[axis];
            var repeated = x.Device.Engine.Rent(x.DType, outer * repeats * inner);
            k.Reductions.Expand(new(outer, repeats, inner), 1, current, repeated);
            current.Release();
            current = repeated;
            end = start + 1;
        }

        var y = Tensor.Of(shape, current, x.Device);
        return Tape.Record("Expand", y, [x], (dy, gradients) => SumInto(x, shape, dy, 1, gradients));

        bool IsRepeated(int axis) => shape[axis] != 1 && (axis < missing || x.Shape[axis - missing] == 1);
    }
}
