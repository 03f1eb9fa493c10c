using System.Text.RegularExpressions;
using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Formats;

/// <summary>What an import did.</summary>
/// <param name="Matched">The model's tensors that were replaced.</param>
/// <param name="Missing">The model's tensors that the file has not.</param>
/// <param name="LeftOver">The file's tensors that the model has not.</param>
public sealed record ImportReport(IReadOnlyList<string> Matched, IReadOnlyList<string> Missing, IReadOnlyList<string> LeftOver)
{
    /// <summary>Whether every tensor of the model and of the file found its partner.</summary>
    public bool IsComplete => Missing.Count == 0 && LeftOver.Count == 0;
}

/// <summary>
/// Weights between PyTorch and a model: names are translated, layouts (OIHW, [out, in], images flattened channel by channel)
/// turned. Which weights read or write a flattened image is found by following a forward pass of the model.
/// </summary>
public static partial class TorchWeights
{
    /// <summary>What each part of a dotted name becomes, in the model as in the file, so that the usual words for one thing are one: the first pattern that fits decides.</summary>
    static readonly (Regex Part, string Ours)[] Names =
    [
        (new(@"^norm(\d*)$"), "bn$1"),
        (new(@"^stage(\d+)$"), "layer$1"),
        (new("^short(cut)?$"), "downsample"),
        (new("^(linear|classifier)$"), "fc"),
        (new(@"^linear(\d+)$"), "fc$1"),
        (new("^running_mean$"), "runningMean"),
        (new("^running_var$"), "runningVariance"),
    ];

    /// <summary>What wrappers put before the names of the model that they hold: data parallelism, torch.compile, Lightning and users' own.</summary>
    static readonly string[] Wrappers = ["module.", "_orig_mod.", "model.", "net.", "network.", "backbone.", "encoder."];

    /// <summary>Replaces the model's parameters and buffers by those of a file. If it throws, none is replaced.</summary>
    /// <param name="model">The model. Which of its weights read an image flattened is found by following a forward pass; see <paramref name="input"/>.</param>
    /// <param name="file">The file, with PyTorch's names and layouts; <c>num_batches_tracked</c> is ignored.</param>
    /// <param name="prefix">Of the names; entries without it are not looked at. Default: none, or one that wrappers put there (<c>module.</c>, <c>_orig_mod.</c>, <c>model.</c>, <c>net.</c>, <c>network.</c>, <c>backbone.</c>, <c>encoder.</c>, also several) where all of the model's names are after it.</param>
    /// <param name="rules">What becomes of the names first; default nothing.</param>
    /// <param name="input">The shape of one input without the batch axis, e.g. [32, 32, 3]; default: one that the model takes is looked for.</param>
    /// <returns>What was found and what was not; it is for the caller to insist that it be complete.</returns>
    /// <exception cref="ShapeException">A tensor has another shape than the model's, two names become one, or it is not certain how a weight lies in PyTorch; the message says what decides it.</exception>
    /// <exception cref="DataFormatException">The file's data cannot be read.</exception>
    public static ImportReport Load(Layer model, SafeTensors file, string prefix = "", NameRules? rules = null, Shape? input = null)
    {
        ArgumentNullException.ThrowIfNull(file);
        return Load(model, file.Tensors, prefix, rules, input);
    }

    /// <summary>As <see cref="Load(Layer, SafeTensors, string, NameRules, Shape?)"/>, of tensors from any file: <see cref="TorchFile.Read"/>.</summary>
    /// <exception cref="ShapeException">A tensor has another shape than the model's, two names become one, or it is not certain how a weight lies in PyTorch; the message says what decides it.</exception>
    public static ImportReport Load(Layer model, IReadOnlyList<SafeTensor> tensors, string prefix = "", NameRules? rules = null, Shape? input = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(tensors);
        var named = NamesOf(model);
        var found = prefix.Length > 0 ? Match(named, tensors, prefix, rules) : WithPrefixes(named, tensors, rules).OrderBy(m => m.Missing.Count).ThenBy(m => m.Prefix.Length).First();
        var values = Convert(found, TorchLayouts.Of(model, input));
        foreach (var (tensor, numbers) in values) tensor.CopyFrom<double>(numbers);
        return new([.. found.Matched.Select(m => m.Name)], found.Missing, found.LeftOver);
    }

    /// <summary>A model's parameters and buffers as PyTorch's state dictionary of the same network: names, layouts, order after a flattening, and a <c>num_batches_tracked</c> (0) beside every running variance.</summary>
    /// <param name="model">Any whose weights have a certain form in PyTorch.</param>
    /// <param name="options"><see cref="WeightsOptions.Input"/> and <see cref="WeightsOptions.FlattenedChannels"/>; null for the defaults.</param>
    /// <exception cref="ShapeException">It is not certain how a weight lies in PyTorch; the message says what decides it.</exception>
    public static IReadOnlyList<SafeTensor> ToStateDict(Layer model, WeightsOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        var layouts = TorchLayouts.Of(model, options?.Input, options?.FlattenedChannels);
        var result = new List<SafeTensor>();
        foreach (var (name, tensor) in NamesOf(model))
        {
            var layout = layouts[name, tensor];
            CheckCertain(name, tensor, layout);
            var (path, last) = name.LastIndexOf('.') is >= 0 and var dot ? (name[..(dot + 1)], name[(dot + 1)..]) : ("", name);
            var shape = layout.ShapeOf(tensor.Shape);
            var theirs = path + (last == "runningMean" ? "running_mean" : last == "runningVariance" ? "running_var" : last);
            result.Add(tensor.DType switch
            {
                DType.Float64 => SafeTensor.Create<double>(theirs, shape, layout.ToTorch(tensor.Shape, tensor.ToArray<double>())),
                DType.Int32 => SafeTensor.Create<int>(theirs, shape, layout.ToTorch(tensor.Shape, tensor.ToArray<int>())),
                DType.UInt8 => SafeTensor.Create<byte>(theirs, shape, layout.ToTorch(tensor.Shape, tensor.ToArray<byte>())),
                _ => SafeTensor.Create<float>(theirs, shape, layout.ToTorch(tensor.Shape, tensor.ToArray())),
            });
            if (last == "runningVariance") result.Add(SafeTensor.Create<long>($"{path}num_batches_tracked", [], [0]));
        }

        return result;
    }

    /// <summary>Writes a model's weights for PyTorch, atomically: <c>load_state_dict(torch.load(path, weights_only=True))</c> of the same network takes them. The same weights give the same bytes.</summary>
    /// <param name="model">Any whose weights have a certain form in PyTorch.</param>
    /// <param name="path">The file: <c>.safetensors</c>, or else torch.save's form.</param>
    /// <param name="options"><see cref="WeightsOptions.Input"/> and <see cref="WeightsOptions.FlattenedChannels"/>; null for the defaults.</param>
    /// <exception cref="ShapeException">It is not certain how a weight lies in PyTorch; the message says what decides it.</exception>
    public static void Save(Layer model, string path, WeightsOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        var tensors = ToStateDict(model, options);
        if (path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase)) SafeTensors.Save(path, tensors, new Dictionary<string, string> { [WeightMark.FormatKey] = WeightMark.PyTorch });
        else TorchFile.Save(path, tensors);
    }

    /// <summary>The name under which a tensor of the model and one of the file meet: <c>stage1.0.norm1.running_var</c> and <c>layer1.0.bn1.runningVariance</c> are both the latter.</summary>
    public static string Translate(string name)
    {
        // torchvision's DenseNets of before 0.4: denselayer1.norm.1.weight.
        name = OldDenseNet().Replace(name, "$1$2.");
        return string.Join('.', name.Split('.').Select(part =>
        {
            foreach (var (pattern, ours) in Names)
            {
                if (pattern.IsMatch(part)) return pattern.Replace(part, ours);
            }

            return part;
        }));
    }

    /// <summary>The matchings after each prefix that wrappers may have put before the names: none first.</summary>
    internal static List<WeightMatch> WithPrefixes((string Name, Tensor Tensor)[] named, IReadOnlyList<SafeTensor> tensors, NameRules? rules)
    {
        var prefixes = new List<string> { "" };
        foreach (var tensor in tensors)
        {
            var name = rules?.Apply(tensor.Name) ?? tensor.Name;
            var length = 0;
            while (Wrappers.FirstOrDefault(wrapper => name.AsSpan(length).StartsWith(wrapper, StringComparison.Ordinal)) is { } wrapper)
            {
                length += wrapper.Length;
                if (!prefixes.Contains(name[..length])) prefixes.Add(name[..length]);

                // As deep as wrappers are put into each other; a file may claim more.
                if (prefixes.Count > 16) break;
            }
        }

        var found = prefixes.ConvertAll(prefix => Match(named, tensors, "", rules, prefix));
        if (!found.Exists(match => match.Missing.Count == 0) && found.Exists(match => match.LeftOver.Exists(name => WrappedParts().IsMatch(name))))
        {
            // Wrappers around parts of the model: features.module.0.weight.
            found.InsertRange(1, prefixes.ConvertAll(prefix => Match(named, tensors, "", rules, prefix, unwrap: true)));
        }

        return [found[0], .. found.Skip(1).Where(match => match.Missing.Count == 0)];
    }

    /// <summary>Finds what belongs together by name.</summary>
    /// <param name="named">The model's tensors.</param>
    /// <param name="tensors">The file's.</param>
    /// <param name="prefix">Of the file's names; entries without it are not looked at.</param>
    /// <param name="rules">What becomes of the names after it.</param>
    /// <param name="wrapper">Of the names after the rules; entries without it are not looked at either.</param>
    /// <param name="unwrap">Whether what wrappers of parts put into the names is left out.</param>
    internal static WeightMatch Match((string Name, Tensor Tensor)[] named, IReadOnlyList<SafeTensor> tensors, string prefix, NameRules? rules, string wrapper = "", bool unwrap = false)
    {
        // The model's own names first, then those that mean the same.
        var exact = new Dictionary<string, SafeTensor>();
        foreach (var entry in tensors)
        {
            if (!entry.Name.StartsWith(prefix, StringComparison.Ordinal) || entry.Name.EndsWith("num_batches_tracked", StringComparison.Ordinal)) continue;
            var own = rules?.Apply(entry.Name[prefix.Length..]) ?? entry.Name[prefix.Length..];
            if (!own.StartsWith(wrapper, StringComparison.Ordinal)) continue;
            var bare = unwrap ? WrappedParts().Replace(own[wrapper.Length..], "") : own[wrapper.Length..];
            var name = Statistics().Replace(bare, m => m.Value == "running_mean" ? "runningMean" : "runningVariance");
            if (!exact.TryAdd(name, entry)) throw Coinciding(entry, exact[name], name);
        }

        var pairs = new Dictionary<string, SafeTensor>();
        var others = new List<string>();
        foreach (var (name, _) in named)
        {
            if (exact.Remove(name, out var entry)) pairs.Add(name, entry);
            else others.Add(name);
        }

        var wanted = others.Select(Translate).ToHashSet(StringComparer.Ordinal);
        var translated = new Dictionary<string, (string Name, SafeTensor Entry)>();
        foreach (var (own, entry) in exact)
        {
            var name = Translate(own);
            if (wanted.Contains(name) && !translated.TryAdd(name, (own, entry))) throw Coinciding(entry, translated[name].Entry, name);
        }

        foreach (var name in others)
        {
            if (!translated.Remove(Translate(name), out var found)) continue;
            pairs.Add(name, found.Entry);
            exact.Remove(found.Name);
        }

        // A tensor of several names is one: a file may have it under each of them, or under one alone.
        var byTensor = new Dictionary<Tensor, SafeTensor>(ReferenceEqualityComparer.Instance);
        var matched = new List<(string, Tensor, SafeTensor)>();
        foreach (var (name, tensor) in named)
        {
            if (!pairs.TryGetValue(name, out var entry)) continue;
            if (byTensor.TryAdd(tensor, entry)) matched.Add((name, tensor, entry));
            else if (!AreEqual(entry, byTensor[tensor])) throw new ShapeException("TorchWeights", $"'{byTensor[tensor].Name}' and '{entry.Name}' differ, but are one and the same tensor in the model, '{name}'.");
        }

        List<string> missing = [.. named.Where(t => !byTensor.ContainsKey(t.Tensor)).DistinctBy(t => t.Tensor).Select(t => t.Name)];

        return new(prefix + wrapper, matched, missing, [.. exact.Values.Select(e => e.Name)]);

        static ShapeException Coinciding(SafeTensor one, SafeTensor other, string name) => new("TorchWeights", $"'{one.Name}' and '{other.Name}' would both become '{name}'.");
    }

    /// <summary>A model's tensors under all of their names, as PyTorch's state dictionary has them: one that is reached twice has two.</summary>
    internal static (string Name, Tensor Tensor)[] NamesOf(Layer model)
    {
        var all = new List<(string Name, Tensor Tensor)>();
        Walk(model, "");

        // Each layer was asked for its own names; this gives the tensors and layers the model's again.
        var once = model.StateDict().ToArray();
        return all.Count > once.Length && once.Select(t => t.Name).All(all.Select(t => t.Name).ToHashSet(StringComparer.Ordinal).Contains) ? [.. all] : once;

        void Walk(Layer layer, string prefix)
        {
            foreach (var (name, tensor) in layer.StateDict())
            {
                if (!name.Contains('.', StringComparison.Ordinal)) all.Add((prefix + name, tensor));
            }

            foreach (var (name, child) in layer.Children()) Walk(child, $"{prefix}{name}.");
        }
    }

    static bool AreEqual(SafeTensor a, SafeTensor b)
        => a.Origin == b.Origin || (a.Type == b.Type && a.Shape.SequenceEqual(b.Shape) && a.ReadBytes().AsSpan().SequenceEqual(b.ReadBytes()));

    /// <summary>The values of what belongs together, in the model's layout.</summary>
    /// <exception cref="ShapeException">A shape is another than the model's, or a layout is not certain.</exception>
    internal static List<(Tensor Tensor, double[] Values)> Convert(WeightMatch found, TorchLayouts layouts)
    {
        // All shapes first: they say more of what is wrong than a layout that is not certain.
        var certain = found.Matched.ConvertAll(m => Fitting(m.Name, m.Tensor, m.Entry, layouts[m.Name, m.Tensor], layouts.Failure));
        for (var i = 0; i < certain.Count; i++) CheckCertain(found.Matched[i].Name, found.Matched[i].Tensor, certain[i]);
        return [.. found.Matched.Zip(certain, (m, layout) => (m.Tensor, layout.FromTorch(m.Tensor.Shape, m.Entry.AsFloat64())))];
    }

    /// <summary>Whether a tensor of a file has the shape that a weight has in PyTorch.</summary>
    internal static bool Fits(Tensor tensor, SafeTensor entry, TorchLayout layout)
        => entry.Shape.SequenceEqual(layout.ShapeOf(tensor.Shape)) || (layout.Form == TorchForm.PlainMatrix && entry.Shape.SequenceEqual((layout with { Form = TorchForm.Matrix }).ShapeOf(tensor.Shape)));

    static TorchLayout Fitting(string name, Tensor tensor, SafeTensor entry, TorchLayout layout, string? failure)
    {
        if (!Fits(tensor, entry, layout))
            throw new ShapeException("TorchWeights", $"'{entry.Name}' is {SafeTensor.Text(entry.Shape)}, '{name}' {tensor.Shape} expects {SafeTensor.Text(layout.ShapeOf(tensor.Shape))}.{(failure is null ? "" : $" It may be that {failure}: say the shape of one (WeightsOptions.Input).")}");
        if (layout.Form != TorchForm.PlainMatrix) return layout;
        if (tensor.Shape[0] == tensor.Shape[1] && tensor.Shape[0] > 1) return layout with { Doubt = layout.Doubt ?? "it is a square matrix outside a Linear layer, which PyTorch may have either way round: keep it in a Linear layer if it is [out, in] there" };
        return entry.Shape.SequenceEqual(layout.ShapeOf(tensor.Shape)) ? layout : layout with { Form = TorchForm.Matrix };
    }

    static void CheckCertain(string name, Tensor tensor, TorchLayout layout)
    {
        if (layout.Doubt is not { } doubt || tensor.Count <= 1) return;
        var path = name.LastIndexOf('.') is >= 0 and var dot ? name[..dot] : "";
        throw new ShapeException("TorchWeights", $"the order in which PyTorch has '{name}' {tensor.Shape} is not certain: {doubt}. Say the shape of an input (WeightsOptions.Input), or how many channels the images have that the layer reads flattened, 1 if it reads none (WeightsOptions.FlattenedChannels[\"{path}\"]).");
    }

    [GeneratedRegex("(?<=^|\\.)(module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\\.", RegexOptions.CultureInvariant)]
    private static partial Regex WrappedParts();

    [GeneratedRegex("(?<=^|\\.)running_(mean|var)$", RegexOptions.CultureInvariant)]
    private static partial Regex Statistics();

    [GeneratedRegex(@"(denselayer\d+\.(?:norm|conv))\.([12])\.", RegexOptions.CultureInvariant)]
    private static partial Regex OldDenseNet();
}

/// <summary>What of a file belongs to a model, by name.</summary>
/// <param name="Prefix">What stands before the model's names in the file.</param>
/// <param name="Matched">The model's names and tensors, and the file's.</param>
/// <param name="Missing">The model's names that the file has not.</param>
/// <param name="LeftOver">The file's names after the prefix that the model has not.</param>
sealed record WeightMatch(string Prefix, List<(string Name, Tensor Tensor, SafeTensor Entry)> Matched, List<string> Missing, List<string> LeftOver);

/// <summary>What .safetensors files say of themselves in their metadata.</summary>
static class WeightMark
{
    /// <summary>Where writers of weights say which framework they are; Hugging Face's write <c>pt</c> for PyTorch.</summary>
    public const string FormatKey = "format";

    public const string PyTorch = "pt";

    /// <summary>Where this library says how weights lie.</summary>
    public const string LayoutKey = "layout";

    public const string Own = "cnnsharp";

    /// <summary>What a file says; null if nothing.</summary>
    public static WeightLayout? Of(IReadOnlyDictionary<string, string> metadata)
    {
        var format = metadata.GetValueOrDefault(FormatKey);
        if (metadata.GetValueOrDefault(LayoutKey) == Own || (format?.StartsWith(Own, StringComparison.Ordinal) ?? false)) return WeightLayout.CnnSharp;
        return format == PyTorch ? WeightLayout.PyTorch : null;
    }
}
