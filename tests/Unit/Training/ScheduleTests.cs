using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests.Training;

/// <summary>Learning rates against values worked out by hand.</summary>
public class ScheduleTests
{
    const double Tolerance = 1e-12;

    [Fact]
    public void Constant_keeps_the_base_rate() => AssertRates(Schedule.Constant(), 4, 2, [0.1, 0.1, 0.1, 0.1]);

    [Fact]
    public void Step_drops_every_so_many_epochs() => AssertRates(Schedule.Step(2), 6, 1, [0.1, 0.1, 0.01, 0.01, 0.001, 0.001]);

    /// <summary>3 / 10 / 0.1 is less than 3 in floating point: whole steps are counted, not shares of an epoch.</summary>
    [Fact]
    public void Fractions_of_an_epoch_are_whole_steps()
    {
        AssertRates(Schedule.Step(0.1, 0.5), 10, 10, [0.1, 0.05, 0.025, 0.0125, 0.00625, 0.003125, 0.0015625]);
        AssertRates(Schedule.MultiStep([0.1, 0.3], 0.5), 10, 10, [0.1, 0.05, 0.05, 0.025]);
    }

    [Fact]
    public void Multi_step_drops_at_the_epochs_named() => AssertRates(Schedule.MultiStep([0.5, 2], 0.5), 6, 2, [0.1, 0.05, 0.05, 0.05, 0.025, 0.025]);

    [Fact]
    public void Exponential_drops_once_an_epoch() => AssertRates(Schedule.Exponential(0.5), 6, 2, [0.1, 0.1, 0.05, 0.05, 0.025, 0.025]);

    [Fact]
    public void Polynomial_falls_to_zero()
    {
        AssertRates(Schedule.Polynomial(), 4, 2, [0.1, 0.075, 0.05, 0.025]);
        AssertRates(Schedule.Polynomial(2), 4, 2, [0.1, 0.05625, 0.025, 0.00625]);
    }

    [Fact]
    public void Cosine_falls_along_half_a_wave()
    {
        var root = Math.Sqrt(0.5);
        AssertRates(Schedule.Cosine(), 4, 2, [0.1, 0.05 * (1 + root), 0.05, 0.05 * (1 - root)]);
        AssertRates(Schedule.Cosine(final: 0.02), 2, 2, [0.1, 0.06]);
    }

    [Fact]
    public void Cosine_restarts_begin_again_and_take_longer()
    {
        AssertRates(Schedule.CosineRestarts(1), 8, 2, [0.1, 0.05, 0.1, 0.05, 0.1, 0.05]);
        var root = Math.Sqrt(0.5);
        AssertRates(Schedule.CosineRestarts(1, factor: 2, final: 0.02), 20, 2, [0.1, 0.06, 0.1, 0.06 + (0.04 * root), 0.06, 0.06 - (0.04 * root), 0.1]);
        Assert.Contains("Factor must be at least 1", Assert.Throws<ArgumentOutOfRangeException>(() => Schedule.CosineRestarts(1, 0.9)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Cyclic_goes_up_and_down()
    {
        AssertRates(Schedule.Cyclic(0.3, up: 1, down: 2), 12, 2, [0.1, 0.2, 0.3, 0.25, 0.2, 0.15, 0.1, 0.2, 0.3]);
        AssertRates(Schedule.Cyclic(0.3, up: 1, mode: CyclicMode.Triangular2), 12, 2, [0.1, 0.2, 0.3, 0.2, 0.1, 0.15, 0.2, 0.15, 0.1, 0.125]);
        AssertRates(Schedule.Cyclic(0.3, up: 1, mode: CyclicMode.ExpRange, gamma: 0.5), 12, 2, [0.1, 0.15, 0.15, 0.1125, 0.1]);
        var moved = Schedule.Cyclic(0.3, up: 1).WithMomentum(0.9, 0.8);
        Assert.Equal([0.9, 0.85, 0.8, 0.85], Enumerable.Range(0, 4).Select(step => Math.Round(moved.MomentumAt(new(step, 12, 2, []))!.Value, 12)));
        Assert.Null(Schedule.Cyclic(0.3, up: 1).MomentumAt(new(1, 12, 2, [])));
    }

    [Fact]
    public void Lambda_multiplies_by_what_it_is_given()
    {
        AssertRates(Schedule.Lambda(time => 1 / (1 + time.Epoch)), 4, 1, [0.1, 0.05, 0.1 / 3, 0.025]);
        AssertRates(Schedule.Warmup(2, 0.5).Then(Schedule.Lambda(time => 1 - (time.Step * 0.1))), 5, 1, [0.05, 0.075, 0.1, 0.09]);
        Assert.Throws<ArgumentNullException>(() => Schedule.Lambda(null!));
    }

    /// <summary>20 steps, 30 % up: the peak stands at step 5, the end at step 19.</summary>
    [Fact]
    public void One_cycle_rises_to_the_peak_and_falls()
    {
        var linear = Schedule.OneCycle(peak: 0.5, anneal: Anneal.Linear);
        var (start, end) = (0.5 / 25, 0.5 / 25 / 1e4);
        Assert.Equal(start, Rate(linear, 0, 20), Tolerance);
        Assert.Equal(start + ((0.5 - start) * 2 / 5), Rate(linear, 2, 20), Tolerance);
        Assert.Equal(0.5, Rate(linear, 5, 20), Tolerance);
        Assert.Equal((0.5 + end) / 2, Rate(linear, 12, 20), Tolerance);
        Assert.Equal(end, Rate(linear, 19, 20), Tolerance);

        var cosine = Schedule.OneCycle(peak: 0.5);
        Assert.Equal(start, Rate(cosine, 0, 20), Tolerance);
        Assert.Equal(0.5 + ((start - 0.5) * (1 + Math.Cos(Math.PI * 2 / 5)) / 2), Rate(cosine, 2, 20), Tolerance);
        Assert.Equal(0.5, Rate(cosine, 5, 20), Tolerance);
        Assert.Equal((0.5 + end) / 2, Rate(cosine, 12, 20), Tolerance);
        Assert.Equal(end, Rate(cosine, 19, 20), Tolerance);
    }

    [Fact]
    public void One_cycle_can_move_the_momentum_against_the_rate()
    {
        var cycle = Schedule.OneCycle(peak: 0.5, anneal: Anneal.Linear).WithMomentum(0.9, 0.8);
        Assert.Equal([0.9, 0.86, 0.8, 0.85, 0.9], new[] { 0, 2, 5, 12, 19 }.Select(step => Math.Round(cycle.MomentumAt(new(step, 20, 1, []))!.Value, 12)));
        Assert.Equal(0.8, Schedule.Warmup(epochs: 10).Then(cycle).MomentumAt(new(15, 30, 1, []))!.Value, Tolerance);
        Assert.Null(Schedule.OneCycle(0.5).MomentumAt(new(3, 20, 1, [])));
        Assert.Null(Schedule.Warmup(epochs: 1).MomentumAt(new(3, 20, 1, [])));
        Assert.Contains("atPeak must be within [0, 1)", Assert.Throws<ArgumentOutOfRangeException>(() => cycle.WithMomentum(0.9, 1)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(10)]
    public void One_cycle_is_finite_however_short(long steps)
    {
        foreach (var warmup in new[] { 0, 0.1, 0.3, 0.5, 1 })
        {
            for (var step = 0L; step < steps; step++) Assert.InRange(Rate(Schedule.OneCycle(1, warmup), step, steps), 1 / 25e4 * 0.999, 1);
        }
    }

    [Fact]
    public void Warmup_rises_to_the_next_schedule()
    {
        // Two epochs of two steps up, then a line down over the four steps that remain.
        var schedule = Schedule.Warmup(epochs: 2, start: 0).Then(Schedule.Polynomial());
        AssertRates(schedule, 8, 2, [0, 0.025, 0.05, 0.075, 0.1, 0.075, 0.05, 0.025]);
        AssertRates(Schedule.Warmup(epochs: 0), 2, 1, [0.1, 0.1]);
    }

    [Fact]
    public void Plateau_drops_when_the_loss_stops_falling()
    {
        var schedule = Schedule.Plateau(factor: 0.5, patience: 1);
        Assert.Equal(0.1, RateAfter(schedule), Tolerance);
        Assert.Equal(0.1, RateAfter(schedule, 1, 0.9, 0.91), Tolerance);
        Assert.Equal(0.05, RateAfter(schedule, 1, 0.9, 0.91, 0.92), Tolerance);
        Assert.Equal(0.05, RateAfter(schedule, 1, 0.9, 0.91, 0.92, 0.93), Tolerance);
        Assert.Equal(0.025, RateAfter(schedule, 1, 0.9, 0.91, 0.92, 0.93, 0.94), Tolerance);
        Assert.Equal(0.1, RateAfter(schedule, 1, 0.9, 0.91, 0.8, 0.81), Tolerance);

        // Better by less than the threshold is not better.
        Assert.Equal(0.05, RateAfter(schedule, 1, 0.99999, 0.99998), Tolerance);
    }

    [Fact]
    public void Settings_out_of_range_are_refused()
    {
        Assert.Contains("Epochs must be above 0", Assert.Throws<ArgumentOutOfRangeException>(() => Schedule.Step(0)).Message, StringComparison.Ordinal);
        Assert.Contains("Epochs must be ascending", Assert.Throws<ArgumentOutOfRangeException>(() => Schedule.MultiStep([2, 1])).Message, StringComparison.Ordinal);
        Assert.Contains("Warmup must be within [0, 1]", Assert.Throws<ArgumentOutOfRangeException>(() => Schedule.OneCycle(1, warmup: double.NaN)).Message, StringComparison.Ordinal);
    }

    static void AssertRates(Schedule schedule, long steps, long stepsPerEpoch, double[] expected)
    {
        for (var step = 0; step < expected.Length; step++) Assert.Equal(expected[step], schedule.RateAt(0.1, new(step, steps, stepsPerEpoch, [])), Tolerance);
    }

    static double Rate(Schedule schedule, long step, long steps) => schedule.RateAt(0.1, new(step, steps, 1, []));

    static double RateAfter(Schedule schedule, params double[] losses) => schedule.RateAt(0.1, new(losses.Length, 100, 1, losses));
}
