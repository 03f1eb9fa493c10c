using CnnSharp.Kernels;

namespace CnnSharp.Formats.Onnx;

internal static partial class OnnxOperators
{
    /// <summary>The maximum of each window; the second result is each one's place among all elements of x.</summary>
    static Operator MaxPool(Binding n)
    {
        var windows = Windows.Read(n);
        if (windows.Kernel is null) throw n.Malformed("attribute 'kernel_shape' is missing");
        var ceilMode = n.Flag("ceil_mode");
        var columnMajor = n.Flag("storage_order");
        return x =>
        {
            // Bytes are pooled as the floats that they are exactly.
            var input = x[0]!.IsFloat ? x[0]! : Value.Of(x[0]!.Host().Cast(OnnxType.Float));
            var y = Pool(n, windows, input, (image, rows, columns) => rows.Dilation == 1 && columns.Dilation == 1
                ? Functional.MaxPool2d(image, (rows.Kernel, columns.Kernel), Options(rows, columns, ceilMode))
                : MaxPoolDilated(n, image, rows, columns, ceilMode));
            if (!x[0]!.IsFloat) y = Value.Of(y.Host().Cast(x[0]!.Type));
            return n.Makes(1) ? [y, MaxPoolPlaces(n, windows, input, ceilMode, columnMajor)] : [y];
        };
    }

    /// <summary>The mean of each window.</summary>
    static Operator AveragePool(Binding n)
    {
        var windows = Windows.Read(n);
        if (windows.Kernel is null) throw n.Malformed("attribute 'kernel_shape' is missing");
        var ceilMode = n.Flag("ceil_mode");
        var countIncludePad = n.Flag("count_include_pad");
        if (windows.Dilations is { } dilations && Array.Exists(dilations, d => d != 1)) return One(x => OverWindows(n, windows, x[0]!, ceilMode, mean: true, countIncludePad));
        return One(x => Pool(n, windows, x[0]!, (image, rows, columns) => Functional.AvgPool2d(image, (rows.Kernel, columns.Kernel), Options(rows, columns, ceilMode) with { CountIncludePad = countIncludePad })));
    }

    /// <summary>The whole image as one window.</summary>
    static Operator GlobalPool(Binding n, Func<Tensor, Size2d, Tensor> pool) => One(x =>
    {
        var rank = x[0]!.Shape.Rank;
        if (rank < 3) throw n.Malformed($"expected images [N, C, ...], got {x[0]!.Shape}");
        var t = x[0]!.ChannelsLast(n.Device);
        if (rank != 4) t = Layout.Reshape(t, new(t.Shape[0], checked((int)(t.Count / Math.Max(1, t.Shape[0] * t.Shape[^1]))), 1, t.Shape[^1]));
        var y = pool(t, 1);
        return Value.OfChannelsLast(Layout.Reshape(y, new([y.Shape[0], .. Enumerable.Repeat(1, rank - 2), y.Shape[3]])));
    });

    static Pool2dOptions Options(Window rows, Window columns, bool ceilMode)
        => new() { Stride = (rows.Stride, columns.Stride), Padding = new(rows.Before, rows.After, columns.Before, columns.After), CeilMode = ceilMode };

    /// <summary>Pools along the image's axes: along the last two at once and, of three, along the first by itself, for windows are boxes.</summary>
    static Value Pool(Binding n, Windows windows, Value x, Func<Tensor, Window, Window, Tensor> pool)
    {
        var axes = x.Shape.Rank - 2;
        if (axes is < 1 or > 3) throw n.Unsupported($"it pools images of 1 to 3 axes, not {x.Shape}");
        if (windows.Kernel!.Length != axes) throw n.Malformed($"attribute 'kernel_shape' is [{string.Join(", ", windows.Kernel)}], x is {x.Shape}");
        var along = Enumerable.Range(0, axes).Select(axis => windows.Along(n, axis, axes, x.Shape[axis + 2], windows.Kernel[axis])).ToArray();
        for (var axis = 0; axis < axes; axis++) n.Checked([x.Shape[axis + 2] + (long)along[axis].Before + along[axis].After]);
        var volume = Volume(n, x);
        int images = volume.Shape[0], depth = volume.Shape[1], channels = volume.Shape[4];
        var planes = pool(Planes(volume), axes > 1 ? along[^2] : Window.Point, along[^1]);
        if (axes < 3) return Unvolume(planes, axes, new(images, 1, planes.Shape[1], planes.Shape[2], channels));

        var columns = Layout.Reshape(planes, new(images, depth, checked(planes.Shape[1] * planes.Shape[2]), channels));
        var y = pool(columns, along[0], Window.Point);
        return Unvolume(y, axes, new(images, y.Shape[1], planes.Shape[1], planes.Shape[2], channels));
    }

    /// <summary>Windows with holes: the maximum of the image's shifted copies, one a window's element.</summary>
    static Tensor MaxPoolDilated(Binding n, Tensor x, Window rows, Window columns, bool ceilMode)
    {
        int outH = Outputs(x.Shape[1], rows), outW = Outputs(x.Shape[2], columns);
        n.Checked([x.Shape[0], outH, outW, x.Shape[3], rows.Kernel, columns.Kernel]);
        var copies = new List<Tensor>();
        for (var i = 0; i < rows.Kernel; i++)
        {
            for (var j = 0; j < columns.Kernel; j++)
            {
                int top = (i * rows.Dilation) - rows.Before, left = (j * columns.Dilation) - columns.Before;
                int bottom = top + ((outH - 1) * rows.Stride) + 1, right = left + ((outW - 1) * columns.Stride) + 1;

                // Without recording, each copy of the image is given back before the next: a window may have thousands of elements.
                var mark = Tape.Enter();
                var part = Functional.Pad2d(x, new(-top, bottom - x.Shape[1], -left, right - x.Shape[2]), float.NegativeInfinity);
                copies.Add(Tape.Leave(mark, Functional.SubsampleAndWiden(part, (rows.Stride, columns.Stride))));
            }
        }

        return GreatestOf([.. copies]);

        int Outputs(int size, Window window)
        {
            var rest = size + (long)window.Before + window.After - window.Span;
            return checked((int)Math.Max(0, ((ceilMode ? rest + window.Stride - 1 : rest) / window.Stride) + 1));
        }
    }

    static Value MaxPoolPlaces(Binding n, Windows windows, Value x, bool ceilMode, bool columnMajor)
    {
        if (x.Shape.Rank != 4 || (windows.Dilations is { } dilations && Array.Exists(dilations, d => d != 1))) return MaxPoolPlacesOnHost(n, windows, x, ceilMode, columnMajor);
        var t = x.ChannelsLast(n.Device);
        int height = t.Shape[1], width = t.Shape[2], channels = t.Shape[3];
        Window rows = windows.Along(n, 0, 2, height, windows.Kernel![0]), columns = windows.Along(n, 1, 2, width, windows.Kernel[1]);
        var options = Options(rows, columns, ceilMode);
        var g = PoolGeometry.Create(t.Shape.AsSpan(), (rows.Kernel, columns.Kernel), options.Stride!.Value, options.Padding, ceilMode, countIncludePad: false);
        using var maximum = Tensor.Uninitialized(new(g.N, g.OutH, g.OutW, g.C), n.Device);
        using var indices = Tensor.Uninitialized(maximum.Shape, n.Device, DType.Int32);
        n.Device.Kernels.Pooling.MaxForward(g, t.Data, maximum.Data, indices.Data);

        var found = indices.ToArray<int>();
        Shape shape = new(g.N, g.C, g.OutH, g.OutW);
        var places = new long[found.Length];
        var at = new int[4];
        for (var i = 0; i < places.Length; i++)
        {
            var place = found[(((((at[0] * g.OutH) + at[2]) * g.OutW) + at[3]) * g.C) + at[1]];
            var within = columnMajor ? ((place % width) * height) + (place / width) : place;
            places[i] = ((((long)at[0] * channels) + at[1]) * height * width) + within;
            HostArray.Advance(at, shape);
        }

        return Value.Of(new HostArray(OnnxType.Int64, shape, places));
    }

    /// <summary>The places for images of any number of axes, and dilated windows: found one by one.</summary>
    static Value MaxPoolPlacesOnHost(Binding n, Windows windows, Value x, bool ceilMode, bool columnMajor)
    {
        var axes = x.Shape.Rank - 2;
        if (columnMajor && axes != 2) throw n.Unsupported("it counts places by columns (storage_order) in images that have not 2 axes");
        var a = x.Read();
        var along = Enumerable.Range(0, axes).Select(axis => windows.Along(n, axis, axes, x.Shape[axis + 2], windows.Kernel![axis])).ToArray();
        var outputs = new int[axes];
        for (var axis = 0; axis < axes; axis++)
        {
            var rest = x.Shape[axis + 2] + (long)along[axis].Before + along[axis].After - along[axis].Span;
            outputs[axis] = checked((int)Math.Max(0, ((ceilMode ? rest + along[axis].Stride - 1 : rest) / along[axis].Stride) + 1));
            if (ceilMode && outputs[axis] > 0 && (outputs[axis] - 1L) * along[axis].Stride >= x.Shape[axis + 2] + (long)along[axis].Before) outputs[axis]--;
        }

        Shape kernel = windows.Kernel!, result = new([x.Shape[0], x.Shape[1], .. outputs]), within = x.Shape.AsSpan()[2..].ToArray();
        n.Checked([result.Count, kernel.Count]);
        var places = new long[result.Count];
        var at = new int[result.Rank];
        var tap = new int[axes];
        for (var i = 0; i < places.Length; i++)
        {
            var image = ((at[0] * (long)x.Shape[1]) + at[1]) * within.Count;
            var best = -1L;
            for (var k = 0L; k < kernel.Count; k++)
            {
                var place = 0L;
                for (var axis = 0; axis < axes && place >= 0; axis++)
                {
                    var position = ((long)at[axis + 2] * along[axis].Stride) - along[axis].Before + ((long)tap[axis] * along[axis].Dilation);
                    place = position >= 0 && position < within[axis] ? (place * within[axis]) + position : -1;
                }

                if (place >= 0 && (best < 0 || a.Real(image + place) > a.Real(image + best))) best = place;
                HostArray.Advance(tap, kernel);
            }

            if (best < 0) throw n.Malformed("a window lies in the padding alone");
            places[i] = image + (columnMajor ? ((best % within[1]) * within[0]) + (best / within[1]) : best);
            HostArray.Advance(at, result);
        }

        return Value.Of(new HostArray(OnnxType.Int64, result, places));
    }
}
