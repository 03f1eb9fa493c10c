using CnnSharp.Kernels;

namespace CnnSharp.Formats.Onnx;

internal static partial class OnnxOperators
{
    /// <summary>x [N, C, ...], scale, bias, mean and variance [C]. ONNX's momentum is the share that the running statistics keep.</summary>
    static Operator BatchNormalization(Binding n)
    {
        var options = new BatchNormOptions { Epsilon = n.Float("epsilon", 1e-5f), Momentum = 1 - n.Float("momentum", 0.9f) };
        if (n.Opset < 9 && !n.Flag("spatial", true)) throw n.Unsupported("it normalizes each pixel by itself (spatial = 0)");
        var byBatch = n.Opset < 7 ? !n.Flag("is_test") : n.Opset >= 14 && n.Flag("training_mode");
        var (scale, bias) = (n.Vector(1), n.Vector(2));
        var (mean, variance) = (n.Vector(3, trained: false), n.Vector(4, trained: false));

        // Before version 14 a node that names further results (the moved statistics, and then the batch's own) is one for training.
        byBatch |= n.Opset < 14 && Enumerable.Range(1, 4).Any(n.Makes);
        if (byBatch && (n.Opset >= 14 || n.OutputCount > 1)) return x => NormalizeByBatch(n, x[0]!, scale(x)!, bias(x)!, mean(x)!, variance(x)!, options);
        return One(x =>
        {
            var t = x[0]!.ChannelsLast(n.Device);
            return Value.OfChannelsLast(Functional.BatchNorm(t, scale(x)!, bias(x)!, mean(x)!, variance(x)!, byBatch || n.IsTraining, options));
        });
    }

    /// <summary>Normalizes by the batch's own statistics and gives out how the running ones, with the population's variance, move towards them.</summary>
    static Value[] NormalizeByBatch(Binding n, Value x, Tensor scale, Tensor bias, Tensor mean, Tensor variance, BatchNormOptions options)
    {
        var t = x.ChannelsLast(n.Device);
        var axes = Enumerable.Range(0, t.Shape.Rank - 1).ToArray();
        var batchMean = Functional.Mean(t, axes);
        var batchVariance = Functional.Mean(Functional.Square(t - batchMean), axes);
        var y = ((t - batchMean) / Functional.Sqrt(batchVariance + options.Epsilon) * scale) + bias;
        Value[] results = [Value.OfChannelsLast(y), Value.Of(Moved(mean, batchMean)), Value.Of(Moved(variance, batchVariance)), Value.Of(batchMean), Value.Of(batchVariance)];
        return results[..Math.Clamp(n.OutputCount, 1, results.Length)];

        Tensor Moved(Tensor running, Tensor batch) => (running * (1 - options.Momentum)) + (batch * options.Momentum);
    }

    /// <summary>Each channel of each image by its own mean and variance.</summary>
    static Operator InstanceNormalization(Binding n)
    {
        var epsilon = n.Float("epsilon", 1e-5f);
        var (scale, bias) = (n.Vector(1), n.Vector(2));
        return One(x =>
        {
            var t = x[0]!.ChannelsLast(n.Device);
            if (t.Shape.Rank < 3) throw n.Malformed($"expected images [N, C, ...], got {x[0]!.Shape}");
            var rows = Layout.Reshape(t, new(t.Shape[0], checked((int)(t.Count / Math.Max(1, t.Shape[0] * t.Shape[^1]))), t.Shape[^1]));
            var centered = rows - Functional.Mean(rows, [1], keepAxes: true);
            var std = Functional.Sqrt(Functional.Mean(Functional.Square(centered), [1], keepAxes: true) + epsilon);
            return Value.OfChannelsLast(Layout.Reshape((centered / std * scale(x)!) + bias(x)!, t.Shape));
        });
    }

    /// <summary>Across channels. The window of an even size lies one channel further on than in <see cref="Functional.LocalResponseNorm"/>.</summary>
    static Operator LocalResponseNormalization(Binding n)
    {
        var options = new LocalResponseNormOptions { Size = checked((int)n.Int("size", 0)), Alpha = n.Float("alpha", 1e-4f), Beta = n.Float("beta", 0.75f), K = n.Float("bias", 1) };
        if (options.Size < 1) throw n.Malformed($"attribute 'size' is {options.Size}, expected at least 1");
        if (options.Size % 2 == 0) return One(x => OnAxis(n, x[0]!, n.Axis(1, x[0]!.Shape.Rank), (t, place) => ByNeighbors(t, place, options)));
        return One(x => Value.OfChannelsLast(Functional.LocalResponseNorm(x[0]!.ChannelsLast(n.Device), options)));
    }

    /// <summary>x / (k + alpha / size (sum of the squares over a window of channels))^beta, by a matrix along the channels.</summary>
    static Tensor ByNeighbors(Tensor x, int axis, LocalResponseNormOptions options)
    {
        var channels = x.Shape[axis];
        var offsets = new int[channels + 1];
        List<int> columns = [];
        for (var c = 0; c < channels; c++)
        {
            for (var i = Math.Max(0, c - ((options.Size - 1) / 2)); i <= Math.Min(channels - 1L, c + (options.Size / 2L)); i++) columns.Add(i);
            offsets[c + 1] = columns.Count;
        }

        var ones = new double[columns.Count];
        Array.Fill(ones, options.Alpha / options.Size);
        var sums = Applied(new(channels, offsets, [.. columns], ones), Functional.Square(x), axis) + options.K;
        return x * Functional.Exp(Functional.Log(sums) * -options.Beta);
    }

    /// <summary>Along one axis; before version 13 along it and all after it.</summary>
    static Operator Softmax(Binding n, Func<Tensor, Tensor> function)
    {
        var stated = n.Int("axis", n.Opset < 13 ? 1 : -1);
        return One(x =>
        {
            var shape = x[0]!.Shape;
            if (shape.Rank == 0) throw n.Malformed("expected at least one axis");
            var axis = n.Axis(stated, shape.Rank);
            if (n.Opset >= 13 || axis == shape.Rank - 1) return AlongLast(n, x[0]!, axis, function);
            var t = x[0]!.Plain(n.Device);
            return Value.Of(Layout.Reshape(function(Functional.Flatten(t, axis)), shape));
        });
    }

    /// <summary>Applies what works along the last axis along another.</summary>
    static Value AlongLast(Binding n, Value x, int axis, Func<Tensor, Tensor> function)
    {
        if (x.IsChannelsLast && axis == 1) return Value.OfChannelsLast(function(x.Stored!));
        var t = x.Plain(n.Device);
        var last = t.Shape.Rank - 1;
        if (axis == last) return Value.Of(function(t));

        // The two axes change places, and change back.
        var order = Enumerable.Range(0, last + 1).ToArray();
        (order[axis], order[last]) = (last, axis);
        return Value.Of(Layout.Permute(function(Layout.Permute(t, order)), order));
    }

    /// <summary>In inference, and at a ratio of 0, hands its input on; the second result says that every element was kept.</summary>
    static Operator Dropout(Binding n)
    {
        if (n.Opset >= 12) n.Int("seed", 0);
        else if (n.Opset < 7) n.Flag("is_test");
        var stated = n.Opset < 12 ? n.Float("ratio", 0.5f) : n.Constant(1) is { Count: 1 } ratio ? (float)ratio.Real(0) : n.Has(1) ? (float?)null : 0.5f;
        var layer = n.Dropout(stated is > 0 and < 1 ? stated.Value : 0);
        return x =>
        {
            var training = x.Length > 2 && x[2] is { } flag && flag.Host().Real(0) != 0;
            if (training && (stated ?? x[1]!.Host().Real(0)) != 0) throw n.Unsupported("it drops elements at random though the graph is for inference (training_mode)");
            var y = n.IsTraining && layer.Probability > 0 && x[0]!.IsFloat ? OnDevice(n, x[0]!, layer.Forward) : x[0]!;
            return n.Makes(1) ? [y, Value.Of(Kept(x[0]!.Shape))] : [y];
        };

        HostArray Kept(Shape shape)
        {
            var ones = new long[checked((int)shape.Count)];
            Array.Fill(ones, 1);

            // Before version 10 the mask has the type of x.
            return n.Opset < 10 ? new HostArray(OnnxType.Float, shape, Array.ConvertAll(ones, one => (double)one)) : new(OnnxType.Bool, shape, ones);
        }
    }
}
