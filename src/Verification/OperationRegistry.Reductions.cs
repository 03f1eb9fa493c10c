using static CnnSharp.Functional;

namespace CnnSharp.Verification;

/// <content>Reductions.</content>
public static partial class OperationRegistry
{
    static OperationRow[] ReductionRows =>
    [
        new("sum", nameof(Sum), (i, a) => a.Has("dim") ? Sum(i["x"], a.Integers("dim"), a.Flag("keepdim", false)) : Sum(i["x"]))
        {
            IsExact = true,
            Samples = [.. Reductions],
        },
        new("max", nameof(Max), (i, a) => Max(i["x"], a.Integer("dim", -1), a.Flag("keepdim", false)))
        {
            IsExact = true,
            Samples = [new("""{"dim":-1}""", new SampleInput("x", [3, 4, 5], Values.Distinct)), new("""{"dim":1,"keepdim":true}""", new SampleInput("x", [2, 17, 3, 2], Values.Distinct)), new("""{"dim":0}""", new SampleInput("x", [19], Values.Distinct))],
        },
        new("min", nameof(Min), (i, a) => Min(i["x"], a.Integer("dim", -1), a.Flag("keepdim", false)))
        {
            IsExact = true,
            Samples = [new("""{"dim":-1}""", new SampleInput("x", [3, 4, 5], Values.Distinct)), new("""{"dim":1,"keepdim":true}""", new SampleInput("x", [2, 17, 3, 2], Values.Distinct))],
        },
        new("mean", nameof(Mean), (i, a) => a.Has("dim") ? Mean(i["x"], a.Integers("dim"), a.Flag("keepdim", false)) : Mean(i["x"]))
        {
            DoubleTolerance = SinglePrecisionOption,
            Samples = [.. Reductions],
        },
        new("argmax", nameof(ArgMax), (i, _) => ArgMax(i["x"]))
        {
            Differentiable = [],
            IsExact = true,
            Layout = (name, shape, a) => name == "x" ? Layout.AxisLast(shape, a.Integer("dim", -1)) : Layout.Same(shape),
            Samples = [new("{}", Choice(7, 10)), new("{}", Choice(2, 3, 33))],
        },
    ];
}
