using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using CnnSharp.Kernels;

namespace CnnSharp.Layers;

/// <summary>
/// A piece of a network: a function of tensors that may own parameters and further layers. A layer of one's own
/// overrides <see cref="Compute"/> and keeps its tensors and sub-layers in fields; there is nothing to register.
/// </summary>
/// <remarks>
/// Fields are walked in the order of their declaration, base classes first. A field holding a <see cref="Tensor"/> with
/// <see cref="Tensor.RequiresGrad"/> is a parameter, one without a buffer (running statistics); a <see cref="Layer"/>, or a
/// list or dictionary of them, is a sub-layer; a dictionary of tensors gives each under its own name. Of a list or an array of tensors
/// those that ever required a gradient are parameters; others are results that the layer keeps, so a buffer has a field of its own. Names are the fields' names in camel
/// case without a leading underscore; lists give indices, or the names that stand beside the layers, dictionaries their keys:
/// <c>layer1.0.conv1.weight</c>.
/// The same names stand in checkpoints, summaries and errors.
/// </remarks>
[DynamicallyAccessedMembers(WhatIsWalked)]
public abstract partial class Layer
{
    /// <summary>What a trimmed program must keep of a layer's type.</summary>
    const DynamicallyAccessedMemberTypes WhatIsWalked = DynamicallyAccessedMemberTypes.AllFields;

    static readonly Dictionary<Type, FieldInfo[]> FieldsByType = [];

    string? path;
    bool training = true;
    Func<Tensor, Tensor>? compute;

    /// <summary>Notified of every call on this thread, with input and result, as it returns: how <see cref="Summary"/> sees a model's shapes.</summary>
    [ThreadStatic]
    internal static Action<Layer, Tensor, Tensor>? Observer;

    /// <summary>Where the layer stands in its model, e.g. <c>layer1.0.conv1</c>; empty for a model itself, or before its first use.</summary>
    public string Path => path ?? "";

    /// <summary>Whether the layer trains (batch statistics, dropout) or infers. Set it through <see cref="Train"/> and <see cref="Eval"/>.</summary>
    public bool IsTraining => training;

    /// <summary>Whether what lies between its input and its result is computed again in the backward pass: see <see cref="Checkpointing.Checkpoint"/>.</summary>
    public bool IsCheckpointed { get; internal set; }

    /// <summary>What Backward computes gradients for, outermost fields first.</summary>
    public IReadOnlyList<Tensor> Parameters => [.. StateDict().Where(t => t.Tensor.RequiresGrad).Select(t => t.Tensor)];

    /// <summary>The number of weights: the elements of all parameters.</summary>
    public long ParameterCount => Parameters.Sum(p => p.Count);

    /// <summary>The result for an input. In messages, what goes wrong inside carries this layer's path.</summary>
    /// <param name="x">The shape that the layer's kind expects.</param>
    /// <returns>Valid until Backward, or, without recording, until the enclosing layer is left.</returns>
    /// <exception cref="ShapeException">The input does not fit.</exception>
    public Tensor Forward(Tensor x) => Run(x, compute ??= Compute);

    /// <summary>For a layer with a Forward of its own, of more inputs say: runs it as <see cref="Forward(Tensor)"/> runs <see cref="Compute"/>.</summary>
    /// <param name="x">The main input.</param>
    /// <param name="compute">The layer's function of it and whatever else it takes.</param>
    protected Tensor Run(Tensor x, Func<Tensor, Tensor> compute)
    {
        var mark = BeginForward();
        Tensor? y = null;
        Fusion.Enter();
        try
        {
            y = IsCheckpointed && MayRecompute(x) ? RunCheckpointed(x, compute) : compute(x);
            Fusion.Locate(y, Path);
        }
        catch (ShapeException e) when (e.Layer is null && Path.Length > 0)
        {
            throw e.In(Path);
        }
        finally
        {
            Fusion.Leave(y);
        }

        EndForward(mark, y);
        Observer?.Invoke(this, x, y);
        return y;
    }

    /// <summary>The layer's function, or a part of it, as an operation that keeps its input and its result.</summary>
    private protected Tensor RunCheckpointed(Tensor x, Func<Tensor, Tensor> compute)
    {
        var states = new LayerStates(this);
        return Recomputation.Record(GetType().Name, x, compute, () => states.Within(this, Again));

        Tensor Again()
        {
            Tensor? y = null;
            Fusion.Enter();
            try
            {
                return y = compute(x);
            }
            finally
            {
                Fusion.Leave(y);
            }
        }
    }

    /// <summary>Whether there will be a backward pass to compute anything again in.</summary>
    private protected static bool MayRecompute(Tensor x) => Tape.IsRecording && x.Device.Engine.HasElements;

    /// <summary>The layer's function.</summary>
    protected abstract Tensor Compute(Tensor x);

    /// <summary>Multiply-adds of one call: of this layer's own, not of its sub-layers. Convolutions and linear layers have them.</summary>
    /// <param name="input">The shape of a batch.</param>
    /// <param name="output">The shape of its result.</param>
    public virtual long MultiplyAdds(Shape input, Shape output) => 0;

    /// <summary>Switches this layer and all below it to training. Returns this layer.</summary>
    public Layer Train(bool on = true)
    {
        foreach (var layer in Modules()) layer.training = on;
        return this;
    }

    /// <summary>Switches this layer alone to training or inference.</summary>
    internal void SetTraining(bool on = true) => training = on;

    /// <summary>Switches this layer and all below it to inference. Returns this layer.</summary>
    public Layer Eval() => Train(false);

    /// <summary>
    /// Moves parameters, buffers and gradients to another device, in place (as PyTorch's <c>Module.to</c>): the tensors stay the same
    /// objects, so an optimizer that was made before goes on with them, and its own state follows at its next step. What a forward
    /// pass has recorded stays behind: move before it, not between it and Backward.
    /// </summary>
    /// <param name="device">Where to. Floats become its float type.</param>
    /// <returns>This layer.</returns>
    /// <exception cref="InvalidOperationException">The model is on <see cref="Device.Shapes"/>, or is to go there, where there are no elements.</exception>
    public Layer To(Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        foreach (var (_, tensor) in StateDict()) tensor.MoveTo(device);
        foreach (var layer in Modules()) layer.OnMoved(device);
        return this;
    }

    /// <summary>Called by <see cref="To"/> once the tensors have moved: for a layer that keeps more on its device than its fields show.</summary>
    /// <param name="device">Where the layer is now.</param>
    protected virtual void OnMoved(Device device)
    {
    }

    /// <summary>
    /// Sets what the random layers below draw from next. The same seed, step and place in the model give the same numbers.
    /// </summary>
    /// <param name="seed">The run's seed.</param>
    /// <param name="step">The training step, counted from 0; each training Forward counts it on by one.</param>
    /// <returns>This layer.</returns>
    public Layer ManualSeed(ulong seed, ulong step = 0)
    {
        var id = 0u;
        foreach (var layer in Modules())
        {
            (layer as IRandomized)?.ManualSeed(seed, step, id);
            id++;
        }

        return this;
    }

    /// <summary>This layer and all below it, in the order of the fields.</summary>
    public IEnumerable<Layer> Modules()
    {
        yield return this;
        foreach (var (_, child) in Children())
        {
            foreach (var layer in child.Modules()) yield return layer;
        }
    }

    /// <summary>The sub-layers with their names.</summary>
    public IEnumerable<(string Name, Layer Layer)> Children()
    {
        foreach (var field in FieldsOf(GetType()))
        {
            switch (field.GetValue(this))
            {
                case Layer layer:
                    yield return (NameOf(field), layer);
                    break;
                case IEnumerable<(string Name, Layer Layer)> named:
                    foreach (var (name, layer) in named) yield return (Prefix(field) + name, layer);
                    break;
                case IEnumerable list and not string:
                    foreach (var child in Items(list, Prefix(field))) yield return child;
                    break;
            }
        }

        // A Sequential's own list adds no level to the path: its items are "0", "1", ...
        static string Prefix(FieldInfo field) => field.IsDefined(typeof(InlineAttribute)) ? "" : $"{NameOf(field)}.";
    }

    /// <summary>The layers in a list by their places, in a dictionary by their keys, and those in lists and dictionaries within.</summary>
    static IEnumerable<(string Name, Layer Layer)> Items(IEnumerable list, string prefix)
    {
        foreach (var (name, item) in Named(list))
        {
            if (item is Layer layer) yield return (prefix + name, layer);
            if (item is not Layer and (IList or IDictionary))
            {
                foreach (var child in Items((IEnumerable)item, $"{prefix}{name}.")) yield return child;
            }
        }
    }

    /// <summary>The items of a list by their places, of a dictionary by their keys.</summary>
    static IEnumerable<(string Name, object? Item)> Named(IEnumerable list)
        => list is Array && list.GetType().GetElementType()!.IsPrimitive ? []
        : list is IDictionary dictionary ? dictionary.Keys.Cast<object>().Zip(dictionary.Values.Cast<object?>(), (key, value) => ($"{key}", value))
        : list.Cast<object?>().Select((item, i) => ($"{i}", item));

    /// <summary>Parameters and buffers with their dotted paths; a tensor reached twice is named once.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> StateDict()
    {
        var seen = new HashSet<Tensor>(ReferenceEqualityComparer.Instance);
        return Walk("", seen);
    }

    IEnumerable<(string Name, Tensor Tensor)> Walk(string prefix, HashSet<Tensor> seen)
    {
        foreach (var (own, tensor) in OwnTensors())
        {
            if (!seen.Add(tensor)) continue;
            var name = prefix + own;
            tensor.Name = name;
            yield return (name, tensor);
        }

        foreach (var (name, child) in Children())
        {
            child.path = prefix + name;
            foreach (var pair in child.Walk($"{prefix}{name}.", seen)) yield return pair;
        }
    }

    /// <summary>For a layer that makes a long chain of results: opens a stretch that <see cref="EndForward"/> ends.</summary>
    protected int BeginForward()
    {
        if (path is null) Locate("");
        return Tape.Enter();
    }

    /// <summary>The end of what <see cref="BeginForward"/> began: without recording, frees what was made since but the result.</summary>
    protected static Tensor EndForward(int mark, Tensor result) => Tape.Leave(mark, result);

    /// <summary>Runs layers one after the other: without recording, what was made since the mark is freed as soon as the next layer has read it.</summary>
    /// <param name="mark">What <see cref="BeginForward"/> gave.</param>
    /// <param name="x">What the first of them expects.</param>
    /// <param name="layers">The layers; null is none.</param>
    protected static Tensor Chain(int mark, Tensor x, params ReadOnlySpan<Layer?> layers)
    {
        foreach (var layer in layers)
        {
            if (layer is not null) x = EndForward(mark, layer.Forward(x));
        }

        return x;
    }

    /// <summary>Gives this layer and those below it their paths: done once, by the first Forward of the outermost.</summary>
    void Locate(string at)
    {
        path = at;
        foreach (var (name, tensor) in OwnTensors()) tensor.Name = at.Length == 0 ? name : $"{at}.{name}";
        foreach (var (name, child) in Children()) child.Locate(at.Length == 0 ? name : $"{at}.{name}");
    }

    IEnumerable<(string Name, Tensor Tensor)> OwnTensors()
    {
        foreach (var field in FieldsOf(GetType()))
        {
            switch (field.GetValue(this))
            {
                case Tensor tensor:
                    yield return (NameOf(field), tensor);
                    break;
                case IReadOnlyDictionary<string, Tensor> named:
                    foreach (var (name, tensor) in named) yield return (name, tensor);
                    break;
                case IEnumerable list and not string:
                    // Results that a layer keeps are no parameters.
                    foreach (var (name, item) in Named(list))
                    {
                        if (item is Tensor { IsParameter: true } parameter) yield return ($"{NameOf(field)}.{name}", parameter);
                    }

                    break;
            }
        }
    }

    static string NameOf(FieldInfo field)
    {
        var name = field.Name;

        // An auto-property's field is called <Name>k__BackingField, a primary constructor's parameter <name>P.
        if (name[0] == '<') name = name[1..name.IndexOf('>', StringComparison.Ordinal)];
        name = name.TrimStart('_');
        return char.ToLowerInvariant(name[0]) + name[1..];
    }

    static FieldInfo[] FieldsOf([DynamicallyAccessedMembers(WhatIsWalked)] Type type)
    {
        lock (FieldsByType)
        {
            if (FieldsByType.TryGetValue(type, out var known)) return known;
            var fields = new List<FieldInfo>();
            for (var t = type; t != typeof(Layer) && t is not null; t = t.BaseType)
            {
                var own = t.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly);
                Array.Sort(own, static (a, b) => a.MetadataToken.CompareTo(b.MetadataToken));
                fields.InsertRange(0, own);
            }

            return FieldsByType[type] = [.. fields];
        }
    }
}

/// <summary>Marks a list of layers whose items stand in the path without the list's own name.</summary>
[AttributeUsage(AttributeTargets.Field)]
public sealed class InlineAttribute : Attribute;
