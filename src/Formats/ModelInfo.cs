using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace CnnSharp.Formats;

/// <summary>
/// What a file of weights says beside them, so that a program which has nothing but the file can build the network, prepare
/// images for it and name its classes: <c>cnnsharp predict</c> needs no further options then. Every part may be missing.
/// </summary>
/// <example>
/// <code>
/// model.Save("flowers.safetensors", new ModelInfo { Name = "resnet20", Input = [32, 32, 3], ClassNames = ["daisy", "rose"], Mean = [0.5f, 0.5f, 0.5f], Std = [0.25f, 0.25f, 0.25f] });
/// </code>
/// </example>
public sealed record ModelInfo
{
    static readonly string[] AllKeys = ["model", "class_names", "mean", "std", "task"];

    static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The name by which the zoo builds the model, such as <c>resnet20</c>; null: not said.</summary>
    public string? Name { get; init; }

    /// <summary>The number of classes; null: as many as <see cref="ClassNames"/>, or not said.</summary>
    public int? Classes { get; init; }

    /// <summary>An image's extents, [H, W, C]; empty: not said.</summary>
    public IReadOnlyList<int> Input { get; init; } = [];

    /// <summary>Further options of the model by name, such as <c>shortcut</c>.</summary>
    public IReadOnlyDictionary<string, string> Options { get; init; } = new SortedDictionary<string, string>(StringComparer.Ordinal);

    /// <summary>The names of the classes in the order of their labels; empty: not said.</summary>
    public IReadOnlyList<string> ClassNames { get; init; } = [];

    /// <summary>What is subtracted from pixels between 0 and 1, one number a channel; empty: not said.</summary>
    public IReadOnlyList<float> Mean { get; init; } = [];

    /// <summary>What they are then divided by; empty: not said.</summary>
    public IReadOnlyList<float> Std { get; init; } = [];

    /// <summary>What it was trained at: the name of a task; null: the classification of images, or not said.</summary>
    public string? Task { get; init; }

    /// <summary>Whether it takes images as blue, green, red, which a file of another exporter may say (ONNX's <c>Image.BitmapPixelFormat</c>). Default no.</summary>
    public bool IsBgr { get; init; }

    /// <summary>Of what was read: whether the file of weights holds their network's graph too, so that <see cref="Onnx.OnnxNetwork.Load"/> makes the network of it.</summary>
    public bool HasGraph { get; init; }

    /// <summary>Of what was read: the keys of the file's metadata that said it.</summary>
    public IReadOnlyList<string> Keys { get; init; } = [];

    /// <summary>Of what was read: what the metadata say and is not followed, and why, a sentence each.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>What a .safetensors file says, whether <see cref="ModelFile"/> or a training wrote it; of another's file nothing.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="DataFormatException">The file is not sound, or says something that makes no sense.</exception>
    public static ModelInfo Read(string path)
    {
        using var file = SafeTensors.Open(path);
        return From(file.Metadata, path);
    }

    /// <summary>What metadata say that <see cref="ToMetadata"/> or a training wrote.</summary>
    /// <exception cref="DataFormatException">They say something that makes no sense.</exception>
    internal static ModelInfo From(IReadOnlyDictionary<string, string> metadata, string path)
    {
        try
        {
            var model = Json("model") as JsonObject;
            return new()
            {
                Name = model?["name"]?.GetValue<string>(),
                Classes = model?["classes"]?.GetValue<int>() is > 0 and var classes ? classes : null,
                Input = Numbers<int>(model?["input"]),
                Options = model?["options"] is JsonObject options ? options.ToDictionary(pair => pair.Key, pair => pair.Value!.GetValue<string>(), StringComparer.Ordinal) : [],
                ClassNames = Json("class_names") is JsonArray names ? [.. names.Select(name => name!.GetValue<string>())] : [],
                Mean = Numbers<float>(Json("mean")),
                Std = Numbers<float>(Json("std")),
                Task = metadata.GetValueOrDefault("task"),
                HasGraph = metadata.ContainsKey(Onnx.SavedGraph.Key),
                Keys = [.. AllKeys.Where(metadata.ContainsKey)],
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or OverflowException or NullReferenceException)
        {
            throw new DataFormatException(path, $"what its metadata say of the model makes no sense: {e.Message.TrimEnd('.')}", inner: e);
        }

        JsonNode? Json(string key) => metadata.TryGetValue(key, out var text) ? JsonNode.Parse(text) : null;

        static T[] Numbers<T>(JsonNode? node) => node is JsonArray values ? [.. values.Select(value => value!.GetValue<T>())] : [];
    }

    /// <summary>As a file's metadata hold it, under the keys of a checkpoint.</summary>
    internal Dictionary<string, string> ToMetadata()
    {
        if (Mean.Count != Std.Count) throw new ArgumentException($"ModelInfo: {Mean.Count} means and {Std.Count} standard deviations; expected one of each a channel.");
        if (!Mean.All(float.IsFinite) || !Std.All(value => float.IsFinite(value) && value > 0)) throw new ArgumentException($"ModelInfo: means [{Text(Mean)}] and standard deviations [{Text(Std)}]; expected finite numbers, the latter above 0.");
        if (ClassNames.Count > 0 && Classes is { } count && count != ClassNames.Count) throw new ArgumentException($"ModelInfo: {ClassNames.Count:N0} names for {count:N0} classes.");
        var metadata = new Dictionary<string, string>();
        var model = new JsonObject();
        if (Name is not null) model["name"] = Name;
        var classes = Classes ?? (ClassNames.Count > 0 ? ClassNames.Count : null);
        if (classes is not null) model["classes"] = classes;
        if (Input.Count > 0) model["input"] = Array(Input);
        if (Options.Count > 0) model["options"] = new JsonObject(Options.OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => KeyValuePair.Create(o.Key, (JsonNode?)o.Value)));
        if (model.Count > 0) metadata["model"] = model.ToJsonString(Plain);
        if (ClassNames.Count > 0) metadata["class_names"] = new JsonArray([.. ClassNames.Select(name => (JsonNode?)name)]).ToJsonString(Plain);
        if (Mean.Count > 0) metadata["mean"] = Array(Mean).ToJsonString();
        if (Std.Count > 0) metadata["std"] = Array(Std).ToJsonString();
        if (Task is not null) metadata["task"] = Task;
        return metadata;

        static string Text(IReadOnlyList<float> values) => string.Join(", ", values.Select(value => value.ToString(CultureInfo.InvariantCulture)));

        static JsonArray Array<T>(IReadOnlyList<T> values)
            where T : IFormattable
            => new([.. values.Select(value => JsonNode.Parse(value.ToString(null, CultureInfo.InvariantCulture)))]);
    }
}
