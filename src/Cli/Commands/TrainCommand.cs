using System.CommandLine;
using System.Text.Json.Nodes;
using CnnSharp.Cli.Bench;
using CnnSharp.Cli.Train;
using CnnSharp.Data;
using CnnSharp.Layers;
using CnnSharp.Training;

namespace CnnSharp.Cli.Commands;

/// <summary><c>train</c>: from images to a checkpoint. With no arguments, the best data set present and settings that suit it.</summary>
internal static class TrainCommand
{
    public static Command Create(Terminal terminal)
    {
        var model = Options.Model("by the data set");
        var shortcut = Options.Shortcut();
        var dataset = Options.Dataset("the best that is present");
        var data = Options.Data();
        var size = Options.Size($"{Folders.DefaultSize}");
        var resize = Options.Resize();
        var channels = Options.Channels();
        var cache = Options.Cache();
        var skipCorrupt = Options.SkipCorrupt();
        var valSplit = Options.Whole("--val-split", "hold out the last N training images and measure on them; default 0 where there are test images", minimum: 0);
        var epochs = Options.Whole("--epochs", "passes over the training images; default by the model and the data set", minimum: 1, maximum: 100_000);
        var batch = Options.Batch("128 for residual networks, else 64");
        var microBatch = Options.Whole("--micro-batch", "images at once, where a batch takes more memory than there is: their gradients are added up; default: the whole batch", minimum: 1);
        var average = Options.Text("--average", "KIND", "average the weights, and validate and end with the average: ema or ema:DECAY (default 0.999), swa:EPOCH (the mean from the end of that epoch on), lookahead");
        var optimizer = Options.Choice("--optimizer", "optimizer", "how weights are moved (default sgd, with Nesterov momentum)", ["sgd", "adagrad", "rmsprop", "adam", "adamw", "nadam", "adamax", "adadelta", "lion", "muon", "lars"]);
        var lr = Options.Real("--lr", "the learning rate: the schedule's highest; default by the optimizer and the model", minimum: 0, above: true);
        var schedule = Schedule();
        var warmup = Options.Real("--warmup", "epochs in which the rate rises to the schedule's first; default 0", minimum: 0, above: true);
        var momentum = Options.Real("--momentum", "of sgd and rmsprop; default 0.9 for sgd", minimum: 0, maximum: 0.9999);
        var weightDecay = Options.Real("--weight-decay", "L2, for adamw decoupled; default by the optimizer", minimum: 0, maximum: 10);
        var l1 = Options.Real("--l1", "L1, a penalty on the weights' sizes, for adamw decoupled; with --weight-decay an elastic net; default 0", minimum: 0, maximum: 10);
        var maxNorm = Options.Real("--max-norm", "scale a unit's incoming weights down where their norm exceeds this, after each step", minimum: 0, above: true);
        var noBiasDecay = new Option<bool>("--no-bias-decay") { Description = "weight decay leaves biases and the weights of norms alone" };
        var clipNorm = Options.Real("--clip-norm", "scale the gradients down where their norm, over all weights, exceeds this", minimum: 0, above: true);
        var clipValue = Options.Real("--clip-value", "bring each element of the gradients to within this of 0", minimum: 0, above: true);
        var smoothing = Options.Real("--label-smoothing", "the share of the target spread over all classes; default 0", minimum: 0, maximum: 1);
        var augment = Options.Text("--augment", "WORDS", $"what is done to training images, of {string.Join(", ", Augmentations.Names)}, with commas between; default crop,flip for color images");
        var weights = Options.Text("--weights", "FILE", "start from these weights instead of random ones: a checkpoint, a .safetensors file with this tool's names or PyTorch's, or a .pt or .pth file of torch.save. Where its classes are others in number, the head starts again");
        var imported = new ImportedWeights();
        var freeze = Options.Texts("--freeze", "PATTERN", "weights that stay as they are, * for any characters, for instance layer1.*; may be repeated");
        var lrScale = Options.Texts("--lr-scale", "PATTERN=FACTOR", "what the learning rate of some weights is multiplied by, for instance layer*=0.1; may be repeated, the first that fits decides");
        var earlyStopping = Options.Whole("--early-stopping", "end after so many epochs in a row without a better one", minimum: 1, maximum: 100_000);
        var minDelta = Options.Real("--min-delta", "by how much an epoch must beat the best for --early-stopping; default 0", minimum: 0);
        var monitor = Options.Choice("--monitor", "figure", "that decides which epoch is the best (default accuracy)", ["accuracy", "loss"]);
        var checkpointEvery = Options.Whole("--checkpoint-every", "steps between two checkpoints within an epoch; default: one after each epoch", minimum: 1);
        var keepBest = Options.Whole("--keep-best", "checkpoints of how many of the best epochs are kept: best.safetensors, and the others by their epochs; default 1", minimum: 1);
        var snapshots = new Option<bool>("--snapshots") { Description = "keep a checkpoint at the end of each cycle of --schedule cosine-restarts or cyclic, for an ensemble: eval --checkpoint snapshot-1.safetensors --checkpoint ..." };
        var device = Options.Device();
        var precision = Options.Precision();
        var threads = Options.Threads();
        var seed = Options.Seed();
        var output = Options.Text("--out", "DIR", "the folder of this training: checkpoints, metrics, settings; default a new one, runs/DATASET-MODEL/NUMBER");
        var overwrite = new Option<bool>("--overwrite") { Description = "replace the training that stands in --out" };
        var resume = new Option<bool>("--resume") { Description = "go on from the last checkpoint in --out, with its settings where none are given" };
        var json = Options.Json();
        var command = new Command("train", "Trains a network. Without arguments: on the best data set that is present, with settings that suit it.")
        {
            model, shortcut, dataset, data, size, resize, channels, cache, skipCorrupt, valSplit, epochs, batch, microBatch, average, optimizer, lr, schedule, warmup, momentum, weightDecay, l1, maxNorm, noBiasDecay, clipNorm, clipValue, smoothing, augment, weights, freeze, lrScale, earlyStopping, minDelta, monitor, checkpointEvery, keepBest, snapshots, device, precision, threads, seed, output, overwrite, resume, json,
        };
        imported.AddTo(command);
        command.SetAction(parsed => Run(
            terminal,
            imported.Into(parsed, new()
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
            }),
            new(parsed.GetValue(output), parsed.GetValue(overwrite), parsed.GetValue(resume), Machine(parsed.GetValue(device)!, parsed.GetValue(precision), parsed.GetValue(threads))),
            Options.Open(parsed.GetValue(device)!, parsed.GetValue(threads), parsed.GetValue(precision)),
            parsed.GetValue(json)));
        return command;
    }

    static int Run(Terminal terminal, TrainSettings said, Place place, Device device, bool json)
    {
        if (place.Resume && said.Weights is not null) throw new UsageException("--weights: a training that is resumed goes on with the weights of its checkpoint.");
        CheckPlace(place);
        var asked = said;
        if (place.Resume) said = said.Or(TrainSettings.Read(place.Output!) ?? new());
        said = Start(said, place.Resume);
        var data = Load(terminal, said);
        var settings = Recipes.Complete(said, data);
        var (train, held, measured) = Split(data, settings.ValSplit!.Value);
        var options = settings.ToOptions(train, place);
        var model = settings.BuildModel(train, device);
        var start = settings.Weights is null || place.Resume ? null : LoadWeights(model, settings, train);

        terminal.WriteLine($"{settings.Model} ({model.ParameterCount:N0} weights) on {train}, from {data.Source}");
        if (start is not null) terminal.WriteLine(start);
        if (settings.Freeze is { } patterns) terminal.WriteLine($"frozen: {string.Join(", ", patterns)} ({Count(model.Freeze(patterns).Count, "tensor")}); {model.ParameterCount:N0} weights learn");
        terminal.WriteLine($"{Count(settings.Epochs!.Value, "epoch")}, batch {settings.Batch}, {settings.Optimizer} {settings.Lr:G4} {(settings.Warmup is null ? "" : $"warm-up {settings.Warmup:G4}, ")}{settings.Schedule}, augmentation: {options.Augmentation}; {device} ({device.Engine.Description}), seed {settings.Seed}");
        if (place.Overwrite && Checkpoint.LeftIn(place.Output!) is not null) terminal.WriteLine($"replaces an earlier training in {place.Output}");
        if (place.Resume) CheckEpochs(terminal, place.Output!, asked, settings);
        else WarnOfFewSteps(terminal, settings, train.Count);

        // With the place where the images were found, so that eval and --resume find the same ones. Not before everything has been checked.
        var complete = settings with { Data = Directory.Exists(data.Source) ? Path.GetFullPath(data.Source) : null };
        var view = new TrainingView(terminal, measured, options.Epochs, train.Classes, complete.Write);
        using var interruption = new Interruption();
        var history = Trainer.Fit(model, train, held, options, view, interruption.Token);
        var folder = history.Folder!;
        if (history.IsCanceled)
        {
            terminal.WriteLine($"stopped; the checkpoint is {history.Checkpoint}. To go on: cnnsharp train --resume --out {Terminal.Quote(folder)}{place.Machine}");
        }
        else
        {
            terminal.WriteLine();
            if (history.End == TrainingEnd.StoppedEarly) terminal.WriteLine($"stopped early: no better {options.Monitor} for {Count(settings.EarlyStopping!.Value, "epoch")}; the best, of epoch {history.Best!.Epoch} ({Terminal.Percent(history.Best.Accuracy!.Value)}), is {Path.Combine(folder, Checkpoint.BestFile)}");
            terminal.WriteLine($"{measured} accuracy {Terminal.Percent(history.Last.Accuracy!.Value)} (loss {history.Last.Loss:F4}) after {Count(history.Last.Epoch, "epoch")}, {history.Seconds:F0} s");
            terminal.WriteLine($"checkpoint: {history.Checkpoint}");
            terminal.WriteLine();
            terminal.WriteLine("Next (in the source tree, cnnsharp is: dotnet run -c Release --project src/Cli --):");
            foreach (var line in Advice(said, settings, complete, history.Checkpoint!, place.Machine)) terminal.WriteLine($"  {line}");
        }

        if (json) terminal.WriteJson(Result(settings, device, history, measured, folder));
        return history.IsCanceled ? CommandLine.Failed : CommandLine.Done;
    }

    /// <summary>Whether there is something to go on from, or nothing that would be replaced unasked.</summary>
    static void CheckPlace(Place place)
    {
        var (output, overwrite, resume, _) = place;
        if (output is null)
        {
            if (resume) throw new UsageException("--resume: say with --out which folder's training is to go on.");
            if (overwrite) throw new UsageException("--overwrite: say with --out which folder's training is to be replaced.");
            return;
        }

        if (resume && overwrite) throw new UsageException("--resume and --overwrite: a training either goes on or is replaced.");
        Outputs.CheckFolder("--out", output);
        Checkpoint.ThrowIfInUse(output);
        if (resume && !Checkpoint.ExistsIn(output))
        {
            var inside = Directory.Exists(output) ? Directory.GetDirectories(output).Where(Checkpoint.ExistsIn).Order(StringComparer.Ordinal).ToList() : [];
            throw new UsageException($"--resume: there is no checkpoint to go on from in '{output}' (no {Checkpoint.LastFile}).{(inside.Count == 0 ? "" : $" There is one in {string.Join(", ", inside)}.")}");
        }

        if (!resume && !overwrite && Checkpoint.LeftIn(output) is { } left) throw new UsageException($"--out {output}: a training stands there already ({left}). To go on with it: --resume. To replace it: --overwrite. Else name another folder; without --out each training gets a new one.");
    }

    static void CheckEpochs(Terminal terminal, string folder, TrainSettings asked, TrainSettings settings)
    {
        int done;
        try
        {
            done = Checkpoint.ReadInfo(Path.Combine(folder, Checkpoint.LastFile)).Epoch;
        }
        catch (Exception e) when (e is DataFormatException or FileNotFoundException)
        {
            // The one before it is resumed, which has not finished.
            return;
        }

        if (asked.Epochs < done) throw new UsageException($"--epochs {asked.Epochs}: the training in '{folder}' has finished {Count(done, "epoch")} already; expected as many or more.");
        if (settings.Epochs == done) terminal.WriteLine($"the training has finished its {Count(done, "epoch")}; to go on with it, say with --epochs how many there are to be in all");
    }

    static void WarnOfFewSteps(Terminal terminal, TrainSettings settings, int images)
    {
        var (batch, epochs) = (settings.Batch!.Value, settings.Epochs!.Value);
        var steps = (long)((images + batch - 1) / batch) * epochs;
        if (steps < Recipes.FewSteps) terminal.WriteLine($"warning: {Count((int)steps, "step")} in all, {images:N0} images in batches of {batch} for {Count(epochs, "epoch")}, are few to learn by. Try more epochs (--epochs) or smaller batches (--batch, with a lower --lr).");
    }

    /// <summary>What can be done next, as commands that run as they stand.</summary>
    static IEnumerable<string> Advice(TrainSettings said, TrainSettings settings, TrainSettings complete, string checkpoint, string machine)
    {
        var file = Terminal.Quote(checkpoint);
        if (settings.Snapshots == true && Checkpoint.SnapshotsIn(Path.GetDirectoryName(checkpoint)!) is { Count: > 1 } snapshots) yield return $"cnnsharp eval{string.Concat(snapshots.Select(snapshot => $" --checkpoint {Terminal.Quote(snapshot)}"))}{machine}";
        yield return $"cnnsharp eval --checkpoint {file}{machine}";
        if (complete is { Dataset: ImageFolder.Name, Data: { } data }) yield return $"cnnsharp predict --checkpoint {file} {Terminal.Quote(data)}";
        yield return $"cnnsharp train{(said with { Dataset = settings.Dataset, Model = settings.Model, Epochs = 3 * settings.Epochs }).ToArguments()}{machine}";
        yield return "cnnsharp models";
    }

    /// <summary>The options of where it is computed, as they were given: no setting of a training, which goes on anywhere.</summary>
    static string Machine(string device, string? precision, int? threads)
        => $"{(device == "auto" ? "" : $" --device {Terminal.Quote(device)}")}{(precision is null ? "" : $" --precision {precision}")}{(threads is null ? "" : $" --threads {threads}")}";

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

    /// <summary>What was said, where it makes sense together, and what the weights to start from say of themselves.</summary>
    static TrainSettings Start(TrainSettings said, bool resume)
    {
        if (said.ClipNorm is not null && said.ClipValue is not null) throw new UsageException("--clip-norm and --clip-value: only one of them can be had.");
        if (said.MinDelta is not null && said.EarlyStopping is null) throw new UsageException("--min-delta: it is for --early-stopping N.");
        if (said.Weights is null && (said.Rename ?? said.WeightsKey ?? said.WeightsLayout) is not null) throw new UsageException($"{(said.Rename is not null ? "--rename" : said.WeightsKey is not null ? "--weights-key" : "--layout")}: it is for --weights FILE.");
        if (said is { Momentum: > 0, Optimizer: not (null or "sgd" or "rmsprop") }) throw new UsageException($"--momentum {said.Momentum}: it is for --optimizer sgd and rmsprop, not {said.Optimizer}.");
        foreach (var rate in said.LrScale ?? []) TrainSettings.ParseRate(rate);
        if (said.Average is { } average) TrainSettings.ParseAverage(average);
        if (said.Weights is not { } weights || resume) return said;

        if (ModelWeights.IsOnnx(weights)) throw new UsageException("--weights: an ONNX file is a network of its own; 'cnnsharp import' runs it, but train needs the weights of a --model.");
        if (said.Rename is { } rules) ModelWeights.Existing("--rename", rules);
        if (!Checkpoint.IsCheckpoint(ModelWeights.Existing("--weights", weights))) return said;
        var trained = Checkpoint.ReadInfo(weights).Model;
        if (said.Model is { } model && model != trained.Name) throw new UsageException($"--model {model}: '{weights}' is of the model '{trained.Name}'.");
        return said with { Model = trained.Name, Shortcut = said.Shortcut ?? trained.Options.GetValueOrDefault("shortcut") };
    }

    /// <returns>What was done, in words.</returns>
    static string LoadWeights(Layer model, TrainSettings settings, ImageDataset train)
    {
        var (difference, head) = StartingWeights.Load(model, settings.Weights!, ImportedWeights.Of(settings, new(train.Height, train.Width, train.Channels)), train.ClassNames, (count, where) => settings.BuildModel(train, count, where));
        return $"starts from {settings.Weights}{(difference is null ? "" : $", which is for {difference}")}{(head.Count == 0 ? "" : $", so the head is initialized: {string.Join(", ", head)}")}";
    }

    /// <summary>An option that may be repeated has no texts where it is not given.</summary>
    static string[]? Given(string[]? texts) => texts is { Length: > 0 } ? texts : null;

    static string Count(int count, string what) => count == 1 ? $"1 {what}" : $"{count} {what}s";

    static DatasetSplits Load(Terminal terminal, TrainSettings said)
    {
        if (said.Dataset is { } name) return Folders.Find(terminal, name, said);
        var data = DataSets.Best(said.Data, out var notice);
        if (notice is not null) terminal.WriteLine(notice);
        return data;
    }

    /// <summary>What is trained on, what is measured on after each epoch, and what that is called.</summary>
    static (ImageDataset Train, ImageDataset? Held, string Measured) Split(DatasetSplits data, int validation)
    {
        if (data.Train.Count == 0) throw new UsageException($"--data: {data.Source} has only test images of {data.Name}; there are none to train on.");
        if (validation >= data.Train.Count) throw new UsageException($"--val-split {validation:N0}: {data.Name} has {data.Train.Count:N0} training images; some must be left to train on.");
        if (validation == 0 && data.Validation is { } given) return (data.Train, given, "validation");
        if (validation == 0) return (data.Train, data.Test, data.Test is null ? "training" : "test");
        var (train, held) = data.Split(validation);
        return (train, held, "validation");
    }

    static JsonObject Result(TrainSettings settings, Device device, History history, string measured, string folder)
    {
        var last = history.Epochs.Count > 0 ? history.Last : null;
        var speeds = history.Epochs.Where(e => e.ImagesPerSecond > 0).Select(e => e.ImagesPerSecond).ToArray();
        return new()
        {
            ["model"] = settings.Model,
            ["dataset"] = settings.Dataset,
            ["device"] = device.Name,
            ["seed"] = settings.Seed,
            ["epochs"] = history.Epochs.Count,
            ["measured_on"] = measured,
            ["accuracy"] = last is null ? null : Terminal.Number(last.Accuracy!.Value),
            ["loss"] = last is null ? null : Terminal.Number(last.Loss),
            ["top5_accuracy"] = last?.ValidationTop5Accuracy is { } top5 ? Terminal.Number(top5) : null,
            ["train_accuracy"] = last is null ? null : Terminal.Number(last.TrainAccuracy!.Value),
            ["train_loss"] = last is null ? null : Terminal.Number(last.TrainLoss),
            ["best_epoch"] = history.Best?.Epoch,
            ["best_accuracy"] = history.Best is { } best ? Terminal.Number(best.Accuracy!.Value) : null,
            ["images_per_second"] = speeds.Length == 0 ? null : Terminal.Number(Statistics.Median(speeds), 1),
            ["seconds"] = Terminal.Number(history.Seconds, 3),
            ["checkpoint"] = history.Checkpoint,
            ["best_checkpoint"] = history.Best is null ? null : Path.Combine(folder, Checkpoint.BestFile),
            ["stopped_early"] = history.End == TrainingEnd.StoppedEarly,
            ["canceled"] = history.IsCanceled,
            ["folder"] = folder,
        };
    }
}

/// <summary>Where a training writes, and how its commands are to be repeated.</summary>
/// <param name="Output">The folder; null: a new one.</param>
/// <param name="Overwrite">Whether a training that stands there is replaced.</param>
/// <param name="Resume">Whether the one that stands there goes on.</param>
/// <param name="Machine">Options of where it is computed, for commands that are printed.</param>
internal sealed record Place(string? Output, bool Overwrite, bool Resume, string Machine);
