using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <summary>The sum of all elements: one element, shape [].</summary>
    public static Tensor Sum(Tensor x) => ReduceRun("Sum", x, 0, x.Shape.Rank, 1, default);

    /// <summary>The mean of all elements: one element, shape []. That of none is NaN.</summary>
    public static Tensor Mean(Tensor x) => ReduceRun("Mean", x, 0, x.Shape.Rank, (float)(1.0 / x.Count), default);

    /// <summary>The sum over some axes.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="axes">Which, counted from 0 or, negative, from the end.</param>
    /// <param name="keepAxes">Whether they stay, with extent 1; default no.</param>
    /// <exception cref="ShapeException">An axis does not exist or is named twice.</exception>
    public static Tensor Sum(Tensor x, ReadOnlySpan<int> axes, bool keepAxes = false) => ReduceAxes("Sum", x, axes, keepAxes, mean: false);

    /// <inheritdoc cref="Sum(Tensor, ReadOnlySpan{int}, bool)"/>
    public static Tensor Sum(Tensor x, int[] axes, bool keepAxes = false) => Sum(x, (ReadOnlySpan<int>)axes, keepAxes);

    /// <summary>The mean over some axes.</summary>
    /// <inheritdoc cref="Sum(Tensor, ReadOnlySpan{int}, bool)"/>
    public static Tensor Mean(Tensor x, ReadOnlySpan<int> axes, bool keepAxes = false) => ReduceAxes("Mean", x, axes, keepAxes, mean: true);

    /// <inheritdoc cref="Mean(Tensor, ReadOnlySpan{int}, bool)"/>
    public static Tensor Mean(Tensor x, int[] axes, bool keepAxes = false) => Mean(x, (ReadOnlySpan<int>)axes, keepAxes);

    static Tensor ReduceAxes(string operation, Tensor x, ReadOnlySpan<int> axes, bool keepAxes, bool mean)
    {
        Span<bool> reduced = stackalloc bool[x.Shape.Rank];
        foreach (var axis in axes)
        {
            var place = axis < 0 ? axis + x.Shape.Rank : axis;
            if (place < 0 || place >= x.Shape.Rank) throw new ShapeException(operation, $"there is no axis {axis} in {x.Shape}.");
            if (reduced[place]) throw new ShapeException(operation, $"axis {axis} is named twice.");
            reduced[place] = true;
        }

        // Runs of neighboring axes, from the innermost: what stands before them keeps its place.
        var y = x;
        for (var end = x.Shape.Rank; end > 0; end--)
        {
            if (!reduced[end - 1]) continue;
            var start = end - 1;
            while (start > 0 && reduced[start - 1]) start--;
            var extents = y.Shape.ToArray();
            var count = 1L;
            for (var i = start; i < end; i++) count *= extents[i];
            for (var i = start; i < end; i++) extents[i] = 1;
            y = ReduceRun(operation, y, start, end, mean ? (float)(1.0 / count) : 1, extents);
            end = start + 1;
        }

        if (keepAxes) return y;
        Span<int> kept = stackalloc int[x.Shape.Rank];
        var rank = 0;
        for (var i = 0; i < x.Shape.Rank; i++)
        {
            if (!reduced[i]) kept[rank++] = x.Shape[i];
        }

        return Reshape(y, new(kept[..rank]));
    }

    static Tensor ReduceRun(string operation, Tensor x, int start, int end, float scale, Shape shape)
    {
        var outer = x.Shape.CountBefore(start);
        var inner = end == 0 ? 1 : x.Shape.CountAfter(end - 1);
        var g = new ReduceGeometry(outer, outer * inner == 0 ? 0 : x.Count / (outer * inner), inner);
        return new ReduceOperation(operation, start, end, scale, g, shape).Apply(x);
    }
}

/// <summary>Scale times the sum over axes Start to End (exclusive): <see cref="Functional.Sum(Tensor)"/> and <see cref="Functional.Mean(Tensor)"/>.</summary>
sealed record ReduceOperation(string Title, int Start, int End, float Scale, ReduceGeometry Geometry, Shape Result) : Operation
{
    public override string Name => Title;

    /// <summary>Whether it is a mean.</summary>
    public bool IsMean => Title == "Mean";

    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => Result;

    public override void Forward(ForwardContext c) => c.Kernels.Reductions.Sum(Geometry, Scale, c.Data(0), c.Output.Data);

    public override void Backward(BackwardContext c) => c.Kernels.Reductions.Expand(Geometry, Scale, c.OutputGradient, c.Gradients.For(c[0]));
}
