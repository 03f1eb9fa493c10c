using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <summary>a + b. Axes are aligned at the end; an axis of extent 1, or a missing one, is repeated.</summary>
    /// <exception cref="ShapeException">The shapes cannot be repeated to a common one.</exception>
    public static Tensor Add(Tensor a, Tensor b)
    {
        var g = Broadcast("Add", a, b, out var shape);
        var y = Binary(BinaryOp.Add, g, a, b, shape);
        return Tape.Record("Add", y, [a, b], (dy, gradients) =>
        {
            if (gradients.Wants(a)) SumInto(a, shape, dy, 1, gradients);
            if (gradients.Wants(b)) SumInto(b, shape, dy, 1, gradients);
        });
    }

    /// <summary>a - b, repeated as in <see cref="Add"/>.</summary>
    /// <exception cref="ShapeException">The shapes cannot be repeated to a common one.</exception>
    public static Tensor Subtract(Tensor a, Tensor b)
    {
        var g = Broadcast("Subtract", a, b, out var shape);
        var y = Binary(BinaryOp.Subtract, g, a, b, shape);
        return Tape.Record("Subtract", y, [a, b], (dy, gradients) =>
        {
            if (gradients.Wants(a)) SumInto(a, shape, dy, 1, gradients);
            if (gradients.Wants(b)) SumInto(b, shape, dy, -1, gradients);
        });
    }

    /// <summary>a b, element by element, repeated as in <see cref="Add"/>.</summary>
    /// <exception cref="ShapeException">The shapes cannot be repeated to a common one.</exception>
    public static Tensor Multiply(Tensor a, Tensor b)
    {
        var g = Broadcast("Multiply", a, b, out var shape);
        var y = Binary(BinaryOp.Multiply, g, a, b, shape);
        var k = a.Device.Kernels;
        return Tape.Record("Multiply", y, [a, b], (dy, gradients) =>
        {
            var term = a.Device.Engine.Rent(a.DType, shape.Count);
            if (gradients.Wants(a))
            {
                k.Elementwise.Binary(BinaryOp.Multiply, WithDy(g, ofA: false), dy, b.Data, term);
                SumInto(a, shape, term, 1, gradients);
            }

            if (gradients.Wants(b))
            {
                if (term.IsShared) term = Replace(term);
                k.Elementwise.Binary(BinaryOp.Multiply, WithDy(g, ofA: true), dy, a.Data, term);
                SumInto(b, shape, term, 1, gradients);
            }

            term.Release();
        });
    }

    /// <summary>a / b, element by element, repeated as in <see cref="Add"/>.</summary>
    /// <exception cref="ShapeException">The shapes cannot be repeated to a common one.</exception>
    public static Tensor Divide(Tensor a, Tensor b)
    {
        var g = Broadcast("Divide", a, b, out var shape);
        var y = Binary(BinaryOp.Divide, g, a, b, shape);
        var k = a.Device.Kernels;
        return Tape.Record("Divide", y, [a, b], (dy, gradients) =>
        {
            // da = dy / b; db = -(dy / b) y.
            var term = a.Device.Engine.Rent(a.DType, shape.Count);
            k.Elementwise.Binary(BinaryOp.Divide, WithDy(g, ofA: false), dy, b.Data, term);
            if (gradients.Wants(a)) SumInto(a, shape, term, 1, gradients);
            if (gradients.Wants(b))
            {
                var product = a.Device.Engine.Rent(a.DType, shape.Count);
                k.Elementwise.Binary(BinaryOp.Multiply, Elementwise(shape), term, y.Data, product);
                SumInto(b, shape, product, -1, gradients);
                product.Release();
            }

            term.Release();
        });
    }

    /// <summary>factor x.</summary>
    public static Tensor MultiplyScalar(Tensor x, double factor) => Unary(UnaryOp.MultiplyScalar, x, (float)factor);

    /// <summary>x + offset.</summary>
    public static Tensor AddScalar(Tensor x, double offset) => Unary(UnaryOp.AddScalar, x, (float)offset);

    static Tensor Binary(BinaryOp op, in BroadcastGeometry g, Tensor a, Tensor b, Shape shape)
    {
        var y = Tensor.Uninitialized(shape, a.Device);
        a.Device.Kernels.Elementwise.Binary(op, g, a.Data, b.Data, y.Data);
        return y;
    }

    static DeviceBuffer Replace(DeviceBuffer shared)
    {
        shared.Release();
        return shared.Engine.Rent(shared.Type, shared.Length);
    }

    /// <summary>The common shape of two operands and how each is read along it.</summary>
    static BroadcastGeometry Broadcast(string operation, Tensor a, Tensor b, out Shape shape)
    {
        var rank = Math.Max(a.Shape.Rank, b.Shape.Rank);
        if (rank > 4) throw new ShapeException(operation, $"expected at most 4 axes, got {a.Shape} and {b.Shape}.");
        Span<int> extents = stackalloc int[4];
        Span<long> strideA = stackalloc long[4];
        Span<long> strideB = stackalloc long[4];
        for (var axis = 0; axis < 4; axis++)
        {
            int i = axis - 4 + a.Shape.Rank, j = axis - 4 + b.Shape.Rank;
            var p = i < 0 ? 1 : a.Shape[i];
            var q = j < 0 ? 1 : b.Shape[j];
            if (p != q && p != 1 && q != 1) throw new ShapeException(operation, $"{a.Shape} and {b.Shape} cannot be repeated to a common shape.");
            extents[axis] = p == 1 ? q : p;
            strideA[axis] = p == 1 ? 0 : a.Shape.CountAfter(i);
            strideB[axis] = q == 1 ? 0 : b.Shape.CountAfter(j);
        }

        CheckTogether(operation, a, b, "second operand");
        shape = new(extents[(4 - rank)..]);
        return new(extents[0], extents[1], extents[2], extents[3], strideA[0], strideA[1], strideA[2], strideA[3], strideB[0], strideB[1], strideB[2], strideB[3]);
    }

    /// <summary>The geometry of op(dy, a) or op(dy, b): dy is read in order, the operand as before.</summary>
    static BroadcastGeometry WithDy(in BroadcastGeometry g, bool ofA)
    {
        long s2 = g.D3, s1 = s2 * g.D2, s0 = s1 * g.D1;
        return ofA
            ? g with { A0 = s0, A1 = s1, A2 = s2, A3 = 1, B0 = g.A0, B1 = g.A1, B2 = g.A2, B3 = g.A3 }
            : g with { A0 = s0, A1 = s1, A2 = s2, A3 = 1 };
    }

    /// <summary>Two operands of one shape, both read in order.</summary>
    static BroadcastGeometry Elementwise(Shape shape)
    {
        Span<int> extents = stackalloc int[4] { 1, 1, 1, 1 };
        var inner = shape.AsSpan()[Math.Max(0, shape.Rank - 3)..];
        inner.CopyTo(extents[(4 - inner.Length)..]);
        extents[0] = Geometry.Extent("Elementwise", $"the number of rows before the last three axes of {shape}", shape.CountBefore(shape.Rank - inner.Length));
        long s2 = extents[3], s1 = s2 * extents[2], s0 = s1 * extents[1];
        return new(extents[0], extents[1], extents[2], extents[3], s0, s1, s2, 1, s0, s1, s2, 1);
    }

    /// <summary>Adds factor dy, summed over the axes along which the input was repeated, to the gradient of the input.</summary>
    static void SumInto(Tensor input, Shape shape, DeviceBuffer dy, float factor, Gradients gradients)
    {
        var k = input.Device.Kernels;
        if (input.Shape == shape)
        {
            if (factor == 1) gradients.Pass(input, dy);
            else k.Elementwise.Unary(UnaryOp.MultiplyScalar, factor, dy, gradients.For(input));
            return;
        }

        // From the outermost axis on, so that the extents behind an axis are still the result's when it is summed.
        var current = dy.Retain();
        var missing = shape.Rank - input.Shape.Rank;
        var outer = 1L;
        for (var axis = 0; axis < shape.Rank; axis++)
        {
            var kept = axis < missing ? 1 : input.Shape[axis - missing];
            if (kept != shape[axis])
            {
                var g = new ReduceGeometry(outer, shape[axis], shape.CountAfter(axis));
                var summed = input.Device.Engine.Rent(dy.Type, g.Outer * g.Inner);
                k.Reductions.Sum(g, 1, current, summed);
                current.Release();
                current = summed;
            }

            outer *= kept;
        }

        if (factor == 1) gradients.Pass(input, current);
        else k.Elementwise.Unary(UnaryOp.MultiplyScalar, factor, current, gradients.For(input));
        current.Release();
    }
}

public sealed partial class Tensor
{
    /// <summary><see cref="Functional.Add"/>.</summary>
    public static Tensor operator +(Tensor a, Tensor b) => Functional.Add(a, b);

    /// <summary><see cref="Functional.Subtract"/>.</summary>
    public static Tensor operator -(Tensor a, Tensor b) => Functional.Subtract(a, b);

    /// <summary><see cref="Functional.Multiply"/>.</summary>
    public static Tensor operator *(Tensor a, Tensor b) => Functional.Multiply(a, b);

    /// <summary><see cref="Functional.Divide"/>.</summary>
    public static Tensor operator /(Tensor a, Tensor b) => Functional.Divide(a, b);

    /// <summary><see cref="Functional.MultiplyScalar"/>.</summary>
    public static Tensor operator *(Tensor x, double factor) => Functional.MultiplyScalar(x, factor);

    /// <summary><see cref="Functional.MultiplyScalar"/>.</summary>
    public static Tensor operator *(double factor, Tensor x) => Functional.MultiplyScalar(x, factor);

    /// <summary><see cref="Functional.AddScalar"/>.</summary>
    public static Tensor operator +(Tensor x, double offset) => Functional.AddScalar(x, offset);

    /// <summary><see cref="Functional.AddScalar"/>.</summary>
    public static Tensor operator +(double offset, Tensor x) => Functional.AddScalar(x, offset);

    /// <summary><see cref="Functional.AddScalar"/> by -offset.</summary>
    public static Tensor operator -(Tensor x, double offset) => Functional.AddScalar(x, -offset);

    /// <summary><see cref="Functional.AddScalar"/> of -x.</summary>
    public static Tensor operator -(double offset, Tensor x) => Functional.AddScalar(-x, offset);

    /// <summary><see cref="Functional.MultiplyScalar"/> by -1.</summary>
    public static Tensor operator -(Tensor x) => Functional.MultiplyScalar(x, -1);

    /// <summary><see cref="Functional.MultiplyScalar"/> by 1 / divisor.</summary>
    public static Tensor operator /(Tensor x, double divisor) => Functional.MultiplyScalar(x, 1 / (float)divisor);

    /// <summary>One number over each element.</summary>
    public static Tensor operator /(double dividend, Tensor x) => Functional.Divide(Tensor.Full(default, dividend, x.Device), x);
}
