using System.Text;
using CnnSharp.Kernels;

namespace CnnSharp.Formats.Onnx;

// Further functions of elements, and sums of products.
internal static partial class OnnxOperators
{
    /// <summary>x tanh(log(1 + exp(x))) (Misra 2019).</summary>
    static Operator Mish(Binding n) => Unary(n, x => x * Functional.Tanh(Functional.Softplus(x)), x => x * Math.Tanh(Math.Log(1 + Math.Exp(x))));

    /// <summary>x sigmoid(alpha x).</summary>
    static Operator Swish(Binding n)
    {
        var alpha = n.Float("alpha", 1);
        return Unary(n, x => alpha == 1 ? Functional.Silu(x) : x * Functional.Sigmoid(x * alpha), x => x / (1 + Math.Exp(-alpha * x)));
    }

    /// <summary>a sigmoid(alpha a) b.</summary>
    static Operator SwiGlu(Binding n)
    {
        var swish = Swish(n);
        return One(x => Binary(n, swish([x[0]])[0]!, x[1]!, Functional.Multiply));
    }

    /// <summary>x drawn towards 0 by a bias where it is further from 0 than lambd, else 0.</summary>
    static Operator Shrink(Binding n)
    {
        float bias = n.Float("bias", 0), lambd = n.Float("lambd", 0.5f);
        return One(x =>
        {
            // A choice of elements, as a matrix that has the chosen ones, so that gradients flow; and the shifts as constants.
            var a = x[0]!.Read();
            var shifts = new double[a.Count];
            var chosen = new int[a.Count];
            for (var i = 0; i < chosen.Length; i++)
            {
                chosen[i] = a.Real(i) < -lambd || a.Real(i) > lambd ? i : -1;
                shifts[i] = a.Real(i) < -lambd ? bias : a.Real(i) > lambd ? -bias : 0;
            }

            var kept = Gathered(n, x[0]!, chosen, 1, a.Shape);
            var by = new HostArray(a.Type.IsReal() ? OnnxType.Float : OnnxType.Double, a.Shape, shifts);
            return a.Type.IsReal() ? Binary(n, kept, Value.Of(by), Functional.Add) : Value.Of(Combine(n, kept.Host(), by, a.Type, (p, q) => p + q, null));
        });
    }

    /// <summary>Bits moved up or down.</summary>
    static Operator BitShift(Binding n)
    {
        var direction = n.Text("direction", "");
        if (direction is not ("LEFT" or "RIGHT")) throw n.Malformed($"attribute 'direction' is '{OnnxModel.Cut(direction)}'");
        return One(x => Value.Of(Combine(n, x[0]!.Host(), x[1]!.Host(), x[0]!.Type, null, (a, b) => b is < 0 or > 63 ? 0 : direction == "LEFT" ? a << (int)b : (long)((ulong)a >> (int)b))));
    }

    static Operator Bitwise(Binding n, Func<long, long, long> function) => One(x => Value.Of(Combine(n, x[0]!.Host(), x[1]!.Host(), x[0]!.Type, null, function)));

    /// <summary>As Cast, to the type of another input.</summary>
    static Operator CastLike(Binding n)
    {
        if (n.Opset >= 19) n.Flag("saturate", true);
        if (n.Opset >= 24) n.Text("round_mode", "up");
        return One(x => Converted(n, x[0]!, x[1]!.Type));
    }

    static Value Converted(Binding n, Value x, OnnxType type)
    {
        if (type.SizeOf() == 0) throw n.Unsupported($"it makes elements of type {type}");
        return x.Type == type || (type.IsReal() && x.IsFloat && !x.IsHost) ? x : Value.Of(x.Host().Cast(type));
    }

    /// <summary>
    /// A sum of products over indices, stated like <c>bij,bjk->bik</c>: letters that the result lacks are summed over, a letter twice in
    /// one operand takes its diagonal, <c>...</c> stands for further axes.
    /// </summary>
    static Operator Einsum(Binding n)
    {
        var equation = n.Text("equation", "").Replace(" ", "", StringComparison.Ordinal);
        var sides = equation.Split("->");
        var terms = sides[0].Split(',');
        if (sides.Length > 2 || equation.Any(c => !(char.IsAsciiLetter(c) || c is '.' or ',' or '-' or '>')) || terms.Concat(sides.Skip(1)).Any(term => term.Replace("...", "", StringComparison.Ordinal).Contains('.', StringComparison.Ordinal)))
            throw n.Malformed($"attribute 'equation' is '{OnnxModel.Cut(equation)}'");
        var product = MatMul(n.Inner(2));
        return One(x =>
        {
            if (x.Length != terms.Length) throw n.Malformed($"'{OnnxModel.Cut(equation)}' has {terms.Length} operands, the node {x.Length}");

            // The axes of an ellipsis get letters of their own, counted from the last.
            var most = terms.Select((term, i) => term.Contains('.', StringComparison.Ordinal) ? x[i]!.Shape.Rank - term.Length + 3 : 0).Max();
            if (most is < 0 or > OnnxTensor.MaxRank) throw n.Malformed($"'{OnnxModel.Cut(equation)}' does not fit its operands");
            var dots = string.Concat(Enumerable.Range(0, most).Select(i => (char)(0x100 + i)));
            var labels = terms.Select((term, i) => term.Replace("...", dots[Math.Clamp(most - (x[i]!.Shape.Rank - term.Length + 3), 0, most)..], StringComparison.Ordinal)).ToArray();
            var wanted = sides.Length == 2 ? sides[1].Replace("...", dots, StringComparison.Ordinal)
                : dots + string.Concat(labels.SelectMany(label => label).Where(c => c < 0x100).GroupBy(c => c).Where(group => group.Count() == 1).Select(group => group.Key).Order());
            if (wanted.Distinct().Count() != wanted.Length || wanted.Any(c => !labels.Any(label => label.Contains(c, StringComparison.Ordinal)))) throw n.Malformed($"the result of '{OnnxModel.Cut(equation)}' names an index twice, or one that no operand has");

            var extents = new Dictionary<char, int>();
            for (var i = 0; i < x.Length; i++)
            {
                if (labels[i].Length != x[i]!.Shape.Rank) throw n.Malformed($"operand {i} of '{OnnxModel.Cut(equation)}' is {x[i]!.Shape}");
                for (var axis = 0; axis < labels[i].Length; axis++)
                {
                    var (c, extent) = (labels[i][axis], x[i]!.Shape[axis]);
                    var known = extents.GetValueOrDefault(c, 1);
                    if (extent != known && extent != 1 && known != 1) throw n.Malformed($"operand {i} of '{OnnxModel.Cut(equation)}' has an extent of {extent} where another has {known}");
                    extents[c] = known == 1 ? extent : known;
                }
            }

            n.Checked([.. wanted.Select(c => extents[c])]);
            var (value, letters) = Reduced(x[0]!, labels[0], 1);
            for (var i = 1; i < x.Length; i++)
            {
                var (next, nextLetters) = Reduced(x[i]!, labels[i], i + 1, letters);
                (value, letters) = Joined(value, letters, next, nextLetters, i + 1);
                (value, letters) = Reduced(value, letters, i + 1);
            }

            var order = wanted.Select(c => letters.IndexOf(c, StringComparison.Ordinal)).ToArray();
            var result = Layout.Permute(value.Plain(n.Device), order);
            return x[0]!.IsFloat ? Value.Of(result) : Value.Of(Value.Of(result).Host().Cast(x[0]!.Type));

            // Takes diagonals, and sums over what neither the result nor a later operand has.
            (Value Value, string Letters) Reduced(Value v, string own, int later, string others = "")
            {
                if (!v.IsFloat) v = Value.Of(v.Host().Cast(OnnxType.Float));
                while (own.GroupBy(c => c).FirstOrDefault(group => group.Count() > 1)?.Key is { } twice)
                {
                    int first = own.IndexOf(twice, StringComparison.Ordinal), second = own.IndexOf(twice, first + 1);
                    if (v.Shape[first] != v.Shape[second]) throw n.Malformed($"'{OnnxModel.Cut(equation)}' takes the diagonal of {v.Shape}");
                    v = Diagonal(n, v, first, second);
                    own = own.Remove(second, 1);
                }

                var summed = Enumerable.Range(0, own.Length).Where(i => !wanted.Contains(own[i], StringComparison.Ordinal) && !others.Contains(own[i], StringComparison.Ordinal) && !labels.Skip(later).Any(label => label.Contains(own[i], StringComparison.Ordinal))).ToArray();
                if (summed.Length == 0) return (v, own);
                var kept = new StringBuilder();
                for (var i = 0; i < own.Length; i++) if (!summed.Contains(i)) kept.Append(own[i]);
                return (Value.Of(Functional.Sum(v.Plain(n.Device), summed)), kept.ToString());
            }

            // Indices of both that stay are a batch of matrix products; those of both that go are what is summed over.
            (Value Value, string Letters) Joined(Value a, string left, Value b, string right, int later)
            {
                bool Stays(char c) => wanted.Contains(c, StringComparison.Ordinal) || labels.Skip(later).Any(label => label.Contains(c, StringComparison.Ordinal));
                string batch = string.Concat(left.Where(c => right.Contains(c, StringComparison.Ordinal) && Stays(c))), inner = string.Concat(left.Where(c => right.Contains(c, StringComparison.Ordinal) && !Stays(c)));
                string rows = string.Concat(left.Where(c => !right.Contains(c, StringComparison.Ordinal))), columns = string.Concat(right.Where(c => !left.Contains(c, StringComparison.Ordinal)));
                n.Checked([.. (batch + rows + columns).Select(c => extents[c])]);
                var p = Arranged(a, left, batch, rows, inner);
                var q = Arranged(b, right, batch, inner, columns);
                var y = product([Value.Of(p), Value.Of(q)])[0]!.Plain(n.Device);
                return (Value.Of(Layout.Reshape(y, [.. (batch + rows + columns).Select(c => extents[c])])), batch + rows + columns);
            }

            Tensor Arranged(Value v, string own, string batch, string second, string third)
            {
                var all = batch + second + third;
                var t = Layout.Permute(v.Plain(n.Device), [.. all.Select(c => own.IndexOf(c, StringComparison.Ordinal))]);
                t = Repeat(n, t, [.. all.Select(c => extents[c])]);
                return Layout.Reshape(t, new(Count(batch), Count(second), Count(third)));
            }

            int Count(string letters) => letters.Aggregate(1, (count, c) => checked(count * extents[c]));
        });
    }

    /// <summary>The elements whose places along two axes are the same; the second axis goes.</summary>
    static Value Diagonal(Binding n, Value x, int first, int second)
    {
        var shape = x.Shape;
        int[] kept = [.. Enumerable.Range(0, shape.Rank).Where(axis => axis != second)];
        Shape result = Array.ConvertAll(kept, axis => shape[axis]);
        var indices = new int[result.Count];
        var places = new int[result.Rank];
        for (var i = 0; i < indices.Length; i++)
        {
            var at = 0L;
            for (var j = 0; j < kept.Length; j++) at += places[j] * (HostArray.Stride(shape, kept[j]) + (kept[j] == first ? HostArray.Stride(shape, second) : 0));
            indices[i] = checked((int)at);
            HostArray.Advance(places, result);
        }

        return Gathered(n, x, indices, 1, result);
    }

    /// <summary>softmax(scale Q K' + mask) V for each head (Vaswani et al. 2017); heads of keys and values may serve several of queries.</summary>
    static Operator Attention(Binding n)
    {
        long queryHeads = n.Int("q_num_heads", 0), keyHeads = n.Int("kv_num_heads", 0);
        var causal = n.Flag("is_causal");
        var stated = n.HasAttribute("scale") ? n.Float("scale", 1) : (float?)null;
        var cap = n.Float("softcap", 0);
        n.Int("softmax_precision", 1);
        var shown = n.Int("qk_matmul_output_mode", 0);
        if (n.Has(4) || n.Has(5) || n.Has(6) || n.OutputCount > 1) throw n.Unsupported("it keeps keys and values between calls, or gives out its scores");
        if (shown is < 0 or > 3) throw n.Malformed($"attribute 'qk_matmul_output_mode' is {shown}");
        var product = MatMul(n.Inner(2));
        return One(x =>
        {
            var packed = x[0]!.Shape.Rank == 3;
            Tensor q = Heads(x[0]!, queryHeads), k = Heads(x[1]!, keyHeads), v = Heads(x[2]!, keyHeads);
            if (k.Shape[0] != q.Shape[0] || v.Shape[0] != q.Shape[0] || k.Shape[3] != q.Shape[3] || k.Shape[2] != v.Shape[2] || k.Shape[1] != v.Shape[1] || k.Shape[1] == 0 || q.Shape[1] % k.Shape[1] != 0)
                throw n.Malformed($"queries {q.Shape}, keys {k.Shape} and values {v.Shape} do not fit together");
            (k, v) = (Shared(k, q.Shape[1]), Shared(v, q.Shape[1]));
            var scores = product([Value.Of(q * (stated ?? (float)(1 / Math.Sqrt(q.Shape[3])))), Value.Of(Layout.Permute(k, [0, 1, 3, 2]))])[0]!.Plain(n.Device);
            if (cap != 0) scores = Functional.Tanh(scores * (1 / cap)) * cap;
            Tensor? seen = null;
            if (Given(x, 3) is not null || causal)
            {
                var (bias, rows) = Bias(Given(x, 3), scores.Shape);
                scores = Merged(scores, bias, scores.Shape, Functional.Add);
                seen = rows;
            }

            var shares = Functional.Softmax(scores);
            if (seen is not null) shares = Merged(shares, seen, shares.Shape, Functional.Multiply);
            var y = product([Value.Of(shares), Value.Of(v)])[0]!.Plain(n.Device);
            return Value.Of(packed ? Layout.Reshape(Layout.Permute(y, [0, 2, 1, 3]), new(y.Shape[0], y.Shape[2], checked(y.Shape[1] * y.Shape[3]))) : y);
        });

        // [N, length, heads size] as [N, heads, length, size].
        Tensor Heads(Value x, long heads)
        {
            var t = x.Plain(n.Device);
            if (t.Shape.Rank == 4) return t;
            if (t.Shape.Rank != 3 || heads < 1 || t.Shape[2] % heads != 0) throw n.Malformed($"{heads} heads do not fit {t.Shape}");
            return Layout.Permute(Layout.Reshape(t, new(t.Shape[0], t.Shape[1], (int)heads, t.Shape[2] / (int)heads)), [0, 2, 1, 3]);
        }

        Tensor Shared(Tensor t, int heads)
        {
            if (t.Shape[1] == heads) return t;
            var repeated = Repeat(n, Layout.Reshape(t, new(t.Shape[0] * t.Shape[1], 1, t.Shape[2] * t.Shape[3])), new(t.Shape[0] * t.Shape[1], heads / t.Shape[1], t.Shape[2] * t.Shape[3]));
            return Layout.Reshape(repeated, new(t.Shape[0], heads, t.Shape[2], t.Shape[3]));
        }

        // What is added to the scores: nothing where a key is seen, minus infinity where not. A query that sees no key gets no value:
        // its row counts 0, in the second result.
        (Tensor Bias, Tensor? Seen) Bias(Value? mask, Shape scores)
        {
            int queries = scores[^2], keys = scores[^1];
            var a = mask?.Read() ?? new HostArray(OnnxType.Float, new(queries, keys), new double[checked(queries * keys)]);
            var shape = Together(n, a.Shape, new(queries, keys));
            if (shape.Rank > 4 || shape[^2] != queries || shape[^1] != keys) throw n.Malformed($"a mask {a.Shape} does not fit scores {scores}");
            var expanded = a.Expand(shape);
            var bias = new double[expanded.Count];
            var rows = new double[expanded.Count / Math.Max(1, keys)];
            for (var i = 0; i < bias.Length; i++)
            {
                bias[i] = causal && i % keys > i / keys % queries ? double.NegativeInfinity : expanded.Reals is { } reals ? reals[i] : expanded.Integers![i] != 0 ? 0 : double.NegativeInfinity;
                if (bias[i] > double.NegativeInfinity) rows[i / keys] = 1;
            }

            for (var i = 0; i < bias.Length; i++) if (rows[i / keys] == 0) bias[i] = 0;
            return (Tensor.From(bias, shape, n.Device), Array.Exists(rows, row => row == 0) ? Tensor.From(rows, shape.With(shape.Rank - 1, 1), n.Device) : null);
        }
    }
}
