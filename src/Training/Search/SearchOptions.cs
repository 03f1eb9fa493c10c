namespace CnnSharp.Training;

/// <summary>Which settings a search tries.</summary>
public enum SearchMethod
{
    /// <summary>Values drawn at random (Bergstra and Bengio 2012): of the dimensions that matter, each trial tries another value.</summary>
    Random,

    /// <summary>Every combination of the dimensions' points (<see cref="Dimension.Levels"/>).</summary>
    Grid,
}

/// <summary>
/// Successive halving (Jamieson and Talwalkar 2016): all trials are trained for a few epochs, the best part of them on to a multiple of that, and so on; the last go to
/// their end. A trial goes on from its checkpoint, under the schedule of its whole length: what survives is the training that it would have been without.
/// </summary>
public sealed record SuccessiveHalving
{
    /// <summary>Epochs to the first decision; at least 1, default 1.</summary>
    public int FirstEpochs { get; init; } = 1;

    /// <summary>One of so many trials goes on, at least one, and to so many times the epochs; at least 2, default 3.</summary>
    public int Factor { get; init; } = 3;
}

/// <summary>How hyperparameters are searched for.</summary>
public sealed record SearchOptions
{
    /// <summary>What is varied: at least one dimension, of different names.</summary>
    public required IReadOnlyList<Dimension> Space { get; init; }

    /// <summary>Where the search writes: a folder a trial, <c>trials.jsonl</c>, the same as a table in <c>trials.csv</c>, <c>best.json</c> and, of what was asked, <c>search.json</c>.</summary>
    public required string OutputFolder { get; init; }

    /// <summary>Which settings are tried; default at random.</summary>
    public SearchMethod Method { get; init; } = SearchMethod.Random;

    /// <summary>Trials in all, at least <see cref="Stages"/>; default 20. A grid has as many as it has points, in each stage.</summary>
    public int Trials { get; init; } = 20;

    /// <summary>
    /// Searches one after the other, each in the third of every range about the best value of those before (coarse to fine), and among the choices of the best fifth of trials; at least 1,
    /// default 1. The trials are divided among them.
    /// </summary>
    public int Stages { get; init; } = 1;

    /// <summary>Ends trials early that are behind others; default null: each is trained to its end.</summary>
    public SuccessiveHalving? Halving { get; init; }

    /// <summary>Parts of the training set, each of which is held out once and measured on: the trial's value is the mean. Of images each part has its share of each class. At least 2; default null: the validation set decides.</summary>
    public int? Folds { get; init; }

    /// <summary>What decides: accuracy, the loss, or one of the task's metrics, of the best epoch. Default null: accuracy where it is measured, else the loss. It takes the place of <see cref="TrainingOptions.Monitor"/>.</summary>
    public Metric? Objective { get; init; }

    /// <summary>The key of the values that are drawn, the folds, and each trial's initial weights (<see cref="Generator.Default"/>, which is put back). Default 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>Whether to go on with the search in <see cref="OutputFolder"/>: trials that ended are read back, the one in progress goes on from its checkpoint. From the start if there is none. Default false.</summary>
    public bool Resume { get; init; }

    /// <summary>Whether a search that stands in <see cref="OutputFolder"/> is replaced by this one; default false: it is an error.</summary>
    public bool Overwrite { get; init; }

    internal void Validate()
    {
        ArgumentNullException.ThrowIfNull(Space);
        Check(Space.Count > 0, nameof(Space), Space.Count, "at least one dimension");
        if (Space.GroupBy(dimension => dimension.Name).FirstOrDefault(group => group.Count() > 1) is { } twice) throw new ArgumentException($"SearchOptions: {nameof(Space)} has '{twice.Key}' more than once.");
        ArgumentException.ThrowIfNullOrWhiteSpace(OutputFolder);
        Check(Enum.IsDefined(Method), nameof(Method), Method, "Random or Grid");
        Check(Stages >= 1, nameof(Stages), Stages, "at least 1");
        Check(Method == SearchMethod.Grid || Trials >= Stages, nameof(Trials), Trials, Stages == 1 ? "at least 1" : $"at least {Stages}, one a stage");
        Check(Halving is null or { FirstEpochs: >= 1 }, $"{nameof(Halving)}.{nameof(SuccessiveHalving.FirstEpochs)}", Halving?.FirstEpochs, "at least 1");
        Check(Halving is null or { Factor: >= 2 }, $"{nameof(Halving)}.{nameof(SuccessiveHalving.Factor)}", Halving?.Factor, "at least 2");
        Check(Folds is null or >= 2, nameof(Folds), Folds, "at least 2");
        foreach (var dimension in Space) Check(dimension.Levels is null or >= 1, $"{nameof(Dimension.Levels)} of '{dimension.Name}'", dimension.Levels, "at least 1");
        if (Resume && Overwrite) throw new ArgumentException($"SearchOptions: a search either goes on ({nameof(Resume)}) or is replaced ({nameof(Overwrite)}).");
    }

    static void Check(bool holds, string setting, object? value, string expected)
    {
        if (!holds) throw new ArgumentOutOfRangeException(setting, value, $"SearchOptions: {setting} must be {expected}.");
    }
}
