using CnnSharp.Data;
using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>
/// Searches for hyperparameters: draws settings or walks a grid, trains a model at each, and ranks them by what is measured on images that were not trained on. Every trial is a training in a
/// folder of its own. The same seed gives the same trials; a search that was ended in whatever way goes on where it stopped and ends with the same bytes.
/// </summary>
/// <example>
/// <code>
/// var result = HyperparameterSearch.Run(train, validation, new SearchOptions
/// {
///     Space = [Dimension.LogUniform("lr", 1e-3, 1), Dimension.Choice("batch", 32, 64, 128)],
///     OutputFolder = "runs/search",
///     Trials = 30,
/// }, trial => (new LeNet5(), new TrainingOptions
/// {
///     Epochs = 5,
///     BatchSize = trial.Integer("batch"),
///     Optimizer = new SgdOptions { LearningRate = trial.Real("lr"), Momentum = 0.9 },
/// }));
/// Console.WriteLine(result.Best!.Trial);
/// </code>
/// </example>
public static class HyperparameterSearch
{
    /// <summary>Searches for the settings of a classifier of images.</summary>
    /// <param name="train">The images to train on.</param>
    /// <param name="validation">The images that decide: not those that the result is to be tested on. Null where <see cref="SearchOptions.Folds"/> of the training images do.</param>
    /// <param name="options">What is searched, and where it is written.</param>
    /// <param name="build">The model of a trial, with its weights drawn from <see cref="Generator.Default"/>, and how it is trained. Called whenever the trial is trained on; it must give the same each time. The search sets output folder, resuming and monitor.</param>
    /// <param name="observer">Is notified of how it goes; default null.</param>
    /// <param name="cancellation">Stops it after the step in progress; it can be resumed.</param>
    /// <exception cref="ArgumentException">An option is out of its range, a search stands in the folder, or both or neither of validation set and folds are given.</exception>
    /// <exception cref="DataFormatException">The search to resume was asked for something else, or its files are not sound.</exception>
    /// <exception cref="RunLockedException">Another search is writing into the folder.</exception>
    /// <exception cref="IOException">A file cannot be read or written.</exception>
    public static SearchResult Run(ImageDataset train, ImageDataset? validation, SearchOptions options, Func<Trial, (Layer Model, TrainingOptions Options)> build, ISearchObserver? observer = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(options);
        return Run(new(train, validation, [Metric.Accuracy], count => [.. train.Folds(count, options.Seed).Select(fold => ((IDataset)fold.Train, (IDataset)fold.Held))], (model, set, held, how, view) => Trainer.Fit(model, (ImageDataset)set, (ImageDataset)held, how, view, cancellation)), options, build, observer, cancellation);
    }

    /// <summary>Searches for the settings of a training at any task.</summary>
    /// <param name="train">The samples to train on.</param>
    /// <param name="task">What is minimized, and measured.</param>
    /// <param name="validation">The samples that decide: not those that the result is to be tested on. Null where <see cref="SearchOptions.Folds"/> of the training samples do.</param>
    /// <param name="options">What is searched, and where it is written.</param>
    /// <param name="build">The model of a trial, with its weights drawn from <see cref="Generator.Default"/>, and how it is trained. Called whenever the trial is trained on; it must give the same each time. The search sets output folder, resuming and monitor.</param>
    /// <param name="observer">Is notified of how it goes; default null.</param>
    /// <param name="cancellation">Stops it after the step in progress; it can be resumed.</param>
    /// <inheritdoc cref="Run(ImageDataset, ImageDataset, SearchOptions, Func{Trial, ValueTuple{Layer, TrainingOptions}}, ISearchObserver, CancellationToken)" path="/exception"/>
    public static SearchResult Run(IDataset train, TrainingTask task, IDataset? validation, SearchOptions options, Func<Trial, (Layer Model, TrainingOptions Options)> build, ISearchObserver? observer = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(options);
        task.Validate();
        return Run(new(train, validation, task.Metrics, count => train.Folds(count, options.Seed), (model, set, held, how, view) => Trainer.Fit(model, set, task, held, how, view, cancellation)), options, build, observer, cancellation);
    }

    static SearchResult Run(SearchSubject subject, SearchOptions options, Func<Trial, (Layer Model, TrainingOptions Options)> build, ISearchObserver? observer, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(build);
        options.Validate();
        using var run = new SearchRun(subject, options, build, observer);
        return run.Execute(cancellation);
    }
}

/// <summary>What a search trains: a set at a task.</summary>
/// <param name="Train">The samples to train on.</param>
/// <param name="Validation">Those that decide; null: folds of the others do.</param>
/// <param name="Metrics">What is measured beside the loss.</param>
/// <param name="Folds">So many parts of the samples to train on, each held out once.</param>
/// <param name="Fit">Trains a model on samples, measured on others.</param>
sealed record SearchSubject(IDataset Train, IDataset? Validation, IReadOnlyList<Metric> Metrics, Func<int, IReadOnlyList<(IDataset Train, IDataset Held)>> Folds, Func<Layer, IDataset, IDataset, TrainingOptions, ITrainingObserver, History> Fit);
