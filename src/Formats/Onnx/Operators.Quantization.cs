using CnnSharp.Kernels;

namespace CnnSharp.Formats.Onnx;

// Quantized numbers are q = round(x / scale) + zero point: computed here as the floating-point numbers that they stand for.
internal static partial class OnnxOperators
{
    /// <summary>Rounds to whole steps, ties to even, and clips to what the type holds.</summary>
    static Operator QuantizeLinear(Binding n)
    {
        var (stated, block) = QuantizedAxis(n);
        var type = n.Opset >= 21 ? (OnnxType)n.Int("output_dtype", 0) : OnnxType.Undefined;
        if (n.Opset >= 23) n.Int("precision", 0);
        if (n.Opset >= 19) n.Flag("saturate", true);
        return One(x =>
        {
            var zero = x.Length > 2 ? x[2]?.Host() : null;
            var target = zero?.Type ?? (type == OnnxType.Undefined ? OnnxType.UInt8 : type);
            var (least, most) = Bounds(n, target);
            var a = x[0]!.Host();
            var (scales, zeros) = PerElement(n, a.Shape, x[1]!.Host(), zero, stated, block);
            var results = new long[a.Count];
            for (var i = 0; i < results.Length; i++) results[i] = (long)Math.Clamp(Math.Round((float)a.Real(i) / (float)scales(i), MidpointRounding.ToEven) + zeros(i), least, most);
            return Value.Of(new HostArray(target, a.Shape, results));
        });
    }

    /// <summary>(q - zero point) scale.</summary>
    static Operator DequantizeLinear(Binding n)
    {
        var (stated, block) = QuantizedAxis(n);
        var type = n.Opset >= 23 ? (OnnxType)n.Int("output_dtype", 0) : OnnxType.Undefined;
        return One(x =>
        {
            var a = x[0]!.Host();
            var scale = x[1]!.Host();
            var (scales, zeros) = PerElement(n, a.Shape, scale, x.Length > 2 ? x[2]?.Host() : null, stated, block);
            var results = new double[a.Count];
            for (var i = 0; i < results.Length; i++) results[i] = (a.Real(i) - zeros(i)) * scales(i);
            return Value.Of(new HostArray(type.IsReal() ? type : scale.Type.IsReal() ? scale.Type : OnnxType.Float, a.Shape, results));
        });
    }

    static (long Axis, long Block) QuantizedAxis(Binding n) => (n.Opset >= 13 ? n.Int("axis", 1) : 1, n.Opset >= 21 ? n.Int("block_size", 0) : 0);

    /// <summary>The scale and zero point of each element: one for all, one a place along an axis, or one a block of places along it.</summary>
    static (Func<int, double> Scale, Func<int, double> Zero) PerElement(Binding n, Shape shape, HostArray scale, HostArray? zero, long stated, long block)
    {
        if (zero is not null && zero.Count != scale.Count) throw n.Malformed($"{zero.Count} zero points do not fit {scale.Count} scales");
        if (scale.Count == 1)
        {
            var (only, none) = (scale.Real(0), zero?.Real(0) ?? 0);
            return (_ => only, _ => none);
        }

        var axis = n.Axis(stated, shape.Rank);
        long stride = HostArray.Stride(shape, axis), extent = shape[axis];
        if (block > 0)
        {
            var blocks = (extent + block - 1) / block;
            if (scale.Shape.Rank != shape.Rank || scale.Shape.With(axis, 0) != shape.With(axis, 0) || scale.Shape[axis] != blocks) throw n.Malformed($"scales {scale.Shape} do not fit {shape} in blocks of {block} along axis {axis}");
            return (i => scale.Real(At(i)), i => zero?.Real(At(i)) ?? 0);

            long At(int i) => (((i / stride / extent * blocks) + (i / stride % extent / block)) * stride) + (i % stride);
        }

        if (scale.Count != extent) throw n.Malformed($"{scale.Count} scales do not fit the {extent} places along axis {axis} of {shape}");
        return (i => scale.Real(i / stride % extent), i => zero?.Real(i / stride % extent) ?? 0);
    }

    static (double Least, double Most) Bounds(Binding n, OnnxType type) => type switch
    {
        OnnxType.UInt8 => (byte.MinValue, byte.MaxValue),
        OnnxType.Int8 => (sbyte.MinValue, sbyte.MaxValue),
        OnnxType.UInt16 => (ushort.MinValue, ushort.MaxValue),
        OnnxType.Int16 => (short.MinValue, short.MaxValue),
        _ => throw n.Unsupported($"it quantizes to {type}"),
    };

    /// <summary>To unsigned bytes by the range of the input itself, which is widened to hold 0.</summary>
    static Operator DynamicQuantizeLinear(Binding n) => x =>
    {
        var a = x[0]!.Host();
        if (a.Count == 0) throw n.Malformed($"there is nothing to quantize in {a.Shape}");
        double least = 0, most = 0;
        for (var i = 0; i < a.Count; i++) (least, most) = (Math.Min(least, a.Real(i)), Math.Max(most, a.Real(i)));
        var scale = (float)((most - least) / 255);
        var zero = scale == 0 ? 0 : Math.Clamp(Math.Round(-(float)least / scale, MidpointRounding.ToEven), 0, 255);
        var results = new long[a.Count];
        for (var i = 0; i < results.Length; i++) results[i] = (long)Math.Clamp((scale == 0 ? 0 : Math.Round((float)a.Real(i) / scale, MidpointRounding.ToEven)) + zero, 0, 255);
        return [Value.Of(new HostArray(OnnxType.UInt8, a.Shape, results)), Value.Of(new HostArray(OnnxType.Float, default, new double[] { scale })), Value.Of(new HostArray(OnnxType.UInt8, default, new[] { (long)zero }))];
    };

    /// <summary>The product of the integers less their zero points.</summary>
    static Operator MatMulInteger(Binding n)
    {
        var product = MatMul(n.Inner(2));
        return One(x => Whole(product([Shifted(n, x[0]!, Given(x, 2), -2), Shifted(n, x[1]!, Given(x, 3), -1)])[0]!));
    }

    /// <summary>The convolution of the integers less their zero points.</summary>
    static Operator ConvInteger(Binding n)
    {
        var convolution = Conv(n.Inner(2));
        return One(x => Whole(convolution([Shifted(n, x[0]!, Given(x, 2), 0), Shifted(n, x[1]!, Given(x, 3), 0)])[0]!));
    }

    /// <summary>a, its scale and zero point, b, its own, those of the result.</summary>
    static Operator QLinearMatMul(Binding n)
    {
        var product = MatMul(n.Inner(2));
        return One(x =>
        {
            var y = product([Scaled(n, x[0]!, x[1]!, x[2]!, -2), Scaled(n, x[3]!, x[4]!, x[5]!, -1)])[0]!;
            return Quantized(n, y, x[6]!, x[7]!);
        });
    }

    /// <summary>x, its scale and zero point, w, its own, those of the result, and a bias of steps x scale w scale.</summary>
    static Operator QLinearConv(Binding n)
    {
        var convolution = Conv(n.Inner(n.Has(8) ? 3 : 2));
        return One(x =>
        {
            Value image = Scaled(n, x[0]!, x[1]!, x[2]!, 0), weights = Scaled(n, x[3]!, x[4]!, x[5]!, 0);
            Value? bias = null;
            if (Given(x, 8) is { } steps)
            {
                HostArray b = steps.Host(), of = x[4]!.Host();
                var unit = x[1]!.Host().Real(0);
                if (of.Count != 1 && of.Count != b.Count) throw n.Malformed($"{of.Count} scales do not fit a bias {b.Shape}");
                bias = Value.Of(new HostArray(OnnxType.Float, b.Shape, [.. Enumerable.Range(0, b.Count).Select(i => b.Real(i) * unit * of.Real(of.Count == 1 ? 0 : i))]));
            }

            return Quantized(n, convolution(bias is null ? [image, weights] : [image, weights, bias])[0]!, x[6]!, x[7]!);
        });
    }

    static Value? Given(Value?[] x, int input) => input < x.Length ? x[input] : null;

    /// <summary>Integers less their zero point as floats; several stand along an axis.</summary>
    static Value Shifted(Binding n, Value x, Value? zero, int axis) => Scaled(n, x, Value.Of(new HostArray(OnnxType.Float, default, new double[] { 1 })), zero, axis);

    static Value Scaled(Binding n, Value x, Value scale, Value? zero, int axis)
    {
        HostArray a = x.Host(), by = scale.Host();
        var from = zero?.Host();
        var most = Math.Max(by.Count, from?.Count ?? 1);
        var place = most == 1 ? 0 : n.Axis(axis, a.Shape.Rank);
        if (most > 1 && (most != a.Shape[place] || (by.Count != 1 && by.Count != most) || (from is not null && from.Count != 1 && from.Count != most))) throw n.Malformed($"{by.Count} scales and {from?.Count ?? 0} zero points do not fit {a.Shape}");
        var stride = most == 1 ? 1 : HostArray.Stride(a.Shape, place);
        var results = new double[a.Count];
        for (var i = 0; i < results.Length; i++)
        {
            var at = most == 1 ? 0 : i / stride % most;
            results[i] = (a.Real(i) - (from is null ? 0 : from.Real(from.Count == 1 ? 0 : at))) * by.Real(by.Count == 1 ? 0 : at);
        }

        return Value.Of(new HostArray(OnnxType.Float, a.Shape, results));
    }

    static Value Whole(Value x)
    {
        var a = x.Host();
        return Value.Of(new HostArray(OnnxType.Int32, a.Shape, Array.ConvertAll(a.Reals!, value => (long)Math.Round(value))));
    }

    static Value Quantized(Binding n, Value x, Value scale, Value zero)
    {
        HostArray a = x.Host(), by = scale.Host(), from = zero.Host();
        if (by.Count != 1 || from.Count != 1) throw n.Unsupported("its result has more than one scale");
        var (least, most) = Bounds(n, from.Type);
        return Value.Of(new HostArray(from.Type, a.Shape, Array.ConvertAll(a.Reals!, value => (long)Math.Clamp(Math.Round(value / by.Real(0), MidpointRounding.ToEven) + from.Real(0), least, most))));
    }
}
