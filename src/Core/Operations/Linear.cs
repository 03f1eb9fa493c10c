using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <summary>y = act(x w + b) over the last axis of x.</summary>
    /// <param name="x">[..., in].</param>
    /// <param name="w">[in, out].</param>
    /// <param name="b">[out], or null.</param>
    /// <param name="activation">Applied to the result in the same pass.</param>
    /// <returns>[..., out].</returns>
    /// <exception cref="ShapeException">The shapes do not fit.</exception>
    public static Tensor Linear(Tensor x, Tensor w, Tensor? b = null, Activation activation = Activation.None)
    {
        if (x.Shape.Rank < 1 || w.Shape.Rank != 2)
            throw new ShapeException("Linear", $"expected an input [..., in] and weights [in, out], got {x.Shape} and {w.Shape}.");
        int inputs = w.Shape[0], outputs = w.Shape[1];
        if (x.Shape[^1] != inputs)
            throw new ShapeException("Linear", $"the input has {x.Shape[^1]} features, the weights expect {inputs}.\n  input   {x.Shape}   (..., in)\n  weights {w.Shape}   (in, out)");
        CheckVector("Linear", "bias", b, outputs);
        CheckTogether("Linear", x, w);
        var count = x.Shape.CountBefore(x.Shape.Rank - 1);
        if (count > int.MaxValue) return LinearOfPixels(x, w, b, activation);
        var rows = (int)count;
        var k = x.Device.Kernels;
        var y = Tensor.Uninitialized(x.Shape.With(^1, outputs), x.Device);
        k.MatMul.Multiply(new(rows, outputs, inputs), x.Data, w.Data, b?.Data, y.Data, activation);

        return Tape.Record("Linear", activation, y, [x, w, b], (dy, gradients) =>
        {
            var dz = ThroughActivation(activation, y, dy, gradients);
            if (gradients.Wants(w)) k.MatMul.Multiply(new(inputs, outputs, rows, TransposeA: true), x.Data, dz, null, gradients.For(w, out var accumulateW), accumulate: accumulateW);
            if (gradients.Wants(b)) k.Convolution.BackwardBias(rows, outputs, dz, gradients.For(b!));
            if (gradients.Wants(x)) k.MatMul.Multiply(new(rows, inputs, outputs, TransposeB: true), dz, w.Data, null, gradients.For(x, out var accumulateX), accumulate: accumulateX);
            dz.Release();
        });
    }

    /// <summary><see cref="Linear"/> of more rows than a matrix product counts: a convolution whose kernel is one pixel.</summary>
    static Tensor LinearOfPixels(Tensor x, Tensor w, Tensor? b, Activation activation)
    {
        var axes = x.Shape.AsSpan();
        Span<int> pixels = [axes[0], axes[1], 1, axes[^1]];
        var rest = 1L;
        foreach (var extent in axes[2..^1]) rest *= extent;
        pixels[2] = Geometry.Extent("Linear", $"the number of rows behind the first two axes of {x.Shape}", rest);
        var y = Conv2d(Reshape(x, new(pixels)), Reshape(w, [1, 1, w.Shape[0], w.Shape[1]]), b, activation: activation);
        return Reshape(y, x.Shape.With(^1, w.Shape[1]));
    }

    /// <summary>The matrix product a b.</summary>
    /// <param name="a">[M, K].</param>
    /// <param name="b">[K, N].</param>
    /// <returns>[M, N].</returns>
    /// <exception cref="ShapeException">The shapes do not fit.</exception>
    public static Tensor MatMul(Tensor a, Tensor b)
    {
        if (a.Shape.Rank != 2 || b.Shape.Rank != 2 || a.Shape[1] != b.Shape[0])
            throw new ShapeException("MatMul", $"expected [M, K] and [K, N], got {a.Shape} and {b.Shape}.");
        return Linear(a, b);
    }

    /// <summary>The matrix products of a batch: y[i] = a[i] b[i].</summary>
    /// <param name="a">[batch, M, K].</param>
    /// <param name="b">[batch, K, N].</param>
    /// <returns>[batch, M, N].</returns>
    /// <exception cref="ShapeException">The shapes do not fit.</exception>
    public static Tensor BatchMatMul(Tensor a, Tensor b)
    {
        if (a.Shape.Rank != 3 || b.Shape.Rank != 3 || a.Shape[0] != b.Shape[0] || a.Shape[2] != b.Shape[1])
            throw new ShapeException("BatchMatMul", $"expected [batch, M, K] and [batch, K, N], got {a.Shape} and {b.Shape}.");
        CheckTogether("BatchMatMul", a, b, "second operand");
        int m = a.Shape[1], depth = a.Shape[2], n = b.Shape[2];
        var g = new MatMulGeometry(m, n, depth) { Batch = a.Shape[0] };
        var k = a.Device.Kernels;
        var y = Tensor.Uninitialized(new(g.Batch, m, n), a.Device);
        k.MatMul.Multiply(g, a.Data, b.Data, null, y.Data);

        return Tape.Record("BatchMatMul", y, [a, b], (dy, gradients) =>
        {
            if (gradients.Wants(a)) k.MatMul.Multiply(new(m, depth, n, TransposeB: true) { Batch = g.Batch }, dy, b.Data, null, gradients.For(a, out var accumulateA), accumulate: accumulateA);
            if (gradients.Wants(b)) k.MatMul.Multiply(new(depth, n, m, TransposeA: true) { Batch = g.Batch }, a.Data, dy, null, gradients.For(b, out var accumulateB), accumulate: accumulateB);
        });
    }
}
