namespace CnnSharp.Formats.Onnx;

/// <summary>An input or output of a graph.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">The elements' type; <see cref="OnnxType.Undefined"/> where the file does not say, or says that it is no tensor.</param>
/// <param name="Shape">The extents; null for one that is not fixed, and altogether where the file does not say.</param>
public sealed record OnnxValueInfo(string Name, OnnxType Type, IReadOnlyList<long?>? Shape)
{
    /// <summary>What a free first axis is called.</summary>
    const string BatchAxis = "N";

    /// <summary><c>input: Float [N, 3, 32, 32]</c>.</summary>
    public override string ToString()
        => $"{OnnxModel.Cut(Name)}: {Type}{(Shape is null ? "" : $" [{string.Join(", ", Shape.Select((extent, axis) => extent is { } known ? $"{known}" : axis == 0 ? BatchAxis : "?"))}]")}";

    internal static OnnxValueInfo Read(ProtoReader message)
    {
        var name = "";
        var type = OnnxType.Undefined;
        List<long?>? shape = null;
        while (message.Next())
        {
            if (message.Field == 1) name = message.Text();
            else if (message.Field == 2) (type, shape) = ReadType(message.Message("a type"));
            else message.Skip();
        }

        if (name.Length == 0) throw message.Error("it has no name");
        return new(name, type, shape);
    }

    internal void Write(ProtoWriter message)
    {
        message.Text(1, Name);
        message.Message(2, type => type.Message(1, tensor =>
        {
            tensor.Integer(1, (int)Type);
            if (Shape is { } extents) tensor.Message(2, shape => WriteShape(shape, extents));
        }));
    }

    static void WriteShape(ProtoWriter shape, IReadOnlyList<long?> extents)
    {
        foreach (var extent in extents)
        {
            shape.Message(1, dim =>
            {
                if (extent is { } fixedExtent) dim.Integer(1, fixedExtent);
                else dim.Text(2, BatchAxis);
            });
        }
    }

    static (OnnxType Type, List<long?>? Shape) ReadType(ProtoReader message)
    {
        (OnnxType, List<long?>?) result = (OnnxType.Undefined, null);
        while (message.Next())
        {
            // Field 1 is a tensor's type; the others are of sequences, maps and the like.
            if (message.Field == 1) result = ReadTensorType(message.Message("a tensor's type"));
            else message.Skip();
        }

        return result;
    }

    static (OnnxType Type, List<long?>? Shape) ReadTensorType(ProtoReader message)
    {
        var type = OnnxType.Undefined;
        List<long?>? shape = null;
        while (message.Next())
        {
            if (message.Field == 1) type = (OnnxType)message.Int64();
            else if (message.Field == 2) shape = ReadShape(message.Message("a shape"));
            else message.Skip();
        }

        return (type, shape);
    }

    static List<long?> ReadShape(ProtoReader message)
    {
        var shape = new List<long?>();
        while (message.Next())
        {
            if (message.Field != 1)
            {
                message.Skip();
                continue;
            }

            if (shape.Count == OnnxTensor.MaxRank) throw message.Error($"it has more than {OnnxTensor.MaxRank} axes");
            long? extent = null;
            var dim = message.Message("an extent");
            while (dim.Next())
            {
                if (dim.Field == 1) extent = dim.Int64();
                else dim.Skip();
            }

            shape.Add(extent);
        }

        return shape;
    }
}
