using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

/// <summary>Forward: one thread an element of y. Backward: one thread an element of x, which gathers from the outputs that read it.</summary>
sealed partial class ResizeKernels(GpuKernels kernels) : GpuKernelFamily(kernels), IResizeKernels
{
    Action<Index1D, UpsampleSizes, ArrayView<float>, ArrayView<float>>? upsampleNearestForward;
    Action<Index1D, UpsampleSizes, ArrayView<float>, ArrayView<float>>? upsampleNearestBackward;
    Action<Index1D, int, UpsampleAxis, UpsampleAxis, ArrayView<float>, ArrayView<float>>? upsampleBilinearForward;
    Action<Index1D, int, UpsampleAxis, UpsampleAxis, ArrayView<float>, ArrayView<float>>? upsampleBilinearBackward;

    /// <summary>An <see cref="UpsampleGeometry"/> without its bool, which is no parameter for a kernel.</summary>
    internal readonly record struct UpsampleSizes(int H, int W, int C, int OutH, int OutW)
    {
        /// <exception cref="NotSupportedException">A position times an extent is not an Int32.</exception>
        public static UpsampleSizes Of(in UpsampleGeometry g)
        {
            if (Math.Max((g.H + 1L) * g.OutH, (g.W + 1L) * g.OutW) > int.MaxValue) throw new NotSupportedException($"Nearest upsampling from {g.H} x {g.W} to {g.OutH} x {g.OutW}: the GPU engine's positions are 32-bit numbers.");
            return new(g.H, g.W, g.C, g.OutH, g.OutW);
        }
    }

    /// <summary>y[n,i,j] = x[n, floor(i H / OutH), floor(j W / OutW)].</summary>
    static void UpsampleNearestForwardKernel(Index1D o, UpsampleSizes g, ArrayView<float> x, ArrayView<float> y)
    {
        var pixel = o.X / g.C;
        var h = pixel / g.OutW % g.OutH * g.H / g.OutH;
        var w = pixel % g.OutW * g.W / g.OutW;
        var n = pixel / (g.OutW * g.OutH);
        y[o] = x[((long)((((n * g.H) + h) * g.W) + w) * g.C) + (o.X % g.C)];
    }

    public void NearestForward(in UpsampleGeometry g, DeviceBuffer x, DeviceBuffer y)
    {
        if (y.Length == 0) return;
        upsampleNearestForward ??= Compile<Action<Index1D, UpsampleSizes, ArrayView<float>, ArrayView<float>>>(nameof(NearestForward), UpsampleNearestForwardKernel);
        upsampleNearestForward(Range(y.Length), UpsampleSizes.Of(g), ReadFloats(x), Floats(y));
    }

    /// <summary>dx = the sum of dy over the outputs that read the element: from ceil(h OutH / H) up to, not including, ceil((h + 1) OutH / H).</summary>
    static void UpsampleNearestBackwardKernel(Index1D i, UpsampleSizes g, ArrayView<float> dy, ArrayView<float> dx)
    {
        var c = i.X % g.C;
        var pixel = i.X / g.C;
        var h = pixel / g.W % g.H;
        var w = pixel % g.W;
        var image = (long)(pixel / (g.W * g.H)) * g.OutH * g.OutW * g.C;
        var lastRow = ((((h + 1) * g.OutH) - 1) / g.H) + 1;
        var firstColumn = ((w * g.OutW) + g.W - 1) / g.W;
        var lastColumn = ((((w + 1) * g.OutW) - 1) / g.W) + 1;
        var sum = 0f;
        for (var row = ((h * g.OutH) + g.H - 1) / g.H; row < lastRow; row++)
        {
            for (var column = firstColumn; column < lastColumn; column++) sum += dy[image + ((long)((row * g.OutW) + column) * g.C) + c];
        }

        dx[i] = sum;
    }

    public void NearestBackward(in UpsampleGeometry g, DeviceBuffer dy, DeviceBuffer dx)
    {
        if (dx.Length == 0) return;
        upsampleNearestBackward ??= Compile<Action<Index1D, UpsampleSizes, ArrayView<float>, ArrayView<float>>>(nameof(NearestBackward), UpsampleNearestBackwardKernel);
        RequireIndexable(dy, dx);
        upsampleNearestBackward(Range(dx.Length), UpsampleSizes.Of(g), ReadFloats(dy), Floats(dx));
    }

    /// <summary>
    /// Where the outputs of an axis lie on its source: output o at max(o Step + Offset, 0) / Denominator. In whole numbers,
    /// so that no rounding moves an output to another source pixel.
    /// </summary>
    internal readonly record struct UpsampleAxis(int Size, int OutSize, int Step, int Offset, int Denominator)
    {
        /// <summary>(o + 1/2) size / outSize - 1/2, or o (size - 1) / (outSize - 1) with the corners aligned: a single output then reads the first pixel.</summary>
        /// <exception cref="NotSupportedException">A position is not an Int32.</exception>
        public static UpsampleAxis Create(int size, int outSize, bool alignCorners)
        {
            if (((2L * size) + 2) * ((2L * outSize) + 1) > int.MaxValue) throw new NotSupportedException($"Bilinear upsampling from {size} to {outSize} rows or columns: the GPU engine's positions are 32-bit numbers.");
            return !alignCorners ? new(size, outSize, 2 * size, size - outSize, 2 * outSize)
                : outSize > 1 ? new(size, outSize, size - 1, 0, outSize - 1)
                : new(size, outSize, 0, 0, 1);
        }

        /// <summary>The two source pixels of output <paramref name="o"/>, one and the same at the far edge, and the share of the second.</summary>
        public (int First, int Second, float SecondWeight) Neighbors(int o)
        {
            var position = Math.Max((o * Step) + Offset, 0);
            var first = Math.Min(position / Denominator, Size - 1);
            return (first, Math.Min(first + 1, Size - 1), (float)(position - (first * Denominator)) / Denominator);
        }

        /// <summary>Bounds of the outputs that may read source pixel <paramref name="h"/>: those at h - 1 to h + 1.</summary>
        public (int First, int Last) Readers(int h)
        {
            if (Step == 0) return (0, OutSize - 1);
            return (Math.Max((((h - 1) * Denominator) - Offset) / Step, 0), Math.Min((((h + 1) * Denominator) - Offset) / Step, OutSize - 1));
        }

        /// <summary>The weight of source pixel <paramref name="h"/> in output <paramref name="o"/>.</summary>
        public float Weight(int o, int h)
        {
            var (first, second, secondWeight) = Neighbors(o);
            return (first == h ? 1 - secondWeight : 0) + (second == h ? secondWeight : 0);
        }
    }

    /// <summary>y = the blend of the four source pixels around the output's position.</summary>
    static void UpsampleBilinearForwardKernel(Index1D o, int channels, UpsampleAxis rows, UpsampleAxis columns, ArrayView<float> x, ArrayView<float> y)
    {
        var c = o.X % channels;
        var pixel = o.X / channels;
        var (top, bottom, low) = rows.Neighbors(pixel / columns.OutSize % rows.OutSize);
        var (left, right, far) = columns.Neighbors(pixel % columns.OutSize);
        var image = (long)(pixel / (columns.OutSize * rows.OutSize)) * rows.Size * columns.Size * channels;
        var upper = image + ((long)top * columns.Size * channels) + c;
        var lower = image + ((long)bottom * columns.Size * channels) + c;
        y[o] = ((1 - low) * (((1 - far) * x[upper + (left * channels)]) + (far * x[upper + (right * channels)])))
             + (low * (((1 - far) * x[lower + (left * channels)]) + (far * x[lower + (right * channels)])));
    }

    public void BilinearForward(in UpsampleGeometry g, DeviceBuffer x, DeviceBuffer y)
    {
        if (y.Length == 0) return;
        upsampleBilinearForward ??= Compile<Action<Index1D, int, UpsampleAxis, UpsampleAxis, ArrayView<float>, ArrayView<float>>>(nameof(BilinearForward), UpsampleBilinearForwardKernel);
        upsampleBilinearForward(Range(y.Length), g.C, UpsampleAxis.Create(g.H, g.OutH, g.AlignCorners), UpsampleAxis.Create(g.W, g.OutW, g.AlignCorners), ReadFloats(x), Floats(y));
    }

    /// <summary>dx = the sum of dy times its weight over the outputs that read the element.</summary>
    static void UpsampleBilinearBackwardKernel(Index1D i, int channels, UpsampleAxis rows, UpsampleAxis columns, ArrayView<float> dy, ArrayView<float> dx)
    {
        var c = i.X % channels;
        var pixel = i.X / channels;
        var h = pixel / columns.Size % rows.Size;
        var w = pixel % columns.Size;
        var image = (long)(pixel / (columns.Size * rows.Size)) * rows.OutSize * columns.OutSize * channels;
        var (firstRow, lastRow) = rows.Readers(h);
        var (firstColumn, lastColumn) = columns.Readers(w);
        var sum = 0f;
        for (var row = firstRow; row <= lastRow; row++)
        {
            var weight = rows.Weight(row, h);
            for (var column = firstColumn; column <= lastColumn; column++) sum += weight * columns.Weight(column, w) * dy[image + ((long)((row * columns.OutSize) + column) * channels) + c];
        }

        dx[i] = sum;
    }

    public void BilinearBackward(in UpsampleGeometry g, DeviceBuffer dy, DeviceBuffer dx)
    {
        if (dx.Length == 0) return;
        upsampleBilinearBackward ??= Compile<Action<Index1D, int, UpsampleAxis, UpsampleAxis, ArrayView<float>, ArrayView<float>>>(nameof(BilinearBackward), UpsampleBilinearBackwardKernel);
        RequireIndexable(dy, dx);
        upsampleBilinearBackward(Range(dx.Length), g.C, UpsampleAxis.Create(g.H, g.OutH, g.AlignCorners), UpsampleAxis.Create(g.W, g.OutW, g.AlignCorners), ReadFloats(dy), Floats(dx));
    }
}
