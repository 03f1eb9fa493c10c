using System.Text.Json.Serialization;

namespace CnnSharp.Training;

/// <summary>
/// The learning rate of each step: a function of the step alone, so that a resumed run goes on as if it had not stopped.
/// A schedule of one's own overrides <see cref="RateAt"/>.
/// </summary>
/// <remarks>The base rate is <see cref="OptimizerOptions.LearningRate"/>. Epochs may be fractions: 0.5 is half an epoch's steps.</remarks>
/// <example><code>Schedule.Warmup(epochs: 5).Then(Schedule.Cosine())</code></example>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "name", UnknownDerivedTypeHandling = JsonUnknownDerivedTypeHandling.FallBackToNearestAncestor)]
[JsonDerivedType(typeof(ConstantSchedule), "constant")]
[JsonDerivedType(typeof(StepSchedule), "step")]
[JsonDerivedType(typeof(MultiStepSchedule), "multistep")]
[JsonDerivedType(typeof(ExponentialSchedule), "exponential")]
[JsonDerivedType(typeof(PolynomialSchedule), "polynomial")]
[JsonDerivedType(typeof(CosineSchedule), "cosine")]
[JsonDerivedType(typeof(CosineRestartsSchedule), "cosinerestarts")]
[JsonDerivedType(typeof(CyclicSchedule), "cyclic")]
[JsonDerivedType(typeof(OneCycleSchedule), "onecycle")]
[JsonDerivedType(typeof(PlateauSchedule), "plateau")]
[JsonDerivedType(typeof(WarmupSchedule), "warmup")]
public abstract record Schedule
{
    /// <summary>The learning rate of a step.</summary>
    /// <param name="baseRate">The optimizer's own rate.</param>
    /// <param name="time">Which step, of how many, and how training went so far.</param>
    public abstract double RateAt(double baseRate, in ScheduleTime time);

    /// <summary>The momentum of a step (of Adam: Beta1); default null: the optimizer's own.</summary>
    /// <param name="time">Which step, of how many.</param>
    public virtual double? MomentumAt(in ScheduleTime time) => null;

    /// <summary>How many cycles have ended before a step, where the rate begins anew after each; null: it never does.</summary>
    internal virtual long? EndedCycles(in ScheduleTime time) => null;

    /// <summary>The base rate throughout.</summary>
    public static Schedule Constant() => new ConstantSchedule();

    /// <summary>The base rate, multiplied by <paramref name="factor"/> every so many epochs.</summary>
    /// <param name="epochs">Epochs between two drops; above 0.</param>
    /// <param name="factor">Default 0.1.</param>
    public static Schedule Step(double epochs, double factor = 0.1) => new StepSchedule(epochs, factor);

    /// <summary>The base rate, multiplied by <paramref name="factor"/> from each of these epochs on.</summary>
    /// <param name="epochs">Ascending.</param>
    /// <param name="factor">Default 0.1.</param>
    public static Schedule MultiStep(IReadOnlyList<double> epochs, double factor = 0.1) => new MultiStepSchedule(epochs, factor);

    /// <summary>The base rate times factor^epoch, changed once an epoch.</summary>
    public static Schedule Exponential(double factor) => new ExponentialSchedule(factor);

    /// <summary>From the base rate to 0 as (1 - step / steps)^power.</summary>
    /// <param name="power">Default 1: linear.</param>
    public static Schedule Polynomial(double power = 1) => new PolynomialSchedule(power);

    /// <summary>From the base rate down to <paramref name="final"/> along half a cosine (Loshchilov and Hutter 2017, without restarts).</summary>
    /// <param name="final">A rate; default 0.</param>
    public static Schedule Cosine(double final = 0) => new CosineSchedule(final);

    /// <summary>From the base rate down to <paramref name="final"/> along half a cosine, again and again (SGDR, Loshchilov and Hutter 2017).</summary>
    /// <param name="epochs">Of the first run; above 0 (PyTorch's <c>T_0</c>).</param>
    /// <param name="factor">By which each run is longer than the one before; at least 1, default 1 (PyTorch's <c>T_mult</c>).</param>
    /// <param name="final">A rate; default 0.</param>
    public static Schedule CosineRestarts(double epochs, double factor = 1, double final = 0) => new CosineRestartsSchedule(epochs, factor, final);

    /// <summary>
    /// From the base rate up to <paramref name="peak"/> and down again, along straight lines, over and over (Smith 2017). Momentum is left alone,
    /// unless <see cref="CyclicSchedule.WithMomentum"/> moves it against the rate.
    /// </summary>
    /// <param name="peak">The highest rate.</param>
    /// <param name="up">Epochs from the base rate to the peak; above 0.</param>
    /// <param name="down">Epochs back; above 0, default null: as many.</param>
    /// <param name="mode">How the peaks of later cycles stand; default <see cref="CyclicMode.Triangular"/>: all alike.</param>
    /// <param name="gamma">For <see cref="CyclicMode.ExpRange"/>: what each step multiplies the height by; above 0, default 1.</param>
    public static CyclicSchedule Cyclic(double peak, double up, double? down = null, CyclicMode mode = CyclicMode.Triangular, double gamma = 1) => new(peak, up, down ?? up, mode, gamma);

    /// <summary>The base rate times a function of the time: one that no other schedule is. A run that is resumed must be given it again.</summary>
    /// <param name="factor">Of the step alone, so that a resumed run goes on as if it had not stopped.</param>
    public static Schedule Lambda(Func<ScheduleTime, double> factor) => new LambdaSchedule(factor);

    /// <summary>
    /// Up to <paramref name="peak"/>, then down to almost nothing (Smith and Topin 2018), by PyTorch's formula. Momentum is left
    /// alone, unless <see cref="OneCycleSchedule.WithMomentum"/> moves it against the rate. The base rate plays no part.
    /// </summary>
    /// <param name="peak">The highest rate.</param>
    /// <param name="warmup">The share of the steps that go up (PyTorch's <c>pct_start</c>); default 0.3.</param>
    /// <param name="start">The first rate is peak / start; default 25.</param>
    /// <param name="end">The last rate is peak / start / end; default 1e4.</param>
    /// <param name="anneal">Along half cosines (default) or straight lines.</param>
    public static OneCycleSchedule OneCycle(double peak, double warmup = 0.3, double start = 25, double end = 1e4, Anneal anneal = Anneal.Cosine) => new OneCycleSchedule(peak, warmup, start, end, anneal);

    /// <summary>The base rate, multiplied by <paramref name="factor"/> whenever the loss (of validation if there is one) has stopped falling.</summary>
    /// <param name="factor">Default 0.1.</param>
    /// <param name="patience">Epochs without a better loss that are borne before a drop; default 10.</param>
    /// <param name="threshold">A loss is better if it is below best (1 - threshold); default 1e-4.</param>
    /// <param name="cooldown">Epochs after a drop that are not counted; default 0.</param>
    /// <param name="final">The rate below which it does not fall; default 0.</param>
    public static Schedule Plateau(double factor = 0.1, int patience = 10, double threshold = 1e-4, int cooldown = 0, double final = 0) => new PlateauSchedule(factor, patience, threshold, cooldown, final);

    /// <summary>A linear warm-up to the rate at which the next schedule begins; see <see cref="WarmupSchedule.Then"/>.</summary>
    /// <param name="epochs">How long; at least 0.</param>
    /// <param name="start">The first step's share of the rate; default 0.1.</param>
    public static WarmupSchedule Warmup(double epochs, double start = 0.1) => new(epochs, start);

    /// <summary>Throws for a setting out of its range. NaN is out of every range.</summary>
    private protected static T Check<T>(bool holds, T value, string setting, string expected)
        => holds ? value : throw new ArgumentOutOfRangeException(setting, value, $"Schedule: {setting} must be {expected}.");
}

/// <summary>When a step is.</summary>
/// <param name="Step">Which step of the training, from 0.</param>
/// <param name="TotalSteps">Steps of the whole training; at least 1.</param>
/// <param name="StepsPerEpoch">Steps of an epoch; at least 1.</param>
/// <param name="Losses">The loss of each finished epoch: of validation if there is one, else of training.</param>
public readonly record struct ScheduleTime(long Step, long TotalSteps, long StepsPerEpoch, IReadOnlyList<double> Losses)
{
    /// <summary>How many epochs have passed, the current one's part included.</summary>
    public double Epoch => (double)Step / StepsPerEpoch;

    /// <summary>The step with which so many epochs, which may be fractions, have passed: the nearest whole one.</summary>
    internal double StepsIn(double epochs) => Math.Round(epochs * StepsPerEpoch);
}
