using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <summary>The greater of a and b, repeated as in <see cref="Add"/>; NaN where either is. Where they are equal each gets half of the gradient.</summary>
    /// <exception cref="ShapeException">The shapes cannot be repeated to a common one.</exception>
    public static Tensor Maximum(Tensor a, Tensor b) => Binary("Maximum", BinaryOp.Maximum, a, b, (BinaryOp.GreaterShare, false), (BinaryOp.GreaterShare, true));

    /// <summary>The minimum of a and b, repeated as in <see cref="Add"/>; NaN where either is. Where they are equal each gets half of the gradient.</summary>
    /// <exception cref="ShapeException">The shapes cannot be repeated to a common one.</exception>
    public static Tensor Minimum(Tensor a, Tensor b) => Binary("Minimum", BinaryOp.Minimum, a, b, (BinaryOp.GreaterShare, true), (BinaryOp.GreaterShare, false));

    /// <summary>a to the power of b, repeated as in <see cref="Add"/>. da = dy b a^(b - 1), db = dy a^b log(a); 0 where a power of 0 has no derivative.</summary>
    /// <exception cref="ShapeException">The shapes cannot be repeated to a common one.</exception>
    public static Tensor Pow(Tensor a, Tensor b) => Binary("Pow", BinaryOp.Power, a, b, (BinaryOp.PowerByBase, false), (BinaryOp.PowerByExponent, false));

    /// <summary>1 where a > b, else 0; repeated as in <see cref="Add"/>. No gradient flows through.</summary>
    /// <exception cref="ShapeException">The shapes cannot be repeated to a common one.</exception>
    public static Tensor Greater(Tensor a, Tensor b) => Compare("Greater", BinaryOp.Greater, a, b);

    /// <summary>1 where a >= b, else 0; repeated as in <see cref="Add"/>. No gradient flows through.</summary>
    /// <exception cref="ShapeException">The shapes cannot be repeated to a common one.</exception>
    public static Tensor GreaterOrEqual(Tensor a, Tensor b) => Compare("GreaterOrEqual", BinaryOp.GreaterOrEqual, a, b);

    /// <summary>1 where a equals b, else 0; repeated as in <see cref="Add"/>. No gradient flows through.</summary>
    /// <exception cref="ShapeException">The shapes cannot be repeated to a common one.</exception>
    public static Tensor Equal(Tensor a, Tensor b) => Compare("Equal", BinaryOp.Equal, a, b);

    /// <summary>a - b n with n the whole part of a / b, so with the sign of a (C's fmod); repeated as in <see cref="Add"/>. da = dy, db = -n dy.</summary>
    /// <exception cref="ShapeException">The shapes cannot be repeated to a common one.</exception>
    public static Tensor Remainder(Tensor a, Tensor b)
    {
        var g = Broadcast("Remainder", a, b, out var shape);
        var y = Binary(BinaryOp.Remainder, g, a, b, shape);
        var k = a.Device.Kernels;
        return Tape.Record("Remainder", y, [a, b], (dy, gradients) =>
        {
            if (gradients.Wants(a)) SumInto(a, shape, dy, 1, gradients);
            if (!gradients.Wants(b)) return;

            // n = (a - y) / b.
            DeviceBuffer difference = dy.Engine.Rent(dy.Type, shape.Count), whole = dy.Engine.Rent(dy.Type, shape.Count);
            k.Elementwise.Binary(BinaryOp.Subtract, WithDy(g, ofA: true), y.Data, a.Data, difference);
            k.Elementwise.Binary(BinaryOp.Divide, WithDy(g, ofA: false), difference, b.Data, whole);
            k.Elementwise.Binary(BinaryOp.Multiply, Elementwise(shape), whole, dy, difference);
            SumInto(b, shape, difference, 1, gradients);
            difference.Release();
            whole.Release();
        });
    }

    /// <summary>a where the condition is not 0, else b; all three repeated as in <see cref="Add"/>.</summary>
    /// <param name="condition">Floats; no gradient flows into it.</param>
    /// <param name="a">Chosen where the condition is not 0.</param>
    /// <param name="b">Chosen elsewhere.</param>
    /// <exception cref="ShapeException">The shapes cannot be repeated to a common one.</exception>
    public static Tensor Where(Tensor condition, Tensor a, Tensor b)
    {
        // Each operand is 0 where it is not chosen, so that the sum is the choice.
        var gA = Broadcast("Where", a, condition, out var shapeA);
        var gB = Broadcast("Where", b, condition, out var shapeB);
        using var left = Binary(BinaryOp.Where, gA, a, condition, shapeA);
        using var right = Binary(BinaryOp.WhereNot, gB, b, condition, shapeB);
        var g = Broadcast("Where", left, right, out var shape);
        var y = Binary(BinaryOp.Add, g, left, right, shape);
        var k = y.Device.Kernels;
        var gDy = Broadcast("Where", y, condition, out _);
        return Tape.Record("Where", y, [condition, a, b], (dy, gradients) =>
        {
            if (gradients.Wants(a)) Choose(a, BinaryOp.Where, dy, gradients);
            if (gradients.Wants(b)) Choose(b, BinaryOp.WhereNot, dy, gradients);
        });

        void Choose(Tensor operand, BinaryOp op, DeviceBuffer dy, Gradients gradients)
        {
            var chosen = dy.Engine.Rent(dy.Type, shape.Count);
            k.Elementwise.Binary(op, gDy, dy, condition.Data, chosen);
            SumInto(operand, shape, chosen, 1, gradients);
            chosen.Release();
        }
    }

    /// <summary>A function of two operands whose gradients are dy times a function of them, in their order or exchanged.</summary>
    static Tensor Binary(string name, BinaryOp op, Tensor a, Tensor b, (BinaryOp Op, bool Exchanged) da, (BinaryOp Op, bool Exchanged) db)
    {
        var g = Broadcast(name, a, b, out var shape);
        var y = Binary(op, g, a, b, shape);
        var k = a.Device.Kernels;
        return Tape.Record(name, y, [a, b], (dy, gradients) =>
        {
            if (gradients.Wants(a)) Times(da, a, dy, gradients);
            if (gradients.Wants(b)) Times(db, b, dy, gradients);
        });

        void Times((BinaryOp Op, bool Exchanged) factor, Tensor input, DeviceBuffer dy, Gradients gradients)
        {
            var term = dy.Engine.Rent(dy.Type, shape.Count);
            if (factor.Exchanged) k.Elementwise.Binary(factor.Op, Exchanged(g), b.Data, a.Data, term);
            else k.Elementwise.Binary(factor.Op, g, a.Data, b.Data, term);
            k.Elementwise.Binary(BinaryOp.Multiply, Elementwise(shape), term, dy, term);
            SumInto(input, shape, term, 1, gradients);
            term.Release();
        }
    }

    static Tensor Compare(string name, BinaryOp op, Tensor a, Tensor b)
    {
        var g = Broadcast(name, a, b, out var shape);
        return Tape.Record(name, Binary(op, g, a, b, shape), [a, b], static (_, _) => { });
    }

    static BroadcastGeometry Exchanged(in BroadcastGeometry g) => g with { A0 = g.B0, A1 = g.B1, A2 = g.B2, A3 = g.B3, B0 = g.A0, B1 = g.A1, B2 = g.A2, B3 = g.A3 };
}
