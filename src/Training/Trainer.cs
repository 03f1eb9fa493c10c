using CnnSharp.Data;
using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>Trains classifiers of pictures, and tells how good they are.</summary>
public static class Trainer
{
    /// <summary>
    /// Trains a model on its own device. What comes out depends on the model's initial weights, the pictures and the options
    /// alone, not on the number of threads; a resumed training ends with the same bytes as one that was not interrupted.
    /// </summary>
    /// <param name="model">Takes pictures [N, H, W, C] to logits [N, classes].</param>
    /// <param name="train">The pictures to train on.</param>
    /// <param name="validation">The pictures to measure it by after each epoch; default null: none.</param>
    /// <param name="options">How; default: <see cref="TrainingOptions"/>'s own.</param>
    /// <param name="observer">Is told how it goes; default null.</param>
    /// <param name="cancellation">Stops it after the step in progress; a checkpoint is written first if there is an output folder.</param>
    /// <returns>The figures of each epoch.</returns>
    /// <exception cref="ArgumentException">An option is out of its range, a set is empty, the sets differ in picture or classes, or a training stands in the output folder.</exception>
    /// <exception cref="RunLockedException">Another training is writing into the output folder.</exception>
    /// <exception cref="ShapeException">The model does not fit the pictures.</exception>
    /// <exception cref="TrainingDivergedException">A loss or weight became infinite or not a number; found at the next report, at the latest at the epoch's end, and never checkpointed.</exception>
    /// <exception cref="DataFormatException">The checkpoint to resume from is not sound, or of another model or training.</exception>
    /// <exception cref="IOException">A checkpoint cannot be read or written.</exception>
    public static History Fit(Layer model, PictureSet train, PictureSet? validation = null, TrainingOptions? options = null, ITrainingObserver? observer = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(train);
        using var run = new TrainingRun(model, train, validation, options ?? new(), observer);
        return run.Execute(cancellation);
    }

    /// <summary>
    /// Trains a model on a data set's training pictures. It is measured on the data set's validation pictures, else on its test
    /// pictures, else on none; to hold training pictures out instead, split them: <see cref="DataSet.Split"/>.
    /// </summary>
    /// <param name="model">Takes pictures [N, H, W, C] to logits [N, classes].</param>
    /// <param name="data">The pictures.</param>
    /// <param name="options">How; default: <see cref="TrainingOptions"/>'s own.</param>
    /// <param name="observer">Is told how it goes; default null.</param>
    /// <param name="cancellation">Stops it after the step in progress.</param>
    /// <returns>The figures of each epoch.</returns>
    /// <inheritdoc cref="Fit(Layer, PictureSet, PictureSet, TrainingOptions, ITrainingObserver, CancellationToken)" path="/exception"/>
    public static History Fit(Layer model, DataSet data, TrainingOptions? options = null, ITrainingObserver? observer = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        return Fit(model, data.Train, data.Validation ?? data.Test, options, observer, cancellation);
    }

    /// <summary>Measures a model on a set, without recording and with its running statistics; its mode is put back afterwards.</summary>
    /// <param name="model">Takes pictures [N, H, W, C] to logits [N, classes].</param>
    /// <param name="set">The pictures.</param>
    /// <param name="options">How; default: <see cref="EvaluationOptions"/>'s own.</param>
    /// <param name="cancellation">Stops it between two batches.</param>
    /// <exception cref="ArgumentException">The set is empty, or an option is out of its range.</exception>
    /// <exception cref="ShapeException">The model does not fit the pictures.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static Evaluation Evaluate(Layer model, PictureSet set, EvaluationOptions? options = null, CancellationToken cancellation = default)
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
        foreach (var (name, tensor) in model.NamedTensors())
        {
            if (device is null) (device, first) = (tensor.Device, name);
            else if (tensor.Device.Engine != device.Engine) throw new ArgumentException($"{model.GetType().Name}: '{name}' is on {tensor.Device}, '{first}' on {device}. Bring all to one: model.To(Device.Parse(\"{device}\")).", nameof(model));
        }

        return device ?? throw new ArgumentException($"{model.GetType().Name} has no parameters.", nameof(model));
    }

    /// <summary>The logits of a batch, one a class.</summary>
    internal static Tensor Forward(Layer model, Batch batch, PictureSet set)
    {
        var logits = model.Forward(batch.Images);
        if (logits.Shape != new Shape(batch.Count, set.Classes))
            throw new ShapeException(model.GetType().Name, $"'{set.Name}' has {set.Classes} classes, so pictures {batch.Images.Shape} need logits [{batch.Count}, {set.Classes}]; the model gives {logits.Shape}.");
        return logits;
    }
}
