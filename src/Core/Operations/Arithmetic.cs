using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <summary>a + b. Axes are aligned at the end; an axis of extent 1, or a missing one, is repeated.</summary>
    /// <exception cref="ShapeException">The shapes cannot be repeated to a common one.</exception>
    public static Tensor Add(Tensor a, Tensor b) => new AddOperation(Broadcast.Of("Add", a, b)).Apply(a, b);

    /// <summary>a - b, repeated as in <see cref="Add"/>.</summary>
    /// <exception cref="ShapeException">The shapes cannot be repeated to a common one.</exception>
    public static Tensor Subtract(Tensor a, Tensor b) => new SubtractOperation(Broadcast.Of("Subtract", a, b)).Apply(a, b);

    /// <summary>a b, element by element, repeated as in <see cref="Add"/>.</summary>
    /// <exception cref="ShapeException">The shapes cannot be repeated to a common one.</exception>
    public static Tensor Multiply(Tensor a, Tensor b) => new MultiplyOperation(Broadcast.Of("Multiply", a, b)).Apply(a, b);

    /// <summary>a / b, element by element, repeated as in <see cref="Add"/>.</summary>
    /// <exception cref="ShapeException">The shapes cannot be repeated to a common one.</exception>
    public static Tensor Divide(Tensor a, Tensor b) => new DivideOperation(Broadcast.Of("Divide", a, b)).Apply(a, b);

    /// <summary>factor x.</summary>
    public static Tensor MultiplyScalar(Tensor x, double factor) => Unary(UnaryOp.MultiplyScalar, x, (float)factor);

    /// <summary>x + offset.</summary>
    public static Tensor AddScalar(Tensor x, double offset) => Unary(UnaryOp.AddScalar, x, (float)offset);
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

/// <summary>Two operands, repeated to a common shape (NumPy's broadcasting).</summary>
/// <param name="Shape">The common shape.</param>
/// <param name="Geometry">How each operand is read along it.</param>
readonly record struct Broadcast(Shape Shape, BroadcastGeometry Geometry)
{
    /// <exception cref="ShapeException">The shapes cannot be repeated to a common one.</exception>
    public static Broadcast Of(string operation, Tensor a, Tensor b)
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

        Functional.CheckTogether(operation, a, b, "second operand");
        return new(new(extents[(4 - rank)..]), new(extents[0], extents[1], extents[2], extents[3], strideA[0], strideA[1], strideA[2], strideA[3], strideB[0], strideB[1], strideB[2], strideB[3]));
    }

    /// <summary>The geometry of op(dy, a) or op(dy, b): dy is read in order, the operand as before.</summary>
    public BroadcastGeometry WithDy(bool ofA)
    {
        var g = Geometry;
        long s2 = g.D3, s1 = s2 * g.D2, s0 = s1 * g.D1;
        return ofA
            ? g with { A0 = s0, A1 = s1, A2 = s2, A3 = 1, B0 = g.A0, B1 = g.A1, B2 = g.A2, B3 = g.A3 }
            : g with { A0 = s0, A1 = s1, A2 = s2, A3 = 1 };
    }

    /// <summary>The operands in the other order.</summary>
    public BroadcastGeometry Exchanged => Geometry with { A0 = Geometry.B0, A1 = Geometry.B1, A2 = Geometry.B2, A3 = Geometry.B3, B0 = Geometry.A0, B1 = Geometry.A1, B2 = Geometry.A2, B3 = Geometry.A3 };

    /// <summary>Two operands of one shape, both read in order.</summary>
    public static BroadcastGeometry Elementwise(Shape shape)
    {
        Span<int> extents = stackalloc int[4] { 1, 1, 1, 1 };
        var inner = shape.AsSpan()[Math.Max(0, shape.Rank - 3)..];
        inner.CopyTo(extents[(4 - inner.Length)..]);
        extents[0] = Kernels.Geometry.Extent("Elementwise", $"the number of rows before the last three axes of {shape}", shape.CountBefore(shape.Rank - inner.Length));
        long s2 = extents[3], s1 = s2 * extents[2], s0 = s1 * extents[1];
        return new(extents[0], extents[1], extents[2], extents[3], s0, s1, s2, 1, s0, s1, s2, 1);
    }

    /// <summary>Adds factor dy, summed over the axes along which the input was repeated, to the gradient of the input.</summary>
    public static void SumInto(Tensor input, Shape shape, DeviceBuffer dy, float factor, Gradients gradients)
    {
        var k = input.Device.Kernels;
        if (input.Shape == shape)
        {
            if (factor == 1) gradients.Pass(input, dy);
            else k.Elementwise.Unary(UnaryOp.MultiplyScalar, factor, dy, gradients.For(input));
            return;
        }

        // From the outermost axis on, so that the extents after an axis are still the result's when it is summed.
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

/// <summary>An operation of two tensors, element by element, the smaller repeated.</summary>
abstract record BinaryOperation(BinaryOp Op, Broadcast Broadcast) : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => Broadcast.Shape;

    public override void Forward(ForwardContext c) => c.Kernels.Elementwise.Binary(Op, Broadcast.Geometry, c.Data(0), c.Data(1), c.Output.Data);

    /// <summary>Adds a gradient shaped like the result to that of an input, summed where the input was repeated.</summary>
    protected void Pass(BackwardContext c, int input, DeviceBuffer gradient, float factor = 1) => Broadcast.SumInto(c[input], Broadcast.Shape, gradient, factor, c.Gradients);

    /// <summary>A buffer shaped like the result; to be released.</summary>
    protected DeviceBuffer Rent(BackwardContext c) => c.OutputGradient.Engine.Rent(c.OutputGradient.Type, Broadcast.Shape.Count);
}

/// <summary>a + b; da = dy, db = dy.</summary>
sealed record AddOperation(Broadcast Broadcast) : BinaryOperation(BinaryOp.Add, Broadcast)
{
    public override void Backward(BackwardContext c)
    {
        if (c.Gradients.Wants(c[0])) Pass(c, 0, c.OutputGradient);
        if (c.Gradients.Wants(c[1])) Pass(c, 1, c.OutputGradient);
    }
}

/// <summary>a - b; da = dy, db = -dy.</summary>
sealed record SubtractOperation(Broadcast Broadcast) : BinaryOperation(BinaryOp.Subtract, Broadcast)
{
    public override void Backward(BackwardContext c)
    {
        if (c.Gradients.Wants(c[0])) Pass(c, 0, c.OutputGradient);
        if (c.Gradients.Wants(c[1])) Pass(c, 1, c.OutputGradient, -1);
    }
}

/// <summary>a b; da = dy b, db = dy a.</summary>
sealed record MultiplyOperation(Broadcast Broadcast) : BinaryOperation(BinaryOp.Multiply, Broadcast)
{
    public override void Backward(BackwardContext c)
    {
        if (c.Gradients.Wants(c[0])) PassTimes(c, 0, c[1], Broadcast.WithDy(ofA: false));
        if (c.Gradients.Wants(c[1])) PassTimes(c, 1, c[0], Broadcast.WithDy(ofA: true));
    }

    void PassTimes(BackwardContext c, int input, Tensor other, in BroadcastGeometry g)
    {
        var product = Rent(c);
        c.Kernels.Elementwise.Binary(BinaryOp.Multiply, g, c.OutputGradient, other.Data, product);
        Pass(c, input, product);
        product.Release();
    }
}

/// <summary>a / b; da = dy / b, db = -(dy / b) y.</summary>
sealed record DivideOperation(Broadcast Broadcast) : BinaryOperation(BinaryOp.Divide, Broadcast)
{
    public override void Backward(BackwardContext c)
    {
        var quotient = Rent(c);
        c.Kernels.Elementwise.Binary(BinaryOp.Divide, Broadcast.WithDy(ofA: false), c.OutputGradient, c[1].Data, quotient);
        if (c.Gradients.Wants(c[0])) Pass(c, 0, quotient);
        if (c.Gradients.Wants(c[1]))
        {
            var product = Rent(c);
            c.Kernels.Elementwise.Binary(BinaryOp.Multiply, Broadcast.Elementwise(Broadcast.Shape), quotient, c.Output.Data, product);
            Pass(c, 1, product, -1);
            product.Release();
        }

        quotient.Release();
    }
}
