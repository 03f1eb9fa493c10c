using System.Collections;
using System.IO.Enumeration;
using System.Reflection;
using CnnSharp.Kernels;

namespace CnnSharp.Layers;

/// <summary>What a trained model needs to learn something else: a new head, and parts that stay as they are.</summary>
/// <example>
/// <code>
/// var model = ResNet.ImageNet(18);
/// PretrainedWeights.Load(model, "resnet18.safetensors");
/// model.Replace("fc", new Linear(512, 5));
/// model.Freeze("conv1.*", "bn1.*", "layer1.*");
/// Trainer.Fit(model, train, validation, new() { LearningRates = [new("layer*", 0.1)] });
/// </code>
/// </example>
public abstract partial class Layer
{
    HashSet<Tensor>? frozen;

    /// <summary>Puts a layer in another's place, such as a head for other classes.</summary>
    /// <param name="path">Where, e.g. <c>fc</c> or <c>classifier.6</c>.</param>
    /// <param name="layer">What comes there.</param>
    /// <returns>This model.</returns>
    /// <exception cref="ArgumentException">Nothing stands there, or only a layer of another kind can.</exception>
    public Layer Replace(string path, Layer layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        Locate(Path);
        var place = Path.Length == 0 ? path : $"{Path}.{path}";
        var old = Modules().FirstOrDefault(l => l != this && l.Path == place)
            ?? throw new ArgumentException(Nearest.Unknown("layer", place, [.. Modules().Skip(1).Select(l => l.Path)]), nameof(path));
        foreach (var owner in Modules())
        {
            foreach (var field in FieldsOf(owner.GetType()))
            {
                if (!Put(owner, field, old, layer)) continue;
                layer.Locate(place);
                layer.Train(IsTraining);
                return this;
            }
        }

        throw new ArgumentException($"Layer '{path}' is a {old.GetType().Name} in a list that cannot be changed.", nameof(path));
    }

    /// <summary>
    /// Keeps parameters as they are: Backward computes no gradients for them, optimizers made afterwards leave them out.
    /// They are still saved. The running statistics of a batch normalization move all the same while its layer trains.
    /// </summary>
    /// <param name="patterns">Of the parameters' paths; <c>*</c> stands for any characters: <c>features.*</c>, <c>*.bn1.*</c>.</param>
    /// <returns>The parameters that are frozen now and were not before.</returns>
    /// <exception cref="ArgumentException">A pattern fits no parameter.</exception>
    public IReadOnlyList<string> Freeze(params string[] patterns)
    {
        ArgumentNullException.ThrowIfNull(patterns);
        frozen ??= new(ReferenceEqualityComparer.Instance);
        var named = StateDict().Where(t => t.Tensor.RequiresGrad || frozen.Contains(t.Tensor)).ToArray();
        var names = new List<string>();
        foreach (var pattern in patterns)
        {
            foreach (var (name, tensor) in Matching(named, pattern))
            {
                if (!frozen.Add(tensor)) continue;
                tensor.RequiresGrad = false;
                tensor.ClearGradient();
                names.Add(name);
            }
        }

        return names;
    }

    /// <summary>Lets parameters learn again that <see cref="Freeze"/> of this model kept as they are.</summary>
    /// <param name="patterns">As for <see cref="Freeze"/>; default: all of them.</param>
    /// <returns>The parameters that are not frozen any more.</returns>
    /// <exception cref="ArgumentException">A pattern fits no frozen parameter.</exception>
    public IReadOnlyList<string> Unfreeze(params string[] patterns)
    {
        ArgumentNullException.ThrowIfNull(patterns);
        if (frozen is null) return [];
        var named = StateDict().Where(t => frozen.Contains(t.Tensor)).ToArray();
        var names = new List<string>();
        foreach (var pattern in patterns.Length == 0 ? ["*"] : patterns)
        {
            foreach (var (name, tensor) in patterns.Length == 0 ? named : Matching(named, pattern))
            {
                if (!frozen.Remove(tensor)) continue;
                tensor.RequiresGrad = true;
                names.Add(name);
            }
        }

        return names;
    }

    /// <summary>The parameters whose paths fit a pattern, frozen ones left out.</summary>
    /// <param name="pattern">As for <see cref="Freeze"/>.</param>
    /// <exception cref="ArgumentException">There are none.</exception>
    public IReadOnlyList<(string Name, Tensor Tensor)> ParametersLike(string pattern) => Matching([.. StateDict().Where(t => t.Tensor.RequiresGrad)], pattern);

    static (string Name, Tensor Tensor)[] Matching((string Name, Tensor Tensor)[] named, string pattern)
    {
        var found = named.Where(t => FileSystemName.MatchesSimpleExpression(pattern, t.Name, ignoreCase: false)).ToArray();
        if (found.Length == 0) throw new ArgumentException($"No parameter fits '{pattern}'. There are {string.Join(", ", named.Take(4).Select(t => $"'{t.Name}'"))}{(named.Length > 4 ? $" and {named.Length - 4} more" : "")}.", nameof(pattern));
        return found;
    }

    /// <summary>Whether <paramref name="old"/> stood in that field, and <paramref name="layer"/> does now.</summary>
    static bool Put(Layer owner, FieldInfo field, Layer old, Layer layer)
    {
        switch (field.GetValue(owner))
        {
            case Layer held when held == old:
                if (!field.FieldType.IsInstanceOfType(layer)) throw new ArgumentException($"Layer '{old.Path}' can only be replaced by a {field.FieldType.Name}, not by a {layer.GetType().Name}.", nameof(layer));
                field.SetValue(owner, layer);
                return true;
            case (string Name, Layer Layer)[] named when Array.FindIndex(named, l => l.Layer == old) is >= 0 and var i:
                named[i].Layer = layer;
                return true;
            case IList list when list.IndexOf(old) is >= 0 and var i && !list.IsReadOnly:
                list[i] = layer;
                return true;
            default:
                return false;
        }
    }
}
