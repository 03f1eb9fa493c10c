using CnnSharp.Kernels;
using CnnSharp.Kernels.Cpu;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>The CPU engine's ways to compute a convolution: each alone wherever it applies, whether or not it pays, and which is chosen.</summary>
public sealed class ConvolutionAlgorithmTests
{
    /// <summary>Of the largest value: what <c>verify</c> allows an operation in single precision.</summary>
    const double Tolerance = 1e-4;

    static readonly int[] Threads = [1, 2, 5];

    static readonly ConvolutionPass[] Passes = Enum.GetValues<ConvolutionPass>();

    /// <summary>Images, height, width, channels in and out, kernel height and width, stride, padding, dilation, groups.</summary>
    public static TheoryData<int, int, int, int, int, int, int, int, int, int, int> Geometries => new()
    {
        // 3x3: one tile and less, ragged tiles, tall and wide, no padding and more than the kernel reaches, many tiles and few, sums by place.
        { 1, 3, 3, 16, 16, 3, 3, 1, 1, 1, 1 },
        { 2, 5, 9, 16, 48, 3, 3, 1, 1, 1, 1 },
        { 1, 13, 4, 48, 32, 3, 3, 1, 0, 1, 1 },
        { 3, 6, 6, 32, 16, 3, 3, 1, 3, 1, 1 },
        { 33, 8, 8, 32, 32, 3, 3, 1, 1, 1, 1 },
        { 2, 4, 1, 80, 112, 3, 3, 1, 1, 1, 1 },
        { 200, 8, 5, 16, 16, 3, 3, 1, 1, 1, 1 },
        { 65, 5, 1, 144, 160, 3, 3, 1, 1, 1, 1 },
        { 2, 9, 10, 112, 192, 3, 3, 1, 1, 1, 1 },

        // To three channels, and to few.
        { 2, 9, 32, 3, 16, 3, 3, 1, 1, 1, 1 },
        { 1, 5, 7, 3, 16, 3, 3, 1, 2, 1, 1 },
        { 1, 7, 17, 3, 16, 3, 5, 1, 1, 1, 1 },
        { 1, 11, 70, 3, 32, 5, 3, 1, 1, 1, 1 },
        { 2, 10, 20, 2, 24, 3, 3, 1, 1, 1, 1 },
        { 1, 20, 21, 5, 9, 1, 7, 1, 2, 1, 1 },

        // The phases of stride 2.
        { 2, 8, 14, 16, 32, 3, 3, 2, 1, 1, 1 },
        { 1, 4, 4, 48, 16, 3, 3, 2, 1, 1, 1 },

        // Depthwise, 1x1, and what only the direct method does.
        { 2, 7, 6, 70, 70, 3, 3, 1, 1, 1, 70 },
        { 1, 9, 9, 33, 33, 5, 5, 2, 2, 1, 33 },
        { 1, 9, 8, 16, 16, 3, 3, 1, 2, 2, 16 },
        { 2, 6, 5, 24, 40, 1, 1, 1, 0, 1, 1 },
        { 2, 7, 7, 24, 40, 1, 1, 2, 0, 1, 1 },
        { 2, 7, 7, 12, 20, 3, 3, 2, 1, 2, 4 },
    };

    public static IEnumerable<SimdLevel> Levels => Enum.GetValues<SimdLevel>().Where(level => level <= CpuEngine.WidestLevel);

    [Theory]
    [MemberData(nameof(Geometries))]
    public void EachIsRightWhereverItApplies(int n, int h, int w, int c, int k, int kernelH, int kernelW, int stride, int padding, int dilation, int groups)
    {
        var g = ConvGeometry.Create([n, h, w, c], [kernelH, kernelW, c / groups, k], stride, padding, dilation, groups);
        var expected = new Results(g, Device.ReferenceFloat64);
        foreach (var level in Levels)
        {
            foreach (var name in NamesFor(level, g))
            {
                Results? first = null;
                foreach (var threads in Threads)
                {
                    var engine = new CpuEngine(threads, level, AlgorithmChoice.Only(name));
                    using var device = new Device(engine);
                    var actual = new Results(g, device);
                    first ??= actual;
                    for (var i = 0; i < actual.All.Length; i++)
                    {
                        Assert.Equal(first.All[i], actual.All[i]);
                        Near(expected.All[i], actual.All[i], $"{Results.Names[i]} by {name}, {level}");
                    }
                }
            }
        }
    }

    /// <summary>The memory that an algorithm says it takes is what it takes.</summary>
    [Theory]
    [MemberData(nameof(Geometries))]
    public void EachTakesTheMemoryThatItSays(int n, int h, int w, int c, int k, int kernelH, int kernelW, int stride, int padding, int dilation, int groups)
    {
        var g = ConvGeometry.Create([n, h, w, c], [kernelH, kernelW, c / groups, k], stride, padding, dilation, groups);
        foreach (var level in Levels)
        {
            foreach (var name in NamesFor(level, g))
            {
                foreach (var pass in Passes)
                {
                    var engine = new CpuEngine(2, level, AlgorithmChoice.Only(name));
                    using var device = new Device(engine);
                    var chosen = engine.ChooseAlgorithm(pass, g);
                    if (chosen.Name != name) continue;
                    _ = new Results(g, device, pass);

                    // On another engine: to tell what it takes, an algorithm may take it.
                    using var other = new CpuEngine(2, level, AlgorithmChoice.Only(name));
                    Assert.Equal((name, pass, level, other.ChooseAlgorithm(pass, g).Workspace(g)), (name, pass, level, engine.Workspace));
                }
            }
        }
    }

    /// <summary>Where Winograd's algorithm is taken: forward, whose weights are kept, backward-data and backward-weights.</summary>
    [Theory]
    [InlineData(1, 14, 32, 16, true, false, false)]
    [InlineData(1, 14, 16, 16, false, false, false)]
    [InlineData(1, 12, 32, 32, false, false, false)]
    [InlineData(2, 14, 16, 32, true, true, false)]
    [InlineData(2, 14, 16, 24, false, false, false)]
    [InlineData(4, 7, 64, 48, true, false, false)]
    [InlineData(1, 28, 128, 32, true, true, true)]
    [InlineData(16, 14, 16, 32, true, true, true)]
    public void WinogradIsTakenWhereItPays(int images, int extent, int channels, int outChannels, bool forward, bool backwardData, bool backwardWeights)
    {
        var g = ConvGeometry.Create([images, extent, extent, channels], [3, 3, channels, outChannels], 1, 1, 1, 1);
        foreach (var level in Levels)
        {
            using CpuEngine engine = new(2, level), without = new(2, level, winograd: false);
            Assert.Equal([forward, backwardData, backwardWeights], Passes.Select(pass => engine.ChooseAlgorithm(pass, g).Name == "winograd"));
            Assert.DoesNotContain(Passes, pass => without.ChooseAlgorithm(pass, g).Name.Contains("winograd", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void EveryListEndsWithTheDirectMethodAndEveryAlgorithmIsTested()
    {
        using var engine = new CpuEngine(1);
        foreach (var list in engine.ConvolutionAlgorithms.GroupBy(algorithm => algorithm.Pass))
        {
            Assert.Equal("direct", list.Last().Name);
            Assert.Equal(list.Count(), list.Select(algorithm => algorithm.Name).Distinct().Count());
        }

        var tested = Geometries.Select(row => row.Data).SelectMany(row => NamesFor(CpuEngine.WidestLevel, ConvGeometry.Create([row.Item1, row.Item2, row.Item3, row.Item4], [row.Item6, row.Item7, row.Item4 / row.Item11, row.Item5], row.Item8, row.Item9, row.Item10, row.Item11)));
        Assert.Superset(engine.ConvolutionAlgorithms.Where(algorithm => algorithm.Name != "phases" || CpuEngine.WidestLevel == SimdLevel.Avx512).Where(algorithm => !algorithm.Name.StartsWith("three", StringComparison.Ordinal) || CpuEngine.WidestLevel == SimdLevel.Avx512).Select(algorithm => algorithm.Name).ToHashSet(), tested.ToHashSet());
    }

    static string[] NamesFor(SimdLevel level, ConvGeometry g)
    {
        using var engine = new CpuEngine(1, level);
        return [.. engine.ConvolutionAlgorithms.Where(algorithm => algorithm.Applies(g)).Select(algorithm => algorithm.Name).Distinct()];
    }

    static void Near(double[] expected, double[] actual, string what)
    {
        var largest = expected.Max(Math.Abs);
        for (var i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(actual[i] - expected[i]) <= Tolerance * largest, $"{what}: element {i} is {actual[i]}, expected {expected[i]}.");
    }

    /// <summary>Every result of a convolution and of the transposed one on a device; or those of one pass alone.</summary>
    sealed class Results
    {
        public static readonly string[] Names =
        [
            "forward", "forward with ReLU", "forward with batch norm, add and ReLU", "forward from 0 to 5", "forward from -2 to 5", "forward with SiLU", "forward with leaky ReLU", "backward-data", "backward-data, accumulating", "backward-weights",
            "transposed", "transposed backward-data, accumulating", "transposed backward-weights",
        ];

        readonly Device device;

        public Results(ConvGeometry g, Device device, ConvolutionPass? only = null)
        {
            this.device = device;
            long inputs = (long)g.N * g.H * g.W * g.C, outputs = (long)g.N * g.OutH * g.OutW * g.K, weights = (long)g.KernelH * g.KernelW * g.GroupC * g.K;
            double[] x = Values(1, inputs), y = Values(2, outputs), w = Values(3, weights), b = Values(4, g.K), c = Values(5, g.C), scale = Values(6, g.K), variance = [.. Values(7, g.K).Select(v => v + 1.5)];
            var norm = new BatchNormGeometry((long)g.N * g.OutH * g.OutW, g.K, 1e-5f, 0.1f, Activation.Relu);
            All = only switch
            {
                ConvolutionPass.Forward => [Call(y, (k, a) => k.Convolution.Forward(g, a[1], a[2], a[3], a[0]), x, w, b)],
                ConvolutionPass.BackwardData => [Call(x, (k, a) => k.Convolution.BackwardInput(g, a[1], a[2], a[0]), y, w)],
                ConvolutionPass.BackwardWeights => [Call(w, (k, a) => k.Convolution.BackwardWeight(g, a[1], a[2], a[0]), x, y)],
                _ =>
                [
                    Call(y, (k, a) => k.Convolution.Forward(g, a[1], a[2], a[3], a[0]), x, w, b),
                    Call(y, (k, a) => k.Convolution.Forward(g, a[1], a[2], a[3], a[0], Activation.Relu), x, w, b),
                    Call(y, (k, a) => k.Convolution.ForwardFused(g, a[1], a[2], a[3], new() { Norm = new(norm, a[4], a[5], a[6], a[7]), Add = a[8] }, a[0]), x, w, b, scale, b, scale, variance, y),
                    Call(y, (k, a) => k.Convolution.ForwardFused(g, a[1], a[2], a[3], new() { Bounds = (0, 5) }, a[0]), x, w, b),
                    Call(y, (k, a) => k.Convolution.ForwardFused(g, a[1], a[2], a[3], new() { Bounds = (-2, 5) }, a[0]), x, w, b),
                    Call(y, (k, a) => k.Convolution.ForwardFused(g, a[1], a[2], a[3], new() { Add = a[4], Function = UnaryOp.Silu }, a[0]), x, w, b, y),
                    Call(y, (k, a) => k.Convolution.ForwardFused(g, a[1], a[2], a[3], new() { Add = a[4], Function = UnaryOp.LeakyRelu, Parameter = 0.2f, Bounds = (-1, 5) }, a[0]), x, w, b, y),
                    Call(x, (k, a) => k.Convolution.BackwardInput(g, a[1], a[2], a[0]), y, w),
                    Call(x, (k, a) => k.Convolution.BackwardInput(g, a[1], a[2], a[0], accumulate: true), y, w),
                    Call(w, (k, a) => k.Convolution.BackwardWeight(g, a[1], a[2], a[0]), x, y),
                    Call(x, (k, a) => k.Convolution.TransposeForward(g, a[1], a[2], a[3], a[0]), y, w, c),
                    Call(y, (k, a) => k.Convolution.TransposeBackwardInput(g, a[1], a[2], a[0], accumulate: true), x, w),
                    Call(w, (k, a) => k.Convolution.TransposeBackwardWeight(g, a[1], a[2], a[0]), y, x),
                ],
            };
        }

        public double[][] All { get; }

        /// <summary>What a call writes over <paramref name="written"/>.</summary>
        double[] Call(double[] written, Action<IKernels, DeviceBuffer[]> call, params double[][] read)
        {
            double[][] all = [written, .. read];
            if (device.Engine is not CpuEngine)
            {
                var copies = all.Select(values => (double[])values.Clone()).ToArray();
                KernelCall.InPlace(device, call, copies);
                return copies[0];
            }

            var singles = all.Select(values => Array.ConvertAll(values, value => (float)value)).ToArray();
            KernelCall.InPlace(device, call, singles);
            return Array.ConvertAll(singles[0], value => (double)value);
        }

        /// <summary>From -1 to 1, and floats.</summary>
        static double[] Values(int seed, long count)
        {
            var random = new Random(seed);
            return [.. Enumerable.Range(0, checked((int)count)).Select(_ => (double)((random.NextSingle() * 2) - 1))];
        }
    }
}
