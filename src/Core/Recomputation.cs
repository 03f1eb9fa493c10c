using CnnSharp.Kernels;

namespace CnnSharp;

/// <summary>
/// Gradient checkpointing (Chen et al. 2016, "Training deep nets with sublinear memory cost"): of a function of tensors only what
/// it read and its result stay in memory, and the backward pass computes the rest again, with the same operations and so the same numbers.
/// </summary>
static class Recomputation
{
    [ThreadStatic]
    static int depth;

    /// <summary>Whether this thread computes again what it had computed: operations then have no effects but their results.</summary>
    public static bool IsRunning => depth > 0;

    /// <summary>Computes and records as one operation, whose backward function computes again and goes back through that.</summary>
    /// <param name="name">What messages call the operation.</param>
    /// <param name="x">The main input.</param>
    /// <param name="compute">The function: of x and whatever else it reads.</param>
    /// <param name="again">The same function, in the state in which it is called now.</param>
    public static Tensor Record(string name, Tensor x, Func<Tensor, Tensor> compute, Func<Tensor> again)
    {
        // What an operation outside had left to be fused into is computed, or it would be computed again within.
        Fusion.ComputePending();
        x.Compute();
        var start = Tape.Now;
        var y = compute(x);
        Fusion.ComputePending();
        if (y.Node is not { } last || last == Node.Consumed || last.Sequence <= start) return y;
        Tape.Contract(new RecomputedOperation(name, again), y, start);
        return y;
    }

    /// <summary>Computes again, recording, whatever the flow of the program is in.</summary>
    public static Tensor Repeat(Engine engine, Func<Tensor> again)
    {
        using var recording = NoGradScope.Suspend();
        var within = engine.IsRecomputing;
        (depth, engine.IsRecomputing) = (depth + 1, true);
        try
        {
            return again();
        }
        finally
        {
            (depth, engine.IsRecomputing) = (depth - 1, within);
        }
    }
}

/// <summary>A function whose intermediate results were given back: the backward pass computes them again.</summary>
sealed record RecomputedOperation(string Title, Func<Tensor> Again) : Operation
{
    public override string Name => Title;

    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => throw new NotSupportedException($"{Title} has computed its result.");

    public override void Forward(ForwardContext c) => throw new NotSupportedException($"{Title} has computed its result.");

    public override void Backward(BackwardContext c)
    {
        var start = Tape.Now;
        var y = Recomputation.Repeat(c.Output.Device.Engine, Again);
        if (y.Shape != c.Output.Shape) throw new ShapeException(Title, $"computed again for its gradient it gave {y.Shape}, {c.Output.Shape} before; expected the same function both times.");
        Tape.BackwardWithin(y, c.OutputGradient, c.Gradients, start);
    }
}
