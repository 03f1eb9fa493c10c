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

    /// <summary>The node in a message: its name, or what it makes, and its operator.</summary>
    public string Label => $"node '{OnnxModel.Cut(Name.Length > 0 ? Name : Outputs.FirstOrDefault(output => output.Length > 0) ?? "")}' ({OnnxModel.Cut(Operator)})";

    public static OnnxNode Read(ProtoReader message, string path)
    {
        List<string> inputs = [], outputs = [];
        var attributes = new List<OnnxAttribute>();
        string name = "", type = "", domain = "";
        while (message.Next())
        {
            switch (message.Field)
            {
                case 1:
                    inputs.Add(message.Text());
                    break;
                case 2:
                    outputs.Add(message.Text());
                    break;
                case 3:
                    name = message.Text();
                    break;
                case 4:
                    type = message.Text();
                    break;
                case 5:
                    attributes.Add(OnnxAttribute.Read(message.Message($"an attribute of node '{OnnxModel.Cut(name)}' ({OnnxModel.Cut(type)})"), path));
                    break;
                case 7:
                    domain = message.Text();
                    break;
                default:
                    message.Skip();
                    break;
            }
        }

        if (type.Length == 0) throw message.Error("it names no operator");
        return new() { Operator = type, Name = name, Domain = domain is "ai.onnx" ? "" : domain, Inputs = inputs, Outputs = outputs, Attributes = attributes };
    }

    public void Write(ProtoWriter message)
    {
        foreach (var input in Inputs) message.Text(1, input);
        foreach (var output in Outputs) message.Text(2, output);
        message.Text(3, Name);
        message.Text(4, Operator);
        foreach (var attribute in Attributes) message.Message(5, attribute.Write);
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

    public float[] Floats { get; init; } = [];

    public long[] Ints { get; init; } = [];

    public static OnnxAttribute Of(string name, long value) => new() { Name = name, Type = OnnxAttributeType.Int, Int = value };

    public static OnnxAttribute Of(string name, float value) => new() { Name = name, Type = OnnxAttributeType.Float, Float = value };

    public static OnnxAttribute Of(string name, string value) => new() { Name = name, Type = OnnxAttributeType.String, Text = value };

    public static OnnxAttribute Of(string name, params long[] values) => new() { Name = name, Type = OnnxAttributeType.Ints, Ints = values };

    public static OnnxAttribute Read(ProtoReader message, string path)
    {
        string name = "", text = "";
        long type = 0, integer = 0;
        var real = 0f;
        OnnxTensor? tensor = null;
        List<float> floats = [];
        List<long> ints = [];
        while (message.Next())
        {
            switch (message.Field)
            {
                case 1:
                    name = message.Text();
                    break;
                case 2:
                    real = message.Float();
                    break;
                case 3:
                    integer = message.Int64();
                    break;
                case 4:
                    text = message.Text();
                    break;
                case 5:
                    tensor = OnnxTensor.Read(message.Message($"the tensor of attribute '{OnnxModel.Cut(name)}'"), path);
                    break;
                case 7:
                    message.AddFloats(floats);
                    break;
                case 8:
                    message.AddIntegers(ints);
                    break;
                case 20:
                    type = message.Int64();
                    break;
                default:
                    // Graphs, strings and sparse tensors: operators that take those are not among the ones run here.
                    message.Skip();
                    break;
            }
        }

        if (name.Length == 0) throw message.Error("it has no name");
        return new() { Name = name, Type = (OnnxAttributeType)type, Float = real, Int = integer, Text = text, Tensor = tensor, Floats = [.. floats], Ints = [.. ints] };
    }

    public void Write(ProtoWriter message)
    {
        message.Text(1, Name);
        switch (Type)
        {
            case OnnxAttributeType.Float:
                message.Float(2, Float);
                break;
            case OnnxAttributeType.Int:
                message.Integer(3, Int);
                break;
            case OnnxAttributeType.String:
                message.Text(4, Text);
                break;
            case OnnxAttributeType.Tensor:
                message.Message(5, Tensor!.Write);
                break;
            case OnnxAttributeType.Floats:
                foreach (var value in Floats) message.Float(7, value);
                break;
            default:
                foreach (var value in Ints) message.Integer(8, value);
                break;
        }

        message.Integer(20, (int)Type);
    }
}
