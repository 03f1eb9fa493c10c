using CnnSharp.Data;
using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>An optimizer of some of a model's parameters, where a task has several.</summary>
/// <param name="Name">What the task calls it.</param>
/// <param name="Pattern">Of the parameters' paths; <c>*</c> stands for any characters: <c>generator.*</c>.</param>
/// <param name="Options">Which optimizer; default: <see cref="TrainingOptions.Optimizer"/>.</param>
public sealed record TaskOptimizer(string Name, string Pattern, OptimizerOptions? Options = null);

/// <summary>
/// What a training minimizes, and what it is measured by: everything else (schedule, checkpoints, resuming, early stopping, observers) is the
/// <see cref="Trainer"/>'s. The usual ones are methods of this class; one of your own is a few lines.
/// </summary>
/// <example>
/// <code>
/// var task = new TrainingTask("angles")
/// {
///     Loss = (output, batch) => Loss.SmoothL1(output, batch.Targets[0]),
///     Metrics = [Metric.MeanAbsoluteError()],
/// };
/// Trainer.Fit(model, train, task, validation, new TrainingOptions { Epochs = 5 });
/// </code>
/// </example>
/// <param name="name">What it is called in messages and checkpoints.</param>
public sealed class TrainingTask(string name)
{
    /// <summary>What it is called in messages and checkpoints; a checkpoint of another task is not resumed.</summary>
    public string Name { get; } = name;

    /// <summary>The model's result for a batch; default: its Forward of the first input.</summary>
    public Func<Layer, Batch, Tensor> Forward { get; init; } = static (model, batch) => model.Forward(batch.Inputs[0]);

    /// <summary>The loss of a result: one number, the mean over the batch. Null only where <see cref="Train"/> says what is minimized; such a task is not evaluated.</summary>
    public Func<Tensor, Batch, Tensor>? Loss { get; init; }

    /// <summary>
    /// Of how many things the loss of a batch is the mean, where that is not its samples: pixels that count, weights of classes. By it batches are weighed in the mean of an epoch, and parts of a
    /// batch in its gradient; a batch of weight 0 is passed over. Default null: the samples.
    /// </summary>
    public Func<Batch, double>? Weight { get; init; }

    /// <summary>What results are measured by, in training and validation; default: the loss alone.</summary>
    public IReadOnlyList<Metric> Metrics { get; init; } = [];

    /// <summary>Optimizers of parts of the model, if it has several; default: one of all parameters. What belongs to none is not trained.</summary>
    public IReadOnlyList<TaskOptimizer> Optimizers { get; init; } = [];

    /// <summary>A step; default: Forward, Loss, their figures recorded, the loss minimized.</summary>
    public Action<TrainingStep>? Train { get; init; }

    /// <summary>Classes of inputs: cross-entropy of logits [N, classes] and labels [N] (Int32), of mixed images that of both (<see cref="Augment.Mixup"/>), measured by accuracy.</summary>
    /// <param name="labelSmoothing">The share of the target that is spread over all classes; default 0.</param>
    /// <param name="classWeights">A weight a class, at least 0; default: 1 each.</param>
    public static TrainingTask Classification(double labelSmoothing = 0, IReadOnlyList<double>? classWeights = null)
    {
        var weights = OnDevice(classWeights);
        return new("classification")
        {
            Loss = (output, batch) => Layers.Loss.MixedCrossEntropy(output, batch.Labels, batch.OtherLabels, batch.Share, labelSmoothing, classWeights: weights(output.Device)),
            Weight = WeightOf(null, classWeights),
            Metrics = [Metric.Accuracy],
        };
    }

    /// <summary>Numbers: the mean squared error, measured by mean absolute error and R2.</summary>
    public static TrainingTask Regression() => new("regression")
    {
        Loss = (output, batch) => Functional.MeanSquaredError(output, batch.Labels),
        Metrics = [Metric.MeanAbsoluteError(), Metric.R2()],
    };

    /// <summary>Any number of classes an input: binary cross-entropy of logits [N, classes] and targets from 0 to 1 (others are refused), measured by the share of right ones and F1.</summary>
    public static TrainingTask MultiLabel() => new("multi-label")
    {
        Loss = (output, batch) => Functional.BinaryCrossEntropyWithLogits(output, batch.Labels),
        TargetRange = (0, 1),
        Metrics = [Metric.BinaryAccuracy(), Metric.F1()],
    };

    /// <summary>A class a pixel: cross-entropy of logits [N, H, W, classes] and labels [N, H, W] (Int32), measured by mean intersection over union.</summary>
    /// <param name="classes">How many.</param>
    /// <param name="ignoreIndex">The label of pixels that do not count; default: none.</param>
    /// <param name="classWeights">A weight a class, at least 0; default: 1 each.</param>
    public static TrainingTask Segmentation(int classes, int? ignoreIndex = null, IReadOnlyList<double>? classWeights = null)
    {
        var weights = OnDevice(classWeights);
        return new("segmentation")
        {
            Loss = (output, batch) => Functional.CrossEntropy(output, batch.Labels, ignoreIndex: ignoreIndex, classWeights: weights(output.Device)),
            Weight = WeightOf(ignoreIndex, classWeights),
            Metrics = [Metric.MeanIoU(classes, ignoreIndex)],
        };
    }

    /// <summary>Images from images, or, where the set has no targets, from themselves (an autoencoder): the mean squared error, measured by the signal-to-noise ratio.</summary>
    /// <param name="range">From the least to the greatest value that an image may have; default 1.</param>
    public static TrainingTask ImageToImage(double range = 1) => new("image-to-image")
    {
        Loss = (output, batch) => Functional.MeanSquaredError(output, Metric.TargetOrInput(batch)),
        Metrics = [Metric.PeakSignalToNoise(range)],
    };

    /// <summary>
    /// Pairs of one class or of two (<see cref="Dataset.Pairs"/>): the model embeds both, [N, D]; the contrastive loss (Hadsell et al. 2006) is d^2 of those of
    /// one class and max(0, margin - d)^2 of the others, d their distance. Measured by the share of pairs on the right side of half the margin.
    /// </summary>
    /// <param name="margin">Beyond which two classes need not be; default 1.</param>
    public static TrainingTask Pairs(double margin = 1)
    {
        if (!(margin > 0)) throw new ArgumentOutOfRangeException(nameof(margin), margin, "TrainingTask.Pairs: the margin must be above 0.");
        return new("pairs")
        {
            // d, [N, 1]; at 0 the root has no gradient.
            Forward = static (model, batch) => batch.Inputs.Count < 2 ? throw new ArgumentException($"Task 'pairs': expected two inputs a sample, the set has one, '{batch.Inputs[0].Name}'; {nameof(Dataset)}.{nameof(Dataset.Pairs)} makes pairs of it.") : Functional.Sqrt(Functional.Sum(Functional.Square(model.Forward(batch.Inputs[0]) - model.Forward(batch.Inputs[1])), [1], keepAxes: true) + 1e-12),
            Loss = (distance, batch) => Functional.Mean((Same(distance, batch) * Functional.Square(distance)) + ((1 - Same(distance, batch)) * Functional.Square(Functional.Relu(margin - distance)))),
            Metrics = [Metric.Mean("pair_accuracy", (distance, batch) => Functional.Mean(Functional.Equal(Functional.Greater(Tensor.Full(new(1), margin / 2, distance.Device), distance), Same(distance, batch))), isLowerBetter: false)],
        };

        // [N] would be broadcast against [N, 1].
        static Tensor Same(Tensor distance, Batch batch) => Functional.Reshape(batch.Labels, distance.Shape);
    }

    /// <summary>The weights of classes where they are asked for.</summary>
    static Func<Device, Tensor?> OnDevice(IReadOnlyList<double>? weights)
    {
        foreach (var weight in weights ?? [])
        {
            if (!(weight >= 0 && double.IsFinite(weight))) throw new ArgumentException($"TrainingTask: the class weights [{string.Join(", ", weights!)}] are not all finite and at least 0.", nameof(weights));
        }

        Tensor? made = null;
        return device =>
        {
            if (weights is not null && made?.Device.Engine != device.Engine) made = Tensor.From([.. weights.Select(weight => (float)weight)], new Shape(weights.Count), device).Keep();
            return made;
        };
    }

    /// <summary>Of how many labels the cross-entropy of a batch is the mean, each with its class's weight. Reads them, so it waits for the device.</summary>
    static Func<Batch, double>? WeightOf(int? ignoreIndex, IReadOnlyList<double>? weights)
    {
        if (ignoreIndex is null && weights is null) return null;
        return batch =>
        {
            var sum = 0.0;
            foreach (var label in batch.Labels.ToArray<int>())
            {
                if (label == ignoreIndex) continue;
                sum += weights is null ? 1 : (uint)label < (uint)weights.Count ? weights[label] : 0;
            }

            return sum;
        };
    }

    /// <summary>What floating-point targets must lie within; null: anything.</summary>
    internal (float Least, float Most)? TargetRange { get; private init; }

    /// <summary>Whether it is the classification of images that a training without a task is, whose checkpoints say no task.</summary>
    internal bool IsImageClassification { get; init; }

    /// <inheritdoc cref="Name"/>
    public override string ToString() => Name;

    /// <summary>Throws for a task that says nothing to minimize, or two things of one name.</summary>
    internal void Validate()
    {
        if (Loss is null && Train is null) throw new ArgumentException($"Task '{Name}': it has neither a {nameof(Loss)} nor a {nameof(Train)}.");
        if (Metrics.FirstOrDefault(metric => metric.Name is "loss" or "accuracy" or "top5_accuracy" && metric != Metric.Accuracy) is { } taken) throw new ArgumentException($"Task '{Name}': a metric is called '{taken}', which every training has; call it otherwise.");
        Unique(nameof(Metrics), Metrics.Select(metric => metric.Name));
        Unique(nameof(Optimizers), Optimizers.Select(optimizer => optimizer.Name));

        void Unique(string what, IEnumerable<string> names)
        {
            if (names.GroupBy(given => given).FirstOrDefault(group => group.Count() > 1) is { } twice) throw new ArgumentException($"Task '{Name}': {what} has '{twice.Key}' more than once.");
        }
    }

    /// <summary>The loss of a result, one number.</summary>
    internal Tensor LossOf(Tensor output, Batch batch)
    {
        if (Loss is null) throw new InvalidOperationException($"Task '{Name}' has no {nameof(Loss)}, so it cannot be evaluated.");
        return Scalar(Name, Loss(output, batch));
    }

    /// <summary>A loss, if it is one number.</summary>
    internal static Tensor Scalar(string task, Tensor? loss)
        => loss is null ? throw new InvalidOperationException($"Task '{task}': its loss is null; expected a tensor of one number.")
        : loss.Count == 1 ? loss : throw new ShapeException(task, $"the loss is {loss.Shape}; expected one number, the mean over the batch: Functional.Mean of it.");
}
