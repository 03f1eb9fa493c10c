using System.CommandLine;
using System.Text.Json.Nodes;
using CnnSharp.Data;
using CnnSharp.Formats;

namespace CnnSharp.Cli.Commands;

/// <summary><c>pictures</c>: a data set as a folder of PNG class folders, and CIFAR-10's binary files out of one.</summary>
internal static class PicturesCommand
{
    const int BatchCount = 10_000;

    public static Command Create(Terminal terminal) => new("pictures", "Turns data sets into folders of pictures, and back.") { CreateExport(terminal), CreatePack(terminal) };

    static Command CreateExport(Terminal terminal)
    {
        var dataset = Options.Choice("--dataset", "data set", "the pictures (default cifar10)", DataSets.Names);
        var data = Options.Data();
        var output = new Option<string>("--out") { Description = "the folder to write: train/CLASS/NUMBER.png, and test/ where there are test pictures", HelpName = "DIR", Required = true };
        var json = Options.Json();
        var command = new Command("export", "Writes a data set as PNG files in class folders.") { dataset, data, output, json };
        command.SetAction(parsed =>
        {
            var set = DataSets.Find(parsed.GetValue(dataset) ?? "cifar10", parsed.GetValue(data));
            var folder = parsed.GetValue(output)!;
            if (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any()) throw new UsageException($"--out: '{folder}' is not empty.");
            Export(set.Train, Path.Combine(folder, "train"));
            if (set.Test is { } test) Export(test, Path.Combine(folder, "test"));
            return Report(terminal, folder, set.Train.Count + (set.Test?.Count ?? 0), parsed.GetValue(json));
        });
        return command;
    }

    static Command CreatePack(Terminal terminal)
    {
        var data = new Option<string>("--data") { Description = "the folder, as 'pictures export' writes it", HelpName = "DIR", Required = true };
        var output = new Option<string>("--out") { Description = "where data_batch_1.bin to data_batch_5.bin, test_batch.bin and batches.meta.txt go", HelpName = "DIR", Required = true };
        var json = Options.Json();
        var command = new Command("pack", "Makes CIFAR-10's binary files out of PNG files in class folders.") { data, output, json };
        command.SetAction(parsed =>
        {
            var (folder, target) = (parsed.GetValue(data)!, parsed.GetValue(output)!);
            var train = Path.Combine(folder, "train");
            var names = Names(Directory.Exists(train) ? train : throw new UsageException($"--data: '{folder}' has no folder 'train'."));
            var count = Pack(train, names, batches: 5, batch => Path.Combine(target, $"data_batch_{batch + 1}.bin"));
            if (Directory.Exists(Path.Combine(folder, "test"))) count += Pack(Path.Combine(folder, "test"), names, batches: 1, _ => Path.Combine(target, "test_batch.bin"));
            File.WriteAllLines(Path.Combine(target, "batches.meta.txt"), names);
            return Report(terminal, target, count, parsed.GetValue(json));
        });
        return command;
    }

    /// <summary>A picture is named by its place in the set, so that the set can be put together again in order.</summary>
    static void Export(PictureSet set, string folder)
    {
        // A class such as 'T-shirt/top' must not become two folders.
        var folders = set.ClassNames.Select(name => Directory.CreateDirectory(Path.Combine(folder, name.Replace('/', '-').Replace('\\', '-'))).FullName).ToArray();
        Parallel.For(0, set.Count, i => PictureFile.WritePng(Path.Combine(folders[set.Labels[i]], $"{i:D5}.png"), new(set.Pixels(i).ToArray(), set.Height, set.Width, set.Channels)));
    }

    static int Pack(string folder, IReadOnlyList<string> names, int batches, Func<int, string> path)
    {
        var files = names.SelectMany((name, label) => PictureFolder.Files(Path.Combine(folder, name)).Select(file => (File: file, Label: label))).OrderBy(f => Path.GetFileName(f.File), StringComparer.Ordinal).ToArray();
        if (files.Length != batches * BatchCount) throw new UsageException($"'{folder}' has {files.Length:N0} pictures; CIFAR-10's files hold {batches * BatchCount:N0}.");
        for (var batch = 0; batch < batches; batch++)
        {
            var part = files[(batch * BatchCount)..((batch + 1) * BatchCount)];
            AtomicFile.Write(path(batch), stream =>
            {
                foreach (var (file, label) in part) Cifar10.Write(stream, PictureFile.Read(file).Flatten(3), label, file);
            });
        }

        return files.Length;
    }

    /// <summary>The ten classes, in CIFAR-10's own order if they are its own.</summary>
    static IReadOnlyList<string> Names(string folder)
    {
        var names = Directory.GetDirectories(folder).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal).ToArray();
        if (names.Length != Cifar10.ClassNames.Count) throw new UsageException($"'{folder}' has {names.Length} class folders; CIFAR-10's files hold {Cifar10.ClassNames.Count}.");
        return names.ToHashSet().SetEquals(Cifar10.ClassNames) ? Cifar10.ClassNames : names;
    }

    static int Report(Terminal terminal, string folder, int count, bool json)
    {
        terminal.WriteLine($"{count:N0} pictures: {folder}");
        if (json) terminal.WriteJson(new JsonObject { ["pictures"] = count, ["folder"] = folder });
        return CommandLine.Done;
    }
}
