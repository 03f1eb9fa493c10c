namespace CnnSharp.Training;

/// <summary>Is told how a training goes, on the thread that trains.</summary>
public interface ITrainingObserver
{
    /// <summary>Before the first step: where a resumed training goes on.</summary>
    /// <param name="epochs">Finished epochs.</param>
    /// <param name="step">Finished steps.</param>
    void OnStart(int epochs, long step)
    {
    }

    /// <summary>Every <see cref="TrainingOptions.ReportEvery"/> steps.</summary>
    void OnProgress(in TrainingProgress progress)
    {
    }

    /// <summary>After each epoch, before its checkpoint is written.</summary>
    void OnEpoch(EpochResult epoch)
    {
    }

    /// <summary>After each checkpoint.</summary>
    /// <param name="path">The file.</param>
    void OnCheckpoint(string path)
    {
    }
}

/// <summary>Where a training stands within an epoch.</summary>
/// <param name="Epoch">Which, from 1.</param>
/// <param name="Epochs">Of how many.</param>
/// <param name="Batch">Its finished steps.</param>
/// <param name="Batches">Of how many.</param>
/// <param name="Loss">The mean over the epoch's pictures so far.</param>
/// <param name="Accuracy">The share of them that were met with the right class first, 0 to 1.</param>
/// <param name="LearningRate">The rate of the last step.</param>
/// <param name="ImagesPerSecond">Pictures a second, over this epoch.</param>
public readonly record struct TrainingProgress(int Epoch, int Epochs, int Batch, int Batches, double Loss, double Accuracy, double LearningRate, double ImagesPerSecond);
