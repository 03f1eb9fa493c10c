using CnnSharp;
using CnnSharp.Kernels;
using CnnSharp.Layers;

/// <summary>y = relu(x)^2 (So et al. 2021, Primer). Any shape.</summary>
sealed class SquaredRelu : Layer
{
    protected override Tensor Compute(Tensor x) => new SquaredReluOperation().Apply(x);
}

/// <summary>y = relu(x)^2; dx = 2 relu(x) dy.</summary>
/// <remarks>
/// As an operation it calls the device's kernels, in any precision and on any engine, and keeps what it likes between the
/// passes. Written as Square(Relu(x)) its result would be the same.
/// </remarks>
sealed record SquaredReluOperation : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => inputs[0]!.Shape;

    public override void Forward(ForwardContext c)
    {
        var positive = c.Save(c[0].DType, c[0].Count);
        c.Kernels.Elementwise.Unary(UnaryOp.Relu, 0, c.Data(0), positive);
        c.Kernels.Elementwise.Unary(UnaryOp.Square, 0, positive, c.Output.Data);
    }

    public override void Backward(BackwardContext c)
        => c.Kernels.Elementwise.UnaryBackward(UnaryOp.Square, 0, c.Saved(0), c.Output.Data, c.OutputGradient, c.Gradients.For(c[0]));
}
