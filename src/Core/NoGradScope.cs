namespace CnnSharp;

/// <summary>
/// A stretch without recording, and what is made in it. It goes with the flow of the program, across an await and into
/// parallel work, as every <see cref="AsyncLocal{T}"/> does. Scopes may end in any order: one that has ended is passed over.
/// </summary>
sealed class NoGradScope : IDisposable
{
    // Read at every operation, which a field of the thread serves: changed wherever the flow changes.
    static readonly AsyncLocal<NoGradScope?> Innermost = new(static change => innermost = change.CurrentValue);

    [ThreadStatic]
    static NoGradScope? innermost;

    readonly NoGradScope? outer;
    readonly int opener = Environment.CurrentManagedThreadId;
    readonly Lock gate = new();

    // A layer runs on one thread from its start to its end, so what each thread made lies in the order of the layers.
    readonly List<Tensor> made = [];
    Dictionary<int, List<Tensor>>? madeElsewhere;
    volatile bool ended;

    /// <summary>Begins a scope within the current one.</summary>
    public NoGradScope()
    {
        outer = Current;
        Innermost.Value = this;
    }

    /// <summary>The scope that this flow of the program is in, or null.</summary>
    public static NoGradScope? Current
    {
        get
        {
            var scope = innermost;
            while (scope is { ended: true }) scope = scope.outer;
            return scope;
        }
    }

    /// <summary>Records again until the result is disposed, whatever scopes this flow of the program is in.</summary>
    public static Suspension Suspend()
    {
        var suspended = new Suspension(Innermost.Value);
        if (innermost is not null) Innermost.Value = null;
        return suspended;
    }

    /// <summary>Scopes that are not looked at.</summary>
    public readonly struct Suspension(NoGradScope? scope) : IDisposable
    {
        /// <summary>Goes back into them.</summary>
        public void Dispose()
        {
            if (scope is not null) Innermost.Value = scope;
        }
    }

    /// <summary>Takes a tensor to free.</summary>
    public void Add(Tensor tensor)
    {
        lock (gate)
        {
            if (!ended) Made().Add(tensor);
        }
    }

    /// <summary>A place among what this thread makes, for <see cref="FreeSince"/>.</summary>
    public int Mark()
    {
        lock (gate) return Made().Count;
    }

    /// <summary>Frees what this thread made since a mark, except what is kept and the result.</summary>
    public void FreeSince(int mark, Tensor? result)
    {
        if (result != Fusion.Pending)
        {
            Fusion.ComputePending();
            result?.Compute();
        }

        lock (gate)
        {
            if (!ended) Free(Made(), mark, result, "the layer that made it was left without recording (NoGrad)");
        }
    }

    /// <summary>What <see cref="Tensor.Keep"/> was called on.</summary>
    public Tensor[] Kept()
    {
        lock (gate) return [.. made.Concat(madeElsewhere?.Values.SelectMany(list => list) ?? []).Where(tensor => tensor.IsKept)];
    }

    /// <summary>Takes <see cref="Tensor.Keep"/> back, for what this thread made since a mark.</summary>
    public void ForgetKeptSince(int mark)
    {
        lock (gate)
        {
            var list = Made();
            for (var i = mark; i < list.Count; i++) list[i].IsKept = false;
        }
    }

    /// <summary>Ends the scope and frees the rest of what was made in it. Once is enough.</summary>
    public void Dispose()
    {
        Fusion.ComputePending();
        lock (gate)
        {
            if (ended) return;
            ended = true;
            const string reason = "the NoGrad scope that it was made in had ended";
            Free(made, 0, null, reason);
            foreach (var list in madeElsewhere?.Values ?? Enumerable.Empty<List<Tensor>>()) Free(list, 0, null, reason);
            madeElsewhere = null;
        }

        if (innermost is { ended: true }) Innermost.Value = Current;
    }

    List<Tensor> Made()
    {
        var thread = Environment.CurrentManagedThreadId;
        if (thread == opener) return made;
        madeElsewhere ??= [];
        if (!madeElsewhere.TryGetValue(thread, out var list)) madeElsewhere.Add(thread, list = []);
        return list;
    }

    static void Free(List<Tensor> made, int mark, Tensor? result, string reason)
    {
        // Fewer than the mark: a scope that the layer was called in has ended within it.
        if (mark > made.Count) return;
        var keepsResult = false;
        for (var i = made.Count - 1; i >= mark; i--)
        {
            if (made[i] == result) keepsResult = true;
            else if (!made[i].IsKept) Fusion.Free(made[i], reason);
        }

        made.RemoveRange(mark, made.Count - mark);
        if (keepsResult) made.Add(result!);
    }
}
