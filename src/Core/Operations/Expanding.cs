using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <summary>A tensor repeated to a shape: axes are aligned at the end; one of extent 1, or a missing one, is repeated.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="shape">What it becomes.</param>
    /// <exception cref="ShapeException">An axis has neither extent 1 nor that of the shape.</exception>
    public static Tensor Expand(Tensor x, Shape shape) => new ExpandOperation(shape).Apply(x);
}

/// <summary>x, repeated to a shape; dx is the sum of dy over what was repeated.</summary>
sealed record ExpandOperation(Shape Result) : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs)
    {
        var x = inputs[0]!.Shape;
        var missing = Result.Rank - x.Rank;
        for (var axis = 0; axis < x.Rank; axis++)
        {
            if (missing < 0 || (x[axis] != 1 && x[axis] != Result[axis + missing])) throw new ShapeException(Name, $"{x} cannot be repeated to {Result}.");
        }

        return Result;
    }

    public override void Forward(ForwardContext c)
    {
        // From the innermost run of repeated axes outwards: what stands before it still has the extents of x.
        var x = c[0].Shape;
        var missing = Result.Rank - x.Rank;
        var current = c.Data(0).Retain();
        for (var end = Result.Rank; end > 0; end--)
        {
            if (!IsRepeated(end - 1)) continue;
            var start = end - 1;
            while (start > 0 && (IsRepeated(start - 1) || Result[start - 1] == 1)) start--;
            long outer = 1, repeats = 1, inner = end == Result.Rank ? 1 : Result.CountAfter(end - 1);
            for (var axis = missing; axis < start; axis++) outer *= x[axis - missing];
            for (var axis = start; axis < end; axis++) repeats *= Result[axis];
            var repeated = current.Engine.Rent(current.Type, outer * repeats * inner);
            c.Kernels.Reductions.Expand(new(outer, repeats, inner), 1, current, repeated);
            current.Release();
            current = repeated;
            end = start + 1;
        }

        c.Kernels.Memory.Copy(current, c.Output.Data);
        current.Release();

        bool IsRepeated(int axis) => Result[axis] != 1 && (axis < missing || x[axis - missing] == 1);
    }

    public override void Backward(BackwardContext c) => Broadcast.SumInto(c[0], Result, c.OutputGradient, 1, c.Gradients);
}
