using System.CommandLine;
using System.Text.Json.Nodes;
using CnnSharp.Cli.Train;
using CnnSharp.Data;
using CnnSharp.Formats;
using CnnSharp.Layers;
using CnnSharp.Models;
using CnnSharp.Training;

namespace CnnSharp.Cli.Commands;

/// <summary><c>eval</c>: accuracy, loss and confusion matrix of a checkpoint, or of weights that were trained elsewhere.</summary>
internal static class EvalCommand
{
    // Classes up to which the confusion matrix is given: the square of more is nothing to read.
    const int MostListed = 1000;

    static readonly string[] Splits = ["train", "val", "test"];

    static readonly (string Name, Distance? Distance)[] Neighbors = [("knn-l1", Distance.L1), ("knn-l2", Distance.L2)];

    public static Command Create(Terminal terminal)
    {
        var checkpoint = Options.Texts("--checkpoint", "FILE", "what 'train' wrote; repeated, the mean of their probabilities is measured (an ensemble)");
        var model = Options.Choice("--model", "model", "the network (default the checkpoint's), or the nearest of the training images by L1 or L2 distance", [.. Zoo.Entries.Select(entry => entry.Name), .. Neighbors.Select(n => n.Name)]);
        var neighbors = Options.Whole("--neighbors", "of --model knn-l1 and knn-l2, how many training images vote; default 1", minimum: 1);
        neighbors.Aliases.Add("--neighbours");
        var shortcut = Options.Shortcut();
        var weights = Options.Text("--weights", "FILE", "weights for --model: a .safetensors file with this tool's names or PyTorch's, or a .pt or .pth file of torch.save; or a whole network as .onnx");
        var imported = new ImportedWeights();
        var mistakes = new MistakeReport.Asked();
        var dataset = Options.Dataset("the checkpoint's, else cifar10");
        var data = Options.Data();
        var labels = new LabelFile();
        var size = Options.Size($"the checkpoint's, else {Folders.DefaultSize}");
        var resize = Options.Resize();
        var split = Options.Choice("--split", "split", "which images (default: those that the training was measured on, else test)", Splits);
        var valSplit = Options.Whole("--val-split", "how many training images, the last ones, are val", minimum: 0);
        var mean = Options.Reals("--mean", "subtracted from pixels between 0 and 1, one number a channel; default the checkpoint's or the data set's");
        var std = Options.Reals("--std", "what they are then divided by");
        var logits = Options.Text("--dump-logits", "FILE", "write the logits: float32, little-endian, a row an image");
        var anyClasses = new Option<bool>("--any-classes") { Description = "compare labels by their numbers where the checkpoint's classes have other names than the data's" };
        var views = Options.Choice("--tta", "views", "measure the mean of the logits for several views of each image (test-time augmentation): mirror, it and its mirror image; shifts, these and shifted by a pixel", ["mirror", "shifts"]);
        var batch = Options.Batch("256");
        var device = Options.Device();
        var precision = Options.Precision();
        var threads = Options.Threads();
        var json = Options.Json();
        var command = new Command("eval", "Measures a checkpoint, or weights that were trained elsewhere, on a data set.")
        {
            checkpoint, model, neighbors, shortcut, weights, dataset, data, size, resize, split, valSplit, mean, std, logits, anyClasses, views, batch, device, precision, threads, json,
        };
        imported.AddTo(command);
        mistakes.AddTo(command);
        labels.AddTo(command);
        command.SetAction(parsed =>
        {
            var (file, others) = Ensembles.Split(parsed.GetValue(checkpoint));
            var trained = file is null ? null : Checkpoint.ReadInfo(ModelWeights.Existing("--checkpoint", file));
            var distance = Neighbors.FirstOrDefault(n => n.Name == parsed.GetValue(model)).Distance;
            var isOnnx = ModelWeights.HoldNetwork(parsed.GetValue(weights), parsed.GetValue(model));
            if ((file is null ? 0 : 1) + (parsed.GetValue(weights) is null ? 0 : 1) + (distance is null ? 0 : 1) != 1) throw new UsageException("expected either --checkpoint FILE, or --model NAME with --weights FILE, or --weights FILE.onnx, or --model knn-l1 or knn-l2.");
            if (parsed.GetValue(neighbors) is not null && distance is null) throw new UsageException("--neighbors: it is for --model knn-l1 and knn-l2.");
            if (isOnnx && parsed.GetValue(model) is not null) throw new UsageException("--model: the file says itself which network it is.");

            // What a file of weights says of itself, as model.Save writes it.
            var saved = parsed.GetValue(weights) is { } given && !isOnnx ? ModelWeights.InfoOf(ModelWeights.Existing("--weights", given)) : new();
            if (file is null && !isOnnx && (parsed.GetValue(model) ?? saved.Name) is null) throw new UsageException("--weights: say with --model which network they are of.");
            if (file is not null && parsed.GetValue(model) is { } other && other != trained!.Model.Name) throw new UsageException($"--model {other}: '{file}' is of the model '{trained.Model.Name}'.");

            var foreign = imported.Of(parsed, parsed.GetValue(weights), isOnnx);
            var dump = Outputs.Check(terminal, "--dump-logits", parsed.GetValue(logits), [file, .. others, parsed.GetValue(weights)]);
            var report = mistakes.Of(terminal, parsed, [file, .. others, parsed.GetValue(weights)]);

            // What the training was measured on, where it said so, is what its checkpoint is measured on.
            var run = file is null ? null : TrainSettings.Read(Path.GetDirectoryName(Path.GetFullPath(file))!);
            var where = Options.Open(parsed.GetValue(device)!, parsed.GetValue(threads), parsed.GetValue(precision));
            var onnx = isOnnx ? OnnxClassifier.Load(terminal, ModelWeights.Existing("--weights", parsed.GetValue(weights)!), parsed.GetValue(size), where) : null;
            saved = onnx?.Info ?? saved;
            var images = FindSet(terminal, parsed.GetValue(dataset) ?? trained?.Dataset ?? "cifar10", labels.Into(parsed, new() { Data = parsed.GetValue(data), Size = parsed.GetValue(size), Resize = parsed.GetValue(resize) }), run, trained, onnx, parsed.GetValue(anyClasses));
            var validation = parsed.GetValue(valSplit) ?? run?.ValSplit ?? 0;
            var set = WithTrainedClasses(Images(images, parsed.GetValue(split), validation), file ?? parsed.GetValue(weights), trained?.ClassNames ?? saved.ClassNames, parsed.GetValue(anyClasses));
            if (validation > 0 && (parsed.GetValue(split) ?? "val") == "val" && trained?.Images is { } count && trained.Dataset == set.Name && images.Train.Count - validation != count)
                terminal.WriteLine($"warning: the training had {count:N0} images, and {images.Source} without those held out has {images.Train.Count - validation:N0}: the ones held out now may be some that were trained on. Say with --val-split how many there were, or measure on others.");
            var normalization = Normalize(set, Given(parsed.GetValue(mean)), Given(parsed.GetValue(std)), trained?.Normalization ?? onnx?.Normalization ?? (saved.Mean.Count == set.Channels ? new([.. saved.Mean], [.. saved.Std]) : null));
            if (onnx is not null && (set.Channels != onnx.Channels || (onnx.Size is { } side && (set.Height != side || set.Width != side))))
                throw new UsageException($"'{parsed.GetValue(weights)}' takes images of {(onnx.Size is { } s ? $"{s} x {s}" : "any size")} with {onnx.Channels} channels; those of {set.Name} are {set.Height} x {set.Width} with {set.Channels}.");
            var network = distance is not null ? Remember(images.Split(validation).Train, normalization, parsed.GetValue(neighbors) ?? 1, distance.Value)
                : file is not null ? Ensembles.Load(file, others, one => FromCheckpoint(one, Checkpoint.ReadInfo(one), set, where))
                : onnx is not null ? onnx.Layer
                : FromWeights(ModelWeights.Existing("--weights", parsed.GetValue(weights)!), parsed.GetValue(model) ?? saved.Name!, Options.ParseShortcut(parsed.GetValue(shortcut) ?? saved.Options.GetValueOrDefault("shortcut")), foreign, set, where);
            network = parsed.GetValue(views) switch { "mirror" => TestTimeAugmentation.Mirror(network), "shifts" => TestTimeAugmentation.MirrorAndShift(network), _ => network };
            return Run(terminal, network, set, normalization, dump, onnx?.Batch ?? parsed.GetValue(batch) ?? 256, report, parsed.GetValue(json));
        });
        return command;
    }

    /// <summary>The data set; of a folder, its images are read as those of the training were.</summary>
    internal static DatasetSplits FindSet(Terminal terminal, string name, TrainSettings said, TrainSettings? run, CheckpointInfo? trained, OnnxClassifier? onnx, bool anyClasses)
    {
        if (name != ImageFolder.Name) return Folders.Find(terminal, name, said.Or(new() { Data = run?.Data }));

        // The labels of the training are those of its own folder.
        if (said.Data is null) said = said.Or(new() { Labels = run?.Labels, LabelColumns = run?.LabelColumns });
        var settings = said.Or(new() { Data = run?.Data, Resize = run?.Resize, SkipCorrupt = run?.SkipCorrupt, Cache = run?.Cache, Size = trained?.Model.Input[0] ?? onnx?.Size, Channels = trained?.Model.Input[2] ?? onnx?.Channels });

        // In the folder's own order, which decides what is held out.
        return Folders.Find(terminal, name, settings, trained is { ClassNames.Count: > 0 } && !anyClasses ? [.. trained.ClassNames.Order(StringComparer.Ordinal)] : null, trained?.Normalization);
    }

    static int Run(Terminal terminal, Layer model, ImageDataset set, Normalization normalization, string? logitsFile, int batch, MistakeReport? report, bool json)
    {
        var options = new EvaluationOptions { BatchSize = batch, Normalization = normalization, Mistakes = report is null ? 0 : MistakeReport.Most };
        Evaluation? result = null;
        if (logitsFile is null) Evaluate(null);
        else AtomicFile.Write(logitsFile, Evaluate);

        var evaluation = result!;
        WriteConfusion(terminal, evaluation.Confusion, set.ClassNames);
        terminal.WriteLine();
        var top5 = set.Classes > 5 ? $", among the first five {Terminal.Percent(evaluation.Top5Accuracy)}" : "";
        terminal.WriteLine($"accuracy {Terminal.Percent(evaluation.Accuracy)}{top5}, loss {evaluation.Loss:F4} on {evaluation.Count:N0} images of {set.Name} ({evaluation.ImagesPerSecond:N0} images/s)");
        if (logitsFile is not null) terminal.WriteLine($"logits [{evaluation.Count}, {set.Classes}]: {logitsFile}");
        var wrong = evaluation.Count - evaluation.Confusion.Hits;
        var misclassified = report?.Write($"{set.Name}: {evaluation.Count:N0} images", evaluation.Count, wrong, [.. evaluation.Mistakes.Select(mistake => Wrong(set, mistake))]);
        if (json)
        {
            terminal.WriteJson(new()
            {
                ["dataset"] = set.Name,
                ["images"] = evaluation.Count,
                ["accuracy"] = Terminal.Number(evaluation.Accuracy),
                ["top5_accuracy"] = Terminal.Number(evaluation.Top5Accuracy),
                ["loss"] = Terminal.Number(evaluation.Loss),
                ["seconds"] = Terminal.Number(evaluation.Seconds, 3),
                ["images_per_second"] = Terminal.Number(evaluation.ImagesPerSecond, 1),
                ["logits"] = logitsFile,
                ["confusion"] = set.Classes > MostListed ? null : new JsonArray([.. Enumerable.Range(0, set.Classes).Select(actual => new JsonArray([.. Enumerable.Range(0, set.Classes).Select(predicted => (JsonNode)evaluation.Confusion[actual, predicted])]))]),
                ["recall"] = Each(evaluation.Confusion.Recall),
                ["precision"] = Each(evaluation.Confusion.Precision),
                ["misclassified"] = misclassified,
            });
        }

        return CommandLine.Done;

        void Evaluate(Stream? logits)
        {
            result = Trainer.Evaluate(model, set, options with { Logits = logits });
            if (double.IsNaN(result.Loss)) throw ModelWeights.NotANumber(model, $"for images of {set.Name}");
        }

        JsonArray? Each(Func<int, double> share) => set.Classes > MostListed ? null : new([.. Enumerable.Range(0, set.Classes).Select(c => Terminal.Number(share(c)))]);
    }

    static WrongImage Wrong(ImageDataset set, Mistake mistake) => new(
        set.FileOf(mistake.Index) ?? $"{mistake.Index}",
        set.ClassNames[mistake.Label],
        set.ClassNames[mistake.Predicted],
        mistake.Probability,
        () => new(set.Pixels(mistake.Index).ToArray(), set.Height, set.Width, set.Channels));

    /// <summary>Rows are what an image is, columns what it was taken for; beyond 20 classes only each class's recall and precision are shown, beyond <see cref="MostListed"/> nothing.</summary>
    static void WriteConfusion(Terminal terminal, ConfusionMatrix confusion, IReadOnlyList<string> names)
    {
        if (confusion.Classes > MostListed) return;
        var classes = Enumerable.Range(0, confusion.Classes).ToList();
        var shown = classes.Count <= 20 ? classes : [];
        terminal.WriteTable(
            ["is \\ taken for", .. shown.Select(c => $">{Short(names[c])}"), ">recall", ">precision"],
            classes.Select(actual => (IReadOnlyList<string>)[names[actual], .. shown.Select(predicted => $"{confusion[actual, predicted]}"), Terminal.Percent(confusion.Recall(actual), 1), Terminal.Percent(confusion.Precision(actual), 1)]));

        static string Short(string name) => name.Length <= 6 ? name : name[..6];
    }

    internal static ImageDataset Images(DatasetSplits data, string? split, int validation)
    {
        if (split == "test" || (split is null && data.Train.Count == 0)) validation = 0;
        if (validation > 0 && validation >= data.Train.Count) throw new UsageException($"--val-split {validation:N0}: {data.Name} has {data.Train.Count:N0} training images.");
        switch (split ?? (validation > 0 || (data.Validation is not null && data.Test is null) ? "val" : "test"))
        {
            case "train" when data.Train.Count == 0:
                throw new UsageException($"--split train: {data.Source} has no training images of {data.Name}; use --split test.");
            case "train":
                return data.Split(validation).Train;
            case "val" when validation == 0 && data.Validation is { } given:
                return given;
            case "val" when validation == 0:
                throw new UsageException("--split val: say with --val-split N how many training images, the last ones, are held out.");
            case "val":
                return data.Split(validation).Validation;
            default:
                return data.Test ?? throw new UsageException($"--split test: {data.Source} has no test images of {data.Name}; use --split val --val-split N, or --split train.");
        }
    }

    /// <summary>The set with the labels that its classes had in the training; a label means nothing but by the name behind it.</summary>
    internal static ImageDataset WithTrainedClasses(ImageDataset set, string? file, IReadOnlyList<string> trained, bool anyClasses)
    {
        if (trained.Count == 0 || anyClasses || ClassNames.Difference(trained, set.ClassNames) is not { } difference) return set;
        if (ClassNames.AreReordered(trained, set.ClassNames)) return set.WithClasses(trained);
        throw new UsageException($"the classes of {set.Name} are not those that '{file}' was trained on: {difference}. To compare labels by their numbers all the same: --any-classes.");
    }

    static Normalization Normalize(ImageDataset set, float[]? mean, float[]? std, Normalization? trained)
    {
        var usual = trained ?? set.Normalization;
        if (mean is null && std is null) return usual;
        if (mean is not null && mean.Length != set.Channels) throw new UsageException($"--mean: {mean.Length} numbers, the images of {set.Name} have {set.Channels} channels.");
        if (std is not null && std.Length != set.Channels) throw new UsageException($"--std: {std.Length} numbers, the images of {set.Name} have {set.Channels} channels.");
        return new(mean ?? usual.Mean.ToArray(), std ?? usual.Std.ToArray());
    }

    /// <summary>An option of several values that is not given has none.</summary>
    static float[]? Given(float[]? values) => values is { Length: > 0 } ? values : null;

    static NearestNeighbors Remember(ImageDataset train, Normalization normalization, int neighbors, Distance distance)
    {
        if (neighbors > train.Count) throw new UsageException($"--neighbors {neighbors:N0}: {train.Name} has {train.Count:N0} training images.");
        var image = train.Height * train.Width * train.Channels;
        var values = new float[checked(train.Count * image)];
        for (var i = 0; i < train.Count; i++)
        {
            var pixels = train.Pixels(i);
            for (var p = 0; p < image; p++) values[(i * image) + p] = ((pixels[p] / 255f) - normalization.Mean[p % train.Channels]) / normalization.Std[p % train.Channels];
        }

        using var images = Tensor.From(values, new(train.Count, train.Height, train.Width, train.Channels), Device.Cpu);
        return new(images, Tensor.From(train.Labels, new(train.Count), Device.Cpu), train.Classes, neighbors, distance);
    }

    internal static Layer FromCheckpoint(string file, CheckpointInfo info, ImageDataset set, Device device)
    {
        TrainedModel.RequireClassifier(file, info.Task);
        if (info.Model.Classes != set.Classes || !info.Model.Input.SequenceEqual([set.Height, set.Width, set.Channels]))
            throw new UsageException($"'{file}' was trained on images [{string.Join(", ", info.Model.Input)}] of {info.Model.Classes} classes; {set.Name} has [{set.Height}, {set.Width}, {set.Channels}] of {set.Classes}.");
        return TrainedModel.Load(file, info, device);
    }

    static Layer FromWeights(string path, string name, Shortcut shortcut, WeightsOptions foreign, ImageDataset set, Device device)
    {
        var model = Build(name, shortcut, set, device);
        ModelWeights.Load(path, model, foreign with { ModelName = $"{name} with shortcut {shortcut.ToString().ToLowerInvariant()}", Input = new(set.Height, set.Width, set.Channels) });
        return model;
    }

    static Layer Build(string name, Shortcut shortcut, ImageDataset set, Device device)
        => Zoo.Build(name, new() { Input = new(set.Height, set.Width, set.Channels), Classes = set.Classes, Shortcut = shortcut, Device = device });
}
