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
public static class OperationRegistry
{
    const double SinglePrecisionOption = OperationRow.SinglePrecisionOption;

    /// <summary>The rows.</summary>
    public static IReadOnlyList<OperationRow> Rows { get; } =
    [
        // ---- Convolution and matrices ---------------------------------------------------------------------------
        new("conv2d", nameof(Conv2d), (i, a) =>
        {
            var w = i["w"];
            var kernel = w.Shape.Rank == 4 ? new Size2d(w.Shape[0], w.Shape[1]) : 1;
            var dilation = a.Size("dilation", 1);
            var options = new Conv2dOptions { Stride = a.Size("stride", 1), Padding = a.PaddingFor(kernel, dilation), Dilation = dilation, Groups = a.Integer("groups", 1) };
            return Conv2d(i["x"], w, i.Optional("b"), options, a.Activation());
        })
        {
            Differentiable = ["x", "w", "b"],
            IsExact = true,
            IsProduct = true,
            Layout = (name, shape, _) => name == "w" ? Layout.ConvolutionWeights(shape) : Layout.ChannelsLast(shape),
            Samples =
            [
                new("""{"padding":1}""", X(2, 5, 6, 3), W(3, 3, 3, 4), B(4)),
                new("""{"padding":1}""", X(1, 4, 5, 16), W(3, 3, 16, 17)),
                new("""{"padding":1}""", X(1, 4, 4, 17), W(3, 3, 17, 16), B(16)),
                new("""{"padding":1,"activation":"relu"}""", X(2, 4, 4, 3), W(3, 3, 3, 16), B(16)),
                new("""{"padding":1,"stride":2}""", X(2, 7, 6, 16), W(3, 3, 16, 33), B(33)),
                new("{}", X(1, 6, 11, 2), W(1, 7, 2, 3), B(3)),
                new("""{"padding":[3,0]}""", X(1, 6, 3, 2), W(7, 1, 2, 5)),
                new("""{"stride":[2,1],"padding":[0,2]}""", X(2, 6, 5, 3), W(2, 4, 3, 5), B(5)),
                new("""{"padding":[0,1,2,0]}""", X(1, 5, 4, 3), W(3, 3, 3, 2), B(2)),
                new("""{"padding":[1,0,0,1],"stride":2}""", X(1, 6, 6, 1), W(3, 3, 1, 1), B(1)),
                new("""{"padding":2,"dilation":2}""", X(1, 6, 7, 3), W(3, 3, 3, 4), B(4)),
                new("""{"padding":[2,0],"dilation":[3,1],"stride":[1,2]}""", X(1, 7, 6, 2), W(2, 3, 2, 3)),
                new("""{"padding":1,"groups":4}""", X(1, 4, 5, 8), W(3, 3, 2, 12), B(12)),
                new("""{"padding":1,"groups":2,"stride":2}""", X(1, 5, 5, 6), W(3, 3, 3, 4)),
                new("""{"padding":1,"groups":17}""", X(2, 4, 5, 17), W(3, 3, 1, 17), B(17)),
                new("""{"padding":1,"groups":3,"stride":2}""", X(1, 6, 5, 3), W(3, 3, 1, 6), B(6)),
                new("{}", X(2, 3, 3, 33), W(1, 1, 33, 17), B(17)),
                new("""{"stride":2}""", X(1, 5, 6, 16), W(1, 1, 16, 16)),
                new("""{"padding":2,"stride":4}""", X(1, 15, 15, 3), W(11, 11, 3, 2), B(2)),
                new("{}", X(1, 3, 3, 2), W(3, 3, 2, 2), B(2)),
                new("""{"padding":"same"}""", X(1, 5, 4, 2), W(4, 3, 2, 3), B(3)),
            ],
        },
        new("conv_transpose2d", nameof(ConvTranspose2d), (i, a) => ConvTranspose2d(i["x"], i["w"], i.Optional("b"), new()
        {
            Stride = a.Size("stride", 1),
            Padding = a.Padding(),
            OutputPadding = a.Size("output_padding", 0),
            Dilation = a.Size("dilation", 1),
            Groups = a.Integer("groups", 1),
        }))
        {
            Differentiable = ["x", "w", "b"],
            IsExact = true,
            IsProduct = true,
            Layout = (name, shape, a) => name == "w" ? Layout.TransposedConvolutionWeights(shape, a.Integer("groups", 1)) : Layout.ChannelsLast(shape),
            Samples =
            [
                new("""{"stride":2,"padding":1,"output_padding":1}""", X(2, 3, 4, 4), W(3, 3, 4, 3), B(3)),
                new("""{"stride":2,"padding":1}""", X(1, 3, 3, 16), W(4, 4, 16, 17), B(17)),
                new("""{"stride":2}""", X(1, 4, 3, 6), W(2, 2, 6, 4), B(4)),
                new("""{"padding":1}""", X(1, 5, 5, 3), W(3, 3, 3, 5)),
                new("""{"stride":[2,1],"padding":[1,0],"output_padding":[1,0],"dilation":[1,2]}""", X(1, 4, 3, 2), W(3, 2, 2, 3), B(3)),
                new("""{"stride":2,"padding":[0,1,1,0]}""", X(1, 3, 3, 3), W(3, 3, 3, 2), B(2)),
                new("""{"stride":2,"padding":1,"groups":2}""", X(1, 3, 3, 4), W(3, 3, 2, 6), B(6)),
                new("""{"stride":2,"groups":3}""", X(1, 3, 2, 3), W(2, 2, 1, 3)),
                new("""{"stride":4,"padding":2}""", X(1, 3, 3, 1), W(8, 8, 1, 1), B(1)),
            ],
        },
        new("linear", nameof(Linear), (i, a) => Linear(i["x"], i["w"], i.Optional("b"), a.Activation()))
        {
            Differentiable = ["x", "w", "b"],
            IsExact = true,
            IsProduct = true,
            Layout = (name, shape, _) => name == "w" ? Layout.LinearWeights(shape) : Layout.Same(shape),
            Samples =
            [
                new("{}", X(3, 5), W(5, 4), B(4)),
                new("{}", X(1, 7), W(7, 1)),
                new("{}", X(13, 33), W(33, 17), B(17)),
                new("{}", X(2, 3, 5), W(5, 16), B(16)),
                new("""{"activation":"relu"}""", X(6, 16), W(16, 33), B(33)),
            ],
        },
        new("matmul", nameof(MatMul), (i, _) => MatMul(i["a"], i["b"]))
        {
            Differentiable = ["a", "b"],
            IsExact = true,
            IsProduct = true,
            Samples = [new("{}", new("a", [3, 4]), new("b", [4, 5])), new("{}", new("a", [14, 17]), new("b", [17, 35])), new("{}", new("a", [1, 1]), new("b", [1, 3]))],
        },

        new("bmm", nameof(BatchMatMul), (i, _) => BatchMatMul(i["a"], i["b"]))
        {
            Differentiable = ["a", "b"],
            IsExact = true,
            IsProduct = true,
            Samples = [new("{}", new("a", [3, 3, 4]), new("b", [3, 4, 5])), new("{}", new("a", [2, 14, 17]), new("b", [2, 17, 35])), new("{}", new("a", [5, 16, 8]), new("b", [5, 8, 4])), new("{}", new("a", [1, 1, 1]), new("b", [1, 1, 3]))],
        },

        // ---- Pooling --------------------------------------------------------------------------------------------
        new("max_pool2d", nameof(MaxPool2d), (i, a) =>
        {
            Attributes.Require(a.Size("dilation", 1) == 1, "max_pool2d with a dilation other than 1");
            return MaxPool2d(i["x"], a.Size("kernel"), Windows(a));
        })
        {
            IsExact = true,
            Layout = Images,
            Samples =
            [
                new("""{"kernel":2}""", Choice(2, 4, 6, 3)),
                new("""{"kernel":3,"stride":2,"padding":1}""", Choice(1, 7, 6, 17)),
                new("""{"kernel":3,"stride":1,"padding":1}""", Choice(1, 4, 5, 1)),
                new("""{"kernel":3,"stride":2,"ceil_mode":true}""", Choice(2, 6, 8, 4)),
                new("""{"kernel":3,"stride":3,"padding":1,"ceil_mode":true}""", Choice(1, 6, 5, 16)),
                new("""{"kernel":[1,3],"stride":[2,1],"padding":[0,1]}""", Choice(1, 5, 6, 33)),
                new("""{"kernel":[3,2],"padding":[0,2,1,0],"stride":2}""", Choice(1, 5, 6, 3)),
                new("""{"kernel":2,"stride":3}""", Choice(1, 7, 8, 2)),
            ],
        },
        new("avg_pool2d", nameof(AvgPool2d), (i, a) =>
        {
            Attributes.Require(!a.Has("divisor_override"), "avg_pool2d with divisor_override");
            return AvgPool2d(i["x"], a.Size("kernel"), Windows(a) with { CountIncludePad = a.Flag("count_include_pad", true) });
        })
        {
            IsExact = true,
            Layout = Images,
            Samples =
            [
                new("""{"kernel":2}""", X(2, 4, 6, 3)),
                new("""{"kernel":[2,4],"stride":[1,2]}""", X(1, 5, 8, 17)),
                new("""{"kernel":2,"stride":1,"padding":1}""", X(1, 4, 4, 16)),
                new("""{"kernel":3,"stride":2,"padding":1}""", X(1, 6, 5, 3)) { IsExact = false },
                new("""{"kernel":3,"stride":2,"padding":1,"count_include_pad":false}""", X(1, 6, 5, 17)) { IsExact = false },
                new("""{"kernel":3,"stride":2,"ceil_mode":true}""", X(2, 6, 8, 4)) { IsExact = false },
                new("""{"kernel":3,"stride":2,"padding":1,"ceil_mode":true}""", X(1, 6, 8, 1)) { IsExact = false },
                new("""{"kernel":3,"stride":2,"padding":1,"ceil_mode":true,"count_include_pad":false}""", X(1, 6, 8, 33)) { IsExact = false },
                new("""{"kernel":[3,2],"padding":[0,2,1,0],"stride":2}""", X(1, 5, 6, 3)) { IsExact = false },
            ],
        },
        new("adaptive_avg_pool2d", nameof(AdaptiveAvgPool2d), (i, a) => AdaptiveAvgPool2d(i["x"], a.Size("output")))
        {
            IsExact = true,
            Layout = Images,
            Samples =
            [
                new("""{"output":2}""", X(2, 4, 8, 3)),
                new("""{"output":[6,5]}""", X(1, 7, 4, 3)) { IsExact = false },
                new("""{"output":[3,1]}""", X(1, 7, 5, 17)) { IsExact = false },
            ],
        },
        new("adaptive_max_pool2d", nameof(AdaptiveMaxPool2d), (i, a) => AdaptiveMaxPool2d(i["x"], a.Size("output")))
        {
            IsExact = true,
            Layout = Images,
            Samples = [new("""{"output":2}""", Choice(2, 4, 8, 3)), new("""{"output":[6,5]}""", Choice(1, 7, 4, 3)), new("""{"output":[3,1]}""", Choice(1, 7, 5, 17))],
        },
        new("global_avg_pool2d", nameof(GlobalAvgPool2d), (i, _) => GlobalAvgPool2d(i["x"]))
        {
            IsExact = true,
            Layout = Images,
            Samples = [new("{}", X(2, 4, 4, 16)), new("{}", X(2, 3, 5, 33)) { IsExact = false }],
        },

        // ---- Normalization --------------------------------------------------------------------------------------
        new("batch_norm", nameof(BatchNorm), (i, a) =>
        {
            var x = i["x"];
            var channels = x.Shape.Rank == 0 ? 0 : x.Shape[^1];
            var options = new BatchNormOptions { Epsilon = a.Single("eps", 1e-5), Momentum = a.Single("momentum", 0.1) };
            return BatchNorm(
                x,
                i.OrConstant("w", channels, 1),
                i.OrConstant("b", channels, 0),
                i.OrConstant("running_mean", channels, 0),
                i.OrConstant("running_var", channels, 1),
                a.Flag("training", false),
                options,
                a.Activation(),
                i.Optional("add"));
        })
        {
            Differentiable = ["x", "w", "b", "add"],
            Updated = ["running_mean", "running_var"],
            DoubleTolerance = SinglePrecisionOption,
            Layout = Images,
            Samples =
            [
                new("""{"training":true}""", [X(3, 2, 3, 3), .. Statistics(3)]),
                new("""{"training":true,"momentum":0.5,"eps":0.01}""", [X(4, 2, 2, 17), .. Statistics(17)]),
                new("""{"training":true,"activation":"relu"}""", [X(2, 3, 3, 16), .. Statistics(16)]),
                new("""{"training":true,"activation":"relu"}""", [X(2, 3, 3, 5), new("add", [2, 3, 3, 5]), .. Statistics(5)]),
                new("""{"training":true}""", [X(2, 2, 3, 33), new("add", [2, 2, 3, 33]), .. Statistics(33)]),
                new("""{"training":true}""", [X(9, 1), .. Statistics(1)]),
                new("{}", [X(3, 2, 3, 3), .. Statistics(3)]),
                new("""{"activation":"relu"}""", [X(2, 3, 3, 17), .. Statistics(17)]),
                new("""{"activation":"relu"}""", [X(2, 3, 3, 16), new("add", [2, 3, 3, 16]), .. Statistics(16)]),
                new("{}", [X(2, 2, 2, 33), new("add", [2, 2, 2, 33]), .. Statistics(33)]),
            ],
        },
        // Without recording, as it is used: nothing is differentiated.
        new("conv2d_batch_norm", nameof(Conv2dBatchNorm), (i, a) => Conv2dBatchNorm(
            i["x"],
            i["w"],
            i.Optional("b"),
            new() { Stride = a.Size("stride", 1), Padding = a.PaddingFor(new(i["w"].Shape[0], i["w"].Shape[1]), 1), Groups = a.Integer("groups", 1) },
            i["gamma"],
            i["beta"],
            i["running_mean"],
            i["running_var"],
            new() { Epsilon = a.Single("eps", 1e-5) },
            a.Activation(),
            i.Optional("add")))
        {
            Differentiable = [],
            DoubleTolerance = SinglePrecisionOption,
            IsProduct = true,
            Layout = (name, shape, _) => name == "w" ? Layout.ConvolutionWeights(shape) : Layout.ChannelsLast(shape),
            Samples =
            [
                new("""{"padding":1}""", [X(2, 5, 6, 3), W(3, 3, 3, 16), .. Norm(16)]),
                new("""{"padding":1,"activation":"relu"}""", [X(1, 4, 5, 16), W(3, 3, 16, 17), B(17), .. Norm(17)]),
                new("""{"padding":1,"activation":"relu"}""", [X(1, 6, 6, 16), W(3, 3, 16, 16), new("add", [1, 6, 6, 16]), .. Norm(16)]),
                new("""{"stride":2,"eps":0.01}""", [X(2, 5, 6, 33), W(1, 1, 33, 32), .. Norm(32)]),
                new("""{"activation":"relu"}""", [X(1, 3, 3, 16), W(1, 1, 16, 48), new("add", [1, 3, 3, 48]), .. Norm(48)]),
                new("""{"padding":1,"activation":"relu"}""", [X(1, 9, 8, 64), W(3, 3, 64, 64), new("add", [1, 9, 8, 64]), .. Norm(64)]),
                new("""{"padding":1,"groups":17,"activation":"relu"}""", [X(1, 4, 5, 17), W(3, 3, 1, 17), .. Norm(17)]),
            ],
        },
        new("layer_norm", nameof(LayerNorm), (i, a) => LayerNorm(i["x"], i.Optional("w"), i.Optional("b"), a.Number("eps", 1e-5)))
        {
            Differentiable = ["x", "w", "b"],
            DoubleTolerance = SinglePrecisionOption,
            Samples = [new("{}", X(4, 7), new("w", [7]), B(7)), new("""{"eps":0.01}""", X(2, 3, 2, 17)), new("{}", X(2, 2, 2, 3, 5), new("w", [5]))],
        },
        new("group_norm", nameof(GroupNorm), (i, a) => GroupNorm(i["x"], a.Integer("groups", 1), i.Optional("w"), i.Optional("b"), a.Number("eps", 1e-5)))
        {
            Differentiable = ["x", "w", "b"],
            DoubleTolerance = SinglePrecisionOption,
            Layout = (name, shape, a) => name is "w" or "b" ? Layout.Same(shape) : Images(name, shape, a),
            Samples = [new("""{"groups":2}""", X(2, 3, 4, 6), new("w", [6]), B(6)), new("""{"groups":1,"eps":0.01}""", X(2, 2, 3, 17)), new("""{"groups":3}""", X(3, 5, 4, 9), B(9))],
        },
        new("instance_norm", nameof(InstanceNorm), (i, a) => InstanceNorm(i["x"], i.Optional("w"), i.Optional("b"), a.Number("eps", 1e-5)))
        {
            Differentiable = ["x", "w", "b"],
            DoubleTolerance = SinglePrecisionOption,
            Layout = (name, shape, a) => name is "w" or "b" ? Layout.Same(shape) : Images(name, shape, a),
            Samples = [new("{}", X(2, 3, 4, 6), new("w", [6]), B(6)), new("""{"eps":0.01}""", X(2, 4, 3, 17))],
        },
        new("local_response_norm", nameof(LocalResponseNorm), (i, a) => LocalResponseNorm(i["x"], new()
        {
            Size = a.Integer("size", 5),
            Alpha = a.Single("alpha", 1e-4),
            Beta = a.Single("beta", 0.75),
            K = a.Single("k", 1),
        }))
        {
            DoubleTolerance = SinglePrecisionOption,
            Layout = Images,
            Samples =
            [
                new("""{"size":5,"alpha":0.5,"k":2.0}""", X(2, 2, 3, 8)),
                new("""{"size":3,"alpha":0.9}""", X(1, 3, 3, 17)),
                new("""{"size":4,"alpha":0.7,"beta":0.5,"k":1.5}""", X(1, 2, 2, 33)),
                new("""{"size":2,"alpha":0.7,"beta":1.0}""", X(1, 2, 2, 3)),
                new("""{"size":9,"alpha":0.7}""", X(1, 1, 3, 3)),
                new("""{"size":1,"alpha":0.7}""", X(1, 2, 3, 1)),
            ],
        },

        // ---- Activations ----------------------------------------------------------------------------------------
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

        // ---- Softmax and losses ---------------------------------------------------------------------------------
        Softmax("softmax", nameof(Functional.Softmax), Functional.Softmax),
        Softmax("log_softmax", nameof(LogSoftmax), LogSoftmax),
        new("cross_entropy", nameof(CrossEntropy), (i, a) => CrossEntropy(i["x"], i["target"], a.Single("label_smoothing", 0), a.Reduction(), a.Has("ignore_index") ? a.Integer("ignore_index", 0) : null, i.Optional("weight")))
        {
            DoubleTolerance = SinglePrecisionOption,
            Layout = (name, shape, _) => name == "x" ? Layout.ChannelsLast(shape) : Layout.Same(shape),
            Samples =
            [
                new("{}", X(8, 10), Target(10, 8)),
                new("""{"label_smoothing":0.1}""", X(5, 3), Target(3, 5)),
                new("""{"reduction":"sum"}""", X(3, 17), Target(17, 3)),
                new("""{"reduction":"none","label_smoothing":0.3}""", X(7, 33), Target(33, 7)),
                new("{}", X(2, 3, 2, 4), Target(4, 2, 3, 2)),
                new("{}", X(9, 5), Target(5, 9), ClassWeights(5)),
                new("""{"ignore_index":2}""", X(9, 4), Target(4, 9)),
                new("""{"ignore_index":1,"label_smoothing":0.2}""", X(2, 3, 2, 3), Target(3, 2, 3, 2), ClassWeights(3)),
                new("""{"reduction":"none","ignore_index":7,"label_smoothing":0.1}""", X(11, 33), Target(33, 11), ClassWeights(33)),
            ],
        },
        new("multiclass_hinge", nameof(MulticlassHinge), (i, a) => MulticlassHinge(i["x"], i["target"], a.Single("margin", 1), a.Reduction(), a.Has("ignore_index") ? a.Integer("ignore_index", 0) : null, i.Optional("weight")))
        {
            IsExact = true,
            DoubleTolerance = SinglePrecisionOption,
            Layout = (name, shape, _) => name == "x" ? Layout.ChannelsLast(shape) : Layout.Same(shape),
            Samples =
            [
                new("{}", X(9, 10), Target(10, 9)) { IsExact = false },
                new("""{"margin":0.5,"reduction":"sum"}""", X(4, 17), Target(17, 4)),
                new("""{"reduction":"none"}""", X(5, 3), Target(3, 5)),
                new("{}", X(9, 5), Target(5, 9), ClassWeights(5)) { IsExact = false },
                new("""{"ignore_index":2}""", X(9, 4), Target(4, 9)) { IsExact = false },
                new("""{"reduction":"sum","ignore_index":1}""", X(8, 33), Target(33, 8), ClassWeights(33)),
            ],
        },
        Loss("mse", nameof(MeanSquaredError), MeanSquaredError, Values.Any),
        Loss("l1", nameof(L1Loss), L1Loss, Values.Any),
        Loss("smooth_l1", nameof(SmoothL1Loss), SmoothL1Loss, Values.Any),
        Loss("bce_with_logits", nameof(BinaryCrossEntropyWithLogits), BinaryCrossEntropyWithLogits, Values.Unit) with { IsExact = false },

        // ---- Arithmetic -----------------------------------------------------------------------------------------
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

        // ---- Shapes ---------------------------------------------------------------------------------------------
        new("concat", nameof(Concat), (i, a) => Concat(i.Numbered("x"), a.Integer("dim", 0)))
        {
            Differentiable = ["x0", "x1", "x2"],
            IsExact = true,
            Samples =
            [
                new("""{"dim":-1}""", new("x0", [2, 3, 2, 3]), new("x1", [2, 3, 2, 1]), new("x2", [2, 3, 2, 17])),
                new("""{"dim":1}""", new("x0", [2, 1, 5]), new("x1", [2, 3, 5])),
                new("""{"dim":0}""", new("x0", [3]), new("x1", [4])),
            ],
        },
        new("slice", nameof(Slice), (i, a) => Slice(i["x"], a.Integer("dim", 0), a.Integer("start", 0), a.Integer("length", 1)))
        {
            IsExact = true,
            Samples = [new("""{"dim":-1,"start":1,"length":3}""", X(2, 3, 3, 5)), new("""{"dim":1,"start":2,"length":1}""", X(2, 3, 17)), new("""{"dim":0,"start":0,"length":2}""", X(3, 4))],
        },
        new("pad", nameof(Pad2d), (i, a) =>
        {
            // PyTorch's order: the innermost axis first.
            var sides = a.Integers("pad");
            if (sides.Length != 4) throw new FormatException($"attribute 'pad': expected [left, right, top, bottom], got {sides.Length} numbers.");
            Attributes.Require(a.Text("mode", "constant") == "constant", "pad with anything but a constant");
            return Pad2d(i["x"], new(sides[2], sides[3], sides[0], sides[1]), a.Single("value", 0));
        })
        {
            IsExact = true,
            DoubleTolerance = SinglePrecisionOption,
            Layout = Images,
            Samples =
            [
                new("""{"pad":[1,1,1,1]}""", X(2, 3, 4, 3)),
                new("""{"pad":[0,2,1,3],"value":0.5}""", X(1, 2, 3, 17)),
                new("""{"pad":[-1,2,1,-2]}""", X(2, 5, 4, 2)),
            ],
        },
        new("pixel_shuffle", nameof(PixelShuffle), (i, a) => PixelShuffle(i["x"], a.Integer("factor", 2)))
        {
            IsExact = true,
            Layout = Images,
            Samples = [new("""{"factor":2}""", X(2, 3, 2, 12)), new("""{"factor":3}""", X(1, 2, 4, 18)), new("""{"factor":1}""", X(2, 2, 3, 5))],
        },
        new("pixel_unshuffle", nameof(PixelUnshuffle), (i, a) => PixelUnshuffle(i["x"], a.Integer("factor", 2)))
        {
            IsExact = true,
            Layout = Images,
            Samples = [new("""{"factor":2}""", X(2, 4, 6, 3)), new("""{"factor":3}""", X(1, 3, 6, 2))],
        },
        new("subsample_and_widen", nameof(SubsampleAndWiden), (i, a) => SubsampleAndWiden(i["x"], a.Size("stride", 1), a.Integer("before", 0), a.Integer("behind", 0)))
        {
            IsExact = true,
            Layout = Images,
            Samples = [new("""{"stride":2,"before":2,"behind":2}""", X(2, 4, 6, 4)), new("""{"stride":[3,1],"behind":17}""", X(1, 5, 3, 16)), new("""{"stride":2}""", X(1, 3, 5, 3))],
        },
        new("expand", nameof(Expand), (i, a) => Expand(i["x"], a.Integers("shape")))
        {
            IsExact = true,
            Samples = [new("""{"shape":[2,3,4,5]}""", X(3, 1, 5)), new("""{"shape":[6,17]}""", X(1, 17)), new("""{"shape":[2,3]}""", X(2, 3)), new("""{"shape":[2,1,3,2,4,3]}""", X(1, 3, 1, 4, 1))],
        },
        new("reshape", nameof(Reshape), (i, a) => Reshape(i["x"], a.Integers("shape")))
        {
            IsExact = true,
            Samples = [new("""{"shape":[6,5]}""", X(2, 3, 5))],
        },
        new("flatten", nameof(Flatten), (i, a) =>
        {
            Attributes.Require(a.Integer("end_dim", -1) == -1, "flatten with an end before the last axis");
            return Flatten(i["x"], a.Integer("start_dim", 1));
        })
        {
            IsExact = true,
            Samples = [new("{}", X(2, 3, 2, 4)), new("""{"start_dim":2}""", X(2, 3, 2, 4)), new("""{"start_dim":0}""", X(2, 5))],
        },
        new("permute", nameof(Permute), (i, a) => Permute(i["x"], a.Integers("dim")))
        {
            IsExact = true,
            Samples = [new("""{"dim":[0,3,1,2]}""", X(2, 3, 4, 5)), new("""{"dim":[1,0]}""", X(3, 17)), new("""{"dim":[2,1,0]}""", X(2, 3, 4))],
        },
        new("upsample_nearest2d", nameof(UpsampleNearest2d), (i, a) => UpsampleNearest2d(i["x"], a.Size("scale")))
        {
            IsExact = true,
            Layout = Images,
            Samples = [new("""{"scale":2}""", X(2, 3, 2, 3)), new("""{"scale":[1,3]}""", X(1, 2, 3, 17))],
        },
        new("upsample_bilinear2d", nameof(UpsampleBilinear2d), (i, a) => UpsampleBilinear2d(i["x"], a.Size("scale"), a.Flag("align_corners", false)))
        {
            Layout = Images,
            Samples =
            [
                new("""{"scale":2}""", X(2, 3, 4, 3)),
                new("""{"scale":2,"align_corners":true}""", X(1, 3, 4, 17)),
                new("""{"scale":[3,1]}""", X(1, 2, 3, 16)),
                new("""{"scale":[2,4],"align_corners":true}""", X(1, 1, 3, 1)),
            ],
        },

        new("sparse_matmul", nameof(SparseMatMul), (i, a) => SparseMatMul(i.Own(new SparseMatrix(a.Integer("columns", 0), a.Integers("offsets"), a.Integers("indices"), Array.ConvertAll(a.Integers("values"), value => (double)value))), i["x"], a.Integer("dim", 0)))
        {
            IsExact = true,
            Samples =
            [
                new("""{"columns":3,"offsets":[0,2,2,3,6],"indices":[2,0,1,0,1,2],"values":[2,-1,1,3,1,-2],"dim":1}""", X(2, 3, 17)),
                new("""{"columns":4,"offsets":[0,1,2,3],"indices":[3,3,0],"values":[1,1,1]}""", X(4, 33)),
                new("""{"columns":5,"offsets":[0,3,5],"indices":[0,2,4,1,1],"values":[1,2,1,-3,2],"dim":1}""", X(7, 5)),
                new("""{"columns":3,"offsets":[0,1,3],"indices":[1,0,2],"values":[4,1,1],"dim":1}""", X(2, 3, 2, 3)),
            ],
        },

        // ---- Reductions -----------------------------------------------------------------------------------------
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
