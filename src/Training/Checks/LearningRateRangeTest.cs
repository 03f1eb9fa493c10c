using CnnSharp.Data;
using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>Which rates a range test goes through.</summary>
public sealed record RangeTestOptions
{
    /// <summary>The rate of the first step; above 0, default 1e-6.</summary>
    public double Low { get; init; } = 1e-6;

    /// <summary>The rate of the last step, unless the loss explodes before; above the first, default 10.</summary>
    public double High { get; init; } = 10;

    /// <summary>Steps, at least 10; default 140: 20 a decade.</summary>
    public int Steps { get; init; } = 140;

    /// <summary>The test ends where the loss, averaged over the last steps, exceeds so many times the least that it was; above 1, default 4.</summary>
    public double Explosion { get; init; } = 4;

    internal void Validate()
    {
        Check(Low is > 0 and < double.PositiveInfinity, nameof(Low), Low, "above 0");
        Check(High > Low && double.IsFinite(High), nameof(High), High, $"above {nameof(Low)}, {Low}");
        Check(Steps >= 10, nameof(Steps), Steps, "at least 10");
        Check(Explosion > 1, nameof(Explosion), Explosion, "above 1");
    }

    static void Check(bool holds, string setting, object value, string expected)
    {
        if (!holds) throw new ArgumentOutOfRangeException(setting, value, $"RangeTestOptions: {setting} must be {expected}.");
    }
}

/// <summary>One step of a range test.</summary>
/// <param name="LearningRate">Its rate.</param>
/// <param name="Loss">The loss of its batch, before the step.</param>
/// <param name="SmoothedLoss">The mean of it and its neighbors, the nearer the more.</param>
public readonly record struct RangeTestPoint(double LearningRate, double Loss, double SmoothedLoss);

/// <summary>What a range test found.</summary>
/// <param name="Points">Its steps whose loss was finite.</param>
/// <param name="Suggestion">
/// The rate at which the smoothed loss falls most steeply over the logarithm of the rate: the highest that is clearly safe, so a base rate, or the peak of a schedule that warms up. Null where the loss does not fall.
/// </param>
/// <param name="Lowest">The rate at which the smoothed loss is least: about the highest that still trains. Null where the loss does not fall.</param>
/// <param name="IsExploded">Whether the loss exploded before the last rate; if not, a wider range (<see cref="RangeTestOptions.High"/>) may show more.</param>
public sealed record RangeTestResult(IReadOnlyList<RangeTestPoint> Points, double? Suggestion, double? Lowest, bool IsExploded);

/// <summary>
/// The learning-rate range test (Smith 2017, "Cyclical learning rates for training neural networks", section 3.3): trains with a rate that grows exponentially from step to step, until the
/// loss explodes. Too low a rate leaves the loss where it is, a good one lets it fall, too high a one lets it rise.
/// </summary>
/// <example>
/// <code>
/// var test = LearningRateRangeTest.Run(model, train, new TrainingOptions { BatchSize = 64, Optimizer = new SgdOptions { Momentum = 0.9 } });
/// Console.WriteLine(test.Suggestion);   // the model is as it was
/// </code>
/// </example>
public static class LearningRateRangeTest
{
    /// <summary>Of a loss that is averaged over the steps so far, the share of what was before.</summary>
    const double Memory = 0.9;

    /// <summary>A loss that falls by less than this share of what it began with has not fallen.</summary>
    const double LeastFall = 0.05;

    /// <summary>Tests a classifier of images. Its weights, statistics and mode are put back.</summary>
    /// <param name="model">Takes images [N, H, W, C] to logits [N, classes].</param>
    /// <param name="train">The images to train on.</param>
    /// <param name="options">Optimizer, batch size, augmentation and seed; epochs, schedule, averages and folder are left aside. Default: <see cref="TrainingOptions"/>'s own.</param>
    /// <param name="range">Which rates; default <see cref="RangeTestOptions"/>'s own.</param>
    /// <param name="cancellation">Ends it after the step in progress, with the points so far.</param>
    /// <exception cref="ArgumentException">An option is out of its range, or the set is empty.</exception>
    /// <exception cref="ShapeException">The model does not fit the images.</exception>
    public static RangeTestResult Run(Layer model, ImageDataset train, TrainingOptions? options = null, RangeTestOptions? range = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(train);
        return Run(model, options, range, (how, view) => Trainer.Fit(model, train, null, how, view, cancellation));
    }

    /// <summary>Tests a model at any task. Its weights, statistics and mode are put back.</summary>
    /// <param name="model">What the task's <see cref="TrainingTask.Forward"/> calls.</param>
    /// <param name="train">The samples to train on.</param>
    /// <param name="task">What is minimized. All its optimizers have the same rate.</param>
    /// <param name="options">Optimizer, batch size and seed; epochs, schedule, averages and folder are left aside. Default: <see cref="TrainingOptions"/>'s own.</param>
    /// <param name="range">Which rates; default <see cref="RangeTestOptions"/>'s own.</param>
    /// <param name="cancellation">Ends it after the step in progress, with the points so far.</param>
    /// <inheritdoc cref="Run(Layer, ImageDataset, TrainingOptions, RangeTestOptions, CancellationToken)" path="/exception"/>
    public static RangeTestResult Run(Layer model, IDataset train, TrainingTask task, TrainingOptions? options = null, RangeTestOptions? range = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(task);
        return Run(model, options, range, (how, view) => Trainer.Fit(model, train, task, null, how, view, cancellation));
    }

    static RangeTestResult Run(Layer model, TrainingOptions? options, RangeTestOptions? range, Func<TrainingOptions, ITrainingObserver, History> fit)
    {
        (options, range) = (options ?? new(), range ?? new());
        range.Validate();
        var view = new View(range);
        var before = new ModelSnapshot(model);
        try
        {
            // An epoch has a step at least, so there are enough.
            fit(
                options with
                {
                    Epochs = range.Steps,
                    Schedule = new RangeSchedule(range.Low, range.High, range.Steps),
                    ReportEvery = 1,
                    Average = null,
                    EarlyStopping = null,
                    Monitor = Metric.Loss,
                    OutputFolder = null,
                    NumberedFolder = false,
                    Overwrite = false,
                    Resume = false,
                    CheckpointEvery = null,
                },
                view);
        }
        catch (TrainingDivergedException)
        {
            view.IsExploded = true;
        }
        finally
        {
            before.Restore();
        }

        return Judge(view.Points, view.IsExploded);
    }

    /// <summary>Smooths the losses, and finds the steepest fall before the least of them.</summary>
    internal static RangeTestResult Judge(IReadOnlyList<(double Rate, double Loss)> steps, bool isExploded)
    {
        // A twentieth of the steps on each side: half a decade where there are 20 a decade. No lag, as an average of those before would have.
        var reach = Math.Max(1, steps.Count / 20);
        var smoothed = new double[steps.Count];
        for (var i = 0; i < smoothed.Length; i++)
        {
            var (sum, weights) = (0.0, 0.0);
            for (var j = Math.Max(0, i - reach); j <= Math.Min(smoothed.Length - 1, i + reach); j++)
            {
                var weight = reach + 1 - Math.Abs(i - j);
                (sum, weights) = (sum + (weight * steps[j].Loss), weights + weight);
            }

            smoothed[i] = sum / weights;
        }

        RangeTestPoint[] points = [.. steps.Select((step, i) => new RangeTestPoint(step.Rate, step.Loss, smoothed[i]))];
        var least = points.Length == 0 ? 0 : Array.IndexOf(smoothed, smoothed.Min());
        if (points.Length <= 2 * reach || smoothed[least] > (1 - (LeastFall * Math.Sign(smoothed[0]))) * smoothed[0]) return new(points, null, null, isExploded);

        // The slope of a line through the points about each: the difference of two neighbors is mostly noise.
        var (steepest, slope) = (least, double.PositiveInfinity);
        for (var i = reach; i < Math.Min(least, points.Length - reach); i++)
        {
            var (products, squares) = (0.0, 0.0);
            for (var j = -reach; j <= reach; j++) (products, squares) = (products + (j * smoothed[i + j]), squares + (j * j));
            if (products / squares < slope) (steepest, slope) = (i, products / squares);
        }

        return new(points, points[steepest].LearningRate, points[least].LearningRate, isExploded);
    }

    /// <summary>From the first rate to the last, by the same factor each step, for every optimizer.</summary>
    sealed record RangeSchedule(double Low, double High, int Steps) : Schedule
    {
        public override double RateAt(double baseRate, in ScheduleTime time) => Low * Math.Pow(High / Low, time.Step / (Steps - 1.0));
    }

    /// <summary>Takes the losses down, and ends the test.</summary>
    sealed class View(RangeTestOptions range) : ITrainingObserver
    {
        TrainingControl? control;
        double average;
        double least = double.PositiveInfinity;

        public List<(double Rate, double Loss)> Points { get; } = [];

        public bool IsExploded { get; set; }

        public void OnStart(TrainingControl training) => control = training;

        public void OnProgress(in TrainingProgress p)
        {
            Points.Add((p.LearningRate, p.StepLoss));
            average = (Memory * average) + ((1 - Memory) * p.StepLoss);

            // Begun at 0: brought up by the weight that the steps so far have (Kingma and Ba 2015).
            var unbiased = average / (1 - Math.Pow(Memory, Points.Count));
            least = Math.Min(least, unbiased);

            // A loss below 0 has no multiples.
            IsExploded = least > 0 && unbiased > range.Explosion * least && Points.Count > 1;
            if (IsExploded || Points.Count == range.Steps) control!.Stop();
        }
    }
}
