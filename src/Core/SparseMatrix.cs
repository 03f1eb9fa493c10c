using CnnSharp.Kernels;

namespace CnnSharp;

/// <summary>
/// A constant matrix most of whose elements are 0, in compressed sparse rows: what <see cref="Functional.SparseMatMul"/> applies
/// along an axis. Resampling, gathering and scattering by indices are such matrices.
/// </summary>
public sealed class SparseMatrix : IDisposable
{
    readonly int[] offsets;
    readonly int[] columns;
    readonly double[] values;
    SparseMatrix? transposed;
    (Tensor Offsets, Tensor Columns, Tensor Values)? uploaded;

    /// <summary>Creates a matrix.</summary>
    /// <param name="columnCount">How many columns it has.</param>
    /// <param name="offsets">Where each row's entries begin, and where the last one's end: one more than there are rows, from 0 to the number of entries.</param>
    /// <param name="columns">The column of each entry.</param>
    /// <param name="values">The value of each entry.</param>
    /// <exception cref="ArgumentException">The numbers are not a matrix of that size.</exception>
    public SparseMatrix(int columnCount, int[] offsets, int[] columns, double[] values)
    {
        ArgumentNullException.ThrowIfNull(offsets);
        ArgumentNullException.ThrowIfNull(columns);
        ArgumentNullException.ThrowIfNull(values);
        if (columns.Length != values.Length) throw new ArgumentException($"{columns.Length:N0} columns for {values.Length:N0} values.", nameof(columns));
        if (offsets.Length == 0 || offsets[0] != 0 || offsets[^1] != values.Length) throw new ArgumentException($"The rows are to begin at 0 and end at {values.Length:N0}.", nameof(offsets));
        for (var i = 1; i < offsets.Length; i++)
        {
            if (offsets[i] < offsets[i - 1]) throw new ArgumentException($"Row {i - 1} ends before it begins.", nameof(offsets));
        }

        foreach (var column in columns)
        {
            if (column < 0 || column >= columnCount) throw new ArgumentException($"There is no column {column:N0} among {columnCount:N0}.", nameof(columns));
        }

        (ColumnCount, this.offsets, this.columns, this.values) = (columnCount, offsets, columns, values);
    }

    /// <summary>The number of rows.</summary>
    public int RowCount => offsets.Length - 1;

    /// <summary>The number of columns.</summary>
    public int ColumnCount { get; }

    /// <summary>The number of entries.</summary>
    public int EntryCount => values.Length;

    /// <summary>The matrix with rows and columns exchanged; made when it is first asked for. Of one row, entries keep their order.</summary>
    public SparseMatrix Transposed => transposed ??= Transpose();

    /// <summary>A matrix whose row i copies one column: y[i] = x[indices[i]], and 0 where the index is negative.</summary>
    /// <param name="columnCount">How many columns it has.</param>
    /// <param name="indices">For each row, which.</param>
    /// <exception cref="ArgumentException">An index is beyond the last column.</exception>
    public static SparseMatrix Gather(int columnCount, ReadOnlySpan<int> indices)
    {
        var offsets = new int[indices.Length + 1];
        for (var i = 0; i < indices.Length; i++) offsets[i + 1] = offsets[i] + (indices[i] < 0 ? 0 : 1);
        var columns = new int[offsets[^1]];
        for (var i = 0; i < indices.Length; i++)
        {
            if (indices[i] >= 0) columns[offsets[i]] = indices[i];
        }

        var ones = new double[columns.Length];
        Array.Fill(ones, 1);
        return new(columnCount, offsets, columns, ones);
    }

    /// <summary>Gives the device's memory back.</summary>
    public void Dispose()
    {
        transposed?.Free();
        Free();
    }

    /// <summary>The arrays on a device: those of the last device asked for are kept.</summary>
    internal (Tensor Offsets, Tensor Columns, Tensor Values) On(Device device)
    {
        if (uploaded is { } there && there.Values.Device.Engine == device.Engine && !there.Values.IsFreed) return there;
        Free();
        var made = (Tensor.From(offsets, new(offsets.Length), device), Tensor.From(columns, new(columns.Length), device), Tensor.From(values, new(values.Length), device));
        uploaded = made;
        return made;
    }

    void Free()
    {
        if (uploaded is not { } there) return;
        there.Offsets.Dispose();
        there.Columns.Dispose();
        there.Values.Dispose();
        uploaded = null;
    }

    SparseMatrix Transpose()
    {
        var starts = new int[ColumnCount + 1];
        foreach (var column in columns) starts[column + 1]++;
        for (var i = 0; i < ColumnCount; i++) starts[i + 1] += starts[i];
        var next = starts.AsSpan(0, ColumnCount).ToArray();
        var (rows, moved) = (new int[values.Length], new double[values.Length]);
        for (var row = 0; row < RowCount; row++)
        {
            for (var e = offsets[row]; e < offsets[row + 1]; e++)
            {
                var place = next[columns[e]]++;
                (rows[place], moved[place]) = (row, values[e]);
            }
        }

        return new(RowCount, starts, rows, moved) { transposed = this };
    }
}
