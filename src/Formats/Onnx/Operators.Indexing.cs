namespace CnnSharp.Formats.Onnx;

internal static partial class OnnxOperators
{
    /// <summary>The extents of x, or those of a stretch of its axes.</summary>
    static Operator ShapeOf(Binding n)
    {
        long first = n.Opset >= 15 ? n.Int("start", 0) : 0, past = n.Opset >= 15 ? n.Int("end", long.MaxValue) : long.MaxValue;
        return One(x =>
        {
            var extents = Array.ConvertAll(x[0]!.Shape.ToArray(), extent => (long)extent);
            int start = Clip(first, extents.Length), end = Clip(past, extents.Length);
            return Value.Of(HostArray.Of(start < end ? extents[start..end] : []));
        });

        static int Clip(long place, int rank) => (int)Math.Clamp(place < 0 ? Math.Max(place, -rank) + rank : place, 0, rank);
    }

    static Operator ConstantOfShape(Binding n)
    {
        var value = n.Tensor("value")?.ToArray();
        if (value is { Count: not 1 }) throw n.Malformed($"attribute 'value' has {value.Count} elements, expected 1");
        return One(x =>
        {
            var shape = n.Checked(x[0]!.Integers());
            return Value.Of((value ?? new HostArray(OnnxType.Float, default, new double[1])).Reshape(default).Expand(shape));
        });
    }

    static Operator Range(Binding n) => One(x =>
    {
        HostArray start = x[0]!.Host(), limit = x[1]!.Host(), delta = x[2]!.Host();
        if (start.Count != 1 || limit.Count != 1 || delta.Count != 1 || delta.Real(0) == 0) throw n.Malformed("its start, limit and delta must be single numbers, the delta not 0");
        var count = Math.Max(0, Math.Ceiling((limit.Real(0) - start.Real(0)) / delta.Real(0)));
        if (!(count <= int.MaxValue)) throw n.Malformed($"its result would have {count} elements");
        n.Checked([(int)count]);
        var places = Enumerable.Range(0, (int)count);
        return Value.Of(start.Type.IsReal()
            ? new HostArray(start.Type, new((int)count), [.. places.Select(i => start.Real(0) + (i * delta.Real(0)))])
            : new(start.Type, new((int)count), [.. places.Select(i => start.Integers![0] + (i * delta.Integers![0]))]));
    });

    static Operator Cast(Binding n)
    {
        // Version 1 has the type's name.
        var type = n.Opset >= 6 ? (OnnxType)n.Int("to", 0) : Enum.TryParse<OnnxType>(n.Text("to", ""), ignoreCase: true, out var named) ? named : OnnxType.Undefined;
        if (n.Opset >= 19) n.Flag("saturate", true);
        if (n.Opset >= 24) n.Text("round_mode", "up");
        if (type.SizeOf() == 0) throw n.Unsupported($"it makes elements of type {type}");
        return One(x => Converted(n, x[0]!, type));
    }

    /// <summary>Slices of the data along an axis, one for each index; negative ones count from the end.</summary>
    static Operator Gather(Binding n)
    {
        var stated = n.Int("axis", 0);
        return One(x =>
        {
            var shape = x[0]!.Shape;
            var axis = n.Axis(stated, shape.Rank);
            var indices = Array.ConvertAll(x[1]!.Integers(), index => n.Index(index, shape[axis]));
            var extents = shape.AsSpan();
            var result = n.Checked([.. extents[..axis], .. x[1]!.Shape.AsSpan(), .. extents[(axis + 1)..]]);
            if (x[0]!.IsFloat && !x[0]!.IsHost && indices.Length is > 0 and <= 8)
            {
                // Few slices are copied on the device, where gradients flow.
                var parts = Array.ConvertAll(indices, index => Functional.Slice(x[0]!.Plain(n.Device), axis, index, 1));
                return Value.Of(Layout.Reshape(parts.Length == 1 ? parts[0] : Functional.Concat(parts, axis), result));
            }

            var inner = HostArray.Stride(shape, axis);
            var runs = new int[inner == 0 ? 0 : result.Count / inner];
            for (var i = 0; i < runs.Length; i++) runs[i] = checked((int)((long)(i / indices.Length * shape[axis]) + indices[i % indices.Length]));
            return Gathered(n, x[0]!, runs, inner, result);
        });
    }

    /// <summary>Off and on values along a new axis; an index out of range is nowhere on.</summary>
    static Operator OneHot(Binding n)
    {
        var stated = n.Int("axis", -1);
        return One(x =>
        {
            HostArray indices = x[0]!.Read(), values = x[2]!.Host();
            var depth = (long)x[1]!.Host().Real(0);
            if (values.Count != 2) throw n.Malformed($"its values are {values.Shape}, expected off and on");
            var axis = n.Axis(stated, indices.Shape.Rank + 1);
            var extents = indices.Shape.AsSpan();
            var inner = axis == 0 ? indices.Count : HostArray.Stride(indices.Shape, axis - 1);
            long[] wide = [.. Array.ConvertAll(extents[..axis].ToArray(), extent => (long)extent), depth, .. Array.ConvertAll(extents[axis..].ToArray(), extent => (long)extent)];
            var result = n.Checked(wide);
            var i = 0L;
            return Value.Of(values.Pick(result, places =>
            {
                var index = (long)indices.Real((i / (inner * depth) * inner) + (i % inner));
                i++;
                return (index < 0 ? index + depth : index) == places[axis] ? 1 : 0;
            }));
        });
    }
}
