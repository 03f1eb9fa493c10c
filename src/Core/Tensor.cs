using CnnSharp.Kernels;

namespace CnnSharp;

/// <summary>
/// A contiguous array of numbers on a device, and its place in the graph that <see cref="Backward"/> walks.
/// </summary>
/// <remarks>
/// Memory: results of operations belong to the tape, which gives them back as <see cref="Backward"/> passes them, or, under
/// <see cref="Tape.NoGrad"/>, as the layer that made them is left. What a program creates itself (parameters, inputs) lives
/// until it is unreachable or disposed. So a training loop needs no Dispose; it is there for those who want memory back early.
/// </remarks>
public sealed partial class Tensor : IDisposable
{
    DeviceBuffer? data;
    string? freed;

    Tensor(Shape shape, DeviceBuffer data, Device device)
    {
        Shape = shape;
        Device = device;
        DType = data.Type;
        this.data = data;
    }

    Tensor(Shape shape, Deferred deferred)
    {
        Shape = shape;
        Device = deferred.Inputs[0]!.Device;
        DType = Device.FloatType;
        Deferred = deferred;
    }

    /// <summary>The extents; images are [N, H, W, C].</summary>
    public Shape Shape { get; }

    /// <summary>The type of the elements.</summary>
    public DType DType { get; private set; }

    /// <summary>Where it lives.</summary>
    public Device Device { get; private set; }

    /// <summary>What messages call it: a parameter's dotted path, or the operation that made it.</summary>
    public string? Name { get; set; }

    /// <summary>The number of elements.</summary>
    public long Count => Shape.Count;

    /// <summary>
    /// Whether <see cref="Backward"/> is to leave a <see cref="Gradient"/> here: for tensors the program made itself before
    /// they are used, for results of operations (PyTorch's <c>retain_grad</c>) before Backward, which then keeps them too.
    /// </summary>
    /// <exception cref="InvalidOperationException">The elements are whole numbers, which have no gradient.</exception>
    public bool RequiresGrad
    {
        get;
        set
        {
            if (value && DType is not (DType.Float32 or DType.Float64)) throw new InvalidOperationException($"Tensor.RequiresGrad: {Label} holds {DType}; only floating-point tensors have gradients.");
            field = value;
            IsParameter |= value && Node is null;
        }
    }

    /// <summary>Whether it ever required a gradient without being the result of an operation: a parameter, also while it is frozen.</summary>
    internal bool IsParameter { get; private set; }

    /// <summary>The gradient that <see cref="Backward"/> left, or null. Successive calls add up until <see cref="ClearGradient"/>.</summary>
    public Tensor? Gradient => GradientData is { } gradient ? new Tensor(Shape, gradient.Retain(), Device) { Name = Name is null ? "gradient" : $"{Name}.gradient" } : null;

    /// <summary>The memory.</summary>
    /// <exception cref="FreedTensorException">It was given back.</exception>
    public DeviceBuffer Data
    {
        get
        {
            Fusion.ComputePending();
            Compute();
            if (IsWatched) Tape.CheckUnchanged(this);
            return data ?? throw new FreedTensorException(this, freed!);
        }
    }

    /// <summary>Whether the memory was given back.</summary>
    public bool IsFreed => data is null && Deferred is null;

    internal DeviceBuffer? GradientData;

    /// <summary>How the elements will be computed; null once they are.</summary>
    internal Deferred? Deferred { get; private set; }

    internal Node? Node
    {
        get
        {
            Compute();
            return field;
        }

        set;
    }

    /// <summary>Whether the backward function of an operation runs that had this tensor as its input or result.</summary>
    internal bool IsWatched { get; set; }

    /// <summary>Where the running backward pass adds this tensor's gradient up: see <see cref="Gradients"/>.</summary>
    internal int Slot { get; set; }

    internal bool IsKept { get; set; }

    /// <summary>The <see cref="DeviceBuffer.Version"/> of the elements; 0 once they are freed.</summary>
    internal long VersionOfData
    {
        get
        {
            Compute();
            return data?.Version ?? 0;
        }
    }

    /// <summary>Whether a gradient has to flow into this tensor.</summary>
    internal bool WantsGradient => RequiresGrad || Node is not null;

    internal string Label => Name is null ? Shape.ToString() : $"'{Name}' {Shape}";

    /// <summary>A tensor whose elements are undefined: every one must be written.</summary>
    /// <param name="shape">The extents.</param>
    /// <param name="device">Where.</param>
    /// <param name="type">The elements' type; by default the device's float type.</param>
    /// <exception cref="InsufficientMemoryException">The device has no memory for it, not even after what the program had dropped was given back.</exception>
    public static Tensor Uninitialized(Shape shape, Device device, DType? type = null)
    {
        try
        {
            return new(shape, device.Engine.Rent(type ?? device.FloatType, shape.Count), device);
        }
        catch (InsufficientMemoryException e)
        {
            throw NoMemory($"a tensor {shape} {type ?? device.FloatType}", e);
        }
    }

    /// <summary>A tensor of equal elements.</summary>
    /// <param name="shape">The extents.</param>
    /// <param name="value">Each element.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <param name="type">The elements' type; by default the device's float type.</param>
    public static Tensor Full(Shape shape, double value, Device? device = null, DType? type = null)
    {
        var tensor = Uninitialized(shape, device ?? Device.Best(), type);
        if (tensor.Device.Engine.HasElements) tensor.Device.Kernels.Memory.Fill(tensor.Data, value);
        return tensor;
    }

    /// <summary>A tensor of zeros.</summary>
    /// <inheritdoc cref="Full"/>
    public static Tensor Zeros(Shape shape, Device? device = null, DType? type = null) => Full(shape, 0, device, type);

    /// <summary>Waits for the device and reads the only element.</summary>
    /// <exception cref="ShapeException">There is more than one element, or none.</exception>
    public double Item()
    {
        if (Count != 1) throw new ShapeException("Tensor.Item", $"expected one element, {Label} has {Count}.");
        return DType switch
        {
            DType.Float32 => ToArray<float>()[0],
            DType.Float64 => ToArray<double>()[0],
            DType.Int32 => ToArray<int>()[0],
            _ => ToArray<byte>()[0],
        };
    }

    /// <summary>
    /// Walks the graph back from this tensor and leaves gradients in the parameters it depends on. Gives the graph's
    /// intermediate tensors back; this tensor itself, what <see cref="Keep"/> was called on, and what has a gradient of its own stay readable.
    /// </summary>
    /// <param name="upstream">The gradient of this tensor; by default 1, for a single element.</param>
    /// <param name="retainGraph">
    /// Whether the graph is kept, for another Backward from this tensor or from another one that shares part of it; by default
    /// it is given back, and a later pass that would have to walk it throws.
    /// </param>
    /// <remarks>
    /// A pass that throws leaves no gradient anywhere. Passes on one device take turns, whatever thread they are on.
    /// </remarks>
    /// <exception cref="InvalidOperationException">
    /// No parameter that wants a gradient led here; an earlier Backward has given part of the graph back (nothing was computed then);
    /// or a value that a gradient is computed from was changed after the forward pass had read it.
    /// </exception>
    /// <exception cref="FreedTensorException">A tensor that a gradient is computed from was disposed of.</exception>
    /// <exception cref="ShapeException">The upstream gradient has another shape, type or device, or is missing for more than one element.</exception>
    public void Backward(Tensor? upstream = null, bool retainGraph = false) => Tape.Backward(this, upstream, retainGraph);

    /// <summary>Gives the gradient's memory back; the next <see cref="Backward"/> starts again.</summary>
    public void ClearGradient()
    {
        GradientData?.Release();
        GradientData = null;
    }

    /// <summary>Keeps the tensor's memory past <see cref="Backward"/> and the end of a <see cref="Tape.NoGrad"/> scope.</summary>
    /// <returns>This tensor.</returns>
    public Tensor Keep()
    {
        _ = Data;
        IsKept = true;
        return this;
    }

    /// <summary>The same elements without their history: no gradient flows through. Shares the memory.</summary>
    public Tensor Detach() => new(Shape, Data.Retain(), Device) { Name = Name };

    /// <summary>The same elements on another device, copied by way of the host; on its own device this tensor itself.</summary>
    /// <param name="device">Where to. Floats become its float type.</param>
    /// <exception cref="InvalidOperationException">A gradient would have to flow through the copy, which it cannot: <see cref="Detach"/> first.</exception>
    public Tensor To(Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        if (device.Engine == Device.Engine) return this;
        if (WantsGradient && Tape.IsRecording) throw new InvalidOperationException($"Tensor.To: {Label} wants a gradient, and none flows from {device} back to {Device}; copy Detach() of it.");
        return DType switch
        {
            DType.Int32 => From(ToArray<int>(), Shape, device),
            DType.UInt8 => From(ToArray<byte>(), Shape, device),
            DType.Float64 => From(ToArray<double>(), Shape, device),
            _ => From(ToArray(), Shape, device),
        };
    }

    /// <summary>Gives the memory back now. Using the tensor afterwards is an exception.</summary>
    public void Dispose()
    {
        Fusion.ComputeReader(this);
        Free("it was disposed");
    }

    /// <summary>A tensor that is computed when it is needed.</summary>
    internal static Tensor Of(Shape shape, Deferred deferred) => new(shape, deferred);

    /// <summary>Computes the elements, if that has not been done.</summary>
    internal void Compute() => Deferred?.Compute(this);

    /// <summary>Takes memory for the elements, which are about to be computed.</summary>
    internal void Allocate()
    {
        try
        {
            data = Device.Engine.Rent(DType, Count);
        }
        catch (InsufficientMemoryException e)
        {
            throw NoMemory($"a tensor {Shape} {DType}", e);
        }
    }

    /// <summary>The elements are computed.</summary>
    internal void Settle()
    {
        var deferred = Deferred;
        Deferred = null;
        deferred?.End();
    }

    /// <summary>The elements will not be computed.</summary>
    internal void Abandon(string reason)
    {
        Settle();
        Free(reason);
        freed = reason;
    }

    /// <summary>A tensor on the same memory under another shape of as many elements.</summary>
    internal Tensor View(Shape shape) => new(shape, Data.Retain(), Device);

    /// <summary>A tensor on memory that it takes over from the caller.</summary>
    internal static Tensor Of(Shape shape, DeviceBuffer data, Device device) => new(shape, data, device);

    /// <summary>A tensor of the same extents on other memory, held until it is disposed.</summary>
    internal Tensor WithData(DeviceBuffer other) => new(Shape, other.Retain(), Device);

    internal static InsufficientMemoryException NoMemory(string what, InsufficientMemoryException e) => new($"No memory for {what}: {e.Message}", e);

    internal void Free(string reason)
    {
        // What nobody has read may have effects: the running statistics of a normalization.
        if (Deferred is { IsTaken: false }) Compute();
        if (IsFreed) return;
        data?.Release();
        data = null;
        Settle();
        freed = reason;
        ClearGradient();
    }
}
