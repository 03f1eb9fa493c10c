using CnnSharp.Kernels;

namespace CnnSharp.Formats.Onnx;

internal static partial class OnnxOperators
{
    /// <summary>
    /// softmax(scale Q K' + mask) V for each head (Vaswani et al. 2017). Heads of keys and values may serve several of queries; keys and
    /// values of calls before stand before the new ones, and all are given out for the next.
    /// </summary>
    static Operator Attention(Binding n)
    {
        long queryHeads = n.Int("q_num_heads", 0), keyHeads = n.Int("kv_num_heads", 0);
        var causal = n.Flag("is_causal");
        var stated = n.HasAttribute("scale") ? n.Float("scale", 1) : (float?)null;
        var cap = n.Float("softcap", 0);
        n.Int("softmax_precision", 1);
        var shown = n.Int("qk_matmul_output_mode", 0);
        if (shown is < 0 or > 3) throw n.Malformed($"attribute 'qk_matmul_output_mode' is {shown}");
        long left = n.Opset >= 25 ? n.Int("left_window_size", -1) : -1, right = n.Opset >= 25 ? n.Int("right_window_size", -1) : -1;
        if (n.Has(4) != n.Has(5)) throw n.Malformed("it has keys of calls before without values, or values without keys");
        var product = MatMul(n.Inner(2));
        return x =>
        {
            var packed = x[0]!.Shape.Rank == 3;
            Tensor q = Heads(x[0]!, queryHeads), k = Heads(x[1]!, keyHeads), v = Heads(x[2]!, keyHeads);
            var before = 0;
            if (Given(x, 4) is { } pastKeys && Given(x, 5) is { } pastValues)
            {
                before = pastKeys.Shape.Rank == 4 && pastValues.Shape.Rank == 4 ? pastKeys.Shape[2] : throw n.Malformed($"expected keys and values [N, heads, length, size], got {pastKeys.Shape} and {pastValues.Shape}");
                (k, v) = (Functional.Concat([pastKeys.Plain(n.Device), k], 2), Functional.Concat([pastValues.Plain(n.Device), v], 2));
            }

            if (k.Shape[0] != q.Shape[0] || v.Shape[0] != q.Shape[0] || k.Shape[3] != q.Shape[3] || k.Shape[2] != v.Shape[2] || k.Shape[1] != v.Shape[1] || k.Shape[1] == 0 || q.Shape[1] % k.Shape[1] != 0)
                throw n.Malformed($"queries {q.Shape}, keys {k.Shape} and values {v.Shape} do not fit together");
            var (presentKeys, presentValues) = (k, v);
            (k, v) = (Shared(k, q.Shape[1]), Shared(v, q.Shape[1]));
            var scores = product([Value.Of(q * (stated ?? (float)(1 / Math.Sqrt(q.Shape[3])))), Value.Of(Layout.Permute(k, [0, 1, 3, 2]))])[0]!.Plain(n.Device);
            var asShown = scores;
            if (cap != 0) scores = Functional.Tanh(scores * (1 / cap)) * cap;
            if (shown == 1) asShown = scores;
            Tensor? seen = null;
            if (Given(x, 3) is not null || Given(x, 6) is not null || causal || left >= 0 || right >= 0)
            {
                var (bias, masked, rows) = Bias(Given(x, 3), Given(x, 6), scores.Shape, before);
                if (shown == 2) asShown = Merged(scores, masked, scores.Shape, Functional.Add);
                scores = Merged(scores, bias, scores.Shape, Functional.Add);
                seen = rows;
            }
            else if (shown == 2) asShown = scores;

            var shares = Functional.Softmax(scores);
            if (seen is not null) shares = Merged(shares, seen, shares.Shape, Functional.Multiply);
            if (shown == 3) asShown = shares;
            var y = product([Value.Of(shares), Value.Of(v)])[0]!.Plain(n.Device);
            if (packed) y = Layout.Reshape(Layout.Permute(y, [0, 2, 1, 3]), new(y.Shape[0], y.Shape[2], checked(y.Shape[1] * y.Shape[3])));
            Value?[] results = [Value.Of(y), n.Makes(1) ? Value.Of(presentKeys) : null, n.Makes(2) ? Value.Of(presentValues) : null, n.Makes(3) ? Value.Of(asShown) : null];
            return results[..Math.Clamp(n.OutputCount, 1, results.Length)];
        };

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
            int lines = checked(t.Shape[0] * t.Shape[1]), width = checked(t.Shape[2] * t.Shape[3]);
            return Layout.Reshape(Repeat(n, Layout.Reshape(t, new(lines, 1, width)), new(lines, heads / t.Shape[1], width)), new(t.Shape[0], heads, t.Shape[2], t.Shape[3]));
        }

        // What is added to the scores: nothing where a key is seen, minus infinity where not. A query that sees no key gets no value: its
        // row counts 0, in the last result, and is not masked in the first, whose softmax would be no number.
        (Tensor Bias, Tensor Masked, Tensor? Seen) Bias(Value? mask, Value? lengths, Shape scores, int before)
        {
            int queries = scores[^2], keys = scores[^1];
            var a = mask?.Read() ?? new HostArray(OnnxType.Float, new(queries, keys), new double[checked(queries * keys)]);

            // A mask may end before the keys do: what follows is not seen.
            var given = a.Shape.Rank > 0 ? a.Shape[^1] : throw n.Malformed($"a mask {a.Shape} does not fit scores {scores}");
            var shorter = given != 1 && given < keys;
            var shape = Together(n, shorter ? a.Shape.With(a.Shape.Rank - 1, 1) : a.Shape, new(queries, keys));
            if (lengths is not null) shape = Together(n, shape, new(scores[0], 1, queries, keys));
            if (shape.Rank > 4 || shape[^2] != queries || shape[^1] != keys) throw n.Malformed($"a mask {a.Shape} does not fit scores {scores}");
            var expanded = a.Expand(shorter ? shape.With(shape.Rank - 1, given) : shape);
            var known = lengths?.Integers();
            if (known is not null && known.Length != scores[0]) throw n.Malformed($"{known.Length} lengths do not fit {scores[0]} sequences");
            var (bias, rows) = (new double[shape.Count], new double[shape.Count / Math.Max(1, keys)]);
            for (var i = 0; i < bias.Length; i++)
            {
                int query = i / keys % queries, key = i % keys;
                var length = known?[i / (shape.Count / scores[0])];

                // The place of a query among the keys: those of calls before, or all but its own of a cache, stand before it.
                var place = query + (known is not null && before == 0 ? length!.Value - queries : before);
                var hidden = (causal && key > place) || (left >= 0 && key < place - left) || (right >= 0 && key > place + right) || (shorter && key >= given) || key >= length;
                var from = shorter ? (i / keys * given) + key : i;
                bias[i] = hidden ? double.NegativeInfinity : expanded.Reals is { } reals ? reals[from] : expanded.Integers![from] != 0 ? 0 : double.NegativeInfinity;
                if (bias[i] > double.NegativeInfinity) rows[i / keys] = 1;
            }

            var masked = Tensor.From(bias, shape, n.Device);
            if (Array.TrueForAll(rows, row => row != 0)) return (masked, masked, null);
            for (var i = 0; i < bias.Length; i++) if (rows[i / keys] == 0) bias[i] = 0;
            return (Tensor.From(bias, shape, n.Device), masked, Tensor.From(rows, shape.With(shape.Rank - 1, 1), n.Device));
        }
    }
}
