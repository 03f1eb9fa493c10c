using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace CnnSharp.Formats.Onnx;

/// <summary>
/// What ONNX files say of classes and images in their metadata: this library's own keys (<see cref="OnnxExportOptions.Info"/>), those of ONNX's
/// standard for images (https://onnx.ai/onnx/repo-docs/MetadataProps.html), and those that Ultralytics' exporters write
/// (<c>names</c>, <c>imgsz</c>, <c>channels</c>, <c>task</c>; https://docs.ultralytics.com/modes/export). What is not understood, or does not fit the graph, becomes a note.
/// </summary>
static class OnnxMetadata
{
    /// <summary>Before the keys of <see cref="ModelInfo.ToMetadata"/>.</summary>
    const string Prefix = "cnnsharp.";

    const string PixelFormat = "Image.BitmapPixelFormat", PixelRange = "Image.NominalPixelRange", Gamma = "Image.ColorSpaceGamma";

    /// <summary>As metadata hold it.</summary>
    public static Dictionary<string, string> Write(ModelInfo info)
    {
        var metadata = info.ToMetadata().ToDictionary(pair => Prefix + pair.Key, pair => pair.Value, StringComparer.Ordinal);
        if (info.IsBgr) metadata[PixelFormat] = "Bgr8";
        return metadata;
    }

    /// <summary>What metadata say.</summary>
    /// <param name="metadata">By their keys.</param>
    /// <param name="outputs">Of the graph.</param>
    /// <param name="path">The file, for messages.</param>
    /// <exception cref="DataFormatException">This library's own keys say something that makes no sense.</exception>
    public static ModelInfo Read(IReadOnlyDictionary<string, string> metadata, IReadOnlyList<OnnxValueInfo> outputs, string path)
    {
        if (metadata.Count == 0) return new();
        var own = metadata.Where(pair => pair.Key.StartsWith(Prefix, StringComparison.Ordinal)).ToDictionary(pair => pair.Key[Prefix.Length..], pair => pair.Value, StringComparer.Ordinal);
        var info = ModelInfo.From(own, path);
        var classes = ClassesOf(outputs);
        if (info.ClassNames.Count > 0 && classes is { } expected && expected != info.ClassNames.Count) throw new DataFormatException(path, $"its metadata name {info.ClassNames.Count:N0} classes; its output is of {expected:N0}");
        var (keys, notes) = (new List<string>(info.Keys.Select(key => Prefix + key)), new List<string>());
        info = WithStandard(info, metadata, keys, notes);
        info = WithUltralytics(info, metadata, classes, keys, notes);
        return info with { Keys = keys, Notes = notes };
    }

    /// <summary>The classes of a graph whose first output is [N, classes]; null: nothing says.</summary>
    static long? ClassesOf(IReadOnlyList<OnnxValueInfo> outputs) => outputs is [{ Shape: [_, { } count] }, ..] ? count : null;

    /// <summary>ONNX's metadata of images. Keys and values are case insensitive there.</summary>
    static ModelInfo WithStandard(ModelInfo info, IReadOnlyDictionary<string, string> metadata, List<string> keys, List<string> notes)
    {
        var channels = 3;
        if (Value(PixelFormat) is { } format)
        {
            if (format is "gray8" or "rgb8" or "bgr8")
            {
                keys.Add(PixelFormat);
                info = info with { IsBgr = format == "bgr8" };
                if (format == "gray8") channels = 1;
            }
            else
            {
                notes.Add($"{PixelFormat} is {Cut(format)}: images are given with 1 or 3 channels, without alpha.");
            }
        }

        if (Value(Gamma) is { } gamma && gamma != "srgb") notes.Add($"{Gamma} is {Cut(gamma)}: images are given as sRGB.");
        if (Value(PixelRange) is not { } range) return info;

        // y = (x - mean) / std of pixels x between 0 and 1.
        var (mean, std) = range switch
        {
            "nominalrange_0_255" => (0, 1 / 255f),
            "normalized_0_1" => (0f, 1f),
            "normalized_1_1" => (0.5f, 0.5f),
            "nominalrange_16_235" => (-16 / 219f, 1 / 219f),
            _ => (0f, 0f),
        };
        if (std == 0) notes.Add($"{PixelRange} is {Cut(range)}, which is none of the standard's.");
        if (std == 0 || info.Mean.Count > 0) return info;
        keys.Add(PixelRange);
        return info with { Mean = [.. Enumerable.Repeat(mean, channels)], Std = [.. Enumerable.Repeat(std, channels)] };

        string? Value(string key)
        {
            foreach (var (name, value) in metadata)
            {
                if (name.Equals(key, StringComparison.OrdinalIgnoreCase)) return value.Trim().ToLowerInvariant();
            }

            return null;
        }
    }

    /// <summary>What Ultralytics' exporters write: texts of Python's values.</summary>
    static ModelInfo WithUltralytics(ModelInfo info, IReadOnlyDictionary<string, string> metadata, long? classes, List<string> keys, List<string> notes)
    {
        if (info.ClassNames.Count == 0 && metadata.TryGetValue("names", out var text))
        {
            var names = PythonNames.Parse(text);
            if (names is null) notes.Add("names is no list of class names, nor a dictionary of them by their numbers from 0 on.");
            else if (classes is { } expected && expected != names.Length) notes.Add($"names has {names.Length:N0} names; the output is of {expected:N0} classes.");
            else if (classes is null) notes.Add($"names has {names.Length:N0} names; the output is not [N, classes].");
            else Take("names", info with { ClassNames = names });
        }

        if (info.Input.Count == 0 && metadata.TryGetValue("imgsz", out var size) && metadata.ContainsKey("names"))
        {
            var channels = metadata.TryGetValue("channels", out var count) && int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out var parsed) ? parsed : 3;
            if (Numbers(size) is [> 0 and var height, > 0 and var width]) Take("imgsz", info with { Input = [height, width, channels] });
            else notes.Add($"imgsz is '{Cut(size)}', expected [rows, columns].");
        }

        if (metadata.ContainsKey("names") && metadata.TryGetValue("task", out var task) && task != "classify") notes.Add($"task is '{Cut(task)}': it is no classifier.");
        return info;

        void Take(string key, ModelInfo taken)
        {
            keys.Add(key);
            info = taken;
        }

        static int[] Numbers(string text)
        {
            try
            {
                return JsonNode.Parse(text) is JsonArray values ? [.. values.Select(value => value!.GetValue<int>())] : [];
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or NullReferenceException)
            {
                return [];
            }
        }
    }

    static string Cut(string text) => OnnxModel.Cut(text);
}
