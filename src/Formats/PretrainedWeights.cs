using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Formats;

/// <summary>
/// Weights that are there already, whoever trained them: a .safetensors file with this library's names or PyTorch's, or a
/// file of <c>torch.save</c> (.pt, .pth). All of the model's tensors must be in the file, and nothing else among its weights;
/// of a checkpoint, the entry that fits is found. Heads that only take part in training may be missing, or be there for a model without them.
/// </summary>
/// <example>
/// <code>
/// var model = ResNet.ImageNet(18);
/// PretrainedWeights.Load(model, "resnet18.pth");
/// </code>
/// </example>
public static class PretrainedWeights
{
    const int Named = 4;

    /// <summary>Replaces the model's parameters and buffers by those of a file. If it throws, none is replaced.</summary>
    /// <param name="model">Built like the one that was trained.</param>
    /// <param name="path">The file; its contents, not its name, say of what kind it is.</param>
    /// <param name="rules">What becomes of the file's names first; default nothing.</param>
    /// <param name="name">What messages call the model; default its type.</param>
    /// <exception cref="DataFormatException">The file is not sound, or is of another model: the message names what is missing and what is left over.</exception>
    /// <exception cref="ShapeException">A tensor has another shape than the model's, or it is not certain how a weight lies in PyTorch; the message says what decides it.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static void Load(Layer model, string path, NameRules? rules = null, string? name = null) => Load(model, path, new WeightsOptions { Rules = rules, ModelName = name });

    /// <summary>As <see cref="Load(Layer, string, NameRules, string)"/>, where something is to be said of the file or the model.</summary>
    /// <param name="model">Built like the one that was trained.</param>
    /// <param name="path">The file; its contents, not its name, say of what kind it is.</param>
    /// <param name="options">What does not follow from the file and the model.</param>
    /// <exception cref="DataFormatException">The file is not sound, is of another model, has several sets of weights that fit, or nothing says how its weights lie.</exception>
    /// <exception cref="ShapeException">A tensor has another shape than the model's, or it is not certain how a weight lies in PyTorch; the message says what decides it.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static void Load(Layer model, string path, WeightsOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        using var weights = Open(path);
        var layouts = new Lazy<TorchLayouts>(() => TorchLayouts.Of(model, options.Input, options.FlattenedChannels));
        var named = TorchWeights.NamesOf(model);
        var found = Choose(model, named, weights, options, layouts);
        var layout = LayoutOf(found, weights, options, layouts);
        foreach (var (entry, kind) in weights.UnreadableOf(found)) throw new DataFormatException(path, $"'{entry}' is {kind}, which is not read: save it as a dense tensor of floats");
        if (!IsComplete(model, found, layouts)) throw new DataFormatException(path, $"its tensors are not those of {options.ModelName ?? model.GetType().Name}: missing {Listing(found.Missing)}; left over {Listing(found.LeftOver)}{weights.Others(found)}");
        CheckClasses(found, layout, layouts);
        List<(Tensor Tensor, double[] Values)> values = layout == WeightLayout.PyTorch ? TorchWeights.Convert(found, layouts.Value) : [.. found.Matched.Select(m => (m.Tensor, Own(m.Name, m.Tensor, m.Entry, path)))];
        foreach (var (tensor, numbers) in values) tensor.CopyFrom<double>(numbers);
    }

    /// <summary>The shapes that a file has for a model's tensors, found by name alone: how many classes its head is for, say. Nothing is replaced.</summary>
    /// <param name="model">Built like the one that was trained but for some extents; it may be of shapes alone (<see cref="Device.Shapes"/>).</param>
    /// <param name="path">The file.</param>
    /// <param name="options">What does not follow from the file and the model; null for the defaults.</param>
    /// <returns>By the model's names, with the axes as the file has them: of vectors, the number of their elements.</returns>
    /// <exception cref="DataFormatException">The file is not sound, or has several sets of weights that fit.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static IReadOnlyDictionary<string, IReadOnlyList<long>> ShapesOf(Layer model, string path, WeightsOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        options ??= new();
        using var weights = Open(path);
        var layouts = new Lazy<TorchLayouts>(() => TorchLayouts.Of(model, options.Input, options.FlattenedChannels));
        return Choose(model, TorchWeights.NamesOf(model), weights, options, layouts).Matched.ToDictionary(m => m.Name, m => (IReadOnlyList<long>)m.Entry.Shape);
    }

    static WeightSource Open(string path)
        => WeightFile.KindOf(path) == WeightFileKind.SafeTensors ? new(path, SafeTensors.Open(path), null) : new(path, null, TorchArchive.Open(path));

    /// <summary>The weights in a file that fit the model by their names; where none do, those that fit best.</summary>
    static WeightMatch Choose(Layer model, (string Name, Tensor Tensor)[] named, WeightSource weights, WeightsOptions options, Lazy<TorchLayouts> layouts)
    {
        var matches = new List<WeightMatch>();
        ShapeException? coinciding = null;
        foreach (var (key, tensors) in weights.Sets(options.Key))
        {
            try
            {
                foreach (var match in TorchWeights.WithPrefixes(named, tensors, options.Rules)) matches.Add(match with { Prefix = key.Length == 0 ? match.Prefix : match.Prefix.Length == 0 ? key : $"{key}.{match.Prefix}" });
            }
            catch (ShapeException e)
            {
                // Of a checkpoint's other entries names may coincide.
                coinciding = e;
            }
        }

        // One set may be reached by a key as by a prefix of names: it is one all the same.
        var complete = new List<WeightMatch>();
        foreach (var match in matches.Where(match => IsWhole(model, match, layouts)))
        {
            if (!complete.Exists(other => other.Matched.Select(m => m.Entry.Origin).SequenceEqual(match.Matched.Select(m => m.Entry.Origin)))) complete.Add(match);
        }

        if (complete.Count > 1)
            throw new DataFormatException(weights.Path, $"has {complete.Count} sets of weights that fit {options.ModelName ?? model.GetType().Name}: {string.Join(", ", complete.Select(match => $"'{match.Prefix.TrimEnd('.')}'"))}; say which with WeightsOptions.Key (--weights-key)");
        return complete.Count == 1 ? complete[0] : matches.OrderByDescending(match => match.Matched.Count).ThenBy(match => match.LeftOver.Count).FirstOrDefault() ?? throw coinciding!;
    }

    static bool IsWhole(Layer model, WeightMatch match, Lazy<TorchLayouts> layouts) => match.Matched.Count > 0 && (match.Missing.Count == 0 || AreHeads(model, match.Missing, layouts));

    static bool IsComplete(Layer model, WeightMatch match, Lazy<TorchLayouts> layouts)
        => IsWhole(model, match, layouts) && match.LeftOver.TrueForAll(name => model is IAuxiliaryHeads && IsHead(name) && !match.Matched.Exists(m => IsHead(m.Name)));

    /// <summary>torchvision's names of heads that only take part in training: GoogLeNet's, Inception v3's.</summary>
    static bool IsHead(string name) => name.Split('.').Any(part => part is "aux1" or "aux2" or "AuxLogits");

    /// <summary>Whether tensors are all of those that only take part in training.</summary>
    static bool AreHeads(Layer model, List<string> names, Lazy<TorchLayouts> layouts)
        => model is IAuxiliaryHeads && names.TrueForAll(name => !layouts.Value.IsUsed(name)) && names.Count == model.StateDict().Count(t => !layouts.Value.IsUsed(t.Name));

    /// <summary>How the weights lie: what is said, what the file says, and else what its names and shapes leave possible.</summary>
    static WeightLayout LayoutOf(WeightMatch found, WeightSource weights, WeightsOptions options, Lazy<TorchLayouts> layouts)
    {
        if (options.Layout is { } said) return said;
        if (weights.Layout is { } marked) return marked;
        var isOwn = found.Matched.TrueForAll(m => m.Entry.Name == m.Name);
        if (!isOwn || weights.HasTorchNames) return WeightLayout.PyTorch;
        if (found.Matched.Exists(m => m.Name.EndsWith("runningVariance", StringComparison.Ordinal))) return WeightLayout.CnnSharp;

        var fitsOwn = found.Matched.Count(m => IsOfShape(m.Tensor, m.Entry));
        var undecided = found.Matched.Where(m => !layouts.Value[m.Name, m.Tensor].KeepsOrder(m.Tensor.Shape)).ToList();
        var fitsTorch = found.Matched.Count(m => TorchWeights.Fits(m.Tensor, m.Entry, layouts.Value[m.Name, m.Tensor]));

        // Where neither fits all, the one that fits more says better what is wrong.
        if (fitsOwn != fitsTorch) return fitsOwn > fitsTorch ? WeightLayout.CnnSharp : WeightLayout.PyTorch;
        if (fitsOwn < found.Matched.Count || undecided.Count == 0) return WeightLayout.PyTorch;
        throw new DataFormatException(weights.Path, $"its names and shapes are PyTorch's as well as this library's, which have '{undecided[0].Name}' {undecided[0].Tensor.Shape} in different orders: say which wrote it with WeightsOptions.Layout (--layout pytorch or cnnsharp)");
    }

    static bool IsOfShape(Tensor tensor, SafeTensor entry) => entry.Shape.SequenceEqual(tensor.Shape.ToArray().Select(extent => (long)extent));

    static double[] Own(string name, Tensor tensor, SafeTensor entry, string path)
        => IsOfShape(tensor, entry) ? entry.AsFloat64() : throw new DataFormatException(path, $"tensor '{entry.Name}', which is '{name}'", $"{tensor.Shape}", SafeTensor.Text(entry.Shape));

    /// <summary>Where nothing but the last layer differs, and only in its outputs, it is the number of classes.</summary>
    static void CheckClasses(WeightMatch found, WeightLayout layout, Lazy<TorchLayouts> layouts)
    {
        var differing = found.Matched.Where(m => !(layout == WeightLayout.PyTorch ? TorchWeights.Fits(m.Tensor, m.Entry, layouts.Value[m.Name, m.Tensor]) : IsOfShape(m.Tensor, m.Entry))).ToList();
        if (differing.Count == 0 || found.Matched.Count == differing.Count || differing.Find(m => m.Tensor.Shape.Rank == 1) is not { Entry.Shape: [var theirs] } bias) return;
        var ours = bias.Tensor.Shape[0];
        if (!differing.TrueForAll(m => m.Tensor.Shape[^1] == ours && m.Entry.Length == m.Tensor.Count / ours * theirs)) return;
        var first = differing[0];
        throw new ShapeException("TorchWeights", $"'{first.Entry.Name}' {SafeTensor.Text(first.Entry.Shape)} is for {theirs} classes, the model's '{first.Name}' {first.Tensor.Shape} for {ours}. Build the model for {theirs} classes (ModelOptions.Classes; --classes), or start a training from the weights, in which the head begins again (train --weights).");
    }

    static string Listing(List<string> names)
        => names.Count == 0 ? "none" : $"{string.Join(", ", names.Take(Named).Select(name => $"'{name}'"))}{(names.Count > Named ? $" and {names.Count - Named} more" : "")}";

    /// <summary>An open file of either kind.</summary>
    sealed class WeightSource(string path, SafeTensors? file, TorchArchive? archive) : IDisposable
    {
        public string Path => path;

        /// <summary>How the weights lie, where the file says so.</summary>
        public WeightLayout? Layout => archive is not null ? WeightLayout.PyTorch : WeightMark.Of(file!.Metadata);

        /// <summary>Whether there are names that only PyTorch gives.</summary>
        public bool HasTorchNames => file is not null && file.Tensors.Any(tensor => tensor.Name.EndsWith("running_var", StringComparison.Ordinal) || tensor.Name.EndsWith("num_batches_tracked", StringComparison.Ordinal));

        IReadOnlyList<SafeTensor> Whole => archive?.Dictionaries[0].Tensors ?? [.. file!.Tensors.Where(tensor => CheckpointNames.IsWeight(tensor.Name))];

        /// <summary>The sets of tensors that may be the weights: of a file of torch.save each dictionary; the one of a key, or after a prefix, where one is given.</summary>
        public IEnumerable<(string Key, IReadOnlyList<SafeTensor> Tensors)> Sets(string? key)
        {
            if (key is null) return archive?.Dictionaries.Select(d => (d.Key, d.Tensors)) ?? [("", Whole)];
            var wanted = key.TrimEnd('.');
            if (archive?.Dictionaries.FirstOrDefault(d => d.Key == wanted) is { } entry) return [(entry.Key, entry.Tensors)];
            foreach (var (at, tensors) in archive?.Dictionaries.Select(d => (d.Key, d.Tensors)) ?? [("", Whole)])
            {
                // Keys that lead to a dictionary, then the beginning of names in it.
                if (at.Length > 0 && !wanted.StartsWith($"{at}.", StringComparison.Ordinal)) continue;
                var prefix = $"{(at.Length > 0 ? wanted[(at.Length + 1)..] : wanted)}.";
                var after = tensors.Where(tensor => tensor.Name.StartsWith(prefix, StringComparison.Ordinal)).Select(tensor => tensor.Named(tensor.Name[prefix.Length..])).ToList();
                if (after.Count > 0) return [(wanted, after)];
            }

            archive?.Find(wanted);
            throw new DataFormatException(path, $"has no tensors whose names begin '{wanted}.'");
        }

        /// <summary>What is not read, of the dictionary that was chosen.</summary>
        public IEnumerable<(string Name, string Kind)> UnreadableOf(WeightMatch found)
            => archive?.Dictionaries.Where(d => d.Key.Length == 0 ? found.Prefix.Length == 0 : found.Prefix == d.Key || found.Prefix.StartsWith($"{d.Key}.", StringComparison.Ordinal)).SelectMany(d => d.Unreadable) ?? [];

        /// <summary>For a message, the entries of a checkpoint.</summary>
        public string Others(WeightMatch found) => archive is { Dictionaries.Count: > 1 } ? $" (looked at: {(found.Prefix.Length == 0 ? "the whole file" : $"'{found.Prefix}'")}; the file's entries: {Listing([.. archive.Dictionaries.Skip(1).Select(d => d.Key)])})" : "";

        public void Dispose()
        {
            file?.Dispose();
            archive?.Dispose();
        }
    }
}
