using System.Runtime.InteropServices;
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

    /// <summary>The operation whose backward function runs on this thread.</summary>
    [ThreadStatic]
    static Node? current;

    [ThreadStatic]
    static List<Node>? order;

    /// <summary>Notified of every operation on this thread as its result is computed, whether it is recorded or not: how a network is exported.</summary>
    [ThreadStatic]
    internal static Action<TracedOperation>? Observer;

    /// <summary>Whether operations are recorded in this flow of the program.</summary>
    public static bool IsRecording => NoGradScope.Current is null;

    /// <summary>
    /// Stops recording until the result is disposed, in this flow of the program: across an <c>await</c>, and in parallel
    /// work and tasks that are started within. Layers then free what they made inside as they are left, and the end of the
    /// scope frees the rest, except tensors on which <see cref="Tensor.Keep"/> was called. Scopes may be nested and disposed
    /// of in any order, and more than once.
    /// </summary>
    /// <remarks>
    /// An iterator that holds a scope at a <c>yield</c> lends it to the loop that it feeds, until it is disposed of. In an
    /// async iterator a scope lasts to the next <c>yield</c> only.
    /// </remarks>
    public static IDisposable NoGrad() => new NoGradScope();

    /// <summary>
    /// Called by an operation when its result is computed: remembers how to go back from it, if any input wants a gradient.
    /// </summary>
    /// <param name="operation">Its name, for messages.</param>
    /// <param name="y">The result.</param>
    /// <param name="inputs">What it was computed from, what only <paramref name="backward"/> reads included; null for an optional input that is missing.</param>
    /// <param name="backward">Writes the inputs' gradients. If it reads an input, or the result, that has changed since, Backward throws.</param>
    /// <param name="saved">Buffers that only <paramref name="backward"/> needs, which it does not change; given back after it, or at once if nothing is recorded.</param>
    /// <returns><paramref name="y"/>.</returns>
    /// <exception cref="InvalidOperationException">The result is one of another operation, whose history would be lost, or an input.</exception>
    public static Tensor Record(string operation, Tensor y, ReadOnlySpan<Tensor?> inputs, BackwardFunction backward, params ReadOnlySpan<DeviceBuffer> saved)
        => Record(new FunctionOperation(operation, backward), y, inputs, saved);

    /// <summary>As above, for an operation that says by its type and settings all that is needed to compute it elsewhere.</summary>
    internal static Tensor Record(Operation operation, Tensor y, ReadOnlySpan<Tensor?> inputs, ReadOnlySpan<DeviceBuffer> saved)
    {
        var scope = NoGradScope.Current;
        Record(operation, y, inputs, saved, scope);
        scope?.Add(y);
        return y;
    }

    /// <summary>As above, for a result that belongs to a scope without recording, or, where that is null, is recorded.</summary>
    internal static void Record(Operation operation, Tensor y, ReadOnlySpan<Tensor?> inputs, ReadOnlySpan<DeviceBuffer> saved, NoGradScope? scope)
    {
        if (y.Node is not null) throw new InvalidOperationException($"Tape.Record: {operation.Name} gave {y.Label}, which is the result of another operation already; its history would be lost. Give a new tensor.");
        y.Name ??= operation.Name;
        Observer?.Invoke(new(operation, inputs.ToArray(), y));
        if (scope is null && operation.HasGradient)
        {
            bool wanted = false, consumed = false;
            foreach (var input in inputs)
            {
                if (input is null) continue;
                if (input == y) throw new InvalidOperationException($"Tape.Record: {operation.Name} gave {y.Label}, which is one of its inputs. Give a new tensor.");
                if (input.Node == Node.Consumed) consumed = true;
                else wanted |= input.WantsGradient;
            }

            if (wanted)
            {
                y.Node = new(Interlocked.Increment(ref sequence), operation, y, inputs, saved);
                return;
            }

            // No gradient can flow, but whoever asks for one is to hear why.
            if (consumed) y.Node = Node.Consumed;
        }

        foreach (var buffer in saved) buffer.Release();
    }

    /// <summary>Computes without recording.</summary>
    /// <param name="compute">Gives the result.</param>
    /// <param name="kept">What <see cref="Tensor.Keep"/> was called on within, for the caller to free.</param>
    /// <returns>The result, without a history and no scope's to free.</returns>
    internal static Tensor Unrecorded(Func<Tensor> compute, out IReadOnlyList<Tensor> kept)
    {
        using var inner = new NoGradScope();
        var result = compute().Detach();
        kept = inner.Kept();
        return result;
    }

    /// <summary>Without recording, computes what would be kept for a backward pass: there will be none, so the scope frees it like all else.</summary>
    internal static Tensor WithoutKeeping(Func<Tensor> compute)
    {
        var (scope, mark) = (NoGradScope.Current!, Enter());
        var result = compute();
        scope.ForgetKeptSince(mark);
        return result;
    }

    /// <summary>A place in the current scope, to <see cref="Leave"/> to.</summary>
    internal static int Enter() => NoGradScope.Current?.Mark() ?? -1;

    /// <summary>Without recording, frees what was made since <paramref name="mark"/> except the result.</summary>
    internal static Tensor Leave(int mark, Tensor result)
    {
        if (mark >= 0) NoGradScope.Current?.FreeSince(mark, result);
        return result;
    }

    /// <summary>That nobody has changed a tensor that the running backward function reads, since the forward pass read it.</summary>
    /// <exception cref="InvalidOperationException">Somebody has.</exception>
    internal static void CheckUnchanged(Tensor tensor) => current?.CheckUnchanged(tensor);

    /// <summary>What is recorded from now on has a higher <see cref="Node.Sequence"/>.</summary>
    internal static long Now => Interlocked.Read(ref sequence);

    /// <summary>Makes one operation of all that led to a result since a point in time, and gives back what lies between.</summary>
    /// <param name="operation">How to go back from the result to what was there before.</param>
    /// <param name="y">The result, of an operation after <paramref name="start"/>.</param>
    /// <param name="start">What <see cref="Now"/> was.</param>
    /// <exception cref="InvalidOperationException">A result between asks for its gradient.</exception>
    internal static void Contract(Operation operation, Tensor y, long start)
    {
        var nodes = Since(y, start);
        var read = new List<Tensor?>();
        var seen = new HashSet<Tensor>(ReferenceEqualityComparer.Instance);
        foreach (var node in nodes)
        {
            if (node.Output != y && node.Output.RequiresGrad) throw new InvalidOperationException($"{operation.Name}: {node.Output.Label} asks for its gradient, but lies within a layer whose results are given back and computed again (Checkpoint).");
            foreach (var (input, _) in node.Inputs)
            {
                if (input is { WantsGradient: true } && !(input.Node?.Sequence > start) && seen.Add(input)) read.Add(input);
            }
        }

        foreach (var node in nodes) node.Drop(y);
        y.Node = new(Interlocked.Increment(ref sequence), operation, y, CollectionsMarshal.AsSpan(read), []);
    }

    /// <summary>Part of a pass: goes back from a result that a backward function has computed again, to what was there before.</summary>
    /// <param name="y">The result.</param>
    /// <param name="dy">Its gradient.</param>
    /// <param name="gradients">The pass.</param>
    /// <param name="start">What <see cref="Now"/> was before.</param>
    /// <exception cref="InvalidOperationException">What was read is not what the first forward pass had read.</exception>
    internal static void BackwardWithin(Tensor y, DeviceBuffer dy, Gradients gradients, long start)
    {
        var running = current;
        var outer = gradients.Current;
        var nodes = Since(y, start);
        try
        {
            foreach (var node in nodes)
            {
                node.Pass = gradients;
                foreach (var (input, _) in node.Inputs)
                {
                    if (input?.Node is { } source && source.Sequence <= start && source.Pass != gradients)
                        throw new InvalidOperationException($"Backward: {running!.Output.Name}, computed again for its gradient, read tensor {input.Label}, which it had not read before; expected the same function both times.");
                }
            }

            if (nodes.Count > 0) nodes[0].Flow = dy.Retain();
            foreach (var node in nodes)
            {
                current = node;
                node.Run(gradients);
                current = running;
                node.Consume(null);
            }
        }
        finally
        {
            current = running;
            if (gradients.Current is { } held && held != outer) held.Release();
            gradients.Current = outer;
            foreach (var node in nodes)
            {
                node.Leave();
                node.Consume(null);
            }
        }
    }

    /// <summary>The nodes after a point in time that lead to a result, latest first.</summary>
    static List<Node> Since(Tensor y, long start)
    {
        var nodes = new List<Node>();
        var seen = new HashSet<Node>(ReferenceEqualityComparer.Instance);
        Add(y);
        for (var i = 0; i < nodes.Count; i++)
        {
            foreach (var (input, _) in nodes[i].Inputs)
            {
                if (input is not null) Add(input);
            }
        }

        nodes.Sort(static (a, b) => b.Sequence.CompareTo(a.Sequence));
        return nodes;

        void Add(Tensor tensor)
        {
            if (tensor.Node is { } node && node.Sequence > start && seen.Add(node)) nodes.Add(node);
        }
    }

    internal static void Backward(Tensor root, Tensor? upstream, bool retainGraph)
    {
        if (root.Node is null)
            throw new InvalidOperationException($"Backward: no graph leads to tensor {root.Label}: no input wanted a gradient, or recording was off (NoGrad).");
        if (upstream is null && root.Count != 1)
            throw new ShapeException("Backward", $"tensor {root.Label} has {root.Count} elements and needs an upstream gradient; only a single element defaults to 1.");
        if (upstream is not null && upstream.Shape != root.Shape)
            throw new ShapeException("Backward", $"the upstream gradient is {upstream.Shape}, the tensor {root.Shape}.");
        if (upstream is not null && (upstream.Device.Engine != root.Device.Engine || upstream.DType != root.DType))
            throw new ShapeException("Backward", $"the upstream gradient is {upstream.DType} on {upstream.Device}, the tensor {root.DType} on {root.Device}.");

        // Gradients of one tensor may come from graphs of several threads: their passes take turns.
        var engine = root.Device.Engine;
        lock (engine.BackwardGate)
        {
            var gradients = new Gradients(engine, retainGraph);
            var nodes = order ?? [];
            order = null;
            var running = current;
            bool started = false, whole = false;
            try
            {
                Collect(root, gradients, nodes);
                started = true;
                root.Node.Flow = upstream?.Data.Retain() ?? engine.Rent(root.DType, 1);
                if (upstream is null) engine.Kernels.Memory.Fill(root.Node.Flow, 1);
                foreach (var node in nodes)
                {
                    current = node;
                    node.Run(gradients);
                    current = running;
                    if (!retainGraph) node.Consume(root);
                }

                whole = true;
            }
            finally
            {
                current = running;
                foreach (var node in nodes)
                {
                    node.Leave();

                    // Where a backward function threw, what it has not reached is given back like the rest: part of a graph is of no use.
                    if (started && !whole && !retainGraph) node.Consume(root);
                }

                nodes.Clear();
                order = nodes;
                gradients.Finish(whole);
            }
        }
    }

    /// <summary>The nodes that lead to <paramref name="root"/>, latest first: every node stands before those of its inputs.</summary>
    /// <exception cref="InvalidOperationException">Part of the graph was given back by an earlier pass, or a pass that has not ended is walking it.</exception>
    static void Collect(Tensor root, Gradients pass, List<Node> nodes)
    {
        Claim(root, pass, nodes);
        for (var i = 0; i < nodes.Count; i++)
        {
            foreach (ref readonly var input in nodes[i].Inputs.AsSpan())
            {
                if (input.Tensor is { Node: not null } tensor) Claim(tensor, pass, nodes);
            }
        }

        nodes.Sort(static (a, b) => b.Sequence.CompareTo(a.Sequence));
    }

    static void Claim(Tensor tensor, Gradients pass, List<Node> nodes)
    {
        var node = tensor.Node!;
        if (node.Pass == pass) return;
        if (node == Node.Consumed)
        {
            throw new InvalidOperationException(
                $"Backward: the graph of tensor {tensor.Label} was given back by an earlier Backward, so that no gradient could flow to what it was computed from. "
                + "Call Backward(retainGraph: true) on every loss but the last, or Backward once on the sum of the losses; Detach() the tensor if no gradient is to flow through it.");
        }

        if (node.Pass is not null) throw new InvalidOperationException($"Backward: the backward function that is running belongs to a pass through tensor {tensor.Label}, which a pass within it cannot walk too.");
        node.Pass = pass;
        nodes.Add(node);
    }
}

/// <summary>An operation as <see cref="Tape.Observer"/> is notified of it.</summary>
/// <param name="Operation">What was computed.</param>
/// <param name="Inputs">What it read; null for an optional input that is missing.</param>
/// <param name="Output">What it made.</param>
internal sealed record TracedOperation(Operation Operation, Tensor?[] Inputs, Tensor Output);

/// <summary>One recorded operation.</summary>
internal sealed class Node
{
    readonly Operation? operation;
    readonly long version;

    public Node(long sequence, Operation operation, Tensor output, ReadOnlySpan<Tensor?> inputs, ReadOnlySpan<DeviceBuffer> saved)
    {
        (Sequence, Output, this.operation) = (sequence, output, operation);
        version = output.Data.Version;
        Inputs = inputs.IsEmpty ? [] : new (Tensor?, long)[inputs.Length];
        for (var i = 0; i < inputs.Length; i++) Inputs[i] = (inputs[i], inputs[i] is { IsFreed: false } input ? input.Data.Version : 0);
        Saved = saved.IsEmpty ? [] : new (DeviceBuffer, long)[saved.Length];
        for (var i = 0; i < saved.Length; i++) Saved[i] = (saved[i], saved[i].Version);
    }

    Node() => (Saved, Inputs, Output) = ([], [], null!);

    /// <summary>What stands in the place of a node whose graph a backward pass has given back.</summary>
    public static Node Consumed { get; } = new();

    public long Sequence { get; }

    public Tensor Output { get; }

    /// <summary>What it read, and which <see cref="DeviceBuffer.Version"/> of it.</summary>
    public (Tensor? Tensor, long Version)[] Inputs { get; }

    /// <summary>What only the backward pass needs, and which <see cref="DeviceBuffer.Version"/> of it.</summary>
    public (DeviceBuffer Buffer, long Version)[] Saved { get; }

    /// <summary>The pass that is walking it; within one pass, those that were reached.</summary>
    public Gradients? Pass { get; set; }

    /// <summary>The gradient of the result, as far as the running pass has come.</summary>
    public DeviceBuffer? Flow;

    /// <summary>Takes the gradient of the result to the inputs, if there is one.</summary>
    public void Run(Gradients gradients)
    {
        if (Flow is not { } dy) return;
        Flow = null;
        gradients.Current = dy;
        if (Output.RequiresGrad) gradients.Leave(Output, dy.Retain());
        foreach (var (buffer, written) in Saved)
        {
            if (buffer.Version != written) throw Changed("a buffer that it saved", written, buffer.Version);
        }

        Watch(true);
        try
        {
            operation!.Backward(new(this, dy, gradients));
        }
        finally
        {
            Watch(false);
        }

        gradients.Flush();
        gradients.Current = null;
        dy.Release();
    }

    /// <exception cref="InvalidOperationException">The tensor has changed since it was recorded.</exception>
    public void CheckUnchanged(Tensor tensor)
    {
        // Whoever reads it says why it was freed.
        if (tensor.IsFreed) return;
        var now = tensor.VersionOfData;
        if (tensor == Output && now != version) throw Changed($"its result {tensor.Label}", version, now);
        foreach (var (input, read) in Inputs)
        {
            if (input == tensor && now != read) throw Changed($"tensor {tensor.Label}", read, now);
        }
    }

    /// <summary>Gives back what only this node held, and its result unless that is the one to stay: a pass will compute it again.</summary>
    public void Drop(Tensor result)
    {
        foreach (var (buffer, _) in Saved) buffer.Release();
        if (Output == result) return;
        Output.Node = Consumed;
        if (!Output.IsKept) Output.Free("the layer that made it is computed again in the backward pass (Checkpoint)");
    }

    /// <summary>Gives back what only this node held.</summary>
    public void Consume(Tensor? root)
    {
        if (Output.Node != this) return;
        foreach (var (buffer, _) in Saved) buffer.Release();
        Output.Node = Consumed;
        if (Output != root && !Output.IsKept && !Output.RequiresGrad) Output.Free("Backward passed it");
    }

    /// <summary>The end of a pass, which may have been interrupted.</summary>
    public void Leave()
    {
        Pass = null;
        Flow?.Release();
        Flow = null;
    }

    void Watch(bool on)
    {
        Output.IsWatched = on;
        foreach (ref readonly var input in Inputs.AsSpan())
        {
            if (input.Tensor is { } tensor) tensor.IsWatched = on;
        }
    }

    InvalidOperationException Changed(string what, long then, long now)
        => new($"Backward: {what}, which the gradient of {Output.Name} is computed from, was changed (by a step of an optimizer, Write, a kernel) after {Output.Name} had read it: version {now}, not {then}. "
            + "Call Backward before the change, or compute the result again after it.");
}

/// <summary>
/// Where an operation's backward function puts the gradients of its inputs. Several gradients of one tensor are added.
/// What they add up to is left in the tensors at the end of the pass: one that throws leaves none.
/// </summary>
public sealed class Gradients
{
    [ThreadStatic]
    static List<(Tensor Tensor, DeviceBuffer? Flow)>? spare;

    readonly Engine engine;
    readonly List<(Tensor Tensor, DeviceBuffer Contribution)> pending = [];

    // The tensors that keep a gradient; each one's Slot says where it stands.
    readonly List<(Tensor Tensor, DeviceBuffer? Flow)> leaves;

    internal Gradients(Engine engine, bool retainsGraph)
    {
        (this.engine, RetainsGraph) = (engine, retainsGraph);
        leaves = spare ?? [];
        spare = null;
    }

    /// <summary>Whether another pass may follow, for which the operations keep what they saved.</summary>
    internal bool RetainsGraph { get; }

    /// <summary>The gradient that a backward function is reading.</summary>
    internal DeviceBuffer? Current { get; set; }

    /// <summary>Whether an input needs its gradient.</summary>
    public bool Wants(Tensor? input) => input is { WantsGradient: true };

    /// <summary>A buffer to overwrite with the gradient of <paramref name="input"/>: shaped like it, undefined before.</summary>
    public DeviceBuffer For(Tensor input)
    {
        var buffer = Rent(input);
        ref var flow = ref FlowOf(input);
        if (flow is null) flow = buffer;
        else pending.Add((input, buffer));
        return buffer;
    }

    /// <summary>The buffer of the gradient of <paramref name="input"/>, to be added to if <paramref name="accumulate"/>, else to overwrite.</summary>
    public DeviceBuffer For(Tensor input, out bool accumulate)
    {
        ref var flow = ref FlowOf(input);
        accumulate = flow is not null;
        return accumulate ? Own(ref flow) : flow = Rent(input);
    }

    /// <summary>As <see cref="For(Tensor)"/>, but where possible the buffer of <paramref name="dy"/> itself, for a kernel that works in place.</summary>
    public DeviceBuffer Reuse(Tensor input, DeviceBuffer dy)
    {
        ref var flow = ref FlowOf(input);
        return flow is null && !dy.IsShared ? flow = dy.Retain() : For(input);
    }

    /// <summary>Hands <paramref name="dy"/> itself on as a gradient of <paramref name="input"/>: nothing is copied unless it is added to another.</summary>
    public void Pass(Tensor input, DeviceBuffer dy)
    {
        ref var flow = ref FlowOf(input);
        if (flow is null) flow = dy.Retain();
        else engine.Kernels.Elementwise.AddScaled(1, dy, Own(ref flow));
    }

    /// <summary>A buffer for a changed dy: <paramref name="dy"/> itself if nobody else holds it. Release it after use.</summary>
    public DeviceBuffer Writable(DeviceBuffer dy) => dy.IsShared ? engine.Rent(dy.Type, dy.Length) : dy.Retain();

    /// <summary>A gradient to be left in a tensor, which takes it over.</summary>
    internal void Leave(Tensor tensor, DeviceBuffer gradient) => leaves.Add((tensor, gradient));

    /// <summary>Adds the second and later gradients that one operation wrote for a tensor.</summary>
    internal void Flush()
    {
        foreach (var (tensor, contribution) in pending)
        {
            engine.Kernels.Elementwise.AddScaled(1, contribution, Own(ref FlowOf(tensor)));
            contribution.Release();
        }

        pending.Clear();
    }

    /// <summary>Leaves the gradients in their tensors, or, where the pass did not come to its end, none.</summary>
    internal void Finish(bool whole)
    {
        foreach (var (_, contribution) in pending) contribution.Release();
        pending.Clear();
        Current?.Release();
        Current = null;
        foreach (ref var leaf in CollectionsMarshal.AsSpan(leaves))
        {
            if (leaf.Flow is null) continue;
            if (whole && !leaf.Tensor.IsFreed) Add(leaf.Tensor, ref leaf.Flow);
            else leaf.Flow.Release();
        }

        leaves.Clear();
        spare = leaves;
    }

    /// <summary>Adds to the gradient of a tensor. Its buffer is nobody else's: an optimizer may change it in place.</summary>
    void Add(Tensor tensor, ref DeviceBuffer? flow)
    {
        if (tensor.GradientData is null)
        {
            tensor.GradientData = Own(ref flow);
            return;
        }

        engine.Kernels.Elementwise.AddScaled(1, flow!, Own(ref tensor.GradientData));
        flow!.Release();
    }

    DeviceBuffer Rent(Tensor input)
    {
        try
        {
            return engine.Rent(input.DType, input.Count);
        }
        catch (InsufficientMemoryException e)
        {
            throw Tensor.NoMemory("the gradient of tensor " + input.Label, e);
        }
    }

    /// <summary>The gradient of a tensor as far as the pass has come: at its node, or, for one without a history, here.</summary>
    ref DeviceBuffer? FlowOf(Tensor input)
    {
        if (input.Node is { } node) return ref node.Flow;
        if ((uint)input.Slot >= (uint)leaves.Count || leaves[input.Slot].Tensor != input)
        {
            input.Slot = leaves.Count;
            leaves.Add((input, null));
        }

        return ref CollectionsMarshal.AsSpan(leaves)[input.Slot].Flow;
    }

    /// <summary>A gradient in a buffer that nobody else reads, so that it can be added to.</summary>
    DeviceBuffer Own(ref DeviceBuffer? gradient)
    {
        var buffer = gradient!;
        if (!buffer.IsShared) return buffer;
        var copy = engine.Rent(buffer.Type, buffer.Length);
        engine.Kernels.Memory.Copy(buffer, copy);
        buffer.Release();
        return gradient = copy;
    }
}
