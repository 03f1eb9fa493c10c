using System.Globalization;
using CnnSharp.Data;
using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>How a check ended.</summary>
public enum CheckOutcome
{
    /// <summary>What was expected was found.</summary>
    Passed,

    /// <summary>It was not.</summary>
    Failed,

    /// <summary>It does not apply.</summary>
    Skipped,
}

/// <summary>What a check found.</summary>
/// <param name="Name">Which check.</param>
/// <param name="Outcome">How it ended.</param>
/// <param name="Detail">Expected and found in words; where it failed, what to do.</param>
/// <param name="Figures">The same in numbers, by name.</param>
public sealed record CheckResult(string Name, CheckOutcome Outcome, string Detail, IReadOnlyDictionary<string, double> Figures);

/// <summary>How much is looked at.</summary>
public sealed record ModelCheckOptions
{
    /// <summary>Checks that are left out, by name (<see cref="ModelCheck.Names"/>); default: none.</summary>
    public IReadOnlyList<string> Skip { get; init; } = [];

    /// <summary>Samples of which the first loss and the gradients are taken; at least 1, default 512.</summary>
    public int Samples { get; init; } = 512;

    /// <summary>Samples that are to be learned by heart; at least 1, default 20.</summary>
    public int OverfitSamples { get; init; } = 20;

    /// <summary>Steps that this may take, at each of three learning rates; at least 1, default 300.</summary>
    public int OverfitSteps { get; init; } = 300;

    /// <summary>Samples of which gradients are compared with differences; at least 1, default 4.</summary>
    public int GradientSamples { get; init; } = 4;

    internal void Validate()
    {
        Check(Samples, nameof(Samples));
        Check(OverfitSamples, nameof(OverfitSamples));
        Check(OverfitSteps, nameof(OverfitSteps));
        Check(GradientSamples, nameof(GradientSamples));
        if (Skip.FirstOrDefault(name => !ModelCheck.Names.Contains(name)) is { } stranger) throw new ArgumentException($"ModelCheckOptions: {nameof(Skip)}: {Nearest.Unknown("check", stranger, ModelCheck.Names)}");

        static void Check(int value, string setting)
        {
            if (value < 1) throw new ArgumentOutOfRangeException(setting, value, $"ModelCheckOptions: {setting} must be at least 1.");
        }
    }
}

/// <summary>
/// Checks a model before it is trained, as courses teach it (Karpathy 2019, "A recipe for training neural networks"; Stanford's CS231n): is its first loss that of guessing, does regularization
/// add to it, does a gradient reach every parameter, is it the right one, can it learn a few samples by heart? The model is put back as it was.
/// </summary>
/// <example>
/// <code>
/// foreach (var check in ModelCheck.Run(model, train, new TrainingOptions { Optimizer = new AdamOptions() }))
///     Console.WriteLine($"{check.Outcome} {check.Name}: {check.Detail}");
/// </code>
/// </example>
public static class ModelCheck
{
    /// <summary>The names of the checks, in their order.</summary>
    public static IReadOnlyList<string> Names { get; } = ["initial loss", "regularization", "gradients", "gradient check", "overfit"];

    /// <summary>How far below guessing a first loss may be, and how far above: logits that differ a little at first cost half their variance.</summary>
    const double BelowGuessing = 0.3, AboveGuessing = 1;

    /// <summary>A loss that is this share of the first, and this small, is as good as 0.</summary>
    const double ShareOfFirst = 0.02, NearZero = 0.01;

    /// <summary>Checks a classifier of images; each check when its result is asked for.</summary>
    /// <param name="model">Takes images [N, H, W, C] to logits [N, classes].</param>
    /// <param name="train">The images to train on.</param>
    /// <param name="options">Optimizer, learning rate, weight decay, batch size, augmentation and seed; the rest is left aside. Default: <see cref="TrainingOptions"/>'s own.</param>
    /// <param name="checks">How much is looked at; default <see cref="ModelCheckOptions"/>'s own.</param>
    /// <exception cref="ArgumentException">An option is out of its range, or the set is empty.</exception>
    /// <exception cref="ShapeException">The model does not fit the images.</exception>
    public static IEnumerable<CheckResult> Run(Layer model, ImageDataset train, TrainingOptions? options = null, ModelCheckOptions? checks = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(train);
        options ??= new();
        return Run(model, train, train.Subset, how => ImageClassification.Task(train, how), train.Classes, options, checks ?? new());
    }

    /// <summary>Checks a model at any task; each check when its result is asked for.</summary>
    /// <param name="model">What the task's <see cref="TrainingTask.Forward"/> calls.</param>
    /// <param name="train">The samples to train on.</param>
    /// <param name="task">What is minimized.</param>
    /// <param name="options">Optimizer, learning rate, weight decay, batch size and seed; the rest is left aside. Default: <see cref="TrainingOptions"/>'s own.</param>
    /// <param name="checks">How much is looked at; default <see cref="ModelCheckOptions"/>'s own.</param>
    /// <inheritdoc cref="Run(Layer, ImageDataset, TrainingOptions, ModelCheckOptions)" path="/exception"/>
    public static IEnumerable<CheckResult> Run(Layer model, IDataset train, TrainingTask task, TrainingOptions? options = null, ModelCheckOptions? checks = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(task);
        task.Validate();
        return Run(model, train, indices => train.Subset(indices), _ => task, null, options ?? new(), checks ?? new());
    }

    static IEnumerable<CheckResult> Run(Layer model, IDataset train, Func<int[], IDataset> subset, Func<TrainingOptions, TrainingTask> taskOf, int? classes, TrainingOptions options, ModelCheckOptions checks)
    {
        options.Validate();
        checks.Validate();
        if (train.Count == 0) throw new ArgumentException($"ModelCheck: '{train.Name}' has no samples.", nameof(train));
        return Checks();

        IEnumerable<CheckResult> Checks()
        {
            var before = new ModelSnapshot(model);
            try
            {
                if (Wanted(0) || Wanted(1) || Wanted(2))
                {
                    using var probe = new Probe(model, train, taskOf(options), options, rateScale: 0);
                    var first = probe.AtRateZero(checks.Samples);
                    if (Wanted(0)) yield return InitialLoss(first, classes);
                    if (Wanted(1)) yield return Regularization(first, options);
                    if (Wanted(2)) yield return Reached(first);
                    before.Restore();
                }

                var plain = taskOf(options with { LabelSmoothing = 0 });
                if (Wanted(3)) yield return GradientCheck.Run(model, subset(Some(train, checks.GradientSamples, options.Seed)), plain, options.Seed);
                if (Wanted(4)) yield return Overfit(model, subset(Some(train, checks.OverfitSamples, options.Seed)), plain, options, checks, before);
            }
            finally
            {
                before.Restore();
            }
        }

        bool Wanted(int check) => !checks.Skip.Contains(Names[check]);
    }

    /// <summary>Some samples, the same for the same seed.</summary>
    static int[] Some(IDataset train, int count, ulong seed)
    {
        var random = new Generator(seed);
        var chosen = new HashSet<int>();
        while (chosen.Count < Math.Min(count, train.Count)) chosen.Add((int)(random.Uniform() * train.Count));
        return [.. chosen];
    }

    static CheckResult InitialLoss(FirstSteps first, int? classes)
    {
        var figures = new Dictionary<string, double> { ["loss"] = first.Loss, ["samples"] = first.Samples };
        if (!double.IsFinite(first.Loss)) return new(Names[0], CheckOutcome.Failed, $"the first loss is {first.Loss}: look for such numbers in the data, and at how weights begin", figures);
        if (classes is not > 1) return new(Names[0], CheckOutcome.Passed, Text($"the first loss is {first.Loss:G4}, of {first.Samples} samples; what to expect depends on the task"), figures);
        var guessing = Math.Log(classes.Value);
        figures["expected"] = guessing;
        var found = Text($"{first.Loss:F3}, of {first.Samples} samples; guessing among {classes} classes gives ln {classes} = {guessing:F3}");
        return first.Loss > guessing + AboveGuessing ? new(Names[0], CheckOutcome.Failed, $"{found}. Above it, the model is sure of the wrong classes from the start: let its last layer begin with smaller weights, or normalize the images", figures)
            : first.Loss < guessing - BelowGuessing ? new(Names[0], CheckOutcome.Failed, $"{found}. Below it, the model knows something already: it is trained, or the labels can be read off the images", figures)
            : new(Names[0], CheckOutcome.Passed, found, figures);
    }

    /// <summary>Times the loss that the penalty may be: of weights before a normalization, whose size means nothing, it may well exceed it.</summary>
    const int MostPenalty = 10;

    static CheckResult Regularization(FirstSteps first, TrainingOptions options)
    {
        var figures = new Dictionary<string, double> { ["loss"] = first.Loss, ["penalty"] = first.Penalty, ["objective"] = first.Loss + first.Penalty };
        if (options.Optimizer.WeightDecay == 0 && first.Penalty == 0) return new(Names[1], CheckOutcome.Skipped, "there is no weight decay", figures);
        var found = Text($"the loss {first.Loss:F4} becomes {first.Loss + first.Penalty:F4} with half the weight decay ({options.Optimizer.WeightDecay:G3}) of the squared weights");
        return !(first.Penalty > 0) ? new(Names[1], CheckOutcome.Failed, $"{found}: the weight decay falls on no weight", figures)
            : first.Penalty > MostPenalty * first.Loss ? new(Names[1], CheckOutcome.Failed, $"{found}: it outweighs the loss by far, so the model will learn to be small. Try a tenth of the weight decay", figures)
            : new(Names[1], CheckOutcome.Passed, found, figures);
    }

    static CheckResult Reached(FirstSteps first)
    {
        var (without, zero) = (first.Gradients.Where(g => !g.IsThere).Select(g => g.Name).ToList(), first.Gradients.Where(g => g.IsThere && g.DeadUnits == g.Units).Select(g => g.Name).ToList());
        var dead = first.Gradients.Where(g => g.IsThere && g.DeadUnits > 0 && g.DeadUnits < g.Units).ToList();
        var figures = new Dictionary<string, double> { ["parameters"] = first.Gradients.Count, ["without_gradient"] = without.Count, ["zero_gradient"] = zero.Count, ["dead_units"] = dead.Sum(g => g.DeadUnits) };
        var parts = new List<string>();
        if (without.Count > 0) parts.Add($"no gradient reaches {string.Join(", ", without)}: {(without.Count == 1 ? "it is" : "they are")} not used, or detached");
        if (zero.Count > 0) parts.Add($"the gradient is exactly 0 of {string.Join(", ", zero)}: what follows is dead (ReLU below 0 everywhere), saturated, or begins at 0");
        if (dead.Count > 0) parts.Add($"without gradient over {first.Samples} samples: {string.Join(", ", dead.Select(g => $"{g.DeadUnits} of {g.Units} units of {g.Name}"))}");
        var found = parts.Count == 0 ? $"every one of {first.Gradients.Count} parameters gets a gradient, and every unit of each" : string.Join("; ", parts);
        return new(Names[2], without.Count + zero.Count > 0 ? CheckOutcome.Failed : CheckOutcome.Passed, found, figures);
    }

    /// <summary>Learns a few samples by heart: without augmentation, regularization and dropout; at the rate that was given, a tenth of it, a hundredth.</summary>
    static CheckResult Overfit(Layer model, IDataset few, TrainingTask task, TrainingOptions options, ModelCheckOptions checks, ModelSnapshot before)
    {
        var figures = new Dictionary<string, double> { ["samples"] = few.Count };
        var rate = options.Optimizer.LearningRate;
        var tried = "";
        foreach (var factor in new[] { 1, 0.1, 0.01 })
        {
            var how = options with
            {
                BatchSize = few.Count,
                MicroBatchSize = null,
                Augmentation = null,
                Sampler = null,
                DropLast = false,
                LearningRates = [.. options.LearningRates.Select(rule => rule with { WeightDecay = rule.WeightDecay is null ? null : 0 })],
                Optimizer = options.Optimizer with { WeightDecay = 0 },
            };
            before.Restore();
            using var probe = new Probe(model, few, task, how, factor);
            var (steps, first, loss, accuracy) = probe.LearnByHeart(checks.OverfitSteps, IsLearned);
            (figures["loss"], figures["steps"], figures["learning_rate"]) = (loss, steps, factor * rate);
            if (accuracy is { } share) figures["accuracy"] = share;
            var found = Text($"{few.Count} samples in {steps} steps at a rate of {factor * rate:G3}: the loss falls from {first:F3} to {loss:G3}{(accuracy is null ? "" : $", accuracy {100 * accuracy:F0}%")}");
            if (IsLearned(first, loss, accuracy)) return new(Names[4], CheckOutcome.Passed, $"{found}{(factor == 1 ? "" : $" (not at {rate:G3})")}", figures);
            tried = found;
        }

        return new(Names[4], CheckOutcome.Failed, $"{tried}, and no better at higher rates. A model that cannot learn a few samples by heart has too few weights, a wrong gradient, or labels that do not belong to their samples", figures);
    }

    static bool IsLearned(double first, double loss, double? accuracy) => loss <= Math.Max(NearZero, ShareOfFirst * Math.Abs(first)) && accuracy is null or 1;

    internal static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
