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
        var training = new TrainOptions();
        var machine = new MachineOptions();
        var output = Options.Text("--out", "DIR", "the folder of this training: checkpoints, metrics, settings; default a new one, runs/DATASET-MODEL/NUMBER");
        var overwrite = new Option<bool>("--overwrite") { Description = "replace the training that stands in --out" };
        var resume = new Option<bool>("--resume") { Description = "go on from the last checkpoint in --out, with its settings where none are given" };
        var json = Options.Json();
        var command = new Command("train", "Trains a network. Without arguments: on the best data set that is present, with settings that suit it.");
        training.AddTo(command);
        machine.AddTo(command);
        foreach (var option in (Option[])[output, overwrite, resume, json]) command.Options.Add(option);
        command.SetAction(parsed => Run(terminal, training.Read(parsed), new(parsed.GetValue(output), parsed.GetValue(overwrite), parsed.GetValue(resume), machine.Text(parsed)), machine.Open(parsed), parsed.GetValue(json)));
        return command;
    }

    static int Run(Terminal terminal, TrainSettings said, Place place, Device device, bool json)
    {
        if (place.Resume && said.Weights is not null) throw new UsageException("--weights: a training that is resumed goes on with the weights of its checkpoint.");
        CheckPlace(place);
        var asked = said;
        if (place.Resume) said = said.Or(TrainSettings.Read(place.Output!) ?? new());

        // Settings of before the size was among them.
        if (place.Resume && said is { Size: null, Dataset: ImageFolder.Name }) said = said with { Size = RunRecord.Read(place.Output!).Info?.Model.Input[0] };
        said = TrainingSetup.Start(said, place.Resume);
        var data = TrainingSetup.Load(terminal, said);
        var settings = Recipes.Complete(said, data);
        var (train, held, measured) = TrainingSetup.Split(data, settings.ValSplit!.Value);
        var options = settings.ToOptions(train, place);
        var model = settings.BuildModel(train, device);
        var start = settings.Weights is null || place.Resume ? null : TrainingSetup.LoadWeights(model, settings, train);

        terminal.WriteLine($"{settings.Model} ({model.ParameterCount:N0} weights) on {train}, from {data.Source}");
        if (start is not null) terminal.WriteLine(start);
        if (settings.Freeze is { } patterns) terminal.WriteLine($"frozen: {string.Join(", ", patterns)} ({Count(model.Freeze(patterns).Count, "tensor")}); {model.ParameterCount:N0} weights learn");
        terminal.WriteLine($"{Count(settings.Epochs!.Value, "epoch")}, batch {settings.Batch}, {settings.Optimizer} {settings.Lr:G4} {(settings.Warmup is null ? "" : $"warm-up {settings.Warmup:G4}, ")}{settings.Schedule}, augmentation: {options.Augmentation}; {device} ({device.Engine.Description}), seed {settings.Seed}");
        if (place.Overwrite && Checkpoint.LeftIn(place.Output!) is not null) terminal.WriteLine($"replaces an earlier training in {place.Output}");
        if (place.Resume) CheckEpochs(terminal, place.Output!, asked, settings);
        else WarnOfFewSteps(terminal, settings, train.Count);

        // With the place where the images were found, so that eval and --resume find the same ones. Not before everything has been checked.
        var complete = TrainingSetup.Located(settings, data);
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

    static string Count(int count, string what) => count == 1 ? $"1 {what}" : $"{count} {what}s";

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
