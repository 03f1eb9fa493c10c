using CnnSharp.Layers;
using Google.Protobuf;

namespace CnnSharp.Formats.Onnx;

/// <summary>
/// The graph of a network in the metadata of a file of its weights, so that the file alone makes the network: an ONNX model, in base64, whose
/// tensors are those of the file, by name (<see cref="OnnxSource.TensorKey"/>, <see cref="Arrangement"/>). Where it cannot be had, the reason stands in its place.
/// </summary>
static class SavedGraph
{
    /// <summary>The key of the graph.</summary>
    public const string Key = "graph";

    const string MissingKey = "graph_missing";

    /// <summary>Constants that the network itself does not hold are in the graph; more bytes than these in all have no place in metadata.</summary>
    const int MostBytes = 8 << 20;

    /// <summary>What a file's metadata say of the graph of the network whose weights it holds.</summary>
    /// <param name="model">The network.</param>
    /// <param name="input">The shape of one input without the batch axis.</param>
    public static KeyValuePair<string, string> Of(Layer model, Shape input)
    {
        try
        {
            var message = OnnxExport.Trace(model, input, isByReference: true, info: null).ToMessage("the graph");
            var length = message.CalculateSize();
            return length <= MostBytes ? new(Key, Convert.ToBase64String(message.ToByteArray())) : Missing($"it takes {length:N0} bytes, at most {MostBytes:N0} are kept; is a large constant no field of a layer?");
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Whatever a program's own layer throws: its weights are kept all the same.
            return Missing(e.Message);
        }
    }

    /// <summary>What stands in the graph's place.</summary>
    public static KeyValuePair<string, string> Missing(string reason) => new(MissingKey, reason.ReplaceLineEndings(" "));

    /// <summary>The network of a file of weights.</summary>
    /// <exception cref="DataFormatException">The file has no graph, or not a sound one.</exception>
    public static OnnxModel Load(string path)
    {
        using var file = SafeTensors.Open(path);
        ContentChecksum.Verify(path, file);
        if (!file.Metadata.TryGetValue(Key, out var text))
        {
            var reason = file.Metadata.TryGetValue(MissingKey, out var known) ? $" ({known.TrimEnd('.')})" : "";
            throw new DataFormatException(path, $"holds weights and no graph of their network{reason}, so it is loaded into the model that it was saved of; a graph is kept by a training, and by model.Save with a ModelInfo that says the Input");
        }

        var graph = new byte[text.Length];
        if (text.Length > 2 * MostBytes || !Convert.TryFromBase64String(text, graph, out var length)) throw new DataFormatException(path, $"the metadata's '{Key}' is no graph of at most {MostBytes:N0} bytes in base64");
        var model = OnnxModel.Read(graph[..length], new OnnxSource(path, file));
        return new()
        {
            Path = path,
            Opset = model.Opset,
            Nodes = model.Nodes,
            Initializers = model.Initializers,
            Inputs = model.Inputs,
            Outputs = model.Outputs,
            Info = ModelInfo.From(file.Metadata, path),
            Metadata = OnnxMetadata.Write(ModelInfo.From(file.Metadata, path)),
        };
    }
}
