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

    /// <summary>Reads a message.</summary>
    internal static OnnxValueInfo From(ValueInfoProto message, OnnxPlace place)
    {
        if (message.Name.Length == 0) throw place.Error("it has no name");
        if (message.Type?.TensorType is not { } tensor) return new(message.Name, OnnxType.Undefined, null);
        if (tensor.Shape?.Dim.Count > OnnxTensor.MaxRank) throw place.Error($"it has more than {OnnxTensor.MaxRank} axes");
        return new(message.Name, (OnnxType)tensor.ElemType, tensor.Shape?.Dim.Select(extent => extent.HasDimValue ? extent.DimValue : (long?)null).ToArray());
    }

    /// <summary>The message of it.</summary>
    internal ValueInfoProto ToMessage()
    {
        var tensor = new TypeProto.Types.Tensor { ElemType = (int)Type };
        if (Shape is not null)
        {
            tensor.Shape = new();
            foreach (var extent in Shape) tensor.Shape.Dim.Add(extent is { } known ? new() { DimValue = known } : new TensorShapeProto.Types.Dimension { DimParam = BatchAxis });
        }

        return new() { Name = Name, Type = new() { TensorType = tensor } };
    }
}
