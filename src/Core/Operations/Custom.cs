using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <inheritdoc cref="Custom(string, ReadOnlySpan{Tensor}, Func{Tensor}, Func{Tensor, IReadOnlyList{Tensor?}})"/>
    public static Tensor Custom(string operation, Tensor[] inputs, Func<Tensor> forward, Func<Tensor, IReadOnlyList<Tensor?>> backward)
        => Custom(operation, (ReadOnlySpan<Tensor>)inputs, forward, backward);

    /// <summary>
    /// An operation of one's own with a gradient of one's own, both written with tensors: for a derivative that is simpler,
    /// steadier or spares memory, or differs from the true one on purpose. Nothing within is recorded, so between the passes
    /// only the inputs, the result, and what <paramref name="forward"/> called <see cref="Tensor.Keep"/> on are in memory.
    /// </summary>
    /// <param name="operation">Its name, for messages.</param>
    /// <param name="inputs">All that gradients are to flow into.</param>
    /// <param name="forward">Computes the result.</param>
    /// <param name="backward">
    /// Takes dy, the gradient of the result, to the gradients of the inputs, one each in their order and shaped like them;
    /// null for an input that has none. Dy is readable until it returns.
    /// </param>
    /// <returns>What <paramref name="forward"/> returned.</returns>
    /// <exception cref="ShapeException">In the backward pass: another number of gradients than of inputs, or one of another shape or device than its input.</exception>
    /// <example>
    /// <code>
    /// // What stands after it learns to tell two domains apart, what stands before it not to (Ganin and Lempitsky 2015).
    /// static Tensor ReverseGradient(Tensor x) => Functional.Custom("ReverseGradient", [x], () => x, dy => [-dy]);
    /// </code>
    /// </example>
    public static Tensor Custom(string operation, ReadOnlySpan<Tensor> inputs, Func<Tensor> forward, Func<Tensor, IReadOnlyList<Tensor?>> backward)
    {
        ArgumentNullException.ThrowIfNull(forward);
        ArgumentNullException.ThrowIfNull(backward);

        // Nothing to go back through: the operations within are what an export of the network can name.
        if (!Tape.IsRecording) return Tape.WithoutKeeping(forward);

        var sources = inputs.ToArray();
        var y = Tape.Unrecorded(forward, out var kept);
        y.Name = null;
        var versions = kept.Select(tensor => (tensor, tensor.VersionOfData)).ToArray();

        Tape.Record(operation, y, sources, (dy, gradients) =>
        {
            foreach (var (tensor, version) in versions)
            {
                if (tensor.VersionOfData != version) throw new InvalidOperationException($"Backward: tensor {tensor.Label}, which {operation} kept for its gradient, was changed since. Call Backward before the change, or compute the result again after it.");
            }

            using var scope = Tape.NoGrad();
            using var upstream = y.WithData(dy);
            var computed = backward(upstream);
            if (computed.Count != sources.Length) throw new ShapeException(operation, $"its backward function gave {computed.Count} gradients for {sources.Length} inputs.");
            for (var i = 0; i < sources.Length; i++)
            {
                if (computed[i] is not { } gradient || !gradients.Wants(sources[i])) continue;
                if (gradient.Shape != sources[i].Shape || gradient.Device != sources[i].Device)
                    throw new ShapeException(operation, $"its backward function gave a gradient {gradient.Shape} on {gradient.Device} for input {i}, {sources[i].Shape} on {sources[i].Device}.");
                gradients.Pass(sources[i], gradient.Data);
            }

            if (!gradients.RetainsGraph) FreeKept();
        });
        if (y.Node is null || y.Node == Node.Consumed) FreeKept();
        return y;

        void FreeKept()
        {
            foreach (var tensor in kept) tensor.Free($"the backward pass of {operation}, which it was kept for, was over");
        }
    }
}
