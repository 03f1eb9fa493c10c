using System.Diagnostics;
using System.Globalization;
using CnnSharp.Training;

namespace CnnSharp.Cli.Train;

/// <summary>Shows how a search goes: a line a trial, and to a person the epoch in progress.</summary>
/// <param name="terminal">Where.</param>
/// <param name="objective">What decides.</param>
/// <param name="begin">Is called with the folder before anything else is written into it.</param>
/// <param name="measured">Is called with each trial that was trained.</param>
internal sealed class SearchView(Terminal terminal, Metric objective, Action<string> begin, Action<TrialResult> measured) : ISearchObserver
{
    int trials;
    int? fold;
    long start;
    bool isTrained;

    public void OnBegin(string folder) => begin(folder);

    public void OnStage(int stage, IReadOnlyList<Dimension> space, int count)
    {
        terminal.WriteLine($"{(stage == 1 ? "" : $"stage {stage}: ")}{count} trials of {string.Join(", ", space)}");
        trials += count;
    }

    public void OnTraining(Trial trial, int? heldOut, int? epochs)
    {
        fold = heldOut;
        if (heldOut is null or 1) start = Stopwatch.GetTimestamp();
        isTrained = true;
        terminal.ShowProgress($"trial {trial.Number}/{trials}", $"{Fold()}{trial}");
    }

    public void OnEpoch(Trial trial, EpochResult epoch)
        => terminal.ShowProgress($"trial {trial.Number}/{trials}", $"{Fold()}epoch {epoch.Epoch}", $"{objective} {Value(objective, objective == Metric.Loss ? epoch.Loss : epoch.Accuracy ?? double.NaN)}", trial.ToString());

    public void OnResult(TrialResult result)
    {
        if (result.Status == TrialStatus.Dropped) return;
        var seconds = isTrained ? string.Create(CultureInfo.InvariantCulture, $"  {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s") : "  read back";
        isTrained = false;
        terminal.WriteLine($"trial {result.Trial.Number,3}/{trials}  {result.Trial}  {(result.Failure is { } failure ? failure : $"{objective} {Value(objective, result.Last!.Value)}{(result.Last.Std is { } std ? $" ± {Value(objective, std)}" : "")} after {result.Last.Epochs} epoch{(result.Last.Epochs == 1 ? "" : "s")}")}{seconds}");
        measured(result);
    }

    /// <summary>A figure as it is shown.</summary>
    public static string Value(Metric objective, double value) => objective == Metric.Accuracy ? Terminal.Percent(value) : value.ToString("F4", CultureInfo.InvariantCulture);

    string Fold() => fold is null ? "" : $"fold {fold} ";
}
