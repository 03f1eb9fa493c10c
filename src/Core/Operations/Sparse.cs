using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <summary>A constant sparse matrix times x along one axis: y[..., i, ...] = sum over j of matrix[i, j] x[..., j, ...].</summary>
    /// <param name="matrix">As many columns as the axis has places.</param>
    /// <param name="x">Any shape.</param>
    /// <param name="axis">Which axis; negative from the end. Default 0.</param>
    /// <returns>The shape of x, the axis as long as the matrix has rows.</returns>
    /// <exception cref="ShapeException">There is no such axis, or it has another extent.</exception>
    public static Tensor SparseMatMul(SparseMatrix matrix, Tensor x, int axis = 0)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        var place = axis < 0 ? axis + x.Shape.Rank : axis;
        if (place < 0 || place >= x.Shape.Rank) throw new ShapeException("SparseMatMul", $"there is no axis {axis} in {x.Shape}.");
        if (x.Shape[place] != matrix.ColumnCount) throw new ShapeException("SparseMatMul", $"the matrix has {matrix.ColumnCount} columns, axis {axis} of {x.Shape} has {x.Shape[place]} places.");
        var g = new SparseGeometry(checked((int)x.Shape.CountBefore(place)), matrix.RowCount, matrix.ColumnCount, checked((int)x.Shape.CountAfter(place)));
        var k = x.Device.Kernels;
        var y = Tensor.Uninitialized(x.Shape.With(place, matrix.RowCount), x.Device);
        var (offsets, columns, values) = matrix.On(x.Device);
        k.Sparse.Multiply(g, offsets.Data, columns.Data, values.Data, x.Data, y.Data);

        return Tape.Record("SparseMatMul", (matrix, place), y, [x], (dy, gradients) =>
        {
            var (rows, places, weights) = matrix.Transposed.On(x.Device);
            k.Sparse.Multiply(g with { Rows = g.Columns, Columns = g.Rows }, rows.Data, places.Data, weights.Data, dy, gradients.For(x));
        });
    }
}
