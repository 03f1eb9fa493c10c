namespace CnnSharp.Kernels.Cpu;

/// <summary>Convolutions and transposed ones. Each pass has a list of algorithms, and takes the first that applies and pays.</summary>
internal sealed class ConvolutionKernels<V> : CpuKernelFamily<V>, IConvolutionKernels
    where V : unmanaged, IVector<V>
{
    readonly AlgorithmChoice choice;
    readonly ConvolutionAlgorithm<V>[] forward, backwardData, backwardWeights;

    /// <param name="kernels">The families of the engine.</param>
    /// <param name="choice">Which algorithms to choose from.</param>
    public ConvolutionKernels(CpuKernels<V> kernels, AlgorithmChoice choice)
        : base(kernels)
    {
        this.choice = choice;
        forward =
        [
            new PointwiseConvolution<V>(kernels, ConvolutionPass.Forward),
            new DepthwiseConvolution<V>(kernels, ConvolutionPass.Forward),
            new WinogradConvolution<V>(kernels, ConvolutionPass.Forward),
            new DirectConvolution<V>(kernels, ConvolutionPass.Forward),
        ];
        backwardData =
        [
            new PointwiseConvolution<V>(kernels, ConvolutionPass.BackwardData),
            new DepthwiseConvolution<V>(kernels, ConvolutionPass.BackwardData),
            new ThreeChannelsWinogradConvolution<V>(kernels),
            new ThreeChannelsConvolution<V>(kernels),
            new FewChannelsConvolution<V>(kernels),
            new PhasesConvolution<V>(kernels),
            new WinogradConvolution<V>(kernels, ConvolutionPass.BackwardData),
            new DirectConvolution<V>(kernels, ConvolutionPass.BackwardData),
        ];
        backwardWeights =
        [
            new DepthwiseWeightGradient<V>(kernels),
            new WinogradWeightGradient<V>(kernels),
            new DirectWeightGradient<V>(kernels),
        ];
    }

    /// <summary>All, in the order in which they are asked.</summary>
    public IReadOnlyList<IConvolutionAlgorithm> Algorithms => [.. forward, .. backwardData, .. backwardWeights];

    /// <summary>What computes a pass of g.</summary>
    public IConvolutionAlgorithm Choose(ConvolutionPass pass, in ConvGeometry g) => First(ListOf(pass), g);

    public void Forward(in ConvGeometry g, DeviceBuffer x, DeviceBuffer w, DeviceBuffer? b, DeviceBuffer y, Activation activation = Activation.None)
        => Correlate(new() { Geometry = g, X = x, W = w, Y = y, Bias = b, Layout = WeightLayout.InOut(g), Epilogue = new() { Relu = activation == Activation.Relu } });

    public void BackwardInput(in ConvGeometry g, DeviceBuffer dy, DeviceBuffer w, DeviceBuffer dx, bool accumulate = false)
        => CorrelateTransposed(new() { Geometry = g, X = dx, W = w, Y = dy, Layout = WeightLayout.InOut(g), Epilogue = new() { Accumulate = accumulate } });

    public void BackwardWeight(in ConvGeometry g, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw)
        => WeightGradient(new() { Geometry = g, X = x, W = dw, Y = dy, Layout = WeightLayout.InOut(g) });

    public unsafe void BackwardBias(long rows, int channels, DeviceBuffer dy, DeviceBuffer db)
        => SumRows(new ValueTerms(dy.ReadOnlyPointer<float>()), rows, channels, db.Pointer<float>(), null);

    public unsafe void ForwardFused(in ConvGeometry g, DeviceBuffer x, DeviceBuffer w, DeviceBuffer? b, in ConvolutionEpilogue epilogue, DeviceBuffer y)
    {
        lock (Workers.ScratchLock)
        {
            var (fused, rest) = Split(epilogue);
            if (epilogue.Norm is { } norm)
            {
                // Tiles read whole vectors, at most three of them, from any channel on.
                var (scales, offsets) = Kernels.Normalization.InferenceFactors(norm.Geometry, norm.Weight, norm.Bias, norm.RunningMean, norm.RunningVariance, RoundUp(norm.Geometry.Channels, V.Count) + (3 * V.Count));
                fused.Scale = (float*)scales;
                fused.Shift = (float*)offsets;
            }

            Correlate(new() { Geometry = g, X = x, W = w, Y = y, Bias = b, Layout = WeightLayout.InOut(g), Epilogue = fused });
            rest.Apply(Kernels, y);
        }
    }

    /// <summary>What tiles do of an epilogue, but for the factors of its normalization, and what is left for kernels of their own.</summary>
    static unsafe (Epilogue Fused, ConvolutionEpilogue After) Split(in ConvolutionEpilogue epilogue)
    {
        var rest = epilogue with { Norm = null, Add = null };
        var fused = new Epilogue { Add = epilogue.Add.ReadOnlyPointerOrNull<float>(), Relu = epilogue.Norm?.Geometry.Activation == Activation.Relu };
        if (epilogue.Function == UnaryOp.Relu || (epilogue.Function == UnaryOp.Silu && !fused.Relu))
        {
            fused.Relu |= epilogue.Function == UnaryOp.Relu;
            fused.Silu = epilogue.Function == UnaryOp.Silu;
            rest = rest with { Function = null };
        }

        if (rest.Function is null && !fused.Silu && epilogue.Bounds is (0, > 0 and < float.PositiveInfinity and var upper))
        {
            (fused.Relu, fused.Upper) = (true, upper);
            rest = rest with { Bounds = null };
        }

        return (fused, rest);
    }

    // A transposed convolution is the gradient with respect to the input of the convolution that describes it, so its three passes are that
    // convolution's backward-data, forward and backward-weights passes with weights whose last two axes are exchanged.
    public void TransposeForward(in ConvGeometry g, DeviceBuffer x, DeviceBuffer w, DeviceBuffer? b, DeviceBuffer y)
        => CorrelateTransposed(new() { Geometry = g, X = y, W = w, Y = x, Bias = b, Layout = WeightLayout.OutIn(g) });

    public void TransposeBackwardInput(in ConvGeometry g, DeviceBuffer dy, DeviceBuffer w, DeviceBuffer dx, bool accumulate = false)
        => Correlate(new() { Geometry = g, X = dy, W = w, Y = dx, Layout = WeightLayout.OutIn(g), Epilogue = new() { Accumulate = accumulate } });

    public void TransposeBackwardWeight(in ConvGeometry g, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw)
        => WeightGradient(new() { Geometry = g, X = dy, W = dw, Y = x, Layout = WeightLayout.OutIn(g) });

    void Correlate(in ConvolutionCall call)
    {
        if (call.Y.Length == 0) return;
        if (call.X.Length == 0) call.Epilogue.StoreEmptySums(call.Bias, call.Y, call.Geometry.K);
        else First(forward, call.Geometry).Run(call);
    }

    void CorrelateTransposed(in ConvolutionCall call)
    {
        if (call.X.Length == 0) return;
        if (call.Y.Length == 0) call.Epilogue.StoreEmptySums(call.Bias, call.X, call.Geometry.C);
        else First(backwardData, call.Geometry).Run(call);
    }

    void WeightGradient(in ConvolutionCall call)
    {
        if (call.X.Length == 0 || call.Y.Length == 0) Kernels.Memory.Fill(call.W, 0);
        else First(backwardWeights, call.Geometry).Run(call);
    }

    ConvolutionAlgorithm<V>[] ListOf(ConvolutionPass pass) => pass switch
    {
        ConvolutionPass.Forward => forward,
        ConvolutionPass.BackwardData => backwardData,
        _ => backwardWeights,
    };

    ConvolutionAlgorithm<V> First(ConvolutionAlgorithm<V>[] list, in ConvGeometry g)
    {
        foreach (var algorithm in list)
        {
            if (choice.May(algorithm.Name) && algorithm.Applies(g) && (choice.WherePossible || algorithm.Pays(g))) return algorithm;
        }

        return list[^1];
    }
}
