using CnnSharp.Kernels;

namespace CnnSharp.Formats.Onnx;

internal static partial class OnnxOperators
{
    /// <summary>0 keeps the axis of x (unless allowzero), -1 takes what is left.</summary>
    static Operator Reshape(Binding n)
    {
        var stated = IntegersOf(n, "shape", 1, 5);
        var allowZero = n.Opset >= 14 && n.Flag("allowzero");
        return One(x =>
        {
            var wanted = (long[])(stated(x) ?? throw n.Malformed("its shape is missing")).Clone();
            var shape = x[0]!.Shape;
            var free = -1;
            Int128 known = 1;
            for (var i = 0; i < wanted.Length; i++)
            {
                if (wanted[i] == 0 && !allowZero) wanted[i] = i < shape.Rank ? shape[i] : throw n.Malformed($"axis {i} of [{string.Join(", ", wanted)}] is to be that of {shape}, which has none");
                if (wanted[i] == -1 && free < 0) free = i;
                else if (wanted[i] < 0) throw n.Malformed($"its shape is [{string.Join(", ", wanted)}]");
                else known *= wanted[i];
            }

            if (free >= 0) wanted[free] = known == 0 ? 0 : (long)(shape.Count / known);
            return WithShape(n, x[0]!, n.Checked(wanted));
        });
    }

    static Operator Flatten(Binding n)
    {
        var stated = n.Int("axis", 1);
        return One(x =>
        {
            var shape = x[0]!.Shape;
            var axis = stated == shape.Rank ? shape.Rank : n.Axis(stated, shape.Rank);
            long before = 1, after = 1;
            for (var i = 0; i < shape.Rank; i++)
            {
                if (i < axis) before *= shape[i];
                else after *= shape[i];
            }

            return WithShape(n, x[0]!, n.Checked([before, after]));
        });
    }

    /// <summary>Takes out axes of extent 1: the given ones, or all.</summary>
    static Operator Squeeze(Binding n)
    {
        var stated = IntegersOf(n, "axes", 1, 13);
        return One(x =>
        {
            var shape = x[0]!.Shape;
            var axes = stated(x) is { } some ? Array.ConvertAll(some, axis => n.Axis(axis, shape.Rank)) : [.. Enumerable.Range(0, shape.Rank).Where(axis => shape[axis] == 1)];
            foreach (var axis in axes)
            {
                if (shape[axis] != 1) throw n.Malformed($"it takes out axis {axis} of {shape}, which has not the extent 1");
            }

            return WithShape(n, x[0]!, Enumerable.Range(0, shape.Rank).Except(axes).Select(axis => shape[axis]).ToArray());
        });
    }

    /// <summary>Puts in axes of extent 1, at places of the result.</summary>
    static Operator Unsqueeze(Binding n)
    {
        var stated = IntegersOf(n, "axes", 1, 13);
        return One(x =>
        {
            var places = stated(x) ?? throw n.Malformed("its axes are missing");
            var rank = x[0]!.Shape.Rank + places.Length;
            if (rank > OnnxTensor.MaxRank) throw n.Malformed($"its result would have {rank} axes");
            var axes = places.Select(axis => n.Axis(axis, rank)).ToHashSet();
            if (axes.Count != places.Length) throw n.Malformed($"it names an axis of [{string.Join(", ", places)}] twice");
            var extents = new Queue<int>(x[0]!.Shape.ToArray());
            return WithShape(n, x[0]!, Enumerable.Range(0, rank).Select(axis => axes.Contains(axis) ? 1 : extents.Dequeue()).ToArray());
        });
    }

    static Operator Transpose(Binding n)
    {
        var stated = n.Ints("perm");
        return One(x =>
        {
            var rank = x[0]!.Shape.Rank;
            var order = stated is null ? [.. Enumerable.Range(0, rank).Reverse()] : Array.ConvertAll(stated, axis => n.Axis(axis, rank));
            if (order.Length != rank || order.Distinct().Count() != rank) throw n.Malformed($"[{string.Join(", ", order)}] is not an order of the axes of {x[0]!.Shape}");
            if (x[0]!.IsHost && !x[0]!.IsFloat) return Value.Of(x[0]!.Host().Permute(order));

            // Between [N, C, ...] and [N, ..., C], what is asked for may be what is stored, or become it by another name.
            var toLast = rank > 2 && order.AsSpan().SequenceEqual([0, .. Enumerable.Range(2, rank - 2), 1]);
            var toFirst = rank > 2 && order.AsSpan().SequenceEqual([0, rank - 1, .. Enumerable.Range(1, rank - 2)]);
            if (x[0]!.IsChannelsLast && toLast) return Value.Of(x[0]!.Stored!);
            if (!x[0]!.IsChannelsLast && toFirst) return Value.OfChannelsLast(x[0]!.Plain(n.Device));

            // Where the channels keep their place, images stay in the order that they have.
            if (x[0]!.IsChannelsLast && order[1] == 1) return Value.OfChannelsLast(Layout.Permute(x[0]!.Stored!, [.. Enumerable.Range(0, rank).Select(place => StoredAxis(order[place == 0 ? 0 : place == rank - 1 ? 1 : place + 1], rank))]));
            return Value.Of(Layout.Permute(x[0]!.Plain(n.Device), order));
        });
    }

    static Operator Concat(Binding n)
    {
        var stated = n.Int("axis", 1);
        return One(x =>
        {
            var rank = x[0]!.Shape.Rank;
            var axis = n.Axis(stated, rank);
            if (x.Any(part => part is null || part.Shape.Rank != rank)) throw n.Malformed($"its inputs have not all {rank} axes");
            if (x.Length == 1) return x[0]!;
            if (!x.All(part => part!.IsFloat)) return Value.Of(ConcatOnHost(n, Array.ConvertAll(x, part => part!.Host()), axis));
            return x.Any(part => part!.IsChannelsLast)
                ? Value.OfChannelsLast(Functional.Concat(Array.ConvertAll(x, part => part!.ChannelsLast(n.Device)), StoredAxis(axis, rank)))
                : Value.Of(Functional.Concat(Array.ConvertAll(x, part => part!.Plain(n.Device)), axis));
        });
    }

    static HostArray ConcatOnHost(Binding n, HostArray[] parts, int axis)
    {
        var total = 0;
        foreach (var part in parts)
        {
            if (part.Type != parts[0].Type || part.Shape.With(axis, 0) != parts[0].Shape.With(axis, 0)) throw n.Malformed($"{parts[0].Type} {parts[0].Shape} and {part.Type} {part.Shape} differ in more than axis {axis}");
            total = checked(total + part.Shape[axis]);
        }

        var shape = parts[0].Shape.With(axis, total);
        var joined = new double[parts[0].Reals is null ? 0 : shape.Count];
        var integers = new long[parts[0].Reals is null ? shape.Count : 0];
        var outer = shape.Count == 0 ? 0 : shape.Count / (total * HostArray.Stride(shape, axis));
        var start = 0L;
        foreach (var part in parts)
        {
            var run = part.Shape[axis] * HostArray.Stride(shape, axis);
            for (var row = 0; row < outer; row++)
            {
                var target = (row * total * HostArray.Stride(shape, axis)) + start;
                if (part.Reals is { } reals) Array.Copy(reals, row * run, joined, target, run);
                else Array.Copy(part.Integers!, row * run, integers, target, run);
            }

            start += run;
        }

        return parts[0].Reals is null ? new(parts[0].Type, shape, integers) : new(parts[0].Type, shape, joined);
    }

    /// <summary>Parts along an axis: of given lengths, or equal ones, of which the last may be shorter from version 18 on.</summary>
    static Operator Split(Binding n)
    {
        var stated = n.Int("axis", 0);
        var given = IntegersOf(n, "split", 1, 13);
        var count = n.Opset >= 18 ? n.Int("num_outputs", n.OutputCount) : n.OutputCount;
        if (count < 1 || count < n.OutputCount) throw n.Malformed($"it has {n.OutputCount} results and makes {count}");
        return x =>
        {
            var shape = x[0]!.Shape;
            var axis = n.Axis(stated, shape.Rank);
            var each = (shape[axis] + count - 1) / count;
            var lengths = given(x) ?? [.. Enumerable.Range(0, n.OutputCount).Select(i => Math.Clamp(shape[axis] - (i * each), 0, each))];
            if (lengths.Length != n.OutputCount || lengths.Any(length => length < 0 || length > shape[axis]) || lengths.Sum() != shape[axis]) throw n.Malformed($"lengths [{string.Join(", ", lengths)}] do not divide axis {axis} of {shape} among {n.OutputCount} results");
            var results = new Value[lengths.Length];
            var start = 0;
            for (var i = 0; i < results.Length; i++)
            {
                results[i] = Part(n, x[0]!, axis, start, 1, (int)lengths[i]);
                start += (int)lengths[i];
            }

            return results;
        };
    }

    static Operator Slice(Binding n)
    {
        Func<Value?[], long[]?> starts = IntegersOf(n, "starts", 1, 10), ends = IntegersOf(n, "ends", 2, 10), axes = IntegersOf(n, "axes", 3, 10);
        Func<Value?[], long[]?> steps = n.Opset >= 10 && n.Has(4) ? x => x[4]!.Integers() : _ => null;
        return One(x =>
        {
            var value = x[0]!;
            var (first, past) = (starts(x) ?? throw n.Malformed("its starts are missing"), ends(x) ?? throw n.Malformed("its ends are missing"));
            var along = axes(x) ?? [.. Enumerable.Range(0, first.Length).Select(axis => (long)axis)];
            var by = steps(x) ?? [.. Enumerable.Repeat(1L, first.Length)];
            if (past.Length != first.Length || along.Length != first.Length || by.Length != first.Length) throw n.Malformed($"it has {first.Length} starts, {past.Length} ends, {along.Length} axes and {by.Length} steps");
            for (var i = 0; i < first.Length; i++)
            {
                var axis = n.Axis(along[i], value.Shape.Rank);
                var extent = value.Shape[axis];
                if (by[i] == 0) throw n.Malformed("a step is 0");
                var forward = by[i] > 0;

                // Places are counted from the end where negative, and then clipped to where a walk can begin and end.
                var start = Math.Clamp(first[i] < 0 ? Math.Max(first[i], -(1L << 40)) + extent : first[i], 0, forward ? extent : extent - 1);
                var end = Math.Clamp(past[i] < 0 ? Math.Max(past[i], -(1L << 40)) + extent : past[i], forward ? 0 : -1, extent);
                var step = Math.Clamp(by[i], -int.MaxValue, int.MaxValue);
                var length = Math.Max(0, forward ? (end - start + step - 1) / step : (start - end - step - 1) / -step);
                value = Part(n, value, axis, (int)start, (int)step, (int)length);
            }

            return value;
        });
    }

    /// <summary>Places along one axis, a step apart.</summary>
    static Value Part(Binding n, Value x, int axis, int start, int step, int length)
    {
        if (start == 0 && step == 1 && length == x.Shape[axis]) return x;
        if (!x.IsFloat || length == 0 || x.Shape.Count == 0)
        {
            var stride = HostArray.Stride(x.Shape, axis);
            return Value.Of(x.Host().Pick(x.Shape.With(axis, length), places =>
            {
                var at = 0L;
                for (var i = 0; i < places.Length; i++) at += (i == axis ? start + ((long)places[i] * step) : places[i]) * HostArray.Stride(x.Shape, i);
                return at;
            }));
        }

        if (step < 0) return OnAxis(n, x, axis, (t, place) => Applied(SparseMatrix.Gather(t.Shape[place], [.. Enumerable.Range(0, length).Select(i => start + (i * step))]), t, place));
        return OnAxis(n, x, axis, (t, place) => Places(t, place, start, step, length));
    }

    /// <summary>Places along an axis of a tensor, a step of at least 1 apart.</summary>
    static Tensor Places(Tensor t, int axis, int start, int step, int length)
    {
        // What the step leaves out behind the last place is not taken to begin with.
        var span = checked(((length - 1) * step) + 1);
        t = Functional.Slice(t, axis, start, span);
        if (step == 1) return t;
        var shape = t.Shape;
        long before = 1;
        for (var i = 0; i < axis; i++) before *= shape[i];
        var after = t.Count / before / span;
        var taken = Functional.SubsampleAndWiden(Layout.Reshape(t, new(checked((int)before), span, 1, checked((int)after))), (step, 1));
        return Layout.Reshape(taken, shape.With(axis, length));
    }

    /// <summary>Elements added before and after each axis: a constant, the nearest ones, or a reflection.</summary>
    static Operator Pad(Binding n)
    {
        var mode = n.Text("mode", "constant");
        if (mode is not ("constant" or "reflect" or "edge") && !(mode == "wrap" && n.Opset >= 19)) throw n.Malformed($"attribute 'mode' is '{OnnxModel.Cut(mode)}'");
        var stated = n.Opset < 2 ? _ => n.Ints("paddings") : IntegersOf(n, "pads", 1, 11);
        var constant = n.Opset < 11 ? n.Float("value", 0) : 0;
        return One(x =>
        {
            var pads = stated(x) ?? throw n.Malformed("its pads are missing");
            var rank = x[0]!.Shape.Rank;
            var axes = x.Length > 3 && x[3] is { } chosen ? Array.ConvertAll(chosen.Integers(), axis => n.Axis(axis, rank)) : [.. Enumerable.Range(0, rank)];
            if (pads.Length != 2 * axes.Length) throw n.Malformed($"it has {pads.Length} pads for {axes.Length} axes");
            var value = x.Length > 2 && x[2] is { } given ? given.Host().Real(0) : constant;
            var (before, after) = (new long[rank], new long[rank]);
            for (var i = 0; i < axes.Length; i++) (before[axes[i]], after[axes[i]]) = (pads[i], pads[i + axes.Length]);
            n.Checked([.. Enumerable.Range(0, rank).Select(axis => x[0]!.Shape[axis] + before[axis] + after[axis])]);
            if (!x[0]!.IsFloat) return Value.Of(PadOnHost(n, x[0]!.Host(), mode, before, after, value));

            var y = x[0]!;
            for (var axis = 0; axis < rank; axis++)
            {
                int first = checked((int)before[axis]), last = checked((int)after[axis]);
                if (first == 0 && last == 0) continue;
                y = mode == "constant"
                    ? OnAxis(n, y, axis, (t, place) => PadAxis(t, place, first, last, (float)value))
                    : OnAxis(n, y, axis, (t, place) => Applied(SparseMatrix.Gather(t.Shape[place], [.. Enumerable.Range(-first, first + t.Shape[place] + last).Select(i => Nearest(n, mode, i, t.Shape[place]))]), t, place));
            }

            return y;
        });
    }

    static Tensor PadAxis(Tensor t, int axis, int before, int after, float value)
    {
        if (before == 0 && after == 0) return t;
        var shape = t.Shape;
        long outer = 1;
        for (var i = 0; i < axis; i++) outer *= shape[i];
        var inner = HostArray.Stride(shape, axis);
        var padded = Functional.Pad2d(Layout.Reshape(t, new(checked((int)outer), shape[axis], 1, checked((int)inner))), new(before, after, 0, 0), value);
        return Layout.Reshape(padded, shape.With(axis, shape[axis] + before + after));
    }

    static HostArray PadOnHost(Binding n, HostArray a, string mode, long[] before, long[] after, double value)
    {
        Shape shape = Enumerable.Range(0, a.Shape.Rank).Select(axis => checked((int)(a.Shape[axis] + before[axis] + after[axis]))).ToArray();
        if (mode == "constant" && value != 0) throw n.Unsupported($"it pads {a.Type} with {value}");
        return a.Pick(shape, places =>
        {
            var at = 0L;
            for (var axis = 0; axis < places.Length; axis++)
            {
                var place = places[axis] - before[axis];
                if (place < 0 || place >= a.Shape[axis])
                {
                    if (mode == "constant") return -1;
                    place = Nearest(n, mode, checked((int)place), a.Shape[axis]);
                }

                at += place * HostArray.Stride(a.Shape, axis);
            }

            return at;
        });
    }

    /// <summary>Which place stands for one outside of an axis.</summary>
    static int Nearest(Binding n, string mode, int place, int extent)
    {
        if (mode == "wrap") return extent > 0 ? (int)((((long)place % extent) + extent) % extent) : throw n.Malformed("it repeats an axis without elements");
        var at = mode == "edge" ? Math.Clamp(place, 0, extent - 1) : place < 0 ? -place : place >= extent ? (2 * (extent - 1)) - place : place;
        return at >= 0 && at < extent ? at : throw n.Malformed($"it reflects more than the {extent} elements of an axis");
    }

    static Operator Expand(Binding n) => One(x =>
    {
        var wanted = n.Checked(x[1]!.Integers());
        var shape = Together(n, x[0]!.Shape, wanted);
        return x[0]!.IsFloat ? Value.Of(Repeat(n, x[0]!.Plain(n.Device), shape)) : Value.Of(x[0]!.Host().Expand(shape));
    });

    static Operator Tile(Binding n)
    {
        if (n.Opset < 6) throw n.Unsupported("it is written in the way of versions before 6");
        return One(x =>
        {
            var times = x[1]!.Integers();
            var shape = x[0]!.Shape;
            if (times.Length != shape.Rank) throw n.Malformed($"it has {times.Length} numbers of repeats for {shape}");
            Shape result = n.Checked([.. times.Select((count, axis) => checked(count * shape[axis]))]);
            if (x[0]!.IsFloat && result.Count > 0) return Value.Of(Tiled(x[0]!.Plain(n.Device), result));
            return Value.Of(x[0]!.Host().Pick(result, places =>
            {
                var at = 0L;
                for (var axis = 0; axis < places.Length; axis++) at += places[axis] % shape[axis] * HostArray.Stride(shape, axis);
                return at;
            }));
        });
    }

    /// <summary>A tensor one after the other along each axis, as often as the result has room for it.</summary>
    static Tensor Tiled(Tensor t, Shape result)
    {
        for (var axis = result.Rank - 1; axis >= 0; axis--)
        {
            if (t.Shape[axis] == result[axis]) continue;
            var (shape, times) = (t.Shape, result[axis] / t.Shape[axis]);
            var outer = 1L;
            for (var i = 0; i < axis; i++) outer *= shape[i];
            var (before, run) = (checked((int)outer), checked((int)(t.Count / outer)));
            t = Layout.Reshape(Functional.Expand(Layout.Reshape(t, new(before, 1, run)), new(before, times, run)), shape.With(axis, result[axis]));
        }

        return t;
    }

    /// <summary>Channels become blocks of pixels: the block's place is the channel's outermost part, or in CRD mode its innermost.</summary>
    static Operator DepthToSpace(Binding n)
    {
        var block = Block(n);
        var mode = n.Opset >= 11 ? n.Text("mode", "DCR") : "DCR";
        if (mode is not ("DCR" or "CRD")) throw n.Malformed($"attribute 'mode' is '{OnnxModel.Cut(mode)}'");
        return One(x =>
        {
            var t = x[0]!.Plain(n.Device);
            if (t.Shape.Rank != 4 || t.Shape[1] % ((long)block * block) != 0) throw n.Malformed($"blocks of {block} x {block} do not divide the channels of {t.Shape}");
            var channels = t.Shape[1] / block / block;
            var parts = mode == "DCR" ? new Shape(t.Shape[0], block, block, channels, t.Shape[2], t.Shape[3]) : new(t.Shape[0], channels, block, block, t.Shape[2], t.Shape[3]);
            var moved = Layout.Permute(Layout.Reshape(t, parts), mode == "DCR" ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3]);
            return Value.Of(Layout.Reshape(moved, n.Checked([t.Shape[0], channels, (long)t.Shape[2] * block, (long)t.Shape[3] * block])));
        });
    }

    static Operator SpaceToDepth(Binding n)
    {
        var block = Block(n);
        return One(x =>
        {
            var t = x[0]!.Plain(n.Device);
            if (t.Shape.Rank != 4 || t.Shape[2] % block != 0 || t.Shape[3] % block != 0) throw n.Malformed($"blocks of {block} x {block} do not divide the images of {t.Shape}");
            int h = t.Shape[2] / block, w = t.Shape[3] / block;
            var moved = Layout.Permute(Layout.Reshape(t, new(t.Shape[0], t.Shape[1], h, block, w, block)), [0, 3, 5, 1, 2, 4]);
            return Value.Of(Layout.Reshape(moved, n.Checked([t.Shape[0], (long)t.Shape[1] * block * block, h, w])));
        });
    }

    static int Block(Binding n) => n.Int("blocksize", 0) is var block and > 0 and < 1 << 15 ? (int)block : throw n.Malformed("attribute 'blocksize' must be at least 1");

    /// <summary>Another shape of as many elements. Images of one pixel, or of one channel, need not be brought into ONNX's order first.</summary>
    static Value WithShape(Binding n, Value x, Shape shape)
    {
        if (x.Shape.Count != shape.Count) throw n.Malformed($"{x.Shape} has {x.Shape.Count:N0} elements, {shape} has {shape.Count:N0}");
        return x.IsHost ? Value.Of(x.Host().Reshape(shape)) : Value.Of(Layout.Reshape(x.Plain(n.Device), shape));
    }

    /// <summary>Applies what works along an axis of a tensor to an axis of floats, which stay in the order that they have.</summary>
    static Value OnAxis(Binding n, Value x, int axis, Func<Tensor, int, Tensor> function)
        => x.IsChannelsLast ? Value.OfChannelsLast(function(x.Stored!, StoredAxis(axis, x.Shape.Rank))) : Value.Of(function(x.Plain(n.Device), axis));

    /// <summary>Where an axis of ONNX's [N, C, ...] is in [N, ..., C].</summary>
    static int StoredAxis(int axis, int rank) => axis == 0 ? 0 : axis == 1 ? rank - 1 : axis - 1;
}
