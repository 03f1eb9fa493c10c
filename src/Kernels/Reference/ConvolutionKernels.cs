using System.Numerics;

namespace CnnSharp.Kernels.Reference;

/// <remarks>
/// A convolution is bilinear in its input and its weights, so the forward pass and both gradients are the same sum of
/// products over the same <see cref="Taps"/>, each collected by another of the three factors. A transposed convolution
/// is the same once more, with x and y exchanged and its weights read by its own layout.
/// </remarks>
/// <summary>Convolutions and transposed ones as plain loops.</summary>
/// <typeparam name="T">float or double.</typeparam>
sealed class ConvolutionKernels<T> : ReferenceKernelFamily<T>, IConvolutionKernels
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>
    /// What one kernel position does at one output pixel for one group: the places of the first element of the group's
    /// channels in x, in y and in the weights of the convolution and of the transposed convolution.
    /// </summary>
    readonly record struct Tap(long X, long Y, long W, long TransposedW);

    /// <summary>Every (n, i, j, r, s, group) whose position in x lies inside the image.</summary>
    static IEnumerable<Tap> Taps(ConvGeometry g)
    {
        for (var n = 0; n < g.N; n++)
        {
            for (var i = 0; i < g.OutH; i++)
            {
                for (var j = 0; j < g.OutW; j++)
                {
                    for (var r = 0; r < g.KernelH; r++)
                    {
                        var h = (i * g.StrideH) + (r * g.DilationH) - g.PadTop;
                        if (h < 0 || h >= g.H) continue;
                        for (var s = 0; s < g.KernelW; s++)
                        {
                            var w = (j * g.StrideW) + (s * g.DilationW) - g.PadLeft;
                            if (w < 0 || w >= g.W) continue;
                            var input = ((((long)n * g.H) + h) * g.W) + w;
                            var output = ((((long)n * g.OutH) + i) * g.OutW) + j;
                            var position = ((long)r * g.KernelW) + s;
                            for (var group = 0; group < g.Groups; group++)
                            {
                                var c = group * g.GroupC;
                                var k = group * g.GroupK;
                                yield return new((input * g.C) + c, (output * g.K) + k, (position * g.GroupC * g.K) + k, (position * g.GroupK * g.C) + c);
                            }
                        }
                    }
                }
            }
        }
    }

    public void Forward(in ConvGeometry g, DeviceBuffer x, DeviceBuffer w, DeviceBuffer? b, DeviceBuffer y, Activation activation = Activation.None)
    {
        Elements input = new(x), weights = new(w);
        var sums = BiasRows(b, y.Length, g.K);
        foreach (var tap in Taps(g))
        {
            for (var c = 0; c < g.GroupC; c++)
            {
                var value = input[tap.X + c];
                for (var k = 0; k < g.GroupK; k++) sums[tap.Y + k] += value * weights[tap.W + ((long)c * g.K) + k];
            }
        }

        for (var i = 0; i < sums.Length; i++) sums[i] = Activate(activation, sums[i]);
        Store(sums, y);
    }

    public void BackwardInput(in ConvGeometry g, DeviceBuffer dy, DeviceBuffer w, DeviceBuffer dx, bool accumulate = false)
    {
        Elements upstream = new(dy), weights = new(w);
        var sums = Sums(dx.Length);
        foreach (var tap in Taps(g))
        {
            for (var c = 0; c < g.GroupC; c++)
            {
                for (var k = 0; k < g.GroupK; k++) sums[tap.X + c] += upstream[tap.Y + k] * weights[tap.W + ((long)c * g.K) + k];
            }
        }

        Store(sums, dx, accumulate);
    }

    public void BackwardWeight(in ConvGeometry g, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw)
    {
        Elements input = new(x), upstream = new(dy);
        var sums = Sums(dw.Length);
        foreach (var tap in Taps(g))
        {
            for (var c = 0; c < g.GroupC; c++)
            {
                var value = input[tap.X + c];
                for (var k = 0; k < g.GroupK; k++) sums[tap.W + ((long)c * g.K) + k] += value * upstream[tap.Y + k];
            }
        }

        Store(sums, dw);
    }

    public void BackwardBias(long rows, int channels, DeviceBuffer dy, DeviceBuffer db)
    {
        var upstream = new Elements(dy);
        var sums = new double[channels];
        for (long row = 0; row < rows; row++)
        {
            for (var k = 0; k < channels; k++) sums[k] += upstream[(row * channels) + k];
        }

        Store(sums, db);
    }

    public void TransposeForward(in ConvGeometry g, DeviceBuffer x, DeviceBuffer w, DeviceBuffer? b, DeviceBuffer y)
    {
        Elements input = new(x), weights = new(w);
        var sums = BiasRows(b, y.Length, g.C);
        foreach (var tap in Taps(g))
        {
            for (var k = 0; k < g.GroupK; k++)
            {
                var value = input[tap.Y + k];
                for (var c = 0; c < g.GroupC; c++) sums[tap.X + c] += value * weights[tap.TransposedW + ((long)k * g.C) + c];
            }
        }

        Store(sums, y);
    }

    public void TransposeBackwardInput(in ConvGeometry g, DeviceBuffer dy, DeviceBuffer w, DeviceBuffer dx, bool accumulate = false)
    {
        Elements upstream = new(dy), weights = new(w);
        var sums = Sums(dx.Length);
        foreach (var tap in Taps(g))
        {
            for (var k = 0; k < g.GroupK; k++)
            {
                for (var c = 0; c < g.GroupC; c++) sums[tap.Y + k] += upstream[tap.X + c] * weights[tap.TransposedW + ((long)k * g.C) + c];
            }
        }

        Store(sums, dx, accumulate);
    }

    public void TransposeBackwardWeight(in ConvGeometry g, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw)
    {
        Elements input = new(x), upstream = new(dy);
        var sums = Sums(dw.Length);
        foreach (var tap in Taps(g))
        {
            for (var k = 0; k < g.GroupK; k++)
            {
                var value = input[tap.Y + k];
                for (var c = 0; c < g.GroupC; c++) sums[tap.TransposedW + ((long)k * g.C) + c] += value * upstream[tap.X + c];
            }
        }

        Store(sums, dw);
    }

    public void ForwardFused(in ConvGeometry g, DeviceBuffer x, DeviceBuffer w, DeviceBuffer? b, in ConvolutionEpilogue epilogue, DeviceBuffer y)
    {
        Forward(g, x, w, b, y);
        epilogue.Apply(y.Engine.Kernels, y);
    }
}
