using CnnSharp.Kernels;

namespace CnnSharp.Cli.Bench;

/// <summary>What limits a kernel.</summary>
internal enum Limit
{
    /// <summary>Fused multiply-adds: speed in GFLOP/s, against the peak FLOP/s.</summary>
    Arithmetic,

    /// <summary>Traffic: speed in GB/s, against an update in place over as many bytes.</summary>
    Memory,
}

/// <summary>One kernel at one size, on buffers of its own.</summary>
/// <param name="Kernel">What it is: <c>conv 3x3</c>, <c>batch norm</c>.</param>
/// <param name="Size">At which size: <c>16@32x32 batch 128</c>.</param>
/// <param name="Pass"><c>forward</c>, <c>backward-data</c>, <c>backward-weights</c>, <c>backward</c>, <c>step</c>.</param>
/// <param name="Limit">What limits it.</param>
/// <param name="Work">Floating-point operations, or bytes that it must read and write, of a call.</param>
/// <param name="Call">Runs it once.</param>
internal sealed record KernelCase(string Kernel, string Size, string Pass, Limit Limit, double Work, Action Call)
{
    const string Norm = "batch norm + relu", Relu = "relu", Pool = "max pool 2x2", Sgd = "sgd nesterov";
    const string Forward = "forward", Backward = "backward", BackwardData = "backward-data", BackwardWeights = "backward-weights", Step = "step";

    static readonly (string Kernel, string Pass)[] MemoryBound = [(Norm, Forward), (Norm, Backward), (Relu, Forward), (Relu, Backward), (Pool, Forward), (Pool, Backward), (Sgd, Step)];

    /// <summary>What it is called in filters.</summary>
    public string Name => NameOf(Kernel, Size, Pass);

    /// <summary>Every kernel's name.</summary>
    /// <param name="batch">Images of 32x32; of larger ones an eighth.</param>
    public static IEnumerable<string> Names(int batch) => Convolutions(batch)
        .SelectMany(size => new[] { Forward, BackwardData, BackwardWeights }.Select(pass => NameOf(size.Kernel, size.ToString(), pass)))
        .Concat(MemoryBound.Select(pair => NameOf(pair.Kernel, FirstStage(batch).ToString(), pair.Pass)));

    /// <summary>The kernels whose name is wanted, each with its buffers, which live until the next is asked for.</summary>
    /// <param name="engine">Where.</param>
    /// <param name="batch">Images of 32x32; of larger ones an eighth.</param>
    /// <param name="isWanted">By name.</param>
    public static IEnumerable<KernelCase> All(Engine engine, int batch, Func<string, bool> isWanted)
    {
        foreach (var size in Convolutions(batch))
        {
            foreach (var pass in (string[])[Forward, BackwardData, BackwardWeights])
            {
                if (!isWanted(NameOf(size.Kernel, size.ToString(), pass))) continue;
                using var buffers = new Buffers(engine);
                yield return Convolution(engine.Kernels, size, pass, buffers);
            }
        }

        foreach (var (kernel, pass) in MemoryBound)
        {
            if (!isWanted(NameOf(kernel, FirstStage(batch).ToString(), pass))) continue;
            using var buffers = new Buffers(engine);
            yield return OfMemory(engine.Kernels, FirstStage(batch), kernel, pass, buffers);
        }
    }

    /// <summary>The 3x3 convolutions of the CIFAR ResNets and of wider nets, then those of other kinds.</summary>
    static ConvSize[] Convolutions(int batch)
    {
        var few = Math.Max(1, batch / 8);
        return
        [
            new(batch, 32, 3, 16),
            FirstStage(batch),
            new(batch, 32, 16, 32, Stride: 2),
            new(batch, 16, 32, 32),
            new(batch, 16, 32, 64, Stride: 2),
            new(batch, 8, 64, 64),
            new(batch, 32, 64, 64),
            new(batch, 16, 128, 128),
            new(batch, 8, 256, 256),
            new(few, 56, 64, 64),
            new(few, 28, 128, 128),
            new(few, 14, 256, 256),
            new(few, 56, 256, 64, Extent: 1),
            new(few, 14, 256, 1024, Extent: 1),
            new(few, 28, 32, 96, Extent: 5),
            new(few, 224, 3, 64, Extent: 7, Stride: 2),
            new(few, 28, 64, 64, Dilation: 2),
            new(few, 28, 192, 192, Groups: 192),
            new(few, 14, 480, 480, Extent: 5, Groups: 480),
            new(few, 16, 32, 64, Extent: 4, Stride: 2, IsTransposed: true),
        ];
    }

    /// <summary>The first stage of a CIFAR ResNet, where the kernels that only move memory cost most.</summary>
    static ConvSize FirstStage(int batch) => new(batch, 32, 16, 16);

    static KernelCase Convolution(IKernels k, ConvSize size, string pass, Buffers buffers)
    {
        var g = size.Geometry;
        var x = buffers.Random((long)g.N * g.H * g.W * g.C);
        var w = buffers.Random((long)g.KernelH * g.KernelW * g.GroupC * g.K);
        var y = buffers.Random((long)g.N * g.OutH * g.OutW * g.K);
        return new(size.Kernel, size.ToString(), pass, Limit.Arithmetic, 2.0 * g.MultiplyAdds, (pass, size.IsTransposed) switch
        {
            (Forward, false) => () => k.Convolution.Forward(g, x, w, null, y),
            (BackwardData, false) => () => k.Convolution.BackwardInput(g, y, w, x),
            (_, false) => () => k.Convolution.BackwardWeight(g, x, y, w),
            (Forward, true) => () => k.Convolution.TransposeForward(g, y, w, null, x),
            (BackwardData, true) => () => k.Convolution.TransposeBackwardInput(g, x, w, y),
            (_, true) => () => k.Convolution.TransposeBackwardWeight(g, y, x, w),
        });
    }

    /// <summary>The bytes are what the formula cannot do without: an input that a sum over all of it must precede is read twice.</summary>
    static KernelCase OfMemory(IKernels k, ConvSize size, string kernel, string pass, Buffers buffers)
    {
        var (rows, channels) = ((long)size.N * size.Side * size.Side, size.C);
        var count = rows * channels;
        var stream = (double)count * sizeof(float);
        var norm = new BatchNormGeometry(rows, channels, 1e-5f, 0.1f, Activation.Relu);
        var pool = PoolGeometry.Create([size.N, size.Side, size.Side, channels], 2, 2, 0, false, true);
        var (x, y, dy, dx) = (buffers.Random(count), buffers.Random(count), buffers.Random(count), buffers.Random(count));
        var (weight, bias, runningMean, runningVariance) = (buffers.Random(channels), buffers.Random(channels), buffers.Random(channels), buffers.Random(channels));
        var (mean, invStd, dw, db) = (buffers.Random(channels), buffers.Random(channels), buffers.Random(channels), buffers.Random(channels));
        var (pooled, places) = (buffers.Random(count / 4), buffers.Integers(count / 4));
        if (kernel == Pool) k.Pooling.MaxForward(pool, x, pooled, places);
        var (bytes, call) = (kernel, pass) switch
        {
            (Norm, Forward) => (3 * stream, () => k.Normalization.BatchNormForward(norm, x, weight, bias, runningMean, runningVariance, null, y, mean, invStd)),
            (Norm, Backward) => (7 * stream, () => k.Normalization.BatchNormBackward(norm, x, y, dy, weight, mean, invStd, dx, null, dw, db)),
            (Relu, Forward) => (2 * stream, () => k.Elementwise.Unary(UnaryOp.Relu, 0, x, y)),
            (Relu, Backward) => (3 * stream, () => k.Elementwise.UnaryBackward(UnaryOp.Relu, 0, x, y, dy, dx)),
            (Pool, Forward) => (1.5 * stream, () => k.Pooling.MaxForward(pool, x, pooled, places)),
            (Pool, Backward) => (1.5 * stream, () => k.Pooling.MaxBackward(pool, pooled, places, dx)),
            _ => (5 * stream, (Action)(() => k.Optimizers.Sgd(new(1e-6f, 0.9f, true, 5e-4f), x, dy, dx))),
        };
        return new(kernel, size.ToString(), pass, Limit.Memory, bytes, call);
    }

    static string NameOf(string kernel, string size, string pass) => $"{kernel} {size} {pass}";

    /// <summary>A convolution of square images whose result has as many pixels, by the stride less; a transposed one's input has.</summary>
    readonly record struct ConvSize(int N, int Side, int C, int K, int Extent = 3, int Stride = 1, int Dilation = 1, int Groups = 1, bool IsTransposed = false)
    {
        /// <summary>A transposed one is described by the convolution that it is the gradient of, from K channels to C.</summary>
        public ConvGeometry Geometry => IsTransposed
            ? ConvGeometry.CreateTransposed([N, Side, Side, C], [Extent, Extent, C, K], Stride, (Extent - Stride) / 2, 0, Dilation, Groups)
            : ConvGeometry.Create([N, Side, Side, C], [Extent, Extent, C / Groups, K], Stride, Dilation * (Extent - 1) / 2, Dilation, Groups);

        public string Kernel => $"{(IsTransposed ? "transposed" : Groups > 1 ? "depthwise" : "conv")} {Extent}x{Extent}";

        public override string ToString() => $"{(C == K ? $"{C}" : $"{C}->{K}")}@{Side}x{Side}{(Stride == 1 ? "" : $" stride {Stride}")}{(Dilation == 1 ? "" : $" dilation {Dilation}")} batch {N}";
    }
}
