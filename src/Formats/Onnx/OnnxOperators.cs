namespace CnnSharp.Formats.Onnx;

/// <summary>
/// The operators that are computed here, by name; the files beside this one hold them by family. An operator's maker reads
/// the node's attributes once, checks them, and returns the function that runs.
/// </summary>
internal static partial class OnnxOperators
{
    // Each operator is read by the rules of the version that the file's opset selects. The rules were compared with the standard's
    // change log up to opset 28; what a later one adds to an operator are attributes, and an attribute that is not known is refused.
    static readonly Dictionary<string, Func<Binding, Operator>> Table = new(StringComparer.Ordinal)
    {
        ["Conv"] = Conv,
        ["ConvTranspose"] = ConvTranspose,
        ["DeformConv"] = DeformConv,
        ["Gemm"] = Gemm,
        ["MatMul"] = MatMul,

        ["MaxPool"] = MaxPool,
        ["AveragePool"] = AveragePool,
        ["GlobalAveragePool"] = n => GlobalPool(n, Functional.AdaptiveAvgPool2d),
        ["GlobalMaxPool"] = n => GlobalPool(n, Functional.AdaptiveMaxPool2d),

        ["LpPool"] = LpPool,
        ["GlobalLpPool"] = GlobalLpPool,
        ["MaxUnpool"] = MaxUnpool,

        ["BatchNormalization"] = BatchNormalization,
        ["InstanceNormalization"] = InstanceNormalization,
        ["LayerNormalization"] = LayerNormalization,
        ["RMSNormalization"] = RmsNormalization,
        ["GroupNormalization"] = GroupNormalization,
        ["MeanVarianceNormalization"] = MeanVarianceNormalization,
        ["LpNormalization"] = LpNormalization,
        ["LRN"] = LocalResponseNormalization,
        ["Softmax"] = n => Softmax(n, Functional.Softmax),
        ["LogSoftmax"] = n => Softmax(n, Functional.LogSoftmax),
        ["Hardmax"] = Hardmax,
        ["Attention"] = Attention,
        ["Dropout"] = Dropout,

        ["Relu"] = n => Unary(n, Functional.Relu, x => Math.Max(x, 0)),
        ["LeakyRelu"] = LeakyRelu,
        ["PRelu"] = PRelu,
        ["Elu"] = n => Unary(n, n.Float("alpha", 1), (x, alpha) => Functional.Elu(x, alpha)),
        ["Selu"] = Selu,
        ["Celu"] = n => Unary(n, n.Float("alpha", 1), (x, alpha) => Functional.Elu(x * (1 / alpha), 1) * alpha),
        ["Gelu"] = Gelu,
        ["Sigmoid"] = n => Unary(n, Functional.Sigmoid, x => 1 / (1 + Math.Exp(-x))),
        ["Tanh"] = n => Unary(n, Functional.Tanh, Math.Tanh),
        ["Softplus"] = n => Unary(n, Functional.Softplus, x => Math.Log(1 + Math.Exp(x))),
        ["Softsign"] = n => Unary(n, x => x / (Functional.Abs(x) + 1), x => x / (1 + Math.Abs(x))),
        ["HardSigmoid"] = HardSigmoid,
        ["HardSwish"] = n => Unary(n, x => x * Within(x * (1f / 6) + 0.5f, 0, 1), x => x * Math.Clamp((x / 6) + 0.5, 0, 1)),
        ["Mish"] = Mish,
        ["Swish"] = Swish,
        ["SwiGLU"] = SwiGlu,
        ["Shrink"] = Shrink,
        ["ThresholdedRelu"] = ThresholdedRelu,
        ["Exp"] = n => Unary(n, Functional.Exp, Math.Exp),
        ["Log"] = n => Unary(n, Functional.Log, Math.Log),
        ["Sqrt"] = n => Unary(n, Functional.Sqrt, Math.Sqrt),
        ["Abs"] = n => Unary(n, Functional.Abs, Math.Abs),
        ["Neg"] = n => Unary(n, x => x * -1f, x => -x),
        ["Reciprocal"] = n => Unary(n, x => Tensor.Full(default, 1, x.Device) / x, x => 1 / x),
        ["Erf"] = n => Unary(n, Functional.Erf, x => Kernels.SpecialFunctions.Erf(x)),
        ["Floor"] = n => Unary(n, Functional.Floor, Math.Floor),
        ["Ceil"] = n => Unary(n, Functional.Ceiling, Math.Ceiling),
        ["Round"] = n => Unary(n, Functional.Round, x => Math.Round(x, MidpointRounding.ToEven)),
        ["Sign"] = n => Unary(n, Functional.Sign, x => double.IsNaN(x) ? x : Math.Sign(x)),
        ["Sin"] = n => Unary(n, Functional.Sin, Math.Sin),
        ["Cos"] = n => Unary(n, Functional.Cos, Math.Cos),
        ["Tan"] = n => Unary(n, Functional.Tan, Math.Tan),
        ["Asin"] = n => Unary(n, Functional.Asin, Math.Asin),
        ["Acos"] = n => Unary(n, Functional.Acos, Math.Acos),
        ["Atan"] = n => Unary(n, Functional.Atan, Math.Atan),
        ["Sinh"] = n => Unary(n, Functional.Sinh, Math.Sinh),
        ["Cosh"] = n => Unary(n, Functional.Cosh, Math.Cosh),
        ["Asinh"] = n => Unary(n, Functional.Asinh, Math.Asinh),
        ["Acosh"] = n => Unary(n, Functional.Acosh, Math.Acosh),
        ["Atanh"] = n => Unary(n, Functional.Atanh, Math.Atanh),
        ["IsNaN"] = n => Test(n, double.IsNaN),
        ["IsInf"] = IsInf,
        ["Not"] = Not,
        ["Clip"] = Clip,

        ["Add"] = n => Arithmetic(n, Functional.Add, (a, b) => a + b, (a, b) => a + b),
        ["Sub"] = n => Arithmetic(n, Functional.Subtract, (a, b) => a - b, (a, b) => a - b),
        ["Mul"] = n => Arithmetic(n, Functional.Multiply, (a, b) => a * b, (a, b) => a * b),
        ["Div"] = n => Arithmetic(n, Functional.Divide, (a, b) => a / b, Quotient),
        ["Pow"] = Pow,
        ["Mod"] = Mod,
        ["Max"] = n => Variadic(n, Functional.Maximum, Math.Max, Math.Max),
        ["Min"] = n => Variadic(n, Functional.Minimum, Math.Min, Math.Min),
        ["Sum"] = n => Variadic(n, Functional.Add, (a, b) => a + b, (a, b) => a + b),
        ["Mean"] = Mean,
        ["Equal"] = n => Compare(n, Functional.Equal, (a, b) => a == b, (a, b) => a == b),
        ["Greater"] = n => Compare(n, Functional.Greater, (a, b) => a > b, (a, b) => a > b),
        ["GreaterOrEqual"] = n => Compare(n, Functional.GreaterOrEqual, (a, b) => a >= b, (a, b) => a >= b),
        ["Less"] = n => Compare(n, (a, b) => Functional.Greater(b, a), (a, b) => a < b, (a, b) => a < b),
        ["LessOrEqual"] = n => Compare(n, (a, b) => Functional.GreaterOrEqual(b, a), (a, b) => a <= b, (a, b) => a <= b),
        ["And"] = n => Compare(n, Functional.Multiply, null, (a, b) => (a & b) != 0),
        ["Or"] = n => Compare(n, Functional.Maximum, null, (a, b) => (a | b) != 0),
        ["Xor"] = n => Compare(n, (a, b) => Functional.Square(a - b), null, (a, b) => a != b),
        ["BitwiseAnd"] = n => Bitwise(n, (a, b) => a & b),
        ["BitwiseOr"] = n => Bitwise(n, (a, b) => a | b),
        ["BitwiseXor"] = n => Bitwise(n, (a, b) => a ^ b),
        ["BitwiseNot"] = n => One(x => Value.Of(new HostArray(x[0]!.Type, x[0]!.Shape, Array.ConvertAll(x[0]!.Integers(), value => ~value)))),
        ["BitShift"] = BitShift,
        ["Where"] = Where,
        ["Einsum"] = Einsum,

        ["ReduceSum"] = n => Reduce(n, SumOver, values => values.Sum()),
        ["ReduceMean"] = n => Reduce(n, MeanOver, values => values.Average()),
        ["ReduceSumSquare"] = n => Reduce(n, (x, axes) => SumOver(Functional.Square(x), axes), values => values.Sum(value => value * value)),
        ["ReduceL1"] = n => Reduce(n, (x, axes) => SumOver(Functional.Abs(x), axes), values => values.Sum(Math.Abs)),
        ["ReduceL2"] = n => Reduce(n, (x, axes) => Functional.Sqrt(SumOver(Functional.Square(x), axes)), values => Math.Sqrt(values.Sum(value => value * value))),
        ["ReduceLogSum"] = n => Reduce(n, (x, axes) => Functional.Log(SumOver(x, axes)), values => Math.Log(values.Sum())),
        ["ReduceLogSumExp"] = n => Reduce(n, LogSumExpOver, LogSumExp),
        ["ReduceMax"] = n => Reduce(n, MaximumOver, values => values.Max()),
        ["ReduceMin"] = n => Reduce(n, (x, axes) => MaximumOver(x * -1f, axes) * -1f, values => values.Min()),
        ["ReduceProd"] = n => Reduce(n, ProductOver, values => values.Aggregate(1.0, (product, value) => product * value)),
        ["ArgMax"] = n => Choose(n, (value, best) => value > best),
        ["ArgMin"] = n => Choose(n, (value, best) => value < best),

        ["Identity"] = _ => One(x => x[0]!),
        ["Reshape"] = Reshape,
        ["Flatten"] = Flatten,
        ["Squeeze"] = Squeeze,
        ["Unsqueeze"] = Unsqueeze,
        ["Transpose"] = Transpose,
        ["Concat"] = Concat,
        ["Split"] = Split,
        ["Slice"] = Slice,
        ["Pad"] = Pad,
        ["Expand"] = Expand,
        ["Tile"] = Tile,
        ["DepthToSpace"] = DepthToSpace,
        ["SpaceToDepth"] = SpaceToDepth,
        ["Upsample"] = Upsample,
        ["Resize"] = Resize,
        ["GridSample"] = GridSample,
        ["RoiAlign"] = RoiAlign,
        ["AffineGrid"] = AffineGrid,
        ["CenterCropPad"] = CenterCropPad,
        ["Col2Im"] = Col2Im,
        ["NonMaxSuppression"] = NonMaxSuppression,

        ["Shape"] = ShapeOf,
        ["Size"] = _ => One(x => Value.Of(new HostArray(OnnxType.Int64, default, new[] { x[0]!.Shape.Count }))),
        ["ConstantOfShape"] = ConstantOfShape,
        ["Range"] = Range,
        ["Cast"] = Cast,
        ["Gather"] = Gather,
        ["GatherElements"] = GatherElements,
        ["GatherND"] = GatherND,
        ["Scatter"] = ScatterElements,
        ["ScatterElements"] = ScatterElements,
        ["ScatterND"] = ScatterND,
        ["TopK"] = TopK,
        ["NonZero"] = NonZero,
        ["Compress"] = Compress,
        ["ReverseSequence"] = ReverseSequence,
        ["Trilu"] = Trilu,
        ["EyeLike"] = EyeLike,
        ["CumSum"] = n => Cumulate(n, product: false),
        ["CumProd"] = n => Cumulate(n, product: true),
        ["CastLike"] = CastLike,
        ["OneHot"] = OneHot,

        ["QuantizeLinear"] = QuantizeLinear,
        ["DequantizeLinear"] = DequantizeLinear,
        ["DynamicQuantizeLinear"] = DynamicQuantizeLinear,
        ["MatMulInteger"] = MatMulInteger,
        ["ConvInteger"] = ConvInteger,
        ["QLinearMatMul"] = QLinearMatMul,
        ["QLinearConv"] = QLinearConv,

        ["NegativeLogLikelihoodLoss"] = NegativeLogLikelihood,
        ["SoftmaxCrossEntropyLoss"] = SoftmaxCrossEntropy,
    };

    /// <summary>Whether there is a standard operator of a name here.</summary>
    public static bool Knows(string name) => name == "Constant" || Table.ContainsKey(name);

    /// <summary>Makes a node's operator.</summary>
    /// <exception cref="UnsupportedOperatorException">There is none of its name, or it has none of that form.</exception>
    public static Operator Make(OnnxNode node, Binding binding)
    {
        if (node.Domain.Length > 0 || !Table.TryGetValue(node.Operator, out var make)) throw Unknown(binding, node);
        for (var i = 0; i < LeastInputs(node.Operator); i++)
        {
            if (!binding.Has(i)) throw binding.Malformed($"its input {i} is missing");
        }

        return make(binding);
    }

    /// <summary>The error for an operator that is not among those here.</summary>
    public static UnsupportedOperatorException Unknown(Binding binding, OnnxNode node)
        => binding.Unsupported(node is { Operator: "If", Domain: "" } ? "its condition does not follow from constants" : node.Domain.Length > 0 ? "neither a standard operator nor a function that the file brings along" : "this operator is not computed");

    /// <summary>Whether an operator computes on an input of so many axes, with a gradient, as opposed to reading numbers from it that say what to do.</summary>
    public static bool ReadsFloats(string name, int input, int axes) => name switch
    {
        "GridSample" => input == 0 || axes == 4,
        "Concat" or "Max" or "Min" or "Sum" or "Mean" or "Pow" or "Mod" or "MatMul" or "Gemm" or "Einsum" or "Add" or "Sub" or "Mul" or "Div" => true,
        "Where" => input > 0,
        "ScatterND" or "ScatterElements" or "Scatter" => input != 1,
        "Constant" or "Shape" or "Size" or "Cast" or "CastLike" or "ConstantOfShape" or "Range" or "OneHot" or "ArgMax" or "ArgMin" or "IsNaN" or "IsInf" or "Dropout" or "NonZero" or "NonMaxSuppression" => false,
        "Equal" or "Greater" or "GreaterOrEqual" or "Less" or "LessOrEqual" or "And" or "Or" or "Xor" or "Not" or "QuantizeLinear" or "DequantizeLinear" => false,
        _ => input == 0,
    };

    /// <summary>How many inputs an operator needs at the least.</summary>
    static int LeastInputs(string name) => name switch
    {
        "Add" or "Sub" or "Mul" or "Div" or "Pow" or "Mod" or "Equal" or "Greater" or "GreaterOrEqual" or "Less" or "LessOrEqual" or "And" or "Or" or "Xor" => 2,
        "Conv" or "ConvTranspose" or "Gemm" or "MatMul" or "PRelu" or "Expand" or "Tile" or "Gather" or "GatherElements" or "NegativeLogLikelihoodLoss" or "SoftmaxCrossEntropyLoss" => 2,
        "LayerNormalization" or "RMSNormalization" or "SwiGLU" or "BitwiseAnd" or "BitwiseOr" or "BitwiseXor" or "BitShift" or "GridSample" or "AffineGrid" or "NonMaxSuppression" or "CenterCropPad" or "MaxUnpool" or "GatherND" or "Compress" or "ReverseSequence" => 2,
        "CumSum" or "CumProd" or "CastLike" or "QuantizeLinear" or "DequantizeLinear" or "MatMulInteger" or "ConvInteger" => 2,
        "Where" or "Range" or "OneHot" or "InstanceNormalization" or "GroupNormalization" or "RoiAlign" or "Scatter" or "ScatterElements" or "ScatterND" or "Attention" or "Col2Im" or "DeformConv" => 3,
        "BatchNormalization" => 5,
        "QLinearMatMul" or "QLinearConv" => 8,
        _ => 1,
    };

    /// <summary>The tensor that a node of the operator <c>Constant</c> holds.</summary>
    public static OnnxTensor ReadConstant(Binding n)
    {
        if (n.Tensor("value") is { } tensor) return tensor;
        if (n.Floats("value_floats") is { } floats) return OnnxTensor.Create("", [floats.Length], floats);
        if (n.Ints("value_ints") is { } ints) return OnnxTensor.Create("", [ints.Length], ints);
        if (n.HasAttribute("value_float")) return OnnxTensor.Create("", [], [n.Float("value_float", 0)]);
        if (n.HasAttribute("value_int")) return OnnxTensor.Create("", [], [n.Int("value_int", 0)]);
        throw n.Unsupported("its value is not a tensor of numbers");
    }

    /// <summary>An operator with one result.</summary>
    static Operator One(Func<Value?[], Value> run) => x => [run(x)];

    /// <summary>Small integers of an attribute up to some version, of an input from there on; null if neither is given.</summary>
    static Func<Value?[], long[]?> IntegersOf(Binding n, string attribute, int input, int sinceOpset)
    {
        if (n.Opset < sinceOpset)
        {
            var fixedValues = n.Ints(attribute);
            return _ => fixedValues;
        }

        return n.Has(input) ? x => x[input]!.Integers() : _ => null;
    }
}
