using CnnSharp.Kernels;

namespace CnnSharp.Formats.Onnx;

/// <summary>The windows of a convolution or pooling, as a node's attributes state them.</summary>
/// <param name="Kernel">Extents, or null where the weights say.</param>
/// <param name="Strides">Between windows, or null for 1.</param>
/// <param name="Dilations">Between a window's elements, or null for 1.</param>
/// <param name="Pads">Before each axis, then after each; or null.</param>
/// <param name="AutoPad">NOTSET, VALID, SAME_UPPER or SAME_LOWER.</param>
internal sealed record Windows(int[]? Kernel, int[]? Strides, int[]? Dilations, long[]? Pads, string AutoPad)
{
    public static Windows Read(Binding n)
    {
        var windows = new Windows(n.Sizes("kernel_shape"), n.Sizes("strides"), n.Sizes("dilations"), n.Ints("pads"), n.Text("auto_pad", "NOTSET"));
        if (windows.AutoPad is not ("NOTSET" or "VALID" or "SAME_UPPER" or "SAME_LOWER")) throw n.Malformed($"attribute 'auto_pad' is '{OnnxModel.Cut(windows.AutoPad)}'");
        if (windows.Pads is { } pads && Array.Exists(pads, pad => pad is < 0 or > Farthest)) throw n.Malformed($"attribute 'pads' is [{string.Join(", ", pads)}]");
        return windows;
    }

    /// <summary>The window along one of the image's axes.</summary>
    /// <param name="n">The node.</param>
    /// <param name="axis">Which, counted from 0.</param>
    /// <param name="axes">How many there are.</param>
    /// <param name="size">The image's extent along it.</param>
    /// <param name="kernel">The weights' extent along it.</param>
    public Window Along(Binding n, int axis, int axes, int size, int kernel)
    {
        if ((Kernel ?? Strides ?? Dilations)?.Length is { } length && length != axes || Strides is { } s && s.Length != axes || Dilations is { } d && d.Length != axes || Pads is { } p && p.Length != 2 * axes)
            throw n.Malformed($"its attributes are not for images of {axes} axes");
        if (Kernel is { } stated && stated[axis] != kernel) throw n.Malformed($"attribute 'kernel_shape' is [{string.Join(", ", stated)}], the weights have {kernel}");
        var window = new Window(kernel, Strides?[axis] ?? 1, Dilations?[axis] ?? 1, 0, 0);
        if (window.Span > Farthest || window.Stride > Farthest) throw n.Malformed($"its windows reach over {window.Span:N0} places and are {window.Stride:N0} apart");
        if (AutoPad == "VALID") return window;
        if (AutoPad == "NOTSET") return window with { Before = (int)(Pads?[axis] ?? 0), After = (int)(Pads?[axis + axes] ?? 0) };
        var outputs = (size + window.Stride - 1L) / window.Stride;
        var total = (int)Math.Clamp(((outputs - 1) * window.Stride) + window.Span - size, 0, Farthest);
        var less = total / 2;
        return AutoPad == "SAME_UPPER" ? window with { Before = less, After = total - less } : window with { Before = total - less, After = less };
    }

    /// <summary>How far a window may reach: sums of a few such numbers still are 32-bit integers.</summary>
    const int Farthest = 1 << 28;
}

/// <summary>A window along one axis.</summary>
internal readonly record struct Window(int Kernel, int Stride, int Dilation, int Before, int After)
{
    /// <summary>For an axis that is not there.</summary>
    public static Window Point { get; } = new(1, 1, 1, 0, 0);

    /// <summary>From the window's first element to its last.</summary>
    public long Span => ((Kernel - 1) * (long)Dilation) + 1;
}

internal static partial class OnnxOperators
{
    /// <summary>
    /// x [N, C, ...], w [M, C / group, ...], b [M]. Images of one axis are images of one row; of three, a convolution
    /// of planes for each of the kernel's, added up.
    /// </summary>
    static Operator Conv(Binding n)
    {
        var windows = Windows.Read(n);
        var groups = Groups(n);

        // [M, C, kd, kh, kw] to [kd, kh, kw, C, M].
        var weights = n.Weight(1, "conv", w =>
        {
            var (kd, kh, kw) = KernelOf(n, w);
            return Layout.Permute(Layout.Reshape(w, new(w.Shape[0], w.Shape[1], kd, kh, kw)), [2, 3, 4, 1, 0]);
        });
        var bias = n.Vector(2);
        var plan = (ConvPlan?)null;
        return One(x =>
        {
            var w = weights(x);
            if (plan is not { } known || known.Images != x[0]!.Shape || known.Weights != w.Shape) plan = known = ConvPlan.Make(n, windows, groups, x[0]!.Shape, w.Shape);
            _ = n.Checked(known.Padded);
            var result = n.Checked(known.Result);
            if (w.Shape[0] == 1 && known.Axes == 2) return Value.OfChannelsLast(Functional.Conv2d(x[0]!.ChannelsLast(n.Device), Kernel(w, 0), bias(x), known.Options));
            var volume = Volume(n, x[0]!);
            if (w.Shape[0] == 1 && known.Axes == 1) return Unvolume(Functional.Conv2d(Planes(volume), Kernel(w, 0), bias(x), known.Options), known.Axes, result);

            // Plane o of the result reads plane o stride + tap dilation of the padded volume.
            var padded = PadAxis(volume, 1, known.Depth.Before, known.Depth.After, 0);
            Tensor? sum = null;
            for (var tap = 0; tap < w.Shape[0]; tap++)
            {
                var planes = Planes(Places(padded, 1, tap * known.Depth.Dilation, known.Depth.Stride, result[1]));
                var part = Functional.Conv2d(planes, Kernel(w, tap), tap == 0 ? bias(x) : null, known.Options);
                sum = sum is null ? part : sum + part;
            }

            return Unvolume(sum!, known.Axes, result);
        });
    }

    /// <summary>What a convolution does with images of one shape: worked out once.</summary>
    /// <param name="Images">Their shape in ONNX's order.</param>
    /// <param name="Weights">[kd, kh, kw, C / groups, M].</param>
    /// <param name="Depth">The windows along the first of three axes.</param>
    /// <param name="Options">What each plane is convolved with.</param>
    /// <param name="Padded">The images with their padding, [N, D, H, W, C].</param>
    /// <param name="Result">[N, D, H, W, M].</param>
    sealed record ConvPlan(Shape Images, Shape Weights, Window Depth, Conv2dOptions Options, long[] Padded, long[] Result)
    {
        /// <summary>Of an image.</summary>
        public int Axes => Images.Rank - 2;

        public static ConvPlan Make(Binding n, Windows windows, int groups, Shape images, Shape weights)
        {
            CheckImages(n, images);
            var axes = images.Rank - 2;
            int[] volume = [images[0], .. Enumerable.Repeat(1, 3 - axes), .. images.AsSpan()[2..], images[1]];
            var along = Along(n, axes, (axis, i) => windows.Along(n, axis, axes, volume[i + 1], weights[i]));
            var (depth, rows, columns) = (along[0], along[1], along[2]);
            var options = new Conv2dOptions
            {
                Stride = (rows.Stride, columns.Stride),
                Padding = new(rows.Before, rows.After, columns.Before, columns.After),
                Dilation = (rows.Dilation, columns.Dilation),
                Groups = groups,
            };
            return new(
                images,
                weights,
                depth,
                options,
                [volume[0], .. Enumerable.Range(0, 3).Select(i => volume[i + 1] + (long)along[i].Before + along[i].After), volume[4]],
                [volume[0], .. Enumerable.Range(0, 3).Select(i => Outputs(volume[i + 1], along[i])), weights[4]]);

            static long Outputs(int size, Window window) => Math.Max(0, ((size + (long)window.Before + window.After - window.Span) / window.Stride) + 1);
        }
    }

    /// <summary>x [N, C, ...], w [C, M / group, ...], b [M].</summary>
    static Operator ConvTranspose(Binding n)
    {
        var windows = Windows.Read(n);
        var groups = Groups(n);
        var outputPadding = n.Ints("output_padding");
        var outputShape = n.Sizes("output_shape");

        // [groups C', M', kd, kh, kw] to [kd, kh, kw, C', groups M'].
        var weights = n.Weight(1, "convtranspose", w =>
        {
            var (kd, kh, kw) = KernelOf(n, w);
            int c = w.Shape[0], m = w.Shape[1];
            if (c % groups != 0) throw n.Malformed($"{groups} groups do not divide {c} channels");
            w = Layout.Reshape(w, new(groups, c / groups, m, checked(kd * kh * kw)));
            return Layout.Reshape(Layout.Permute(w, [3, 1, 0, 2]), new(kd, kh, kw, c / groups, checked(groups * m)));
        });
        var bias = n.Vector(2);
        return One(x =>
        {
            var volume = Volume(n, x[0]!);
            var w = weights(x);
            var axes = x[0]!.Shape.Rank - 2;
            var extra = new int[3];
            var along = Along(n, axes, (axis, i) =>
            {
                (var window, extra[i]) = Spread(axis, axes, volume.Shape[i + 1], w.Shape[i]);
                return window;
            });
            var (depth, rows, columns) = (along[0], along[1], along[2]);
            var options = new ConvTranspose2dOptions
            {
                Stride = (rows.Stride, columns.Stride),
                Padding = new(rows.Before, rows.After, columns.Before, columns.After),
                OutputPadding = (extra[1], extra[2]),
                Dilation = (rows.Dilation, columns.Dilation),
                Groups = groups,
            };
            var result = n.Checked([volume.Shape[0], .. Enumerable.Range(0, 3).Select(i => Inputs(volume.Shape[i + 1], along[i]) + extra[i]), w.Shape[4]]);
            if (w.Shape[0] == 1 && axes < 3) return Unvolume(Functional.ConvTranspose2d(Planes(volume), Kernel(w, 0), bias(x), options), axes, result);

            // Plane i of the volume adds to plane i stride + tap dilation - before of the result.
            Tensor? sum = null;
            for (var tap = 0; tap < w.Shape[0]; tap++)
            {
                var first = (tap * depth.Dilation) - depth.Before;
                var planes = Functional.ConvTranspose2d(Planes(volume), Kernel(w, tap), null, options);
                var apart = PadAxis(Layout.Reshape(planes, new(checked(volume.Shape[0] * volume.Shape[1]), 1, 1, checked((int)(planes.Count / planes.Shape[0])))), 1, 0, depth.Stride - 1, 0);
                var spread = Layout.Reshape(apart, new(volume.Shape[0], checked(volume.Shape[1] * depth.Stride), planes.Shape[1], planes.Shape[2], planes.Shape[3]));
                if (first >= result[1] || first + spread.Shape[1] <= 0) continue;
                var part = PadAxis(spread, 1, first, result[1] - first - spread.Shape[1], 0);
                sum = sum is null ? part : Merged(sum, part, part.Shape, Functional.Add);
            }

            if (sum is null) throw n.Malformed("its padding leaves nothing");
            return Unvolume(bias(x) is { } b ? Merged(sum, b, sum.Shape, Functional.Add) : sum, axes, result);
        });

        // The result's extent is stride (size - 1) + extra + span - before - after.
        static long Inputs(int size, Window window) => Math.Max(0, (window.Stride * (size - 1L)) + window.Span - window.Before - window.After);

        (Window Window, int Extra) Spread(int axis, int axes, int size, int kernel)
        {
            if (outputPadding is { } stated && stated.Length != axes || outputShape is { } shape && shape.Length != axes) throw n.Malformed($"its attributes are not for images of {axes} axes");
            var extra = checked((int)(outputPadding?[axis] ?? 0));
            if (outputShape is null && windows.AutoPad is "NOTSET" or "VALID") return (windows.Along(n, axis, axes, size, kernel), extra);

            // The padding follows from the result's extent; the larger half of an odd one stands before, or after for SAME_UPPER.
            var plain = (windows with { AutoPad = "NOTSET", Pads = null }).Along(n, axis, axes, size, kernel);
            var wanted = outputShape?[axis] ?? checked(size * plain.Stride);
            var total = checked((int)(Inputs(size, plain) + extra - wanted));
            if (total < 0) return (plain, extra - total);
            var less = total / 2;
            return (windows.AutoPad == "SAME_UPPER" ? plain with { Before = less, After = total - less } : plain with { Before = total - less, After = less }, extra);
        }
    }

    /// <summary>alpha A' B' + beta C, with A' = A or its transpose; C is repeated to the result's shape.</summary>
    static Operator Gemm(Binding n)
    {
        float alpha = n.Float("alpha", 1), beta = n.Float("beta", 1);
        bool transposeA = n.Flag("transA"), transposeB = n.Flag("transB");
        if (n.Opset < 7) n.Flag("broadcast");
        var weights = n.Weight(1, transposeB ? "transposed" : "plain", w => transposeB ? Layout.Permute(Matrix(w), [1, 0]) : Matrix(w));

        // A bias that is a constant vector goes along with the product.
        var isVector = beta == 1 && alpha == 1 && n.ConstantShape(2) is { Rank: 1, Count: > 1 };
        var bias = isVector ? n.Vector(2) : _ => null;
        var addend = n.Has(2) && !isVector ? n.Weight(2, "plain", c => c) : null;
        return One(x =>
        {
            var a = Matrix(x[0]!.Plain(n.Device));
            if (transposeA) a = Layout.Permute(a, [1, 0]);
            var w = weights(x);
            n.Checked([a.Shape[0], w.Shape[1]]);
            var y = Functional.Linear(a, w, bias(x));
            if (alpha != 1) y *= alpha;
            if (addend is not null) y += beta == 1 ? addend(x) : addend(x) * beta;
            return Value.Of(y);
        });

        Tensor Matrix(Tensor t) => t.Shape.Rank == 2 ? t : throw n.Malformed($"it multiplies matrices, got {t.Shape}");
    }

    /// <summary>Matrix products over the last two axes, the others repeated to each other; a vector is a row before, a column after.</summary>
    static Operator MatMul(Binding n)
    {
        var right = n.Weight(1, "plain", w => w);
        return One(x =>
        {
            Tensor a = x[0]!.Plain(n.Device), b = right(x);
            if (a.Shape.Rank == 0 || b.Shape.Rank == 0) throw n.Malformed($"it multiplies matrices, got {a.Shape} and {b.Shape}");
            var (row, column) = (a.Shape.Rank == 1, b.Shape.Rank == 1);
            if (row) a = Layout.Reshape(a, new(1, a.Shape[0]));
            if (column) b = Layout.Reshape(b, new(b.Shape[0], 1));
            var y = Product(a, b);
            if (row) y = Layout.Reshape(y, new([.. y.Shape.AsSpan()[..^2], y.Shape[^1]]));
            if (column) y = Layout.Reshape(y, y.Shape.AsSpan()[..^1].ToArray());
            return Value.Of(y);
        });

        Tensor Product(Tensor a, Tensor b)
        {
            int[] rows = a.Shape.ToArray()[..^2], columns = b.Shape.ToArray()[..^2];
            n.Checked([.. Together(n, rows, columns).AsSpan(), a.Shape[^2], b.Shape[^1]]);
            if (columns.All(extent => extent == 1))
            {
                var product = Functional.Linear(a, Layout.Reshape(b, new(b.Shape[^2], b.Shape[^1])));
                return columns.Length <= rows.Length ? product : Layout.Reshape(product, new([.. Together(n, rows, columns).AsSpan(), a.Shape[^2], b.Shape[^1]]));
            }

            // A product for each place along the other axes.
            var batch = Together(n, rows, columns);
            if (batch.Count == 0) throw n.Malformed($"it multiplies nothing: {a.Shape} and {b.Shape}");
            var count = checked((int)batch.Count);
            a = Layout.Reshape(Repeat(n, a, new([.. batch.AsSpan(), a.Shape[^2], a.Shape[^1]])), new(count, a.Shape[^2], a.Shape[^1]));
            b = Layout.Reshape(Repeat(n, b, new([.. batch.AsSpan(), b.Shape[^2], b.Shape[^1]])), new(count, b.Shape[^2], b.Shape[^1]));
            return Layout.Reshape(Functional.BatchMatMul(a, b), new([.. batch.AsSpan(), a.Shape[^2], b.Shape[^1]]));
        }
    }

    static int Groups(Binding n) => n.Int("group", 1) is var groups and > 0 and <= int.MaxValue ? (int)groups : throw n.Malformed("attribute 'group' must be at least 1");

    /// <summary>A kernel's extents; of fewer than three axes, the outer ones are 1.</summary>
    static (int Depth, int Height, int Width) KernelOf(Binding n, Tensor w) => w.Shape.Rank switch
    {
        3 => (1, 1, w.Shape[2]),
        4 => (1, w.Shape[2], w.Shape[3]),
        5 => (w.Shape[2], w.Shape[3], w.Shape[4]),
        _ => throw n.Unsupported($"it convolves images of 1 to 3 axes, not by weights {w.Shape}"),
    };

    /// <summary>The windows along depth, height and width; <paramref name="window"/> is asked for those of the image's axes (axis, place among the three).</summary>
    static Window[] Along(Binding n, int axes, Func<int, int, Window> window)
        => [.. Enumerable.Range(0, 3).Select(i => i < 3 - axes ? Window.Point : window(i - 3 + axes, i))];

    /// <summary>One plane of weights [kd, kh, kw, in, out].</summary>
    static Tensor Kernel(Tensor w, int tap)
        => Layout.Reshape(w.Shape[0] == 1 ? w : Functional.Slice(w, 0, tap, 1), new(w.Shape[1], w.Shape[2], w.Shape[3], w.Shape[4]));

    /// <summary>That these are images of one to three axes.</summary>
    static void CheckImages(Binding n, Shape images)
    {
        if (images.Rank is < 3 or > 5) throw n.Unsupported($"it is computed on images of 1 to 3 axes, not on {images}");
        if (images.Count == 0) throw n.Malformed($"its images have no elements: {images}");
    }

    /// <summary>A batch [N, D, H, W, C] of images of one to three axes.</summary>
    static Tensor Volume(Binding n, Value x)
    {
        CheckImages(n, x.Shape);
        var t = x.ChannelsLast(n.Device);
        return Layout.Reshape(t, new([t.Shape[0], .. Enumerable.Repeat(1, 5 - t.Shape.Rank), .. t.Shape.AsSpan()[1..]]));
    }

    /// <summary>[N, D, H, W, C] as N D images.</summary>
    static Tensor Planes(Tensor volume) => Layout.Reshape(volume, new(checked(volume.Shape[0] * volume.Shape[1]), volume.Shape[2], volume.Shape[3], volume.Shape[4]));

    /// <summary>The way back from <see cref="Volume"/>.</summary>
    /// <param name="y">The elements.</param>
    /// <param name="axes">Of the image.</param>
    /// <param name="shape">[N, D, H, W, C].</param>
    static Value Unvolume(Tensor y, int axes, Shape shape)
        => Value.OfChannelsLast(Layout.Reshape(y, new([shape[0], .. shape.AsSpan()[(4 - axes)..]])));
}
