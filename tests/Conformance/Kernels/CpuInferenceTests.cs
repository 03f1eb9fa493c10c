using CnnSharp.Kernels;
using CnnSharp.Kernels.Cpu;
using CnnSharp.Kernels.Reference;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>What the CPU engine does for inference: weights kept as packed, a normalization at the end of a convolution, tasks within an image.</summary>
public sealed class CpuInferenceTests
{
    /// <summary>Images, extent, channels in and out, kernel, stride: Winograd in steps; tasks by channels; strided pixels; ragged channels; few rows.</summary>
    public static TheoryData<int, int, int, int, int, int> Convolutions => new()
    {
        { 1, 26, 64, 64, 3, 1 },
        { 1, 7, 128, 96, 3, 1 },
        { 2, 14, 64, 160, 3, 2 },
        { 1, 15, 512, 72, 1, 2 },
        { 3, 9, 40, 37, 1, 1 },
        { 1, 3, 48, 53, 1, 1 },
        { 1, 30, 3, 20, 7, 2 },
        { 1, 14, 32, 16, 3, 1 },
        { 1, 7, 2048, 72, 1, 1 },
    };

    public static IEnumerable<SimdLevel> Levels => Enum.GetValues<SimdLevel>().Where(level => level <= CpuEngine.WidestLevel);

    /// <summary>However weights change, the next result is that of an engine that never saw the former ones.</summary>
    [Theory]
    [MemberData(nameof(Convolutions))]
    public void KeptWeightsFollowTheirBuffer(int images, int extent, int channels, int outChannels, int kernel, int stride)
    {
        var g = Geometry(images, extent, channels, outChannels, kernel, stride);
        foreach (var level in Levels)
        {
            var engine = new CpuEngine(2, level);
            var k = engine.Kernels;
            var x = Random(engine, 1, (long)g.N * g.H * g.W * g.C);
            var w = Random(engine, 2, (long)kernel * kernel * channels * outChannels);
            var other = Random(engine, 3, w.Length);
            Action[] changes =
            [
                () => { },
                () => engine.Upload<float>(Floats(4, w.Length), w),
                () => k.Memory.Fill(w, 0.25),
                () => k.Elementwise.AddScaled(0.5f, other, w),
                () => k.Memory.Copy(other, w),
            ];
            foreach (var change in changes)
            {
                change();
                var fresh = new CpuEngine(1, level);
                var expected = Forward(fresh, g, Copy(x, fresh), Copy(w, fresh));

                // The first use packs, the second keeps, the third reads what was kept.
                for (var use = 0; use < 3; use++) Assert.Equal(expected, Forward(engine, g, x, w));
            }

            w.Release();
            x.Release();
            other.Release();
            Assert.Equal(0, engine.Pool.UsedBytes);
        }
    }

    /// <summary>One pass or two, one thread or three: the same values.</summary>
    [Theory]
    [MemberData(nameof(Convolutions))]
    public void NormalizingAtTheEndOfTheConvolutionIsNormalizingItsResult(int images, int extent, int channels, int outChannels, int kernel, int stride)
    {
        var g = Geometry(images, extent, channels, outChannels, kernel, stride);
        var rows = (long)g.N * g.OutH * g.OutW;
        foreach (var level in Levels)
        {
            foreach (var (activation, withAdd, withBias) in new[] { (Activation.Relu, true, false), (Activation.None, false, true) })
            {
                var norm = new BatchNormGeometry(rows, g.K, 1e-5f, 0.1f, activation);
                float[]? expected = null;
                foreach (var threads in new[] { 1, 3 })
                {
                    var engine = new CpuEngine(threads, level);
                    var k = engine.Kernels;
                    var x = Random(engine, 1, (long)g.N * g.H * g.W * g.C);
                    var w = Random(engine, 2, (long)kernel * kernel * channels * outChannels);
                    var b = withBias ? Random(engine, 3, g.K) : null;
                    var add = withAdd ? Random(engine, 4, rows * g.K) : null;
                    DeviceBuffer weight = Random(engine, 5, g.K), bias = Random(engine, 6, g.K), mean = Random(engine, 7, g.K), variance = Random(engine, 8, g.K, least: 0.5f);
                    DeviceBuffer y = engine.Rent(DType.Float32, rows * g.K), z = engine.Rent(DType.Float32, rows * g.K);
                    k.Convolution.Forward(g, x, w, b, y);
                    k.Normalization.BatchNormInference(norm, y, weight, bias, mean, variance, add, z);
                    expected ??= Read(z);
                    Assert.Equal(expected, Read(z));
                    k.Convolution.ForwardFused(g, x, w, b, new() { Norm = new(norm, weight, bias, mean, variance), Add = add }, y);
                    Assert.Equal(expected, Read(y));
                }
            }
        }
    }

    static ConvGeometry Geometry(int images, int extent, int channels, int outChannels, int kernel, int stride)
        => ConvGeometry.Create([images, extent, extent, channels], [kernel, kernel, channels, outChannels], stride, kernel / 2, 1, 1);

    static float[] Forward(Engine engine, in ConvGeometry g, DeviceBuffer x, DeviceBuffer w)
    {
        var y = engine.Rent(DType.Float32, (long)g.N * g.OutH * g.OutW * g.K);
        engine.Kernels.Convolution.Forward(g, x, w, null, y);
        var values = Read(y);
        y.Release();
        return values;
    }

    static DeviceBuffer Random(Engine engine, ulong seed, long length, float least = -1)
    {
        var buffer = engine.Rent(DType.Float32, length);
        engine.Upload<float>(Floats(seed, length, least), buffer);
        return buffer;
    }

    static float[] Floats(ulong seed, long length, float least = -1)
    {
        var values = new float[length];
        new Generator(seed).FillUniform(values, least, 1);
        return values;
    }

    static DeviceBuffer Copy(DeviceBuffer source, Engine engine)
    {
        var buffer = engine.Rent(DType.Float32, source.Length);
        engine.Upload<float>(Read(source), buffer);
        return buffer;
    }

    static float[] Read(DeviceBuffer buffer)
    {
        var values = new float[buffer.Length];
        buffer.Engine.Download(buffer, values.AsSpan());
        return values;
    }
}
