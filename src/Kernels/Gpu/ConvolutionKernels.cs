namespace CnnSharp.Kernels.Gpu;

/// <summary>
/// Forward and backward-data, a convolution is a correlation of a source's patches with weights (the gradient with respect to the input one for
/// each phase of the stride); backward-weights it is the product of x's patches, turned, with dy. All are matrix products whose
/// factors are never stored. (One without elements, from a batch without images or an input without channels, has no
/// product: one thread a result then writes the bias.) Weights are [taps, channels that are summed, results], or turned, [taps, results, channels].
/// </summary>
sealed partial class ConvolutionKernels(GpuKernels kernels) : GpuKernelFamily(kernels), IConvolutionKernels
{
    void IConvolutionKernels.Forward(in ConvGeometry g, DeviceBuffer x, DeviceBuffer w, DeviceBuffer? b, DeviceBuffer y, Activation activation)
    {
        if (IsNarrow(g) || x.Length == 0) NarrowForward(g, x, w, turned: false, b, y, activation == Activation.Relu, accumulate: false);
        else CorrelateForward(g, x, w, turned: false, b, y, activation == Activation.Relu, accumulate: false);
    }

    public void BackwardInput(in ConvGeometry g, DeviceBuffer dy, DeviceBuffer w, DeviceBuffer dx, bool accumulate = false)
    {
        if (IsNarrow(g) || dy.Length == 0) NarrowBackward(g, dy, w, turned: true, null, dx, accumulate);
        else CorrelateBackward(g, dy, w, turned: true, null, dx, accumulate);
    }

    public void BackwardWeight(in ConvGeometry g, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw)
    {
        if (x.Length == 0 || dy.Length == 0) Kernels.Memory.Fill(dw, 0);
        else if (IsNarrow(g)) NarrowWeight(g, x, dy, dw, exchanged: false);
        else WeightGradient(g, x, dy, dw, exchanged: false);
    }

    public void BackwardBias(long rows, int channels, DeviceBuffer dy, DeviceBuffer db) => Kernels.Reductions.Sum(new(1, rows, channels), 1f, dy, db);

    /// <summary>y = act(b + convolution g of x), or y += it.</summary>
    void CorrelateForward(in ConvGeometry g, DeviceBuffer x, DeviceBuffer w, bool turned, DeviceBuffer? b, DeviceBuffer y, bool relu, bool accumulate)
    {
        RequireIndexable(x, w, y);
        var down = Axis.Forward(g.H, g.OutH, g.KernelH, g.StrideH, g.PadTop, g.DilationH);
        var right = Axis.Forward(g.W, g.OutW, g.KernelW, g.StrideW, g.PadLeft, g.DilationW);
        var correlation = new Correlation(g.N, down, right, g.C, g.GroupC, g.K, g.GroupK, g.Groups);
        using var factors = Prepare(g, correlation, x, w, turned);
        if (g.GroupK % 4 == 0) Correlate(correlation, factors, new RowResults<Vectors>(new(VectorsOf(y), ReadViewOrEmpty<float>(b), g.GroupK, b is not null, relu, accumulate), g.K, g.GroupK));
        else Correlate(correlation, factors, new RowResults<Scalars>(new(ScalarsOf(y), ReadViewOrEmpty<float>(b), g.GroupK, b is not null, relu, accumulate), g.K, g.GroupK));
    }

    /// <summary>dx = b + the backward-data pass of convolution g, or dx += it.</summary>
    void CorrelateBackward(in ConvGeometry g, DeviceBuffer dy, DeviceBuffer w, bool turned, DeviceBuffer? b, DeviceBuffer dx, bool accumulate)
    {
        RequireIndexable(dy, w, dx);
        if (dx.Length == 0) return;

        using var factors = Prepare(g, new(g.N, default, default, g.K, g.GroupK, g.C, g.GroupC, g.Groups), dy, w, turned);

        // A phase for each row and column that a stride begins with, as far as there are any.
        for (var row = 0; row < Math.Min(g.StrideH, g.H); row++)
        {
            var down = Axis.Backward(g.H, g.OutH, g.KernelH, g.StrideH, g.PadTop, g.DilationH, (int)(((long)row + g.PadTop) % g.StrideH));
            for (var column = 0; column < Math.Min(g.StrideW, g.W); column++)
            {
                var right = Axis.Backward(g.W, g.OutW, g.KernelW, g.StrideW, g.PadLeft, g.DilationW, (int)(((long)column + g.PadLeft) % g.StrideW));
                var correlation = new Correlation(g.N, down, right, g.K, g.GroupK, g.C, g.GroupC, g.Groups);
                if (g.GroupC % 4 == 0) Correlate(correlation, factors, new PixelResults<Vectors>(new(VectorsOf(dx), ReadViewOrEmpty<float>(b), g.GroupC, b is not null, false, accumulate), down, right, g.C, g.GroupC));
                else Correlate(correlation, factors, new PixelResults<Scalars>(new(ScalarsOf(dx), ReadViewOrEmpty<float>(b), g.GroupC, b is not null, false, accumulate), down, right, g.C, g.GroupC));
            }
        }
    }

    /// <summary>dw [taps, c, k] of convolution g, or, exchanged, [taps, k, c].</summary>
    void WeightGradient(in ConvGeometry g, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw, bool exchanged)
    {
        RequireIndexable(x, dy, dw);
        var taps = new Taps(g.KernelW, g.GroupC);
        if (exchanged) WeightGradient(g, x, dy, dw, new ExchangedWeightResults(Floats(dw), taps, g.GroupK, g.C));
        else if (g.GroupK % 4 == 0) WeightGradient(g, x, dy, dw, new WeightResults<Vectors>(VectorsOf(dw), taps, g.GroupK, g.K));
        else WeightGradient(g, x, dy, dw, new WeightResults<Scalars>(ScalarsOf(dw), taps, g.GroupK, g.K));
    }

    void WeightGradient<TResults>(in ConvGeometry g, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw, TResults results)
        where TResults : struct, IResults
    {
        var down = Axis.Forward(g.H, g.OutH, g.KernelH, g.StrideH, g.PadTop, g.DilationH);
        var right = Axis.Forward(g.W, g.OutW, g.KernelW, g.StrideW, g.PadLeft, g.DilationW);
        if (g.GroupC % 8 == 0 && g.GroupK % 8 == 0 && Kernels.Products.PrefersPairs(MultiplyAdds(g, dw), Readings(g, x, g.C, g.GroupK)))
        {
            // A pair is of neighboring channels, so both factors have half as many.
            var (source, gradient) = (Kernels.Products.RoundToPairs(x), Kernels.Products.RoundToPairs(dy));
            Kernels.Products.MultiplyPairs(
                new PatchColumns<Vectors>(ReadVectorsOf(source), down, right, g.C / 2, g.GroupC / 2),
                new ColumnMatrix<Vectors>(ReadVectorsOf(gradient), g.GroupK / 2, g.K / 2, g.GroupK / 2),
                results, g.KernelH * g.KernelW * g.GroupC, g.GroupK, g.N * g.OutH * g.OutW, g.Groups);
            source.Release();
            gradient.Release();
        }
        else if (g.GroupC % 4 == 0) WeightGradient(g, new PatchColumns<Vectors>(ReadVectorsOf(x), down, right, g.C, g.GroupC), dy, results);
        else WeightGradient(g, new PatchColumns<Scalars>(ReadScalarsOf(x), down, right, g.C, g.GroupC), dy, results);
    }

    void WeightGradient<TLeft, TResults>(in ConvGeometry g, TLeft left, DeviceBuffer dy, TResults results)
        where TLeft : struct, IOperand
        where TResults : struct, IResults
    {
        var rows = g.KernelH * g.KernelW * Taps.Padded(g.GroupC);
        var depth = g.N * g.OutH * g.OutW;
        if (g.GroupK % 4 == 0) Kernels.Products.Multiply(left, new ColumnMatrix<Vectors>(ReadVectorsOf(dy), g.GroupK, g.K, g.GroupK), results, rows, g.GroupK, depth, g.Groups);
        else Kernels.Products.Multiply(left, new ColumnMatrix<Scalars>(ReadScalarsOf(dy), g.GroupK, g.K, g.GroupK), results, rows, g.GroupK, depth, g.Groups);
    }

    /// <summary>A source's patches times weights, for one phase: from Channels of the source to Columns of the result.</summary>
    readonly record struct Correlation(int Images, Axis Y, Axis X, int Channels, int GroupChannels, int Columns, int GroupColumns, int Groups)
    {
        public int Rows => Images * Y.Results * X.Results;

        public int Depth => Y.Taps * X.Taps * Taps.Padded(GroupChannels);

        /// <summary>All taps of the kernel, one after the other: depths are rows of the weights.</summary>
        public bool HasAllTaps => Y is { FirstTap: 0, TapStep: 1 } && X is { FirstTap: 0, TapStep: 1 } && Y.Taps == Y.KernelTaps && X.Taps == X.KernelTaps;

        /// <summary>Patches of one tap that read every pixel once: the source itself is the matrix.</summary>
        public bool IsPlain => Y is { Taps: 1, Stride: 1, Start: 0, KernelTaps: 1 } && X is { Taps: 1, Stride: 1, Start: 0, KernelTaps: 1 } && Y.Results == Y.Extent && X.Results == X.Extent;
    }

    /// <summary>The factors of a convolution's phases, in the form that their products read.</summary>
    /// <param name="Source">Whose patches are multiplied.</param>
    /// <param name="Weights">By what.</param>
    /// <param name="Turned">Weights, if no pairs, are [taps, results, channels].</param>
    /// <param name="ArePairs">Both are pairs of bfloat16, along the channels, and weights [groups, results, taps, channels]: made for the products.</param>
    /// <param name="OwnsWeights">The weights were made for the products.</param>
    readonly record struct Factors(DeviceBuffer Source, DeviceBuffer Weights, bool Turned, bool ArePairs, bool OwnsWeights) : IDisposable
    {
        public void Dispose()
        {
            if (ArePairs) Source.Release();
            if (OwnsWeights) Weights.Release();
        }
    }

    /// <summary>Rounds the factors to pairs, or exchanges the axes of the weights, where the products gain more.</summary>
    Factors Prepare(in ConvGeometry g, in Correlation c, DeviceBuffer source, DeviceBuffer w, bool turned)
    {
        if (c.GroupChannels % 8 == 0 && Kernels.Products.PrefersPairs(MultiplyAdds(g, w), Readings(g, source, c.Channels, c.GroupColumns)))
        {
            var pairs = Kernels.Products.RoundToPairs(source);
            return new(pairs, Kernels.Products.RoundWeights(w, new(g.KernelH * g.KernelW, c.GroupChannels, c.GroupColumns, c.Groups, Flag(turned))), turned, ArePairs: true, OwnsWeights: true);
        }

        // In float32, tiles of weights that lie across the results take a sixth less time and more.
        if (!turned || Engine.Precision != Precision.Float32 || c.GroupColumns <= 16 || c.GroupColumns % 4 != 0 || MultiplyAdds(g, w) < Kernels.Products.LargeProduct) return new(source, w, turned, ArePairs: false, OwnsWeights: false);
        var exchanged = Engine.Rent(DType.Float32, w.Length);
        Kernels.Memory.CopyRegion(
            new(
                g.KernelH * g.KernelW, c.GroupChannels, c.Groups, c.GroupColumns,
                0, (long)c.GroupColumns * c.Channels, 1, c.GroupChannels, c.Channels,
                0, (long)c.GroupChannels * c.Columns, c.Columns, c.GroupColumns, 1),
            w, exchanged);
        return new(source, exchanged, Turned: false, ArePairs: false, OwnsWeights: true);
    }

    /// <summary>Of each of the three passes, whose weights or their gradients these are.</summary>
    static long MultiplyAdds(in ConvGeometry g, DeviceBuffer w) => (long)g.N * g.OutH * g.OutW * w.Length;

    /// <summary>How often a product with so many columns reads an element of a source of so many channels: for each tap of each result pixel, in each tile of columns.</summary>
    static long Readings(in ConvGeometry g, DeviceBuffer source, int channels, int columns)
    {
        var met = (long)g.N * g.OutH * g.OutW * channels;
        return (long)g.KernelH * g.KernelW * Blocks(columns, 128) * met / Math.Max(met, source.Length);
    }

    void Correlate<TResults>(in Correlation c, in Factors f, TResults results)
        where TResults : struct, IResults
    {
        if (f.ArePairs) CorrelatePairs(c, f, results);
        else if (c.GroupChannels % 4 != 0) Correlate(c, new Patches<Scalars>(ReadScalarsOf(f.Source), c.Images, c.Y, c.X, c.Channels, c.GroupChannels), f, results);
        else if (c.IsPlain) Correlate(c, new RowMatrix<Vectors>(ReadVectorsOf(f.Source), c.Rows, c.GroupChannels, c.Channels, c.GroupChannels), f, results);
        else Correlate(c, new Patches<Vectors>(ReadVectorsOf(f.Source), c.Images, c.Y, c.X, c.Channels, c.GroupChannels), f, results);
    }

    /// <summary>The same of pairs: half as many channels.</summary>
    void CorrelatePairs<TResults>(in Correlation c, in Factors f, TResults results)
        where TResults : struct, IResults
    {
        var left = new Patches<Vectors>(ReadVectorsOf(f.Source), c.Images, c.Y, c.X, c.Channels / 2, c.GroupChannels / 2);
        var (words, stride) = (c.GroupChannels / 2, c.Y.KernelTaps * c.X.KernelTaps * c.GroupChannels / 2);
        if (c.HasAllTaps) Kernels.Products.MultiplyPairs(left, new RowMatrix<Vectors>(ReadVectorsOf(f.Weights), c.GroupColumns, stride, stride, c.GroupColumns * stride), results, c.Rows, c.GroupColumns, c.Depth / 2, c.Groups);
        else Kernels.Products.MultiplyPairs(left, new TurnedTapWeights<Vectors>(ReadVectorsOf(f.Weights), c.Y, c.X, words, c.GroupColumns, words, stride, c.GroupColumns * stride), results, c.Rows, c.GroupColumns, c.Depth / 2, c.Groups);
    }

    void Correlate<TLeft, TResults>(in Correlation c, TLeft left, in Factors f, TResults results)
        where TLeft : struct, IOperand
        where TResults : struct, IResults
    {
        var w = f.Weights;
        if (f.Turned && c.GroupChannels % 4 == 0) Kernels.Products.Multiply(left, new TurnedTapWeights<Vectors>(ReadVectorsOf(w), c.Y, c.X, c.GroupChannels, c.GroupColumns, c.GroupColumns * c.Channels, c.Channels, c.GroupChannels), results, c.Rows, c.GroupColumns, c.Depth, c.Groups);
        else if (f.Turned) Kernels.Products.Multiply(left, new TurnedTapWeights<Scalars>(ReadScalarsOf(w), c.Y, c.X, c.GroupChannels, c.GroupColumns, c.GroupColumns * c.Channels, c.Channels, c.GroupChannels), results, c.Rows, c.GroupColumns, c.Depth, c.Groups);
        else if (c.HasAllTaps && c.GroupChannels % 4 == 0 && c.GroupColumns % 4 == 0) Kernels.Products.Multiply(left, new ColumnMatrix<Vectors>(ReadVectorsOf(w), c.GroupColumns, c.Columns, c.GroupColumns), results, c.Rows, c.GroupColumns, c.Depth, c.Groups);
        else if (c.GroupColumns % 4 == 0) Kernels.Products.Multiply(left, new TapWeights<Vectors>(ReadVectorsOf(w), c.Y, c.X, c.GroupChannels, c.GroupColumns, c.Columns), results, c.Rows, c.GroupColumns, c.Depth, c.Groups);
        else Kernels.Products.Multiply(left, new TapWeights<Scalars>(ReadScalarsOf(w), c.Y, c.X, c.GroupChannels, c.GroupColumns, c.Columns), results, c.Rows, c.GroupColumns, c.Depth, c.Groups);
    }

    public void ForwardFused(in ConvGeometry g, DeviceBuffer x, DeviceBuffer w, DeviceBuffer? b, in ConvolutionEpilogue epilogue, DeviceBuffer y)
    {
        ((IConvolutionKernels)this).Forward(g, x, w, b, y);
        epilogue.Apply(Kernels, y);
    }
}
