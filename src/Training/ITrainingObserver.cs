using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>Receives the progress of a training, on the thread that trains, and may end it. Every method is optional.</summary>
/// <example>
/// <code>
/// sealed class StopAt(double accuracy) : ITrainingObserver
/// {
///     TrainingControl? training;
///
///     public void OnStart(TrainingControl training) => this.training = training;
///
///     public void OnEpoch(EpochResult epoch)
///     {
///         Console.WriteLine($"{epoch.Epoch}: {epoch.Accuracy:P1}");
///         if (epoch.Accuracy &gt;= accuracy) training!.Stop();
///     }
/// }
/// </code>
/// </example>
public interface ITrainingObserver
{
    /// <summary>Once everything has been checked and before anything is written; an exception ends the training.</summary>
    /// <param name="folder">The output folder, which is this training's alone until it ends; null: there is none.</param>
    void OnBegin(string? folder)
    {
    }

    /// <summary>Something that the training goes on with, but that its user should know.</summary>
    /// <param name="message">A sentence.</param>
    void OnWarning(string message)
    {
    }

    /// <summary>Before the first step.</summary>
    /// <param name="training">What is trained, where it stands, and how to end it; valid until the training ends.</param>
    void OnStart(TrainingControl training)
    {
    }

    /// <summary>Before <see cref="OnStart"/>, where the last checkpoint cannot be resumed and the one before it is.</summary>
    /// <param name="damage">What is wrong with the last.</param>
    /// <param name="resumed">The one that is gone on from.</param>
    void OnDamagedCheckpoint(DataFormatException damage, string resumed)
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

/// <summary>Several observers as one, in their order.</summary>
sealed class Observers(params ITrainingObserver[] observers) : ITrainingObserver
{
    public void OnBegin(string? folder)
    {
        foreach (var observer in observers) observer.OnBegin(folder);
    }

    public void OnWarning(string message)
    {
        foreach (var observer in observers) observer.OnWarning(message);
    }

    public void OnStart(TrainingControl training)
    {
        foreach (var observer in observers) observer.OnStart(training);
    }

    public void OnDamagedCheckpoint(DataFormatException damage, string resumed)
    {
        foreach (var observer in observers) observer.OnDamagedCheckpoint(damage, resumed);
    }

    public void OnProgress(in TrainingProgress progress)
    {
        foreach (var observer in observers) observer.OnProgress(progress);
    }

    public void OnEpoch(EpochResult epoch)
    {
        foreach (var observer in observers) observer.OnEpoch(epoch);
    }

    public void OnCheckpoint(string path)
    {
        foreach (var observer in observers) observer.OnCheckpoint(path);
    }
}

/// <summary>A training in progress, as an observer sees it.</summary>
public sealed class TrainingControl
{
    internal TrainingControl(Layer model, IReadOnlyList<Optimizer> optimizers) => (Model, Optimizers) = (model, optimizers);

    /// <summary>What is trained.</summary>
    public Layer Model { get; }

    /// <summary>What trains it. The schedule sets its learning rate before each step.</summary>
    public Optimizer Optimizer => Optimizers[0];

    /// <summary>All that train it, where the task has several (<see cref="TrainingTask.Optimizers"/>).</summary>
    public IReadOnlyList<Optimizer> Optimizers { get; }

    /// <summary>Finished epochs, those before a resume included.</summary>
    public int Epoch { get; internal set; }

    /// <summary>Finished steps, those before a resume included.</summary>
    public long Step { get; internal set; }

    internal bool IsStopped { get; private set; }

    /// <summary>Ends the training after the step in progress, or after the epoch where that has finished; its checkpoint is written, and it can be resumed.</summary>
    public void Stop() => IsStopped = true;
}

/// <summary>Where a training stands within an epoch.</summary>
/// <param name="Epoch">Which, from 1.</param>
/// <param name="Epochs">Of how many.</param>
/// <param name="Batch">Its finished steps.</param>
/// <param name="Batches">Of how many.</param>
/// <param name="Step">Finished steps of the whole training.</param>
/// <param name="StepLoss">The mean over the last step's images.</param>
/// <param name="Loss">The mean over the epoch's images so far.</param>
/// <param name="Accuracy">The share of them that were met with the right class first, 0 to 1; null where the task does not measure it.</param>
/// <param name="LearningRate">The rate of the last step.</param>
/// <param name="ImagesPerSecond">Images/s, over this epoch.</param>
public readonly record struct TrainingProgress(int Epoch, int Epochs, int Batch, int Batches, long Step, double StepLoss, double Loss, double? Accuracy, double LearningRate, double ImagesPerSecond);
