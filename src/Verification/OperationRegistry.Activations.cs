using static CnnSharp.Functional;

namespace CnnSharp.Verification;

/// <content>Activations.</content>
public static partial class OperationRegistry
{
    static OperationRow[] ActivationRows =>
    [
        Elementwise("relu", nameof(Relu), (x, _) => Relu(x), Values.AwayFromZero) with { IsExact = true },
        Elementwise("leaky_relu", nameof(LeakyRelu), (x, a) => LeakyRelu(x, a.Single("negative_slope", 0.01)), Values.AwayFromZero, "{}", """{"negative_slope":0.3}""") with { DoubleTolerance = SinglePrecisionOption },
        Elementwise("elu", nameof(Elu), (x, a) => Elu(x, a.Single("alpha", 1)), Values.AwayFromZero, "{}", """{"alpha":0.7}""") with { DoubleTolerance = SinglePrecisionOption },
        Elementwise("sigmoid", nameof(Sigmoid), (x, _) => Sigmoid(x), Values.Any),
        Elementwise("tanh", nameof(Tanh), (x, _) => Tanh(x), Values.Any),
        Elementwise("gelu", nameof(Gelu), (x, a) =>
        {
            Attributes.Require(a.Text("approximate", "none") == "none", "gelu by its approximation");
            return Gelu(x);
        }, Values.Any),
        Elementwise("silu", nameof(Silu), (x, _) => Silu(x), Values.Any),
        Elementwise("hardsigmoid", nameof(HardSigmoid), (x, a) => HardSigmoid(x * a.Single("factor", 4)), Values.AwayFromZero, """{"factor":4}""", """{"factor":1}""") with { DoubleTolerance = SinglePrecisionOption },
        Elementwise("hardswish", nameof(HardSwish), (x, a) => HardSwish(x * a.Single("factor", 4)), Values.AwayFromZero, """{"factor":4}""", """{"factor":1}""") with { DoubleTolerance = SinglePrecisionOption },
        Elementwise("mish", nameof(Mish), (x, _) => Mish(x), Values.Any) with { DoubleTolerance = 1e-8 },
        Elementwise("softplus", nameof(Softplus), (x, a) =>
        {
            Attributes.Require(a.Number("beta", 1) == 1, "softplus with a beta other than 1");
            return Softplus(x);
        }, Values.Any) with
        {
            // From 20 on PyTorch takes softplus(x) for x, which it is but for 2e-9.
            DoubleTolerance = 1e-8,
        },
        Elementwise("exp", nameof(Exp), (x, _) => Exp(x), Values.Any),
        Elementwise("log", nameof(Log), (x, _) => Log(x), Values.Positive),
        Elementwise("sqrt", nameof(Sqrt), (x, _) => Sqrt(x), Values.Positive),
        Elementwise("abs", nameof(Abs), (x, _) => Abs(x), Values.AwayFromZero) with { IsExact = true },
        Elementwise("erf", nameof(Erf), (x, _) => Erf(x), Values.Any),
        Elementwise("floor", nameof(Floor), (x, a) => Floor(x * a.Single("factor", 3)), Values.Any),
        Elementwise("ceil", nameof(Ceiling), (x, a) => Ceiling(x * a.Single("factor", 3)), Values.Any),
        Elementwise("round", nameof(Round), (x, a) => Round(x * a.Single("factor", 3)), Values.Any),
        Elementwise("sign", nameof(Sign), (x, _) => Sign(x), Values.AwayFromZero) with { IsExact = true },
        Elementwise("sin", nameof(Sin), (x, a) => Sin(x * a.Single("factor", 1)), Values.Any, "{}", """{"factor":40}"""),
        Elementwise("cos", nameof(Cos), (x, a) => Cos(x * a.Single("factor", 1)), Values.Any, "{}", """{"factor":40}"""),
        Elementwise("tan", nameof(Tan), (x, _) => Tan(x), Values.Any),
        Elementwise("asin", nameof(Asin), (x, _) => Asin(x), Values.Unit),
        Elementwise("acos", nameof(Acos), (x, _) => Acos(x), Values.Unit),
        Elementwise("atan", nameof(Atan), (x, a) => Atan(x * a.Single("factor", 1)), Values.Any, "{}", """{"factor":5}"""),
        Elementwise("sinh", nameof(Sinh), (x, a) => Sinh(x * a.Single("factor", 1)), Values.Any, "{}", """{"factor":5}"""),
        Elementwise("cosh", nameof(Cosh), (x, a) => Cosh(x * a.Single("factor", 1)), Values.Any, "{}", """{"factor":5}"""),
        Elementwise("asinh", nameof(Asinh), (x, a) => Asinh(x * a.Single("factor", 1)), Values.Any, "{}", """{"factor":5}"""),
        Elementwise("acosh", nameof(Acosh), (x, a) => Acosh(x + a.Single("offset", 1)), Values.Positive),
        Elementwise("atanh", nameof(Atanh), (x, _) => Atanh(x), Values.Unit),
        Elementwise("square", nameof(Square), (x, _) => Square(x), Values.Any) with { IsExact = true },
        Elementwise("scale", nameof(MultiplyScalar), (x, a) => MultiplyScalar(x, a.Single("factor", 1)), Values.Any, """{"factor":-2.5}""") with { IsExact = true },
        Elementwise("offset", nameof(AddScalar), (x, a) => AddScalar(x, a.Single("offset", 0)), Values.Any, """{"offset":0.5}""") with { IsExact = true },
        Elementwise("clamp", nameof(Clamp), (x, a) => Clamp(x, a.Single("min", double.NegativeInfinity), a.Single("max", double.PositiveInfinity)), Values.AwayFromZero, """{"min":-0.5,"max":0.5}""", """{"min":0}""", """{"max":0.25}""") with { IsExact = true, DoubleTolerance = SinglePrecisionOption },
        new("prelu", nameof(PRelu), (i, _) => PRelu(i["x"], i["w"]))
        {
            Differentiable = ["x", "w"],
            IsExact = true,
            Layout = (name, shape, _) => name == "w" ? Layout.Same(shape) : Layout.ChannelsLast(shape),
            Samples =
            [
                new("{}", new("x", [2, 3, 3, 5], Values.AwayFromZero), W(5)),
                new("{}", new("x", [2, 2, 3, 17], Values.AwayFromZero), W(17)),
                new("{}", new("x", [2, 3, 2, 4], Values.AwayFromZero), W(1)),
                new("{}", new("x", [7, 33], Values.AwayFromZero), W(33)),
            ],
        },
        new("maxout", nameof(Maxout), (i, a) => Maxout(i["x"], a.Integer("pieces", 2)))
        {
            IsExact = true,
            Layout = Images,
            Samples = [new("""{"pieces":2}""", Choice(2, 3, 3, 6)), new("""{"pieces":3}""", Choice(2, 2, 3, 51)), new("""{"pieces":4}""", Choice(5, 4))],
        },
        new("dropout", nameof(Dropout), (i, a) => Dropout(i["x"], a.Single("p", 0.5), (ulong)a.Integer("seed", 1), (ulong)a.Integer("stream", 0)))
        {
            IsExact = true,
            DoubleTolerance = SinglePrecisionOption,
            Samples = [new("""{"p":0.5}""", X(3, 5, 7)), new("""{"p":0.3,"seed":7,"stream":3}""", X(131)) { IsExact = false }, new("""{"p":0.0}""", X(2, 9))],
        },
    ];
}
