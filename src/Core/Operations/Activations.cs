using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <summary>max(x, 0).</summary>
    public static Tensor Relu(Tensor x) => Unary(UnaryOp.Relu, x);

    /// <summary>x where x > 0, else slope x (Maas et al. 2013).</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="negativeSlope">Default 0.01.</param>
    public static Tensor LeakyRelu(Tensor x, double negativeSlope = 0.01) => Unary(UnaryOp.LeakyRelu, x, (float)negativeSlope);

    /// <summary>x where x > 0, else alpha (exp(x) - 1) (Clevert et al. 2015).</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="alpha">Default 1.</param>
    public static Tensor Elu(Tensor x, double alpha = 1) => Unary(UnaryOp.Elu, x, (float)alpha);

    /// <summary>1 / (1 + exp(-x)).</summary>
    public static Tensor Sigmoid(Tensor x) => Unary(UnaryOp.Sigmoid, x);

    /// <summary>tanh(x).</summary>
    public static Tensor Tanh(Tensor x) => Unary(UnaryOp.Tanh, x);

    /// <summary>x Phi(x) with the exact normal distribution function (Hendrycks and Gimpel 2016).</summary>
    public static Tensor Gelu(Tensor x) => Unary(UnaryOp.Gelu, x);

    /// <summary>x sigmoid(x), also called swish (Ramachandran et al. 2017).</summary>
    public static Tensor Silu(Tensor x) => Unary(UnaryOp.Silu, x);

    /// <summary>log(1 + exp(x)).</summary>
    public static Tensor Softplus(Tensor x) => Unary(UnaryOp.Softplus, x);

    /// <summary>exp(x).</summary>
    public static Tensor Exp(Tensor x) => Unary(UnaryOp.Exp, x);

    /// <summary>The natural logarithm.</summary>
    public static Tensor Log(Tensor x) => Unary(UnaryOp.Log, x);

    /// <summary>The square root.</summary>
    public static Tensor Sqrt(Tensor x) => Unary(UnaryOp.Sqrt, x);

    /// <summary>|x|.</summary>
    public static Tensor Abs(Tensor x) => Unary(UnaryOp.Abs, x);

    /// <summary>x x.</summary>
    public static Tensor Square(Tensor x) => Unary(UnaryOp.Square, x);

    /// <summary>min(max(x, least), most); NaN stays NaN. The gradient is dy where least &lt;= x &lt;= most, else 0.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="least">The lower bound; default: none.</param>
    /// <param name="most">The upper bound; default: none. Where it is below <paramref name="least"/>, everything becomes it, as in PyTorch.</param>
    /// <returns>Shaped like x.</returns>
    /// <exception cref="ArgumentException">A bound is NaN.</exception>
    public static Tensor Clamp(Tensor x, double least = double.NegativeInfinity, double most = double.PositiveInfinity)
    {
        if (double.IsNaN(least) || double.IsNaN(most)) throw new ArgumentException($"Clamp: a bound is NaN: least {least}, most {most}.");
        return new ClampOperation((float)least, (float)most).Apply(x);
    }

    static Tensor Unary(UnaryOp op, Tensor x, float a = 0) => new UnaryOperation(op, a).Apply(x);

    /// <summary>x where x > 0, else w x, with a learned slope for each channel, or one for all (He et al. 2015).</summary>
    /// <param name="x">[N, ..., C].</param>
    /// <param name="w">[C] or [1].</param>
    /// <returns>Shaped like x.</returns>
    /// <exception cref="ShapeException">The slopes are neither one nor one a channel.</exception>
    public static Tensor PRelu(Tensor x, Tensor w)
    {
        if (x.Shape.Rank < 1) throw new ShapeException("PRelu", $"expected an input [..., C], got {x.Shape}.");
        var channels = x.Shape[^1];
        if (w.Shape.Rank != 1 || (w.Shape[0] != channels && w.Shape[0] != 1)) throw new ShapeException("PRelu", $"expected slopes [{channels}] or [1], got {w.Shape}.");
        CheckTogether("PRelu", x, w, "slopes");
        return new PReluOperation().Apply(x, w);
    }

    /// <summary>The maximum of each group of <paramref name="pieces"/> neighboring channels (Goodfellow et al. 2013).</summary>
    /// <param name="x">[N, ..., C pieces].</param>
    /// <param name="pieces">Channels a group has; divides the channels.</param>
    /// <returns>[N, ..., C].</returns>
    /// <exception cref="ShapeException">The pieces do not divide the channels.</exception>
    public static Tensor Maxout(Tensor x, int pieces)
    {
        if (x.Shape.Rank < 1 || pieces < 1 || x.Shape[^1] % pieces != 0) throw new ShapeException("Maxout", $"{pieces} pieces do not divide the channels of {x.Shape}.");
        return new MaxoutOperation(pieces).Apply(x);
    }

    /// <summary>Zeroes each element with a probability and scales the rest by 1 / (1 - probability) (Srivastava et al. 2014).</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="probability">At least 0, less than 1.</param>
    /// <param name="seed">The generator's key.</param>
    /// <param name="stream">Which numbers of it: <see cref="Philox.Stream"/> of the step and the layer. The same key gives the same mask on every device.</param>
    /// <returns>Shaped like x.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The probability is outside [0, 1).</exception>
    public static Tensor Dropout(Tensor x, double probability, ulong seed, ulong stream)
    {
        var p = (float)probability;
        if (!(p >= 0 && p < 1)) throw new ArgumentOutOfRangeException(nameof(probability), probability, "Dropout: the probability must be at least 0 and less than 1.");
        return new DropoutOperation(p, seed, stream).Apply(x);
    }
}

/// <summary>y = f(x, Parameter), element by element.</summary>
sealed record UnaryOperation(UnaryOp Op, float Parameter) : Operation
{
    public override string Name => Op.ToString();

    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => inputs[0]!.Shape;

    public override void Forward(ForwardContext c) => c.Kernels.Elementwise.Unary(Op, Parameter, c.Data(0), c.Output.Data);

    public override void Backward(BackwardContext c)
    {
        // These two have the same derivative everywhere, so x and y may have changed.
        var dy = c.OutputGradient;
        var anywhere = Op is UnaryOp.MultiplyScalar or UnaryOp.AddScalar;
        c.Kernels.Elementwise.UnaryBackward(Op, Parameter, anywhere ? dy : c[0].Data, anywhere ? dy : c.Output.Data, dy, c.Gradients.Reuse(c[0], dy));
    }
}

/// <summary>y = min(max(x, Min), Max); dx = dy where Min &lt;= x &lt;= Max.</summary>
sealed record ClampOperation(float Min, float Max) : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => inputs[0]!.Shape;

    public override void Forward(ForwardContext c) => c.Kernels.Elementwise.Clamp(Min, Max, c.Data(0), c.Output.Data);

    public override void Backward(BackwardContext c) => c.Kernels.Elementwise.ClampBackward(Min, Max, c[0].Data, c.OutputGradient, c.Gradients.Reuse(c[0], c.OutputGradient));
}

/// <summary>y = x where x > 0, else w x: x and the slopes w.</summary>
sealed record PReluOperation : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => inputs[0]!.Shape;

    public override void Forward(ForwardContext c) => c.Kernels.Elementwise.PReluForward(Rows(c[0]), c[0].Shape[^1], c.Data(0), c.Data(1), c.Output.Data);

    public override void Backward(BackwardContext c)
    {
        var (x, w, gradients) = (c[0], c[1], c.Gradients);
        if (gradients.Wants(w)) c.Kernels.Elementwise.PReluBackwardWeight(Rows(x), x.Shape[^1], x.Data, c.OutputGradient, gradients.For(w));
        if (gradients.Wants(x)) c.Kernels.Elementwise.PReluBackwardInput(Rows(x), x.Shape[^1], x.Data, w.Data, c.OutputGradient, gradients.For(x));
    }

    static long Rows(Tensor x) => x.Shape.CountBefore(x.Shape.Rank - 1);
}

/// <summary>The maximum of each group of neighboring channels, of which the backward pass needs the index.</summary>
sealed record MaxoutOperation(int Pieces) : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => inputs[0]!.Shape.With(^1, inputs[0]!.Shape[^1] / Pieces);

    public override void Forward(ForwardContext c)
        => c.Kernels.Elementwise.MaxoutForward(Rows(c.Output), c.Output.Shape[^1], Pieces, c.Data(0), c.Output.Data, c.Save(DType.Int32, c.Output.Count));

    public override void Backward(BackwardContext c)
        => c.Kernels.Elementwise.MaxoutBackward(Rows(c.Output), c.Output.Shape[^1], Pieces, c.OutputGradient, c.Saved(0), c.Gradients.For(c[0]));

    static long Rows(Tensor y) => y.Shape.CountBefore(y.Shape.Rank - 1);
}

/// <summary>y = x or 0, by the numbers of the key; with the same key it is its own gradient.</summary>
sealed record DropoutOperation(float Probability, ulong Seed, ulong Stream) : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => inputs[0]!.Shape;

    public override void Forward(ForwardContext c) => c.Kernels.Elementwise.Dropout(Probability, Seed, Stream, c.Data(0), c.Output.Data);

    public override void Backward(BackwardContext c) => c.Kernels.Elementwise.Dropout(Probability, Seed, Stream, c.OutputGradient, c.Gradients.Reuse(c[0], c.OutputGradient));
}
