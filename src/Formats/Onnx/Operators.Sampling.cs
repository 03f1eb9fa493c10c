using CnnSharp.Kernels;

namespace CnnSharp.Formats.Onnx;

// Operators that read images at places that another input states. Gradients flow to the image, not to the places.
internal static partial class OnnxOperators
{
    /// <summary>The image at the places of a grid, each from -1 to 1 along an axis, the last axis first.</summary>
    static Operator GridSample(Binding n)
    {
        var mode = n.Text("mode", n.Opset < 20 ? "bilinear" : "linear") switch
        {
            "bilinear" or "linear" => "linear",
            "bicubic" or "cubic" => "cubic",
            "nearest" => "nearest",
            var other => throw n.Malformed($"attribute 'mode' is '{OnnxModel.Cut(other)}'"),
        };
        var padding = n.Text("padding_mode", "zeros");
        if (padding is not ("zeros" or "border" or "reflection")) throw n.Malformed($"attribute 'padding_mode' is '{OnnxModel.Cut(padding)}'");
        var align = n.Flag("align_corners");
        return One(x =>
        {
            Shape shape = x[0]!.Shape, grid = x[1]!.Shape;
            var axes = shape.Rank - 2;
            if (axes < 1 || grid.Rank != shape.Rank || grid[0] != shape[0] || grid[^1] != axes) throw n.Malformed($"a grid {grid} does not fit images {shape}");
            if (shape.Count == 0 || grid.Count == 0) throw n.Malformed($"there is nothing to sample in {shape} at {grid}");
            var places = x[1]!.Read();
            var points = (int)(grid.Count / axes);
            var perImage = points / shape[0];
            n.Checked([shape[0], shape[1], perImage]);
            n.Checked([points, (long)Math.Pow(mode == "cubic" ? 4 : 2, axes)]);
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
            var t = x[0]!.ChannelsLast(n.Device);
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
        });

        List<(int Place, double Weight)> Around(double normalized, int size)
        {
            var at = align ? (normalized + 1) / 2 * (size - 1) : (((normalized + 1) * size) - 1) / 2;
            double low = align ? 0 : -0.5, high = align ? size - 1 : size - 0.5;
            if (!double.IsFinite(at)) at = -2;
            if (mode != "cubic")
            {
                if (padding == "border") at = Math.Clamp(at, 0, size - 1);
                else if (padding == "reflection") at = Math.Clamp(Reflected(at, low, high), 0, size - 1);
            }

            var found = new List<(int, double)>();
            if (mode == "nearest") Add(Math.Round(at, MidpointRounding.ToEven), 1);
            else if (mode == "linear")
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
                if (padding == "border") place = Math.Clamp(place, 0, size - 1);
                else if (padding == "reflection") place = Math.Clamp(Math.Truncate(Reflected(place, low, high)), 0, size - 1);
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

    /// <summary>For each region of an image a small image: of each of its cells the mean, or the greatest, of samples (He et al. 2017).</summary>
    static Operator RoiAlign(Binding n)
    {
        var mode = n.Text("mode", "avg");
        if (mode is not ("avg" or "max")) throw n.Malformed($"attribute 'mode' is '{OnnxModel.Cut(mode)}'");
        long height = n.Int("output_height", 1), width = n.Int("output_width", 1), samples = n.Int("sampling_ratio", 0);
        var scale = n.Float("spatial_scale", 1);
        var coordinates = n.Opset >= 16 ? n.Text("coordinate_transformation_mode", "half_pixel") : "output_half_pixel";
        var half = coordinates == "half_pixel" ? 0.5 : coordinates == "output_half_pixel" ? 0 : throw n.Malformed($"attribute 'coordinate_transformation_mode' is '{OnnxModel.Cut(coordinates)}'");
        if (mode == "max") throw n.Unsupported("it takes the greatest of each cell (mode 'max')");
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
            for (var r = 0; r < images.Count; r++)
            {
                var image = (long)n.Index((long)images.Real(r), shape[0]) * rows * across;
                double left = (regions.Real(r * 4) * scale) - half, top = (regions.Real((r * 4) + 1) * scale) - half;
                double wide = (regions.Real((r * 4) + 2) * scale) - half - left, tall = (regions.Real((r * 4) + 3) * scale) - half - top;
                if (half == 0) (wide, tall) = (Math.Max(wide, 1), Math.Max(tall, 1));
                double cellWidth = wide / width, cellHeight = tall / height;
                double down = samples > 0 ? samples : Math.Ceiling(tall / height), over = samples > 0 ? samples : Math.Ceiling(wide / width);
                if (!(down is >= 0 and < 1 << 15 && over is >= 0 and < 1 << 15)) throw n.Malformed($"region {r} takes {down} x {over} samples a cell");
                n.Checked([result[2], result[3], (long)down, (long)over]);
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

    /// <summary>The inverse of a MaxPool that stated the places of its greatest: they go back there, zeros elsewhere.</summary>
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
}
