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
        if (x.Type == type || (type.IsReal() && x.IsFloat && !x.IsHost)) return x;
        if (type.IsReal() && x.Stored is not null) return x.Numbers(n.Device);

        // What becomes a whole number or a truth value has no gradient.
        return Value.Of((type.IsReal() ? x.Host() : x.Read()).Cast(type));
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
}
