using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <inheritdoc cref="IndexSelect(Tensor, int, ReadOnlySpan{int})"/>
    public static Tensor IndexSelect(Tensor x, int axis, params int[] indices) => IndexSelect(x, axis, (ReadOnlySpan<int>)indices);

    /// <summary>Places of an axis, in the order and as often as they are named (PyTorch's <c>index_select</c>).</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="axis">Which; negative from the end.</param>
    /// <param name="indices">0 to the axis' extent less 1.</param>
    /// <returns>The shape of x, the axis as long as there are indices.</returns>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An index is not within the axis.</exception>
    public static Tensor IndexSelect(Tensor x, int axis, params ReadOnlySpan<int> indices)
    {
        var place = axis < 0 ? axis + x.Shape.Rank : axis;
        if (place < 0 || place >= x.Shape.Rank) throw new ShapeException("IndexSelect", $"there is no axis {axis} in {x.Shape}.");
        foreach (var index in indices)
        {
            if ((uint)index >= (uint)x.Shape[place]) throw new ArgumentOutOfRangeException(nameof(indices), index, $"IndexSelect: expected indices from 0 to {x.Shape[place] - 1}, within axis {axis} of {x.Shape}.");
        }

        return Product(SparseMatrix.Gather(x.Shape[place], indices), x, place, isTemporary: true);
    }
}
