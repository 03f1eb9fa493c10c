namespace CnnSharp.Formats;

/// <summary>How the elements of a weight lie in PyTorch's form of it.</summary>
enum TorchForm
{
    /// <summary>As they do here, but for the order of the last axis.</summary>
    Same,

    /// <summary>[kh, kw, in / groups, out] here, [out, in / groups, kh, kw] there.</summary>
    Convolution,

    /// <summary>[kh, kw, in / groups, out] here, [in, out / groups, kh, kw] there.</summary>
    TransposedConvolution,

    /// <summary>[in, out] here, [out, in] there.</summary>
    Matrix,

    /// <summary>[in, out] here and there: a matrix that belongs to no linear layer. A file may have it transposed all the same.</summary>
    PlainMatrix,

    /// <summary>[..., H, W, C] here, [..., C, H, W] there: a weight for each place of an image.</summary>
    Image,
}

/// <summary>How a weight's elements are rearranged between this library and PyTorch.</summary>
/// <param name="Form">Which axes change places.</param>
/// <param name="Groups">Of convolutions.</param>
/// <param name="Inputs">Of matrices, the place there of each input here; null where they are the same.</param>
/// <param name="Outputs">The place there of each output here, or of each element of the last axis; null where they are the same.</param>
sealed record TorchLayout(TorchForm Form, int Groups = 1, int[]? Inputs = null, int[]? Outputs = null)
{
    public static readonly TorchLayout Plain = new(TorchForm.Same);

    /// <summary>Why the layout is not certain, as a clause; null if it is.</summary>
    public string? Doubt { get; init; }

    /// <summary>The shape there.</summary>
    public long[] ShapeOf(Shape ours) => Form switch
    {
        TorchForm.Convolution => [ours[3], ours[2], ours[0], ours[1]],
        TorchForm.TransposedConvolution => [(long)ours[2] * Groups, ours[3] / Groups, ours[0], ours[1]],
        TorchForm.Matrix => [ours[1], ours[0]],
        TorchForm.Image when ours.Rank == 3 => [ours[2], ours[0], ours[1]],
        TorchForm.Image => [ours[0], ours[3], ours[1], ours[2]],
        _ => Array.ConvertAll(ours.ToArray(), extent => (long)extent),
    };

    /// <summary>Whether every element keeps its place.</summary>
    public bool KeepsOrder(Shape ours)
    {
        if (Inputs is not null || Outputs is not null) return false;
        return Form switch
        {
            TorchForm.Convolution or TorchForm.TransposedConvolution => ours[0] * ours[1] * Math.Min(ours[2], ours[3]) == 1 || (ours[2] == 1 && ours[3] == 1),
            TorchForm.Matrix => ours[0] == 1 || ours[1] == 1,
            TorchForm.Image => ours[^1] == 1 || ours[^2] * ours[^3] == 1,
            _ => true,
        };
    }

    /// <summary>Elements in PyTorch's order, in this library's.</summary>
    public T[] FromTorch<T>(Shape ours, T[] theirs)
    {
        var result = new T[theirs.Length];
        Walk(ours, (there, here) => result[here] = theirs[there]);
        return result;
    }

    /// <summary>Elements in this library's order, in PyTorch's.</summary>
    public T[] ToTorch<T>(Shape ours, T[] here)
    {
        var result = new T[here.Length];
        Walk(ours, (there, at) => result[there] = here[at]);
        return result;
    }

    public bool Equals(TorchLayout? other)
        => other is not null && Form == other.Form && Groups == other.Groups && SameOrder(Inputs, other.Inputs) && SameOrder(Outputs, other.Outputs);

    public override int GetHashCode() => HashCode.Combine(Form, Groups);

    internal static bool SameOrder(int[]? a, int[]? b) => a is null || b is null ? a == b : a.AsSpan().SequenceEqual(b);

    /// <summary>Each element's place there, counted through, and here.</summary>
    void Walk(Shape ours, Action<int, int> element)
    {
        var (inputs, outputs) = (Inverse(Inputs), Inverse(Outputs));
        var next = 0;
        switch (Form)
        {
            case TorchForm.Convolution:
            {
                var (area, c, k) = (ours[0] * ours[1], ours[2], ours[3]);
                for (var o = 0; o < k; o++)
                {
                    for (var i = 0; i < c; i++)
                    {
                        for (var tap = 0; tap < area; tap++) element(next++, (((tap * c) + i) * k) + o);
                    }
                }

                break;
            }

            case TorchForm.TransposedConvolution:
            {
                // Input i is input i % c of group i / c, which has the outputs from there on.
                var (area, c, k, m) = (ours[0] * ours[1], ours[2], ours[3], ours[3] / Groups);
                for (var i = 0; i < c * Groups; i++)
                {
                    for (var o = 0; o < m; o++)
                    {
                        for (var tap = 0; tap < area; tap++) element(next++, (((tap * c) + (i % c)) * k) + (i / c * m) + o);
                    }
                }

                break;
            }

            case TorchForm.Matrix:
                for (var o = 0; o < ours[1]; o++)
                {
                    for (var i = 0; i < ours[0]; i++) element(next++, (At(inputs, i) * ours[1]) + At(outputs, o));
                }

                break;

            case TorchForm.PlainMatrix:
                for (var i = 0; i < ours[0]; i++)
                {
                    for (var o = 0; o < ours[1]; o++) element(next++, (At(inputs, i) * ours[1]) + At(outputs, o));
                }

                break;

            case TorchForm.Image:
            {
                var (outer, area, c) = (ours.Rank == 4 ? ours[0] : 1, ours[^3] * ours[^2], ours[^1]);
                for (var n = 0; n < outer; n++)
                {
                    for (var channel = 0; channel < c; channel++)
                    {
                        for (var pixel = 0; pixel < area; pixel++) element(next++, (((n * area) + pixel) * c) + channel);
                    }
                }

                break;
            }

            default:
                var last = ours.Rank == 0 ? 1 : ours[^1];
                var count = (int)ours.Count;
                for (var row = 0; row < count; row += last)
                {
                    for (var i = 0; i < last; i++) element(next++, row + At(outputs, i));
                }

                break;
        }

        static int At(int[]? order, int i) => order is null ? i : order[i];
    }

    /// <summary>Of the place there of each element here, the place here of each element there.</summary>
    static int[]? Inverse(int[]? order)
    {
        if (order is null) return null;
        var inverse = new int[order.Length];
        for (var i = 0; i < order.Length; i++) inverse[order[i]] = i;
        return inverse;
    }
}
