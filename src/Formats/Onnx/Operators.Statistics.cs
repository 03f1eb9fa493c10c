using CnnSharp.Kernels;

namespace CnnSharp.Formats.Onnx;

// Normalizations by the statistics of the input itself, and norms.
internal static partial class OnnxOperators
{
    /// <summary>By mean and variance of all axes from one on (Ba et al. 2016); the further results are the mean and 1 / standard deviation.</summary>
    static Operator LayerNormalization(Binding n)
    {
        var stated = n.Int("axis", -1);
        var epsilon = n.Float("epsilon", 1e-5f);
        n.Int("stash_type", 1);
        var scale = n.Weight(1, "plain", w => w);
        var bias = n.Has(2) ? n.Weight(2, "plain", w => w) : null;
        return x =>
        {
            var shape = x[0]!.Shape;
            var (rows, axis) = Rows(n, x[0]!, stated);
            var mean = Functional.Mean(rows, [1], keepAxes: true);
            var centered = rows - mean;
            var std = Functional.Sqrt(Functional.Mean(Functional.Square(centered), [1], keepAxes: true) + epsilon);
            var y = Merged(Layout.Reshape(centered / std, shape), scale(x), shape, Functional.Multiply);
            if (bias is not null) y = Merged(y, bias(x), shape, Functional.Add);
            Shape kept = [.. shape.ToArray().Select((extent, i) => i < axis ? extent : 1)];
            return n.OutputCount == 1 ? [Value.Of(y)] : [Value.Of(y), Value.Of(Layout.Reshape(mean, kept)), Value.Of(Layout.Reshape(Tensor.Full(default, 1, n.Device) / std, kept))];
        };
    }

    /// <summary>By the root of the mean square of all axes from one on (Zhang and Sennrich 2019).</summary>
    static Operator RmsNormalization(Binding n)
    {
        var stated = n.Int("axis", -1);
        var epsilon = n.Float("epsilon", 1e-5f);
        n.Int("stash_type", 1);
        var scale = n.Weight(1, "plain", w => w);
        return One(x =>
        {
            var (rows, _) = Rows(n, x[0]!, stated);
            var y = rows / Functional.Sqrt(Functional.Mean(Functional.Square(rows), [1], keepAxes: true) + epsilon);
            return Value.Of(Merged(Layout.Reshape(y, x[0]!.Shape), scale(x), x[0]!.Shape, Functional.Multiply));
        });
    }

    /// <summary>x as a matrix whose rows are all axes from one on.</summary>
    static (Tensor Rows, int Axis) Rows(Binding n, Value x, long stated)
    {
        var axis = n.Axis(stated, x.Shape.Rank);
        if (x.Shape.Count == 0) throw n.Malformed($"there is nothing to normalize in {x.Shape}");
        var width = axis == 0 ? x.Shape.Count : HostArray.Stride(x.Shape, axis - 1);
        return (Layout.Reshape(x.Plain(n.Device), new(checked((int)(x.Shape.Count / width)), checked((int)width))), axis);
    }

    /// <summary>
    /// Groups of channels of each image by their mean and variance (Wu and He 2018). Scale and bias are a group's before version 21, a
    /// channel's from there on.
    /// </summary>
    static Operator GroupNormalization(Binding n)
    {
        var epsilon = n.Float("epsilon", 1e-5f);
        var groups = n.Int("num_groups", 0) is var stated and > 0 and <= int.MaxValue ? (int)stated : throw n.Malformed("attribute 'num_groups' must be at least 1");
        if (n.Opset >= 21) n.Int("stash_type", 1);
        var (scale, bias) = (n.Vector(1), n.Vector(2));
        return One(x =>
        {
            var t = x[0]!.ChannelsLast(n.Device);
            if (t.Shape.Rank < 3 || t.Count == 0) throw n.Malformed($"expected images [N, C, ...], got {x[0]!.Shape}");
            int images = t.Shape[0], channels = t.Shape[^1];
            if (channels % groups != 0) throw n.Malformed($"{groups} groups do not divide {channels} channels");
            var split = Layout.Reshape(t, new(images, checked((int)(t.Count / images / channels)), groups, channels / groups));
            var centered = split - Functional.Mean(split, [1, 3], keepAxes: true);
            var y = centered / Functional.Sqrt(Functional.Mean(Functional.Square(centered), [1, 3], keepAxes: true) + epsilon);
            return Value.OfChannelsLast(Layout.Reshape((y * Each(scale(x)!)) + Each(bias(x)!), t.Shape));

            Tensor Each(Tensor w) => n.Opset < 21 && w.Count == groups ? Layout.Reshape(w, new(groups, 1))
                : w.Count == channels ? Layout.Reshape(w, new(groups, channels / groups))
                : throw n.Malformed($"expected a scale and a bias for each of {(n.Opset < 21 ? $"{groups} groups" : $"{channels} channels")}, got {w.Count}");
        });
    }

    /// <summary>To mean 0 and variance 1 over some axes.</summary>
    static Operator MeanVarianceNormalization(Binding n)
    {
        var stated = n.Ints("axes") ?? [0, 2, 3];
        return One(x =>
        {
            var rank = x[0]!.Shape.Rank;
            var axes = Array.ConvertAll(stated, axis => n.Axis(axis, rank));
            if (rank > 4) throw n.Unsupported($"it normalizes up to 4 axes, not {x[0]!.Shape}");
            return OnAxes(n, x[0]!, axes, (t, places) =>
            {
                var centered = t - Functional.Mean(t, places, keepAxes: true);
                return centered / (Functional.Sqrt(Functional.Mean(Functional.Square(centered), places, keepAxes: true)) + 1e-9f);
            });
        });
    }

    /// <summary>Applies what works along axes of a tensor and keeps its shape, in the order that the elements have.</summary>
    static Value OnAxes(Binding n, Value x, int[] axes, Func<Tensor, int[], Tensor> function)
        => x.IsChannelsLast ? Value.OfChannelsLast(function(x.Stored!, Array.ConvertAll(axes, axis => StoredAxis(axis, x.Shape.Rank)))) : Value.Of(function(x.Plain(n.Device), axes));

    /// <summary>Divided by the sum of |x|, or the root of the sum of squares, along an axis; nothing where that is 0.</summary>
    static Operator LpNormalization(Binding n)
    {
        var stated = n.Int("axis", -1);
        var p = n.Int("p", 2);
        if (p is not (1 or 2)) throw n.Malformed($"attribute 'p' is {p}, expected 1 or 2");
        return One(x => OnAxes(n, x[0]!, [n.Axis(stated, x[0]!.Shape.Rank)], (t, places) =>
        {
            var norm = p == 1 ? SumOver(Functional.Abs(t), places) : Functional.Sqrt(SumOver(Functional.Square(t), places));
            return Merged(t, Functional.Maximum(norm, Tensor.Full(default, 1e-30, t.Device)), t.Shape, Functional.Divide);
        }));
    }

    /// <summary>1 at the first maximum along an axis, else 0; before version 13 along it and all that follow.</summary>
    static Operator Hardmax(Binding n)
    {
        var stated = n.Int("axis", n.Opset < 13 ? 1 : -1);
        return One(x =>
        {
            var a = x[0]!.Host();
            var axis = n.Axis(stated, a.Shape.Rank);
            var stride = n.Opset < 13 ? 1 : HostArray.Stride(a.Shape, axis);
            var extent = n.Opset < 13 ? (axis == 0 ? a.Shape.Count : HostArray.Stride(a.Shape, axis - 1)) : a.Shape[axis];
            var results = new double[a.Count];
            for (var line = 0L; line < (extent == 0 ? 0 : a.Count / extent); line++)
            {
                var start = (line / stride * stride * extent) + (line % stride);
                var best = start;
                for (var i = 1L; i < extent; i++)
                {
                    if (a.Real(start + (i * stride)) > a.Real(best)) best = start + (i * stride);
                }

                results[best] = 1;
            }

            return Value.Of(new HostArray(a.Type.IsReal() ? a.Type : OnnxType.Float, a.Shape, results));
        });
    }

    /// <summary>The p-norm of each window.</summary>
    static Operator LpPool(Binding n)
    {
        var windows = Windows.Read(n);
        if (windows.Kernel is null) throw n.Malformed("attribute 'kernel_shape' is missing");
        var ceilMode = n.Opset >= 18 && n.Flag("ceil_mode");
        var p = n.Opset < 2 ? n.Float("p", 2) : n.Int("p", 2);
        if (!(p >= 1)) throw n.Malformed($"attribute 'p' is {p}, expected at least 1");
        return One(x => OnDevice(n, OverWindows(n, windows, OnDevice(n, x[0]!, t => Powered(t, p)), ceilMode, mean: false, countIncludePad: false), t => Rooted(t, p)));
    }

    /// <summary>The p-norm of each channel.</summary>
    static Operator GlobalLpPool(Binding n)
    {
        var p = n.Opset < 2 ? n.Float("p", 2) : n.Int("p", 2);
        if (!(p >= 1)) throw n.Malformed($"attribute 'p' is {p}, expected at least 1");
        return One(x =>
        {
            if (x[0]!.Shape.Rank < 3) throw n.Malformed($"expected images [N, C, ...], got {x[0]!.Shape}");
            return OnAxes(n, x[0]!, [.. Enumerable.Range(2, x[0]!.Shape.Rank - 2)], (t, places) => Rooted(SumOver(Powered(t, p), places), p));
        });
    }

    static Tensor Powered(Tensor x, float p)
    {
        if (p == 2) return Functional.Square(x);
        var (size, y) = (Functional.Abs(x), Functional.Abs(x));
        if (p > 16 || p != MathF.Floor(p)) return Functional.Exp(Functional.Log(size) * p);
        for (var i = 1; i < p; i++) y = Merged(y, size, x.Shape, Functional.Multiply);
        return y;
    }

    static Tensor Rooted(Tensor x, float p) => p == 1 ? x : p == 2 ? Functional.Sqrt(x) : Functional.Exp(Functional.Log(x) * (1 / p));

    /// <summary>The sum, or the mean, of each window, whatever its dilation: a matrix along each axis, for windows are boxes.</summary>
    static Value OverWindows(Binding n, Windows windows, Value x, bool ceilMode, bool mean, bool countIncludePad)
    {
        var axes = x.Shape.Rank - 2;
        if (axes < 1) throw n.Malformed($"expected images [N, C, ...], got {x.Shape}");
        if (windows.Kernel!.Length != axes) throw n.Malformed($"attribute 'kernel_shape' is [{string.Join(", ", windows.Kernel)}], x is {x.Shape}");
        if (x.Shape.Count == 0) throw n.Malformed($"its images have no elements: {x.Shape}");
        for (var axis = 0; axis < axes; axis++)
        {
            var size = x.Shape[axis + 2];
            var window = windows.Along(n, axis, axes, size, windows.Kernel[axis]);
            var rest = size + (long)window.Before + window.After - window.Span;
            var outputs = (int)Math.Max(0, ((ceilMode ? rest + window.Stride - 1 : rest) / window.Stride) + 1);

            // A last window that would begin after the padded image is none.
            if (ceilMode && outputs > 0 && (outputs - 1L) * window.Stride >= size + (long)window.Before) outputs--;
            if (rest < 0 || outputs == 0) throw n.Malformed($"windows over {window.Span} places do not fit {size} with padding {window.Before} and {window.After}");
            n.Checked([outputs, window.Kernel]);
            var offsets = new int[outputs + 1];
            List<int> columns = [];
            List<double> values = [];
            for (var i = 0; i < outputs; i++)
            {
                var counted = 0;
                for (var k = 0; k < window.Kernel; k++)
                {
                    var at = ((long)i * window.Stride) - window.Before + ((long)k * window.Dilation);
                    if (at >= 0 && at < size) columns.Add((int)at);
                    if ((at >= 0 && at < size) || (countIncludePad && at < size + (long)window.After)) counted++;
                }

                offsets[i + 1] = columns.Count;
                for (var e = offsets[i]; e < columns.Count; e++) values.Add(mean ? 1.0 / counted : 1);
            }

            var matrix = new SparseMatrix(size, offsets, [.. columns], [.. values]);
            x = OnAxis(n, x, axis + 2, (t, place) => Applied(matrix, t, place));
        }

        return x;
    }
}
