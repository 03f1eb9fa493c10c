using static CnnSharp.Functional;

namespace CnnSharp.Verification;

/// <content>Arithmetic, comparisons and choices.</content>
public static partial class OperationRegistry
{
    static OperationRow[] ArithmeticRows =>
    [
        Arithmetic("add", nameof(Add), Add),
        Arithmetic("subtract", nameof(Subtract), Subtract),
        Arithmetic("multiply", nameof(Multiply), Multiply),
        Arithmetic("divide", nameof(Divide), Divide) with { IsExact = false },
        Arithmetic("remainder", nameof(Remainder), Remainder) with { IsExact = false },
        Arithmetic("maximum", nameof(Maximum), Maximum),
        Arithmetic("minimum", nameof(Minimum), Minimum),
        Arithmetic("greater", nameof(Greater), Greater) with { Differentiable = [] },
        Arithmetic("greater_or_equal", nameof(GreaterOrEqual), GreaterOrEqual) with { Differentiable = [] },
        Arithmetic("equal", nameof(Functional.Equal), Functional.Equal) with { Differentiable = [] },
        new("pow", nameof(Pow), (i, _) => Pow(i["a"], i["b"]))
        {
            Differentiable = ["a", "b"],
            Samples =
            [
                new("{}", new("a", [2, 3, 2, 17], Values.Positive), new("b", [2, 3, 2, 17])),
                new("{}", new("a", [3, 1], Values.Positive), new("b", [2, 1, 5])),
                new("{}", new("a", [], Values.Positive), new("b", [33])),
            ],
        },
        new("where", nameof(Where), (i, _) => Where(i["condition"], i["a"], i["b"]))
        {
            Differentiable = ["a", "b"],
            IsExact = true,
            Samples =
            [
                new("{}", new("condition", [2, 3, 17], Values.Mask), new("a", [2, 3, 17]), new("b", [2, 3, 17])),
                new("{}", new("condition", [3, 1], Values.Mask), new("a", [2, 1, 5]), new("b", [])),
                new("{}", new("condition", [7], Values.Mask), new("a", []), new("b", [2, 7])),
            ],
        },
    ];
}
