namespace CnnSharp.Kernels;

/// <summary>A height and a width: <c>2</c> means 2 by 2, <c>(1, 7)</c> one row of seven.</summary>
/// <param name="H">Along the image's rows.</param>
/// <param name="W">Along a row.</param>
public readonly record struct Size2d(int H, int W)
{
    /// <summary>The same along both axes.</summary>
    public static implicit operator Size2d(int both) => new(both, both);

    /// <summary>Height, then width.</summary>
    public static implicit operator Size2d((int H, int W) pair) => new(pair.H, pair.W);

    /// <inheritdoc/>
    public override string ToString() => H == W ? $"{H}" : $"({H}, {W})";
}

/// <summary>Rows and columns added around an image, each side on its own.</summary>
/// <param name="Top">Rows above.</param>
/// <param name="Bottom">Rows below.</param>
/// <param name="Left">Columns before.</param>
/// <param name="Right">Trailing columns.</param>
public readonly record struct Padding2d(int Top, int Bottom, int Left, int Right)
{
    /// <summary>The same on all four sides.</summary>
    public static implicit operator Padding2d(int all) => new(all, all, all, all);

    /// <summary>Rows above and below, then columns on both sides.</summary>
    public static implicit operator Padding2d((int H, int W) pair) => new(pair.H, pair.H, pair.W, pair.W);

    /// <inheritdoc/>
    public override string ToString() => this == (Padding2d)Top ? $"{Top}" : $"(top {Top}, bottom {Bottom}, left {Left}, right {Right})";
}

/// <summary>An activation that a kernel applies to its result before storing it.</summary>
public enum Activation
{
    /// <summary>The result as it is.</summary>
    None,

    /// <summary>max(result, 0).</summary>
    Relu,
}

/// <summary>
/// A 2-D convolution of x [N, H, W, C] with w [KernelH, KernelW, C / Groups, K] to y [N, OutH, OutW, K].
/// A transposed convolution is described by the convolution that it is the gradient of: its input is y, its output x.
/// </summary>
/// <param name="N">Images.</param>
/// <param name="H">Rows of x.</param>
/// <param name="W">Columns of x.</param>
/// <param name="C">Channels of x.</param>
/// <param name="OutH">Rows of y.</param>
/// <param name="OutW">Columns of y.</param>
/// <param name="K">Channels of y.</param>
/// <param name="KernelH">Rows of the kernel.</param>
/// <param name="KernelW">Columns of the kernel.</param>
/// <param name="StrideH">Rows of x between two rows of y.</param>
/// <param name="StrideW">Columns of x between two columns of y.</param>
/// <param name="PadTop">Zero rows above x; those below follow from OutH.</param>
/// <param name="PadLeft">Zero columns before x; those after follow from OutW.</param>
/// <param name="DilationH">Rows of x between two rows of the kernel.</param>
/// <param name="DilationW">Columns of x between two columns of the kernel.</param>
/// <param name="Groups">Output channel k sees the C / Groups input channels of group k / (K / Groups).</param>
public readonly record struct ConvGeometry(
    int N, int H, int W, int C,
    int OutH, int OutW, int K,
    int KernelH, int KernelW,
    int StrideH, int StrideW,
    int PadTop, int PadLeft,
    int DilationH, int DilationW,
    int Groups)
{
    /// <summary>Input channels a group has.</summary>
    public int GroupC => C / Groups;

    /// <summary>Output channels a group has.</summary>
    public int GroupK => K / Groups;

    /// <summary>Multiply-adds of a forward pass; <see cref="long.MaxValue"/> where there are more.</summary>
    public long MultiplyAdds => Geometry.Product(N, OutH, OutW, K, KernelH, KernelW, GroupC);

    /// <summary>Checks a convolution and works out its output.</summary>
    /// <param name="x">[N, H, W, C].</param>
    /// <param name="w">[KernelH, KernelW, C / groups, K].</param>
    /// <param name="stride">At least 1.</param>
    /// <param name="padding">At least 0.</param>
    /// <param name="dilation">At least 1.</param>
    /// <param name="groups">Divides C and K.</param>
    /// <exception cref="ShapeException">Something does not fit.</exception>
    public static ConvGeometry Create(ReadOnlySpan<int> x, ReadOnlySpan<int> w, Size2d stride, Padding2d padding, Size2d dilation, int groups)
    {
        const string Operation = "Conv2d";
        CheckOptions(Operation, x, w, stride, padding, dilation, groups);
        if (x[3] != (long)w[2] * groups)
            throw new ShapeException(Operation, $"the input has {x[3]} channels, the weights expect {(long)w[2] * groups}.{Describe(x, w, groups)}");
        if (w[3] % groups != 0)
            throw new ShapeException(Operation, $"{groups} groups do not divide {w[3]} output channels.{Describe(x, w, groups)}");
        var height = Geometry.Extent(Operation, "the padded height", (long)x[1] + padding.Top + padding.Bottom);
        var width = Geometry.Extent(Operation, "the padded width", (long)x[2] + padding.Left + padding.Right);
        var outH = Output(height, w[0], stride.H, dilation.H);
        var outW = Output(width, w[1], stride.W, dilation.W);
        if (outH < 1 || outW < 1)
            throw new ShapeException(Operation, $"the kernel is larger than the padded input: stride {stride}, padding {padding}, dilation {dilation} leave {outH} x {outW} outputs.{Describe(x, w, groups)}");
        return new(
            x[0], x[1], x[2], x[3], outH, outW, w[3], w[0], w[1],
            Within(height, stride.H), Within(width, stride.W), padding.Top, padding.Left, Within(height, dilation.H), Within(width, dilation.W), groups);
    }

    /// <summary>Checks a transposed convolution and works out its output, which is this geometry's x.</summary>
    /// <param name="input">[N, H, W, in]: this geometry's y.</param>
    /// <param name="w">[KernelH, KernelW, in / groups, out], by the transposed convolution's own sense.</param>
    /// <param name="stride">Rows and columns of the output between two of the input.</param>
    /// <param name="padding">Rows and columns taken off the output.</param>
    /// <param name="outputPadding">Rows and columns added to the output's end; less than stride or dilation.</param>
    /// <param name="dilation">At least 1.</param>
    /// <param name="groups">Divides both channel counts.</param>
    /// <exception cref="ShapeException">Something does not fit.</exception>
    public static ConvGeometry CreateTransposed(ReadOnlySpan<int> input, ReadOnlySpan<int> w, Size2d stride, Padding2d padding, Size2d outputPadding, Size2d dilation, int groups)
    {
        const string Operation = "ConvTranspose2d";
        CheckOptions(Operation, input, w, stride, padding, dilation, groups);
        if (input[3] != (long)w[2] * groups)
            throw new ShapeException(Operation, $"the input has {input[3]} channels, the weights expect {(long)w[2] * groups}.{Describe(input, w, groups)}");
        if (w[3] % groups != 0)
            throw new ShapeException(Operation, $"{groups} groups do not divide {w[3]} output channels.{Describe(input, w, groups)}");
        if (outputPadding.H < 0 || outputPadding.W < 0 || outputPadding.H >= Math.Max(stride.H, dilation.H) || outputPadding.W >= Math.Max(stride.W, dilation.W))
            throw new ShapeException(Operation, $"output padding {outputPadding} must be at least 0 and less than stride {stride} or dilation {dilation}.");
        if (input[1] < 1 || input[2] < 1)
            throw new ShapeException(Operation, $"there is nothing to spread: the input has {input[1]} x {input[2]} pixels.{Describe(input, w, groups)}");
        var paddedHeight = Geometry.Extent(Operation, "the height before padding is taken off", ((input[1] - 1L) * stride.H) + outputPadding.H + ((w[0] - 1L) * dilation.H) + 1);
        var paddedWidth = Geometry.Extent(Operation, "the width before padding is taken off", ((input[2] - 1L) * stride.W) + outputPadding.W + ((w[1] - 1L) * dilation.W) + 1);
        var height = (long)paddedHeight - padding.Top - padding.Bottom;
        var width = (long)paddedWidth - padding.Left - padding.Right;
        if (height < 1 || width < 1)
            throw new ShapeException(Operation, $"padding {padding} leaves {height} x {width} outputs.{Describe(input, w, groups)}");
        return new(
            input[0], (int)height, (int)width, w[3], input[1], input[2], input[3], w[0], w[1],
            Within(paddedHeight, stride.H), Within(paddedWidth, stride.W), padding.Top, padding.Left, Within(paddedHeight, dilation.H), Within(paddedWidth, dilation.W), groups);
    }

    static int Output(int size, int kernel, int stride, int dilation)
    {
        var span = size - ((kernel - 1L) * dilation) - 1;
        return span < 0 ? 0 : (int)(span / stride) + 1;
    }

    /// <summary>
    /// A stride or dilation no longer than the padded input: a longer one has a single output, or a kernel of one row, and
    /// then no meaning. So sums of a place and a step stay within 32 bits.
    /// </summary>
    static int Within(int padded, int step) => Math.Min(step, Math.Max(padded, 1));

    static void CheckOptions(string operation, ReadOnlySpan<int> x, ReadOnlySpan<int> w, Size2d stride, Padding2d padding, Size2d dilation, int groups)
    {
        if (x.Length != 4 || w.Length != 4)
            throw new ShapeException(operation, $"expected an input [N, H, W, C] and weights [kh, kw, in, out], got {Geometry.Text(x)} and {Geometry.Text(w)}.");
        if (w[0] < 1 || w[1] < 1) throw new ShapeException(operation, $"the kernel {w[0]} x {w[1]} must be at least 1 x 1.{Describe(x, w, groups)}");
        if (stride.H < 1 || stride.W < 1) throw new ShapeException(operation, $"stride {stride} must be at least 1.");
        if (dilation.H < 1 || dilation.W < 1) throw new ShapeException(operation, $"dilation {dilation} must be at least 1.");
        if (padding.Top < 0 || padding.Bottom < 0 || padding.Left < 0 || padding.Right < 0) throw new ShapeException(operation, $"padding {padding} must not be negative.");
        if (groups < 1) throw new ShapeException(operation, $"groups {groups} must be at least 1.");
    }

    static string Describe(ReadOnlySpan<int> x, ReadOnlySpan<int> w, int groups)
    {
        var (input, weights) = (Geometry.Text(x), Geometry.Text(w));
        var width = Math.Max(input.Length, weights.Length);
        return $"\n  input   {input.PadRight(width)}   (N, H, W, C)\n  weights {weights.PadRight(width)}   (kh, kw, in, out), groups {groups}";
    }
}

/// <summary>
/// Windows over x [N, H, W, C] that give y [N, OutH, OutW, C]: fixed kernels, or adaptive ones that divide x evenly.
/// </summary>
/// <param name="N">Images.</param>
/// <param name="H">Rows of x.</param>
/// <param name="W">Columns of x.</param>
/// <param name="C">Channels.</param>
/// <param name="OutH">Rows of y.</param>
/// <param name="OutW">Columns of y.</param>
/// <param name="KernelH">Rows of a window (0: adaptive).</param>
/// <param name="KernelW">Columns of a window (0: adaptive).</param>
/// <param name="StrideH">Rows between windows.</param>
/// <param name="StrideW">Columns between windows.</param>
/// <param name="Padding">Around x; never the maximum, and counted by an average only if <paramref name="CountIncludePad"/>.</param>
/// <param name="CountIncludePad">Whether an average divides by the padded window's size.</param>
public readonly record struct PoolGeometry(
    int N, int H, int W, int C,
    int OutH, int OutW,
    int KernelH, int KernelW,
    int StrideH, int StrideW,
    Padding2d Padding,
    bool CountIncludePad)
{
    /// <summary>Checks a pooling and works out its output.</summary>
    /// <param name="x">[N, H, W, C].</param>
    /// <param name="kernel">The window; at least 1.</param>
    /// <param name="stride">At least 1.</param>
    /// <param name="padding">At most half the window.</param>
    /// <param name="ceilMode">Whether a last, partial window counts (one that starts inside x or its leading padding).</param>
    /// <param name="countIncludePad">For averages: whether padding counts as zeros.</param>
    /// <exception cref="ShapeException">Something does not fit.</exception>
    public static PoolGeometry Create(ReadOnlySpan<int> x, Size2d kernel, Size2d stride, Padding2d padding, bool ceilMode, bool countIncludePad)
    {
        const string Operation = "Pool2d";
        if (x.Length != 4) throw new ShapeException(Operation, $"expected an input [N, H, W, C], got {Geometry.Text(x)}.");
        if (kernel.H < 1 || kernel.W < 1) throw new ShapeException(Operation, $"kernel {kernel} must be at least 1.");
        if (stride.H < 1 || stride.W < 1) throw new ShapeException(Operation, $"stride {stride} must be at least 1.");
        if (padding.Top < 0 || padding.Bottom < 0 || padding.Left < 0 || padding.Right < 0
            || padding.Top >= kernel.H || padding.Bottom >= kernel.H || padding.Left >= kernel.W || padding.Right >= kernel.W)
            throw new ShapeException(Operation, $"padding {padding} must be at least 0 and less than the kernel {kernel}.");
        if (x[1] < 1 || x[2] < 1) throw new ShapeException(Operation, $"the windows are empty: the input {Geometry.Text(x)} has {x[1]} x {x[2]} pixels.");
        var height = Geometry.Extent(Operation, "the padded height", (long)x[1] + padding.Top + padding.Bottom);
        var width = Geometry.Extent(Operation, "the padded width", (long)x[2] + padding.Left + padding.Right);
        var outH = Output(x[1], kernel.H, stride.H, padding.Top, padding.Bottom, ceilMode);
        var outW = Output(x[2], kernel.W, stride.W, padding.Left, padding.Right, ceilMode);
        if (outH < 1 || outW < 1)
            throw new ShapeException(Operation, $"the kernel {kernel} is larger than the input {Geometry.Text(x)} with padding {padding}.");

        // A stride beyond the padded input has one window and no meaning.
        return new(x[0], x[1], x[2], x[3], outH, outW, kernel.H, kernel.W, Math.Min(stride.H, height), Math.Min(stride.W, width), padding, countIncludePad);
    }

    /// <summary>Windows that divide x into <paramref name="output"/> parts: part o is [floor(o H / OutH), ceil((o + 1) H / OutH)).</summary>
    /// <exception cref="ShapeException">Something does not fit.</exception>
    public static PoolGeometry CreateAdaptive(ReadOnlySpan<int> x, Size2d output)
    {
        const string Operation = "AdaptivePool2d";
        if (x.Length != 4) throw new ShapeException(Operation, $"expected an input [N, H, W, C], got {Geometry.Text(x)}.");
        if (output.H < 1 || output.W < 1 || x[1] < 1 || x[2] < 1) throw new ShapeException(Operation, $"cannot divide {Geometry.Text(x)} into {output} parts.");
        return new(x[0], x[1], x[2], x[3], output.H, output.W, 0, 0, 0, 0, 0, false);
    }

    /// <summary>The rows of x in window row <paramref name="o"/>, clipped to x, and the window's rows with padding.</summary>
    public (int Start, int End, int Padded) RowWindow(int o) => Window(o, H, OutH, KernelH, StrideH, Padding.Top, Padding.Bottom);

    /// <summary>The columns of x in window column <paramref name="o"/>, clipped to x, and the window's columns with padding.</summary>
    public (int Start, int End, int Padded) ColumnWindow(int o) => Window(o, W, OutW, KernelW, StrideW, Padding.Left, Padding.Right);

    internal static (int Start, int End, int Padded) Window(int o, int size, int outSize, int kernel, int stride, int before, int after)
    {
        if (kernel == 0)
        {
            var first = (int)((long)o * size / outSize);
            var last = (int)((((long)o + 1) * size + outSize - 1) / outSize);
            return (first, last, last - first);
        }

        var start = (o * stride) - before;
        var end = (int)Math.Min((long)start + kernel, (long)size + after);
        return (Math.Max(start, 0), Math.Min(end, size), end - start);
    }

    static int Output(int size, int kernel, int stride, int before, int after, bool ceilMode)
    {
        var span = (long)size + before + after - kernel;
        if (span < 0 && !(ceilMode && span > -stride)) return 0;
        var count = (span >= 0 ? (ceilMode ? (span + stride - 1) / stride : span / stride) : 0) + 1;
        if (ceilMode && (count - 1) * stride >= (long)size + before) count--;
        return (int)count;
    }
}

/// <summary>Batch normalization of x [Rows, Channels] (rows are N x H x W), each channel over its rows.</summary>
/// <param name="Rows">N x H x W.</param>
/// <param name="Channels">C.</param>
/// <param name="Epsilon">Added to the variance.</param>
/// <param name="Momentum">The share that the running statistics take of each batch's.</param>
/// <param name="Activation">Applied to the result, after the addend.</param>
public readonly record struct BatchNormGeometry(long Rows, int Channels, float Epsilon, float Momentum, Activation Activation);

/// <summary>Local response normalization across the channels of x [Rows, Channels].</summary>
/// <param name="Rows">N x H x W.</param>
/// <param name="Channels">C.</param>
/// <param name="Size">Channels in the window: [c - Size / 2, c + (Size - 1) / 2], clipped.</param>
/// <param name="Alpha">Divided by <paramref name="Size"/>.</param>
/// <param name="Beta">The exponent.</param>
/// <param name="K">The offset.</param>
public readonly record struct LrnGeometry(long Rows, int Channels, int Size, float Alpha, float Beta, float K);

/// <summary>Scores [Rows, Classes] and a label, Int32, for each row.</summary>
/// <param name="Rows">All axes before the classes.</param>
/// <param name="Classes">Labels are within [0, Classes).</param>
/// <param name="IgnoreIndex">The label of rows that do not count: loss and gradient 0. Null: every row counts.</param>
public readonly record struct LabelGeometry(long Rows, int Classes, int? IgnoreIndex = null);

/// <summary>c [M, N] = op(a) op(b), with op(a) [M, K] and op(b) [K, N], all contiguous rows.</summary>
/// <param name="M">Rows of the result.</param>
/// <param name="N">Columns of the result.</param>
/// <param name="K">The summed extent.</param>
/// <param name="TransposeA">a is stored [K, M].</param>
/// <param name="TransposeB">b is stored [N, K].</param>
public readonly record struct MatMulGeometry(int M, int N, int K, bool TransposeA = false, bool TransposeB = false)
{
    /// <summary>How many products there are, of matrices one after the other in a, b and c.</summary>
    public int Batch { get; init; } = 1;
}

/// <summary>Element-wise reading of two inputs along four axes; a stride of 0 repeats the input along that axis.</summary>
/// <param name="D0">Extent of the outermost axis.</param>
/// <param name="D1">Extent of the second axis.</param>
/// <param name="D2">Extent of the third axis.</param>
/// <param name="D3">Extent of the innermost axis.</param>
/// <param name="A0">Stride of a along axis 0.</param>
/// <param name="A1">Stride of a along axis 1.</param>
/// <param name="A2">Stride of a along axis 2.</param>
/// <param name="A3">Stride of a along axis 3: 0 or 1.</param>
/// <param name="B0">Stride of b along axis 0.</param>
/// <param name="B1">Stride of b along axis 1.</param>
/// <param name="B2">Stride of b along axis 2.</param>
/// <param name="B3">Stride of b along axis 3: 0 or 1.</param>
public readonly record struct BroadcastGeometry(int D0, int D1, int D2, int D3, long A0, long A1, long A2, long A3, long B0, long B1, long B2, long B3)
{
    /// <summary>Elements of the result, which is contiguous.</summary>
    public long Count => (long)D0 * D1 * D2 * D3;

    /// <summary>Whether both inputs are read element by element, in order.</summary>
    public bool IsElementwise => IsContiguous(A0, A1, A2, A3) && IsContiguous(B0, B1, B2, B3);

    bool IsContiguous(long s0, long s1, long s2, long s3)
        => (D3 == 1 || s3 == 1) && (D2 == 1 || s2 == D3) && (D1 == 1 || s1 == (long)D2 * D3) && (D0 == 1 || s0 == (long)D1 * D2 * D3);
}

/// <summary>A strided copy of a box of up to four axes between two buffers: slices, concatenation, padding, permutation.</summary>
/// <param name="D0">Extent of the outermost axis.</param>
/// <param name="D1">Extent of the second axis.</param>
/// <param name="D2">Extent of the third axis.</param>
/// <param name="D3">Extent of the innermost axis.</param>
/// <param name="SourceOffset">The first element read.</param>
/// <param name="S0">Source stride along axis 0.</param>
/// <param name="S1">Source stride along axis 1.</param>
/// <param name="S2">Source stride along axis 2.</param>
/// <param name="S3">Source stride along axis 3.</param>
/// <param name="TargetOffset">The first element written.</param>
/// <param name="T0">Target stride along axis 0.</param>
/// <param name="T1">Target stride along axis 1.</param>
/// <param name="T2">Target stride along axis 2.</param>
/// <param name="T3">Target stride along axis 3.</param>
public readonly record struct RegionGeometry(
    int D0, int D1, int D2, int D3,
    long SourceOffset, long S0, long S1, long S2, long S3,
    long TargetOffset, long T0, long T1, long T2, long T3)
{
    /// <summary>A run of elements, one after the other on both sides.</summary>
    /// <param name="count">How many.</param>
    /// <param name="sourceOffset">The first element read; default 0.</param>
    /// <param name="targetOffset">The first element written; default 0.</param>
    public static RegionGeometry Run(int count, long sourceOffset = 0, long targetOffset = 0) => new(1, 1, 1, count, sourceOffset, 0, 0, 0, 1, targetOffset, 0, 0, 0, 1);
}

/// <summary>A sum over the middle axis of x [Outer, Reduced, Inner].</summary>
/// <param name="Outer">Extent before the reduced axis.</param>
/// <param name="Reduced">Extent that is summed.</param>
/// <param name="Inner">Extent after the reduced axis.</param>
public readonly record struct ReduceGeometry(long Outer, long Reduced, long Inner);

/// <summary>Indices along the middle axis of x [Outer, Extent, Inner].</summary>
/// <param name="Outer">Extent before the axis.</param>
/// <param name="Extent">Extent of the axis.</param>
/// <param name="Count">Indices a row: the extent of the indices' axis.</param>
/// <param name="Inner">Extent after the axis.</param>
public readonly record struct IndexGeometry(long Outer, int Extent, int Count, long Inner);

/// <summary>Enlarging x [N, H, W, C] to y [N, OutH, OutW, C].</summary>
/// <param name="N">Images.</param>
/// <param name="H">Rows of x.</param>
/// <param name="W">Columns of x.</param>
/// <param name="C">Channels.</param>
/// <param name="OutH">Rows of y.</param>
/// <param name="OutW">Columns of y.</param>
/// <param name="AlignCorners">Bilinear only: whether the corner pixels' centers coincide (otherwise their outer edges do).</param>
public readonly record struct UpsampleGeometry(int N, int H, int W, int C, int OutH, int OutW, bool AlignCorners);

/// <summary>A sparse matrix [Rows, Columns] times the middle axis of x [Outer, Columns, Inner]: y [Outer, Rows, Inner].</summary>
/// <param name="Outer">Extent before the axis.</param>
/// <param name="Rows">Rows of the matrix: the axis's extent in y.</param>
/// <param name="Columns">Columns of the matrix: the axis's extent in x.</param>
/// <param name="Inner">Extent after the axis.</param>
public readonly record struct SparseGeometry(int Outer, int Rows, int Columns, int Inner);

/// <summary>
/// Reading a batch y [N, OutH, OutW, C] out of resident images [count, H, W, C] (uint8), each with its own crop.
/// </summary>
/// <param name="N">Images in the batch.</param>
/// <param name="H">Rows of a resident image.</param>
/// <param name="W">Columns of a resident image.</param>
/// <param name="C">Channels.</param>
/// <param name="OutH">Rows of a batch image.</param>
/// <param name="OutW">Columns of a batch image.</param>
/// <param name="Cutout">Side of the square that is blanked where a crop asks for it; 0: none.</param>
public readonly record struct ImageGeometry(int N, int H, int W, int C, int OutH, int OutW, int Cutout)
{
    /// <summary>Integers a crop has: image, top, left, flip, cutout top, cutout left.</summary>
    public const int CropLength = 6;

    /// <summary>What lies outside an image; default zeros.</summary>
    public ImagePadding Padding { get; init; }
}

/// <summary>What a crop reads outside an image.</summary>
public enum ImagePadding
{
    /// <summary>Zeros: black.</summary>
    Zero,

    /// <summary>The image mirrored at its edge pixels, which are not repeated (PyTorch's <c>reflect</c>): row -1 is row 1. Zeros beyond that.</summary>
    Reflect,
}

/// <summary>Words about shapes, for messages.</summary>
public static class Geometry
{
    /// <summary><c>[2, 3, 4]</c>.</summary>
    public static string Text(ReadOnlySpan<int> shape) => $"[{string.Join(", ", shape.ToArray())}]";

    /// <summary>An extent that was computed in 64 bits.</summary>
    /// <param name="operation">The operation that asks, for the message.</param>
    /// <param name="what">The quantity, for the message: <c>the padded height</c>.</param>
    /// <param name="value">At least 0.</param>
    /// <exception cref="ShapeException">It is more than an axis can have.</exception>
    public static int Extent(string operation, string what, long value)
        => value <= int.MaxValue ? (int)value : throw new ShapeException(operation, $"{what} is {value:N0}; an axis has at most {int.MaxValue:N0}.");

    /// <summary>The product of numbers that are at least 0; <see cref="long.MaxValue"/> where it is more than that.</summary>
    internal static long Product(params ReadOnlySpan<int> factors)
    {
        if (factors.Contains(0)) return 0;
        var product = 1L;
        foreach (var factor in factors)
        {
            if (product > long.MaxValue / factor) return long.MaxValue;
            product *= factor;
        }

        return product;
    }
}

/// <summary>What a grid's places outside of the image read.</summary>
public enum GridPadding
{
    /// <summary>Zeros.</summary>
    Zeros,

    /// <summary>The nearest pixel of the image.</summary>
    Border,

    /// <summary>The image mirrored at its edges, or, with aligned corners, at the centers of its outermost pixels, as often as it takes.</summary>
    Reflection,
}

/// <summary>Sampling x [N, H, W, C] at the places of grid [N, OutH, OutW, 2] to y [N, OutH, OutW, C].</summary>
/// <param name="N">Images.</param>
/// <param name="H">Rows of x.</param>
/// <param name="W">Columns of x.</param>
/// <param name="C">Channels.</param>
/// <param name="OutH">Rows of y.</param>
/// <param name="OutW">Columns of y.</param>
/// <param name="Taps">Pixels that a place reads along each axis: 1 (nearest), 2 (bilinear) or 4 (bicubic).</param>
/// <param name="Padding">What places outside of x read.</param>
/// <param name="AlignCorners">Whether -1 and 1 are the centers of the outermost pixels (otherwise their outer edges).</param>
public readonly record struct GridGeometry(int N, int H, int W, int C, int OutH, int OutW, int Taps, GridPadding Padding, bool AlignCorners);
