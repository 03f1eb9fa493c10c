using ILGPU;

namespace CnnSharp.Kernels.Gpu;

/// <summary>How four consecutive floats of global memory are read and written.</summary>
interface IElements
{
    /// <summary>Elements offset .. offset + 3, of which those from <paramref name="count"/> on (1 or more) are 0 and not read.</summary>
    Float4 Load(int offset, int count);

    /// <summary>Begins to copy elements offset .. offset + 3 into a quad of a tile; those from <paramref name="count"/> on (all, if it is 0 or less) are 0 there, and not read.</summary>
    void Copy(int offset, int count, ArrayView<float> tile, int quad);

    /// <summary>Writes elements offset .. offset + 3, up to <paramref name="count"/>.</summary>
    void Store(int offset, int count, Float4 value);
}

/// <summary>128-bit access, where runs are multiples of four long and start at multiples of four.</summary>
readonly struct Vectors(ArrayView<float> view) : IElements
{
    readonly ArrayView<float> view = view;

    public Float4 Load(int offset, int count) => Float4.Of(view)[offset >> 2];

    public void Copy(int offset, int count, ArrayView<float> tile, int quad) => SharedTile.CopyQuad(tile, quad, view, offset, count > 0);

    public void Store(int offset, int count, Float4 value)
    {
        var quads = Float4.Of(view);
        quads[offset >> 2] = value;
    }
}

/// <summary>Access one by one, for runs of any length.</summary>
readonly struct Scalars(ArrayView<float> view) : IElements
{
    readonly ArrayView<float> view = view;

    public Float4 Load(int offset, int count)
    {
        var (x, y, z, w) = (view[offset], 0f, 0f, 0f);
        if (count > 1) y = view[offset + 1];
        if (count > 2) z = view[offset + 2];
        if (count > 3) w = view[offset + 3];
        return new(x, y, z, w);
    }

    public void Copy(int offset, int count, ArrayView<float> tile, int quad)
    {
        SharedTile.CopyFloat(tile, 4 * quad, view, offset, count > 0);
        SharedTile.CopyFloat(tile, (4 * quad) + 1, view, offset + 1, count > 1);
        SharedTile.CopyFloat(tile, (4 * quad) + 2, view, offset + 2, count > 2);
        SharedTile.CopyFloat(tile, (4 * quad) + 3, view, offset + 3, count > 3);
    }

    public void Store(int offset, int count, Float4 value)
    {
        view[offset] = value.X;
        if (count > 1) view[offset + 1] = value.Y;
        if (count > 2) view[offset + 2] = value.Z;
        if (count > 3) view[offset + 3] = value.W;
    }
}

/// <summary>What of an operand's row stays the same along the depth: worked out once, ahead of the loop.</summary>
/// <param name="offset">Of its first element.</param>
/// <param name="count">Rows from here to the end; none beyond it.</param>
/// <param name="y">The image's row that the first tap reads (patches).</param>
/// <param name="x">The image's column that the first tap reads (patches).</param>
readonly struct OperandRow(int offset, int count, int y = 0, int x = 0)
{
    public readonly int Offset = offset, Count = count, Y = y, X = x;
}

/// <summary>What of a depth is the same for every row: worked out once for the rows that a thread reads at it.</summary>
/// <param name="offset">Added to the row's.</param>
/// <param name="count">Elements along the depth from here that are not 0, as far as they are consecutive.</param>
/// <param name="y">Added to the row's place in the image (patches).</param>
/// <param name="x">Added to the row's place in the image (patches).</param>
readonly struct OperandStep(int offset, int count, int y = 0, int x = 0)
{
    public readonly int Offset = offset, Count = count, Y = y, X = x;
}

/// <summary>
/// One factor of a product: rows (of the left one; columns of the right one) by depth. It is read in runs of four that
/// are consecutive in memory, either along the depth or across the rows.
/// </summary>
interface IOperand
{
    /// <summary>Whether runs lie along the depth. A constant of the type.</summary>
    bool AlongDepth { get; }

    /// <summary>What is constant along a row; rows beyond the last are allowed and read as 0.</summary>
    OperandRow Row(int group, int row);

    /// <summary>What is constant across the rows; depth is a multiple of four where runs lie along it.</summary>
    OperandStep Step(int depth);

    /// <summary>
    /// Begins to copy elements (row, depth .. depth + 3) if <see cref="AlongDepth"/>, else (row .. row + 3, depth), to a quad of a tile; zeros outside, and
    /// everywhere if not <paramref name="isWithin"/>. Without a branch: a copy that reads nothing costs less.
    /// </summary>
    void Copy(OperandRow row, OperandStep step, bool isWithin, ArrayView<float> tile, int quad);
}

/// <summary>A matrix whose rows are contiguous: element (row, depth) at row Stride + depth.</summary>
readonly struct RowMatrix<TElements>(TElements elements, int rows, int depth, int stride, int groupStride) : IOperand
    where TElements : struct, IElements
{
    readonly TElements elements = elements;
    readonly int rows = rows, depths = depth, stride = stride, groupStride = groupStride;

    public bool AlongDepth => true;

    public OperandRow Row(int group, int row) => new((group * groupStride) + (row * stride), rows - row);

    public OperandStep Step(int depth) => new(depth, depths - depth);

    public void Copy(OperandRow row, OperandStep step, bool isWithin, ArrayView<float> tile, int quad)
        => elements.Copy(row.Offset + step.Offset, isWithin & (row.Count > 0) ? step.Count : 0, tile, quad);
}

/// <summary>A matrix whose columns are contiguous: element (row, depth) at depth Stride + row.</summary>
readonly struct ColumnMatrix<TElements>(TElements elements, int rows, int stride, int groupStride) : IOperand
    where TElements : struct, IElements
{
    readonly TElements elements = elements;
    readonly int rows = rows, stride = stride, groupStride = groupStride;

    public bool AlongDepth => false;

    public OperandRow Row(int group, int row) => new((group * groupStride) + row, rows - row);

    public OperandStep Step(int depth) => new(depth * stride, 1);

    public void Copy(OperandRow row, OperandStep step, bool isWithin, ArrayView<float> tile, int quad)
        => elements.Copy(row.Offset + step.Offset, isWithin ? row.Count : 0, tile, quad);
}

/// <summary>
/// Depth as (tap row, tap column, channel), the channels of a tap filled up to a multiple of four with zeros, so that a
/// run of four never crosses taps.
/// </summary>
readonly struct Taps(int columns, int channels)
{
    // A phase without taps has no depth, and is never asked.
    readonly FastDivide columns = new(Math.Max(columns, 1)), padded = new(Padded(channels));
    public readonly int Channels = channels;

    /// <summary>What a tap's channels take.</summary>
    public static int Padded(int channels) => (channels + 3) / 4 * 4;

    public int Tap(int depth) => padded.Quotient(depth);

    public int Channel(int depth, int tap) => depth - (tap * padded.Divisor);

    public int Row(int tap) => columns.Quotient(tap);

    public int Column(int tap, int row) => tap - (row * columns.Divisor);
}

/// <summary>Rows as (image, row, column) of a grid of pixels.</summary>
readonly struct Pixels(int height, int width)
{
    readonly FastDivide height = new(height), width = new(width);

    /// <summary>n Height + y.</summary>
    public int Line(int pixel) => width.Quotient(pixel);

    public int Column(int pixel, int line) => pixel - (line * width.Divisor);

    public int DecodedImage(int line) => height.Quotient(line);

    public int Row(int line, int image) => line - (image * height.Divisor);
}

/// <summary>
/// The patches that a convolution multiplies with its weights (im2col, never stored). Row: a result pixel; depth: a tap's channel.
/// Either x, read by the forward pass, or dy, read by one phase of the gradient backward-data; see <see cref="Axis"/>.
/// </summary>
/// <remarks>A step costs two divisions by constants (8 instructions) and 8 more; a copy its place in the image and its check (5) and the address (3).</remarks>
readonly struct Patches<TElements>(TElements elements, int images, Axis y, Axis x, int channels, int groupChannels) : IOperand
    where TElements : struct, IElements
{
    /// <summary>A place that no tap brings back into the image.</summary>
    const int Outside = int.MinValue / 2;

    readonly TElements elements = elements;
    readonly Axis y = y, x = x;
    readonly int channels = channels, rows = images * y.Results * x.Results;
    readonly Pixels pixels = new(y.Results, x.Results);
    readonly Taps taps = new(x.Taps, groupChannels);

    public bool AlongDepth => true;

    public OperandRow Row(int group, int row)
    {
        if (row >= rows) return new(0, 0, Outside, Outside);
        var line = pixels.Line(row);
        var image = pixels.DecodedImage(line);
        var h = (pixels.Row(line, image) * y.Stride) + y.Start;
        var w = (pixels.Column(row, line) * x.Stride) + x.Start;
        return new((((((image * y.Extent) + h) * x.Extent) + w) * channels) + (group * taps.Channels), 1, h, w);
    }

    public OperandStep Step(int depth)
    {
        var tap = taps.Tap(depth);
        var channel = taps.Channel(depth, tap);
        var tapRow = taps.Row(tap);
        var down = tapRow * y.Step;
        var right = taps.Column(tap, tapRow) * x.Step;
        return new((((down * x.Extent) + right) * channels) + channel, taps.Channels - channel, down, right);
    }

    public void Copy(OperandRow row, OperandStep step, bool isWithin, ArrayView<float> tile, int quad)
        => elements.Copy(row.Offset + step.Offset, isWithin & ((uint)(row.Y + step.Y) < (uint)y.Extent) & ((uint)(row.X + step.X) < (uint)x.Extent) ? step.Count : 0, tile, quad);
}

/// <summary>The patches of x turned on their side, for the gradient with respect to the weights. Row: a tap's channel; depth: a pixel of y.</summary>
readonly struct PatchColumns<TElements>(TElements elements, Axis y, Axis x, int channels, int groupChannels) : IOperand
    where TElements : struct, IElements
{
    readonly TElements elements = elements;
    readonly Axis y = y, x = x;
    readonly int channels = channels;
    readonly Pixels pixels = new(y.Results, x.Results);
    readonly Taps taps = new(x.Taps, groupChannels);

    public bool AlongDepth => false;

    public OperandRow Row(int group, int row)
    {
        var tap = taps.Tap(row);
        var channel = taps.Channel(row, tap);
        var tapRow = taps.Row(tap);
        var h = (tapRow * y.Step) + y.Start;
        var w = (taps.Column(tap, tapRow) * x.Step) + x.Start;
        return new((((h * x.Extent) + w) * channels) + (group * taps.Channels) + channel, tapRow < y.Taps ? taps.Channels - channel : 0, h, w);
    }

    public OperandStep Step(int depth)
    {
        var line = pixels.Line(depth);
        var image = pixels.DecodedImage(line);
        var down = pixels.Row(line, image) * y.Stride;
        var right = pixels.Column(depth, line) * x.Stride;
        return new(((((image * y.Extent) + down) * x.Extent) + right) * channels, 1, down, right);
    }

    public void Copy(OperandRow row, OperandStep step, bool isWithin, ArrayView<float> tile, int quad)
        => elements.Copy(row.Offset + step.Offset, isWithin & ((uint)(row.Y + step.Y) < (uint)y.Extent) & ((uint)(row.X + step.X) < (uint)x.Extent) ? row.Count : 0, tile, quad);
}

/// <summary>
/// Weights [kh, kw, channels, results] as the right factor, read across the results. Row: a result channel; depth: a tap's
/// channel, of the taps that the axes name.
/// </summary>
readonly struct TapWeights<TElements>(TElements elements, Axis y, Axis x, int channels, int results, int stride) : IOperand
    where TElements : struct, IElements
{
    readonly TElements elements = elements;
    readonly TapPlaces places = new(y, x);
    readonly Taps taps = new(x.Taps, channels);
    readonly int results = results, stride = stride;

    public bool AlongDepth => false;

    public OperandRow Row(int group, int row) => new((group * results) + row, results - row);

    public OperandStep Step(int depth)
    {
        var tap = taps.Tap(depth);
        var channel = taps.Channel(depth, tap);
        var tapRow = taps.Row(tap);
        return new(((places.Of(tapRow, taps.Column(tap, tapRow)) * taps.Channels) + channel) * stride, taps.Channels - channel);
    }

    public void Copy(OperandRow row, OperandStep step, bool isWithin, ArrayView<float> tile, int quad)
        => elements.Copy(row.Offset + step.Offset, isWithin & (step.Count > 0) ? row.Count : 0, tile, quad);
}

/// <summary>Weights whose channels are contiguous, [kh, kw, results, channels] or [results, kh, kw, channels], as the right factor, read along the channels.</summary>
readonly struct TurnedTapWeights<TElements>(TElements elements, Axis y, Axis x, int channels, int results, int tapStride, int stride, int groupStride) : IOperand
    where TElements : struct, IElements
{
    readonly TElements elements = elements;
    readonly TapPlaces places = new(y, x);
    readonly Taps taps = new(x.Taps, channels);
    readonly int results = results, tapStride = tapStride, stride = stride, groupStride = groupStride;

    public bool AlongDepth => true;

    public OperandRow Row(int group, int row) => new((group * groupStride) + (row * stride), results - row);

    public OperandStep Step(int depth)
    {
        var tap = taps.Tap(depth);
        var channel = taps.Channel(depth, tap);
        var tapRow = taps.Row(tap);
        return new((places.Of(tapRow, taps.Column(tap, tapRow)) * tapStride) + channel, taps.Channels - channel);
    }

    public void Copy(OperandRow row, OperandStep step, bool isWithin, ArrayView<float> tile, int quad)
        => elements.Copy(row.Offset + step.Offset, isWithin & (row.Count > 0) ? step.Count : 0, tile, quad);
}

/// <summary>Where the taps of a phase lie in the whole kernel.</summary>
readonly struct TapPlaces(Axis y, Axis x)
{
    readonly int first = (y.FirstTap * x.KernelTaps) + x.FirstTap, down = y.TapStep * x.KernelTaps, right = x.TapStep;

    /// <summary>kh KernelW + kw of a tap.</summary>
    public int Of(int row, int column) => first + (row * down) + (column * right);
}
