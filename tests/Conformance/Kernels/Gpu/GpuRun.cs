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
}
