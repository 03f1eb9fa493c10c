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
        return new LinearOperation((int)count, inputs, outputs, activation).Apply(x, w, b);
    }

    /// <summary><see cref="Linear"/> of more rows than a matrix product counts: a convolution whose kernel is one pixel.</summary>
    static Tensor LinearOfPixels(Tensor x, Tensor w, Tensor? b, Activation activation)
    {
        var axes = x.Shape.AsSpan();
        Span<int> pixels = [axes[0], axes[1], 1, axes[^1]];
        var rest = 1L;
        foreach (var extent in axes[2..^1]) rest *= extent;
        pixels[2] = Geometry.Extent("Linear", $"the number of rows after the first two axes of {x.Shape}", rest);
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
        return new BatchMatMulOperation(new(a.Shape[1], b.Shape[2], a.Shape[2]) { Batch = a.Shape[0] }).Apply(a, b);
    }
}

/// <summary>y = act(x w + b): x [Rows, Inputs], w [Inputs, Outputs] and, if there is one, b; dw = x' dz, dx = dz w'.</summary>
sealed record LinearOperation(int Rows, int Inputs, int Outputs, Activation Activation) : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => inputs[0]!.Shape.With(^1, Outputs);

    public override void Forward(ForwardContext c) => c.Kernels.MatMul.Multiply(new(Rows, Outputs, Inputs), c.Data(0), c.Data(1), c.DataOrNull(2), c.Output.Data, Activation);

    public override void Backward(BackwardContext c)
    {
        var (x, w, b, k, gradients) = (c[0], c[1], c.Optional(2), c.Kernels, c.Gradients);
        var dz = Functional.ThroughActivation(Activation, c);
        if (gradients.Wants(w)) k.MatMul.Multiply(new(Inputs, Outputs, Rows, TransposeA: true), x.Data, dz, null, gradients.For(w, out var accumulateW), accumulate: accumulateW);
        if (gradients.Wants(b)) k.Convolution.BackwardBias(Rows, Outputs, dz, gradients.For(b!));
        if (gradients.Wants(x)) k.MatMul.Multiply(new(Rows, Inputs, Outputs, TransposeB: true), dz, w.Data, null, gradients.For(x, out var accumulateX), accumulate: accumulateX);
        dz.Release();
    }
}

/// <summary>y[i] = a[i] b[i]; da = dy b', db = a' dy.</summary>
sealed record BatchMatMulOperation(MatMulGeometry Geometry) : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => new(Geometry.Batch, Geometry.M, Geometry.N);

    public override void Forward(ForwardContext c) => c.Kernels.MatMul.Multiply(Geometry, c.Data(0), c.Data(1), null, c.Output.Data);

    public override void Backward(BackwardContext c)
    {
        var (a, b, dy, k, gradients, batch) = (c[0], c[1], c.OutputGradient, c.Kernels, c.Gradients, Geometry.Batch);
        int m = Geometry.M, depth = Geometry.K, n = Geometry.N;
        if (gradients.Wants(a)) k.MatMul.Multiply(new(m, depth, n, TransposeB: true) { Batch = batch }, dy, b.Data, null, gradients.For(a, out var accumulateA), accumulate: accumulateA);
        if (gradients.Wants(b)) k.MatMul.Multiply(new(depth, n, m, TransposeA: true) { Batch = batch }, a.Data, dy, null, gradients.For(b, out var accumulateB), accumulate: accumulateB);
    }
}
