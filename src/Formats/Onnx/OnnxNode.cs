using Google.Protobuf;
using Google.Protobuf.Collections;

namespace CnnSharp.Formats.Onnx;

/// <summary>A node of a graph: an operator, the names of what it reads and makes, and its settings.</summary>
internal sealed class OnnxNode
{
    /// <summary>The operator, e.g. <c>Conv</c>.</summary>
    public required string Operator { get; init; }

    /// <summary>The name; may be empty.</summary>
    public string Name { get; init; } = "";

    /// <summary>Where the operator is defined; empty for the standard.</summary>
    public string Domain { get; init; } = "";

    /// <summary>Names of tensors; empty for an optional one that is missing.</summary>
    public required IReadOnlyList<string> Inputs { get; init; }

    /// <summary>Names of tensors; empty for one that nobody reads.</summary>
    public required IReadOnlyList<string> Outputs { get; init; }

    /// <summary>The settings.</summary>
    public IReadOnlyList<OnnxAttribute> Attributes { get; init; } = [];

    /// <summary>Which of several functions of one name is meant; nearly always empty.</summary>
    public string Overload { get; init; } = "";

    /// <summary>The version of the standard operators where it is not the model's: that of the function the node is from.</summary>
    public int? Opset { get; init; }

    /// <summary>For an If within a function or branch: the names that its own branches may read.</summary>
    public NameScope? Scope { get; init; }

    /// <summary>The node in a message: its name, or what it makes, and its operator.</summary>
    public string Label => $"node '{OnnxModel.Cut(Name.Length > 0 ? Name : Outputs.FirstOrDefault(output => output.Length > 0) ?? "")}' ({OnnxModel.Cut(Operator)})";

    /// <summary>Reads a message.</summary>
    public static OnnxNode From(NodeProto message, OnnxPlace place)
    {
        if (message.OpType.Length == 0) throw place.Error("it names no operator");
        return new()
        {
            Operator = message.OpType,
            Name = message.Name,
            Domain = OnnxModel.Standard(message.Domain),
            Inputs = message.Input,
            Outputs = message.Output,
            Attributes = AttributesOf(message.Attribute, place),
            Overload = message.Overload,
        };
    }

    static OnnxAttribute[] AttributesOf(RepeatedField<AttributeProto> messages, OnnxPlace place)
    {
        if (messages.Count == 0) return [];
        var attributes = new OnnxAttribute[messages.Count];
        for (var i = 0; i < attributes.Length; i++) attributes[i] = OnnxAttribute.From(messages[i], place);
        return attributes;
    }

    /// <summary>The message of it.</summary>
    public NodeProto ToMessage()
    {
        var message = new NodeProto { Input = { Inputs }, Output = { Outputs }, Name = Name, OpType = Operator, Attribute = { Attributes.Select(attribute => attribute.ToMessage()) } };
        if (Domain.Length > 0) message.Domain = Domain;
        if (Overload.Length > 0) message.Overload = Overload;
        return message;
    }
}

/// <summary>The kinds of settings that are read, numbered as in a file.</summary>
internal enum OnnxAttributeType
{
    Undefined = 0,
    Float = 1,
    Int = 2,
    String = 3,
    Tensor = 4,
    Graph = 5,
    Floats = 6,
    Ints = 7,
    Strings = 8,
}

/// <summary>A setting of a node.</summary>
internal sealed class OnnxAttribute
{
    public required string Name { get; init; }

    public OnnxAttributeType Type { get; init; }

    public float Float { get; init; }

    public long Int { get; init; }

    public string Text { get; init; } = "";

    public OnnxTensor? Tensor { get; init; }

    /// <summary>The attribute of the function around the node whose value this one takes, by its name; empty for a value of its own.</summary>
    public string Reference { get; init; } = "";

    /// <summary>A graph, which is looked at when it is asked for.</summary>
    public GraphProto? Graph { get; init; }

    public float[] Floats { get; init; } = [];

    public long[] Ints { get; init; } = [];

    public static OnnxAttribute Of(string name, long value) => new() { Name = name, Type = OnnxAttributeType.Int, Int = value };

    public static OnnxAttribute Of(string name, float value) => new() { Name = name, Type = OnnxAttributeType.Float, Float = value };

    public static OnnxAttribute Of(string name, string value) => new() { Name = name, Type = OnnxAttributeType.String, Text = value };

    public static OnnxAttribute Of(string name, params long[] values) => new() { Name = name, Type = OnnxAttributeType.Ints, Ints = values };

    /// <summary>The same value under another name: what a function's caller passes on.</summary>
    public OnnxAttribute Named(string name) => new() { Name = name, Type = Type, Float = Float, Int = Int, Text = Text, Tensor = Tensor, Floats = Floats, Ints = Ints, Graph = Graph };

    /// <summary>Reads a message of the node or function at a place. Strings and sparse tensors are passed over: operators that take those are not among the ones run here.</summary>
    public static OnnxAttribute From(AttributeProto message, OnnxPlace place)
    {
        if (message.Name.Length == 0) throw place.Error("an attribute has no name");
        return new()
        {
            Name = message.Name,
            Type = (OnnxAttributeType)message.Type,
            Float = message.F,
            Int = message.I,
            Text = OnnxMessages.Text(message.S) ?? throw place.Error($"attribute '{OnnxModel.Cut(message.Name)}': its text is not sound UTF-8"),
            Tensor = message.T is { } tensor ? OnnxTensor.From(tensor, place) : null,
            Floats = message.Floats.Count == 0 ? [] : [.. message.Floats],
            Ints = message.Ints.Count == 0 ? [] : [.. message.Ints],
            Reference = message.RefAttrName,
            Graph = message.G,
        };
    }

    /// <summary>The message of it.</summary>
    public AttributeProto ToMessage()
    {
        var message = new AttributeProto { Name = Name, Type = (int)Type };
        if (Reference.Length > 0)
        {
            message.RefAttrName = Reference;
            return message;
        }

        switch (Type)
        {
            case OnnxAttributeType.Float:
                message.F = Float;
                break;
            case OnnxAttributeType.Int:
                message.I = Int;
                break;
            case OnnxAttributeType.String:
                message.S = ByteString.CopyFromUtf8(Text);
                break;
            case OnnxAttributeType.Tensor:
                message.T = Tensor!.ToMessage();
                break;
            case OnnxAttributeType.Floats:
                message.Floats.Add(Floats);
                break;
            default:
                message.Ints.Add(Ints);
                break;
        }

        return message;
    }
}
