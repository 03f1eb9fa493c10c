using System.Diagnostics;
using System.Globalization;
using CnnSharp.Kernels;

namespace CnnSharp.Formats.Onnx;

/// <summary>
/// Turns the operations of a forward pass, one by one as they are computed, into nodes. A tensor of four axes is a batch
/// of images: [N, H, W, C] here, [N, C, H, W] in the graph; others have the same axes in both.
/// </summary>
internal sealed class GraphWriter
{
    /// <summary>The images of the batch that is followed: a prime that no axis of a network's own is a multiple of, so that an extent says whether it depends on the batch.</summary>
    public const int Batch = 1009;

    /// <summary>Which of our axes stands at each of ONNX's places, and the other way round.</summary>
    static readonly int[] ToImages = [0, 3, 1, 2], FromImages = [0, 2, 3, 1];

    readonly Dictionary<Tensor, string> names = new(ReferenceEqualityComparer.Instance);
    readonly Dictionary<Tensor, string> constantNames = new(ReferenceEqualityComparer.Instance);
    readonly List<OnnxNode> nodes = [];
    readonly Dictionary<string, OnnxTensor> constants = new(StringComparer.Ordinal);
    readonly Dictionary<Tensor, List<string>> layouts = new(ReferenceEqualityComparer.Instance);
    readonly Dictionary<string, string> literals = new(StringComparer.Ordinal);
    readonly HashSet<string> taken = new(StringComparer.Ordinal);

    /// <summary>Of a graph by reference, the names of the network's tensors; else null.</summary>
    readonly Dictionary<Tensor, string>? references;

    /// <summary>Of a graph by reference, what is computed from those tensors alone: its elements would be those of this moment.</summary>
    readonly HashSet<Tensor> computedFromWeights = new(ReferenceEqualityComparer.Instance);
    OnnxValueInfo? input;
    OnnxValueInfo? output;

    /// <summary>Creates a writer that knows the names of a network's tensors.</summary>
    /// <param name="parameters">Those.</param>
    /// <param name="isByReference">Whether the graph names them in place of their elements, which a file then has beside it.</param>
    public GraphWriter(IEnumerable<(string Name, Tensor Tensor)> parameters, bool isByReference = false)
    {
        if (isByReference) references = new(ReferenceEqualityComparer.Instance);
        foreach (var (name, tensor) in parameters)
        {
            constantNames.Add(tensor, name);
            taken.Add(name);
            references?.Add(tensor, name);
        }
    }

    /// <summary>Says what is fed in.</summary>
    public void Begin(Tensor x)
    {
        var name = Unique("input");
        names.Add(x, name);
        input = Info(name, x);
    }

    /// <summary>Says what comes out.</summary>
    public void End(Tensor y)
    {
        if (!names.TryGetValue(y, out var name)) throw new NotSupportedException("Export: the network's result does not come from its input by operations on tensors.");
        var outputName = Unique("output");
        nodes.Add(new() { Operator = "Identity", Name = outputName, Inputs = [name], Outputs = [outputName] });

        // The result of the last node takes the output's name where nobody else reads it.
        var last = nodes.FindIndex(node => node.Outputs.Contains(name));
        if (last >= 0 && nodes.Sum(node => node.Inputs.Count(other => other == name)) == 1)
        {
            nodes.RemoveAt(nodes.Count - 1);
            nodes[last] = new() { Operator = nodes[last].Operator, Name = nodes[last].Name, Inputs = nodes[last].Inputs, Outputs = [outputName], Attributes = nodes[last].Attributes };
        }

        output = Info(outputName, y);
    }

    /// <summary>The graph.</summary>
    public OnnxModel ToModel(int opset, ModelInfo? info)
    {
        // What is only read here and there is written where it is read; the rest of what was named is left out.
        var read = nodes.SelectMany(node => node.Inputs).ToHashSet(StringComparer.Ordinal);
        return new()
        {
            Path = "the exported graph",
            Metadata = info is null ? new Dictionary<string, string>() : OnnxMetadata.Write(info),
            Info = info ?? new(),
            Opset = opset,
            Nodes = nodes,
            Initializers = constants.Where(constant => read.Contains(constant.Key)).ToDictionary(StringComparer.Ordinal),
            Inputs = [input!],
            Outputs = [output!],
        };
    }

    /// <summary>Follows an operation.</summary>
    public void Add(TracedOperation operation)
    {
        var y = operation.Output;
        if (!Array.Exists(operation.Inputs, x => x is not null && names.ContainsKey(x)))
        {
            // Made of constants alone, it is one: its elements are read when a node needs them.
            var isOfWeights = references is not null && Array.Exists(operation.Inputs, x => x is not null && (references.ContainsKey(x) || computedFromWeights.Contains(x)));
            if (isOfWeights) computedFromWeights.Add(y);
            else y.Keep();
            if (!constantNames.ContainsKey(y)) constantNames.Add(y, Unique($"constant_{constantNames.Count}"));
            return;
        }

        names[y] = operation.Operation switch
        {
            Conv2dOperation o => Convolution(operation, o),
            ConvTranspose2dOperation o => TransposedConvolution(operation, o.Geometry),
            LinearOperation o => Linear(operation, o.Activation),
            BatchMatMulOperation => Node("MatMul", [Name(operation, 0), Name(operation, 1)]),
            ExpandOperation => Expand(operation),
            MaxPool2dOperation o => Pool(operation, "Max", o.Geometry),
            AvgPool2dOperation o => Pool(operation, "Average", o.Geometry),
            BatchNormOperation o => BatchNorm(operation, o),
            LocalResponseNormOperation o => LocalResponseNorm(operation, o.Geometry),
            SoftmaxOperation o => Node(o.Name, [Name(operation, 0)], OnnxAttribute.Of("axis", y.Shape.Rank == 4 ? 1 : -1)),
            RemainderOperation => Node("Mod", Operands(operation), OnnxAttribute.Of("fmod", 1)),
            CompareOperation o => Cast(Node(o.Name, Operands(operation)), OnnxType.Float),
            BinaryOperation o => Node(OperatorOf(o.Op), Operands(operation)),
            WhereOperation => Choice(operation),
            UnaryOperation o => Unary(operation, o),
            ClampOperation o => Clip(operation, o),
            PReluOperation => Node("PRelu", [Name(operation, 0), Slopes(operation)]),
            MaxoutOperation o => Maxout(operation, o.Pieces),
            ReduceOperation o => Reduction(operation, o),
            ReshapeOperation => Reshape(operation),
            PermuteOperation o => Permute(operation, o.Order),
            ConcatOperation o => Node("Concat", [.. operation.Inputs.Select((_, i) => Name(operation, i))], OnnxAttribute.Of("axis", Axis(o.Axis, y.Shape.Rank))),
            SliceOperation o => Slice(operation, o),
            Pad2dOperation o => Pad(operation, o),
            SubsampleAndWidenOperation o => SubsampleAndWiden(operation, o),
            UpsampleNearest2dOperation o => Upsample(operation, "nearest", o.Geometry),
            UpsampleBilinear2dOperation o => Upsample(operation, "linear", o.Geometry),
            GridSampleOperation o => GridSample(operation, o.Geometry),
            _ => throw Refuse(operation, "it has no form in ONNX"),
        };
    }

    static string OperatorOf(BinaryOp op) => op switch
    {
        BinaryOp.Add => "Add",
        BinaryOp.Subtract => "Sub",
        BinaryOp.Multiply => "Mul",
        BinaryOp.Divide => "Div",
        BinaryOp.Maximum => "Max",
        BinaryOp.Minimum => "Min",
        BinaryOp.Power => "Pow",
        _ => throw new UnreachableException($"{op} is no operation of two tensors."),
    };

    string Unary(TracedOperation operation, UnaryOperation unary)
    {
        var x = Name(operation, 0);
        return unary.Op switch
        {
            UnaryOp.MultiplyScalar => Node("Mul", [x, Scalar(unary.Parameter)]),
            UnaryOp.AddScalar => Node("Add", [x, Scalar(unary.Parameter)]),
            UnaryOp.Square => Node("Mul", [x, x]),
            UnaryOp.LeakyRelu or UnaryOp.Elu => Node(unary.Name, [x], OnnxAttribute.Of("alpha", unary.Parameter)),
            UnaryOp.Silu => Node("Mul", [x, Node("Sigmoid", [x])]),
            UnaryOp.Gelu => Gelu(x),
            UnaryOp.Ceiling => Node("Ceil", [x]),

            // The others have ONNX's names.
            _ => Node(unary.Name, [x]),
        };
    }

    string Convolution(TracedOperation operation, Conv2dOperation convolution)
    {
        var (g, activation) = convolution;
        string[] inputs = [Name(operation, 0), Constant(operation, 1, "weights", shape => Arrangement.Permuted(shape, [3, 2, 0, 1])), .. Bias(operation, 2)];
        var y = Node(
            "Conv",
            inputs,
            OnnxAttribute.Of("kernel_shape", g.KernelH, g.KernelW),
            OnnxAttribute.Of("strides", g.StrideH, g.StrideW),
            OnnxAttribute.Of("dilations", g.DilationH, g.DilationW),
            OnnxAttribute.Of("pads", g.PadTop, g.PadLeft, PadAfter(g.H, g.OutH, g.KernelH, g.StrideH, g.DilationH, g.PadTop), PadAfter(g.W, g.OutW, g.KernelW, g.StrideW, g.DilationW, g.PadLeft)),
            OnnxAttribute.Of("group", g.Groups));
        return Activated(y, activation);

        // What the last window reaches beyond the image; where it does not reach its end, padding changes nothing.
        static long PadAfter(int size, int outputs, int kernel, int stride, int dilation, int before)
            => Math.Max(0, ((outputs - 1L) * stride) + ((kernel - 1L) * dilation) + 1 - size - before);
    }

    /// <param name="operation">Which.</param>
    /// <param name="g">The convolution that it is the gradient of: x is that one's output.</param>
    string TransposedConvolution(TracedOperation operation, ConvGeometry g)
    {
        var (bottom, extraRows) = PadAfter(g.H, g.OutH, g.KernelH, g.StrideH, g.DilationH, g.PadTop);
        var (right, extraColumns) = PadAfter(g.W, g.OutW, g.KernelW, g.StrideW, g.DilationW, g.PadLeft);
        string[] inputs = [Name(operation, 0), Constant(operation, 1, "weights", Ungrouped), .. Bias(operation, 2)];
        return Node(
            "ConvTranspose",
            inputs,
            OnnxAttribute.Of("kernel_shape", g.KernelH, g.KernelW),
            OnnxAttribute.Of("strides", g.StrideH, g.StrideW),
            OnnxAttribute.Of("dilations", g.DilationH, g.DilationW),
            OnnxAttribute.Of("pads", g.PadTop, g.PadLeft, bottom, right),
            OnnxAttribute.Of("output_padding", extraRows, extraColumns),
            OnnxAttribute.Of("group", g.Groups));

        static (long Pad, long Extra) PadAfter(int size, int inputs, int kernel, int stride, int dilation, int before)
        {
            var cut = ((inputs - 1L) * stride) + ((kernel - 1L) * dilation) + 1 - size - before;
            return cut >= 0 ? (cut, 0) : (0, -cut);
        }

        // [kh, kw, C', groups M'] to [groups C', M', kh, kw].
        Arrangement Ungrouped(Shape w)
        {
            var (c, m) = (w[2], w[3] / g.Groups);
            return new([w[0], w[1], c, g.Groups, m], [3, 2, 4, 0, 1], [g.Groups * c, m, w[0], w[1]]);
        }
    }

    string Linear(TracedOperation operation, Activation activation)
    {
        var weights = Constant(operation, 1, "weights", Arrangement.Plain);
        if (operation.Output.Shape.Rank == 2) return Activated(Node("Gemm", [Name(operation, 0), weights, .. Bias(operation, 2)]), activation);
        var images = operation.Output.Shape.Rank == 4;
        var x = images ? Transposed(Name(operation, 0), FromImages) : Name(operation, 0);
        var y = Node("MatMul", [x, weights]);
        if (operation.Inputs[2] is not null) y = Node("Add", [y, .. Bias(operation, 2)]);
        return Activated(images ? Transposed(y, ToImages) : y, activation);
    }

    /// <summary>A bound that is infinite is left out.</summary>
    string Clip(TracedOperation operation, ClampOperation clamp)
    {
        var (least, most) = clamp;
        List<string> inputs = [Name(operation, 0)];
        if (!float.IsNegativeInfinity(least) || !float.IsPositiveInfinity(most)) inputs.Add(float.IsNegativeInfinity(least) ? "" : Scalar(least));
        if (!float.IsPositiveInfinity(most)) inputs.Add(Scalar(most));
        return Node("Clip", [.. inputs]);
    }

    string Pool(TracedOperation operation, string kind, PoolGeometry g)
    {
        if (g.KernelH == 0 && g is { OutH: 1, OutW: 1 }) return Node($"Global{kind}Pool", [Name(operation, 0)]);
        if (g.KernelH == 0 && (g.H % g.OutH != 0 || g.W % g.OutW != 0)) throw Refuse(operation, $"{g.OutH} x {g.OutW} parts do not divide images of {g.H} x {g.W} evenly");
        var (kernelH, kernelW) = g.KernelH == 0 ? (g.H / g.OutH, g.W / g.OutW) : (g.KernelH, g.KernelW);
        var (strideH, strideW) = g.KernelH == 0 ? (kernelH, kernelW) : (g.StrideH, g.StrideW);

        // A last, partial window is written as padding that reaches as far as it does. Padding is never the maximum, and not
        // counted by an average, so this changes nothing, but where padding does count and a window reaches beyond it.
        long bottom = PadAfter(g.H, g.OutH, kernelH, strideH, g.Padding.Top), right = PadAfter(g.W, g.OutW, kernelW, strideW, g.Padding.Left);
        var counts = kind == "Average" && g.CountIncludePad && g.Padding != 0;
        if (counts && (bottom > g.Padding.Bottom || right > g.Padding.Right)) throw Refuse(operation, "it counts padding in partial windows");
        var attributes = new List<OnnxAttribute>
        {
            OnnxAttribute.Of("kernel_shape", kernelH, kernelW),
            OnnxAttribute.Of("strides", strideH, strideW),
            OnnxAttribute.Of("pads", g.Padding.Top, g.Padding.Left, bottom, right),
        };
        if (kind == "Average") attributes.Add(OnnxAttribute.Of("count_include_pad", counts ? 1 : 0));
        return Node($"{kind}Pool", [Name(operation, 0)], [.. attributes]);

        static long PadAfter(int size, int outputs, int kernel, int stride, int before) => Math.Max(0, ((outputs - 1L) * stride) + kernel - size - before);
    }

    string BatchNorm(TracedOperation operation, BatchNormOperation norm)
    {
        var g = norm.Geometry;
        if (norm.IsTraining) throw Refuse(operation, "it uses the batch's own statistics: export in inference form");
        var y = Node(
            "BatchNormalization",
            [Name(operation, 0), .. new[] { (1, "weight"), (2, "bias"), (4, "running mean"), (5, "running variance") }.Select(input => Constant(operation, input.Item1, input.Item2, Arrangement.Plain))],
            OnnxAttribute.Of("epsilon", g.Epsilon),
            OnnxAttribute.Of("momentum", 1 - g.Momentum));
        if (operation.Inputs[3] is not null) y = Node("Add", [y, Name(operation, 3)]);
        return Activated(y, g.Activation);
    }

    string LocalResponseNorm(TracedOperation operation, LrnGeometry g)
    {
        if (g.Size % 2 == 0) throw Refuse(operation, $"ONNX's window of an even size, {g.Size}, lies elsewhere");
        return Node("LRN", [Name(operation, 0)], OnnxAttribute.Of("size", g.Size), OnnxAttribute.Of("alpha", g.Alpha), OnnxAttribute.Of("beta", g.Beta), OnnxAttribute.Of("bias", g.K));
    }

    /// <summary>x (1 + erf(x / sqrt(2))) / 2.</summary>
    string Gelu(string x)
    {
        var phi = Node("Add", [Node("Erf", [Node("Mul", [x, Scalar(MathF.Sqrt(0.5f))])]), Scalar(1)]);
        return Node("Mul", [Node("Mul", [x, phi]), Scalar(0.5f)]);
    }

    string Slopes(TracedOperation operation)
    {
        var extents = operation.Output.Shape.Rank == 4 ? new[] { -1, 1, 1 } : [-1];
        return Constant(operation, 1, "slopes", w => Arrangement.Plain(w) with { Shape = Array.ConvertAll(extents, extent => extent < 0 ? (int)w.Count : extent) });
    }

    /// <summary>The pieces of a group, which are neighbors among the channels, as an axis of their own.</summary>
    string Maxout(TracedOperation operation, int pieces)
    {
        var shape = operation.Output.Shape;
        long[] target = shape.Rank == 4 ? [0, shape[3], pieces, shape[1], shape[2]] : [.. Enumerable.Repeat(0L, shape.Rank - 1), shape[^1], pieces];
        var groups = Node("Reshape", [Name(operation, 0), Integers(target)]);
        return Node("ReduceMax", [groups], OnnxAttribute.Of("axes", [shape.Rank == 4 ? 2 : shape.Rank]), OnnxAttribute.Of("keepdims", 0));
    }

    string Reduction(TracedOperation operation, ReduceOperation reduction)
    {
        var x = operation.Inputs[0]!.Shape;
        var keep = OnnxAttribute.Of("keepdims", operation.Output.Shape.Rank == x.Rank ? 1 : 0);
        long[] axes = [.. Enumerable.Range(reduction.Start, reduction.End - reduction.Start).Select(axis => (long)Axis(axis, x.Rank))];
        return reduction.IsMean ? Node("ReduceMean", [Name(operation, 0)], OnnxAttribute.Of("axes", axes), keep) : Node("ReduceSum", [Name(operation, 0), Integers(axes)], keep);
    }

    /// <summary>Elements keep their order, which in images of more than one pixel and channel is not that of the graph.</summary>
    string Reshape(TracedOperation operation)
    {
        Shape from = operation.Inputs[0]!.Shape, to = operation.Output.Shape;
        var x = IsReordered(from) ? Transposed(Name(operation, 0), FromImages) : Name(operation, 0);
        var extents = to.Rank == 4 && !IsReordered(to) ? Array.ConvertAll(ToImages, axis => (long)to[axis]) : Array.ConvertAll(to.ToArray(), extent => (long)extent);
        // The axis that depends on the batch is the one that the other extents leave over.
        var free = Array.FindIndex(extents, DependsOnBatch);
        if (free >= 0 && Array.FindLastIndex(extents, DependsOnBatch) != free) throw Refuse(operation, "two of its axes depend on the batch's size");
        if (free >= 0) extents[free] = free == 0 && to[0] == from[0] ? 0 : -1;

        var y = Node("Reshape", [x, Integers(extents)]);
        return IsReordered(to) ? Transposed(y, ToImages) : y;

        static bool IsReordered(Shape shape) => shape.Rank == 4 && shape[3] != 1 && (shape[1] != 1 || shape[2] != 1);
    }

    string Permute(TracedOperation operation, int[] order)
    {
        if (order.Length != 4) return Transposed(Name(operation, 0), order);
        return Transposed(Name(operation, 0), Array.ConvertAll(ToImages, axis => Array.IndexOf(ToImages, order[axis])));
    }

    string Slice(TracedOperation operation, SliceOperation slice)
    {
        var (axis, start, length) = (slice.Axis, slice.Start, slice.Length);
        if (DependsOnBatch(operation.Inputs[0]!.Shape[axis])) throw Refuse(operation, "it takes part of a batch");
        return Node("Slice", [Name(operation, 0), Integers(start), Integers(start + length), Integers(Axis(axis, operation.Output.Shape.Rank))]);
    }

    /// <summary>An axis that stays as it is says 1.</summary>
    string Expand(TracedOperation operation)
    {
        Shape from = operation.Inputs[0]!.Shape, to = operation.Output.Shape;
        if (from.Rank != to.Rank && to.Rank == 4) throw Refuse(operation, $"it repeats {Text(from)} to four axes");
        var missing = to.Rank - from.Rank;
        long[] extents = [.. Enumerable.Range(0, to.Rank).Select(axis => axis >= missing && from[axis - missing] == to[axis] ? 1L : to[axis])];
        if (Array.Exists(extents, DependsOnBatch)) throw Refuse(operation, "how often it repeats depends on the batch's size");
        return Node("Expand", [Name(operation, 0), Integers(to.Rank == 4 ? Array.ConvertAll(ToImages, axis => extents[axis]) : extents)]);
    }

    string Pad(TracedOperation operation, Pad2dOperation pad)
    {
        var (padding, value) = (pad.Padding, (float)pad.Value);
        return Node("Pad", [Name(operation, 0), Integers(0, 0, padding.Top, padding.Left, 0, 0, padding.Bottom, padding.Right), Scalar(value)]);
    }

    string SubsampleAndWiden(TracedOperation operation, SubsampleAndWidenOperation widened)
    {
        var (stride, before, after) = (widened.Stride, widened.Before, widened.After);
        var y = Name(operation, 0);
        if (stride != 1) y = Node("Slice", [y, Integers(0, 0), Integers(int.MaxValue, int.MaxValue), Integers(2, 3), Integers(stride.H, stride.W)]);
        return before + after > 0 || stride == 1 ? Node("Pad", [y, Integers(0, before, 0, 0, 0, after, 0, 0), Scalar(0)]) : y;
    }

    /// <summary>The grid of a network is an image of two channels; ONNX's has them last.</summary>
    string GridSample(TracedOperation operation, GridGeometry g) => Node(
        "GridSample",
        [Name(operation, 0), Transposed(Name(operation, 1), FromImages)],
        OnnxAttribute.Of("mode", g.Taps switch { 1 => "nearest", 2 => "bilinear", _ => "bicubic" }),
        OnnxAttribute.Of("padding_mode", g.Padding switch { GridPadding.Zeros => "zeros", GridPadding.Border => "border", _ => "reflection" }),
        OnnxAttribute.Of("align_corners", g.AlignCorners ? 1L : 0));

    string Upsample(TracedOperation operation, string mode, UpsampleGeometry g)
    {
        var scales = Floats("scales", [4], [1, 1, g.OutH / g.H, g.OutW / g.W]);

        // The nearest pixel is the one whose area holds the result's left upper corner.
        return mode == "nearest"
            ? Node("Resize", [Name(operation, 0), "", scales], OnnxAttribute.Of("mode", mode), OnnxAttribute.Of("coordinate_transformation_mode", "asymmetric"), OnnxAttribute.Of("nearest_mode", "floor"))
            : Node("Resize", [Name(operation, 0), "", scales], OnnxAttribute.Of("mode", mode), OnnxAttribute.Of("coordinate_transformation_mode", g.AlignCorners ? "align_corners" : "half_pixel"));
    }

    /// <summary>Operands that are repeated to a common shape: one beside images gets their four axes.</summary>
    string[] Operands(TracedOperation operation)
    {
        var rank = operation.Output.Shape.Rank;
        return [.. operation.Inputs.Select((_, i) => Operand(i))];

        string Operand(int input)
        {
            var x = operation.Inputs[input]!;
            if (!names.TryGetValue(x, out var name)) return Constant(operation, input, "operand", rank == 4 ? OfImage : Arrangement.Plain);
            if (x.Shape.Rank != rank && rank == 4) throw Refuse(operation, $"it repeats {Text(x.Shape)} to {Text(operation.Output.Shape)}");
            return name;
        }

        static Arrangement OfImage(Shape shape) => Arrangement.Permuted(new([.. Enumerable.Repeat(1, 4 - shape.Rank), .. shape.AsSpan()]), ToImages);
    }

    string Choice(TracedOperation operation)
    {
        var operands = Operands(operation);
        operands[0] = Cast(operands[0], OnnxType.Bool);
        return Node("Where", operands);
    }

    string Cast(string x, OnnxType type) => Node("Cast", [x], OnnxAttribute.Of("to", (long)type));

    string Activated(string y, Activation activation) => activation == Activation.Relu ? Node("Relu", [y]) : y;

    string Transposed(string x, int[] order) => Node("Transpose", [x], OnnxAttribute.Of("perm", Array.ConvertAll(order, axis => (long)axis)));

    /// <summary>Where one of our axes stands in ONNX.</summary>
    static int Axis(int axis, int rank) => rank == 4 ? Array.IndexOf(ToImages, axis) : axis;

    /// <summary>The name in the graph of what an operation reads; of a constant, with its elements in ONNX's order.</summary>
    string Name(TracedOperation operation, int input)
    {
        var x = operation.Inputs[input]!;
        if (names.TryGetValue(x, out var name)) return name;
        return Constant(operation, input, "input", shape => shape.Rank == 4 ? Arrangement.Permuted(shape, ToImages) : Arrangement.Plain(shape));
    }

    string[] Bias(TracedOperation operation, int input) => operation.Inputs[input] is null ? [] : [Constant(operation, input, "bias", Arrangement.Plain)];

    /// <summary>The name of a constant that an operation reads, which is added to the graph when it is first asked for.</summary>
    string Constant(TracedOperation operation, int input, string what, Func<Shape, Arrangement> form)
    {
        var tensor = operation.Inputs[input]!;
        if (names.ContainsKey(tensor)) throw Refuse(operation, $"its {what} depend on the network's input");
        if (tensor.Shape.ToArray().Any(extent => DependsOnBatch(extent))) throw Refuse(operation, $"its {what} {Text(tensor.Shape)} are constants of the batch's size; of extent 1 along that axis they are repeated");
        if (computedFromWeights.Contains(tensor)) throw Refuse(operation, $"its {what} are computed from weights, which a graph that has its weights elsewhere cannot say");
        if (!constantNames.TryGetValue(tensor, out var name)) constantNames.Add(tensor, name = Unique($"constant_{constantNames.Count}"));
        var arrangement = form(tensor.Shape);
        using (Silence())
        {
            // A tensor is written once in each order of axes that it is read in.
            if (!layouts.TryGetValue(tensor, out var written)) layouts.Add(tensor, written = []);
            var constant = Create(name);
            foreach (var known in written)
            {
                if (constants[known].HasSameElements(constant)) return known;
            }

            if (written.Count > 0) constant = Create(name = Unique($"{name}.{operation.Operation.Name}"));
            written.Add(name);
            constants.Add(name, constant);
        }

        return name;

        OnnxTensor Create(string name) => references?.GetValueOrDefault(tensor) is { } reference ? OnnxTensor.Refer(name, reference, arrangement) : OnnxTensor.Create(name, arrangement.Shape, arrangement.Apply(tensor));
    }

    /// <summary>A name that nothing else in the graph has.</summary>
    string Unique(string wanted)
    {
        var name = wanted;
        for (var i = 1; !taken.Add(name); i++) name = string.Create(CultureInfo.InvariantCulture, $"{wanted}_{i}");
        return name;
    }

    static bool DependsOnBatch(int extent) => extent > 0 && extent % Batch == 0;

    static bool DependsOnBatch(long extent) => extent > 0 && extent % Batch == 0;

    /// <summary>A shape for messages, the batch's size as N.</summary>
    static string Text(Shape shape) => $"[{string.Join(", ", shape.ToArray().Select(extent => !DependsOnBatch(extent) ? extent.ToString(CultureInfo.InvariantCulture) : extent == Batch ? "N" : $"{extent / Batch} N"))}]";

    string Integers(params long[] values)
        => Literal($"integers_{string.Join('_', values.Select(value => value.ToString(CultureInfo.InvariantCulture)))}", name => OnnxTensor.Create(name, [values.Length], values));

    string Scalar(float value) => Floats("scalar", [], [value]);

    string Floats(string kind, int[] shape, float[] values)
        => Literal($"{kind}_{string.Join('_', values.Select(value => value.ToString(CultureInfo.InvariantCulture)))}", name => OnnxTensor.Create(name, shape, values));

    /// <summary>Numbers of the graph itself, written once under a name that says them.</summary>
    string Literal(string key, Func<string, OnnxTensor> create)
    {
        if (literals.TryGetValue(key, out var name)) return name;
        literals.Add(key, name = Unique(key));
        constants.Add(name, create(name));
        return name;
    }

    string Node(string type, string[] inputs, params OnnxAttribute[] attributes)
    {
        var name = Unique($"{type}_{nodes.Count}");
        nodes.Add(new() { Operator = type, Name = name, Inputs = inputs, Outputs = [name], Attributes = attributes });
        return name;
    }

    /// <summary>The first axis of what goes in and out is the batch, which is free.</summary>
    static OnnxValueInfo Info(string name, Tensor t)
    {
        var extents = t.Shape.Rank == 4 ? Array.ConvertAll(ToImages, axis => t.Shape[axis]) : t.Shape.ToArray();
        return new(name, OnnxType.Float, [.. extents.Select(extent => DependsOnBatch(extent) ? (long?)null : extent)]);
    }

    /// <summary>What the writer itself computes is not followed.</summary>
    static Silenced Silence() => new(Tape.Observer);

    static NotSupportedException Refuse(TracedOperation operation, string reason)
        => new($"Export: operation '{operation.Operation.Name}' that makes {Text(operation.Output.Shape)}: {reason}.");

    sealed class Silenced : IDisposable
    {
        readonly Action<TracedOperation>? observer;

        public Silenced(Action<TracedOperation>? observer)
        {
            this.observer = observer;
            Tape.Observer = null;
        }

        public void Dispose() => Tape.Observer = observer;
    }
}
