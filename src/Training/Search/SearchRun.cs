using System.Globalization;
using CnnSharp.Data;
using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>One search of <see cref="HyperparameterSearch"/>.</summary>
sealed class SearchRun : IDisposable
{
    /// <summary>Of the trials so far, the best one in so many count as good: theirs are the choices of the next stage.</summary>
    const int GoodShare = 5;

    readonly SearchSubject subject;
    readonly SearchOptions options;
    readonly Func<Trial, (Layer Model, TrainingOptions Options)> build;
    readonly ISearchObserver? observer;
    readonly Metric objective;
    readonly SearchFolder folder;

    /// <summary>Under cross-validation what is trained on, and what is held out.</summary>
    readonly IReadOnlyList<(IDataset Train, IDataset Held)> folds;

    /// <summary>Of each trial what is known, by number.</summary>
    readonly SortedDictionary<int, TrialResult> results = [];

    /// <summary>What a search that is resumed had found.</summary>
    readonly IReadOnlyDictionary<int, TrialResult> recorded;

    public SearchRun(SearchSubject subject, SearchOptions options, Func<Trial, (Layer Model, TrainingOptions Options)> build, ISearchObserver? observer)
    {
        (this.subject, this.options, this.build, this.observer) = (subject, options, build, observer);
        if (options.Folds is null == subject.Validation is null)
            throw new ArgumentException($"HyperparameterSearch: expected either a validation set or {nameof(SearchOptions.Folds)} of the training set to measure on, got {(options.Folds is null ? "neither" : "both")}.");
        if (options.Folds > subject.Train.Count) throw new ArgumentException($"HyperparameterSearch: {nameof(SearchOptions.Folds)} is {options.Folds}, '{subject.Train.Name}' has {subject.Train.Count:N0} samples; expected at most as many.");
        objective = options.Objective ?? (subject.Metrics.Contains(Metric.Accuracy) ? Metric.Accuracy : Metric.Loss);
        if (objective != Metric.Loss && !subject.Metrics.Any(metric => metric.Name == objective.Name)) throw new ArgumentException($"HyperparameterSearch: {nameof(SearchOptions.Objective)} is '{objective}', which is not measured; expected loss{string.Concat(subject.Metrics.Select(metric => $" or {metric}"))}.");
        folds = options.Folds is { } count ? subject.Folds(count) : [];
        folder = SearchFolder.Take(options, objective, subject);
        recorded = folder.Recorded;
    }

    public void Dispose() => folder.Dispose();

    public SearchResult Execute(CancellationToken cancellation)
    {
        observer?.OnBegin(options.OutputFolder);
        folder.Begin();
        var (space, first) = (options.Space, 1);
        for (var stage = 1; stage <= options.Stages; stage++)
        {
            var trials = TrialsOf(space, stage, first);
            observer?.OnStage(stage, space, trials.Count);
            if (!RunStage(trials, cancellation)) return Result(isCanceled: true);
            first += trials.Count;
            if (stage < options.Stages) space = Narrowed(space);
        }

        var result = Result(isCanceled: false);
        folder.WriteBest(result);
        return result;
    }

    SearchResult Result(bool isCanceled) => new(options.Space, objective, options.OutputFolder, results.Values, isCanceled);

    /// <summary>The settings of a stage. A random trial's are a function of the seed, its number and the space alone.</summary>
    List<Trial> TrialsOf(IReadOnlyList<Dimension> space, int stage, int first)
    {
        if (options.Method == SearchMethod.Grid)
        {
            var points = space.Aggregate<Dimension, IEnumerable<KeyValuePair<string, string>[]>>([[]], (sets, dimension) => [.. sets.SelectMany(set => dimension.Grid().Select(value => (KeyValuePair<string, string>[])[.. set, new(dimension.Name, value)]))]);
            return [.. points.Select((values, i) => new Trial(first + i, stage, values))];
        }

        // The first stages have one trial more where they do not divide evenly.
        var count = (options.Trials / options.Stages) + (stage <= options.Trials % options.Stages ? 1 : 0);
        return [.. Enumerable.Range(first, count).Select(number =>
        {
            var generator = new Generator(options.Seed, (ulong)number);
            return new Trial(number, stage, [.. space.Select(dimension => new KeyValuePair<string, string>(dimension.Name, dimension.At(generator.Uniform(0, 1))))]);
        })];
    }

    /// <summary>About the best trial so far; where all failed, as it was.</summary>
    IReadOnlyList<Dimension> Narrowed(IReadOnlyList<Dimension> space)
    {
        var completed = SearchResult.Ranked(results.Values.Where(result => result.Status == TrialStatus.Completed), objective).ToList();
        if (completed.Count == 0) return space;
        var good = completed.Take(Math.Max(1, results.Count / GoodShare)).Select(result => result.Trial).ToList();
        return [.. space.Select(dimension => dimension.Near([.. good.Select(trial => trial.Text(dimension.Name))]))];
    }

    /// <summary>Trains the trials of a stage, under successive halving rung by rung. False: it was canceled.</summary>
    bool RunStage(List<Trial> trials, CancellationToken cancellation)
    {
        var left = trials;
        int? limit = options.Halving?.FirstEpochs;
        for (var rung = 0; left.Count > 0; rung++)
        {
            foreach (var trial in left)
            {
                if (!Measure(trial, rung, limit, cancellation)) return false;
            }

            // Nothing is left to decide where a single one goes on.
            left = [.. left.Where(trial => results[trial.Number].Status == TrialStatus.Unfinished)];
            if (left.Count == 0 || options.Halving is not { } halving) return true;
            left = Promoted(trials, rung, halving.Factor);
            limit = left.Count == 1 ? null : checked(limit * halving.Factor);
        }

        return true;
    }

    /// <summary>Of those that were measured at a rung, the best part that still can go on; the others are dropped.</summary>
    List<Trial> Promoted(List<Trial> trials, int rung, int factor)
    {
        var measured = trials.Select(trial => results[trial.Number]).Where(result => result.Measures.Count == rung + 1).ToList();

        // Those that came to their end count among the best, but need no more epochs.
        var ranked = measured.OrderByDescending(result => objective.IsLowerBetter ? -result.Last!.Value : result.Last!.Value).ThenBy(result => result.Trial.Number).Take(Math.Max(1, measured.Count / factor)).ToHashSet();
        var left = new List<Trial>();
        foreach (var result in measured.Where(result => result.Status == TrialStatus.Unfinished))
        {
            if (ranked.Contains(result)) left.Add(result.Trial);
            else Record(result with { Status = TrialStatus.Dropped });
        }

        return left;
    }

    /// <summary>Trains a trial up to some epochs, or reads back what it had come to. False: it was canceled.</summary>
    bool Measure(Trial trial, int rung, int? limit, CancellationToken cancellation)
    {
        var before = results.GetValueOrDefault(trial.Number) ?? new(trial, TrialStatus.Unfinished, []);
        if (recorded.TryGetValue(trial.Number, out var known))
        {
            folder.ThrowIfUnlike(trial, known.Trial);
            if (known.Measures.Count > rung)
            {
                var isLast = known.Measures.Count == rung + 1;
                Record(before with { Status = isLast && known.Status == TrialStatus.Completed ? TrialStatus.Completed : TrialStatus.Unfinished, Measures = [.. before.Measures, known.Measures[rung]] });
                return true;
            }

            if (known.Measures.Count == rung && known.Status == TrialStatus.Failed)
            {
                Record(before with { Status = TrialStatus.Failed, Failure = known.Failure });
                return true;
            }
        }

        var (epochs, values, isOver) = (0, new List<double>(), true);
        for (var fold = 1; fold <= (options.Folds ?? 1); fold++)
        {
            if (cancellation.IsCancellationRequested) return false;
            int? heldOut = options.Folds is null ? null : fold;
            observer?.OnTraining(trial, heldOut, limit);
            History history;
            try
            {
                history = Fit(trial, heldOut, limit);
            }
            catch (TrainingDivergedException e)
            {
                Record(before with { Status = TrialStatus.Failed, Failure = $"{(heldOut is null ? "" : $"fold {fold}: ")}{e.Reason}" });
                return true;
            }

            if (history.IsCanceled) return false;
            var score = history.Best!.Score(objective);
            values.Add(objective.IsLowerBetter ? -score : score);
            epochs = Math.Max(epochs, history.Epochs.Count);
            isOver &= history.End is TrainingEnd.Completed or TrainingEnd.StoppedEarly;
        }

        Record(before with { Status = isOver ? TrialStatus.Completed : TrialStatus.Unfinished, Measures = [.. before.Measures, new(epochs, values.Average(), options.Folds is null ? [] : values)] });
        return true;
    }

    History Fit(Trial trial, int? fold, int? limit)
    {
        var (train, held) = fold is { } part ? folds[part - 1] : (subject.Train, subject.Validation!);
        var common = Generator.Default;
        Generator.Default = new(options.Seed);
        try
        {
            var (model, how) = build(trial);
            return subject.Fit(model, train, held, how with { OutputFolder = folder.Of(trial, fold), NumberedFolder = false, Overwrite = false, Resume = true, Monitor = objective }, new TrialView(trial, limit, observer));
        }
        finally
        {
            Generator.Default = common;
        }
    }

    void Record(TrialResult result)
    {
        results[result.Trial.Number] = result;
        folder.Write(results.Values, recorded);
        observer?.OnResult(result);
    }

    /// <summary>Ends a trial's training at a rung, and passes its epochs on.</summary>
    sealed class TrialView(Trial trial, int? limit, ISearchObserver? observer) : ITrainingObserver
    {
        TrainingControl? control;

        public void OnStart(TrainingControl training)
        {
            control = training;
            if (training.Epoch >= limit) training.Stop();
        }

        public void OnEpoch(EpochResult epoch)
        {
            observer?.OnEpoch(trial, epoch);
            if (epoch.Epoch >= limit) control!.Stop();
        }
    }
}
