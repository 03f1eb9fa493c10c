using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using CnnSharp.Kernels;

namespace CnnSharp;

/// <summary>
/// An operation on tensors. Its settings are the record's properties; the shape of its result, forward and backward stand side by
/// side. The tape keeps it, and whatever follows a network (the export to ONNX, the layouts of PyTorch's weights) reads it by type.
/// </summary>
/// <example>
/// <code>
/// // y = x, dx = Factor dy: the layers before it learn more slowly, or not at all.
/// sealed record ScaleGradient(float Factor) : Operation
/// {
///     public override Shape Infer(ReadOnlySpan&lt;Tensor?> inputs) => inputs[0]!.Shape;
///
///     public override void Forward(ForwardContext c) => c.Kernels.Memory.Copy(c.Data(0), c.Output.Data);
///
///     public override void Backward(BackwardContext c) => c.Kernels.Elementwise.Unary(UnaryOp.MultiplyScalar, Factor, c.OutputGradient, c.Gradients.For(c[0]));
/// }
///
/// var y = new ScaleGradient(0.1f).Apply(x);
/// </code>
/// </example>
public abstract record Operation
{
    static readonly ConcurrentDictionary<Type, string> Names = new();

    /// <summary>What messages, and tensors that have no name of their own, call it: the type's name without "Operation" at its end.</summary>
    public virtual string Name => Names.GetOrAdd(GetType(), static type => type.Name.EndsWith(nameof(Operation), StringComparison.Ordinal) ? type.Name[..^nameof(Operation).Length] : type.Name);

    /// <summary>Whether gradients can flow through; of whole numbers none can.</summary>
    internal virtual bool HasGradient => true;

    /// <summary>The shape of the result. All that is known of it on a device without elements (<see cref="Device.Shapes"/>).</summary>
    /// <param name="inputs">As <see cref="Apply(ReadOnlySpan{Tensor?})"/> was given them.</param>
    /// <exception cref="ShapeException">The inputs do not fit.</exception>
    public abstract Shape Infer(ReadOnlySpan<Tensor?> inputs);

    /// <summary>Computes the result.</summary>
    public abstract void Forward(ForwardContext c);

    /// <summary>Takes the gradient of the result to those of the inputs that want one.</summary>
    public abstract void Backward(BackwardContext c);

    /// <summary>Computes the operation and records it.</summary>
    /// <param name="inputs">The first is always there, and on its device the operation is computed; null for an optional one that is missing.</param>
    /// <returns>A new tensor.</returns>
    /// <exception cref="ShapeException">The inputs do not fit.</exception>
    /// <exception cref="ArgumentException">There is no first input.</exception>
    public Tensor Apply(params ReadOnlySpan<Tensor?> inputs)
    {
        if (inputs.IsEmpty || inputs[0] is null) throw new ArgumentException($"{Name}: expected a first input, on whose device it is computed, got {(inputs.IsEmpty ? "no inputs" : "null")}.", nameof(inputs));
        if (Recomputation.IsRunning && WithoutEffects is var pure && !ReferenceEquals(pure, this)) return pure.Apply(inputs);
        var shape = Infer(inputs);
        if (!inputs[0]!.Device.Engine.HasElements) return Tape.Record(this, CreateResult(inputs, shape), inputs, []);
        if (Fusion.TryDefer(this, inputs, shape) is { } deferred) return deferred;
        var y = CreateResult(inputs, shape);
        var scope = NoGradScope.Current;
        Compute(y, inputs, scope);
        scope?.Add(y);
        return y;
    }

    /// <summary>Fills the result and records it.</summary>
    /// <param name="y">The result.</param>
    /// <param name="inputs">What it is computed from.</param>
    /// <param name="scope">The scope without recording that the result belongs to, or null.</param>
    internal void Compute(Tensor y, ReadOnlySpan<Tensor?> inputs, NoGradScope? scope)
    {
        var saved = new SavedBuffers();
        try
        {
            Forward(new(inputs, y, ref saved));
        }
        catch
        {
            y.Free("computing it failed");
            foreach (var buffer in saved.AsSpan()) buffer.Release();
            throw;
        }

        Tape.Record(this, y, inputs, saved.AsSpan(), scope);
    }

    /// <summary>Whether the operation writes an input, as the running statistics of a normalization.</summary>
    internal virtual bool Updates(int input) => false;

    /// <summary>The operation that gives the same result and writes no input.</summary>
    internal virtual Operation WithoutEffects => this;

    /// <inheritdoc cref="Apply(ReadOnlySpan{Tensor?})"/>
    public Tensor Apply(params Tensor?[] inputs) => Apply((ReadOnlySpan<Tensor?>)inputs);

    /// <summary>The tensor that <see cref="Forward"/> fills: by default one of floats on the first input's device.</summary>
    internal virtual Tensor CreateResult(ReadOnlySpan<Tensor?> inputs, Shape shape) => Tensor.Uninitialized(shape, inputs[0]!.Device);
}

/// <summary>What <see cref="Operation.Forward"/> works on.</summary>
public readonly ref struct ForwardContext
{
    readonly ReadOnlySpan<Tensor?> inputs;
    readonly ref SavedBuffers saved;

    internal ForwardContext(ReadOnlySpan<Tensor?> inputs, Tensor output, ref SavedBuffers saved)
    {
        this.inputs = inputs;
        this.saved = ref saved;
        Output = output;
    }

    /// <summary>The result, to be filled.</summary>
    public Tensor Output { get; }

    /// <summary>The device's primitives.</summary>
    public IKernels Kernels => Output.Device.Kernels;

    /// <summary>How many inputs there are, missing ones included.</summary>
    public int Count => inputs.Length;

    /// <summary>An input that is always there.</summary>
    public Tensor this[int input] => inputs[input]!;

    /// <summary>The elements of an input that is always there.</summary>
    public DeviceBuffer Data(int input) => inputs[input]!.Data;

    /// <summary>The elements of an optional input, or null.</summary>
    public DeviceBuffer? DataOrNull(int input) => inputs[input]?.Data;

    /// <summary>Keeps an input's elements for <see cref="Operation.Backward"/>, whatever becomes of the tensor.</summary>
    internal void Keep(DeviceBuffer existing) => saved.Add(existing.Retain());

    /// <summary>A buffer that <see cref="Operation.Backward"/> will need; undefined until it is written, and given back after the backward pass.</summary>
    /// <exception cref="InvalidOperationException">It is a fifth: an operation saves at most four.</exception>
    public DeviceBuffer Save(DType type, long length)
    {
        if (saved.IsFull) throw new InvalidOperationException("ForwardContext.Save: an operation saves at most 4 buffers; put several into one, or compute some again in the backward pass.");
        var buffer = Output.Device.Engine.Rent(type, length);
        saved.Add(buffer);
        return buffer;
    }
}

/// <summary>What <see cref="Operation.Backward"/> works on. To read an input, or the result, that has changed since the forward pass is an error.</summary>
public readonly ref struct BackwardContext
{
    readonly Node node;

    internal BackwardContext(Node node, DeviceBuffer dy, Gradients gradients) => (this.node, OutputGradient, Gradients) = (node, dy, gradients);

    /// <summary>The gradient of the result, dy. Not to be written unless <see cref="CnnSharp.Gradients.Writable"/> says so.</summary>
    public DeviceBuffer OutputGradient { get; }

    /// <summary>Where the inputs' gradients go.</summary>
    public Gradients Gradients { get; }

    /// <summary>The result.</summary>
    public Tensor Output => node.Output;

    /// <summary>The device's primitives.</summary>
    public IKernels Kernels => node.Output.Device.Kernels;

    /// <summary>How many inputs there are, missing ones included.</summary>
    public int Count => node.Inputs.Length;

    /// <summary>An input that is always there.</summary>
    public Tensor this[int input] => node.Inputs[input].Tensor!;

    /// <summary>An optional input, or null.</summary>
    public Tensor? Optional(int input) => node.Inputs[input].Tensor;

    /// <summary>A buffer that <see cref="ForwardContext.Save"/> gave, in the order of the calls.</summary>
    public DeviceBuffer Saved(int index) => node.Saved[index].Buffer;
}

/// <summary>A few buffers, without an array.</summary>
struct SavedBuffers
{
    const int Capacity = 4;

    Slots slots;
    int count;

    public readonly bool IsFull => count == Capacity;

    public void Add(DeviceBuffer buffer) => slots[count++] = buffer;

    [UnscopedRef]
    public ReadOnlySpan<DeviceBuffer> AsSpan() => ((ReadOnlySpan<DeviceBuffer>)slots)[..count];

    [InlineArray(Capacity)]
    struct Slots
    {
        DeviceBuffer first;
    }
}

/// <summary>An operation whose result exists already, with a backward function of its own: what a program of one's own records.</summary>
sealed record FunctionOperation(string Title, BackwardFunction Function) : Operation
{
    public override string Name => Title;

    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => throw new NotSupportedException($"{Title} has computed its result.");

    public override void Forward(ForwardContext c) => throw new NotSupportedException($"{Title} has computed its result.");

    public override void Backward(BackwardContext c) => Function(c.OutputGradient, c.Gradients);
}
