namespace CnnSharp.Training;

/// <summary>Is notified of how a search goes. What it does not override is passed over.</summary>
public interface ISearchObserver
{
    /// <summary>Before anything is written: what is asked for has been checked.</summary>
    /// <param name="folder">Of the search.</param>
    void OnBegin(string folder)
    {
    }

    /// <summary>Before a stage.</summary>
    /// <param name="stage">Which, from 1.</param>
    /// <param name="space">What is searched in it.</param>
    /// <param name="trials">How many trials it has.</param>
    void OnStage(int stage, IReadOnlyList<Dimension> space, int trials)
    {
    }

    /// <summary>Before a trial is trained, or trained on.</summary>
    /// <param name="trial">Which.</param>
    /// <param name="fold">The fold that is held out, from 1; null without cross-validation.</param>
    /// <param name="epochs">To how many epochs; null: to its end.</param>
    void OnTraining(Trial trial, int? fold, int? epochs)
    {
    }

    /// <summary>After each epoch of a trial.</summary>
    /// <param name="trial">Which.</param>
    /// <param name="epoch">Its figures.</param>
    void OnEpoch(Trial trial, EpochResult epoch)
    {
    }

    /// <summary>After a trial was measured, failed or was left behind; of one that is read back after a resume too.</summary>
    /// <param name="result">What came of it so far.</param>
    void OnResult(TrialResult result)
    {
    }
}
