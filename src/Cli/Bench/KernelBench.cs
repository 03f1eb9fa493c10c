using System.Diagnostics;
using CnnSharp.Kernels.Cpu;

namespace CnnSharp.Cli.Bench;

/// <summary>A kernel's speed beside what the machine could do at that moment.</summary>
/// <param name="Case">The kernel.</param>
/// <param name="Speed">Operations or bytes a second: the median of the rounds.</param>
/// <param name="Ceiling">The limit, in the same unit: the median of the measurements around the rounds.</param>
/// <param name="Share">The median of each round's speed by the limit measured right before and after it.</param>
internal sealed record KernelResult(KernelCase Case, double Speed, double Ceiling, double Share);

/// <summary>
/// Times kernels against the machine's limits. On shared machines the clock and the neighbours change from one moment to
/// the next, so the limit is measured before and after every round and a round is compared with those two alone.
/// </summary>
internal static class KernelBench
{
    static readonly TimeSpan WarmUp = TimeSpan.FromMilliseconds(250);
    static readonly TimeSpan Round = TimeSpan.FromMilliseconds(12);
    static readonly TimeSpan CeilingTime = TimeSpan.FromMilliseconds(4);

    /// <summary>Measures one kernel.</summary>
    /// <param name="engine">The engine it runs on.</param>
    /// <param name="kernel">The kernel.</param>
    /// <param name="rounds">At least 1.</param>
    public static KernelResult Measure(CpuEngine engine, KernelCase kernel, int rounds)
    {
        // The JIT replaces its first, quick code after 30 calls and a pause: until then nothing is worth timing.
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < 35 || clock.Elapsed < WarmUp; i++) kernel.Call();

        var speeds = new double[rounds];
        var ceilings = new double[rounds + 1];
        var shares = new double[rounds];
        ceilings[0] = Ceiling(engine, kernel);
        for (var r = 0; r < rounds; r++)
        {
            var calls = 0;
            clock.Restart();
            do
            {
                kernel.Call();
                calls++;
            }
            while (clock.Elapsed < Round);
            speeds[r] = calls * kernel.Work / clock.Elapsed.TotalSeconds;
            ceilings[r + 1] = Ceiling(engine, kernel);
            shares[r] = speeds[r] / ((ceilings[r] + ceilings[r + 1]) / 2);
        }

        return new(kernel, Statistics.Median(speeds), Statistics.Median(ceilings), Statistics.Median(shares));
    }

    static double Ceiling(CpuEngine engine, KernelCase kernel)
        => kernel.Limit == Limit.Arithmetic ? engine.MeasureFmaPeak(CeilingTime) : engine.MeasureBandwidth((long)kernel.Work, CeilingTime);
}
