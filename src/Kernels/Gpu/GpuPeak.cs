using System.Diagnostics;
using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

/// <summary>
/// Eight independent chains c = a c + b. A thread that has its next multiply-add ready seven times while one is under way
/// keeps the units busy even where few threads fit; with the operands some twenty registers, so that all threads fit.
/// </summary>
struct FmaChains(float c0, float c1, float c2, float c3, float c4, float c5, float c6, float c7)
{
    public const int Count = 8;

    float c0 = c0, c1 = c1, c2 = c2, c3 = c3, c4 = c4, c5 = c5, c6 = c6, c7 = c7;

    public readonly float Sum => c0 + c1 + c2 + c3 + (c4 + c5 + c6 + c7);

    public readonly FmaChains Next(float a, float b)
        => new((a * c0) + b, (a * c1) + b, (a * c2) + b, (a * c3) + b, (a * c4) + b, (a * c5) + b, (a * c6) + b, (a * c7) + b);

    public readonly FmaChains Next4(float a, float b) => Next(a, b).Next(a, b).Next(a, b).Next(a, b);
}

/// <summary>The limits of the device; the kernels are timed on the host's clock, which needs no support of the device's.</summary>
sealed class GpuPeak(GpuKernels kernels) : GpuKernelFamily(kernels), IPeak
{
    /// <summary>Steps written out in the loop's body, so that counting them costs 2% and not 30%.</summary>
    const int FmaStepsWrittenOut = 16;

    /// <summary>Half a millisecond on a GPU that is full of threads: long beside the time between two kernels.</summary>
    const int FmaIterations = 512;

    Action<Index1D, int, float, float, ArrayView<float>>? multiplyAdd;
    Action<Index1D, float, ArrayView<float>, ArrayView<float>>? updateInPlace;

    public int Batch => Accelerator.AcceleratorType == AcceleratorType.CPU ? 1 : 1024;

    static void MultiplyAdd(Index1D i, int iterations, float a, float b, ArrayView<float> sums)
    {
        // |a| < 1 keeps the chains finite and away from denormals; each thread has its own numbers.
        var start = b + (i % 64 * a);
        var c = new FmaChains(start, start + a, start + b, a, b, a + b, start * a, start * b);
        for (var n = 0; n < iterations; n++) c = c.Next4(a, b).Next4(a, b).Next4(a, b).Next4(a, b);
        sums[i] = c.Sum;
    }

    /// <summary>One thread four elements.</summary>
    static void UpdateInPlace(Index1D i, float s, ArrayView<float> a, ArrayView<float> b)
    {
        var target = Float4.Of(a);
        var source = Float4.Of(b);
        var (x, y) = (target[i], source[i]);
        target[i] = new(x.X + (s * y.X), x.Y + (s * y.Y), x.Z + (s * y.Z), x.W + (s * y.W));
    }

    public double FmaPeak(TimeSpan duration)
    {
        var launcher = multiplyAdd ??= Compile<Action<Index1D, int, float, float, ArrayView<float>>>(nameof(MultiplyAdd), MultiplyAdd);
        var threads = Accelerator.MaxNumThreads;
        var sums = Engine.Rent(DType.Float32, threads);
        try
        {
            var view = Floats(sums);
            return Rate(2.0 * threads * FmaIterations * FmaStepsWrittenOut * FmaChains.Count, duration, () => launcher(Range(threads), FmaIterations, 0.5f, 1f, view));
        }
        finally
        {
            sums.Release();
        }
    }

    public double Bandwidth(DeviceBuffer memory, TimeSpan duration)
    {
        var launcher = updateInPlace ??= Compile<Action<Index1D, float, ArrayView<float>, ArrayView<float>>>(nameof(UpdateInPlace), UpdateInPlace);
        var quads = memory.Length / 8;
        var view = Floats(memory);
        var (a, b) = (view.SubView(0, 4 * quads), view.SubView(4 * quads, 4 * quads));
        return Rate(3.0 * 4 * quads * sizeof(float), duration, () => launcher(Range(quads), 1e-3f, a, b));
    }

    /// <summary>Work a second of a kernel: queued ever more often before the device is waited for, so that waiting does not count.</summary>
    double Rate(double work, TimeSpan duration, Action launch)
    {
        launch();
        Engine.Synchronize();
        var done = 0.0;
        var clock = Stopwatch.StartNew();
        var launches = 1;
        do
        {
            for (var i = 0; i < launches; i++) launch();
            Engine.Synchronize();
            done += launches * work;
            launches *= 2;
        }
        while (clock.Elapsed < duration);

        return done / clock.Elapsed.TotalSeconds;
    }
}
