using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

// Convolutions whose groups have so few channels (depthwise: one) that a matrix product would mostly multiply padding.
// One thread a result, channels fastest, so that a warp reads neighboring floats; memory is the limit, not arithmetic.
sealed partial class ConvolutionKernels
{
    /// <summary>Threads that sum a gradient with respect to the weights, about: few results, so each is summed in many parts.</summary>
    const int NarrowWeightThreads = 1 << 17;

    Action<Index1D, ConvGeometry, NarrowOptions, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>? narrowForward;
    Action<Index1D, ConvGeometry, NarrowOptions, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>? narrowBackward;
    Action<Index1D, ConvGeometry, int, int, ArrayView<float>, ArrayView<float>, ArrayView<float>>? narrowWeight;

    static bool IsNarrow(in ConvGeometry g) => g.Groups > 1 && (g.GroupC < 4 || g.GroupK < 4);

    /// <summary>One thread an element of y [N, OutH, OutW, K].</summary>
    static void NarrowForwardKernel(Index1D index, ConvGeometry g, NarrowOptions options, ArrayView<float> x, ArrayView<float> w, ArrayView<float> bias, ArrayView<float> y)
    {
        int place = index;
        var pixel = place / g.K;
        var k = place - (pixel * g.K);
        var line = pixel / g.OutW;
        var image = line / g.OutH;
        var (groupC, groupK) = (g.C / g.Groups, g.K / g.Groups);
        var group = k / groupK;
        var top = ((line - (image * g.OutH)) * g.StrideH) - g.PadTop;
        var left = ((pixel - (line * g.OutW)) * g.StrideW) - g.PadLeft;

        // A weight's place: first + tap tapStride + channel channelStride.
        var first = options.Turned != 0 ? ((k - (group * groupK)) * g.C) + (group * groupC) : k;
        var tapStride = options.Turned != 0 ? groupK * g.C : groupC * g.K;
        var channelStride = options.Turned != 0 ? 1 : g.K;
        var sum = 0f;
        for (var r = 0; r < g.KernelH; r++)
        {
            var h = top + (r * g.DilationH);
            if ((uint)h >= (uint)g.H) continue;
            for (var s = 0; s < g.KernelW; s++)
            {
                var column = left + (s * g.DilationW);
                if ((uint)column >= (uint)g.W) continue;
                var from = (((((image * g.H) + h) * g.W) + column) * g.C) + (group * groupC);
                var weight = first + (((r * g.KernelW) + s) * tapStride);
                for (var c = 0; c < groupC; c++) sum += x[from + c] * w[weight + (c * channelStride)];
            }
        }

        y[place] = Finish(options, sum, options.HasBias != 0 ? bias[k] : 0f, options.Accumulate != 0 ? y[place] : 0f);
    }

    /// <summary>One thread an element of dx [N, H, W, C].</summary>
    static void NarrowBackwardKernel(Index1D index, ConvGeometry g, NarrowOptions options, ArrayView<float> dy, ArrayView<float> w, ArrayView<float> bias, ArrayView<float> dx)
    {
        int place = index;
        var pixel = place / g.C;
        var c = place - (pixel * g.C);
        var line = pixel / g.W;
        var image = line / g.H;
        var (groupC, groupK) = (g.C / g.Groups, g.K / g.Groups);
        var group = c / groupC;
        var bottom = line - (image * g.H) + g.PadTop;
        var right = pixel - (line * g.W) + g.PadLeft;

        var first = options.Turned != 0 ? ((c - (group * groupC)) * g.K) + (group * groupK) : c;
        var tapStride = options.Turned != 0 ? groupC * g.K : groupK * g.C;
        var channelStride = options.Turned != 0 ? 1 : g.C;
        var sum = 0f;
        for (var r = 0; r < g.KernelH; r++)
        {
            var h = bottom - (r * g.DilationH);
            var i = h / g.StrideH;
            if (h < 0 || i >= g.OutH || i * g.StrideH != h) continue;
            for (var s = 0; s < g.KernelW; s++)
            {
                var column = right - (s * g.DilationW);
                var j = column / g.StrideW;
                if (column < 0 || j >= g.OutW || j * g.StrideW != column) continue;
                var from = (((((image * g.OutH) + i) * g.OutW) + j) * g.K) + (group * groupK);
                var weight = first + (((r * g.KernelW) + s) * tapStride);
                for (var k = 0; k < groupK; k++) sum += dy[from + k] * w[weight + (k * channelStride)];
            }
        }

        dx[place] = Finish(options, sum, options.HasBias != 0 ? bias[c] : 0f, options.Accumulate != 0 ? dx[place] : 0f);
    }

    static float Finish(NarrowOptions options, float sum, float bias, float before)
    {
        sum += bias;
        if (options.Relu != 0 && sum < 0f) sum = 0f;
        return sum + before;
    }

    /// <summary>One thread a weight and a part of the lines of y: parts [part, weight], their sums added up afterwards.</summary>
    static void NarrowWeightKernel(Index1D index, ConvGeometry g, int exchanged, int lines, ArrayView<float> x, ArrayView<float> dy, ArrayView<float> parts)
    {
        int place = index;
        var (groupC, groupK) = (g.C / g.Groups, g.K / g.Groups);
        var weights = g.KernelH * g.KernelW * groupC * g.K;
        var part = place / weights;
        var weight = place - (part * weights);

        // Weights are [taps, c, k of all groups], or, exchanged, [taps, k, c of all groups].
        var fast = exchanged != 0 ? g.C : g.K;
        var slow = exchanged != 0 ? groupK : groupC;
        var row = weight / fast;
        var ofAll = weight - (row * fast);
        var tap = row / slow;
        var ofGroup = row - (tap * slow);
        var group = ofAll / (exchanged != 0 ? groupC : groupK);
        var c = exchanged != 0 ? ofAll : (group * groupC) + ofGroup;
        var k = exchanged != 0 ? (group * groupK) + ofGroup : ofAll;
        var top = (tap / g.KernelW * g.DilationH) - g.PadTop;
        var left = (tap % g.KernelW * g.DilationW) - g.PadLeft;

        var sum = 0f;
        var end = Math.Min((part + 1) * lines, g.N * g.OutH);
        for (var line = part * lines; line < end; line++)
        {
            var image = line / g.OutH;
            var h = top + ((line - (image * g.OutH)) * g.StrideH);
            if ((uint)h >= (uint)g.H) continue;
            var from = (((image * g.H) + h) * g.W * g.C) + c;
            for (var j = 0; j < g.OutW; j++)
            {
                var column = left + (j * g.StrideW);
                if ((uint)column < (uint)g.W) sum += x[from + (column * g.C)] * dy[(((line * g.OutW) + j) * g.K) + k];
            }
        }

        parts[place] = sum;
    }

    internal void NarrowForward(in ConvGeometry g, DeviceBuffer x, DeviceBuffer w, bool turned, DeviceBuffer? b, DeviceBuffer y, bool relu, bool accumulate)
    {
        RequireIndexable(x, w, y);
        if (y.Length == 0) return;
        (narrowForward ??= Compile<Action<Index1D, ConvGeometry, NarrowOptions, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>>(nameof(NarrowForward), NarrowForwardKernel))(
            Range(y.Length), g, new(turned, b is not null, relu, accumulate), ReadFloats(x), ReadFloats(w), ReadViewOrEmpty<float>(b), Floats(y));
    }

    void NarrowBackward(in ConvGeometry g, DeviceBuffer dy, DeviceBuffer w, bool turned, DeviceBuffer? b, DeviceBuffer dx, bool accumulate)
    {
        RequireIndexable(dy, w, dx);
        if (dx.Length == 0) return;
        (narrowBackward ??= Compile<Action<Index1D, ConvGeometry, NarrowOptions, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>>(nameof(NarrowBackward), NarrowBackwardKernel))(
            Range(dx.Length), g, new(turned, b is not null, false, accumulate), ReadFloats(dy), ReadFloats(w), ReadViewOrEmpty<float>(b), Floats(dx));
    }

    void NarrowWeight(in ConvGeometry g, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw, bool exchanged)
    {
        RequireIndexable(x, dy, dw);
        if (dw.Length == 0) return;
        var allLines = Math.Max(1, g.N * g.OutH);
        var lines = Blocks(allLines, (int)Math.Clamp(NarrowWeightThreads / dw.Length, 1, allLines));
        var parts = Blocks(allLines, lines);
        var sums = Engine.Rent(DType.Float32, parts * dw.Length);
        try
        {
            (narrowWeight ??= Compile<Action<Index1D, ConvGeometry, int, int, ArrayView<float>, ArrayView<float>, ArrayView<float>>>(nameof(NarrowWeight), NarrowWeightKernel))(
                Range(sums.Length), g, exchanged ? 1 : 0, lines, ReadFloats(x), ReadFloats(dy), Floats(sums));
            Kernels.Reductions.Sum(new(1, parts, dw.Length), 1f, sums, dw);
        }
        finally
        {
            sums.Release();
        }
    }
}

/// <summary>What a kernel for narrow groups does besides its sum.</summary>
/// <param name="turned">Whether the weights are [taps, results, channels] rather than [taps, channels, results].</param>
/// <param name="hasBias">Whether the bias is added.</param>
/// <param name="relu">Whether negative results become 0.</param>
/// <param name="accumulate">Whether results are added to what is there.</param>
readonly struct NarrowOptions(bool turned, bool hasBias, bool relu, bool accumulate)
{
    public readonly int Turned = turned ? 1 : 0, HasBias = hasBias ? 1 : 0, Relu = relu ? 1 : 0, Accumulate = accumulate ? 1 : 0;
}
