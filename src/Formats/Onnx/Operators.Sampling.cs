using CnnSharp.Kernels;

namespace CnnSharp.Formats.Onnx;

// Operators that read images at places that another input states. Gradients flow to the image; to the places too where GridSample reads
// images of two axes.
internal static partial class OnnxOperators
{
    /// <summary>How many elements an entry of a matrix counts like: a float, and what says where it is.</summary>
    const long EntrySize = 4;

    /// <summary>The image at the places of a grid, each from -1 to 1 along an axis, the last axis first.</summary>
    static Operator GridSample(Binding n)
    {
        var mode = n.Text("mode", n.Opset < 20 ? "bilinear" : "linear") switch
        {
            "bilinear" or "linear" => InterpolationMode.Bilinear,
            "bicubic" or "cubic" => InterpolationMode.Bicubic,
            "nearest" => InterpolationMode.Nearest,
            var other => throw n.Malformed($"attribute 'mode' is '{OnnxModel.Cut(other)}'"),
        };
        var padding = n.Text("padding_mode", "zeros") switch
        {
            "zeros" => GridPadding.Zeros,
            "border" => GridPadding.Border,
            "reflection" => GridPadding.Reflection,
            var other => throw n.Malformed($"attribute 'padding_mode' is '{OnnxModel.Cut(other)}'"),
        };
        var align = n.Flag("align_corners");
        return One(x =>
        {
            Shape shape = x[0]!.Shape, grid = x[1]!.Shape;
            var axes = shape.Rank - 2;
            if (axes < 1 || grid.Rank != shape.Rank || grid[0] != shape[0] || grid[^1] != axes) throw n.Malformed($"a grid {grid} does not fit images {shape}");
            if (shape.Count == 0 || grid.Count == 0) throw n.Malformed($"there is nothing to sample in {shape} at {grid}");
            if (axes == 2)
            {
                n.Checked([shape[0], shape[1], grid[1], grid[2]]);
                var y = Functional.GridSample(x[0]!.ChannelsLast(n.Device), x[1]!.Plain(n.Device), mode, padding, align);
                return Value.OfChannelsLast(y);
            }

            return Volumes(x[0]!, x[1]!);
        });

        // Images of one axis or three: a matrix whose rows say what each place reads.
        Value Volumes(Value x, Value g)
        {
            var (shape, grid, axes) = (x.Shape, g.Shape, x.Shape.Rank - 2);
            var places = g.Read();
            var points = (int)(grid.Count / axes);
            var perImage = points / shape[0];
            n.Checked([shape[0], shape[1], perImage]);
            n.Checked([points, (long)Math.Pow(mode == InterpolationMode.Bicubic ? 4 : 2, axes), EntrySize]);
            var pixels = HostArray.Stride(shape, 1);
            var offsets = new int[points + 1];
            List<int> columns = [];
            List<double> values = [];
            var along = new List<(int Place, double Weight)>[axes];
            for (var p = 0; p < points; p++)
            {
                for (var axis = 0; axis < axes; axis++) along[axis] = Around(places.Real(((long)p * axes) + axes - 1 - axis), shape[axis + 2]);
                Combine(along, 0, p / perImage * pixels, 1);
                offsets[p + 1] = columns.Count;
            }

            // [N, H, W, C] as N H W pixels of C channels.
            var t = x.ChannelsLast(n.Device);
            var matrix = new SparseMatrix(checked((int)(shape[0] * pixels)), offsets, [.. columns], [.. values]);
            var y = Applied(matrix, Layout.Reshape(t, new(matrix.ColumnCount, shape[1])), 0);
            return Value.OfChannelsLast(Layout.Reshape(y, new([.. grid.AsSpan()[..^1], shape[1]])));

            void Combine(List<(int Place, double Weight)>[] all, int axis, long at, double weight)
            {
                if (axis == axes)
                {
                    columns.Add(checked((int)at));
                    values.Add(weight);
                    return;
                }

                var stride = axis + 2 == shape.Rank - 1 ? 1 : HostArray.Stride(shape, axis + 2);
                foreach (var (place, share) in all[axis]) Combine(all, axis + 1, at + (place * stride), weight * share);
            }
        }

        List<(int Place, double Weight)> Around(double normalized, int size)
        {
            var at = align ? (normalized + 1) / 2 * (size - 1) : (((normalized + 1) * size) - 1) / 2;
            double low = align ? 0 : -0.5, high = align ? size - 1 : size - 0.5;
            if (!double.IsFinite(at)) at = -2;
            if (mode != InterpolationMode.Bicubic)
            {
                if (padding == GridPadding.Border) at = Math.Clamp(at, 0, size - 1);
                else if (padding == GridPadding.Reflection) at = Math.Clamp(Reflected(at, low, high), 0, size - 1);
            }

            var found = new List<(int, double)>();
            if (mode == InterpolationMode.Nearest) Add(Math.Round(at, MidpointRounding.ToEven), 1);
            else if (mode == InterpolationMode.Bilinear)
            {
                var first = Math.Floor(at);
                Add(first, 1 - (at - first));
                Add(first + 1, at - first);
            }
            else
            {
                var first = Math.Floor(at);
                var cubic = new Resampling("cubic", "", "");
                for (var i = -1; i <= 2; i++) Add(first + i, cubic.Kernel(Math.Abs(at - first - i)));
            }

            return found;

            void Add(double place, double weight)
            {
                if (padding == GridPadding.Border) place = Math.Clamp(place, 0, size - 1);
                else if (padding == GridPadding.Reflection) place = Math.Clamp(Math.Truncate(Reflected(place, low, high)), 0, size - 1);
                if (weight != 0 && place >= 0 && place <= size - 1) found.Add(((int)place, weight));
            }
        }

        static double Reflected(double at, double low, double high)
        {
            var range = high - low;
            if (range <= 0) return low;
            var beyond = Math.Abs(at < low ? low - at : at > high ? at - high : 0);
            if (beyond == 0) return at;
            var times = Math.Floor(beyond / range);
            var rest = beyond - (times * range);
            return (times % 2 == 0) == (at < low) ? low + rest : high - rest;
        }
    }

    /// <summary>For each region of an image a small image: of each of its cells the mean, or the maximum, of samples (He et al. 2017).</summary>
    static Operator RoiAlign(Binding n)
    {
        var mode = n.Text("mode", "avg");
        if (mode is not ("avg" or "max")) throw n.Malformed($"attribute 'mode' is '{OnnxModel.Cut(mode)}'");
        long height = n.Int("output_height", 1), width = n.Int("output_width", 1), samples = n.Int("sampling_ratio", 0);
        var scale = n.Float("spatial_scale", 1);
        var coordinates = n.Opset >= 16 ? n.Text("coordinate_transformation_mode", "half_pixel") : "output_half_pixel";
        var half = coordinates == "half_pixel" ? 0.5 : coordinates == "output_half_pixel" ? 0 : throw n.Malformed($"attribute 'coordinate_transformation_mode' is '{OnnxModel.Cut(coordinates)}'");
        if (mode == "max") throw n.Unsupported("it takes the maximum of each cell (mode 'max')");
        return One(x =>
        {
            var shape = x[0]!.Shape;
            HostArray regions = x[1]!.Read(), images = x[2]!.Host();
            if (shape.Rank != 4 || regions.Shape.Rank != 2 || regions.Shape[1] != 4 || images.Count != regions.Shape[0]) throw n.Malformed($"regions {regions.Shape} and indices {images.Shape} do not fit images {shape}");
            var result = n.Checked([images.Count, shape[1], height, width]);
            if (shape.Count == 0 || result.Count == 0) throw n.Malformed($"there is nothing to take from {shape} for {result}");
            int rows = shape[2], across = shape[3];
            var offsets = new int[checked((int)(images.Count * height * width)) + 1];
            List<int> columns = [];
            List<double> values = [];
            var taken = 0L;
            for (var r = 0; r < images.Count; r++)
            {
                var image = (long)n.Index((long)images.Real(r), shape[0]) * rows * across;
                double left = (regions.Real(r * 4) * scale) - half, top = (regions.Real((r * 4) + 1) * scale) - half;
                double wide = (regions.Real((r * 4) + 2) * scale) - half - left, tall = (regions.Real((r * 4) + 3) * scale) - half - top;
                if (half == 0) (wide, tall) = (Math.Max(wide, 1), Math.Max(tall, 1));
                double cellWidth = wide / width, cellHeight = tall / height;
                double down = samples > 0 ? samples : Math.Ceiling(tall / height), over = samples > 0 ? samples : Math.Ceiling(wide / width);
                if (!(down is >= 0 and < 1 << 15 && over is >= 0 and < 1 << 15)) throw n.Malformed($"region {r} takes {down} x {over} samples a cell");
                taken += height * width * (long)down * (long)over;
                n.Checked([taken, EntrySize]);
                var count = Math.Max(1, down * over);
                for (var i = 0; i < height; i++)
                {
                    for (var j = 0; j < width; j++)
                    {
                        for (var u = 0; u < down; u++)
                        {
                            for (var v = 0; v < over; v++) Sample(image, top + (i * cellHeight) + ((u + 0.5) * cellHeight / down), left + (j * cellWidth) + ((v + 0.5) * cellWidth / over), 1 / count);
                        }

                        offsets[(((r * height) + i) * width) + j + 1] = columns.Count;
                    }
                }
            }

            var matrix = new SparseMatrix(checked(shape[0] * rows * across), offsets, [.. columns], [.. values]);
            var y = Applied(matrix, Layout.Reshape(x[0]!.ChannelsLast(n.Device), new(matrix.ColumnCount, shape[1])), 0);
            return Value.OfChannelsLast(Layout.Reshape(y, new(images.Count, (int)height, (int)width, shape[1])));

            void Sample(long image, double y, double x, double weight)
            {
                if (!(y >= -1 && y <= rows && x >= -1 && x <= across)) return;
                (y, x) = (Math.Clamp(y, 0, rows - 1), Math.Clamp(x, 0, across - 1));
                int i = (int)y, j = (int)x;
                double below = y - i, right = x - j;
                Add(i, j, (1 - below) * (1 - right));
                Add(i, j + 1, (1 - below) * right);
                Add(i + 1, j, below * (1 - right));
                Add(i + 1, j + 1, below * right);

                void Add(int row, int column, double share)
                {
                    if (share == 0) return;
                    columns.Add(checked((int)(image + ((long)row * across) + column)));
                    values.Add(share * weight);
                }
            }
        });
    }

    /// <summary>The inverse of a MaxPool that stated the places of its maximum: they go back there, zeros elsewhere.</summary>
    static Operator MaxUnpool(Binding n)
    {
        var windows = Windows.Read(n);
        if (windows.Kernel is not { } kernel) throw n.Malformed("attribute 'kernel_shape' is missing");
        return One(x =>
        {
            var shape = x[0]!.Shape;
            var axes = shape.Rank - 2;
            if (axes < 1 || kernel.Length != axes || (windows.Strides?.Length ?? axes) != axes || (windows.Pads?.Length ?? (2 * axes)) != 2 * axes) throw n.Malformed($"its attributes are not for {shape}");
            if (x[1]!.Shape != shape) throw n.Malformed($"places {x[1]!.Shape} do not fit {shape}");

            // The places count in the pooled image, which may be smaller than the result that is asked for.
            var pooled = n.Checked([shape[0], shape[1], .. Enumerable.Range(0, axes).Select(i => ((shape[i + 2] - 1L) * (windows.Strides?[i] ?? 1)) + kernel[i] - (windows.Pads?[i] ?? 0) - (windows.Pads?[i + axes] ?? 0))]);
            var wanted = Given(x, 2) is { } stated ? n.Checked(stated.Integers()) : pooled;
            if (wanted.Rank != shape.Rank) throw n.Malformed($"its result would be {wanted}");
            var indices = x[1]!.Integers();
            var target = new int[indices.Length];
            for (var i = 0; i < target.Length; i++)
            {
                var (rest, at) = ((long)n.Index(indices[i], checked((int)pooled.Count)), 0L);
                for (var axis = 0; axis < pooled.Rank; axis++)
                {
                    var stride = HostArray.Stride(pooled, axis);
                    at = (at * wanted[axis]) + n.Index(rest / stride, wanted[axis]);
                    rest %= stride;
                }

                target[i] = checked((int)at);
            }

            var t = Layout.Reshape(x[0]!.Plain(n.Device), new(target.Length));
            return Value.Of(Layout.Reshape(Applied(SparseMatrix.Gather(checked((int)wanted.Count), target).Transposed, t, 0), wanted));
        });
    }

    /// <summary>The middle of each axis, cut or padded with zeros to an extent.</summary>
    static Operator CenterCropPad(Binding n)
    {
        var stated = n.Ints("axes");
        return One(x =>
        {
            var shape = x[0]!.Shape;
            var axes = stated is null ? [.. Enumerable.Range(0, shape.Rank)] : Array.ConvertAll(stated, axis => n.Axis(axis, shape.Rank));
            var wanted = x[1]!.Integers();
            if (wanted.Length != axes.Length) throw n.Malformed($"it has {wanted.Length} extents for {axes.Length} axes");
            var extents = Array.ConvertAll(shape.ToArray(), e => (long)e);
            for (var i = 0; i < axes.Length; i++) extents[axes[i]] = wanted[i];
            n.Checked(extents);
            var y = x[0]!;
            for (var i = 0; i < axes.Length; i++)
            {
                var (axis, extent) = (axes[i], y.Shape[axes[i]]);
                var start = wanted[i] < extent ? (extent - (int)wanted[i]) / 2 : -(((int)wanted[i] - extent) / 2);
                y = GatheredAlong(n, y, axis, [.. Enumerable.Range(start, (int)wanted[i]).Select(place => place >= 0 && place < extent ? place : -1)]);
            }

            return y;
        });
    }

    /// <summary>The grids that GridSample takes, of affine maps [N, 2, 3] or [N, 3, 4].</summary>
    static Operator AffineGrid(Binding n)
    {
        var align = n.Flag("align_corners");
        var product = MatMul(n.Inner(2));
        return One(x =>
        {
            var size = n.Checked(x[1]!.Integers());
            var axes = size.Rank - 2;
            if (axes is not (2 or 3) || x[0]!.Shape != new Shape(size[0], axes, axes + 1)) throw n.Malformed($"maps {x[0]!.Shape} do not fit images {size}");
            Shape places = size.AsSpan()[2..].ToArray();
            n.Checked([size[0], places.Count, axes]);

            // Places from -1 to 1, the last axis first, and 1.
            var values = new double[checked((int)places.Count * (axes + 1))];
            var at = new int[axes];
            for (var i = 0; i < values.Length; i += axes + 1)
            {
                for (var axis = 0; axis < axes; axis++)
                {
                    var (place, extent) = (at[axes - 1 - axis], places[axes - 1 - axis]);
                    values[i + axis] = !align ? (((2.0 * place) + 1) / extent) - 1 : extent > 1 ? (2.0 * place / (extent - 1)) - 1 : 0;
                }

                values[i + axes] = 1;
                HostArray.Advance(at, places);
            }

            var base0 = Value.Of(Tensor.From(values, new(1, (int)places.Count, axes + 1), n.Device));
            var y = product([base0, Value.Of(Layout.Permute(x[0]!.Plain(n.Device), [0, 2, 1]))])[0]!.Plain(n.Device);
            return Value.Of(Layout.Reshape(y, new([size[0], .. places.AsSpan(), axes])));
        });
    }

    /// <summary>Columns [N, C block, windows] added up to the images whose windows they are.</summary>
    static Operator Col2Im(Binding n)
    {
        var (strides, dilations, pads) = (n.Sizes("strides"), n.Sizes("dilations"), n.Ints("pads"));
        return One(x =>
        {
            var shape = x[0]!.Shape;
            long[] image = x[1]!.Integers(), block = x[2]!.Integers();
            var axes = image.Length;
            if (axes == 0 || block.Length != axes || (strides?.Length ?? axes) != axes || (dilations?.Length ?? axes) != axes || (pads?.Length ?? (2 * axes)) != 2 * axes || block.Any(b => b < 1 || b > int.MaxValue) || pads?.Any(p => p is < 0 or > 1 << 28) == true)
                throw n.Malformed($"its attributes are not for images of {axes} axes");
            var kernel = n.Checked(block);
            if (shape.Rank != 3 || shape[1] % kernel.Count != 0) throw n.Malformed($"blocks {kernel} do not divide the channels of {shape}");
            var channels = shape[1] / (int)kernel.Count;
            var result = n.Checked([shape[0], channels, .. image]);
            Shape windows = [.. Enumerable.Range(0, axes).Select(i => (int)Math.Clamp(((image[i] + (pads?[i] ?? 0) + (pads?[i + axes] ?? 0) - ((block[i] - 1) * (dilations?[i] ?? 1)) - 1) / (strides?[i] ?? 1)) + 1, 0, int.MaxValue))];
            if (windows.Count != shape[2] || shape.Count == 0 || result.Count == 0) throw n.Malformed($"{shape[2]} columns are not those of the windows {windows} of {result}");
            var indices = new int[checked((int)(kernel.Count * windows.Count))];
            var places = new int[2 * axes];
            Shape all = new([.. kernel.AsSpan(), .. windows.AsSpan()]);
            for (var i = 0; i < indices.Length; i++)
            {
                var at = 0L;
                for (var axis = 0; axis < axes && at >= 0; axis++)
                {
                    var place = ((long)places[axes + axis] * (strides?[axis] ?? 1)) + ((long)places[axis] * (dilations?[axis] ?? 1)) - (pads?[axis] ?? 0);
                    at = place >= 0 && place < image[axis] ? (at * image[axis]) + place : -1;
                }

                indices[i] = checked((int)at);
                HostArray.Advance(places, all);
            }

            var pixels = checked((int)(result.Count / shape[0] / channels));
            var t = Layout.Reshape(x[0]!.Plain(n.Device), new(checked(shape[0] * channels), indices.Length));
            return Value.Of(Layout.Reshape(Applied(SparseMatrix.Gather(pixels, indices).Transposed, t, 1), result));
        });
    }

    /// <summary>A convolution whose windows' elements are read at places of their own (Dai et al. 2017), each perhaps with a weight.</summary>
    static Operator DeformConv(Binding n)
    {
        var windows = Windows.Read(n);
        var groups = Groups(n);
        var offsetGroups = n.Int("offset_group", 1) is var stated and > 0 and <= int.MaxValue ? (int)stated : throw n.Malformed("attribute 'offset_group' must be at least 1");

        // [M, C / group, kh, kw] to [kh kw, 1, C / group, M].
        (int Height, int Width) extents = default;
        var weights = n.Weight(1, "deform", w =>
        {
            if (w.Shape.Rank != 4) throw n.Unsupported($"it convolves images of 2 axes, not by weights {w.Shape}");
            return Layout.Reshape(Layout.Permute(w, [2, 3, 1, 0]), new(checked(w.Shape[2] * w.Shape[3]), 1, w.Shape[1], w.Shape[0]));
        });
        if (n.ConstantShape(1) is { Rank: 4 } constant) extents = (constant[2], constant[3]);
        var bias = n.Vector(3);
        return One(x =>
        {
            Shape shape = x[0]!.Shape, moves = x[2]!.Shape;
            var w = weights(x);
            var (height, width) = x[1] is { Shape: { Rank: 4 } fed } ? (fed[2], fed[3]) : extents;
            if (shape.Rank != 4 || moves.Rank != 4 || moves[0] != shape[0] || shape[1] % offsetGroups != 0 || shape.Count == 0 || moves.Count == 0) throw n.Malformed($"offsets {moves} do not fit images {shape}");
            Window rows = windows.Along(n, 0, 2, shape[2], height), columns = windows.Along(n, 1, 2, shape[3], width);
            int taps = checked(height * width), outHeight = moves[2], outWidth = moves[3], points = checked(shape[0] * outHeight * outWidth);
            if (moves[1] != 2L * taps * offsetGroups) throw n.Malformed($"expected {2 * taps * offsetGroups} offsets a place, got {moves[1]}");
            n.Checked([points, taps, shape[1], EntrySize]);
            var offsets = x[2]!.Read();
            var mask = Given(x, 4)?.Read();
            if (mask is not null && mask.Shape != moves.With(1, taps * offsetGroups)) throw n.Malformed($"a mask {mask.Shape} does not fit offsets {moves}");
            var t = x[0]!.ChannelsLast(n.Device);
            var perGroup = shape[1] / offsetGroups;
            var parts = new Tensor[offsetGroups];
            for (var group = 0; group < offsetGroups; group++)
            {
                var starts = new int[checked(points * taps) + 1];
                List<int> places = [];
                List<double> shares = [];
                for (var i = 0; i + 1 < starts.Length; i++)
                {
                    int tap = i % taps, point = i / taps, column = point % outWidth, row = point / outWidth % outHeight, image = point / outWidth / outHeight;
                    long At(long channel, long all) => ((((image * all) + channel) * outHeight) + row) * outWidth + column;
                    var at = At((2L * ((group * taps) + tap)), moves[1]);
                    var y = (row * (double)rows.Stride) - rows.Before + (tap / width * (double)rows.Dilation) + offsets.Real(at);
                    var z = (column * (double)columns.Stride) - columns.Before + (tap % width * (double)columns.Dilation) + offsets.Real(at + ((long)outHeight * outWidth));
                    var share = mask?.Real(At((group * taps) + tap, (long)taps * offsetGroups)) ?? 1;
                    if (y > -1 && y < shape[2] && z > -1 && z < shape[3])
                    {
                        double top = Math.Floor(y), left = Math.Floor(z);
                        Add(top, left, (1 - (y - top)) * (1 - (z - left)));
                        Add(top, left + 1, (1 - (y - top)) * (z - left));
                        Add(top + 1, left, (y - top) * (1 - (z - left)));
                        Add(top + 1, left + 1, (y - top) * (z - left));
                    }

                    starts[i + 1] = places.Count;

                    void Add(double down, double across, double part)
                    {
                        if (part == 0 || down < 0 || down >= shape[2] || across < 0 || across >= shape[3]) return;
                        places.Add(checked((int)((((long)image * shape[2]) + (long)down) * shape[3]) + (int)across));
                        shares.Add(part * share);
                    }
                }

                var source = Layout.Reshape(offsetGroups == 1 ? t : Functional.Slice(t, 3, group * perGroup, perGroup), new(checked(shape[0] * shape[2] * shape[3]), perGroup));
                parts[group] = Applied(new(source.Shape[0], starts, [.. places], [.. shares]), source, 0);
            }

            var sampled = Layout.Reshape(offsetGroups == 1 ? parts[0] : Functional.Concat(parts, 1), new(points, taps, 1, shape[1]));
            var result = Functional.Conv2d(sampled, w, bias(x), new() { Groups = groups });
            return Value.OfChannelsLast(Layout.Reshape(result, new(shape[0], outHeight, outWidth, w.Shape[3])));
        });
    }

    /// <summary>Of boxes that overlap those with the highest scores: [image, class, box] of each that stays.</summary>
    static Operator NonMaxSuppression(Binding n)
    {
        var centers = n.Flag("center_point_box");
        return One(x =>
        {
            HostArray boxes = x[0]!.Read(), scores = x[1]!.Read();
            if (boxes.Shape.Rank != 3 || boxes.Shape[2] != 4 || scores.Shape.Rank != 3 || scores.Shape[0] != boxes.Shape[0] || scores.Shape[2] != boxes.Shape[1]) throw n.Malformed($"scores {scores.Shape} do not fit boxes {boxes.Shape}");
            var most = Given(x, 2) is { } limit ? Math.Clamp((long)limit.Host().Real(0), 0, boxes.Shape[1]) : 0;
            double overlap = Given(x, 3)?.Host().Real(0) ?? 0, least = Given(x, 4)?.Host().Real(0) ?? double.NegativeInfinity;
            n.Checked([scores.Shape[0], scores.Shape[1], scores.Shape[2], most]);
            var found = new List<long>();
            for (var line = 0; line < scores.Shape[0] * scores.Shape[1] && most > 0; line++)
            {
                var image = line / scores.Shape[1];
                var first = (long)line * scores.Shape[2];
                var kept = new List<(double Top, double Left, double Bottom, double Right)>();
                foreach (var box in Enumerable.Range(0, scores.Shape[2]).Where(i => scores.Real(first + i) > least).OrderByDescending(i => scores.Real(first + i)))
                {
                    var corners = Corners(((long)image * boxes.Shape[1]) + box);
                    if (kept.Exists(other => Overlap(corners, other) > overlap)) continue;
                    kept.Add(corners);
                    found.AddRange([image, line % scores.Shape[1], box]);
                    if (kept.Count == most) break;
                }
            }

            return Value.Of(new HostArray(OnnxType.Int64, new(found.Count / 3, 3), [.. found]));

            (double Top, double Left, double Bottom, double Right) Corners(long box)
            {
                double a = boxes.Real(box * 4), b = boxes.Real((box * 4) + 1), c = boxes.Real((box * 4) + 2), d = boxes.Real((box * 4) + 3);
                return centers ? (b - (d / 2), a - (c / 2), b + (d / 2), a + (c / 2)) : (Math.Min(a, c), Math.Min(b, d), Math.Max(a, c), Math.Max(b, d));
            }
        });

        static double Overlap((double Top, double Left, double Bottom, double Right) a, (double Top, double Left, double Bottom, double Right) b)
        {
            var both = Math.Max(0, Math.Min(a.Bottom, b.Bottom) - Math.Max(a.Top, b.Top)) * Math.Max(0, Math.Min(a.Right, b.Right) - Math.Max(a.Left, b.Left));
            var either = ((a.Bottom - a.Top) * (a.Right - a.Left)) + ((b.Bottom - b.Top) * (b.Right - b.Left)) - both;
            return either > 0 ? both / either : 0;
        }
    }
}
