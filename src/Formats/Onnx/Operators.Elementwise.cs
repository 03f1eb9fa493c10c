using CnnSharp.Kernels;

namespace CnnSharp.Formats.Onnx;

internal static partial class OnnxOperators
{
    /// <summary>A function of each element: on the device for floats, on the host for other types.</summary>
    static Operator Unary(Binding n, Func<Tensor, Tensor> function, Func<double, double> onHost)
        => One(x => x[0]!.IsFloat ? OnDevice(n, x[0]!, function) : Value.Of(Map(x[0]!.Host(), onHost)));

    /// <summary>A function of floats with a setting.</summary>
    static Operator Unary(Binding n, float setting, Func<Tensor, float, Tensor> function) => One(x => OnDevice(n, x[0]!, t => function(t, setting)));

    static Operator Test(Binding n, Func<double, bool> test) => One(x =>
    {
        var a = x[0]!.Read();
        var results = new long[a.Count];
        for (var i = 0; i < results.Length; i++) results[i] = test(a.Real(i)) ? 1 : 0;
        return Value.Of(new HostArray(OnnxType.Bool, a.Shape, results));
    });

    static Operator IsInf(Binding n)
    {
        bool negative = n.Flag("detect_negative", true), positive = n.Flag("detect_positive", true);
        return Test(n, x => (negative && double.IsNegativeInfinity(x)) || (positive && double.IsPositiveInfinity(x)));
    }

    static Operator LeakyRelu(Binding n)
    {
        var alpha = n.Float("alpha", 0.01f);
        return Unary(n, x => Functional.LeakyRelu(x, alpha), x => x > 0 ? x : alpha * x);
    }

    static Operator Selu(Binding n)
    {
        float alpha = n.Float("alpha", 1.67326319217681884765625f), gamma = n.Float("gamma", 1.05070102214813232421875f);
        return Unary(n, x => Functional.Elu(x, alpha) * gamma, x => gamma * (x > 0 ? x : alpha * (Math.Exp(x) - 1)));
    }

    static Operator Gelu(Binding n)
        => n.Text("approximate", "none") switch
        {
            "none" => Unary(n, Functional.Gelu, x => x / 2 * (1 + SpecialFunctions.Erf(x / Math.Sqrt(2)))),
            "tanh" => Unary(n, x => x * 0.5f * (Functional.Tanh((x + (x * Functional.Square(x) * 0.044715f)) * (float)Math.Sqrt(2 / Math.PI)) + 1), x => x / 2 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x))))),
            var other => throw n.Malformed($"attribute 'approximate' is '{OnnxModel.Cut(other)}'"),
        };

    static Operator HardSigmoid(Binding n)
    {
        float alpha = n.Float("alpha", 0.2f), beta = n.Float("beta", 0.5f);
        return Unary(n, x => Within((x * alpha) + beta, 0, 1), x => Math.Clamp((alpha * x) + beta, 0, 1));
    }

    static Operator ThresholdedRelu(Binding n)
    {
        var alpha = n.Float("alpha", 1);
        return One(x => OnDevice(n, x[0]!, t =>
        {
            var threshold = Tensor.Full(default, alpha, t.Device);
            return Functional.Where(Functional.Greater(t, threshold), t, Tensor.Full(default, 0, t.Device));
        }));
    }

    /// <summary>x where x > 0, else slope x; the slopes are repeated to x's shape.</summary>
    static Operator PRelu(Binding n)
    {
        var slopes = n.Weight(1, "plain", w => w);
        return One(x =>
        {
            var slope = slopes(x);

            // One slope, or one a channel (of old versions as [C], else as [C, 1, ...]), are what the primitive takes.
            var channels = x[0]!.Shape.Rank > 1 ? x[0]!.Shape[1] : 1;
            var perChannel = slope.Count == channels && (slope.Shape.Rank == x[0]!.Shape.Rank ? slope.Shape[1] == channels
                : slope.Shape.Rank == x[0]!.Shape.Rank - 1 ? slope.Shape.Rank == 0 || slope.Shape[0] == channels : slope.Shape.Rank == 1 && n.Opset < 9);
            if (slope.Count == 1 || perChannel) return Value.OfChannelsLast(Functional.PRelu(x[0]!.ChannelsLast(n.Device), Layout.Reshape(slope, new((int)slope.Count))));
            return Binary(n, Value.Of(slope), x[0]!, (w, t) => Functional.Relu(t) + (w * Functional.Clamp(t, most: 0)));
        });
    }

    /// <summary>Bounds are attributes before version 11, inputs from there on.</summary>
    static Operator Clip(Binding n)
    {
        if (n.Opset < 11)
        {
            float least = n.Float("min", float.MinValue), most = n.Float("max", float.MaxValue);
            return One(x => Clipped(n, x[0]!, least, most));
        }

        return One(x =>
        {
            if (x[0]!.IsFloat) return Clipped(n, x[0]!, (float?)Bound(x, 1), (float?)Bound(x, 2));
            var a = x[0]!.Host();
            double least = Bound(x, 1) ?? double.NegativeInfinity, most = Bound(x, 2) ?? double.PositiveInfinity;
            return Value.Of(a.Reals is null
                ? new HostArray(a.Type, a.Shape, Array.ConvertAll(a.Integers!, value => value < least ? (long)least : value > most ? (long)most : value))
                : Map(a, value => Math.Min(Math.Max(value, least), most)));
        });

        static double? Bound(Value?[] x, int input) => input < x.Length && x[input] is { } bound ? bound.Host().Real(0) : null;
    }

    static Value Clipped(Binding n, Value x, float? least, float? most)
        => OnDevice(n, x, t => Within(t, least > float.MinValue ? least : null, most < float.MaxValue ? most : null));

    /// <summary>x, but at least and at most so much.</summary>
    static Tensor Within(Tensor x, float? least, float? most)
    {
        if (least is null && most is null) return x;
        return Functional.Clamp(x, least ?? float.NegativeInfinity, most ?? float.PositiveInfinity);
    }

    /// <summary>Two operands repeated to a common shape. Before version 7 the second could be put at an axis of the first.</summary>
    static Operator Arithmetic(Binding n, Func<Tensor, Tensor, Tensor> function, Func<double, double, double> reals, Func<long, long, long> integers)
    {
        var place = n.Opset < 7 && n.Flag("broadcast") ? n.Int("axis", long.MaxValue) : long.MaxValue;
        var (left, right) = (n.Operand(0), n.Operand(1));
        return One(x =>
        {
            Value a = left(x), b = right(x);
            if (place != long.MaxValue) b = AlignedAt(n, a, b, place);
            return Value.AreFloats(a, b) ? Binary(n, a, b, function) : Value.Of(Combine(n, a.Host(), b.Host(), a.Type, reals, integers));
        });
    }

    /// <summary>The power keeps the base's type.</summary>
    static Operator Pow(Binding n)
    {
        if (n.Opset < 7 && n.Flag("broadcast") && n.Int("axis", long.MaxValue) != long.MaxValue) throw n.Unsupported("its exponent stands at an axis");
        return One(x =>
        {
            if (x[0]!.IsFloat || Value.AreFloats(x[0]!, x[1]!))
            {
                if (x[1] is { IsHost: true, Shape.Count: 1 } exponent && exponent.Shape.Rank <= x[0]!.Shape.Rank)
                {
                    switch (exponent.Host().Real(0))
                    {
                        case 1: return x[0]!;
                        case 2: return OnDevice(n, x[0]!, Functional.Square);
                        case 3: return OnDevice(n, x[0]!, t => Functional.Square(t) * t);
                        case 0.5: return OnDevice(n, x[0]!, Functional.Sqrt);
                    }
                }

                return Binary(n, x[0]!, x[1]!.IsFloat ? x[1]! : x[1]!.Numbers(n.Device), Functional.Pow);
            }

            // An integer base comes back as the power's whole part.
            var (a, b) = (x[0]!.Host(), x[1]!.Host());
            var powers = Combine(n, a.Cast(OnnxType.Double), b.Cast(OnnxType.Double), OnnxType.Double, Math.Pow, null);
            return Value.Of(powers.Cast(a.Type));
        });
    }

    /// <summary>The remainder has the divisor's sign, or with fmod the dividend's.</summary>
    static Operator Mod(Binding n)
    {
        var likeC = n.Flag("fmod");
        return One(x => Value.AreFloats(x[0]!, x[1]!) ? Binary(n, x[0]!, x[1]!, likeC ? Functional.Remainder : (a, b) => a - (b * Functional.Floor(a / b))) : Value.Of(Combine(
            n,
            x[0]!.Host(),
            x[1]!.Host(),
            x[0]!.Type,
            (a, b) => likeC ? a % b : a - (b * Math.Floor(a / b)),
            (a, b) =>
            {
                var rest = Remainder(a, b);
                return likeC || rest == 0 || (rest < 0) == (b < 0) ? rest : rest + b;
            })));
    }

    /// <summary>a / b without its fraction; by 0 it is an error, by -1 it wraps like other results.</summary>
    static long Quotient(long a, long b) => b switch { 0 => throw new DivideByZeroException("an integer is divided by 0"), -1 => unchecked(-a), _ => a / b };

    static long Remainder(long a, long b) => b switch { 0 => throw new DivideByZeroException("an integer is divided by 0"), -1 => 0, _ => a % b };

    static Operator Variadic(Binding n, Func<Tensor, Tensor, Tensor> function, Func<double, double, double> reals, Func<long, long, long> integers) => One(x =>
    {
        var result = x[0]!;
        foreach (var next in x.Skip(1))
        {
            result = result.IsFloat && next!.IsFloat ? Binary(n, result, next, function) : Value.Of(Combine(n, result.Host(), next!.Host(), result.Type, reals, integers));
        }

        return result;
    });

    static Operator Mean(Binding n)
    {
        var sum = Variadic(n, Functional.Add, (a, b) => a + b, (a, b) => a + b);
        return One(x => OnDevice(n, sum(x)[0]!, t => t * (1f / x.Length)));
    }

    /// <summary>Truth values: of floats and of truth values on the device there, of others on the host.</summary>
    static Operator Compare(Binding n, Func<Tensor, Tensor, Tensor> function, Func<double, double, bool>? reals, Func<long, long, bool> integers)
    {
        var place = n.Opset < 7 && n.Flag("broadcast") ? n.Int("axis", long.MaxValue) : long.MaxValue;
        return One(x =>
        {
            Value a = x[0]!, b = place == long.MaxValue ? x[1]! : AlignedAt(n, x[0]!, x[1]!, place);
            if (Value.AreFloats(a, b) || a.Stored is not null || b.Stored is not null) return Value.OfMask(Binary(n, a.Numbers(n.Device), b.Numbers(n.Device), function));
            return Value.Of(Combine(n, a.Host(), b.Host(), OnnxType.Bool, reals is null ? null : (p, q) => reals(p, q) ? 1 : 0, (p, q) => integers(p, q) ? 1 : 0));
        });
    }

    static Operator Not(Binding n) => One(x => x[0]!.Stored is null
        ? Value.Of(new HostArray(OnnxType.Bool, x[0]!.Shape, Array.ConvertAll(x[0]!.Integers(), value => 1 - value)))
        : Value.OfMask(OnDevice(n, x[0]!.Numbers(n.Device), t => (t * -1f) + 1)));

    /// <summary>The second operand where the first is true, else the third.</summary>
    static Operator Where(Binding n) => One(x =>
    {
        if (Value.AreFloats(x[1]!, x[2]!)) return Together(n, [x[0]!.Numbers(n.Device), x[1]!, x[2]!], t => Functional.Where(t[0], t[1], t[2]));
        HostArray condition = x[0]!.Host(), a = x[1]!.Host(), b = x[2]!.Host();
        if (a.Type != b.Type && !(a.Type.IsReal() && b.Type.IsReal())) throw n.Malformed($"it chooses between {a.Type} and {b.Type}");
        var shape = Together(n, Together(n, condition.Shape, a.Shape), b.Shape);
        (condition, a, b) = (condition.Expand(shape), a.Expand(shape), b.Expand(shape));
        var chosen = new double[a.Reals is null ? 0 : a.Count];
        var integers = new long[a.Reals is null ? a.Count : 0];
        for (var i = 0; i < a.Count; i++)
        {
            var from = condition.Integers![i] != 0 ? a : b;
            if (a.Reals is null) integers[i] = from.Integers![i];
            else chosen[i] = from.Reals![i];
        }

        return Value.Of(a.Reals is null ? new HostArray(a.Type, shape, integers) : new(a.Type, shape, chosen));
    });

    /// <summary>A function of each element of floats, which stay in the order of axes that they have.</summary>
    static Value OnDevice(Binding n, Value x, Func<Tensor, Tensor> function)
        => x.IsChannelsLast ? Value.OfChannelsLast(function(x.Stored!)) : Value.Of(function(x.Plain(n.Device)));

    /// <summary>Two tensors of floats repeated to a common shape; where one is a batch of images in this tool's order, the result is too.</summary>
    static Value Binary(Binding n, Value a, Value b, Func<Tensor, Tensor, Tensor> function) => Together(n, [a, b], t => function(t[0], t[1]));

    /// <summary>Tensors of floats repeated to a common shape; where one is a batch of images in this tool's order, the result is too.</summary>
    static Value Together(Binding n, Value[] values, Func<Tensor[], Tensor> function)
    {
        var shape = values[0].Shape;
        foreach (var value in values.AsSpan(1)) shape = value.Shape == shape ? shape : Together(n, shape, value.Shape);
        return Array.Exists(values, value => value.IsChannelsLast && value.Shape.Rank == shape.Rank)
            ? Value.OfChannelsLast(Merged(Array.ConvertAll(values, ToChannelsLast), Layout.ToChannelsLastShape(shape), function))
            : Value.Of(Merged(Array.ConvertAll(values, value => value.Plain(n.Device)), shape, function));

        Tensor ToChannelsLast(Value v)
        {
            if (v.IsChannelsLast && v.Shape.Rank == shape.Rank) return v.Stored!;
            var t = v.Plain(n.Device);
            return t.Count == 1 ? Layout.Reshape(t, default) : Layout.ToChannelsLast(Layout.Reshape(t, new([.. Enumerable.Repeat(1, shape.Rank - t.Shape.Rank), .. t.Shape.AsSpan()])));
        }
    }

    static Tensor Merged(Tensor a, Tensor b, Shape shape, Func<Tensor, Tensor, Tensor> function) => Merged([a, b], shape, t => function(t[0], t[1]));

    /// <summary>Applies a function of tensors of up to four axes to any number: neighboring axes that all read alike are merged.</summary>
    static Tensor Merged(Tensor[] operands, Shape shape, Func<Tensor[], Tensor> function)
    {
        if (shape.Rank <= 4) return function(operands);
        var extents = Array.ConvertAll(operands, _ => new List<int>());
        var kind = Array.ConvertAll(operands, _ => false);
        for (var axis = 0; axis < shape.Rank; axis++)
        {
            if (shape[axis] == 1) continue;
            var next = Array.ConvertAll(operands, t => axis - shape.Rank + t.Shape.Rank is var place && place >= 0 ? t.Shape[place] : 1);
            var repeats = Array.ConvertAll(next, extent => extent == 1);
            var joins = extents[0].Count > 0 && repeats.AsSpan().SequenceEqual(kind);
            for (var i = 0; i < operands.Length; i++)
            {
                if (joins) extents[i][^1] = checked(extents[i][^1] * next[i]);
                else extents[i].Add(next[i]);
            }

            kind = repeats;
        }

        // Where operands are repeated along more axes by turns, each is repeated by itself first.
        var merged = extents[0].Count <= 4
            ? operands.Select((t, i) => Layout.Reshape(t, extents[i].ToArray()))
            : operands.Select(t => Layout.Reshape(t.Shape == shape ? t : Functional.Expand(t, shape), new(checked((int)shape.Count))));
        return Layout.Reshape(function([.. merged]), shape);
    }

    /// <summary>A function of two arrays repeated to a common shape, element by element.</summary>
    static HostArray Combine(Binding n, HostArray a, HostArray b, OnnxType type, Func<double, double, double>? reals, Func<long, long, long>? integers)
    {
        var shape = Together(n, a.Shape, b.Shape);
        (a, b) = (a.Expand(shape), b.Expand(shape));
        if (a.Reals is null && b.Reals is null && integers is not null) return new(type, shape, Results((i) => integers(a.Integers![i], b.Integers![i])));
        if (reals is null) throw n.Unsupported($"it is not computed on {a.Type} and {b.Type}");
        return type.IsReal() ? new(type, shape, Results(i => reals(a.Real(i), b.Real(i)))) : new HostArray(type, shape, Results(i => (long)reals(a.Real(i), b.Real(i))));

        T[] Results<T>(Func<int, T> at)
        {
            var results = new T[a.Count];
            for (var i = 0; i < results.Length; i++) results[i] = at(i);
            return results;
        }
    }

    static HostArray Map(HostArray a, Func<double, double> function)
        => a.Reals is not null ? new(a.Type, a.Shape, Array.ConvertAll(a.Reals, value => function(value)))
        : new HostArray(a.Type, a.Shape, Array.ConvertAll(a.Integers!, value => (long)function(value)));

    /// <summary>The shape that two are repeated to: axes are aligned at the end, an extent of 1 meets any.</summary>
    static Shape Together(Binding n, Shape a, Shape b)
    {
        var extents = new int[Math.Max(a.Rank, b.Rank)];
        for (var axis = 0; axis < extents.Length; axis++)
        {
            int i = axis - extents.Length + a.Rank, j = axis - extents.Length + b.Rank;
            int p = i < 0 ? 1 : a[i], q = j < 0 ? 1 : b[j];
            if (p != q && p != 1 && q != 1) throw n.Malformed($"{a} and {b} cannot be repeated to a common shape");
            extents[axis] = p == 1 ? q : p;
        }

        return n.Checked(extents);
    }

    /// <summary>The second operand with axes of extent 1 after it, so that its first meets the given axis of the first operand.</summary>
    static Value AlignedAt(Binding n, Value a, Value b, long place)
    {
        var after = a.Shape.Rank - n.Axis(place, a.Shape.Rank) - b.Shape.Rank;
        if (after < 0) throw n.Malformed($"{b.Shape} does not fit at axis {place} of {a.Shape}");
        Shape shape = new([.. b.Shape.AsSpan(), .. Enumerable.Repeat(1, after)]);
        return b.IsFloat ? Value.Of(Layout.Reshape(b.Plain(n.Device), shape)) : Value.Of(b.Host().Reshape(shape));
    }

    /// <summary>The maximum, element by element: one after the other along a new last axis they are the pieces of a maxout.</summary>
    static Tensor GreatestOf(params ReadOnlySpan<Tensor> tensors)
    {
        var shape = tensors[0].Shape;
        var columns = new Tensor[tensors.Length];
        for (var i = 0; i < columns.Length; i++) columns[i] = Layout.Reshape(tensors[i], new(checked((int)tensors[i].Count), 1));
        return Layout.Reshape(Functional.Maxout(Functional.Concat(columns), columns.Length), shape);
    }

    /// <summary>A tensor repeated to a shape.</summary>
    static Tensor Repeat(Binding n, Tensor x, Shape shape) => x.Shape == shape ? x : Functional.Expand(x, n.Checked(shape.AsSpan()));
}
