namespace CnnSharp.Verification;

/// <summary>
/// From PyTorch's order of axes to this library's, at the border of a case and nowhere else: the elements seen as
/// <paramref name="From"/>, their axes put in <paramref name="Order"/>, seen as <paramref name="Result"/>.
/// </summary>
/// <param name="From">The extents before.</param>
/// <param name="Order">Which axis stands where.</param>
/// <param name="Result">The shape after; as many elements.</param>
public sealed record Layout(int[] From, int[] Order, Shape Result)
{
    /// <summary>As it is.</summary>
    public static Layout Same(Shape shape) => Ordered(shape, [.. Enumerable.Range(0, shape.Rank)]);

    /// <summary>NCHW to NHWC, for any number of axes from two.</summary>
    public static Layout ChannelsLast(Shape shape) => shape.Rank < 2 ? Same(shape) : AxisLast(shape, 1);

    /// <summary>One axis after the others.</summary>
    /// <exception cref="FormatException">There is no such axis.</exception>
    public static Layout AxisLast(Shape shape, int axis)
    {
        var place = axis < 0 ? axis + shape.Rank : axis;
        if (place < 0 || place >= shape.Rank) throw new FormatException($"there is no axis {axis} in {shape}.");
        return Ordered(shape, [.. Enumerable.Range(0, shape.Rank).Where(i => i != place), place]);
    }

    /// <summary>[out, in, kh, kw] to [kh, kw, in, out].</summary>
    public static Layout ConvolutionWeights(Shape shape) => Ordered(Rank(shape, 4, "[out, in / groups, kh, kw]"), [2, 3, 1, 0]);

    /// <summary>[in, out / groups, kh, kw] to [kh, kw, in / groups, out].</summary>
    public static Layout TransposedConvolutionWeights(Shape shape, int groups)
    {
        Rank(shape, 4, "[in, out / groups, kh, kw]");
        if (groups < 1 || shape[0] % groups != 0) throw new FormatException($"{groups} groups do not divide {shape[0]} input channels.");
        int inputs = shape[0] / groups, outputs = shape[1], kh = shape[2], kw = shape[3];
        return new([groups, inputs, outputs, kh, kw], [3, 4, 1, 0, 2], new(kh, kw, inputs, groups * outputs));
    }

    /// <summary>[out, in] to [in, out].</summary>
    public static Layout LinearWeights(Shape shape) => Ordered(Rank(shape, 2, "[out, in]"), [1, 0]);

    /// <summary>The elements in the new order.</summary>
    public double[] Apply(double[] values)
    {
        var rank = From.Length;
        var strides = new int[rank];
        var stride = 1;
        for (var axis = rank - 1; axis >= 0; axis--)
        {
            strides[axis] = stride;
            stride *= From[axis];
        }

        var result = new double[values.Length];
        var index = new int[rank];
        for (var i = 0; i < result.Length; i++)
        {
            var source = 0;
            for (var axis = 0; axis < rank; axis++) source += index[axis] * strides[Order[axis]];
            result[i] = values[source];
            for (var axis = rank - 1; axis >= 0; axis--)
            {
                if (++index[axis] < From[Order[axis]]) break;
                index[axis] = 0;
            }
        }

        return result;
    }

    static Layout Ordered(Shape shape, int[] order) => new(shape.ToArray(), order, new(Array.ConvertAll(order, axis => shape[axis])));

    static Shape Rank(Shape shape, int rank, string expected)
        => shape.Rank == rank ? shape : throw new FormatException($"expected weights {expected}, got {shape}.");
}
