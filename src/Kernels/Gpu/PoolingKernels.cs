using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

/// <summary>
/// Forward: one thread an element of y. Backward: one thread an element of x, which gathers from the windows that hold it, so
/// that no two threads add to one place. Of maxima a thread has four channels where their number allows.
/// </summary>
sealed class PoolingKernels(GpuKernels kernels) : GpuKernelFamily(kernels), IPoolingKernels
{
    Action<Index1D, int, PoolAxis, PoolAxis, ArrayView<float>, ArrayView<float>, ArrayView<int>>? maxPoolForward, maxPoolForwardQuads;
    Action<Index1D, int, PoolAxis, PoolAxis, ArrayView<float>, ArrayView<int>, ArrayView<float>>? maxPoolBackward, maxPoolBackwardQuads;
    Action<Index1D, int, PoolAxis, PoolAxis, int, ArrayView<float>, ArrayView<float>>? avgPoolForward;
    Action<Index1D, int, PoolAxis, PoolAxis, int, ArrayView<float>, ArrayView<float>>? avgPoolBackward;

    /// <summary>The windows along one axis of a <see cref="PoolGeometry"/>, which itself is no parameter for a kernel: it has a bool.</summary>
    internal readonly record struct PoolAxis(int Size, int OutSize, int Kernel, int Stride, int Before, int After)
    {
        public static PoolAxis Rows(in PoolGeometry g) => new(g.H, g.OutH, g.KernelH, g.StrideH, g.Padding.Top, g.Padding.Bottom);

        public static PoolAxis Columns(in PoolGeometry g) => new(g.W, g.OutW, g.KernelW, g.StrideW, g.Padding.Left, g.Padding.Right);

        /// <summary>As <see cref="PoolGeometry.RowWindow"/>.</summary>
        public (int Start, int End, int Padded) Window(int o) => PoolGeometry.Window(o, Size, OutSize, Kernel, Stride, Before, After);

        /// <summary>
        /// The first and last window that hold position <paramref name="h"/>: of fixed ones those with
        /// o Stride &lt;= h + Before &lt; o Stride + Kernel, of adaptive ones (Kernel 0) those with o Size &lt; (h + 1) OutSize and
        /// (o + 1) Size > h OutSize.
        /// </summary>
        public (int First, int Last) Holders(int h)
        {
            if (Kernel == 0) return ((int)((long)h * OutSize / Size), (int)(((((long)h + 1) * OutSize) - 1) / Size));
            var first = h + Before < Kernel ? 0 : ((h + Before - Kernel) / Stride) + 1;
            return (first, Math.Min((h + Before) / Stride, OutSize - 1));
        }
    }

    /// <summary>y = the maximum of each window; indices: its index h W + w.</summary>
    static void MaxPoolForwardKernel(Index1D o, int channels, PoolAxis rows, PoolAxis columns, ArrayView<float> x, ArrayView<float> y, ArrayView<int> indices)
    {
        var c = o.X % channels;
        var window = o.X / channels;
        var (top, bottom, _) = rows.Window(window / columns.OutSize % rows.OutSize);
        var (left, right, _) = columns.Window(window % columns.OutSize);
        var image = (long)(window / (columns.OutSize * rows.OutSize)) * rows.Size * columns.Size * channels;
        var maximum = float.NegativeInfinity;
        var place = (top * columns.Size) + left;
        for (var h = top; h < bottom; h++)
        {
            for (var w = left; w < right; w++)
            {
                var value = x[image + ((long)((h * columns.Size) + w) * channels) + c];
                if (!IsGreater(value, maximum)) continue;
                maximum = value;
                place = (h * columns.Size) + w;
            }
        }

        y[o] = maximum;
        indices[o] = place;
    }

    /// <summary>The same of four channels, which are counted in quads.</summary>
    static void MaxPoolForwardQuadsKernel(Index1D o, int channels, PoolAxis rows, PoolAxis columns, ArrayView<float> x, ArrayView<float> y, ArrayView<int> indices)
    {
        var c = o.X % channels;
        var window = o.X / channels;
        var (top, bottom, _) = rows.Window(window / columns.OutSize % rows.OutSize);
        var (left, right, _) = columns.Window(window % columns.OutSize);
        var image = window / (columns.OutSize * rows.OutSize) * rows.Size * columns.Size * channels;
        Maximum m0 = new((top * columns.Size) + left), m1 = m0, m2 = m0, m3 = m0;
        var quads = Float4.Of(x);
        for (var h = top; h < bottom; h++)
        {
            for (var w = left; w < right; w++)
            {
                var place = (h * columns.Size) + w;
                var value = quads[image + (place * channels) + c];
                m0 = m0.Or(value.X, place);
                m1 = m1.Or(value.Y, place);
                m2 = m2.Or(value.Z, place);
                m3 = m3.Or(value.W, place);
            }
        }

        Float4.Of(y)[o] = new(m0.Value, m1.Value, m2.Value, m3.Value);
        Int4.Of(indices)[o] = new(m0.Place, m1.Place, m2.Place, m3.Place);
    }

    /// <summary>The greatest of a window so far, and where it lies.</summary>
    readonly struct Maximum(float value, int place)
    {
        public readonly float Value = value;
        public readonly int Place = place;

        public Maximum(int first)
            : this(float.NegativeInfinity, first)
        {
        }

        public Maximum Or(float value, int place) => IsGreater(value, Value) ? new(value, place) : this;
    }

    /// <summary>Four integers side by side, as <see cref="Float4"/>.</summary>
    readonly struct Int4(int x, int y, int z, int w)
    {
        public readonly int X = x, Y = y, Z = z, W = w;

        public static ArrayView<Int4> Of(ArrayView<int> view) => view.AsAligned(16).Cast<Int4>();
    }

    public void MaxForward(in PoolGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer indices)
    {
        if (y.Length == 0) return;
        RequireIndexable(x, y);
        if (g.C % 4 == 0)
        {
            maxPoolForwardQuads ??= Compile<Action<Index1D, int, PoolAxis, PoolAxis, ArrayView<float>, ArrayView<float>, ArrayView<int>>>(nameof(MaxForward), MaxPoolForwardQuadsKernel);
            maxPoolForwardQuads(Range(y.Length / 4), g.C / 4, PoolAxis.Rows(g), PoolAxis.Columns(g), ReadFloats(x), Floats(y), View<int>(indices));
            return;
        }

        maxPoolForward ??= Compile<Action<Index1D, int, PoolAxis, PoolAxis, ArrayView<float>, ArrayView<float>, ArrayView<int>>>(nameof(MaxForward), MaxPoolForwardKernel);
        maxPoolForward(Range(y.Length), g.C, PoolAxis.Rows(g), PoolAxis.Columns(g), ReadFloats(x), Floats(y), View<int>(indices));
    }

    /// <summary>dx = the sum of dy over the windows whose maximum this was.</summary>
    static void MaxPoolBackwardKernel(Index1D i, int channels, PoolAxis rows, PoolAxis columns, ArrayView<float> dy, ArrayView<int> indices, ArrayView<float> dx)
    {
        var c = i.X % channels;
        var place = i.X / channels % (rows.Size * columns.Size);
        var image = (long)(i.X / channels / (rows.Size * columns.Size)) * rows.OutSize * columns.OutSize * channels;
        var (firstRow, lastRow) = rows.Holders(place / columns.Size);
        var (firstColumn, lastColumn) = columns.Holders(place % columns.Size);
        var sum = 0f;
        for (var row = firstRow; row <= lastRow; row++)
        {
            for (var column = firstColumn; column <= lastColumn; column++)
            {
                var o = image + ((long)((row * columns.OutSize) + column) * channels) + c;
                if (indices[o] == place) sum += dy[o];
            }
        }

        dx[i] = sum;
    }

    /// <summary>The same of four channels, which are counted in quads.</summary>
    static void MaxPoolBackwardQuadsKernel(Index1D i, int channels, PoolAxis rows, PoolAxis columns, ArrayView<float> dy, ArrayView<int> indices, ArrayView<float> dx)
    {
        var pixel = i.X / channels;
        var c = i.X - (pixel * channels);
        var n = pixel / (rows.Size * columns.Size);
        var place = pixel - (n * rows.Size * columns.Size);
        var line = place / columns.Size;
        var image = n * rows.OutSize * columns.OutSize * channels;
        var (firstRow, lastRow) = rows.Holders(line);
        var (firstColumn, lastColumn) = columns.Holders(place - (line * columns.Size));
        Float4 sum = default;
        var (gradients, places) = (Float4.Of(dy), Int4.Of(indices));
        for (var row = firstRow; row <= lastRow; row++)
        {
            for (var column = firstColumn; column <= lastColumn; column++)
            {
                var o = image + (((row * columns.OutSize) + column) * channels) + c;
                var (at, gradient) = (places[o], gradients[o]);
                sum += new Float4(at.X == place ? gradient.X : 0, at.Y == place ? gradient.Y : 0, at.Z == place ? gradient.Z : 0, at.W == place ? gradient.W : 0);
            }
        }

        Float4.Of(dx)[i] = sum;
    }

    public void MaxBackward(in PoolGeometry g, DeviceBuffer dy, DeviceBuffer indices, DeviceBuffer dx)
    {
        if (dx.Length == 0) return;
        if (g.C % 4 == 0)
        {
            RequireIndexable(dx, dy);
            maxPoolBackwardQuads ??= Compile<Action<Index1D, int, PoolAxis, PoolAxis, ArrayView<float>, ArrayView<int>, ArrayView<float>>>(nameof(MaxBackward), MaxPoolBackwardQuadsKernel);
            maxPoolBackwardQuads(Range(dx.Length / 4), g.C / 4, PoolAxis.Rows(g), PoolAxis.Columns(g), ReadFloats(dy), ReadView<int>(indices), Floats(dx));
            return;
        }

        maxPoolBackward ??= Compile<Action<Index1D, int, PoolAxis, PoolAxis, ArrayView<float>, ArrayView<int>, ArrayView<float>>>(nameof(MaxBackward), MaxPoolBackwardKernel);
        maxPoolBackward(Range(dx.Length), g.C, PoolAxis.Rows(g), PoolAxis.Columns(g), ReadFloats(dy), ReadView<int>(indices), Floats(dx));
    }

    /// <summary>y = the mean of each window.</summary>
    static void AvgPoolForwardKernel(Index1D o, int channels, PoolAxis rows, PoolAxis columns, int countIncludePad, ArrayView<float> x, ArrayView<float> y)
    {
        var c = o.X % channels;
        var window = o.X / channels;
        var (top, bottom, paddedRows) = rows.Window(window / columns.OutSize % rows.OutSize);
        var (left, right, paddedColumns) = columns.Window(window % columns.OutSize);
        var image = (long)(window / (columns.OutSize * rows.OutSize)) * rows.Size * columns.Size * channels;
        var sum = 0f;
        for (var h = top; h < bottom; h++)
        {
            for (var w = left; w < right; w++) sum += x[image + ((long)((h * columns.Size) + w) * channels) + c];
        }

        y[o] = sum / (countIncludePad != 0 ? (float)paddedRows * paddedColumns : (float)(bottom - top) * (right - left));
    }

    public void AverageForward(in PoolGeometry g, DeviceBuffer x, DeviceBuffer y)
    {
        if (y.Length == 0) return;
        RequireIndexable(x, y);
        avgPoolForward ??= Compile<Action<Index1D, int, PoolAxis, PoolAxis, int, ArrayView<float>, ArrayView<float>>>(nameof(AverageForward), AvgPoolForwardKernel);
        avgPoolForward(Range(y.Length), g.C, PoolAxis.Rows(g), PoolAxis.Columns(g), Flag(g.CountIncludePad), ReadFloats(x), Floats(y));
    }

    /// <summary>dx = the sum of dy / divisor over the windows that hold the element.</summary>
    static void AvgPoolBackwardKernel(Index1D i, int channels, PoolAxis rows, PoolAxis columns, int countIncludePad, ArrayView<float> dy, ArrayView<float> dx)
    {
        var c = i.X % channels;
        var place = i.X / channels % (rows.Size * columns.Size);
        var image = (long)(i.X / channels / (rows.Size * columns.Size)) * rows.OutSize * columns.OutSize * channels;
        var (firstRow, lastRow) = rows.Holders(place / columns.Size);
        var (firstColumn, lastColumn) = columns.Holders(place % columns.Size);
        var sum = 0f;
        for (var row = firstRow; row <= lastRow; row++)
        {
            var (top, bottom, paddedRows) = rows.Window(row);
            for (var column = firstColumn; column <= lastColumn; column++)
            {
                var (left, right, paddedColumns) = columns.Window(column);
                var divisor = countIncludePad != 0 ? (float)paddedRows * paddedColumns : (float)(bottom - top) * (right - left);
                sum += dy[image + ((long)((row * columns.OutSize) + column) * channels) + c] / divisor;
            }
        }

        dx[i] = sum;
    }

    public void AverageBackward(in PoolGeometry g, DeviceBuffer dy, DeviceBuffer dx)
    {
        if (dx.Length == 0) return;
        avgPoolBackward ??= Compile<Action<Index1D, int, PoolAxis, PoolAxis, int, ArrayView<float>, ArrayView<float>>>(nameof(AverageBackward), AvgPoolBackwardKernel);
        avgPoolBackward(Range(dx.Length), g.C, PoolAxis.Rows(g), PoolAxis.Columns(g), Flag(g.CountIncludePad), ReadFloats(dy), Floats(dx));
    }
}
