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
        return new SoftmaxOperation(log).Apply(x);
    }

    /// <summary>
    /// -w[label] log softmax(x)[label], the target softened to (1 - smoothing) w[label] [class is label] + smoothing w[class] / classes
    /// (Szegedy et al. 2015), w the class weights: PyTorch's <c>cross_entropy</c>.
    /// </summary>
    /// <param name="x">Logits [rows, classes], or [N, H, W, classes] for labels per pixel.</param>
    /// <param name="labels">Int32, shaped like x without its last axis, within [0, classes) or <paramref name="ignoreIndex"/>.</param>
    /// <param name="labelSmoothing">At least 0, at most 1; default 0.</param>
    /// <param name="reduction">
    /// Default: the mean over the rows; with <paramref name="ignoreIndex"/> or <paramref name="classWeights"/>, the sum divided by
    /// the weights of the labels that count (NaN, as in PyTorch, where none does).
    /// </param>
    /// <param name="ignoreIndex">The label of rows that do not count: loss and gradient 0. Default: none is ignored (PyTorch ignores -100).</param>
    /// <param name="classWeights">[classes], or null for 1 each; gets no gradient.</param>
    /// <returns>One element, or one a row.</returns>
    /// <exception cref="ShapeException">The labels or weights do not fit the logits.</exception>
    /// <exception cref="LabelException">A label is no class. On a GPU it is thrown where something is next read.</exception>
    public static Tensor CrossEntropy(Tensor x, Tensor labels, double labelSmoothing = 0, Reduction reduction = Reduction.Mean, int? ignoreIndex = null, Tensor? classWeights = null)
    {
        const string Operation = "CrossEntropy";
        var g = CheckLabels(Operation, x, labels, ignoreIndex, classWeights);
        if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) throw new ArgumentOutOfRangeException(nameof(labelSmoothing), labelSmoothing, "CrossEntropy: label smoothing must be within [0, 1].");
        var losses = new CrossEntropyOperation(g, (float)labelSmoothing).Apply(x, labels, classWeights);
        return reduction == Reduction.Mean && (ignoreIndex is not null || classWeights is not null) ? new MeanOfCountedOperation(g).Apply(losses, labels, classWeights) : Reduce(losses, reduction);
    }

    /// <summary>
    /// w[label] times the sum over the wrong classes j of max(0, x[j] - x[label] + margin), w the class weights: the support vector
    /// machine's loss (Weston and Watkins 1999). PyTorch's <c>multi_margin_loss</c> is this divided by the number of classes.
    /// </summary>
    /// <param name="x">Scores [rows, classes].</param>
    /// <param name="labels">Int32 [rows], within [0, classes) or <paramref name="ignoreIndex"/>.</param>
    /// <param name="margin">Default 1.</param>
    /// <param name="reduction">Default: the mean over the rows that count, whatever their weights, as in PyTorch; NaN where none does.</param>
    /// <param name="ignoreIndex">The label of rows that do not count: loss and gradient 0. Default: none is ignored.</param>
    /// <param name="classWeights">[classes], or null for 1 each; gets no gradient.</param>
    /// <returns>One element, or one a row.</returns>
    /// <exception cref="ShapeException">The labels or weights do not fit the scores.</exception>
    /// <exception cref="LabelException">A label is no class. On a GPU it is thrown where something is next read.</exception>
    public static Tensor MulticlassHinge(Tensor x, Tensor labels, double margin = 1, Reduction reduction = Reduction.Mean, int? ignoreIndex = null, Tensor? classWeights = null)
    {
        const string Operation = "MulticlassHinge";
        var g = CheckLabels(Operation, x, labels, ignoreIndex, classWeights);
        var losses = new MulticlassHingeOperation(g, (float)margin).Apply(x, labels, classWeights);
        return reduction == Reduction.Mean && ignoreIndex is not null ? new MeanOfCountedOperation(g).Apply(losses, labels, null) : Reduce(losses, reduction);
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

    /// <summary>
    /// -target log sigmoid(x) - (1 - target) log(1 - sigmoid(x)), computed without overflow. Targets are meant within [0, 1] and
    /// not checked, as in PyTorch: others give what the formula gives (a loss below 0, say), and a NaN stays one.
    /// </summary>
    /// <inheritdoc cref="MeanSquaredError"/>
    public static Tensor BinaryCrossEntropyWithLogits(Tensor x, Tensor target, Reduction reduction = Reduction.Mean) => ElementLoss(LossOp.BinaryCrossEntropyWithLogits, x, target, reduction);

    static Tensor ElementLoss(LossOp op, Tensor x, Tensor target, Reduction reduction)
    {
        if (x.Shape != target.Shape) throw new ShapeException(op.ToString(), $"the prediction is {x.Shape}, the target {target.Shape}.");
        CheckTogether(op.ToString(), x, target, "target");
        return Reduce(new ElementLossOperation(op).Apply(x, target), reduction);
    }

    static Tensor Reduce(Tensor losses, Reduction reduction) => reduction switch
    {
        Reduction.Mean => Mean(losses),
        Reduction.Sum => Sum(losses),
        _ => losses,
    };

    static LabelGeometry CheckLabels(string operation, Tensor x, Tensor labels, int? ignoreIndex, Tensor? classWeights)
    {
        if (x.Shape.Rank < 1 || labels.DType != DType.Int32 || !labels.Shape.AsSpan().SequenceEqual(x.Shape.AsSpan()[..^1]))
            throw new ShapeException(operation, $"expected scores [..., classes] and Int32 labels [...], got {x.Shape} and {labels.DType} {labels.Shape}.");
        if (x.Device.Engine != labels.Device.Engine)
            throw new ShapeException(operation, $"the scores {x.Shape} are on {x.Device}, the labels {labels.Shape} on {labels.Device}; Tensor.To brings one to the other's device.");
        if (classWeights is not null)
        {
            CheckVector(operation, "class weights", classWeights, x.Shape[^1]);
            CheckTogether(operation, x, classWeights, "class weights");
            if (Tape.IsRecording && classWeights.WantsGradient) throw new ArgumentException($"{operation}: the class weights {classWeights.Label} want a gradient, and get none; pass Detach() of them.");
        }

        return new(labels.Count, x.Shape[^1], ignoreIndex);
    }

    /// <summary>The place of the maximum value along the last axis (the first of equals). No gradient.</summary>
    /// <param name="x">[..., classes].</param>
    /// <returns>Int32, shaped like x without its last axis.</returns>
    /// <exception cref="ShapeException">x has no axis to choose along.</exception>
    public static Tensor ArgMax(Tensor x)
    {
        if (x.Shape.Rank < 1 || x.Shape[^1] < 1) throw new ShapeException("ArgMax", $"expected an input [..., classes], got {x.Shape}.");
        return new ArgMaxOperation().Apply(x);
    }
}

/// <summary>y = exp(x) / sum of exp(x) over the last axis, or its logarithm.</summary>
sealed record SoftmaxOperation(bool IsLog) : Operation
{
    public override string Name => IsLog ? "LogSoftmax" : "Softmax";

    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => inputs[0]!.Shape;

    public override void Forward(ForwardContext c) => c.Kernels.Losses.SoftmaxForward(Rows(c.Output), c.Output.Shape[^1], IsLog, c.Data(0), c.Output.Data);

    public override void Backward(BackwardContext c) => c.Kernels.Losses.SoftmaxBackward(Rows(c.Output), c.Output.Shape[^1], IsLog, c.Output.Data, c.OutputGradient, c.Gradients.For(c[0]));

    static long Rows(Tensor y) => y.Shape.CountBefore(y.Shape.Rank - 1);
}

/// <summary><see cref="Functional.CrossEntropy"/> of x, labels and, if there are some, class weights: one loss a row.</summary>
sealed record CrossEntropyOperation(LabelGeometry Geometry, float Smoothing) : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => inputs[1]!.Shape;

    public override void Forward(ForwardContext c)
        => c.Kernels.Losses.CrossEntropyForward(Geometry, Smoothing, c.Data(0), c.Data(1), c.DataOrNull(2), c.Output.Data, c.Save(c[0].DType, Geometry.Rows));

    public override void Backward(BackwardContext c)
        => c.Kernels.Losses.CrossEntropyBackward(Geometry, Smoothing, c[0].Data, c[1].Data, c.Optional(2)?.Data, c.Saved(0), c.OutputGradient, c.Gradients.For(c[0]));
}

/// <summary><see cref="Functional.MulticlassHinge"/> of x, labels and, if there are some, class weights: one loss a row.</summary>
sealed record MulticlassHingeOperation(LabelGeometry Geometry, float Margin) : Operation
{
    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => inputs[1]!.Shape;

    public override void Forward(ForwardContext c) => c.Kernels.Losses.MulticlassHingeForward(Geometry, Margin, c.Data(0), c.Data(1), c.DataOrNull(2), c.Output.Data);

    public override void Backward(BackwardContext c)
        => c.Kernels.Losses.MulticlassHingeBackward(Geometry, Margin, c[0].Data, c[1].Data, c.Optional(2)?.Data, c.OutputGradient, c.Gradients.For(c[0]));
}

/// <summary>Of losses, labels and, if there are some, class weights: the sum of the losses divided by what their rows weigh; 0 / 0 where none counts.</summary>
sealed record MeanOfCountedOperation(LabelGeometry Geometry) : Operation
{
    static readonly BroadcastGeometry One = new(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1);

    ReduceGeometry All => new(1, Geometry.Rows, 1);

    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => default;

    public override void Forward(ForwardContext c)
    {
        var (k, engine, type) = (c.Kernels, c.Output.Device.Engine, c[0].DType);
        var total = c.Save(type, 1);
        var rows = engine.Rent(type, Geometry.Rows);
        k.Losses.LabelWeights(Geometry, c.Data(1), c.DataOrNull(2), rows);
        k.Reductions.Sum(All, 1, rows, total);
        rows.Release();

        var sum = engine.Rent(type, 1);
        k.Reductions.Sum(All, 1, c.Data(0), sum);
        k.Elementwise.Binary(BinaryOp.Divide, One, sum, total, c.Output.Data);
        sum.Release();
    }

    public override void Backward(BackwardContext c)
    {
        var share = c.Output.Device.Engine.Rent(c.OutputGradient.Type, 1);
        c.Kernels.Elementwise.Binary(BinaryOp.Divide, One, c.OutputGradient, c.Saved(0), share);
        c.Kernels.Reductions.Expand(All, 1, share, c.Gradients.For(c[0]));
        share.Release();
    }
}

/// <summary>A loss of each element of x and a target.</summary>
sealed record ElementLossOperation(LossOp Op) : Operation
{
    public override string Name => Op.ToString();

    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => inputs[0]!.Shape;

    public override void Forward(ForwardContext c) => c.Kernels.Losses.Forward(Op, c.Data(0), c.Data(1), c.Output.Data);

    public override void Backward(BackwardContext c)
    {
        var (x, target, dy, gradients) = (c[0], c[1], c.OutputGradient, c.Gradients);
        if (gradients.Wants(x)) c.Kernels.Losses.Backward(Op, x.Data, target.Data, dy, gradients.For(x));
        if (!gradients.Wants(target)) return;

        // Of x - target the negative, and of the one that is linear in the target its factor, -x.
        var dtarget = gradients.For(target);
        if (Op == LossOp.BinaryCrossEntropyWithLogits) c.Kernels.Elementwise.Binary(BinaryOp.Multiply, Broadcast.Elementwise(x.Shape), x.Data, dy, dtarget);
        else c.Kernels.Losses.Backward(Op, x.Data, target.Data, dy, dtarget);
        c.Kernels.Elementwise.Unary(UnaryOp.MultiplyScalar, -1, dtarget, dtarget);
    }
}

/// <summary>The index of the maximum along the last axis, Int32; it has no gradient.</summary>
sealed record ArgMaxOperation : Operation
{
    internal override bool HasGradient => false;

    public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => new(inputs[0]!.Shape.AsSpan()[..^1]);

    public override void Forward(ForwardContext c) => c.Kernels.Reductions.ArgMax(c.Output.Count, c[0].Shape[^1], c.Data(0), c.Output.Data);

    public override void Backward(BackwardContext c)
    {
    }

    internal override Tensor CreateResult(ReadOnlySpan<Tensor?> inputs, Shape shape) => Tensor.Uninitialized(shape, inputs[0]!.Device, DType.Int32);
}
