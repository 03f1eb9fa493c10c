using CnnSharp.Data;
using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>Trains classifiers of images, and tells how good they are.</summary>
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
        using var run = new TrainingRun(model, train, validation, options ?? new(), observer);
        return run.Execute(cancellation);
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
        using var evaluator = new Evaluator(model, set, DeviceOf(model), options);
        return evaluator.Run(options.Logits, cancellation);
    }

    /// <summary>The one device of a model.</summary>
    internal static Device DeviceOf(Layer model)
    {
        Device? device = null;
        var first = "";
        foreach (var (name, tensor) in model.StateDict())
        {
            if (device is null) (device, first) = (tensor.Device, name);
            else if (tensor.Device.Engine != device.Engine) throw new ArgumentException($"{model.GetType().Name}: '{name}' is on {tensor.Device}, '{first}' on {device}. Bring all to one: model.To(Device.Parse(\"{device}\")).", nameof(model));
        }

        return device ?? throw new ArgumentException($"{model.GetType().Name} has no parameters.", nameof(model));
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
