using CnnSharp.Kernels;

namespace CnnSharp.Cli.Bench;

/// <summary>What limits a kernel.</summary>
internal enum Limit
{
    /// <summary>Fused multiply-adds: speed in GFLOP/s, against the FMA ceiling.</summary>
    Arithmetic,

    /// <summary>Traffic: speed in GB/s, against an update in place over as many bytes.</summary>
    Memory,
}

/// <summary>One kernel at one size, on buffers of its own.</summary>
/// <param name="Kernel">What it is: <c>conv 3x3</c>, <c>batch norm</c>.</param>
/// <param name="Size">At which size: <c>16@32x32 batch 128</c>.</param>
/// <param name="Pass"><c>forward</c>, <c>by input</c>, <c>by weight</c>, <c>backward</c>, <c>step</c>.</param>
/// <param name="Limit">What limits it.</param>
/// <param name="Work">Floating-point operations, or bytes that it must read and write, of a call.</param>
/// <param name="Call">Runs it once.</param>
internal sealed record KernelCase(string Kernel, string Size, string Pass, Limit Limit, double Work, Action Call)
{
    const string Conv = "conv 3x3", Norm = "batch norm + relu", Relu = "relu", Pool = "max pool 2x2", Sgd = "sgd nesterov";
    const string Forward = "forward", Backward = "backward", ByInput = "by input", ByWeight = "by weight", Step = "step";

    /// <summary>The first stage of a CIFAR ResNet, where the kernels that only move memory cost most.</summary>
    const int N = 128, Side = 32, C = 16;

    /// <summary>The 3x3 convolutions of the CIFAR ResNets and of wider nets.</summary>
    static readonly ConvSize[] Convolutions =
    [
        new(128, 32, 3, 16, 1),
        new(128, 32, 16, 16, 1),
        new(128, 32, 16, 32, 2),
        new(128, 16, 32, 32, 1),
        new(128, 16, 32, 64, 2),
        new(128, 8, 64, 64, 1),
        new(128, 32, 64, 64, 1),
        new(128, 16, 128, 128, 1),
        new(128, 8, 256, 256, 1),
        new(16, 56, 64, 64, 1),
        new(16, 28, 128, 128, 1),
        new(16, 14, 256, 256, 1),
    ];

    static readonly string StageSize = new ConvSize(N, Side, C, C, 1).ToString();

    /// <summary>What it is called in filters.</summary>
    public string Name => NameOf(Kernel, Size, Pass);

    /// <summary>Every kernel's name.</summary>
    public static IEnumerable<string> Names => Convolutions
        .SelectMany(size => new[] { Forward, ByInput, ByWeight }.Select(pass => NameOf(Conv, size.ToString(), pass)))
        .Concat(new[] { Norm, Relu, Pool }.SelectMany(kernel => new[] { Forward, Backward }.Select(pass => NameOf(kernel, StageSize, pass))))
        .Append(NameOf(Sgd, StageSize, Step));

    /// <summary>The kernels whose name is wanted, each with its buffers, which live until the next is asked for.</summary>
    public static IEnumerable<KernelCase> All(Engine engine, Func<string, bool> isWanted)
    {
        foreach (var size in Convolutions)
        {
            foreach (var pass in (string[])[Forward, ByInput, ByWeight])
            {
                if (!isWanted(NameOf(Conv, size.ToString(), pass))) continue;
                using var buffers = new Buffers(engine);
                yield return Convolution(engine.Kernels, size, pass, buffers);
            }
        }

        foreach (var (kernel, pass) in ((string, string)[])[(Norm, Forward), (Norm, Backward), (Relu, Forward), (Relu, Backward), (Pool, Forward), (Pool, Backward), (Sgd, Step)])
        {
            if (!isWanted(NameOf(kernel, StageSize, pass))) continue;
            using var buffers = new Buffers(engine);
            yield return MemoryBound(engine.Kernels, kernel, pass, buffers);
        }
    }

    static KernelCase Convolution(IKernels k, ConvSize size, string pass, Buffers buffers)
    {
        var g = size.Geometry;
        var x = buffers.Random((long)g.N * g.H * g.W * g.C);
        var w = buffers.Random(9L * g.C * g.K);
        var y = buffers.Random((long)g.N * g.OutH * g.OutW * g.K);
        return new(Conv, size.ToString(), pass, Limit.Arithmetic, 2.0 * g.MultiplyAdds, pass switch
        {
            Forward => () => k.ConvForward(g, x, w, null, y),
            ByInput => () => k.ConvBackwardInput(g, y, w, x),
            _ => () => k.ConvBackwardWeight(g, x, y, w),
        });
    }

    /// <summary>The bytes are what the formula cannot do without: an input that a sum over all of it must precede is read twice.</summary>
    static KernelCase MemoryBound(IKernels k, string kernel, string pass, Buffers buffers)
    {
        const long Rows = (long)N * Side * Side, Count = Rows * C;
        const double Stream = Count * sizeof(float);
        var norm = new BatchNormGeometry(Rows, C, 1e-5f, 0.1f, Activation.Relu);
        var pool = PoolGeometry.Create([N, Side, Side, C], 2, 2, 0, false, true);
        var (x, y, dy, dx) = (buffers.Random(Count), buffers.Random(Count), buffers.Random(Count), buffers.Random(Count));
        var (weight, bias, runningMean, runningVariance) = (buffers.Random(C), buffers.Random(C), buffers.Random(C), buffers.Random(C));
        var (mean, invStd, dw, db) = (buffers.Random(C), buffers.Random(C), buffers.Random(C), buffers.Random(C));
        var (pooled, places) = (buffers.Random(Count / 4), buffers.Integers(Count / 4));
        if (kernel == Pool) k.MaxPoolForward(pool, x, pooled, places);
        var (bytes, call) = (kernel, pass) switch
        {
            (Norm, Forward) => (3 * Stream, () => k.BatchNormForward(norm, x, weight, bias, runningMean, runningVariance, null, y, mean, invStd)),
            (Norm, Backward) => (7 * Stream, () => k.BatchNormBackward(norm, x, y, dy, weight, mean, invStd, dx, null, dw, db)),
            (Relu, Forward) => (2 * Stream, () => k.Unary(UnaryOp.Relu, 0, x, y)),
            (Relu, Backward) => (3 * Stream, () => k.UnaryBackward(UnaryOp.Relu, 0, x, y, dy, dx)),
            (Pool, Forward) => (1.5 * Stream, () => k.MaxPoolForward(pool, x, pooled, places)),
            (Pool, Backward) => (1.5 * Stream, () => k.MaxPoolBackward(pool, pooled, places, dx)),
            _ => (5 * Stream, (Action)(() => k.Sgd(new(1e-6f, 0.9f, true, 5e-4f), x, dy, dx))),
        };
        return new(kernel, StageSize, pass, Limit.Memory, bytes, call);
    }

    static string NameOf(string kernel, string size, string pass) => $"{kernel} {size} {pass}";

    /// <summary>A 3x3 convolution of square pictures, padding 1.</summary>
    readonly record struct ConvSize(int N, int Side, int C, int K, int Stride)
    {
        public ConvGeometry Geometry => ConvGeometry.Create([N, Side, Side, C], [3, 3, C, K], Stride, 1, 1, 1);

        public override string ToString() => $"{(C == K ? $"{C}" : $"{C}->{K}")}@{Side}x{Side}{(Stride == 1 ? "" : $" stride {Stride}")} batch {N}";
    }

    /// <summary>A case's buffers, given back together.</summary>
    sealed class Buffers(Engine engine) : IDisposable
    {
        readonly List<DeviceBuffer> rented = [];

        /// <summary>Numbers from 0 to 1: real work for the kernels, and no denormals.</summary>
        public DeviceBuffer Random(long length)
        {
            var values = new float[length];
            for (var i = 0; i < values.Length; i++) values[i] = Philox.At(1, 0, (ulong)i) * (1f / uint.MaxValue);
            return Upload<float>(values, DType.Float32);
        }

        /// <summary>For what a kernel writes first.</summary>
        public DeviceBuffer Integers(long length) => Upload<int>(new int[length], DType.Int32);

        public void Dispose()
        {
            foreach (var buffer in rented) buffer.Release();
        }

        DeviceBuffer Upload<T>(ReadOnlySpan<T> values, DType type)
            where T : unmanaged
        {
            var buffer = engine.Rent(type, values.Length);
            engine.Upload(values, buffer);
            rented.Add(buffer);
            return buffer;
        }
    }
}
