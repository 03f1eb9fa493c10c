using CnnSharp.Kernels;
using static CnnSharp.Functional;

namespace CnnSharp.Verification;

/// <summary>
/// Every operation, one row each. The rows drive the gradient checks, the comparison of engines and the reference
/// cases: an operation that is added needs its file in <c>src/Core/Operations</c>, a row here, and a line in each engine.
/// </summary>
/// <remarks>
/// Samples are small, since gradients are checked on them by difference quotients, and chosen for the places where kernels
/// go wrong: channel counts on both sides of a vector's width (1, 3, 16, 17, 33), windows that overlap, skip or leave
/// a rest, one row of seven.
/// </remarks>
public static partial class OperationRegistry
{
    const double SinglePrecisionOption = OperationRow.SinglePrecisionOption;

    /// <summary>The rows.</summary>
    public static IReadOnlyList<OperationRow> Rows { get; } =
    [
        .. ProductRows,
        .. PoolingRows,
        .. NormalizationRows,
        .. ActivationRows,
        .. LossRows,
        .. ArithmeticRows,
        .. ShapeRows,
        .. ReductionRows,
        .. IndexingRows,
    ];

    static readonly Dictionary<string, OperationRow> ByName = Rows.ToDictionary(row => row.Name);

    /// <summary>The row of a name, or null.</summary>
    public static OperationRow? Find(string name) => ByName.GetValueOrDefault(name);

    static IEnumerable<Sample> Reductions =>
    [
        new("{}", X(3, 4, 5)),
        new("""{"dim":[1,2]}""", X(2, 3, 4, 17)),
        new("""{"dim":[0,2],"keepdim":true}""", X(3, 4, 5)),
        new("""{"dim":-1}""", X(5, 33)),
        new("""{"dim":0}""", X(19, 3)),
    ];

    static OperationRow Elementwise(string name, string function, Func<Tensor, Attributes, Tensor> run, Values values, params string[] attributes) => new(name, function, (i, a) => run(i["x"], a))
    {
        Samples =
        [
            .. (attributes.Length == 0 ? ["{}"] : attributes).SelectMany(text => new Sample[]
            {
                new(text, new SampleInput("x", [2, 3, 3, 5], values)),
                new(text, new SampleInput("x", [1], values)),
                new(text, new SampleInput("x", [67], values)),
            }),
        ],
    };

    static OperationRow Softmax(string name, string function, Func<Tensor, Tensor> run) => new(name, function, (i, _) => run(i["x"]))
    {
        // The classes of a case are its axis `dim`; here they are the last one.
        Layout = (_, shape, a) => Layout.AxisLast(shape, a.Integer("dim", -1)),
        Samples = [new("{}", X(7, 10)), new("{}", X(1, 1)), new("{}", X(2, 2, 3, 17)), new("{}", X(3, 33))],
    };

    static OperationRow Loss(string name, string function, Func<Tensor, Tensor, Reduction, Tensor> run, Values target) => new(name, function, (i, a) =>
    {
        Attributes.Require(a.Number("beta", 1) == 1, $"{name} with a beta other than 1");
        return run(i["x"], i["target"], a.Reduction());
    })
    {
        Differentiable = ["x", "target"],
        IsExact = true,
        DoubleTolerance = SinglePrecisionOption,
        Samples =
        [
            new("{}", X(6, 7), new("target", [6, 7], target)) { IsExact = false },
            new("""{"reduction":"sum"}""", X(2, 3, 17), new("target", [2, 3, 17], target)),
            new("""{"reduction":"none"}""", X(5, 3), new("target", [5, 3], target)),
        ],
    };

    static OperationRow Arithmetic(string name, string function, Func<Tensor, Tensor, Tensor> run) => new(name, function, (i, _) => run(i["a"], i["b"]))
    {
        Differentiable = ["a", "b"],
        IsExact = true,
        Samples =
        [
            Operands([2, 3, 4, 5], [2, 3, 4, 5]),
            Operands([2, 3, 2, 17], [17]),
            Operands([2, 1, 2, 5], [2, 3, 1, 5]),
            Operands([3, 1], [2, 1, 4]),
            Operands([4, 5], []),
            Operands([1], [3, 16]),
            Operands([2, 3, 2, 4], [2, 1, 1, 4]),
        ],
    };

    static Sample Operands(int[] a, int[] b) => new("{}", new("a", a), new("b", b, Values.Positive));

    static Pool2dOptions Windows(Attributes a) => new()
    {
        Stride = a.Has("stride") ? a.Size("stride") : null,
        Padding = a.Padding(),
        CeilMode = a.Flag("ceil_mode", false),
    };

    static Layout Images(string name, Shape shape, Attributes attributes) => Layout.ChannelsLast(shape);

    static SampleInput X(params int[] shape) => new("x", shape);

    static SampleInput W(params int[] shape) => new("w", shape);

    static SampleInput B(int channels) => new("b", [channels]);

    static SampleInput Choice(params int[] shape) => new("x", shape, Values.Distinct);

    static SampleInput Target(int classes, params int[] shape) => new("target", shape, Values.Label, classes);

    static SampleInput ClassWeights(int classes) => new("weight", [classes], Values.Positive);

    static SampleInput[] Norm(int channels)
        => [new("gamma", [channels]), new("beta", [channels]), new("running_mean", [channels]), new("running_var", [channels], Values.Positive)];

    static SampleInput[] Statistics(int channels)
        => [new("w", [channels]), new("b", [channels]), new("running_mean", [channels]), new("running_var", [channels], Values.Positive)];
}
