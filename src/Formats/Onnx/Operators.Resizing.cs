using CnnSharp.Kernels;

namespace CnnSharp.Formats.Onnx;

internal static partial class OnnxOperators
{
    /// <summary>Images enlarged by factors, which are an attribute before version 9: Resize by asymmetric coordinates, rounded down.</summary>
    static Operator Upsample(Binding n)
    {
        if (n.Opset < 7) throw n.Unsupported("it is written in the way of versions before 7");
        var stated = n.Opset < 9 ? Array.ConvertAll(n.Floats("scales") ?? throw n.Malformed("attribute 'scales' is missing"), factor => (double)factor) : null;
        var resampling = Resampling.Legacy(n);
        return One(x => Resized(n, x[0]!, resampling, stated ?? x[1]!.Host().Reals ?? throw n.Malformed("its scales are not floats"), null, null, null));
    }

    /// <summary>Each axis by itself: a result's place lies somewhere on the input's axis and is made of the elements around it.</summary>
    static Operator Resize(Binding n)
    {
        if (n.Opset < 11)
        {
            var legacy = Resampling.Legacy(n);
            return One(x => Resized(n, x[0]!, legacy, x[1]!.Host().Reals ?? throw n.Malformed("its scales are not floats"), null, null, null));
        }

        var resampling = new Resampling(n.Text("mode", "nearest"), n.Text("coordinate_transformation_mode", "half_pixel"), n.Text("nearest_mode", "round_prefer_floor"))
        {
            CubicA = n.Float("cubic_coeff_a", -0.75f),
            ExcludeOutside = n.Flag("exclude_outside"),
            Extrapolation = n.Float("extrapolation_value", 0),
            Antialias = n.Opset >= 18 && n.Flag("antialias"),
            Policy = n.Opset >= 18 ? n.Text("keep_aspect_ratio_policy", "stretch") : "stretch",
        };
        resampling.Check(n);
        var stated = n.Opset >= 18 ? n.Ints("axes") : null;
        return One(x => Resized(n, x[0]!, resampling, Given(x, 2)?.Reals, Given(x, 3)?.Integers, Given(x, 1)?.Reals, stated));

        static HostArray? Given(Value?[] x, int input) => input < x.Length && x[input] is { Shape.Count: > 0 } value ? value.Host() : null;
    }

    /// <param name="n">The node.</param>
    /// <param name="x">What is resized.</param>
    /// <param name="resampling">How.</param>
    /// <param name="scales">The factors of the axes, or null.</param>
    /// <param name="sizes">The extents of the result, or null.</param>
    /// <param name="roi">The starts and then the ends of the part that is read, as shares of the axes; null for all.</param>
    /// <param name="stated">Which axes those are of; null for all.</param>
    static Value Resized(Binding n, Value x, Resampling resampling, double[]? scales, long[]? sizes, double[]? roi, long[]? stated)
    {
        var rank = x.Shape.Rank;
        var axes = stated is null ? [.. Enumerable.Range(0, rank)] : Array.ConvertAll(stated, axis => n.Axis(axis, rank));
        if (axes.Distinct().Count() != axes.Length) throw n.Malformed($"it names an axis of [{string.Join(", ", axes)}] twice");
        if ((scales?.Length ?? sizes?.Length ?? throw n.Malformed("it has neither scales nor sizes")) != axes.Length) throw n.Malformed($"expected {axes.Length} scales or sizes for {x.Shape}, got {scales?.Length ?? sizes!.Length}");
        if (resampling.Coordinates == "tf_crop_and_resize" && roi?.Length != 2 * axes.Length) throw n.Malformed($"expected a region of {2 * axes.Length} numbers, got {roi?.Length ?? 0}");
        if (x.Shape.Count == 0) throw n.Malformed($"there is nothing to resize in {x.Shape}");
        if (scales is null)
        {
            // The extents that are asked for may be a frame that the result is to fit into, or to fill.
            scales = [.. axes.Select((axis, i) => sizes![i] / (double)x.Shape[axis])];
            if (resampling.Policy != "stretch" && scales.Length > 0)
            {
                var scale = resampling.Policy == "not_larger" ? scales.Min() : scales.Max();
                sizes = [.. axes.Select(axis => (long)Math.Floor((scale * x.Shape[axis]) + 0.5))];
                Array.Fill(scales, scale);
            }
        }

        var extents = Array.ConvertAll(x.Shape.ToArray(), extent => (long)extent);
        for (var i = 0; i < axes.Length; i++)
        {
            if (!(scales[i] > 0 && scales[i] <= int.MaxValue)) throw n.Malformed($"a scale is {scales[i]}");
            extents[axes[i]] = sizes?[i] ?? (long)Math.Floor(extents[axes[i]] * scales[i]);
        }

        var result = n.Checked(extents);
        if (result.Count == 0) throw n.Malformed($"its result would be {result}");
        if (!x.IsFloat) return Value.Of(Resized(n, Value.Of(x.Host().Cast(OnnxType.Float)), resampling, scales, sizes, roi, stated).Host().Cast(x.Type));
        if (Upsampled(x, resampling, axes, scales, result) is { } whole) return whole;

        var y = x;
        var outside = new double[]?[rank];
        for (var i = 0; i < axes.Length; i++)
        {
            var axis = axes[i];
            var (start, end) = resampling.Coordinates == "tf_crop_and_resize" ? (roi![i], roi[i + axes.Length]) : (0, 1);
            if (scales[i] == 1 && result[axis] == x.Shape[axis] && start == 0 && end == 1) continue;
            n.Checked([result[axis], resampling.Taps(scales[i]), EntrySize]);
            var matrix = resampling.Along(x.Shape[axis], result[axis], scales[i], start, end, out outside[axis]);
            y = OnAxis(n, y, axis, (t, place) => Applied(matrix, t, place));
        }

        // Where any axis lies outside of the image there is no sum, and the value for outside takes its place.
        if (resampling.Extrapolation != 0 && outside.Any(places => places is not null)) y = Binary(n, y, Value.Of(Outside(result, outside, resampling.Extrapolation)), Functional.Add);
        return y;
    }

    /// <summary>The value wherever a place along some axis is outside, else 0.</summary>
    static HostArray Outside(Shape shape, double[]?[] outside, double value)
    {
        Shape extents = [.. shape.ToArray().Select((extent, axis) => outside[axis] is null ? 1 : extent)];
        var values = new double[extents.Count];
        var places = new int[extents.Rank];
        for (var i = 0; i < values.Length; i++)
        {
            for (var axis = 0; axis < places.Length; axis++)
            {
                if (outside[axis] is { } marked && marked[places[axis]] != 0) values[i] = value;
            }

            HostArray.Advance(places, extents);
        }

        return new(OnnxType.Float, extents, values);
    }

    /// <summary>Images that are enlarged by whole factors in the two ways that have an operation of their own; null for all others.</summary>
    static Value? Upsampled(Value x, Resampling how, int[] axes, double[] scales, Shape result)
    {
        if (x.Shape.Rank != 4 || result[0] != x.Shape[0] || result[1] != x.Shape[1] || x.Stored is not { } stored) return null;
        for (var i = 0; i < axes.Length; i++)
        {
            if (scales[i] < 1 || scales[i] != Math.Floor(scales[i]) || result[axes[i]] != scales[i] * x.Shape[axes[i]]) return null;
        }

        // Enlarging by a whole factor, the nearest place at half pixels is the same whichever way ties go: there are none.
        var halfPixel = how.Coordinates is "half_pixel" or "half_pixel_symmetric" || (how.Coordinates == "pytorch_half_pixel" && result[2] > 1 && result[3] > 1);
        var nearest = how.Mode == "nearest" && ((halfPixel && how.Rounding.StartsWith("round_", StringComparison.Ordinal)) || (how.Coordinates == "asymmetric" && how.Rounding == "floor"));
        var linear = how.Mode == "linear" && !how.ExcludeOutside && (halfPixel || how.Coordinates == "align_corners");
        if (!nearest && !linear) return null;
        var t = x.ChannelsLast(stored.Device);
        var factors = new Size2d(result[2] / x.Shape[2], result[3] / x.Shape[3]);
        return Value.OfChannelsLast(nearest ? Functional.UpsampleNearest2d(t, factors) : Functional.UpsampleBilinear2d(t, factors, how.Coordinates == "align_corners"));
    }

    /// <summary>A matrix along an axis. Where no gradient is wanted, its memory on the device is given back at once.</summary>
    static Tensor Applied(SparseMatrix matrix, Tensor x, int axis)
    {
        var y = Functional.SparseMatMul(matrix, x, axis);
        if (!y.WantsGradient) matrix.Dispose();
        return y;
    }
}

/// <summary>How Resize finds an element of its result (https://onnx.ai/onnx/operators/onnx__Resize.html).</summary>
/// <param name="Mode">nearest, linear or cubic.</param>
/// <param name="Coordinates">Where on the input a place of the result lies.</param>
/// <param name="Rounding">Of nearest: which way.</param>
internal sealed record Resampling(string Mode, string Coordinates, string Rounding)
{
    /// <summary>The parameter a of the cubic kernel (Keys 1981).</summary>
    public double CubicA { get; init; } = -0.75;

    /// <summary>Whether elements outside of the input count nothing, instead of like the edge.</summary>
    public bool ExcludeOutside { get; init; }

    /// <summary>What stands outside of a region that is cropped.</summary>
    public double Extrapolation { get; init; }

    /// <summary>Whether kernels are widened where the result is smaller.</summary>
    public bool Antialias { get; init; }

    /// <summary>What sizes mean: stretch, not_larger or not_smaller.</summary>
    public string Policy { get; init; } = "stretch";

    /// <summary>What Upsample, and Resize before version 11, do.</summary>
    public static Resampling Legacy(Binding n)
    {
        var mode = n.Text("mode", "nearest");
        var resampling = new Resampling(mode == "bilinear" ? "linear" : mode, "asymmetric", "floor");
        resampling.Check(n);
        return resampling;
    }

    public void Check(Binding n)
    {
        if (Mode is not ("nearest" or "linear" or "cubic")) throw n.Malformed($"attribute 'mode' is '{OnnxModel.Cut(Mode)}'");
        if (Coordinates is not ("half_pixel" or "half_pixel_symmetric" or "pytorch_half_pixel" or "align_corners" or "asymmetric" or "tf_crop_and_resize" or "tf_half_pixel_for_nn"))
            throw n.Malformed($"attribute 'coordinate_transformation_mode' is '{OnnxModel.Cut(Coordinates)}'");
        if (Rounding is not ("round_prefer_floor" or "round_prefer_ceil" or "floor" or "ceil")) throw n.Malformed($"attribute 'nearest_mode' is '{OnnxModel.Cut(Rounding)}'");
        if (Policy is not ("stretch" or "not_larger" or "not_smaller")) throw n.Malformed($"attribute 'keep_aspect_ratio_policy' is '{OnnxModel.Cut(Policy)}'");
        if (Antialias && Mode == "nearest") throw n.Unsupported("it smooths the nearest (antialias)");
    }

    /// <summary>How many elements a place is made of.</summary>
    public long Taps(double scale)
    {
        var width = Mode switch { "nearest" => 1, "linear" => 2, _ => 4 };
        return Antialias && scale < 1 ? (long)Math.Ceiling(Math.Min(width / scale, 1e15)) + 2 : width;
    }

    /// <summary>The matrix from an axis to the resized one.</summary>
    /// <param name="size">Of the input.</param>
    /// <param name="outSize">Of the result.</param>
    /// <param name="scale">The factor between them; the result's may be rounded.</param>
    /// <param name="start">Of the region, as a share of the axis.</param>
    /// <param name="end">Of the region.</param>
    /// <param name="outside">1 for places outside of the input, whose rows are empty; null where there are none.</param>
    public SparseMatrix Along(int size, int outSize, double scale, double start, double end, out double[]? outside)
    {
        outside = null;
        var offsets = new int[outSize + 1];
        List<int> columns = [];
        List<double> values = [];
        for (var i = 0; i < outSize; i++)
        {
            var position = Position(i, size, outSize, scale, start, end);
            if (Coordinates == "tf_crop_and_resize" && !(position >= 0 && position <= size - 1)) (outside ??= new double[outSize])[i] = 1;
            else Add(position, size, scale, columns, values, offsets[i]);
            offsets[i + 1] = values.Count;
        }

        return new(size, offsets, [.. columns], [.. values]);
    }

    double Position(int i, int size, int outSize, double scale, double start, double end)
    {
        // By the exact extent, of which the result's is the whole part.
        var length = scale * size;
        return Coordinates switch
        {
            "align_corners" => length == 1 || outSize == 1 ? 0 : i * (size - 1.0) / (length - 1),
            "asymmetric" => i / scale,
            "tf_half_pixel_for_nn" => (i + 0.5) / scale,
            "tf_crop_and_resize" => (start * (size - 1)) + (outSize > 1 ? i * (end - start) * (size - 1) / (length - 1) : (end - start) * (size - 1) / 2),
            "pytorch_half_pixel" when outSize == 1 => -0.5,
            "half_pixel_symmetric" => (size / 2.0 * (1 - (outSize / length))) + ((i + 0.5) / scale) - 0.5,
            _ => ((i + 0.5) / scale) - 0.5,
        };
    }

    void Add(double position, int size, double scale, List<int> columns, List<double> values, int first)
    {
        if (Mode == "nearest")
        {
            var place = Rounding switch
            {
                "floor" => Math.Floor(position),
                "ceil" => Math.Ceiling(position),
                "round_prefer_ceil" => Math.Floor(position + 0.5),
                _ => Math.Ceiling(position - 0.5),
            };
            columns.Add((int)Math.Clamp(place, 0, size - 1));
            values.Add(1);
            return;
        }

        // The kernel is as wide as the steps between places are, so that no element is left out.
        var stretch = Antialias ? Math.Min(scale, 1) : 1;
        var reach = (Mode == "linear" ? 1 : 2) / stretch;
        var sum = 0.0;
        for (var at = Math.Floor(position - reach) + 1; at < position + reach; at++)
        {
            var weight = Kernel(Math.Abs(at - position) * stretch);
            if (weight == 0 || (ExcludeOutside && (at < 0 || at > size - 1))) continue;
            sum += weight;
            var column = (int)Math.Clamp(at, 0, size - 1);
            if (values.Count > first && columns[^1] == column)
            {
                values[^1] += weight;
                continue;
            }

            columns.Add(column);
            values.Add(weight);
        }

        if ((!Antialias && !ExcludeOutside) || sum == 0) return;
        for (var e = first; e < values.Count; e++) values[e] /= sum;
    }

    /// <summary>The share of an element at a distance.</summary>
    public double Kernel(double distance)
    {
        if (Mode == "linear") return Math.Max(0, 1 - distance);
        return distance <= 1 ? ((((CubicA + 2) * distance) - (CubicA + 3)) * distance * distance) + 1
            : distance < 2 ? (((((CubicA * distance) - (5 * CubicA)) * distance) + (8 * CubicA)) * distance) - (4 * CubicA)
            : 0;
    }
}
