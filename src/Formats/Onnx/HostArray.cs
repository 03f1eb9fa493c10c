namespace CnnSharp.Formats.Onnx;

/// <summary>
/// Numbers on the host: the shapes, indices, masks and doubles of a graph, which no device computes. Reals are kept as
/// doubles rounded to their type, integers and truth values as 64-bit integers wrapped to theirs.
/// </summary>
internal sealed class HostArray
{
    public HostArray(OnnxType type, Shape shape, double[] reals)
    {
        (Type, Shape, Reals) = (type, shape, reals);
        if (type != OnnxType.Double) for (var i = 0; i < reals.Length; i++) reals[i] = type.Round(reals[i]);
    }

    public HostArray(OnnxType type, Shape shape, long[] integers)
    {
        (Type, Shape, Integers) = (type, shape, integers);
        if (type is not (OnnxType.Int64 or OnnxType.UInt64)) for (var i = 0; i < integers.Length; i++) integers[i] = type.Wrap(integers[i]);
    }

    public OnnxType Type { get; }

    public Shape Shape { get; }

    /// <summary>The elements of a floating-point type, else null.</summary>
    public double[]? Reals { get; }

    /// <summary>The elements of any other type, else null.</summary>
    public long[]? Integers { get; }

    public int Count => Reals?.Length ?? Integers!.Length;

    /// <summary>A list of 64-bit integers.</summary>
    public static HostArray Of(params long[] values) => new(OnnxType.Int64, new(values.Length), values);

    /// <summary>An element as a real number.</summary>
    public double Real(long i) => Reals is { } reals ? reals[i] : Integers![i];

    /// <summary>The same elements under another shape of as many.</summary>
    public HostArray Reshape(Shape shape) => Reals is { } reals ? new(Type, shape, reals) : new(Type, shape, Integers!);

    /// <summary>Elements of another type: reals lose what it cannot hold, integers wrap.</summary>
    public HostArray Cast(OnnxType type)
    {
        if (type == Type) return this;
        if (type.IsReal()) return new(type, Shape, Reals is { } reals ? [.. reals] : Array.ConvertAll(Integers!, value => (double)value));
        if (type == OnnxType.Bool) return new(type, Shape, Reals is { } truths ? Array.ConvertAll(truths, value => value != 0 ? 1L : 0) : [.. Integers!]);
        return new(type, Shape, Reals is { } numbers ? Array.ConvertAll(numbers, value => (long)value) : [.. Integers!]);
    }

    /// <summary>A result whose every element is one of these, or 0.</summary>
    /// <param name="shape">Of the result.</param>
    /// <param name="source">For the places along the result's axes: which element; -1 for a 0.</param>
    public HostArray Pick(Shape shape, Func<int[], long> source)
    {
        var count = checked((int)shape.Count);
        var reals = Reals is null ? null : new double[count];
        var integers = Integers is null ? null : new long[count];
        var places = new int[shape.Rank];
        for (var i = 0; i < count; i++)
        {
            var from = source(places);
            if (from >= 0)
            {
                if (reals is not null) reals[i] = Reals![from];
                else integers![i] = Integers![from];
            }

            Advance(places, shape);
        }

        return reals is not null ? new(Type, shape, reals) : new(Type, shape, integers!);
    }

    /// <summary>The axes in another order: result axis i is axis <paramref name="order"/>[i].</summary>
    public HostArray Permute(int[] order)
    {
        var strides = Array.ConvertAll(order, axis => Stride(Shape, axis));
        return Pick(Array.ConvertAll(order, axis => Shape[axis]), places =>
        {
            var at = 0L;
            for (var i = 0; i < places.Length; i++) at += places[i] * strides[i];
            return at;
        });
    }

    /// <summary>The elements repeated along axes of extent 1 or missing ones, to a shape.</summary>
    public HostArray Expand(Shape shape)
    {
        if (shape == Shape) return this;
        var strides = RepeatedStrides(Shape, shape);
        return Pick(shape, places =>
        {
            var at = 0L;
            for (var i = 0; i < places.Length; i++) at += places[i] * strides[i];
            return at;
        });
    }

    /// <summary>The elements between two places of an axis one step apart.</summary>
    public static long Stride(Shape shape, int axis)
    {
        var stride = 1L;
        for (var i = axis + 1; i < shape.Rank; i++) stride *= shape[i];
        return stride;
    }

    /// <summary>The strides with which a tensor is read along a larger shape: 0 where it is repeated.</summary>
    public static long[] RepeatedStrides(Shape shape, Shape target)
    {
        var strides = new long[target.Rank];
        for (var axis = 0; axis < shape.Rank; axis++)
        {
            if (shape[axis] != 1) strides[axis + target.Rank - shape.Rank] = Stride(shape, axis);
        }

        return strides;
    }

    /// <summary>Moves on to the next place in row-major order.</summary>
    public static void Advance(int[] places, Shape shape)
    {
        for (var axis = places.Length - 1; axis >= 0; axis--)
        {
            if (++places[axis] < shape[axis]) return;
            places[axis] = 0;
        }
    }
}
