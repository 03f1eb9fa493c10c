using System.Diagnostics;
using CnnSharp.Kernels;

namespace CnnSharp.Cli.Bench;

/// <summary>A kernel's speed beside what the machine could do at that moment.</summary>
/// <param name="Case">The kernel.</param>
/// <param name="Speed">Operations or bytes a second: the median of the rounds.</param>
/// <param name="Peak">The limit, in the same unit: the median of the measurements around the rounds.</param>
/// <param name="Share">The median of each round's speed by the limit measured right before and after it.</param>
internal sealed record KernelResult(KernelCase Case, double Speed, double Peak, double Share);

/// <summary>
/// Times kernels against the machine's limits. On shared machines the clock and the neighbors change from one moment to
/// the next, so the limit is measured before and after every round and a round is compared with those two alone.
/// </summary>
internal static class KernelBench
{
    /// <summary>Until a kernel is compiled, the caches are filled and the clock is up.</summary>
    static readonly TimeSpan WarmUp = TimeSpan.FromMilliseconds(250);
    static readonly TimeSpan Round = TimeSpan.FromMilliseconds(12);
    static readonly TimeSpan PeakTime = TimeSpan.FromMilliseconds(4);

    /// <summary>Measures one kernel.</summary>
    /// <param name="engine">The engine it runs on.</param>
    /// <param name="peak">The engine's limits.</param>
    /// <param name="kernel">The kernel.</param>
    /// <param name="rounds">At least 1.</param>
    public static KernelResult Measure(Engine engine, IPeak peak, KernelCase kernel, int rounds)
    {
        var calls = CallsOfARound(engine, kernel);
        var speeds = new double[rounds];
        var peaks = new double[rounds + 1];
        var shares = new double[rounds];
        peaks[0] = Peak(engine, peak, kernel);
        for (var r = 0; r < rounds; r++)
        {
            speeds[r] = calls * kernel.Work / Time(engine, kernel, calls).TotalSeconds;
            peaks[r + 1] = Peak(engine, peak, kernel);
            shares[r] = speeds[r] / ((peaks[r] + peaks[r + 1]) / 2);
        }

        return new(kernel, Statistics.Median(speeds), Statistics.Median(peaks), Statistics.Median(shares));
    }

    /// <summary>Warms a kernel up and finds how many calls fill a round; a slow device's round is a single call.</summary>
    static int CallsOfARound(Engine engine, KernelCase kernel)
    {
        var calls = 1;
        var clock = Stopwatch.StartNew();
        while (true)
        {
            var time = Time(engine, kernel, calls);
            if (time < Round) calls *= 2;
            else if (clock.Elapsed >= WarmUp) return calls;
        }
    }

    /// <summary>Calls are queued one after the other, and the last one is waited for.</summary>
    static TimeSpan Time(Engine engine, KernelCase kernel, int calls)
    {
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < calls; i++) kernel.Call();
        engine.Synchronize();
        return clock.Elapsed;
    }

    static double Peak(Engine engine, IPeak peak, KernelCase kernel)
    {
        if (kernel.Limit == Limit.Arithmetic) return peak.FmaPeak(PeakTime);
        var memory = engine.Rent(DType.Float32, (long)kernel.Work / sizeof(float));
        try
        {
            engine.Kernels.Memory.Fill(memory, 0);
            return peak.Bandwidth(memory, PeakTime);
        }
        finally
        {
            memory.Release();
        }
    }
}
