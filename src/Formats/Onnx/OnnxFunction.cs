using CnnSharp.Kernels;

namespace CnnSharp.Formats.Onnx;

/// <summary>A function that a model brings along (FunctionProto): a node of its name stands for the nodes of its body.</summary>
internal sealed class OnnxFunction
{
    readonly OnnxSource source;
    readonly ProtoReader message;
    IReadOnlyList<OnnxNode>? nodes;

    OnnxFunction(ProtoReader message, OnnxSource source) => (this.message, this.source) = (message, source);

    public string Domain { get; private set; } = "";

    public string Name { get; private set; } = "";

    public string Overload { get; private set; } = "";

    public List<string> Inputs { get; } = [];

    public List<string> Outputs { get; } = [];

    /// <summary>Attributes with the values that they have where a caller gives none.</summary>
    public Dictionary<string, OnnxAttribute> Defaults { get; } = new(StringComparer.Ordinal);

    /// <summary>The version of the operators of each domain that the body is written in.</summary>
    public Dictionary<string, long> Opsets { get; } = new(StringComparer.Ordinal);

    /// <summary>The body; read when it is first asked for.</summary>
    public IReadOnlyList<OnnxNode> Nodes => nodes ??= ReadNodes();

    public (string Domain, string Name, string Overload) Key => (Domain, Name, Overload);

    public static OnnxFunction Read(ProtoReader message, OnnxSource source)
    {
        var function = new OnnxFunction(message, source);
        while (message.Next())
        {
            switch (message.Field)
            {
                case 1:
                    function.Name = message.Text();
                    break;
                case 4:
                    function.Inputs.Add(message.Text());
                    break;
                case 5:
                    function.Outputs.Add(message.Text());
                    break;
                case 9:
                    var (domain, version) = OnnxModel.ReadOpset(message.Message("opset_import"));
                    function.Opsets[domain is "ai.onnx" ? "" : domain] = version;
                    break;
                case 10:
                    function.Domain = message.Text() is var of and not "ai.onnx" ? of : "";
                    break;
                case 11:
                    var attribute = OnnxAttribute.Read(message.Message("attribute_proto"), source);
                    function.Defaults[attribute.Name] = attribute;
                    break;
                case 13:
                    function.Overload = message.Text();
                    break;
                default:
                    message.Skip();
                    break;
            }
        }

        if (function.Name.Length == 0) throw message.Error("it has no name");
        return function;
    }

    List<OnnxNode> ReadNodes()
    {
        var (rest, read) = (message, new List<OnnxNode>());
        while (rest.Next())
        {
            if (rest.Field == 7) read.Add(OnnxNode.Read(rest.Message($"node of the function '{OnnxModel.Cut(Name)}'", read.Count), source));
            else rest.Skip();
        }

        return read;
    }
}

/// <summary>What a graph message holds, in its order: of a model, or of a branch within it.</summary>
internal sealed record OnnxGraph(List<OnnxNode> Nodes, Dictionary<string, OnnxTensor> Initializers, List<OnnxValueInfo> Inputs, List<OnnxValueInfo> Outputs)
{
    public static OnnxGraph Read(ProtoReader message, OnnxSource source)
    {
        var graph = new OnnxGraph([], new(StringComparer.Ordinal), [], []);
        while (message.Next())
        {
            switch (message.Field)
            {
                case 1:
                    graph.Nodes.Add(OnnxNode.Read(message.Message("node", graph.Nodes.Count), source));
                    break;
                case 5:
                    var tensor = OnnxTensor.Read(message.Message("initializer", graph.Initializers.Count), source);
                    if (tensor.Name.Length == 0) throw message.Error("an initializer has no name");
                    if (!graph.Initializers.TryAdd(tensor.Name, tensor)) throw message.Error($"two initializers are called '{OnnxModel.Cut(tensor.Name)}'");
                    break;
                case 11:
                    graph.Inputs.Add(OnnxValueInfo.Read(message.Message("input", graph.Inputs.Count)));
                    break;
                case 12:
                    graph.Outputs.Add(OnnxValueInfo.Read(message.Message("output", graph.Outputs.Count)));
                    break;
                case 15:
                    throw message.Error("it has sparse initializers, which are not read");
                default:
                    message.Skip();
                    break;
            }
        }

        if (graph.Outputs.Count == 0) throw message.Error("it has no outputs");
        return graph;
    }
}
