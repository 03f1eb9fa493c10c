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

    public static OnnxNode Read(ProtoReader message, OnnxSource source)
    {
        Span<int> counts = stackalloc int[6];
        message.CountFields(counts);
        string[] inputs = counts[1] == 0 ? [] : new string[counts[1]], outputs = counts[2] == 0 ? [] : new string[counts[2]];
        OnnxAttribute[] attributes = counts[5] == 0 ? [] : new OnnxAttribute[counts[5]];
        int input = 0, output = 0, attribute = 0;
        string name = "", type = "", domain = "", overload = "";
        while (message.Next())
        {
            switch (message.Field)
            {
                case 1:
                    inputs[input++] = message.Text();
                    break;
                case 2:
                    outputs[output++] = message.Text();
                    break;
                case 3:
                    name = message.Text();
                    break;
                case 4:
                    type = message.Text();
                    break;
                case 5:
                    attributes[attribute] = OnnxAttribute.Read(message.Message("attribute", attribute), source);
                    attribute++;
                    break;
                case 7:
                    domain = message.Text();
                    break;
                case 8:
                    overload = message.Text();
                    break;
                default:
                    message.Skip();
                    break;
            }
        }

        if (type.Length == 0) throw message.Error("it names no operator");
        return new() { Operator = type, Name = name, Domain = domain is "ai.onnx" ? "" : domain, Inputs = inputs, Outputs = outputs, Attributes = attributes, Overload = overload };
    }

    public void Write(ProtoWriter message)
    {
        foreach (var input in Inputs) message.Text(1, input);
        foreach (var output in Outputs) message.Text(2, output);
        message.Text(3, Name);
        message.Text(4, Operator);
        foreach (var attribute in Attributes) message.Message(5, attribute.Write);
        if (Domain.Length > 0) message.Text(7, Domain);
        if (Overload.Length > 0) message.Text(8, Overload);
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
    const int FloatsField = 7, IntsField = 8;

    // The numbers as the file has them: some attributes hold a million, and of most files few are asked for.
    ProtoReader? encoded;
    int floats;
    int ints;

    // Boxed: of a million attributes hardly one is a graph.
    object? graph;

    public required string Name { get; init; }

    public OnnxAttributeType Type { get; init; }

    public float Float { get; init; }

    public long Int { get; init; }

    public string Text { get; init; } = "";

    public OnnxTensor? Tensor { get; init; }

    /// <summary>The attribute of the function around the node whose value this one takes, by its name; empty for a value of its own.</summary>
    public string Reference { get; init; } = "";

    /// <summary>A graph, which is read when it is asked for.</summary>
    public ProtoReader? Graph => (ProtoReader?)graph;

    /// <summary>The numbers; out of a file they are made again at each call.</summary>
    public float[] Floats
    {
        get => encoded is null ? field : Array.ConvertAll(Numbers(FloatsField, floats, sizeof(float)), bits => BitConverter.UInt32BitsToSingle((uint)bits));
        init;
    } = [];

    /// <inheritdoc cref="Floats"/>
    public long[] Ints
    {
        get => encoded is null ? field : Array.ConvertAll(Numbers(IntsField, ints, 0), bits => (long)bits);
        init;
    } = [];

    public static OnnxAttribute Of(string name, long value) => new() { Name = name, Type = OnnxAttributeType.Int, Int = value };

    public static OnnxAttribute Of(string name, float value) => new() { Name = name, Type = OnnxAttributeType.Float, Float = value };

    public static OnnxAttribute Of(string name, string value) => new() { Name = name, Type = OnnxAttributeType.String, Text = value };

    public static OnnxAttribute Of(string name, params long[] values) => new() { Name = name, Type = OnnxAttributeType.Ints, Ints = values };

    /// <summary>The same value under another name: what a function's caller passes on.</summary>
    public OnnxAttribute Named(string name)
        => new() { Name = name, Type = Type, Float = Float, Int = Int, Text = Text, Tensor = Tensor, Floats = encoded is null ? Floats : [], Ints = encoded is null ? Ints : [], encoded = encoded, floats = floats, ints = ints, graph = graph };

    public static OnnxAttribute Read(ProtoReader message, OnnxSource source)
    {
        string name = "", text = "", reference = "";
        object? graph = null;
        long type = 0, integer = 0;
        var real = 0f;
        OnnxTensor? tensor = null;
        long floats = 0, ints = 0;
        var start = message;
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
                    tensor = OnnxTensor.Read(message.Message("the tensor of an attribute"), source);
                    break;
                case 6:
                    graph = message.Message("the graph of an attribute");
                    break;
                case 7:
                    floats += message.CountNumbers(sizeof(float));
                    break;
                case 8:
                    ints += message.CountNumbers(0);
                    break;
                case 20:
                    type = message.Int64();
                    break;
                case 21:
                    reference = message.Text();
                    break;
                default:
                    // Strings and sparse tensors: operators that take those are not among the ones run here.
                    message.Skip();
                    break;
            }
        }

        if (name.Length == 0) throw message.Error("it has no name");
        return new()
        {
            Name = name,
            Type = (OnnxAttributeType)type,
            Float = real,
            Int = integer,
            Text = text,
            Tensor = tensor,
            encoded = floats + ints > 0 ? start.Copy() : null,
            floats = (int)floats,
            ints = (int)ints,
            Reference = reference,
            graph = graph,
        };
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

    ulong[] Numbers(int field, int count, int width)
    {
        var values = new ulong[count];
        var (message, read) = (encoded!.Value, 0);
        while (message.Next())
        {
            if (message.Field == field) message.ReadNumbers(width, values, ref read);
            else message.Skip();
        }

        return values;
    }
}
