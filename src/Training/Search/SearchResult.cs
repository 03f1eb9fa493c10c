namespace CnnSharp.Training;

/// <summary>What a search found.</summary>
public sealed class SearchResult
{
    internal SearchResult(IReadOnlyList<Dimension> space, Metric objective, string folder, IEnumerable<TrialResult> trials, bool isCanceled)
    {
        (Space, Objective, Folder, IsCanceled) = (space, objective, folder, isCanceled);
        Trials = [.. Ranked(trials, objective)];
    }

    /// <summary>What was varied.</summary>
    public IReadOnlyList<Dimension> Space { get; }

    /// <summary>What decided.</summary>
    public Metric Objective { get; }

    /// <summary>Where it was written.</summary>
    public string Folder { get; }

    /// <summary>All trials that were measured or failed, the best first: those that were trained to their end before those that were left behind, of these the later before the earlier.</summary>
    public IReadOnlyList<TrialResult> Trials { get; }

    /// <summary>The best; null if none was trained to its end.</summary>
    public TrialResult? Best => Trials is [{ Status: TrialStatus.Completed } best, ..] ? best : null;

    /// <summary>Whether it was canceled before its end: it can be resumed.</summary>
    public bool IsCanceled { get; }

    /// <summary>A line a trial, the best first.</summary>
    public override string ToString() => string.Join('\n', Trials.Select(Line));

    string Line(TrialResult result)
        => $"trial {result.Trial.Number}: {result.Trial}: {(result.Last is { } last ? FormattableString.Invariant($"{Objective} {last.Value:G5}{(last.Std is { } std ? FormattableString.Invariant($" ± {std:G2}") : "")} ({last.Epochs} epochs)") : "")}{(result.Failure is { } failure ? $" {failure}" : result.Status == TrialStatus.Completed ? "" : $" {result.Status}")}";

    /// <summary>The best first; the earlier of equals.</summary>
    internal static IOrderedEnumerable<TrialResult> Ranked(IEnumerable<TrialResult> trials, Metric objective) => trials
        .OrderBy(result => result.Status switch { TrialStatus.Completed => 0, TrialStatus.Failed => 2, _ => 1 })
        .ThenByDescending(result => result.Status == TrialStatus.Completed ? 0 : result.Last?.Epochs ?? 0)
        .ThenByDescending(result => Score(result, objective))
        .ThenBy(result => result.Trial.Number);

    /// <summary>What is more for a better trial.</summary>
    static double Score(TrialResult result, Metric objective) => result.Last is not { } last ? double.NegativeInfinity : objective.IsLowerBetter ? -last.Value : last.Value;
}
