using CnnSharp.Kernels;

namespace CnnSharp.Data;

/// <summary>Memory for the samples of a batch: an array a field.</summary>
sealed class SampleBuffer
{
    readonly string name;
    readonly int capacity;

    /// <param name="name">The set's.</param>
    /// <param name="inputs">Its inputs.</param>
    /// <param name="targets">Its targets.</param>
    /// <param name="capacity">Samples that there is room for.</param>
    public SampleBuffer(string name, IReadOnlyList<Field> inputs, IReadOnlyList<Field> targets, int capacity)
    {
        (this.name, this.capacity) = (name, capacity);
        Inputs = [.. inputs.Select(Column)];
        Targets = [.. targets.Select(Column)];

        Column Column(Field field) => new(field, checked((int)field.Shape.Count), Allocate(field));
    }

    public Column[] Inputs { get; }

    public Column[] Targets { get; }

    /// <summary>A field's values of one sample.</summary>
    public Span<T> Row<T>(Column[] columns, int index, int row)
        where T : unmanaged
    {
        if ((uint)index >= (uint)columns.Length) throw new ArgumentOutOfRangeException(nameof(index), index, $"'{name}' has {columns.Length} {(columns == Inputs ? "inputs" : "targets")}.");
        var column = columns[index];
        return column.Values is T[] values
            ? values.AsSpan(row * column.Length, column.Length)
            : throw new ArgumentException($"'{name}': the field '{column.Field.Name}' holds {column.Field.Type}, not {typeof(T).Name}.");
    }

    /// <summary>Writes all of a field of one sample.</summary>
    public void Set<T>(Column[] columns, int index, int row, ReadOnlySpan<T> values)
        where T : unmanaged
    {
        var target = Row<T>(columns, index, row);
        if (values.Length != target.Length) throw new ShapeException(name, $"the field '{columns[index].Field.Name}' has {target.Length:N0} values a sample, {columns[index].Field.Shape}; got {values.Length:N0}.");
        values.CopyTo(target);
    }

    /// <summary>Zeros for a sample about to be read.</summary>
    public void Clear(int row)
    {
        foreach (var column in Inputs) Array.Clear(column.Values, row * column.Length, column.Length);
        foreach (var column in Targets) Array.Clear(column.Values, row * column.Length, column.Length);
    }

    /// <summary>The first samples of a field as a tensor.</summary>
    public static Tensor ToTensor(Column column, int count, Device device)
    {
        var shape = new Shape([count, .. column.Field.Shape.AsSpan()]);
        var tensor = column.Values is float[] floats ? Tensor.From<float>(floats.AsSpan(0, count * column.Length), shape, device) : Tensor.From<int>(((int[])column.Values).AsSpan(0, count * column.Length), shape, device);
        tensor.Name = column.Field.Name;
        return tensor;
    }

    Array Allocate(Field field) => field.Type switch
    {
        DType.Float32 => new float[checked(field.Shape.Count * capacity)],
        DType.Int32 => new int[checked(field.Shape.Count * capacity)],
        _ => throw new ArgumentException($"'{name}': the field '{field.Name}' is of {field.Type}; expected Float32 or Int32."),
    };

    /// <summary>A field and its values, sample after sample.</summary>
    /// <param name="Field">Which.</param>
    /// <param name="Length">Values of a sample.</param>
    /// <param name="Values">float[] or int[].</param>
    internal sealed record Column(Field Field, int Length, Array Values);
}
