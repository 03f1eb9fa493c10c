namespace CnnSharp.Formats.Onnx;

/// <summary>The images that a network takes, as far as its file says.</summary>
/// <param name="Batch">How many at once; null where that is free.</param>
/// <param name="Height">Rows; null where that is free.</param>
/// <param name="Width">Columns; null where that is free.</param>
/// <param name="Channels">Channels; null where nothing says.</param>
/// <param name="IsChannelsLast">Whether the file orders them [N, H, W, C], as TensorFlow does, and not [N, C, H, W].</param>
public sealed record OnnxImages(int? Batch, int? Height, int? Width, int? Channels, bool IsChannelsLast)
{
    /// <summary>The images of a graph with one input of four axes; null for any other.</summary>
    internal static OnnxImages? Of(IReadOnlyList<OnnxValueInfo> inputs, IReadOnlyList<OnnxNode> nodes, Func<string, Shape?> constantShape)
    {
        if (inputs is not [{ Shape: { Count: 4 } shape } input] || !(input.Type.IsReal() || input.Type == OnnxType.Undefined)) return null;
        var readers = nodes.Where(node => node.Inputs.Contains(input.Name)).ToList();
        bool last;
        if (readers.Count > 0 && readers.All(node => IsTranspose(node, 0, 3, 1, 2))) last = true;
        else if (readers.Any(node => node.Operator is "Conv" or "BatchNormalization" or "MaxPool" or "AveragePool")) last = false;
        else last = IsFew(shape[3]) && !IsFew(shape[1]);

        // Where the extent is free, the first convolution's weights [M, C / groups, kh, kw] say it.
        var channels = Fixed(shape[last ? 3 : 1]);
        if (channels is null)
        {
            var names = readers.Where(node => node.Operator == "Transpose").SelectMany(node => node.Outputs).Append(input.Name).ToHashSet(StringComparer.Ordinal);
            foreach (var node in nodes.Where(node => node is { Operator: "Conv", Domain: "", Inputs.Count: > 1 } && names.Contains(node.Inputs[0])))
            {
                var groups = node.Attributes.FirstOrDefault(attribute => attribute.Name == "group")?.Int ?? 1;
                if (constantShape(node.Inputs[1]) is { Rank: > 1 } weights && groups > 0 && groups * weights[1] <= int.MaxValue) channels ??= (int)(groups * weights[1]);
            }
        }

        return new(Fixed(shape[0]), Fixed(shape[last ? 1 : 2]), Fixed(shape[last ? 2 : 3]), channels, last);
    }

    static bool IsFew(long? extent) => extent is 1 or 3 or 4;

    static int? Fixed(long? extent) => extent is > 0 and <= int.MaxValue ? (int)extent.Value : null;

    static bool IsTranspose(OnnxNode node, params ReadOnlySpan<long> order)
        => node is { Operator: "Transpose", Domain: "" } && node.Attributes.FirstOrDefault(attribute => attribute.Name == "perm") is { } perm && perm.Ints.AsSpan().SequenceEqual(order);
}
