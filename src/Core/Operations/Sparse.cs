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
    public static Tensor SparseMatMul(SparseMatrix matrix, Tensor x, int axis = 0) => Product(matrix, x, axis, isTemporary: false);

    /// <summary>As above; a matrix that is used for this product alone gives its memory on the device back after each pass.</summary>
    static Tensor Product(SparseMatrix matrix, Tensor x, int axis, bool isTemporary)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        var place = axis < 0 ? axis + x.Shape.Rank : axis;
        if (place < 0 || place >= x.Shape.Rank) throw new ShapeException("SparseMatMul", $"there is no axis {axis} in {x.Shape}.");
        if (x.Shape[place] != matrix.ColumnCount) throw new ShapeException("SparseMatMul", $"the matrix has {matrix.ColumnCount} columns, axis {axis} of {x.Shape} has {x.Shape[place]} places.");
        var g = new SparseGeometry(checked((int)x.Shape.CountBefore(place)), matrix.RowCount, matrix.ColumnCount, checked((int)x.Shape.CountAfter(place)));
        return new SparseMatMulOperation(matrix, place, g, isTemporary).Apply(x);
    }
}

/// <summary><see cref="Functional.SparseMatMul"/> of x; the transposed matrix gives the gradient.</summary>
sealed record SparseMatMulOperation(SparseMatrix Matrix, int Axis, SparseGeometry Geometry, bool IsTemporary) : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => inputs[0]!.Shape.With(Axis, Matrix.RowCount);

    public override void Forward(ForwardContext c)
    {
        var (offsets, columns, values) = Matrix.On(c.Output.Device);
        c.Kernels.Sparse.Multiply(Geometry, offsets.Data, columns.Data, values.Data, c.Data(0), c.Output.Data);
        if (IsTemporary) Matrix.Dispose();
    }

    public override void Backward(BackwardContext c)
    {
        var (offsets, columns, values) = Matrix.Transposed.On(c.Output.Device);
        c.Kernels.Sparse.Multiply(Geometry with { Rows = Geometry.Columns, Columns = Geometry.Rows }, offsets.Data, columns.Data, values.Data, c.OutputGradient, c.Gradients.For(c[0]));
        if (IsTemporary) Matrix.Dispose();
    }
}
