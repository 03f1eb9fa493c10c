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
        var k = x.Device.Kernels;
        var y = Tensor.Uninitialized(x.Shape, x.Device);
        var (low, high) = ((float)least, (float)most);
        k.Elementwise.Clamp(low, high, x.Data, y.Data);

        return Tape.Record("Clamp", (low, high), y, [x], (dy, gradients) => k.Elementwise.ClampBackward(low, high, x.Data, dy, gradients.Reuse(x, dy)));
    }

    static Tensor Unary(UnaryOp op, Tensor x, float a = 0)
    {
        var k = x.Device.Kernels;
        var y = Tensor.Uninitialized(x.Shape, x.Device);
        k.Elementwise.Unary(op, a, x.Data, y.Data);

        return Tape.Record(op.ToString(), a, y, [x], (dy, gradients) =>
        {
            // These two have the same derivative everywhere, so x and y may have changed.
            var anywhere = op is UnaryOp.MultiplyScalar or UnaryOp.AddScalar;
            k.Elementwise.UnaryBackward(op, a, anywhere ? dy : x.Data, anywhere ? dy : y.Data, dy, gradients.Reuse(x, dy));
        });
    }

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
        var rows = x.Shape.CountBefore(x.Shape.Rank - 1);
        var k = x.Device.Kernels;
        var y = Tensor.Uninitialized(x.Shape, x.Device);
        k.Elementwise.PReluForward(rows, channels, x.Data, w.Data, y.Data);

        return Tape.Record("PRelu", y, [x, w], (dy, gradients) =>
        {
            if (gradients.Wants(w)) k.Elementwise.PReluBackwardWeight(rows, channels, x.Data, dy, gradients.For(w));
            if (gradients.Wants(x)) k.Elementwise.PReluBackwardInput(rows, channels, x.Data, w.Data, dy, gradients.For(x));
        });
    }

    /// <summary>The maximum of each group of <paramref name="pieces"/> neighboring channels (Goodfellow et al. 2013).</summary>
    /// <param name="x">[N, ..., C pieces].</param>
    /// <param name="pieces">Channels a group has; divides the channels.</param>
    /// <returns>[N, ..., C].</returns>
    /// <exception cref="ShapeException">The pieces do not divide the channels.</exception>
    public static Tensor Maxout(Tensor x, int pieces)
    {
        if (x.Shape.Rank < 1 || pieces < 1 || x.Shape[^1] % pieces != 0) throw new ShapeException("Maxout", $"{pieces} pieces do not divide the channels of {x.Shape}.");
        var rows = x.Shape.CountBefore(x.Shape.Rank - 1);
        var channels = x.Shape[^1] / pieces;
        var k = x.Device.Kernels;
        var y = Tensor.Uninitialized(x.Shape.With(^1, channels), x.Device);
        var indices = x.Device.Engine.Rent(DType.Int32, y.Count);
        k.Elementwise.MaxoutForward(rows, channels, pieces, x.Data, y.Data, indices);

        return Tape.Record("Maxout", pieces, y, [x], (dy, gradients) => k.Elementwise.MaxoutBackward(rows, channels, pieces, dy, indices, gradients.For(x)), indices);
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
        var k = x.Device.Kernels;
        var y = Tensor.Uninitialized(x.Shape, x.Device);
        k.Elementwise.Dropout(p, seed, stream, x.Data, y.Data);

        return Tape.Record("Dropout", y, [x], (dy, gradients) => k.Elementwise.Dropout(p, seed, stream, dy, gradients.Reuse(x, dy)));
    }
}
