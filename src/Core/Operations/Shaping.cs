using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <summary>The same elements, in the same order, under another shape. Shares the memory.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="shape">As many elements.</param>
    /// <exception cref="ShapeException">The counts differ.</exception>
    public static Tensor Reshape(Tensor x, Shape shape)
    {
        if (x.Count != shape.Count) throw new ShapeException("Reshape", $"{x.Shape} has {x.Count} elements, {shape} has {shape.Count}.");
        return Tape.Record("Reshape", x.View(shape), [x], (dy, gradients) => gradients.Pass(x, dy));
    }

    /// <summary>All axes from <paramref name="start"/> on as one: [N, H, W, C] becomes [N, H W C].</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="start">The first axis that is merged; default 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public static Tensor Flatten(Tensor x, int start = 1)
    {
        if (start < 0 || start >= x.Shape.Rank) throw new ShapeException("Flatten", $"there is no axis {start} in {x.Shape}.");
        var extents = new int[start + 1];
        x.Shape.AsSpan()[..start].CopyTo(extents);
        extents[start] = Geometry.Extent("Flatten", $"the merged axis of {x.Shape}", x.Shape.CountAfter(start - 1));
        return Reshape(x, extents);
    }

    /// <inheritdoc cref="Permute(Tensor, ReadOnlySpan{int})"/>
    public static Tensor Permute(Tensor x, params int[] order) => Permute(x, (ReadOnlySpan<int>)order);

    /// <summary>The axes in another order: result axis i is axis <paramref name="order"/>[i] of x.</summary>
    /// <param name="x">At most 4 axes.</param>
    /// <param name="order">Each axis once.</param>
    /// <exception cref="ShapeException">The order is not a permutation of the axes.</exception>
    public static Tensor Permute(Tensor x, params ReadOnlySpan<int> order)
    {
        var rank = x.Shape.Rank;
        Span<bool> seen = stackalloc bool[4];
        if (rank > 4 || order.Length != rank) throw new ShapeException("Permute", $"expected an order of the {rank} axes (at most 4) of {x.Shape}, got {Geometry.Text(order)}.");
        Span<int> extents = stackalloc int[4] { 1, 1, 1, 1 };
        Span<long> strides = stackalloc long[4];
        for (var i = 0; i < rank; i++)
        {
            if (order[i] < 0 || order[i] >= rank || seen[order[i]]) throw new ShapeException("Permute", $"{Geometry.Text(order)} is not an order of the axes of {x.Shape}.");
            seen[order[i]] = true;
            extents[4 - rank + i] = x.Shape[order[i]];
            strides[4 - rank + i] = x.Shape.CountAfter(order[i]);
        }

        var y = Tensor.Uninitialized(new(extents[(4 - rank)..]), x.Device);
        var (t2, t1, t0) = ((long)extents[3], (long)extents[3] * extents[2], (long)extents[3] * extents[2] * extents[1]);
        var g = new RegionGeometry(extents[0], extents[1], extents[2], extents[3], 0, strides[0], strides[1], strides[2], strides[3], 0, t0, t1, t2, 1);
        var k = x.Device.Kernels;
        k.Memory.CopyRegion(g, x.Data, y.Data);

        return Tape.Record("Permute", order.ToArray(), y, [x], (dy, gradients) => k.Memory.CopyRegion(Reverse(g), dy, gradients.For(x)));
    }

    /// <inheritdoc cref="Concat(ReadOnlySpan{Tensor}, int)"/>
    public static Tensor Concat(Tensor[] tensors, int axis = -1) => Concat((ReadOnlySpan<Tensor>)tensors, axis);

    /// <summary>Tensors one behind the other along an axis.</summary>
    /// <param name="tensors">At least one; alike but for that axis.</param>
    /// <param name="axis">Which; default -1, the channels.</param>
    /// <exception cref="ShapeException">The shapes do not fit.</exception>
    public static Tensor Concat(ReadOnlySpan<Tensor> tensors, int axis = -1)
    {
        if (tensors.IsEmpty) throw new ShapeException("Concat", "expected at least one tensor.");
        var first = tensors[0].Shape;
        var place = axis < 0 ? axis + first.Rank : axis;
        if (place < 0 || place >= first.Rank) throw new ShapeException("Concat", $"there is no axis {axis} in {first}.");
        var total = 0L;
        foreach (var tensor in tensors)
        {
            if (tensor.Shape.Rank != first.Rank || tensor.Shape.With(place, 0) != first.With(place, 0)) throw new ShapeException("Concat", $"{first} and {tensor.Shape} differ in an axis other than {axis}.");
            CheckTogether("Concat", tensors[0], tensor, "next one");
            total += tensor.Shape[place];
        }

        var inputs = tensors.ToArray();
        var device = inputs[0].Device;
        var y = Tensor.Uninitialized(first.With(place, Geometry.Extent("Concat", $"axis {axis} of the result", total)), device);
        var rows = Geometry.Extent("Concat", $"the number of rows before axis {axis} of {first}", first.CountBefore(place));
        var row = y.Shape.CountAfter(place) * total;
        long start = 0;
        foreach (var input in inputs)
        {
            device.Kernels.Memory.CopyRegion(Part(input, place, rows, row, start), input.Data, y.Data);
            start += input.Shape.CountAfter(place) * input.Shape[place];
        }

        return Tape.Record("Concat", place, y, inputs, (dy, gradients) =>
        {
            long offset = 0;
            foreach (var input in inputs)
            {
                if (gradients.Wants(input)) device.Kernels.Memory.CopyRegion(Reverse(Part(input, place, rows, row, offset)), dy, gradients.For(input));
                offset += input.Shape.CountAfter(place) * input.Shape[place];
            }
        });

        static RegionGeometry Part(Tensor input, int place, int rows, long row, long start)
        {
            var run = Geometry.Extent("Concat", $"a row of {input.Shape} from axis {place} on", input.Shape.CountAfter(place) * input.Shape[place]);
            return new(1, 1, rows, run, 0, 0, 0, run, 1, start, 0, 0, row, 1);
        }
    }

    /// <summary>Part of a tensor: <paramref name="length"/> places from <paramref name="start"/> on along one axis.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="axis">Which axis; negative from behind.</param>
    /// <param name="start">The first place.</param>
    /// <param name="length">How many.</param>
    /// <exception cref="ShapeException">The part is not within the axis.</exception>
    public static Tensor Slice(Tensor x, int axis, int start, int length)
    {
        var place = axis < 0 ? axis + x.Shape.Rank : axis;
        if (place < 0 || place >= x.Shape.Rank) throw new ShapeException("Slice", $"there is no axis {axis} in {x.Shape}.");
        if (start < 0 || length < 0 || start > x.Shape[place] - length) throw new ShapeException("Slice", $"places {start} to {start + length} are not within axis {axis} of {x.Shape}.");
        var y = Tensor.Uninitialized(x.Shape.With(place, length), x.Device);
        var inner = x.Shape.CountAfter(place);
        var run = Geometry.Extent("Slice", $"a row of the part of {x.Shape}", inner * length);
        var g = new RegionGeometry(1, 1, Geometry.Extent("Slice", $"the number of rows before axis {axis} of {x.Shape}", x.Shape.CountBefore(place)), run, start * inner, 0, 0, inner * x.Shape[place], 1, 0, 0, 0, run, 1);
        var k = x.Device.Kernels;
        k.Memory.CopyRegion(g, x.Data, y.Data);

        return Tape.Record("Slice", (place, start, length), y, [x], (dy, gradients) =>
        {
            var dx = gradients.For(x);
            k.Memory.Fill(dx, 0);
            k.Memory.CopyRegion(Reverse(g), dy, dx);
        });
    }

    /// <summary>Rows and columns of a constant around each image.</summary>
    /// <param name="x">[N, H, W, C].</param>
    /// <param name="padding">How many on each side; negative ones crop.</param>
    /// <param name="value">The constant; default 0.</param>
    /// <returns>[N, H + top + bottom, W + left + right, C].</returns>
    /// <exception cref="ShapeException">x is not a batch of images, or nothing is left.</exception>
    public static Tensor Pad2d(Tensor x, Padding2d padding, double value = 0)
    {
        if (x.Shape.Rank != 4) throw new ShapeException("Pad2d", $"expected an input [N, H, W, C], got {x.Shape}.");
        int n = x.Shape[0], h = x.Shape[1], w = x.Shape[2], c = x.Shape[3];
        var outH = Geometry.Extent("Pad2d", "the height of the result", (long)h + padding.Top + padding.Bottom);
        var outW = Geometry.Extent("Pad2d", "the width of the result", (long)w + padding.Left + padding.Right);

        // What of x remains where a side is cropped: nothing may, if x has nothing.
        long top = Math.Max(0L, -(long)padding.Top), left = Math.Max(0L, -(long)padding.Left);
        long rows = h - top - Math.Max(0L, -(long)padding.Bottom), columns = w - left - Math.Max(0L, -(long)padding.Right);
        if (outH < 1 || outW < 1 || rows < Math.Min(h, 1) || columns < Math.Min(w, 1)) throw new ShapeException("Pad2d", $"padding {padding} leaves nothing of {x.Shape}.");
        var y = Tensor.Uninitialized(new(n, outH, outW, c), x.Device);
        var g = new RegionGeometry(
            1, n, (int)rows, Geometry.Extent("Pad2d", $"a row of {x.Shape}", columns * c),
            ((top * w) + left) * c, 0, (long)h * w * c, (long)w * c, 1,
            (((long)Math.Max(0, padding.Top) * outW) + Math.Max(0, padding.Left)) * c, 0, (long)outH * outW * c, (long)outW * c, 1);
        var k = x.Device.Kernels;
        k.Memory.Fill(y.Data, value);
        k.Memory.CopyRegion(g, x.Data, y.Data);

        return Tape.Record("Pad2d", (padding, (float)value), y, [x], (dy, gradients) =>
        {
            var dx = gradients.For(x);
            if (rows != h || columns != w) k.Memory.Fill(dx, 0);
            k.Memory.CopyRegion(Reverse(g), dy, dx);
        });
    }

    static RegionGeometry Reverse(in RegionGeometry g)
        => new(g.D0, g.D1, g.D2, g.D3, g.TargetOffset, g.T0, g.T1, g.T2, g.T3, g.SourceOffset, g.S0, g.S1, g.S2, g.S3);
}

public sealed partial class Tensor
{
    /// <summary><see cref="Functional.Reshape"/>.</summary>
    public Tensor Reshape(params ReadOnlySpan<int> shape) => Functional.Reshape(this, new(shape));

    /// <inheritdoc cref="Functional.Reshape"/>
    public Tensor Reshape(params int[] shape) => Functional.Reshape(this, new(shape));

    /// <summary><see cref="Functional.Flatten"/>.</summary>
    public Tensor Flatten(int start = 1) => Functional.Flatten(this, start);
}
