using System.Globalization;
using CnnSharp.Kernels;

namespace CnnSharp.Formats.Onnx;

/// <summary>How a tensor's elements become those of a constant in a graph: seen as other extents, their axes put in another order, seen as the constant's shape.</summary>
/// <param name="View">Extents under which the axes are moved; as many elements as the tensor has.</param>
/// <param name="Order">Result axis i is axis Order[i] of the view.</param>
/// <param name="Shape">The constant's extents, as many elements.</param>
internal sealed record Arrangement(int[] View, int[] Order, int[] Shape)
{
    /// <summary>The elements as they are.</summary>
    public static Arrangement Plain(Shape shape) => new(shape.ToArray(), [.. Enumerable.Range(0, shape.Rank)], shape.ToArray());

    /// <summary>The axes in another order.</summary>
    public static Arrangement Permuted(Shape shape, int[] order) => new(shape.ToArray(), order, Array.ConvertAll(order, axis => shape[axis]));

    /// <summary>Whether the elements keep their order.</summary>
    public bool KeepsOrder => Order.AsSpan().SequenceEqual(Enumerable.Range(0, Order.Length).ToArray());

    /// <summary>Whether another one does the same.</summary>
    public bool Equals(Arrangement? other) => other is not null && View.AsSpan().SequenceEqual(other.View) && Order.AsSpan().SequenceEqual(other.Order) && Shape.AsSpan().SequenceEqual(other.Shape);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(View.Length, Order.Length, Shape.Length);

    /// <summary>The constant's elements.</summary>
    public float[] Apply(Tensor tensor) => KeepsOrder ? tensor.ToArray() : Layout.Permute(Layout.Reshape(tensor, View), Order).ToArray();

    /// <inheritdoc cref="Apply(Tensor)"/>
    public float[] Apply(float[] elements)
    {
        if (KeepsOrder) return elements;
        var strides = new int[View.Length];
        for (var (axis, stride) = (View.Length - 1, 1); axis >= 0; stride *= View[axis--]) strides[axis] = stride;
        var (result, index, from) = (new float[elements.Length], new int[Order.Length], 0);
        for (var at = 0; at < result.Length; at++)
        {
            result[at] = elements[from];
            for (var axis = Order.Length - 1; axis >= 0; axis--)
            {
                from += strides[Order[axis]];
                if (++index[axis] < View[Order[axis]]) break;
                from -= index[axis] * strides[Order[axis]];
                index[axis] = 0;
            }
        }

        return result;
    }

    /// <summary>As text: <c>3x3x16x32 3,2,0,1</c>.</summary>
    public string ToText() => string.Create(CultureInfo.InvariantCulture, $"{string.Join('x', View)} {string.Join(',', Order)}");

    /// <summary>What <see cref="ToText"/> wrote; null if it is none, or does not go with so many elements and this shape.</summary>
    public static Arrangement? Parse(string text, int[] shape, long elements)
    {
        if (text.Split(' ') is not [var first, var second] || Numbers(first, 'x') is not { } view || Numbers(second, ',') is not { } order) return null;
        if (order.Length != view.Length || !order.Order().SequenceEqual(Enumerable.Range(0, view.Length))) return null;
        return Product(view) == elements && Product(shape) == elements ? new(view, order, shape) : null;

        static int[]? Numbers(string text, char between)
        {
            if (text.Length == 0) return [];
            var parts = text.Split(between);
            var numbers = new int[parts.Length];
            for (var i = 0; i < parts.Length; i++)
            {
                if (parts.Length > OnnxTensor.MaxRank || !int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out numbers[i])) return null;
            }

            return numbers;
        }

        static Int128 Product(int[] extents)
        {
            Int128 product = 1;
            foreach (var extent in extents)
            {
                product *= extent;
                if (product > long.MaxValue) return -1;
            }

            return product;
        }
    }
}
