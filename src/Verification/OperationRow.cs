namespace CnnSharp.Verification;

/// <summary>How an operation is run from named tensors and attributes.</summary>
public delegate Tensor RunOperation(OperationInputs inputs, Attributes attributes);

/// <summary>How a tensor of PyTorch's shape, known by its name in a case, is laid out here.</summary>
public delegate Layout TensorLayout(string name, Shape shape, Attributes attributes);

/// <summary>One row of the <see cref="OperationRegistry"/>: all that the checks need to know of an operation.</summary>
/// <param name="Name">What reference cases call it.</param>
/// <param name="Function">The method of <see cref="Functional"/>.</param>
/// <param name="Run">Calls it.</param>
public sealed record OperationRow(string Name, string Function, RunOperation Run)
{
    /// <summary>The inputs that have a gradient; those that a case lacks are passed over.</summary>
    public string[] Differentiable { get; init; } = ["x"];

    /// <summary>The inputs that the operation writes: a case states their values afterwards as <c>new_...</c>.</summary>
    public string[] Updated { get; init; } = [];

    /// <summary>How far a single-precision engine may be from the truth, as a share of the tensor's largest value (and 1e-5 beyond).</summary>
    public double Tolerance { get; init; } = 1e-4;

    /// <summary>
    /// The same in double precision, and as an absolute bound. Where an option is a single-precision number (a slope, an epsilon,
    /// the 1/n of a mean), its rounding is all the difference there is: see <see cref="SinglePrecisionOption"/>.
    /// </summary>
    public double DoubleTolerance { get; init; } = 1e-9;

    /// <summary>The <see cref="DoubleTolerance"/> of an operation with an option in single precision.</summary>
    public const double SinglePrecisionOption = 1e-6;

    /// <summary>Whether it multiplies in the engine's <see cref="Kernels.Precision"/>: a convolution or a matrix product.</summary>
    public bool IsProduct { get; init; }

    /// <summary>Whether all engines agree to the bit on whole numbers: nothing but sums, products and choices.</summary>
    public bool IsExact { get; init; }

    /// <summary>PyTorch's layout of each tensor; by default this library's own.</summary>
    public TensorLayout Layout { get; init; } = static (_, shape, _) => Verification.Layout.Same(shape);

    /// <summary>What gradients and engines are checked on.</summary>
    public IReadOnlyList<Sample> Samples { get; init; } = [];

    /// <summary>Computes the operation on a device, and its gradients.</summary>
    /// <param name="device">Where.</param>
    /// <param name="inputs">In this library's layouts.</param>
    /// <param name="attributes">As a case states them.</param>
    /// <param name="upstream">The gradient of the result, from its shape; null: no gradients are computed.</param>
    public OperationResult Evaluate(Device device, IReadOnlyDictionary<string, HostTensor> inputs, Attributes attributes, Func<Shape, HostTensor>? upstream)
    {
        using var tensors = new OperationInputs(device, inputs);
        if (upstream is not null)
        {
            foreach (var name in Differentiable)
            {
                if (tensors.Optional(name) is { } input) input.RequiresGrad = true;
            }
        }

        // Without a backward pass nobody else would give an operation's intermediate results back.
        using var scope = upstream is null ? Tape.NoGrad() : null;
        using var y = Run(tensors, attributes).Keep();
        var result = HostTensor.From(y);
        var updated = Updated.Where(inputs.ContainsKey).ToDictionary(name => name, name => HostTensor.From(tensors[name]));
        var gradients = new Dictionary<string, HostTensor>();
        if (upstream is not null && Differentiable.Length > 0)
        {
            using var dy = upstream(y.Shape).On(device);
            y.Backward(dy);
            foreach (var name in Differentiable)
            {
                if (tensors.Optional(name) is not { } input) continue;
                using var gradient = input.Gradient ?? throw new InvalidOperationException($"{Name}: the backward pass left no gradient for '{name}'.");
                gradients.Add(name, HostTensor.From(gradient));
            }
        }

        return new(result, gradients, updated);
    }
}

/// <summary>What an operation gave.</summary>
/// <param name="Y">Its result.</param>
/// <param name="Gradients">By input.</param>
/// <param name="Updated">What it wrote into its inputs.</param>
public sealed record OperationResult(HostTensor Y, IReadOnlyDictionary<string, HostTensor> Gradients, IReadOnlyDictionary<string, HostTensor> Updated)
{
    /// <summary>Every tensor with the name that a reference case gives it: <c>y</c>, <c>dx</c>, <c>new_running_mean</c>.</summary>
    public IEnumerable<(string Name, HostTensor Tensor)> Named()
        => [("y", Y), .. Gradients.Select(pair => ($"d{pair.Key}", pair.Value)), .. Updated.Select(pair => ($"new_{pair.Key}", pair.Value))];
}

/// <summary>The named tensors of a case, on a device.</summary>
public sealed class OperationInputs : IDisposable
{
    readonly Dictionary<string, Tensor> tensors = new(StringComparer.Ordinal);
    readonly List<Tensor> constants = [];
    readonly List<IDisposable> owned = [];

    /// <summary>Copies the tensors to a device.</summary>
    public OperationInputs(Device device, IReadOnlyDictionary<string, HostTensor> inputs)
    {
        Device = device;
        foreach (var (name, input) in inputs)
        {
            var tensor = input.On(device);
            tensor.Name = name;
            tensors.Add(name, tensor);
        }
    }

    /// <summary>A single input <c>x</c> that belongs to somebody else.</summary>
    public OperationInputs(Tensor x)
    {
        Device = x.Device;
        tensors.Add("x", x);
    }

    /// <summary>Where they are.</summary>
    public Device Device { get; }

    /// <summary>The tensor of a name.</summary>
    /// <exception cref="FormatException">There is none.</exception>
    public Tensor this[string name] => Optional(name) ?? throw new FormatException($"the input '{name}' is missing; there are {string.Join(", ", tensors.Keys)}.");

    /// <summary>The tensor of a name, or null.</summary>
    public Tensor? Optional(string name) => tensors.GetValueOrDefault(name);

    /// <summary>The tensor of a name, or one value a channel.</summary>
    public Tensor OrConstant(string name, int channels, double value)
    {
        if (Optional(name) is { } given) return given;
        var constant = Tensor.Full(new(channels), value, Device);
        constants.Add(constant);
        return constant;
    }

    /// <summary>What an operation needs beside tensors: disposed with them.</summary>
    public T Own<T>(T made)
        where T : IDisposable
    {
        owned.Add(made);
        return made;
    }

    /// <summary>Tensors called <c>x0</c>, <c>x1</c>, ...</summary>
    /// <exception cref="FormatException">There is no <c>x0</c>.</exception>
    public Tensor[] Numbered(string name)
    {
        var found = new List<Tensor> { this[$"{name}0"] };
        while (Optional($"{name}{found.Count}") is { } next) found.Add(next);
        return [.. found];
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        foreach (var tensor in tensors.Values) tensor.Dispose();
        foreach (var constant in constants) constant.Dispose();
        foreach (var made in owned) made.Dispose();
    }
}
