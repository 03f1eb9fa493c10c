namespace CnnSharp.Formats.Onnx;

internal static partial class OnnxOperators
{
    /// <summary>-weight x[n, label, ...] for each label; the mean divides by the weights' sum.</summary>
    static Operator NegativeLogLikelihood(Binding n)
    {
        var (ignored, reduction) = (n.HasAttribute("ignore_index") ? n.Int("ignore_index", 0) : (long?)null, n.Text("reduction", "mean"));
        return One(x => Value.Of(Loss(n, x[0]!.Plain(n.Device), x[1]!, x.Length > 2 ? x[2] : null, ignored, reduction)));
    }

    /// <summary>The same of the logarithm of the softmax of x along its second axis, which is the second result.</summary>
    static Operator SoftmaxCrossEntropy(Binding n)
    {
        var (ignored, reduction) = (n.HasAttribute("ignore_index") ? n.Int("ignore_index", 0) : (long?)null, n.Text("reduction", "mean"));
        return x =>
        {
            if (x[0]!.Shape.Rank < 2) throw n.Malformed($"expected scores [N, C, ...], got {x[0]!.Shape}");
            var logarithms = AlongLast(n, x[0]!, 1, Functional.LogSoftmax);
            return [Value.Of(Loss(n, logarithms.Plain(n.Device), x[1]!, x.Length > 2 ? x[2] : null, ignored, reduction)), logarithms];
        };
    }

    static Tensor Loss(Binding n, Tensor scores, Value target, Value? weight, long? ignored, string reduction)
    {
        if (reduction is not ("mean" or "sum" or "none")) throw n.Malformed($"attribute 'reduction' is '{OnnxModel.Cut(reduction)}'");
        var labels = target.Integers();
        var shape = scores.Shape;
        if (shape.Rank < 2 || target.Shape != new Shape([shape[0], .. shape.AsSpan()[2..]])) throw n.Malformed($"labels {target.Shape} do not fit scores {shape}");
        var weights = weight?.Host();
        if (weights is not null && weights.Count != shape[1]) throw n.Malformed($"{weights.Count} weights do not fit {shape[1]} classes");
        var inner = HostArray.Stride(shape, 1);

        // What each score counts: minus its weight at the label's place, else nothing.
        var shares = new float[shape.Count];
        var total = 0.0;
        for (var i = 0; i < labels.Length; i++)
        {
            if (labels[i] == ignored) continue;
            if (labels[i] < 0 || labels[i] >= shape[1]) throw n.Malformed($"label {labels[i]} is not among {shape[1]} classes");
            var share = weights?.Real(labels[i]) ?? 1;
            total += share;
            shares[(((i / inner * shape[1]) + labels[i]) * inner) + (i % inner)] = -(float)share;
        }

        Shape rows = new(shape[0], shape[1], checked((int)inner));
        var counts = Tensor.From(shares, rows, scores.Device);
        var losses = Functional.Where(counts, Layout.Reshape(scores, rows), Tensor.Full(default, 0, scores.Device)) * counts;
        return reduction switch
        {
            "none" => Layout.Reshape(Functional.Sum(losses, [1]), target.Shape),
            "sum" => Functional.Sum(losses),
            _ => Functional.Sum(losses) * (float)(1 / total),
        };
    }
}
