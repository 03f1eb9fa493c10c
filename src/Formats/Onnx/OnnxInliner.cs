using CnnSharp.Kernels;

namespace CnnSharp.Formats.Onnx;

/// <summary>
/// Puts the nodes of a model's own functions in the place of their calls, and those of the branch taken in the place of an If
/// whose condition follows from constants, so that what is left is one list of standard operators.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="network">What is built of it: it evaluates conditions.</param>
/// <param name="constants">The constant tensors by name; those of branches are added.</param>
internal sealed class OnnxInliner(OnnxModel model, OnnxNetwork network, Dictionary<string, OnnxTensor> constants)
{
    /// <summary>How many nodes may come to those of the file: functions that call functions can stand for any number.</summary>
    const int MostNodes = 1 << 16;

    /// <summary>How deep functions and branches may be within each other.</summary>
    const int MostDepth = 64;

    /// <summary>How many elements the numbers may have that a condition is computed from, and how many nodes may lie between.</summary>
    const int MostElements = 64, MostSteps = 256;

    /// <summary>Operators that conditions are made of.</summary>
    static readonly HashSet<string> Foldable = new(StringComparer.Ordinal)
    {
        "Constant", "Identity", "Cast", "Not", "And", "Or", "Xor", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Add", "Sub", "Mul", "Div", "Mod",
        "Gather", "Slice", "Concat", "Squeeze", "Unsqueeze", "Reshape", "Size", "ReduceProd", "ReduceSum", "Where",
    };

    readonly List<OnnxNode> nodes = [];
    readonly HashSet<(string, string, string)> open = [];
    readonly Dictionary<string, OnnxNode> makers = new(StringComparer.Ordinal);
    readonly Dictionary<string, HostArray?> folded = new(StringComparer.Ordinal);
    readonly Dictionary<string, OnnxValueInfo> inputs = model.Inputs.ToDictionary(input => input.Name, StringComparer.Ordinal);

    // No name of the file begins with it, so that names within functions and branches are new ones.
    readonly string mark = Mark(model);
    int added;
    int scopes;

    /// <summary>The nodes of the model, each after those whose results it reads.</summary>
    public List<OnnxNode> Inline()
    {
        if (model.Functions.Count == 0 && !model.Nodes.Any(node => node is { Operator: "If", Domain: "" })) return [.. model.Nodes];
        foreach (var node in model.Nodes) Add(node, depth: 0);
        return nodes;
    }

    static string Mark(OnnxModel model)
    {
        var longest = 0;
        foreach (var name in model.Nodes.SelectMany(node => node.Outputs).Concat(model.Initializers.Keys).Concat(model.Inputs.Select(input => input.Name)))
        {
            var slashes = 0;
            while (slashes < name.Length && name[slashes] == '/') slashes++;
            longest = Math.Max(longest, slashes);
        }

        return new('/', longest + 1);
    }

    void Add(OnnxNode node, int depth)
    {
        if (depth > MostDepth) throw Malformed(node, $"functions and branches are more than {MostDepth} deep within each other");
        if (depth > 0 && ++added > MostNodes) throw Malformed(node, $"its functions stand for more than {MostNodes:N0} nodes");
        if (node is { Operator: "If", Domain: "" }) AddBranch(node, depth);
        else if (model.Functions.TryGetValue((node.Domain, node.Operator, node.Overload), out var function) && !(node.Domain.Length == 0 && OnnxOperators.Knows(node.Operator))) AddBody(node, function, depth);
        else
        {
            nodes.Add(node);
            foreach (var output in node.Outputs) makers[output] = node;
        }
    }

    /// <summary>A function's nodes, with the caller's names for what it takes and gives.</summary>
    void AddBody(OnnxNode call, OnnxFunction function, int depth)
    {
        if (!open.Add(function.Key)) throw Malformed(call, $"the function '{OnnxModel.Cut(function.Name)}' calls itself");
        if (call.Inputs.Count > function.Inputs.Count || call.Outputs.Count > function.Outputs.Count)
            throw Malformed(call, $"the function takes {function.Inputs.Count} inputs and gives {function.Outputs.Count} results, the node has {call.Inputs.Count} and {call.Outputs.Count}");
        var scope = new NameScope(null);
        var prefix = $"{mark}{++scopes}/";
        for (var i = 0; i < function.Inputs.Count; i++) scope.Names[function.Inputs[i]] = i < call.Inputs.Count ? call.Inputs[i] : "";
        var results = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < call.Outputs.Count; i++)
        {
            if (call.Outputs[i].Length > 0 && !results.TryAdd(function.Outputs[i], call.Outputs[i])) throw Malformed(call, $"the function gives out '{OnnxModel.Cut(function.Outputs[i])}' twice");
        }

        var opset = function.Opsets.TryGetValue("", out var version) ? OnnxModel.CheckOpset(version, model.Path) : call.Opset;
        foreach (var node in function.Nodes)
        {
            Add(
                Renamed(node, call, prefix, scope, results, name => throw Malformed(call, $"in the function '{OnnxModel.Cut(function.Name)}' the input '{OnnxModel.Cut(name)}' of {node.Label} is made by no node before it"), opset, Attributes(node, call, function)),
                depth + 1);
        }

        // What the function hands on as it came.
        foreach (var (inner, outer) in results)
        {
            var known = scope.Find(inner) ?? throw Malformed(call, $"the function '{OnnxModel.Cut(function.Name)}' gives out '{OnnxModel.Cut(inner)}', which no node of it makes");
            if (known != outer) Add(Identity(call, known, outer), depth + 1);
        }

        open.Remove(function.Key);
    }

    /// <summary>The branch that an If takes.</summary>
    void AddBranch(OnnxNode node, int depth)
    {
        var name = node.Inputs is [{ Length: > 0 } condition, ..] ? condition : throw Malformed(node, "its condition is missing");
        if (Evaluate(name, MostSteps) is not { Count: 1 } value)
        {
            nodes.Add(node);
            return;
        }

        var attribute = value.Real(0) != 0 ? "then_branch" : "else_branch";
        if (node.Attributes.FirstOrDefault(found => found.Name == attribute)?.Graph is not { } message) throw Malformed(node, $"it has no graph '{attribute}'");
        var graph = OnnxGraph.From(message, new(model.Source, "the graph of an attribute"));
        if (graph.Outputs.Count != node.Outputs.Count) throw Malformed(node, $"'{attribute}' gives {graph.Outputs.Count} results, the node has {node.Outputs.Count}");
        var scope = new NameScope(node.Scope);
        var prefix = $"{mark}{++scopes}/";
        foreach (var (inner, tensor) in graph.Initializers)
        {
            scope.Names[inner] = prefix + inner;
            constants[prefix + inner] = tensor;
        }

        var results = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < graph.Outputs.Count; i++) results.TryAdd(graph.Outputs[i].Name, node.Outputs[i]);
        foreach (var inner in graph.Nodes) Add(Renamed(inner, node, prefix, scope, results, name => name, node.Opset, inner.Attributes), depth + 1);
        for (var i = 0; i < graph.Outputs.Count; i++)
        {
            var known = scope.Find(graph.Outputs[i].Name) ?? graph.Outputs[i].Name;
            if (node.Outputs[i].Length > 0 && known != node.Outputs[i]) Add(Identity(node, known, node.Outputs[i]), depth + 1);
        }
    }

    /// <summary>A node of a body in the terms of what is around it.</summary>
    OnnxNode Renamed(OnnxNode node, OnnxNode caller, string prefix, NameScope scope, Dictionary<string, string> results, Func<string, string> outside, int? opset, IReadOnlyList<OnnxAttribute> attributes)
    {
        var read = node.Inputs.Select(name => name.Length == 0 ? "" : scope.Find(name) ?? outside(name)).ToArray();
        var made = new string[node.Outputs.Count];
        for (var i = 0; i < made.Length; i++)
        {
            var name = node.Outputs[i];
            made[i] = name.Length == 0 ? "" : results.TryGetValue(name, out var result) && result.Length > 0 ? result : prefix + name;
            if (name.Length > 0 && !scope.Names.TryAdd(name, made[i])) throw Malformed(caller, $"the result '{OnnxModel.Cut(name)}' of {node.Label} within it exists already");
        }

        return new()
        {
            Operator = node.Operator,
            Name = OnnxModel.Cut(caller.Name.Length > 0 ? $"{caller.Name}/{node.Name}" : node.Name),
            Domain = node.Domain,
            Overload = node.Overload,
            Inputs = read,
            Outputs = made,
            Attributes = attributes,
            Opset = opset,
            Scope = node.Operator == "If" ? scope : null,
        };
    }

    /// <summary>A node's attributes with those that it takes from its function's caller.</summary>
    static IReadOnlyList<OnnxAttribute> Attributes(OnnxNode node, OnnxNode call, OnnxFunction function)
    {
        if (node.Attributes.All(attribute => attribute.Reference.Length == 0)) return node.Attributes;
        var attributes = new List<OnnxAttribute>();
        foreach (var attribute in node.Attributes)
        {
            if (attribute.Reference.Length == 0) attributes.Add(attribute);
            else if ((call.Attributes.FirstOrDefault(given => given.Name == attribute.Reference) ?? function.Defaults.GetValueOrDefault(attribute.Reference)) is { } value) attributes.Add(value.Named(attribute.Name));
        }

        return attributes;
    }

    OnnxNode Identity(OnnxNode around, string input, string output)
        => input.Length > 0 ? new() { Operator = "Identity", Name = around.Name, Inputs = [input], Outputs = [output], Opset = around.Opset } : throw Malformed(around, $"its result '{OnnxModel.Cut(output)}' is an input that it was not given");

    /// <summary>The value of a name where it follows from constants and the extents of what is fed in, else null.</summary>
    HostArray? Evaluate(string name, int steps)
    {
        if (folded.TryGetValue(name, out var known)) return known;
        HostArray? value = null;
        if (constants.TryGetValue(name, out var constant)) value = constant.Shape.Count <= MostElements && constant.Type.SizeOf() > 0 ? constant.ToArray() : null;
        else if (steps > 0 && makers.TryGetValue(name, out var maker) && maker.Domain.Length == 0) value = Compute(maker, steps - 1, maker.Outputs.ToList().IndexOf(name));
        folded[name] = value;
        return value;
    }

    HostArray? Compute(OnnxNode node, int steps, int output)
    {
        if (node.Operator == "Shape" && node.Inputs is [var read] && inputs.TryGetValue(read, out var input) && input.Shape is { } extents && node.Attributes.Count == 0)
            return extents.All(extent => extent is >= 0) ? HostArray.Of([.. extents.Select(extent => extent!.Value)]) : null;
        if (!Foldable.Contains(node.Operator)) return null;
        var values = new Value?[node.Inputs.Count];
        for (var i = 0; i < values.Length; i++)
        {
            if (node.Inputs[i].Length == 0) continue;
            if (Evaluate(node.Inputs[i], steps) is not { } array || array.Count > MostElements || (array.Type.IsReal() && array.Count != 1)) return null;
            values[i] = Value.Of(array);
        }

        var binding = new Binding(network, node);
        if (node.Operator == "Constant") return OnnxOperators.ReadConstant(binding) is { Shape.Count: <= MostElements } tensor && tensor.Type.SizeOf() > 0 ? tensor.ToArray() : null;
        try
        {
            using (Tape.NoGrad())
            {
                var results = OnnxOperators.Make(node, binding)(values);
                return output < results.Length && results[output] is { } result && result.Shape.Count <= MostElements ? result.Host() : null;
            }
        }
        catch (Exception e) when (e is ArithmeticException or FormatException or IndexOutOfRangeException or ArgumentException or NullReferenceException or NotSupportedException)
        {
            // What is wrong with the node is said where it is run.
            return null;
        }
    }

    DataFormatException Malformed(OnnxNode node, string reason) => new(model.Path, $"{node.Label}: {reason}");
}

/// <summary>What the names of a function's body or a branch are called in the list of all nodes, and those of what is around it.</summary>
/// <param name="outer">What is around a branch; null for a function, which sees nothing of its caller.</param>
internal sealed class NameScope(NameScope? outer)
{
    public Dictionary<string, string> Names { get; } = new(StringComparer.Ordinal);

    public string? Find(string name) => Names.TryGetValue(name, out var known) ? known : outer?.Find(name);
}
