namespace CnnSharp.Kernels.Cpu;

/// <summary>Where weight (tap, in, out) of a group lies: all strides in floats.</summary>
internal readonly record struct WeightLayout(long TapStride, long InStride, long OutStride, long GroupStride)
{
    /// <summary>[kh, kw, C / groups, K], read as weights from C to K channels.</summary>
    public static WeightLayout InOut(in ConvGeometry g) => new((long)g.GroupC * g.K, g.K, 1, g.GroupK);

    /// <summary>[kh, kw, K / groups, C], the weights of a transposed convolution, read as weights from C to K channels.</summary>
    public static WeightLayout OutIn(in ConvGeometry g) => new((long)g.GroupK * g.C, 1, g.C, g.GroupC);

    /// <summary>The same weights, read from K to C channels.</summary>
    public WeightLayout Exchanged => this with { InStride = OutStride, OutStride = InStride };
}
