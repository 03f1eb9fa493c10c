using System.Text.Json.Serialization;

namespace CnnSharp.Training;

/// <summary><see cref="Schedule.Constant"/>.</summary>
public sealed record ConstantSchedule : Schedule
{
    /// <inheritdoc/>
    public override double RateAt(double baseRate, in ScheduleTime time) => baseRate;
}

/// <summary><see cref="Schedule.Step"/>: base factor^floor(epoch / epochs).</summary>
/// <param name="Epochs">Epochs between two drops; above 0.</param>
/// <param name="Factor">Above 0.</param>
public sealed record StepSchedule(double Epochs, double Factor) : Schedule
{
    /// <summary>Epochs between two drops.</summary>
    public double Epochs { get; } = Check(Epochs > 0, Epochs, nameof(Epochs), "above 0");

    /// <summary>What a drop multiplies by.</summary>
    public double Factor { get; } = Check(Factor > 0, Factor, nameof(Factor), "above 0");

    /// <inheritdoc/>
    public override double RateAt(double baseRate, in ScheduleTime time) => baseRate * Math.Pow(Factor, Math.Floor(time.Step / Math.Max(1, time.StepsIn(Epochs))));
}

/// <summary><see cref="Schedule.MultiStep"/>: base factor^(how many of the epochs have been reached).</summary>
/// <param name="Epochs">Ascending.</param>
/// <param name="Factor">Above 0.</param>
public sealed record MultiStepSchedule(IReadOnlyList<double> Epochs, double Factor) : Schedule
{
    /// <summary>The epochs from which on another drop counts.</summary>
    public IReadOnlyList<double> Epochs { get; } = Check(IsAscending(Epochs), Epochs, nameof(Epochs), "ascending");

    /// <summary>What a drop multiplies by.</summary>
    public double Factor { get; } = Check(Factor > 0, Factor, nameof(Factor), "above 0");

    /// <inheritdoc/>
    public override double RateAt(double baseRate, in ScheduleTime time)
    {
        var drops = 0;
        while (drops < Epochs.Count && time.Step >= time.StepsIn(Epochs[drops])) drops++;
        return baseRate * Math.Pow(Factor, drops);
    }

    /// <summary>Equal epochs and factor.</summary>
    public bool Equals(MultiStepSchedule? other) => other is not null && Factor == other.Factor && Epochs.SequenceEqual(other.Epochs);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Factor, Epochs.Count);

    static bool IsAscending(IReadOnlyList<double> epochs)
    {
        ArgumentNullException.ThrowIfNull(epochs);
        for (var i = 1; i < epochs.Count; i++)
        {
            if (!(epochs[i] > epochs[i - 1])) return false;
        }

        return true;
    }
}

/// <summary><see cref="Schedule.Exponential"/>: base factor^floor(epoch).</summary>
/// <param name="Factor">Above 0.</param>
public sealed record ExponentialSchedule(double Factor) : Schedule
{
    /// <summary>What each epoch multiplies by.</summary>
    public double Factor { get; } = Check(Factor > 0, Factor, nameof(Factor), "above 0");

    /// <inheritdoc/>
    public override double RateAt(double baseRate, in ScheduleTime time) => baseRate * Math.Pow(Factor, time.Step / time.StepsPerEpoch);
}

/// <summary><see cref="Schedule.Polynomial"/>: base (1 - step / steps)^power.</summary>
/// <param name="Power">Above 0.</param>
public sealed record PolynomialSchedule(double Power) : Schedule
{
    /// <summary>The exponent; 1 is linear.</summary>
    public double Power { get; } = Check(Power > 0, Power, nameof(Power), "above 0");

    /// <inheritdoc/>
    public override double RateAt(double baseRate, in ScheduleTime time) => baseRate * Math.Pow(1 - Math.Min(1, (double)time.Step / time.TotalSteps), Power);
}

/// <summary><see cref="Schedule.Cosine"/>: final + (base - final) (1 + cos(pi step / steps)) / 2.</summary>
/// <param name="Final">At least 0.</param>
public sealed record CosineSchedule(double Final) : Schedule
{
    /// <summary>The rate at the end.</summary>
    public double Final { get; } = Check(Final >= 0, Final, nameof(Final), "at least 0");

    /// <inheritdoc/>
    public override double RateAt(double baseRate, in ScheduleTime time)
        => Final + ((baseRate - Final) * (1 + Math.Cos(Math.PI * Math.Min(1, (double)time.Step / time.TotalSteps))) / 2);
}

/// <summary><see cref="Schedule.CosineRestarts"/>: run i has steps epochs factor^i, and within it the rate is final + (base - final) (1 + cos(pi step / steps)) / 2.</summary>
/// <param name="Epochs">Above 0.</param>
/// <param name="Factor">At least 1.</param>
/// <param name="Final">At least 0.</param>
public sealed record CosineRestartsSchedule(double Epochs, double Factor, double Final) : Schedule
{
    /// <summary>Epochs of the first run.</summary>
    public double Epochs { get; } = Check(Epochs > 0, Epochs, nameof(Epochs), "above 0");

    /// <summary>By which each run is longer than the one before.</summary>
    public double Factor { get; } = Check(Factor is >= 1 and < double.PositiveInfinity, Factor, nameof(Factor), "at least 1");

    /// <summary>The rate before a restart.</summary>
    public double Final { get; } = Check(Final >= 0, Final, nameof(Final), "at least 0");

    /// <inheritdoc/>
    public override double RateAt(double baseRate, in ScheduleTime time)
    {
        var (_, step, steps) = RunOf(time);
        return Final + ((baseRate - Final) * (1 + Math.Cos(Math.PI * step / steps)) / 2);
    }

    internal override long? EndedCycles(in ScheduleTime time) => RunOf(time).Run;

    /// <summary>Which run a step is of, from 0, which step of it, and how many it has.</summary>
    (long Run, double Step, double Steps) RunOf(in ScheduleTime time)
    {
        double step = time.Step, steps = Math.Max(1, time.StepsIn(Epochs));
        var run = 0L;
        if (Factor == 1) (run, step) = ((long)(step / steps), step % steps);
        for (; step >= steps; steps *= Factor, run++) step -= steps;
        return (run, step, steps);
    }
}

/// <summary>How the peaks of <see cref="Schedule.Cyclic"/> stand above the base rate.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<CyclicMode>))]
public enum CyclicMode
{
    /// <summary>All as high.</summary>
    Triangular,

    /// <summary>Each half as high as the one before.</summary>
    Triangular2,

    /// <summary>Lower by gamma^step.</summary>
    ExpRange,
}

/// <summary><see cref="Schedule.Cyclic"/>: base + (peak - base) height, where the height goes from 0 to 1 and back in each cycle, times what the mode says.</summary>
/// <param name="Peak">Above 0.</param>
/// <param name="Up">Epochs; above 0.</param>
/// <param name="Down">Epochs; above 0.</param>
/// <param name="Mode">Of later cycles.</param>
/// <param name="Gamma">Above 0.</param>
public sealed record CyclicSchedule(double Peak, double Up, double Down, CyclicMode Mode, double Gamma) : Schedule
{
    /// <summary>The highest rate.</summary>
    public double Peak { get; } = Check(Peak > 0, Peak, nameof(Peak), "above 0");

    /// <summary>Epochs from the base rate to the peak.</summary>
    public double Up { get; } = Check(Up > 0, Up, nameof(Up), "above 0");

    /// <summary>Epochs from the peak to the base rate.</summary>
    public double Down { get; } = Check(Down > 0, Down, nameof(Down), "above 0");

    /// <summary>What each step multiplies the height by, where the mode says so.</summary>
    public double Gamma { get; } = Check(Gamma > 0, Gamma, nameof(Gamma), "above 0");

    /// <summary>The momentum at the base rate; null: it is left alone.</summary>
    public double? MomentumAtStart { get; private init; }

    /// <summary>The momentum at the peak; null: it is left alone.</summary>
    public double? MomentumAtPeak { get; private init; }

    /// <summary>Lets the momentum (of Adam: Beta1) fall as the rate rises, and grow again as it falls.</summary>
    /// <param name="atStart">At the base rate; PyTorch's default is 0.9. Within [0, 1).</param>
    /// <param name="atPeak">At the peak; PyTorch's default is 0.8. Within [0, 1).</param>
    public CyclicSchedule WithMomentum(double atStart = 0.9, double atPeak = 0.8) => this with
    {
        MomentumAtStart = Check(atStart is >= 0 and < 1, atStart, nameof(atStart), "within [0, 1)"),
        MomentumAtPeak = Check(atPeak is >= 0 and < 1, atPeak, nameof(atPeak), "within [0, 1)"),
    };

    /// <inheritdoc/>
    public override double RateAt(double baseRate, in ScheduleTime time) => baseRate + ((Peak - baseRate) * Height(time));

    /// <inheritdoc/>
    public override double? MomentumAt(in ScheduleTime time) => MomentumAtStart is { } start && MomentumAtPeak is { } peak ? start + ((peak - start) * Height(time)) : null;

    internal override long? EndedCycles(in ScheduleTime time) => (long)(time.Step / (Math.Max(1, time.StepsIn(Up)) + Math.Max(1, time.StepsIn(Down))));

    double Height(in ScheduleTime time)
    {
        double up = Math.Max(1, time.StepsIn(Up)), down = Math.Max(1, time.StepsIn(Down));
        var (cycle, step) = (Math.Floor(time.Step / (up + down)), time.Step % (up + down));
        var height = step <= up ? step / up : (up + down - step) / down;
        return height * Mode switch
        {
            CyclicMode.Triangular2 => Math.Pow(0.5, cycle),
            CyclicMode.ExpRange => Math.Pow(Gamma, time.Step),
            _ => 1,
        };
    }
}

/// <summary><see cref="Schedule.Lambda"/>: base factor(time).</summary>
/// <param name="Factor">What the base rate is multiplied by.</param>
public sealed record LambdaSchedule(Func<ScheduleTime, double> Factor) : Schedule
{
    /// <summary>What the base rate is multiplied by.</summary>
    [JsonIgnore]
    public Func<ScheduleTime, double> Factor { get; } = Factor ?? throw new ArgumentNullException(nameof(Factor));

    /// <inheritdoc/>
    public override double RateAt(double baseRate, in ScheduleTime time) => baseRate * Factor(time);
}

/// <summary>How <see cref="Schedule.OneCycle"/> goes from one rate to another.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Anneal>))]
public enum Anneal
{
    /// <summary>Along half a cosine.</summary>
    Cosine,

    /// <summary>Along a straight line.</summary>
    Linear,
}

/// <summary>
/// <see cref="Schedule.OneCycle"/>: from peak / start at step 0 to peak at step warmup steps - 1, then to peak / start / end
/// at the last step.
/// </summary>
/// <param name="Peak">Above 0.</param>
/// <param name="Warmup">Within [0, 1].</param>
/// <param name="Start">Above 0.</param>
/// <param name="End">Above 0.</param>
/// <param name="Anneal">The curve.</param>
public sealed record OneCycleSchedule(double Peak, double Warmup, double Start, double End, Anneal Anneal) : Schedule
{
    /// <summary>The highest rate.</summary>
    public double Peak { get; } = Check(Peak > 0, Peak, nameof(Peak), "above 0");

    /// <summary>The share of the steps that go up (PyTorch's <c>pct_start</c>).</summary>
    public new double Warmup { get; } = Check(Warmup is >= 0 and <= 1, Warmup, nameof(Warmup), "within [0, 1]");

    /// <summary>The peak's multiple of the first rate.</summary>
    public double Start { get; } = Check(Start > 0, Start, nameof(Start), "above 0");

    /// <summary>The first rate's multiple of the last.</summary>
    public double End { get; } = Check(End > 0, End, nameof(End), "above 0");

    /// <summary>The momentum at the first step and the last; null: it is left alone.</summary>
    public double? MomentumAtStart { get; private init; }

    /// <summary>The momentum at the highest rate; null: it is left alone.</summary>
    public double? MomentumAtPeak { get; private init; }

    /// <summary>Lets the momentum (of Adam: Beta1) fall during the warm-up, and grow again while the rate decays.</summary>
    /// <param name="atStart">At the first step and the last; PyTorch's default is 0.95. Within [0, 1).</param>
    /// <param name="atPeak">At the highest rate; PyTorch's default is 0.85. Within [0, 1).</param>
    public OneCycleSchedule WithMomentum(double atStart = 0.95, double atPeak = 0.85) => this with
    {
        MomentumAtStart = Check(atStart is >= 0 and < 1, atStart, nameof(atStart), "within [0, 1)"),
        MomentumAtPeak = Check(atPeak is >= 0 and < 1, atPeak, nameof(atPeak), "within [0, 1)"),
    };

    /// <inheritdoc/>
    public override double RateAt(double baseRate, in ScheduleTime time) => At(time, Peak / Start, Peak, Peak / Start / End);

    /// <inheritdoc/>
    public override double? MomentumAt(in ScheduleTime time) => MomentumAtStart is { } start && MomentumAtPeak is { } peak ? At(time, start, peak, start) : null;

    double At(in ScheduleTime time, double first, double top, double last)
    {
        var lastStep = time.TotalSteps - 1.0;
        var topStep = (Warmup * time.TotalSteps) - 1;
        var step = Math.Min(time.Step, lastStep);
        if (step <= topStep) return Between(first, top, topStep > 0 ? step / topStep : 1);
        return Between(top, last, (step - topStep) / (lastStep - topStep));
    }

    double Between(double from, double to, double share)
        => Anneal == Anneal.Linear ? from + ((to - from) * share) : to + ((from - to) * (1 + Math.Cos(Math.PI * share)) / 2);
}

/// <summary><see cref="Schedule.Plateau"/>: base factor^drops, recomputed from the losses of the finished epochs.</summary>
/// <param name="Factor">Above 0, at most 1.</param>
/// <param name="Patience">At least 0.</param>
/// <param name="Threshold">Within [0, 1).</param>
/// <param name="Cooldown">At least 0.</param>
/// <param name="Final">At least 0.</param>
public sealed record PlateauSchedule(double Factor, int Patience, double Threshold, int Cooldown, double Final) : Schedule
{
    /// <summary>What a drop multiplies by.</summary>
    public double Factor { get; } = Check(Factor is > 0 and <= 1, Factor, nameof(Factor), "above 0 and at most 1");

    /// <summary>Epochs without a better loss that are borne before a drop.</summary>
    public int Patience { get; } = Check(Patience >= 0, Patience, nameof(Patience), "at least 0");

    /// <summary>By which share a loss must fall below the best to be better.</summary>
    public double Threshold { get; } = Check(Threshold is >= 0 and < 1, Threshold, nameof(Threshold), "within [0, 1)");

    /// <summary>Epochs after a drop in which none is counted as without a better loss.</summary>
    public int Cooldown { get; } = Check(Cooldown >= 0, Cooldown, nameof(Cooldown), "at least 0");

    /// <summary>The least rate.</summary>
    public double Final { get; } = Check(Final >= 0, Final, nameof(Final), "at least 0");

    /// <inheritdoc/>
    public override double RateAt(double baseRate, in ScheduleTime time)
    {
        var rate = baseRate;
        var (best, waited, cooling) = (double.PositiveInfinity, 0, 0);
        foreach (var loss in time.Losses)
        {
            if (loss < best * (1 - Threshold)) (best, waited) = (loss, 0);
            else waited++;
            if (cooling > 0) (waited, cooling) = (0, cooling - 1);
            if (waited <= Patience) continue;
            rate = Math.Max(Math.Min(Final, rate), rate * Factor);
            (waited, cooling) = (0, Cooldown);
        }

        return rate;
    }
}

/// <summary><see cref="Schedule.Warmup"/>: over its steps W, the next schedule's first rate times start + (1 - start) step / W; then the next, over the steps that remain and with epochs counted from there.</summary>
/// <param name="Epochs">At least 0.</param>
/// <param name="Start">Within [0, 1].</param>
public sealed record WarmupSchedule(double Epochs, double Start) : Schedule
{
    /// <summary>How long.</summary>
    public double Epochs { get; } = Check(Epochs >= 0, Epochs, nameof(Epochs), "at least 0");

    /// <summary>The first step's share of the rate.</summary>
    public double Start { get; } = Check(Start is >= 0 and <= 1, Start, nameof(Start), "within [0, 1]");

    /// <summary>What follows; by default the base rate.</summary>
    public Schedule Next { get; init; } = new ConstantSchedule();

    /// <summary>The same warm-up, followed by another schedule.</summary>
    public WarmupSchedule Then(Schedule next) => this with { Next = next };

    /// <inheritdoc/>
    public override double RateAt(double baseRate, in ScheduleTime time)
    {
        var steps = Steps(time);
        var rate = Next.RateAt(baseRate, After(time));
        return time.Step < steps ? rate * (Start + ((1 - Start) * time.Step / steps)) : rate;
    }

    /// <inheritdoc/>
    public override double? MomentumAt(in ScheduleTime time) => Next.MomentumAt(After(time));

    internal override long? EndedCycles(in ScheduleTime time) => Next.EndedCycles(After(time));

    /// <summary>The time as the next schedule counts it.</summary>
    ScheduleTime After(in ScheduleTime time)
    {
        var steps = Steps(time);
        return time with { Step = Math.Max(0, time.Step - steps), TotalSteps = Math.Max(1, time.TotalSteps - steps) };
    }

    long Steps(in ScheduleTime time) => Math.Min(time.TotalSteps, (long)time.StepsIn(Epochs));
}
