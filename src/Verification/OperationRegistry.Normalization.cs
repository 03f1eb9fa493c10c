using static CnnSharp.Functional;

namespace CnnSharp.Verification;

/// <content>Normalizations.</content>
public static partial class OperationRegistry
{
    static OperationRow[] NormalizationRows =>
    [
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
    ];
}
