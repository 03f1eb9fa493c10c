using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Formats.Onnx;

/// <summary>
/// An ONNX graph as a network that runs, and trains on. Its weights keep the file's names; images go in and come out as
/// [N, H, W, C] like everywhere here, and are transposed within only where the graph asks for ONNX's order.
/// </summary>
/// <remarks>
/// Constant tensors that convolutions, matrix products, normalizations and arithmetic read are parameters, and so are the file's
/// named ones that any operator with a gradient reads; running statistics and scalars are not. A weight that several nodes read
/// is one parameter, in whatever orders of axes they read it. A rectifier after a convolution, matrix product or normalization is merged into it.
/// </remarks>
/// <example>
/// <code>
/// var network = OnnxNetwork.Load("resnet50.onnx", Device.Best());
/// using (Tape.NoGrad()) Console.WriteLine(network.Forward(images).Shape);
/// </code>
/// </example>
public sealed class OnnxNetwork : Layer
{
    /// <summary>How many times the elements of everything fed in and all constants a result may have.</summary>
    internal const long MostGrowth = 1024;

    /// <summary>What counts as fed in at the least.</summary>
    const long LeastElements = 1 << 14;

    /// <summary>Constants of more elements go to the device at once.</summary>
    const long MostOnHost = 1024;

    readonly Dictionary<string, Tensor> weights = new(StringComparer.Ordinal);
    readonly List<Dropout> dropouts = [];

    readonly Dictionary<string, OnnxWeight> weightsInUse = new(StringComparer.Ordinal);
    readonly HashSet<string> initializers = new(StringComparer.Ordinal);
    readonly Dictionary<string, OnnxTensor> constants = new(StringComparer.Ordinal);
    readonly Dictionary<string, string> aliases = new(StringComparer.Ordinal);
    readonly Dictionary<string, int> slots = new(StringComparer.Ordinal);
    readonly List<Step> steps = [];
    readonly IReadOnlyDictionary<string, long> otherOpsets;
    readonly Value?[] initial;
    readonly int[] inputSlots;
    readonly int[] outputSlots;
    readonly long constantElements;

    /// <summary>Builds the network of a model; it starts as inference (<see cref="Layer.Eval"/>).</summary>
    /// <param name="model">What a file holds.</param>
    /// <param name="device">Where; default <see cref="CnnSharp.Device.Best"/>.</param>
    /// <exception cref="UnsupportedOperatorException">It has an operator, or a form of one, that is not computed here.</exception>
    /// <exception cref="DataFormatException">A node is not sound.</exception>
    public OnnxNetwork(OnnxModel model, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        Device = device ?? Device.Best();
        File = model.Path;
        Opset = model.Opset;
        Inputs = model.Inputs;
        Outputs = model.Outputs;
        Info = model.Info;
        otherOpsets = model.OtherOpsets;
        foreach (var (name, tensor) in model.Initializers) constants.Add(name, tensor);
        initializers.UnionWith(constants.Keys);
        inputSlots = [.. Inputs.Select(input => Slot(input.Name))];
        foreach (var input in Inputs)
        {
            if (input.Type.SizeOf() == 0 && input.Type != OnnxType.Undefined) throw new UnsupportedOperatorException(File, $"input '{OnnxModel.Cut(input.Name)}'", $"input of type {input.Type}", "it is no tensor of numbers that are computed with");
        }

        var nodes = new OnnxInliner(model, this, constants).Inline();
        Images = OnnxImages.Of(Inputs, nodes, ConstantShape);
        GivesProbabilities = nodes.Any(node => node is { Operator: "Softmax", Domain: "" } && node.Outputs.Contains(Outputs[0].Name));
        Build(nodes);
        foreach (var (name, weight) in weightsInUse) weights.Add(name, weight.Create(constants[name], Device));
        outputSlots = [.. Outputs.Select(output => Slot(output.Name))];
        constantElements = constants.Values.Sum(tensor => tensor.Shape.Count);
        initial = new Value?[slots.Count];
        FillConstants();

        // The file's bytes are not held any longer than it takes to build.
        constants.Clear();
        weightsInUse.Clear();
        Eval();
    }

    /// <summary>Where it runs.</summary>
    public Device Device { get; private set; }

    /// <summary>The file it came from, for messages.</summary>
    public string File { get; }

    /// <summary>The version of the standard operators that it is written in.</summary>
    public int Opset { get; }

    /// <summary>What is fed in, in ONNX's order of axes.</summary>
    public IReadOnlyList<OnnxValueInfo> Inputs { get; }

    /// <summary>What comes out, in ONNX's order of axes.</summary>
    public IReadOnlyList<OnnxValueInfo> Outputs { get; }

    /// <summary>What the file says of classes and images beside the graph.</summary>
    public ModelInfo Info { get; }

    /// <summary>The images that go in; null where the graph has not one input of four axes.</summary>
    public OnnxImages? Images { get; }

    /// <summary>Whether the first output is that of a softmax: shares of 1, not logits.</summary>
    public bool GivesProbabilities { get; }

    /// <summary>The inputs with extents beyond the first that the file leaves open; empty where it can be run on a batch of zeros.</summary>
    public IReadOnlyList<OnnxValueInfo> OpenInputs => [.. Inputs.Where(input => input.Shape is not { } shape || shape.Skip(1).Any(extent => extent is null or < 0 or > int.MaxValue))];

    /// <summary>The most elements a result may have in this run: hostile sizes are refused before they are allocated.</summary>
    internal long MostElements { get; private set; } = LeastElements * MostGrowth;

    /// <summary>Reads a file and builds its network.</summary>
    /// <param name="path">An ONNX file, or a checkpoint or what <see cref="ModelFile.Save(Layer, string, ModelInfo)"/> wrote: see <see cref="OnnxModel.Load"/>.</param>
    /// <param name="device">Where; default <see cref="CnnSharp.Device.Best"/>.</param>
    /// <exception cref="DataFormatException">The file is not sound.</exception>
    /// <exception cref="UnsupportedOperatorException">It has an operator, or a form of one, that is not computed here.</exception>
    public static OnnxNetwork Load(string path, Device? device = null) => new(OnnxModel.Load(path), device);

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
    {
        if (Inputs.Count != 1) throw new NotSupportedException($"{File}: the graph has {Inputs.Count} inputs; a network has one.");
        if (Images is { Batch: { } batch } && x.Shape.Rank == 4 && x.Shape[0] < batch && !IsTraining && !Tape.IsRecording)
        {
            // A graph that is written for so many images gets so many.
            var count = x.Shape[0];
            var full = Run(Functional.Concat([x, Tensor.Zeros(x.Shape.With(0, batch - count), x.Device)], 0));
            return full.Shape.Rank > 0 && full.Shape[0] == batch ? Functional.Slice(full, 0, 0, count) : full;
        }

        return Run(x);
    }

    /// <summary>Runs the graph on zeros: a batch of what each input takes.</summary>
    /// <param name="batch">The extent of first axes that the file leaves open.</param>
    /// <returns>The shapes of the outputs, in ONNX's order of axes.</returns>
    /// <exception cref="InvalidOperationException">There are <see cref="OpenInputs"/>.</exception>
    public IReadOnlyList<Shape> RunOnZeros(int batch)
    {
        if (OpenInputs is [var open, ..]) throw new InvalidOperationException($"{File}: the input '{OnnxModel.Cut(open.Name)}' has open extents.");
        using var scope = Tape.NoGrad();
        var results = Run([.. Inputs.Select(input =>
        {
            Shape shape = [.. input.Shape!.Select(extent => (int)(extent ?? batch))];
            return input.Type == OnnxType.Undefined || input.Type.IsReal() ? Value.Of(Tensor.Zeros(shape, Device)) : Value.Of(new HostArray(input.Type, shape, new long[shape.Count]));
        })]);
        foreach (var result in results) _ = result.Host();
        return [.. results.Select(result => result.Shape)];
    }

    Tensor Run(Tensor x)
    {
        var last = Images is { IsChannelsLast: true };
        var y = Run([last ? Value.Of(x) : Value.OfChannelsLast(x)])[0];
        if (!y.Type.IsReal()) throw new NotSupportedException($"{File}: the output '{OnnxModel.Cut(Outputs[0].Name)}' is {y.Type}; a network's is {OnnxType.Float}.");
        return last ? y.Plain(Device) : y.ChannelsLast(Device);
    }

    /// <inheritdoc/>
    protected override void OnMoved(Device device)
    {
        foreach (var value in initial) value?.Stored?.MoveTo(device);
        Device = device;
    }

    /// <summary>Runs the graph. Without recording, each intermediate tensor is freed after the last node that reads it.</summary>
    internal Value[] Run(Value[] inputs)
    {
        MostElements = Math.Max(LeastElements, constantElements + inputs.Sum(input => input.Shape.Count)) * MostGrowth;
        var values = (Value?[])initial.Clone();
        var holders = new Dictionary<Tensor, int>(ReferenceEqualityComparer.Instance);

        // What was fed in and constants are held once more than they have places: they are not the run's to free.
        for (var i = 0; i < inputs.Length; i++) Hold(values[inputSlots[i]] = inputs[i]);
        foreach (var value in inputs.Concat(initial)) Hold(value);

        foreach (var step in steps)
        {
            var mark = BeginForward();
            var read = new Value?[step.Inputs.Length];
            for (var i = 0; i < read.Length; i++) read[i] = step.Inputs[i] < 0 ? null : values[step.Inputs[i]];
            var results = step.Run(read);
            if (!Tape.IsRecording) FreeSince(mark, results);
            for (var i = 0; i < step.Outputs.Length; i++)
            {
                if (step.Outputs[i] < 0) continue;
                values[step.Outputs[i]] = i < results.Length && results[i] is { } result ? result : throw step.Fails("it makes fewer results than it names");
                Hold(results[i]);
            }

            foreach (var slot in step.Last) Drop(ref values[slot]);
        }

        return Array.ConvertAll(outputSlots, slot => values[slot]!);

        // The scope frees all that the node made but one result; others are kept by hand.
        static void FreeSince(int mark, Value?[] results)
        {
            var first = (Tensor?)null;
            foreach (var result in results)
            {
                if (result?.Stored is not { } tensor) continue;
                if (first is null) first = tensor;
                else tensor.Keep();
            }

            if (first is not null) EndForward(mark, first);
        }

        void Hold(Value? value)
        {
            if (value?.Stored is { } tensor) holders[tensor] = holders.GetValueOrDefault(tensor) + 1;
        }

        void Drop(ref Value? value)
        {
            if (value?.Stored is { } tensor && --holders[tensor] == 0 && !Tape.IsRecording) Fusion.Free(tensor, "the last node that reads it had run");
            value = null;
        }
    }

    /// <summary>The version of a domain's operators; 0 where the file does not say.</summary>
    internal long OpsetOf(string domain) => otherOpsets.GetValueOrDefault(domain);

    /// <summary>The constant of a name as an array, or null if the name is not a constant's.</summary>
    internal HostArray? Constant(string name) => constants.TryGetValue(name, out var tensor) ? tensor.ToArray() : null;

    /// <summary>The shape of the constant of a name, or null if the name is not a constant's.</summary>
    internal Shape? ConstantShape(string name) => constants.TryGetValue(name, out var tensor) ? tensor.Shape : default(Shape?);

    /// <summary>The parameter that a constant becomes, in an order of axes; null if the name is not a constant of floats.</summary>
    internal Func<Tensor>? Weight(string name, string packing, Func<Tensor, Tensor> pack, bool trained)
    {
        if (!constants.TryGetValue(name, out var constant) || !constant.Type.IsReal()) return null;
        if (!weightsInUse.TryGetValue(name, out var weight)) weightsInUse.Add(name, weight = new());
        return weight.In(packing, pack, trained);
    }

    /// <summary>A layer that drops elements while the network trains.</summary>
    internal Dropout AddDropout(float probability)
    {
        var layer = new Dropout(probability);
        dropouts.Add(layer);
        return layer;
    }

    /// <summary>The nodes with x Sigmoid(x) as the one node that newer files have for it, so that it is merged into what x comes from.</summary>
    static IReadOnlyList<OnnxNode> WithSwish(IReadOnlyList<OnnxNode> nodes, HashSet<string> given)
    {
        var readings = nodes.SelectMany(node => node.Inputs).CountBy(name => name, StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal);
        var sigmoids = new Dictionary<string, OnnxNode>(StringComparer.Ordinal);
        foreach (var node in nodes)
        {
            if (node is { Operator: "Sigmoid", Domain: "", Attributes: [], Inputs: [{ Length: > 0 }], Outputs: [{ Length: > 0 } result] } && !given.Contains(result) && readings.GetValueOrDefault(result) == 1) sigmoids[result] = node;
        }

        if (sigmoids.Count == 0) return nodes;
        var merged = new HashSet<OnnxNode>();
        var all = nodes.Select(node =>
        {
            if (node is not { Operator: "Mul", Domain: "", Attributes: [], Inputs: [var a, var b] }) return node;
            var (x, sigmoid) = sigmoids.TryGetValue(b, out var second) ? (a, second) : (b, sigmoids.GetValueOrDefault(a));
            if (sigmoid?.Inputs[0] != x) return node;
            merged.Add(sigmoid);
            return new OnnxNode { Operator = "Swish", Name = node.Name, Inputs = [x], Outputs = node.Outputs, Opset = node.Opset, Scope = node.Scope };
        }).ToList();
        return [.. all.Where(node => !merged.Contains(node))];
    }

    void Build(IReadOnlyList<OnnxNode> nodes)
    {
        var given = Outputs.Select(output => output.Name).ToHashSet(StringComparer.Ordinal);
        nodes = WithSwish(nodes, given);
        var unsupported = nodes.Where(node => node.Domain.Length > 0 || !OnnxOperators.Knows(node.Operator)).Select(node => OnnxOperators.Unknown(new(this, node), node)).ToList();
        if (unsupported.Count > 0) throw UnsupportedOperatorException.All(File, unsupported);
        foreach (var node in nodes)
        {
            try
            {
                var renamed = Renamed(node);
                if (node.Operator == "Constant") AddConstant(renamed);
                else if (given.Overlaps(node.Outputs) || !BecomesConstant(renamed)) AddStep(renamed);
            }
            catch (UnsupportedOperatorException e)
            {
                unsupported.Add(e);
            }
        }

        if (unsupported.Count > 0) throw UnsupportedOperatorException.All(File, unsupported);

        MarkLastReads();
    }

    void AddConstant(OnnxNode node)
    {
        if (node.Outputs is not [{ Length: > 0 } name]) throw new DataFormatException(File, $"{node.Label}: it has {node.Outputs.Count} results, expected 1");
        constants.Add(name, OnnxOperators.ReadConstant(new(this, node)));
    }

    /// <summary>
    /// Whether a node's result is a constant that the file states in a roundabout way, so that what reads it finds a weight: another
    /// name of one, one in another floating-point type (all are computed in float32), or one in a quantized form.
    /// </summary>
    bool BecomesConstant(OnnxNode node)
    {
        if (node is not { Outputs: [{ Length: > 0 } result] } || !node.Inputs.All(name => name.Length == 0 || constants.ContainsKey(name)) || constants.ContainsKey(result)) return false;
        switch (node)
        {
            case { Operator: "Identity", Inputs: [{ Length: > 0 } input] }:
                aliases[result] = input;
                return true;
            case { Operator: "Cast", Inputs: [{ Length: > 0 } input] } when constants[input].Type.IsReal() && node.Attributes is [{ Name: "to" } to] && ((OnnxType)to.Int).IsReal() && constants[input].Shape.Count > MostOnHost:
                aliases[result] = input;
                return true;
            case { Operator: "DequantizeLinear", Inputs: [{ Length: > 0 } quantized, { Length: > 0 }, ..] } when constants[quantized].Shape.Count > MostOnHost:
                var binding = new Binding(this, node);
                var run = OnnxOperators.Make(node, binding);
                binding.CheckAttributes();
                using (Tape.NoGrad())
                {
                    var array = new Step(this, node, run, [], []).Run([.. node.Inputs.Select(name => name.Length == 0 ? null : Value.Of(constants[name].ToArray()))])[0]!.Host();
                    constants.Add(result, OnnxTensor.Create(result, array.Shape.ToArray(), Array.ConvertAll(array.Reals!, value => (float)value)));
                }

                return true;
            default:
                return false;
        }
    }

    /// <summary>A node that reads constants by the names that the file first gave them.</summary>
    OnnxNode Renamed(OnnxNode node)
        => aliases.Count > 0 && node.Inputs.Any(aliases.ContainsKey)
            ? new() { Operator = node.Operator, Name = node.Name, Inputs = [.. node.Inputs.Select(name => aliases.GetValueOrDefault(name, name))], Outputs = node.Outputs, Attributes = node.Attributes, Opset = node.Opset }
            : node;

    void AddStep(OnnxNode node)
    {
        var binding = new Binding(this, node);
        var run = OnnxOperators.Make(node, binding);
        binding.CheckAttributes();
        for (var i = 0; i < node.Inputs.Count; i++)
        {
            // What a file names, and operators with a gradient read, is a parameter too; literals of the graph are not.
            var name = node.Inputs[i];
            if (initializers.Contains(name) && constants[name].Shape is { Count: > 1 } shape && OnnxOperators.ReadsFloats(node.Operator, i, shape.Rank) && !binding.TookAsWeight(i)) Weight(name, OnnxWeight.Plain, x => x, trained: true);
        }

        steps.Add(new(
            this,
            node,
            run,
            [.. node.Inputs.Select((name, i) => name.Length == 0 || binding.TookAsWeight(i) ? -1 : Slot(name))],
            [.. node.Outputs.Select(name => name.Length == 0 ? -1 : Slot(name))]));
    }

    /// <summary>After which step each value is done with; constants and what the graph gives out are never.</summary>
    void MarkLastReads()
    {
        var kept = constants.Keys.Concat(Outputs.Select(output => output.Name)).Select(Slot).ToHashSet();
        var seen = new HashSet<int>();
        for (var i = steps.Count - 1; i >= 0; i--)
        {
            steps[i].Last = [.. steps[i].Inputs.Concat(steps[i].Outputs).Where(slot => slot >= 0 && !kept.Contains(slot) && seen.Add(slot))];
        }
    }

    /// <summary>The constants that nodes read as they stand, not as weights.</summary>
    void FillConstants()
    {
        var wanted = steps.SelectMany(step => step.Inputs).Concat(outputSlots).ToHashSet();
        foreach (var (name, constant) in constants)
        {
            if (!slots.TryGetValue(name, out var slot) || !wanted.Contains(slot)) continue;
            if (weightsInUse.TryGetValue(name, out var weight) && weight.Has(OnnxWeight.Plain))
            {
                initial[slot] = Value.Of(weights[name]);
                continue;
            }

            var onHost = !constant.Type.IsReal() || constant.Shape.Count <= MostOnHost;
            initial[slot] = onHost ? Value.Of(constant.ToArray()) : Value.Of(constant.ToTensor(Device));
        }
    }

    int Slot(string name)
    {
        if (!slots.TryGetValue(name, out var slot)) slots.Add(name, slot = slots.Count);
        return slot;
    }

    /// <summary>A node in the order of running, with the places of what it reads and makes (-1: none).</summary>
    sealed class Step(OnnxNetwork network, OnnxNode node, Operator run, int[] inputs, int[] outputs)
    {
        // Asked for at every run.
        readonly string place = $"{node.Label} of {network.File}";

        public int[] Inputs => inputs;

        public int[] Outputs => outputs;

        /// <summary>The places that nobody reads any more.</summary>
        public int[] Last { get; set; } = [];

        public DataFormatException Fails(string reason, Exception? inner = null) => new(network.File, $"{node.Label}: {reason}", inner: inner);

        /// <summary>Runs the node; what goes wrong says where.</summary>
        public Value?[] Run(Value?[] values)
        {
            try
            {
                var before = Fusion.Pending;
                var results = run(values);
                if (Fusion.Pending is { } pending && pending != before) Fusion.Locate(pending, place);
                return results;
            }
            catch (ShapeException e) when (e.Layer is null)
            {
                throw e.In(place);
            }
            catch (NotSupportedException e) when (e is not UnsupportedOperatorException && EngineFault.IsWithinKernels(e))
            {
                throw new NotSupportedException($"{place}: {e.Message}", e);
            }
            catch (Exception e) when (EngineFault.Is(e))
            {
                // No fault of the file's.
                throw new InvalidOperationException($"{node.Label} of {network.File}: the engine of {network.Device} failed: {e.GetType().Name}: {e.Message}", e);
            }
            catch (NotSupportedException e) when (e is not UnsupportedOperatorException)
            {
                throw new UnsupportedOperatorException(network.File, node.Label, node.Operator, e.Message.TrimEnd('.'), "", node.Opset ?? network.Opset);
            }
            catch (Exception e) when (e is ArithmeticException or FormatException or IndexOutOfRangeException or ArgumentException or NullReferenceException && e is not ShapeException)
            {
                // The graph's numbers led out of what they index, or an input that the operator needs is missing.
                throw Fails($"its inputs {string.Join(", ", values.Select(value => value is null ? "none" : $"{value.Type} {value.Shape}"))} and attributes do not fit together: {e.Message.TrimEnd('.')}", e);
            }
        }
    }
}
