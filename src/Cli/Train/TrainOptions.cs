using System.CommandLine;

namespace CnnSharp.Cli.Train;

/// <summary>The options that say how a training is to be: <c>train</c>, <c>check</c> and <c>tune</c> share them.</summary>
internal sealed class TrainOptions
{
    readonly Option<string?> model = Options.Model("by the data set");
    readonly Option<string?> shortcut = Options.Shortcut();
    readonly Option<string?> dataset = Options.Dataset("the best that is present");
    readonly Option<string?> data = Options.Data();
    readonly LabelFile labels = new();
    readonly Option<int?> size = Options.Size(Folders.DefaultSize);
    readonly Option<int?> resize = Options.Resize();
    readonly Option<int?> channels = Options.Channels();
    readonly Option<int?> cache = Options.Cache();
    readonly Option<bool> skipCorrupt = Options.SkipCorrupt();
    readonly Option<int?> valSplit = Options.Whole("--val-split", "hold out the last N training images and measure on them; default 0 where there are test images", minimum: 0);
    readonly Option<int?> epochs = Options.Whole("--epochs", "passes over the training images; default by the model and the data set", minimum: 1, maximum: 100_000);
    readonly Option<int?> batch = Options.Batch("128 for residual networks, else 64");
    readonly Option<int?> microBatch = Options.Whole("--micro-batch", "images at once, where a batch takes more memory than there is: their gradients are added up; default: the whole batch", minimum: 1);
    readonly Option<string?> average = Options.Text("--average", "KIND", "average the weights, and validate and end with the average: ema or ema:DECAY (default 0.999), swa:EPOCH (the mean from the end of that epoch on), lookahead");
    readonly Option<string?> optimizer = Options.Choice("--optimizer", "optimizer", "how weights are moved (default sgd, with Nesterov momentum)", ["sgd", "adagrad", "rmsprop", "adam", "adamw", "nadam", "adamax", "adadelta", "lion", "muon", "lars"]);
    readonly Option<double?> lr = Options.Real("--lr", "the learning rate: the schedule's highest; default by the optimizer and the model", minimum: 0, above: true);
    readonly Option<string?> schedule = Schedule();
    readonly Option<double?> warmup = Options.Real("--warmup", "epochs in which the rate rises to the schedule's first; default 0", minimum: 0, above: true);
    readonly Option<double?> momentum = Options.Real("--momentum", "of sgd and rmsprop; default 0.9 for sgd", minimum: 0, maximum: 0.9999);
    readonly Option<double?> weightDecay = Options.Real("--weight-decay", "L2, for adamw decoupled; default by the optimizer", minimum: 0, maximum: 10);
    readonly Option<double?> l1 = Options.Real("--l1", "L1, a penalty on the weights' sizes, for adamw decoupled; with --weight-decay an elastic net; default 0", minimum: 0, maximum: 10);
    readonly Option<double?> maxNorm = Options.Real("--max-norm", "scale a unit's incoming weights down where their norm exceeds this, after each step", minimum: 0, above: true);
    readonly Option<bool> noBiasDecay = new("--no-bias-decay") { Description = "weight decay leaves biases and the weights of norms alone" };
    readonly Option<double?> clipNorm = Options.Real("--clip-norm", "scale the gradients down where their norm, over all weights, exceeds this", minimum: 0, above: true);
    readonly Option<double?> clipValue = Options.Real("--clip-value", "bring each element of the gradients to within this of 0", minimum: 0, above: true);
    readonly Option<double?> smoothing = Options.Real("--label-smoothing", "the share of the target spread over all classes; default 0", minimum: 0, maximum: 1);
    readonly Option<string?> augment = Options.Text("--augment", "WORDS", $"what is done to training images, of {string.Join(", ", Augmentations.Names)}, with commas between; default crop,flip for color images");
    readonly Option<string?> weights = Options.Text("--weights", "FILE", "start from these weights instead of random ones: a checkpoint, a .safetensors file with this tool's names or PyTorch's, or a .pt or .pth file of torch.save. Where its classes are others in number, the head starts again");
    readonly ImportedWeights imported = new();
    readonly Option<string[]?> freeze = Options.Texts("--freeze", "PATTERN", "weights that stay as they are, * for any characters, for instance layer1.*; may be repeated");
    readonly Option<string[]?> lrScale = Options.Texts("--lr-scale", "PATTERN=FACTOR", "what the learning rate of some weights is multiplied by, for instance layer*=0.1; may be repeated, the first that fits decides");
    readonly Option<int?> earlyStopping = Options.Whole("--early-stopping", "end after so many epochs in a row without a better one", minimum: 1, maximum: 100_000);
    readonly Option<double?> minDelta = Options.Real("--min-delta", "by how much an epoch must beat the best for --early-stopping; default 0", minimum: 0);
    readonly Option<string?> monitor = Options.Choice("--monitor", "figure", "that decides which epoch is the best (default accuracy)", ["accuracy", "loss"]);
    readonly Option<int?> checkpointEvery = Options.Whole("--checkpoint-every", "steps between two checkpoints within an epoch; default: one after each epoch", minimum: 1);
    readonly Option<int?> keepBest = Options.Whole("--keep-best", "checkpoints of how many of the best epochs are kept: best.safetensors, and the others by their epochs; default 1", minimum: 1);
    readonly Option<bool> snapshots = new("--snapshots") { Description = "keep a checkpoint at the end of each cycle of --schedule cosine-restarts or cyclic, for an ensemble: eval --checkpoint snapshot-1.safetensors --checkpoint ..." };
    readonly Option<int?> seed = Options.Seed();

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[model, shortcut, dataset, data, size, resize, channels, cache, skipCorrupt, valSplit, epochs, batch, microBatch, average, optimizer, lr, schedule, warmup, momentum, weightDecay, l1, maxNorm, noBiasDecay, clipNorm, clipValue, smoothing, augment, weights, freeze, lrScale, earlyStopping, minDelta, monitor, checkpointEvery, keepBest, snapshots, seed]) command.Options.Add(option);
        imported.AddTo(command);
        labels.AddTo(command);
    }

    /// <summary>What was said.</summary>
    public TrainSettings Read(ParseResult parsed) => imported.Into(parsed, labels.Into(parsed, new()
    {
        Model = parsed.GetValue(model),
        Shortcut = parsed.GetValue(shortcut),
        Dataset = parsed.GetValue(dataset),
        Data = parsed.GetValue(data),
        Size = parsed.GetValue(size),
        Resize = parsed.GetValue(resize),
        Channels = parsed.GetValue(channels),
        Cache = parsed.GetValue(cache),
        SkipCorrupt = parsed.GetValue(skipCorrupt) ? true : null,
        ValSplit = parsed.GetValue(valSplit),
        Epochs = parsed.GetValue(epochs),
        Batch = parsed.GetValue(batch),
        MicroBatch = parsed.GetValue(microBatch),
        Average = parsed.GetValue(average),
        Optimizer = parsed.GetValue(optimizer),
        Lr = parsed.GetValue(lr),
        Schedule = parsed.GetValue(schedule),
        Momentum = parsed.GetValue(momentum),
        WeightDecay = parsed.GetValue(weightDecay),
        L1 = parsed.GetValue(l1),
        MaxNorm = parsed.GetValue(maxNorm),
        LabelSmoothing = parsed.GetValue(smoothing),
        ClipNorm = parsed.GetValue(clipNorm),
        ClipValue = parsed.GetValue(clipValue),
        NoBiasDecay = parsed.GetValue(noBiasDecay) ? true : null,
        Warmup = parsed.GetValue(warmup),
        EarlyStopping = parsed.GetValue(earlyStopping),
        MinDelta = parsed.GetValue(minDelta),
        Monitor = parsed.GetValue(monitor),
        CheckpointEvery = parsed.GetValue(checkpointEvery),
        KeepBest = parsed.GetValue(keepBest),
        Snapshots = parsed.GetValue(snapshots) ? true : null,
        Weights = parsed.GetValue(weights),
        Freeze = Given(parsed.GetValue(freeze)),
        LrScale = Given(parsed.GetValue(lrScale)),
        Augment = parsed.GetValue(augment),
        Seed = parsed.GetValue(seed),
    }));

    /// <summary>Settings as a command line says them, for instance <c>lr</c> 0.1: with all that a command line is checked for.</summary>
    /// <param name="pairs">Names without their dashes, and values.</param>
    /// <exception cref="UsageException">A value is not one of its option's.</exception>
    public static TrainSettings Parse(IEnumerable<KeyValuePair<string, string>> pairs)
    {
        var options = new TrainOptions();
        var command = new Command("train");
        options.AddTo(command);
        var parsed = command.Parse([.. pairs.SelectMany(pair => new[] { $"--{pair.Key}", pair.Value })]);
        if (parsed.Errors.Count > 0) throw new UsageException(string.Join(' ', parsed.Errors.Select(error => error.Message).Distinct()));
        return options.Read(parsed);
    }

    static Option<string?> Schedule() => new("--schedule")
    {
        Description = $"how the learning rate changes (default one-cycle): {ScheduleText.Help}",
        HelpName = "NAME",
        CustomParser = result =>
        {
            var text = result.Tokens.Single().Value;
            if (ScheduleText.Problem(text) is not { } problem) return text;
            result.AddError(problem);
            return null;
        },
    };

    /// <summary>An option that may be repeated has no texts where it is not given.</summary>
    static string[]? Given(string[]? texts) => texts is { Length: > 0 } ? texts : null;
}
