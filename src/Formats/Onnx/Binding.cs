using CnnSharp.Kernels;

namespace CnnSharp.Formats.Onnx;

/// <summary>A node that is ready to run: its results from its inputs, null for an optional one that is missing.</summary>
internal delegate Value?[] Operator(Value?[] inputs);

/// <summary>What an operator's maker sees of its node: its settings, its constant inputs, and where it will run.</summary>
/// <param name="network">What the node is part of.</param>
/// <param name="node">The node.</param>
internal sealed class Binding(OnnxNetwork network, OnnxNode node)
{
    const string MadeAsItRuns = "\0";

    HashSet<string> read = new(StringComparer.Ordinal);
    readonly HashSet<int> weightInputs = [];

    /// <summary>Where the node runs.</summary>
    public Device Device => network.Device;

    /// <summary>The version of the standard operators.</summary>
    public int Opset { get; } = node.Opset ?? network.Opset;

    /// <summary>Whether the network trains.</summary>
    public bool IsTraining => network.IsTraining;

    /// <summary>The number of results, unused ones within counted.</summary>
    public int OutputCount => node.Outputs.Count;

    /// <summary>The operator's name.</summary>
    public string Name => node.Operator;

    /// <summary>Whether an optional input is given.</summary>
    public bool Has(int input) => input < node.Inputs.Count && node.Inputs[input].Length > 0;

    /// <summary>Whether somebody reads a result.</summary>
    public bool Makes(int output) => output < node.Outputs.Count && node.Outputs[output].Length > 0;

    public long Int(string name, long otherwise) => Find(name, OnnxAttributeType.Int)?.Int ?? otherwise;

    public bool Flag(string name, bool otherwise = false) => Int(name, otherwise ? 1 : 0) != 0;

    public float Float(string name, float otherwise) => Find(name, OnnxAttributeType.Float)?.Float ?? otherwise;

    public string Text(string name, string otherwise) => Find(name, OnnxAttributeType.String)?.Text ?? otherwise;

    public long[]? Ints(string name) => Find(name, OnnxAttributeType.Ints)?.Ints;

    public float[]? Floats(string name) => Find(name, OnnxAttributeType.Floats)?.Floats;

    public OnnxTensor? Tensor(string name) => Find(name, OnnxAttributeType.Tensor)?.Tensor;

    /// <summary>Whether the node has an attribute.</summary>
    public bool HasAttribute(string name) => node.Attributes.Any(attribute => attribute.Name == name);

    /// <summary>Integers between 1 and 2^31 - 1, such as strides.</summary>
    public int[]? Sizes(string name) => Ints(name) is not { } values ? null
        : Array.TrueForAll(values, value => value is > 0 and <= int.MaxValue) ? Array.ConvertAll(values, value => (int)value)
        : throw Malformed($"attribute '{name}' is [{string.Join(", ", values)}], expected sizes of at least 1");

    /// <summary>An input whose value is in the file, or null.</summary>
    public HostArray? Constant(int input) => Has(input) ? network.Constant(node.Inputs[input]) : null;

    /// <summary>The shape of an input whose value is in the file, or null.</summary>
    public Shape? ConstantShape(int input) => Has(input) ? network.ConstantShape(node.Inputs[input]) : null;

    /// <summary>
    /// An input that is a weight, in the order of axes that the primitives want: one that is in the file becomes a parameter
    /// of the network in that order, another is brought into it at each run.
    /// </summary>
    /// <param name="input">Which.</param>
    /// <param name="packing">What the order is called, for a weight that several nodes share.</param>
    /// <param name="pack">From ONNX's order to it.</param>
    /// <param name="trained">Whether it is trained, or kept like running statistics.</param>
    public Func<Value?[], Tensor> Weight(int input, string packing, Func<Tensor, Tensor> pack, bool trained = true)
    {
        if (network.Weight(node.Inputs[input], packing, pack, trained) is not { } weight) return inputs => pack(inputs[input]!.Plain(Device));
        weightInputs.Add(input);
        return _ => weight();
    }

    /// <summary>An operand of arithmetic: a constant of floats with more than one element, a bias or a scale, is a parameter too.</summary>
    public Func<Value?[], Value> Operand(int input)
    {
        if (ConstantShape(input) is not { Count: > 1 } || network.Weight(node.Inputs[input], "plain", x => x, trained: true) is not { } weight) return x => x[input]!;
        weightInputs.Add(input);
        return _ => Value.Of(weight());
    }

    /// <summary>Whether an input became a parameter: the node does not read it when it runs.</summary>
    public bool TookAsWeight(int input) => weightInputs.Contains(input);

    /// <summary>A vector that is a weight, if it is given.</summary>
    public Func<Value?[], Tensor?> Vector(int input, bool trained = true)
    {
        if (!Has(input)) return static _ => null;
        return Weight(input, "vector", x => Layout.Reshape(x, new(checked((int)x.Count))), trained);
    }

    /// <summary>Refuses a result that is out of all proportion to what the graph is made of and was fed.</summary>
    public Shape Checked(ReadOnlySpan<long> extents)
    {
        Int128 count = 1;
        foreach (var extent in extents)
        {
            if (extent is < 0 or > int.MaxValue) throw Malformed($"its result would be [{string.Join(", ", extents.ToArray())}]");
            count *= extent;
        }

        if (count > network.MostElements) throw Malformed($"its result would be [{string.Join(", ", extents.ToArray())}], more than {network.MostElements:N0} elements, {OnnxNetwork.MostGrowth:N0} times what the graph has and was fed");
        var shape = new int[extents.Length];
        for (var i = 0; i < shape.Length; i++) shape[i] = (int)extents[i];
        return shape;
    }

    /// <summary>As <see cref="Checked(ReadOnlySpan{long})"/>.</summary>
    public Shape Checked(ReadOnlySpan<int> extents)
    {
        Span<long> wide = stackalloc long[extents.Length];
        for (var i = 0; i < wide.Length; i++) wide[i] = extents[i];
        return Checked(wide);
    }

    /// <summary>What another operator that this one is made of sees: its attributes, and inputs that are made as it runs.</summary>
    /// <param name="inputs">How many.</param>
    public Binding Inner(int inputs)
        => new(network, new() { Operator = node.Operator, Name = node.Name, Inputs = [.. Enumerable.Repeat(MadeAsItRuns, inputs)], Outputs = node.Outputs, Attributes = node.Attributes, Opset = Opset }) { read = read };

    /// <summary>The layer that drops elements while the network trains.</summary>
    public Layers.Dropout Dropout(float probability) => network.AddDropout(probability);

    /// <summary>An axis counted from 0, from one that may be counted from the end.</summary>
    public int Axis(long axis, int rank)
        => axis >= -rank && axis < rank ? (int)(axis < 0 ? axis + rank : axis) : throw Malformed($"there is no axis {axis} among {rank}");

    /// <summary>An index counted from 0, from one that may be counted from the end.</summary>
    public int Index(long index, int extent)
        => index >= -extent && index < extent ? (int)(index < 0 ? index + extent : index) : throw Malformed($"the index {index} is not among {extent} places");

    /// <summary>What the node asks for is sound but not done here.</summary>
    public UnsupportedOperatorException Unsupported(string reason) => new(network.File, node.Label, Name, reason, node.Domain, node.Domain.Length == 0 ? Opset : network.OpsetOf(node.Domain));

    /// <summary>The node is not sound.</summary>
    public DataFormatException Malformed(string reason) => new(network.File, $"{node.Label}: {reason}");

    /// <summary>After the operator was made: every attribute must be one that it read.</summary>
    public void CheckAttributes()
    {
        foreach (var attribute in node.Attributes)
        {
            // A hint of the first versions, about memory.
            if (attribute.Name == "consumed_inputs" && Opset < 6) continue;
            if (!read.Contains(attribute.Name)) throw Unsupported($"its attribute '{OnnxModel.Cut(attribute.Name)}' is not known");
        }
    }

    OnnxAttribute? Find(string name, OnnxAttributeType type)
    {
        read.Add(name);
        OnnxAttribute? found = null;
        foreach (var attribute in node.Attributes)
        {
            if (attribute.Name != name) continue;
            if (found is not null) throw Malformed($"it has two attributes '{name}'");
            if (attribute.Type != type && attribute.Type != OnnxAttributeType.Undefined) throw Malformed($"attribute '{name}' is {attribute.Type}, expected {type}");
            found = attribute;
        }

        return found;
    }
}
