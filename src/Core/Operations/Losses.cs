using CnnSharp.Kernels;

namespace CnnSharp;

/// <summary>How the losses of a batch become one.</summary>
public enum Reduction
{
    /// <summary>Their mean.</summary>
    Mean,

    /// <summary>Their sum.</summary>
    Sum,

    /// <summary>They stay as they are.</summary>
    None,
}

public static partial class Functional
{
    /// <summary>exp(x) / sum of exp(x) over the last axis.</summary>
    /// <param name="x">[..., classes].</param>
    public static Tensor Softmax(Tensor x) => Softmax("Softmax", x, log: false);

    /// <summary>The logarithm of <see cref="Softmax(Tensor)"/>, computed without loss of precision.</summary>
    /// <param name="x">[..., classes].</param>
    public static Tensor LogSoftmax(Tensor x) => Softmax("LogSoftmax", x, log: true);

    static Tensor Softmax(string operation, Tensor x, bool log)
    {
        if (x.Shape.Rank < 1) throw new ShapeException(operation, $"expected an input [..., classes], got {x.Shape}.");
        var classes = x.Shape[^1];
        var rows = x.Shape.CountBefore(x.Shape.Rank - 1);
        var k = x.Device.Kernels;
        var y = Tensor.Uninitialized(x.Shape, x.Device);
        k.SoftmaxForward(rows, classes, log, x.Data, y.Data);

        return Tape.Record(operation, y, [x], (dy, gradients) => k.SoftmaxBackward(rows, classes, log, y.Data, dy, gradients.For(x)));
    }

    /// <summary>-log softmax(x)[label], the target softened to (1 - smoothing) [class is label] + smoothing / classes (Szegedy et al. 2015).</summary>
    /// <param name="x">Logits [rows, classes], or [N, H, W, classes] for labels per pixel.</param>
    /// <param name="labels">Int32, shaped like x without its last axis, within [0, classes).</param>
    /// <param name="labelSmoothing">At least 0, at most 1; default 0.</param>
    /// <param name="reduction">Default: the mean over the rows.</param>
    /// <returns>One element, or one a row.</returns>
    /// <exception cref="ShapeException">The labels do not fit the logits.</exception>
    public static Tensor CrossEntropy(Tensor x, Tensor labels, double labelSmoothing = 0, Reduction reduction = Reduction.Mean)
    {
        var (rows, classes) = CheckLabels("CrossEntropy", x, labels);
        if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) throw new ArgumentOutOfRangeException(nameof(labelSmoothing), labelSmoothing, "CrossEntropy: label smoothing must be within [0, 1].");
        var smoothing = (float)labelSmoothing;
        var k = x.Device.Kernels;
        var losses = Tensor.Uninitialized(labels.Shape, x.Device);
        var logSumExp = x.Device.Engine.Rent(x.DType, rows);
        k.CrossEntropyForward(rows, classes, smoothing, x.Data, labels.Data, losses.Data, logSumExp);

        return Reduce(
            Tape.Record("CrossEntropy", losses, [x, labels], (dy, gradients) => k.CrossEntropyBackward(rows, classes, smoothing, x.Data, labels.Data, logSumExp, dy, gradients.For(x)), logSumExp),
            reduction);
    }

    /// <summary>Sum over the wrong classes j of max(0, x[j] - x[label] + margin): the support vector machine's loss (Weston and Watkins 1999).</summary>
    /// <param name="x">Scores [rows, classes].</param>
    /// <param name="labels">Int32 [rows], within [0, classes).</param>
    /// <param name="margin">Default 1.</param>
    /// <param name="reduction">Default: the mean over the rows.</param>
    /// <returns>One element, or one a row.</returns>
    /// <exception cref="ShapeException">The labels do not fit the scores.</exception>
    public static Tensor MulticlassHinge(Tensor x, Tensor labels, double margin = 1, Reduction reduction = Reduction.Mean)
    {
        var (rows, classes) = CheckLabels("MulticlassHinge", x, labels);
        var k = x.Device.Kernels;
        var losses = Tensor.Uninitialized(labels.Shape, x.Device);
        k.MulticlassHingeForward(rows, classes, (float)margin, x.Data, labels.Data, losses.Data);

        return Reduce(
            Tape.Record("MulticlassHinge", losses, [x, labels], (dy, gradients) => k.MulticlassHingeBackward(rows, classes, (float)margin, x.Data, labels.Data, dy, gradients.For(x))),
            reduction);
    }

    /// <summary>(x - target)^2.</summary>
    /// <param name="x">The prediction.</param>
    /// <param name="target">Shaped like x.</param>
    /// <param name="reduction">Default: the mean over the elements.</param>
    /// <exception cref="ShapeException">The shapes differ.</exception>
    public static Tensor MeanSquaredError(Tensor x, Tensor target, Reduction reduction = Reduction.Mean) => ElementLoss(LossOp.MeanSquared, x, target, reduction);

    /// <summary>|x - target|.</summary>
    /// <inheritdoc cref="MeanSquaredError"/>
    public static Tensor L1Loss(Tensor x, Tensor target, Reduction reduction = Reduction.Mean) => ElementLoss(LossOp.L1, x, target, reduction);

    /// <summary>With d = |x - target|: d^2 / 2 where d is below 1, else d - 1/2 (Huber; Girshick 2015).</summary>
    /// <inheritdoc cref="MeanSquaredError"/>
    public static Tensor SmoothL1Loss(Tensor x, Tensor target, Reduction reduction = Reduction.Mean) => ElementLoss(LossOp.SmoothL1, x, target, reduction);

    /// <summary>-target log sigmoid(x) - (1 - target) log(1 - sigmoid(x)), computed without overflow.</summary>
    /// <inheritdoc cref="MeanSquaredError"/>
    public static Tensor BinaryCrossEntropyWithLogits(Tensor x, Tensor target, Reduction reduction = Reduction.Mean) => ElementLoss(LossOp.BinaryCrossEntropyWithLogits, x, target, reduction);

    static Tensor ElementLoss(LossOp op, Tensor x, Tensor target, Reduction reduction)
    {
        if (x.Shape != target.Shape) throw new ShapeException(op.ToString(), $"the prediction is {x.Shape}, the target {target.Shape}.");
        CheckTogether(op.ToString(), x, target, "target");
        var k = x.Device.Kernels;
        var losses = Tensor.Uninitialized(x.Shape, x.Device);
        k.LossForward(op, x.Data, target.Data, losses.Data);

        return Reduce(
            Tape.Record(op.ToString(), losses, [x, target], (dy, gradients) =>
            {
                if (gradients.Wants(x)) k.LossBackward(op, x.Data, target.Data, dy, gradients.For(x));
                if (!gradients.Wants(target)) return;

                // Of x - target the negative, and of the one that is linear in the target its factor, -x.
                var dtarget = gradients.For(target);
                if (op == LossOp.BinaryCrossEntropyWithLogits) k.Binary(BinaryOp.Multiply, Elementwise(x.Shape), x.Data, dy, dtarget);
                else k.LossBackward(op, x.Data, target.Data, dy, dtarget);
                k.Unary(UnaryOp.Scale, -1, dtarget, dtarget);
            }),
            reduction);
    }

    static Tensor Reduce(Tensor losses, Reduction reduction) => reduction switch
    {
        Reduction.Mean => Mean(losses),
        Reduction.Sum => Sum(losses),
        _ => losses,
    };

    static (long Rows, int Classes) CheckLabels(string operation, Tensor x, Tensor labels)
    {
        if (x.Shape.Rank < 1 || labels.DType != DType.Int32 || !labels.Shape.AsSpan().SequenceEqual(x.Shape.AsSpan()[..^1]))
            throw new ShapeException(operation, $"expected scores [..., classes] and Int32 labels [...], got {x.Shape} and {labels.DType} {labels.Shape}.");
        if (x.Device.Engine != labels.Device.Engine)
            throw new ShapeException(operation, $"the scores {x.Shape} are on {x.Device}, the labels {labels.Shape} on {labels.Device}; Tensor.To brings one to the other's device.");
        return (labels.Count, x.Shape[^1]);
    }

    /// <summary>The place of the greatest value along the last axis (the first of equals). No gradient.</summary>
    /// <param name="x">[..., classes].</param>
    /// <returns>Int32, shaped like x without its last axis.</returns>
    /// <exception cref="ShapeException">x has no axis to choose along.</exception>
    public static Tensor ArgMax(Tensor x)
    {
        if (x.Shape.Rank < 1 || x.Shape[^1] < 1) throw new ShapeException("ArgMax", $"expected an input [..., classes], got {x.Shape}.");
        var y = Tensor.Uninitialized(new(x.Shape.AsSpan()[..^1]), x.Device, DType.Int32);
        x.Device.Kernels.ArgMax(y.Count, x.Shape[^1], x.Data, y.Data);
        return Tape.Record("ArgMax", y, [], static (_, _) => { });
    }
}
