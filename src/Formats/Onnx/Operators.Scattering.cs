using CnnSharp.Kernels;

namespace CnnSharp.Formats.Onnx;

// Operators that move elements by indices. Floats go through a sparse matrix, so that gradients flow.
internal static partial class OnnxOperators
{
    /// <summary>Elements of x in the order of indices, in runs; -1 gives zeros.</summary>
    /// <param name="n">The node.</param>
    /// <param name="x">What is read.</param>
    /// <param name="indices">Which run of x each run of the result is.</param>
    /// <param name="run">How many elements a run has.</param>
    /// <param name="result">Of the result.</param>
    static Value Gathered(Binding n, Value x, int[] indices, long run, Shape result)
    {
        if (x.IsFloat && x.Shape.Count > 0 && result.Count > 0 && (!x.IsHost || (Tape.IsRecording && x.Stored is { WantsGradient: true })))
        {
            var rows = checked((int)(x.Shape.Count / run));
            var t = Layout.Reshape(x.Plain(n.Device), new(rows, checked((int)run)));
            return Value.Of(Layout.Reshape(Applied(SparseMatrix.Gather(rows, indices), t, 0), result));
        }

        var source = x.Host();
        var place = 0L;
        return Value.Of(source.Pick(result, _ =>
        {
            var i = place++;
            var from = indices[i / run];
            return from < 0 ? -1 : (from * run) + (i % run);
        }));
    }

    /// <summary>The tuples of indices along the last axis name runs of the data; negative ones count from the end.</summary>
    static (int[] Indices, long Run) Tuples(Binding n, Shape shape, HostArray indices, int batchAxes)
    {
        if (indices.Shape.Rank == 0 || indices.Integers is not { } values) throw n.Malformed($"expected indices [..., k], got {indices.Type} {indices.Shape}");
        var width = indices.Shape[^1];
        if (width < 1 || width > shape.Rank - batchAxes) throw n.Malformed($"{width} indices are too many for {shape}{(batchAxes > 0 ? $" without its first {batchAxes} axes" : "")}");
        var run = 1L;
        for (var axis = batchAxes + width; axis < shape.Rank; axis++) run *= shape[axis];
        var (batches, perBatch) = (1L, 1L);
        for (var axis = 0; axis < batchAxes; axis++) batches *= shape[axis];
        for (var axis = batchAxes; axis < batchAxes + width; axis++) perBatch *= shape[axis];
        var count = indices.Count / width;
        var found = new int[count];
        for (var i = 0; i < count; i++)
        {
            var at = batchAxes == 0 ? 0L : i / Math.Max(1, count / Math.Max(1, batches));
            for (var j = 0; j < width; j++) at = (at * shape[batchAxes + j]) + n.Index(values[(i * width) + j], shape[batchAxes + j]);
            found[i] = checked((int)at);
        }

        return (found, run);
    }

    static Operator GatherND(Binding n)
    {
        var batchAxes = n.Opset >= 12 ? n.Int("batch_dims", 0) : 0;
        return One(x =>
        {
            Shape shape = x[0]!.Shape, wanted = x[1]!.Shape;
            if (batchAxes < 0 || batchAxes >= Math.Min(shape.Rank, wanted.Rank)) throw n.Malformed($"attribute 'batch_dims' is {batchAxes} for {shape} and {wanted}");
            for (var axis = 0; axis < batchAxes; axis++)
            {
                if (shape[axis] != wanted[axis]) throw n.Malformed($"the first {batchAxes} axes of {shape} and {wanted} differ");
            }

            var (indices, run) = Tuples(n, shape, x[1]!.Host(), (int)batchAxes);
            return Gathered(n, x[0]!, indices, run, n.Checked([.. wanted.AsSpan()[..^1], .. shape.AsSpan()[((int)batchAxes + wanted[^1])..]]));
        });
    }

    static Operator GatherElements(Binding n)
    {
        var stated = n.Int("axis", 0);
        return One(x => Gathered(n, x[0]!, AlongAxis(n, x[0]!.Shape, x[1]!, stated), 1, x[1]!.Shape));
    }

    /// <summary>For each place of the indices the place in the data that differs along the axis alone, where it is the index.</summary>
    static int[] AlongAxis(Binding n, Shape shape, Value indices, long stated)
    {
        var axis = n.Axis(stated, shape.Rank);
        var extents = indices.Shape;
        if (extents.Rank != shape.Rank || Enumerable.Range(0, shape.Rank).Any(i => i != axis && extents[i] > shape[i])) throw n.Malformed($"indices {extents} do not fit data {shape} along axis {axis}");
        var values = indices.Integers();
        var strides = Enumerable.Range(0, shape.Rank).Select(i => HostArray.Stride(shape, i)).ToArray();
        var found = new int[values.Length];
        var places = new int[shape.Rank];
        for (var i = 0; i < found.Length; i++)
        {
            var at = 0L;
            for (var j = 0; j < places.Length; j++) at += (j == axis ? n.Index(values[i], shape[axis]) : places[j]) * strides[j];
            found[i] = checked((int)at);
            HostArray.Advance(places, extents);
        }

        return found;
    }

    static Operator ScatterElements(Binding n)
    {
        var stated = n.Int("axis", 0);
        var reduction = n.Opset >= 16 ? n.Text("reduction", "none") : "none";
        return One(x =>
        {
            if (x[1]!.Shape != x[2]!.Shape) throw n.Malformed($"indices {x[1]!.Shape} and updates {x[2]!.Shape} differ");
            return Scattered(n, x[0]!, AlongAxis(n, x[0]!.Shape, x[1]!, stated), 1, x[2]!, reduction);
        });
    }

    static Operator ScatterND(Binding n)
    {
        var reduction = n.Opset >= 16 ? n.Text("reduction", "none") : "none";
        return One(x =>
        {
            var (indices, run) = Tuples(n, x[0]!.Shape, x[1]!.Host(), 0);
            Shape expected = new([.. x[1]!.Shape.AsSpan()[..^1], .. x[0]!.Shape.AsSpan()[x[1]!.Shape[^1]..]]);
            if (x[2]!.Shape != expected) throw n.Malformed($"expected updates {expected}, got {x[2]!.Shape}");
            return Scattered(n, x[0]!, indices, run, x[2]!, reduction);
        });
    }

    /// <summary>The data with runs replaced by updates, or joined to them by a reduction. Of two updates of one run the last counts.</summary>
    static Value Scattered(Binding n, Value data, int[] indices, long run, Value updates, string reduction)
    {
        if (reduction is not ("none" or "add" or "mul" or "max" or "min")) throw n.Malformed($"attribute 'reduction' is '{OnnxModel.Cut(reduction)}'");
        if (indices.Length == 0 || updates.Shape.Count == 0) return data;
        if (data.IsFloat && updates.IsFloat && reduction is "none" or "add" && !(data.IsHost && updates.IsHost))
        {
            // data where it stays, and the updates where they go.
            int rows = checked((int)(data.Shape.Count / run)), width = checked((int)run);
            var base0 = Layout.Reshape(data.Plain(n.Device), new(rows, width));
            var added = Layout.Reshape(updates.Plain(n.Device), new(indices.Length, width));
            if (reduction == "add") return Value.Of(Layout.Reshape(base0 + Applied(SparseMatrix.Gather(rows, indices).Transposed, added, 0), data.Shape));
            int[] kept = [.. Enumerable.Range(0, rows)], last = new int[rows];
            Array.Fill(last, -1);
            for (var i = 0; i < indices.Length; i++) (kept[indices[i]], last[indices[i]]) = (-1, i);
            return Value.Of(Layout.Reshape(Applied(SparseMatrix.Gather(rows, kept), base0, 0) + Applied(SparseMatrix.Gather(indices.Length, last), added, 0), data.Shape));
        }

        HostArray a = data.Host(), b = updates.Host();
        if ((a.Reals is null) != (b.Reals is null)) throw n.Malformed($"it scatters {b.Type} into {a.Type}");
        double[]? reals = a.Reals is null ? null : [.. a.Reals];
        long[]? integers = a.Integers is null ? null : [.. a.Integers];
        for (var i = 0; i < indices.Length; i++)
        {
            for (var j = 0L; j < run; j++)
            {
                long to = (indices[i] * run) + j, from = (i * run) + j;
                if (reals is not null) reals[to] = Reduce(reals[to], b.Reals![from]);
                else integers![to] = ReduceIntegers(integers[to], b.Integers![from]);
            }
        }

        return Value.Of(reals is not null ? new HostArray(a.Type, a.Shape, reals) : new(a.Type, a.Shape, integers!));

        double Reduce(double old, double update) => reduction switch { "add" => old + update, "mul" => old * update, "max" => Math.Max(old, update), "min" => Math.Min(old, update), _ => update };

        long ReduceIntegers(long old, long update) => reduction switch { "add" => old + update, "mul" => old * update, "max" => Math.Max(old, update), "min" => Math.Min(old, update), _ => update };
    }

    /// <summary>The largest or smallest elements along an axis with their places; of equals the first comes first.</summary>
    static Operator TopK(Binding n)
    {
        var stated = n.Int("axis", -1);
        var fixedCount = n.Opset < 10 ? n.Int("k", 0) : 0;
        var largest = n.Opset < 11 || n.Flag("largest", true);
        if (n.Opset >= 11) n.Flag("sorted", true);
        return x =>
        {
            var shape = x[0]!.Shape;
            var axis = n.Axis(stated, shape.Rank);
            var count = n.Opset < 10 ? fixedCount : x[1]!.Integers() is [var k] ? k : throw n.Malformed($"expected k as one number, got {x[1]!.Shape}");
            if (count < 0 || count > shape[axis]) throw n.Malformed($"it takes {count} of the {shape[axis]} places along axis {axis} of {shape}");

            // The indices are found on the host; the values are gathered by them.
            var a = new Lazy<HostArray>(x[0]!.Read);
            var stride = HostArray.Stride(shape, axis);
            var result = shape.With(axis, (int)count);
            var (places, found) = (new long[result.Count], new int[result.Count]);
            var order = new int[shape[axis]];
            for (var line = 0L; line < (shape[axis] == 0 ? 0 : shape.Count / shape[axis]); line++)
            {
                var start = (line / stride * stride * shape[axis]) + (line % stride);
                for (var i = 0; i < order.Length; i++) order[i] = i;
                Array.Sort(order, (i, j) =>
                {
                    var compared = a.Value.Reals is { } reals ? reals[start + (i * stride)].CompareTo(reals[start + (j * stride)]) : a.Value.Integers![start + (i * stride)].CompareTo(a.Value.Integers[start + (j * stride)]);
                    return compared == 0 ? i.CompareTo(j) : largest ? -compared : compared;
                });
                var target = (line / stride * stride * count) + (line % stride);
                for (var i = 0; i < count; i++) (places[target + (i * stride)], found[target + (i * stride)]) = (order[i], checked((int)(start + (order[i] * stride))));
            }

            return [Gathered(n, x[0]!, found, 1, result), Value.Of(new HostArray(OnnxType.Int64, result, places))];
        };
    }

    /// <summary>The places of all elements that are not 0, a column each.</summary>
    static Operator NonZero(Binding n) => One(x =>
    {
        var a = x[0]!.Host();
        var found = Enumerable.Range(0, a.Count).Where(i => a.Real(i) != 0).ToArray();
        var rank = Math.Max(1, a.Shape.Rank);
        var places = new long[rank * found.Length];
        for (var axis = 0; axis < a.Shape.Rank; axis++)
        {
            var stride = HostArray.Stride(a.Shape, axis);
            for (var i = 0; i < found.Length; i++) places[(axis * found.Length) + i] = found[i] / stride % a.Shape[axis];
        }

        return Value.Of(new HostArray(OnnxType.Int64, new(a.Shape.Rank, found.Length), a.Shape.Rank == 0 ? [] : places));
    });

    /// <summary>The places along an axis, or of all elements, whose condition is true.</summary>
    static Operator Compress(Binding n)
    {
        var stated = n.HasAttribute("axis") ? n.Int("axis", 0) : (long?)null;
        return One(x =>
        {
            var shape = x[0]!.Shape;
            var axis = stated is { } some ? n.Axis(some, shape.Rank) : -1;
            var extent = axis < 0 ? checked((int)shape.Count) : shape[axis];
            var condition = x[1]!.Integers();
            if (condition.Length > extent) throw n.Malformed($"{condition.Length} conditions are too many for {extent} places of {shape}");
            var kept = Enumerable.Range(0, condition.Length).Where(i => condition[i] != 0).ToArray();
            if (axis < 0) return Gathered(n, x[0]!, kept, 1, new(kept.Length));
            return GatheredAlong(n, x[0]!, axis, kept);
        });
    }

    /// <summary>Places along an axis, in any order; -1 gives zeros.</summary>
    static Value GatheredAlong(Binding n, Value x, int axis, int[] places)
    {
        var run = HostArray.Stride(x.Shape, axis);
        var result = n.Checked(x.Shape.With(axis, places.Length).AsSpan());
        var indices = new int[run == 0 ? 0 : result.Count / run];
        for (var i = 0; i < indices.Length; i++) indices[i] = places[i % places.Length] < 0 ? -1 : checked((int)((long)(i / places.Length * x.Shape[axis]) + places[i % places.Length]));
        return Gathered(n, x, indices, run, result);
    }

    /// <summary>The first so many places of each sequence in reverse.</summary>
    static Operator ReverseSequence(Binding n)
    {
        long batch = n.Int("batch_axis", 1), time = n.Int("time_axis", 0);
        if (batch is not (0 or 1) || time is not (0 or 1) || batch == time) throw n.Malformed($"its axes are {batch} and {time}, expected 0 and 1");
        return One(x =>
        {
            var shape = x[0]!.Shape;
            if (shape.Rank < 2) throw n.Malformed($"expected sequences [time, batch, ...], got {shape}");
            var lengths = x[1]!.Integers();
            if (lengths.Length != shape[(int)batch] || lengths.Any(length => length < 0 || length > shape[(int)time])) throw n.Malformed($"lengths [{string.Join(", ", lengths.Take(20))}] do not fit {shape}");
            var indices = new int[checked(shape[0] * shape[1])];
            for (var i = 0; i < indices.Length; i++)
            {
                int row = i / shape[1], column = i % shape[1];
                var (sequence, at) = batch == 0 ? (row, column) : (column, row);
                var from = at < lengths[sequence] ? (int)lengths[sequence] - 1 - at : at;
                indices[i] = batch == 0 ? (row * shape[1]) + from : (from * shape[1]) + column;
            }

            return Gathered(n, x[0]!, indices, HostArray.Stride(shape, 1), shape);
        });
    }

    /// <summary>The upper or lower triangle of each matrix, zeros elsewhere.</summary>
    static Operator Trilu(Binding n)
    {
        var upper = n.Flag("upper", true);
        return One(x =>
        {
            var shape = x[0]!.Shape;
            if (shape.Rank < 2) throw n.Malformed($"expected matrices, got {shape}");
            var diagonal = x.Length > 1 && x[1] is { } k ? k.Integers() is [var at] ? at : throw n.Malformed("its diagonal must be one number") : 0;
            var indices = new int[shape.Count];
            for (var i = 0; i < indices.Length; i++)
            {
                var beyond = (i % shape[^1]) - (i / shape[^1] % shape[^2]);
                indices[i] = (upper ? beyond >= diagonal : beyond <= diagonal) ? i : -1;
            }

            return Gathered(n, x[0]!, indices, 1, shape);
        });
    }

    /// <summary>Ones on a diagonal.</summary>
    static Operator EyeLike(Binding n)
    {
        var type = (OnnxType)n.Int("dtype", 0);
        var diagonal = n.Int("k", 0);
        return One(x =>
        {
            var shape = x[0]!.Shape;
            if (shape.Rank != 2) throw n.Malformed($"expected a matrix, got {shape}");
            var ones = new long[shape.Count];
            for (var i = 0; i < ones.Length; i++) ones[i] = (i % shape[1]) - (i / shape[1]) == diagonal ? 1 : 0;
            var wanted = type == OnnxType.Undefined ? x[0]!.Type : type;
            if (wanted.SizeOf() == 0) throw n.Unsupported($"it makes elements of type {wanted}");
            return Value.Of(new HostArray(OnnxType.Int64, shape, ones).Cast(wanted));
        });
    }

    /// <summary>Sums, or products, of all elements up to each place along an axis.</summary>
    static Operator Cumulate(Binding n, bool product)
    {
        bool exclusive = n.Flag("exclusive"), reverse = n.Flag("reverse");
        return One(x =>
        {
            var shape = x[0]!.Shape;
            var axis = n.Axis(x[1]!.Integers() is [var at] ? at : throw n.Malformed("its axis must be one number"), shape.Rank);
            var extent = shape[axis];
            if (!product && x[0]!.IsFloat && !x[0]!.IsHost && shape.Count > 0)
            {
                // Each place with the one a step before it, then two steps, four: after the last, with all before it.
                var way = reverse ? 1 : -1;
                return OnAxis(n, x[0]!, axis, (t, place) =>
                {
                    for (var step = 1L; step < extent; step *= 2) t = Applied(Pairs(extent, (int)step * way), t, place);
                    return exclusive ? Applied(SparseMatrix.Gather(extent, [.. Enumerable.Range(0, extent).Select(i => i + way >= 0 && i + way < extent ? i + way : -1)]), t, place) : t;
                });
            }

            var a = x[0]!.Host();
            var stride = HostArray.Stride(shape, axis);
            var (reals, integers) = (new double[a.Reals is null ? 0 : a.Count], new long[a.Reals is null ? a.Count : 0]);
            for (var line = 0L; line < (extent == 0 ? 0 : shape.Count / extent); line++)
            {
                var start = (line / stride * stride * extent) + (line % stride);
                var (real, integer) = product ? (1.0, 1L) : (0, 0);
                for (var i = 0; i < extent; i++)
                {
                    var place = start + ((reverse ? extent - 1 - i : i) * stride);
                    var (before, beforeInteger) = (real, integer);
                    if (a.Reals is { } values) real = product ? real * values[place] : real + values[place];
                    else integer = product ? integer * a.Integers![place] : integer + a.Integers![place];
                    if (a.Reals is not null) reals[place] = exclusive ? before : real;
                    else integers[place] = exclusive ? beforeInteger : integer;
                }
            }

            return Value.Of(a.Reals is not null ? new HostArray(a.Type, shape, reals) : new(a.Type, shape, integers));
        });
    }

    /// <summary>The matrix that adds to each place of an axis another, so far from it, where there is one.</summary>
    static SparseMatrix Pairs(int extent, int distance)
    {
        var offsets = new int[extent + 1];
        List<int> columns = [];
        for (var i = 0; i < extent; i++)
        {
            columns.Add(i);
            if (i + distance >= 0 && i + distance < extent) columns.Add(i + distance);
            offsets[i + 1] = columns.Count;
        }

        var ones = new double[columns.Count];
        Array.Fill(ones, 1);
        return new(extent, offsets, [.. columns], ones);
    }
}
