using CnnSharp.Kernels;

namespace CnnSharp.Formats.Onnx;

internal static partial class OnnxOperators
{
    /// <summary>Pictures enlarged by factors, which are an attribute before version 9.</summary>
    static Operator Upsample(Binding n)
    {
        var mode = n.Text("mode", "nearest");
        var factors = n.Opset < 9 ? n.Floats("scales") : null;
        return One(x => Enlarged(n, x[0]!, mode, alignCorners: false, halfPixel: false, factors is not null ? Array.ConvertAll(factors, factor => (double)factor) : x[1]!.Host().Reals ?? throw n.Malformed("its scales are not floats")));
    }

    /// <summary>Pictures enlarged by whole factors; what else the operator can do is not computed here.</summary>
    static Operator Resize(Binding n)
    {
        var mode = n.Text("mode", "nearest");
        if (n.Opset < 11) return One(x => Enlarged(n, x[0]!, mode, alignCorners: false, halfPixel: false, x[1]!.Host().Reals ?? throw n.Malformed("its scales are not floats")));
        var coordinates = n.Text("coordinate_transformation_mode", "half_pixel");
        var rounding = n.Text("nearest_mode", "round_prefer_floor");
        _ = (n.Float("cubic_coeff_a", -0.75f), n.Flag("exclude_outside"), n.Float("extrapolation_value", 0));
        if (n.Opset >= 18) _ = (n.Flag("antialias"), n.Text("keep_aspect_ratio_policy", "stretch"));

        // Enlarging by a whole factor, the nearest place at half pixels is the same whichever way ties go: there are none.
        var isPlain = mode == "nearest" ? (coordinates is "half_pixel" or "pytorch_half_pixel" && rounding.StartsWith("round_", StringComparison.Ordinal)) || (coordinates == "asymmetric" && rounding == "floor") : coordinates is "half_pixel" or "pytorch_half_pixel" or "align_corners";
        return One(x =>
        {
            if (!isPlain) throw n.Unsupported($"it resizes by '{OnnxModel.Cut(mode)}' with coordinates '{OnnxModel.Cut(coordinates)}', nearest '{OnnxModel.Cut(rounding)}'");
            var shape = x[0]!.Shape;
            var factors = x.Length > 2 && x[2] is { Shape.Count: > 0 } scales ? scales.Host().Reals
                : x.Length > 3 && x[3] is { } sizes && sizes.Shape.Count == shape.Rank ? [.. sizes.Integers().Select((size, axis) => size / (double)shape[axis])]
                : null;
            return Enlarged(n, x[0]!, mode, coordinates == "align_corners", halfPixel: true, factors ?? throw n.Malformed("it has neither scales nor sizes"));
        });
    }

    static Value Enlarged(Binding n, Value x, string mode, bool alignCorners, bool halfPixel, double[] factors)
    {
        if (factors.Length != x.Shape.Rank) throw n.Malformed($"it has {factors.Length} factors for {x.Shape}");
        var isWhole = Array.TrueForAll(factors, factor => factor is >= 1 and < 1 << 20 && factor == Math.Floor(factor));
        if (!isWhole || x.Shape.Rank != 4 || factors[0] != 1 || factors[1] != 1) throw n.Unsupported($"it resizes {x.Shape} by the factors [{string.Join(", ", factors)}]; pictures are enlarged by whole factors");
        if (mode is not ("nearest" or "linear") || (mode == "linear" && !halfPixel)) throw n.Unsupported($"it enlarges by '{OnnxModel.Cut(mode)}'");
        var (rows, columns) = ((int)factors[2], (int)factors[3]);
        n.Checked([x.Shape[0], x.Shape[1], (long)x.Shape[2] * rows, (long)x.Shape[3] * columns]);
        var t = x.ChannelsLast(n.Device);
        return Value.OfChannelsLast(mode == "nearest" ? Functional.UpsampleNearest2d(t, (rows, columns)) : Functional.UpsampleBilinear2d(t, (rows, columns), alignCorners));
    }
}
