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
        return new ReshapeOperation(shape).Apply(x);
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

        var (t2, t1, t0) = ((long)extents[3], (long)extents[3] * extents[2], (long)extents[3] * extents[2] * extents[1]);
        var g = new RegionGeometry(extents[0], extents[1], extents[2], extents[3], 0, strides[0], strides[1], strides[2], strides[3], 0, t0, t1, t2, 1);
        return new PermuteOperation(order.ToArray(), g, new(extents[(4 - rank)..])).Apply(x);
    }

    /// <inheritdoc cref="Concat(ReadOnlySpan{Tensor}, int)"/>
    public static Tensor Concat(Tensor[] tensors, int axis = -1) => Concat((ReadOnlySpan<Tensor>)tensors, axis);

    /// <summary>Tensors one after the other along an axis.</summary>
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

        var shape = first.With(place, Geometry.Extent("Concat", $"axis {axis} of the result", total));
        var rows = Geometry.Extent("Concat", $"the number of rows before axis {axis} of {first}", first.CountBefore(place));
        foreach (var tensor in tensors) _ = Geometry.Extent("Concat", $"a row of {tensor.Shape} from axis {place} on", tensor.Shape.CountAfter(place) * tensor.Shape[place]);
        return new ConcatOperation(place, rows, shape).Apply(tensors);
    }

    /// <summary>Part of a tensor: <paramref name="length"/> places from <paramref name="start"/> on along one axis.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="axis">Which axis; negative from the end.</param>
    /// <param name="start">The first place.</param>
    /// <param name="length">How many.</param>
    /// <exception cref="ShapeException">The part is not within the axis.</exception>
    public static Tensor Slice(Tensor x, int axis, int start, int length)
    {
        var place = axis < 0 ? axis + x.Shape.Rank : axis;
        if (place < 0 || place >= x.Shape.Rank) throw new ShapeException("Slice", $"there is no axis {axis} in {x.Shape}.");
        if (start < 0 || length < 0 || start > x.Shape[place] - length) throw new ShapeException("Slice", $"places {start} to {start + length} are not within axis {axis} of {x.Shape}.");
        var inner = x.Shape.CountAfter(place);
        var run = Geometry.Extent("Slice", $"a row of the part of {x.Shape}", inner * length);
        var g = new RegionGeometry(1, 1, Geometry.Extent("Slice", $"the number of rows before axis {axis} of {x.Shape}", x.Shape.CountBefore(place)), run, start * inner, 0, 0, inner * x.Shape[place], 1, 0, 0, 0, run, 1);
        return new SliceOperation(place, start, length, g).Apply(x);
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
        var g = new RegionGeometry(
            1, n, (int)rows, Geometry.Extent("Pad2d", $"a row of {x.Shape}", columns * c),
            ((top * w) + left) * c, 0, (long)h * w * c, (long)w * c, 1,
            (((long)Math.Max(0, padding.Top) * outW) + Math.Max(0, padding.Left)) * c, 0, (long)outH * outW * c, (long)outW * c, 1);
        return new Pad2dOperation(padding, value, g, new(n, outH, outW, c)).Apply(x);
    }

    internal static RegionGeometry Reverse(in RegionGeometry g)
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

/// <summary>The elements of x under another shape; the memory is shared.</summary>
sealed record ReshapeOperation(Shape Result) : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => Result;

    public override void Forward(ForwardContext c)
    {
    }

    public override void Backward(BackwardContext c) => c.Gradients.Pass(c[0], c.OutputGradient);

    internal override Tensor CreateResult(ReadOnlySpan<Tensor?> inputs, Shape shape) => inputs[0]!.View(shape);
}

/// <summary>The axes of x in another order: the region, all of x, is read along it.</summary>
sealed record PermuteOperation(int[] Order, RegionGeometry Region, Shape Result) : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => Result;

    public override void Forward(ForwardContext c) => c.Kernels.Memory.CopyRegion(Region, c.Data(0), c.Output.Data);

    public override void Backward(BackwardContext c) => c.Kernels.Memory.CopyRegion(Functional.Reverse(Region), c.OutputGradient, c.Gradients.For(c[0]));
}

/// <summary>The inputs one after the other along an axis; Rows is the number of elements before it.</summary>
sealed record ConcatOperation(int Axis, int Rows, Shape Result) : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => Result;

    public override void Forward(ForwardContext c)
    {
        long start = 0;
        for (var i = 0; i < c.Count; i++)
        {
            c.Kernels.Memory.CopyRegion(Part(c[i], start), c.Data(i), c.Output.Data);
            start += Run(c[i]);
        }
    }

    public override void Backward(BackwardContext c)
    {
        long start = 0;
        for (var i = 0; i < c.Count; i++)
        {
            if (c.Gradients.Wants(c[i])) c.Kernels.Memory.CopyRegion(Functional.Reverse(Part(c[i], start)), c.OutputGradient, c.Gradients.For(c[i]));
            start += Run(c[i]);
        }
    }

    long Run(Tensor input) => input.Shape.CountAfter(Axis) * input.Shape[Axis];

    RegionGeometry Part(Tensor input, long start)
    {
        var run = (int)Run(input);
        return new(1, 1, Rows, run, 0, 0, 0, run, 1, start, 0, 0, Result.CountAfter(Axis) * Result[Axis], 1);
    }
}

/// <summary>Part of x along an axis: a region of it.</summary>
sealed record SliceOperation(int Axis, int Start, int Length, RegionGeometry Region) : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => inputs[0]!.Shape.With(Axis, Length);

    public override void Forward(ForwardContext c) => c.Kernels.Memory.CopyRegion(Region, c.Data(0), c.Output.Data);

    public override void Backward(BackwardContext c)
    {
        var dx = c.Gradients.For(c[0]);
        c.Kernels.Memory.Fill(dx, 0);
        c.Kernels.Memory.CopyRegion(Functional.Reverse(Region), c.OutputGradient, dx);
    }
}

/// <summary>The region of x that is kept, in a result of a constant.</summary>
sealed record Pad2dOperation(Padding2d Padding, double Value, RegionGeometry Region, Shape Result) : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => Result;

    public override void Forward(ForwardContext c)
    {
        c.Kernels.Memory.Fill(c.Output.Data, Value);
        c.Kernels.Memory.CopyRegion(Region, c.Data(0), c.Output.Data);
    }

    public override void Backward(BackwardContext c)
    {
        var dx = c.Gradients.For(c[0]);
        if (Padding.Top < 0 || Padding.Bottom < 0 || Padding.Left < 0 || Padding.Right < 0) c.Kernels.Memory.Fill(dx, 0);
        c.Kernels.Memory.CopyRegion(Functional.Reverse(Region), c.OutputGradient, dx);
    }
}
