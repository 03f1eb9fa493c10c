namespace CnnSharp.Formats.Onnx;

internal static partial class OnnxOperators
{
    /// <summary>One number for all elements along some axes, all by default.</summary>
    /// <param name="n">The node.</param>
    /// <param name="function">The number along axes of a tensor, which stay with extent 1; null where no device computes it.</param>
    /// <param name="onHost">The number of a list.</param>
    static Operator Reduce(Binding n, Func<Tensor, int[], Tensor>? function, Func<IReadOnlyList<double>, double> onHost)
    {
        var keep = n.Flag("keepdims", true);
        var since = n.Name == "ReduceSum" ? 13 : 18;
        var none = n.Opset >= since && n.Flag("noop_with_empty_axes");
        var stated = IntegersOf(n, "axes", 1, since);
        return One(x =>
        {
            var value = x[0]!;
            var rank = value.Shape.Rank;
            var axes = stated(x) is { Length: > 0 } some ? Array.ConvertAll(some, axis => n.Axis(axis, rank)) : none ? [] : [.. Enumerable.Range(0, rank)];
            if (axes.Distinct().Count() != axes.Length) throw n.Malformed($"it names an axis of [{string.Join(", ", axes)}] twice");
            var kept = value.Shape.ToArray();
            foreach (var axis in axes) kept[axis] = 1;
            Shape result = keep ? kept : Enumerable.Range(0, rank).Except(axes).Select(axis => value.Shape[axis]).ToArray();
            if (!value.IsFloat || function is null || value.Shape.Count == 0) return Value.Of(ReduceOnHost(value.Host(), axes, kept, list => list.Count == 0 ? OfNothing(n, value.Type) : onHost(list)).Reshape(result));
            if (!value.IsChannelsLast) return Value.Of(Layout.Reshape(function(value.Plain(n.Device), axes), result));
            var y = Value.OfChannelsLast(function(value.Stored!, Array.ConvertAll(axes, axis => axis == 0 ? 0 : axis == 1 ? rank - 1 : axis - 1)));
            return keep ? y : Value.Of(Layout.Reshape(y.Plain(n.Device), result));
        });
    }

    /// <summary>What a reduction makes of no elements.</summary>
    static double OfNothing(Binding n, OnnxType type) => n.Name switch
    {
        "ReduceMax" when type == OnnxType.Bool => 0,
        "ReduceMin" when type == OnnxType.Bool => 1,
        not ("ReduceProd" or "ReduceSum" or "ReduceSumSquare" or "ReduceL1" or "ReduceL2") when !type.IsReal() => throw n.Malformed($"it reduces no elements of {type}"),
        "ReduceProd" => 1,
        "ReduceMean" => double.NaN,
        "ReduceMin" => double.PositiveInfinity,
        "ReduceMax" or "ReduceLogSum" or "ReduceLogSumExp" => double.NegativeInfinity,
        _ => 0,
    };

    static HostArray ReduceOnHost(HostArray a, int[] axes, Shape kept, Func<IReadOnlyList<double>, double> function)
    {
        var lists = new List<double>[checked((int)kept.Count)];
        for (var i = 0; i < lists.Length; i++) lists[i] = [];
        var strides = HostArray.RepeatedStrides(kept, a.Shape);
        var places = new int[a.Shape.Rank];
        for (var i = 0; i < a.Count; i++)
        {
            var at = 0L;
            for (var axis = 0; axis < places.Length; axis++) at += axes.Contains(axis) ? 0 : places[axis] * strides[axis];
            lists[at].Add(a.Real(i));
            HostArray.Advance(places, a.Shape);
        }

        var results = Array.ConvertAll(lists, list => function(list));
        return a.Type.IsReal() ? new(a.Type, kept, results) : new HostArray(a.Type, kept, Array.ConvertAll(results, value => (long)value));
    }

    static Tensor SumOver(Tensor x, int[] axes) => Functional.Sum(x, axes, keepAxes: true);

    static Tensor MeanOver(Tensor x, int[] axes) => Functional.Mean(x, axes, keepAxes: true);

    /// <summary>The maximum along axes: brought after the others they are the pieces of a maxout.</summary>
    static Tensor MaximumOver(Tensor x, int[] axes)
    {
        var others = Enumerable.Range(0, x.Shape.Rank).Except(axes).ToArray();
        var pieces = checked((int)axes.Aggregate(1L, (product, axis) => product * x.Shape[axis]));
        if (pieces == 0) throw new NotSupportedException($"there is no maximum of nothing in {x.Shape}");
        var kept = x.Shape.ToArray();
        foreach (var axis in axes) kept[axis] = 1;
        var rows = Layout.Reshape(Layout.Permute(x, [.. others, .. axes]), new(checked((int)(x.Count / pieces)), pieces));
        return Layout.Reshape(Functional.Maxout(rows, pieces), kept);
    }

    /// <summary>The product along axes: brought after the others, halves are multiplied with each other.</summary>
    static Tensor ProductOver(Tensor x, int[] axes)
    {
        var others = Enumerable.Range(0, x.Shape.Rank).Except(axes).ToArray();
        var pieces = checked((int)axes.Aggregate(1L, (product, axis) => product * x.Shape[axis]));
        var kept = x.Shape.ToArray();
        foreach (var axis in axes) kept[axis] = 1;
        if (pieces == 0) return Tensor.Full(kept, 1, x.Device);
        var rows = Layout.Reshape(Layout.Permute(x, [.. others, .. axes]), new(checked((int)(x.Count / pieces)), pieces));
        while (rows.Shape[1] > 1)
        {
            var half = rows.Shape[1] / 2;
            var product = Functional.Slice(rows, 1, 0, half) * Functional.Slice(rows, 1, half, half);
            rows = rows.Shape[1] % 2 == 0 ? product : Functional.Concat([product, Functional.Slice(rows, 1, 2 * half, 1)], 1);
        }

        return Layout.Reshape(rows, kept);
    }

    /// <summary>log of the sum of exp(x), the maximum taken out first so that nothing overflows.</summary>
    static Tensor LogSumExpOver(Tensor x, int[] axes)
    {
        var maximum = MaximumOver(x, axes);
        return Functional.Log(SumOver(Functional.Exp(Merged(x, maximum, x.Shape, Functional.Subtract)), axes)) + maximum;
    }

    static double LogSumExp(IReadOnlyList<double> values)
    {
        var maximum = values.Max();
        return maximum + Math.Log(values.Sum(value => Math.Exp(value - maximum)));
    }

    /// <summary>The place of the first, or the last, of the elements along an axis that no other is better than.</summary>
    static Operator Choose(Binding n, Func<double, double, bool> better)
    {
        var stated = n.Int("axis", 0);
        bool keep = n.Flag("keepdims", true), last = n.Flag("select_last_index");
        return One(x =>
        {
            var a = x[0]!.Read();
            var axis = n.Axis(stated, a.Shape.Rank);
            if (a.Shape[axis] == 0) throw n.Malformed($"there is nothing to choose along axis {axis} of {a.Shape}");
            var stride = HostArray.Stride(a.Shape, axis);
            var kept = a.Shape.With(axis, 1);
            var places = new long[kept.Count];
            for (var i = 0; i < places.Length; i++)
            {
                var start = (i / stride * stride * a.Shape[axis]) + (i % stride);
                for (var j = 1; j < a.Shape[axis]; j++)
                {
                    double value = a.Real(start + (j * stride)), best = a.Real(start + (places[i] * stride));
                    if (better(value, best) || (last && value == best)) places[i] = j;
                }
            }

            var shape = keep ? kept : Enumerable.Range(0, a.Shape.Rank).Where(i => i != axis).Select(i => a.Shape[i]).ToArray();
            return Value.Of(new HostArray(OnnxType.Int64, shape, places));
        });
    }
}
