using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using CnnSharp.Cli.Report;
using CnnSharp.Training;

namespace CnnSharp.Cli.Commands;

/// <summary><c>runs</c>: the trainings in a folder, beside each other.</summary>
internal static class RunsCommand
{
    /// <summary>Settings that differ stand in the table itself up to so many; <c>--settings</c> shows all.</summary>
    const int MostColumns = 5;

    const string DefaultFolder = "runs";

    static readonly string[] Orders = ["name", "best", "loss", "seconds", "images_per_second", "started"];

    public static Command Create(Terminal terminal)
    {
        var folders = new Argument<string[]>("FOLDERS") { Description = $"folders of trainings, and folders in which they are; default {DefaultFolder}", Arity = ArgumentArity.ZeroOrMore };
        var sort = Options.Choice("--sort", "order", "what stands first (default name)", Orders);
        var settings = new Option<bool>("--settings") { Description = "show every setting in which they differ, a row each" };
        var json = Options.Json();
        var command = new Command("runs", "Lists trainings with their figures and the settings in which they differ.") { folders, sort, settings, json };
        command.SetAction(parsed =>
        {
            var runs = Find(parsed.GetValue(folders) is { Length: > 0 } named ? named : [DefaultFolder]);
            runs = Sorted(runs, parsed.GetValue(sort) ?? "name");
            List<RunSetting> differing = [.. RunSettings.Of([.. runs.Select(run => run.Run)]).Where(setting => setting.Differs)];
            WriteRuns(terminal, runs, parsed.GetValue(settings) ? [] : differing);
            if (parsed.GetValue(settings)) WriteSettings(terminal, runs, differing);
            if (parsed.GetValue(json)) terminal.WriteJson(new() { ["runs"] = new JsonArray([.. runs.Select((run, i) => Result(run, [.. differing.Select(setting => (setting.Name, setting.Values[i]))]))]) });
            return CommandLine.Done;
        });
        return command;
    }

    /// <summary>The trainings in some folders, each once.</summary>
    /// <exception cref="UsageException">There is none.</exception>
    public static List<RunFigures> Find(IReadOnlyList<string> folders)
    {
        var runs = new List<RunRecord>();
        foreach (var folder in folders)
        {
            var found = RunRecord.Find(folder);
            if (found.Count == 0) throw new UsageException(Directory.Exists(folder) ? $"'{folder}' holds no training, and no folder of one; 'cnnsharp train' writes them to {DefaultFolder}/DATASET-MODEL/NUMBER, or to --out." : $"there is no folder '{folder}'. 'cnnsharp train' writes trainings to {DefaultFolder}/DATASET-MODEL/NUMBER, or to --out.");
            runs.AddRange(found);
        }

        return [.. runs.DistinctBy(run => Path.GetFullPath(run.Folder)).Select(run => new RunFigures(run))];
    }

    static List<RunFigures> Sorted(List<RunFigures> runs, string order) => order switch
    {
        // Accuracies before losses, the best first; a training without one last.
        "best" => [.. runs.OrderBy(run => run.Monitor, StringComparer.Ordinal).ThenBy(run => run.Best is not { } best ? double.PositiveInfinity : run.Monitor.EndsWith("loss", StringComparison.Ordinal) || run.Monitor.EndsWith("error", StringComparison.Ordinal) ? best : -best)],
        "loss" => [.. runs.OrderBy(run => run.Loss ?? double.PositiveInfinity)],
        "seconds" => [.. runs.OrderBy(run => run.Seconds)],
        "images_per_second" => [.. runs.OrderByDescending(run => run.ImagesPerSecond ?? 0)],
        "started" => [.. runs.OrderBy(run => Started(run) ?? DateTime.MinValue)],
        _ => runs,
    };

    static DateTime? Started(RunFigures run) => run.Run.Starts is [var first, ..] ? first.Started : null;

    static void WriteRuns(Terminal terminal, List<RunFigures> runs, List<RunSetting> differing)
    {
        // What has a column of its own, or says where and not how.
        var shown = differing.Where(setting => setting.Name is not ("model" or "dataset" or "data" or "epochs")).ToList();
        var columns = shown.Count <= MostColumns ? shown : [];
        terminal.WriteTable(
            ["run", "model", "dataset", ">epochs", "state", "measured by", ">best", ">last", ">loss", ">time", ">images/s", .. columns.Select(setting => setting.Name)],
            runs.Select((run, i) => (IReadOnlyList<string>)
            [
                run.Name,
                run.Run.Info?.Model.Name ?? "?",
                run.Run.Info?.Dataset ?? "?",
                $"{run.Run.Epochs.Count}{(run.Epochs is { } all ? $"/{all}" : "")}",
                run.State,
                run.MonitorFigure.Replace('_', ' '),
                run.Show(run.Best),
                run.Show(run.Last),
                run.Loss is { } loss ? $"{loss:F4}" : "",
                Time(run.Seconds),
                run.ImagesPerSecond is { } speed ? $"{speed:N0}" : "",
                .. columns.Select(setting => setting.Values[i]),
            ]));
        if (columns.Count < shown.Count) terminal.WriteLine($"they differ in {shown.Count} settings ({string.Join(", ", shown.Select(setting => setting.Name))}); --settings shows them");
    }

    static void WriteSettings(Terminal terminal, List<RunFigures> runs, List<RunSetting> differing)
    {
        terminal.WriteLine();
        if (differing.Count == 0) terminal.WriteLine(runs.Count == 1 ? "one training alone differs in nothing" : "they differ in no setting");
        else terminal.WriteTable(["setting", .. runs.Select(run => run.Name)], differing.Select(setting => (IReadOnlyList<string>)[setting.Name, .. setting.Values]));
    }

    /// <summary>Seconds for people: <c>8.3 s</c>, <c>12 min</c>, <c>3.1 h</c>.</summary>
    public static string Time(double seconds) => seconds < 100 ? $"{seconds:F1} s" : seconds < 6000 ? $"{seconds / 60:F0} min" : $"{seconds / 3600:F1} h";

    static JsonObject Result(RunFigures run, IReadOnlyList<(string Name, string Value)> differing) => new()
    {
        ["folder"] = run.Run.Folder,
        ["model"] = run.Run.Info?.Model.Name,
        ["dataset"] = run.Run.Info?.Dataset,
        ["state"] = run.State,
        ["epochs"] = run.Run.Epochs.Count,
        ["epochs_asked"] = run.Epochs,
        ["monitor"] = run.MonitorFigure,
        ["best"] = run.Best is { } best ? Terminal.Number(best) : null,
        ["last"] = run.Last is { } last ? Terminal.Number(last) : null,
        ["loss"] = run.Loss is { } loss ? Terminal.Number(loss) : null,
        ["seconds"] = Terminal.Number(run.Seconds, 3),
        ["images_per_second"] = run.ImagesPerSecond is { } speed ? Terminal.Number(speed, 1) : null,
        ["peak_memory_mib"] = run.PeakMemory is { } memory ? Terminal.Number(memory, 1) : null,
        ["started"] = Started(run)?.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
        ["checkpoint"] = run.Run.Checkpoint,
        ["settings"] = new JsonObject([.. differing.Select(setting => KeyValuePair.Create(setting.Name, (JsonNode?)setting.Value))]),
    };
}
