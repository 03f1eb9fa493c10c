using CnnSharp.Kernels;

namespace CnnSharp;

/// <summary>An operation's part of the backward pass: given dy, the gradient of its result, it writes those of its inputs.</summary>
/// <param name="dy">The gradient of the result. Given back after the call; not to be written unless <see cref="Gradients.Writable"/> says so.</param>
/// <param name="gradients">Where the inputs' gradients go.</param>
public delegate void BackwardFunction(DeviceBuffer dy, Gradients gradients);

/// <summary>
/// The record of operations. Each result knows the operation that made it, that operation its inputs; there is no
/// global list, so a graph that is dropped without a backward pass is garbage like any other object.
/// </summary>
public static class Tape
{
    static long sequence;

    [ThreadStatic]
    static NoGradScope? scope;

    [ThreadStatic]
    static List<Node>? order;

    /// <summary>Told of every operation on this thread as its result is computed, whether it is recorded or not: how a network is exported.</summary>
    [ThreadStatic]
    internal static Action<TracedOperation>? Observer;

    /// <summary>Whether operations are recorded on this thread.</summary>
    public static bool IsRecording => scope is null;

    /// <summary>
    /// Stops recording on this thread until the result is disposed. Layers then free what they made inside as they are
    /// left, and the end of the scope frees the rest, except tensors on which <see cref="Tensor.Keep"/> was called.
    /// </summary>
    public static IDisposable NoGrad() => scope = new(scope);

    /// <summary>
    /// Called by an operation when its result is computed: remembers how to go back from it, if any input wants a gradient.
    /// </summary>
    /// <param name="operation">Its name, for messages.</param>
    /// <param name="y">The result.</param>
    /// <param name="inputs">What it was computed from; null for an optional input that is missing.</param>
    /// <param name="backward">Writes the inputs' gradients.</param>
    /// <param name="saved">Buffers that only <paramref name="backward"/> needs; given back after it, or at once if nothing is recorded.</param>
    /// <returns><paramref name="y"/>.</returns>
    public static Tensor Record(string operation, Tensor y, ReadOnlySpan<Tensor?> inputs, BackwardFunction backward, params ReadOnlySpan<DeviceBuffer> saved)
        => Record<object?>(operation, null, y, inputs, backward, saved);

    /// <summary>As above, for an operation with settings: with its inputs they say all that is needed to compute it elsewhere.</summary>
    /// <param name="operation">Its name, for messages.</param>
    /// <param name="settings">What the operation does besides its inputs: a geometry, an axis.</param>
    /// <param name="y">The result.</param>
    /// <param name="inputs">What it was computed from; null for an optional input that is missing.</param>
    /// <param name="backward">Writes the inputs' gradients.</param>
    /// <param name="saved">Buffers that only <paramref name="backward"/> needs; given back after it, or at once if nothing is recorded.</param>
    /// <returns><paramref name="y"/>.</returns>
    public static Tensor Record<TSettings>(string operation, in TSettings settings, Tensor y, ReadOnlySpan<Tensor?> inputs, BackwardFunction backward, params ReadOnlySpan<DeviceBuffer> saved)
    {
        y.Name ??= operation;
        Observer?.Invoke(new(operation, settings, inputs.ToArray(), y));
        var wanted = false;
        foreach (var input in inputs) wanted |= input is { WantsGradient: true };
        if (scope is null && wanted)
        {
            y.Node = new(Interlocked.Increment(ref sequence), y, inputs.ToArray(), backward, saved.ToArray());
            return y;
        }

        foreach (var buffer in saved) buffer.Release();
        scope?.Add(y);
        return y;
    }

    /// <summary>Computes without recording.</summary>
    /// <param name="compute">Gives the result.</param>
    /// <param name="kept">What <see cref="Tensor.Keep"/> was called on within, for the caller to free.</param>
    /// <returns>The result, without a history and no scope's to free.</returns>
    internal static Tensor Unrecorded(Func<Tensor> compute, out IReadOnlyList<Tensor> kept)
    {
        using var inner = new NoGradScope(scope);
        scope = inner;
        var result = compute().Detach();
        kept = inner.Kept();
        return result;
    }

    /// <summary>Without recording, computes what would be kept for a backward pass: there will be none, so the scope frees it like all else.</summary>
    internal static Tensor WithoutKeeping(Func<Tensor> compute)
    {
        var mark = Enter();
        var result = compute();
        scope!.ForgetKeptSince(mark);
        return result;
    }

    /// <summary>A place in the current scope, to <see cref="Leave"/> to.</summary>
    internal static int Enter() => scope?.Count ?? -1;

    /// <summary>Without recording, frees what was made since <paramref name="mark"/> except the result.</summary>
    internal static Tensor Leave(int mark, Tensor result)
    {
        if (mark >= 0) scope?.FreeSince(mark, result);
        return result;
    }

    internal static void Backward(Tensor root, Tensor? upstream)
    {
        if (root.Node is null)
            throw new InvalidOperationException($"Backward: no graph leads to tensor {root.Label}: no input wanted a gradient, recording was off (NoGrad), or Backward was called before.");
        if (upstream is null && root.Count != 1)
            throw new ShapeException("Backward", $"tensor {root.Label} has {root.Count} elements and needs an upstream gradient; only a single element defaults to 1.");
        if (upstream is not null && upstream.Shape != root.Shape)
            throw new ShapeException("Backward", $"the upstream gradient is {upstream.Shape}, the tensor {root.Shape}.");

        var engine = root.Device.Engine;
        if (upstream is null)
        {
            root.GradientData = engine.Rent(root.DType, 1);
            engine.Kernels.Fill(root.GradientData, 1);
        }
        else
        {
            root.GradientData = upstream.Data.Retain();
        }

        var nodes = Collect(root.Node);
        var gradients = new Gradients(engine);
        foreach (var node in nodes)
        {
            var y = node.Output;
            if (y.GradientData is { } dy)
            {
                y.GradientData = null;
                node.Backward(dy, gradients);
                gradients.Flush();
                dy.Release();
            }

            foreach (var buffer in node.Saved) buffer.Release();
            y.Node = null;
            if (y != root && !y.IsKept) y.Free("Backward passed it");
        }

        nodes.Clear();
        order = nodes;
    }

    /// <summary>The nodes that lead to <paramref name="root"/>, latest first: every node stands before those of its inputs.</summary>
    static List<Node> Collect(Node root)
    {
        var nodes = order ?? [];
        order = null;
        root.Visited = true;
        nodes.Add(root);
        for (var i = 0; i < nodes.Count; i++)
        {
            foreach (var input in nodes[i].Inputs)
            {
                if (input?.Node is not { Visited: false } node) continue;
                node.Visited = true;
                nodes.Add(node);
            }
        }

        nodes.Sort(static (a, b) => b.Sequence.CompareTo(a.Sequence));
        return nodes;
    }

    sealed class NoGradScope(NoGradScope? outer) : IDisposable
    {
        readonly List<Tensor> made = [];

        public int Count => made.Count;

        public void Add(Tensor tensor) => made.Add(tensor);

        public Tensor[] Kept() => [.. made.Where(tensor => tensor.IsKept)];

        public void ForgetKeptSince(int mark)
        {
            for (var i = mark; i < made.Count; i++) made[i].IsKept = false;
        }

        public void FreeSince(int mark, Tensor? result)
        {
            var keepsResult = false;
            for (var i = made.Count - 1; i >= mark; i--)
            {
                if (made[i] == result) keepsResult = true;
                else if (!made[i].IsKept) made[i].Free("the layer that made it was left without recording (NoGrad)");
            }

            made.RemoveRange(mark, made.Count - mark);
            if (keepsResult) made.Add(result!);
        }

        public void Dispose()
        {
            if (scope != this) return;
            FreeSince(0, null);
            scope = outer;
        }
    }
}

/// <summary>An operation as <see cref="Tape.Observer"/> is told of it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Settings">What <see cref="Tape.Record{TSettings}"/> was given, or null.</param>
/// <param name="Inputs">What it read; null for an optional input that is missing.</param>
/// <param name="Output">What it made.</param>
internal sealed record TracedOperation(string Name, object? Settings, Tensor?[] Inputs, Tensor Output);

/// <summary>One recorded operation.</summary>
internal sealed class Node(long sequence, Tensor output, Tensor?[] inputs, BackwardFunction backward, DeviceBuffer[] saved)
{
    public long Sequence { get; } = sequence;

    public Tensor Output { get; } = output;

    public Tensor?[] Inputs { get; } = inputs;

    public BackwardFunction Backward { get; } = backward;

    public DeviceBuffer[] Saved { get; } = saved;

    public bool Visited { get; set; }
}

/// <summary>Where an operation's backward function puts the gradients of its inputs. Several gradients of one tensor are added.</summary>
public sealed class Gradients
{
    readonly Engine engine;
    readonly List<(Tensor Tensor, DeviceBuffer Contribution)> pending = [];

    internal Gradients(Engine engine) => this.engine = engine;

    /// <summary>Whether an input needs its gradient.</summary>
    public bool Wants(Tensor? input) => input is { WantsGradient: true };

    /// <summary>A buffer to overwrite with the gradient of <paramref name="input"/>: shaped like it, undefined before.</summary>
    public DeviceBuffer For(Tensor input)
    {
        var buffer = engine.Rent(input.DType, input.Count);
        if (input.GradientData is null) input.GradientData = buffer;
        else pending.Add((input, buffer));
        return buffer;
    }

    /// <summary>The buffer of the gradient of <paramref name="input"/>, to be added to if <paramref name="accumulate"/>, else to overwrite.</summary>
    public DeviceBuffer For(Tensor input, out bool accumulate)
    {
        accumulate = input.GradientData is not null;
        return accumulate ? Own(input) : input.GradientData = engine.Rent(input.DType, input.Count);
    }

    /// <summary>As <see cref="For(Tensor)"/>, but where possible the buffer of <paramref name="dy"/> itself, for a kernel that works in place.</summary>
    public DeviceBuffer Reuse(Tensor input, DeviceBuffer dy)
        => input.GradientData is null && !dy.IsShared ? input.GradientData = dy.Retain() : For(input);

    /// <summary>Hands <paramref name="dy"/> itself on as a gradient of <paramref name="input"/>: nothing is copied unless it is added to another.</summary>
    public void Pass(Tensor input, DeviceBuffer dy)
    {
        if (input.GradientData is null) input.GradientData = dy.Retain();
        else engine.Kernels.AddScaled(1, dy, Own(input));
    }

    /// <summary>A buffer for a changed dy: <paramref name="dy"/> itself if nobody else holds it. Release it after use.</summary>
    public DeviceBuffer Writable(DeviceBuffer dy) => dy.IsShared ? engine.Rent(dy.Type, dy.Length) : dy.Retain();

    /// <summary>Adds the second and later gradients that one operation wrote for a tensor.</summary>
    internal void Flush()
    {
        foreach (var (tensor, contribution) in pending)
        {
            engine.Kernels.AddScaled(1, contribution, Own(tensor));
            contribution.Release();
        }

        pending.Clear();
    }

    /// <summary>The gradient of a tensor in a buffer that nobody else reads, so that it can be added to.</summary>
    DeviceBuffer Own(Tensor tensor)
    {
        var gradient = tensor.GradientData!;
        if (!gradient.IsShared) return gradient;
        var copy = engine.Rent(gradient.Type, gradient.Length);
        engine.Kernels.Copy(gradient, copy);
        gradient.Release();
        return tensor.GradientData = copy;
    }
}
