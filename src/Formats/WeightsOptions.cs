namespace CnnSharp.Formats;

/// <summary>How the weights in a file lie.</summary>
public enum WeightLayout
{
    /// <summary>As PyTorch has them: convolutions [out, in, kh, kw], linear layers [out, in], images flattened channel by channel.</summary>
    PyTorch,

    /// <summary>As this library has them: convolutions [kh, kw, in, out], linear layers [in, out], images flattened pixel by pixel.</summary>
    CnnSharp,
}

/// <summary>What is to be known of weights in a file, where it does not follow from the file and the model.</summary>
public sealed record WeightsOptions
{
    /// <summary>What becomes of the file's names first; default nothing.</summary>
    public NameRules? Rules { get; init; }

    /// <summary>What messages call the model; default its type.</summary>
    public string? ModelName { get; init; }

    /// <summary>The shape of one input without the batch axis, e.g. [32, 32, 3]; default: one that the model takes is looked for. It tells which weights read an image flattened.</summary>
    public Shape? Input { get; init; }

    /// <summary>How the weights lie; default: files of torch.save as PyTorch has them, of .safetensors what their metadata, names and shapes say.</summary>
    public WeightLayout? Layout { get; init; }

    /// <summary>Of a checkpoint with several sets of weights (<c>model</c>, <c>ema</c>), the key of the one that is meant, or the prefix of its names; default: the only one that fits the model.</summary>
    public string? Key { get; init; }

    /// <summary>By the path of a layer, the channels of the images that it reads flattened, 1 where its features have the same order in PyTorch: for layers that no forward pass of the model shows, and for those of a network that permutes its images to [N, H, W, C] in PyTorch before it flattens them. Default none: a flattening here is one of [N, C, H, W] there.</summary>
    public IReadOnlyDictionary<string, int>? FlattenedChannels { get; init; }
}
