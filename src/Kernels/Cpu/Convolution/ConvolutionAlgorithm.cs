namespace CnnSharp.Kernels.Cpu;

/// <summary>What a convolution is computed for.</summary>
internal enum ConvolutionPass
{
    /// <summary>y, of x and w.</summary>
    Forward,

    /// <summary>dx, of dy and w.</summary>
    BackwardData,

    /// <summary>dw, of x and dy.</summary>
    BackwardWeights,
}

/// <summary>A pass to compute. Of the three tensors it reads two and writes the third, with its gradient in place of a tensor where it goes backward.</summary>
internal readonly struct ConvolutionCall
{
    /// <summary>The convolution. Its tensors are not empty.</summary>
    public required ConvGeometry Geometry { get; init; }

    /// <summary>[N, H, W, C].</summary>
    public required DeviceBuffer X { get; init; }

    /// <summary>As <see cref="Layout"/> says.</summary>
    public required DeviceBuffer W { get; init; }

    /// <summary>[N, OutH, OutW, K].</summary>
    public required DeviceBuffer Y { get; init; }

    /// <summary>Null, or added to each channel of what is written; not of weights.</summary>
    public DeviceBuffer? Bias { get; init; }

    /// <summary>Where the weights from C to K channels lie.</summary>
    public required WeightLayout Layout { get; init; }

    /// <summary>Of what is written; none of weights, and backward-data no more than to accumulate.</summary>
    public Epilogue Epilogue { get; init; }
}

/// <summary>Memory that a call takes beside its tensors, in floats: once, and for each thread.</summary>
internal readonly record struct Workspace(long Shared, long PerThread);

/// <summary>A way to compute one pass of convolutions.</summary>
internal interface IConvolutionAlgorithm
{
    /// <summary>What it is called: the same for the passes that it computes.</summary>
    string Name { get; }

    /// <summary>Which pass it computes.</summary>
    ConvolutionPass Pass { get; }

    /// <summary>Whether it can compute it for g.</summary>
    bool Applies(in ConvGeometry g);

    /// <summary>Whether, where it applies, it is faster than those after it in the list.</summary>
    bool Pays(in ConvGeometry g);

    /// <summary>What memory it takes for g, where it applies. Forward, packed weights are a part of it at their first use, and kept with their buffer from the second on.</summary>
    Workspace Workspace(in ConvGeometry g);

    /// <summary>Computes it, where it applies.</summary>
    void Run(in ConvolutionCall call);
}

/// <summary>
/// What algorithms have in common. To add one: a class of this kind, and a line in the lists of <see cref="ConvolutionKernels{V}"/>, before
/// what it is faster than. <c>bench --algorithms</c> shows what each takes for the layers of a model, <c>verify --algorithm</c> checks one alone.
/// </summary>
/// <typeparam name="V">The vectors.</typeparam>
/// <param name="kernels">The families of the engine.</param>
/// <param name="name">What it is called.</param>
/// <param name="pass">Which pass it computes.</param>
internal abstract unsafe class ConvolutionAlgorithm<V>(CpuKernels<V> kernels, string name, ConvolutionPass pass) : CpuKernelFamily<V>(kernels), IConvolutionAlgorithm
    where V : unmanaged, IVector<V>
{
    public string Name { get; } = name;

    public ConvolutionPass Pass { get; } = pass;

    public abstract bool Applies(in ConvGeometry g);

    public virtual bool Pays(in ConvGeometry g) => true;

    public abstract Workspace Workspace(in ConvGeometry g);

    public void Run(in ConvolutionCall call)
    {
        RequireIndexable(call.Geometry);
        lock (Workers.ScratchLock) RunLocked(call);
    }

    /// <summary>Computes it; what all calls share is this one's meanwhile.</summary>
    protected abstract void RunLocked(in ConvolutionCall call);

    /// <summary>Refuses what the passes of a convolution cannot count in 32 bits: rows of an image, weights and tasks. Everything beyond a row is counted in 64.</summary>
    /// <exception cref="NotSupportedException">One of them has too many.</exception>
    protected virtual void RequireIndexable(in ConvGeometry g)
    {
        const long Most = 1 << 30;
        Check("rows of an image, padded", Math.Max(g.H, ((g.OutH - 1L) * g.StrideH) + ((g.KernelH - 1L) * g.DilationH) + 1), 1);
        var columns = Math.Max(g.W, ((g.OutW - 1L) * g.StrideW) + ((g.KernelW - 1L) * g.DilationW) + 1);
        Check("elements in a row of the input, padded", columns, g.C);
        Check("elements in a row of the output", g.OutW, g.K);
        Check("taps of the kernel, eight times, times channels", 8L * g.KernelH * g.KernelW, Math.Max(g.C, g.K));
        Check("bytes for the phases of the stride", DirectConvolution<V>.PhaseBytes * (long)Math.Min(g.StrideH, g.H), Math.Min(g.StrideW, g.W));
        Check("groups times channels, in whole vectors", g.Groups, Math.Max(g.GroupC, g.GroupK) + (long)V.Count);
        Check("rows of all images and groups", (long)g.N * g.Groups, Math.Max(g.H, g.OutH));

        static void Check(string what, long a, long b)
        {
            if ((Int128)a * b > Most) throw new NotSupportedException($"{(Int128)a * b:N0} {what}: a convolution of the CPU engine counts at most {Most:N0}. A smaller batch or image has fewer.");
        }
    }
}
