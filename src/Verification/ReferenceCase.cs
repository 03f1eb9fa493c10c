namespace CnnSharp.Verification;

/// <summary>One operation's reference case: inputs, the result <c>y</c>, the upstream gradient <c>dy</c>, gradients <c>dx</c>, <c>dw</c>, ... and <c>new_...</c> for what is updated.</summary>
public static class ReferenceCase
{
    /// <summary>Replays a case.</summary>
    /// <returns>What differs, or null.</returns>
    /// <exception cref="FormatException">The case is incomplete or its tensors do not fit its operation.</exception>
    public static string? Check(CaseFile file, OperationRow operation, Device device)
    {
        var attributes = file.Attributes;
        var names = file.Names.ToHashSet();
        if (!names.Contains("y")) throw new FormatException($"the case has no result 'y'; it has {string.Join(", ", names)}.");
        var inputs = new Dictionary<string, HostTensor>();
        var expected = new List<(string Name, HostTensor Tensor)> { ("y", Load("y", "y")) };
        var wantsGradients = false;
        foreach (var name in names.Where(name => name is not ("y" or "dy")))
        {
            if (name.StartsWith("new_", StringComparison.Ordinal) && operation.Updated.Contains(name[4..]) && names.Contains(name[4..]))
            {
                expected.Add((name, Load(name, name[4..])));
            }
            else if (name[0] == 'd' && names.Contains(name[1..]))
            {
                expected.Add((name, Load(name, name[1..])));
                wantsGradients = true;
            }
            else
            {
                inputs.Add(name, Load(name, name));
            }
        }

        CheckLabels(inputs, attributes);
        var result = operation.Evaluate(device, inputs, attributes, wantsGradients ? Upstream : null);
        var tolerance = Tolerance.Of(operation, device);
        foreach (var (name, tensor) in expected)
        {
            var actual = result.Named().FirstOrDefault(given => given.Name == name).Tensor ?? throw new FormatException($"{operation.Name} has no '{name}' to compare.");
            if (Comparison.Difference(name, tensor, actual, tolerance) is { } difference) return difference;
        }

        return null;

        HostTensor Load(string name, string layoutOf)
        {
            var tensor = file[name];
            return tensor.In(operation.Layout(layoutOf, tensor.Shape, attributes));
        }

        HostTensor Upstream(Shape y)
        {
            var values = names.Contains("dy") ? Load("dy", "y").Values : Enumerable.Repeat(1.0, (int)y.Count).ToArray();
            return values.Length == y.Count ? new(y, values) : throw new FormatException($"'dy' has {values.Length} elements, the result is {y}.");
        }
    }

    /// <summary>Labels are checked where they enter, so that every device refuses a case in the same words.</summary>
    static void CheckLabels(Dictionary<string, HostTensor> inputs, Attributes attributes)
    {
        if (!inputs.TryGetValue("target", out var target) || !target.IsInteger || !inputs.TryGetValue("x", out var x) || x.Shape.Rank < 1) return;
        var classes = x.Shape[^1];
        var ignored = attributes.Has("ignore_index") ? attributes.Integer("ignore_index", 0) : (int?)null;
        foreach (var label in target.Values)
        {
            if (label == ignored) continue;
            if (label < 0 || label >= classes) throw new FormatException($"'target' has the label {label}; there are {classes} classes.");
        }
    }
}
