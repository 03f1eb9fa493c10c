using CnnSharp.Kernels;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>One call on the GPU engine (<c>ilgpu-cpu</c>) and on the plain kernels, its buffers compared.</summary>
static class GpuChecks
{
    public static readonly Device Gpu = Device.Parse("ilgpu-cpu");

    /// <summary>A body for random cases, each with random numbers of its own.</summary>
    public static void Check<T>(int count, Gen<T> cases, Action<T, Random> body)
    {
        var seed = 0;
        Prop.ForAll(cases.ToArbitrary(), drawn => body(drawn, new(++seed))).Check(Config.QuickThrowOnFailure.WithMaxTest(count).WithReplay(2024, 11));
    }

    /// <summary>Whole numbers, so that every order of a sum is exact.</summary>
    public static float[] Whole(Random random, long length) => [.. Enumerable.Range(0, (int)length).Select(_ => (float)random.Next(-4, 5))];

    /// <summary>Numbers within 1 of the offset.</summary>
    public static float[] Real(Random random, long length, float offset = 0) => [.. Enumerable.Range(0, (int)length).Select(_ => (random.NextSingle() * 2) - 1 + offset)];

    /// <summary>Every buffer, to the bit.</summary>
    public static void Same(Action<IKernels, DeviceBuffer[]> call, params Array[] buffers) => Same(Gpu, call, buffers);

    /// <summary>Every buffer, to the bit.</summary>
    public static void Same(Device device, Action<IKernels, DeviceBuffer[]> call, params Array[] buffers) => Assert.Equal(Run(Device.Reference, call, buffers), Run(device, call, buffers));

    /// <summary>Every buffer, relative to its largest value (at least 1).</summary>
    public static void Near(Action<IKernels, DeviceBuffer[]> call, double tolerance, params float[][] buffers)
    {
        foreach (var (expected, actual) in Run(Device.Reference, call, buffers).Cast<float[]>().Zip(Run(Gpu, call, buffers).Cast<float[]>()))
        {
            var largest = expected.Select(Math.Abs).Append(1).Max();
            for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], tolerance * largest);
        }
    }

    /// <summary>What the buffers hold after a call of a device's kernels.</summary>
    public static Array[] Run(Device device, Action<IKernels, DeviceBuffer[]> call, Array[] contents)
    {
        var buffers = contents.Select(values => values is float[] floats ? Upload(floats) : Upload((int[])values)).ToArray();
        call(device.Kernels, buffers);
        return [.. contents.Zip(buffers, (values, buffer) => values is float[] ? Download<float>(buffer) : (Array)Download<int>(buffer))];

        DeviceBuffer Upload<T>(T[] values)
            where T : unmanaged
        {
            var buffer = device.Engine.Rent(typeof(T) == typeof(float) ? DType.Float32 : DType.Int32, values.Length);
            device.Engine.Upload<T>(values, buffer);
            return buffer;
        }

        T[] Download<T>(DeviceBuffer buffer)
            where T : unmanaged
        {
            var values = new T[buffer.Length];
            device.Engine.Download(buffer, values.AsSpan());
            buffer.Release();
            return values;
        }
    }
}
