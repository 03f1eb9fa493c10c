using CnnSharp.Kernels;

namespace CnnSharp;

/// <summary>
/// Fuses operations that follow each other into one pass. While a layer runs, the result of an operation that the next one may be
/// fused with is not computed yet: the next either takes the operation over (<see cref="Rewrite"/>) or has it computed first, and so
/// does whatever reads or writes any tensor, and the end of the outermost layer. So a model is written plainly and runs fused, and
/// nobody sees a value other than what computing at once would have given, but for the rounding between an operation and an addition or a product.
/// </summary>
static class Fusion
{
    /// <summary>How many layers run, one within the other, on this thread.</summary>
    [ThreadStatic]
    static int depth;

    [ThreadStatic]
    static Tensor? pending;

    /// <summary>The result on this thread that is not computed yet, or null.</summary>
    public static Tensor? Pending => pending;

    /// <summary>What one operation becomes with the one before it.</summary>
    /// <param name="producer">The operation whose result is not computed yet.</param>
    /// <param name="consumer">The operation that reads it.</param>
    /// <param name="inputs">What the consumer reads.</param>
    /// <param name="place">Where the producer's result is among them.</param>
    /// <param name="recorded">Whether a backward pass may follow, which needs a convolution's result from before its normalization.</param>
    /// <returns>The operation that gives the consumer's result, and what it reads; null if they stay two.</returns>
    static (Operation Operation, Tensor?[] Inputs)? Rewrite(Deferred producer, Operation consumer, ReadOnlySpan<Tensor?> inputs, int place, bool recorded)
        => (producer.Operation, consumer) switch
        {
            (Conv2dOperation { Activation: Activation.None } convolution, UnaryOperation { Op: UnaryOp.Relu }) => (convolution with { Activation = Activation.Relu }, producer.Inputs),
            (Conv2dOperation { Activation: Activation.None } convolution, _) when !recorded => RewriteFused(new(convolution.Geometry), FusedConv2dOperation.Alone(producer.Inputs), consumer, inputs, place),
            (FusedConv2dOperation { EndsLinear: true } fused, _) => RewriteFused(fused, producer.Inputs, consumer, inputs, place),
            (LinearOperation { Activation: Activation.None } linear, UnaryOperation { Op: UnaryOp.Relu }) => (linear with { Activation = Activation.Relu }, producer.Inputs),
            (BatchNormOperation { Geometry.Activation: Activation.None } norm, UnaryOperation { Op: UnaryOp.Relu })
                => (norm with { Geometry = norm.Geometry with { Activation = Activation.Relu } }, producer.Inputs),
            (BatchNormOperation { Geometry.Activation: Activation.None }, AddOperation) when producer.Inputs[3] is null && Addend(inputs, place) is { } addend
                => (producer.Operation, [.. producer.Inputs[..3], addend, .. producer.Inputs[4..]]),
            (UnaryOperation { Op: UnaryOp.Sigmoid }, MultiplyOperation) when inputs[1 - place] == producer.Inputs[0] => (new UnaryOperation(UnaryOp.Silu, 0), producer.Inputs),
            _ => null,
        };

    /// <summary>What a convolution in inference becomes with the operation after it.</summary>
    static (Operation Operation, Tensor?[] Inputs)? RewriteFused(FusedConv2dOperation fused, Tensor?[] read, Operation consumer, ReadOnlySpan<Tensor?> inputs, int place)
        => consumer switch
        {
            BatchNormOperation { IsTraining: false } norm when place == 0 && fused.Norm is null && !FusedConv2dOperation.HasAdd(read)
                => (fused with { Norm = norm.Geometry }, FusedConv2dOperation.WithNorm(read, inputs)),
            AddOperation when FusedConv2dOperation.WithAdd(read, Addend(inputs, place)) is { } added => (fused, added),
            UnaryOperation { Op: UnaryOp.Relu or UnaryOp.Silu } unary => (fused with { Function = unary.Op, Parameter = unary.Parameter }, read),
            ClampOperation clamp => (fused with { Bounds = (clamp.Min, clamp.Max) }, read),
            _ => null,
        };

    /// <summary>Whether <see cref="Rewrite"/> has a use for the operation's result.</summary>
    static bool MayBeFused(Operation operation) => operation switch
    {
        Conv2dOperation convolution => convolution.Activation == Activation.None,
        LinearOperation linear => linear.Activation == Activation.None,
        BatchNormOperation norm => norm.Geometry.Activation == Activation.None,
        FusedConv2dOperation fused => fused.EndsLinear,
        UnaryOperation unary => unary.Op == UnaryOp.Sigmoid,
        _ => false,
    };

    /// <summary>What is added to the input at a place: another tensor, of the same shape.</summary>
    static Tensor? Addend(ReadOnlySpan<Tensor?> inputs, int place)
        => inputs[1 - place] is { } other && other != inputs[place] && other.Shape == inputs[place]!.Shape ? other : null;

    /// <summary>A layer begins on this thread.</summary>
    public static void Enter() => depth++;

    /// <summary>A layer has ended on this thread.</summary>
    /// <param name="result">Its result; null if it failed.</param>
    public static void Leave(Tensor? result)
    {
        depth--;
        if (depth == 0 && result is null) Drop();
        else if (depth == 0) ComputePending();

        // One that another operation has taken over, and that somebody is to read all the same.
        if (result != pending) result?.Compute();
    }

    /// <summary>Says in which layer the result was made, for a message if computing it fails.</summary>
    public static void Locate(Tensor result, string layer)
    {
        if (result == pending) result.Deferred!.Layer ??= layer;
    }

    /// <summary>Computes what waits on this thread.</summary>
    public static void ComputePending()
    {
        if (pending is not { } tensor) return;
        pending = null;
        tensor.Compute();
    }

    /// <summary>Forgets what waits on this thread: what it was for has failed.</summary>
    static void Drop()
    {
        var tensor = pending;
        pending = null;
        tensor?.Abandon("a layer failed before it was computed");
    }

    /// <summary>Frees a tensor, or, where what waits on this thread is computed from it, does so then.</summary>
    public static void Free(Tensor tensor, string reason)
    {
        if (IsRead(tensor)) pending!.Deferred!.FreeLater(tensor, reason);
        else tensor.Free(reason);
    }

    /// <summary>Computes what waits on this thread, if it reads the tensor.</summary>
    public static void ComputeReader(Tensor tensor)
    {
        if (IsRead(tensor)) ComputePending();
    }

    static bool IsRead(Tensor tensor) => pending?.Deferred is { } waiting && Array.IndexOf(waiting.Inputs, tensor) >= 0;

    /// <summary>The result of an operation, if it need not be computed now.</summary>
    /// <returns>Null if the operation is to be computed at once.</returns>
    public static Tensor? TryDefer(Operation operation, ReadOnlySpan<Tensor?> inputs, Shape shape)
    {
        if (depth == 0) return null;
        foreach (var input in inputs)
        {
            if (input != pending) input?.Compute();
        }

        var scope = NoGradScope.Current;
        var producer = pending?.Deferred;
        var all = (Tensor?[]?)null;
        if (producer is not null && producer.Scope == scope && inputs.IndexOf(pending) is >= 0 and var place
            && Rewrite(producer, operation, inputs, place, recorded: scope is null || Tape.Observer is not null) is { } fused && producer.TryTake())
        {
            pending = null;
            (operation, all) = fused;
        }
        else
        {
            producer = null;
            ComputePending();
            if (!MayBeFused(operation)) return null;
        }

        var result = Tensor.Of(shape, new Deferred(operation, all ?? inputs.ToArray(), scope, producer));
        result.Name = operation.Name;
        scope?.Add(result);
        if (MayBeFused(operation)) pending = result;
        else result.Compute();
        return result;
    }
}

/// <summary>How a tensor that is not computed yet will be.</summary>
/// <param name="operation">By what.</param>
/// <param name="inputs">From what; the first is always there.</param>
/// <param name="scope">The scope without recording that it was made in; null if it is recorded.</param>
/// <param name="taking">What was fused into it, or null.</param>
sealed class Deferred(Operation operation, Tensor?[] inputs, NoGradScope? scope, Deferred? taking)
{
    readonly Lock gate = new();
    readonly long[] versions = Array.ConvertAll(inputs, input => input?.VersionOfData ?? 0);
    Held? held = taking?.Share();
    bool taken;
    bool running;

    public Operation Operation => operation;

    public Tensor?[] Inputs => inputs;

    public NoGradScope? Scope => scope;

    /// <summary>The layer that made it.</summary>
    public string? Layer { get; set; }

    /// <summary>Leaves the result to an operation that this one is fused into; false if another thread has computed it meanwhile.</summary>
    public bool TryTake()
    {
        lock (gate) return !running && (taken = true);
    }

    /// <summary>Whether an operation that this one was fused into has computed it as a part of itself.</summary>
    public bool IsTaken
    {
        get
        {
            lock (gate) return taken;
        }
    }

    /// <summary>Has an input, whose layer was left, freed when this and what took it over have been computed.</summary>
    public void FreeLater(Tensor input, string reason) => (held ??= new()).Tensors.Add((input, reason));

    /// <summary>The result is computed, or never will be.</summary>
    public void End() => held?.Release();

    Held? Share()
    {
        held?.Retain();
        return held;
    }

    /// <summary>Inputs that several wait for.</summary>
    sealed class Held
    {
        int users = 1;

        public List<(Tensor Tensor, string Reason)> Tensors { get; } = [];

        public void Retain() => Interlocked.Increment(ref users);

        public void Release()
        {
            if (Interlocked.Decrement(ref users) > 0) return;
            foreach (var (tensor, reason) in Tensors)
            {
                if (!tensor.IsKept) Fusion.Free(tensor, reason);
            }
        }
    }

    /// <summary>Computes the result, once.</summary>
    public void Compute(Tensor result)
    {
        lock (gate)
        {
            // Within itself; or another thread has done it.
            if (running) return;
            running = true;
            try
            {
                CheckInputs(result);
                result.Allocate();

                // What another operation has taken over has had its effects.
                (taken ? operation.WithoutEffects : operation).Compute(result, inputs, scope);
                result.Settle();
            }
            catch (Exception e)
            {
                result.Abandon("computing it failed");
                if (e is ShapeException { Layer: null } shapes && Layer is not null) throw shapes.In(Layer);
                throw;
            }
        }
    }

    void CheckInputs(Tensor result)
    {
        for (var i = 0; i < inputs.Length; i++)
        {
            if (inputs[i] is { } input && input.VersionOfData != versions[i] && !operation.Updates(i))
            {
                throw new InvalidOperationException(
                    $"{operation.Name}: {input.Label} was {(input.IsFreed ? "freed" : "changed")} before {result.Label} was read, which had been fused with the operation that followed it. Call Keep() on the result where it is made.");
            }
        }
    }
}
