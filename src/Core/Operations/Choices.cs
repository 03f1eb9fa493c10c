using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <summary>The greater of a and b, repeated as in <see cref="Add"/>; NaN where either is. Where they are equal each gets half of the gradient.</summary>
    /// <exception cref="ShapeException">The shapes cannot be repeated to a common one.</exception>
    public static Tensor Maximum(Tensor a, Tensor b) => new PointwiseOperation("Maximum", BinaryOp.Maximum, Broadcast.Of("Maximum", a, b), new(BinaryOp.GreaterShare), new(BinaryOp.GreaterShare, IsExchanged: true)).Apply(a, b);

    /// <summary>The minimum of a and b, repeated as in <see cref="Add"/>; NaN where either is. Where they are equal each gets half of the gradient.</summary>
    /// <exception cref="ShapeException">The shapes cannot be repeated to a common one.</exception>
    public static Tensor Minimum(Tensor a, Tensor b) => new PointwiseOperation("Minimum", BinaryOp.Minimum, Broadcast.Of("Minimum", a, b), new(BinaryOp.GreaterShare, IsExchanged: true), new(BinaryOp.GreaterShare)).Apply(a, b);

    /// <summary>a to the power of b, repeated as in <see cref="Add"/>. da = dy b a^(b - 1), db = dy a^b log(a); 0 where a power of 0 has no derivative.</summary>
    /// <exception cref="ShapeException">The shapes cannot be repeated to a common one.</exception>
    public static Tensor Pow(Tensor a, Tensor b) => new PointwiseOperation("Pow", BinaryOp.Power, Broadcast.Of("Pow", a, b), new(BinaryOp.PowerByBase), new(BinaryOp.PowerByExponent)).Apply(a, b);

    /// <summary>1 where a > b, else 0; repeated as in <see cref="Add"/>. No gradient flows through.</summary>
    /// <exception cref="ShapeException">The shapes cannot be repeated to a common one.</exception>
    public static Tensor Greater(Tensor a, Tensor b) => new CompareOperation(BinaryOp.Greater, Broadcast.Of("Greater", a, b)).Apply(a, b);

    /// <summary>1 where a >= b, else 0; repeated as in <see cref="Add"/>. No gradient flows through.</summary>
    /// <exception cref="ShapeException">The shapes cannot be repeated to a common one.</exception>
    public static Tensor GreaterOrEqual(Tensor a, Tensor b) => new CompareOperation(BinaryOp.GreaterOrEqual, Broadcast.Of("GreaterOrEqual", a, b)).Apply(a, b);

    /// <summary>1 where a equals b, else 0; repeated as in <see cref="Add"/>. No gradient flows through.</summary>
    /// <exception cref="ShapeException">The shapes cannot be repeated to a common one.</exception>
    public static Tensor Equal(Tensor a, Tensor b) => new CompareOperation(BinaryOp.Equal, Broadcast.Of("Equal", a, b)).Apply(a, b);

    /// <summary>a - b n with n the whole part of a / b, so with the sign of a (C's fmod); repeated as in <see cref="Add"/>. da = dy, db = -n dy.</summary>
    /// <exception cref="ShapeException">The shapes cannot be repeated to a common one.</exception>
    public static Tensor Remainder(Tensor a, Tensor b) => new RemainderOperation(Broadcast.Of("Remainder", a, b)).Apply(a, b);

    /// <summary>a where the condition is not 0, else b; all three repeated as in <see cref="Add"/>.</summary>
    /// <param name="condition">Floats; no gradient flows into it.</param>
    /// <param name="a">Chosen where the condition is not 0.</param>
    /// <param name="b">Chosen elsewhere.</param>
    /// <exception cref="ShapeException">The shapes cannot be repeated to a common one.</exception>
    public static Tensor Where(Tensor condition, Tensor a, Tensor b) => new WhereOperation().Apply(condition, a, b);
}

/// <summary>The derivative of a function of two operands by one of them, as a function of both.</summary>
/// <param name="Op">The primitive that computes it.</param>
/// <param name="IsExchanged">Whether it takes b before a.</param>
readonly record struct Derivative(BinaryOp Op, bool IsExchanged = false);

/// <summary>y = op(a, b); da = dy First(a, b), db = dy Second(a, b).</summary>
sealed record PointwiseOperation(string Title, BinaryOp Op, Broadcast Broadcast, Derivative First, Derivative Second) : BinaryOperation(Op, Broadcast)
{
    public override string Name => Title;

    public override void Backward(BackwardContext c)
    {
        if (c.Gradients.Wants(c[0])) PassTimes(c, 0, First);
        if (c.Gradients.Wants(c[1])) PassTimes(c, 1, Second);
    }

    void PassTimes(BackwardContext c, int input, Derivative derivative)
    {
        var product = Rent(c);
        if (derivative.IsExchanged) c.Kernels.Elementwise.Binary(derivative.Op, Broadcast.Exchanged, c[1].Data, c[0].Data, product);
        else c.Kernels.Elementwise.Binary(derivative.Op, Broadcast.Geometry, c[0].Data, c[1].Data, product);
        c.Kernels.Elementwise.Binary(BinaryOp.Multiply, Broadcast.Elementwise(Broadcast.Shape), product, c.OutputGradient, product);
        Pass(c, input, product);
        product.Release();
    }
}

/// <summary>1 where the comparison holds, else 0. No gradient flows through.</summary>
sealed record CompareOperation(BinaryOp Op, Broadcast Broadcast) : BinaryOperation(Op, Broadcast)
{
    public override string Name => Op.ToString();

    public override void Backward(BackwardContext c)
    {
    }
}

/// <summary>y = a - b n, n the whole part of a / b; da = dy, db = -n dy.</summary>
sealed record RemainderOperation(Broadcast Broadcast) : BinaryOperation(BinaryOp.Remainder, Broadcast)
{
    public override void Backward(BackwardContext c)
    {
        if (c.Gradients.Wants(c[0])) Pass(c, 0, c.OutputGradient);
        if (!c.Gradients.Wants(c[1])) return;

        // -n = (y - a) / b.
        DeviceBuffer difference = Rent(c), quotient = Rent(c);
        c.Kernels.Elementwise.Binary(BinaryOp.Subtract, Broadcast.WithDy(ofA: true), c.Output.Data, c[0].Data, difference);
        c.Kernels.Elementwise.Binary(BinaryOp.Divide, Broadcast.WithDy(ofA: false), difference, c[1].Data, quotient);
        c.Kernels.Elementwise.Binary(BinaryOp.Multiply, Broadcast.Elementwise(Broadcast.Shape), quotient, c.OutputGradient, difference);
        Pass(c, 1, difference);
        difference.Release();
        quotient.Release();
    }
}

/// <summary>Of the condition, a and b: each of a and b is made 0 where it is not chosen, so that the sum is the choice.</summary>
sealed record WhereOperation : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs)
    {
        using var a = Tensor.Uninitialized(Broadcast.Of(Name, inputs[1]!, inputs[0]!).Shape, Device.Shapes);
        using var b = Tensor.Uninitialized(Broadcast.Of(Name, inputs[2]!, inputs[0]!).Shape, Device.Shapes);
        return Broadcast.Of(Name, a, b).Shape;
    }

    public override void Forward(ForwardContext c)
    {
        using var a = Chosen(c, BinaryOp.Where, c[1]);
        using var b = Chosen(c, BinaryOp.WhereNot, c[2]);
        c.Kernels.Elementwise.Binary(BinaryOp.Add, Broadcast.Of(Name, a, b).Geometry, a.Data, b.Data, c.Output.Data);
    }

    public override void Backward(BackwardContext c)
    {
        var g = Broadcast.Of(Name, c.Output, c[0]).Geometry;
        for (var input = 1; input <= 2; input++)
        {
            if (!c.Gradients.Wants(c[input])) continue;
            var chosen = c.OutputGradient.Engine.Rent(c.OutputGradient.Type, c.Output.Count);
            c.Kernels.Elementwise.Binary(input == 1 ? BinaryOp.Where : BinaryOp.WhereNot, g, c.OutputGradient, c[0].Data, chosen);
            Broadcast.SumInto(c[input], c.Output.Shape, chosen, 1, c.Gradients);
            chosen.Release();
        }
    }

    Tensor Chosen(ForwardContext c, BinaryOp op, Tensor operand)
    {
        var broadcast = Broadcast.Of(Name, operand, c[0]);
        var y = Tensor.Uninitialized(broadcast.Shape, operand.Device);
        c.Kernels.Elementwise.Binary(op, broadcast.Geometry, operand.Data, c.Data(0), y.Data);
        return y;
    }
}
