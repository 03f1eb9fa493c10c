using ILGPU;

namespace CnnSharp.Kernels.Gpu;

/// <summary>Where the results of a product go.</summary>
interface IResults
{
    /// <summary>The offset that a row's results are stored from; negative for a row that is not stored.</summary>
    int Row(int group, int split, int row);

    /// <summary>Stores results (row, column .. column + 3), those that exist.</summary>
    void Store(int offset, int group, int column, Float4 value);
}

/// <summary>What becomes of a result on its way to memory: act(result + bias), added to what is there if asked.</summary>
readonly struct Epilogue<TElements>(TElements target, ArrayView<float> bias, int columns, bool hasBias, bool relu, bool accumulate)
    where TElements : struct, IElements
{
    readonly TElements target = target;
    readonly ArrayView<float> bias = bias;
    readonly int columns = columns, hasBias = hasBias ? 1 : 0, relu = relu ? 1 : 0, accumulate = accumulate ? 1 : 0;

    public void Store(int offset, int group, int column, Float4 value)
    {
        var count = columns - column;
        if (hasBias != 0) value += new Scalars(bias).Load((group * columns) + column, count);
        if (relu != 0) value = value.Relu();
        if (accumulate != 0) value += target.Load(offset + column, count);
        target.Store(offset + column, count, value);
    }
}

/// <summary>Contiguous rows: result (row, column) at row Stride + column.</summary>
readonly struct RowResults<TElements>(Epilogue<TElements> epilogue, int stride, int groupStride) : IResults
    where TElements : struct, IElements
{
    readonly Epilogue<TElements> epilogue = epilogue;
    readonly int stride = stride, groupStride = groupStride;

    public int Row(int group, int split, int row) => (row * stride) + (group * groupStride);

    public void Store(int offset, int group, int column, Float4 value) => epilogue.Store(offset, group, column, value);
}

/// <summary>The pixels of one phase: row (image, p, q) lies at the places that the axes say.</summary>
readonly struct PixelResults<TElements>(Epilogue<TElements> epilogue, Axis y, Axis x, int channels, int groupChannels) : IResults
    where TElements : struct, IElements
{
    readonly Epilogue<TElements> epilogue = epilogue;
    readonly Axis y = y, x = x;
    readonly int channels = channels, groupChannels = groupChannels;
    readonly Pixels pixels = new(y.Results, x.Results);

    public int Row(int group, int split, int row)
    {
        var line = pixels.Line(row);
        var image = pixels.DecodedImage(line);
        var h = (pixels.Row(line, image) * y.TargetStride) + y.TargetStart;
        var w = (pixels.Column(row, line) * x.TargetStride) + x.TargetStart;
        return (((((image * y.TargetExtent) + h) * x.TargetExtent) + w) * channels) + (group * groupChannels);
    }

    public void Store(int offset, int group, int column, Float4 value) => epilogue.Store(offset, group, column, value);
}

/// <summary>Gradients of weights [taps, channels, columns]: row (tap, channel), channels filled up as <see cref="Taps"/> says.</summary>
readonly struct WeightResults<TElements>(TElements target, Taps taps, int columns, int stride) : IResults
    where TElements : struct, IElements
{
    readonly TElements target = target;
    readonly Taps taps = taps;
    readonly int columns = columns, stride = stride;

    public int Row(int group, int split, int row)
    {
        var tap = taps.Tap(row);
        var channel = taps.Channel(row, tap);
        return channel < taps.Channels ? (((tap * taps.Channels) + channel) * stride) + (group * columns) : -1;
    }

    public void Store(int offset, int group, int column, Float4 value) => target.Store(offset + column, columns - column, value);
}

/// <summary>The same gradients with channels and columns exchanged: [taps, columns, channels].</summary>
readonly struct ExchangedWeightResults(ArrayView<float> target, Taps taps, int columns, int stride) : IResults
{
    readonly ArrayView<float> target = target;
    readonly Taps taps = taps;
    readonly int columns = columns, stride = stride;

    public int Row(int group, int split, int row)
    {
        var tap = taps.Tap(row);
        var channel = taps.Channel(row, tap);
        return channel < taps.Channels ? (tap * columns * stride) + (group * taps.Channels) + channel : -1;
    }

    public void Store(int offset, int group, int column, Float4 value)
    {
        var first = offset + (column * stride);
        target[first] = value.X;
        if (column + 1 < columns) target[first + stride] = value.Y;
        if (column + 2 < columns) target[first + (2 * stride)] = value.Z;
        if (column + 3 < columns) target[first + (3 * stride)] = value.W;
    }
}

/// <summary>The sums of one part of the depth, [splits, groups, rows, columns filled up to a multiple of four].</summary>
readonly struct PartialResults(ArrayView<float> target, int groups, int rows, int columns) : IResults
{
    readonly ArrayView<float> target = target;
    readonly int groups = groups, rows = rows, quads = (columns + 3) / 4;

    public int Row(int group, int split, int row) => ((((split * groups) + group) * rows) + row) * quads;

    public void Store(int offset, int group, int column, Float4 value)
    {
        var all = Float4.Of(target);
        all[offset + (column >> 2)] = value;
    }
}
