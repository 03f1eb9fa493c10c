using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using CnnSharp.Cli.Train;
using CnnSharp.Data;
using CnnSharp.Formats;
using CnnSharp.Layers;
using CnnSharp.Models;
using CnnSharp.Training;

namespace CnnSharp.Cli.Commands;

/// <summary><c>predict</c>: what a network takes images for.</summary>
internal static class PredictCommand
{
    public static Command Create(Terminal terminal)
    {
        var images = new Argument<string[]>("IMAGES") { Description = "image files, and folders of them", Arity = ArgumentArity.OneOrMore };
        var checkpoint = Options.Text("--checkpoint", "FILE", "what 'train' wrote, or model.Save; what the latter does not say of itself is asked for");
        var model = Options.Model("the checkpoint's");
        var shortcut = Options.Shortcut();
        var weights = Options.Text("--weights", "FILE", "weights for --model, or a whole network as .onnx: see 'eval'");
        var imported = new ImportedWeights();
        var mistakes = new MistakeReport.Asked();
        var classes = Options.Text("--classes", "FILE", "names of the classes, one a line, in the order of their labels; default the checkpoint's, else numbers");
        var size = Options.Size("the checkpoint's or the model's own");
        var resize = Options.Resize();
        var channels = Options.Whole("--channels", "of the images that the network takes, 3 for color or 1 for gray, where its file does not say", minimum: 1, maximum: 3);
        var mean = Options.Reals("--mean", "subtracted from pixels between 0 and 1, one number a channel; default the checkpoint's, else 0");
        var std = Options.Reals("--std", "what they are then divided by; default the checkpoint's, else 1");
        var top = Options.Whole("--top", "how many classes are named an image; default 5", minimum: 1, maximum: 1000);
        var batch = Options.Batch("64");
        var device = Options.Device();
        var threads = Options.Threads();
        var json = Options.Json();
        var command = new Command("predict", "Says what a trained network takes images for.") { images, checkpoint, model, shortcut, weights, classes, size, resize, channels, mean, std, top, batch, device, threads, json };
        imported.AddTo(command);
        mistakes.AddTo(command);
        command.SetAction(parsed =>
        {
            var files = Files(terminal, parsed.GetValue(images)!);
            var where = Options.Open(parsed.GetValue(device)!, parsed.GetValue(threads));
            var names = parsed.GetValue(classes) is { } list ? File.ReadAllLines(ModelWeights.Existing("--classes", list)).Select(line => line.Trim()).Where(line => line.Length > 0).ToArray() : null;
            var (file, foreign, name, asked) = (parsed.GetValue(checkpoint), parsed.GetValue(weights), parsed.GetValue(model), parsed.GetValue(size));
            if ((file is null) == (foreign is null)) throw new UsageException("expected either --checkpoint FILE, or --model NAME with --weights FILE, or --weights FILE.onnx.");
            var options = imported.Of(parsed, foreign, ModelWeights.HoldNetwork(foreign, name));
            var report = mistakes.Of(terminal, parsed, [.. files, file, foreign]);
            var source = ModelWeights.Existing(file is null ? "--weights" : "--checkpoint", file ?? foreign!);
            var network = file is not null && Checkpoint.IsCheckpoint(file) ? FromCheckpoint(file, asked, names, where)
                : FromWeights(terminal, source, name, parsed.GetValue(shortcut), asked, parsed.GetValue(channels), names, options, where);
            var normalization = Normalize(network.Normalization, parsed.GetValue(mean), parsed.GetValue(std));
            var reading = Folders.OptionsOf(terminal, new() { Size = network.Size, Resize = parsed.GetValue(resize) ?? network.Resize, Channels = normalization.Channels });
            return Run(terminal, network with { Normalization = normalization }, files, reading, parsed.GetValue(top) ?? 5, network.Batch ?? parsed.GetValue(batch) ?? 64, report, parsed.GetValue(json));
        });
        return command;
    }

    /// <summary>Images that cannot be read are named, the others go on; the exit code says that there were some.</summary>
    static int Run(Terminal terminal, Network network, List<string> files, ImageFolderOptions reading, int top, int batch, MistakeReport? report, bool json)
    {
        var known = report is null ? null : new KnownClasses(network.Names);
        var clock = Stopwatch.StartNew();
        var results = new JsonArray();
        var failed = 0;
        network.Layer.Eval();
        foreach (var chunk in files.Chunk(batch))
        {
            var (read, errors) = Read(chunk, reading);
            var answers = read.Count == 0 ? [] : Answers(network, [.. read.Select(r => r.DecodedImage)], reading);
            var next = 0;
            foreach (var file in chunk)
            {
                if (errors.TryGetValue(file, out var error))
                {
                    failed++;
                    terminal.WriteError(error);
                    results.Add((JsonNode)new JsonObject { ["file"] = file, ["error"] = error });
                    continue;
                }

                var ranked = Top(answers[next++], top);
                known?.Add(file, network.NameOf(ranked[0].Label), ranked[0].Probability, () => ImageFolder.ReadImage(file, reading));
                if (!json) terminal.WriteLine($"{file}: {string.Join(", ", ranked.Select(r => $"{network.NameOf(r.Label)} {Terminal.Percent(r.Probability, 1)}"))}");
                results.Add((JsonNode)new JsonObject
                {
                    ["file"] = file,
                    ["top"] = new JsonArray([.. ranked.Select(r => new JsonObject { ["class"] = network.NameOf(r.Label), ["label"] = r.Label, ["probability"] = Terminal.Number(r.Probability) })]),
                });
            }
        }

        var seconds = clock.Elapsed.TotalSeconds;
        var misclassified = known is null ? null : report!.Write($"{known.Count:N0} images", known.Count, known.Wrong, known.Mistakes());
        if (json)
        {
            terminal.WriteJson(new()
            {
                ["images"] = files.Count - failed,
                ["failed"] = failed,
                ["seconds"] = Terminal.Number(seconds, 3),
                ["images_per_second"] = Terminal.Number((files.Count - failed) / Math.Max(seconds, 1e-9), 1),
                ["predictions"] = results,
                ["misclassified"] = misclassified,
            });
        }

        return failed == 0 ? CommandLine.Done : CommandLine.BadInput;
    }

    static (List<(string File, DecodedImage DecodedImage)> Read, Dictionary<string, string> Errors) Read(string[] files, ImageFolderOptions reading)
    {
        var images = new DecodedImage?[files.Length];
        var errors = new string?[files.Length];
        Parallel.For(0, files.Length, i =>
        {
            try
            {
                images[i] = ImageFolder.ReadImage(files[i], reading);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                errors[i] = e.Message;
            }
        });
        var read = new List<(string, DecodedImage)>();
        var failed = new Dictionary<string, string>();
        for (var i = 0; i < files.Length; i++)
        {
            if (images[i] is { } image) read.Add((files[i], image));
            else failed[files[i]] = errors[i]!;
        }

        return (read, failed);
    }

    /// <summary>The probability of each class, a row an image.</summary>
    static float[][] Answers(Network network, DecodedImage[] images, ImageFolderOptions reading)
    {
        byte[] pixels = [.. images.SelectMany(image => image.Pixels)];
        var set = new ImageDataset("images", pixels, new int[images.Length], reading.Size, reading.Size, reading.Channels, ["?"], network.Normalization);
        var rows = new List<float[]>();
        foreach (var batch in new DataLoader(set, images.Length, network.Device, shuffle: false, resident: false))
        {
            using var scope = Tape.NoGrad();
            var logits = network.Layer.Forward(batch.Images);
            if (logits.Shape.Rank != 2 || logits.Shape[0] != images.Length) throw new UsageException($"the network gives {logits.Shape} for {images.Length} images; a classifier gives one number a class.");
            using var shares = Functional.Softmax(logits);
            if (shares.ToArray().Any(float.IsNaN)) throw ModelWeights.NotANumber(network.Layer, $"for {(images.Length == 1 ? "an image" : $"some of {images.Length} images")}");
            rows.AddRange(shares.ToArray().Chunk(logits.Shape[1]));
        }

        if (network.Names.Count > 0 && network.Names.Count != rows[0].Length) throw new UsageException($"--classes: {network.Names.Count:N0} names; the network has {rows[0].Length:N0} classes.");
        return [.. rows];
    }

    static List<(int Label, float Probability)> Top(float[] row, int count)
        => [.. row.Select((probability, label) => (label, probability)).OrderByDescending(r => r.probability).ThenBy(r => r.label).Take(count)];

    static List<string> Files(Terminal terminal, string[] paths)
    {
        var files = new List<string>();
        foreach (var path in paths)
        {
            if (File.Exists(path)) files.Add(path);
            else if (!Directory.Exists(path)) throw new UsageException($"there is no file or folder '{path}'.");
            else AddFolder(path);
        }

        return [.. files.Distinct()];

        void AddFolder(string path)
        {
            var inside = ImageFolder.Files(path, out var ignored);
            if (inside.Count == 0) throw new UsageException($"the folder '{path}' has no images ({string.Join(", ", ImageFile.Extensions)}){(ignored.Count > 0 ? $"; it has {Folders.Listed(ignored)}" : "")}.");
            if (ignored.Count > 0) terminal.WriteLine($"ignored, as no images: {Folders.Listed(ignored)}");
            files.AddRange(inside);
        }
    }

    static Network FromCheckpoint(string file, int? size, string[]? names, Device device)
    {
        var info = Checkpoint.ReadInfo(file);
        if (info.Model.Input is not [var height, var width, var channels] || height != width || channels is not (1 or 3))
            throw new UsageException($"'{file}' was trained on images [{string.Join(", ", info.Model.Input)}]; square ones of 1 or 3 channels are read.");
        if (size is { } other && other != height) throw new UsageException($"--size {other}: '{file}' was trained on images of {height} x {height}.");
        TrainedModel.RequireClassifier(file, info.Task);
        var model = TrainedModel.Load(file, info, device);
        var resize = info.Dataset == ImageFolder.Name ? TrainSettings.Read(Path.GetDirectoryName(Path.GetFullPath(file))!)?.Resize : null;
        return new(model, device, height, resize, info.Normalization, names ?? info.ClassNames);
    }

    static Network FromWeights(Terminal terminal, string file, string? name, string? shortcut, int? size, int? channels, string[]? names, WeightsOptions options, Device device)
    {
        if (ModelWeights.HoldNetwork(file, name))
        {
            if (name is not null) throw new UsageException("--model: the file says itself which network it is.");
            var onnx = OnnxClassifier.Load(terminal, file, size, device);
            return new(onnx.Layer, device, onnx.Size ?? throw new UsageException($"--size: '{file}' takes images of any size; say to how many rows and columns they are brought."), null, onnx.Normalization ?? Normalization.None(onnx.Channels), names ?? onnx.Info.ClassNames, onnx.Batch);
        }

        // What the file does not say of itself must be said.
        var info = ModelWeights.InfoOf(file);
        var entry = Zoo.Find(name ?? info.Name ?? throw new UsageException($"'{file}' holds weights without the name of their model: say it with --model NAME. What it also may lack: --classes FILE, --mean and --std, --size N, --channels 1. (A model is saved with all of these by model.Save(path, new ModelInfo {{ ... }}).)"));
        if (info.Name is { } saved && saved != entry.Name) throw new UsageException($"--model {entry.Name}: '{file}' is of the model '{saved}'.");
        Shape input = info.Input is [> 0 and var height, > 0 and var width, > 0 and var depth] ? new(height, width, depth) : entry.Input;
        if (channels is not null) input = new(input[0], input[1], channels.Value);
        if (input[0] != input[1] || input[2] is not (1 or 3)) throw new UsageException($"'{file}' is for images {input}; square ones of 1 or 3 channels are read.");
        if (size is not null) input = new(size.Value, size.Value, input[2]);
        var classNames = names ?? info.ClassNames;
        options = options with { ModelName = entry.Name, Input = input };
        var count = classNames.Count > 0 ? classNames.Count : info.Classes ?? StartingWeights.ClassesOf(file, options, entry.Classes, Build) ?? entry.Classes;
        var model = Build(count, device);
        ModelWeights.Load(file, model, options);
        var normalization = info.Mean.Count == input[2] ? new Normalization([.. info.Mean], [.. info.Std]) : Normalization.None(input[2]);
        return new(model, device, input[0], null, normalization, classNames);

        Layer Build(int count, Device where) => Zoo.Build(entry.Name, new() { Input = input, Classes = count, Shortcut = Options.ParseShortcut(shortcut ?? info.Options.GetValueOrDefault("shortcut")), Device = where });
    }

    /// <summary>An option of several values that is not given has none.</summary>
    static Normalization Normalize(Normalization usual, float[]? mean, float[]? std)
    {
        if (mean is { Length: > 0 } && mean.Length != usual.Channels) throw new UsageException($"--mean: {mean.Length} numbers, the images have {usual.Channels} channels.");
        if (std is { Length: > 0 } && std.Length != usual.Channels) throw new UsageException($"--std: {std.Length} numbers, the images have {usual.Channels} channels.");
        return new(mean is { Length: > 0 } ? mean : usual.Mean.ToArray(), std is { Length: > 0 } ? std : usual.Std.ToArray());
    }

    // Batch: how many images it takes at once, where that is fixed.
    sealed record Network(Layer Layer, Device Device, int Size, int? Resize, Normalization Normalization, IReadOnlyList<string> Names, int? Batch = null)
    {
        public string NameOf(int label) => label < Names.Count ? Names[label] : $"{label}";
    }
}
