using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Formats.Onnx;

/// <summary>
/// An ONNX graph as a network that runs, and trains on. Its weights keep the file's names; pictures go in and come out as
/// [N, H, W, C] like everywhere here, and are transposed within only where the graph asks for ONNX's order.
/// </summary>
/// <remarks>
/// Constant tensors that convolutions, matrix products, normalisations and arithmetic read are parameters; running
/// statistics and scalars are not. A rectifier behind a convolution, matrix product or normalisation is merged into it.
/// </remarks>
/// <example>
/// <code>
/// var network = OnnxNetwork.Load("resnet50.onnx", Device.Best());
/// using (Tape.NoGrad()) Console.WriteLine(network.Forward(pictures).Shape);
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

    readonly Dictionary<(string Name, string Packing), Tensor> packed = [];
    readonly Dictionary<string, OnnxTensor> constants = new(StringComparer.Ordinal);
    readonly Dictionary<string, int> slots = new(StringComparer.Ordinal);
    readonly List<Step> steps = [];
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
        foreach (var (name, tensor) in model.Initializers) constants.Add(name, tensor);
        inputSlots = [.. Inputs.Select(input => Slot(input.Name))];
        Build(model.Nodes);
        outputSlots = [.. Outputs.Select(output => Slot(output.Name))];
        constantElements = constants.Values.Sum(tensor => tensor.Shape.Count);
        initial = new Value?[slots.Count];
        FillConstants();

        // The file's bytes are not held any longer than it takes to build.
        constants.Clear();
        packed.Clear();
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

    /// <summary>The most elements a result may have in this run: hostile sizes are refused before they are allocated.</summary>
    internal long MostElements { get; private set; }

    /// <summary>Reads a file and builds its network.</summary>
    /// <param name="path">The file.</param>
    /// <param name="device">Where; default <see cref="CnnSharp.Device.Best"/>.</param>
    /// <exception cref="DataFormatException">The file is not sound.</exception>
    /// <exception cref="UnsupportedOperatorException">It has an operator, or a form of one, that is not computed here.</exception>
    public static OnnxNetwork Load(string path, Device? device = null) => new(OnnxModel.Load(path), device);

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
    {
        if (Inputs.Count != 1) throw new NotSupportedException($"{File}: the graph has {Inputs.Count} inputs; a network has one.");
        var y = Run([Value.OfChannelsLast(x)])[0];
        if (!y.IsFloat) throw new NotSupportedException($"{File}: the output '{OnnxModel.Cut(Outputs[0].Name)}' is {y.Type}; a network's is {OnnxType.Float}.");
        return y.ChannelsLast(Device);
    }

    /// <inheritdoc/>
    protected override void OnMoved(Device device)
    {
        foreach (var value in initial) value?.Stored?.MoveTo(device);
        Device = device;
    }

    /// <summary>Runs the graph. Without recording, each intermediate tensor is freed behind the last node that reads it.</summary>
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
            var results = step.Run(Array.ConvertAll<int, Value?>(step.Inputs, slot => slot < 0 ? null : values[slot]));
            var made = results.Where(result => result?.Stored is not null).Select(result => result!.Stored!).ToList();
            if (!Tape.IsRecording && made.Count > 0)
            {
                // The scope frees all that the node made but one; of several results the others are kept by hand.
                foreach (var tensor in made.Skip(1)) tensor.Keep();
                EndForward(mark, made[0]);
            }

            for (var i = 0; i < step.Outputs.Length; i++)
            {
                if (step.Outputs[i] < 0) continue;
                values[step.Outputs[i]] = i < results.Length && results[i] is { } result ? result : throw step.Fails("it makes fewer results than it names");
                Hold(results[i]);
            }

            foreach (var slot in step.Last) Drop(ref values[slot]);
        }

        return Array.ConvertAll(outputSlots, slot => values[slot]!);

        void Hold(Value? value)
        {
            if (value?.Stored is { } tensor) holders[tensor] = holders.GetValueOrDefault(tensor) + 1;
        }

        void Drop(ref Value? value)
        {
            if (value?.Stored is { } tensor && --holders[tensor] == 0 && !Tape.IsRecording) tensor.Dispose();
            value = null;
        }
    }

    /// <summary>The constant of a name as an array, or null if the name is not a constant's.</summary>
    internal HostArray? Constant(string name) => constants.TryGetValue(name, out var tensor) ? tensor.ToArray() : null;

    /// <summary>The shape of the constant of a name, or null if the name is not a constant's.</summary>
    internal Shape? ConstantShape(string name) => constants.TryGetValue(name, out var tensor) ? tensor.Shape : default(Shape?);

    /// <summary>The parameter that a constant becomes, made when it is first asked for; null if the name is not a constant of floats.</summary>
    internal Tensor? Weight(string name, string packing, Func<Tensor, Tensor> pack, bool trained)
    {
        if (!constants.TryGetValue(name, out var constant) || constant.Type != OnnxType.Float) return null;

        if (packed.TryGetValue((name, packing), out var known)) return known;
        using (Tape.NoGrad())
        {
            var source = Tensor.From(constant.Floats(), constant.Shape, Device);
            var weight = pack(source).Keep();
            if (weight != source) source.Dispose();
            weight.RequiresGrad = trained;
            packed.Add((name, packing), weight);

            // A weight that nodes read in two orders of axes is two parameters: the second has its order's name too.
            if (!weights.TryAdd(name, weight)) weights.Add($"{name}.{packing}", weight);
            return weight;
        }
    }

    /// <summary>A layer that drops elements while the network trains.</summary>
    internal Dropout AddDropout(float probability)
    {
        var layer = new Dropout(probability);
        dropouts.Add(layer);
        return layer;
    }

    void Build(IReadOnlyList<OnnxNode> nodes)
    {
        var readers = nodes.SelectMany(node => node.Inputs).Concat(Outputs.Select(output => output.Name)).CountBy(name => name).ToDictionary(StringComparer.Ordinal);
        var makers = new Dictionary<string, OnnxNode>(StringComparer.Ordinal);
        foreach (var node in nodes)
        {
            foreach (var output in node.Outputs) makers[output] = node;
        }

        // Which rectifiers are merged into the node before them: by that node.
        var rectifiers = new Dictionary<OnnxNode, OnnxNode>();
        foreach (var node in nodes)
        {
            if (node is { Operator: "Relu", Inputs: [var input], Outputs: [_] } && readers[input] == 1 && makers.TryGetValue(input, out var before) && OnnxOperators.TakesActivation(before)) rectifiers.Add(before, node);
        }

        var merged = rectifiers.Values.ToHashSet();
        foreach (var node in nodes)
        {
            if (node.Operator == "Constant" && node.Domain.Length == 0) AddConstant(node);
            else if (!merged.Contains(node)) AddStep(node, rectifiers.GetValueOrDefault(node));
        }

        MarkLastReads();
    }

    void AddConstant(OnnxNode node)
    {
        if (node.Outputs is not [{ Length: > 0 } name]) throw new DataFormatException(File, $"{node.Label}: it has {node.Outputs.Count} results, expected 1");
        constants.Add(name, OnnxOperators.ReadConstant(new(this, node, Activation.None)));
    }

    void AddStep(OnnxNode node, OnnxNode? rectifier)
    {
        var binding = new Binding(this, node, rectifier is null ? Activation.None : Activation.Relu);
        var run = OnnxOperators.Make(node, binding);
        binding.CheckAttributes();
        steps.Add(new(
            this,
            node,
            run,
            [.. node.Inputs.Select((name, i) => name.Length == 0 || binding.TookAsWeight(i) ? -1 : Slot(name))],
            [.. (rectifier ?? node).Outputs.Select(name => name.Length == 0 ? -1 : Slot(name))]));
    }

    /// <summary>Behind which step each value is done with; constants and what the graph gives out are never.</summary>
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
            var onHost = constant.Type != OnnxType.Float || constant.Shape.Count <= MostOnHost;
            initial[slot] = onHost ? Value.Of(constant.ToArray()) : Value.Of(Tensor.From(constant.Floats(), constant.Shape, Device));
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
                return run(values);
            }
            catch (ShapeException e) when (e.Layer is null)
            {
                throw e.In($"{node.Label} of {network.File}");
            }
            catch (NotSupportedException e) when (e is not UnsupportedOperatorException)
            {
                throw new UnsupportedOperatorException(network.File, node.Label, node.Operator, e.Message);
            }
            catch (Exception e) when (e is ArithmeticException or FormatException or IndexOutOfRangeException or ArgumentException or NullReferenceException && e is not ShapeException)
            {
                // The graph's numbers led out of what they index, or an input that the operator needs is missing.
                throw Fails($"its inputs {string.Join(", ", values.Select(value => value is null ? "none" : $"{value.Type} {value.Shape}"))} and attributes do not fit together: {e.Message.TrimEnd('.')}", e);
            }
        }
    }
}
