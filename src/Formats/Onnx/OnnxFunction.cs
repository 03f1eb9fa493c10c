using CnnSharp.Kernels;

namespace CnnSharp.Formats.Onnx;

/// <summary>A function that a model brings along (FunctionProto): a node of its name stands for the nodes of its body.</summary>
internal sealed class OnnxFunction
{
    readonly FunctionProto message;
    readonly OnnxSource source;
    IReadOnlyList<OnnxNode>? nodes;

    OnnxFunction(FunctionProto message, OnnxPlace place)
    {
        (this.message, source) = (message, place.Source);
        if (Name.Length == 0) throw place.Error("it has no name");
        Defaults = new(StringComparer.Ordinal);
        foreach (var attribute in message.AttributeProto.Select(attribute => OnnxAttribute.From(attribute, place))) Defaults[attribute.Name] = attribute;
        Opsets = new(StringComparer.Ordinal);
        foreach (var set in message.OpsetImport) Opsets[OnnxModel.Standard(set.Domain)] = set.Version;
    }

    public string Domain => OnnxModel.Standard(message.Domain);

    public string Name => message.Name;

    public string Overload => message.Overload;

    public IReadOnlyList<string> Inputs => message.Input;

    public IReadOnlyList<string> Outputs => message.Output;

    /// <summary>Attributes with the values that they have where a caller gives none.</summary>
    public Dictionary<string, OnnxAttribute> Defaults { get; }

    /// <summary>The version of the operators of each domain that the body is written in.</summary>
    public Dictionary<string, long> Opsets { get; }

    /// <summary>The body; looked at when it is first asked for.</summary>
    public IReadOnlyList<OnnxNode> Nodes => nodes ??= [.. message.Node.Select((node, i) => OnnxNode.From(node, new(source, $"node of the function '{OnnxModel.Cut(Name)}'", i)))];

    public (string Domain, string Name, string Overload) Key => (Domain, Name, Overload);

    /// <summary>Reads a message.</summary>
    public static OnnxFunction From(FunctionProto message, OnnxPlace place) => new(message, place);
}

/// <summary>What a graph message holds, in its order: of a model, or of a branch within it.</summary>
internal sealed record OnnxGraph(List<OnnxNode> Nodes, Dictionary<string, OnnxTensor> Initializers, List<OnnxValueInfo> Inputs, List<OnnxValueInfo> Outputs)
{
    /// <summary>Reads a message.</summary>
    public static OnnxGraph From(GraphProto message, OnnxPlace place)
    {
        if (message.SparseInitializer.Count > 0) throw place.Error("it has sparse initializers, which are not read");
        var initializers = new Dictionary<string, OnnxTensor>(message.Initializer.Count, StringComparer.Ordinal);
        foreach (var initializer in message.Initializer)
        {
            var tensor = OnnxTensor.From(initializer, place with { What = "initializer", Number = initializers.Count });
            if (tensor.Name.Length == 0) throw place.Error("an initializer has no name");
            if (!initializers.TryAdd(tensor.Name, tensor)) throw place.Error($"two initializers are called '{OnnxModel.Cut(tensor.Name)}'");
        }

        var graph = new OnnxGraph(
            [.. message.Node.Select((node, i) => OnnxNode.From(node, place with { What = "node", Number = i }))],
            initializers,
            [.. message.Input.Select((input, i) => OnnxValueInfo.From(input, place with { What = "input", Number = i }))],
            [.. message.Output.Select((output, i) => OnnxValueInfo.From(output, place with { What = "output", Number = i }))]);
        return graph.Outputs.Count > 0 ? graph : throw place.Error("it has no outputs");
    }
}
