using System.CommandLine;
using System.Text.Json.Nodes;
using CnnSharp.Data;
using CnnSharp.Formats;

namespace CnnSharp.Cli.Commands;

/// <summary><c>images</c>: a data set as a folder of PNG class folders, and CIFAR-10's binary files out of one.</summary>
internal static class ImagesCommand
{
    const int BatchCount = 10_000;

    const string NamesFile = "batches.meta.txt";

    public static Command Create(Terminal terminal) => new("images", "Turns data sets into folders of images, and back.") { Aliases = { "pictures" }, Subcommands = { CreateExport(terminal), CreatePack(terminal) } };

    static Command CreateExport(Terminal terminal)
    {
        var dataset = Options.Choice("--dataset", "data set", "the images (default cifar10)", DataSets.Names);
        var data = Options.Data();
        var output = new Option<string>("--out") { Description = "the folder to write: train/CLASS/NUMBER.png, and test/ where there are test images", HelpName = "DIR", Required = true };
        var json = Options.Json();
        var command = new Command("export", "Writes a data set as PNG files in class folders.") { dataset, data, output, json };
        command.SetAction(parsed =>
        {
            var set = DataSets.Find(parsed.GetValue(dataset) ?? "cifar10", parsed.GetValue(data));
            var folder = parsed.GetValue(output)!;
            Outputs.CheckFolder("--out", folder);
            CheckNames(set.Train.ClassNames);
            if (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any()) throw new UsageException($"--out: '{folder}' is not empty.");
            Export(set.Train, Path.Combine(folder, "train"));
            if (set.Test is { } test) Export(test, Path.Combine(folder, "test"));
            return Report(terminal, folder, set.Train.Count + (set.Test?.Count ?? 0), parsed.GetValue(json));
        });
        return command;
    }

    static Command CreatePack(Terminal terminal)
    {
        var data = new Option<string>("--data") { Description = "the folder, as 'images export' writes it", HelpName = "DIR", Required = true };
        var output = new Option<string>("--out") { Description = "where data_batch_1.bin to data_batch_5.bin, test_batch.bin and batches.meta.txt go", HelpName = "DIR", Required = true };
        var json = Options.Json();
        var command = new Command("pack", "Makes CIFAR-10's binary files out of PNG files in class folders.") { data, output, json };
        command.SetAction(parsed =>
        {
            var (folder, target) = (parsed.GetValue(data)!, parsed.GetValue(output)!);
            var train = Path.Combine(folder, "train");
            var names = Names(Directory.Exists(train) ? train : throw new UsageException($"--data: '{folder}' has no folder 'train'."));
            Outputs.CheckFolder("--out", target);
            var test = Path.Combine(folder, "test");
            var batches = List(train, names, batches: 5).Select((batch, i) => (File: $"data_batch_{i + 1}.bin", Images: batch)).ToList();
            if (Directory.Exists(test)) batches.Add(("test_batch.bin", List(test, names, batches: 1).Single()));
            if (batches.Select(batch => batch.File).Append(NamesFile).FirstOrDefault(file => File.Exists(Path.Combine(target, file))) is { } there) throw new UsageException($"--out: '{target}' holds {there} already; expected a folder without one.");
            foreach (var (file, batch) in batches) Pack(Path.Combine(target, file), batch);
            AtomicFile.WriteText(Path.Combine(target, NamesFile), string.Concat(names.Select(name => $"{name}\n")));
            var count = batches.Sum(batch => batch.Images.Count);
            return Report(terminal, target, count, parsed.GetValue(json));
        });
        return command;
    }

    /// <summary>An image is named by its place in the set, so that the set can be put together again in order.</summary>
    static void Export(ImageDataset set, string folder)
    {
        var folders = set.ClassNames.Select(name => Directory.CreateDirectory(Path.Combine(folder, FolderOf(name))).FullName).ToArray();
        Parallel.For(0, set.Count, i => ImageFile.WritePng(Path.Combine(folders[set.Labels[i]], $"{i:D5}.png"), new(set.Pixels(i).ToArray(), set.Height, set.Width, set.Channels)));
    }

    /// <summary>The image files of each batch, all found before any is written.</summary>
    static IEnumerable<IReadOnlyList<(string File, int Label)>> List(string folder, IReadOnlyList<string> names, int batches)
    {
        var files = names.SelectMany((name, label) => ImageFolder.Files(Path.Combine(folder, name)).Select(file => (File: file, Label: label))).OrderBy(f => Path.GetFileName(f.File), StringComparer.Ordinal).ToArray();
        if (files.Length != batches * BatchCount) throw new UsageException($"'{folder}' has {files.Length:N0} images; CIFAR-10's files hold {batches * BatchCount:N0}.");
        return files.Chunk(BatchCount);
    }

    static void Pack(string path, IReadOnlyList<(string File, int Label)> images) => AtomicFile.Write(path, stream =>
    {
        foreach (var (file, label) in images) Cifar10.Write(stream, ImageFile.Read(file).Flatten(3), label, file);
    });

    /// <summary>Each class becomes a folder of its own, inside the one that is written.</summary>
    static void CheckNames(IReadOnlyList<string> names)
    {
        var seen = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var name in names)
        {
            if (FolderOf(name) is "" or "." or "..") throw new UsageException($"the class '{name}' cannot be the name of a folder.");
            if (!seen.TryAdd(FolderOf(name), name)) throw new UsageException($"the classes '{seen[FolderOf(name)]}' and '{name}' would be one folder.");
        }
    }

    /// <summary>A class such as 'T-shirt/top' must not become two folders.</summary>
    static string FolderOf(string name) => name.Replace('/', '-').Replace('\\', '-');

    /// <summary>The ten classes, in CIFAR-10's own order if they are its own.</summary>
    static IReadOnlyList<string> Names(string folder)
    {
        var names = Directory.GetDirectories(folder).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal).ToArray();
        if (names.Length != Cifar10.ClassNames.Count) throw new UsageException($"'{folder}' has {names.Length} class folders; CIFAR-10's files hold {Cifar10.ClassNames.Count}.");
        return names.ToHashSet().SetEquals(Cifar10.ClassNames) ? Cifar10.ClassNames : names;
    }

    static int Report(Terminal terminal, string folder, int count, bool json)
    {
        terminal.WriteLine($"{count:N0} images: {folder}");
        if (json) terminal.WriteJson(new JsonObject { ["images"] = count, ["folder"] = folder });
        return CommandLine.Done;
    }
}
