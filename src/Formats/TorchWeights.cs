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
/// Weights that PyTorch wrote, brought into a model: its names are translated, its layouts (OIHW, [out, in], pictures
/// flattened channel by channel) turned into this library's.
/// </summary>
public static class TorchWeights
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

    /// <summary>Replaces the model's parameters and buffers by those of a file. If it throws, none is replaced.</summary>
    /// <param name="model">The model. Flattened pictures are recognised by a linear layer whose inputs are a multiple of the pixels that a pooling to a fixed size, or else of the channels that a convolution, leaves before it, in the order of <see cref="Layer.Descend"/>.</param>
    /// <param name="file">The file, with PyTorch's names; <c>num_batches_tracked</c> is ignored.</param>
    /// <param name="prefix">Of the names; entries without it are not looked at. Default none.</param>
    /// <param name="rules">What becomes of the names first; default nothing.</param>
    /// <returns>What was found and what was not; it is for the caller to insist that it be complete.</returns>
    /// <exception cref="ShapeException">A tensor has another shape than the model's, or two names become one; the message gives both.</exception>
    /// <exception cref="DataFormatException">The file's data cannot be read.</exception>
    public static ImportReport Load(Layer model, SafeTensors file, string prefix = "", NameRules? rules = null) => Load(model, file.Tensors, prefix, rules);

    /// <summary>As <see cref="Load(Layer, SafeTensors, string, NameRules)"/>, of tensors from any file: <see cref="TorchFile.Read"/>.</summary>
    /// <exception cref="ShapeException">A tensor has another shape than the model's, or two names become one; the message gives both.</exception>
    public static ImportReport Load(Layer model, IReadOnlyList<SafeTensor> tensors, string prefix = "", NameRules? rules = null)
    {
        var report = Match(model, tensors, prefix, rules, out var found);
        foreach (var (tensor, values) in found) tensor.Write<double>(values);
        return report;
    }

    /// <summary>Finds what belongs together, and changes nothing.</summary>
    internal static ImportReport Match(Layer model, IReadOnlyList<SafeTensor> tensors, string prefix, NameRules? rules, out List<(Tensor Tensor, double[] Values)> found)
    {
        var named = model.NamedTensors().ToArray();
        var owners = Owners(model);
        var stored = new Dictionary<string, SafeTensor>();
        foreach (var entry in tensors)
        {
            if (!entry.Name.StartsWith(prefix, StringComparison.Ordinal) || entry.Name.EndsWith("num_batches_tracked", StringComparison.Ordinal)) continue;
            var own = entry.Name[prefix.Length..];
            var name = Translate(rules?.Apply(own) ?? own);
            if (!stored.TryAdd(name, entry)) throw new ShapeException("TorchWeights", $"'{entry.Name}' and '{stored[name].Name}' would both become '{name}'.");
        }

        found = [];
        var matched = new List<string>();
        var missing = new List<string>();
        foreach (var (name, tensor) in named)
        {
            if (!stored.Remove(Translate(name), out var entry))
            {
                missing.Add(name);
                continue;
            }

            matched.Add(name);
            found.Add((tensor, Convert(name, tensor, entry, owners.GetValueOrDefault(tensor))));
        }

        return new(matched, missing, [.. stored.Values.Select(e => e.Name)]);
    }

    /// <summary>The name under which a tensor of the model and one of the file meet: <c>stage1.0.norm1.running_var</c> and <c>layer1.0.bn1.runningVariance</c> are both the latter.</summary>
    public static string Translate(string name) => string.Join('.', name.Split('.').Select(part =>
    {
        foreach (var (pattern, ours) in Names)
        {
            if (pattern.IsMatch(part)) return pattern.Replace(part, ours);
        }

        return part;
    }));

    /// <summary>The layers whose weights change their layout, by weight, and for linear ones the channels of the pictures they read flattened (1: none).</summary>
    static Dictionary<Tensor, (Layer Layer, int Channels)> Owners(Layer model)
    {
        var owners = new Dictionary<Tensor, (Layer, int)>(ReferenceEqualityComparer.Instance);
        var channels = 1;
        var pixels = 0;
        foreach (var layer in model.Descend())
        {
            switch (layer)
            {
                case Conv2d convolution:
                    owners.TryAdd(convolution.Weight, (convolution, 1));
                    (channels, pixels) = (convolution.Weight.Shape[3], 0);
                    break;
                case ConvTranspose2d convolution:
                    owners.TryAdd(convolution.Weight, (convolution, 1));
                    (channels, pixels) = (convolution.Weight.Shape[3], 0);
                    break;
                case GlobalAvgPool2d:
                    pixels = 1;
                    break;
                case AdaptiveAvgPool2d pool:
                    pixels = pool.Output.H * pool.Output.W;
                    break;
                case Maxout maxout:
                    channels /= maxout.Pieces;
                    break;
                case Linear linear:
                    var inputs = linear.Weight.Shape[0];
                    if (pixels > 0 && inputs % pixels == 0) channels = inputs / pixels;
                    owners.TryAdd(linear.Weight, (linear, channels > 0 && inputs % channels == 0 ? channels : 1));
                    pixels = 0;
                    channels = 1;
                    break;
            }
        }

        return owners;
    }

    /// <summary>The values in the model's layout. Places are counted through in PyTorch's order: the axes named are its own, outermost first.</summary>
    static double[] Convert(string name, Tensor tensor, SafeTensor entry, (Layer? Layer, int Channels) owner)
    {
        var ours = tensor.Shape;
        long[] expected = owner.Layer switch
        {
            Conv2d => [ours[3], ours[2], ours[0], ours[1]],
            ConvTranspose2d t => [(long)ours[2] * t.Options.Groups, ours[3] / t.Options.Groups, ours[0], ours[1]],
            Linear => [ours[1], ours[0]],
            _ => Array.ConvertAll(ours.ToArray(), extent => (long)extent),
        };
        if (!entry.Shape.SequenceEqual(expected))
            throw new ShapeException("TorchWeights", $"'{entry.Name}' is {SafeTensor.Text(entry.Shape)}, '{name}' {ours} expects {SafeTensor.Text(expected)}.");

        var values = entry.AsFloat64();
        return owner.Layer switch
        {
            Conv2d => Permute(values, ours[3], ours[2], ours[0] * ours[1], (k, c, p) => (((p * ours[2]) + c) * ours[3]) + k),

            // [in, out / groups, kh kw]; input i is input i % (in / groups) of group i / (in / groups), which has the outputs from there on.
            ConvTranspose2d t => Permute(values, ours[2] * t.Options.Groups, ours[3] / t.Options.Groups, ours[0] * ours[1], (i, k, p) => (((p * ours[2]) + (i % ours[2])) * ours[3]) + (i / ours[2] * (ours[3] / t.Options.Groups)) + k),

            // [out, C, H W] to [H W, C, out].
            Linear => Permute(values, ours[1], owner.Channels, ours[0] / owner.Channels, (k, c, p) => (((p * owner.Channels) + c) * ours[1]) + k),
            _ => values,
        };
    }

    static double[] Permute(double[] values, int d0, int d1, int d2, Func<int, int, int, int> place)
    {
        var result = new double[values.Length];
        var next = 0;
        for (var i = 0; i < d0; i++)
        {
            for (var j = 0; j < d1; j++)
            {
                for (var k = 0; k < d2; k++) result[place(i, j, k)] = values[next++];
            }
        }

        return result;
    }
}
