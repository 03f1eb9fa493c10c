using CnnSharp.Kernels;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>Calls of kernels on ILGPU's CPU accelerator, compared with the same calls on another engine.</summary>
static class GpuRun
{
    public static readonly Device Gpu = Device.Parse("ilgpu-cpu");

    /// <summary>Runs a test on drawn cases, each with random numbers of its own; always the same ones.</summary>
    public static void Check<T>(int count, Gen<T> cases, Action<T, Random> body)
    {
        var seed = 0;
        Prop.ForAll(cases.ToArbitrary(), drawn => body(drawn, new(++seed))).Check(Config.QuickThrowOnFailure.WithMaxTest(count).WithReplay(2024, 11));
    }

    /// <summary>Whole numbers from -4 to 4: their sums and products are exact in any order.</summary>
    public static float[] Whole(Random random, long length) => [.. Enumerable.Range(0, (int)length).Select(_ => (float)random.Next(-4, 5))];

    /// <summary>Numbers from <paramref name="least"/> to <paramref name="greatest"/>.</summary>
    public static float[] Real(Random random, long length, float least = -1, float greatest = 1) => [.. Enumerable.Range(0, (int)length).Select(_ => least + (random.NextSingle() * (greatest - least)))];

    /// <summary>Labels from 0 to <paramref name="classes"/> - 1.</summary>
    public static int[] Labels(Random random, long length, int classes) => [.. Enumerable.Range(0, (int)length).Select(_ => random.Next(classes))];

    /// <summary>Every buffer as on the reference engine, to the bit.</summary>
    public static void Same(Action<IKernels, DeviceBuffer[]> call, params Array[] buffers) => Same(Gpu, call, buffers);

    /// <summary>Every buffer of a device as on the reference engine, to the bit.</summary>
    public static void Same(Device device, Action<IKernels, DeviceBuffer[]> call, params Array[] buffers) => Assert.Equal(On(Device.Reference, call, buffers), On(device, call, buffers));

    /// <summary>Every buffer as on the reference engine, within a tolerance relative to its largest value (at least 1).</summary>
    public static void Near(double tolerance, Action<IKernels, DeviceBuffer[]> call, params Array[] buffers) => Near(Gpu, tolerance, call, buffers);

    /// <summary>Every buffer of a device as on the reference engine, within a tolerance relative to its largest value (at least 1).</summary>
    public static void Near(Device device, double tolerance, Action<IKernels, DeviceBuffer[]> call, params Array[] buffers)
    {
        foreach (var (expected, actual) in On(Device.Reference, call, buffers).Zip(On(device, call, buffers)))
        {
            if (expected is not float[] floats)
            {
                Assert.Equal(expected, actual);
                continue;
            }

            var largest = floats.Where(float.IsFinite).Select(Math.Abs).Append(1).Max();
            for (var i = 0; i < floats.Length; i++) Assert.Equal(floats[i], ((float[])actual)[i], tolerance * largest);
        }
    }

    /// <summary>What the buffers (of float, int or byte) hold after a call of a device's kernels.</summary>
    public static Array[] On(Device device, Action<IKernels, DeviceBuffer[]> call, params Array[] contents)
    {
        var results = Array.ConvertAll(contents, values => (Array)values.Clone());
        KernelCall.InPlace(device, call, results);
        return results;
    }

    /// <summary>Every pass of a convolution of whole numbers as on the reference engine, to the bit.</summary>
    public static void Convolve(Device device, ConvGeometry g, Random random)
    {
        var (x, y, w) = ((long)g.N * g.H * g.W * g.C, (long)g.N * g.OutH * g.OutW * g.K, (long)g.KernelH * g.KernelW * g.GroupC * g.K);
        Same(
            device,
            (k, b) =>
            {
                k.Convolution.Forward(g, b[0], b[1], b[2], b[3], Activation.Relu);
                k.Convolution.Forward(g, b[0], b[1], null, b[4]);
                k.Convolution.BackwardInput(g, b[5], b[1], b[6]);
                k.Convolution.BackwardInput(g, b[5], b[1], b[6], accumulate: true);
                k.Convolution.BackwardWeight(g, b[0], b[5], b[7]);
                k.Convolution.BackwardBias((long)g.N * g.OutH * g.OutW, g.K, b[5], b[8]);
            },
            Whole(random, x), Whole(random, w), Whole(random, g.K), Dirt(y), Dirt(y), Whole(random, y), Dirt(x), Dirt(w), Dirt(g.K));
    }

    /// <summary>Every pass of the transposed convolution that g describes.</summary>
    public static void ConvolveTransposed(Device device, ConvGeometry g, Random random)
    {
        var (x, y, w) = ((long)g.N * g.OutH * g.OutW * g.K, (long)g.N * g.H * g.W * g.C, (long)g.KernelH * g.KernelW * g.GroupC * g.K);
        Same(
            device,
            (k, b) =>
            {
                k.Convolution.TransposeForward(g, b[0], b[1], b[2], b[3]);
                k.Convolution.TransposeForward(g, b[0], b[1], null, b[4]);
                k.Convolution.TransposeBackwardInput(g, b[5], b[1], b[6]);
                k.Convolution.TransposeBackwardInput(g, b[5], b[1], b[6], accumulate: true);
                k.Convolution.TransposeBackwardWeight(g, b[0], b[5], b[7]);
            },
            Whole(random, x), Whole(random, w), Whole(random, g.C), Dirt(y), Dirt(y), Whole(random, y), Dirt(x), Dirt(w));
    }

    /// <summary>What a rented buffer may hold.</summary>
    public static float[] Dirt(long length)
    {
        var values = new float[length];
        Array.Fill(values, float.NaN);
        return values;
    }
}
