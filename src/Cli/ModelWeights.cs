using System.CommandLine;
using CnnSharp.Cli.Train;
using CnnSharp.Formats;
using CnnSharp.Layers;

namespace CnnSharp.Cli;

/// <summary>Weights out of files of every kind that the commands take.</summary>
internal static class ModelWeights
{
    /// <summary>Whether a path is that of an ONNX file, which holds its network itself.</summary>
    public static bool IsOnnx(string? path) => string.Equals(Path.GetExtension(path), ".onnx", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether what <c>--weights</c> names holds its network itself: an ONNX file, or one whose graph is kept beside its weights, unless <c>--model</c> names another.</summary>
    public static bool HoldNetwork(string? path, string? model) => IsOnnx(path) || (path is not null && model is null && File.Exists(path) && TrainedModel.IsByGraph(InfoOf(path)));

    /// <summary>The path that an option names.</summary>
    /// <exception cref="UsageException">There is no such file.</exception>
    public static string Existing(string option, string path) => File.Exists(path) ? path : throw new UsageException($"{option}: there is no file '{path}'.");

    /// <summary>Loads a .safetensors file with this tool's names or PyTorch's, or a file of torch.save.</summary>
    /// <param name="path">The file.</param>
    /// <param name="model">Where to.</param>
    /// <param name="options">What the options of the command say of the file, what messages call the model, and the shape of its input.</param>
    /// <exception cref="DataFormatException">The file is not sound, or is of another model.</exception>
    public static void Load(string path, Layer model, WeightsOptions options) => PretrainedWeights.Load(model, path, options);

    /// <summary>What a file of weights says of its model; of a file of another kind, or one that <see cref="Load"/> will refuse, nothing.</summary>
    public static ModelInfo InfoOf(string path)
    {
        try
        {
            SafeTensors.Open(path).Dispose();
        }
        catch (DataFormatException)
        {
            return new();
        }

        return ModelInfo.Read(path);
    }

    /// <summary>What to say where a network's output is not a number.</summary>
    /// <param name="model">The network.</param>
    /// <param name="where">For what, in words.</param>
    public static FailedException NotANumber(Layer model, string where)
    {
        var bad = model.StateDict().Where(t => t.Tensor.DType != Kernels.DType.Int32 && t.Tensor.DType != Kernels.DType.UInt8 && !t.Tensor.ToArray<double>().All(double.IsFinite)).Select(t => $"'{t.Name}'").ToList();
        var why = bad.Count == 0 ? "the weights are all finite, so something between overflows; compare --mean and --std with those of the training" : $"the weights hold NaN or infinity in {string.Join(", ", bad.Take(5))}{(bad.Count > 5 ? $" and {bad.Count - 5} more" : "")}";
        return new($"the output is NaN {where}: {why}.");
    }
}

/// <summary>What commands that take <c>--weights</c> are given about the file: <c>--rename</c>, <c>--weights-key</c>, <c>--layout</c>.</summary>
internal sealed class ImportedWeights
{
    static readonly Dictionary<string, WeightLayout> Layouts = new() { ["pytorch"] = WeightLayout.PyTorch, ["cnnsharp"] = WeightLayout.CnnSharp };

    readonly Option<string?> rename = Options.Text("--rename", "FILE", "rules that turn the names in --weights into the model's: PATTERN -> REPLACEMENT, one a line");
    readonly Option<string?> key = Options.Text("--weights-key", "KEY", "of --weights that hold several sets, which one: the key of a checkpoint's entry, for instance ema, or what its names begin with");
    readonly Option<string?> layout = Options.Choice("--layout", "layout", "how --weights lie, where neither the file nor the shapes say so", [.. Layouts.Keys]);

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Options.Add(rename);
        command.Options.Add(key);
        command.Options.Add(layout);
    }

    /// <summary>What was given.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="weights">What <c>--weights</c> was given.</param>
    /// <param name="holdNetwork">Whether that holds its network itself, by whose names it is read.</param>
    /// <exception cref="UsageException">An option is given without weights that it is for, or the rules are not there.</exception>
    public WeightsOptions Of(ParseResult parsed, string? weights, bool holdNetwork)
    {
        var (rules, name, lies) = (parsed.GetValue(rename), parsed.GetValue(key), parsed.GetValue(layout));
        if ((rules ?? name ?? lies) is not null && (weights is null || holdNetwork))
            throw new UsageException($"{(rules is not null ? "--rename" : name is not null ? "--weights-key" : "--layout")}: it is for --weights FILE of a --model.");
        return new() { Rules = rules is null ? null : NameRules.Read(ModelWeights.Existing("--rename", rules)), Key = name, Layout = lies is null ? null : Layouts[lies] };
    }

    /// <summary>The settings of a training with what was given among them.</summary>
    public TrainSettings Into(ParseResult parsed, TrainSettings settings)
        => settings with { Rename = parsed.GetValue(rename), WeightsKey = parsed.GetValue(key), WeightsLayout = parsed.GetValue(layout) };

    /// <summary>What the settings of a training say.</summary>
    public static WeightsOptions Of(TrainSettings settings, Shape input) => new()
    {
        Rules = settings.Rename is { } rules ? NameRules.Read(rules) : null,
        Key = settings.WeightsKey,
        Layout = settings.WeightsLayout is { } lies ? Layouts[lies] : null,
        ModelName = settings.Model,
        Input = input,
    };
}
