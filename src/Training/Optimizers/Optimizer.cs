using System.Globalization;
using CnnSharp.Kernels;

namespace CnnSharp.Training;

/// <summary>
/// Moves parameters against their gradients. An optimizer of one's own overrides <see cref="Update"/> and names the state
/// it keeps for each parameter.
/// </summary>
/// <example>
/// <code>
/// var optimizer = new Sgd(model.Parameters, learningRate: 0.1, momentum: 0.9);
/// Loss.CrossEntropy(model.Forward(images), labels).Backward();
/// optimizer.Step();
/// </code>
/// </example>
public abstract class Optimizer
{
    readonly Entry[] entries;
    readonly string[] slots;
    SquareSums? squares;

    /// <summary>Creates an optimizer.</summary>
    /// <param name="groups">The parameters, each once, all on one device.</param>
    /// <param name="options">The settings that every optimizer has.</param>
    /// <param name="slots">The names of the state tensors that each parameter has, e.g. <c>velocity</c>.</param>
    /// <exception cref="ArgumentException">A setting is out of its range, there are no parameters, or one occurs twice, is the result of an operation or holds whole numbers.</exception>
    protected Optimizer(IReadOnlyList<ParameterGroup> groups, OptimizerOptions options, params ReadOnlySpan<string> slots)
    {
        ArgumentNullException.ThrowIfNull(groups);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        LearningRate = options.LearningRate;
        (MaxGradientNorm, MaxGradientValue, MaxNorm) = (options.MaxGradientNorm, options.MaxGradientValue, options.MaxNorm);
        this.slots = slots.ToArray();

        var list = new List<Entry>();
        var seen = new HashSet<Tensor>(ReferenceEqualityComparer.Instance);
        foreach (var group in groups)
        {
            foreach (var parameter in group.Parameters)
            {
                if (parameter.Node is not null) throw new ArgumentException($"{GetType().Name}: {parameter.Label} is the result of an operation, which no step would change for good: the next forward pass computes it anew. Give what it is computed from, with RequiresGrad; Detach() of it for a tensor of its own.", nameof(groups));
                if (parameter.DType is not (DType.Float32 or DType.Float64)) throw new ArgumentException($"{GetType().Name}: {parameter.Label} holds {parameter.DType}; only floating-point tensors are trained.", nameof(groups));
                if (!seen.Add(parameter)) throw new ArgumentException($"{GetType().Name}: parameter {parameter.Label} occurs twice.", nameof(groups));
                var decays = options.DecayVectors || parameter.Shape.Rank > 1;
                list.Add(new(parameter, group.LearningRateScale, group.WeightDecay ?? (decays ? options.WeightDecay : 0), decays ? options.L1 : 0, new Tensor?[slots.Length]));
            }
        }

        if (list.Count == 0) throw new ArgumentException($"{GetType().Name}: there are no parameters to train.", nameof(groups));
        entries = [.. list];
        if (Elsewhere() is { } stray) throw new ArgumentException($"{GetType().Name}: {OnTwoDevices(stray)}", nameof(groups));
    }

    /// <summary>The rate of the next step; a schedule sets it before each.</summary>
    public double LearningRate { get; set; }

    /// <summary>Replaces the momentum of the next steps (of Adam: Beta1); default null: the options' own. A schedule may set it before each.</summary>
    /// <exception cref="NotSupportedException">The optimizer has no momentum, or was made with one of 0.</exception>
    public double? Momentum
    {
        get;
        set
        {
            if (value is not null && !HasMomentum) throw new NotSupportedException($"{GetType().Name} has no momentum for a schedule to change; make it with one.");
            field = value;
        }
    }

    /// <summary>Whether <see cref="Momentum"/> can be set; default false.</summary>
    protected virtual bool HasMomentum => false;

    /// <summary>The norm of all gradients together beyond which they are scaled down; null: none.</summary>
    public double? MaxGradientNorm { get; }

    /// <summary>What no element of a gradient may exceed in size; null: none is changed.</summary>
    public double? MaxGradientValue { get; }

    /// <summary>What the norm of a unit's incoming weights may not exceed; null: none is changed.</summary>
    public double? MaxNorm { get; }

    /// <summary>Where the parameters live; follows them where their model moves (<c>model.To</c>).</summary>
    public Device Device => entries[0].Parameter.Device;

    /// <summary>Applies the gradients that Backward left and clears them. A parameter without a gradient is left alone.</summary>
    /// <exception cref="InvalidOperationException">The parameters are no longer all on one device.</exception>
    public void Step()
    {
        if (Elsewhere() is { } stray) throw new InvalidOperationException($"{GetType().Name}.Step: {OnTwoDevices(stray)}");
        var scale = MaxGradientNorm is { } limit ? ClipScale(limit) : 1f;
        foreach (var entry in entries)
        {
            if (entry.Parameter.GradientData is not { } gradient) continue;
            entry.Steps++;
            if (MaxGradientValue is { } most) Device.Kernels.Elementwise.Clamp((float)-most, (float)most, gradient, gradient);
            for (var slot = 0; slot < slots.Length; slot++) (entry.State[slot] ??= NewState(entry, slot)).MoveTo(entry.Parameter.Device);
            var rate = LearningRate * entry.LearningRateScale;
            var isPenalized = entry.L1 != 0;
            if (isPenalized) AddL1(entry, gradient, rate, scale);
            Update(entry.Parameter, gradient, entry.State!, new((float)rate, (float)entry.WeightDecay, isPenalized ? 1 : scale, entry.Steps, (float?)Momentum));
            if (MaxNorm is { } longest && entry.LearningRateScale > 0 && entry.Parameter.Shape.Rank > 1) LimitNorms(entry.Parameter, longest);
            entry.Parameter.ClearGradient();
        }
    }

    /// <summary>Whether a step would move anything.</summary>
    internal bool HasGradients => Array.Exists(entries, static entry => entry.Parameter.GradientData is not null);

    /// <summary>Clears the gradients without applying them.</summary>
    public void ClearGradients()
    {
        foreach (var entry in entries) entry.Parameter.ClearGradient();
    }

    /// <summary>Its kind, what it trains, and the rate of its next step: <c>Sgd(65 parameters, 269722 weights, learning rate 0.1)</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{GetType().Name}({entries.Length} parameters, {entries.Sum(entry => entry.Parameter.Count)} weights, learning rate {LearningRate})");

    /// <summary>The state that exists so far, as slot/parameter: <c>velocity/layer1.0.conv1.weight</c>.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> StateTensors()
    {
        for (var slot = 0; slot < slots.Length; slot++)
        {
            for (var i = 0; i < entries.Length; i++)
            {
                if (entries[i].State[slot] is { } tensor) yield return (StateName(slot, i), tensor);
            }
        }
    }

    /// <summary>Moves one parameter by one step, in place.</summary>
    /// <param name="parameter">What to move.</param>
    /// <param name="gradient">Its gradient, not yet scaled.</param>
    /// <param name="state">One tensor a slot, shaped like the parameter, zeros before the first step.</param>
    /// <param name="step">This step's numbers.</param>
    protected abstract void Update(Tensor parameter, DeviceBuffer gradient, ReadOnlySpan<Tensor> state, in StepValues step);

    /// <summary>What weight decay and L1 add to the loss: of each parameter half its decay times its squared elements, and L1 times their sizes, in double precision.</summary>
    internal double Penalty() => entries.Where(entry => entry.WeightDecay != 0 || entry.L1 != 0).Sum(entry => entry.Parameter.ToArray().Sum(weight => (0.5 * entry.WeightDecay * weight * weight) + (entry.L1 * Math.Abs((double)weight))));

    /// <summary>Whether penalties are taken off a parameter and not added to its gradient.</summary>
    private protected virtual bool IsDecoupled(Tensor parameter) => false;

    /// <summary>The root of the sum of squares, one number.</summary>
    private protected static Tensor Norm(Tensor x) => Functional.Sqrt(Functional.Sum(Functional.Square(x)));

    /// <summary>How many steps each parameter has made, in order.</summary>
    internal long[] StepCounts
    {
        get => Array.ConvertAll(entries, e => e.Steps);
        set
        {
            for (var i = 0; i < entries.Length; i++) entries[i].Steps = value[i];
        }
    }

    /// <summary>Every state tensor there can be, created where it does not exist yet, and which parameter's it is.</summary>
    internal IEnumerable<(string Name, Tensor Tensor, int Parameter)> AllState()
    {
        for (var slot = 0; slot < slots.Length; slot++)
        {
            for (var i = 0; i < entries.Length; i++) yield return (StateName(slot, i), entries[i].State[slot] ??= NewState(entries[i], slot), i);
        }
    }

    /// <summary>The first parameter that is on another device than the first of all; null: there is none.</summary>
    Tensor? Elsewhere()
    {
        foreach (var entry in entries)
        {
            if (entry.Parameter.Device.Engine != Device.Engine) return entry.Parameter;
        }

        return null;
    }

    string OnTwoDevices(Tensor stray)
        => $"parameter '{stray.Name}' is on {stray.Device}, '{entries[0].Parameter.Name}' on {Device}. Bring all to one: model.To(Device.Parse(\"{Device}\")).";

    Tensor NewState(Entry entry, int slot)
    {
        var tensor = Tensor.Zeros(entry.Parameter.Shape, Device);
        tensor.Name = $"{slots[slot]}/{entry.Parameter.Name}";
        return tensor;
    }

    string StateName(int slot, int index) => $"{slots[slot]}/{entries[index].Parameter.Name ?? index.ToString(System.Globalization.CultureInfo.InvariantCulture)}";

    /// <summary>gradient = scale gradient + L1 sign(w); decoupled w -= rate L1 sign(w).</summary>
    void AddL1(Entry entry, DeviceBuffer gradient, double rate, float scale)
    {
        var (k, w) = (Device.Kernels.Elementwise, entry.Parameter.Data);
        var signs = Device.Engine.Rent(w.Type, w.Length);
        k.Unary(UnaryOp.Sign, 0, w, signs);
        if (scale != 1) k.Unary(UnaryOp.MultiplyScalar, scale, gradient, gradient);
        if (IsDecoupled(entry.Parameter)) k.AddScaled((float)(-rate * entry.L1), signs, w);
        else k.AddScaled((float)entry.L1, signs, gradient);
        signs.Release();
    }

    /// <summary>Each column of a weight [..., units] times min(1, limit / its norm); one within the limit stays as it is, to the bit.</summary>
    static void LimitNorms(Tensor parameter, double limit)
    {
        using var scope = Tape.NoGrad();
        var units = parameter.Shape[^1];
        var columns = Functional.Reshape(parameter, new(units == 0 ? 0 : checked((int)(parameter.Count / units)), units));
        var norms = Functional.Sqrt(Functional.Sum(Functional.Square(columns), [0], keepAxes: true));

        const double Smallest = 1e-30;

        // Both are the norm where it is within the limit; a norm of 0 is no divisor.
        var scaled = columns * (Functional.Clamp(norms, Smallest, limit) / Functional.Clamp(norms, Smallest));
        parameter.Device.Kernels.Memory.CopyRegion(RegionGeometry.Run(checked((int)scaled.Count)), scaled.Data, parameter.Data);
    }

    /// <summary>min(1, limit / norm): NaN where an element is, 0 where one is infinite.</summary>
    float ClipScale(double limit)
    {
        if (squares?.Device != Device) squares = new(Device, entries.Length);
        squares.Clear();
        for (var i = 0; i < entries.Length; i++)
        {
            if (entries[i].Parameter.GradientData is { } gradient) squares.Set(i, gradient);
        }

        var sum = 0.0;
        var sums = squares.Read();
        for (var i = 0; i < entries.Length; i++) sum += double.IsFinite(sums[i]) ? sums[i] : squares.Rescaled(entries[i].Parameter.GradientData!);

        // PyTorch's clip_grad_norm_: the same small number keeps a norm of 0 from dividing.
        return (float)Math.Min(1, limit / (Math.Sqrt(sum) + 1e-6));
    }

    sealed class Entry(Tensor parameter, double learningRateScale, double weightDecay, double l1, Tensor?[] state)
    {
        public Tensor Parameter { get; } = parameter;

        public double LearningRateScale { get; } = learningRateScale;

        public double WeightDecay { get; } = weightDecay;

        public double L1 { get; } = l1;

        public Tensor?[] State { get; } = state;

        public long Steps { get; set; }
    }
}

/// <summary>The numbers of one step of one parameter.</summary>
/// <param name="LearningRate">The optimizer's rate times the group's scale.</param>
/// <param name="WeightDecay">The parameter's weight decay.</param>
/// <param name="GradientScale">What the gradient is multiplied by first: below 1 where it is clipped.</param>
/// <param name="Number">Which step of this parameter, from 1.</param>
/// <param name="Momentum">What takes the place of the options' momentum (of Adam: Beta1); null: nothing.</param>
public readonly record struct StepValues(float LearningRate, float WeightDecay, float GradientScale, long Number, float? Momentum);
