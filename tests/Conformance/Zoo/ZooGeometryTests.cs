using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using CnnSharp.Kernels;
using CnnSharp.Kernels.Cpu;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>
/// The CPU engine's kernels at the sizes they are made for: every geometry of <see cref="ZooGeometries"/>, every SIMD level,
/// every convolution algorithm that applies, against the plain kernels in double precision, and equal to the bit for 1, 2 and 5 threads;
/// CUDA devices too, where there are any. A failure names the test to run again.
/// </summary>
[Collection(DeviceTests.Name)]
public sealed class ZooGeometryTests : IDisposable
{
    /// <summary>Of the largest value, and absolute: what <c>verify</c> allows an operation in single precision.</summary>
    const double Relative = 1e-4, Absolute = 1e-5;

    static readonly int[] Threads = [1, 2, 5];

    static readonly Dictionary<string, ConvGeometry> ConvolutionsByName = ZooGeometries.Convolutions.ToDictionary(Name);

    static readonly Dictionary<string, (bool Maximum, PoolGeometry Geometry)> PoolingsByName = ZooGeometries.Poolings.ToDictionary(Name);

    /// <summary>Bytes that the last collection left, other tests' among them.</summary>
    static long live;

    /// <summary>A part of the running test's name.</summary>
    string again = "";

    public static TheoryData<string> Convolutions => [.. ConvolutionsByName.Keys];

    public static TheoryData<string> Poolings => [.. PoolingsByName.Keys];

    public static TheoryData<long, int> BatchNorms
    {
        get
        {
            var data = new TheoryData<long, int>();
            foreach (var g in ZooGeometries.BatchNorms) data.Add(g.Rows, g.Channels);
            return data;
        }
    }

    public static TheoryData<int, int, int> Products
    {
        get
        {
            var data = new TheoryData<int, int, int>();
            foreach (var g in ZooGeometries.Products) data.Add(g.M, g.N, g.K);
            return data;
        }
    }

    public void Dispose() => Device.ReferenceFloat64.Engine.Pool.Trim();

    [Fact]
    public void TheZooHasManyGeometries()
    {
        Assert.True(ConvolutionsByName.Count >= 200, $"{ConvolutionsByName.Count} convolutions");
        Assert.True(PoolingsByName.Count >= 20, $"{PoolingsByName.Count} poolings");
        Assert.True(ZooGeometries.BatchNorms.Count() >= 40, $"{ZooGeometries.BatchNorms.Count()} batch norms");
        Assert.True(ZooGeometries.Products.Count() >= 10, $"{ZooGeometries.Products.Count()} matrix products");
    }

    [Theory]
    [MemberData(nameof(Convolutions))]
    public void Convolution(string name)
    {
        var g = ConvolutionsByName[again = name];
        var random = new Random(g.GetHashCode() & 0xffff);
        long pixels = (long)g.N * g.H * g.W, results = (long)g.N * g.OutH * g.OutW;
        var (x, w, b, dy) = (GpuRun.Real(random, pixels * g.C), GpuRun.Real(random, (long)g.KernelH * g.KernelW * g.GroupC * g.K), GpuRun.Real(random, g.K), GpuRun.Real(random, results * g.K));
        var (scale, shift, mean, variance) = (GpuRun.Real(random, g.K), GpuRun.Real(random, g.K), GpuRun.Real(random, g.K), GpuRun.Real(random, g.K, 0.5f, 2));

        // The truth, projected: y and dw over the output channels, dx over the input channels.
        var (outputs, inputs) = (new ChannelProjection(g.K, g.Groups, random), new ChannelProjection(g.C, g.Groups, random));
        double[] projectedY = new double[results * outputs.Count], projectedDw = new double[(long)g.KernelH * g.KernelW * g.GroupC * outputs.Count], projectedDx = new double[pixels * inputs.Count];
        var (narrowed, thinned) = (g with { K = outputs.Count }, g with { C = inputs.Count });
        KernelCall.InPlace(Device.ReferenceFloat64, (k, a) => k.Convolution.Forward(narrowed, a[0], a[1], a[2], a[3]), Doubles(x), outputs.OfLast(w), outputs.OfLast(b), projectedY);
        KernelCall.InPlace(Device.ReferenceFloat64, (k, a) => k.Convolution.BackwardWeight(narrowed, a[0], a[1], a[2]), Doubles(x), outputs.OfLast(dy), projectedDw);
        KernelCall.InPlace(Device.ReferenceFloat64, (k, a) => k.Convolution.BackwardInput(thinned, a[0], a[1], a[2]), Doubles(dy), inputs.OfInputs(w, g.Groups, g.K), projectedDx);

        foreach (var (label, devices) in Variants(Algorithms(g)))
        {
            float[][]? first = null;
            foreach (var device in devices)
            {
                float[] y = new float[dy.Length], rectified = new float[dy.Length], fused = new float[dy.Length], dx = new float[x.Length], dw = new float[w.Length];
                var added = (float[])x.Clone();
                KernelCall.InPlace(device, (k, a) => k.Convolution.Forward(g, a[0], a[1], a[2], a[3]), x, w, b, y);
                KernelCall.InPlace(device, (k, a) => k.Convolution.Forward(g, a[0], a[1], a[2], a[3], Activation.Relu), x, w, b, rectified);
                KernelCall.InPlace(device, (k, a) => k.Convolution.BackwardWeight(g, a[0], a[1], a[2]), x, dy, dw);
                KernelCall.InPlace(device, (k, a) => k.Convolution.BackwardInput(g, a[0], a[1], a[2]), dy, w, dx);
                KernelCall.InPlace(device, (k, a) => k.Convolution.BackwardInput(g, a[0], a[1], a[2], accumulate: true), dy, w, added);
                var norm = new BatchNormGeometry(results, g.K, 1e-5f, 0.1f, Activation.Relu);
                KernelCall.InPlace(device, (k, a) => k.Convolution.ForwardFused(g, a[0], a[1], a[2], new() { Norm = new(norm, a[3], a[4], a[5], a[6]), Add = a[7] }, a[8]), x, w, b, scale, shift, mean, variance, dy, fused);
                float[][] all = [y, rectified, dw, dx, added, fused];
                if (first is not null)
                {
                    SameBits(label, device, first, all, "forward", "forward with ReLU", "backward-weights", "backward-data", "backward-data, accumulating", "forward with batch norm, add and ReLU");
                    continue;
                }

                first = all;
                Near(label, device, "forward", outputs.OfLast(y), projectedY);
                Near(label, device, "backward-weights", outputs.OfLast(dw), projectedDw);
                Near(label, device, "backward-data", inputs.OfLast(dx), projectedDx);
                Near(label, device, "forward with ReLU", rectified, i => Math.Max(y[i], 0.0));
                Near(label, device, "backward-data, accumulating", added, i => (double)x[i] + dx[i]);
                Near(label, device, "forward with batch norm, add and ReLU", fused, i =>
                {
                    var c = i % g.K;
                    return Math.Max((scale[c] * (y[i] - (double)mean[c]) / Math.Sqrt(variance[c] + 1e-5)) + shift[c] + dy[i], 0);
                });
            }
        }
    }

    [Theory]
    [MemberData(nameof(Poolings))]
    public void Pooling(string name)
    {
        var (maximum, g) = PoolingsByName[again = name];
        var random = new Random(7);
        var (x, dy) = (GpuRun.Real(random, (long)g.N * g.H * g.W * g.C), GpuRun.Real(random, (long)g.N * g.OutH * g.OutW * g.C));
        CheckFully([x, dy, new float[dy.Length], new float[x.Length], new int[dy.Length]], (k, a) =>
        {
            if (maximum)
            {
                k.Pooling.MaxForward(g, a[0], a[2], a[4]);
                k.Pooling.MaxBackward(g, a[1], a[4], a[3]);
                return;
            }

            k.Pooling.AverageForward(g, a[0], a[2]);
            k.Pooling.AverageBackward(g, a[1], a[3]);
        });
    }

    [Theory]
    [MemberData(nameof(BatchNorms))]
    public void BatchNorm(long rows, int channels)
    {
        again = $"{nameof(BatchNorm)}(rows: {rows}, channels: {channels})";
        var random = new Random(9);
        var (x, dy, add) = (GpuRun.Real(random, rows * channels), GpuRun.Real(random, rows * channels), GpuRun.Real(random, rows * channels));
        var (weight, bias, mean, variance) = (GpuRun.Real(random, channels), GpuRun.Real(random, channels), GpuRun.Real(random, channels), GpuRun.Real(random, channels, 0.5f, 2));
        foreach (var activation in (Activation[])[Activation.None, Activation.Relu])
        {
            var g = new BatchNormGeometry(rows, channels, 1e-5f, 0.1f, activation);
            if (rows > 1)
            {
                CheckFully(
                    [x, dy, add, weight, bias, mean, variance, .. Vectors(x.Length, 3), .. Vectors(channels, 4)],
                    (k, a) =>
                    {
                        k.Normalization.BatchNormForward(g, a[0], a[3], a[4], a[5], a[6], a[2], a[7], a[10], a[11]);
                        k.Normalization.BatchNormBackward(g, a[0], a[7], a[1], a[3], a[10], a[11], a[8], a[9], a[12], a[13]);
                    },
                    isUsable: i => activation == Activation.None || i is not (8 or 9 or 12 or 13));
            }

            CheckFully([x, add, weight, bias, mean, variance, new float[x.Length]], (k, a) => k.Normalization.BatchNormInference(g, a[0], a[2], a[3], a[4], a[5], a[1], a[6]));
        }
    }

    [Theory]
    [MemberData(nameof(Products))]
    public void Product(int m, int n, int k)
    {
        again = $"{nameof(Product)}(m: {m}, n: {n}, k: {k})";

        // c = a b, the gradient of a by a transposed b, and that of b by a transposed a.
        foreach (var g in (MatMulGeometry[])[new(m, n, k), new(m, k, n, TransposeB: true), new(k, n, m, TransposeA: true)])
        {
            var random = new Random(11);
            var (a, b, bias) = (GpuRun.Real(random, (long)g.M * g.K), GpuRun.Real(random, (long)g.K * g.N), GpuRun.Real(random, g.N));
            var projection = new ChannelProjection(g.N, 1, random);
            var expected = new double[(long)g.M * projection.Count];
            var columns = g.TransposeB ? Transposed(b, g.N, g.K) : b;
            KernelCall.InPlace(Device.ReferenceFloat64, (kernels, p) => kernels.MatMul.Multiply(new(g.M, projection.Count, g.K, g.TransposeA), p[0], p[1], p[2], p[3]), Doubles(a), projection.OfLast(columns), projection.OfLast(bias), expected);
            foreach (var (label, devices) in Variants([AlgorithmChoice.All]))
            {
                float[][]? first = null;
                foreach (var device in devices)
                {
                    float[] c = new float[(long)g.M * g.N], rectified = new float[c.Length], added = GpuRun.Real(new(12), c.Length);
                    var before = (float[])added.Clone();
                    KernelCall.InPlace(device, (kernels, p) => kernels.MatMul.Multiply(g, p[0], p[1], p[2], p[3]), a, b, bias, c);
                    KernelCall.InPlace(device, (kernels, p) => kernels.MatMul.Multiply(g, p[0], p[1], p[2], p[3], Activation.Relu), a, b, bias, rectified);
                    KernelCall.InPlace(device, (kernels, p) => kernels.MatMul.Multiply(g, p[0], p[1], p[2], p[3], accumulate: true), a, b, bias, added);
                    if (first is not null)
                    {
                        SameBits(label, device, first, [c, rectified, added], $"{g}", $"{g} with ReLU", $"{g}, accumulating");
                        continue;
                    }

                    first = [c, rectified, added];
                    Near(label, device, $"{g}", projection.OfLast(c), expected);
                    Near(label, device, $"{g} with ReLU", rectified, i => Math.Max(c[i], 0.0));
                    Near(label, device, $"{g}, accumulating", added, i => (double)before[i] + c[i]);
                }
            }
        }
    }

    /// <summary>A call on every engine against the same in double precision, every element of every buffer.</summary>
    void CheckFully(Array[] buffers, Action<IKernels, DeviceBuffer[]> call, Func<int, bool>? isUsable = null)
    {
        var expected = buffers.Select(buffer => buffer is float[] values ? Doubles(values) : (Array)buffer.Clone()).ToArray();
        KernelCall.InPlace(Device.ReferenceFloat64, call, expected);
        foreach (var (label, devices) in Variants([AlgorithmChoice.All]))
        {
            Array[]? first = null;
            foreach (var device in devices)
            {
                var actual = buffers.Select(buffer => (Array)buffer.Clone()).ToArray();
                KernelCall.InPlace(device, call, actual);
                if (first is not null)
                {
                    SameBits(label, device, [.. first.OfType<float[]>()], [.. actual.OfType<float[]>()], [.. actual.OfType<float[]>().Select((_, i) => $"buffer {i}")]);
                    continue;
                }

                first = actual;
                for (var i = 0; i < actual.Length; i++)
                {
                    if (actual[i] is int[] integers) Assert.Equal((int[])expected[i], integers);
                    else if (isUsable?.Invoke(i) != false) Near(label, device, $"buffer {i}", (float[])actual[i], (double[])expected[i]);
                }
            }
        }
    }

    /// <summary>The engines to check, those that must give the same bytes together.</summary>
    static IEnumerable<(string Label, IEnumerable<Device> Devices)> Variants(IEnumerable<AlgorithmChoice> choices)
    {
        foreach (var level in Enum.GetValues<SimdLevel>().Where(level => level <= CpuEngine.WidestLevel))
        {
            foreach (var choice in choices) yield return ($"{level}, algorithms: {choice}", Engines(level, choice));
        }

        foreach (var report in Device.List().Where(report => report.Name.StartsWith("cuda", StringComparison.Ordinal) && report.Device is not null)) yield return (report.Name, [report.Device!]);
    }

    /// <summary>An engine after the other, each given back before the next with the results of the last: together they would hold gigabytes.</summary>
    static IEnumerable<Device> Engines(SimdLevel level, AlgorithmChoice choice)
    {
        foreach (var threads in Threads)
        {
            using (var device = new Device(new CpuEngine(threads, level, choice))) yield return device;
            if (GC.GetTotalMemory(forceFullCollection: false) < live + (512 << 20)) continue;
            GC.Collect();
            live = GC.GetTotalMemory(forceFullCollection: false);
        }
    }

    /// <summary>What an engine of every level would choose, the direct method, and, where it would choose among several, each alone.</summary>
    static IEnumerable<AlgorithmChoice> Algorithms(ConvGeometry g)
    {
        var paying = new SortedSet<string>();
        foreach (var level in Enum.GetValues<SimdLevel>().Where(level => level <= CpuEngine.WidestLevel))
        {
            using var engine = new CpuEngine(1, level);
            paying.UnionWith(engine.ConvolutionAlgorithms.Where(algorithm => algorithm.Applies(g) && algorithm.Pays(g)).Select(algorithm => algorithm.Name));
        }

        paying.Remove("direct");
        return paying.Count > 1 ? [AlgorithmChoice.All, AlgorithmChoice.Direct, .. paying.Select(AlgorithmChoice.Only)]
            : paying.Count == 1 ? [AlgorithmChoice.All, AlgorithmChoice.Direct]
            : [AlgorithmChoice.All];
    }

    void Near(string label, Device device, string what, double[] actual, double[] expected) => Near(label, device, what, actual.Length, i => actual[i], i => expected[i]);

    void Near(string label, Device device, string what, float[] actual, double[] expected) => Near(label, device, what, actual.Length, i => actual[i], i => expected[i]);

    void Near(string label, Device device, string what, float[] actual, Func<int, double> expected) => Near(label, device, what, actual.Length, i => actual[i], expected);

    /// <summary>Element by element: copies in double precision of the largest results would take gigabytes.</summary>
    void Near(string label, Device device, string what, int count, Func<int, double> actual, Func<int, double> expected)
    {
        var largest = 0.0;
        for (var i = 0; i < count; i++) largest = Math.Max(largest, Math.Abs(expected(i)));
        var bound = Absolute + (Relative * largest);
        for (var i = 0; i < count; i++)
        {
            if (!(Math.Abs(actual(i) - expected(i)) <= bound)) Fail($"{what} on {label} ({device.Engine.Description}): element {i} of {count} is {actual(i):g9}, expected {expected(i):g9} within {bound:g3}");
        }
    }

    [DoesNotReturn]
    void Fail(string message) => Assert.Fail($"{message}; to repeat: dotnet test tests/Conformance -c Release --filter \"DisplayName~{again}\"");

    void SameBits(string label, Device device, float[][] expected, float[][] actual, params string[] what)
    {
        for (var i = 0; i < expected.Length; i++)
        {
            var same = MemoryMarshal.AsBytes<float>(expected[i]).CommonPrefixLength(MemoryMarshal.AsBytes<float>(actual[i])) / sizeof(float);
            if (same < expected[i].Length) Fail($"{what[i]} on {label} ({device.Engine.Description}): element {same} of {expected[i].Length} is {actual[i][same]:g9}, with {Threads[0]} thread {expected[i][same]:g9}");
        }
    }

    static float[][] Vectors(int length, int count) => [.. Enumerable.Range(0, count).Select(_ => new float[length])];

    static double[] Doubles(float[] values) => Array.ConvertAll(values, value => (double)value);

    static float[] Transposed(float[] values, int rows, int columns)
    {
        var transposed = new float[values.Length];
        for (var i = 0; i < values.Length; i++) transposed[(i % columns * rows) + (i / columns)] = values[i];
        return transposed;
    }

    static string Name(ConvGeometry g)
        => $"{g.N}x{g.H}x{g.W}x{g.C}-w{g.KernelH}x{g.KernelW}x{g.K}-s{g.StrideH}x{g.StrideW}-p{g.PadTop}x{g.PadLeft}-d{g.DilationH}x{g.DilationW}-g{g.Groups}-o{g.OutH}x{g.OutW}";

    static string Name((bool Maximum, PoolGeometry Geometry) pooling)
        => $"{(pooling.Maximum ? "max" : "avg")}-{pooling.Geometry.N}x{pooling.Geometry.H}x{pooling.Geometry.W}x{pooling.Geometry.C}-k{pooling.Geometry.KernelH}x{pooling.Geometry.KernelW}-s{pooling.Geometry.StrideH}-p{pooling.Geometry.Padding.Top}-o{pooling.Geometry.OutH}x{pooling.Geometry.OutW}";
}
