using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Formats;

/// <summary>
/// Finds how each weight of a model lies in PyTorch's form of the same network, from what the weights are used for: the
/// operations of a forward pass are followed, of which only the shapes are worked out.
/// </summary>
/// <remarks>
/// An image is [N, H, W, C] here and [N, C, H, W] there, so its flattening has its elements in two orders. That order is
/// carried through what keeps it (activations, dropout, sums) to the weights that read it, and back from where features
/// become an image again to those that wrote it. What has no such order that can be determined is in doubt, with the reason.
/// </remarks>
sealed class TorchLayouts
{
    /// <summary>The images that are followed: not 1, so that the batch axis differs from axes of one element.</summary>
    const int Batch = 2;

    /// <summary>The largest image that is looked for, in rows and columns.</summary>
    const int MaxSize = 256;

    /// <summary>How many kinds of input are tried.</summary>
    const int MaxInputs = 8;

    /// <summary>Sizes that are tried first where the input's is not known: those of common data sets.</summary>
    static readonly int[] UsualSizes = [32, 28, 224, 64, 96, 128, 227, 256, 299, 48, 16, 40, 56, 112, 8, 84, 100, 160, 192, 384, 512];

    readonly Layer model;
    readonly IReadOnlyDictionary<string, int> flattened;
    readonly Dictionary<Tensor, string> names = new(ReferenceEqualityComparer.Instance);
    readonly HashSet<Tensor> linearWeights;
    readonly Dictionary<Tensor, Tag> tags = new(ReferenceEqualityComparer.Instance);
    readonly Dictionary<Tensor, List<Tensor>> sources = new(ReferenceEqualityComparer.Instance);
    readonly Dictionary<Tensor, Tensor> transposed = new(ReferenceEqualityComparer.Instance);
    readonly Dictionary<Tensor, List<Use>> uses = new(ReferenceEqualityComparer.Instance);
    readonly HashSet<string> inMainPass = new(StringComparer.Ordinal);
    bool inputIsGuessed;
    Shape? lastFlattened;
    string? failure;

    TorchLayouts(Layer model, Shape? input, IReadOnlyDictionary<string, int>? flattened)
    {
        this.model = model;
        this.flattened = flattened ?? new Dictionary<string, int>();
        foreach (var (name, tensor) in model.StateDict())
        {
            names.Add(tensor, name);
            sources.Add(tensor, [tensor]);
        }

        linearWeights = new(model.Modules().OfType<Linear>().Select(linear => linear.Weight), ReferenceEqualityComparer.Instance);
        if (!Pass(model, input)) failure = input is null ? "no input was found that the model takes, so no forward pass of it could be followed" : $"the model does not take an input {input}, so no forward pass of it could be followed";
        foreach (var tensor in uses.Keys) inMainPass.Add(names[tensor]);
        PassUnused(model);

        // A part that was followed by itself has given its tensors and layers names that begin there.
        foreach (var (name, tensor) in model.StateDict()) tensor.Name = name;
    }

    /// <summary>The layouts of a model's weights.</summary>
    /// <param name="model">Any.</param>
    /// <param name="input">The shape of one input, without the batch axis; null: one that the model takes is looked for.</param>
    /// <param name="flattened">By the path of a layer, the channels of the images that it reads flattened.</param>
    public static TorchLayouts Of(Layer model, Shape? input = null, IReadOnlyDictionary<string, int>? flattened = null) => new(model, input, flattened);

    /// <summary>Why the model's own forward pass could not be followed, as a clause; null if it was.</summary>
    public string? Failure => failure;

    /// <summary>Whether the model's forward pass in inference uses a weight; heads that only take part in training do not.</summary>
    public bool IsUsed(string name) => inMainPass.Contains(name);

    /// <summary>How a weight lies.</summary>
    public TorchLayout this[string name, Tensor tensor]
    {
        get
        {
            var path = name.Contains('.', StringComparison.Ordinal) ? name[..name.LastIndexOf('.')] : "";
            var layout = uses.TryGetValue(tensor, out var found) ? Agreed(tensor, found) : Unused(tensor);
            if (!flattened.TryGetValue(path, out var channels)) return layout;
            var isMatrix = layout.Form is TorchForm.Matrix or TorchForm.PlainMatrix;
            var features = isMatrix ? tensor.Shape[0] : tensor.Shape.Rank == 0 ? 1 : tensor.Shape[^1];
            if (!isMatrix && (layout.Form != TorchForm.Same || IsLinearsBias(path, tensor))) return layout with { Doubt = null };
            if (channels < 1 || features % channels != 0) throw new ShapeException("TorchWeights", $"'{path}' reads {features} features, which images of {channels} channels do not have flattened.");
            var order = Flattening([1, features / channels, channels], [1, 2, 3]);
            return isMatrix ? layout with { Inputs = order, Outputs = null, Doubt = null } : layout with { Outputs = order, Doubt = null };
        }
    }

    bool IsLinearsBias(string path, Tensor tensor) => tensor.Shape.Rank == 1 && names.Any(pair => pair.Value.StartsWith($"{path}.", StringComparison.Ordinal) && linearWeights.Contains(pair.Key));

    TorchLayout Agreed(Tensor tensor, List<Use> found)
    {
        var layouts = found.ConvertAll(use => use.Layout);
        var differing = layouts.Find(layout => !layout.Equals(layouts[0]));
        var doubt = layouts.Find(layout => layout.Doubt is not null)?.Doubt;
        if (differing is not null) doubt ??= "it is used in two places whose forms of it differ in PyTorch";
        return layouts[0] with { Doubt = doubt };
    }

    /// <summary>What no operation reads in a forward pass: the layer's kind tells of a convolution, not of what a linear layer reads.</summary>
    TorchLayout Unused(Tensor tensor)
    {
        foreach (var layer in model.Modules())
        {
            if (layer is Conv2d convolution && convolution.Weight == tensor) return new(TorchForm.Convolution);
            if (layer is ConvTranspose2d transposed && transposed.Weight == tensor) return new(TorchForm.TransposedConvolution, transposed.Options.Groups);
        }

        var reason = failure ?? "the model's forward pass does not read it";
        if (linearWeights.Contains(tensor)) return new(TorchForm.Matrix) { Doubt = tensor.Shape[0] == 1 ? null : reason };
        return TorchLayout.Plain with { Doubt = tensor.Shape.Rank == 1 && tensor.Shape[0] > 1 && model.Modules().Any(layer => (layer is BatchNorm2d norm && (norm.Weight == tensor || norm.Bias == tensor || norm.RunningMean == tensor || norm.RunningVariance == tensor)) || (layer is PRelu slopes && slopes.Weight == tensor)) ? reason : null };
    }

    /// <summary>Follows the largest parts of the model that no pass has reached, each by itself: heads that only take part in training, a decoder that is called by itself.</summary>
    void PassUnused(Layer layer)
    {
        foreach (var (_, child) in layer.Children())
        {
            var own = child.StateDict().Select(t => t.Tensor).Where(names.ContainsKey).ToList();
            if (own.Count == 0 || own.TrueForAll(uses.ContainsKey)) continue;
            if (own.Exists(uses.ContainsKey) || !Pass(child, null)) PassUnused(child);
        }
    }

    /// <summary>Follows a forward pass. Where the input's shape is not known, one is looked for that the layer takes.</summary>
    bool Pass(Layer layer, Shape? input)
    {
        inputIsGuessed = false;
        if (input is { } known) return Follow(layer, known, Device.Shapes) || (names.Keys.FirstOrDefault()?.Device is { Engine.HasElements: true } device && Follow(layer, known, device));

        // Of a part, what comes before it is not known; of the whole, its features are what it is given.
        if (layer != model && layer is Linear) return false;

        // The first in the order of the fields is mostly the first that runs; else the model does not take that layer's input.
        var inputs = layer.Modules().Select(l => l switch
        {
            Linear linear => (IsImage: false, Size: linear.Weight.Shape[0]),
            Conv2d convolution => (IsImage: true, Size: convolution.Weight.Shape[2] * convolution.Options.Groups),
            ConvTranspose2d transposed => (IsImage: true, Size: transposed.Weight.Shape[2] * transposed.Options.Groups),
            _ => default,
        });
        foreach (var (isImage, size) in inputs.Where(found => found.Size > 0).Distinct().Take(MaxInputs))
        {
            inputIsGuessed = !isImage;
            if (isImage ? FollowImages(layer, size) : Follow(layer, new(size), Device.Shapes)) return true;
        }

        return false;
    }

    /// <summary>Looks for the size of the images that a layer takes: where linear layers fix it, by how it shrinks on the way to them.</summary>
    bool FollowImages(Layer layer, int channels)
    {
        var reaching = 0;
        foreach (var size in UsualSizes)
        {
            if (Follow(layer, new(size, size, channels), Device.Shapes)) return true;
            if (lastFlattened is not null && reaching == 0) reaching = size;
        }

        for (var size = 1; size <= MaxSize; size++)
        {
            if (Follow(layer, new(size, size, channels), Device.Shapes)) return true;
            if (lastFlattened is not null && reaching == 0) reaching = size;
        }

        if (reaching == 0) return false;

        // Of the flattening before the linear layer that refused it: rows by the input's rows, columns by its columns.
        var rows = new Dictionary<int, int>();
        var columns = new Dictionary<int, int>();
        var depth = 0;
        for (var size = 1; size <= MaxSize; size++)
        {
            if (Follow(layer, new(size, reaching, channels), Device.Shapes)) return true;
            if (lastFlattened is { } tall) rows.TryAdd(tall[1], size);
            if (Follow(layer, new(reaching, size, channels), Device.Shapes)) return true;
            if (lastFlattened is { } wide) columns.TryAdd(wide[2], size);
            depth = lastFlattened is { } image ? image[3] : depth;
        }

        foreach (var inputs in layer.Modules().OfType<Linear>().Select(linear => linear.Weight.Shape[0]).Where(inputs => depth > 0 && inputs % depth == 0).Distinct())
        {
            foreach (var (height, size) in rows)
            {
                if (inputs / depth % height == 0 && columns.TryGetValue(inputs / depth / height, out var width) && Follow(layer, new(size, width, channels), Device.Shapes)) return true;
            }
        }

        return false;
    }

    /// <summary>One forward pass. What it found is kept only if the layer took the input.</summary>
    /// <param name="layer">The model or a part of it.</param>
    /// <param name="input">One input.</param>
    /// <param name="device">That of shapes alone; the model's own for a model that looks at elements on the way.</param>
    bool Follow(Layer layer, Shape input, Device device)
    {
        var training = layer.Modules().Where(l => l.IsTraining).ToArray();
        var outer = Tape.Observer;
        var before = uses.ToDictionary(pair => pair.Key, pair => pair.Value.Count);
        lastFlattened = null;
        try
        {
            layer.Eval();
            using (Tape.NoGrad())
            {
                var x = Tensor.Zeros(new([Batch, .. input.AsSpan()]), device);
                tags[x] = x.Shape.Rank == 4 ? Tag.OfImage : new(inputIsGuessed && layer != model ? Order.InDoubt("what it reads comes from outside its part of the model") : Order.Natural) { IsInput = inputIsGuessed };
                Tape.Observer = Add;
                layer.Forward(x);
            }

            return true;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // A size that was guessed may meet anything in a program's own layers.
            foreach (var (tensor, list) in uses)
            {
                var count = before.GetValueOrDefault(tensor);
                list.RemoveRange(count, list.Count - count);
            }

            foreach (var tensor in uses.Where(pair => pair.Value.Count == 0).Select(pair => pair.Key).ToList()) uses.Remove(tensor);
            return false;
        }
        finally
        {
            Tape.Observer = outer;
            tags.Clear();
            transposed.Clear();
            foreach (var l in training) l.SetTraining();
        }
    }

    /// <summary>Follows an operation.</summary>
    void Add(TracedOperation operation)
    {
        var (inputs, y) = (operation.Inputs, operation.Output);
        if (!Array.Exists(inputs, input => input is not null && tags.ContainsKey(input)))
        {
            if (operation.Operation is PermuteOperation { Order: [1, 0] } && sources.ContainsKey(inputs[0]!)) transposed[y] = inputs[0]!;

            // Made of weights alone, element by element: what is said of it is said of them.
            if (KeepsOrder(operation.Operation) || IsArithmetic(operation.Operation)) sources[y] = [.. inputs.OfType<Tensor>().Where(input => input.Shape == y.Shape && sources.ContainsKey(input)).SelectMany(input => sources[input]).Distinct()];
            return;
        }

        tags[y] = operation.Operation switch
        {
            Conv2dOperation => Convolution(operation),
            ConvTranspose2dOperation o => TransposedConvolution(operation, o.Geometry.Groups),
            LinearOperation => Matrix(operation),
            BatchNormOperation => BatchNorm(operation),
            PReluOperation => PRelu(operation),
            ReduceOperation => Reduction(operation),
            ReshapeOperation => Reshape(inputs[0]!, TagOf(inputs[0]), y.Shape),
            PermuteOperation o => Permute(TagOf(inputs[0]), o.Order),
            ConcatOperation o => Concat(inputs!, y, o.Axis),
            SliceOperation => Slice(TagOf(inputs[0]), inputs[0]!.Shape, y.Shape),
            var o when IsArithmetic(o) => Binary(operation),
            var o when KeepsOrder(o) && inputs[0]!.Shape == y.Shape => TagOf(inputs[0]),
            _ => Other(operation),
        };
    }

    /// <summary>Whether it treats every element by itself, or all elements of the last axis alike.</summary>
    static bool KeepsOrder(Operation operation) => operation is UnaryOperation or ClampOperation or DropoutOperation or SoftmaxOperation;

    /// <summary>Whether it is one of two tensors, element by element, the smaller repeated.</summary>
    static bool IsArithmetic(Operation operation) => operation is AddOperation or SubtractOperation or MultiplyOperation or DivideOperation;

    Tag TagOf(Tensor? tensor) => tensor is not null && tags.TryGetValue(tensor, out var tag) ? tag
        : tensor is { Shape.Rank: 4 } ? Tag.OfImage
        : new(tensor is not null && sources.ContainsKey(tensor) ? Order.Natural : Order.InDoubt("it comes from a tensor that is not computed from the input"));

    void Note(Tensor? weight, TorchLayout layout, Order? inputs = null, Order? outputs = null)
    {
        if (weight is null || !sources.TryGetValue(weight, out var from)) return;
        foreach (var tensor in from)
        {
            if (!uses.TryGetValue(tensor, out var list)) uses.Add(tensor, list = []);
            list.Add(new(layout, inputs, outputs));
        }
    }

    Tag Convolution(TracedOperation operation)
    {
        Note(operation.Inputs[1], new(TorchForm.Convolution), TagOf(operation.Inputs[0]).Order);
        Note(operation.Inputs[2], TorchLayout.Plain);
        return Tag.OfImage;
    }

    Tag TransposedConvolution(TracedOperation operation, int groups)
    {
        var order = TagOf(operation.Inputs[0]).Order;
        Note(operation.Inputs[1], new(TorchForm.TransposedConvolution, groups), order);
        Note(operation.Inputs[2], TorchLayout.Plain);
        return Tag.OfImage;
    }

    Tag Matrix(TracedOperation operation)
    {
        var (x, w, y) = (operation.Inputs[0]!, operation.Inputs[1]!, operation.Output);

        // Of features, their order is free until something reads them as an image.
        Tag result = y.Shape.Rank == 4 ? Tag.OfImage : new(y.Shape.Rank == 2 ? new Order() : Order.Natural);
        if (transposed.TryGetValue(w, out var tied)) Tie(tied, TagOf(x).Order, result.Order);
        Note(w, new(sources.GetValueOrDefault(w) is [var one] && !linearWeights.Contains(one) ? TorchForm.PlainMatrix : TorchForm.Matrix), TagOf(x).Order, result.Order);
        Note(operation.Inputs[2], TorchLayout.Plain, null, result.Order);
        return result;
    }

    Tag BatchNorm(TracedOperation operation)
    {
        var tag = TagOf(operation.Inputs[0]);
        for (var i = 1; i < operation.Inputs.Length; i++)
        {
            if (i != 3) Note(operation.Inputs[i], TorchLayout.Plain, null, tag.Order);
            else if (operation.Inputs[3] is { } add) tag.Order.Unify(TagOf(add).Order);
        }

        return tag;
    }

    Tag PRelu(TracedOperation operation)
    {
        var tag = TagOf(operation.Inputs[0]);
        Note(operation.Inputs[1], TorchLayout.Plain, null, operation.Inputs[1]!.Count == 1 ? null : tag.Order);
        return tag;
    }

    /// <summary>A matrix that is used the other way round as well, as autoencoders tie theirs: what it writes lies as what it reads elsewhere.</summary>
    void Tie(Tensor weight, Order inputs, Order outputs)
    {
        foreach (var tensor in sources[weight])
        {
            var other = uses.TryGetValue(tensor, out var list) ? list[0] : null;
            if (other?.Inputs is { } reads) outputs.Unify(reads);
            if (other?.Outputs is { } writes) inputs.Unify(writes);
            Note(tensor, other?.Form ?? new(linearWeights.Contains(tensor) ? TorchForm.Matrix : TorchForm.PlainMatrix), outputs, inputs);
        }
    }

    Tag Binary(TracedOperation operation)
    {
        var shape = operation.Output.Shape;
        Tag? result = null;
        foreach (var input in operation.Inputs)
        {
            if (input is null || !tags.TryGetValue(input, out var tag) || shape.Rank == 0 || input.Shape.Rank == 0 || input.Shape[^1] != shape[^1] || input.Shape.Rank != shape.Rank) continue;
            if (result is null) result = tag;
            else result.Order.Unify(tag.Order);
        }

        result ??= shape.Rank == 4 ? Tag.OfImage : new(Order.Natural);
        foreach (var input in operation.Inputs)
        {
            if (input is null || tags.ContainsKey(input) || input.Count == 1) continue;
            var isPerPlace = shape.Rank == 4 && input.Shape.Rank >= 3 && (input.Shape[^2] > 1 || input.Shape[^3] > 1);
            Note(input, isPerPlace ? new(TorchForm.Image) : TorchLayout.Plain, null, input.Shape.Rank > 0 && input.Shape[^1] == shape[^1] ? result.Order : null);
        }

        return result;
    }

    Tag Reduction(TracedOperation operation)
    {
        var tag = TagOf(operation.Inputs[0]);
        var y = operation.Output.Shape;
        return y.Rank == 4 ? tag : y.Rank == 0 || y[^1] == 1 ? new(Order.Natural) : tag;
    }

    Tag Reshape(Tensor x, Tag tag, Shape to)
    {
        var from = x.Shape;
        if (tag.IsInput && to.Rank == from.Rank) return new(Order.InDoubt("it reads the input flattened, and how many channels that has the model does not say"));
        if (from == to) return tag;
        var keepsBatch = to.Rank > 0 && from.Rank > 0 && from[0] == to[0];
        switch (from.Rank, to.Rank)
        {
            case (4, 2) when keepsBatch:
                lastFlattened = from;
                return new(tag.Axes is not [0, ..] ? Order.InDoubt("it reads an image that was cut into pieces") : Order.Of(Flattening([from[1], from[2], from[3]], tag.Axes.AsSpan(1)), tag.Order.Doubt));
            case (2, 4) when keepsBatch:
                // Features become an image: there they are its channels, each with its pixels.
                tag.Order.Unify(Order.Of(Flattening([to[1], to[2], to[3]], [1, 2, 3]), null));
                return tag.Order.Doubt is { } doubt ? new(Order.InDoubt(doubt)) { Axes = Tag.Standard } : Tag.OfImage;
            case (_, 4) when from[^1] == to[3] || (tag.SplitsChannels && Trailing(from) == to[3]):
                tag.Order.Unify(Order.Natural);
                return Tag.OfImage;
            case (_, _) when to.Rank > 0 && from.Rank > 0 && from[^1] == to[^1]:
                return new(tag.Order);
            case (_, > 1) when to[^1] * to[^2] == from[^1]:
                tag.Order.Unify(Order.Natural);
                return new(Order.Natural) { SplitsChannels = true };
            case ( > 1, _) when to.Rank > 0 && tag.SplitsChannels && Trailing(from) == to[^1]:
                tag.Order.Unify(Order.Natural);
                return new(Order.Natural);
            default:
                return to.Count == to[0] || to.Rank == 0 ? new(Order.Natural) : new(Order.InDoubt($"it reads what a reshaping from {from} to {to} has mixed"));
        }

        static long Trailing(Shape shape) => (long)shape[^1] * shape[^2];
    }

    static Tag Permute(Tag tag, int[] order)
    {
        if (tag.Axes is { } axes && order.Length == 4 && !tag.SplitsChannels) return new(tag.Order) { Axes = [.. order.Select(axis => axes[axis])] };
        if (order[^1] == order.Length - 1) return tag;
        tag.Order.Unify(Order.Natural);
        return new(tag.Order.Doubt is { } doubt ? Order.InDoubt(doubt) : Order.Natural) { SplitsChannels = tag.SplitsChannels };
    }

    Tag Concat(Tensor?[] inputs, Tensor y, int axis)
    {
        var parts = inputs.Select(TagOf).ToList();
        if (y.Shape.Rank == 4) return parts[0];
        if (axis != y.Shape.Rank - 1)
        {
            foreach (var part in parts.Skip(1)) parts[0].Order.Unify(part.Order);
            return parts[0];
        }

        foreach (var part in parts) part.Order.Settle();
        if (parts.Find(part => part.Order.Doubt is not null) is { } doubtful) return new(Order.InDoubt(doubtful.Order.Doubt!));
        if (parts.TrueForAll(part => part.Order.ToTorch is null)) return new(Order.Natural);
        var order = new int[y.Shape[^1]];
        var start = 0;
        for (var i = 0; i < inputs.Length; i++)
        {
            var length = inputs[i]!.Shape[^1];
            for (var j = 0; j < length; j++) order[start + j] = start + (parts[i].Order.ToTorch?[j] ?? j);
            start += length;
        }

        return new(Order.Of(order, null));
    }

    static Tag Slice(Tag tag, Shape from, Shape to)
    {
        if (to.Rank == 4 || to[^1] == from[^1]) return tag;
        tag.Order.Settle();
        if (tag.Order.ToTorch is null && tag.Order.Doubt is null) return new(Order.Natural);
        return new(Order.InDoubt(tag.Order.Doubt ?? "it reads a part of a flattened image, whose elements are others in PyTorch"));
    }

    /// <summary>An operation of which nothing is known but its shapes: the same is computed there, of elements in the same order.</summary>
    Tag Other(TracedOperation operation)
    {
        if (operation.Output.Shape.Rank == 4) return Tag.OfImage;
        foreach (var input in operation.Inputs.OfType<Tensor>())
        {
            if (!tags.TryGetValue(input, out var tag)) continue;
            if (input.Shape.Rank == 4) return new(Order.InDoubt($"it reads what '{operation.Operation.Name}' makes of an image"));
            tag.Order.Settle();
            if (tag.Order.Doubt is not null || tag.Order.ToTorch is not null) return new(Order.InDoubt(tag.Order.Doubt ?? $"it reads what '{operation.Operation.Name}' makes of a flattened image"));
        }

        return new(Order.Natural);
    }

    /// <summary>The place in [C, H, W] of each element of an image whose axes are ours in some order; null if all are the same.</summary>
    /// <param name="extents">Of the three axes.</param>
    /// <param name="axes">Which each is: 1 rows, 2 columns, 3 channels.</param>
    static int[]? Flattening(ReadOnlySpan<int> extents, ReadOnlySpan<int> axes)
    {
        if (axes.ContainsAnyExcept(1, 2, 3) || extents.Length != 3 || axes.Length != 3) return null;
        int rows = extents[axes.IndexOf(1)], columns = extents[axes.IndexOf(2)];
        Span<int> strides = stackalloc int[4] { 0, columns, 1, rows * columns };
        var order = new int[extents[0] * extents[1] * extents[2]];
        var (next, moved) = (0, false);
        for (var i = 0; i < extents[0]; i++)
        {
            for (var j = 0; j < extents[1]; j++)
            {
                for (var k = 0; k < extents[2]; k++)
                {
                    order[next] = (i * strides[axes[0]]) + (j * strides[axes[1]]) + (k * strides[axes[2]]);
                    moved |= order[next] != next;
                    next++;
                }
            }
        }

        return moved ? order : null;
    }

    /// <summary>A use of a weight by an operation. Orders may still be found out by operations that follow.</summary>
    sealed record Use(TorchLayout Form, Order? Inputs, Order? Outputs)
    {
        public TorchLayout Layout => Form with
        {
            Inputs = Inputs?.ToTorch,
            Outputs = Outputs?.ToTorch,
            Doubt = Form.Doubt ?? Inputs?.Doubt ?? Outputs?.Doubt
                ?? (Form.Form is TorchForm.Convolution or TorchForm.TransposedConvolution && Inputs?.ToTorch is not null ? "it reads the elements of a flattened image as channels" : null),
        };
    }

    /// <summary>What is known of a tensor: of an image which axis is which, and the order of the last axis.</summary>
    sealed record Tag(Order Order)
    {
        public static readonly int[] Standard = [0, 1, 2, 3];

        public static Tag OfImage => new(Order.Natural) { Axes = Standard };

        /// <summary>Of four axes, which of an image's each is; null of other tensors.</summary>
        public int[]? Axes { get; init; }

        /// <summary>Whether the last two axes are an image's channels.</summary>
        public bool SplitsChannels { get; init; }

        /// <summary>Whether it is an input whose shape was guessed.</summary>
        public bool IsInput { get; init; }
    }

    /// <summary>In which order PyTorch has the elements of an axis: unknown until an operation tells, then shared by all that it was unified with.</summary>
    sealed class Order
    {
        Order? link;
        int[]? toTorch;
        bool isSettled;
        string? doubt;

        /// <summary>The same order as here.</summary>
        public static Order Natural => new() { isSettled = true };

        /// <summary>The place there of each element here; null: the same.</summary>
        public int[]? ToTorch => Root.toTorch;

        /// <summary>Why it cannot be told, as a clause; null where it can.</summary>
        public string? Doubt => Root.doubt;

        Order Root => link is null ? this : link = link.Root;

        public static Order Of(int[]? toTorch, string? doubt) => new() { isSettled = true, toTorch = toTorch, doubt = doubt };

        public static Order InDoubt(string doubt) => Of(null, doubt);

        /// <summary>Nothing has told the order so far: it is the same as here.</summary>
        public void Settle() => Root.isSettled = true;

        /// <summary>Both are one order. If they are known to differ, neither can be told.</summary>
        public void Unify(Order other)
        {
            var (a, b) = (Root, other.Root);
            if (a == b) return;
            if (!a.isSettled) (a, b) = (b, a);
            if (b.isSettled && a.doubt is null) a.doubt = b.doubt ?? (TorchLayout.SameOrder(a.toTorch, b.toTorch) ? null : "features meet that PyTorch has in different orders");
            b.link = a;
        }
    }
}
