using CnnSharp.Kernels;

namespace CnnSharp.Formats.Onnx;

/// <summary>
/// What flows along a graph's edges: a tensor of floats on the device, or an array on the host. Images, which ONNX
/// orders [N, C, H, W], stay on the device as [N, H, W, C] from one operator to the next.
/// </summary>
internal sealed class Value
{
    readonly HostArray? host;
    readonly Tensor? tensor;
    readonly bool channelsLast;
    Tensor? uploaded;

    Value(Tensor tensor, bool channelsLast, OnnxType type = OnnxType.Float)
    {
        (this.tensor, this.channelsLast) = (tensor, channelsLast);
        Shape = channelsLast ? Layout.FromChannelsLast(tensor.Shape) : tensor.Shape;
        Type = type;
    }

    Value(HostArray host) => (this.host, Shape, Type) = (host, host.Shape, host.Type);

    /// <summary>The extents in ONNX's order.</summary>
    public Shape Shape { get; }

    /// <summary>The elements' type.</summary>
    public OnnxType Type { get; }

    /// <summary>
    /// Whether the elements are floats, or halves, which become floats on the device. Doubles stay on the host in their own precision
    /// until an operator is computed on the device alone.
    /// </summary>
    public bool IsFloat => Type.IsReal() && Type != OnnxType.Double;

    /// <summary>Whether two operands are computed with on the device: doubles are where the other operand is there already.</summary>
    public static bool AreFloats(Value a, Value b)
        => (a.IsFloat && b.IsFloat) || (a.Type.IsReal() && b.Type.IsReal() && (a.Stored is not null || b.Stored is not null));

    /// <summary>Whether the elements are on the host.</summary>
    public bool IsHost => host is not null;

    /// <summary>Whether the tensor's last axis is ONNX's second.</summary>
    public bool IsChannelsLast => channelsLast;

    /// <summary>The tensor as it is stored, if there is one.</summary>
    public Tensor? Stored => tensor;

    /// <summary>A tensor in ONNX's order.</summary>
    public static Value Of(Tensor tensor) => new(tensor, channelsLast: false);

    /// <summary>A tensor [N, ..., C] that ONNX calls [N, C, ...]; with fewer than three axes there is no difference.</summary>
    public static Value OfChannelsLast(Tensor tensor) => new(tensor, tensor.Shape.Rank > 2);

    /// <summary>An array.</summary>
    public static Value Of(HostArray array) => new(array);

    /// <summary>Truth values on the device: floats that are 0 or 1.</summary>
    public static Value OfMask(Value numbers) => new(numbers.tensor!, numbers.channelsLast, OnnxType.Bool);

    /// <summary>Truth values or integers as floats on a device.</summary>
    public Value Numbers(Device device)
    {
        if (tensor is not null) return new(tensor, channelsLast);
        return Of(uploaded ??= host!.Reals is { } reals ? Tensor.From(reals, Shape, device) : Tensor.From(Array.ConvertAll(host.Integers!, value => (float)value), Shape, device));
    }

    /// <summary>The elements on a device, in ONNX's order.</summary>
    public Tensor Plain(Device device)
    {
        var stored = OnDevice(device);
        return channelsLast ? Layout.ToChannelsFirst(stored) : stored;
    }

    /// <summary>The elements on a device, the second axis last.</summary>
    public Tensor ChannelsLast(Device device)
    {
        var stored = OnDevice(device);
        return channelsLast ? stored : Layout.ToChannelsLast(stored);
    }

    /// <summary>The elements on the host, in ONNX's order. No gradient flows through.</summary>
    /// <exception cref="NotSupportedException">A gradient would have to.</exception>
    public HostArray Host()
    {
        if (Tape.IsRecording && tensor is { WantsGradient: true } && IsFloat) throw new NotSupportedException("it is computed here without a gradient: run it for inference (Tape.NoGrad), or freeze what comes before it");
        return Read();
    }

    /// <summary>As <see cref="Host"/>, for what has no gradient: a comparison, a place, a whole number.</summary>
    public HostArray Read()
    {
        if (host is not null) return host;
        using (Tape.NoGrad())
        {
            var elements = Plain(tensor!.Device).ToArray<double>();
            return Type == OnnxType.Bool ? new(Type, Shape, Array.ConvertAll(elements, value => value == 0 ? 0L : 1L)) : new(Type, Shape, elements);
        }
    }

    /// <summary>The elements as integers.</summary>
    public long[] Integers() => Host().Integers ?? throw new FormatException($"expected integers, got {Type} {Shape}");

    Tensor OnDevice(Device device)
    {
        if (tensor is not null) return tensor;
        if (!Type.IsReal()) throw new NotSupportedException($"it is computed here on floating-point numbers alone, not on {Type}");
        return uploaded ??= Tensor.From(host!.Reals!, Shape, device);
    }
}

/// <summary>Orders of axes.</summary>
internal static class Layout
{
    /// <summary>[N, ..., C] as ONNX says it: [N, C, ...].</summary>
    public static Shape FromChannelsLast(Shape shape)
    {
        var extents = shape.AsSpan();
        return new([extents[0], extents[^1], .. extents[1..^1]]);
    }

    /// <summary>[N, C, ...] as it is stored: [N, ..., C].</summary>
    public static Shape ToChannelsLastShape(Shape shape)
    {
        var extents = shape.AsSpan();
        return new([extents[0], .. extents[2..], extents[1]]);
    }

    /// <summary>[N, C, ...] to [N, ..., C]; fewer than three axes stay as they are.</summary>
    public static Tensor ToChannelsLast(Tensor x) => x.Shape.Rank < 3 ? x : Permute(x, [0, .. Enumerable.Range(2, x.Shape.Rank - 2), 1]);

    /// <summary>[N, ..., C] to [N, C, ...].</summary>
    public static Tensor ToChannelsFirst(Tensor x) => x.Shape.Rank < 3 ? x : Permute(x, [0, x.Shape.Rank - 1, .. Enumerable.Range(1, x.Shape.Rank - 2)]);

    /// <summary>The same elements under another shape.</summary>
    public static Tensor Reshape(Tensor x, Shape shape) => x.Shape == shape ? x : Functional.Reshape(x, shape);

    /// <summary>The axes of a tensor of any rank in another order: result axis i is axis <paramref name="order"/>[i].</summary>
    public static Tensor Permute(Tensor x, int[] order)
    {
        Shape result = Array.ConvertAll(order, axis => x.Shape[axis]);

        // Axes that stay neighbors move as one; those of extent 1 need not move at all.
        var groups = new List<(int First, int Last, int Extent)>();
        var source = Enumerable.Range(0, order.Length).Where(axis => x.Shape[axis] != 1).ToList();
        foreach (var axis in order.Where(axis => x.Shape[axis] != 1))
        {
            var place = source.IndexOf(axis);
            if (groups.Count > 0 && groups[^1].Last + 1 == place) groups[^1] = (groups[^1].First, place, checked(groups[^1].Extent * x.Shape[axis]));
            else groups.Add((place, place, x.Shape[axis]));
        }

        if (groups.Count < 2) return Reshape(x, result);
        var sorted = groups.OrderBy(group => group.First).ToList();
        var moves = groups.ConvertAll(group => sorted.IndexOf(group));
        x = Reshape(x, sorted.Select(group => group.Extent).ToArray());
        if (moves.Count <= 4) return Reshape(Functional.Permute(x, moves.ToArray()), result);

        // More axes than the primitive takes: one at a time to its place, [before, between, axis, after].
        var current = Enumerable.Range(0, moves.Count).ToList();
        for (var i = 0; i < moves.Count; i++)
        {
            var from = current.IndexOf(moves[i]);
            if (from == i) continue;
            x = Functional.Permute(Reshape(x, new([Product(0, i), Product(i, from), sorted[current[from]].Extent, Product(from + 1, current.Count)])), 0, 2, 1, 3);
            current.RemoveAt(from);
            current.Insert(i, moves[i]);
        }

        return Reshape(x, result);

        int Product(int start, int end) => current[start..end].Aggregate(1, (product, group) => checked(product * sorted[group].Extent));
    }
}
