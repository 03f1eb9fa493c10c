using static CnnSharp.Functional;

namespace CnnSharp.Verification;

/// <content>Softmax and losses.</content>
public static partial class OperationRegistry
{
    static OperationRow[] LossRows =>
    [
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
    ];
}
