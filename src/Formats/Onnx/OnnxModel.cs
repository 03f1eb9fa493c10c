using CnnSharp.Kernels;
using Google.Protobuf;

namespace CnnSharp.Formats.Onnx;

/// <summary>
/// An ONNX file (https://onnx.ai): a graph of operators with its constant tensors. Read strictly: lengths that do not fit,
/// tensors whose bytes are not what their shape needs, and graphs that are not in order are errors that name the place.
/// </summary>
public sealed class OnnxModel
{
    const int IrVersion = 8;

    /// <summary>Of a message within another.</summary>
    const int MostBytesOfALength = 5;

    /// <summary>The file, for messages.</summary>
    public required string Path { get; init; }

    /// <summary>The version of the standard operators.</summary>
    public required int Opset { get; init; }

    /// <summary>What the file says beside the graph (<c>metadata_props</c>), by its keys.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>();

    /// <summary>What <see cref="Metadata"/> say of classes and images, where this library or another known exporter wrote them: see <see cref="ModelInfo.Keys"/>. Of others nothing.</summary>
    public ModelInfo Info { get; init; } = new();

    /// <summary>The nodes, each after those whose results it reads.</summary>
    internal IReadOnlyList<OnnxNode> Nodes { get; init; } = [];

    /// <summary>The constant tensors, by name.</summary>
    internal IReadOnlyDictionary<string, OnnxTensor> Initializers { get; init; } = new Dictionary<string, OnnxTensor>();

    /// <summary>The functions that the file brings along, by domain, name and overload.</summary>
    internal IReadOnlyDictionary<(string Domain, string Name, string Overload), OnnxFunction> Functions { get; init; } = new Dictionary<(string, string, string), OnnxFunction>();

    /// <summary>The versions of the operators of other domains that the file is written in.</summary>
    internal IReadOnlyDictionary<string, long> OtherOpsets { get; init; } = new Dictionary<string, long>();

    /// <summary>Where the model and what lies beside it is read from.</summary>
    internal OnnxSource Source { get; init; } = new("");

    /// <summary>What is fed in, in order, without the initializers.</summary>
    public required IReadOnlyList<OnnxValueInfo> Inputs { get; init; }

    /// <summary>What comes out, in order.</summary>
    public required IReadOnlyList<OnnxValueInfo> Outputs { get; init; }

    /// <summary>The number of nodes.</summary>
    public int NodeCount => Nodes.Count;

    /// <summary>The elements of all constant tensors.</summary>
    public long WeightCount => Initializers.Values.Sum(tensor => tensor.Shape.Count);

    /// <summary>The floating-point types of the weights, each once; all are computed in float32.</summary>
    public IReadOnlyList<OnnxType> FloatTypes => [.. Initializers.Values.Select(tensor => tensor.Type).Concat(Inputs.Select(input => input.Type)).Where(type => type.IsReal()).Distinct().Order()];

    /// <summary>How many nodes each operator has, the most first.</summary>
    public IReadOnlyList<(string Operator, int Count)> OperatorCounts
        => [.. Nodes.CountBy(node => node.Operator).OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => (pair.Key, pair.Value))];

    /// <summary>Reads a file: an ONNX model, or a checkpoint or what <see cref="ModelFile.Save(Layers.Layer, string, ModelInfo)"/> wrote, whose graph is kept beside the weights.</summary>
    /// <exception cref="DataFormatException">The file is not a sound model, or holds weights without a graph; the message says where and why.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static OnnxModel Load(string path)
    {
        if (WeightFile.IsSafeTensors(path)) return SavedGraph.Load(path);
        using var stream = OnnxMessages.Open(path);
        return Read(stream, path);
    }

    /// <summary>Reads a file's bytes.</summary>
    /// <param name="bytes">The content.</param>
    /// <param name="path">What messages call it.</param>
    /// <exception cref="DataFormatException">The file is not a sound model; the message says where and why.</exception>
    public static OnnxModel Read(byte[] bytes, string path)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        return Read(new MemoryStream(bytes, writable: false), path);
    }

    static OnnxModel Read(Stream stream, string path)
    {
        try
        {
            return From(OnnxMessages.Read(stream, path, ModelProto.Parser), new(path));
        }
        catch (DataFormatException) when (WeightFile.ExplainOnnx(stream) is { } problem)
        {
            throw new DataFormatException(path, problem);
        }
    }

    /// <summary>Reads a graph that is kept in a file of weights.</summary>
    /// <param name="graph">A <c>ModelProto</c>.</param>
    /// <param name="source">The file.</param>
    internal static OnnxModel Read(byte[] graph, OnnxSource source) => From(OnnxMessages.Read(new MemoryStream(graph, writable: false), source.Path, ModelProto.Parser), source);

    static OnnxModel From(ModelProto message, OnnxSource source)
    {
        if (message.Graph is null) throw new DataFormatException(source.Path, "holds no graph: it is not an ONNX model");
        var opset = 1L;
        var others = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var set in message.OpsetImport)
        {
            if (Standard(set.Domain).Length == 0) opset = set.Version;
            else others[set.Domain] = set.Version;
        }

        var functions = new Dictionary<(string Domain, string Name, string Overload), OnnxFunction>();
        foreach (var from in message.Functions)
        {
            var function = OnnxFunction.From(from, new(source, "function", functions.Count));
            if (!functions.TryAdd(function.Key, function)) throw new DataFormatException(source.Path, $"two functions are called '{Cut(function.Name)}' of '{Cut(function.Domain)}'");
        }

        var (nodes, initializers, inputs, outputs) = OnnxGraph.From(message.Graph, new(source, "the graph"));
        inputs.RemoveAll(input => initializers.ContainsKey(input.Name));
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var entry in message.MetadataProps)
        {
            if (!metadata.TryAdd(entry.Key, entry.Value)) throw new DataFormatException(source.Path, $"its metadata have '{Cut(entry.Key)}' twice");
        }

        return new()
        {
            Metadata = metadata,
            Info = OnnxMetadata.Read(metadata, outputs, source.Path),
            Path = source.Path,
            Source = source,
            Functions = functions,
            OtherOpsets = others,
            Opset = CheckOpset(opset, source.Path),
            Nodes = InOrder(nodes, initializers, inputs, outputs, source.Path),
            Initializers = initializers,
            Inputs = inputs,
            Outputs = outputs,
        };
    }

    /// <summary>A domain's name, empty for that of the standard operators, which has two.</summary>
    internal static string Standard(string domain) => domain is "ai.onnx" ? "" : domain;

    /// <summary>A version of the standard operators. Which of them are known at that version is a matter of each.</summary>
    internal static int CheckOpset(long version, string path)
        => version is >= 1 and <= int.MaxValue ? (int)version : throw new DataFormatException(path, "the version of the standard operators", "at least 1", $"{version}");

    /// <summary>Writes the model, atomically.</summary>
    /// <param name="path">The file; its folder is created if it is missing.</param>
    /// <exception cref="NotSupportedException">It has functions of its own, branches or lists of text, which are not written.</exception>
    public void Save(string path) => AtomicFile.Write(path, stream => ToMessage(path).WriteTo(stream));

    /// <summary>The message of it.</summary>
    /// <param name="path">What messages call it.</param>
    internal ModelProto ToMessage(string path)
    {
        if (Functions.Count > 0) throw new NotSupportedException($"'{path}': the model of '{Path}' has functions of its own, which are not written.");
        if (Nodes.FirstOrDefault(node => node.Attributes.Any(attribute => attribute.Type is not (OnnxAttributeType.Float or OnnxAttributeType.Int or OnnxAttributeType.String or OnnxAttributeType.Tensor or OnnxAttributeType.Floats or OnnxAttributeType.Ints))) is { } node)
            throw new NotSupportedException($"'{path}': {node.Label} of '{Path}' has an attribute of a kind that is not written.");
        var message = new ModelProto
        {
            IrVersion = IrVersion,
            ProducerName = "CnnSharp",
            ProducerVersion = typeof(OnnxModel).Assembly.GetName().Version?.ToString(3) ?? "",
            Graph = new()
            {
                Node = { Nodes.Select(node => node.ToMessage()) },
                Name = "network",
                Input = { Inputs.Select(input => input.ToMessage()) },
                Output = { Outputs.Select(output => output.ToMessage()) },
            },
            OpsetImport = { new OperatorSetIdProto { Domain = "", Version = Opset } },
            MetadataProps = { Metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => new StringStringEntryProto { Key = pair.Key, Value = pair.Value }) },
        };

        // Lengths are int throughout, and nobody minds one that overflows: added up here, a tensor at a time.
        var length = (long)message.CalculateSize() + MostBytesOfALength;
        foreach (var tensor in Initializers.Values)
        {
            var initializer = tensor.ToMessage();
            length += (uint)initializer.CalculateSize() + MostBytesOfALength + 1;
            message.Graph.Initializer.Add(initializer);
        }

        return length <= int.MaxValue ? message : throw new NotSupportedException($"'{path}': the model takes {length:N0} bytes; an ONNX file holds at most {int.MaxValue:N0}.");
    }

    /// <summary>A name out of a file, for a message: a hostile one must not make the message as long as the file.</summary>
    internal static string Cut(string name) => name.Length <= 80 ? name : $"{name[..80]}...";

    /// <summary>
    /// The nodes with those whose results they read before them. Files are meant to be in that order; one that is not is
    /// sorted, and one that cannot be has a cycle.
    /// </summary>
    static List<OnnxNode> InOrder(List<OnnxNode> nodes, Dictionary<string, OnnxTensor> initializers, List<OnnxValueInfo> inputs, List<OnnxValueInfo> outputs, string path)
    {
        var known = new HashSet<string>(initializers.Keys, StringComparer.Ordinal);
        foreach (var input in inputs)
        {
            if (!known.Add(input.Name)) throw new DataFormatException(path, $"two inputs are called '{Cut(input.Name)}'");
        }

        var makers = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < nodes.Count; i++)
        {
            foreach (var output in nodes[i].Outputs.Where(output => output.Length > 0))
            {
                if (known.Contains(output) || !makers.TryAdd(output, i)) throw new DataFormatException(path, $"{nodes[i].Label}: its result '{Cut(output)}' exists already");
            }
        }

        // Depth first with a stack of its own: a file's chain of nodes may be longer than the thread's stack is deep.
        var order = new List<OnnxNode>(nodes.Count);
        var state = new byte[nodes.Count];
        var stack = new Stack<(int Node, int Input)>();
        for (var i = 0; i < nodes.Count; i++)
        {
            if (state[i] == 0) stack.Push((i, 0));
            while (stack.TryPop(out var top))
            {
                var node = nodes[top.Node];
                state[top.Node] = 1;
                if (top.Input == node.Inputs.Count)
                {
                    state[top.Node] = 2;
                    order.Add(node);
                    continue;
                }

                stack.Push((top.Node, top.Input + 1));
                var name = node.Inputs[top.Input];
                if (name.Length == 0 || known.Contains(name)) continue;
                if (!makers.TryGetValue(name, out var maker)) throw new DataFormatException(path, $"{node.Label}: its input '{Cut(name)}' is made by no node and is no input of the graph");
                if (state[maker] == 1) throw new DataFormatException(path, $"{node.Label}: it stands on a cycle: its input '{Cut(name)}' depends on it");
                if (state[maker] == 0) stack.Push((maker, 0));
            }
        }

        foreach (var output in outputs)
        {
            if (!known.Contains(output.Name) && !makers.ContainsKey(output.Name)) throw new DataFormatException(path, $"the output '{Cut(output.Name)}' is made by no node");
        }

        return order;
    }
}
