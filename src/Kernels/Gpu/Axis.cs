namespace CnnSharp.Kernels.Gpu;

/// <summary>
/// One axis of a correlation: result p, at place p <see cref="TargetStride"/> + <see cref="TargetStart"/> of the target,
/// sums over taps t the source's p <see cref="Stride"/> + <see cref="Start"/> + t <see cref="Step"/> times the
/// kernel's <see cref="FirstTap"/> + t <see cref="TapStep"/>.
/// </summary>
readonly struct Axis
{
    /// <summary>Of the source.</summary>
    public int Extent { get; private init; }

    public int Results { get; private init; }

    public int Taps { get; private init; }

    public int Stride { get; private init; }

    public int Start { get; private init; }

    public int Step { get; private init; }

    public int FirstTap { get; private init; }

    public int TapStep { get; private init; }

    /// <summary>Taps of the whole kernel.</summary>
    public int KernelTaps { get; private init; }

    public int TargetStride { get; private init; }

    public int TargetStart { get; private init; }

    /// <summary>Of the target.</summary>
    public int TargetExtent { get; private init; }

    /// <summary>The forward pass: y[p] = sum of x[p stride + t dilation - padding] w[t].</summary>
    public static Axis Forward(int extent, int results, int kernel, int stride, int padding, int dilation) => new()
    {
        Extent = extent, Results = results, Taps = kernel, KernelTaps = kernel,
        Stride = stride, Start = -padding, Step = dilation,
        TapStep = 1,
        TargetStride = 1, TargetExtent = results,
    };

    /// <summary>
    /// The gradient backward-data, for the places h of x with (h + padding) mod stride = <paramref name="phase"/>: dx[h] sums dy[i] w[r]
    /// where i stride + r dilation = h + padding. Such r are every stride / gcd(stride, dilation)-th from the first, and i falls
    /// by dilation / gcd from one to the next: a correlation of stride 1 that multiplies nothing in vain.
    /// </summary>
    /// <param name="extent">Of x.</param>
    /// <param name="results">Of y.</param>
    /// <param name="kernel">Taps.</param>
    /// <param name="stride">Of the convolution.</param>
    /// <param name="padding">Ahead of x.</param>
    /// <param name="dilation">Of the kernel.</param>
    /// <param name="phase">0 .. stride - 1.</param>
    public static Axis Backward(int extent, int results, int kernel, int stride, int padding, int dilation, int phase)
    {
        var start = (int)((((phase - (long)padding) % stride) + stride) % stride);
        var divisor = (int)System.Numerics.BigInteger.GreatestCommonDivisor(stride, dilation);
        var tapStep = stride / divisor;
        var first = 0;
        while (first < Math.Min(tapStep, kernel) && first * (long)dilation % stride != phase) first++;
        var taps = first < Math.Min(tapStep, kernel) ? ((kernel - 1 - first) / tapStep) + 1 : 0;
        return new()
        {
            Extent = results, Results = start < extent ? ((extent - 1 - start) / stride) + 1 : 0,
            Taps = taps, KernelTaps = kernel,
            Stride = 1, Start = taps == 0 ? 0 : (start + padding - (first * dilation)) / stride, Step = -(dilation / divisor),
            FirstTap = first, TapStep = tapStep,
            TargetStride = stride, TargetStart = start, TargetExtent = extent,
        };
    }
}
