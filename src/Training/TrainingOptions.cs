using System.Text.Json.Serialization;
using CnnSharp.Data;

namespace CnnSharp.Training;

/// <summary>How <see cref="Trainer"/> trains.</summary>
public sealed record TrainingOptions
{
    /// <summary>Passes over the training images; at least 1. Default 10.</summary>
    public int Epochs { get; init; } = 10;

    /// <summary>Images a step; at least 1. Default 128.</summary>
    public int BatchSize { get; init; } = 128;

    /// <summary>
    /// Images at once, where a batch takes more memory than there is: a step goes through its batch in parts and adds up their gradients
    /// (gradient accumulation). The same step but for rounding and what is of a part alone: batch normalization's statistics. At least 1; default null: the whole batch.
    /// </summary>
    public int? MicroBatchSize { get; init; }

    /// <summary>Averages the weights over the training: <see cref="WeightAverage.Exponential"/>, <see cref="WeightAverage.Stochastic"/>. Default null: the model has the last ones.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public WeightAverage? Average { get; init; }

    /// <summary>Default: SGD at 0.1 with Nesterov momentum 0.9 and weight decay 5e-4.</summary>
    public OptimizerOptions Optimizer { get; init; } = new SgdOptions { LearningRate = 0.1f, Momentum = 0.9f, Nesterov = true, WeightDecay = 5e-4f };

    /// <summary>The learning rate of each step. Default: half a cosine from the optimizer's rate to 0.</summary>
    public Schedule Schedule { get; init; } = Schedule.Cosine();

    /// <summary>What is done to the training images; default nothing.</summary>
    [JsonIgnore]
    public Augment? Augmentation { get; init; }

    /// <summary>Rates of their own for some of the parameters, such as those that were trained before; the first rule that fits decides. Default: none.</summary>
    public IReadOnlyList<LearningRateRule> LearningRates { get; init; } = [];

    /// <summary>Ends the training once it gets no better; default null: it goes through all its epochs.</summary>
    public EarlyStopping? EarlyStopping { get; init; }

    /// <summary>What decides which epoch is the best, for early stopping, <see cref="Checkpoint.BestFile"/> and <see cref="History.Best"/>: accuracy, the loss, or one of the task's metrics. Default null: accuracy where it is measured, else the loss.</summary>
    [JsonIgnore]
    public Metric? Monitor { get; init; }

    /// <summary>The share of the target that is spread over all classes (Szegedy et al. 2015), within [0, 1]; default 0.</summary>
    public double LabelSmoothing { get; init; }

    /// <summary>Which samples an epoch has, and in what order; default null: all of them, in an order of its own each epoch.</summary>
    [JsonIgnore]
    public Sampler? Sampler { get; init; }

    /// <summary>Whether a last batch that is not full is left out; default false.</summary>
    public bool DropLast { get; init; }

    /// <summary>The key of the images' order, their augmentation and dropout. Initial weights are drawn when the model is built, from <see cref="Generator.Default"/>. Default 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>
    /// Where checkpoints (<see cref="Checkpoint.LastFile"/>, <see cref="Checkpoint.PreviousFile"/>,
    /// <see cref="Checkpoint.BestFile"/>) and <c>metrics.jsonl</c> go; default null: nothing is written. One training at a
    /// time writes there, and none over what another has left: <see cref="NumberedFolder"/>, <see cref="Overwrite"/>.
    /// </summary>
    [JsonIgnore]
    public string? OutputFolder { get; init; }

    /// <summary>Whether the training gets a new folder in <see cref="OutputFolder"/>, named by the next number: 1, 2, ... (<see cref="History.Folder"/>). Default false: it is the folder itself.</summary>
    [JsonIgnore]
    public bool NumberedFolder { get; init; }

    /// <summary>Whether a training that stands in <see cref="OutputFolder"/> is replaced by this one; default false: it is an error.</summary>
    [JsonIgnore]
    public bool Overwrite { get; init; }

    /// <summary>Whether to go on from the last checkpoint in <see cref="OutputFolder"/>, or the one before it if that is damaged; from the start if there is none. Default false.</summary>
    [JsonIgnore]
    public bool Resume { get; init; }

    /// <summary>Whether the output folder gets a file of events for TensorBoard too: figures of steps and epochs, and after each epoch histograms of the weights and of the last step's gradients. Default true.</summary>
    [JsonIgnore]
    public bool TensorBoard { get; init; } = true;

    /// <summary>
    /// Whether checkpoints hold the model's graph too, so that the tool, and <see cref="Formats.Onnx.OnnxNetwork.Load"/>, need nothing but the file: it is followed at the start and after each epoch,
    /// by a forward pass that works out shapes alone. Where that cannot be done, the reason stands in its place. Default true.
    /// </summary>
    [JsonIgnore]
    public bool KeepGraph { get; init; } = true;

    /// <summary>Steps between two checkpoints within an epoch, at least 1; default null: one an epoch.</summary>
    [JsonIgnore]
    public int? CheckpointEvery { get; init; }

    /// <summary>How the training is shown on the console. Default: on a terminal, if no observer is given, by a bar and a line an epoch; Ctrl-C then ends it after the step in progress, with a checkpoint if there is an output folder.</summary>
    [JsonIgnore]
    public Progress Progress { get; init; }

    /// <summary>Steps between two reports to the observer, each of which waits for the device; at least 1. Default 20.</summary>
    [JsonIgnore]
    public int ReportEvery { get; init; } = 20;

    /// <summary>Validation images at once, at least 1; default null: as many as in training, so that it needs no memory beyond training's.</summary>
    [JsonIgnore]
    public int? EvaluationBatchSize { get; init; }

    /// <summary>What the model is called and how it was built, for the checkpoint; default: its type and the images' extents.</summary>
    [JsonIgnore]
    public ModelDescription? Model { get; init; }

    /// <summary>The metric's name, for the checkpoint.</summary>
    [JsonInclude]
    [JsonPropertyName("monitor")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    internal string? MonitorText => Monitor?.Name;

    /// <summary>The sampler in words, for the checkpoint.</summary>
    [JsonInclude]
    [JsonPropertyName("sampler")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    internal string? SamplerText => Sampler?.ToString();

    /// <summary>The augmentation in words, for the checkpoint.</summary>
    [JsonInclude]
    [JsonPropertyName("augmentation")]
    internal string AugmentationText => (Augmentation ?? Augment.None).ToString();

    internal void Validate()
    {
        Check(Epochs >= 1, nameof(Epochs), Epochs, "at least 1");
        Check(BatchSize >= 1, nameof(BatchSize), BatchSize, "at least 1");
        Check(MicroBatchSize is null or >= 1, nameof(MicroBatchSize), MicroBatchSize, "at least 1");
        Check(LabelSmoothing is >= 0 and <= 1, nameof(LabelSmoothing), LabelSmoothing, "within [0, 1]");
        Check(ReportEvery >= 1, nameof(ReportEvery), ReportEvery, "at least 1");
        Check(CheckpointEvery is null or >= 1, nameof(CheckpointEvery), CheckpointEvery, "at least 1");
        Check(Enum.IsDefined(Progress), nameof(Progress), Progress, "Auto, Bar, Lines or None");
        EarlyStopping?.Validate();
        Check(EvaluationBatchSize is null or >= 1, nameof(EvaluationBatchSize), EvaluationBatchSize, "at least 1");
        if (Resume && OutputFolder is null) throw new ArgumentException($"TrainingOptions: {nameof(Resume)} needs an {nameof(OutputFolder)} to resume from.");
        if (NumberedFolder && OutputFolder is null) throw new ArgumentException($"TrainingOptions: {nameof(NumberedFolder)} needs an {nameof(OutputFolder)} in which it is made.");
        if (Resume && (Overwrite || NumberedFolder)) throw new ArgumentException($"TrainingOptions: {nameof(Resume)} goes on in a folder that is there; {nameof(Overwrite)} and {nameof(NumberedFolder)} are for new trainings.");
    }

    static void Check(bool holds, string setting, object? value, string expected)
    {
        if (!holds) throw new ArgumentOutOfRangeException(setting, value, $"TrainingOptions: {setting} must be {expected}.");
    }
}
