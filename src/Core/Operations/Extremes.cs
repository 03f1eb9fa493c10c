using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <summary>The maximum along an axis (PyTorch's <c>max(dim)</c>); NaN where there is one. Of equals the first gets the gradient.</summary>
    /// <param name="x">At most 4 axes.</param>
    /// <param name="axis">Which; negative from the end.</param>
    /// <param name="keepAxis">Whether it stays, with extent 1; default no.</param>
    /// <exception cref="ShapeException">There is no such axis, or it is empty.</exception>
    public static Tensor Max(Tensor x, int axis, bool keepAxis = false) => Extreme("Max", x, axis, keepAxis);

    /// <summary>The minimum along an axis (PyTorch's <c>min(dim)</c>); NaN where there is one. Of equals the first gets the gradient.</summary>
    /// <inheritdoc cref="Max(Tensor, int, bool)"/>
    public static Tensor Min(Tensor x, int axis, bool keepAxis = false) => -Extreme("Min", -x, axis, keepAxis);

    static Tensor Extreme(string operation, Tensor x, int axis, bool keepAxis)
    {
        var rank = x.Shape.Rank;
        var place = axis < 0 ? axis + rank : axis;
        if (place < 0 || place >= rank || rank > 4) throw new ShapeException(operation, $"expected one of at most 4 axes, got axis {axis} of {x.Shape}.");
        if (x.Shape[place] == 0) throw new ShapeException(operation, $"axis {axis} of {x.Shape} is empty.");

        // Along the last axis the elements are the pieces of one channel.
        int[] order = [.. Enumerable.Range(0, rank).Where(i => i != place), place];
        var y = Maxout(place == rank - 1 ? x : Permute(x, order), x.Shape[place]);
        int[] extents = keepAxis ? x.Shape.With(place, 1).ToArray() : [.. x.Shape.ToArray().Where((_, i) => i != place)];
        return Reshape(y, new(extents));
    }
}
