using System.Runtime.InteropServices;
using CnnSharp.Data;
using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>Trains models, and tells how good they are: classifiers of images, or whatever a <see cref="TrainingTask"/> says.</summary>
public static class Trainer
{
    /// <summary>
    /// Trains a model on its own device. What comes out depends on the model's initial weights, the images and the options
    /// alone, not on the number of threads; a resumed training ends with the same bytes as one that was not interrupted.
    /// </summary>
    /// <param name="model">Takes images [N, H, W, C] to logits [N, classes].</param>
    /// <param name="train">The images to train on.</param>
    /// <param name="validation">The images to measure it by after each epoch; default null: none.</param>
    /// <param name="options">How; default: <see cref="TrainingOptions"/>'s own.</param>
    /// <param name="observer">Is notified of the progress; default null.</param>
    /// <param name="cancellation">Stops it after the step in progress; a checkpoint is written first if there is an output folder.</param>
    /// <returns>The figures of each epoch.</returns>
    /// <exception cref="ArgumentException">An option is out of its range, a set is empty, the sets differ in image or classes, or a training stands in the output folder.</exception>
    /// <exception cref="RunLockedException">Another training is writing into the output folder.</exception>
    /// <exception cref="ShapeException">The model does not fit the images.</exception>
    /// <exception cref="TrainingDivergedException">A loss or weight became infinite or not a number; found at the next report, at the latest at the epoch's end, and never checkpointed.</exception>
    /// <exception cref="DataFormatException">The checkpoint to resume from is not sound, or of another model or training.</exception>
    /// <exception cref="IOException">A checkpoint cannot be read or written.</exception>
    public static History Fit(Layer model, ImageDataset train, ImageDataset? validation = null, TrainingOptions? options = null, ITrainingObserver? observer = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(train);
        options ??= new();
        return Run(model, train, ImageClassification.Task(train, options), validation, options, observer, cancellation);
    }

    /// <summary>
    /// Trains a model at any task on its own device: regression, several labels, segmentation, images from images, pairs, one of your own. As in the
    /// classification of images, what comes out depends on the model's initial weights, the samples and the options alone, and a
    /// resumed training ends with the same bytes as one that was not interrupted.
    /// </summary>
    /// <param name="model">What the task's <see cref="TrainingTask.Forward"/> calls.</param>
    /// <param name="train">The samples to train on: <see cref="Dataset"/>, an <see cref="ImageDataset"/>, one of your own. <see cref="TrainingOptions.Augmentation"/> is for image sets.</param>
    /// <param name="task">What is minimized, and measured.</param>
    /// <param name="validation">The samples to measure it by after each epoch; default null: none.</param>
    /// <param name="options">How; default: <see cref="TrainingOptions"/>'s own. <see cref="TrainingOptions.LabelSmoothing"/> is the classification's of images alone.</param>
    /// <param name="observer">Is notified of the progress; default null.</param>
    /// <param name="cancellation">Stops it after the step in progress; a checkpoint is written first if there is an output folder.</param>
    /// <returns>The figures of each epoch.</returns>
    /// <exception cref="ArgumentException">An option is out of its range, a set is empty, the sets differ in their fields, the task says nothing to minimize, or a training stands in the output folder.</exception>
    /// <exception cref="ShapeException">The model or the task does not fit the samples.</exception>
    /// <exception cref="DataFormatException">A sample cannot be read (its index is named, and the steps made are saved), or the checkpoint to resume from is not sound, or of another training.</exception>
    /// <inheritdoc cref="Fit(Layer, ImageDataset, ImageDataset, TrainingOptions, ITrainingObserver, CancellationToken)" path="/exception[@cref='T:CnnSharp.Training.TrainingDivergedException']"/>
    public static History Fit(Layer model, IDataset train, TrainingTask task, IDataset? validation = null, TrainingOptions? options = null, ITrainingObserver? observer = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(task);
        task.Validate();
        return Run(model, train, task, validation, options ?? new(), observer, cancellation);
    }

    /// <summary>Trains, shown on the console if the options ask for it.</summary>
    static History Run(Layer model, IDataset train, TrainingTask task, IDataset? validation, TrainingOptions options, ITrainingObserver? observer, CancellationToken cancellation)
    {
        var display = ProgressDisplay.Of(options.Progress, observer is not null);
        using var run = new TrainingRun(model, train, validation, task, options, display is null ? observer : observer is null ? display : new Observers(display, observer));
        if (display is null) return run.Execute(cancellation);

        // Once: a second Ctrl-C ends the process.
        using var interruption = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var handler = OperatingSystem.IsBrowser() ? null : PosixSignalRegistration.Create(PosixSignal.SIGINT, signal =>
        {
            signal.Cancel = !interruption.IsCancellationRequested;
            interruption.Cancel();
        });
        var history = run.Execute(interruption.Token);
        display.End(history);
        return history;
    }

    /// <summary>
    /// Trains a model on a data set's training images. It is measured on the data set's validation images, else on its test
    /// images, else on none; to hold training images out instead, split them: <see cref="DatasetSplits.Split"/>.
    /// </summary>
    /// <param name="model">Takes images [N, H, W, C] to logits [N, classes].</param>
    /// <param name="data">The images.</param>
    /// <param name="options">How; default: <see cref="TrainingOptions"/>'s own.</param>
    /// <param name="observer">Is notified of the progress; default null.</param>
    /// <param name="cancellation">Stops it after the step in progress.</param>
    /// <returns>The figures of each epoch.</returns>
    /// <inheritdoc cref="Fit(Layer, ImageDataset, ImageDataset, TrainingOptions, ITrainingObserver, CancellationToken)" path="/exception"/>
    public static History Fit(Layer model, DatasetSplits data, TrainingOptions? options = null, ITrainingObserver? observer = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        return Fit(model, data.Train, data.Validation ?? data.Test, options, observer, cancellation);
    }

    /// <summary>Measures a model on a set, without recording and with its running statistics; its mode is put back afterwards.</summary>
    /// <param name="model">Takes images [N, H, W, C] to logits [N, classes].</param>
    /// <param name="set">The images.</param>
    /// <param name="options">How; default: <see cref="EvaluationOptions"/>'s own.</param>
    /// <param name="cancellation">Stops it between two batches.</param>
    /// <exception cref="ArgumentException">The set is empty, or an option is out of its range.</exception>
    /// <exception cref="ShapeException">The model does not fit the images.</exception>
    /// <exception cref="OperationCanceledException">It was canceled.</exception>
    public static Evaluation Evaluate(Layer model, ImageDataset set, EvaluationOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(set);
        options ??= new();
        using var evaluator = new Evaluator(model, set, DeviceOf(model, Device.Best), options);
        return evaluator.Run(options.Logits, cancellation);
    }

    /// <summary>Measures a model at a task, without recording and with its running statistics; its mode is put back afterwards.</summary>
    /// <param name="model">What the task's <see cref="TrainingTask.Forward"/> calls.</param>
    /// <param name="set">The samples.</param>
    /// <param name="task">What is measured.</param>
    /// <param name="batchSize">Samples at once; default 256.</param>
    /// <param name="cancellation">Stops it between two batches.</param>
    /// <exception cref="ArgumentException">The set is empty, or the task has no loss.</exception>
    /// <exception cref="ShapeException">The model or the task does not fit the samples.</exception>
    /// <exception cref="OperationCanceledException">It was canceled.</exception>
    public static TaskEvaluation Evaluate(Layer model, IDataset set, TrainingTask task, int batchSize = 256, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(set);
        ArgumentNullException.ThrowIfNull(task);
        task.Validate();
        using var evaluator = new TaskEvaluator(model, set, task, DeviceOf(model, Device.Best), batchSize);
        return evaluator.Run(cancellation);
    }

    /// <summary>What a model gives for the samples of a set, in the set's order, without recording and with its running statistics.</summary>
    /// <param name="model">What is asked.</param>
    /// <param name="set">The samples; their targets are not looked at.</param>
    /// <param name="task">Whose <see cref="TrainingTask.Forward"/> is called; default: the model's Forward of the first input.</param>
    /// <param name="batchSize">Samples at once; default 256.</param>
    /// <param name="cancellation">Stops it between two batches.</param>
    /// <exception cref="ArgumentException">The set is empty.</exception>
    /// <exception cref="ShapeException">The model does not fit the samples, or its results are not one a sample.</exception>
    /// <exception cref="OperationCanceledException">It was canceled.</exception>
    public static Predictions Predict(Layer model, IDataset set, TrainingTask? task = null, int batchSize = 256, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(set);
        if (set.Count == 0) throw new ArgumentException($"Predict: '{set.Name}' has no samples.", nameof(set));
        var loader = LoaderOf(set, batchSize, DeviceOf(model, Device.Best), new() { Shuffle = false, Stage = "" });
        float[]? values = null;
        Shape shape = default;
        var at = 0;
        foreach (var (batch, output) in Infer(model, task ?? new(nameof(Predict)), loader, cancellation))
        {
            if (output.Shape.Rank == 0 || output.Shape[0] != batch.Count) throw new ShapeException(nameof(Predict), $"{batch.Count} samples gave {output.Shape}; expected [{batch.Count}, ...].");
            values ??= new float[checked(output.Count / batch.Count * set.Count)];
            shape = output.Shape.With(0, set.Count);
            output.ToArray().CopyTo(values, at);
            at += checked((int)output.Count);
        }

        return new(Tensor.From(values!, shape, Device.Cpu), (set as ImageDataset)?.ClassNames ?? []);
    }

    /// <summary>A model's results for the batches of a loader, each readable until the next one; its mode is put back afterwards.</summary>
    internal static IEnumerable<(Batch Batch, Tensor Output)> Infer(Layer model, TrainingTask task, DataLoader loader, CancellationToken cancellation)
    {
        var wasTraining = model.IsTraining;
        model.Eval();
        try
        {
            foreach (var batch in loader.Epoch(0))
            {
                cancellation.ThrowIfCancellationRequested();
                using var done = batch;
                using var scope = Tape.NoGrad();
                yield return (batch, task.Forward(model, batch));
            }
        }
        finally
        {
            model.Train(wasTraining);
        }
    }

    /// <summary>A loader of any set: of images as bytes, of others sample by sample.</summary>
    internal static DataLoader LoaderOf(IDataset set, int batchSize, Device device, LoaderOptions options)
    {
        if (set is ImageDataset images) return new(images, batchSize, device, options.Augmentation, options.Seed, options.Shuffle, options.DropLast, options.Normalization, sampler: options.Sampler);
        if (options.Augmentation is { } augmentation && augmentation != Augment.None) throw new ArgumentException($"'{set.Name}': the augmentation ({augmentation}) is for sets of images; change samples of other sets by Map.");
        return new(set, batchSize, device, options.Seed, options.Shuffle, options.DropLast, sampler: options.Sampler) { Stage = options.Stage, TargetRange = options.TargetRange };
    }

    /// <summary>The one device of a model.</summary>
    /// <param name="model">Any.</param>
    /// <param name="otherwise">That of a model without parameters; null: it is an error.</param>
    internal static Device DeviceOf(Layer model, Func<Device>? otherwise = null)
    {
        Device? device = null;
        var first = "";
        foreach (var (name, tensor) in model.StateDict())
        {
            if (device is null) (device, first) = (tensor.Device, name);
            else if (tensor.Device.Engine != device.Engine) throw new ArgumentException($"{model.GetType().Name}: '{name}' is on {tensor.Device}, '{first}' on {device}. Bring all to one: model.To(Device.Parse(\"{device}\")).", nameof(model));
        }

        return device ?? otherwise?.Invoke() ?? throw new ArgumentException($"{model.GetType().Name} has no parameters.", nameof(model));
    }

    /// <summary>The logits of a batch, one a class.</summary>
    internal static Tensor Forward(Layer model, Batch batch, ImageDataset set)
    {
        var logits = model.Forward(batch.Images);
        if (logits.Shape != new Shape(batch.Count, set.Classes))
            throw new ShapeException(model.GetType().Name, $"'{set.Name}' has {set.Classes} classes, so images {batch.Images.Shape} need logits [{batch.Count}, {set.Classes}]; the model gives {logits.Shape}.");
        return logits;
    }
}

/// <summary>How samples are loaded.</summary>
sealed record LoaderOptions
{
    public Augment? Augmentation { get; init; }

    public ulong Seed { get; init; }

    public bool Shuffle { get; init; } = true;

    public bool DropLast { get; init; }

    public Normalization? Normalization { get; init; }

    public Sampler? Sampler { get; init; }

    public string? Stage { get; init; }

    public (float Least, float Most)? TargetRange { get; init; }
}
