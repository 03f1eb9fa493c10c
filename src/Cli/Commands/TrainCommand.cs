using System.CommandLine;
using System.Text.Json.Nodes;
using CnnSharp.Cli.Bench;
using CnnSharp.Cli.Train;
using CnnSharp.Data;
using CnnSharp.Training;

namespace CnnSharp.Cli.Commands;

/// <summary><c>train</c>: from pictures to a checkpoint. With no arguments, the best data set present and settings that suit it.</summary>
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
        var valSplit = Options.Whole("--val-split", "hold out the last N training pictures and measure on them; default 0 where there are test pictures", minimum: 0);
        var epochs = Options.Whole("--epochs", "passes over the training pictures; default by the model and the data set", minimum: 1, maximum: 100_000);
        var batch = Options.Batch("128 for residual networks, else 64");
        var optimizer = Options.Choice("--optimizer", "optimiser", "how weights are moved (default sgd, with Nesterov momentum)", ["sgd", "adagrad", "rmsprop", "adam", "adamw"]);
        var lr = Options.Real("--lr", "the learning rate: the schedule's highest; default by the optimiser and the model", minimum: 0, above: true);
        var schedule = Options.Choice("--schedule", "schedule", "how the learning rate changes (default one-cycle)", ["one-cycle", "cosine", "step", "constant"]);
        var momentum = Options.Real("--momentum", "of sgd and rmsprop; default 0.9 for sgd", minimum: 0, maximum: 0.9999f);
        var weightDecay = Options.Real("--weight-decay", "L2, for adamw decoupled; default by the optimiser", minimum: 0, maximum: 10);
        var smoothing = Options.Real("--label-smoothing", "the share of the target spread over all classes; default 0", minimum: 0, maximum: 1);
        var augment = Options.Text("--augment", "WORDS", $"what is done to training pictures, of {string.Join(", ", Augmentations.Names)}, with commas between; default crop,flip for colour pictures");
        var device = Options.Device();
        var precision = Options.Precision();
        var threads = Options.Threads();
        var seed = Options.Seed();
        var output = Options.Text("--out", "DIR", "where checkpoints go; default runs/DATASET-MODEL");
        var resume = new Option<bool>("--resume") { Description = "go on from the last checkpoint in --out, with its settings where none are given" };
        var json = Options.Json();
        var command = new Command("train", "Trains a network. Without arguments: on the best data set that is present, with settings that suit it.")
        {
            model, shortcut, dataset, data, size, resize, channels, cache, skipCorrupt, valSplit, epochs, batch, optimizer, lr, schedule, momentum, weightDecay, smoothing, augment, device, precision, threads, seed, output, resume, json,
        };
        command.SetAction(parsed => Run(
            terminal,
            new()
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
                Optimizer = parsed.GetValue(optimizer),
                Lr = parsed.GetValue(lr),
                Schedule = parsed.GetValue(schedule),
                Momentum = parsed.GetValue(momentum),
                WeightDecay = parsed.GetValue(weightDecay),
                LabelSmoothing = parsed.GetValue(smoothing),
                Augment = parsed.GetValue(augment),
                Seed = parsed.GetValue(seed),
            },
            parsed.GetValue(output),
            parsed.GetValue(resume),
            Options.Open(parsed.GetValue(device)!, parsed.GetValue(threads), parsed.GetValue(precision)),
            parsed.GetValue(json)));
        return command;
    }

    static int Run(Terminal terminal, TrainSettings said, string? output, bool resume, Device device, bool json)
    {
        if (resume)
        {
            if (output is null) throw new UsageException("--resume: say with --out which folder's training is to go on.");
            if (!File.Exists(Path.Combine(output, Checkpoint.LastFile))) throw new UsageException($"--resume: there is no checkpoint to go on from in '{output}' (no {Checkpoint.LastFile}).");
            said = said.Or(TrainSettings.Read(output) ?? new());
        }

        var data = Load(terminal, said);
        var settings = Recipes.Complete(said, data);
        var (train, held, measured) = Split(data, settings.ValSplit!.Value);
        var folder = output ?? Path.Combine("runs", $"{settings.Dataset}-{settings.Model}");
        var options = settings.ToOptions(train, folder, resume);
        var model = settings.BuildModel(train, device);

        terminal.WriteLine($"{settings.Model} ({model.ParameterCount:N0} weights) on {train}, from {data.Source}");
        terminal.WriteLine($"{Epochs(settings.Epochs!.Value)}, batch {settings.Batch}, {settings.Optimizer} {settings.Lr:G4} {settings.Schedule}, augmentation: {options.Augmentation}; {device} ({device.Engine.Description}), seed {settings.Seed}");
        if (!resume && File.Exists(Path.Combine(folder, Checkpoint.LastFile))) terminal.WriteLine($"replaces an earlier training in {folder}");

        // With the place where the pictures were found, so that eval and --resume find the same ones.
        (settings with { Data = Directory.Exists(data.Source) ? Path.GetFullPath(data.Source) : null }).Write(folder);

        using var interruption = new Interruption();
        var history = TrainingView.Watch(terminal, measured, options.Epochs, view => Trainer.Fit(model, train, held, options, view, interruption.Token));
        var line = $"cnnsharp train --resume --out {folder}";
        if (history.IsCancelled)
        {
            terminal.WriteLine($"stopped; the checkpoint is {history.Checkpoint}. To go on: {line}");
        }
        else
        {
            terminal.WriteLine();
            terminal.WriteLine($"{measured} accuracy {Terminal.Percent(history.Last.Accuracy)} (loss {history.Last.Loss:F4}) after {Epochs(history.Last.Epoch)}, {history.Seconds:F0} s");
            terminal.WriteLine($"checkpoint: {history.Checkpoint}");
            terminal.WriteLine();
            terminal.WriteLine("Next (in the source tree, cnnsharp is: dotnet run -c Release --project src/Cli --):");
            terminal.WriteLine($"  cnnsharp eval --checkpoint {history.Checkpoint}");
            terminal.WriteLine($"  cnnsharp train --dataset {settings.Dataset}{(said.Data is null ? "" : $" --data {said.Data}")}{(said.Size is null ? "" : $" --size {said.Size}")} --model {settings.Model} --epochs {3 * settings.Epochs}");
            terminal.WriteLine("  cnnsharp models");
        }

        if (json) terminal.WriteJson(Result(settings, device, history, measured, folder));
        return history.IsCancelled ? CommandLine.Failed : CommandLine.Done;
    }

    static string Epochs(int count) => count == 1 ? "1 epoch" : $"{count} epochs";

    static DataSet Load(Terminal terminal, TrainSettings said)
    {
        if (said.Dataset is { } name) return Folders.Find(terminal, name, said);
        var data = DataSets.Best(said.Data, out var notice);
        if (notice is not null) terminal.WriteLine(notice);
        return data;
    }

    /// <summary>What is trained on, what is measured on after each epoch, and what that is called.</summary>
    static (PictureSet Train, PictureSet? Held, string Measured) Split(DataSet data, int validation)
    {
        if (validation >= data.Train.Count) throw new UsageException($"--val-split {validation:N0}: {data.Name} has {data.Train.Count:N0} training pictures; some must be left to train on.");
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
            ["accuracy"] = last is null ? null : Terminal.Number(last.Accuracy),
            ["loss"] = last is null ? null : Terminal.Number(last.Loss),
            ["train_accuracy"] = last is null ? null : Terminal.Number(last.TrainAccuracy),
            ["train_loss"] = last is null ? null : Terminal.Number(last.TrainLoss),
            ["best_accuracy"] = history.Best is { } best ? Terminal.Number(best.Accuracy) : null,
            ["images_per_second"] = speeds.Length == 0 ? null : Terminal.Number(Statistics.Median(speeds), 1),
            ["seconds"] = Terminal.Number(history.Seconds, 3),
            ["checkpoint"] = history.Checkpoint,
            ["best_checkpoint"] = history.Best is null ? null : Path.Combine(folder, Checkpoint.BestFile),
            ["cancelled"] = history.IsCancelled,
        };
    }
}
